//! Records: the kinds, written and read (spec/record.md).
//!
//! Whether a record is readable depends on its own bytes and its index alone. A record never decides about a head: one
//! that is unreadable is kept, passed on and shown as such. What a reference points at is resolved in `peer::query`.

mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::hash::Hash;
use crate::key::FeedKey;
use serde::{Deserialize, Serialize};

pub use read::{Unreadable, read, read_stamp};
pub use write::{Unwritable, Written, write};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// When the author wrote it, Unix milliseconds.
    pub time: u64,
    /// 16 random bytes, so that a dropped record cannot be guessed from its hash.
    #[serde(skip)]
    pub salt: [u8; 16],
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// The kinds of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Body {
    /// Who the author is. Record 0 of every feed.
    Profile(Box<Profile>),
    /// Something published.
    Item(Box<Item>),
    /// Takes something back.
    Retract(Retract),
    /// Names another feed.
    Listing(Box<Listing>),
    /// An ordered list of items.
    Collection(Collection),
    /// The author goes on under another key: a hint.
    Moved(Moved),
    /// A kind this version does not know, `state` included: kept and passed on.
    #[serde(untagged)]
    Unknown {
        /// Its name.
        kind: String,
    },
}

/// A profile. A later one replaces it, `recovery` excepted: that of record 0 counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// What the author is called.
    pub name: String,
    /// A few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// A picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<File>,
    /// Pages elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Default language of items, BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Default licence of items: SPDX expression or URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// BLAKE3 of the recovery key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Hash>,
}

/// Something published, or an edit of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Title; may be empty.
    pub title: String,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub creators: Vec<Creator>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it was published, Unix milliseconds, if not at the record's time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<u64>,
    /// BCP 47.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// SPDX expression or URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The collection record it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<Reference>,
    /// Position in that collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// A geo URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Not for every screen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// Relative path, as published from a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its files.
    pub files: Vec<File>,
    /// The first record of the item, when this one is an edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<Reference>,
    /// Anything else: one canonical CBOR map.
    #[serde(skip)]
    pub ext: Option<Vec<u8>>,
}

/// Somebody who made an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creator {
    /// Name.
    pub name: String,
    /// What they did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
    /// Their own feed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub feed: Option<FeedKey>,
}

/// What a file of an item is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The thing itself.
    #[default]
    Main,
    /// The same in another form.
    Alternate,
    /// A picture of it.
    Cover,
    /// Captions.
    Caption,
    /// Chapter marks.
    Chapters,
    /// A transcript.
    Transcript,
    /// A role this version does not know.
    #[serde(untagged)]
    Other(String),
}

/// One file of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Plain BLAKE3 of the bytes.
    pub hash: Hash,
    /// Size in bytes: a claim until the last leaf was checked.
    pub size: u64,
    /// Media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// File name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Duration in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration: Option<u64>,
    /// Width in pixels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub width: Option<u64>,
    /// Height in pixels.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub height: Option<u64>,
    /// Codecs, RFC 6381.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub codecs: Option<String>,
    /// BCP 47.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub language: Option<String>,
    /// A blurred preview, BlurHash.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blurhash: Option<String>,
}

/// A record, named so that its meaning cannot change: by index and link hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its feed, when it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<FeedKey>,
    /// Its index.
    pub index: u64,
    /// Its link hash.
    pub link: Hash,
}

/// Takes back an item (all its edits go too), a collection, a listing or a later profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retract {
    /// What is taken back: of this feed, later than record 0 and earlier than this record.
    pub target: Reference,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Names another feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The other feed.
    pub feed: FeedKey,
    /// Its `h[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Hash>,
    /// Where to ask.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub hints: Vec<String>,
    /// What the lister calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the lister says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
    /// Whether that feed lists feeds itself.
    pub catalogue: bool,
    /// The newest head of it that the lister verified, in wire form.
    #[serde(skip)]
    pub head: Option<Vec<u8>>,
}

/// An ordered list of items, of any feeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Title.
    pub title: String,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The items in order; each names its feed.
    pub items: Vec<Reference>,
}

/// The author goes on elsewhere. Followers are asked, never moved by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The new feed.
    pub feed: FeedKey,
}

impl Record {
    /// Sum of the sizes of the files that a readable item names: what a head's `media` adds up.
    #[must_use]
    pub fn media(&self) -> u64 {
        match &self.body {
            Body::Item(item) => item
                .files
                .iter()
                .fold(0, |sum: u64, file| sum.saturating_add(file.size)),
            _ => 0,
        }
    }
}
