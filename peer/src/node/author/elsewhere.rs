//! Who else has an own feed, and what of it: asked before the first signature after a start (spec/author-file.md, Copies).
//!
//! Its mirrors are asked all at once and have a few seconds, so that publishing without a network is not slow. A head
//! counts once it is proven to extend ours; one that contradicts ours is a fork, and its proof is kept and handed on.

use super::Aside;
use crate::api::{Code, Failure};
use crate::frame::Ask;
use crate::io::client::{AskError, Remote, Unreachable};
use crate::io::clock;
use crate::node::Node;
use crate::node::records::{RecordSync, SyncError, blocking, unless_stopped};
use crate::session::{Topic, Wanted};
use bytes::Bytes;
use levada_feed::chain;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{FORK_BYTES_MAX, HEAD_ANSWER_BYTES_MAX};
use levada_feed::log::Verdict;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// Time that all mirrors together have to answer before the first signature.
#[cfg(not(test))]
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Mirrors of unit tests answer or are gone; a machine that has much to do is no mirror that is away.
#[cfg(test)]
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The same when the person asked for nothing else.
const PATIENT_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of what a mirror says to a proof.
const ANSWER_BYTES_MAX: u64 = 1_024;

/// What others have of an own feed.
pub(in crate::node) enum Elsewhere {
    /// The key signed two histories.
    Forked(Box<ForkProof>),
    /// These have a newer head, the best first.
    Newer(Vec<Remote>),
    /// Somebody has the same head, and nobody a newer one.
    Same,
    /// Nobody answered with as much as there is here.
    Nobody(Vec<Answer>),
}

/// What one mirror said.
#[derive(Clone, Debug)]
pub(in crate::node) struct Answer {
    /// Where it is.
    pub(in crate::node) mirror: String,
    /// What it said.
    pub(in crate::node) said: Said,
}

/// What a mirror said of an own feed.
#[derive(Clone, Debug)]
pub(in crate::node) enum Said {
    /// A newer head, proven to extend ours.
    Newer(u64, u64),
    /// Our head.
    Same,
    /// An older head of this length.
    Older(u64),
    /// It has nothing of this feed.
    Unknown,
    /// Nothing that can be used.
    Nothing(String),
    /// A proof that the key signed two histories.
    Fork(Box<ForkProof>),
}

/// The mirrors of an own feed that can be asked.
pub(in crate::node) fn remotes(node: &Node, feed: &FeedKey) -> Vec<Remote> {
    let mirrors = node.mirrors(feed);
    let known = mirrors.iter().map(|mirror| node.client.remote(mirror));
    known.filter_map(Result::ok).collect()
}

/// Asks all mirrors. Blocks.
pub(super) fn ask(node: &Arc<Node>, feed: &FeedKey, aside: &Aside) -> Result<Elsewhere, Failure> {
    let remotes = remotes(node, feed);
    if remotes.is_empty() {
        return Ok(Elsewhere::Nobody(Vec::new()));
    }
    let patience = if aside.is_patient {
        PATIENT_TIMEOUT
    } else {
        ANSWER_TIMEOUT
    };
    let asking = ask_all(node.clone(), *feed, remotes.clone(), patience);
    let asked = aside.block_on(unless_stopped(&aside.stop, asking))?;
    let answers = asked.map_err(|error| failure(feed, &error))?;
    if let Some(proof) = answers.iter().find_map(|answer| match &answer.said {
        Said::Fork(proof) => Some(proof.clone()),
        _ => None,
    }) {
        node.keep_fork(&proof)?;
        aside.block_on(hand_over(node.clone(), *feed, proof.clone()))?;
        return Ok(Elsewhere::Forked(proof));
    }
    let mut newer: Vec<((u64, u64), Remote)> = Vec::new();
    for answer in &answers {
        if let Said::Newer(length, time) = answer.said {
            let of = remotes
                .iter()
                .filter(|remote| remote.name() == answer.mirror);
            newer.extend(of.map(|remote| ((length, time), remote.clone())));
        }
    }
    newer.sort_by_key(|(order, _)| Reverse(*order));
    if !newer.is_empty() {
        return Ok(Elsewhere::Newer(
            newer.into_iter().map(|(_, remote)| remote).collect(),
        ));
    }
    if answers
        .iter()
        .any(|answer| matches!(answer.said, Said::Same))
    {
        return Ok(Elsewhere::Same);
    }
    Ok(Elsewhere::Nobody(answers))
}

async fn ask_all(
    node: Arc<Node>,
    feed: FeedKey,
    remotes: Vec<Remote>,
    patience: Duration,
) -> Result<Vec<Answer>, SyncError> {
    let mut asking = tokio::task::JoinSet::new();
    for remote in remotes {
        let node = node.clone();
        asking.spawn(async move {
            let mirror = remote.name().to_owned();
            let late = || Said::Nothing("it did not answer in time".to_owned());
            let said = tokio::time::timeout(patience, look(&node, &feed, &remote)).await;
            Ok(Answer {
                mirror,
                said: said.unwrap_or_else(|_| Ok(late()))?,
            })
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = asking.join_next().await {
        answers.push(answer.unwrap_or(Err(SyncError::Interrupted))?);
    }
    answers.sort_by(|one: &Answer, other| one.mirror.cmp(&other.mirror));
    Ok(answers)
}

/// What one mirror has. An answer is of no use when something was signed since the question.
pub(in crate::node) async fn look(
    node: &Arc<Node>,
    feed: &FeedKey,
    remote: &Remote,
) -> Result<Said, SyncError> {
    let (head, fork) = tokio::join!(ask_head(node, feed, remote), ask_fork(feed, remote));
    fork.map_or(head, |proof| Ok(Said::Fork(Box::new(proof))))
}

/// The fork proof of a feed, if a mirror has one.
pub(in crate::node) async fn ask_fork(feed: &FeedKey, remote: &Remote) -> Option<ForkProof> {
    let limit = u64::try_from(FORK_BYTES_MAX).unwrap_or(u64::MAX);
    let bytes = remote.get(&Ask::Fork { feed: *feed }, limit).await.ok()?;
    let proof = ForkProof::check(&bytes).ok()?;
    (proof.longer().body().feed == *feed).then_some(proof)
}

async fn ask_head(node: &Arc<Node>, feed: &FeedKey, remote: &Remote) -> Result<Said, SyncError> {
    let (reading, of) = (node.clone(), *feed);
    let ours = blocking(move || reading.disk.head(&of)).await?;
    let ask = Ask::Head {
        feed: *feed,
        have: ours.as_ref().map_or(0, |head| head.body().length),
        wait: 0,
    };
    let limit = u64::try_from(HEAD_ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
    match remote.get(&ask, limit).await {
        Ok(answer) => judge(node, feed, answer).await,
        Err(AskError::Unreachable(Unreachable::NotThere { .. })) => Ok(Said::Unknown),
        Err(error) => Ok(Said::Nothing(error.to_string())),
    }
}

/// The newer head of a mirror, proven to extend ours.
pub(in crate::node) async fn newer_head(
    node: &Arc<Node>,
    feed: &FeedKey,
    remote: &Remote,
) -> Result<Option<Head>, SyncError> {
    let (reading, of) = (node.clone(), *feed);
    let ours = blocking(move || reading.disk.head(&of)).await?;
    let ask = Ask::Head {
        feed: *feed,
        have: ours.as_ref().map_or(0, |head| head.body().length),
        wait: 0,
    };
    let limit = u64::try_from(HEAD_ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
    let answer = remote.get(&ask, limit).await?;
    let (node, feed) = (node.clone(), *feed);
    blocking(move || {
        let mut log = node.followed(&feed)?;
        let verdict = log.accept_head(&answer, &node.disk.pieces(&feed), clock::now_ms());
        Ok(match verdict {
            Ok(Verdict::Accepted(batch)) => batch.head().cloned(),
            _ => None,
        })
    })
    .await
}

/// Judges an answer to `head?have=` with the length of the store's head.
async fn judge(node: &Arc<Node>, feed: &FeedKey, answer: Bytes) -> Result<Said, SyncError> {
    let (node, feed) = (node.clone(), *feed);
    blocking(move || {
        let mut log = node.followed(&feed)?;
        let ours = log.head().map_or(0, |head| head.body().length);
        let theirs = chain::Claim::read(&feed, &answer).map(|claim| {
            let body = claim.head().body();
            (body.length, body.time)
        });
        let (length, time) = match theirs {
            Ok(theirs) => theirs,
            Err(reject) => return Ok(Said::Nothing(reject.to_string())),
        };
        let verdict = log.accept_head(&answer, &node.disk.pieces(&feed), clock::now_ms());
        Ok(match verdict {
            Ok(Verdict::Fork(proof)) => Said::Fork(proof),
            Ok(Verdict::Accepted(_) | Verdict::AskHead) => Said::Newer(length, time),
            Ok(Verdict::Stale) if length < ours => Said::Older(length),
            Ok(Verdict::Stale) => Said::Same,
            Err(levada_feed::log::Failed::Pieces(error)) => return Err(error),
            Err(levada_feed::log::Failed::Rejected(reject)) => Said::Nothing(reject.to_string()),
        })
    })
    .await
}

/// Brings a newer head and the records under it into the store, from the first of these that has all of them. What it
/// withholds is left out; what fails at all of them is an error.
pub(super) fn fetch(
    node: &Arc<Node>,
    feed: &FeedKey,
    remotes: &[Remote],
    aside: &Aside,
) -> Result<(), Failure> {
    let mut worst = None;
    for remote in remotes {
        let topic = Topic {
            feed: *feed,
            first: None,
            wanted: Wanted::All,
            above: 0,
            is_disputed: false,
        };
        let sync = RecordSync {
            node,
            topic,
            remote: remote.clone(),
            nickname: node.nickname(feed),
            events: aside.events.clone(),
        };
        let came = aside.block_on(sync.run(&aside.stop))?;
        match came.result {
            Ok(()) => {
                let length = node.disk.head(feed)?.map_or(0, |head| head.body().length);
                worst = None;
                if node.disk.held(feed).contains_all(0..length) {
                    break;
                }
            }
            Err(SyncError::Fork(proof)) => {
                aside.block_on(hand_over(node.clone(), *feed, proof.clone()))?;
                return Err(super::refusal::forked(&proof));
            }
            Err(error @ (SyncError::Interrupted | SyncError::Store(_))) => {
                return Err(failure(feed, &error));
            }
            Err(error) => worst = Some(error),
        }
    }
    worst.map_or(Ok(()), |error| Err(failure(feed, &error)))
}

fn failure(feed: &FeedKey, error: &SyncError) -> Failure {
    let name = format!("feed {}", crate::node::words::short(feed));
    match error {
        SyncError::Interrupted => Failure::new(Code::Interrupted, format!("{name}: interrupted"))
            .hint("nothing was signed; the same command goes on"),
        SyncError::Store(error) => crate::node::words::store_failure(error),
        error => Failure::new(
            Code::Denied,
            format!("{name}: a newer head of it is known, and its records did not come: {error}"),
        )
        .hint("nothing was signed; run the same command again when a mirror of the feed answers"),
    }
}

/// Hands the proof of a fork to the mirrors, so that everybody stops. Who is away learns it from others.
pub(in crate::node) async fn hand_over(node: Arc<Node>, feed: FeedKey, proof: Box<ForkProof>) {
    let mut handing = tokio::task::JoinSet::new();
    for remote in remotes(&node, &feed) {
        let bytes = Bytes::copy_from_slice(proof.wire());
        handing.spawn(async move {
            let ask = Ask::Fork { feed };
            let posted = remote.post(&ask, bytes, ANSWER_BYTES_MAX);
            // A static host takes nothing, and one that is away takes it another time.
            let _ = tokio::time::timeout(ANSWER_TIMEOUT, posted).await;
        });
    }
    while handing.join_next().await.is_some() {}
}
