//! The log: an author appends and signs, a follower accepts or refuses (spec/list.md).
//!
//! `AuthorLog`, `ReplayedLog` and `FollowedLog` are the only makers of `Batch`, so only checked bytes can reach a disk. Both keep
//! O(log n) in memory and read what they need of the list through `Pieces`. Whom to ask, and what to keep, is decided in
//! `peer`; so is what happens after a fork.

mod author;
mod followed;
mod memory;
#[cfg(test)]
mod tests;

use crate::hash::Hash;
use crate::head::Head;
use crate::key::FeedKey;
use crate::tree::Node;

pub use author::{AppendRefused, AuthorLog, ReplayedLog};
pub use followed::{Failed, FollowedLog, Verdict};
pub use memory::Memory;

/// Checked changes of one feed, for the store. Records, leaves and nodes may be written in any order, the head last.
#[derive(Clone, Debug)]
pub struct Batch {
    feed: FeedKey,
    head: Option<Head>,
    records: Vec<(u64, Vec<u8>)>,
    withheld: Vec<(u64, Option<u64>)>,
    leaves: Vec<(u64, Vec<u8>)>,
    nodes: Vec<(Node, Hash)>,
}

impl Batch {
    fn new(feed: FeedKey) -> Self {
        Self {
            feed,
            head: None,
            records: Vec::new(),
            withheld: Vec::new(),
            leaves: Vec::new(),
            nodes: Vec::new(),
        }
    }

    /// The feed.
    #[must_use]
    pub fn feed(&self) -> &FeedKey {
        &self.feed
    }

    /// The new head, when there is one: it extends the old one, or is the same with a later time.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Records by index.
    #[must_use]
    pub fn records(&self) -> &[(u64, Vec<u8>)] {
        &self.records
    }

    /// Records that the peer withheld, with the index of the record that is said to retract each.
    #[must_use]
    pub fn withheld(&self) -> &[(u64, Option<u64>)] {
        &self.withheld
    }

    /// Leaves of the hash list: up to 32 hashes each. Where one is stored already, the longer of the two is right.
    #[must_use]
    pub fn leaves(&self) -> &[(u64, Vec<u8>)] {
        &self.leaves
    }

    /// Chaining values of complete subtrees of the hash list; they never change.
    #[must_use]
    pub fn nodes(&self) -> &[(Node, Hash)] {
        &self.nodes
    }
}
