//! The world of one seed: authors, followers, liars, the network between them, and one clock.

mod faults;
mod people;
mod publish;
mod serve;

use super::answers::{LIES, Lie};
use super::author::Author;
use super::dice::Dice;
use super::follower::{Follower, Now, Request, Said, What};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_peer::store::MemoryFeed;
use serve::{Waiter, Watcher};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const MINUTE: u64 = 60_000;
pub(super) const HOUR: u64 = 60 * MINUTE;
/// When the faults stop.
pub(super) const CALM: u64 = 15 * MINUTE;
/// Beginning of the world, Unix milliseconds.
const EPOCH: u64 = 1_767_225_600_000;
/// Time after which a question without an answer is given up.
const STALL: u64 = 15_000;

/// What happens in one world for each feed at most; a tenth of it is usual.
const HAPPENINGS_MAX: u64 = 100_000;

/// What happens at some time.
enum Happening {
    /// A question arrives.
    Asked {
        by: usize,
        id: u64,
        to: usize,
        life: u64,
        what: What,
    },
    /// An answer arrives, or its time is over.
    Answered {
        to: usize,
        id: u64,
        life: u64,
        said: Said,
    },
    /// Something is due at a follower.
    Due(usize),
    /// A poll has waited long enough.
    Waited { at: usize, by: usize, id: u64 },
    /// Chance strikes.
    Fault,
    /// An author goes on.
    Publish(usize),
    /// Liars that tease do so.
    Tease,
}

/// Who a node is.
pub(super) enum Role {
    Author,
    Follower(Box<Follower>),
    Liar(Vec<Lie>),
}

/// One node.
pub(super) struct Node {
    pub(super) role: Role,
    /// Its wall clock is off by so much.
    skew: i64,
    asleep_until: u64,
    /// Grows with each start.
    life: u64,
    /// When it looks at what is due next.
    due: u64,
    knows_streams: bool,
    knows_to_wait: bool,
    /// What a loss of power leaves.
    durable: BTreeMap<FeedKey, MemoryFeed>,
    /// Records that its store had a head of, and those that it held, since it lost something.
    stored: BTreeMap<FeedKey, (u64, usize)>,
    /// Feeds that were disputed when something changed last.
    disputed: BTreeSet<FeedKey>,
    /// Bytes that came from each peer.
    pub(super) came: BTreeMap<usize, u64>,
    /// Heads that it took, by feed and length.
    pub(super) taken: BTreeMap<FeedKey, BTreeMap<u64, Hash>>,
}

/// Everything.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    count: u64,
    pub(super) authors: Vec<Author>,
    pub(super) nodes: Vec<Node>,
    watchers: Vec<Watcher>,
    waiters: Vec<Waiter>,
    cut: BTreeSet<(usize, usize)>,
    /// Says what happens: for who plays one seed.
    pub(super) is_told: bool,
}

impl World {
    /// Says what happens, if somebody wants to know.
    #[expect(clippy::print_stderr, reason = "the test shows it when it fails")]
    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            let (minutes, ms) = (self.now / MINUTE, self.now % MINUTE);
            eprintln!("{minutes:4}:{ms:05} {}", what());
        }
    }

    /// One feed or two.
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let feeds = 1 + u64::from(dice.happens(30));
        let (followers, liars) = (dice.place(3) + 2, dice.place(4));
        let lies = |dice: &mut Dice| {
            (0..=dice.place(3))
                .map(|_| LIES[dice.place(LIES.len())])
                .collect()
        };
        let liars = (0..liars).map(|_| lies(&mut dice)).collect();
        Self::of(seed, dice, feeds, followers, liars)
    }

    /// More feeds than syncs run at a time, and peers that are slow for all of them.
    pub(super) fn crowded(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let feeds = dice.within(10..18);
        let liars = vec![vec![Lie::Slow]; 1 + dice.place(2)];
        Self::of(seed, dice, feeds, 2, liars)
    }

    fn of(seed: u64, mut dice: Dice, feeds: u64, followers: usize, liars: Vec<Vec<Lie>>) -> Self {
        let authors: Vec<Author> = (0..feeds)
            .map(|number| Author::new(seed.wrapping_mul(32).wrapping_add(number), EPOCH))
            .collect();
        let mut world = Self {
            seed,
            now: 0,
            queue: BTreeMap::new(),
            count: 0,
            authors,
            nodes: Vec::new(),
            watchers: Vec::new(),
            waiters: Vec::new(),
            cut: BTreeSet::new(),
            is_told: false,
            dice: dice.clone(),
        };
        world.people(followers, liars, &mut dice);
        world.dice = dice;
        for node in 0..world.nodes.len() {
            if let Role::Follower(_) = world.nodes[node].role {
                world.start(node);
            }
        }
        for author in 0..world.authors.len() {
            world.at(1_000, Happening::Publish(author));
        }
        world.at(1_000, Happening::Fault);
        world.at(3_000, Happening::Tease);
        world
    }

    fn at(&mut self, after: u64, what: Happening) {
        self.count += 1;
        let is_endless = self.count >= HAPPENINGS_MAX * self.authors.len() as u64;
        assert!(!is_endless, "seed {}: it never ends", self.seed);
        self.queue.insert((self.now + after, self.count), what);
    }

    pub(super) fn clocks(&self, node: usize) -> Now {
        let wall = (EPOCH + self.now).checked_add_signed(self.nodes[node].skew);
        Now {
            awake: self.now,
            wall: wall.unwrap(),
        }
    }

    pub(super) fn is_calm(&self) -> bool {
        self.now >= CALM
    }

    /// Lets things happen until then.
    pub(super) fn run_to(&mut self, end: u64) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            self.now = entry.key().0;
            let what = entry.remove();
            self.happen(what);
        }
        self.now = end;
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Asked {
                by,
                id,
                to,
                life,
                what,
            } => self.asked(by, id, life, to, what),
            Happening::Answered { to, id, life, said } => self.answered(to, id, life, said),
            Happening::Due(node) => {
                if self.nodes[node].due == self.now {
                    self.with(node, |_, _| ());
                }
            }
            Happening::Waited { at, by, id } => self.waited(at, by, id),
            Happening::Fault => self.fault(),
            Happening::Publish(author) => self.publish(author),
            Happening::Tease => self.tease_all(),
        }
    }

    fn answered(&mut self, to: usize, id: u64, life: u64, said: Said) {
        if self.nodes[to].life != life {
            return;
        }
        let asleep = self.nodes[to].asleep_until;
        if asleep > self.now {
            // What came while the machine slept came to nobody.
            let said = match said {
                Said::End => Said::End,
                _ => Said::Unreachable,
            };
            let after = asleep - self.now + 1;
            return self.at(after, Happening::Answered { to, id, life, said });
        }
        let Role::Follower(follower) = &self.nodes[to].role else {
            return;
        };
        if let Some(peer) = follower.waits_for(id) {
            if let Said::Bytes(bytes) = &said {
                let (bytes, came) = (bytes.len(), &mut self.nodes[to].came);
                *came.entry(peer).or_default() += u64::try_from(bytes).unwrap();
            }
            self.say(|| format!("node {to} hears {said:?} to question {id}"));
            self.with(to, |follower, now| follower.hear(id, said, now));
        }
    }

    /// Lets a follower do something, and carries out what follows from it.
    pub(super) fn with(&mut self, node: usize, what: impl FnOnce(&mut Follower, Now)) {
        let now = self.clocks(node);
        let asleep = self.nodes[node].asleep_until;
        if asleep > self.now {
            self.nodes[node].due = asleep;
            return self.at(asleep - self.now, Happening::Due(node));
        }
        let Role::Follower(follower) = &mut self.nodes[node].role else {
            return;
        };
        what(follower, now);
        let wake = follower.carry_on(now);
        let requests = std::mem::take(&mut follower.requests);
        let changed = std::mem::take(&mut follower.changed);
        for request in requests {
            let Request { id, peer, what } = &request;
            self.say(|| format!("node {node} asks node {peer} for {what:?}: question {id}"));
            self.send(node, request);
        }
        if let Some(wake) = wake {
            let after = wake.saturating_sub(self.now).max(1);
            self.nodes[node].due = self.now + after;
            self.at(after, Happening::Due(node));
        }
        for feed in &changed {
            self.say(|| self.has(node, feed));
            self.note_taken(node, feed);
            self.tell(node, feed);
        }
    }

    /// What a follower has, in words.
    fn has(&self, node: usize, feed: &FeedKey) -> String {
        let Role::Follower(follower) = &self.nodes[node].role else {
            return String::new();
        };
        let kept = &follower.feeds[feed];
        let remembered = kept.remembered.as_ref().map(|head| head.body().length);
        format!(
            "node {node} has {} of {} records of {feed}, remembers {remembered:?}, disputed: {}",
            kept.store.records().len(),
            kept.store.length(),
            kept.fork.is_some()
        )
    }

    /// A process begins.
    pub(super) fn start(&mut self, node: usize) {
        self.nodes[node].life += 1;
        self.with(node, |follower, now| follower.start(now));
    }

    /// No client ever accepts two roots at one length, nor heads of two histories.
    fn note_taken(&mut self, node: usize, feed: &FeedKey) {
        let Role::Follower(follower) = &self.nodes[node].role else {
            return;
        };
        let kept = &follower.feeds[feed];
        let Some(head) = kept.store.head().map(|head| head.body().clone()) else {
            return;
        };
        let (held, is_disputed) = (kept.store.records().len(), kept.fork.is_some());
        let state = &mut self.nodes[node];
        let before = state.stored.insert(*feed, (head.length, held));
        if is_disputed && !state.disputed.insert(*feed) {
            let length = before.map(|(length, _)| length);
            assert!(
                length.is_none_or(|length| length == head.length),
                "node {node} took a head of a disputed feed"
            );
        }
        assert!(
            before.is_none_or(|(length, had)| length <= head.length && had <= held),
            "node {node} went back, or lost what was verified"
        );
        let taken = state.taken.entry(*feed).or_default();
        let before = taken.insert(head.length, head.root);
        assert!(
            before.is_none_or(|root| root == head.root),
            "node {node} took two roots at length {}",
            head.length
        );
        let author = self.authors.iter().find(|author| author.feed == *feed);
        let is_one = author.unwrap().histories.iter().any(|history| {
            taken
                .iter()
                .all(|(length, root)| history.roots.get(length) == Some(root))
        });
        assert!(
            is_one,
            "node {node} took heads of two histories, or of none"
        );
    }
}
