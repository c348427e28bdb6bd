//! Forks: proof that one key signed two histories (spec/fork.md).
//!
//! `[1, shorter head, longer head, pairs, leaf]`. Stands alone: whoever holds the file can check it with nothing else.
//! What a client does after a fork is `peer`'s business.

use crate::chain;
use crate::codec::{self, Writer};
use crate::hash::Hash;
use crate::head::Head;
use crate::limits::FORK_BYTES_MAX;
use crate::reject::Reject;
use crate::tree::{self, Pieces, Shape};
use std::ops::Range;

/// A checked proof that a feed's key signed two histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkProof {
    wire: Vec<u8>,
    shorter: Head,
    longer: Head,
}

/// Whether two heads of one feed contradict each other by themselves: another `first`, or equal lengths and other roots.
#[must_use]
pub fn heads_contradict(one: &Head, other: &Head) -> bool {
    let (one, other) = (one.body(), other.body());
    one.first != other.first || (one.length == other.length && one.root != other.root)
}

impl ForkProof {
    /// Of two heads that contradict each other by themselves. `None` when they do not, or are of different feeds.
    #[must_use]
    pub fn of_heads(one: &Head, other: &Head) -> Option<Self> {
        let is_fork = one.body().feed == other.body().feed && heads_contradict(one, other);
        is_fork.then(|| Self::write(one, other, &[], &[]))
    }

    /// Of two heads of different length. `pieces` are those of the longer one's list; the slice of the leaf with the
    /// shorter one's last hash is taken from them. `None` when a piece is missing or the heads agree.
    ///
    /// # Errors
    /// Those of the pieces.
    pub fn of_lists<P: Pieces>(
        shorter: &Head,
        longer: &Head,
        pieces: &P,
    ) -> Result<Option<Self>, P::Error> {
        let leaves = [last_leaf(shorter)];
        let length = longer.body().length;
        let Some(pairs) = tree::prove(pieces, Shape::of_list(length), &leaves)? else {
            return Ok(None);
        };
        let Some(leaf) = chain::leaf_bytes(pieces, length, &leaves)? else {
            return Ok(None);
        };
        Ok(Self::check(&Self::write(shorter, longer, &pairs, &leaf).wire).ok())
    }

    fn write(one: &Head, other: &Head, pairs: &[u8], leaf: &[u8]) -> Self {
        let (shorter, longer) = if in_order(one, other) {
            (one, other)
        } else {
            (other, one)
        };
        let mut wire = Writer::new();
        wire.array(5)
            .uint(1)
            .bytes(shorter.wire())
            .bytes(longer.wire())
            .bytes(pairs)
            .bytes(leaf);
        Self {
            wire: wire.finish(),
            shorter: shorter.clone(),
            longer: longer.clone(),
        }
    }

    /// Checks a proof from any hand.
    ///
    /// # Errors
    /// fork-1 to fork-5, those of heads and slices, list-3. A slice that does not verify is its sender's fault, no fork;
    /// so is a longer head that is void because its own list does not begin with its `first`.
    pub fn check(wire: &[u8]) -> Result<Self, Reject> {
        if wire.len() > FORK_BYTES_MAX {
            return Err(Reject::TooLong {
                got: wire.len(),
                max: FORK_BYTES_MAX,
            });
        }
        codec::check_version(wire, Reject::ForkForm)?;
        codec::check(wire, 16)?;
        let parts = codec::read_array(wire).ok_or(Reject::ForkForm)?;
        let [_, shorter, longer, pairs, leaf] = parts.as_slice() else {
            return Err(Reject::ForkForm);
        };
        let part = |bytes| codec::read_bytes(bytes).ok_or(Reject::ForkForm);
        let (shorter, longer) = (Head::check(part(shorter)?)?, Head::check(part(longer)?)?);
        let (pairs, leaf) = (part(pairs)?, part(leaf)?);
        if shorter.body().feed != longer.body().feed {
            return Err(Reject::ForkFeeds);
        }
        if !in_order(&shorter, &longer) {
            return Err(Reject::ForkOrder);
        }
        if heads_contradict(&shorter, &longer) {
            if !pairs.is_empty() || !leaf.is_empty() {
                return Err(Reject::ForkSurplus);
            }
        } else if folded(&shorter, &longer, pairs, leaf)? == shorter.body().root {
            return Err(Reject::NoFork);
        }
        Ok(Self {
            wire: wire.to_vec(),
            shorter,
            longer,
        })
    }

    /// The proof as a file.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The shorter head.
    #[must_use]
    pub fn shorter(&self) -> &Head {
        &self.shorter
    }

    /// The longer head.
    #[must_use]
    pub fn longer(&self) -> &Head {
        &self.longer
    }
}

/// By length, then by the bytes of the body.
fn in_order(one: &Head, other: &Head) -> bool {
    (one.body().length, one.body_bytes()) <= (other.body().length, other.body_bytes())
}

fn last_leaf(head: &Head) -> Range<u64> {
    let last = head.body().length - 1;
    chain::leaves_of(&[last..last + 1])
        .first()
        .cloned()
        .unwrap_or(0..1)
}

/// The root of the longer list at the shorter one's length.
fn folded(shorter: &Head, longer: &Head, pairs: &[u8], leaf: &[u8]) -> Result<Hash, Reject> {
    if shorter.body().length == longer.body().length {
        return Err(Reject::NoFork);
    }
    let shape = Shape::of_list(longer.body().length);
    let proven = tree::check_slice(
        &longer.body().root,
        shape,
        &[last_leaf(shorter)],
        pairs,
        leaf,
    )?;
    chain::check_first(longer, &proven)?;
    chain::root_at(&proven, shorter.body().length).ok_or(Reject::NoFork)
}
