//! The stored hash list of a feed, as proofs are made from it: leaves, and chaining values above them.

use super::{Disk, Known, key};
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::tree::{Changed, Node, Pieces};

/// The stored hash list of one feed.
pub struct ListPieces<'a> {
    pub(super) disk: &'a Disk,
    pub(super) number: Option<u32>,
}

impl Pieces for ListPieces<'_> {
    type Error = StoreError;

    fn node(&self, node: Node) -> Result<Option<Hash>, StoreError> {
        let Some(number) = self.number else {
            return Ok(None);
        };
        let stored = self.disk.nodes.get(node_key(number, node))?;
        Ok(stored.as_deref().and_then(Hash::from_slice))
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(number) = self.number else {
            return Ok(None);
        };
        Ok(self
            .disk
            .leaves
            .get(key(number, index))?
            .map(|leaf| leaf.to_vec()))
    }
}

impl Disk {
    /// Gives a feed a number in a store that holds pieces of lists alone.
    pub(super) fn make_room_for(&self, feed: &FeedKey) {
        let mut known = self.known();
        let number = u32::try_from(known.len()).unwrap_or(u32::MAX);
        known.entry(*feed).or_insert_with(|| Known {
            number,
            head: None,
            held: Runs::new(),
        });
    }

    /// Writes pieces of a feed's list over what is there.
    pub(super) fn put_pieces(&self, feed: &FeedKey, pieces: Changed) -> Result<(), StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(());
        };
        let mut write = self.db.batch();
        for (leaf, bytes) in pieces.leaves {
            write.insert(&self.leaves, key(number, leaf), bytes);
        }
        for (node, hash) in pieces.nodes {
            write.insert(&self.nodes, node_key(number, node), hash.0);
        }
        self.apply(write)
    }
}

pub(super) fn node_key(number: u32, node: Node) -> [u8; 13] {
    let mut bytes = [node.level; 13];
    let (feed, rest) = bytes.split_at_mut(4);
    feed.copy_from_slice(&number.to_be_bytes());
    if let Some(index) = rest.get_mut(1..) {
        index.copy_from_slice(&node.index.to_be_bytes());
    }
    bytes
}
