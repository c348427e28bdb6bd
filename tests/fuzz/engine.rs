//! The engine of live following, driven by bytes: feeds come and go, peers tell, answer, lie and sleep, and time passes.
//!
//! Whatever happens, it asks for nothing that nobody follows, never twice for the same at a time and never for more at a time
//! than it may; it comes to rest at every moment; each feed gets its sync once everybody answers; and nothing is left of what
//! is gone.

use levada_feed::key::{FeedKey, FeedSecret};
use levada_peer::engine::{Action, Ending, Engine, Event, Outcome, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// More than there are places for syncs.
const FEEDS: usize = 12;
const PEERS: usize = 6;
/// What may be under way at a time.
const SYNCS_MAX: usize = 8;
const POLLS_MAX: usize = 256;
const OPENING_MAX: usize = 16;
/// Steps after which the engine has come to rest at one moment.
const STEPS_MAX: usize = 1_000;
/// Rounds in which everybody answers until each feed had its sync.
const ROUNDS_MAX: usize = 10_000;

static KEYS: LazyLock<Vec<FeedKey>> = LazyLock::new(|| {
    let key = |number| FeedSecret::from_bytes(&[number; 32]).feed_key();
    (1..).take(FEEDS).map(key).collect()
});

fn feed(number: u8) -> FeedKey {
    KEYS[usize::from(number) % FEEDS]
}

fn peer(number: usize) -> String {
    format!("http://{}", number % PEERS)
}

fn outcome(number: u8) -> Outcome {
    match number % 3 {
        0 => Outcome::News,
        1 => Outcome::Nothing,
        _ => Outcome::Failed,
    }
}

fn told(number: u8, feed: FeedKey, length: u64) -> Told {
    match number % 7 {
        0 => Told::Open,
        1 => Told::News { feed, length },
        2 => Told::Has { feed, length },
        3 => Told::Lacks(feed),
        4 => Told::Ended(Ending::Closed),
        5 => Told::Ended(Ending::Failed),
        _ => Told::Ended(Ending::Unknown),
    }
}

#[derive(Clone)]
struct Poll {
    feed: FeedKey,
    peer: String,
    /// The feed was not followed there since.
    is_stale: bool,
}

/// The engine, and what it has under way.
#[derive(Default)]
struct Play {
    engine: Engine,
    now: u64,
    followed: BTreeMap<FeedKey, BTreeSet<String>>,
    /// Feeds that had a sync since they were followed, or were in one then.
    synced: BTreeSet<FeedKey>,
    /// Syncs: who had told of news, and whether they are to end.
    syncs: BTreeMap<FeedKey, (Option<String>, bool)>,
    polls: Vec<Poll>,
    /// Streams: their numbers, and whether they are open.
    streams: BTreeMap<String, (u64, bool)>,
}

impl Play {
    fn note(&mut self, event: Event) {
        self.engine.note(event, self.now);
        self.rest();
    }

    /// Does what is due until nothing is.
    fn rest(&mut self) {
        for _ in 0..STEPS_MAX {
            let actions = self.engine.next(self.now);
            actions.into_iter().for_each(|action| self.start(action));
            if self.engine.wake().is_none_or(|at| at > self.now) {
                return;
            }
        }
        panic!("something is due for ever at {}", self.now);
    }

    fn has(&self, feed: &FeedKey, peer: &str) -> bool {
        let peers = self.followed.get(feed);
        peers.is_some_and(|peers| peers.contains(peer))
    }

    fn start(&mut self, action: Action) {
        match action {
            Action::Sync { feed, peer, order } => {
                let peers = self.followed.get(&feed).expect("it is followed");
                let named: BTreeSet<String> = order.iter().cloned().collect();
                assert_eq!((named.len(), &named), (order.len(), peers));
                let before = self.syncs.insert(feed, (peer, false));
                assert_eq!(before, None, "one at a time");
                assert!(self.syncs.len() <= SYNCS_MAX);
                self.synced.insert(feed);
            }
            Action::EndSync { feed } => {
                let (_, is_over) = self.syncs.get_mut(&feed).expect("it runs");
                assert!(!*is_over, "told once");
                *is_over = true;
            }
            Action::Poll { feed, peer, .. } => {
                assert!(self.has(&feed, &peer));
                let is_same = |poll: &Poll| (poll.feed, &poll.peer) == (feed, &peer);
                let mut fresh = self.polls.iter().filter(|poll| !poll.is_stale);
                assert!(!fresh.any(is_same), "one at a time");
                let is_stale = false;
                self.polls.push(Poll {
                    feed,
                    peer,
                    is_stale,
                });
                assert!(self.polls.len() <= POLLS_MAX);
            }
            Action::Watch {
                peer,
                stream,
                feeds,
            } => {
                assert!(!feeds.is_empty() && feeds.is_sorted_by(|one, next| one < next));
                assert!(feeds.iter().all(|feed| self.has(feed, &peer)));
                let before = self.streams.insert(peer, (stream, false));
                assert!(before.is_none_or(|(before, _)| before < stream));
                let opening = self.streams.values().filter(|(_, is_open)| !is_open);
                assert!(opening.count() <= OPENING_MAX);
            }
            Action::Unwatch { peer } => {
                assert!(self.streams.remove(&peer).is_some(), "there was one");
            }
        }
    }

    fn follow(&mut self, feed: FeedKey, bits: u8) {
        let peers = (0..PEERS).filter(|number| bits >> number & 1 == 1);
        let peers: Vec<String> = peers.map(peer).collect();
        if !self.followed.contains_key(&feed) && !self.syncs.contains_key(&feed) {
            self.synced.remove(&feed);
        }
        self.followed.insert(feed, peers.iter().cloned().collect());
        self.forget();
        self.note(Event::Following { feed, peers });
    }

    fn unfollow(&mut self, feed: FeedKey) {
        self.followed.remove(&feed);
        self.forget();
        self.note(Event::Unfollowed { feed });
    }

    fn forget(&mut self) {
        let mut polls = std::mem::take(&mut self.polls);
        for poll in &mut polls {
            poll.is_stale |= !self.has(&poll.feed, &poll.peer);
        }
        self.polls = polls;
    }

    fn end_sync(&mut self, at: u8, outcome: Outcome, length: u64) {
        let Some(feed) = chosen(self.syncs.keys().copied(), at) else {
            return;
        };
        if let Some((peer, _)) = self.syncs.remove(&feed) {
            self.note(Event::Synced {
                feed,
                peer,
                outcome,
                length,
            });
        }
    }

    fn end_poll(&mut self, at: u8, outcome: Outcome, length: u64) {
        let Some(at) = chosen(0..self.polls.len(), at) else {
            return;
        };
        let Poll { feed, peer, .. } = self.polls.remove(at);
        // Of two, one of them from before the feed was followed again, any answer is taken for the later one's.
        for poll in &mut self.polls {
            poll.is_stale |= (poll.feed, &poll.peer) == (feed, &peer);
        }
        self.note(Event::Polled {
            feed,
            peer,
            outcome,
            length,
        });
    }

    fn tell(&mut self, at: u8, told: Told) {
        let Some((peer, (stream, _))) = chosen(self.streams.clone().into_iter(), at) else {
            return;
        };
        match told {
            Told::Open => drop(self.streams.insert(peer.clone(), (stream, true))),
            Told::Ended(_) => drop(self.streams.remove(&peer)),
            _ => {}
        }
        self.note(Event::Watched { peer, stream, told });
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.rest();
    }

    fn step(&mut self, [what, one, two, three]: [u8; 4]) {
        match what % 8 {
            0 => self.follow(feed(one), two),
            1 => self.unfollow(feed(one)),
            2 => self.pass(u64::from(one) << (two % 16)),
            3 => self.end_sync(one, outcome(two), three.into()),
            4 => self.end_poll(one, outcome(two), three.into()),
            5 => self.tell(one, told(two, feed(three), u64::from(two / 7))),
            6 => {
                let (peer, rank) = (peer(one.into()), two.into());
                self.note(Event::Ranked { peer, rank });
            }
            // Of a stream that was ended since.
            _ => {
                let (peer, told) = (peer(one.into()), told(two, feed(three), 9));
                let stream = u64::MAX;
                self.note(Event::Watched { peer, stream, told });
            }
        }
    }

    /// Everybody answers, until each feed that has peers had its sync.
    fn answer(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let has_peers = |(_, peers): &(&FeedKey, &BTreeSet<String>)| !peers.is_empty();
            let mut feeds = self.followed.iter().filter(has_peers);
            if feeds.all(|(feed, _)| self.synced.contains(feed)) {
                return;
            }
            while !self.syncs.is_empty() {
                self.end_sync(0, Outcome::News, 0);
            }
            for at in 0..PEERS {
                self.tell(u8::try_from(at).unwrap_or(0), Told::Open);
            }
            self.end_poll(0, Outcome::Nothing, 0);
            match self.engine.wake() {
                Some(at) => self.pass(at.saturating_sub(self.now)),
                None => self.rest(),
            }
        }
        panic!("a feed had no sync though everybody answers");
    }

    /// Nothing is followed any more, and all that is under way ends.
    fn leave(mut self) {
        for feed in self.followed.keys().copied().collect::<Vec<_>>() {
            self.unfollow(feed);
        }
        assert_eq!(self.streams, BTreeMap::new());
        assert!(self.syncs.values().all(|(_, is_over)| *is_over));
        while !self.syncs.is_empty() {
            self.end_sync(0, Outcome::Failed, 0);
        }
        while !self.polls.is_empty() {
            self.end_poll(0, Outcome::Failed, 0);
        }
        assert_eq!(self.engine.wake(), None);
    }
}

fn chosen<T>(mut things: impl ExactSizeIterator<Item = T>, at: u8) -> Option<T> {
    let count = things.len();
    things.nth(usize::from(at).checked_rem(count)?)
}

/// Input: operations of four bytes each: what, and three numbers.
pub(super) fn engine(input: &[u8]) {
    let mut play = Play::default();
    for step in input.as_chunks::<4>().0.iter().take(512) {
        play.step(*step);
    }
    play.answer();
    play.leave();
}
