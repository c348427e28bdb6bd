//! Brings the records of one feed here from one peer: carries the questions and answers of an exchange.

mod survey;

use super::Node;
use super::room::NoRoom;
use crate::api::{Event, Progress};
use crate::frame::Ask;
use crate::io::client::{AskError, Remote, Unreachable};
use crate::io::clock;
use crate::session::{Ended, Exchange, Heard, Topic, Turn};
use crate::store::StoreError;
use bytes::Bytes;
use levada_feed::fork::ForkProof;
use levada_feed::limits::{BUNDLE_BYTES_MAX, HEAD_ANSWER_BYTES_MAX};
use std::collections::VecDeque;
use std::sync::Arc;
use survey::Survey;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

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

/// One feed being synced from one peer.
pub(super) struct RecordSync<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) topic: Topic,
    pub(super) remote: Remote,
    pub(super) nickname: String,
    pub(super) events: mpsc::Sender<Event>,
}

/// An answer on its way, and no longer than somebody waits for it.
struct Answering(JoinHandle<Result<Bytes, AskError>>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What an exchange leaves: what came of it, records that came, and whether the sync is to go on.
pub(super) struct Came {
    pub(super) records: u64,
    pub(super) heard: Heard,
    pub(super) result: Result<(), SyncError>,
}

impl RecordSync<'_> {
    /// Syncs until this peer has no more to give.
    pub(super) async fn run(&self, stop: &super::Stop) -> Came {
        let mut exchange = Exchange::new(self.topic);
        let ran = unless_stopped(stop, self.to_the_end(&mut exchange)).await;
        let records = exchange.records();
        match ran {
            Ok(heard) => Came {
                records,
                heard,
                result: Ok(()),
            },
            Err(error) => Came {
                records,
                heard: match error {
                    SyncError::Interrupted | SyncError::Store(_) | SyncError::Fork(_) => {
                        Heard::Stop
                    }
                    _ => exchange.failed(is_passing(&error)),
                },
                result: Err(error),
            },
        }
    }

    async fn to_the_end(&self, exchange: &mut Exchange) -> Result<Heard, SyncError> {
        let mut survey = Survey::default();
        let mut waiting: VecDeque<Answering> = VecDeque::new();
        loop {
            if !exchange.waits() {
                match self.next(exchange, &mut survey).await? {
                    (Turn::Ask(ask), _) => {
                        waiting.push_back(self.ask(ask));
                        continue;
                    }
                    (Turn::Done, heard) => return Ok(heard),
                    (Turn::Wait, _) => {}
                }
            }
            // An exchange waits for nothing but what it asked.
            let Some(mut answer) = waiting.pop_front() else {
                return Err(SyncError::Interrupted);
            };
            match (&mut answer.0).await {
                Ok(Ok(answer)) => self.answered(exchange, answer).await?,
                Ok(Err(error)) => {
                    let is_absent =
                        matches!(error, AskError::Unreachable(Unreachable::NotThere { .. }));
                    if !is_absent || !exchange.lacked() {
                        return Err(error.into());
                    }
                }
                Err(_) => return Err(SyncError::Interrupted),
            }
            self.progress(exchange.records()).await;
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

    /// Asks the exchange with what the store knows now.
    async fn next(
        &self,
        exchange: &mut Exchange,
        survey: &mut Survey,
    ) -> Result<(Turn, Heard), SyncError> {
        let (node, feed) = (self.node.clone(), self.topic.feed);
        let head = blocking(move || node.disk.head(&feed)).await?;
        let length = head.map(|head| head.body().length);
        let from = length.and_then(|length| exchange.from(length));
        let (node, wanted) = (self.node.clone(), self.topic.wanted);
        let (mut work, is_settled) = (std::mem::take(survey), exchange.is_settled());
        *survey = blocking(move || {
            work.go_on(&node, &feed, wanted, from, is_settled)?;
            Ok(work)
        })
        .await?;
        let known = survey.known(length);
        Ok((exchange.next(&known), exchange.heard(&known)))
    }

    fn ask(&self, ask: Ask) -> Answering {
        let limit = match ask {
            Ask::Head { .. } => u64::try_from(HEAD_ANSWER_BYTES_MAX).unwrap_or(u64::MAX),
            Ask::Latest { .. } => limit(2),
            _ => limit(1),
        };
        let remote = self.remote.clone();
        // It goes on while the one before it is judged; a slow one must not outlive the sync.
        Answering(tokio::spawn(async move { remote.get(&ask, limit).await }))
    }

    /// Lets the exchange judge where it may block, and while nobody else writes this feed.
    async fn answered(&self, exchange: &mut Exchange, answer: Bytes) -> Result<(), SyncError> {
        let (node, feed) = (self.node.clone(), self.topic.feed);
        // What fails is the disk: then there is nothing to go on with.
        let mut work = std::mem::replace(exchange, Exchange::new(self.topic));
        let judged = blocking(move || {
            let ended = node.judging(&feed, |store| {
                work.answered(store, &answer, clock::now_ms())
            })?;
            Ok((work, ended))
        });
        let (work, ended) = judged.await?;
        *exchange = work;
        let peer = self.remote.name().to_owned();
        ended.map_err(|ended| match ended {
            Ended::Fork(proof) => SyncError::Fork(proof),
            Ended::Behind { expected, got } => SyncError::Behind {
                peer,
                expected,
                got,
            },
            Ended::Restless => {
                let why = "its head moved on at each answer".to_owned();
                AskError::from(Unreachable::Protocol { peer, why }).into()
            }
            Ended::Wrong(reject) => AskError::Rejected { peer, reject }.into(),
        })
    }
}

/// Whether the same peer may do better in a moment.
fn is_passing(error: &SyncError) -> bool {
    matches!(
        error,
        SyncError::Ask(AskError::Unreachable(
            Unreachable::Stalled { .. } | Unreachable::Protocol { .. }
        ))
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answer_that_nobody_waits_for_any_more_is_asked_for_no_longer() {
        let (holds, ended) = tokio::sync::oneshot::channel::<()>();
        let answering = Answering(tokio::spawn(async move {
            let _holds = holds;
            std::future::pending().await
        }));
        drop(answering);
        assert!(ended.await.is_err());
    }
}
