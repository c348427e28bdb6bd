//! What peers did, as it is kept for who asks next and for who reads `status`.

use super::records::SyncError;
use super::{Node, Stop};
use crate::io::client::{AskError, Unreachable};
use crate::io::{clock, standings};
use crate::standing::{Conduct, Standing};
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use levada_feed::reject::Reject;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::time::Duration;

/// Time after which what was noted is written down while the node serves: losing it is harmless.
const WRITE_TIME: Duration = Duration::from_secs(600);

/// Writes down now and then how peers behave, until told to stop.
pub(super) async fn keep(node: Arc<Node>, mut stop: Stop) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(WRITE_TIME) => {}
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let keeping = node.clone();
        let kept = tokio::task::spawn_blocking(move || keeping.keep_standings()).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, "how peers behaved was not written down");
        }
    }
}

/// What is wrong is a lie, unless it only needs a newer levada to be understood: then nobody is to blame.
fn wrong(reject: &Reject, what: String) -> Conduct {
    match reject {
        Reject::NeedsNewer { .. } => Conduct::Failed(what),
        _ => Conduct::Lied(what),
    }
}

impl Node {
    fn standings(&self) -> MutexGuard<'_, crate::standing::Standings> {
        self.standings
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// Writes down how peers behaved, if anything was noted since the last time.
    pub(super) fn keep_standings(&self) -> Result<(), StoreError> {
        let unwritten = self.standings().take_unwritten();
        unwritten.map_or(Ok(()), |unwritten| {
            standings::save(&self.dirs.state().join("standings"), unwritten)
        })
    }

    /// A peer answered, after so long if that tells anything.
    pub(super) fn answered(&self, peer: &str, took: Option<Duration>) {
        let took = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        self.standings()
            .note(peer, Conduct::Answered(took), clock::now_ms());
    }

    /// A peer is away, or what it said is wrong. That it does not have a thing is no fault.
    pub(super) fn failed(&self, peer: &str, error: &AskError) {
        let conduct = match error {
            AskError::Unreachable(Unreachable::NotThere { .. }) => Conduct::Answered(None),
            AskError::Unreachable(Unreachable::Busy { after_s, .. }) => Conduct::Busy(*after_s),
            AskError::Unreachable(error) => Conduct::Failed(error.to_string()),
            AskError::Rejected { reject, .. } => wrong(reject, error.to_string()),
        };
        self.standings().note(peer, conduct, clock::now_ms());
    }

    /// A sync with a peer came to this.
    pub(super) fn heard<T>(&self, peer: &str, feed: &FeedKey, ran: &Result<T, SyncError>) {
        match ran {
            Ok(_) => self.answered(peer, None),
            Err(SyncError::Ask(AskError::Rejected { reject, .. })) => self.lied(peer, feed, reject),
            Err(SyncError::Ask(error)) => self.failed(peer, error),
            Err(error @ SyncError::Behind { .. }) => {
                let conduct = Conduct::Failed(error.to_string());
                self.standings().note(peer, conduct, clock::now_ms());
            }
            // The author's fault, the person's wish, or our own disk and its room.
            Err(
                SyncError::Fork(_)
                | SyncError::WrongSize { .. }
                | SyncError::Interrupted
                | SyncError::NoRoom(_)
                | SyncError::Store(_),
            ) => {}
        }
    }

    /// What a peer said of a feed is wrong.
    pub(super) fn lied(&self, peer: &str, feed: &FeedKey, reject: &Reject) {
        let what = format!("feed {}: {peer}: {reject}", super::words::short(feed));
        self.standings()
            .note(peer, wrong(reject, what), clock::now_ms());
    }

    /// Peers that are to be asked sooner or later than before.
    pub(super) fn ranks(&self) -> Vec<(String, u32)> {
        self.standings().changed(clock::now_ms())
    }

    /// The rank of a peer: the lower, the sooner it is asked.
    pub(super) fn rank(&self, peer: &str) -> u32 {
        self.standings().rank(peer, clock::now_ms())
    }

    pub(super) fn standing(&self, peer: &str) -> Option<Standing> {
        self.standings().of(peer).cloned()
    }
}
