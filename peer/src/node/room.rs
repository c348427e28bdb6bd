//! Room for media: what is about to come is promised its bytes here before the first of them is written, and what has to
//! go for it goes here. One lock, so that fetches at the same time cannot pass the quota together.
//!
//! Who goes is decided in `keep` (store-31). The ledger is never below the disk: an entry is written before its file is begun and
//! taken out after the file is gone. A crash in between leaves an entry that counts too much, and the blob is the next to go
//! or to be fetched. An entry of files that are here is that of a blob that is here: if it is not, something else took it (`lost`).

mod asked;
mod kept;
mod lost;

pub(super) use asked::{Coming, NoRoom, Purpose};

use super::Node;
use crate::io::clock;
use crate::io::disk::{Entry, Files};
use crate::keep::{self, Asker, Class, TooLarge};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::{BLOB_LEAF_BYTES, INLINE_BYTES_MAX};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Blobs evicted between two looks at the order.
const VICTIMS: usize = 1_000;

/// Blobs that may not be evicted now, with the bytes promised to them.
#[derive(Default)]
pub(super) struct Room {
    busy: Mutex<BTreeMap<Hash, Busy>>,
}

#[derive(Clone, Copy, Default)]
struct Busy {
    holders: u32,
    /// How many of them fetch it; the others read it.
    fetchers: u32,
    /// Bytes that it may take in all; 0 when it is only read.
    promised: u64,
}

impl Room {
    fn busy(&self) -> MutexGuard<'_, BTreeMap<Hash, Busy>> {
        self.busy
            .lock()
            .expect("nobody panics while holding this lock")
    }
}

/// Keeps blobs from being evicted until it is dropped.
pub(super) struct Holding {
    room: Arc<Room>,
    is_fetching: bool,
    hashes: Vec<Hash>,
    /// Those of them that were here, and whose files something else took away.
    lost: Vec<Hash>,
}

impl Holding {
    /// Whether this blob was here, and something else took its files away.
    pub(super) fn was_lost(&self, hash: &Hash) -> bool {
        self.lost.contains(hash)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut busy = self.room.busy();
        for hash in &self.hashes {
            if let Some(held) = busy.get_mut(hash) {
                held.holders -= 1;
                held.fetchers -= u32::from(self.is_fetching);
                if held.fetchers == 0 {
                    held.promised = 0;
                }
                if held.holders == 0 {
                    busy.remove(hash);
                }
            }
        }
    }
}

impl Node {
    /// Keeps a blob from being evicted while it is used.
    pub(super) fn hold(&self, hash: Hash) -> Holding {
        self.room.busy().entry(hash).or_default().holders += 1;
        Holding {
            room: self.room.clone(),
            is_fetching: false,
            hashes: vec![hash],
            lost: Vec::new(),
        }
    }

    /// Promises blobs their room, one after the other, and makes it if need be. Gives what holds those that have it, and for
    /// each why it has not.
    pub(super) fn reserve(
        &self,
        coming: &[Coming],
        purpose: Purpose,
    ) -> Result<(Holding, Vec<Option<NoRoom>>), StoreError> {
        // Before the lock, so that it is dropped after it.
        let mut holding = Holding {
            room: self.room.clone(),
            is_fetching: true,
            hashes: Vec::new(),
            lost: Vec::new(),
        };
        let mut busy = self.room.busy();
        // What is not written yet of this round is not in the sums, so it is counted here.
        let (mut room, mut unwritten) = (self.room_now(&busy, 0)?, 0_u64);
        let mut refusals = Vec::with_capacity(coming.len());
        let mut entries = Vec::new();
        let mut has_large = false;
        let mut hopeless = None;
        for one in coming {
            if self.is_lost_now(&busy, &one.hash)? {
                holding.lost.push(one.hash);
                // What it took is free.
                room = self.room_now(&busy, unwritten)?;
            }
            let known = self.disk.entry(&one.hash)?;
            let here = known.filter(|entry| entry.files != Files::Away);
            let before = here.map_or(0, |entry| entry.bytes);
            let class = purpose.class();
            let class = known.map_or(class, |entry| entry.class.max(class));
            let bytes = bytes_of(one, before);
            let added = bytes - before;
            let wants = Wants {
                class,
                added,
                purpose,
            };
            let (refused, has_evicted) = self.make_room(&busy, &room, one, wants, &mut hopeless)?;
            refusals.push(refused);
            if has_evicted {
                room = self.room_now(&busy, unwritten)?;
            }
            if refused.is_some() {
                continue;
            }
            if class.is_bounded() {
                unwritten = unwritten.saturating_add(added);
                room.bounded = room.bounded.saturating_add(added);
            }
            room.free = room.free.saturating_sub(added);
            let used = purpose.used(one.date, known.map(|entry| entry.used), clock::now_ms());
            let entry = Entry {
                class,
                used,
                bytes,
                files: here.map_or(Files::Unsettled, |entry| entry.files),
            };
            entries.push((one.hash, Some(entry)));
            has_large |= one.size > INLINE_BYTES_MAX;
            let held = busy.entry(one.hash).or_default();
            held.holders += 1;
            held.fetchers += 1;
            held.promised = held.promised.max(bytes);
            holding.hashes.push(one.hash);
        }
        self.disk.put_entries(entries)?;
        drop(busy);
        if has_large {
            // A file that survives a loss of power must be in the ledger too.
            self.disk.sync()?;
        }
        Ok((holding, refusals))
    }

    /// How much room there is. `unwritten`: bytes promised that are not in the ledger yet.
    fn room_now(
        &self,
        busy: &BTreeMap<Hash, Busy>,
        unwritten: u64,
    ) -> Result<keep::Room, StoreError> {
        let mut promised = 0_u64;
        for (hash, busy) in busy.iter().filter(|(_, busy)| busy.promised > 0) {
            // What was written since is not free any more by itself.
            let written = match busy.promised > INLINE_BYTES_MAX {
                true => self.bytes_here(hash)?.unwrap_or(0),
                false => 0,
            };
            promised = promised.saturating_add(busy.promised.saturating_sub(written));
        }
        let settings = self.settings();
        let quota = &settings.quota;
        Ok(keep::Room {
            set: quota.size,
            set_reserve: quota.reserve,
            bounded: self.disk.totals().bounded().saturating_add(unwritten),
            free: self.blobs.free_bytes()?.saturating_sub(promised),
            disk: self.blobs.disk_bytes()?,
        })
    }

    /// Whether a file of one's own may be copied here; what may be evicted goes for it.
    pub(super) fn has_room_for_own(&self, bytes: u64) -> Result<bool, StoreError> {
        let busy = self.room.busy();
        match self.room_now(&busy, 0)?.short(Class::Own, bytes) {
            Ok(0) => Ok(true),
            Ok(short) => self.evict(&busy, short, Asker::Person),
            Err(_) => Ok(false),
        }
    }

    /// The room there is now.
    pub(super) fn room(&self) -> Result<keep::Room, StoreError> {
        self.room_now(&self.room.busy(), 0)
    }

    /// Gives why there is no room, and whether something went for it.
    fn make_room(
        &self,
        busy: &BTreeMap<Hash, Busy>,
        room: &keep::Room,
        one: &Coming,
        wants: Wants,
        hopeless: &mut Option<Hopeless>,
    ) -> Result<(Option<NoRoom>, bool), StoreError> {
        let Wants {
            class,
            added,
            purpose,
        } = wants;
        if added == 0 {
            return Ok((None, false));
        }
        let (size, quota, reserve) = (one.size, room.quota(), room.reserve());
        let short = match room.short(class, added) {
            Ok(0) => return Ok((None, false)),
            Ok(short) => short,
            Err(TooLarge::Quota) => return Ok((Some(NoRoom::Quota { size, quota }), false)),
            Err(TooLarge::Disk) => return Ok((Some(NoRoom::Disk { size, reserve }), false)),
        };
        let asked = Hopeless {
            date: one.date,
            short,
        };
        let is_hopeless = hopeless.as_ref().is_some_and(|known| known.covers(&asked));
        if !is_hopeless && self.evict(busy, short, purpose.asker(class, one.date))? {
            return Ok((None, true));
        }
        if !is_hopeless {
            *hopeless = Some(asked);
        }
        let is_quota_full = room.bounded.saturating_add(added) > quota;
        let no_room = if class.is_bounded() && is_quota_full {
            NoRoom::Full { size, quota }
        } else {
            NoRoom::Disk { size, reserve }
        };
        Ok((Some(no_room), !is_hopeless))
    }

    /// Evicts until so many bytes are free. `false`: nobody has to go for that.
    fn evict(
        &self,
        busy: &BTreeMap<Hash, Busy>,
        mut short: u64,
        asker: Asker,
    ) -> Result<bool, StoreError> {
        let Some(own) = self.own_feeds_whole()? else {
            return Ok(false);
        };
        let has_keys = self.keys.gone().is_ok_and(|gone| gone.is_empty());
        if !has_keys || self.lacks_pinned()? {
            return Ok(false);
        }
        self.blobs.note_used()?;
        // What cannot be told is not taken for somebody else's.
        let is_own = |hash: &Hash| {
            own.iter()
                .any(|feed| self.disk.is_named_by(hash, feed).unwrap_or(true))
        };
        while short > 0 {
            let stays = |hash: &Hash| busy.contains_key(hash) || is_own(hash);
            let order = self.disk.in_order()?;
            let Some(chosen) = keep::victims(short, order, asker, stays, VICTIMS)? else {
                return Ok(false);
            };
            let mut gone = Vec::with_capacity(chosen.len());
            self.going(chosen.iter().map(|kept| &kept.hash))?;
            for kept in &chosen {
                // The file before the note.
                self.blobs.drop_blob(&kept.hash)?;
                self.damaged.remove(&kept.hash)?;
                short = short.saturating_sub(kept.bytes);
                gone.push((kept.hash, self.entry_left(&kept.hash)?));
            }
            self.disk.put_entries(gone)?;
        }
        Ok(true)
    }

    /// Own feeds, if the store has all their records: only then can it be told what is one's own.
    fn own_feeds_whole(&self) -> Result<Option<Vec<FeedKey>>, StoreError> {
        let Ok(keys) = self.keys.list() else {
            return Ok(None);
        };
        if self.lacks_of_here()? {
            return Ok(None);
        }
        let mut feeds = Vec::new();
        for key in keys {
            let signed = self.remembered(&key.feed);
            let stored = self.disk.head(&key.feed)?;
            let length = |head: Option<u64>| head.unwrap_or(0);
            let stored = length(stored.map(|head| head.body().length));
            let is_behind = length(signed.map(|head| head.body().length)) > stored;
            if is_behind || self.lacking_before(&key.feed)? > 0 {
                return Ok(None);
            }
            feeds.push(key.feed);
        }
        Ok(Some(feeds))
    }

    /// What came, came: the ledger says what is there, and what did not come is not counted any more.
    pub(super) fn settle(&self, mut holding: Holding) -> Result<(), StoreError> {
        let mut busy = self.room.busy();
        // Who else fetches one of them was promised as much, and settles it last.
        let is_ours = |hash: &&Hash| busy.get(hash).is_none_or(|busy| busy.fetchers <= 1);
        let mut changed = Vec::new();
        for hash in holding.hashes.iter().filter(is_ours) {
            changed.push(match (self.here(hash)?, self.disk.entry(hash)?) {
                (Some(here), Some(entry)) => {
                    self.is_back(hash, &here)?;
                    (*hash, Some(here.put_into(entry)))
                }
                _ => (*hash, self.entry_left(hash)?),
            });
        }
        // Under this lock, so that one of two is the last.
        for hash in &holding.hashes {
            if let Some(held) = busy.get_mut(hash) {
                held.fetchers -= 1;
            }
        }
        holding.is_fetching = false;
        self.disk.put_entries(changed)
    }
}

/// What one blob of a round asked for in vain: nobody goes for another one that asks for no less and is no newer. What comes in
/// the same round takes nobody's place but that of blobs that would go.
struct Hopeless {
    date: u64,
    short: u64,
}

impl Hopeless {
    fn covers(&self, asked: &Self) -> bool {
        asked.date <= self.date && asked.short >= self.short
    }
}

/// What a blob that is about to come asks for.
#[derive(Clone, Copy)]
struct Wants {
    class: Class,
    /// Bytes besides those that it was promised before.
    added: u64,
    purpose: Purpose,
}

/// Bytes that a blob will take: never less than it does.
fn bytes_of(one: &Coming, before: u64) -> u64 {
    let whole = keep::cost(one.size);
    let wanted = match one.part {
        None => whole,
        Some(part) => {
            let leaves = part.div_ceil(BLOB_LEAF_BYTES).saturating_add(2);
            let bytes = leaves.saturating_mul(BLOB_LEAF_BYTES);
            let outboard = if before == 0 {
                keep::outboard_cost(one.size)
            } else {
                before
            };
            bytes.saturating_add(outboard).min(whole)
        }
    };
    wanted.max(before)
}
