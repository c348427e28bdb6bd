//! When whom is asked for what: live follow, catching up, backing off, waking up, being quiet.
//!
//! Pure: events in, actions out, `now` as an argument. Every feed that is followed is watched at a few of its peers, by one
//! stream for each peer; where a peer does not know streams, or there are too many, by a long poll for each feed. So nothing
//! is said while nothing happens. News of one peer lead to a sync; a peer that fails is left alone for longer each time,
//! and others take its place. What an answer is worth is judged elsewhere, and told as the rank of a peer.
//!
//! What is due stands in queues by its time: an event costs the feeds that it is about, not all.

mod choose;
mod event;
mod feed;
mod pace;
mod peers;
mod queue;
mod syncs;
#[cfg(test)]
mod tests;

use feed::{Feed, Link, State};
use levada_feed::key::FeedKey;
use pace::{back_off, retry, seed_of_feed};
use peers::{PeerId, Peers};
use queue::Queue;
use std::collections::BTreeMap;
use syncs::Syncs;

pub use event::{Action, Ending, Event, Outcome, Told};

/// Peers of one feed that are asked at a time.
const ASKED_MAX: usize = 2;
/// Polls under way at a time.
const POLLS_MAX: usize = 256;
/// Streams that are being opened at a time.
const OPENING_MAX: usize = 16;
/// Streams at a time; feeds of further peers are polled.
const STREAMS_MAX: usize = 512;
/// Feeds for which peers are chosen again in one step.
const CHOICES_MAX: usize = 256;
/// Seconds that a peer may wait for news.
const WAIT_S: u64 = 50;
/// A peer that answers sooner than this without news does not know how to wait.
const WAITED_MS_MIN: u64 = 5_000;
/// News in a row that came sooner, after which there is a rest before each: an author may sign heads as fast as they are
/// asked for.
const QUICK_NEWS_MAX: u32 = 8;
const NEWS_REST_MS: u64 = 2_000;
/// Rest after an answer of a peer that does not know how to wait.
const REST_MS: u64 = 60_000;
/// Rest of a peer that does not have a feed.
const LACKS_MS: u64 = 1_800_000;
/// Time in which the engine looks at the clock at least, while it has streams.
const TICK_MS: u64 = 60_000;
/// A longer time than this, and the machine slept: what was connected is not any more.
const SLEPT_MS: u64 = 2 * TICK_MS;

/// The state of everything that is followed.
#[derive(Debug, Default)]
pub struct Engine {
    feeds: BTreeMap<FeedKey, Feed>,
    peers: Peers,
    syncs: Syncs,
    polls: Queue<(FeedKey, PeerId)>,
    polling: usize,
    /// Feeds whose peers are to be chosen again.
    choices: Queue<FeedKey>,
    /// Feeds of which one of the peers that are not asked is to be asked once.
    looks: Queue<FeedKey>,
    /// When the clock was looked at last.
    seen: u64,
}

impl Engine {
    /// Takes note of what happened at `now`, in milliseconds of a clock that only goes forward, also while the machine
    /// sleeps.
    pub fn note(&mut self, event: Event, now: u64) {
        self.look(now);
        match event {
            Event::Following { feed, peers } => self.follow(feed, &peers, now),
            Event::Unfollowed { feed } => self.unfollow(&feed, now),
            Event::Watched { peer, stream, told } => self.watched(&peer, stream, told, now),
            Event::Polled {
                feed,
                peer,
                outcome,
                length,
            } => {
                self.polling = self.polling.saturating_sub(1);
                self.polled(feed, &peer, outcome, length, now);
            }
            Event::Synced {
                feed,
                peer,
                outcome,
                length,
            } => {
                if let Some(known) = self.feeds.get_mut(&feed) {
                    known.length = length;
                }
                self.synced(feed, peer.as_deref(), outcome, now);
            }
            Event::Ranked { peer, rank } => {
                for feed in self.peers.ranked(&peer, rank) {
                    self.choices.hurry(feed, now);
                }
            }
        }
    }

    /// What is to be done now. More may be due at once: see `wake`.
    pub fn next(&mut self, now: u64) -> Vec<Action> {
        self.look(now);
        for _ in 0..CHOICES_MAX {
            match self.choices.pop(now) {
                Some(feed) => self.choose(feed, now),
                None => break,
            }
        }
        let mut actions = self.peers.open(now);
        while let Some(feed) = self.syncs.start(now) {
            if let Some(known) = self.feeds.get_mut(&feed) {
                let news = known.news.take().or_else(|| known.claimed(now));
                let (peer, order) = self.order(feed, news, now);
                actions.push(Action::Sync { feed, peer, order });
            }
        }
        let over = self.syncs.over(now).into_iter();
        actions.extend(over.map(|feed| Action::EndSync { feed }));
        while self.polling < POLLS_MAX
            && let Some((feed, peer)) = self.polls.pop(now)
        {
            actions.extend(self.poll(feed, peer, now));
        }
        while self.polling < POLLS_MAX
            && let Some(feed) = self.looks.pop(now)
        {
            actions.extend(self.look_round(feed, now));
        }
        actions
    }

    /// When something is due next, if nothing happens before.
    #[must_use]
    pub fn wake(&self) -> Option<u64> {
        let free = |is_free: bool, first: Option<u64>| first.filter(|_| is_free);
        let times = [
            self.choices.first(),
            self.peers.first(),
            self.syncs.wake(),
            free(self.polling < POLLS_MAX, self.polls.first()),
            free(self.polling < POLLS_MAX, self.looks.first()),
            self.peers.are_streaming().then_some(self.seen + TICK_MS),
        ];
        times.into_iter().flatten().min()
    }

    /// Looks at the clock: after a sleep all streams are taken for dead, and opened again one after the other.
    fn look(&mut self, now: u64) {
        if now.saturating_sub(self.seen) > SLEPT_MS && self.peers.are_streaming() {
            self.peers.slept(now);
        }
        self.seen = self.seen.max(now);
    }

    fn follow(&mut self, feed: FeedKey, names: &[String], now: u64) {
        if !self.feeds.contains_key(&feed) {
            self.syncs.set(feed, now);
        }
        let known = self.feeds.entry(feed).or_default();
        let mut before = std::mem::take(&mut known.links);
        for name in names {
            let peer = self.peers.id(name);
            let old = before.iter().position(|link| link.peer == peer);
            let link = old.map(|at| before.swap_remove(at));
            self.peers.list(peer, feed);
            known.links.push(link.unwrap_or(Link {
                peer,
                state: State::Idle,
                claimed: 0,
                has: 0,
                quick_news: 0,
                failures: 0,
                until: 0,
                next_poll: 0,
            }));
        }
        for gone in before {
            self.leave(feed, &gone, now);
        }
        self.choose(feed, now);
    }

    fn unfollow(&mut self, feed: &FeedKey, now: u64) {
        self.syncs.remove(feed);
        self.choices.remove(feed);
        self.looks.remove(feed);
        let gone = self.feeds.remove(feed).unwrap_or_default();
        for link in &gone.links {
            self.leave(*feed, link, now);
        }
    }

    /// Nothing of this feed is asked at a peer any more.
    fn leave(&mut self, feed: FeedKey, link: &Link, now: u64) {
        self.polls.remove(&(feed, link.peer));
        self.peers.unwant(link.peer, &feed, now);
        self.peers.unlist(link.peer, &feed, now);
    }

    fn watched(&mut self, name: &str, stream: u64, told: Told, now: u64) {
        let Some(peer) = self.peers.streaming(name, stream) else {
            return;
        };
        match told {
            Told::Open => {
                for feed in self.peers.opened(peer, now) {
                    self.choices.hurry(feed, now);
                }
            }
            Told::News { feed, length } => self.news(feed, peer, length, now),
            Told::Has { feed, length } => self.has(feed, peer, length, now),
            Told::Lacks(feed) => {
                if let Some(link) = self.link(&feed, peer) {
                    link.until = now.saturating_add(LACKS_MS);
                    self.choose(feed, now);
                }
            }
            Told::Ended(ending) => {
                for feed in self.peers.ended(peer, ending, now) {
                    self.choices.hurry(feed, now);
                }
            }
        }
    }

    fn link(&mut self, feed: &FeedKey, peer: PeerId) -> Option<&mut Link> {
        let known = self.feeds.get_mut(feed)?;
        known.links.iter_mut().find(|link| link.peer == peer)
    }

    /// A peer has something new: it is fetched now, or after the sync that is running. Of one that did not give what it
    /// told of before, only once it has rested.
    fn news(&mut self, feed: FeedKey, peer: PeerId, length: u64, now: u64) {
        let Some(link) = self.link(&feed, peer) else {
            return;
        };
        link.claimed = link.claimed.max(length);
        if link.failures == 0 {
            link.until = 0;
        }
        let at = link.until.max(now);
        let Some(known) = self.feeds.get_mut(&feed) else {
            return;
        };
        if at == now {
            known.news.get_or_insert(peer);
        }
        self.syncs.hurry(feed, at);
    }

    /// A peer has come to have the head that is ours, of which something was not to be had before: who told of it first may
    /// not have given it. It is asked once for each length.
    fn has(&mut self, feed: FeedKey, peer: PeerId, length: u64, now: u64) {
        let Some(known) = self.feeds.get_mut(&feed) else {
            return;
        };
        let is_lacking = known.retry.is_some() && length >= known.length;
        let link = known.links.iter_mut().find(|link| link.peer == peer);
        let Some(link) = link.filter(|link| is_lacking && link.has < length) else {
            return;
        };
        link.has = length;
        if link.until <= now {
            known.news.get_or_insert(peer);
            self.syncs.hurry(feed, now);
        }
    }

    fn poll(&mut self, feed: FeedKey, peer: PeerId, now: u64) -> Option<Action> {
        // What a sync brings would only be told as news: the end of the sync queues it again.
        let is_syncing = self.syncs.is_running(&feed);
        let name = self.peers.name(peer)?.to_owned();
        let link = self.link(&feed, peer)?;
        if is_syncing || link.state != State::Queued {
            return None;
        }
        link.state = State::Asked(now);
        self.polling += 1;
        // Who waits keeps a place: with more feeds than places each is asked in its turn.
        let is_full = self.polls.len() >= POLLS_MAX;
        Some(Action::Poll {
            feed,
            peer: name,
            wait_s: if is_full { 0 } else { WAIT_S },
        })
    }

    fn polled(&mut self, feed: FeedKey, name: &str, outcome: Outcome, length: u64, now: u64) {
        let Some(peer) = self.peers.known(name) else {
            return;
        };
        let Some(link) = self.link(&feed, peer) else {
            return;
        };
        let State::Asked(asked) = link.state else {
            return;
        };
        link.state = State::Idle;
        let has_waited = now.saturating_sub(asked) >= WAITED_MS_MIN;
        match outcome {
            Outcome::News => {
                link.quick_news = match has_waited {
                    true => 0,
                    false => link.quick_news.saturating_add(1),
                };
                let is_storm = link.quick_news > QUICK_NEWS_MAX;
                link.next_poll = if is_storm { now + NEWS_REST_MS } else { now };
                self.news(feed, peer, length, now);
            }
            Outcome::Nothing => {
                (link.failures, link.until, link.quick_news) = (0, 0, 0);
                link.next_poll = if has_waited { now } else { now + REST_MS };
                self.has(feed, peer, length, now);
            }
            Outcome::Failed => link.failed(feed, now),
        }
        self.choose(feed, now);
    }

    fn synced(&mut self, feed: FeedKey, name: Option<&str>, outcome: Outcome, now: u64) {
        let told = name.and_then(|name| self.peers.known(name));
        let Some(was_over) = self.syncs.ended(&feed) else {
            return;
        };
        let Some(known) = self.feeds.get_mut(&feed) else {
            return;
        };
        if was_over && outcome == Outcome::Failed {
            // Nobody failed: it goes on behind those that wait.
            self.syncs.set(feed, now);
            self.choose(feed, now);
            return;
        }
        self.syncs.done(&feed);
        known.failures = match outcome {
            Outcome::Failed => known.failures.saturating_add(1),
            _ => 0,
        };
        match outcome {
            Outcome::News => (known.lacks, known.retry) = (0, None),
            Outcome::Nothing if name.is_none() || known.retry.is_none() => {
                known.lacks = known.lacks.saturating_add(1);
                known.retry = Some(now + retry(known.lacks));
            }
            Outcome::Nothing | Outcome::Failed => {}
        }
        let due = match outcome {
            _ if known.news.is_some() => Some(now),
            Outcome::News | Outcome::Nothing => known.retry,
            Outcome::Failed => Some(now + back_off(known.failures, seed_of_feed(&feed, 0))),
        };
        let length = known.length;
        if let Some(link) = told.and_then(|peer| self.link(&feed, peer)) {
            match outcome {
                // One that told of news and then did not have them is asked less.
                Outcome::Failed => link.failed(feed, now),
                _ if link.claimed > length => link.failed(feed, now),
                _ => (link.failures, link.until) = (0, 0),
            }
        }
        let claimed = self.feeds.get(&feed).and_then(Feed::claimed_until);
        if let Some(due) = due.into_iter().chain(claimed).min() {
            self.syncs.set(feed, due.max(now));
        }
        self.choose(feed, now);
    }
}
