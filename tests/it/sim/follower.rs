//! A follower: the engine and what carries out what it says, on values alone.
//!
//! What decides and what judges is the program's own: `engine`, `standing`, `session`, `judge`. Here, as in `node::live`,
//! questions and answers are only carried.

mod stream;
mod sync;

use levada_feed::key::FeedKey;
use levada_feed::link::First;
use levada_feed::reject::Reject;
use levada_peer::engine::{Action, Engine, Event, Outcome};
use levada_peer::frame::{self, Ask};
use levada_peer::judge::{self, NewsJudged, Polled};
use levada_peer::session::Wanted;
use levada_peer::standing::{Conduct, Standings};
use levada_peer::store::MemoryFeed;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use stream::Stream;
use sync::Syncing;

/// The clocks of one machine, in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Now {
    /// Goes forward only.
    pub(super) awake: u64,
    /// What the wall says.
    pub(super) wall: u64,
}

/// A question on its way.
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) peer: usize,
    pub(super) what: What,
}

/// What is asked.
pub(super) enum What {
    Get { ask: Ask, tag: Option<String> },
    Watch(Vec<u8>),
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get { ask, .. } => write!(f, "{ask:?}"),
            Self::Watch(_) => f.write_str("a stream"),
        }
    }
}

/// What comes of it.
#[derive(Clone)]
pub(super) enum Said {
    Bytes(Vec<u8>),
    /// 404.
    NotThere,
    /// 304.
    Same,
    /// The end of a stream.
    End,
    /// No answer, or half of one.
    Unreachable,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::NotThere => f.write_str("that it is not there"),
            Self::Same => f.write_str("that nothing is new"),
            Self::End => f.write_str("the end"),
            Self::Unreachable => f.write_str("nothing in time"),
        }
    }
}

/// What a question was for.
#[derive(Clone)]
enum Purpose {
    Sync(FeedKey),
    Poll(FeedKey, usize, u64),
    Stream(usize),
}

/// A node that follows.
pub(super) struct Follower {
    pub(super) wanted: Wanted,
    /// Its peers for each feed, by number.
    pub(super) peers: BTreeMap<FeedKey, Vec<usize>>,
    pub(super) feeds: BTreeMap<FeedKey, MemoryFeed>,
    /// Questions to each peer.
    pub(super) asked: BTreeMap<usize, u64>,
    /// To be sent.
    pub(super) requests: Vec<Request>,
    /// Feeds of which something changed here.
    pub(super) changed: BTreeSet<FeedKey>,
    engine: Engine,
    pub(super) standings: Standings,
    pending: BTreeMap<u64, (usize, Purpose)>,
    next_id: u64,
    syncs: BTreeMap<FeedKey, Syncing>,
    streams: BTreeMap<usize, Stream>,
    tags: BTreeMap<(FeedKey, usize), String>,
    /// What the links say of record 0.
    pub(super) firsts: BTreeMap<FeedKey, First>,
    /// The length of each feed when it was synced last.
    synced: BTreeMap<FeedKey, u64>,
    /// Syncs that were ended because others waited.
    pub(super) ended: u64,
}

pub(super) fn name(peer: usize) -> String {
    format!("http://{peer}.example")
}

fn number(name: &str) -> usize {
    let digits = name.trim_start_matches("http://");
    digits.trim_end_matches(".example").parse().unwrap()
}

impl Follower {
    pub(super) fn new(wanted: Wanted, peers: BTreeMap<FeedKey, Vec<usize>>) -> Self {
        let feeds = peers.keys().map(|feed| (*feed, MemoryFeed::default()));
        Self {
            wanted,
            feeds: feeds.collect(),
            peers,
            asked: BTreeMap::new(),
            requests: Vec::new(),
            changed: BTreeSet::new(),
            engine: Engine::default(),
            standings: Standings::default(),
            pending: BTreeMap::new(),
            next_id: 0,
            syncs: BTreeMap::new(),
            streams: BTreeMap::new(),
            tags: BTreeMap::new(),
            firsts: BTreeMap::new(),
            synced: BTreeMap::new(),
            ended: 0,
        }
    }

    /// The process begins, or begins again: all that was in memory is gone.
    pub(super) fn start(&mut self, now: Now) {
        self.engine = Engine::default();
        self.standings = Standings::default();
        self.pending.clear();
        self.requests.clear();
        self.syncs.clear();
        self.streams.clear();
        self.tags.clear();
        self.synced.clear();
        for (feed, peers) in self.peers.clone() {
            let peers = peers.into_iter().map(name).collect();
            self.engine
                .note(Event::Following { feed, peers }, now.awake);
        }
        self.carry_on(now);
    }

    /// Does what is due; gives the time at which something is due next.
    pub(super) fn carry_on(&mut self, now: Now) -> Option<u64> {
        // What one step leaves due is done in the next.
        for _ in 0..100 {
            for (peer, rank) in self.standings.changed(now.wall) {
                self.engine.note(Event::Ranked { peer, rank }, now.awake);
            }
            for action in self.engine.next(now.awake) {
                self.act(action, now);
            }
            let wake = self.engine.wake();
            if wake.is_none_or(|at| at > now.awake) {
                return wake;
            }
        }
        panic!("the engine is never done at {}", now.awake);
    }

    fn act(&mut self, action: Action, now: Now) {
        match action {
            Action::Watch {
                peer,
                stream,
                feeds,
            } => self.watch(number(&peer), stream, feeds),
            Action::Unwatch { peer } => self.unwatch(number(&peer)),
            Action::Poll { feed, peer, wait_s } => {
                let peer = number(&peer);
                let head = self.feeds[&feed].store.head();
                let have = head.map_or(0, |head| head.body().length);
                let known = self.tags.get(&(feed, peer)).cloned();
                let tag = known.or_else(|| head.map(|head| frame::head_tag(head.wire())));
                let wait = wait_s;
                let ask = Ask::Head { feed, have, wait };
                self.ask(
                    peer,
                    What::Get { ask, tag },
                    Purpose::Poll(feed, peer, have),
                );
            }
            Action::EndSync { feed } => self.end_sync(feed, now),
            Action::Sync { feed, peer, order } => {
                let order = order.iter().map(|peer| number(peer)).collect();
                self.sync(feed, peer, order, now);
            }
        }
    }

    fn ask(&mut self, peer: usize, what: What, purpose: Purpose) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.pending.insert(id, (peer, purpose));
        *self.asked.entry(peer).or_default() += 1;
        self.requests.push(Request { id, peer, what });
        id
    }

    /// The peer of which an answer to this question is waited for.
    pub(super) fn waits_for(&self, id: u64) -> Option<usize> {
        self.pending.get(&id).map(|pending| pending.0)
    }

    /// An answer came, or its time is over.
    pub(super) fn hear(&mut self, id: u64, said: Said, now: Now) {
        match self.pending.get(&id).map(|(_, purpose)| purpose.clone()) {
            None => {}
            Some(Purpose::Stream(peer)) => self.hear_stream(peer, id, said, now),
            Some(Purpose::Sync(feed)) => {
                self.pending.remove(&id);
                self.hear_sync(feed, id, said, now);
            }
            Some(Purpose::Poll(feed, peer, have)) => {
                self.pending.remove(&id);
                let (outcome, length) = self.polled(feed, peer, have, said, now);
                let peer = name(peer);
                let event = Event::Polled {
                    feed,
                    peer,
                    outcome,
                    length,
                };
                self.engine.note(event, now.awake);
            }
        }
    }

    fn polled(
        &mut self,
        feed: FeedKey,
        peer: usize,
        have: u64,
        said: Said,
        now: Now,
    ) -> (Outcome, u64) {
        let answer = match said {
            Said::Bytes(answer) => answer,
            Said::Same => {
                self.conduct(peer, Conduct::Answered(None), now);
                return (Outcome::Nothing, 0);
            }
            said => {
                self.failed(peer, &said, now);
                return (Outcome::Failed, 0);
            }
        };
        let store = self.feeds.get_mut(&feed).unwrap();
        let Ok(polled) = judge::polled(store, &feed, have, &answer, now.wall);
        let Polled { judged, tag, .. } = polled;
        self.changed.insert(feed);
        if let NewsJudged::Wrong(reject) = &judged {
            self.lied(peer, reject, now);
            return (Outcome::Failed, 0);
        }
        self.conduct(peer, Conduct::Answered(None), now);
        self.tags.insert((feed, peer), tag);
        match judged {
            NewsJudged::News { length } => (Outcome::News, length),
            NewsJudged::Has { length } => (Outcome::Nothing, length),
            _ => (Outcome::Nothing, 0),
        }
    }

    fn conduct(&mut self, peer: usize, conduct: Conduct, now: Now) {
        self.standings.note(&name(peer), conduct, now.wall);
    }

    /// A peer is away; that it does not have a thing is no fault.
    fn failed(&mut self, peer: usize, said: &Said, now: Now) {
        let conduct = match said {
            Said::NotThere => Conduct::Answered(None),
            _ => Conduct::Failed("it is away".into()),
        };
        self.conduct(peer, conduct, now);
    }

    fn lied(&mut self, peer: usize, reject: &Reject, now: Now) {
        self.conduct(peer, Conduct::Lied(reject.to_string()), now);
    }
}
