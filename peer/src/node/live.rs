//! Live following: carries out what the engine says, and tells it what came of it.

use super::records::blocking;
use super::sync::sync_source;
use super::{Node, Stop};
use crate::api;
use crate::engine::{Action, Engine, Event, Outcome};
use crate::frame::{self, Ask};
use crate::io::client::AskError;
use crate::io::clock;
use levada_feed::chain;
use levada_feed::key::FeedKey;
use levada_feed::limits::BUNDLE_BYTES_MAX;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What was seen of peers and said to people.
#[derive(Default)]
struct Seen {
    /// The tag of the newest head of each peer, so that it is asked for another one.
    tags: BTreeMap<(FeedKey, String), String>,
    /// The last warning about each feed: the same one is not said again.
    warned: BTreeMap<FeedKey, String>,
}

type SharedSeen = Arc<Mutex<Seen>>;

fn lock(seen: &SharedSeen) -> MutexGuard<'_, Seen> {
    seen.lock().expect("nobody panics while holding this lock")
}

/// Follows all sources until told to stop. `events` are told what came, and what fails for the first time.
pub(super) async fn live(node: Arc<Node>, events: mpsc::Sender<api::Event>, mut stop: Stop) {
    let started = clock::tick();
    let now = || u64::try_from(clock::since(started).as_millis()).unwrap_or(u64::MAX);
    let mut engine = Engine::default();
    let mut changes = node.changes.subscribe();
    let mut followed: Vec<FeedKey> = Vec::new();
    let mut tasks = JoinSet::new();
    let seen = SharedSeen::default();
    changes.mark_changed();
    loop {
        for action in engine.next(now()) {
            start(&node, action, &events, &stop, &seen, &mut tasks);
        }
        let wake = engine
            .wake()
            .map(|at| Duration::from_millis(at.saturating_sub(now())));
        let pause = tokio::time::sleep(wake.unwrap_or(Duration::from_secs(3_600)));
        tokio::select! {
            ended = tasks.join_next(), if !tasks.is_empty() => {
                if let Some(Ok(event)) = ended {
                    engine.note(event, now());
                }
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                for event in sources(&node, &mut followed) {
                    engine.note(event, now());
                }
            }
            () = pause => {}
            () = stopped(&mut stop) => break,
        }
    }
    // What is under way sees the same signal; what it has verified is noted before it ends.
    while tasks.join_next().await.is_some() {}
}

async fn stopped(stop: &mut Stop) {
    // An error here means that whoever could stop us is gone: then it is time to stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What changed in the list of subscriptions. A list that cannot be read changes nothing.
fn sources(node: &Node, followed: &mut Vec<FeedKey>) -> Vec<Event> {
    let Ok(sources) = node.sources() else {
        return Vec::new();
    };
    let list = sources.list();
    let is_gone = |feed: &FeedKey| !list.iter().any(|source| source.feed == *feed);
    let gone = followed.iter().copied().filter(is_gone);
    let mut events: Vec<Event> = gone.map(|feed| Event::Unfollowed { feed }).collect();
    *followed = list.iter().map(|source| source.feed).collect();
    events.extend(list.iter().map(|source| Event::Following {
        feed: source.feed,
        peers: source.via.clone(),
    }));
    events
}

fn start(
    node: &Arc<Node>,
    action: Action,
    events: &mpsc::Sender<api::Event>,
    stop: &Stop,
    seen: &SharedSeen,
    tasks: &mut JoinSet<Event>,
) {
    let (node, stop) = (node.clone(), stop.clone());
    match action {
        Action::Poll { feed, peer, wait_s } => {
            let seen = seen.clone();
            tasks.spawn(async move {
                let mut stop = stop;
                let outcome = tokio::select! {
                    outcome = poll(&node, &feed, &peer, wait_s, &seen) => outcome,
                    () = stopped(&mut stop) => Outcome::Nothing,
                };
                Event::Polled {
                    feed,
                    peer,
                    outcome,
                }
            });
        }
        Action::Sync { feed, peer } => {
            let (events, seen) = (events.clone(), seen.clone());
            tasks.spawn(async move {
                let outcome = sync(&node, &feed, peer.as_deref(), &events, stop, &seen).await;
                Event::Synced {
                    feed,
                    peer,
                    outcome,
                }
            });
        }
    }
}

/// Whether a peer has a head that is longer than ours, or fresher.
async fn poll(
    node: &Arc<Node>,
    feed: &FeedKey,
    peer: &str,
    wait: u64,
    seen: &SharedSeen,
) -> Outcome {
    let name = (*feed, peer.to_owned());
    let Ok(remote) = node.client.remote(peer) else {
        return Outcome::Failed;
    };
    let (reading, of) = (node.clone(), *feed);
    let Ok(ours) = blocking(move || reading.disk.head(&of)).await else {
        return Outcome::Failed;
    };
    let have = ours.as_ref().map_or(0, |head| head.body().length);
    let known = lock(seen).tags.get(&name).cloned();
    let tag = known.or_else(|| ours.as_ref().map(|head| frame::head_tag(head.wire())));
    let ask = Ask::Head {
        feed: *feed,
        have,
        wait,
    };
    let limit = u64::try_from(BUNDLE_BYTES_MAX).unwrap_or(u64::MAX);
    let answer = match remote.poll_head(&ask, tag, limit).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return Outcome::Nothing,
        Err(AskError::Unreachable(_) | AskError::Rejected { .. }) => return Outcome::Failed,
    };
    // A claim until the sync has judged it; here it only tells whether to sync, and what to ask for next time.
    let Ok(proven) = chain::check_head(feed, &answer, have) else {
        return Outcome::Failed;
    };
    let theirs = proven.head.body();
    let tag = frame::head_tag(proven.head.wire());
    lock(seen).tags.insert(name, tag);
    let is_news = ours.is_none_or(|ours| {
        let ours = ours.body();
        // A shorter list that is not ours is a fork, which the sync will find.
        theirs.length > ours.length
            || (theirs.length == ours.length
                && (theirs.root != ours.root || theirs.time > ours.time))
    });
    if is_news {
        Outcome::News
    } else {
        Outcome::Nothing
    }
}

/// Syncs a source. Only what came and what is new about failing is told.
async fn sync(
    node: &Arc<Node>,
    feed: &FeedKey,
    first: Option<&str>,
    events: &mpsc::Sender<api::Event>,
    stop: Stop,
    seen: &SharedSeen,
) -> Outcome {
    let Some(mut source) = node.source_of(feed) else {
        return Outcome::Nothing;
    };
    if let Some(at) = source
        .via
        .iter()
        .position(|via| Some(via.as_str()) == first)
    {
        source.via.swap(0, at);
    }
    let (quiet, mut ignored) = mpsc::channel(64);
    let draining = tokio::spawn(async move { while ignored.recv().await.is_some() {} });
    let synced = sync_source(node, &source, quiet, stop).await;
    // Ends with its sender, which is gone.
    let _ = draining.await;
    match synced {
        Ok(synced) => {
            lock(seen).warned.remove(feed);
            let is_whole = synced.files == synced.files_wanted;
            if synced.records_new > 0 || synced.bytes_new > 0 {
                super::tell(events, api::Event::Synced(synced)).await;
            }
            if is_whole {
                Outcome::News
            } else {
                Outcome::Nothing
            }
        }
        Err(failure) if failure.code == api::Code::NotVerified => {
            let api::Failure { message, hint, .. } = failure;
            let before = lock(seen).warned.insert(*feed, message.clone());
            if before.as_ref() != Some(&message) {
                super::tell(events, api::Event::Warning { message, hint }).await;
            }
            Outcome::Failed
        }
        Err(_) => Outcome::Failed,
    }
}
