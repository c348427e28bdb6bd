//! Live following: carries out what the engine says, and tells it what came of it.

mod poll;
#[cfg(test)]
mod tests;
mod watch;

use super::records::blocking;
use super::sync::{Look, sync_all};
use super::{Node, Stop, announce};
use crate::api;
use crate::engine::{Action, Engine, Event, Outcome};
use crate::io::clock;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// What streams tell, on its way to the engine.
const TOLD_MAX: usize = 64;
/// Good peers of a feed with which nobody else is looked for.
const ENOUGH: usize = 2;
/// Time after which somebody is asked again who else serves a feed.
const LEARN_AGAIN_MS: u64 = 3_600_000;
/// Longest time without a look at what is due.
const LOOK: Duration = Duration::from_secs(3_600);

/// What was seen of peers and said to people.
#[derive(Default)]
struct Seen {
    /// The tag of the newest head of each peer, so that it is asked for another one.
    tags: BTreeMap<(FeedKey, String), String>,
    /// The last warning about each feed: the same one is not said again.
    warned: BTreeMap<FeedKey, String>,
    /// When somebody was asked last who else serves a feed.
    learned: BTreeMap<FeedKey, u64>,
    /// The length of each feed when it was synced last: what is lacking below was asked of everybody.
    synced: BTreeMap<FeedKey, u64>,
}

type SharedSeen = Arc<Mutex<Seen>>;

fn lock(seen: &SharedSeen) -> MutexGuard<'_, Seen> {
    seen.lock().expect("nobody panics while holding this lock")
}

/// What carries out actions.
struct Live {
    node: Arc<Node>,
    events: mpsc::Sender<api::Event>,
    stop: Stop,
    seen: SharedSeen,
    /// Polls and syncs; each ends with its event.
    tasks: JoinSet<Event>,
    /// What ends each sync.
    syncs: BTreeMap<FeedKey, tokio::sync::watch::Sender<bool>>,
    /// Streams, by peer.
    streams: BTreeMap<String, AbortHandle>,
    told: mpsc::Sender<Event>,
}

/// Follows all sources until told to stop. `events` are told what came, and what fails for the first time.
pub(super) async fn live(node: Arc<Node>, events: mpsc::Sender<api::Event>, mut stop: Stop) {
    let mut engine = Engine::default();
    let mut changes = node.changes.subscribe();
    let mut followed: Vec<FeedKey> = Vec::new();
    let (told, mut hearing) = mpsc::channel(TOLD_MAX);
    let mut live = Live {
        node: node.clone(),
        events,
        stop: stop.clone(),
        seen: SharedSeen::default(),
        tasks: JoinSet::new(),
        syncs: BTreeMap::new(),
        streams: BTreeMap::new(),
        told,
    };
    changes.mark_changed();
    loop {
        for (peer, rank) in node.ranks() {
            engine.note(Event::Ranked { peer, rank }, clock::awake_ms());
        }
        for action in engine.next(clock::awake_ms()) {
            live.start(action);
        }
        let now = clock::awake_ms();
        let wake = engine.wake().map(|at| at.saturating_sub(now));
        let pause = tokio::time::sleep(wake.map_or(LOOK, Duration::from_millis));
        tokio::select! {
            ended = live.tasks.join_next(), if !live.tasks.is_empty() => {
                if let Some(Ok(event)) = ended {
                    if let Event::Synced { feed, .. } = &event {
                        live.syncs.remove(feed);
                    }
                    engine.note(event, clock::awake_ms());
                }
            }
            Some(event) = hearing.recv() => engine.note(event, clock::awake_ms()),
            changed = changes.changed() => {
                if changed.is_err() {
                    break;
                }
                for event in sources(&node, &mut followed) {
                    engine.note(event, clock::awake_ms());
                }
            }
            () = pause => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(hearing);
    live.streams.into_values().for_each(|stream| stream.abort());
    // What is under way sees the same signal; what it has verified is noted before it ends.
    while live.tasks.join_next().await.is_some() {}
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
    let known: std::collections::BTreeSet<FeedKey> =
        list.iter().map(|source| source.feed).collect();
    let gone = followed.iter().filter(|feed| !known.contains(*feed));
    let mut events: Vec<Event> = gone.map(|feed| Event::Unfollowed { feed: *feed }).collect();
    *followed = list.iter().map(|source| source.feed).collect();
    events.extend(list.iter().map(|source| Event::Following {
        feed: source.feed,
        peers: node.peers_of(source),
    }));
    events
}

impl Live {
    fn start(&mut self, action: Action) {
        let (node, mut stop) = (self.node.clone(), self.stop.clone());
        let seen = self.seen.clone();
        match action {
            Action::Watch {
                peer,
                stream,
                feeds,
            } => {
                let task = watch::Stream {
                    node,
                    peer: peer.clone(),
                    number: stream,
                    feeds,
                    told: self.told.clone(),
                };
                let running = tokio::spawn(task.run()).abort_handle();
                // The one before ends only now: nothing is missed, since the new one says what it knows.
                if let Some(before) = self.streams.insert(peer, running) {
                    before.abort();
                }
            }
            Action::Unwatch { peer } => {
                if let Some(stream) = self.streams.remove(&peer) {
                    stream.abort();
                }
            }
            Action::Poll { feed, peer, wait_s } => {
                self.tasks.spawn(async move {
                    let (outcome, length) = tokio::select! {
                        polled = poll::poll(&node, &feed, &peer, wait_s, &seen) => polled,
                        () = stopped(&mut stop) => (Outcome::Nothing, 0),
                    };
                    Event::Polled {
                        feed,
                        peer,
                        outcome,
                        length,
                    }
                });
            }
            Action::Sync { feed, peer, order } => self.sync(feed, peer, order),
            Action::EndSync { feed } => {
                if let Some(ends) = self.syncs.get(&feed) {
                    ends.send_replace(true);
                }
            }
        }
    }

    /// Syncs a feed until it is done, the engine ends it or everything stops. What is verified by then is kept.
    fn sync(&mut self, feed: FeedKey, peer: Option<String>, order: Vec<String>) {
        let (node, told) = (self.node.clone(), self.told.clone());
        let (events, seen, mut stop) = (self.events.clone(), self.seen.clone(), self.stop.clone());
        let (ends, mut ended) = tokio::sync::watch::channel(false);
        self.syncs.insert(feed, ends.clone());
        self.tasks.spawn(async move {
            let is_news = peer.is_some();
            let ending = ended.clone();
            let work = async {
                let outcome = sync(&node, &feed, &order, is_news, &events, ending, &seen).await;
                if outcome != Outcome::Failed {
                    tokio::select! {
                        () = learn(&node, feed, &order, &seen, &told) => {}
                        () = stopped(&mut ended) => {}
                    }
                }
                outcome
            };
            tokio::pin!(work);
            let outcome = tokio::select! {
                outcome = &mut work => outcome,
                () = stopped(&mut stop) => {
                    ends.send_replace(true);
                    work.await
                }
            };
            Event::Synced {
                feed,
                peer,
                outcome,
                length: settled(&node, feed).await,
            }
        });
    }
}

/// Records of our head, for what peers told of; with a fork no other head is taken.
async fn settled(node: &Arc<Node>, feed: FeedKey) -> u64 {
    let node = node.clone();
    let settled = blocking(move || {
        let head = node.disk.head(&feed)?;
        let length = head.map_or(0, |head| head.body().length);
        Ok(match node.is_disputed(&feed)? {
            true => u64::MAX,
            false => length,
        })
    });
    // A disk that fails is told of elsewhere, and no peer rests for it; the sync that failed is tried again anyway.
    settled.await.unwrap_or(u64::MAX)
}

/// Asks who else serves a feed that comes from too few, or from some that fail or are slow; once an hour.
async fn learn(
    node: &Arc<Node>,
    feed: FeedKey,
    order: &[String],
    seen: &SharedSeen,
    told: &mpsc::Sender<Event>,
) {
    let good: Vec<&String> = order.iter().filter(|peer| node.rank(peer) == 0).collect();
    let now = clock::awake_ms();
    let asked = lock(seen).learned.get(&feed).copied();
    let is_due = asked.is_none_or(|asked| now.saturating_sub(asked) >= LEARN_AGAIN_MS);
    if good.len() >= ENOUGH || !is_due {
        return;
    }
    lock(seen).learned.insert(feed, now);
    for peer in order.iter().take(ENOUGH) {
        if announce::learn(node, &feed, peer).await
            && let Some(source) = node.source_of(&feed)
        {
            let peers = node.peers_of(&source);
            // The loop may have ended.
            let _ = told.send(Event::Following { feed, peers }).await;
        }
    }
}

/// Syncs a source, asking its peers in this order. Only what came and what is new about failing is told.
async fn sync(
    node: &Arc<Node>,
    feed: &FeedKey,
    order: &[String],
    is_news: bool,
    events: &mpsc::Sender<api::Event>,
    stop: Stop,
    seen: &SharedSeen,
) -> Outcome {
    let Some(mut source) = node.source_of(feed) else {
        return Outcome::Nothing;
    };
    source.via = node.peers_of(&source);
    let place = |via: &String| order.iter().position(|known| known == via);
    source
        .via
        .sort_by_key(|via| place(via).unwrap_or(usize::MAX));
    let (quiet, mut ignored) = mpsc::channel(64);
    let draining = tokio::spawn(async move { while ignored.recv().await.is_some() {} });
    let before = lock(seen).synced.get(feed).copied();
    let above = before.filter(|_| is_news).unwrap_or(0);
    let synced = sync_all(node, &source, Look::News { above }, quiet, stop).await;
    // Ends with its sender, which is gone.
    let _ = draining.await;
    match synced {
        Ok((synced, has_records)) => {
            lock(seen).warned.remove(feed);
            lock(seen).synced.insert(*feed, synced.length);
            let is_whole = has_records && synced.files == synced.files_wanted;
            if synced.records_new > 0 || synced.bytes_new > 0 {
                super::tell(events, api::Event::Synced(synced)).await;
            }
            if is_whole {
                Outcome::News
            } else {
                Outcome::Nothing
            }
        }
        // What is said once is enough; that nobody answers is no news.
        Err(failure) if matches!(failure.code, api::Code::NotVerified | api::Code::Failed) => {
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
