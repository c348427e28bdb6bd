//! The author's file: the write-ahead log of one own feed (spec/author-file.md).
//!
//! Plain and append-only, beside the key and outside the store: records, heads, own blobs of up to 16 KiB. An append is one
//! write and one sync, records before head, and a head leaves the process only after it. Everything else of an own feed
//! can be made again from this file.

#[cfg(test)]
mod tests;

use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{HEAD_BYTES_MAX, INLINE_BYTES_MAX, RECORD_BYTES_MAX};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"levada author file v1\n";
const HEADER: u8 = 1;
const RECORD: u8 = 2;
const HEAD: u8 = 3;
const BLOB: u8 = 4;
/// Tag and length before a payload.
const PREFIX_BYTES: usize = 5;
/// Check after a payload: the first bytes of a BLAKE3 hash over all before it.
const CHECK_BYTES: usize = 8;

/// Our own file failed or lies: signing stops.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// The file system failed.
    #[error("{path}: {doing}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It is another feed's, or none.
    #[error("{path}: this is not the author's file of {feed}", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The feed that was expected.
        feed: FeedKey,
    },
    /// It is damaged before its end.
    #[error("{path}: damaged at byte {offset}, and signed records follow; nothing is signed until it is put back from a backup", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// An append failed before; what stands at the end of the file is not known.
    #[error("{path}: writing failed before; start again to go on", path = path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
}

/// Right behind a head: what the store has followed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Byte behind the head's frame.
    pub offset: u64,
    /// The head's length.
    pub length: u64,
}

/// What a replay gives, in order. Records come only when a head after them covers them.
#[derive(Debug)]
pub enum Frame<'a> {
    /// A record.
    Record(&'a [u8]),
    /// A head over all records before it.
    Head(Head, Mark),
    /// An own small blob.
    Blob(&'a [u8]),
}

/// The open file.
#[derive(Debug)]
pub struct AuthorFile {
    path: PathBuf,
    file: File,
    end: u64,
    is_poisoned: bool,
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> AuthorError {
    let path = path.to_owned();
    move |source| AuthorError::File {
        path,
        doing,
        source,
    }
}

fn header(feed: &FeedKey) -> Vec<u8> {
    [MAGIC, feed.as_bytes()].concat()
}

fn put_frame(to: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    let start = to.len();
    to.push(tag);
    to.extend_from_slice(
        &u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    to.extend_from_slice(payload);
    let check = blake3::hash(to.get(start..).unwrap_or_default());
    to.extend_from_slice(check.as_bytes().get(..CHECK_BYTES).unwrap_or_default());
}

impl AuthorFile {
    /// Makes the file of a new feed.
    ///
    /// # Errors
    /// Those of the file system; never overwrites.
    pub fn create(path: &Path, feed: &FeedKey) -> Result<Self, AuthorError> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let mut file = opened.map_err(failed(path, "making the author's file"))?;
        let mut bytes = Vec::new();
        put_frame(&mut bytes, HEADER, &header(feed));
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .map_err(failed(path, "writing"))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed(folder, "syncing the folder"))?;
        let end = u64::try_from(bytes.len()).unwrap_or(0);
        Ok(Self {
            path: path.to_owned(),
            file,
            end,
            is_poisoned: false,
        })
    }

    /// Opens the file and replays what follows `from`, or all of it. A torn end after the last valid head is cut off;
    /// damage before one is never touched.
    ///
    /// # Errors
    /// See `AuthorError`.
    pub fn open(
        path: &Path,
        feed: &FeedKey,
        from: Option<Mark>,
        visit: &mut dyn FnMut(Frame<'_>),
    ) -> Result<Self, AuthorError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed(path, "opening"))?;
        let size = file.metadata().map_err(failed(path, "reading"))?.len();
        let mut scan = Scan::at(path, feed, &file, 0)?;
        let foreign = || AuthorError::Foreign {
            path: path.to_owned(),
            feed: *feed,
        };
        match scan.next()? {
            Next::Frame(HEADER) if scan.payload == header(feed) => {}
            _ => return Err(foreign()),
        }
        let body = scan.offset;
        let start = from.map_or(body, |mark| mark.offset);
        if start < body || start > size {
            return Err(AuthorError::Damaged {
                path: path.to_owned(),
                offset: size,
            });
        }
        // First pass: the last valid head, and whether one follows damage.
        let mut scan = Scan::at(path, feed, &file, start)?;
        let mut last = start;
        let torn = loop {
            match scan.next()? {
                Next::Frame(HEAD) => last = scan.offset,
                Next::Frame(_) => {}
                Next::End => break None,
                Next::Torn => break Some(scan.offset),
            }
        };
        if let Some(offset) = torn
            && finds_head(path, feed, &file, offset, size)?
        {
            return Err(AuthorError::Damaged {
                path: path.to_owned(),
                offset,
            });
        }
        // Second pass: give what the last head covers.
        let mut scan = Scan::at(path, feed, &file, start)?;
        while scan.offset < last {
            match scan.next()? {
                Next::Frame(RECORD) => visit(Frame::Record(&scan.payload)),
                Next::Frame(BLOB) => visit(Frame::Blob(&scan.payload)),
                Next::Frame(HEAD) => {
                    let Ok(head) = Head::check_of(feed, &scan.payload) else {
                        return Err(foreign());
                    };
                    let mark = Mark {
                        offset: scan.offset,
                        length: head.body().length,
                    };
                    visit(Frame::Head(head, mark));
                }
                _ => break,
            }
        }
        if last < size {
            file.set_len(last)
                .and_then(|()| file.sync_all())
                .map_err(failed(path, "cutting off a torn end"))?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            end: last,
            is_poisoned: false,
        })
    }

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
        if self.is_poisoned {
            return Err(AuthorError::Poisoned {
                path: self.path.clone(),
            });
        }
        let mut bytes = Vec::new();
        blobs
            .iter()
            .for_each(|blob| put_frame(&mut bytes, BLOB, blob));
        records
            .iter()
            .for_each(|record| put_frame(&mut bytes, RECORD, record));
        put_frame(&mut bytes, HEAD, head.wire());
        self.is_poisoned = true;
        let written = self
            .file
            .write_all_at(&bytes, self.end)
            .and_then(|()| self.file.sync_data());
        written.map_err(failed(&self.path, "writing the author's file"))?;
        self.is_poisoned = false;
        self.end += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(Mark {
            offset: self.end,
            length: head.body().length,
        })
    }
}

enum Next {
    /// A whole frame with this tag; its payload is in the scan.
    Frame(u8),
    /// The end of the file, where a frame would begin.
    End,
    /// No frame stands here.
    Torn,
}

/// Reads frames one after the other; one payload in memory at a time.
struct Scan<'a> {
    path: &'a Path,
    feed: &'a FeedKey,
    reader: BufReader<File>,
    offset: u64,
    payload: Vec<u8>,
}

impl<'a> Scan<'a> {
    fn at(
        path: &'a Path,
        feed: &'a FeedKey,
        file: &File,
        offset: u64,
    ) -> Result<Self, AuthorError> {
        let mut own = file.try_clone().map_err(failed(path, "reading"))?;
        own.seek(SeekFrom::Start(offset))
            .map_err(failed(path, "reading"))?;
        Ok(Self {
            path,
            feed,
            reader: BufReader::with_capacity(256 << 10, own),
            offset,
            payload: Vec::new(),
        })
    }

    fn next(&mut self) -> Result<Next, AuthorError> {
        let mut frame = vec![0; PREFIX_BYTES];
        let got = read_full(&mut self.reader, &mut frame).map_err(failed(self.path, "reading"))?;
        if got == 0 {
            return Ok(Next::End);
        }
        let [tag, a, b, c, d] = frame.as_slice() else {
            return Ok(Next::Torn);
        };
        let (tag, size) = (
            *tag,
            usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX),
        );
        let most = match tag {
            HEADER => MAGIC.len() + 32,
            RECORD => RECORD_BYTES_MAX,
            HEAD => HEAD_BYTES_MAX,
            BLOB => usize::try_from(INLINE_BYTES_MAX).unwrap_or(0),
            _ => return Ok(Next::Torn),
        };
        if got < PREFIX_BYTES || size > most {
            return Ok(Next::Torn);
        }
        frame.resize(PREFIX_BYTES + size + CHECK_BYTES, 0);
        let rest = frame.get_mut(PREFIX_BYTES..).unwrap_or_default();
        if read_full(&mut self.reader, rest).map_err(failed(self.path, "reading"))?
            < size + CHECK_BYTES
        {
            return Ok(Next::Torn);
        }
        let (covered, check) = frame.split_at(PREFIX_BYTES + size);
        if blake3::hash(covered).as_bytes().get(..CHECK_BYTES) != Some(check) {
            return Ok(Next::Torn);
        }
        self.payload = covered.get(PREFIX_BYTES..).unwrap_or_default().to_vec();
        if tag == HEAD && Head::check_of(self.feed, &self.payload).is_err() {
            return Ok(Next::Torn);
        }
        self.offset += u64::try_from(frame.len()).unwrap_or(0);
        Ok(Next::Frame(tag))
    }
}

/// Reads until the buffer is full or the file ends.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Whether a valid head frame stands anywhere behind a damaged place: every byte is tried as its beginning.
fn finds_head(
    path: &Path,
    feed: &FeedKey,
    file: &File,
    from: u64,
    size: u64,
) -> Result<bool, AuthorError> {
    let mut at = from;
    let mut window = vec![0; 64 << 10];
    while at < size {
        let wanted = usize::try_from(size - at)
            .unwrap_or(usize::MAX)
            .min(window.len());
        let part = window.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(part, at)
            .map_err(failed(path, "reading"))?;
        for (found, _) in part.iter().enumerate().filter(|(_, byte)| **byte == HEAD) {
            let offset = at + u64::try_from(found).unwrap_or(0);
            // A head is short: nearly every other byte 3 is told apart by the length behind it.
            let mut length = [0; 4];
            let is_short = file.read_exact_at(&mut length, offset + 1).is_ok()
                && usize::try_from(u32::from_le_bytes(length))
                    .is_ok_and(|length| length <= HEAD_BYTES_MAX);
            if is_short
                && matches!(
                    Scan::at(path, feed, file, offset)?.next()?,
                    Next::Frame(HEAD)
                )
            {
                return Ok(true);
            }
        }
        at += u64::try_from(wanted).unwrap_or(u64::MAX);
    }
    Ok(false)
}
