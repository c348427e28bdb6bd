//! One feed that is followed, and how it stands at each of its peers.

use super::pace::{back_off, seed_of_feed};
use super::peers::PeerId;
use levada_feed::key::FeedKey;

#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) links: Vec<Link>,
    /// Records of our head after the last sync.
    pub(super) length: u64,
    /// The peer that told of news.
    pub(super) news: Option<PeerId>,
    pub(super) failures: u32,
    /// Syncs in a row that asked everybody and left something to be had.
    pub(super) lacks: u32,
    /// When everybody is asked again. News in between do not put it off.
    pub(super) retry: Option<u64>,
    /// Where to go on with looking at other peers.
    pub(super) looked: usize,
}

/// One feed at one of its peers.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: PeerId,
    pub(super) state: State,
    /// Records of the longest head that it told of.
    pub(super) claimed: u64,
    /// Records of our head for which it was asked because it has it too.
    pub(super) has: u64,
    /// Polls in a row that were answered at once with news.
    pub(super) quick_news: u32,
    pub(super) failures: u32,
    /// Others are asked before it until then.
    pub(super) until: u64,
    /// It is not polled before.
    pub(super) next_poll: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing is asked here.
    Idle,
    /// On the stream with this peer.
    Watched,
    /// To be polled, once it is due and no sync is running.
    Queued,
    /// Polled at this time.
    Asked(u64),
}

impl Feed {
    /// A peer that told of more than we have, and does not rest.
    pub(super) fn claimed(&self, now: u64) -> Option<PeerId> {
        let more = self.links.iter().filter(|link| link.claimed > self.length);
        let ready = more.filter(|link| link.until <= now);
        let most = ready.max_by_key(|link| link.claimed);
        most.map(|link| link.peer)
    }

    /// When the first of those who told of more than we have has rested.
    pub(super) fn claimed_until(&self) -> Option<u64> {
        let more = self.links.iter().filter(|link| link.claimed > self.length);
        more.map(|link| link.until).min()
    }
}

impl Link {
    pub(super) fn failed(&mut self, feed: FeedKey, now: u64) {
        self.failures = self.failures.saturating_add(1);
        self.until = now.saturating_add(back_off(self.failures, seed_of_feed(&feed, self.peer)));
        self.next_poll = self.until;
    }
}
