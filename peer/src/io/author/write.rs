//! Writing the author's file: an append in one write, and many frames in a row for what is taken over or made again.
//!
//! Either way everything that a head covers is on the disk before the head is, so that what a crash leaves of it is an
//! incomplete end, or no file under this name.

use super::scan::{BLOB, FRAME_BYTES, HEAD, HEADER, LINK, RECORD, put_frame};
use super::{AuthorError, AuthorFile, Mark, failed, header};
use crate::io::{fault, whole};
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{HASH_BYTES, INLINE_BYTES_MAX, RECORD_BYTES_MAX};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes gathered before they are written, when many frames follow one another; the memory of a shorter append is used again.
const WRITE_BYTES: usize = 1 << 20;

/// Something that a head covers.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A record.
    Record(&'a [u8]),
    /// The link hash of a record whose bytes were not to be had, in its place.
    Link(Hash),
    /// An own small blob.
    Blob(&'a [u8]),
}

/// Where the parts of a long append go, in order.
#[derive(Debug)]
pub struct Writer<'a> {
    path: &'a Path,
    file: &'a File,
    at: u64,
    waiting: Vec<u8>,
}

impl Writer<'_> {
    /// Writes a part; durable once the head is.
    ///
    /// # Errors
    /// Those of the file system, and `Unfit`.
    pub fn put(&mut self, part: Part<'_>) -> Result<(), AuthorError> {
        if !is_fit(&part) {
            return Err(AuthorError::Unfit {
                path: self.path.to_owned(),
            });
        }
        put_part(&mut self.waiting, &part);
        if self.waiting.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), AuthorError> {
        fault::step(self.path, || self.file.write_all_at(&self.waiting, self.at))
            .map_err(failed(self.path, "writing the author's file"))?;
        self.at += u64::try_from(self.waiting.len()).unwrap_or(0);
        self.waiting.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AuthorError> {
        self.flush()?;
        fault::sync_data(self.path, self.file)
            .map_err(failed(self.path, "syncing the author's file"))
    }

    /// Syncs what was put, then writes the head over it and syncs that.
    fn finish(mut self, head: &Head) -> Result<Mark, AuthorError> {
        self.sync()?;
        put_frame(&mut self.waiting, HEAD, head.wire());
        self.sync()?;
        Ok(Mark {
            offset: self.at,
            length: head.body().length,
        })
    }
}

fn is_fit(part: &Part<'_>) -> bool {
    match part {
        Part::Record(record) => record.len() <= RECORD_BYTES_MAX,
        Part::Blob(blob) => u64::try_from(blob.len()).is_ok_and(|len| len <= INLINE_BYTES_MAX),
        Part::Link(_) => true,
    }
}

fn payload_bytes(part: &Part<'_>) -> usize {
    match part {
        Part::Record(bytes) | Part::Blob(bytes) => bytes.len(),
        Part::Link(_) => HASH_BYTES,
    }
}

fn put_part(to: &mut Vec<u8>, part: &Part<'_>) {
    match part {
        Part::Record(record) => put_frame(to, RECORD, record),
        Part::Blob(blob) => put_frame(to, BLOB, blob),
        Part::Link(link) => put_frame(to, LINK, &link.0),
    }
}

impl AuthorFile {
    /// Appends blobs, records and the head that covers them: one write, one sync.
    ///
    /// # Errors
    /// Those of the file system; then nothing more can be appended until the file is opened again.
    pub fn append(
        &mut self,
        records: &[&[u8]],
        blobs: &[&[u8]],
        head: &Head,
    ) -> Result<Mark, AuthorError> {
        let blobs = blobs.iter().map(|blob| Part::Blob(blob));
        let records = records.iter().map(|record| Part::Record(record));
        let parts: Vec<Part<'_>> = blobs.chain(records).collect();
        self.check_usable(head)?;
        if !parts.iter().all(is_fit) {
            return Err(AuthorError::Unfit {
                path: self.path.clone(),
            });
        }
        let payloads: usize = parts.iter().map(payload_bytes).sum();
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.reserve(payloads + head.wire().len() + (parts.len() + 1) * FRAME_BYTES);
        parts.iter().for_each(|part| put_part(&mut bytes, part));
        put_frame(&mut bytes, HEAD, head.wire());
        self.is_poisoned = true;
        self.cut()?;
        fault::step(&self.path, || self.file.write_all_at(&bytes, self.end))
            .and_then(|()| fault::sync_data(&self.path, &self.file))
            .map_err(failed(&self.path, "writing the author's file"))?;
        self.is_poisoned = false;
        self.end += u64::try_from(bytes.len()).unwrap_or(0);
        if bytes.capacity() <= WRITE_BYTES {
            bytes.clear();
            self.spare = bytes;
        }
        Ok(Mark {
            offset: self.end,
            length: head.body().length,
        })
    }

    /// Appends as much as `fill` puts, in bounded memory, and the head that covers it.
    ///
    /// # Errors
    /// Those of `fill` and of the file system; then nothing more can be appended until the file is opened again.
    pub fn append_many<E: From<AuthorError>>(
        &mut self,
        head: &Head,
        fill: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
    ) -> Result<Mark, E> {
        self.check_usable(head)?;
        self.is_poisoned = true;
        self.cut()?;
        let mut writer = Writer {
            path: &self.path,
            file: &self.file,
            at: self.end,
            waiting: Vec::new(),
        };
        fill(&mut writer)?;
        let mark = writer.finish(head)?;
        self.is_poisoned = false;
        self.end = mark.offset;
        Ok(mark)
    }

    /// Makes the file anew out of what `fill` puts; it takes the place of what is there once it is whole.
    ///
    /// # Errors
    /// Those of `fill` and of the file system; what is there is as before then.
    pub fn make_again<E: From<AuthorError>>(
        path: &Path,
        feed: &FeedKey,
        head: &Head,
        fill: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
    ) -> Result<Mark, E> {
        let folder = whole::folder_of(path);
        whole::sweep(folder).map_err(failed(folder, "reading"))?;
        let unfinished = whole::begin(path, 0o600).map_err(failed(path, "making it anew"))?;
        let mut writer = Writer {
            path,
            file: unfinished.as_file(),
            at: 0,
            waiting: Vec::new(),
        };
        put_frame(&mut writer.waiting, HEADER, &header(feed));
        fill(&mut writer)?;
        let mark = writer.finish(head)?;
        whole::end(unfinished, path).map_err(failed(path, "making it anew"))?;
        Ok(mark)
    }

    /// Keeps a damaged file under another name beside it, for whoever can read more out of it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn keep_damaged(path: &Path) -> Result<std::path::PathBuf, AuthorError> {
        let kept = (1_u32..)
            .map(|number| path.with_extension(format!("damaged-{number}")))
            .find(|kept| std::fs::symlink_metadata(kept).is_err())
            .unwrap_or_else(|| path.with_extension("damaged"));
        fault::step(&kept, || std::fs::copy(path, &kept))
            .and_then(|_| fault::sync_all(&kept, &File::open(&kept)?))
            .map_err(failed(&kept, "keeping the damaged file"))?;
        Ok(kept)
    }

    fn check_usable(&self, head: &Head) -> Result<(), AuthorError> {
        let path = self.path.clone();
        if self.is_poisoned {
            return Err(AuthorError::Poisoned { path });
        }
        if head.body().feed != self.feed {
            return Err(AuthorError::Unfit { path });
        }
        Ok(())
    }

    /// Old bytes behind the new ones must not be taken for theirs.
    fn cut(&self) -> Result<(), AuthorError> {
        let cut = self.file.metadata().and_then(|found| {
            if found.len() > self.end {
                fault::step(&self.path, || self.file.set_len(self.end))
            } else {
                Ok(())
            }
        });
        cut.map_err(failed(&self.path, "writing the author's file"))
    }
}

#[cfg(test)]
mod tests;
