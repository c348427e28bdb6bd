//! What is dropped of a feed: the bytes of records, or everything.
//!
//! Records go a page at a time, each page in one write with what follows from them (`uses`): after a crash a page is here
//! whole or gone whole.

use super::around::unless_damaged;
use super::{Disk, index_in, key};
use crate::query;
use crate::store::StoreError;
use fjall::{Iter, Keyspace};
use levada_feed::key::FeedKey;
use std::collections::BTreeSet;
use std::ops::Range;

/// Entries removed in one write.
const REMOVED_AT_ONCE: usize = 10_000;
/// Records dropped in one write.
const PAGE_RECORDS: usize = 1_000;

/// What one page came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Bytes of records.
    pub bytes: u64,
    /// Where the next page begins; absent when none is left.
    pub next: Option<u64>,
}

impl Disk {
    /// Drops the bytes of records; their link hashes stay, so everything else still verifies.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_records(&self, feed: &FeedKey, range: Range<u64>) -> Result<(), StoreError> {
        let mut start = range.start;
        while let Some(next) = self.drop_page(feed, start..range.end)?.next {
            start = next;
        }
        Ok(())
    }

    /// Drops the first page of a range.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_page(&self, feed: &FeedKey, range: Range<u64>) -> Result<Dropped, StoreError> {
        let mut known = self.known();
        let mut dropped = Dropped::default();
        let Some(state) = known.get_mut(feed).filter(|_| !range.is_empty()) else {
            return Ok(dropped);
        };
        let number = state.number;
        let mut write = self.db.batch();
        let mut end = range.end;
        let (mut next, mut count) = (range.start, 0);
        let records = self
            .records
            .range(key(number, range.start), key(number, range.end));
        for entry in records {
            let Some((name, bytes)) = unless_damaged(entry.map(Some))? else {
                // What cannot be read is removed unread: what is held of a page, and then what lies behind is looked at.
                let behind = state.held.within(next..range.end);
                let first = behind.iter().next().map_or(range.end, |run| run.start);
                end = range.end.min(first.saturating_add(PAGE_RECORDS as u64));
                for index in behind.within(first..end).iter().flatten() {
                    self.records.remove(&mut write, &key(number, index));
                }
                let later = behind.within(end..range.end);
                dropped.next = later.iter().next().map(|run| run.start);
                break;
            };
            let index = index_in(&name).ok_or_else(|| self.damaged("the key of a record"))?;
            next = index + 1;
            if count == PAGE_RECORDS {
                end = index;
                dropped.next = Some(index);
                break;
            }
            let (_, named) = query::changes(&bytes, index);
            self.unname_blobs(&mut write, number, index, &named);
            dropped.bytes += u64::try_from(bytes.len()).unwrap_or(0);
            count += 1;
            self.records.remove(&mut write, &name);
        }
        let mut held = state.held.clone();
        held.remove(range.start..end);
        if count == 0 && held == state.held {
            return Ok(dropped);
        }
        self.write_held(&mut write, feed, &state.held, &held);
        self.apply(write)?;
        state.held = held;
        Ok(dropped)
    }

    /// Drops records that were retracted, all in one write; they are not asked for again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_retracted(
        &self,
        feed: &FeedKey,
        indexes: &BTreeSet<u64>,
    ) -> Result<(), StoreError> {
        let mut gone = self.gone(feed)?;
        let mut known = self.known();
        let Some(state) = known.get_mut(feed) else {
            return Ok(());
        };
        let number = state.number;
        let mut held = state.held.clone();
        let mut write = self.db.batch();
        for index in indexes.iter().copied() {
            let name = key(number, index);
            if let Ok(Some(bytes)) = self.records.get(&name) {
                let (_, named) = query::changes(&bytes, index);
                self.unname_blobs(&mut write, number, index, &named);
            }
            self.records.remove(&mut write, &name);
            held.remove(index..index + 1);
            gone.insert(index..index + 1);
        }
        self.write_gone(&mut write, number, &gone);
        self.write_held(&mut write, feed, &state.held, &held);
        self.apply(write)?;
        state.held = held;
        Ok(())
    }

    /// Removes entries, some thousands in one write.
    pub(super) fn remove_all(&self, keyspace: &Keyspace, entries: Iter) -> Result<(), StoreError> {
        let mut write = self.db.batch();
        for entry in entries {
            write.remove(keyspace, entry.key()?);
            if write.len() >= REMOVED_AT_ONCE {
                let full = std::mem::replace(&mut write, self.db.batch());
                self.apply(full)?;
            }
        }
        self.apply(write)
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
            &self.bare,
        ] {
            self.remove_all(keyspace, keyspace.prefix(number.to_be_bytes()))?;
        }
        for prefix in self.uses_of(number) {
            self.remove_all(&self.uses, self.uses.prefix(prefix))?;
        }
        // Its number stays taken: another feed must not find what a crash may have left.
        if let Some(state) = self.known().get_mut(feed) {
            state.head = None;
        }
        Ok(())
    }
}
