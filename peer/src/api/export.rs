//! Feeds as plain files for a web host: what to write, and what was written.

use levada_feed::key::FeedKey;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to write where.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExportStatic {
    /// The folder, absolute; made if it is not there.
    pub dir: PathBuf,
    /// Feeds; all own ones when there is none.
    #[serde(default)]
    pub feeds: Vec<String>,
    /// Media: `all`, `newest:N` or `none`; `all` when absent.
    pub media: Option<String>,
    /// Where the folder will be found, for the links to give away.
    pub url: Option<String>,
}

/// What was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exported {
    /// The folder.
    pub dir: PathBuf,
    /// One entry for each feed.
    pub feeds: Vec<ExportedFeed>,
    /// Files written or linked; 0 when everything was there already.
    pub files_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Files removed: of retracted items, or no longer wanted.
    pub files_removed: u64,
}

/// A feed that was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportedFeed {
    /// The feed.
    pub feed: FeedKey,
    /// What it is called here.
    pub nickname: String,
    /// The link to give away; with `via` when the address is known.
    pub link: String,
    /// Records in all.
    pub length: u64,
    /// Records that were not there before.
    pub records_new: u64,
    /// Media written or linked.
    pub media_new: u64,
    /// Media that belong there and are not here, so that they could not be written.
    pub media_missing: u64,
}
