//! When whom is asked for what: live follow, catching up, backing off, being quiet.
//!
//! Pure: events in, actions out, `now` as an argument. Every feed that is followed is asked about at a few of its peers, by
//! a long poll each, so that nothing is said while nothing happens. News of one peer lead to a sync; a peer that fails is
//! left alone for longer each time. What an answer is worth is judged elsewhere.

use levada_feed::key::FeedKey;
use std::collections::BTreeMap;

/// Peers of one feed that are asked at a time.
const POLLED_MAX: usize = 2;
/// Syncs under way at a time.
const SYNCS_MAX: usize = 8;
/// Seconds that a peer may wait for news.
const WAIT_S: u64 = 50;
/// A peer that answers sooner than this without news does not know how to wait.
const WAITED_MS_MIN: u64 = 5_000;
/// Rest after an answer of a peer that does not know how to wait.
const REST_MS: u64 = 60_000;
/// Rest after the first failure; twice as long after each further one.
const BACK_OFF_MS_MIN: u64 = 2_000;
const BACK_OFF_MS_MAX: u64 = 3_600_000;
/// Rest of a feed of which something was not to be had.
const RETRY_MS: u64 = 300_000;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A feed is followed, at these peers, best first; again when they change.
    Following {
        /// The feed.
        feed: FeedKey,
        /// Its peers.
        peers: Vec<String>,
    },
    /// A feed is not followed any more.
    Unfollowed {
        /// The feed.
        feed: FeedKey,
    },
    /// A peer answered a poll, or did not.
    Polled {
        /// The feed.
        feed: FeedKey,
        /// The peer.
        peer: String,
        /// What came of it.
        outcome: Outcome,
    },
    /// A sync ended.
    Synced {
        /// The feed.
        feed: FeedKey,
        /// The peer that had told of news; `None` for a sync that was due by itself.
        peer: Option<String>,
        /// What came of it.
        outcome: Outcome,
    },
}

/// What came of a poll or a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is something new, or the sync brought all that is wanted.
    News,
    /// There is nothing new, or the sync left something to be had later.
    Nothing,
    /// The peer is away, or it lied.
    Failed,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask a peer whether it has a newer head, and let it wait.
    Poll {
        /// The feed.
        feed: FeedKey,
        /// The peer.
        peer: String,
        /// Seconds to wait.
        wait_s: u64,
    },
    /// Sync a feed, asking this peer first.
    Sync {
        /// The feed.
        feed: FeedKey,
        /// The peer that has news.
        peer: Option<String>,
    },
}

/// The state of everything that is followed.
#[derive(Debug, Default)]
pub struct Engine {
    feeds: BTreeMap<FeedKey, Feed>,
    syncs: usize,
}

#[derive(Debug)]
struct Feed {
    peers: Vec<Peer>,
    sync: Sync,
    failures: u32,
}

#[derive(Debug)]
struct Peer {
    name: String,
    state: State,
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is asked before this time.
    Resting(u64),
    /// Asked at this time.
    Asked(u64),
    /// It has news; it is asked again once they are here.
    HasNews,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sync {
    /// Not before this time; `u64::MAX` when nothing calls for it.
    Due(u64, Option<String>),
    /// Under way; more news came meanwhile, from this peer.
    Running(Option<String>),
}

impl Engine {
    /// Takes note of what happened at `now`, in milliseconds of a clock that only goes forward.
    pub fn note(&mut self, event: Event, now: u64) {
        match event {
            Event::Following { feed, peers } => self.follow(feed, peers, now),
            Event::Unfollowed { feed } => {
                if let Some(gone) = self.feeds.remove(&feed) {
                    self.syncs -= usize::from(matches!(gone.sync, Sync::Running(_)));
                }
            }
            Event::Polled {
                feed,
                peer,
                outcome,
            } => {
                if let Some(known) = self.feeds.get_mut(&feed) {
                    known.polled(&feed, &peer, outcome, now);
                }
            }
            Event::Synced {
                feed,
                peer,
                outcome,
            } => {
                let Some(known) = self.feeds.get_mut(&feed) else {
                    return;
                };
                if matches!(known.sync, Sync::Running(_)) {
                    self.syncs = self.syncs.saturating_sub(1);
                    known.synced(&feed, peer.as_deref(), outcome, now);
                }
            }
        }
    }

    fn follow(&mut self, feed: FeedKey, peers: Vec<String>, now: u64) {
        let known = self.feeds.entry(feed).or_insert_with(|| Feed {
            peers: Vec::new(),
            sync: Sync::Due(now, None),
            failures: 0,
        });
        let mut before = std::mem::take(&mut known.peers);
        known.peers = peers
            .into_iter()
            .map(|name| {
                let old = before.iter().position(|peer| peer.name == name);
                old.map_or(
                    Peer {
                        name,
                        state: State::Resting(now),
                        failures: 0,
                    },
                    |at| before.swap_remove(at),
                )
            })
            .collect();
    }

    /// What is to be done now.
    pub fn next(&mut self, now: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        for (feed, known) in &mut self.feeds {
            if let Sync::Due(at, peer) = &mut known.sync
                && *at <= now
                && self.syncs < SYNCS_MAX
            {
                let peer = peer.take();
                self.syncs += 1;
                known.sync = Sync::Running(None);
                actions.push(Action::Sync { feed: *feed, peer });
            }
            known.poll(*feed, now, &mut actions);
        }
        actions
    }

    /// When something is due next, if nothing happens before.
    #[must_use]
    pub fn wake(&self) -> Option<u64> {
        let syncs = self.feeds.values().filter_map(|feed| match feed.sync {
            Sync::Due(at, _) if at < u64::MAX && self.syncs < SYNCS_MAX => Some(at),
            _ => None,
        });
        let polls = self.feeds.values().filter_map(Feed::next_poll);
        syncs.chain(polls).min()
    }
}

impl Feed {
    fn asked(&self) -> usize {
        let is_asked = |peer: &&Peer| !matches!(peer.state, State::Resting(_));
        self.peers.iter().filter(is_asked).count()
    }

    /// Peers that rest, the one with the fewest failures first; in their order among equals.
    fn next_peer(&self, now: u64) -> Option<usize> {
        let is_due = |peer: &Peer| matches!(peer.state, State::Resting(until) if until <= now);
        let due = self
            .peers
            .iter()
            .enumerate()
            .filter(|(_, peer)| is_due(peer));
        due.min_by_key(|(at, peer)| (peer.failures, *at))
            .map(|(at, _)| at)
    }

    fn next_poll(&self) -> Option<u64> {
        if self.asked() >= POLLED_MAX || matches!(self.sync, Sync::Running(_)) {
            return None;
        }
        let rests = self.peers.iter().filter_map(|peer| match peer.state {
            State::Resting(until) => Some(until),
            _ => None,
        });
        rests.min()
    }

    fn poll(&mut self, feed: FeedKey, now: u64, actions: &mut Vec<Action>) {
        // What a sync brings would only be told as news.
        if matches!(self.sync, Sync::Running(_)) {
            return;
        }
        while self.asked() < POLLED_MAX
            && let Some(peer) = self.next_peer(now).and_then(|at| self.peers.get_mut(at))
        {
            peer.state = State::Asked(now);
            actions.push(Action::Poll {
                feed,
                peer: peer.name.clone(),
                wait_s: WAIT_S,
            });
        }
    }

    fn polled(&mut self, feed: &FeedKey, name: &str, outcome: Outcome, now: u64) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.name == name) else {
            return;
        };
        let State::Asked(asked) = peer.state else {
            return;
        };
        match outcome {
            Outcome::News => {
                peer.failures = 0;
                peer.state = State::HasNews;
                match &mut self.sync {
                    Sync::Due(at, from) => {
                        *at = now.min(*at);
                        from.get_or_insert_with(|| name.to_owned());
                    }
                    Sync::Running(more) => {
                        more.get_or_insert_with(|| name.to_owned());
                    }
                }
            }
            Outcome::Nothing => {
                peer.failures = 0;
                let knows_to_wait = now.saturating_sub(asked) >= WAITED_MS_MIN;
                peer.state = State::Resting(if knows_to_wait { now } else { now + REST_MS });
            }
            Outcome::Failed => {
                peer.failures = peer.failures.saturating_add(1);
                let rest = back_off(peer.failures, seed(feed, name));
                peer.state = State::Resting(now.saturating_add(rest));
            }
        }
    }

    fn synced(&mut self, feed: &FeedKey, name: Option<&str>, outcome: Outcome, now: u64) {
        let more = match &mut self.sync {
            Sync::Running(more) => more.take(),
            Sync::Due(..) => None,
        };
        self.failures = match outcome {
            Outcome::Failed => self.failures.saturating_add(1),
            _ => 0,
        };
        for peer in &mut self.peers {
            if peer.state == State::HasNews && more.as_deref() != Some(peer.name.as_str()) {
                // One that told of news and then did not have them is asked less.
                let is_to_blame = outcome == Outcome::Failed && name == Some(peer.name.as_str());
                peer.failures = if is_to_blame { peer.failures + 1 } else { 0 };
                let rest = match peer.failures {
                    0 => 0,
                    failures => back_off(failures, seed(feed, &peer.name)),
                };
                peer.state = State::Resting(now.saturating_add(rest));
            }
        }
        let due = match (more.is_some(), outcome) {
            (true, _) => now,
            (false, Outcome::News) => u64::MAX,
            (false, Outcome::Nothing) => now.saturating_add(RETRY_MS),
            (false, Outcome::Failed) => now.saturating_add(back_off(self.failures, seed(feed, ""))),
        };
        self.sync = Sync::Due(due, more);
    }
}

/// Twice as long each time, give or take a quarter, so that many do not come back at once.
fn back_off(failures: u32, seed: u64) -> u64 {
    let steps = failures.saturating_sub(1).min(16);
    let rest = (BACK_OFF_MS_MIN << steps).min(BACK_OFF_MS_MAX);
    let spread = rest / 2;
    let mixed = (seed ^ u64::from(failures)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    rest - spread / 2 + mixed % spread.max(1)
}

/// A number that differs from feed to feed and from peer to peer, and is the same each time.
fn seed(feed: &FeedKey, peer: &str) -> u64 {
    let bytes = feed.as_bytes().iter().chain(peer.as_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
