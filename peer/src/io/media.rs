//! What a file is: its media type by content, and what its own metadata says for the record.
//!
//! Reads the beginning of a file and the parts that its container points to, never the whole of a big
//! one (a JPEG is read to its end, because phones append pictures and videos with places of their own).
//! The parsers are other people's code on files from outside: each works on a bounded number of bytes
//! and behind `catch_unwind`, and whatever goes wrong in it means "nothing found".

mod kind;
mod tags;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use self::tags::View;

pub use super::private::Private;
use super::private::{self, Patch};

/// LIMIT: 64 KiB decide what a file is.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What was found out about a file. What is `None` was not there or could not be read.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Facts {
    /// The media type, by content; `application/octet-stream` when nothing is known.
    pub media_type: String,
    /// The title from the file's tags, not from its name.
    pub title: Option<String>,
    /// Artists or authors from the file's tags.
    pub creators: Vec<String>,
    /// The album from the file's tags.
    pub album: Option<String>,
    /// The position on the album, from 1.
    pub track: Option<u64>,
    /// How long it plays.
    pub duration_ms: Option<u64>,
    /// Width in pixels, as stored: before any turning that EXIF asks for.
    pub width: Option<u64>,
    /// Height in pixels, as stored.
    pub height: Option<u64>,
    /// When it was taken, in Unix milliseconds. A camera that does not know its time zone counts as UTC.
    pub taken_ms: Option<u64>,
    /// What it gives away: to be pointed out before anything is signed.
    pub private: Vec<Private>,
}

/// Finds out what a file is. An empty file is `text/plain`: the one type whose empty text is valid.
///
/// # Errors
/// Only when the file itself cannot be opened or read.
pub fn inspect(path: &Path) -> io::Result<Facts> {
    let file = File::open(path)?;
    let head = read_head(&file)?;
    let mut facts = Facts {
        media_type: kind::media_type(&head, path),
        ..Facts::default()
    };
    let view = View {
        file: &file,
        patches: &[],
    };
    read_tags(view, &mut facts);
    // Two readers, because neither knows everything; what both found is listed once.
    let scan = private::scan(&file, &facts.media_type)?.unwrap_or_default();
    let missed = facts
        .private
        .drain(..)
        .filter(|found| !scan.covers(found))
        .collect::<Vec<_>>();
    facts.private = scan.private;
    facts.private.extend(missed);
    Ok(facts)
}

/// What the other readers still find in a file once it is patched: `strip` asks before it promises.
pub(super) fn left_behind(file: &File, media_type: &str, patches: &[Patch]) -> Vec<Private> {
    let mut facts = Facts {
        media_type: media_type.to_owned(),
        ..Facts::default()
    };
    read_tags(View { file, patches }, &mut facts);
    facts.private
}

fn read_tags(view: View<'_>, facts: &mut Facts) {
    let family = facts.media_type.split('/').next().unwrap_or_default();
    match family {
        "image" => {
            tags::dimensions(view, facts);
            tags::exif(view, facts);
        }
        "video" => {
            tags::track(view, facts);
            // An MP4 can carry tags like a song's; lofty reads no Matroska, and then finds nothing.
            tags::audio(view, facts);
        }
        "audio" => tags::audio(view, facts),
        _ => {}
    }
}

/// A title from a file's name, for a file whose tags have none. Never empty.
#[must_use]
pub fn title_from_name(relative: &str) -> String {
    let name = relative.rsplit('/').next().unwrap_or(relative);
    let stem = match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    };
    let words: Vec<&str> = stem
        .split(|letter: char| letter == '_' || letter.is_whitespace())
        .collect();
    let title = words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match (title.is_empty(), name.is_empty()) {
        (false, _) => title,
        (true, false) => name.to_owned(),
        (true, true) => "untitled".to_owned(),
    }
}

fn read_head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES_MAX];
    let mut len = 0;
    while let Some(rest) = head.get_mut(len..).filter(|rest| !rest.is_empty()) {
        let offset = u64::try_from(len).unwrap_or(u64::MAX);
        match file.read_at(rest, offset) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(len);
    Ok(head)
}

#[cfg(test)]
mod tests;
