//! Brings the records of one feed here from one peer: drives `session`, lets `levada_feed::log` judge, writes what it
//! accepts.

mod start;
mod survey;

use super::Node;
use super::room::NoRoom;
use crate::api::{Event, Progress};
use crate::frame::Ask;
use crate::io::client::{AskError, Remote, Unreachable};
use crate::io::clock;
use crate::runs::Runs;
use crate::session::{Known, Session, Step, Wanted};
use crate::store::StoreError;
use bytes::Bytes;
use levada_feed::fork::ForkProof;
use levada_feed::key::FeedKey;
use levada_feed::limits::BUNDLE_BYTES_MAX;
use levada_feed::link::First;
use levada_feed::log::{Batch, Failed, Verdict};
use levada_feed::reject::Reject;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use survey::Survey;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bundles asked for before the one before them was judged.
const UNDER_WAY_MAX: usize = 2;
/// Times that a peer may grow its head while we follow it; then it is taken as it is.
const HEADS_MAX: u32 = 16;

/// Why records did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum SyncError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("interrupted")]
    Interrupted,
    /// The store was lost, and this peer has less than was verified here before.
    #[error("{peer} has {got} records of it, and {expected} were verified here before")]
    Behind {
        peer: String,
        expected: u64,
        got: u64,
    },
    /// A record is wrong about a file of its own.
    #[error("its record says {claimed} bytes, and it has {actual}: the author has to correct that")]
    WrongSize { claimed: u64, actual: u64 },
    /// There is no room for a file.
    #[error("{}", .0.words())]
    NoRoom(NoRoom),
    /// Both heads are in the proof, which was kept.
    #[error("the author of this feed signed two histories")]
    Fork(Box<ForkProof>),
}

/// What a sync of records came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Came {
    pub(super) records: u64,
    pub(super) is_stale: bool,
}

/// One feed being synced from one peer.
pub(super) struct RecordSync<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) feed: FeedKey,
    pub(super) first: Option<First>,
    pub(super) wanted: Wanted,
    pub(super) remote: Remote,
    pub(super) nickname: String,
    /// A fork of the feed is known: it stays at the head that was verified before.
    pub(super) is_disputed: bool,
    pub(super) events: mpsc::Sender<Event>,
}

type Answering = (Range<u64>, JoinHandle<Result<Bytes, AskError>>);

impl RecordSync<'_> {
    /// Syncs until this peer has no more to give.
    pub(super) async fn run(&self, stop: &super::Stop) -> Result<Came, SyncError> {
        unless_stopped(stop, self.to_the_end()).await
    }

    async fn to_the_end(&self) -> Result<Came, SyncError> {
        let mut session = Session::new(self.wanted);
        let mut survey = Survey::default();
        if self.is_disputed {
            session.head_judged();
        }
        let mut came = Came::default();
        let mut waiting: VecDeque<Answering> = VecDeque::new();
        let mut under_way = Runs::new();
        let mut heads = 0;
        loop {
            let step = self.next(&mut session, &under_way, &mut survey).await?;
            match step {
                Step::Records(range) if waiting.len() < UNDER_WAY_MAX => {
                    under_way.insert(range.clone());
                    waiting.push_back(self.ask_records(range));
                    continue;
                }
                Step::Start { latest } => {
                    came.records += self.start(latest).await?;
                    session.head_judged();
                    continue;
                }
                Step::Head { have } if waiting.is_empty() => {
                    came.is_stale |= self.head(have).await?;
                    heads += 1;
                    session.head_judged();
                    continue;
                }
                Step::Done if waiting.is_empty() => return Ok(came),
                _ => {}
            }
            let Some((range, answer)) = waiting.pop_front() else {
                return Ok(came);
            };
            under_way.remove(range.clone());
            let outcome = match answer.await {
                Ok(Ok(answer)) => {
                    self.accept_bundle(&mut session, range.clone(), answer)
                        .await?
                }
                Ok(Err(AskError::Unreachable(Unreachable::NotThere { .. }))) => {
                    session.refused(range.clone());
                    Outcome::Records(0)
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(SyncError::Interrupted),
            };
            match outcome {
                Outcome::Records(records) => came.records += records,
                Outcome::NewHead if self.is_disputed => session.refused(range),
                Outcome::NewHead if heads < HEADS_MAX => session.head_outdated(),
                Outcome::NewHead => return Ok(came),
            }
            self.progress(came.records).await;
        }
    }

    async fn progress(&self, records: u64) {
        let progress = Progress {
            what: "records".into(),
            of: self.nickname.clone(),
            count: records,
            ..Progress::default()
        };
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.send(Event::Progress(progress)).await;
    }

    /// Asks the session with what the store knows now.
    async fn next(
        &self,
        session: &mut Session,
        under_way: &Runs,
        survey: &mut Survey,
    ) -> Result<Step, SyncError> {
        let (node, feed) = (self.node.clone(), self.feed);
        let head = blocking(move || node.disk.head(&feed)).await?;
        let length = head.map(|head| head.body().length);
        let from = length.and_then(|length| session.from(length));
        let (node, feed, wanted) = (self.node.clone(), self.feed, self.wanted);
        let (mut work, is_settled) = (std::mem::take(survey), under_way.is_empty());
        *survey = blocking(move || {
            work.go_on(&node, &feed, wanted, from, is_settled)?;
            Ok(work)
        })
        .await?;
        let known = Known {
            length,
            held: &survey.held,
            items: survey.items,
            oldest: survey.oldest,
            referred: &survey.referred,
        };
        Ok(session.next(&known, under_way))
    }

    /// Asks for a newer head; says whether the peer's was older than ours.
    async fn head(&self, have: u64) -> Result<bool, SyncError> {
        let ask = Ask::Head {
            feed: self.feed,
            have,
            wait: 0,
        };
        let answer = self.remote.get(&ask, limit(1)).await?;
        let (node, feed) = (self.node.clone(), self.feed);
        let judged = blocking(move || {
            let mut log = node.followed(&feed)?;
            Ok(log.accept_head(&answer, &node.disk.pieces(&feed), clock::now_ms()))
        });
        match judged.await? {
            Ok(Verdict::Accepted(batch)) => self.take_head(have, *batch).await,
            Ok(Verdict::Stale | Verdict::AskHead) => Ok(true),
            Ok(Verdict::Fork(proof)) => Err(self.fork(proof)?),
            Err(failed) => Err(self.failed(failed)),
        }
    }

    /// A head that extends ours, which may be of a store that fell behind what is remembered; says whether it was too old.
    async fn take_head(&self, have: u64, batch: Batch) -> Result<bool, SyncError> {
        let remembered = self.node.remembered(&self.feed);
        let is_behind = remembered.is_some_and(|head| head.body().length > have);
        if let Some(head) = batch.head()
            && is_behind
            && !self.extends_remembered(head).await?
        {
            return Ok(true);
        }
        let node = self.node.clone();
        let written = blocking(move || {
            node.disk.commit(&batch)?;
            node.remember_head(batch.head())
        });
        written.await.map(|()| false)
    }

    fn ask_records(&self, range: Range<u64>) -> Answering {
        let head = self.node.disk.head(&self.feed).ok().flatten();
        let ask = Ask::Bundle {
            feed: self.feed,
            from: range.start,
            to: range.end,
            at: head.map(|head| head.body().length),
        };
        let remote = self.remote.clone();
        // It may outlive this sync, and holds nothing but its connection.
        let answer = tokio::spawn(async move { remote.get(&ask, limit(1)).await });
        (range, answer)
    }

    async fn accept_bundle(
        &self,
        session: &mut Session,
        asked: Range<u64>,
        answer: Bytes,
    ) -> Result<Outcome, SyncError> {
        let (node, feed, size) = (self.node.clone(), self.feed, answer.len());
        let range = asked.clone();
        let judged = blocking(move || {
            let log = node.followed(&feed)?;
            let verdict = log.accept_bundle(&answer, &range, &node.disk.pieces(&feed));
            if let Ok(Verdict::Accepted(batch)) = &verdict {
                node.disk.commit(batch)?;
            }
            Ok(verdict)
        });
        match judged.await? {
            Ok(Verdict::Accepted(batch)) => {
                let records = u64::try_from(batch.records().len()).unwrap_or(0);
                let slots = records + u64::try_from(batch.withheld().len()).unwrap_or(0);
                batch
                    .withheld()
                    .iter()
                    .for_each(|(index, _)| session.refused(*index..index + 1));
                session.bundle_came(asked.end - asked.start, slots, size);
                Ok(Outcome::Records(records))
            }
            Ok(Verdict::AskHead) => Ok(Outcome::NewHead),
            Ok(Verdict::Stale) => {
                session.refused(asked);
                Ok(Outcome::Records(0))
            }
            Ok(Verdict::Fork(proof)) => Err(self.fork(proof)?),
            Err(failed) => Err(self.failed(failed)),
        }
    }

    /// Keeps the proof; the feed stays at the highest head verified before it.
    fn fork(&self, proof: Box<ForkProof>) -> Result<SyncError, SyncError> {
        if self.node.evidence.put_fork(&proof)? {
            self.node.news.evidence(&self.feed);
        }
        Ok(SyncError::Fork(proof))
    }

    fn failed(&self, failed: Failed<StoreError>) -> SyncError {
        match failed {
            Failed::Rejected(reject) => self.rejected(reject),
            Failed::Pieces(error) => SyncError::Store(error),
        }
    }

    fn rejected(&self, reject: Reject) -> SyncError {
        SyncError::Ask(AskError::Rejected {
            peer: self.remote.name().to_owned(),
            reject,
        })
    }
}

enum Outcome {
    Records(u64),
    NewHead,
}

/// Bytes that the answer of `bundles` bundles may have.
pub(super) fn limit(bundles: usize) -> u64 {
    u64::try_from(bundles * BUNDLE_BYTES_MAX).unwrap_or(u64::MAX)
}

/// Ends work when the person wants to stop. What is under way on the disk is finished all the same.
pub(super) async fn unless_stopped<T>(
    stop: &super::Stop,
    work: impl Future<Output = Result<T, SyncError>>,
) -> Result<T, SyncError> {
    let mut stop = stop.clone();
    tokio::select! {
        biased;
        // An error here means that whoever could stop us is gone: then it is time to stop.
        _ = stop.wait_for(|stop| *stop) => Err(SyncError::Interrupted),
        done = work => done,
    }
}

/// Runs what reads and writes the disk where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, SyncError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(SyncError::Interrupted),
    }
}
