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
use std::ops::Range;

/// What the frame of a slot may cost besides its bytes.
const SLOT_BYTES: usize = 8;

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
/// 4 MiB, but always the last.
///
/// # Errors
/// Those of the store.
pub fn latest(disk: &Disk, feed: &FeedKey, count: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(head) = disk.head(feed)? else {
        return Ok(None);
    };
    let length = head.body().length;
    // A count of slots that no bundle has would leave the last record out.
    let slots_max = u64::try_from(BUNDLE_SLOTS_MAX).unwrap_or(u64::MAX);
    let mut from = length;
    let mut bytes = 0;
    let mut hashes = Hashes::of(disk, feed);
    // Walk back from the end as far as the bytes allow and the list reaches: who keeps only the newest has no more of it.
    // A bundle needs the hash before its first slot too.
    for index in (length.saturating_sub(count.min(slots_max))..length).rev() {
        bytes += disk
            .record(feed, index)?
            .map_or(HASH_BYTES, |record| record.len())
            + SLOT_BYTES;
        let is_last = from == length;
        if (bytes > BUNDLE_BYTES_TARGET && !is_last)
            || hashes.at(index.saturating_sub(1))?.is_none()
        {
            break;
        }
        from = index;
    }
    let Some(newest) = bundle_under(disk, &head, from..length)? else {
        return Ok(None);
    };
    if from == 0 {
        return Ok(Some(newest));
    }
    let Some(mut answer) = bundle_under(disk, &head, 0..1)? else {
        return Ok(None);
    };
    answer.extend_from_slice(&newest);
    Ok(Some(answer))
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
    let retracted = disk.retracted(&feed, range.clone())?;
    let mut filling = Filling {
        hashes: Hashes::of(disk, &feed),
        kept: Vec::new(),
        start: range.start,
        bytes: 0,
    };
    let mut outcome = Ok(true);
    disk.records(&feed, range.clone(), &mut |index, record| {
        // Nobody is told of a retraction that the head does not cover.
        let by = retracted.get(&index).copied();
        let by = by.map(|by| Some(by).filter(|by| *by < head.body().length));
        outcome = filling.record(index, record, by);
        matches!(outcome, Ok(true))
    })?;
    if outcome? {
        filling.hashes_until(range.end)?;
    }
    if filling.kept.is_empty() {
        return Ok(None);
    }
    let slots: Vec<Slot<'_>> = filling.kept.iter().map(Kept::slot).collect();
    bundle::prove(head, range.start, &slots, &disk.pieces(&feed))
}

/// A bundle that is being filled, slot by slot.
struct Filling<'a> {
    hashes: Hashes<'a>,
    kept: Vec<Kept>,
    start: u64,
    bytes: usize,
}

impl Filling<'_> {
    fn next(&self) -> u64 {
        let count = u64::try_from(self.kept.len()).unwrap_or(u64::MAX);
        self.start.saturating_add(count)
    }

    /// Records that are not held, as hashes. Says whether the list reached so far.
    fn hashes_until(&mut self, to: u64) -> Result<bool, StoreError> {
        while self.next() < to {
            match self.hashes.at(self.next())? {
                Some(hash) => self.kept.push(Kept::Back(hash, None)),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// A record that is held; retracted ones travel as hashes. Says whether more fits.
    fn record(
        &mut self,
        index: u64,
        record: &[u8],
        retracted: Option<Option<u64>>,
    ) -> Result<bool, StoreError> {
        if !self.hashes_until(index)? {
            return Ok(false);
        }
        if let Some(by) = retracted {
            let hash = self.hashes.at(index)?;
            self.kept.extend(hash.map(|hash| Kept::Back(hash, by)));
            return Ok(hash.is_some());
        }
        self.bytes += record.len() + SLOT_BYTES;
        if self.bytes > BUNDLE_BYTES_TARGET && !self.kept.is_empty() {
            return Ok(false);
        }
        self.kept.push(Kept::Record(record.to_vec()));
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

/// Link hashes in rising or falling order: each leaf of the list is read once.
struct Hashes<'a> {
    disk: &'a Disk,
    feed: FeedKey,
    leaf: Option<(u64, Vec<u8>)>,
}

impl<'a> Hashes<'a> {
    fn of(disk: &'a Disk, feed: &FeedKey) -> Self {
        Self {
            disk,
            feed: *feed,
            leaf: None,
        }
    }

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
