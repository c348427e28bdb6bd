//! For tests: makes what is stored wrong, as a disk does.

use super::{Disk, key};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;

impl Disk {
    /// Makes the bytes of a record wrong, as a disk does.
    pub(crate) fn spoil_record(&self, feed: &FeedKey, index: u64) {
        let name = key(self.number(feed).unwrap(), index);
        let mut bytes = self.records.get(&name).unwrap().unwrap().to_vec();
        bytes.reverse();
        let mut write = self.db.batch();
        self.records.put(&mut write, name, &bytes);
        self.apply(write).unwrap();
    }

    /// Makes a leaf of the list wrong.
    pub(crate) fn spoil_leaf(&self, feed: &FeedKey, leaf: u64) {
        let name = key(self.number(feed).unwrap(), leaf);
        let mut bytes = self.leaves.get(name).unwrap().unwrap().to_vec();
        bytes[40] ^= 1;
        self.leaves.insert(name, bytes).unwrap();
    }

    /// Makes a small blob wrong.
    pub(crate) fn spoil_small(&self, hash: &Hash) {
        self.small.insert(hash.0, b"wrong").unwrap();
    }

    /// Loses all rows of the index.
    pub(crate) fn lose_rows(&self, feed: &FeedKey) {
        let number = self.number(feed).unwrap();
        for rows in [&self.rows, &self.bare] {
            self.remove_all(rows, rows.prefix(number.to_be_bytes()))
                .unwrap();
        }
    }
}
