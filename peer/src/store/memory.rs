//! A followed feed in memory: what a disk keeps of it, for the simulation and for tests.

use super::FeedStore;
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::log::{Batch, Memory};
use levada_feed::tree::{Node, Pieces};
use std::convert::Infallible;

/// A followed feed in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryFeed {
    /// Head, records and hash list; may be lost.
    pub store: Memory,
    /// The plain file with the highest head.
    pub remembered: Option<Head>,
    /// The plain file with the proof.
    pub fork: Option<ForkProof>,
}

impl Pieces for MemoryFeed {
    type Error = Infallible;

    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        self.store.node(node)
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        self.store.leaf(index)
    }
}

impl FeedStore for MemoryFeed {
    fn head(&self) -> Result<Option<Head>, Infallible> {
        Ok(self.store.head().cloned())
    }

    fn remembered(&self) -> Option<Head> {
        self.remembered.clone()
    }

    fn fork(&self) -> Result<Option<ForkProof>, Infallible> {
        Ok(self.fork.clone())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), Infallible> {
        self.store.commit(batch);
        let known = self.remembered.as_ref().map(|head| head.body().length);
        if let Some(head) = batch.head()
            && known.is_none_or(|length| length <= head.body().length)
        {
            self.remembered = Some(head.clone());
        }
        Ok(())
    }

    fn keep_fork(&mut self, proof: &ForkProof) -> Result<bool, Infallible> {
        let is_new = self.fork.is_none();
        self.fork.get_or_insert_with(|| proof.clone());
        Ok(is_new)
    }
}
