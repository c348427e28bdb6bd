//! What a person or a program can ask of a node: calls, and the events that answer them.
//!
//! Values only, in the words of the spec; `node` carries them out and `cli` prints them. The same JSON is what `--json`
//! shows. Fields may be added. Paths in calls are absolute.

use levada_feed::hash::Hash;
use levada_feed::head::HeadBody;
use levada_feed::key::FeedKey;
use levada_feed::record::{Body, File};
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
    },
    /// Publishes files and folders.
    Publish(Box<Publish>),
    /// Subscribes to a feed and syncs it once.
    Follow {
        /// A link or key.
        feed: String,
        /// Where to ask besides the link's own hints.
        via: Vec<String>,
        /// `all`, `newest:N`, `days:N` or `none`; `newest:50` when absent.
        keep: Option<String>,
        /// Bytes of media to keep at most, as `2GiB`.
        max_size: Option<String>,
    },
    /// Ends a subscription.
    Unfollow {
        /// The feed.
        feed: String,
        /// Drop what is held of it too.
        purge: bool,
    },
    /// Lists subscriptions.
    Sources,
    /// Syncs one source or all.
    Sync {
        /// The feed; all when absent.
        feed: Option<String>,
    },
    /// Lists items, newest first.
    Ls {
        /// The feed; all followed and own ones when absent.
        feed: Option<String>,
        /// Items at most.
        limit: u64,
        /// Also profiles, listings, collections, retracted, withheld, unreadable and missing records.
        all: bool,
    },
    /// Shows a feed or one item with everything known of it.
    Show {
        /// FEED or FEED/INDEX.
        target: String,
    },
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
    /// What this node holds and does.
    Status,
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

/// What to publish, and how.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// Retract items whose files are gone from the folders given.
    pub retract_missing: bool,
}

/// What happens while a call is carried out; the last one of a call that succeeds is its answer.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// How far it is.
    Progress(Progress),
    /// Something a person should know; the work goes on.
    Warning {
        /// What happened and to which feed or file.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A file became an item, or would in a dry run.
    Published {
        /// Index of the record; absent in a dry run.
        index: Option<u64>,
        /// The path as published.
        path: String,
        /// Title.
        title: String,
        /// `new`, `edited`, `renamed`.
        change: Change,
        /// Media type.
        #[serde(rename = "type_of_media")]
        media_type: String,
        /// Bytes.
        size: u64,
    },
    /// A file was left out.
    Skipped {
        /// Where it is.
        path: PathBuf,
        /// Why, in words.
        why: String,
        /// It should have been published: the call ends as partly done.
        is_failure: bool,
    },
    /// A file tells a place, a serial number or a name.
    Private {
        /// Where it is.
        path: PathBuf,
        /// What it tells, in words.
        what: Vec<String>,
        /// It was removed from the copy that is published.
        is_stripped: bool,
    },
    /// An item whose file is gone.
    Gone {
        /// The item.
        index: u64,
        /// Its path as published.
        path: String,
        /// It was retracted.
        is_retracted: bool,
    },
    /// What one source came to in a sync.
    Synced(Synced),
    /// Bytes for standard output.
    #[serde(skip)]
    Bytes(Vec<u8>),
    /// The answer.
    Answer(Box<Answer>),
}

/// How an item changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    New,
    /// Its file or description changed.
    Edited,
    /// Its path changed.
    Renamed,
}

/// How far work is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is being done: `hashing`, `records`, `media`.
    pub what: &'static str,
    /// Of what: a path or a feed's nickname.
    pub of: String,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes in all, as far as known.
    pub bytes_total: Option<u64>,
    /// Files or records done.
    pub count: u64,
    /// Files or records in all, as far as known.
    pub count_total: Option<u64>,
}

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
    /// Of `KeyBackup`, `Prove`, `Get`.
    Written(Written),
    /// Of `Publish`.
    Published(PublishSummary),
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
    /// Of `Check`.
    Checked(Box<Checked>),
}

/// An own key.
#[derive(Clone, Debug, Serialize)]
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
}

/// A file was written.
#[derive(Clone, Debug, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
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
}

/// What a sync of one source came to.
#[derive(Clone, Debug, Serialize)]
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
    /// The peer that answered.
    pub via: Option<String>,
    /// The author signed two histories.
    pub is_disputed: bool,
    /// What went wrong.
    pub error: Option<String>,
}

/// A subscription.
#[derive(Clone, Debug, Serialize)]
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
    /// Records in all; 0 when never synced.
    pub length: u64,
    /// Records held.
    pub records: u64,
    /// Time of its head, Unix milliseconds.
    pub time: Option<u64>,
    /// The author signed two histories.
    pub is_disputed: bool,
}

/// A row as people see it.
#[derive(Clone, Debug, Serialize)]
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
    /// Its newest state, when it can be read.
    #[serde(flatten)]
    pub body: Option<Body>,
    /// Its files and how much of each is here.
    pub held: Vec<HeldFile>,
}

/// What a record is to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

/// A file and how much of it is here.
#[derive(Clone, Debug, Serialize)]
pub struct HeldFile {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// Verified bytes here.
    pub held: u64,
}

/// All about one feed.
#[derive(Clone, Debug, Serialize)]
pub struct FeedInfo {
    /// The feed.
    pub feed: FeedKey,
    /// Nickname or key name here.
    pub nickname: String,
    /// It is written here.
    pub is_own: bool,
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
}

/// What a node holds and does.
#[derive(Clone, Debug, Serialize)]
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
    /// Addresses served on.
    pub listen: Vec<String>,
}

/// What a checked file proves.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "proves", rename_all = "kebab-case")]
pub enum Checked {
    /// These records are in the feed.
    Bundle {
        /// The head they were checked against.
        head: HeadBody,
        /// Whether the head's length is proven too.
        is_length_proven: bool,
        /// The records.
        records: Vec<Shown>,
    },
    /// The head and its length.
    Head {
        /// The head.
        head: HeadBody,
    },
    /// One key signed two histories.
    Fork {
        /// The shorter head.
        shorter: HeadBody,
        /// The longer head.
        longer: HeadBody,
        /// Both heads in wire form, hex: evidence that stands alone.
        wire: (String, String),
    },
    /// A feed was handed over; counts only if record 0 names the recovery key.
    Succession {
        /// What it says.
        succession: levada_feed::succession::SuccessionBody,
        /// The hash that record 0 of the feed has to name as `recovery`.
        recovery: Hash,
    },
}

/// Why a call failed: what the person reads, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What happened and to which feed or file: lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Exit codes, fixed for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// 1
    Failed,
    /// 2
    Usage,
    /// 3
    Partly,
    /// 4
    NotFound,
    /// 5
    NotVerified,
    /// 6
    OverQuota,
    /// 7
    Denied,
    /// 10
    NotInitialised,
    /// 11
    Locked,
    /// 12
    WrongPassphrase,
    /// 130
    Interrupted,
}

impl Code {
    /// The number that a process exits with.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::NotFound => 4,
            Self::NotVerified => 5,
            Self::OverQuota => 6,
            Self::Denied => 7,
            Self::NotInitialised => 10,
            Self::Locked => 11,
            Self::WrongPassphrase => 12,
            Self::Interrupted => 130,
        }
    }
}

impl Failure {
    /// A failure without a hint.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
