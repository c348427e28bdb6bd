//! The ledger: what is kept of each blob, as what, and when it was used last; with sums by class.
//!
//! An entry is written before the first byte of a blob and taken out after the last one is gone, so that the sums are never
//! below what is on the disk. Which blob goes is decided in `keep`. Keys: `b` blob; `o` class, time of use, blob; `t`.
//!
//! What lies on a disk that is away keeps its entry, without a place in the order: nobody can drop it there.

use super::Disk;
use crate::keep::{Class, Kept, Totals};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::MutexGuard;

const TOTALS: &[u8] = b"t";
/// Where the order begins.
const ORDER: &[u8] = b"o";

/// What is known of the ledger without reading it.
#[derive(Default)]
pub(super) struct Sums {
    totals: Totals,
    /// Nothing of the order lies before this key. What went leaves marks in the database, which would be passed anew each
    /// time that somebody asks who is the next to go.
    first: Vec<u8>,
}

/// What is kept of one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As what.
    pub class: Class,
    /// When it was used last, Unix milliseconds.
    pub used: u64,
    /// Bytes that it takes at most.
    pub bytes: u64,
    /// Where its files are.
    pub files: Files,
}

/// Where the files of a blob are, by the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// It has none of its own, or they come or go just now.
    Unsettled,
    /// Here: if they are not, something else took them away.
    Here,
    /// On a disk that is not here.
    Away,
    /// Something else took them away.
    Lost,
}

impl Entry {
    fn counted_as(&self) -> Option<Class> {
        (self.files != Files::Away).then_some(self.class)
    }
}

/// The bits beside the class that say where the files are.
const FILES: u8 = 0xc0;
const HERE: u8 = 0x40;
const AWAY: u8 = 0x80;
const LOST: u8 = HERE | AWAY;

fn entry_key(hash: &Hash) -> Vec<u8> {
    [b"b", hash.0.as_slice()].concat()
}

fn order_key(hash: &Hash, entry: &Entry) -> Vec<u8> {
    let class = letter(entry.class);
    [&[b'o', class], entry.used.to_be_bytes().as_slice(), &hash.0].concat()
}

fn letter(class: Class) -> u8 {
    u8::try_from(class.place()).unwrap_or(u8::MAX)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..at + 8)?
        .try_into()
        .ok()
        .map(u64::from_be_bytes)
}

fn encode(entry: &Entry) -> Vec<u8> {
    let files = match entry.files {
        Files::Unsettled => 0,
        Files::Here => HERE,
        Files::Away => AWAY,
        Files::Lost => LOST,
    };
    [
        &[letter(entry.class) | files],
        entry.used.to_be_bytes().as_slice(),
        &entry.bytes.to_be_bytes(),
    ]
    .concat()
}

fn decode(bytes: &[u8]) -> Option<Entry> {
    Some(Entry {
        class: class_at(bytes, 0)?,
        used: number(bytes, 1)?,
        bytes: number(bytes, 9)?,
        files: match bytes.first()? & FILES {
            HERE => Files::Here,
            AWAY => Files::Away,
            LOST => Files::Lost,
            _ => Files::Unsettled,
        },
    })
}

fn class_at(bytes: &[u8], at: usize) -> Option<Class> {
    let letter = *bytes.get(at)? & !FILES;
    Class::ALL.get(usize::from(letter)).copied()
}

fn encode_totals(totals: &Totals) -> Vec<u8> {
    let away = [totals.away_bytes, totals.away_blobs];
    let numbers = totals.bytes.iter().chain(&totals.blobs).chain(&away);
    numbers.flat_map(|number| number.to_be_bytes()).collect()
}

fn decode_totals(bytes: &[u8]) -> Option<Totals> {
    let mut totals = Totals::default();
    let slots = totals.bytes.iter_mut().chain(&mut totals.blobs);
    for (at, slot) in slots.enumerate() {
        *slot = number(bytes, at * 8)?;
    }
    // Written since disks can be away.
    totals.away_bytes = number(bytes, 64).unwrap_or(0);
    totals.away_blobs = number(bytes, 72).unwrap_or(0);
    Some(totals)
}

impl Disk {
    pub(super) fn load_totals(&self) -> Result<(), StoreError> {
        if let Some(stored) = self.ledger.get(TOTALS)? {
            let totals = decode_totals(&stored);
            self.sums().totals = totals.ok_or_else(|| self.damaged("its sums of media"))?;
        }
        Ok(())
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// Bytes and blobs by class.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.sums().totals
    }

    /// What is kept of a blob.
    ///
    /// # Errors
    /// Those of the database.
    pub fn entry(&self, hash: &Hash) -> Result<Option<Entry>, StoreError> {
        match self.ledger.get(entry_key(hash))? {
            None => Ok(None),
            Some(bytes) => decode(&bytes)
                .map(Some)
                .ok_or_else(|| self.damaged("what it keeps of a blob")),
        }
    }

    /// Writes what is kept of blobs, or that nothing is any more: all in one write, sums included.
    ///
    /// # Errors
    /// Those of the database; nothing has changed then.
    pub fn put_entries(
        &self,
        changes: impl IntoIterator<Item = (Hash, Option<Entry>)>,
    ) -> Result<(), StoreError> {
        self.write_entries(&mut self.sums(), changes)
    }

    /// Changes what is kept of blobs, as it is at this moment: what others changed meanwhile stays.
    ///
    /// # Errors
    /// Those of the database; nothing has changed then.
    pub fn change_entries<'h>(
        &self,
        hashes: impl IntoIterator<Item = &'h Hash>,
        change: impl Fn(Entry) -> Entry,
    ) -> Result<(), StoreError> {
        let mut sums = self.sums();
        let mut changes = Vec::new();
        for hash in hashes {
            if let Some(entry) = self.entry(hash)? {
                let changed = change(entry);
                if changed != entry {
                    changes.push((*hash, Some(changed)));
                }
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.write_entries(&mut sums, changes)
    }

    fn write_entries(
        &self,
        sums: &mut Sums,
        changes: impl IntoIterator<Item = (Hash, Option<Entry>)>,
    ) -> Result<(), StoreError> {
        // The last word on each blob counts.
        let changes: BTreeMap<Hash, Option<Entry>> = changes.into_iter().collect();
        let mut totals = sums.totals;
        let mut write = self.db.batch();
        for (hash, entry) in changes {
            let before = self.entry(&hash)?;
            if before == entry {
                continue;
            }
            if let Some(before) = &before {
                totals.take(before.counted_as(), before.bytes);
                write.remove(&self.ledger, order_key(&hash, before));
            }
            match &entry {
                Some(entry) => {
                    totals.add(entry.counted_as(), entry.bytes);
                    write.insert(&self.ledger, entry_key(&hash), encode(entry));
                    if entry.files != Files::Away {
                        let bytes = entry.bytes.to_be_bytes();
                        let key = order_key(&hash, entry);
                        if key < sums.first {
                            sums.first.clone_from(&key);
                        }
                        write.insert(&self.ledger, key, bytes);
                    }
                }
                None => write.remove(&self.ledger, entry_key(&hash)),
            }
        }
        write.insert(&self.ledger, TOTALS, encode_totals(&totals));
        self.apply(write)?;
        sums.totals = totals;
        Ok(())
    }

    /// Blobs that are kept after a hash, in order, with their bytes; at most so many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn kept_after(
        &self,
        after: Option<&Hash>,
        most: usize,
    ) -> Result<Vec<(Hash, u64)>, StoreError> {
        let start = after.map_or(Bound::Included(vec![b'b']), |hash| {
            Bound::Excluded(entry_key(hash))
        });
        let end = Bound::Excluded(vec![b'b' + 1]);
        let mut kept = Vec::new();
        for entry in self.ledger.range((start, end)).take(most) {
            let (name, value) = entry.into_inner()?;
            let hash = name.get(1..).and_then(Hash::from_slice);
            kept.extend(hash.zip(decode(&value).map(|entry| entry.bytes)));
        }
        Ok(kept)
    }

    /// Blobs in the order in which they go: cache, then followed, the least recently used first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn in_order(
        &self,
    ) -> Result<impl Iterator<Item = Result<Kept, StoreError>> + '_, StoreError> {
        let end = vec![b'o', letter(Class::Pinned)];
        let mut sums = self.sums();
        let begin = sums.first.clone().max(ORDER.to_vec());
        let first = self.ledger.range(begin..end.clone()).next();
        sums.first = match first {
            Some(entry) => entry.key()?.to_vec(),
            None => end.clone(),
        };
        let bounded = sums.first.clone()..end;
        drop(sums);
        Ok(self.ledger.range(bounded).map(|entry| {
            let (name, value) = entry.into_inner()?;
            let kept = || {
                Some(Kept {
                    class: class_at(&name, 1)?,
                    used: number(&name, 2)?,
                    hash: name.get(10..).and_then(Hash::from_slice)?,
                    bytes: number(&value, 0)?,
                })
            };
            kept().ok_or_else(|| self.damaged("the order of its media"))
        }))
    }
}
