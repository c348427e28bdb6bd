//! A copy of a file without places, serial numbers and owners' names.
//!
//! `private` says which bytes to overwrite; this file copies the rest. The copy has the length of the
//! original, and nothing but metadata differs. Does not decide whether to strip, and does not know what
//! will be published. Memory: the metadata and one buffer, whatever the size of the film.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use super::media::{self, Private};
use super::private::{self, Patch};

/// What was taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct Stripped {
    /// The things a person would want to know about. Makers' notes go without being listed.
    pub removed: Vec<Private>,
    /// Whether the copy differs from the original at all.
    pub is_changed: bool,
}

/// Why no clean copy was made.
#[derive(Debug, thiserror::Error)]
pub enum StripError {
    /// It gives something away and there is no way here to remove it.
    #[error("cannot remove the {} from a file of type {media_type}: {why}", list(.private))]
    Unsupported {
        /// The type of the file.
        media_type: String,
        /// What it gives away.
        private: Vec<Private>,
        /// What stands in the way.
        why: &'static str,
    },
    /// The file could not be read, or the copy not be written.
    #[error("cannot copy it: {0}")]
    Io(#[from] io::Error),
}

/// What stripping a file would do: to show before, or to find out that no copy is needed.
#[derive(Debug)]
pub struct Plan {
    file: File,
    patches: Vec<Patch>,
    removed: Vec<Private>,
}

impl Plan {
    /// Looks at a file and decides which bytes to overwrite.
    ///
    /// # Errors
    /// [`StripError::Unsupported`] if the file gives something away that cannot be removed.
    pub fn new(input: &Path, media_type: &str) -> Result<Self, StripError> {
        let file = File::open(input)?;
        let refuse = |private, why| {
            let media_type = media_type.to_owned();
            Err(StripError::Unsupported {
                media_type,
                private,
                why,
            })
        };
        let Some(mut scan) = private::scan(&file, media_type)? else {
            let removed = media::inspect(input)?.private;
            if removed.is_empty() {
                return Ok(Self {
                    file,
                    patches: Vec::new(),
                    removed,
                });
            }
            return refuse(removed, "levada cannot rewrite this type");
        };
        if let Some(why) = scan.stuck {
            return refuse(scan.private, why);
        }
        scan.patches.sort_by_key(|patch| patch.offset);
        scan.patches.dedup();
        if scan.patches.windows(2).any(overlap) {
            // Each was cleaned on its own; laid over each other they could undo one another.
            return refuse(scan.private, "its metadata blocks overlap");
        }
        // In a file that was cut off, the sum behind a chunk may lie past the end.
        let len = file.metadata()?.len();
        for patch in &mut scan.patches {
            let room = usize::try_from(len.saturating_sub(patch.offset)).unwrap_or(usize::MAX);
            patch.bytes.truncate(room);
        }
        let left = media::left_behind(&file, media_type, &scan.patches);
        if !left.is_empty() {
            return refuse(
                left,
                "it is in a part of the file that levada cannot rewrite",
            );
        }
        Ok(Self {
            file,
            patches: scan.patches,
            removed: scan.private,
        })
    }

    /// Whether the copy would be the same as the original.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patches.is_empty()
    }

    /// What would be taken out.
    #[must_use]
    pub fn removed(&self) -> &[Private] {
        &self.removed
    }

    /// Writes the clean copy. Blocking; the output is not flushed to disk.
    ///
    /// # Errors
    /// When reading or writing fails, or the file became shorter since it was looked at.
    pub fn write(mut self, output: &mut dyn Write) -> Result<Stripped, StripError> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut at = 0;
        for patch in &self.patches {
            copy(&mut self.file, output, patch.offset - at)?;
            output.write_all(&patch.bytes)?;
            at = patch.end();
            self.file.seek(SeekFrom::Start(at))?;
        }
        io::copy(&mut self.file, output)?;
        Ok(Stripped {
            is_changed: !self.patches.is_empty(),
            removed: self.removed,
        })
    }
}

/// Writes a copy of `input` without what gives its author away.
///
/// Orientation, date, make, model, pixels and sound stay byte for byte. A file that gives nothing away
/// is copied as it is; to save that copy, ask [`Plan::is_empty`] first.
///
/// # Errors
/// [`StripError::Unsupported`] before anything is written, [`StripError::Io`] at any time.
pub fn strip(
    input: &Path,
    output: &mut dyn Write,
    media_type: &str,
) -> Result<Stripped, StripError> {
    Plan::new(input, media_type)?.write(output)
}

fn copy(file: &mut File, output: &mut dyn Write, len: u64) -> io::Result<()> {
    let copied = io::copy(&mut file.take(len), output)?;
    if copied == len {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn overlap(pair: &[Patch]) -> bool {
    matches!(pair, [first, second] if first.end() > second.offset)
}

fn list(private: &[Private]) -> String {
    let words: Vec<String> = private.iter().map(Private::to_string).collect();
    if words.is_empty() {
        "hidden metadata".to_owned()
    } else {
        words.join(" and the ")
    }
}

#[cfg(test)]
mod tests;
