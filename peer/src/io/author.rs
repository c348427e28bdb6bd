//! The author's file: the write-ahead log of one own feed (spec/author-file.md).
//!
//! Plain and append-only, beside the key and outside the store: records, heads, own blobs of up to 16 KiB. An append is one
//! write and one sync, records before head, and a head leaves the process only after it. Everything else of an own feed
//! can be made again from this file.

mod scan;
#[cfg(test)]
mod tests;
mod write;

use crate::io::{fault, whole};
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use scan::{BLOB, HEAD, HEADER, LINK, Next, RECORD, Scan, head_at, longest_head, put_frame};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

pub use write::{Part, Writer};

const MAGIC: &[u8] = b"levada author file v1\n";
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
    /// It does not hold the head that the store says it followed: another copy was put in its place.
    #[error("{path}: no head ends at byte {offset}, where one was written", path = path.display())]
    StaleMark {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// Something that the file has no room for, or a head of another feed: it could not be read again.
    #[error("{path}: this cannot be appended", path = path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged before its end.
    #[error("{path}: damaged at byte {offset}; nothing is signed until it is put back from a backup", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The longest head that stands behind. Without one the beginning is damaged, and nothing tells what was signed.
        head: Option<Box<Head>>,
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
    /// In place of a record whose bytes were not to be had: its link hash.
    Link(Hash),
}

/// The open file.
#[derive(Debug)]
pub struct AuthorFile {
    path: PathBuf,
    feed: FeedKey,
    file: File,
    end: u64,
    is_poisoned: bool,
    /// Memory of the last append, empty again.
    spare: Vec<u8>,
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

impl AuthorFile {
    /// Makes the file of a new feed.
    ///
    /// # Errors
    /// Those of the file system; never overwrites.
    pub fn create(path: &Path, feed: &FeedKey) -> Result<Self, AuthorError> {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, HEADER, &header(feed));
        // Under its name only when whole: a file without its header would be nobody's for ever.
        let file =
            whole::create(path, &bytes, 0o600).map_err(failed(path, "making the author's file"))?;
        let end = u64::try_from(bytes.len()).unwrap_or(0);
        Ok(Self {
            path: path.to_owned(),
            feed: *feed,
            file,
            end,
            is_poisoned: false,
            spare: Vec::new(),
        })
    }

    /// Opens the file and replays what follows `from`, or all of it. An incomplete end after the last valid head is left
    /// out, and cut off by the next append; damage before a valid head is never touched.
    ///
    /// # Errors
    /// See `AuthorError`. `visit` has seen nothing then, unless a head in the middle is of another feed.
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
            Next::Frame(HEADER) => return Err(foreign()),
            // No header at all: of a file whose name is that of an own feed this is damage.
            Next::Frame(_) | Next::Torn | Next::End => {
                let head = longest_head(path, feed, &file, 0, size)?;
                return Err(AuthorError::Damaged {
                    path: path.to_owned(),
                    offset: 0,
                    head: head.map(Box::new),
                });
            }
        }
        let body = scan.offset;
        let start = from.map_or(body, |mark| mark.offset);
        if let Some(mark) = from
            && head_at(path, feed, &file, mark, body)?.is_none()
        {
            return Err(AuthorError::StaleMark {
                path: path.to_owned(),
                offset: start,
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
            && let Some(head) = longest_head(path, feed, &file, offset, size)?
        {
            return Err(AuthorError::Damaged {
                path: path.to_owned(),
                offset,
                head: Some(Box::new(head)),
            });
        }
        // What was written but not synced before a crash is in memory only, and its heads are about to leave the process.
        fault::sync_data(path, &file).map_err(failed(path, "syncing"))?;
        if !give(Scan::at(path, feed, &file, start)?, feed, last, visit)? {
            return Err(foreign());
        }
        Ok(Self {
            path: path.to_owned(),
            feed: *feed,
            file,
            end: last,
            is_poisoned: false,
            spare: Vec::new(),
        })
    }

    /// The head that a mark speaks of, if one ends where it says. A file that was put back from a backup has other ends, or
    /// other heads there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn head_at(path: &Path, feed: &FeedKey, mark: Mark) -> Result<Option<Head>, AuthorError> {
        let file = File::open(path).map_err(failed(path, "opening"))?;
        head_at(path, feed, &file, mark, 0)
    }
}

/// Second pass: gives what the last head covers. Says whether all of it is this feed's.
fn give(
    mut scan: Scan<'_>,
    feed: &FeedKey,
    last: u64,
    visit: &mut dyn FnMut(Frame<'_>),
) -> Result<bool, AuthorError> {
    while scan.offset < last {
        match scan.next()? {
            Next::Frame(RECORD) => visit(Frame::Record(&scan.payload)),
            Next::Frame(BLOB) => visit(Frame::Blob(&scan.payload)),
            Next::Frame(LINK) => {
                let Some(link) = Hash::from_slice(&scan.payload) else {
                    return Ok(false);
                };
                visit(Frame::Link(link));
            }
            Next::Frame(HEAD) => {
                let Ok(head) = Head::check_of(feed, &scan.payload) else {
                    return Ok(false);
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
    Ok(true)
}
