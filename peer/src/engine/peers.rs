//! Peers and the streams with them: opened a few at a time, closed, opened again after a rest.

use super::pace::{back_off, seed, spread};
use super::queue::Queue;
use super::{Action, Ending, OPENING_MAX, STREAMS_MAX};
use levada_feed::key::FeedKey;
use levada_feed::limits::WATCH_FEEDS_MAX;
use std::collections::{BTreeMap, BTreeSet};

/// Time in which more may change before a stream is opened anew with other feeds.
const SETTLE_MS: u64 = 500;
/// A stream that lasted so long ended for no fault of the peer.
const STEADY_MS: u64 = 60_000;
/// Time over which streams that ended so are opened again.
const REOPEN_MS: u64 = 4_000;
/// Time over which all streams are opened again after a sleep.
const RESUME_MS: u64 = 10_000;
/// Time after which a peer that does not know streams is asked for one again.
const UNKNOWN_MS: u64 = 24 * 3_600_000;

pub(super) type PeerId = u32;

/// All peers that a feed is followed at.
#[derive(Debug, Default)]
pub(super) struct Peers {
    all: BTreeMap<PeerId, Peer>,
    names: BTreeMap<String, PeerId>,
    next: PeerId,
    /// Peers whose stream is to be opened, or to be opened anew, or to be closed.
    opens: Queue<PeerId>,
    /// Streams asked for that have not answered.
    opening: usize,
    /// Peers at which a feed is watched.
    places: usize,
    streams: u64,
    /// Streams to be ended.
    ending: Vec<String>,
}

#[derive(Debug, Default)]
struct Peer {
    name: String,
    /// Feeds that name it.
    listed: BTreeSet<FeedKey>,
    /// Feeds that are watched at it.
    wanted: BTreeSet<FeedKey>,
    stream: Option<Stream>,
    rank: u32,
    failures: u32,
    until: u64,
    /// It did not know streams; asked again then.
    unknown_until: u64,
}

#[derive(Debug)]
struct Stream {
    number: u64,
    is_open: bool,
    /// Other feeds are wanted than it was opened for.
    is_outdated: bool,
    since: u64,
}

impl Peers {
    pub(super) fn known(&self, name: &str) -> Option<PeerId> {
        self.names.get(name).copied()
    }

    pub(super) fn id(&mut self, name: &str) -> PeerId {
        if let Some(peer) = self.known(name) {
            return peer;
        }
        let peer = self.next;
        self.next += 1;
        self.names.insert(name.to_owned(), peer);
        let fresh = Peer {
            name: name.to_owned(),
            ..Peer::default()
        };
        self.all.insert(peer, fresh);
        peer
    }

    pub(super) fn name(&self, peer: PeerId) -> Option<&str> {
        self.all.get(&peer).map(|known| known.name.as_str())
    }

    /// Rank, and when it stops to rest.
    pub(super) fn standing(&self, peer: PeerId) -> Option<(u32, u64)> {
        self.all.get(&peer).map(|known| (known.rank, known.until))
    }

    pub(super) fn list(&mut self, peer: PeerId, feed: FeedKey) {
        if let Some(known) = self.all.get_mut(&peer) {
            known.listed.insert(feed);
        }
    }

    pub(super) fn unlist(&mut self, peer: PeerId, feed: &FeedKey, now: u64) {
        if let Some(known) = self.all.get_mut(&peer) {
            known.listed.remove(feed);
            if known.listed.is_empty() {
                // Forgotten when its turn comes.
                self.opens.hurry(peer, now);
            }
        }
    }

    /// Feeds that are to choose again, when the rank is another one.
    pub(super) fn ranked(&mut self, name: &str, rank: u32) -> Vec<FeedKey> {
        let known = self.known(name).and_then(|peer| self.all.get_mut(&peer));
        let Some(known) = known.filter(|known| known.rank != rank) else {
            return Vec::new();
        };
        known.rank = rank;
        known.listed.iter().copied().collect()
    }

    /// Watches a feed at a peer. False where that does not go: then it is polled.
    pub(super) fn want(&mut self, peer: PeerId, feed: FeedKey, now: u64) -> bool {
        let Some(known) = self.all.get_mut(&peer) else {
            return false;
        };
        if known.wanted.contains(&feed) {
            return true;
        }
        let is_first = known.wanted.is_empty();
        if known.unknown_until > now
            || known.wanted.len() >= WATCH_FEEDS_MAX
            || (is_first && self.places >= STREAMS_MAX)
        {
            return false;
        }
        known.wanted.insert(feed);
        self.places += usize::from(is_first);
        self.change(peer, now);
        true
    }

    pub(super) fn unwant(&mut self, peer: PeerId, feed: &FeedKey, now: u64) {
        let Some(known) = self.all.get_mut(&peer) else {
            return;
        };
        if known.wanted.remove(feed) {
            self.places -= usize::from(known.wanted.is_empty());
            self.change(peer, now);
        }
    }

    fn change(&mut self, peer: PeerId, now: u64) {
        let Some(known) = self.all.get_mut(&peer) else {
            return;
        };
        match &mut known.stream {
            Some(stream) => {
                stream.is_outdated = true;
                self.opens.hurry(peer, now + SETTLE_MS);
            }
            None => self.opens.hurry(peer, now.max(known.until)),
        }
    }

    /// The streams to open and to end now.
    pub(super) fn open(&mut self, now: u64) -> Vec<Action> {
        let ending = std::mem::take(&mut self.ending);
        let mut actions: Vec<Action> = ending
            .into_iter()
            .map(|peer| Action::Unwatch { peer })
            .collect();
        while self.opening < OPENING_MAX
            && let Some(peer) = self.opens.pop(now)
        {
            actions.extend(self.open_one(peer, now));
        }
        actions
    }

    fn open_one(&mut self, peer: PeerId, now: u64) -> Option<Action> {
        let known = self.all.get_mut(&peer)?;
        let before = known
            .stream
            .take_if(|stream| stream.is_outdated || known.wanted.is_empty());
        if let Some(before) = &before {
            self.opening -= usize::from(!before.is_open);
        }
        let name = known.name.clone();
        if known.wanted.is_empty() {
            if known.listed.is_empty() {
                self.names.remove(&name);
                self.all.remove(&peer);
            }
            return before.map(|_| Action::Unwatch { peer: name });
        }
        if known.stream.is_some() {
            return None;
        }
        self.opening += 1;
        self.streams += 1;
        known.stream = Some(Stream {
            number: self.streams,
            is_open: false,
            is_outdated: false,
            since: now,
        });
        Some(Action::Watch {
            peer: name,
            stream: self.streams,
            feeds: known.wanted.iter().copied().collect(),
        })
    }

    /// When a stream is to be opened or ended next.
    pub(super) fn first(&self) -> Option<u64> {
        let free = self.opening < OPENING_MAX;
        self.opens.first().filter(|_| free)
    }

    pub(super) fn are_streaming(&self) -> bool {
        self.places > 0
    }

    /// The peer, if this is the stream with it; what an older one says counts no more.
    pub(super) fn streaming(&self, name: &str, number: u64) -> Option<PeerId> {
        let peer = self.known(name)?;
        let stream = self.all.get(&peer)?.stream.as_ref()?;
        (stream.number == number).then_some(peer)
    }

    /// The stream answered. Gives the feeds that may come back to this peer.
    pub(super) fn opened(&mut self, peer: PeerId, now: u64) -> Vec<FeedKey> {
        let Some(known) = self.all.get_mut(&peer) else {
            return Vec::new();
        };
        if let Some(stream) = known.stream.as_mut().filter(|stream| !stream.is_open) {
            (stream.is_open, stream.since) = (true, now);
            self.opening = self.opening.saturating_sub(1);
        }
        // Failures are forgotten once a stream lasted: one that ends each at once is left alone for longer each time.
        match std::mem::take(&mut known.until) {
            0 => Vec::new(),
            _ => known.listed.iter().copied().collect(),
        }
    }

    /// The stream is over. Gives the feeds that are to choose again.
    pub(super) fn ended(&mut self, peer: PeerId, ending: Ending, now: u64) -> Vec<FeedKey> {
        let Some(known) = self.all.get_mut(&peer) else {
            return Vec::new();
        };
        let Some(stream) = known.stream.take() else {
            return Vec::new();
        };
        self.opening -= usize::from(!stream.is_open);
        let seed = seed(known.name.as_bytes());
        if ending == Ending::Unknown {
            known.unknown_until = now.saturating_add(UNKNOWN_MS);
            self.places -= usize::from(!known.wanted.is_empty());
            return std::mem::take(&mut known.wanted).into_iter().collect();
        }
        let was_steady = stream.is_open && now.saturating_sub(stream.since) >= STEADY_MS;
        let rest = if ending == Ending::Closed && was_steady {
            known.failures = 0;
            SETTLE_MS + spread(REOPEN_MS, seed ^ now)
        } else {
            known.failures = known.failures.saturating_add(1);
            back_off(known.failures, seed)
        };
        known.until = now.saturating_add(rest);
        self.opens.set(peer, known.until);
        known.wanted.iter().copied().collect()
    }

    /// The machine slept: no stream is alive, and no rest counts any more. They come back one after the other.
    pub(super) fn slept(&mut self, now: u64) {
        self.opening = 0;
        for (peer, known) in &mut self.all {
            if known.stream.take().is_some() {
                self.ending.push(known.name.clone());
            } else if known.until <= now {
                continue;
            }
            known.failures = 0;
            known.until = now + spread(RESUME_MS, seed(known.name.as_bytes()) ^ now);
            if !known.wanted.is_empty() {
                self.opens.set(*peer, known.until);
            }
        }
    }
}
