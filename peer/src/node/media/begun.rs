//! Answers that have begun to come before their turn: of a window asked for ahead, and of a host that sends whole files.

use crate::frame::Ask;
use crate::io::client::{AskError, Remote, Transfer, Unreachable};
use bytes::Bytes;
use levada_feed::hash::Hash;
use levada_feed::tree::Shape;
use std::ops::Range;

/// Leaves that are asked for before the size is proven, at most: 1 MiB.
const AHEAD_LEAVES_MAX: u64 = 64;

/// Answers of a peer that have begun to come before its next window is asked for.
#[derive(Default)]
pub(super) struct Begun {
    pub(super) whole: Option<Whole>,
    pub(super) ahead: Option<Ahead>,
}

/// The answers to the questions for a first window, asked beside those that prove the size: who waits for a part of a film
/// waits for one round trip less.
pub(super) struct Ahead {
    pub(super) leaves: Range<u64>,
    pub(super) pairs: Bytes,
    pub(super) transfer: Transfer,
}

impl Ahead {
    /// Leaves that are asked for ahead: those of a short range, but the last of all, which comes anyway.
    pub(super) fn leaves(shape: Shape, bytes: &Range<u64>) -> Option<Range<u64>> {
        let bytes = bytes.start..bytes.end.min(shape.bytes());
        let leaves = shape.leaves_of(bytes).ok()?;
        let leaves = leaves.start..leaves.end.min(shape.leaves() - 1);
        (!leaves.is_empty() && leaves.end - leaves.start <= AHEAD_LEAVES_MAX).then_some(leaves)
    }

    /// What is refused here is asked again, and judged, when its turn comes: a peer that has the last leaf alone proves the
    /// size.
    ///
    /// # Errors
    /// `Stalled`: who is silent is not waited for twice.
    pub(super) async fn ask(
        remote: &Remote,
        hash: Hash,
        shape: Shape,
        leaves: Range<u64>,
    ) -> Result<Option<Self>, AskError> {
        if !remote.knows_ranges() {
            return Ok(None);
        }
        let bytes = shape.bytes_of(&leaves);
        let data = Ask::Blob { hash };
        let answers = tokio::try_join!(
            remote.pairs(hash, shape.bytes(), bytes.clone(), pairs_max(&leaves)),
            remote.stream(&data, bytes)
        );
        match answers {
            Ok((pairs, transfer)) => Ok((!transfer.is_whole()).then_some(Self {
                leaves,
                pairs,
                transfer,
            })),
            Err(error @ AskError::Unreachable(Unreachable::Stalled { .. })) => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// Bytes of the pairs of so many leaves at most.
pub(super) fn pairs_max(leaves: &Range<u64>) -> u64 {
    (leaves.end - leaves.start + 64) * 64
}

/// The rest of a whole blob that is on its way, though parts of it were asked for: asked again, it would come from its
/// start again.
pub(super) struct Whole {
    /// The byte that comes next.
    at: u64,
    transfer: Transfer,
}

impl Whole {
    /// What is on its way from this byte on, if it is the whole.
    pub(super) fn of(at: u64, transfer: Transfer) -> Option<Self> {
        transfer.is_whole().then_some(Self { at, transfer })
    }

    /// The same from a later byte on; `None` when that has passed.
    pub(super) fn to(self, start: u64) -> Option<Transfer> {
        let mut transfer = self.transfer;
        transfer.skip = start.checked_sub(self.at)?;
        Some(transfer)
    }
}
