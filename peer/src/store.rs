//! What a node keeps, as values: the store of one feed, rows of the index, and how a disk fails.
//!
//! The disk itself is `io::disk` and `io::blobs`; its twin in memory is `MemoryFeed`. Nothing here does I/O.

mod memory;

use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::log::Batch;
use levada_feed::tree::Pieces;
use std::path::{Path, PathBuf};

pub use memory::MemoryFeed;

/// What the system says when the disk itself cannot read a place.
const EIO: i32 = 5;

/// Our disk failed or lies. Stop writing, keep what was durable, tell the operator.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("{path}: {doing}: {source}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, in words: `writing`.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("the store failed: {0}")]
    Database(String),
    /// Something stored does not check.
    #[error("{path} is damaged: {what}", path = path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Not enough room, by the file system or by quota.
    #[error("{path}: {needed} bytes are needed and {free} are free", path = path.display())]
    NoSpace {
        /// Where.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
}

impl StoreError {
    /// For `map_err`: a file operation that failed.
    pub fn file(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            path,
            doing,
            source,
        }
    }

    /// Whether what is stored is wrong or gone, and not only out of reach at this moment.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::File { source, .. } => {
                let is_cut = source.kind() == std::io::ErrorKind::UnexpectedEof;
                is_cut || source.raw_os_error() == Some(EIO)
            }
            _ => false,
        }
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::File { source, .. } => {
                matches!(
                    source.kind(),
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
                )
            }
            _ => false,
        }
    }
}

/// What kind of thing a row of the index stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKind {
    /// A profile.
    Profile,
    /// An item.
    Item,
    /// A collection.
    Collection,
    /// A listing.
    Listing,
    /// A moved.
    Moved,
    /// Anything else: unreadable, needs a newer levada, an unknown kind.
    Other,
}

/// One thing that people see: the newest state of a record that publishes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of its first record: its id within the feed.
    pub index: u64,
    /// Index of the record with its newest state.
    pub newest: u64,
    /// The record that retracts it.
    pub retracted_by: Option<u64>,
    /// It is known to name no files: its record need not be read to look for them.
    pub is_bare: bool,
}

/// What one record changes in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// The record begins a thing of this kind.
    Begin(RowKind),
    /// The record is an edit of the item that began at this index, if that record has this link hash.
    Edit(u64, Hash),
    /// The record retracts what began at this index, if that record has this link hash.
    Retract(u64, Hash),
}

/// What is kept of one followed feed: by a disk, or in memory. What is judged against it is judged by `judge`.
pub trait FeedStore: Pieces {
    /// The highest head that was verified.
    ///
    /// # Errors
    /// The disk's.
    fn head(&self) -> Result<Option<Head>, Self::Error>;

    /// The highest head that was ever verified, also when the store was lost since.
    fn remembered(&self) -> Option<Head>;

    /// The proof that the author signed two histories, if one is kept.
    ///
    /// # Errors
    /// The disk's.
    fn fork(&self) -> Result<Option<ForkProof>, Self::Error>;

    /// Writes a batch, remembers its head, and tells who waits for news.
    ///
    /// # Errors
    /// The disk's.
    fn commit(&mut self, batch: &Batch) -> Result<(), Self::Error>;

    /// Keeps a proof, and tells who waits; false when one was kept already.
    ///
    /// # Errors
    /// The disk's.
    fn keep_fork(&mut self, proof: &ForkProof) -> Result<bool, Self::Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_reach_for_a_moment_is_no_damage() {
        let of_system = |code| {
            let source = std::io::Error::from_raw_os_error(code);
            StoreError::file(Path::new("store"), "reading")(source)
        };
        // Too many open files, no memory, and a place that the disk cannot read.
        let found = [24, 12, EIO].map(|code| of_system(code).is_damage());
        assert_eq!(found, [false, false, true]);
        assert!(!StoreError::Database("a write failed before".into()).is_damage());
    }
}
