//! BLAKE3 geometry: which leaves a tree has, which parents a range visits, and hashes of nodes (spec/slice.md).
//!
//! A tree over `bytes` bytes is cut into leaves, 1 KiB for hash lists and 16 KiB for blobs. A left subtree holds the
//! largest power of two of leaves that is less than all. What is proven, grown or imported with it lives in the files
//! below this one; none of them allocates by a size that a stranger claims.

mod blob;
mod grow;
mod proof;
#[cfg(test)]
mod tests;
mod tile;

use crate::hash::Hash;
use crate::limits::{BLOB_BYTES_MAX, BLOB_LEAF_BYTES, HASH_BYTES, LENGTH_MAX, LIST_LEAF_BYTES};
use crate::reject::Reject;
use blake3::hazmat::{self, HasherExt, Mode};
use std::ops::Range;

pub use blob::{LeafVerifier, PIECE_LEAVES, PieceHash, PlacedPair, hash_piece, join_pieces};
pub use grow::{Changed, GrowingList};
pub use proof::{Pieces, Proven, check_pairs, check_slice, prove, root};
pub use tile::{FoldedNode, find_node, fold_nodes, page_hash};

/// Chaining values of complete subtrees of a hash list are stored from this level up: 16 leaves, 16 KiB, 512 hashes.
pub const STORED_LEVEL: u8 = 4;

/// A complete subtree: level 0 is one leaf, and (level, index) covers the leaves from `index << level` to
/// `(index + 1) << level`, all of them whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Height above the leaves.
    pub level: u8,
    /// Which one of its level, from the left.
    pub index: u64,
}

/// The shape of a tree: how many bytes, in leaves of which size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    bytes: u64,
    leaf_size: u64,
}

impl Shape {
    /// Of a hash list of `length` hashes, 2^40 at most; leaves are 1 KiB.
    #[must_use]
    pub fn of_list(length: u64) -> Self {
        Self {
            bytes: length.min(LENGTH_MAX) * 32,
            leaf_size: LIST_LEAF_BYTES,
        }
    }

    /// Of a blob; leaves are 16 KiB.
    ///
    /// # Errors
    /// slice-6 above 2^44 bytes.
    pub fn of_blob(bytes: u64) -> Result<Self, Reject> {
        if bytes > BLOB_BYTES_MAX {
            return Err(Reject::BlobTooLarge { got: bytes });
        }
        Ok(Self {
            bytes,
            leaf_size: BLOB_LEAF_BYTES,
        })
    }

    /// Bytes of the whole.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// Number of leaves: at least one.
    #[must_use]
    pub fn leaves(self) -> u64 {
        self.bytes.div_ceil(self.leaf_size).max(1)
    }

    /// Number of parents: pairs of a full outboard.
    #[must_use]
    pub fn pairs(self) -> u64 {
        self.leaves() - 1
    }

    /// The bytes of one leaf.
    #[must_use]
    pub fn leaf_bytes(self, leaf: u64) -> Range<u64> {
        let start = leaf.saturating_mul(self.leaf_size).min(self.bytes);
        start..start.saturating_add(self.leaf_size).min(self.bytes)
    }

    /// The bytes of a range of leaves.
    #[must_use]
    pub fn bytes_of(self, leaves: &Range<u64>) -> Range<u64> {
        self.leaf_bytes(leaves.start).start..self.leaf_bytes(leaves.end.saturating_sub(1)).end
    }

    /// The leaves that a range of bytes touches. An empty blob has one empty leaf, touched by `0..0`.
    ///
    /// # Errors
    /// slice-5 when the range is empty or reaches past the end.
    pub fn leaves_of(self, bytes: Range<u64>) -> Result<Range<u64>, Reject> {
        if self.bytes == 0 && bytes == (0..0) {
            return Ok(0..1);
        }
        if bytes.start >= bytes.end || bytes.end > self.bytes {
            return Err(Reject::RangeOutside);
        }
        Ok(bytes.start / self.leaf_size..bytes.end.div_ceil(self.leaf_size))
    }

    fn whole(self) -> Subtree {
        Subtree {
            start: 0,
            count: self.leaves(),
            position: 0,
        }
    }

    /// The node of a subtree whose leaves are all whole and a power of two; others have none.
    fn node(self, of: Subtree) -> Option<Node> {
        let is_complete = of.count.is_power_of_two()
            && of.start.is_multiple_of(of.count)
            && (of.start + of.count).checked_mul(self.leaf_size)? <= self.bytes;
        let level = u8::try_from(of.count.trailing_zeros()).ok()?;
        is_complete.then(|| Node {
            level,
            index: of.start / of.count,
        })
    }

    fn leaf_len(self, leaf: u64) -> usize {
        let bytes = self.leaf_bytes(leaf);
        usize::try_from(bytes.end - bytes.start).unwrap_or(0)
    }

    /// Checks that ranges of leaves are sorted, apart, not empty and within the tree.
    fn check_ranges(self, ranges: &[Range<u64>]) -> Result<(), Reject> {
        let mut at = 0;
        for range in ranges {
            if range.start < at || range.start >= range.end || range.end > self.leaves() {
                return Err(Reject::RangeOutside);
            }
            at = range.end;
        }
        if ranges.is_empty() {
            Err(Reject::RangeOutside)
        } else {
            Ok(())
        }
    }
}

/// A node on the way down: its leaves, and the position of its pair in the full outboard.
#[derive(Clone, Copy, Debug)]
struct Subtree {
    start: u64,
    count: u64,
    position: u64,
}

impl Subtree {
    /// Left and right child of a parent. The left subtree's pairs follow the parent's, then come the right one's.
    fn children(self) -> (Self, Self) {
        let left = 1 << (self.count - 1).ilog2();
        (
            Self {
                start: self.start,
                count: left,
                position: self.position + 1,
            },
            Self {
                start: self.start + left,
                count: self.count - left,
                position: self.position + left,
            },
        )
    }

    fn touches(self, ranges: &[Range<u64>]) -> bool {
        ranges
            .iter()
            .any(|range| range.start < self.start + self.count && self.start < range.end)
    }

    fn is_leaf(self) -> bool {
        self.count == 1
    }
}

/// Positions in the full outboard of the parents that ranges of leaves visit, in pre-order. Lazy, O(height) memory.
pub fn visited(shape: Shape, ranges: &[Range<u64>]) -> impl Iterator<Item = u64> {
    let mut waiting = vec![shape.whole()];
    std::iter::from_fn(move || {
        while let Some(subtree) = waiting.pop() {
            if !subtree.is_leaf() && subtree.touches(ranges) {
                let (left, right) = subtree.children();
                waiting.extend([right, left]);
                return Some(subtree.position);
            }
        }
        None
    })
}

/// How many parents ranges of leaves visit. O(height) for each range.
#[must_use]
pub fn visited_count(shape: Shape, ranges: &[Range<u64>]) -> u64 {
    fn count(subtree: Subtree, ranges: &[Range<u64>]) -> u64 {
        if subtree.is_leaf() || !subtree.touches(ranges) {
            return 0;
        }
        let covers = |range: &Range<u64>| {
            range.start <= subtree.start && subtree.start + subtree.count <= range.end
        };
        if ranges.iter().any(covers) {
            return subtree.count - 1;
        }
        let (left, right) = subtree.children();
        1 + count(left, ranges) + count(right, ranges)
    }
    count(shape.whole(), ranges)
}

/// Hash of a parent from its children's.
fn parent_hash(left: &Hash, right: &Hash, is_root: bool) -> Hash {
    if is_root {
        Hash(*hazmat::merge_subtrees_root(&left.0, &right.0, Mode::Hash).as_bytes())
    } else {
        Hash(hazmat::merge_subtrees_non_root(
            &left.0,
            &right.0,
            Mode::Hash,
        ))
    }
}

/// Chaining value of a subtree's bytes that begin at `offset`; not for the whole of a tree.
fn subtree_hash(offset: u64, bytes: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset).update(bytes);
    Hash(hasher.finalize_non_root())
}

/// Chaining value of a leaf; the plain hash when the leaf is all there is.
#[must_use]
pub fn leaf_hash(shape: Shape, leaf: u64, bytes: &[u8]) -> Hash {
    if shape.leaves() == 1 {
        Hash::of(bytes)
    } else {
        subtree_hash(shape.leaf_bytes(leaf).start, bytes)
    }
}

/// The two halves of a pair.
fn halves(pair: &[u8]) -> Option<(Hash, Hash)> {
    let (left, right) = pair.split_at_checked(HASH_BYTES)?;
    Some((Hash::from_slice(left)?, Hash::from_slice(right)?))
}
