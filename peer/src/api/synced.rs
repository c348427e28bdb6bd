//! What a sync of one source came to: told when it ends, and the answer of following one.

use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use serde::{Deserialize, Serialize};

/// What a sync of one source came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Synced {
    /// The feed.
    pub feed: FeedKey,
    /// Its nickname here.
    pub nickname: String,
    /// Name in its profile.
    pub name: Option<String>,
    /// Records in all.
    pub length: u64,
    /// The root at that length.
    pub root: Option<Hash>,
    /// Records held.
    pub records: u64,
    /// Records that came in this sync.
    pub records_new: u64,
    /// Only new and changed items were looked at, and others that lacked something; items and files are these alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_news: bool,
    /// Items among the kept ones.
    pub items: u64,
    /// Files that are complete among the wanted ones.
    pub files: u64,
    /// Files that are wanted.
    pub files_wanted: u64,
    /// Bytes of media that came in this sync.
    pub bytes_new: u64,
    /// Files left out because of the size limit.
    pub files_over_limit: u64,
    /// Files left out because the quota is full of what does not have to go for them.
    pub files_over_quota: u64,
    /// The peer that answered.
    pub via: Option<String>,
    /// The author signed two histories.
    pub is_disputed: bool,
    /// What went wrong.
    pub error: Option<String>,
}
