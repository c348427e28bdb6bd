//! What is damaged, and what came of mending it.

use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to verify.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verify {
    /// The feed; everything that is held when absent.
    pub feed: Option<String>,
    /// Seconds after which to stop; the next run goes on.
    pub seconds: Option<u64>,
    /// Where to ask for what is damaged, besides where the feeds come from.
    #[serde(default)]
    pub via: Vec<String>,
}

/// Something that is damaged, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    /// The file with it.
    pub path: PathBuf,
    /// What is wrong, in words.
    pub why: String,
    /// Bytes that are wrong.
    pub bytes: u64,
    /// The blob.
    pub hash: Option<Hash>,
    /// A feed that it is part of.
    pub feed: Option<FeedKey>,
    /// What that feed is called here.
    pub nickname: Option<String>,
    /// A record of that feed: its own bytes, or the item that names the blob.
    pub index: Option<u64>,
    /// What people call it.
    pub name: Option<String>,
    /// Where good bytes came from, once it is mended.
    pub mended_by: Option<String>,
}

/// What verifying came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Records whose bytes were hashed.
    pub records: u64,
    /// Blobs that were read.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What was damaged.
    pub damaged: u64,
    /// What of that was mended.
    pub mended: u64,
    /// All that was asked for was looked at; else the next run goes on.
    pub is_done: bool,
    /// The person stopped it.
    pub is_interrupted: bool,
}

/// Something that is not as it should be with this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing it is, for programs: `missing-root`.
    pub kind: String,
    /// What is the matter, and with which file or feed.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to do: a command to type, or words.
    pub todo: String,
}

/// What `doctor` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What is to be done, the most serious first; empty when all is fine.
    pub findings: Vec<Finding>,
}

/// What to make again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild {
    /// Only the rows of the index, from the records in the store.
    #[serde(default)]
    pub only_index: bool,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// Where the old store is now.
    pub set_aside: Option<PathBuf>,
    /// Own feeds made again from their authors' files.
    pub own: Vec<RebuiltFeed>,
    /// Records that were taken over from stores that were set aside.
    #[serde(default)]
    pub taken: u64,
    /// Followed feeds, as far as peers had them.
    pub followed: Vec<RebuiltFeed>,
    /// Blobs found on disk as files.
    pub blobs: u64,
    /// Records whose rows were made again.
    pub rows: u64,
    /// The person stopped it; the same command goes on.
    pub is_interrupted: bool,
}

/// A feed that was made again, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuiltFeed {
    /// The feed.
    pub feed: FeedKey,
    /// What it is called here.
    pub nickname: String,
    /// Records that are here now.
    pub records: u64,
    /// Why it is not what it was.
    pub error: Option<String>,
}
