//! Text from others, made safe for a terminal.
//!
//! Titles, names, paths and reasons come out of records that anybody may have signed. Printed as they are, they could
//! move the cursor, fake a line of ours, turn the direction of writing, or hide characters. Everything that is printed
//! for people and was not written in this crate goes through `plain` or `lines`; `--json` has the text as it was signed, escaped by `json`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use unicode_width::UnicodeWidthChar as _;

/// LIMIT: 8 characters without width in a row. More only paints over neighbouring lines.
const MARKS_MAX: usize = 8;

/// One line of text: what a terminal would obey or not show is written as `\u{202e}`.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let mut before = None;
    let mut marks = 0;
    let is_safe = text.chars().all(|c| next(c, &mut before, &mut marks));
    if is_safe {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    let (mut before, mut marks) = (None, 0);
    for c in text.chars() {
        if next(c, &mut before, &mut marks) {
            safe.push(c);
        } else {
            push_escaped(c, &mut safe);
        }
    }
    Cow::Owned(safe)
}

/// Text of several lines, each made safe; a tab becomes four spaces.
pub(crate) fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\t', "    ");
    let lines: Vec<_> = text.trim_end().split('\n').map(plain).collect();
    lines.join("\n")
}

/// A path, from the current folder on when it is in it.
pub(crate) fn path(path: &Path) -> String {
    let folder = std::env::current_dir().ok();
    let short = folder.and_then(|folder| path.strip_prefix(folder).ok());
    let short = short
        .filter(|short| *short != OsStr::new(""))
        .unwrap_or(path);
    plain(&short.to_string_lossy()).into_owned()
}

/// A path as it is, absolute.
pub(crate) fn path_in_full(path: &Path) -> String {
    plain(&path.to_string_lossy()).into_owned()
}

/// A JSON text whose strings hold nothing that a terminal would obey or that would turn or hide text: it is written as
/// JSON writes it, `\u202e`, so the values are the same.
pub(crate) fn json(text: String) -> String {
    let is_safe = |c: char| c == '\n' || c.width().is_some() && !is_hidden(c);
    if text.chars().all(is_safe) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_safe(c) {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(safe, "\\u{unit:04x}").expect("a string takes all that is written");
        }
    }
    safe
}

/// The columns that safe text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Text made safe and cut to a number of columns, with `…` where something was cut off.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    let safe = plain(text);
    if width(&safe) <= columns {
        return safe.into_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut short = String::new();
    for c in safe.chars() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        short.push(c);
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// Whether a character may be printed after the one before it.
pub(crate) fn is_printable(c: char) -> bool {
    next(c, &mut Some('a'), &mut 0)
}

fn next(c: char, before: &mut Option<char>, marks: &mut usize) -> bool {
    let is_allowed = match c.width() {
        None => false,
        _ if is_hidden(c) => false,
        Some(0) => *marks < MARKS_MAX && before.is_some_and(|before| may_follow(c, before)),
        Some(_) => true,
    };
    *marks = if is_allowed && c.width() == Some(0) {
        *marks + 1
    } else {
        0
    };
    *before = Some(c);
    is_allowed
}

/// Joiners and variation selectors are part of many scripts and of emoji; between plain letters they only make two
/// texts look the same. Other characters without width are marks upon the one before.
fn may_follow(c: char, before: char) -> bool {
    match c {
        '\u{200c}' | '\u{200d}' | '\u{e0100}'..='\u{e01ef}' => !before.is_ascii(),
        '\u{fe00}'..='\u{fe0f}' => {
            !before.is_ascii() || before.is_ascii_digit() || matches!(before, '#' | '*')
        }
        _ => !before.is_whitespace(),
    }
}

/// Characters that turn the direction of writing, break lines, or show nothing.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

fn push_escaped(c: char, to: &mut String) {
    match c {
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\t' => to.push_str("\\t"),
        _ => write!(to, "\\u{{{:x}}}", u32::from(c)).expect("a string takes all that is written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, expected) in [
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\u{9b}31mb", "a\\u{9b}31mb"),
            ("bell\u{7} del\u{7f}", "bell\\u{7} del\\u{7f}"),
            ("one\nerror: two\r\n\t", "one\\nerror: two\\r\\n\\t"),
            ("nul\0", "nul\\u{0}"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_turns_or_hides_text_is_written_out() {
        for (text, expected) in [
            ("a\u{202e}gpj.exe", "a\\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{200f}b\u{61c}", "a\\u{200f}b\\u{61c}"),
            ("pay\u{200b}pal", "pay\\u{200b}pal"),
            ("pay\u{200d}pal", "pay\\u{200d}pal"),
            ("pay\u{fe0f}pal", "pay\\u{fe0f}pal"),
            ("a\u{2028}b\u{feff}", "a\\u{2028}b\\u{feff}"),
            ("a\u{ad}b\u{2060}c\u{3164}", "a\\u{ad}b\\u{2060}c\\u{3164}"),
            ("\u{e0041}\u{e0042}", "\\u{e0041}\\u{e0042}"),
            ("\u{301}x", "\\u{301}x"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn all_scripts_are_printed_as_they_are() {
        for text in [
            "",
            "lê-me.txt",
            "le\u{302}-me",
            "日本語のビデオ",
            "עברית",
            "می‌خواهم",
            "हिन्दी क्‍ष",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3}",
            "C:\\temp",
            "ไทย",
            "한국어",
        ] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let piled = format!("a{}", "\u{301}".repeat(40));
        assert!(
            plain(&piled).matches("\\u{301}").count() >= 3,
            "{}",
            plain(&piled)
        );
        assert_eq!(plain("e\u{301}\u{323}"), "e\u{301}\u{323}");
    }

    #[test]
    fn long_text_is_cut_at_columns_and_says_so() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("much too long", 5), "much…");
        assert_eq!(cut("日本語のビデオ", 7), "日本語…");
        assert_eq!(cut("日本語のビデオ", 6), "日本…");
        assert_eq!(cut("a\nb", 9), "a\\nb");
        assert_eq!(width("日本a"), 5);
    }

    #[test]
    fn lines_stay_lines_and_nothing_else() {
        assert_eq!(
            lines("one\r\n\ttwo\u{1b}\n\n"),
            "one\n    two\\u{1b}",
            "line ends stay, the end is trimmed"
        );
        assert_eq!(lines("one\rtwo"), "one\\rtwo");
    }

    #[test]
    fn json_keeps_its_values_and_holds_nothing_that_a_terminal_obeys() {
        for text in [
            "a\u{9b}31m\u{7f}",
            "\u{202e}x\u{e0041}",
            "\u{1b}\n\u{85}",
            "日本 ❤\u{fe0f}",
        ] {
            let written = json(serde_json::to_string(text).unwrap());
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
            assert!(
                !written.contains(|c: char| c.is_control() || is_hidden(c)),
                "{written}"
            );
        }
        assert_eq!(
            json("{\n  \"a\": \"\u{202e}\"\n}".into()),
            "{\n  \"a\": \"\\u202e\"\n}"
        );
        assert_eq!(json("\u{e0041}".into()), "\\udb40\\udc41");
    }

    #[test]
    fn paths_are_told_from_the_current_folder_on() {
        let folder = std::env::current_dir().unwrap();
        assert_eq!(path(&folder.join("a/b\u{1b}.jpg")), "a/b\\u{1b}.jpg");
        assert_eq!(path(&folder), plain(&folder.to_string_lossy()));
        assert_eq!(path(Path::new("/no/such")), "/no/such");
    }
}
