//! What is dropped of a feed: the bytes of records, or everything.

use super::{Disk, key};
use crate::store::StoreError;
use fjall::{Iter, Keyspace};
use levada_feed::key::FeedKey;
use std::ops::Range;

/// Entries removed in one write.
const REMOVED_AT_ONCE: usize = 10_000;

impl Disk {
    /// Drops the bytes of records; their link hashes stay, so everything else still verifies.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_records(&self, feed: &FeedKey, range: Range<u64>) -> Result<(), StoreError> {
        let mut known = self.known();
        let Some(state) = known.get_mut(feed) else {
            return Ok(());
        };
        let mut held = state.held.clone();
        held.remove(range.clone());
        let mut value = state.number.to_be_bytes().to_vec();
        value.extend_from_slice(&held.to_bytes());
        // First that they are not held: what a crash leaves of them costs room, and is asked for again.
        self.feeds.insert(feed.as_bytes(), value)?;
        state.held = held;
        let records = key(state.number, range.start)..key(state.number, range.end);
        self.remove_all(&self.records, self.records.range(records))
    }

    /// Removes entries, some thousands in one write.
    pub(super) fn remove_all(&self, keyspace: &Keyspace, entries: Iter) -> Result<(), StoreError> {
        let mut write = self.db.batch();
        for entry in entries {
            write.remove(keyspace, entry.key()?);
            if write.len() >= REMOVED_AT_ONCE {
                std::mem::replace(&mut write, self.db.batch()).commit()?;
            }
        }
        Ok(write.commit()?)
    }

    /// Forgets everything of a feed. Its highest head is remembered elsewhere, in a plain file.
    ///
    /// # Errors
    /// Those of the database.
    pub fn purge(&self, feed: &FeedKey) -> Result<(), StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(());
        };
        self.drop_records(feed, 0..u64::MAX)?;
        for keyspace in [
            &self.heads,
            &self.seen,
            &self.leaves,
            &self.nodes,
            &self.rows,
        ] {
            self.remove_all(keyspace, keyspace.prefix(number.to_be_bytes()))?;
        }
        // Its number stays taken: another feed must not find what a crash may have left.
        if let Some(state) = self.known().get_mut(feed) {
            state.head = None;
        }
        Ok(())
    }
}
