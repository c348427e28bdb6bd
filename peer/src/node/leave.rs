//! Leaving a feed: what was followed becomes cache, or with a purge goes, records and media.
//!
//! Page by page, and noted in the store how far it is: interrupted or killed, it goes on at the next start. Pinned items stay
//! with their records. Each page takes its records out in one write, which also lists the blobs that they named (`uses`);
//! those go once nothing else names them (`room`).

use super::Node;
use crate::io::disk::Entry;
use crate::keep::Class;
use crate::pins::Pins;
use crate::query;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use levada_feed::record;
use std::collections::BTreeSet;

const LEAVING: &[u8] = b"leaving/";
const PURGE: &[u8] = b"purge";
const CACHE: &[u8] = b"cache";
/// Records looked at together.
const PAGE_RECORDS: u64 = 1_000;
/// Edits of one pinned item that stay.
const EDITS_MAX: usize = 100_000;

fn name(feed: &FeedKey) -> Vec<u8> {
    [LEAVING, feed.as_bytes()].concat()
}

impl Node {
    /// Notes that a feed is left, before its subscription ends.
    pub(super) fn leave_later(&self, feed: &FeedKey, is_purge: bool) -> Result<(), StoreError> {
        let how = if is_purge { PURGE } else { CACHE };
        self.disk.put_notes([(name(feed), how.to_vec())])
    }

    /// A feed that is followed again is left no more.
    pub(super) fn leave_never(&self, feed: &FeedKey) -> Result<(), StoreError> {
        self.disk.drop_note(&name(feed))
    }

    /// Goes on with all that is being left.
    pub(super) fn leave_all(&self, is_stopped: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let mut left = Vec::new();
        self.disk.notes(LEAVING, &mut |name, _| {
            let feed = name
                .get(LEAVING.len()..)
                .and_then(|key| key.try_into().ok());
            left.extend(feed.and_then(|key| FeedKey::from_bytes(key).ok()));
            true
        })?;
        for feed in left {
            if self.source_of(&feed).is_some() {
                // A crash came before the subscription was ended.
                self.leave_never(&feed)?;
            } else {
                self.leave(&feed, is_stopped)?;
            }
        }
        Ok(())
    }

    /// Leaves a feed as it was noted, until told to stop; gives the bytes freed.
    pub(super) fn leave(
        &self,
        feed: &FeedKey,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<u64, StoreError> {
        let Some(how) = self.disk.note(&name(feed))? else {
            return Ok(0);
        };
        let Ok(pins) = self.pins() else {
            // A file that cannot be read may pin all of it: later, then.
            return Ok(0);
        };
        let freed = match how.strip_prefix(CACHE) {
            None => self.purge(feed, &pins, is_stopped)?,
            Some(start) => {
                let start = start.try_into().map_or(0, u64::from_be_bytes);
                self.demote(feed, start, is_stopped)?;
                0
            }
        };
        if !is_stopped() {
            self.leave_never(feed)?;
        }
        Ok(freed)
    }

    /// Drops what is held of a feed: records, and blobs that no other record names. Pinned items stay.
    fn purge(
        &self,
        feed: &FeedKey,
        pins: &Pins,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<u64, StoreError> {
        if pins.has_feed(feed) {
            return Ok(0);
        }
        let mut stays = BTreeSet::new();
        for item in pins.items(feed) {
            // With a pinned item stays what tells whose it is.
            stays.extend([0, item]);
            let mut edits = 0;
            self.disk.edits(feed, item, &mut |edit, _| {
                stays.insert(edit);
                edits += 1;
                edits < EDITS_MAX
            })?;
        }
        let mut freed = 0;
        let mut start = 0;
        let ends: Vec<u64> = stays.iter().copied().chain([u64::MAX]).collect();
        for end in ends {
            while start < end && !is_stopped() {
                let dropped = self.disk.drop_page(feed, start..end)?;
                freed += dropped.bytes + self.drop_loose(is_stopped)?;
                start = dropped.next.unwrap_or(end);
            }
            start = end.saturating_add(1);
        }
        if stays.is_empty() && !is_stopped() {
            self.disk.purge(feed)?;
        }
        Ok(freed + self.drop_loose(is_stopped)?)
    }

    /// What was followed is cache from now on.
    fn demote(
        &self,
        feed: &FeedKey,
        mut start: u64,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let end = self.disk.head(feed)?.map_or(0, |head| head.body().length);
        while start < end && !is_stopped() {
            if self.disk.note(&name(feed))?.is_none() {
                // It is followed again meanwhile.
                return Ok(());
            }
            let page = start..end.min(start + PAGE_RECORDS);
            start = page.end;
            let mut named = BTreeSet::new();
            self.disk.records(feed, page, &mut |index, bytes| {
                if let Ok(record) = record::read(bytes, index) {
                    named.extend(query::files(&record.body).iter().map(|file| file.hash));
                }
                true
            })?;
            self.disk.change_entries(&named, |entry| Entry {
                class: match entry.class {
                    Class::Followed => Class::Cache,
                    class => class,
                },
                ..entry
            })?;
            let how = [CACHE, &start.to_be_bytes()].concat();
            self.disk.put_notes([(name(feed), how)])?;
        }
        Ok(())
    }
}
