//! What is told to the engine, and what it says is to be done.

use levada_feed::key::FeedKey;

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
    /// Something came of a stream.
    Watched {
        /// The peer.
        peer: String,
        /// The number of the stream.
        stream: u64,
        /// What.
        told: Told,
    },
    /// A peer answered a poll, or did not.
    Polled {
        /// The feed.
        feed: FeedKey,
        /// The peer.
        peer: String,
        /// What came of it.
        outcome: Outcome,
        /// Records of its head, when that is news or ours; else 0.
        length: u64,
    },
    /// A sync ended.
    Synced {
        /// The feed.
        feed: FeedKey,
        /// The peer that had told of news; `None` for a sync that was due by itself.
        peer: Option<String>,
        /// What came of it.
        outcome: Outcome,
        /// Records of our head; of a feed with a fork, which takes no other head, as many as there can be. Who told of more
        /// did not give them.
        length: u64,
    },
    /// A peer is to be asked sooner or later than before: the lower its rank, the sooner.
    Ranked {
        /// The peer.
        peer: String,
        /// Its rank; 0 until told.
        rank: u32,
    },
}

/// What came of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is open.
    Open,
    /// There is something new about this feed.
    News {
        /// The feed.
        feed: FeedKey,
        /// Records of the head that the peer told of; 0 when it is about something else.
        length: u64,
    },
    /// The peer has the head of this feed that is ours.
    Has {
        /// The feed.
        feed: FeedKey,
        /// Records of the head.
        length: u64,
    },
    /// The peer does not have this feed.
    Lacks(FeedKey),
    /// It is over.
    Ended(Ending),
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The peer ended it, or the connection broke.
    Closed,
    /// The peer is away, or it lied.
    Failed,
    /// The peer does not know streams.
    Unknown,
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
    /// Open a stream with a peer, and end the one before it.
    Watch {
        /// The peer.
        peer: String,
        /// The number of the stream.
        stream: u64,
        /// The feeds, in rising order.
        feeds: Vec<FeedKey>,
    },
    /// End the stream with a peer.
    Unwatch {
        /// The peer.
        peer: String,
    },
    /// Ask a peer whether it has a newer head, and let it wait.
    Poll {
        /// The feed.
        feed: FeedKey,
        /// The peer.
        peer: String,
        /// Seconds to wait.
        wait_s: u64,
    },
    /// Sync a feed.
    Sync {
        /// The feed.
        feed: FeedKey,
        /// The peer that has news.
        peer: Option<String>,
        /// All its peers, in the order in which to ask.
        order: Vec<String>,
    },
    /// End the sync of a feed: others wait, or it is not followed any more. What it verified stays; `Event::Synced` tells when
    /// it has ended, as a failure unless it was done.
    EndSync {
        /// The feed.
        feed: FeedKey,
    },
}
