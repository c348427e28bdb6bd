//! One stream with one peer: everything that it says is judged here before it counts.
//!
//! A head that extends ours is taken at once; every other one is a claim, which leads to a sync. Fork proofs and successions
//! are checked, kept and passed on to those who watch the feed here. What is wrong ends the stream, and the peer is named.

use super::poll::is_news;
use crate::engine::{Ending, Event, Told};
use crate::frame::{self, Frame, News, Watched};
use crate::io::client::AskError;
use crate::io::clock;
use crate::node::Node;
use crate::node::records::{SyncError, blocking};
use crate::store::StoreError;
use levada_feed::chain::Claim;
use levada_feed::fork::ForkProof;
use levada_feed::key::FeedKey;
use levada_feed::log::{Failed, Verdict};
use levada_feed::record::{self, Body};
use levada_feed::reject::Reject;
use levada_feed::succession::Succession;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A stream.
pub(super) struct Stream {
    pub(super) node: Arc<Node>,
    pub(super) peer: String,
    pub(super) number: u64,
    /// In rising order.
    pub(super) feeds: Vec<FeedKey>,
    pub(super) told: mpsc::Sender<Event>,
}

/// What a frame came to.
#[derive(Debug)]
enum Judged {
    Nothing,
    News,
    Wrong(Reject),
}

impl Stream {
    /// Tells the engine what the peer tells, until the stream is over.
    pub(super) async fn run(self) {
        let ending = self.to_the_end().await;
        self.tell(Told::Ended(ending)).await;
    }

    /// False when nobody listens any more.
    async fn tell(&self, told: Told) -> bool {
        let event = Event::Watched {
            peer: self.peer.clone(),
            stream: self.number,
            told,
        };
        self.told.send(event).await.is_ok()
    }

    async fn to_the_end(&self) -> Ending {
        let Ok(remote) = self.node.remote(&self.peer) else {
            return Ending::Failed;
        };
        let (node, feeds) = (self.node.clone(), self.feeds.clone());
        let known = blocking(move || feeds.iter().map(|feed| watched(&node, feed)).collect());
        let Ok(mut known): Result<Vec<Watched>, _> = known.await else {
            return Ending::Failed;
        };
        let started = clock::tick();
        let mut watching = match remote.watch(&known).await {
            Ok(Some(watching)) => watching,
            Ok(None) => return Ending::Unknown,
            Err(error) => {
                self.node.failed(&self.peer, &error);
                return Ending::Failed;
            }
        };
        self.node.answered(&self.peer, Some(clock::since(started)));
        let mut is_open = self.tell(Told::Open).await;
        while is_open {
            let (at, news) = match watching.next().await {
                Ok(Some(Frame::News { at, news })) => (at, news),
                Ok(Some(Frame::Alive)) => continue,
                Ok(None) => return Ending::Closed,
                Err(error) => {
                    self.node.failed(&self.peer, &error);
                    // One whose connection breaks is not to blame as one who says what is wrong.
                    return match error {
                        AskError::Unreachable(_) => Ending::Closed,
                        AskError::Rejected { .. } => Ending::Failed,
                    };
                }
            };
            let (Some(feed), Some(known)) = (self.feeds.get(at).copied(), known.get_mut(at)) else {
                continue;
            };
            is_open = match self.judge(feed, known, news).await {
                Ok(Judged::Nothing) => true,
                Ok(Judged::News) => self.tell(Told::News(feed)).await,
                Ok(Judged::Wrong(reject)) => {
                    self.node.lied(&self.peer, &feed, &reject);
                    return Ending::Failed;
                }
                Err(_) => return Ending::Failed,
            };
        }
        Ending::Closed
    }

    async fn judge(
        &self,
        feed: FeedKey,
        known: &mut Watched,
        news: News,
    ) -> Result<Judged, SyncError> {
        let (node, have) = (self.node.clone(), known.have);
        match news {
            News::Unknown => Ok(Judged::Nothing),
            News::NotHere => {
                self.tell(Told::Lacks(feed)).await;
                Ok(Judged::Nothing)
            }
            News::Head(answer) => {
                let judged = blocking(move || take_head(&node, &feed, have, &answer)).await?;
                known.have = judged.1;
                Ok(judged.0)
            }
            News::Fork(proof) => blocking(move || take_fork(&node, &feed, &proof)).await,
            News::Succession(file) => blocking(move || take_succession(&node, &feed, &file)).await,
        }
    }
}

fn watched(node: &Node, feed: &FeedKey) -> Result<Watched, StoreError> {
    let head = node.disk.head(feed)?;
    Ok(Watched {
        feed: *feed.as_bytes(),
        have: head.as_ref().map_or(0, |head| head.body().length),
        tag: head.map(|head| frame::head_tag_bytes(head.wire())),
    })
}

/// Judges a head answer that was made for who has `have` records; gives the length for which the next one is made.
fn take_head(
    node: &Node,
    feed: &FeedKey,
    have: u64,
    answer: &[u8],
) -> Result<(Judged, u64), StoreError> {
    let claim = match Claim::read(feed, answer) {
        Ok(claim) => claim,
        Err(reject) => return Ok((Judged::Wrong(reject), have)),
    };
    let length = claim.head().body().length;
    let mut log = node.followed(feed)?;
    let ours = log.head().map_or(0, |head| head.body().length);
    let is_fork = log
        .head()
        .is_some_and(|head| ForkProof::of_heads(head, claim.head()).is_some());
    if !is_fork && ours != have {
        // Made for another length than ours is by now: it says whether to ask, no more.
        let is_new = is_news(log.head(), claim.head());
        return Ok(match claim.check(have) {
            Err(reject) => (Judged::Wrong(reject), have),
            Ok(_) if is_new => (Judged::News, length),
            Ok(_) => (Judged::Nothing, length),
        });
    }
    let is_disputed = node.evidence.fork(feed)?.is_some();
    let remembered = node.remembered(feed);
    let is_behind = remembered.is_some_and(|head| head.body().length > ours);
    let judged = match log.accept_head(answer, &node.disk.pieces(feed), clock::now_ms()) {
        // A feed with a fork stays at the head that was verified before.
        Ok(Verdict::Accepted(_)) if is_disputed => Judged::Nothing,
        // Ours is of a store that fell behind: whether this extends what is remembered is asked by the sync.
        Ok(Verdict::Accepted(_)) if is_behind => Judged::News,
        Ok(Verdict::Accepted(batch)) => {
            node.disk.commit(&batch)?;
            node.remember_head(batch.head())?;
            Judged::News
        }
        Ok(Verdict::AskHead) => Judged::News,
        Ok(Verdict::Stale) => Judged::Nothing,
        Ok(Verdict::Fork(proof)) => keep_fork(node, feed, &proof)?,
        Err(Failed::Rejected(reject)) => Judged::Wrong(reject),
        Err(Failed::Pieces(error)) => return Err(error),
    };
    Ok((judged, length))
}

fn keep_fork(node: &Node, feed: &FeedKey, proof: &ForkProof) -> Result<Judged, StoreError> {
    if !node.evidence.put_fork(proof)? {
        return Ok(Judged::Nothing);
    }
    node.news.evidence(feed);
    Ok(Judged::News)
}

fn take_fork(node: &Node, feed: &FeedKey, proof: &[u8]) -> Result<Judged, StoreError> {
    match ForkProof::check(proof) {
        Ok(proof) if proof.longer().body().feed == *feed => keep_fork(node, feed, &proof),
        Ok(_) => Ok(Judged::Wrong(Reject::OtherFeed)),
        Err(reject) => Ok(Judged::Wrong(reject)),
    }
}

fn take_succession(node: &Node, feed: &FeedKey, file: &[u8]) -> Result<Judged, StoreError> {
    let Some(bytes) = node.disk.record(feed, 0)? else {
        // Whose it is cannot be told yet; it is said again on the next stream.
        return Ok(Judged::Nothing);
    };
    let recovery = match record::read(&bytes, 0).map(|record| record.body) {
        Ok(Body::Profile(profile)) => profile.recovery,
        _ => None,
    };
    let checked = Succession::check(file).and_then(|file| {
        file.check_recovery(recovery.as_ref())?;
        let is_of_feed = file.body().feed == *feed;
        is_of_feed.then_some(file).ok_or(Reject::OtherFeed)
    });
    match checked {
        Ok(file) => {
            if node.evidence.put_succession(&file)? {
                node.news.evidence(feed);
            }
            Ok(Judged::Nothing)
        }
        Err(reject) => Ok(Judged::Wrong(reject)),
    }
}
