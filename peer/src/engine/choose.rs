//! Which of a feed's peers are asked: the best few that do not rest, by a stream where that goes.

use super::feed::{Link, State};
use super::pace::{seed_of_feed, spread};
use super::peers::PeerId;
use super::{ASKED_MAX, Action, Engine};
use levada_feed::key::FeedKey;

/// Time after which another peer is looked at, give or take a quarter.
const LOOK_MS: u64 = 3_600_000;
/// Each failure of a peer at one feed counts like one of the peer itself.
const FAILURE_RANK: u32 = 10;

impl Engine {
    /// The peers of a feed, the best first: its place in the list, and when it stops to rest.
    fn ranked(&self, feed: &FeedKey, now: u64) -> Vec<(usize, u64)> {
        let Some(known) = self.feeds.get(feed) else {
            return Vec::new();
        };
        let key = |at: usize| {
            let link = known.links.get(at)?;
            let (rank, until) = self.peers.standing(link.peer)?;
            let until = until.max(link.until);
            let failures = link.failures.saturating_mul(FAILURE_RANK);
            Some((until > now, rank.saturating_add(failures), at, until))
        };
        let mut keys: Vec<_> = (0..known.links.len()).filter_map(key).collect();
        keys.sort_unstable();
        keys.into_iter()
            .map(|(_, _, at, until)| (at, until))
            .collect()
    }

    /// Asks a feed's best peers, and no others.
    pub(super) fn choose(&mut self, feed: FeedKey, now: u64) {
        let ranked = self.ranked(&feed, now);
        let (chosen, others) = ranked.split_at(ranked.len().min(ASKED_MAX));
        for (at, _) in others {
            self.rest(feed, *at, now);
        }
        for (at, until) in chosen {
            self.ask(feed, *at, *until, now);
        }
        let again = others.iter().map(|(_, until)| *until);
        match again.filter(|until| *until > now).min() {
            Some(at) => self.choices.set(feed, at),
            None => self.choices.remove(&feed),
        }
        if others.is_empty() {
            self.looks.remove(&feed);
        } else if !self.looks.has(&feed) {
            self.look_later(feed, now);
        }
    }

    fn look_later(&mut self, feed: FeedKey, now: u64) {
        let looked = self.feeds.get(&feed).map_or(0, |known| known.looked);
        let turn = u32::try_from(looked).unwrap_or(u32::MAX);
        let spread = spread(LOOK_MS / 2, seed_of_feed(&feed, turn));
        self.looks.set(feed, now + LOOK_MS - LOOK_MS / 4 + spread);
    }

    /// Asks one of the peers that are not asked otherwise, each in its turn. Those that are asked may have nobody but each
    /// other, or keep silent about what is new.
    pub(super) fn look_round(&mut self, feed: FeedKey, now: u64) -> Option<Action> {
        self.look_later(feed, now);
        let known = self.feeds.get_mut(&feed)?;
        let count = known.links.len();
        let mut turns = (known.looked..known.looked + count).map(|turn| turn % count.max(1));
        let is_free = |at: &usize| {
            let link = known.links.get(*at);
            let until = |link: &Link| self.peers.standing(link.peer).map(|(_, until)| until);
            link.is_some_and(|link| {
                link.state == State::Idle && until(link).max(Some(link.until)) <= Some(now)
            })
        };
        let at = turns.find(is_free)?;
        known.looked = at + 1;
        let link = known.links.get_mut(at)?;
        let peer = self.peers.name(link.peer)?.to_owned();
        link.state = State::Asked(now);
        self.polling += 1;
        Some(Action::Poll {
            feed,
            peer,
            wait_s: 0,
        })
    }

    fn rest(&mut self, feed: FeedKey, at: usize, now: u64) {
        let link = self.feeds.get_mut(&feed);
        let Some(link) = link.and_then(|known| known.links.get_mut(at)) else {
            return;
        };
        // What is asked already ends by itself.
        if let State::Watched | State::Queued = link.state {
            link.state = State::Idle;
            self.polls.remove(&(feed, link.peer));
            self.peers.unwant(link.peer, &feed, now);
        }
    }

    fn ask(&mut self, feed: FeedKey, at: usize, until: u64, now: u64) {
        let is_syncing = self.syncs.is_running(&feed);
        let Some(known) = self.feeds.get_mut(&feed) else {
            return;
        };
        let Some(link) = known.links.get_mut(at) else {
            return;
        };
        let peer = link.peer;
        if let State::Asked(_) = link.state {
            return;
        }
        if self.peers.want(peer, feed, now) {
            link.state = State::Watched;
            self.polls.remove(&(feed, peer));
            return;
        }
        link.state = State::Queued;
        if !is_syncing {
            self.polls
                .set((feed, peer), now.max(until).max(link.next_poll));
        }
    }

    /// The peers of a feed in the order in which a sync asks them; who has news comes first, unless syncs before were ended.
    pub(super) fn order(
        &self,
        feed: FeedKey,
        news: Option<PeerId>,
        now: u64,
    ) -> (Option<String>, Vec<String>) {
        let Some(known) = self.feeds.get(&feed) else {
            return (None, Vec::new());
        };
        let ranked = self.ranked(&feed, now);
        let links = ranked.iter().filter_map(|(at, _)| known.links.get(*at));
        let mut order: Vec<PeerId> = links.map(|link| link.peer).collect();
        order.sort_by_key(|peer| Some(*peer) != news);
        // Who was asked first did not come to an end: another one may be quicker.
        let turn = self.syncs.turns(&feed) % order.len().max(1);
        order.rotate_left(turn);
        let name = |peer: PeerId| self.peers.name(peer).map(str::to_owned);
        (
            news.and_then(name),
            order.into_iter().filter_map(name).collect(),
        )
    }
}
