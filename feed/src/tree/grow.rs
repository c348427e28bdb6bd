//! A hash list that grows: O(log n) in memory, its root at any time.

use super::tile::find_node;
use super::{Node, Pieces, STORED_LEVEL, parent_hash, subtree_hash};
use crate::hash::Hash;
use crate::limits::{HASH_BYTES, LIST_LEAF_BYTES, LIST_LEAF_HASHES};

/// Hashes in one block: the smallest subtree whose chaining value is stored, hashed in one go.
const BLOCK_HASHES: u64 = LIST_LEAF_HASHES << STORED_LEVEL;

/// What changed in a list since it was last asked.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// Leaves that grew, in their newest state.
    pub leaves: Vec<(u64, Vec<u8>)>,
    /// Complete subtrees, from `STORED_LEVEL` up.
    pub nodes: Vec<(Node, Hash)>,
}

/// A growing hash list.
#[derive(Clone, Debug, Default)]
pub struct GrowingList {
    length: u64,
    /// Chaining values of the complete subtrees left of the tail, the largest first.
    frontier: Vec<Hash>,
    /// The last block: at least one hash of a list that is not empty, at most a whole block. It is hashed only when
    /// another hash follows, because only then it is sure not to be the right edge of the tree.
    tail: Vec<u8>,
    /// Hashes of the tail that were taken by `take_changed`.
    taken: u64,
    changed: Changed,
}

impl GrowingList {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A list of `length` hashes, from its stored pieces. `None` when some are missing.
    ///
    /// # Errors
    /// Those of the pieces.
    pub fn open<P: Pieces>(pieces: &P, length: u64) -> Result<Option<Self>, P::Error> {
        let mut list = Self {
            length,
            ..Self::default()
        };
        let blocks = length.saturating_sub(1) / BLOCK_HASHES;
        for level in (0..u8::BITS * 8)
            .rev()
            .filter(|level| blocks >> level & 1 == 1)
        {
            let Ok(height) = u8::try_from(level) else {
                return Ok(None);
            };
            // The subtree of 2^level blocks that ends where the larger ones before it and itself end.
            let node = Node {
                level: height + STORED_LEVEL,
                index: (blocks >> level) - 1,
            };
            let Some(hash) = find_node(pieces, node)? else {
                return Ok(None);
            };
            list.frontier.push(hash);
        }
        let start = blocks * BLOCK_HASHES;
        for leaf in start / LIST_LEAF_HASHES..length.div_ceil(LIST_LEAF_HASHES) {
            let hashes = (length - leaf * LIST_LEAF_HASHES).min(LIST_LEAF_HASHES);
            let wanted = usize::try_from(hashes).unwrap_or(0) * HASH_BYTES;
            let held = pieces.leaf(leaf)?;
            let Some(bytes) = held.as_deref().and_then(|held| held.get(..wanted)) else {
                return Ok(None);
            };
            list.tail.extend_from_slice(bytes);
        }
        list.taken = length - start;
        Ok(Some(list))
    }

    /// Number of hashes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds a hash.
    pub fn push(&mut self, hash: Hash) {
        if self.tail.len() >= usize::try_from(BLOCK_HASHES).unwrap_or(0) * HASH_BYTES {
            self.finish_block();
        }
        self.tail.extend_from_slice(&hash.0);
        self.length += 1;
    }

    fn finish_block(&mut self) {
        self.save_leaves();
        let mut node = Node {
            level: STORED_LEVEL,
            index: self.length / BLOCK_HASHES - 1,
        };
        let mut hash = subtree_hash(node.index * BLOCK_HASHES * 32, &self.tail);
        self.changed.nodes.push((node, hash));
        // As in a binary counter: a finished subtree joins its finished left neighbour of the same size.
        while node.index % 2 == 1 {
            let Some(left) = self.frontier.pop() else {
                break;
            };
            hash = parent_hash(&left, &hash, false);
            node = Node {
                level: node.level + 1,
                index: node.index / 2,
            };
            self.changed.nodes.push((node, hash));
        }
        self.frontier.push(hash);
        self.tail.clear();
        self.taken = 0;
    }

    /// Hash of the whole list.
    #[must_use]
    pub fn root(&self) -> Hash {
        if self.frontier.is_empty() {
            return Hash::of(&self.tail);
        }
        let start = self.length.saturating_sub(1) / BLOCK_HASHES * BLOCK_HASHES;
        let mut hash = subtree_hash(start * 32, &self.tail);
        for (nth, left) in self.frontier.iter().enumerate().rev() {
            hash = parent_hash(left, &hash, nth == 0);
        }
        hash
    }

    /// What changed since the last call.
    #[must_use]
    pub fn take_changed(&mut self) -> Changed {
        self.save_leaves();
        std::mem::take(&mut self.changed)
    }

    /// Notes the leaves of the tail that grew since they were last noted.
    fn save_leaves(&mut self) {
        let start = (self.length.saturating_sub(1)) / BLOCK_HASHES * BLOCK_HASHES;
        let first = self.taken / LIST_LEAF_HASHES;
        let leaf_bytes = usize::try_from(LIST_LEAF_BYTES).unwrap_or(1);
        let skip = usize::try_from(first).unwrap_or(0);
        for (leaf, bytes) in self
            .tail
            .chunks(leaf_bytes)
            .zip(0..)
            .skip(skip)
            .map(|(bytes, leaf)| (leaf, bytes))
        {
            let grown =
                leaf * LIST_LEAF_HASHES + u64::try_from(bytes.len()).unwrap_or(0) / 32 > self.taken;
            if grown {
                self.changed
                    .leaves
                    .push((start / LIST_LEAF_HASHES + leaf, bytes.to_vec()));
            }
        }
        self.taken = self.length - start;
    }
}
