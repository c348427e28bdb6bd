//! What a person or a program can ask of a node: calls, and the events that answer them.
//!
//! Values only, in the words of the spec; `node` carries them out and `cli` prints them. The same JSON is what `--json`
//! shows. Fields may be added. Paths in calls are absolute.

mod answer;
mod checked;
mod event;
mod export;
mod failure;
mod keeping;
mod mend;
mod mirror;
pub mod pipe;
mod setup;
mod synced;
mod traffic;

pub use crate::keep::{Class, Totals};
pub use crate::sources::Retractions;
pub use answer::{
    Answer, FeedInfo, KeyInfo, PeerInfo, Playing, PublishSummary, Shown, SourceInfo, State, Status,
    Written,
};
pub use checked::Checked;
pub use event::{Change, Event, Progress};
pub use export::{ExportStatic, Exported, ExportedFeed};
pub use failure::{Code, Failure};
pub use keeping::{
    Edit, HeldFile, History, Kept, KeptAs, Revised, RoomInfo, Spared, Stage, StageChange,
};
pub use mend::{Damaged, Diagnosis, Finding, Rebuild, Rebuilt, RebuiltFeed, Verified, Verify};
pub use mirror::{MirrorInfo, MirrorState};
pub use setup::{ConfigFile, ConfigInfo, Folder, Reloaded, ReloadedSetting, Setting, TokenInfo};
pub use synced::Synced;
pub use traffic::TrafficInfo;

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One call. FEED in a call is a link, a key, an unambiguous prefix of a key, a nickname or the name of an own key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Call {
    /// Makes a key and its feed, with a profile as record 0.
    Init {
        /// Name of the key on this machine; `main` when absent.
        name: Option<String>,
        /// What the author is called in the profile; the key's name when absent.
        title: Option<String>,
        /// Encrypt the key file with the passphrase of the call.
        #[serde(default)]
        encrypt: bool,
    },
    /// Lists own keys.
    KeyList,
    /// Shows one own key: never the secret.
    KeyShow {
        /// Name or feed; the only key when absent.
        feed: Option<String>,
    },
    /// Copies a key file.
    KeyBackup {
        /// Name or feed; the only key when absent.
        feed: Option<String>,
        /// File to write; must not exist.
        output: PathBuf,
    },
    /// Puts a key file in place.
    KeyRestore {
        /// The backup.
        file: PathBuf,
        /// Name to give it; `main` when absent.
        name: Option<String>,
        /// Nothing was ever signed with it: its feed is begun here.
        #[serde(default)]
        is_unused: bool,
        /// What the author is called in the profile, with `is_unused`; the key's name when absent.
        title: Option<String>,
    },
    /// Takes over what another machine signed with an own key.
    KeyTakeOver {
        /// Name or feed; the only key when absent.
        feed: Option<String>,
    },
    /// Names a node or a web host that has an own feed, and asks it what it has.
    MirrorAdd {
        /// Where it is.
        mirror: String,
        /// Name or feed; the only key when absent.
        feed: Option<String>,
    },
    /// Forgets a mirror of an own feed.
    MirrorRemove {
        /// Where it is.
        mirror: String,
        /// Name or feed; the only key when absent.
        feed: Option<String>,
    },
    /// Lists mirrors of own feeds, and asks each what it has.
    Mirrors {
        /// Name or feed; all keys when absent.
        feed: Option<String>,
    },
    /// Publishes files and folders.
    Publish(Box<Publish>),
    /// Writes feeds as plain files for a web host.
    ExportStatic(ExportStatic),
    /// Subscribes to a feed and syncs it once.
    Follow {
        /// A link or key.
        feed: String,
        /// Where to ask besides the link's own hints.
        #[serde(default)]
        via: Vec<String>,
        /// `all`, `newest:N`, `days:N` or `none`; `newest:50` when absent.
        keep: Option<String>,
        /// Bytes of media to keep at most, as `2GiB`.
        max_size: Option<String>,
        /// What becomes of what its author retracts: `honour` or `never`; as before when absent.
        #[serde(default)]
        retractions: Option<String>,
        /// Whether it is listed for everybody, and announced to its peers; as before when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<bool>,
    },
    /// Ends a subscription.
    Unfollow {
        /// The feed.
        feed: String,
        /// Drop what is held of it too.
        #[serde(default)]
        purge: bool,
    },
    /// Lists subscriptions.
    Sources,
    /// Syncs one source or all.
    Sync {
        /// The feed; all when absent.
        feed: Option<String>,
        /// Fetch what was dropped too.
        #[serde(default)]
        again: bool,
    },
    /// Lists items, newest first.
    Ls {
        /// The feed; all followed and own ones when absent.
        feed: Option<String>,
        /// Items at most.
        #[serde(default = "ls_limit")]
        limit: u64,
        /// Also profiles, listings, collections, retracted, withheld, unreadable and missing records.
        #[serde(default)]
        all: bool,
    },
    /// Shows a feed or one item with everything known of it.
    Show {
        /// FEED or FEED/INDEX.
        target: String,
        /// All states of an item instead of the newest.
        #[serde(default)]
        history: bool,
    },
    /// Keeps an item or a feed, whatever its source, the quota or its author say.
    Pin {
        /// FEED or FEED/INDEX.
        target: String,
    },
    /// Ends a pin.
    Unpin {
        /// FEED or FEED/INDEX.
        target: String,
    },
    /// Drops the media of an item or a feed; they are not fetched again until asked for.
    Drop {
        /// FEED or FEED/INDEX.
        target: String,
        /// Even what may never come back.
        #[serde(default)]
        yes: bool,
    },
    /// Takes something of an own feed back.
    Retract {
        /// FEED/INDEX.
        target: String,
        /// Why.
        reason: Option<String>,
    },
    /// Says an own item anew, without a new file.
    Edit(Box<Edit>),
    /// Gets a file of an item, from the store or from peers.
    Get {
        /// FEED/INDEX.
        target: String,
        /// Which file, by name, role or hash; the main one when absent.
        file: Option<String>,
        /// First and last byte, both inclusive, as in HTTP.
        range: Option<(u64, Option<u64>)>,
        /// File to write; `Event::Bytes` when absent.
        output: Option<PathBuf>,
    },
    /// Where a player of this machine finds a file, while the node serves.
    Play {
        /// FEED/INDEX.
        target: String,
        /// Name, role or hash of the file; the main one when absent.
        file: Option<String>,
    },
    /// What this node holds and does.
    Status,
    /// Reads and hashes again what is held, and mends what is damaged.
    Verify(Box<Verify>),
    /// What is wrong with this node, and what to do.
    Doctor,
    /// Makes the store or its index again.
    Rebuild(Rebuild),
    /// Whether the files that a person may edit are in order, and which settings hold.
    ConfigCheck,
    /// Read the settings again while `serve` runs.
    ConfigReload,
    /// The token of the local API on loopback.
    Token {
        /// Make another one: the old one opens nothing any more.
        #[serde(default)]
        is_new: bool,
    },
    /// Writes a bundle that proves one record to anybody.
    Prove {
        /// FEED/INDEX.
        target: String,
        /// File to write; `Event::Bytes` when absent.
        output: Option<PathBuf>,
    },
    /// Checks a bundle, a head with its slice, a fork proof or a succession; needs no store.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Items that `ls` tells when nobody says how many.
fn ls_limit() -> u64 {
    50
}

/// What to publish, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Publish {
    /// Files and folders, absolute.
    pub paths: Vec<PathBuf>,
    /// Own feed: key name or feed; the only one when absent, made when there is none.
    pub feed: Option<String>,
    /// Title; only for a single file.
    pub title: Option<String>,
    /// Text for every item.
    pub text: Option<String>,
    /// Tags for every item.
    pub tags: Vec<String>,
    /// Creators of every item.
    pub creators: Vec<String>,
    /// Language of every item, BCP 47.
    pub language: Option<String>,
    /// Licence of every item.
    pub licence: Option<String>,
    /// Keep no copy: serve from where the files are.
    pub in_place: bool,
    /// Sign nothing, show what would be done.
    pub dry_run: bool,
    /// Remove places, serial numbers and owner names from copies before publishing.
    pub strip_place: bool,
    /// Sign although the key or its files were restored or copied here.
    pub insist: bool,
    /// Retract items whose files are gone from the folders given.
    pub retract_missing: bool,
}
