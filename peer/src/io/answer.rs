//! What the store answers to peers: heads, bundles, records that are kept back (spec/wire.md).
//!
//! Reads the store and proves what it gives; decides nothing about who asks. Used by the server and by `prove`.

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
    let mut from = length.saturating_sub(count);
    let mut held = 0;
    // Walk back from the end only as far as the bytes allow.
    for index in (from..length).rev() {
        held += disk
            .record(feed, index)?
            .map_or(HASH_BYTES, |record| record.len())
            + 8;
        if held > BUNDLE_BYTES_TARGET {
            from = (index + 1).min(length - 1);
            break;
        }
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
    let mut hashes = Hashes {
        disk,
        feed,
        leaf: None,
    };
    let mut kept: Vec<Kept> = Vec::new();
    let mut bytes = 0;
    let mut hole = false;
    let fill =
        |kept: &mut Vec<Kept>, hashes: &mut Hashes<'_>, to: u64| -> Result<bool, StoreError> {
            while range.start + count(kept) < to {
                let index = range.start + count(kept);
                let Some(hash) = hashes.at(index)? else {
                    return Ok(false);
                };
                kept.push(Kept::Back(hash, None));
            }
            Ok(true)
        };
    let mut failed = None;
    disk.records(&feed, range.clone(), &mut |index, record| {
        bytes += record.len() + 8;
        if bytes > BUNDLE_BYTES_TARGET && !kept.is_empty() {
            hole = true;
            return false;
        }
        let step = fill(&mut kept, &mut hashes, index).and_then(|filled| {
            let back = retracted.get(&index).filter(|by| **by < head.body().length);
            match (filled, back) {
                (false, _) => return Ok(false),
                (true, None) => kept.push(Kept::Record(record.to_vec())),
                (true, Some(by)) => match hashes.at(index)? {
                    Some(hash) => kept.push(Kept::Back(hash, Some(*by))),
                    None => return Ok(false),
                },
            }
            Ok(true)
        });
        match step {
            Ok(goes_on) => {
                hole |= !goes_on;
                goes_on
            }
            Err(error) => {
                failed = Some(error);
                false
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if !hole {
        fill(&mut kept, &mut hashes, range.end)?;
    }
    if kept.is_empty() {
        return Ok(None);
    }
    let slots: Vec<Slot<'_>> = kept.iter().map(Kept::slot).collect();
    bundle::prove(head, range.start, &slots, &disk.pieces(&feed))
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

fn count(kept: &[Kept]) -> u64 {
    u64::try_from(kept.len()).unwrap_or(u64::MAX)
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
