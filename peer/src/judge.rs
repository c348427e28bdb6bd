//! What an answer does to what is kept of a feed: `levada_feed::log` judges it, and what it accepts is written.
//!
//! Pure but for the store, which comes in: a disk or memory. From the first look at the store to the end of the commit
//! nobody else may write the same feed, or two answers that were judged under one head could both be believed. A feed of
//! which a fork is known stays at the head that was verified before.

#[cfg(test)]
mod tests;

use crate::frame::{self, News};
use crate::store::FeedStore;
use levada_feed::chain::Claim;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::link::First;
use levada_feed::log::{Batch, Failed, FollowedLog, Verdict};
use levada_feed::reject::Reject;
use std::ops::Range;

/// What a head came to, or the first answer about a feed.
#[derive(Debug)]
pub enum HeadJudged {
    /// It is ours now; so many records came with it.
    Taken(u64),
    /// It is ours already, or an older one of the same list, or nothing follows from it.
    Older,
    /// It was made for who has something else than we have by now: ask for it.
    Ask,
    /// A fork is known, so no other head is taken.
    Disputed,
    /// A longer head is remembered than the store has: the peer has to prove that its list begins with that one.
    Prove {
        /// The length of the remembered head.
        have: u64,
    },
    /// A longer head is remembered than the peer has.
    Behind {
        /// Its length.
        expected: u64,
        /// What the peer has.
        got: u64,
    },
    /// The peer's head moved on between two answers.
    Moved,
    /// The author signed two histories; the proof is kept. True: it was not known before.
    Fork(Box<ForkProof>, bool),
    /// The peer's bytes are wrong.
    Wrong(Reject),
}

/// What a bundle came to.
#[derive(Debug)]
pub enum BundleJudged {
    /// Its records are here.
    Taken {
        /// How many.
        records: u64,
        /// Those that the peer withheld.
        withheld: Vec<u64>,
    },
    /// It is under a head that is not ours yet.
    NewHead,
    /// It is under an older head, of which is not known whether it is ours.
    Older,
    /// The author signed two histories; the proof is kept.
    Fork(Box<ForkProof>),
    /// The peer's bytes are wrong.
    Wrong(Reject),
}

/// What news came to.
#[derive(Debug)]
pub enum NewsJudged {
    /// Nothing is new.
    Nothing,
    /// Something is new, or may be: it calls for a sync.
    News {
        /// Records of the peer's head; 0 when it is about something else.
        length: u64,
    },
    /// The peer has the head that is ours.
    Has {
        /// Its records.
        length: u64,
    },
    /// The peer does not have this feed.
    Lacks,
    /// The peer's bytes are wrong.
    Wrong(Reject),
}

/// Judges a head answer that was made for who has `have` records. `proof` is the answer to the question that `Prove`
/// leads to, made for who has that many records.
///
/// # Errors
/// The store's.
pub fn head<S: FeedStore>(
    store: &mut S,
    feed: &FeedKey,
    (have, answer): (u64, &[u8]),
    proof: Option<(u64, &[u8])>,
    now: u64,
) -> Result<HeadJudged, S::Error> {
    match Claim::read(feed, answer) {
        Ok(claim) => claimed(store, claim, have, proof, now),
        Err(reject) => Ok(HeadJudged::Wrong(reject)),
    }
}

/// The same for an answer that was taken apart.
///
/// # Errors
/// The store's.
pub fn claimed<S: FeedStore>(
    store: &mut S,
    claim: Claim<'_>,
    have: u64,
    proof: Option<(u64, &[u8])>,
    now: u64,
) -> Result<HeadJudged, S::Error> {
    let mut log = FollowedLog::new(claim.head().body().feed, store.head()?);
    if log.head().is_none() && store.fork()?.is_some() {
        // Nothing is here from before the fork, so there is no history to stay at.
        return Ok(HeadJudged::Disputed);
    }
    match log.accept_claim(claim, have, &*store, now) {
        Ok(Verdict::Accepted(batch)) => take(store, &batch, proof, now),
        Ok(Verdict::AskHead) if store.fork()?.is_some() => Ok(HeadJudged::Disputed),
        Ok(Verdict::AskHead) => Ok(HeadJudged::Ask),
        Ok(Verdict::Stale) => Ok(HeadJudged::Older),
        Ok(Verdict::Fork(proof)) => keep(store, proof),
        Err(Failed::Rejected(reject)) => Ok(HeadJudged::Wrong(reject)),
        Err(Failed::Pieces(error)) => Err(error),
    }
}

/// Judges the answer to a request for these records.
///
/// # Errors
/// The store's.
pub fn bundle<S: FeedStore>(
    store: &mut S,
    feed: &FeedKey,
    asked: &Range<u64>,
    answer: &[u8],
) -> Result<BundleJudged, S::Error> {
    let log = FollowedLog::new(*feed, store.head()?);
    Ok(match log.accept_bundle(answer, asked, &*store) {
        Ok(Verdict::Accepted(batch)) => {
            store.commit(&batch)?;
            BundleJudged::Taken {
                records: count(&batch),
                withheld: batch.withheld().iter().map(|(index, _)| *index).collect(),
            }
        }
        Ok(Verdict::AskHead) => BundleJudged::NewHead,
        Ok(Verdict::Stale) => BundleJudged::Older,
        Ok(Verdict::Fork(proof)) => {
            store.keep_fork(&proof)?;
            BundleJudged::Fork(proof)
        }
        Err(Failed::Rejected(reject)) => BundleJudged::Wrong(reject),
        Err(Failed::Pieces(error)) => return Err(error),
    })
}

/// Checks the answer to a request for the newest records of a feed that is not here; `first` is what the user's link says.
///
/// # Errors
/// Those of bundles, link-6, list-4, list-6, wire-1.
pub fn newest(feed: &FeedKey, first: Option<&First>, answer: &[u8]) -> Result<Batch, Reject> {
    let bundles = frame::split_bundles(answer)?;
    FollowedLog::new(*feed, None).accept_start(first, &bundles)
}

/// Takes a feed up with what `newest` gave; `proof` as in `head`.
///
/// # Errors
/// The store's.
pub fn start<S: FeedStore>(
    store: &mut S,
    batch: &Batch,
    proof: Option<(u64, &[u8])>,
    now: u64,
) -> Result<HeadJudged, S::Error> {
    if store.head()?.is_some() {
        // Somebody else was faster: what the peer has is held against that.
        return Ok(HeadJudged::Ask);
    }
    if let Some(proof) = store.fork()? {
        // Nothing is here from before the fork, so there is no history to stay at.
        return Ok(HeadJudged::Fork(Box::new(proof), false));
    }
    take(store, batch, proof, now)
}

/// Writes a batch whose head extends that of the store.
///
/// The store may have been lost, or have fallen behind in a loss of power, while the highest head is remembered: then only
/// a head that extends that one counts. A lost store is no way back, and no way to another history.
fn take<S: FeedStore>(
    store: &mut S,
    batch: &Batch,
    proof: Option<(u64, &[u8])>,
    now: u64,
) -> Result<HeadJudged, S::Error> {
    if store.fork()?.is_some() {
        return Ok(HeadJudged::Disputed);
    }
    let Some(head) = batch.head() else {
        return Ok(HeadJudged::Wrong(Reject::AnswerForm));
    };
    let stored = store.head()?.map_or(0, |head| head.body().length);
    let remembered = store.remembered();
    if let Some(remembered) = remembered.filter(|head| head.body().length > stored) {
        if let Some(proof) = ForkProof::of_heads(&remembered, head) {
            return keep(store, Box::new(proof));
        }
        let (expected, got) = (remembered.body().length, head.body().length);
        if got < expected {
            return Ok(HeadJudged::Behind { expected, got });
        }
        if got > expected {
            let Some((_, answer)) = proof.filter(|(have, _)| *have == expected) else {
                return Ok(HeadJudged::Prove { have: expected });
            };
            if let Some(judged) = not_extending(store, remembered, head, answer, now)? {
                return Ok(judged);
            }
        }
    }
    store.commit(batch)?;
    Ok(HeadJudged::Taken(count(batch)))
}

/// Why a head does not extend the remembered one by this answer; `None` if it does.
fn not_extending<S: FeedStore>(
    store: &mut S,
    remembered: Head,
    head: &Head,
    answer: &[u8],
    now: u64,
) -> Result<Option<HeadJudged>, S::Error> {
    let mut log = FollowedLog::new(head.body().feed, Some(remembered));
    // The store does not have the list up to there: the answer itself has to prove the way from the old head.
    Ok(match log.accept_head(answer, &*store, now) {
        Ok(Verdict::Accepted(proven)) => {
            let proven = proven.head().unwrap_or(head);
            match ForkProof::of_heads(head, proven) {
                Some(proof) => Some(keep(store, Box::new(proof))?),
                None if proven.body().length == head.body().length => None,
                None => Some(HeadJudged::Moved),
            }
        }
        Ok(Verdict::Stale | Verdict::AskHead) => Some(HeadJudged::Moved),
        Ok(Verdict::Fork(proof)) => Some(keep(store, proof)?),
        Err(Failed::Rejected(reject)) => Some(HeadJudged::Wrong(reject)),
        Err(Failed::Pieces(error)) => return Err(error),
    })
}

fn keep<S: FeedStore>(store: &mut S, proof: Box<ForkProof>) -> Result<HeadJudged, S::Error> {
    let is_new = store.keep_fork(&proof)?;
    Ok(HeadJudged::Fork(proof, is_new))
}

/// A peer's answer to the question for its head, as news.
#[derive(Debug)]
pub struct Polled {
    /// What it came to.
    pub judged: NewsJudged,
    /// Records of the peer's head.
    pub length: u64,
    /// What names that head when it is asked for another one.
    pub tag: String,
}

/// Judges a head that a peer tells of, made for who has `have` records.
///
/// # Errors
/// The store's.
pub fn polled<S: FeedStore>(
    store: &mut S,
    feed: &FeedKey,
    have: u64,
    answer: &[u8],
    now: u64,
) -> Result<Polled, S::Error> {
    let claim = match Claim::read(feed, answer) {
        Ok(claim) => claim,
        Err(reject) => {
            return Ok(Polled {
                judged: NewsJudged::Wrong(reject),
                length: have,
                tag: String::new(),
            });
        }
    };
    let tag = frame::head_tag(claim.head().wire());
    let length = claim.head().body().length;
    let judged = match claimed(store, claim, have, None, now)? {
        HeadJudged::Wrong(reject) => NewsJudged::Wrong(reject),
        HeadJudged::Older if (store.head()?).is_some_and(|head| head.body().length == length) => {
            NewsJudged::Has { length }
        }
        HeadJudged::Older
        | HeadJudged::Disputed
        | HeadJudged::Behind { .. }
        | HeadJudged::Fork(_, false) => NewsJudged::Nothing,
        HeadJudged::Fork(_, true) => NewsJudged::News { length: 0 },
        HeadJudged::Taken(_) | HeadJudged::Ask | HeadJudged::Prove { .. } | HeadJudged::Moved => {
            NewsJudged::News { length }
        }
    };
    Ok(Polled {
        judged,
        length,
        tag,
    })
}

/// Judges what a stream tells of a feed. `have` is the length for which its next head will be made. Successions are not
/// judged here.
///
/// # Errors
/// The store's.
pub fn news<S: FeedStore>(
    store: &mut S,
    feed: &FeedKey,
    have: &mut u64,
    news: &News,
    now: u64,
) -> Result<NewsJudged, S::Error> {
    Ok(match news {
        News::Unknown | News::Succession(_) => NewsJudged::Nothing,
        News::NotHere => NewsJudged::Lacks,
        News::Head(answer) => {
            let polled = polled(store, feed, *have, answer, now)?;
            *have = polled.length;
            polled.judged
        }
        News::Fork(proof) => match ForkProof::check(proof) {
            Ok(proof) if proof.longer().body().feed == *feed => {
                if store.keep_fork(&proof)? {
                    NewsJudged::News { length: 0 }
                } else {
                    NewsJudged::Nothing
                }
            }
            Ok(_) => NewsJudged::Wrong(Reject::OtherFeed),
            Err(reject) => NewsJudged::Wrong(reject),
        },
    })
}

fn count(batch: &Batch) -> u64 {
    u64::try_from(batch.records().len()).unwrap_or(0)
}
