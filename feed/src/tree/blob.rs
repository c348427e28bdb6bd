//! Blobs: hashed in pieces for import, verified leaf by leaf as they arrive.

use super::{Proven, Shape, Subtree, leaf_hash, parent_hash, subtree_hash};
use crate::hash::Hash;
use crate::limits::PAIR_BYTES;
use crate::reject::Reject;
use std::borrow::Borrow;
use std::ops::Range;

/// Leaves of one import piece: 4 MiB of a blob. A power of two.
pub const PIECE_LEAVES: u64 = 256;

/// One piece of a blob, hashed.
#[derive(Clone, Debug)]
pub struct PieceHash {
    /// Chaining value of the piece; the blob's hash when it is the only one.
    pub hash: Hash,
    /// The pairs inside the piece, in pre-order.
    pub pairs: Vec<u8>,
    /// Where they belong in the full outboard, counted in pairs.
    pub position: u64,
}

/// The leaves of a piece. Pieces cover the blob in order, each whole but the last.
fn piece_leaves(shape: Shape, piece: u64) -> Range<u64> {
    let start = piece.saturating_mul(PIECE_LEAVES);
    start..start.saturating_add(PIECE_LEAVES).min(shape.leaves())
}

/// The subtree of a piece, with its position, found from the root down.
fn piece_subtree(shape: Shape, piece: u64) -> Option<Subtree> {
    let leaves = piece_leaves(shape, piece);
    let mut at = shape.whole();
    while at.count > PIECE_LEAVES {
        let (left, right) = at.children();
        at = if leaves.start < right.start {
            left
        } else {
            right
        };
    }
    (at.start == leaves.start && leaves.start < leaves.end).then_some(at)
}

/// Hashes one piece, in any order and on any thread. `bytes` are those of leaves `piece * PIECE_LEAVES` on.
///
/// # Errors
/// slice-5 for a piece that is not there, slice-2 for a wrong number of bytes.
pub fn hash_piece(shape: Shape, piece: u64, bytes: &[u8]) -> Result<PieceHash, Reject> {
    let of = piece_subtree(shape, piece).ok_or(Reject::RangeOutside)?;
    let due = shape.bytes_of(&piece_leaves(shape, piece));
    let (expected, got) = (
        due.end - due.start,
        u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    );
    if expected != got {
        return Err(Reject::LeafBytes { expected, got });
    }
    let mut pairs = Vec::new();
    let hash = hash_subtree(shape, of, bytes, of.count == shape.leaves(), &mut pairs);
    Ok(PieceHash {
        hash,
        pairs,
        position: of.position,
    })
}

fn hash_subtree(
    shape: Shape,
    of: Subtree,
    bytes: &[u8],
    is_root: bool,
    pairs: &mut Vec<u8>,
) -> Hash {
    let start = shape.leaf_bytes(of.start).start;
    if of.is_leaf() {
        return if is_root {
            Hash::of(bytes)
        } else {
            subtree_hash(start, bytes)
        };
    }
    let at = pairs.len();
    pairs.resize(at + PAIR_BYTES, 0);
    let (left, right) = of.children();
    let cut = usize::try_from(shape.leaf_bytes(right.start).start - start).unwrap_or(usize::MAX);
    let (first, second) = bytes.split_at_checked(cut).unwrap_or((bytes, &[]));
    let left = hash_subtree(shape, left, first, false, pairs);
    let right = hash_subtree(shape, right, second, false, pairs);
    if let Some(pair) = pairs.get_mut(at..at + PAIR_BYTES) {
        pair.iter_mut()
            .zip(left.0.iter().chain(&right.0))
            .for_each(|(to, from)| *to = *from);
    }
    parent_hash(&left, &right, is_root)
}

/// A pair, and its position in the full outboard.
pub type PlacedPair = (u64, [u8; PAIR_BYTES]);

/// Joins the hashes of all pieces, in order: the blob's hash, and the pairs above the pieces with their positions.
///
/// # Errors
/// slice-5 when the number of pieces is not that of the shape.
pub fn join_pieces(shape: Shape, pieces: &[Hash]) -> Result<(Hash, Vec<PlacedPair>), Reject> {
    let due = shape.leaves().div_ceil(PIECE_LEAVES);
    if u64::try_from(pieces.len()).ok() != Some(due) {
        return Err(Reject::RangeOutside);
    }
    let mut pairs = Vec::new();
    let hash = join(shape.whole(), pieces, true, &mut pairs).ok_or(Reject::RangeOutside)?;
    Ok((hash, pairs))
}

fn join(of: Subtree, pieces: &[Hash], is_root: bool, pairs: &mut Vec<PlacedPair>) -> Option<Hash> {
    if of.count <= PIECE_LEAVES {
        return pieces
            .get(usize::try_from(of.start / PIECE_LEAVES).ok()?)
            .copied();
    }
    let (left, right) = of.children();
    let left = join(left, pieces, false, pairs)?;
    let right = join(right, pieces, false, pairs)?;
    let mut pair = [0; PAIR_BYTES];
    pair.iter_mut()
        .zip(left.0.iter().chain(&right.0))
        .for_each(|(to, from)| *to = *from);
    pairs.push((of.position, pair));
    Some(parent_hash(&left, &right, is_root))
}

/// Verifies the bytes of a run of leaves as they arrive, in portions of any size.
#[derive(Debug)]
pub struct LeafVerifier<P> {
    proven: P,
    next: u64,
    end: u64,
    partial: Vec<u8>,
}

impl<P: Borrow<Proven>> LeafVerifier<P> {
    /// For `leaves`, whose pairs were checked.
    #[must_use]
    pub fn new(proven: P, leaves: Range<u64>) -> Self {
        Self {
            proven,
            next: leaves.start,
            end: leaves.end,
            partial: Vec::new(),
        }
    }

    /// Takes bytes; gives runs of verified bytes with their offset in the blob to `sink`, before this returns.
    ///
    /// # Errors
    /// slice-4 for a wrong leaf, slice-2 for bytes too many. What was given to the sink stays verified.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(u64, &[u8])) -> Result<(), Reject> {
        let shape = self.proven.borrow().shape();
        let mut rest = bytes;
        if !self.partial.is_empty() {
            let missing = shape.leaf_len(self.next).saturating_sub(self.partial.len());
            let (head, tail) = rest.split_at(missing.min(rest.len()));
            self.partial.extend_from_slice(head);
            rest = tail;
            if self.partial.len() < shape.leaf_len(self.next) {
                return Ok(());
            }
            let leaf = std::mem::take(&mut self.partial);
            self.check(&leaf)?;
            sink(shape.leaf_bytes(self.next - 1).start, &leaf);
        }
        let start = shape.leaf_bytes(self.next).start;
        let mut verified = 0;
        let mut outcome = Ok(());
        while let Some(leaf) = rest.get(verified..verified + shape.leaf_len(self.next)) {
            if self.next >= self.end || leaf.is_empty() {
                break;
            }
            outcome = self.check(leaf);
            if outcome.is_err() {
                break;
            }
            verified += leaf.len();
        }
        let (good, left) = rest.split_at(verified);
        if !good.is_empty() {
            sink(start, good);
        }
        outcome?;
        if self.next >= self.end && !left.is_empty() {
            return Err(self.surplus(left.len()));
        }
        self.partial.extend_from_slice(left);
        Ok(())
    }

    /// Ends the run: all its leaves have come.
    ///
    /// # Errors
    /// slice-2 when bytes are missing; slice-4 for an empty blob that is not.
    pub fn finish(&mut self) -> Result<(), Reject> {
        let shape = self.proven.borrow().shape();
        if shape.bytes() == 0 && self.next == 0 && self.end == 1 {
            return self.check(&[]);
        }
        let (due, at) = (
            shape.bytes_of(&(self.next..self.end)),
            u64::try_from(self.partial.len()).unwrap_or(0),
        );
        if self.next == self.end {
            Ok(())
        } else {
            Err(Reject::LeafBytes {
                expected: due.end - due.start,
                got: at,
            })
        }
    }

    fn check(&mut self, leaf: &[u8]) -> Result<(), Reject> {
        let expected = self
            .proven
            .borrow()
            .leaf_hash(self.next)
            .ok_or(Reject::RangeOutside)?;
        if leaf_hash(self.proven.borrow().shape(), self.next, leaf) != expected {
            return Err(Reject::LeafMismatch {
                index: self.next,
                expected,
            });
        }
        self.next += 1;
        Ok(())
    }

    fn surplus(&self, more: usize) -> Reject {
        let due = self.proven.borrow().shape().bytes_of(&(0..self.end)).end;
        Reject::LeafBytes {
            expected: due,
            got: due.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)),
        }
    }
}
