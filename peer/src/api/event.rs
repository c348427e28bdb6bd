//! What happens while a call is carried out.

use super::{Answer, Damaged, Synced};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;

/// What happens while a call is carried out; the last one of a call that succeeds is its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Something is damaged, or was and is mended.
    Damaged(Box<Damaged>),
    /// What one source came to in a sync.
    Synced(Synced),
    /// Bytes for standard output.
    #[serde(skip)]
    Bytes(Vec<u8>),
    /// The answer.
    #[serde(skip_deserializing)]
    Answer(Box<Answer>),
}

/// How an item changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done: `hashing`, `records`, `media`.
    pub what: Cow<'static, str>,
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
