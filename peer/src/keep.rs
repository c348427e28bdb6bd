//! What to keep and what to drop when room is short: values in, a verdict out.
//!
//! Every blob has a class and a time of last use. Media that are one's own or pinned are never chosen; cache goes before
//! followed, and within a class the least recently used goes first. A source asks for an item with the item's date as its
//! time of use, so that an older item never takes the place of a newer one, and what was evicted does not come back by
//! itself: the one order decides both. A person who asks for a file takes precedence over anything that may go.
//!
//! Reading the ledger and removing files is `node::room`'s. The rule of the quota in words: spec/store.md, Room (store-32).

#[cfg(test)]
mod tests;

use levada_feed::hash::Hash;
use serde::{Deserialize, Serialize};

/// Bytes of a quota that nobody set, at most.
const QUOTA_BYTES: u64 = 20 << 30;
/// Bytes left free when nobody said how many, at most.
const RESERVE_BYTES: u64 = 1 << 30;
/// Part of a disk left free when nobody said how much.
const RESERVE_PART: u64 = 20;
/// Room on a disk is given out in blocks.
const BLOCK_BYTES: u64 = 4_096;
/// Times of use are noted by the hour.
pub const USE_MS: u64 = 60 * 60 * 1_000;

/// What a blob is kept as; the first to go comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Fetched once, and in nobody's policy.
    Cache,
    /// A source keeps it.
    Followed,
    /// The person pinned it.
    Pinned,
    /// The person published it.
    Own,
}

impl Class {
    /// All, the first to go first.
    pub const ALL: [Self; 4] = [Self::Cache, Self::Followed, Self::Pinned, Self::Own];

    /// Its place in that order.
    #[must_use]
    pub fn place(self) -> usize {
        match self {
            Self::Cache => 0,
            Self::Followed => 1,
            Self::Pinned => 2,
            Self::Own => 3,
        }
    }

    /// Whether the quota counts it, and it may be evicted.
    #[must_use]
    pub fn is_bounded(self) -> bool {
        self < Self::Pinned
    }
}

/// A blob that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The blob.
    pub hash: Hash,
    /// What it is kept as.
    pub class: Class,
    /// When it was used last, Unix milliseconds.
    pub used: u64,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// Bytes and blobs of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Bytes, in the order of `Class::ALL`.
    pub bytes: [u64; 4],
    /// Blobs.
    pub blobs: [u64; 4],
    /// Bytes on disks that are not here: neither taken nor free, until they are back.
    #[serde(default)]
    pub away_bytes: u64,
    /// Blobs there.
    #[serde(default)]
    pub away_blobs: u64,
}

impl Totals {
    /// Bytes that the quota counts.
    #[must_use]
    pub fn bounded(&self) -> u64 {
        let [cache, followed, ..] = self.bytes;
        cache.saturating_add(followed)
    }

    /// One more. Without a class: on a disk that is away.
    pub fn add(&mut self, class: Option<Class>, bytes: u64) {
        let (sum, count) = self.of(class);
        *sum = sum.saturating_add(bytes);
        *count += 1;
    }

    /// One less.
    pub fn take(&mut self, class: Option<Class>, bytes: u64) {
        let (sum, count) = self.of(class);
        *sum = sum.saturating_sub(bytes);
        *count = count.saturating_sub(1);
    }

    fn of(&mut self, class: Option<Class>) -> (&mut u64, &mut u64) {
        let ([b0, b1, b2, b3], [n0, n1, n2, n3]) = (&mut self.bytes, &mut self.blobs);
        match class {
            Some(Class::Cache) => (b0, n0),
            Some(Class::Followed) => (b1, n1),
            Some(Class::Pinned) => (b2, n2),
            Some(Class::Own) => (b3, n3),
            None => (&mut self.away_bytes, &mut self.away_blobs),
        }
    }
}

/// Who wants room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A person, now.
    Person,
    /// A source, for an item of this date.
    Source {
        /// Unix milliseconds.
        date: u64,
    },
}

impl Asker {
    /// Whether a blob may go for what is asked.
    #[must_use]
    pub fn outranks(self, class: Class, used: u64) -> bool {
        match (class, self) {
            (Class::Own | Class::Pinned, _) => false,
            (Class::Cache, _) | (Class::Followed, Self::Person) => true,
            (Class::Followed, Self::Source { date }) => used < date,
        }
    }
}

/// The room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The quota, as set.
    pub set: Option<u64>,
    /// Bytes to leave free, as set.
    pub set_reserve: Option<u64>,
    /// Bytes that followed and cached media take.
    pub bounded: u64,
    /// Bytes free on the disk, without those that are promised.
    pub free: u64,
    /// Bytes of the whole disk.
    pub disk: u64,
}

/// Why something does not fit, whatever goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// It is larger than the quota.
    Quota,
    /// The disk has not that much.
    Disk,
}

impl Room {
    /// Bytes that followed and cached media may take together: what is set, or the smaller of 20 GiB and half of what they
    /// take and what is free. They count as free here, so that the quota does not shrink as it fills.
    #[must_use]
    pub fn quota(&self) -> u64 {
        let half = self.bounded.saturating_add(self.free) / 2;
        self.set.unwrap_or_else(|| half.min(QUOTA_BYTES))
    }

    /// Bytes to leave free: what is set, or the smaller of 1 GiB and a twentieth of the disk.
    #[must_use]
    pub fn reserve(&self) -> u64 {
        let part = self.disk / RESERVE_PART;
        self.set_reserve.unwrap_or_else(|| part.min(RESERVE_BYTES))
    }

    /// Bytes that have to go before `bytes` more of a class may come.
    ///
    /// # Errors
    /// See `TooLarge`.
    pub fn short(&self, class: Class, bytes: u64) -> Result<u64, TooLarge> {
        let wanted = bytes.saturating_add(self.reserve());
        let on_disk = wanted.saturating_sub(self.free);
        if !class.is_bounded() {
            return if on_disk > self.bounded {
                Err(TooLarge::Disk)
            } else {
                Ok(on_disk)
            };
        }
        let quota = self.quota();
        if bytes > quota {
            return Err(TooLarge::Quota);
        }
        if on_disk > self.bounded {
            return Err(TooLarge::Disk);
        }
        let by_quota = self.bounded.saturating_add(bytes).saturating_sub(quota);
        Ok(by_quota.max(on_disk))
    }
}

/// Bytes that a blob takes on the disk: its bytes and its outboard, in whole blocks. Small ones are inside the store and
/// take what they are.
#[must_use]
pub fn cost(size: u64) -> u64 {
    if size <= levada_feed::limits::INLINE_BYTES_MAX {
        return size;
    }
    let blocks = |bytes: u64| bytes.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES);
    blocks(size).saturating_add(outboard_cost(size))
}

/// Bytes that the outboard of a blob takes.
#[must_use]
pub fn outboard_cost(size: u64) -> u64 {
    let leaves = size.div_ceil(levada_feed::limits::BLOB_LEAF_BYTES);
    let pairs = leaves.saturating_sub(1).saturating_mul(64);
    pairs.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES)
}

/// Who goes so that `short` bytes come free: candidates in the order in which they go, `most` at a time. `None`: not even
/// all that may go would do, so nothing has to.
///
/// # Errors
/// Those of the candidates.
pub fn victims<E>(
    short: u64,
    candidates: impl Iterator<Item = Result<Kept, E>>,
    asker: Asker,
    is_busy: impl Fn(&Hash) -> bool,
    most: usize,
) -> Result<Option<Vec<Kept>>, E> {
    let (mut freed, mut chosen) = (0_u64, Vec::new());
    for candidate in candidates {
        if freed >= short {
            break;
        }
        let kept = candidate?;
        if !asker.outranks(kept.class, kept.used) {
            // They come in order: nobody after this one may go either.
            break;
        }
        if is_busy(&kept.hash) {
            continue;
        }
        freed = freed.saturating_add(kept.bytes);
        if chosen.len() < most {
            chosen.push(kept);
        }
    }
    Ok((freed >= short).then_some(chosen))
}
