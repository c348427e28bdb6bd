//! One mirror of one own feed, watched for heads that were not signed here, and for proof of two histories.
//!
//! On a stream where the mirror has them; else it is asked again and again.

use crate::api::{Code, Event, Failure};
use crate::frame::{self, Ask, Frame, News, Watched};
use crate::io::client::{AskError, Remote};
use crate::io::clock;
use crate::io::keys::KeyEntry;
use crate::node::author::elsewhere::{self, Said};
use crate::node::author::{Aside, Author, Trust, refusal};
use crate::node::records::{SyncError, blocking};
use crate::node::sync::{Look, sync_source};
use crate::node::{Node, Stop, tell};
use levada_feed::chain;
use levada_feed::fork::ForkProof;
use levada_feed::key::FeedKey;
use levada_feed::limits::HEAD_ANSWER_BYTES_MAX;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Seconds that a mirror may wait for news.
const WAIT_S: u64 = 50;
/// A mirror that answers sooner than this without news does not know how to wait.
const WAITED_MIN: Duration = Duration::from_secs(5);
/// Rest after news, and after a stream that was ended: who says something new each time is not asked without a pause.
const NEWS_REST: Duration = Duration::from_secs(1);
/// Rest after an answer of a mirror that does not know how to wait.
const REST: Duration = Duration::from_secs(60);
/// Rest after a failure, twice as long each time.
const BACK_OFF_MIN: Duration = Duration::from_secs(4);
const BACK_OFF_MAX: Duration = Duration::from_secs(3_600);

/// One mirror of one own feed, watched.
pub(super) struct Watch {
    pub(super) node: Arc<Node>,
    pub(super) key: Option<KeyEntry>,
    pub(super) feed: FeedKey,
    pub(super) mirror: String,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: Stop,
    /// The last warning: the same one is not said again.
    pub(super) told: String,
}

impl Watch {
    /// Watches until it is ended.
    pub(super) async fn run(mut self) {
        let Ok(remote) = self.node.client.remote(&self.mirror) else {
            return;
        };
        let mut tag = None;
        let mut failures = 0_u32;
        loop {
            let started = clock::tick();
            let before = tag.clone();
            // A stream tells at once, and fork proofs too; who has none is asked again and again.
            let (is_well, is_stream) = match self.hear(&remote).await {
                Some(is_well) => (is_well, true),
                None => (self.look(&remote, &mut tag).await, false),
            };
            // A stream that was open for long was well until it broke.
            let was_open = is_stream && clock::since(started) >= REST;
            failures = if is_well || was_open {
                0
            } else {
                failures.saturating_add(1)
            };
            let has_waited = clock::since(started) >= WAITED_MIN;
            let rest = match failures {
                0 if has_waited && !is_stream => Duration::ZERO,
                0 if has_waited || tag != before => NEWS_REST,
                0 => REST,
                _ => (BACK_OFF_MIN * 2_u32.pow(failures.min(12) - 1)).min(BACK_OFF_MAX),
            };
            tokio::time::sleep(rest).await;
        }
    }

    /// One question; says whether it was answered.
    pub(super) async fn look(&mut self, remote: &Remote, tag: &mut Option<String>) -> bool {
        let node = &self.node.clone();
        let (reading, of) = (node.clone(), self.feed);
        let Ok(ours) = blocking(move || reading.disk.head(&of)).await else {
            return false;
        };
        let have = ours.map_or(0, |head| head.body().length);
        let ask = Ask::Head {
            feed: self.feed,
            have,
            wait: WAIT_S,
        };
        let limit = u64::try_from(HEAD_ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
        let known = tag.clone();
        let answer = match remote.poll_head(&ask, known, limit).await {
            Ok(answer) => answer,
            Err(AskError::Unreachable(_) | AskError::Rejected { .. }) => return false,
        };
        if let Some(answer) = &answer {
            let Ok(claim) = chain::Claim::read(&self.feed, answer) else {
                return false;
            };
            *tag = Some(frame::head_tag(claim.head().wire()));
        }
        // A head that contradicts ours does not show itself at a mirror that stays with ours.
        if elsewhere::ask_fork(&self.feed, remote).await.is_some() {
            return self.judge(remote).await;
        }
        match answer {
            Some(answer) => self.take_head(remote, &answer).await,
            None => true,
        }
    }

    /// Hears what the mirror tells until it ends the stream; says whether all of it was well. `None` when it knows no streams.
    async fn hear(&mut self, remote: &Remote) -> Option<bool> {
        let (node, of) = (self.node.clone(), self.feed);
        let Ok(ours) = blocking(move || node.disk.head(&of)).await else {
            return Some(false);
        };
        let watched = Watched {
            feed: *self.feed.as_bytes(),
            have: ours.map_or(0, |head| head.body().length),
            // So that it tells what it has, be it the same.
            tag: None,
        };
        let mut watching = match remote.watch(&[watched]).await {
            Ok(Some(watching)) => watching,
            Ok(None) => return None,
            Err(_) => return Some(false),
        };
        loop {
            let is_well = match watching.next().await {
                Ok(Some(Frame::News { news, .. })) => match news {
                    News::Head(answer) => self.take_head(remote, &answer).await,
                    News::Fork(proof) => self.take_fork(&proof).await,
                    News::NotHere | News::Succession(_) | News::Unknown => true,
                },
                Ok(Some(Frame::Alive)) => true,
                Ok(None) => return Some(true),
                Err(_) => false,
            };
            if !is_well {
                return Some(false);
            }
        }
    }

    /// A head that the mirror has: one that was signed or taken over here is no news; all others are judged.
    async fn take_head(&mut self, remote: &Remote, answer: &[u8]) -> bool {
        let Ok(claim) = chain::Claim::read(&self.feed, answer) else {
            return false;
        };
        let head = claim.head();
        let (node, of, length) = (self.node.clone(), self.feed, head.body().length);
        let here = blocking(move || Ok((node.disk.head(&of)?, node.disk.head_at(&of, length)?)));
        let Ok((ours, same)) = here.await else {
            return false;
        };
        if same.is_none_or(|same| same.wire() != head.wire()) {
            return self.judge(remote).await;
        }
        if ours.is_none_or(|ours| length >= ours.body().length) {
            self.node.note_asked(&self.feed);
        }
        true
    }

    async fn take_fork(&mut self, proof: &[u8]) -> bool {
        match ForkProof::check(proof) {
            Ok(proof) if proof.longer().body().feed == self.feed => {
                self.keep_fork(Box::new(proof)).await
            }
            _ => false,
        }
    }

    /// Keeps the proof, hands it to the mirrors and to whoever watches the feed here, and tells the person. False when it
    /// could not be kept: the mirror is to tell it again.
    async fn keep_fork(&mut self, proof: Box<ForkProof>) -> bool {
        let (keeping, kept) = (self.node.clone(), proof.clone());
        let is_new = blocking(move || keeping.keep_fork(&kept)).await;
        if matches!(is_new, Ok(false)) {
            return true;
        }
        elsewhere::hand_over(self.node.clone(), self.feed, proof.clone()).await;
        let mut failure = refusal::forked(&proof);
        if let Err(error) = &is_new {
            failure.message += &format!("\n  its proof could not be written: {error}");
        }
        self.warn(failure).await;
        is_new.is_ok()
    }

    /// Asks once more and draws the conclusion. A publish may be signing meanwhile, and is to be stopped: so nothing waits
    /// for it here. What it signs between question and answer makes the answer useless, and it is asked again.
    async fn judge(&mut self, remote: &Remote) -> bool {
        let node = &self.node.clone();
        let said = elsewhere::look(node, &self.feed, remote).await;
        let outcome = match said {
            Ok(Said::Nothing(_)) | Err(_) => return false,
            Ok(Said::Unknown | Said::Older(_)) => return true,
            Ok(Said::Same) => {
                node.note_asked(&self.feed);
                return true;
            }
            Ok(Said::Fork(proof)) => return self.keep_fork(proof).await,
            Ok(Said::Newer(..)) if node.asked(&self.feed) => self.stop_signing(remote).await,
            Ok(Said::Newer(..)) => return self.take_over().await,
        };
        outcome.is_ok()
    }

    /// Another machine signs: nothing more is signed here until the person has settled it.
    async fn stop_signing(&mut self, remote: &Remote) -> Result<(), SyncError> {
        let head = elsewhere::newer_head(&self.node, &self.feed, remote).await?;
        let Some(head) = head else {
            return Ok(());
        };
        let (keeping, kept) = (self.node.clone(), head.clone());
        if blocking(move || keeping.evidence.put_elsewhere(&kept)).await? {
            self.warn(refusal::signed_elsewhere(&self.feed, &head))
                .await;
        }
        Ok(())
    }

    /// The first answer since the start is longer: the files here are older than what was signed with this key.
    async fn take_over(&mut self) -> bool {
        let Some(key) = self.key.clone() else {
            return true;
        };
        let (node, aside) = (self.node.clone(), Aside::to(&self.events, &self.stop));
        let name = key.name.clone();
        let opened = tokio::task::spawn_blocking(move || {
            Author::open(&node, &key, &key.name, Trust::Marked, &aside).map(drop)
        });
        match opened.await {
            Ok(Ok(())) => {
                self.fetch_media(&name).await;
                true
            }
            Ok(Err(mut failure)) => {
                if failure.code == Code::WrongPassphrase {
                    failure = refusal::closed(&self.feed, &self.mirror);
                }
                self.warn(failure).await;
                false
            }
            Err(_) => false,
        }
    }

    /// Media of what was taken over. What does not come now is fetched by `sync`.
    async fn fetch_media(&self, name: &str) {
        let node = &self.node;
        if let Ok(Some(source)) = node.own_source(name) {
            let (events, stop) = (self.events.clone(), self.stop.clone());
            if let Ok(synced) =
                sync_source(node, &source, Look::News { above: 0 }, events, stop).await
            {
                tell(&self.events, Event::Synced(synced)).await;
            }
        }
    }

    async fn warn(&mut self, failure: Failure) {
        let Failure { message, hint, .. } = failure;
        if self.told != message {
            self.told.clone_from(&message);
            tell(&self.events, Event::Warning { message, hint }).await;
        }
    }
}
