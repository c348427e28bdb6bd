//! Mirrors of own feeds, as they are listed.

use levada_feed::key::FeedKey;
use serde::{Deserialize, Serialize};

/// A mirror of an own feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MirrorInfo {
    /// The feed.
    pub feed: FeedKey,
    /// The key's name on this machine.
    pub name: String,
    /// Where it is.
    pub mirror: String,
    /// What it has.
    #[serde(flatten)]
    pub state: MirrorState,
}

/// What a mirror has of an own feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum MirrorState {
    /// What is here.
    Same,
    /// More than is here, or a later head.
    Newer {
        /// Its records.
        length: u64,
    },
    /// Less than is here.
    Older {
        /// Its records.
        length: u64,
    },
    /// Nothing of this feed.
    Unknown,
    /// A proof that the key signed two histories.
    Fork,
    /// It did not answer, or not with anything that can be used.
    Away {
        /// Why.
        why: String,
    },
}
