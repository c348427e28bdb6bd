//! What a node keeps, as values: rows of the index, and how a disk fails.
//!
//! The disk itself is `io::disk` and `io::blobs`. Nothing here does I/O.

use levada_feed::hash::Hash;
use std::path::{Path, PathBuf};

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
