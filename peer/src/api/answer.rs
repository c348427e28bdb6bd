//! Answers: what a call came to.

use super::keeping::{HeldFile, History, Kept, Revised, RoomInfo};
use super::setup::{ConfigInfo, TokenInfo};
use super::{Checked, Exported, Failure, MirrorInfo, Synced, TrafficInfo};
use crate::sources::Retractions;
use crate::standing::Standing;
use levada_feed::hash::Hash;
use levada_feed::head::HeadBody;
use levada_feed::key::FeedKey;
use levada_feed::record::Body;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The answer of a call that succeeded.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of `Init`, `KeyShow`, `KeyRestore`.
    Key(KeyInfo),
    /// Of `KeyList`.
    Keys {
        /// Own keys.
        keys: Vec<KeyInfo>,
    },
    /// Of `MirrorAdd`, `Mirrors`; of `MirrorRemove`, without any.
    Mirrors {
        /// Mirrors of own feeds.
        mirrors: Vec<MirrorInfo>,
    },
    /// Of `KeyBackup`, `Prove`, `Get`.
    Written(Written),
    /// Of `Play`.
    Playing(Playing),
    /// Of `Publish`.
    Published(PublishSummary),
    /// Of `ExportStatic`.
    Exported(Exported),
    /// Of `Follow`.
    Followed(Synced),
    /// Of `Sync`.
    Sync {
        /// Sources that are now as new as any peer knows.
        synced: u64,
        /// Sources that failed.
        failed: u64,
    },
    /// Of `Unfollow`.
    Unfollowed {
        /// The feed.
        feed: FeedKey,
        /// Bytes freed.
        freed: u64,
    },
    /// Of `Sources`.
    Sources {
        /// Subscriptions.
        sources: Vec<SourceInfo>,
    },
    /// Of `Ls`.
    Items {
        /// Newest first.
        items: Vec<Shown>,
    },
    /// Of `Show` for FEED/INDEX.
    Item(Box<Shown>),
    /// Of `Show` for a feed.
    Feed(Box<FeedInfo>),
    /// Of `Status`.
    Status(Box<Status>),
    /// Of `Verify`.
    Verified(super::Verified),
    /// Of `Doctor`.
    Diagnosis(super::Diagnosis),
    /// Of `Rebuild`.
    Rebuilt(super::Rebuilt),
    /// Of `ConfigCheck`.
    Config(Box<ConfigInfo>),
    /// Of `ConfigReload`.
    Reloaded(super::Reloaded),
    /// Of `Token`.
    Token(TokenInfo),
    /// Of `Pin`, `Unpin`, `Drop`.
    Kept(Kept),
    /// Of `Retract`, `Edit`.
    Revised(Revised),
    /// Of `Show` for the history of an item.
    History(History),
    /// Of `Check`.
    Checked(Box<Checked>),
}

/// Where a player of this machine finds a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Playing {
    /// The feed.
    pub feed: FeedKey,
    /// Index of the item's first record, or of the record that was named.
    pub index: u64,
    /// The file.
    pub hash: Hash,
    /// Bytes, as its author says.
    pub size: u64,
    /// What its author says it is.
    pub media_type: String,
    /// The address: it opens this file and nothing else, and ends with the node.
    pub url: String,
}

/// An own key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its name on this machine.
    pub name: String,
    /// The feed.
    pub feed: FeedKey,
    /// The link to give away.
    pub link: Option<String>,
    /// The key file.
    pub path: PathBuf,
    /// The author's file.
    pub author_file: PathBuf,
    /// A passphrase is needed to sign.
    pub is_encrypted: bool,
    /// It was made by this call.
    pub is_new: bool,
    /// Records signed.
    pub length: u64,
    /// Records among them that another machine wrote, and that were taken over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub taken_over: u64,
    /// Why nothing is signed with it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Failure>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A file was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    /// The feed.
    pub feed: FeedKey,
    /// The record.
    pub index: Option<u64>,
    /// Hash of the blob.
    pub hash: Option<Hash>,
    /// Bytes written.
    pub size: u64,
    /// The file; absent for standard output.
    pub output: Option<PathBuf>,
}

/// What a publish came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublishSummary {
    /// The feed.
    pub feed: FeedKey,
    /// The link to give away; its `via` hints are filled in by `serve`.
    pub link: Option<String>,
    /// Name of the own key.
    pub name: String,
    /// The key file, when this call made it.
    pub new_key: Option<PathBuf>,
    /// The signed head; absent in a dry run of an empty feed.
    pub head: Option<HeadBody>,
    /// New items.
    pub published: u64,
    /// Edited items.
    pub edited: u64,
    /// Renamed items.
    pub renamed: u64,
    /// Files that are published as they are.
    pub unchanged: u64,
    /// Files that could not be published.
    pub skipped: u64,
    /// Items whose files are gone.
    pub gone: u64,
    /// Items retracted.
    pub retracted: u64,
    /// It was interrupted: what is counted here is done and durable, running it again goes on.
    pub is_interrupted: bool,
    /// Nothing was signed.
    pub is_dry_run: bool,
    /// The node serves, so that others can fetch it now.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_served: bool,
}

/// A subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceInfo {
    /// The feed.
    pub feed: FeedKey,
    /// Its nickname here.
    pub nickname: String,
    /// Name in its profile.
    pub name: Option<String>,
    /// Where to ask.
    pub via: Vec<String>,
    /// What is kept.
    pub keep: String,
    /// Bytes of media at most.
    pub max_size: u64,
    /// What becomes of what its author retracts.
    #[serde(default)]
    pub retractions: Retractions,
    /// It is listed for everybody, and announced to its peers.
    #[serde(default)]
    pub share: bool,
    /// Records in all; 0 when never synced.
    pub length: u64,
    /// Records held.
    pub records: u64,
    /// Time of its head, Unix milliseconds.
    pub time: Option<u64>,
    /// The author signed two histories.
    pub is_disputed: bool,
    /// How its peers behaved lately.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerInfo>,
}

/// A peer of a source, and how it behaved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerInfo {
    /// Its address.
    pub peer: String,
    /// What it did.
    #[serde(flatten)]
    pub standing: Standing,
}

/// A row as people see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// The feed.
    pub feed: FeedKey,
    /// Nickname or key name here.
    pub nickname: String,
    /// Index of its first record: its id.
    pub index: u64,
    /// Link hash of its first record.
    pub link: Option<Hash>,
    /// What it is to a reader.
    pub state: State,
    /// Index of the record with its newest state.
    pub newest: u64,
    /// Published, Unix milliseconds.
    pub published: Option<u64>,
    /// Edited, Unix milliseconds.
    pub edited: Option<u64>,
    /// The record that retracts it.
    pub retracted_by: Option<u64>,
    /// The author's reason.
    pub reason: Option<String>,
    /// Why it cannot be read.
    pub unreadable: Option<String>,
    /// Title of an item, a collection or a listing; name of a profile.
    pub title: Option<String>,
    /// Files of an item, and how much of each is here.
    pub files: Vec<HeldFile>,
    /// Its newest state, when it can be read.
    pub body: Option<Body>,
    /// It was dropped here, and is not fetched by itself.
    #[serde(default)]
    pub is_dropped: bool,
}

impl Shown {
    /// The same with what the record says.
    pub(crate) fn saying(self, body: Body) -> Self {
        let title = match &body {
            Body::Item(item) => Some(item.title.clone()),
            Body::Collection(collection) => Some(collection.title.clone()),
            Body::Listing(listing) => listing.title.clone(),
            Body::Profile(profile) => Some(profile.name.clone()),
            _ => None,
        };
        Self {
            state: State::Readable,
            title,
            body: Some(body),
            ..self
        }
    }
}

/// What a record is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It can be read.
    Readable,
    /// Its author took it back.
    Retracted,
    /// Its bytes are proven and break a rule.
    Unreadable,
    /// It uses something this version does not know.
    NeedsNewer,
    /// Peers keep its bytes back.
    Withheld,
    /// It was not fetched, or nobody has it.
    Missing,
}

/// All about one feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeedInfo {
    /// The feed.
    pub feed: FeedKey,
    /// Nickname or key name here.
    pub nickname: String,
    /// It is written here.
    pub is_own: bool,
    /// All of it is pinned.
    #[serde(default)]
    pub is_pinned: bool,
    /// The link to give away.
    pub link: String,
    /// The newest profile.
    pub profile: Option<Body>,
    /// The highest head verified.
    pub head: Option<HeadBody>,
    /// Records held.
    pub records: u64,
    /// The author signed two histories: both heads.
    pub fork: Option<(HeadBody, HeadBody)>,
    /// Both heads in wire form, hex: evidence that stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fork_wire: Option<(String, String)>,
}

/// What a node holds and does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Where it keeps things.
    pub data_dir: PathBuf,
    /// Own feeds.
    pub keys: Vec<KeyInfo>,
    /// Subscriptions.
    pub sources: Vec<SourceInfo>,
    /// Complete blobs as files.
    pub blobs: u64,
    /// Blobs of which a part is here.
    pub blobs_partial: u64,
    /// Bytes of blobs.
    pub blob_bytes: u64,
    /// Bytes free where blobs are.
    pub free_bytes: u64,
    /// Room: what media take as what, and what they may take.
    pub room: RoomInfo,
    /// Addresses served on.
    pub listen: Vec<String>,
    /// Limits of bandwidth and connections, and what goes through now.
    #[serde(default)]
    pub traffic: TrafficInfo,
    /// What is to be done, as `doctor` tells it.
    #[serde(default)]
    pub findings: Vec<super::Finding>,
}
