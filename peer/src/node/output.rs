//! Writing bytes of a blob out: to a file that does not exist yet, or to standard output.
//!
//! Names come from records, so a file name is made safe before it is one.

use super::words::file_failure;
use super::{Node, Stop};
use crate::api::{Code, Event, Failure};
use crate::io::blobs::{BlobReader, Held, ReadError};
use crate::io::fault;
use levada_feed::hash::Hash;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Bytes handed to standard output at once.
const PART_BYTES: u64 = 1 << 20;

pub(super) fn interrupted() -> Failure {
    Failure::new(Code::Interrupted, "interrupted")
        .hint("what came is kept; the same command goes on")
}

/// The file to write: into a folder under a name that cannot leave it, never over a file that is there.
pub(super) fn place(output: &Path, name: &str, hash: &Hash) -> Result<PathBuf, Failure> {
    let path = if output.is_dir() {
        output.join(safe_name(name, hash))
    } else {
        output.to_owned()
    };
    if path.symlink_metadata().is_ok() {
        return Err(Failure::new(
            Code::Failed,
            format!("{}: there is such a file already", path.display()),
        )
        .hint("choose another name with -o, or move the old file away"));
    }
    Ok(path)
}

/// A file name out of what a record says: one segment, no control characters, not hidden, not reserved.
fn safe_name(name: &str, hash: &Hash) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("");
    let is_plain = |c: char| {
        !c.is_control() && !is_hidden(c) && !matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|')
    };
    let plain: String = last
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let plain = plain
        .trim_start_matches(['.', ' ', '-'])
        .trim_end_matches([' ', '.']);
    let mut cut = plain.len().min(200);
    while !plain.is_char_boundary(cut) {
        cut -= 1;
    }
    let plain = plain.get(..cut).unwrap_or("");
    let stem = plain.split('.').next().unwrap_or("").to_ascii_lowercase();
    let is_reserved = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")));
    if plain.is_empty() || is_reserved {
        hash.to_string()
    } else {
        plain.to_owned()
    }
}

/// Characters that turn the direction of writing, break lines or show nothing: two names that differ would look the same.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn reader(node: &Node, hash: &Hash) -> Result<BlobReader, Failure> {
    let found = node.blobs.open_blob(hash)?;
    found.ok_or_else(|| Failure::new(Code::NotFound, format!("blob {hash} is not here")))
}

pub(super) fn read_failure(error: ReadError) -> Failure {
    match error {
        ReadError::NotHeld => Failure::new(Code::NotFound, "these bytes are not here"),
        ReadError::Changed { path } => Failure::new(
            Code::NotVerified,
            format!(
                "{}: it was changed after it was published in place",
                path.display()
            ),
        )
        .hint("publish it again; the old bytes may be had from peers"),
        ReadError::Interrupted => interrupted(),
        ReadError::Output { path, source } => file_failure(&path, &source),
        ReadError::Store(error) => Failure::from(error),
    }
}

/// Writes the whole blob.
pub(super) fn export(node: &Node, hash: &Hash, path: &Path, stop: &Stop) -> Result<u64, Failure> {
    let size = reader(node, hash)?.size();
    match node.blobs.state(hash)? {
        Some(state) if matches!(state.held, Held::Complete) && size > 0 => {
            let copied = node.blobs.export(hash, path, &|| *stop.borrow());
            copied.map_err(read_failure)
        }
        _ => write_range(node, hash, 0..size, path, stop),
    }
}

/// Writes a range to a file that does not exist yet; a half-written one does not stay.
pub(super) fn write_range(
    node: &Node,
    hash: &Hash,
    range: Range<u64>,
    path: &Path,
    stop: &Stop,
) -> Result<u64, Failure> {
    let reader = reader(node, hash)?;
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| file_failure(path, &error);
    // Like any new file of this person, not a private temporary one.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let made = fault::step(path, || {
        tempfile::Builder::new()
            .permissions(mode)
            .tempfile_in(folder)
    });
    let mut file = made.map_err(failed)?;
    for part in parts(&range) {
        if *stop.borrow() {
            return Err(interrupted());
        }
        let bytes = reader.read(part).map_err(read_failure)?;
        fault::step(path, || file.write_all(&bytes)).map_err(failed)?;
    }
    fault::sync_all(path, file.as_file()).map_err(failed)?;
    fault::step(path, || {
        file.persist_noclobber(path).map_err(std::io::Error::from)
    })
    .map_err(failed)?;
    Ok(range.end - range.start)
}

/// Sends a range to standard output.
pub(super) fn send_range(
    node: &Node,
    hash: &Hash,
    range: Range<u64>,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<u64, Failure> {
    let reader = reader(node, hash)?;
    for part in parts(&range) {
        if *stop.borrow() {
            return Err(interrupted());
        }
        let bytes = reader.read(part).map_err(read_failure)?;
        if events.blocking_send(Event::Bytes(bytes)).is_err() {
            return Err(interrupted());
        }
    }
    Ok(range.end - range.start)
}

fn parts(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    let step = usize::try_from(PART_BYTES).unwrap_or(usize::MAX);
    range
        .clone()
        .step_by(step)
        .map(move |start| start..end.min(start + PART_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_records_cannot_leave_the_folder_or_hide_in_it() {
        let hash = Hash::of(b"x");
        for (name, expected) in [
            ("a.jpg", "a.jpg"),
            ("photos/a.jpg", "a.jpg"),
            ("..\\..\\a.jpg", "a.jpg"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("a\nb", "a_b"),
            ("a\u{200b}b\u{200f}c\u{feff}\u{2028}", "a_b_c__"),
            ("$(reboot)`x`;&.txt", "$(reboot)`x`;&.txt"),
            ("música 日本.mp3", "música 日本.mp3"),
        ] {
            assert_eq!(safe_name(name, &hash), expected, "{name:?}");
        }
        for name in ["", "..", ".", "/", "con", "LPT1.txt", " . "] {
            assert_eq!(safe_name(name, &hash), hash.to_string(), "{name:?}");
        }
        assert!(safe_name(&"ä".repeat(300), &hash).len() <= 200);
    }
}
