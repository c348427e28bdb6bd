//! What follows from kept records, written in the same batch as they: which of them name a blob, which edit an item, which
//! items were retracted since when. Dropping a record takes its part away again in one batch (`drop`).
//!
//! A count that a crash or a second delivery could put wrong is not kept: each use is an entry of its own, so that writing
//! it twice changes nothing. Everything here is made again when the records are.
//!
//! Keys begin with a letter: `u` blob, feed, record; `e` feed, item, edit; `d` time, feed, item; `a` feed, item; `g` feed;
//! `x` blob. Numbers are big-endian.

#[cfg(test)]
mod tests;

use super::{Disk, key};
use crate::io::clock;
use crate::runs::Runs;
use crate::store::StoreError;
use fjall::OwnedWriteBatch;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;

/// An item that was retracted, and since when this is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Unix milliseconds.
    pub since: u64,
    /// The feed.
    pub feed: FeedKey,
    /// Index of its first record.
    pub index: u64,
}

fn use_key(hash: &Hash, number: u32, index: u64) -> Vec<u8> {
    [b"u", hash.0.as_slice(), &key(number, index)].concat()
}

fn edit_key(number: u32, item: u64, edit: u64) -> Vec<u8> {
    [b"e", key(number, item).as_slice(), &edit.to_be_bytes()].concat()
}

fn due_key(since: u64, number: u32, item: u64) -> Vec<u8> {
    [b"d", since.to_be_bytes().as_slice(), &key(number, item)].concat()
}

fn spared_key(number: u32, item: u64) -> Vec<u8> {
    [b"a", key(number, item).as_slice()].concat()
}

fn gone_key(number: u32) -> Vec<u8> {
    [b"g", number.to_be_bytes().as_slice()].concat()
}

fn loose_key(hash: &Hash) -> Vec<u8> {
    [b"x", hash.0.as_slice()].concat()
}

/// A number of eight bytes in a key.
fn number_at(key: &[u8], at: usize) -> Option<u64> {
    key.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// A feed's number in a key.
fn feed_at(key: &[u8], at: usize) -> Option<u32> {
    key.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

impl Disk {
    pub(super) fn name_blobs(
        &self,
        write: &mut OwnedWriteBatch,
        number: u32,
        index: u64,
        blobs: &[Hash],
    ) {
        for hash in blobs {
            write.insert(&self.uses, use_key(hash, number, index), []);
        }
    }

    /// A record goes: what it alone named may go too, which `loose` tells.
    pub(super) fn unname_blobs(
        &self,
        write: &mut OwnedWriteBatch,
        number: u32,
        index: u64,
        blobs: &[Hash],
    ) {
        for hash in blobs {
            write.remove(&self.uses, use_key(hash, number, index));
            write.insert(&self.uses, loose_key(hash), []);
        }
    }

    pub(super) fn name_edit(
        &self,
        write: &mut OwnedWriteBatch,
        number: u32,
        item: u64,
        edit: u64,
        link: &Hash,
    ) {
        write.insert(&self.uses, edit_key(number, item, edit), link.0);
    }

    pub(super) fn call_due(&self, write: &mut OwnedWriteBatch, number: u32, item: u64) {
        write.insert(&self.uses, due_key(clock::now_ms(), number, item), []);
    }

    /// Whether any kept record names a blob.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_named(&self, hash: &Hash) -> Result<bool, StoreError> {
        let prefix = [b"u", hash.0.as_slice()].concat();
        match self.uses.prefix(prefix).next() {
            Some(entry) => entry.key().map(|_| true).map_err(StoreError::from),
            None => Ok(false),
        }
    }

    /// Whether a kept record of this feed names a blob.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_named_by(&self, hash: &Hash, feed: &FeedKey) -> Result<bool, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(false);
        };
        let prefix = [b"u", hash.0.as_slice(), &number.to_be_bytes()].concat();
        match self.uses.prefix(prefix).next() {
            Some(entry) => entry.key().map(|_| true).map_err(StoreError::from),
            None => Ok(false),
        }
    }

    /// The kept records that name a blob, until `visit` says to stop.
    ///
    /// # Errors
    /// Those of the database.
    pub fn named_by(
        &self,
        hash: &Hash,
        visit: &mut dyn FnMut(FeedKey, u64) -> bool,
    ) -> Result<(), StoreError> {
        let feeds = self.by_number();
        for entry in self.uses.prefix([b"u", hash.0.as_slice()].concat()) {
            let name = entry.key()?;
            let feed = feed_at(&name, 33).and_then(|number| feeds.get(&number));
            let (Some(feed), Some(index)) = (feed, number_at(&name, 37)) else {
                return Err(self.damaged("a use of a blob"));
            };
            if !visit(*feed, index) {
                break;
            }
        }
        Ok(())
    }

    fn by_number(&self) -> BTreeMap<u32, FeedKey> {
        let known = self.known();
        known
            .iter()
            .map(|(feed, known)| (known.number, *feed))
            .collect()
    }

    /// Edits that name an item, oldest first, each with the link hash that it names, until `visit` says to stop.
    ///
    /// # Errors
    /// Those of the database.
    pub fn edits(
        &self,
        feed: &FeedKey,
        item: u64,
        visit: &mut dyn FnMut(u64, Hash) -> bool,
    ) -> Result<(), StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(());
        };
        for entry in self
            .uses
            .prefix([b"e", key(number, item).as_slice()].concat())
        {
            let (name, value) = entry.into_inner()?;
            let (Some(edit), Some(link)) = (number_at(&name, 13), Hash::from_slice(&value)) else {
                return Err(self.damaged("an edit of an item"));
            };
            if !visit(edit, link) {
                break;
            }
        }
        Ok(())
    }

    /// Retractions known since before a time, oldest first, some at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn due(&self, before_ms: u64, most: usize) -> Result<Vec<Due>, StoreError> {
        let feeds = self.by_number();
        let mut due = Vec::new();
        let until = [b"d", before_ms.to_be_bytes().as_slice()].concat();
        for entry in self.uses.range(b"d".to_vec()..until).take(most) {
            let name = entry.key()?;
            let feed = feed_at(&name, 9).and_then(|number| feeds.get(&number));
            let (Some(since), Some(feed), Some(index)) =
                (number_at(&name, 1), feed, number_at(&name, 13))
            else {
                return Err(self.damaged("a retraction that is due"));
            };
            due.push(Due {
                since,
                feed: *feed,
                index,
            });
        }
        Ok(due)
    }

    /// A retraction is no longer due at that time: settled, or due anew from a later one on.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settle_due(&self, due: &Due, again: Option<u64>) -> Result<(), StoreError> {
        let Some(number) = self.number(&due.feed) else {
            return Ok(());
        };
        let mut write = self.db.batch();
        write.remove(&self.uses, due_key(due.since, number, due.index));
        if let Some(since) = again {
            write.insert(&self.uses, due_key(since, number, due.index), []);
        }
        self.apply(write)
    }

    /// A retracted item stays until a person says otherwise.
    ///
    /// # Errors
    /// Those of the database.
    pub fn spare(&self, due: &Due) -> Result<(), StoreError> {
        let Some(number) = self.number(&due.feed) else {
            return Ok(());
        };
        let mut write = self.db.batch();
        write.remove(&self.uses, due_key(due.since, number, due.index));
        write.insert(
            &self.uses,
            spared_key(number, due.index),
            due.since.to_be_bytes(),
        );
        self.apply(write)
    }

    /// Retracted items that stay until a person says otherwise; of one feed or of all, some at most.
    ///
    /// # Errors
    /// Those of the database.
    pub fn spared(&self, feed: Option<&FeedKey>, most: usize) -> Result<Vec<Due>, StoreError> {
        let feeds = self.by_number();
        let mut prefix = b"a".to_vec();
        if let Some(feed) = feed {
            let Some(number) = self.number(feed) else {
                return Ok(Vec::new());
            };
            prefix.extend_from_slice(&number.to_be_bytes());
        }
        let mut spared = Vec::new();
        for entry in self.uses.prefix(prefix).take(most) {
            let (name, value) = entry.into_inner()?;
            let feed = feed_at(&name, 1).and_then(|number| feeds.get(&number));
            let (Some(feed), Some(index), Some(since)) =
                (feed, number_at(&name, 5), number_at(&value, 0))
            else {
                return Err(self.damaged("a retraction that is spared"));
            };
            spared.push(Due {
                since,
                feed: *feed,
                index,
            });
        }
        Ok(spared)
    }

    /// An item is spared no more: settled, or due since it was retracted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn unspare(&self, feed: &FeedKey, item: u64, due: Option<u64>) -> Result<(), StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(());
        };
        let mut write = self.db.batch();
        write.remove(&self.uses, spared_key(number, item));
        if let Some(since) = due {
            write.insert(&self.uses, due_key(since, number, item), []);
        }
        self.apply(write)
    }

    /// Records that were dropped because they were retracted: they are not asked for again.
    ///
    /// # Errors
    /// Those of the database.
    pub fn gone(&self, feed: &FeedKey) -> Result<Runs, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(Runs::new());
        };
        let stored = self.uses.get(gone_key(number))?;
        let runs = stored.map(|bytes| Runs::from_note(&bytes));
        runs.unwrap_or_else(|| Some(Runs::new()))
            .ok_or_else(|| self.damaged("its list of retracted records"))
    }

    pub(super) fn write_gone(&self, write: &mut OwnedWriteBatch, number: u32, gone: &Runs) {
        write.insert(&self.uses, gone_key(number), gone.to_note());
    }

    /// What the rules above hold of one feed, as prefixes.
    pub(super) fn uses_of(&self, number: u32) -> [Vec<u8>; 3] {
        let number = number.to_be_bytes();
        [b"e", b"a", b"g"].map(|letter| [letter.as_slice(), &number].concat())
    }

    /// Blobs that a dropped record named, some at most: perhaps nothing names them any more.
    ///
    /// # Errors
    /// Those of the database.
    pub fn loose(&self, most: usize) -> Result<Vec<Hash>, StoreError> {
        let mut loose = Vec::new();
        for entry in self.uses.prefix(b"x").take(most) {
            let name = entry.key()?;
            let hash = name.get(1..).and_then(Hash::from_slice);
            loose.push(hash.ok_or_else(|| self.damaged("a blob that may go"))?);
        }
        Ok(loose)
    }

    /// These blobs were looked at.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settle_loose(&self, hashes: &[Hash]) -> Result<(), StoreError> {
        let mut write = self.db.batch();
        for hash in hashes {
            write.remove(&self.uses, loose_key(hash));
        }
        self.apply(write)
    }
}
