//! The media type of a file, from its first bytes.
//!
//! Text is tried before magic numbers, since a text may begin with any letters. The suffix decides only
//! among kinds of plain text, and never makes something a page that a browser would run.

use std::path::Path;

/// What `infer` calls a type, and what we sign. Types not listed are taken as they are.
const NAMES: [(&str, &str); 15] = [
    ("video/x-matroska", "video/matroska"),
    ("video/x-m4v", "video/mp4"),
    ("video/x-msvideo", "video/vnd.avi"),
    ("audio/x-flac", "audio/flac"),
    ("audio/x-wav", "audio/vnd.wave"),
    ("audio/x-aiff", "audio/aiff"),
    ("audio/m4a", "audio/mp4"),
    ("audio/opus", "audio/ogg"),
    ("audio/amr", "audio/AMR"),
    ("application/font-woff", "font/woff"),
    ("application/font-sfnt", "font/sfnt"),
    ("application/x-rar-compressed", "application/vnd.rar"),
    (
        "application/x-google-chrome-extension",
        "application/octet-stream",
    ),
    ("application/x-ole-storage", "application/octet-stream"),
    ("text/x-shellscript", "text/plain"),
];

/// Binary formats whose files may be plain ASCII for a long way.
const ASCII_FORMATS: [&str; 3] = [
    "application/pdf",
    "application/rtf",
    "application/postscript",
];

/// Formats that `infer` recognises by two bytes or fewer, or by a pattern that random bytes often have.
const WEAK: [&str; 8] = [
    "application/x-executable",
    "application/x-compress",
    "application/x-x509-ca-cert",
    "application/java",
    "application/x-llvm",
    "application/x-mach-binary",
    "application/octet-stream",
    "application/x-unix-archive",
];

/// Kinds of plain text, by suffix.
const TEXTS: [(&str, &str); 12] = [
    ("md", "text/markdown"),
    ("markdown", "text/markdown"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("vtt", "text/vtt"),
    ("srt", "application/x-subrip"),
    ("json", "application/json"),
    ("geojson", "application/geo+json"),
    ("ics", "text/calendar"),
    ("vcf", "text/vcard"),
    ("css", "text/css"),
    ("tex", "text/x-tex"),
];

pub(super) fn media_type(head: &[u8], path: &Path) -> String {
    let guess = infer::get(head).map(|kind| kind.mime_type());
    let name = match (clean_text(head), guess) {
        (Some(_), Some(guess)) if ASCII_FORMATS.contains(&guess) => guess,
        (Some(text), _) => text_type(text, path),
        (None, guess) => ours(
            isobmff(head)
                .or(guess)
                .filter(|guess| !WEAK.contains(guess)),
        ),
    };
    name.to_owned()
}

fn ours(guess: Option<&'static str>) -> &'static str {
    let guess = guess.unwrap_or("application/octet-stream");
    NAMES
        .iter()
        .find(|(theirs, _)| *theirs == guess)
        .map_or(guess, |(_, ours)| ours)
}

/// The brand of an MP4-like file; `infer` knows only some of them.
fn isobmff(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    Some(match head.get(8..12)? {
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " | b"M4P " => "audio/mp4",
        b"avif" | b"avis" => "image/avif",
        b"mif1" if has_brand(head, b"avif") => "image/avif",
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
            "image/heif"
        }
        b"crx " => "image/x-canon-cr3",
        [b'3', b'g', ..] => "video/3gpp",
        _ => "video/mp4",
    })
}

fn has_brand(head: &[u8], brand: &[u8; 4]) -> bool {
    let brands = head.get(16..64.min(head.len())).unwrap_or_default();
    brands.chunks_exact(4).any(|chunk| chunk == brand)
}

/// The text, if the bytes are UTF-8 without control characters; a letter may be cut at the end.
fn clean_text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && head.len() == super::HEAD_BYTES_MAX => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let is_clean =
        |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r' | '\x0c');
    text.chars().all(is_clean).then_some(text)
}

fn text_type(text: &str, path: &Path) -> &'static str {
    let suffix = path
        .extension()
        .and_then(|suffix| suffix.to_str())
        .unwrap_or_default();
    let suffix = suffix.to_ascii_lowercase();
    let by_suffix = TEXTS
        .iter()
        .find(|(known, _)| *known == suffix)
        .map(|(_, kind)| *kind);
    let start = text.trim_start_matches('\u{FEFF}').trim_start();
    if !start.starts_with('<') {
        return if start.starts_with("WEBVTT") {
            "text/vtt"
        } else {
            by_suffix.unwrap_or("text/plain")
        };
    }
    let lower = start.to_ascii_lowercase();
    let is_page = [
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<script",
        "<iframe",
    ];
    if is_page.iter().any(|tag| lower.contains(tag)) {
        "text/html"
    } else if lower.contains("<svg") {
        "image/svg+xml"
    } else if lower.starts_with("<?xml") {
        "application/xml"
    } else if let Some(kind) = by_suffix {
        kind
    } else if infer::get(start.as_bytes()).is_some_and(|kind| kind.mime_type() == "text/html") {
        "text/html"
    } else {
        "text/plain"
    }
}
