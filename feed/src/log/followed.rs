//! The follower's side: accept what is proven, refuse the rest, find forks.

use super::Batch;
use crate::bundle::{self, Bundle, Slot};
use crate::chain::{self, Claim};
use crate::fork::ForkProof;
use crate::head::Head;
use crate::key::FeedKey;
use crate::limits::TIME_AHEAD_MS_MAX;
use crate::link::First;
use crate::reject::Reject;
use crate::tree::{self, Pieces, Proven, Shape};
use std::ops::Range;

/// A feed that somebody else writes.
#[derive(Clone, Debug)]
pub struct FollowedLog {
    feed: FeedKey,
    head: Option<Head>,
}

/// What an answer came to.
#[derive(Debug)]
pub enum Verdict {
    /// It is proven; write this.
    Accepted(Box<Batch>),
    /// A head that we have, or an older one of the same list: a stale mirror. Nothing to write.
    Stale,
    /// It is under a longer head than ours: ask for that head with `have` first.
    AskHead,
    /// The key signed two histories.
    Fork(Box<ForkProof>),
}

/// Why no verdict was reached.
#[derive(Debug, thiserror::Error)]
pub enum Failed<E> {
    /// The peer's bytes are wrong.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// The store failed.
    #[error("{0}")]
    Pieces(E),
}

impl FollowedLog {
    /// A feed of which `head`, or nothing yet, was verified before.
    #[must_use]
    pub fn new(feed: FeedKey, head: Option<Head>) -> Self {
        Self { feed, head }
    }

    /// The highest head that was verified.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Takes up a feed: one bundle, or two under one head, that hold record 0 and the last hash. `first` is what the
    /// user's link says of record 0.
    ///
    /// # Errors
    /// link-6, list-4, list-6, and those of bundles.
    pub fn accept_start(
        &mut self,
        first: Option<&First>,
        answer: &[&[u8]],
    ) -> Result<Batch, Reject> {
        let bundles = answer
            .iter()
            .map(|wire| bundle::check(&self.feed, wire))
            .collect::<Result<Vec<_>, _>>()?;
        let (Some(start), Some(last)) = (bundles.first(), bundles.last()) else {
            return Err(Reject::AnswerForm);
        };
        let head = &last.head;
        if bundles.len() > 2 || start.from != 0 || start.head.wire() != head.wire() {
            return Err(Reject::AnswerForm);
        }
        if !matches!(start.slots.first(), Some(Slot::Record(_))) {
            return Err(Reject::FirstWithheld);
        }
        if first.is_some_and(|first| *first != First::of(&head.body().first)) {
            return Err(Reject::LinkFirstMismatch);
        }
        if !last.holds_last() {
            return Err(Reject::LengthUnproven);
        }
        let mut batch = Batch {
            head: Some(head.clone()),
            ..Batch::new(self.feed)
        };
        bundles
            .iter()
            .for_each(|bundle| add_bundle(&mut batch, bundle));
        self.head = Some(head.clone());
        Ok(batch)
    }

    /// Takes a feed up again from what was kept of it before: `answer` is the one to `head?have=1`. Record 0 was judged when it
    /// first came, and need not be held any more; a stranger's word is never taken like this.
    ///
    /// # Errors
    /// Those of heads, slice-1 to slice-4, list-3.
    pub fn accept_kept(&mut self, answer: &[u8]) -> Result<Batch, Reject> {
        let kept = chain::check_head(&self.feed, answer, 1)?;
        let mut batch = Batch {
            head: Some(kept.head.clone()),
            ..Batch::new(self.feed)
        };
        add_proven(&mut batch, &kept.proven);
        self.head = Some(kept.head);
        Ok(batch)
    }

    /// Judges the answer to `head?have=` with the length of our head, at our clock's `now` in Unix milliseconds.
    ///
    /// # Errors
    /// See `Failed`.
    pub fn accept_head<P: Pieces>(
        &mut self,
        answer: &[u8],
        pieces: &P,
        now: u64,
    ) -> Result<Verdict, Failed<P::Error>> {
        let have = self.head.as_ref().map_or(0, |head| head.body().length);
        let claim = Claim::read(&self.feed, answer)?;
        self.accept_claim(claim, have, pieces, now)
    }

    /// The same for an answer that was made for who has `have` records, which may be another number than ours by now. Then
    /// it may not tell whether a longer head extends ours: it has to be asked for again.
    ///
    /// # Errors
    /// See `Failed`.
    pub fn accept_claim<P: Pieces>(
        &mut self,
        claim: Claim<'_>,
        have: u64,
        pieces: &P,
        now: u64,
    ) -> Result<Verdict, Failed<P::Error>> {
        if claim.head().body().feed != self.feed {
            return Err(Failed::Rejected(Reject::OtherFeed));
        }
        // Before the slice, which such a fork does not need: a bad one must not hide it.
        if let Some(fork) = self.fork_with(claim.head()) {
            return Ok(fork);
        }
        let answer = claim.check(have)?;
        // Nothing is taken up by its head alone: record 0 has to come first.
        let Some(ours) = &self.head else {
            return Ok(Verdict::AskHead);
        };
        let length = ours.body().length;
        if answer.head.body().length > length
            && have != length
            && chain::root_at(&answer.proven, length).is_none()
        {
            return Ok(Verdict::AskHead);
        }
        if let Some(verdict) = compare(ours, &answer.head, &answer.proven, pieces)? {
            return Ok(verdict);
        }
        if answer.head.body().length == length && !is_fresher(ours, &answer.head, now) {
            return Ok(Verdict::Stale);
        }
        let mut batch = Batch {
            head: Some(answer.head.clone()),
            ..Batch::new(self.feed)
        };
        add_proven(&mut batch, &answer.proven);
        self.head = Some(answer.head);
        Ok(Verdict::Accepted(Box::new(batch)))
    }

    /// Judges the answer to a request for the records `asked`. It counts under our head, or under an older one of the
    /// same list.
    ///
    /// # Errors
    /// See `Failed`.
    pub fn accept_bundle<P: Pieces>(
        &self,
        wire: &[u8],
        asked: &Range<u64>,
        pieces: &P,
    ) -> Result<Verdict, Failed<P::Error>> {
        let claim = bundle::Claim::read(&self.feed, wire)?;
        if let Some(fork) = self.fork_with(claim.head()) {
            return Ok(fork);
        }
        let bundle = claim.check()?;
        bundle.check_asked(asked)?;
        let Some(ours) = &self.head else {
            return Ok(Verdict::AskHead);
        };
        let (theirs, length) = (bundle.head.body(), ours.body().length);
        if theirs.length > length {
            return Ok(Verdict::AskHead);
        }
        if theirs.length < length {
            match tree::root(pieces, Shape::of_list(theirs.length)).map_err(Failed::Pieces)? {
                Some(root) if root == theirs.root => {}
                Some(_) => {
                    return fork_of_lists(&bundle.head, ours, pieces).map_err(Failed::Pieces);
                }
                // Older than what we can fold: of no use, and no fault.
                None => return Ok(Verdict::Stale),
            }
        }
        let mut batch = Batch::new(self.feed);
        add_bundle(&mut batch, &bundle);
        Ok(Verdict::Accepted(Box::new(batch)))
    }

    /// The fork, when a signed head and ours contradict each other by themselves.
    fn fork_with(&self, other: &Head) -> Option<Verdict> {
        let proof = ForkProof::of_heads(self.head.as_ref()?, other)?;
        Some(Verdict::Fork(Box::new(proof)))
    }
}

/// Compares our list with that of another head whose length is proven, and which does not contradict ours by itself.
/// `None` when it is ours again or extends ours.
fn compare<P: Pieces>(
    ours: &Head,
    other: &Head,
    proven: &Proven,
    pieces: &P,
) -> Result<Option<Verdict>, Failed<P::Error>> {
    let (length, root) = (other.body().length, other.body().root);
    if length < ours.body().length {
        return match tree::root(pieces, Shape::of_list(length)).map_err(Failed::Pieces)? {
            Some(own) if own != root => fork_of_lists(other, ours, pieces)
                .map(Some)
                .map_err(Failed::Pieces),
            _ => Ok(Some(Verdict::Stale)),
        };
    }
    if length > ours.body().length {
        return match chain::root_at(proven, ours.body().length) {
            Some(folded) if folded == ours.body().root => Ok(None),
            Some(_) => {
                let Ok(verdict) = fork_of_lists(ours, other, proven);
                Ok(Some(verdict))
            }
            None => Err(Failed::Rejected(Reject::LengthUnproven)),
        };
    }
    Ok(None)
}

/// Of heads with equal length and root the greatest time counts that is at most ten minutes ahead.
fn is_fresher(ours: &Head, other: &Head, now: u64) -> bool {
    let limit = now.saturating_add(TIME_AHEAD_MS_MAX);
    let known = |head: &Head| Some(head.body().time).filter(|time| *time <= limit);
    known(other) > known(ours)
}

/// `pieces` are those of the longer list.
fn fork_of_lists<P: Pieces>(
    shorter: &Head,
    longer: &Head,
    pieces: &P,
) -> Result<Verdict, P::Error> {
    let proof = ForkProof::of_lists(shorter, longer, pieces)?;
    Ok(proof.map_or(Verdict::Stale, |proof| Verdict::Fork(Box::new(proof))))
}

fn add_proven(batch: &mut Batch, proven: &Proven) {
    batch.nodes.extend(proven.nodes());
    batch.leaves.extend(
        proven
            .leaves()
            .map(|(index, bytes)| (index, bytes.to_vec())),
    );
}

fn add_bundle(batch: &mut Batch, bundle: &Bundle<'_>) {
    for (slot, index) in bundle.slots.iter().zip(bundle.from..) {
        match slot {
            Slot::Record(record) => batch.records.push((index, record.to_vec())),
            Slot::Withheld(_) => batch.withheld.push((index, None)),
            Slot::Retracted(_, by) => batch.withheld.push((index, Some(*by))),
        }
    }
    add_proven(batch, &bundle.proven);
}
