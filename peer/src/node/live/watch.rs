//! One stream with one peer: everything that it says is judged here before it counts.
//!
//! A head that extends ours is taken at once; every other one is a claim, which leads to a sync. Fork proofs and successions
//! are checked, kept and passed on to those who watch the feed here. What is wrong ends the stream, and the peer is named.

use crate::engine::{Ending, Event, Told};
use crate::frame::{self, Frame, News, Watched};
use crate::io::client::AskError;
use crate::io::clock;
use crate::judge::{self, NewsJudged};
use crate::node::Node;
use crate::node::records::{SyncError, blocking};
use crate::store::StoreError;
use levada_feed::key::FeedKey;
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
                Ok(NewsJudged::Nothing) => true,
                Ok(NewsJudged::News { length }) => self.tell(Told::News { feed, length }).await,
                Ok(NewsJudged::Has { length }) => self.tell(Told::Has { feed, length }).await,
                Ok(NewsJudged::Lacks) => self.tell(Told::Lacks(feed)).await,
                Ok(NewsJudged::Wrong(reject)) => {
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
    ) -> Result<NewsJudged, SyncError> {
        let (node, mut have) = (self.node.clone(), known.have);
        let judged = blocking(move || {
            let judged = match &news {
                News::Succession(file) => take_succession(&node, &feed, file)?,
                news => node.judging(&feed, |store| {
                    judge::news(store, &feed, &mut have, news, clock::now_ms())
                })?,
            };
            Ok((judged, have))
        });
        let (judged, have) = judged.await?;
        known.have = have;
        Ok(judged)
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

fn take_succession(node: &Node, feed: &FeedKey, file: &[u8]) -> Result<NewsJudged, StoreError> {
    let Some(bytes) = node.disk.record(feed, 0)? else {
        // Whose it is cannot be told yet; it is said again on the next stream.
        return Ok(NewsJudged::Nothing);
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
            Ok(NewsJudged::Nothing)
        }
        Err(reject) => Ok(NewsJudged::Wrong(reject)),
    }
}
