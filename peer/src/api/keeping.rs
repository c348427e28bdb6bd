//! What is kept and what goes: calls with many arguments, and answers.

use super::State;
use crate::keep::{Class, Totals};
use levada_feed::key::FeedKey;
use levada_feed::record::{Body, File};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What an edit of an own item says; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Edit {
    /// FEED/INDEX.
    pub target: String,
    /// Title.
    pub title: Option<String>,
    /// Text.
    pub text: Option<String>,
    /// Tags, in place of those before.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Creators, in place of those before.
    #[serde(default)]
    pub creators: Vec<String>,
    /// Language, BCP 47.
    pub language: Option<String>,
    /// Licence.
    pub licence: Option<String>,
}

/// What `Pin`, `Unpin` and `Drop` came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The feed.
    pub feed: FeedKey,
    /// Nickname or key name here.
    pub nickname: String,
    /// The item; absent for all of the feed.
    pub index: Option<u64>,
    /// What was done.
    pub what: KeptAs,
    /// It was not so before.
    pub is_new: bool,
    /// Files that are here, or that were dropped.
    pub files: u64,
    /// Bytes that they take, or took.
    pub bytes: u64,
    /// Files that are not here yet, or that stay because something else needs them.
    pub files_left: u64,
}

/// What was done with something that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptAs {
    /// It stays, whatever comes.
    Pinned,
    /// It may go again.
    Unpinned,
    /// Its bytes are gone, and are not fetched by themselves.
    Dropped,
}

/// What `Retract` and `Edit` came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revised {
    /// The feed.
    pub feed: FeedKey,
    /// Name of the own key.
    pub nickname: String,
    /// The item.
    pub index: u64,
    /// The record that says so; absent when there was nothing to say.
    pub record: Option<u64>,
    /// It was taken back.
    pub is_retracted: bool,
}

/// All states of a thing, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct History {
    /// The feed.
    pub feed: FeedKey,
    /// Nickname or key name here.
    pub nickname: String,
    /// Index of its first record.
    pub index: u64,
    /// Oldest first.
    pub stages: Vec<Stage>,
    /// There are more than are listed.
    pub is_cut: bool,
}

/// One state of a thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// The record.
    pub record: u64,
    /// What it did.
    pub change: StageChange,
    /// Its date, Unix milliseconds; absent when its bytes are not here.
    pub time: Option<u64>,
    /// What it is to a reader.
    pub state: State,
    /// What it says, if it is here and can be read.
    pub body: Option<Body>,
}

/// What a record did to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageChange {
    /// It began it.
    Published,
    /// It changed it.
    Edited,
    /// It took it back.
    Retracted,
}

/// A file and how much of it is here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldFile {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// Verified bytes here.
    pub held: u64,
    /// What it is kept as.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kept: Option<Class>,
    /// When it was used last, by the hour, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub used: Option<u64>,
    /// The blob root that it is kept in, when that is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away: Option<PathBuf>,
}

/// What media take, and what they may take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomInfo {
    /// Bytes and blobs in the order cache, followed, pinned, own.
    pub kept: Totals,
    /// Bytes that cache and followed may take together.
    pub quota: u64,
    /// Bytes that are to stay free on the disk.
    pub reserve: u64,
    /// Retracted items that stay until their user says otherwise; the first few.
    pub spared: Vec<Spared>,
}

/// A retracted item that stays until its user says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spared {
    /// The feed.
    pub feed: FeedKey,
    /// Nickname or key name here.
    pub nickname: String,
    /// The item.
    pub index: u64,
    /// It is one's own; else it is pinned.
    pub is_own: bool,
    /// When its retraction was first seen here, Unix milliseconds.
    pub since: u64,
}
