//! A feed in memory: what batches wrote, and the answers that can be made of it.
//!
//! For feeds that are small, and for tests. A disk does the same with the same rules: a leaf only grows, and the highest
//! head stays the highest, in whatever order batches come.

use super::Batch;
use crate::bundle::{self, Slot};
use crate::chain;
use crate::hash::Hash;
use crate::head::Head;
use crate::tree::{Node, Pieces};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

/// A feed in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub(super) head: Option<Head>,
    pub(super) records: BTreeMap<u64, Vec<u8>>,
    pub(super) leaves: BTreeMap<u64, Vec<u8>>,
    pub(super) nodes: BTreeMap<Node, Hash>,
}

impl Memory {
    /// Writes a batch.
    pub fn commit(&mut self, batch: &Batch) {
        self.records.extend(batch.records().iter().cloned());
        self.nodes.extend(batch.nodes().iter().copied());
        for (index, leaf) in batch.leaves() {
            let held = self.leaves.entry(*index).or_default();
            if held.len() < leaf.len() {
                held.clone_from(leaf);
            }
        }
        if let Some(head) = batch.head()
            && head.body().length >= self.length()
        {
            self.head = Some(head.clone());
        }
    }

    /// The highest head.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Records that the highest head covers; 0 without one.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.body().length)
    }

    /// The records that are held, by index.
    #[must_use]
    pub fn records(&self) -> &BTreeMap<u64, Vec<u8>> {
        &self.records
    }

    /// The same feed without these records; their hashes stay, so that everything else can still be proven.
    #[must_use]
    pub fn without_records(&self, range: Range<u64>) -> Self {
        let mut rest = self.clone();
        rest.records.retain(|index, _| !range.contains(index));
        rest
    }

    /// The answer to `head?have=`. `None` without a head, or without what proves it.
    #[must_use]
    pub fn head_answer(&self, have: u64) -> Option<Vec<u8>> {
        let Ok(answer) = chain::prove_head(self.head.as_ref()?, have, self);
        answer
    }

    /// A bundle of these records under the highest head, as far as their hashes are known; what is not held is withheld.
    #[must_use]
    pub fn bundle(&self, range: Range<u64>) -> Option<Vec<u8>> {
        self.bundle_at(self.head.as_ref()?, range)
    }

    /// The same under another head of this list.
    #[must_use]
    pub fn bundle_at(&self, head: &Head, range: Range<u64>) -> Option<Vec<u8>> {
        let end = range.end.min(head.body().length);
        let slot = |index| match self.records.get(&index) {
            Some(record) => Some(Slot::Record(record)),
            None => {
                let Ok(hash) = chain::hash_at(self, index);
                hash.map(Slot::Withheld)
            }
        };
        let slots: Vec<Slot<'_>> = (range.start..end).map_while(slot).collect();
        let Ok(bundle) = bundle::prove(head, range.start, &slots, self);
        bundle
    }
}

impl Pieces for Memory {
    type Error = Infallible;

    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}
