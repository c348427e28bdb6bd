//! Heads: the highest of each feed, and when one was first seen here.

use super::{Disk, Known, key};
use crate::store::StoreError;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use std::sync::Arc;

/// Times of heads written together.
const SEEN_AT_ONCE: usize = 10_000;

impl Disk {
    /// The highest head that was verified.
    ///
    /// # Errors
    /// Those of the database.
    pub fn head(&self, feed: &FeedKey) -> Result<Option<Arc<Head>>, StoreError> {
        let number = match self.known().get(feed) {
            Some(Known {
                head: Some(head), ..
            }) => return Ok(Some(head.clone())),
            Some(known) => known.number,
            None => return Ok(None),
        };
        let stored = self.stored_head(feed, number)?;
        if let (Some(head), Some(known)) = (&stored, self.known().get_mut(feed)) {
            known.head.get_or_insert_with(|| head.clone());
        }
        Ok(stored)
    }

    pub(super) fn stored_head(
        &self,
        feed: &FeedKey,
        number: u32,
    ) -> Result<Option<Arc<Head>>, StoreError> {
        let Some(last) = self.heads.prefix(number.to_be_bytes()).next_back() else {
            return Ok(None);
        };
        let head = Head::check_of(feed, &last.value()?);
        head.map(|head| Some(Arc::new(head)))
            .map_err(|_| self.damaged("a stored head"))
    }

    /// The head that had this length, if it was kept.
    ///
    /// # Errors
    /// Those of the database.
    pub fn head_at(&self, feed: &FeedKey, length: u64) -> Result<Option<Head>, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(None);
        };
        let Some(wire) = self.heads.get(key(number, length))? else {
            return Ok(None);
        };
        Head::check_of(feed, &wire)
            .map(Some)
            .map_err(|_| self.damaged("a stored head"))
    }

    /// When a record was first seen here, Unix milliseconds: with the first head that covers it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn first_seen(&self, feed: &FeedKey, index: u64) -> Result<Option<u64>, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(None);
        };
        let heads = key(number, index.saturating_add(1))..=key(number, u64::MAX);
        let Some(first) = self.seen.range(heads).next() else {
            return Ok(None);
        };
        let value = first.value()?;
        Ok(value.as_ref().try_into().ok().map(u64::from_be_bytes))
    }

    /// Notes when heads of a feed were first seen here: their lengths, each with a time in Unix milliseconds. An earlier time
    /// that is known stays.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_seen(
        &self,
        feed: &FeedKey,
        seen: impl Iterator<Item = (u64, u64)>,
    ) -> Result<(), StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(());
        };
        let mut write = self.db.batch();
        for (length, time) in seen {
            let name = key(number, length);
            let known = self.seen.get(name)?;
            let known =
                known.and_then(|known| known.as_ref().try_into().ok().map(u64::from_be_bytes));
            if known.is_none_or(|known| known > time) {
                write.insert(&self.seen, name, time.to_be_bytes());
            }
            if write.len() >= SEEN_AT_ONCE {
                let full = std::mem::replace(&mut write, self.db.batch());
                self.apply(full)?;
            }
        }
        self.apply(write)
    }
}
