//! What the store answers to peers: heads, bundles, records that are kept back (spec/wire.md).
//!
//! Reads the store and proves what it gives; decides nothing about who asks. Used by the server and by `prove`.

#[cfg(test)]
mod tests;

use crate::io::disk::Disk;
use crate::store::StoreError;
use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{BUNDLE_BYTES_TARGET, BUNDLE_SLOTS_MAX, HASH_BYTES, LIST_LEAF_HASHES};
use levada_feed::tree::Pieces;
use std::collections::BTreeMap;
use std::ops::Range;

/// The newest head with its slices. `None` when the feed, or what proves its head, is not here.
///
/// # Errors
/// Those of the store.
pub fn head(disk: &Disk, feed: &FeedKey, have: u64) -> Result<Option<Vec<u8>>, StoreError> {
    match disk.head(feed)? {
        Some(head) => chain::prove_head(&head, have, &disk.pieces(feed)),
        None => Ok(None),
    }
}

/// A bundle of the records of a range, cut where it would grow past 4 MiB or where the list has a hole. Under the head of
/// length `at` if that was kept, else under the newest. `None` when nothing of it is here.
///
/// # Errors
/// Those of the store.
pub fn bundle(
    disk: &Disk,
    feed: &FeedKey,
    range: Range<u64>,
    at: Option<u64>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let asked = match at {
        Some(length) => disk.head_at(feed, length)?,
        None => None,
    };
    let Some(head) = asked.map_or_else(|| disk.head(feed), |head| Ok(Some(head.into())))? else {
        return Ok(None);
    };
    bundle_under(disk, &head, range)
}

/// Record 0 and the newest `count` records under one head, as one bundle or two in a row; fewer when they would pass
/// 4 MiB or the slots of a bundle, or where the list has a hole, but always the last.
///
/// # Errors
/// Those of the store.
pub fn latest(disk: &Disk, feed: &FeedKey, count: u64) -> Result<Option<Vec<u8>>, StoreError> {
    match disk.head(feed)? {
        Some(head) => latest_under(disk, &head, count),
        None => Ok(None),
    }
}

/// The same under one head of a feed.
///
/// # Errors
/// Those of the store.
pub fn latest_under(disk: &Disk, head: &Head, count: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let feed = &head.body().feed;
    let length = head.body().length;
    let slots_max = u64::try_from(BUNDLE_SLOTS_MAX).unwrap_or(u64::MAX);
    let wanted = length.saturating_sub(count.min(slots_max));
    let mut from = reach(disk, feed, wanted, length)?;
    let mut bytes = 0;
    // Walk back from the end only as far as the bytes allow.
    for index in (from..length).rev() {
        bytes += disk.record(feed, index)?.map_or(0, |record| record.len());
        if bytes > BUNDLE_BYTES_TARGET {
            from = (index + 1).min(length - 1);
            break;
        }
    }
    let Some(newest) = bundle_under(disk, head, from..length)? else {
        return Ok(None);
    };
    if from == 0 {
        return Ok(Some(newest));
    }
    let Some(mut answer) = bundle_under(disk, head, 0..1)? else {
        return Ok(None);
    };
    answer.extend_from_slice(&newest);
    Ok(Some(answer))
}

/// The first record from `wanted` on from which the list is held without a hole up to its end, with the hash before it.
fn reach(disk: &Disk, feed: &FeedKey, wanted: u64, length: u64) -> Result<u64, StoreError> {
    let pieces = disk.pieces(feed);
    let first = wanted.saturating_sub(1) / LIST_LEAF_HASHES;
    let last = (length - 1) / LIST_LEAF_HASHES;
    for leaf in (first..=last).rev() {
        if pieces.leaf(leaf)?.is_none() {
            return Ok(((leaf + 1) * LIST_LEAF_HASHES + 1).min(length - 1));
        }
    }
    Ok(wanted)
}

fn bundle_under(
    disk: &Disk,
    head: &Head,
    range: Range<u64>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let feed = head.body().feed;
    let slots_max = u64::try_from(BUNDLE_SLOTS_MAX).unwrap_or(u64::MAX);
    let end = range
        .end
        .min(head.body().length)
        .min(range.start.saturating_add(slots_max));
    let range = range.start..end;
    if range.is_empty() {
        return Ok(None);
    }
    let hashes = Hashes {
        disk,
        feed,
        leaf: None,
    };
    let mut filling = Filling {
        length: head.body().length,
        next: range.start,
        retracted: disk.retracted(&feed, range.clone())?,
        hashes,
        kept: Vec::new(),
        bytes: 0,
    };
    let mut goes_on = Ok(true);
    disk.records(&feed, range.clone(), &mut |index, record| {
        goes_on = filling.take(index, record);
        matches!(goes_on, Ok(true))
    })?;
    if goes_on? {
        filling.withhold_to(range.end)?;
    }
    if filling.kept.is_empty() {
        return Ok(None);
    }
    let slots: Vec<Slot<'_>> = filling.kept.iter().map(Kept::slot).collect();
    bundle::prove(head, range.start, &slots, &disk.pieces(&feed))
}

/// Slots being gathered for a bundle, in rising order.
struct Filling<'a> {
    /// Length of the head that the bundle is under.
    length: u64,
    next: u64,
    /// Records that are retracted, each with the record that says so.
    retracted: BTreeMap<u64, u64>,
    hashes: Hashes<'a>,
    kept: Vec<Kept>,
    /// Bytes of the records so far.
    bytes: usize,
}

impl Filling<'_> {
    /// Takes a record that is held; `false` when the bundle ends before it.
    fn take(&mut self, index: u64, record: &[u8]) -> Result<bool, StoreError> {
        if !self.withhold_to(index)? {
            return Ok(false);
        }
        if self.retracted.contains_key(&index) {
            return self.withhold();
        }
        self.bytes += record.len();
        if self.bytes > BUNDLE_BYTES_TARGET && !self.kept.is_empty() {
            return Ok(false);
        }
        self.kept.push(Kept::Record(record.to_vec()));
        self.next += 1;
        Ok(true)
    }

    /// Withholds what is not held up to a record; `false` when the list has a hole before it.
    fn withhold_to(&mut self, index: u64) -> Result<bool, StoreError> {
        while self.next < index {
            if !self.withhold()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Withholds the next record, with the hint that it is retracted where somebody can check that: the retract is
    /// under the same head, and comes after the record.
    fn withhold(&mut self) -> Result<bool, StoreError> {
        let Some(hash) = self.hashes.at(self.next)? else {
            return Ok(false);
        };
        let hints = self.next + 1..self.length;
        let by = self.retracted.get(&self.next).copied();
        let by = by.filter(|by| hints.contains(by));
        self.kept.push(Kept::Back(hash, by));
        self.next += 1;
        Ok(true)
    }
}

/// A slot on its way into a bundle.
enum Kept {
    Record(Vec<u8>),
    Back(Hash, Option<u64>),
}

impl Kept {
    fn slot(&self) -> Slot<'_> {
        match self {
            Self::Record(record) => Slot::Record(record),
            Self::Back(hash, None) => Slot::Withheld(*hash),
            Self::Back(hash, Some(by)) => Slot::Retracted(*hash, *by),
        }
    }
}

/// Link hashes in rising order: each leaf of the list is read once.
struct Hashes<'a> {
    disk: &'a Disk,
    feed: FeedKey,
    leaf: Option<(u64, Vec<u8>)>,
}

impl Hashes<'_> {
    fn at(&mut self, index: u64) -> Result<Option<Hash>, StoreError> {
        let wanted = index / LIST_LEAF_HASHES;
        if self.leaf.as_ref().is_none_or(|(leaf, _)| *leaf != wanted) {
            self.leaf = self
                .disk
                .pieces(&self.feed)
                .leaf(wanted)?
                .map(|bytes| (wanted, bytes));
        }
        let at = usize::try_from(index % LIST_LEAF_HASHES).unwrap_or(0) * HASH_BYTES;
        Ok(self
            .leaf
            .as_ref()
            .and_then(|(_, bytes)| Hash::from_slice(bytes.get(at..at + HASH_BYTES)?)))
    }
}
