//! What a serving node does for its own feeds: it watches their mirrors for heads that it did not sign, and signs an
//! unchanged head anew each day, so that followers can tell a quiet author from a mirror that hides something.
//!
//! A head that another machine signed stops signing here until the person has settled it (spec/author-file.md, Copies).

use super::author::elsewhere::{self, Said};
use super::author::{Aside, Author, Trust, refusal};
use super::records::{SyncError, blocking};
use super::sync::sync_source;
use super::{Node, Stop, tell};
use crate::api::{Code, Event, Failure};
use crate::frame::{self, Ask};
use crate::io::client::{AskError, Remote};
use crate::io::clock;
use crate::io::keys::KeyEntry;
use levada_feed::chain;
use levada_feed::key::FeedKey;
use levada_feed::limits::BUNDLE_BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Age of a head at which it is signed anew.
const SIGN_AGAIN_MS: u64 = 24 * 3_600_000;
/// Longest pause between two looks at the own feeds: a machine may have slept meanwhile.
const PAUSE: Duration = Duration::from_secs(600);
/// Seconds that a mirror may wait for news.
const WAIT_S: u64 = 50;
/// A mirror that answers sooner than this without news does not know how to wait.
const WAITED_MIN: Duration = Duration::from_secs(5);
/// Rest after an answer of a mirror that does not know how to wait.
const REST: Duration = Duration::from_secs(60);
/// Rest after a failure, twice as long each time.
const BACK_OFF_MIN: Duration = Duration::from_secs(4);
const BACK_OFF_MAX: Duration = Duration::from_secs(3_600);

/// Guards all own feeds until told to stop.
pub(super) async fn guard(node: Arc<Node>, events: mpsc::Sender<Event>, mut stop: Stop) {
    let mut told = BTreeSet::new();
    let mut watched: BTreeMap<(FeedKey, String), tokio::task::AbortHandle> = BTreeMap::new();
    let mut watching = JoinSet::new();
    let mut changes = node.changes.subscribe();
    loop {
        let reading = node.clone();
        let keys = tokio::task::spawn_blocking(move || reading.keys.list()).await;
        let keys = keys.ok().and_then(Result::ok).unwrap_or_default();
        let wanted: BTreeSet<(FeedKey, String)> = keys
            .iter()
            .flat_map(|key| node.mirrors(&key.feed).into_iter().map(|at| (key.feed, at)))
            .collect();
        watched.retain(|name, handle| {
            let is_wanted = wanted.contains(name);
            if !is_wanted {
                handle.abort();
            }
            is_wanted
        });
        for (feed, mirror) in wanted {
            watched.entry((feed, mirror.clone())).or_insert_with(|| {
                let name = keys.iter().find(|key| key.feed == feed).cloned();
                let watch = Watch {
                    node: node.clone(),
                    key: name,
                    feed,
                    mirror,
                    events: events.clone(),
                    stop: stop.clone(),
                    told: String::new(),
                };
                watching.spawn(watch.run())
            });
        }
        let next = sign_again(&node, &keys, &events, &stop, &mut told).await;
        tokio::select! {
            () = tokio::time::sleep(next.min(PAUSE)) => {}
            changed = changes.changed() => if changed.is_err() { return },
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    // A watch holds nothing that is not on the disk.
    watching.shutdown().await;
}

/// Signs anew what is a day old. Gives the time until the next one is due.
async fn sign_again(
    node: &Arc<Node>,
    keys: &[KeyEntry],
    events: &mpsc::Sender<Event>,
    stop: &Stop,
    told: &mut BTreeSet<String>,
) -> Duration {
    let mut next = PAUSE;
    for key in keys {
        let aside = Aside::to(events, stop);
        let (opening, entry) = (node.clone(), key.clone());
        let signed = tokio::task::spawn_blocking(move || sign_if_old(&opening, &entry, &aside));
        let failure = match signed.await {
            Ok(Ok(wait)) => {
                next = next.min(wait);
                continue;
            }
            Ok(Err(failure)) => failure,
            Err(_) => continue,
        };
        let is_new = told.insert(failure.message.clone());
        if is_new && failure.code != Code::Interrupted {
            let Failure { message, hint, .. } = failure;
            tell(events, Event::Warning { message, hint }).await;
        }
    }
    next
}

fn sign_if_old(node: &Arc<Node>, key: &KeyEntry, aside: &Aside) -> Result<Duration, Failure> {
    let head = node.disk.head(&key.feed)?;
    let age = head.map(|head| clock::now_ms().saturating_sub(head.body().time));
    let wait = match age {
        Some(age) if age >= SIGN_AGAIN_MS => None,
        Some(age) => Some(Duration::from_millis(SIGN_AGAIN_MS - age)),
        None => Some(PAUSE),
    };
    if let Some(wait) = wait {
        return super::own::trouble(node, key)?.map_or(Ok(wait), Err);
    }
    let opened = Author::open(node, key, &key.name, Trust::Marked, aside);
    let mut author = match opened {
        Ok(author) => author,
        // That this feed is not signed was told when serving began.
        Err(failure) if failure.code == Code::WrongPassphrase => return Ok(PAUSE),
        Err(failure) => return Err(failure),
    };
    author.sign(node, &[], clock::now_ms())?;
    Ok(Duration::from_millis(SIGN_AGAIN_MS))
}

/// One look at a mirror of an own feed.
#[cfg(test)]
pub(super) async fn look_once(node: &Arc<Node>, key: KeyEntry, mirror: &str, aside: &Aside) {
    let (feed, remote) = (key.feed, node.client.remote(mirror));
    let mut watch = Watch {
        node: node.clone(),
        key: Some(key),
        feed,
        mirror: mirror.to_owned(),
        events: aside.events.clone(),
        stop: aside.stop.clone(),
        told: String::new(),
    };
    if let Ok(remote) = remote {
        watch.look(&remote, &mut None).await;
    }
}

/// One mirror of one own feed, watched.
struct Watch {
    node: Arc<Node>,
    key: Option<KeyEntry>,
    feed: FeedKey,
    mirror: String,
    events: mpsc::Sender<Event>,
    stop: Stop,
    /// The last warning: the same one is not said again.
    told: String,
}

impl Watch {
    async fn run(mut self) {
        let Ok(remote) = self.node.client.remote(&self.mirror) else {
            return;
        };
        let mut tag = None;
        let mut failures = 0_u32;
        loop {
            let started = clock::tick();
            let before = tag.clone();
            let is_well = self.look(&remote, &mut tag).await;
            failures = if is_well {
                0
            } else {
                failures.saturating_add(1)
            };
            let is_news = tag != before;
            let rest = match failures {
                0 if is_news || clock::since(started) >= WAITED_MIN => Duration::ZERO,
                0 => REST,
                _ => (BACK_OFF_MIN * 2_u32.pow(failures.min(12) - 1)).min(BACK_OFF_MAX),
            };
            tokio::time::sleep(rest).await;
        }
    }

    /// One question; says whether it was answered.
    async fn look(&mut self, remote: &Remote, tag: &mut Option<String>) -> bool {
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
        let limit = u64::try_from(BUNDLE_BYTES_MAX).unwrap_or(u64::MAX);
        let known = tag.clone();
        let answer = match remote.poll_head(&ask, known, limit).await {
            Ok(answer) => answer,
            Err(AskError::Unreachable(_) | AskError::Rejected { .. }) => return false,
        };
        // A head that contradicts ours does not show itself at a mirror that stays with ours.
        let mut is_judged = elsewhere::ask_fork(&self.feed, remote).await.is_some();
        if let Some(answer) = answer {
            let Ok(claim) = chain::Claim::read(&self.feed, &answer) else {
                return false;
            };
            let head = claim.head();
            *tag = Some(frame::head_tag(head.wire()));
            let (reading, of, length) = (node.clone(), self.feed, head.body().length);
            let at = blocking(move || reading.disk.head_at(&of, length)).await;
            // One that was signed or taken over here is no news; all others are judged.
            is_judged |= !at.is_ok_and(|at| at.is_some_and(|at| at.wire() == head.wire()));
            if !is_judged && length >= have {
                node.note_asked(&self.feed);
            }
        }
        !is_judged || self.judge(remote).await
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
            Ok(Said::Fork(proof)) => {
                let keeping = node.clone();
                let kept = proof.clone();
                let is_new = blocking(move || keeping.evidence.put_fork(&kept)).await;
                if is_new.is_ok_and(|is_new| is_new) {
                    elsewhere::hand_over(node.clone(), self.feed, proof.clone()).await;
                    self.warn(refusal::forked(&proof)).await;
                }
                return true;
            }
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
            if let Ok(synced) = sync_source(node, &source, events, stop).await {
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
