//! Proofs: made from stored pieces, checked from the root down.

use super::{Node, Shape, Subtree, halves, leaf_hash, parent_hash, visited_count};
use crate::hash::Hash;
use crate::limits::PAIR_BYTES;
use crate::reject::Reject;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

/// Questions that one call asks for nodes at most, so that a hole in a huge list ends the search instead of walking it.
const QUESTIONS_MAX: u32 = 4_096;

/// What is known of a tree, in memory or on a disk.
pub trait Pieces {
    /// How asking can fail.
    type Error;

    /// Chaining value of a complete subtree. `None` when it is not stored; it is then looked for below.
    ///
    /// # Errors
    /// The disk's.
    fn node(&self, node: Node) -> Result<Option<Hash>, Self::Error>;

    /// Bytes of a leaf, or of as much of it as there was once; a leaf of a list only grows.
    ///
    /// # Errors
    /// The disk's.
    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// The root of the tree of this shape. `None` when pieces are missing. An older, shorter shape of a list works too.
///
/// # Errors
/// Those of the pieces.
pub fn root<P: Pieces>(pieces: &P, shape: Shape) -> Result<Option<Hash>, P::Error> {
    Prover {
        pieces,
        shape,
        ranges: &[],
        pairs: None,
        questions: 0,
    }
    .hash(shape.whole(), true)
}

/// The pairs of a proof for sorted, disjoint ranges of leaves within the shape: every parent visited, in pre-order.
/// `None` when pieces are missing.
///
/// # Errors
/// Those of the pieces.
pub fn prove<P: Pieces>(
    pieces: &P,
    shape: Shape,
    ranges: &[Range<u64>],
) -> Result<Option<Vec<u8>>, P::Error> {
    let mut prover = Prover {
        pieces,
        shape,
        ranges,
        pairs: Some(Vec::new()),
        questions: 0,
    };
    let found = prover.hash(shape.whole(), true)?;
    Ok(prover.pairs.filter(|_| found.is_some()))
}

struct Prover<'a, P> {
    pieces: &'a P,
    shape: Shape,
    ranges: &'a [Range<u64>],
    pairs: Option<Vec<u8>>,
    questions: u32,
}

impl<P: Pieces> Prover<'_, P> {
    /// Hash of a subtree; writes the pairs of visited parents on the way.
    fn hash(&mut self, of: Subtree, is_root: bool) -> Result<Option<Hash>, P::Error> {
        let is_visited = of.touches(self.ranges);
        if !is_visited && !is_root {
            self.questions += 1;
            if self.questions > QUESTIONS_MAX {
                return Ok(None);
            }
            if let Some(node) = self.shape.node(of)
                && let Some(hash) = self.pieces.node(node)?
            {
                return Ok(Some(hash));
            }
        }
        if of.is_leaf() {
            return self.leaf(of.start);
        }
        let at = self.pairs.as_ref().filter(|_| is_visited).map(Vec::len);
        if let (Some(pairs), Some(at)) = (&mut self.pairs, at) {
            pairs.resize(at + PAIR_BYTES, 0);
        }
        let (left, right) = of.children();
        let Some(left) = self.hash(left, false)? else {
            return Ok(None);
        };
        let Some(right) = self.hash(right, false)? else {
            return Ok(None);
        };
        if let (Some(pairs), Some(at)) = (&mut self.pairs, at)
            && let Some(pair) = pairs.get_mut(at..at + PAIR_BYTES)
        {
            pair.iter_mut()
                .zip(left.0.iter().chain(&right.0))
                .for_each(|(to, from)| *to = *from);
        }
        Ok(Some(parent_hash(&left, &right, is_root)))
    }

    fn leaf(&self, leaf: u64) -> Result<Option<Hash>, P::Error> {
        let held = self.pieces.leaf(leaf)?;
        let bytes = held
            .as_deref()
            .and_then(|bytes| bytes.get(..self.shape.leaf_len(leaf)));
        if let Some(bytes) = bytes {
            return Ok(Some(leaf_hash(self.shape, leaf, bytes)));
        }
        // A proof of its neighbour left the leaf's chaining value without its bytes.
        let alone = Subtree {
            start: leaf,
            count: 1,
            position: 0,
        };
        match self.shape.node(alone) {
            Some(node) if self.shape.leaves() > 1 => self.pieces.node(node),
            _ => Ok(None),
        }
    }
}

/// What a check proved of a tree.
#[derive(Clone, Debug)]
pub struct Proven {
    shape: Shape,
    nodes: BTreeMap<Node, Hash>,
    leaf_hashes: BTreeMap<u64, Hash>,
    leaves: BTreeMap<u64, Vec<u8>>,
}

impl Proven {
    /// The tree's shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Chaining values of complete subtrees.
    pub fn nodes(&self) -> impl Iterator<Item = (Node, Hash)> {
        self.nodes.iter().map(|(node, hash)| (*node, *hash))
    }

    /// Leaves with their bytes, after `check_slice`.
    pub fn leaves(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.leaves
            .iter()
            .map(|(index, bytes)| (*index, bytes.as_slice()))
    }

    /// The bytes of one leaf, after `check_slice`.
    #[must_use]
    pub fn leaf_bytes(&self, leaf: u64) -> Option<&[u8]> {
        self.leaves.get(&leaf).map(Vec::as_slice)
    }

    /// What a leaf of the ranges has to hash to, by `leaf_hash`.
    #[must_use]
    pub fn leaf_hash(&self, leaf: u64) -> Option<Hash> {
        self.leaf_hashes.get(&leaf).copied()
    }
}

impl Pieces for Proven {
    type Error = Infallible;

    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

/// Checks the pairs of a proof from the root down.
///
/// # Errors
/// slice-1, slice-3, slice-5.
pub fn check_pairs(
    root: &Hash,
    shape: Shape,
    ranges: &[Range<u64>],
    pairs: &[u8],
) -> Result<Proven, Reject> {
    shape.check_ranges(ranges)?;
    let got = u64::try_from(pairs.len()).unwrap_or(u64::MAX);
    let expected = visited_count(shape, ranges).saturating_mul(64);
    if got != expected {
        return Err(Reject::PairCount { expected, got });
    }
    let (pairs, _) = pairs.as_chunks::<PAIR_BYTES>();
    let empty = Proven {
        shape,
        nodes: BTreeMap::new(),
        leaf_hashes: BTreeMap::new(),
        leaves: BTreeMap::new(),
    };
    let mut checker = Checker {
        ranges,
        pairs: pairs.iter().zip(0..),
        proven: empty,
    };
    checker.check(shape.whole(), root, true)?;
    Ok(checker.proven)
}

struct Checker<'a, I> {
    ranges: &'a [Range<u64>],
    pairs: I,
    proven: Proven,
}

impl<'a, I: Iterator<Item = (&'a [u8; PAIR_BYTES], u64)>> Checker<'a, I> {
    fn check(&mut self, of: Subtree, expected: &Hash, is_root: bool) -> Result<(), Reject> {
        if !is_root && let Some(node) = self.proven.shape.node(of) {
            self.proven.nodes.insert(node, *expected);
        }
        if !of.touches(self.ranges) {
            return Ok(());
        }
        if of.is_leaf() {
            self.proven.leaf_hashes.insert(of.start, *expected);
            return Ok(());
        }
        let short = Reject::PairCount {
            expected: 0,
            got: 0,
        };
        let (pair, index) = self.pairs.next().ok_or(short.clone())?;
        let (left, right) = halves(pair).ok_or(short)?;
        if parent_hash(&left, &right, is_root) != *expected {
            return Err(Reject::PairMismatch {
                index,
                expected: *expected,
            });
        }
        let (first, second) = of.children();
        self.check(first, &left, false)?;
        self.check(second, &right, false)
    }
}

/// Checks a slice: pairs, and the bytes of all leaves of the ranges in order.
///
/// # Errors
/// slice-1 to slice-5.
pub fn check_slice(
    root: &Hash,
    shape: Shape,
    ranges: &[Range<u64>],
    pairs: &[u8],
    bytes: &[u8],
) -> Result<Proven, Reject> {
    let mut proven = check_pairs(root, shape, ranges, pairs)?;
    let got = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let due = |range: &Range<u64>| {
        let bytes = shape.bytes_of(range);
        bytes.end - bytes.start
    };
    let expected = ranges.iter().map(due).sum();
    if got != expected {
        return Err(Reject::LeafBytes { expected, got });
    }
    let mut rest = bytes;
    for leaf in ranges.iter().cloned().flatten() {
        let wrong = Reject::LeafBytes { expected, got };
        let (bytes, after) = rest
            .split_at_checked(shape.leaf_len(leaf))
            .ok_or(wrong.clone())?;
        rest = after;
        let expected = proven.leaf_hash(leaf).ok_or(wrong)?;
        if leaf_hash(shape, leaf, bytes) != expected {
            return Err(Reject::LeafMismatch {
                index: leaf,
                expected,
            });
        }
        proven.leaves.insert(leaf, bytes.to_vec());
    }
    Ok(proven)
}
