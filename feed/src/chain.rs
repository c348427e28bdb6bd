//! Link hashes, and heads that come with the proof of their length (spec/list.md).
//!
//! A feed is one hash chain; the hash list is its links in a row, and BLAKE3 over that list is the root. This file makes
//! and checks the answer `[1, head, pairs, leaves]`: a head with the slice of its last link hash and, for a follower who
//! has N records, of hash N-1, which is all that it takes to see that the new list begins with the old one.

use crate::codec::{self, Writer};
use crate::hash::Hash;
use crate::head::Head;
use crate::key::FeedKey;
use crate::limits::{BUNDLE_BYTES_MAX, HASH_BYTES, LIST_LEAF_HASHES};
use crate::reject::Reject;
use crate::tree::{self, Pieces, Proven, Shape};
use std::ops::Range;

/// h[0] of a feed.
#[must_use]
pub fn link_first(feed: &FeedKey, record: &[u8]) -> Hash {
    link(feed.as_bytes(), record)
}

/// h[n] from h[n-1].
#[must_use]
pub fn link_next(previous: &Hash, record: &[u8]) -> Hash {
    link(previous.as_bytes(), record)
}

fn link(before: &[u8; HASH_BYTES], record: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(record);
    Hash(*hasher.finalize().as_bytes())
}

/// The leaves that hold the hashes of these records, sorted and joined.
#[must_use]
pub fn leaves_of(hashes: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut leaves: Vec<Range<u64>> = hashes
        .iter()
        .filter(|range| !range.is_empty())
        .map(|range| range.start / LIST_LEAF_HASHES..range.end.div_ceil(LIST_LEAF_HASHES))
        .collect();
    leaves.sort_by_key(|range| range.start);
    leaves.dedup_by(|next, before| {
        let touches = next.start <= before.end;
        if touches {
            before.end = before.end.max(next.end);
        }
        touches
    });
    leaves
}

/// The link hash of record `index`, out of leaves that were proven.
#[must_use]
pub fn hash_in(proven: &Proven, index: u64) -> Option<Hash> {
    let leaf = proven.leaf_bytes(index / LIST_LEAF_HASHES)?;
    let at = usize::try_from(index % LIST_LEAF_HASHES).ok()? * HASH_BYTES;
    leaf.get(at..at + HASH_BYTES).and_then(Hash::from_slice)
}

/// The link hash of record `index`, out of stored pieces.
///
/// # Errors
/// Those of the pieces.
pub fn hash_at<P: Pieces>(pieces: &P, index: u64) -> Result<Option<Hash>, P::Error> {
    let Some(leaf) = pieces.leaf(index / LIST_LEAF_HASHES)? else {
        return Ok(None);
    };
    let Ok(at) = usize::try_from(index % LIST_LEAF_HASHES) else {
        return Ok(None);
    };
    Ok(leaf
        .get(at * HASH_BYTES..(at + 1) * HASH_BYTES)
        .and_then(Hash::from_slice))
}

/// The bytes of these leaves in order, the last one cut to the list's length. `None` when one is missing.
///
/// # Errors
/// Those of the pieces.
pub fn leaf_bytes<P: Pieces>(
    pieces: &P,
    length: u64,
    leaves: &[Range<u64>],
) -> Result<Option<Vec<u8>>, P::Error> {
    let mut bytes = Vec::new();
    for leaf in leaves.iter().cloned().flatten() {
        let hashes = length
            .saturating_sub(leaf * LIST_LEAF_HASHES)
            .min(LIST_LEAF_HASHES);
        let wanted = usize::try_from(hashes).unwrap_or(0) * HASH_BYTES;
        let held = pieces.leaf(leaf)?;
        let Some(part) = held.as_deref().and_then(|held| held.get(..wanted)) else {
            return Ok(None);
        };
        bytes.extend_from_slice(part);
    }
    Ok(Some(bytes))
}

/// A head whose length is proven, with the pieces of the list that came along.
#[derive(Debug)]
pub struct ProvenHead {
    /// The head.
    pub head: Head,
    /// The slice of hash `have-1`, if one was asked for and exists, and of the last hash.
    pub proven: Proven,
}

/// The leaves of a head's answer for a follower who has `have` records; 0 for none.
fn answer_leaves(length: u64, have: u64) -> Vec<Range<u64>> {
    let old = if (1..length).contains(&have) {
        have - 1..have
    } else {
        0..0
    };
    leaves_of(&[old, length - 1..length])
}

/// Makes `[1, head, pairs, leaves]`. `None` when the pieces are not all held.
///
/// # Errors
/// Those of the pieces.
pub fn prove_head<P: Pieces>(
    head: &Head,
    have: u64,
    pieces: &P,
) -> Result<Option<Vec<u8>>, P::Error> {
    let length = head.body().length;
    let leaves = answer_leaves(length, have);
    let Some(pairs) = tree::prove(pieces, Shape::of_list(length), &leaves)? else {
        return Ok(None);
    };
    let Some(bytes) = leaf_bytes(pieces, length, &leaves)? else {
        return Ok(None);
    };
    let mut answer = Writer::new();
    answer
        .array(4)
        .uint(1)
        .bytes(head.wire())
        .bytes(&pairs)
        .bytes(&bytes);
    Ok(Some(answer.finish()))
}

/// Checks that a list begins with its head's `first`, as far as hash 0 was proven: a head that denies its own list is void.
///
/// # Errors
/// list-3.
pub fn check_first(head: &Head, proven: &Proven) -> Result<(), Reject> {
    let expected = head.body().first;
    match hash_in(proven, 0) {
        Some(got) if got != expected => Err(Reject::FirstMismatch { expected, got }),
        _ => Ok(()),
    }
}

/// An answer to `head?have=N` whose form and signature were checked: a claim until its slice was.
#[derive(Debug)]
pub struct Claim<'a> {
    head: Head,
    pairs: &'a [u8],
    leaves: &'a [u8],
}

impl<'a> Claim<'a> {
    /// Takes an answer apart.
    ///
    /// # Errors
    /// wire-1 for the form, and those of heads.
    pub fn read(feed: &FeedKey, answer: &'a [u8]) -> Result<Self, Reject> {
        if answer.len() > BUNDLE_BYTES_MAX {
            return Err(Reject::TooLong {
                got: answer.len(),
                max: BUNDLE_BYTES_MAX,
            });
        }
        codec::check_version(answer, Reject::AnswerForm)?;
        codec::check(answer, 16)?;
        let parts = codec::read_array(answer).ok_or(Reject::AnswerForm)?;
        let [_, head, pairs, leaves] = parts.as_slice() else {
            return Err(Reject::AnswerForm);
        };
        let part = |bytes: &'a [u8]| codec::read_bytes(bytes).ok_or(Reject::AnswerForm);
        Ok(Self {
            head: Head::check_of(feed, part(head)?)?,
            pairs: part(pairs)?,
            leaves: part(leaves)?,
        })
    }

    /// The head. Two that contradict each other are a fork, whatever came with them.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Checks the slice that was asked for with `have`.
    ///
    /// # Errors
    /// slice-1 to slice-4, list-3.
    pub fn check(self, have: u64) -> Result<ProvenHead, Reject> {
        let body = self.head.body();
        let (shape, leaves) = (
            Shape::of_list(body.length),
            answer_leaves(body.length, have),
        );
        let proven = tree::check_slice(&body.root, shape, &leaves, self.pairs, self.leaves)?;
        check_first(&self.head, &proven)?;
        Ok(ProvenHead {
            head: self.head,
            proven,
        })
    }
}

/// Checks the answer to `head?have=N`.
///
/// # Errors
/// wire-1 for the form, those of heads, slice-1 to slice-4, list-3.
pub fn check_head(feed: &FeedKey, answer: &[u8], have: u64) -> Result<ProvenHead, Reject> {
    Claim::read(feed, answer)?.check(have)
}

/// The root that the same list had at an earlier length, folded out of proven pieces. `None` when they do not reach.
#[must_use]
pub fn root_at(proven: &Proven, length: u64) -> Option<Hash> {
    let Ok(root) = tree::root(proven, Shape::of_list(length));
    root
}
