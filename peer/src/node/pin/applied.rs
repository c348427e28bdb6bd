//! Carries out what the file of pins says: what it newly pins is raised, what it pins no more is what it would be without.
//!
//! A note in the store has the pins that were carried out last, so that a line that a person wrote or took out counts like a
//! command, at the next look at the file. Page by page, with how far it is: interrupted or killed, it goes on.

use crate::api::{Code, Failure};
use crate::io::clock;
use crate::io::disk::{Due, Entry};
use crate::keep::Class;
use crate::node::records::blocking;
use crate::node::{Node, Stop};
use crate::pins::{Pin, Pins};
use crate::sources::Keep;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

/// The pins that were carried out.
const APPLIED: &[u8] = b"pins/applied";
/// How far the one is that is being carried out.
const UNDER_WAY: &[u8] = b"pins/under-way";
/// Retractions that a pin held back, put back together.
const SPARED_MAX: usize = 10_000;
/// What a call waits for pins that somebody else wrote.
const BEFORE_MS: u128 = 500;
/// Time between two looks whether somebody else is done with them.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A pin as it is noted: the feed, whether it is of an item, and of which.
type Raw = [u8; 41];

fn raw(pin: &Pin) -> Raw {
    let mut raw = [0; 41];
    let index = pin.index.unwrap_or(0).to_be_bytes();
    let parts = [
        pin.feed.as_bytes().as_slice(),
        &[u8::from(pin.index.is_some())],
        &index,
    ];
    let bytes = parts.into_iter().flatten();
    raw.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    raw
}

fn read(raw: &Raw) -> Option<(FeedKey, Option<u64>)> {
    let (key, rest) = raw.split_first_chunk::<32>()?;
    let (is_item, index) = rest.split_first()?;
    let index = u64::from_be_bytes(index.try_into().ok()?);
    Some((
        FeedKey::from_bytes(key).ok()?,
        (*is_item == 1).then_some(index),
    ))
}

/// Who may claim a blob.
pub(in crate::node) struct Claims {
    pins: Arc<Pins>,
    own: BTreeSet<FeedKey>,
    /// Feeds of which all is kept.
    followed: BTreeSet<FeedKey>,
}

impl Node {
    /// Who may claim a blob now. Files that cannot be read claim nothing.
    pub(in crate::node) fn claims(&self) -> Claims {
        let keys = self.keys.list().unwrap_or_default();
        let sources = self.sources().unwrap_or_default();
        let whole = sources
            .list()
            .iter()
            .filter(|source| source.keep == Keep::All);
        Claims {
            pins: self.pins().unwrap_or_default(),
            own: keys.into_iter().map(|key| key.feed).collect(),
            followed: whole.map(|source| source.feed).collect(),
        }
    }

    /// What a blob is kept as, by what names it. What a source keeps in part is told when it is synced next.
    pub(in crate::node) fn class_of(
        &self,
        claims: &Claims,
        hash: &Hash,
    ) -> Result<Class, StoreError> {
        let mut class = Class::Cache;
        for (feed, index) in self.named_by(hash)? {
            let now = if claims.own.contains(&feed) {
                Class::Own
            } else if claims.pins.has(&feed, self.first_record(&feed, index)?) {
                Class::Pinned
            } else if claims.followed.contains(&feed) {
                Class::Followed
            } else {
                Class::Cache
            };
            class = class.max(now);
        }
        Ok(class)
    }

    /// Carries out what the file of pins says, for a person who waits for it.
    pub(in crate::node) async fn apply_pins_until(
        self: &Arc<Self>,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let (applying, stop) = (self.clone(), stop.clone());
        let applied = blocking(move || applying.apply_pins(&|| *stop.borrow())).await;
        applied.map_err(|error| Failure::new(Code::Failed, error.to_string()))
    }

    /// The same before other work, for a moment.
    pub(in crate::node) async fn apply_pins_soon(self: &Arc<Self>) -> Result<(), Failure> {
        let (applying, begun) = (self.clone(), clock::tick());
        let is_late = move || clock::since(begun).as_millis() >= BEFORE_MS;
        let applied = blocking(move || {
            loop {
                match applying.applied.try_lock() {
                    Ok(applied) => return applying.apply_all(applied, &is_late),
                    // Somebody is at it, who may take longer.
                    Err(_) if is_late() => return Ok(()),
                    Err(_) => std::thread::sleep(LOOK_AGAIN),
                }
            }
        });
        let applied = applied.await;
        applied.map_err(|error| Failure::new(Code::Failed, error.to_string()))
    }

    /// Carries out what the file of pins says and was not carried out yet, until told to stop. A file that cannot be read
    /// changes nothing.
    pub(in crate::node) fn apply_pins(
        &self,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let applied = self
            .applied
            .lock()
            .expect("nobody panics while holding this lock");
        self.apply_all(applied, is_stopped)
    }

    fn apply_all(
        &self,
        mut applied: MutexGuard<'_, Option<Arc<Pins>>>,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let Ok(pins) = self.pins() else {
            return Ok(());
        };
        if applied
            .as_ref()
            .is_some_and(|applied| Arc::ptr_eq(applied, &pins))
        {
            return Ok(());
        }
        let now: BTreeSet<Raw> = pins.pins().iter().map(raw).collect();
        let noted = self.disk.note(APPLIED)?.unwrap_or_default();
        let mut done: BTreeSet<Raw> = noted.as_chunks::<41>().0.iter().copied().collect();
        let changed: Vec<Raw> = done.symmetric_difference(&now).copied().collect();
        if !changed.is_empty() && now.is_empty() && !self.dirs.pins().exists() {
            return self.put_pins_back(&done);
        }
        let (claims, mut waits) = (self.claims(), false);
        for pin in changed {
            let is_new = now.contains(&pin);
            if is_new && !self.is_here(&pin)? {
                // Its blobs are known once its records are.
                waits = true;
                continue;
            }
            if is_stopped() || !self.apply(&claims, &pin, is_new, is_stopped)? {
                return Ok(());
            }
            if !done.remove(&pin) {
                done.insert(pin);
            }
            let text: Vec<u8> = done.iter().flatten().copied().collect();
            self.disk.put_notes([(APPLIED.to_vec(), text)])?;
            self.disk.drop_note(UNDER_WAY)?;
        }
        *applied = (!waits).then_some(pins);
        Ok(())
    }

    /// Whether the records are here of which a pin speaks.
    fn is_here(&self, pin: &Raw) -> Result<bool, StoreError> {
        let Some((feed, index)) = read(pin) else {
            return Ok(true);
        };
        Ok(match index {
            Some(index) => self.disk.held(&feed).contains(index),
            None => self.disk.head(&feed)?.is_some(),
        })
    }

    /// The file is gone, and nobody unpinned what was in it: a folder that is not mounted, or a tool in the middle of its work,
    /// must not let go of what a person pinned.
    fn put_pins_back(&self, pins: &BTreeSet<Raw>) -> Result<(), StoreError> {
        let path = self.dirs.pins();
        tracing::warn!(
            "{}: it is gone; {} pins are written again as they were last; `levada unpin` ends one",
            path.display(),
            pins.len()
        );
        let now = clock::now_ms();
        let put = self.change_pins(|file| {
            for (feed, index) in pins.iter().filter_map(read) {
                file.add(&feed, index, now);
            }
        });
        put.map_err(|failure| StoreError::File {
            path,
            doing: "writing what is pinned",
            source: std::io::Error::other(failure.message),
        })
    }

    /// One pin that is new, or is no more; says whether it came to the end.
    fn apply(
        &self,
        claims: &Claims,
        pin: &Raw,
        is_new: bool,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let Some((feed, index)) = read(pin) else {
            return Ok(true);
        };
        let change = |hashes: &BTreeSet<Hash>| {
            if is_new {
                let hashes: Vec<Hash> = hashes.iter().copied().collect();
                return self.raise(&hashes, Class::Pinned).map(drop);
            }
            hashes.iter().try_for_each(|hash| self.loosen(claims, hash))
        };
        match index {
            Some(index) => change(&self.blobs_of(&feed, index)?)?,
            None => {
                // A pin that came and one that went are told apart.
                let name = [pin.as_slice(), &[u8::from(is_new)]].concat();
                let noted = self.disk.note(UNDER_WAY)?;
                let start = noted
                    .as_deref()
                    .and_then(|noted| noted.strip_prefix(name.as_slice()));
                let start = start.and_then(|start| start.try_into().ok());
                let start = start.map_or(0, u64::from_be_bytes);
                self.each_named_from(&feed, start, is_stopped, &mut |hashes, next| {
                    change(hashes)?;
                    let value = [name.as_slice(), &next.to_be_bytes()].concat();
                    self.disk.put_notes([(UNDER_WAY.to_vec(), value)])
                })?;
                if is_stopped() {
                    return Ok(false);
                }
            }
        }
        if !is_new {
            // A line that was taken out by mistake can be put back for a day.
            let grace = self.settings().retracted.days.saturating_mul(DAY_MS);
            let soonest = clock::now_ms().saturating_sub(grace).saturating_add(DAY_MS);
            self.put_due(claims, &feed, soonest)?;
        }
        Ok(true)
    }

    /// Retractions that a pin held back count again, as seen at this time at the soonest.
    pub(super) fn put_due(
        &self,
        claims: &Claims,
        feed: &FeedKey,
        soonest: u64,
    ) -> Result<(), StoreError> {
        for Due { since, index, .. } in self.disk.spared(Some(feed), SPARED_MAX)? {
            if !claims.pins.has(feed, index) && !claims.own.contains(feed) {
                self.disk.unspare(feed, index, Some(since.max(soonest)))?;
            }
        }
        Ok(())
    }

    /// A pin of this blob has ended.
    fn loosen(&self, claims: &Claims, hash: &Hash) -> Result<(), StoreError> {
        if self
            .disk
            .entry(hash)?
            .is_none_or(|entry| entry.class != Class::Pinned)
        {
            return Ok(());
        }
        let class = self.class_of(claims, hash)?;
        self.disk.change_entries([hash], |entry| match entry.class {
            Class::Pinned => Entry { class, ..entry },
            _ => entry,
        })
    }
}
