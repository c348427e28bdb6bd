//! The store of one followed feed while an answer about it is judged: the disk, and the plain files beside it.
//!
//! Two answers about one feed are never judged at a time. Both would be held against the same old head, and of two
//! histories of one author both would be believed.

use super::Node;
use crate::io::disk::ListPieces;
use crate::store::{FeedStore, StoreError};
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::log::Batch;
use levada_feed::tree::Pieces;
use std::sync::{Mutex, PoisonError};

/// Locks for all feeds together: enough that few feeds wait for each other.
const LOCKS: usize = 64;

/// Locks of feeds, by the first byte of the key.
pub(super) struct Judging([Mutex<()>; LOCKS]);

impl Default for Judging {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

/// What is kept of one followed feed.
pub(super) struct StoredFeed<'a> {
    node: &'a Node,
    feed: FeedKey,
    pieces: ListPieces<'a>,
}

impl Node {
    /// Keeps a fork proof and tells whoever watches the feed here; says whether it is new. One that cannot be written counts
    /// until this process ends, so it is told too.
    pub(super) fn keep_fork(&self, proof: &ForkProof) -> Result<bool, StoreError> {
        let kept = self.evidence.put_fork(proof);
        if !matches!(kept, Ok(false)) {
            self.news.evidence(&proof.longer().body().feed);
        }
        kept
    }

    /// Whether a fork of a feed is known. A damaged proof says that one is: nobody writes the file without.
    pub(super) fn is_disputed(&self, feed: &FeedKey) -> Result<bool, StoreError> {
        match self.evidence.fork(feed) {
            Err(StoreError::Damaged { .. }) => Ok(true),
            proof => Ok(proof?.is_some()),
        }
    }

    /// Judges while nobody else writes this feed. Blocks.
    pub(super) fn judging<T>(
        &self,
        feed: &FeedKey,
        judge: impl FnOnce(&mut StoredFeed<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let [first, ..] = *feed.as_bytes();
        let lock = self.judging.0.get(usize::from(first) % LOCKS);
        // It guards no value, so a panic under it leaves nothing half done in memory.
        let _held = lock.map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        judge(&mut StoredFeed {
            node: self,
            feed: *feed,
            pieces: self.disk.pieces(feed),
        })
    }
}

impl Pieces for StoredFeed<'_> {
    type Error = StoreError;

    fn node(&self, node: levada_feed::tree::Node) -> Result<Option<Hash>, StoreError> {
        self.pieces.node(node)
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.pieces.leaf(index)
    }
}

impl FeedStore for StoredFeed<'_> {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        let head = self.node.disk.head(&self.feed)?;
        Ok(head.map(|head| head.as_ref().clone()))
    }

    fn remembered(&self) -> Option<Head> {
        self.node.remembered(&self.feed)
    }

    fn fork(&self) -> Result<Option<ForkProof>, StoreError> {
        self.node.evidence.fork(&self.feed)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.node.disk.commit(batch)?;
        self.node.remember_head(batch.head())
    }

    fn keep_fork(&mut self, proof: &ForkProof) -> Result<bool, StoreError> {
        self.node.keep_fork(proof)
    }
}
