//! A checked batch gets in: its head, with everything that it covers, in one write.

use super::{Disk, Known, key, pieces, rows};
use crate::io::clock;
use crate::query::Change;
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::log::Batch;
use levada_feed::tree::Node;
use std::sync::Arc;

impl Disk {
    /// Writes a batch: all of it or, after a crash, nothing. Gives the blobs that its records name.
    ///
    /// # Errors
    /// Those of the database; the store is as before.
    pub fn commit(&self, batch: &Batch) -> Result<Vec<Hash>, StoreError> {
        self.commit_read(batch, rows::changes_of(batch.records()))
    }

    /// The same, when what each record changes is known already.
    ///
    /// # Errors
    /// As `commit`.
    pub fn commit_read(
        &self,
        batch: &Batch,
        changes: Vec<Change>,
    ) -> Result<Vec<Hash>, StoreError> {
        let mut known = self.known();
        let next = u32::try_from(known.len()).map_err(|_| self.damaged("its list of feeds"))?;
        let fresh = || Known {
            number: next,
            head: None,
            held: Runs::new(),
        };
        let mut state = known.get(batch.feed()).cloned().unwrap_or_else(fresh);
        let number = state.number;
        let mut write = self.db.batch();
        for (leaf, bytes) in batch.leaves() {
            let key = key(number, *leaf);
            // A leaf only grows: a shorter one is of an older head. One that cannot be read is written again.
            let held = self.leaves.get(key).unwrap_or(None);
            if held.is_none_or(|held| held.len() < bytes.len()) {
                write.insert(&self.leaves, key, bytes.as_slice());
            }
        }
        for (node, hash) in batch.nodes() {
            if self.is_worth_keeping(number, *node) {
                write.insert(&self.nodes, pieces::node_key(number, *node), hash.0);
            }
        }
        for run in batch
            .records()
            .chunk_by(|(one, _), (next, _)| one + 1 == *next)
        {
            if let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) {
                state.held.insert(*first..last + 1);
            }
        }
        if let Some(head) = batch.head() {
            let name = key(number, head.body().length);
            write.insert(&self.heads, name, head.wire());
            if !self.seen.contains_key(name)? {
                write.insert(&self.seen, name, clock::now_ms().to_be_bytes());
            }
            if state.head.is_none() {
                state.head = self.stored_head(batch.feed(), number)?;
            }
            // Two syncs of one feed may end in any order: the highest head stays the highest.
            if state
                .head
                .as_ref()
                .is_none_or(|known| known.body().length <= head.body().length)
            {
                state.head = Some(Arc::new(head.clone()));
            }
        }
        let read = (batch.records(), changes);
        let named = self.write_rows(&mut write, number, read, batch.leaves())?;
        let none = Runs::new();
        let before = known.get(batch.feed()).map(|known| &known.held);
        let is_stored = before.is_some();
        if !is_stored {
            self.write_number(&mut write, batch.feed(), number);
        }
        let before = before.unwrap_or(&none);
        self.write_held(&mut write, batch.feed(), before, &state.held);
        self.write_records(&mut write, (number, is_stored), batch.records())?;
        self.apply(write)?;
        known.insert(*batch.feed(), state);
        Ok(named)
    }

    /// Chaining values below 16 KiB are hashed again when asked for, if their leaves are held.
    fn is_worth_keeping(&self, number: u32, node: Node) -> bool {
        if node.level >= levada_feed::tree::STORED_LEVEL {
            return true;
        }
        let mut leaves = node.index << node.level..(node.index + 1) << node.level;
        leaves.any(|leaf| !self.leaves.contains_key(key(number, leaf)).unwrap_or(false))
    }
}
