//! The list of subscriptions: plain TOML that a person may edit.
//!
//! Text in, text out. A source is a feed key, hints where to ask, and what to keep. Reading and writing the file is
//! `io::config`'s; following is `node`'s.

mod own;
mod retractions;
mod written;

pub use retractions::{NotRetractions, Retractions};

use levada_feed::key::FeedKey;
use levada_feed::link::{First, Link};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

pub use own::Own;
pub use written::NotWritten;

/// Items kept of a source when nothing else is said.
const KEEP_ITEMS: u64 = 50;
/// Bytes of media kept of a source when nothing else is said.
const MAX_SIZE: u64 = 2 << 30;
/// Characters of the beginning of a key that may name it.
const PREFIX_CHARS_MIN: usize = 8;

/// What is kept of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    All,
    /// The newest items.
    Newest(u64),
    /// Items of the last days.
    Days(u64),
    /// The head and the profile only.
    None,
}

/// The text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: what to keep is all, newest:N, days:N or none")]
pub struct NotAKeep(String);

impl FromStr for Keep {
    type Err = NotAKeep;
    fn from_str(text: &str) -> Result<Self, NotAKeep> {
        let wrong = || NotAKeep(text.to_owned());
        let number = |digits: &str| {
            digits
                .parse::<u64>()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(wrong)
        };
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            None if text == "none" => Ok(Self::None),
            Some(("newest", items)) => number(items).map(Self::Newest),
            Some(("days", days)) => number(days).map(Self::Days),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Newest(items) => write!(f, "newest:{items}"),
            Self::Days(days) => write!(f, "days:{days}"),
            Self::None => f.write_str("none"),
        }
    }
}

/// The text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: a size is a number of bytes, or a number with KiB, MiB, GiB, TiB, kB, MB, GB or TB")]
pub struct NotASize(String);

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a size like `2GiB`.
///
/// # Errors
/// `NotASize`.
pub fn read_size(text: &str) -> Result<u64, NotASize> {
    let text = text.trim();
    let named = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim(), *factor)));
    let (digits, factor) = named.unwrap_or((text, 1));
    let number: u64 = digits.parse().map_err(|_| NotASize(text.to_owned()))?;
    number
        .checked_mul(factor)
        .ok_or_else(|| NotASize(text.to_owned()))
}

/// Prints a size with the largest unit that divides it.
#[must_use]
pub fn print_size(bytes: u64) -> String {
    let exact = UNITS
        .iter()
        .take(4)
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    exact.map_or_else(
        || bytes.to_string(),
        |(unit, factor)| format!("{}{unit}", bytes / factor),
    )
}

/// One subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The feed.
    pub feed: FeedKey,
    /// What it is called here; unique.
    pub nickname: String,
    /// What record 0 must be, from the link.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<First>,
    /// Where to ask.
    #[serde(default)]
    pub via: Vec<String>,
    /// What to keep.
    #[serde(serialize_with = "write_keep", deserialize_with = "parse_text")]
    pub keep: Keep,
    /// Bytes of media at most.
    #[serde(serialize_with = "write_size", deserialize_with = "parse_size")]
    pub max_size: u64,
    /// It is listed for everybody, and announced to the peers it comes from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub share: bool,
    /// What becomes of what its author retracts.
    #[serde(default, skip_serializing_if = "Retractions::is_honoured")]
    pub retractions: Retractions,
    /// When it was added, Unix milliseconds.
    #[serde(default)]
    pub added: u64,
}

fn write_keep<S: Serializer>(keep: &Keep, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(keep)
}

fn write_size<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&print_size(*bytes))
}

fn parse_text<'de, D: Deserializer<'de>>(from: D) -> Result<Keep, D::Error> {
    String::deserialize(from)?
        .parse()
        .map_err(serde::de::Error::custom)
}

fn parse_size<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    read_size(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// All subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    #[serde(default, rename = "source")]
    list: Vec<Source>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    own: Vec<Own>,
}

/// Why a name finds no source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindError {
    /// None has this name.
    Unknown,
    /// Several begin like this.
    Ambiguous(Vec<FeedKey>),
}

/// Why a source was not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The policy is none.
    #[error(transparent)]
    Keep(#[from] NotAKeep),
    /// The size is none.
    #[error(transparent)]
    Size(#[from] NotASize),
    /// The link says another record 0 than the one that this feed was followed by.
    #[error("this link names another record 0 of the feed than the link it was followed by")]
    OtherFirst,
}

impl Sources {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The line and what is wrong with it.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The file's text, out of what it was: comments, the order of lines and everything that still holds stay.
    ///
    /// # Errors
    /// When the text is no list of sources.
    pub fn write_over(&self, text: &str) -> Result<String, NotWritten> {
        written::over(text, self)
    }

    /// All of them, in the order added.
    #[must_use]
    pub fn list(&self) -> &[Source] {
        &self.list
    }

    /// Adds a feed, or its new hints and policy when it is there already.
    ///
    /// # Errors
    /// See `AddError`; nothing is changed then.
    pub fn add(
        &mut self,
        link: &Link,
        via: &[String],
        keep: Option<&str>,
        max_size: Option<&str>,
        now: u64,
    ) -> Result<Source, AddError> {
        let keep = keep.map(str::parse).transpose()?;
        let max_size = max_size.map(read_size).transpose()?;
        let hints = via.iter().chain(&link.via);
        if let Some(known) = self.list.iter_mut().find(|source| source.feed == link.feed) {
            if link.first.is_some() && known.first.is_some() && link.first != known.first {
                return Err(AddError::OtherFirst);
            }
            known.first = known.first.or(link.first);
            // What the person names now is asked first.
            let mut merged: Vec<String> = hints.cloned().collect();
            merged.append(&mut known.via);
            known.via = without_doubles(merged);
            known.keep = keep.unwrap_or(known.keep);
            known.max_size = max_size.unwrap_or(known.max_size);
            return Ok(known.clone());
        }
        let source = Source {
            feed: link.feed,
            nickname: self.free_nickname(link),
            first: link.first,
            via: without_doubles(hints.cloned().collect()),
            keep: keep.unwrap_or(Keep::Newest(KEEP_ITEMS)),
            max_size: max_size.unwrap_or(MAX_SIZE),
            share: false,
            retractions: Retractions::default(),
            added: now,
        };
        self.list.push(source.clone());
        Ok(source)
    }

    /// Out of the link's name, or the key's beginning; with a number when it is taken.
    fn free_nickname(&self, link: &Link) -> String {
        let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
        let name: String = link
            .name
            .as_deref()
            .unwrap_or("")
            .to_lowercase()
            .chars()
            .map(plain)
            .take(32)
            .collect();
        let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
        let base = if words.is_empty() {
            link.feed.to_string().chars().take(12).collect()
        } else {
            words.join("-")
        };
        let is_free = |name: &String| self.list.iter().all(|source| source.nickname != *name);
        let numbered = (2_u32..).map(|number| format!("{base}-{number}"));
        std::iter::once(base.clone())
            .chain(numbered)
            .find(is_free)
            .unwrap_or(base)
    }

    /// Sets what becomes of what the author of a followed feed retracts.
    pub fn set_retractions(&mut self, feed: &FeedKey, retractions: Retractions) {
        if let Some(source) = self.list.iter_mut().find(|source| source.feed == *feed) {
            source.retractions = retractions;
        }
    }

    /// Sets whether a feed is listed for everybody and announced to its peers.
    pub fn set_share(&mut self, feed: &FeedKey, share: bool) {
        if let Some(source) = self.list.iter_mut().find(|source| source.feed == *feed) {
            source.share = share;
        }
    }

    /// Removes a feed; says whether it was there.
    pub fn remove(&mut self, feed: &FeedKey) -> bool {
        let before = self.list.len();
        self.list.retain(|source| source.feed != *feed);
        self.list.len() < before
    }

    /// Finds a source by link, key, nickname, or the beginning of its key.
    ///
    /// # Errors
    /// See `FindError`.
    pub fn find(&self, target: &str) -> Result<&Source, FindError> {
        let feed = target
            .parse::<FeedKey>()
            .or_else(|_| target.parse::<Link>().map(|link| link.feed));
        let exact = |source: &&Source| {
            feed.as_ref().is_ok_and(|feed| *feed == source.feed) || source.nickname == target
        };
        if let Some(source) = self.list.iter().find(exact) {
            return Ok(source);
        }
        let begins = |source: &&Source| {
            target.len() >= PREFIX_CHARS_MIN && source.feed.to_string().starts_with(target)
        };
        let found: Vec<&Source> = self.list.iter().filter(begins).collect();
        match found.as_slice() {
            [] => Err(FindError::Unknown),
            [source] => Ok(source),
            several => Err(FindError::Ambiguous(
                several.iter().map(|source| source.feed).collect(),
            )),
        }
    }
}

fn without_doubles(hints: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    hints
        .into_iter()
        .filter(|hint| seen.insert(hint.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
