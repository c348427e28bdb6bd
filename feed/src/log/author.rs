//! The author's side: append records, sign heads.

use super::Batch;
use crate::chain::{self, link_first, link_next};
use crate::hash::Hash;
use crate::head::{Head, HeadBody};
use crate::key::{FeedKey, FeedSecret};
use crate::limits::{INTEGER_MAX, LENGTH_MAX};
use crate::record::{self, Written};
use crate::tree::{GrowingList, Pieces};

/// Why a record was not appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendRefused {
    /// The record could not be read back.
    #[error("this would append an unreadable record: {0}")]
    Unreadable(record::Unreadable),
    /// A feed has at most 2^40 records.
    #[error("the feed is full")]
    Full,
    /// The record was written for another place in the feed.
    #[error("this record was written to stand at {index}")]
    Misplaced {
        /// That place.
        index: u64,
    },
}

/// A feed under its author's own key.
#[derive(Debug)]
pub struct AuthorLog {
    secret: FeedSecret,
    log: ReplayedLog,
}

/// A feed made again from its author's own file: checks heads and signs none, so it needs no key.
#[derive(Debug)]
pub struct ReplayedLog {
    feed: FeedKey,
    list: GrowingList,
    first: Option<Hash>,
    last: Option<Hash>,
    bytes: u64,
    media: u64,
    appended: Vec<(u64, Vec<u8>)>,
}

impl AuthorLog {
    /// A feed without records.
    #[must_use]
    pub fn new(secret: FeedSecret) -> Self {
        let log = ReplayedLog::new(secret.feed_key());
        Self { secret, log }
    }

    /// Goes on after `head`, which must be the newest that this key signed. `None` when `pieces` lack the frontier or
    /// do not have the head's root.
    ///
    /// # Errors
    /// Those of the pieces.
    pub fn open<P: Pieces>(
        secret: FeedSecret,
        head: &Head,
        pieces: &P,
    ) -> Result<Option<Self>, P::Error> {
        let body = head.body();
        let Some(list) = GrowingList::open(pieces, body.length)? else {
            return Ok(None);
        };
        let last = chain::hash_at(pieces, body.length - 1)?;
        if list.root() != body.root || last.is_none() || body.feed != secret.feed_key() {
            return Ok(None);
        }
        let (first, bytes, media) = (Some(body.first), body.bytes, body.media);
        let log = ReplayedLog {
            feed: body.feed,
            list,
            first,
            last,
            bytes,
            media,
            appended: Vec::new(),
        };
        Ok(Some(Self { secret, log }))
    }

    /// The feed.
    #[must_use]
    pub fn feed(&self) -> FeedKey {
        self.secret.feed_key()
    }

    /// Index of the next record.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.log.length()
    }

    /// The root of the list, with what was appended and not signed yet.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.log.list.root()
    }

    /// Appends a record; gives its index and link hash. Nothing is signed yet.
    ///
    /// # Errors
    /// See `AppendRefused`; the log is as before.
    pub fn append(&mut self, record: Vec<u8>) -> Result<(u64, Hash), AppendRefused> {
        let index = self.length();
        let read = record::read(&record, index).map_err(AppendRefused::Unreadable)?;
        let link = self.log.add(record, read.media())?;
        Ok((index, link))
    }

    /// The same, of a record that was written for this place and needs no second look.
    ///
    /// # Errors
    /// See `AppendRefused`; the log is as before.
    pub fn append_written(&mut self, written: Written) -> Result<(u64, Hash), AppendRefused> {
        let (index, media) = (written.index(), written.media());
        if index != self.length() {
            return Err(AppendRefused::Misplaced { index });
        }
        let link = self.log.add(written.into_bytes(), media)?;
        Ok((index, link))
    }

    /// The bytes of a record that no head covers yet.
    #[must_use]
    pub fn unsigned(&self, index: u64) -> Option<&[u8]> {
        let appended = &self.log.appended;
        let at = appended.binary_search_by_key(&index, |(index, _)| *index);
        appended.get(at.ok()?).map(|(_, record)| record.as_slice())
    }

    /// Signs a head over all that was appended, or the same list again at a later time. `None` for a feed without
    /// records. The head may leave the process only once the batch is durable.
    #[must_use]
    pub fn sign(&mut self, time: u64) -> Option<Batch> {
        let log = &mut self.log;
        let body = HeadBody {
            feed: log.feed,
            first: log.first?,
            length: log.length(),
            bytes: log.bytes,
            media: log.media,
            root: log.list.root(),
            time,
        };
        Some(log.take(Head::sign(&self.secret, body)))
    }

    /// Replays one record of the author's own file: counted and linked, readable or not.
    ///
    /// # Errors
    /// `Full`; the log is as before.
    pub fn replay(&mut self, record: Vec<u8>) -> Result<(), AppendRefused> {
        self.log.replay(record)
    }

    /// Replays a record of which the author's own file has the link hash alone. Whether it is the right one is told by the
    /// head that covers it.
    ///
    /// # Errors
    /// `Full`; the log is as before.
    pub fn replay_link(&mut self, link: Hash) -> Result<(), AppendRefused> {
        self.log.replay_link(link)
    }

    /// Takes a head of the author's own file over what was replayed, and its sums, which count records of other hands
    /// too. `None` when it is not the head of this list.
    #[must_use]
    pub fn replay_head(&mut self, head: &Head) -> Option<Batch> {
        self.log.replay_head(head)
    }
}

impl ReplayedLog {
    /// A feed of which nothing was replayed yet.
    #[must_use]
    pub fn new(feed: FeedKey) -> Self {
        Self {
            feed,
            list: GrowingList::new(),
            first: None,
            last: None,
            bytes: 0,
            media: 0,
            appended: Vec::new(),
        }
    }

    /// Index of the next record.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.list.length()
    }

    /// Replays one record: counted and linked, readable or not.
    ///
    /// # Errors
    /// `Full`; the log is as before.
    pub fn replay(&mut self, record: Vec<u8>) -> Result<(), AppendRefused> {
        let media = record::read(&record, self.length()).map_or(0, |record| record.media());
        self.add(record, media).map(drop)
    }

    /// Takes a head over what was replayed. `None` when it is not the head of this list.
    #[must_use]
    pub fn replay_head(&mut self, head: &Head) -> Option<Batch> {
        let body = head.body();
        let is_ours = body.feed == self.feed
            && Some(body.first) == self.first
            && body.length == self.length()
            && body.root == self.list.root();
        if !is_ours {
            return None;
        }
        (self.bytes, self.media) = (body.bytes, body.media);
        Some(self.take(head.clone()))
    }

    fn take(&mut self, head: Head) -> Batch {
        let changed = self.list.take_changed();
        Batch {
            head: Some(head),
            records: std::mem::take(&mut self.appended),
            leaves: changed.leaves,
            nodes: changed.nodes,
            ..Batch::new(self.feed)
        }
    }

    fn add(&mut self, record: Vec<u8>, media: u64) -> Result<Hash, AppendRefused> {
        let index = self.length();
        if index >= LENGTH_MAX {
            return Err(AppendRefused::Full);
        }
        let link = match &self.last {
            Some(last) => link_next(last, &record),
            None => link_first(&self.feed, &record),
        };
        let size = u64::try_from(record.len()).unwrap_or(u64::MAX);
        self.bytes = sum(self.bytes, size);
        self.media = sum(self.media, media);
        self.push(link);
        self.appended.push((index, record));
        Ok(link)
    }

    fn push(&mut self, link: Hash) {
        self.last = Some(link);
        self.first.get_or_insert(link);
        self.list.push(link);
    }

    /// Replays a record of which the author's own file has the link hash alone. Whether it is the right one is told by the
    /// head that covers it.
    ///
    /// # Errors
    /// `Full`; the log is as before.
    pub fn replay_link(&mut self, link: Hash) -> Result<(), AppendRefused> {
        if self.length() >= LENGTH_MAX {
            return Err(AppendRefused::Full);
        }
        self.push(link);
        Ok(())
    }
}

/// Sums of a head stop at the largest integer: they are claims, and a feed goes on (spec/head.md).
fn sum(before: u64, more: u64) -> u64 {
    before.saturating_add(more).min(INTEGER_MAX)
}
