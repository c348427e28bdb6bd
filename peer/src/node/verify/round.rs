//! One round over all that is held, or over one feed: records, small blobs, large ones, those that are gone, then whether the
//! rest of the store can be read. How far it is, is noted as it goes, within a large blob too, so that a killed or ended run costs nothing; a new
//! round begins when the last one was whole.

use super::notes::{
    Cursor, Phase, UNREADABLE, UnderWay, WHOLE, left_damaged, name, note_damage, note_verified,
    verified_at,
};
use super::{Wrong, records};
use crate::api::{Event, Progress, Verified};
use crate::io::blobs::{Look, Looked};
use crate::io::clock;
use crate::io::disk::TableRead;
use crate::node::words::REBUILD;
use crate::node::{Node, Stop};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::INLINE_BYTES_MAX;
use levada_feed::record::{self, Body};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Records looked at together.
const WINDOW_RECORDS: u64 = 512;
/// Blobs looked at side by side.
const BLOBS_AT_ONCE: usize = 32;
/// Small blobs looked at before it is noted how far we are.
const SMALL_AT_ONCE: usize = 1_000;
/// Damaged things found before they are mended.
pub(super) const WRONG_MAX: usize = 256;
/// Time between two reports of progress.
const REPORT_MS: u128 = 100;

/// When to stop: when the person says so, or when the time is up.
#[derive(Clone)]
pub(super) struct Until {
    pub(super) stop: Stop,
    pub(super) deadline: Option<(Instant, Duration)>,
}

impl Until {
    pub(super) fn is_now(&self) -> bool {
        *self.stop.borrow()
            || self
                .deadline
                .is_some_and(|(since, limit)| clock::since(since) >= limit)
    }
}

/// One round.
pub(super) struct Round {
    pub(super) node: Arc<Node>,
    /// Only this feed.
    only: Option<FeedKey>,
    pub(super) cursor: Cursor,
    until: Until,
    events: mpsc::Sender<Event>,
    pub(super) came: Verified,
    bytes: AtomicU64,
    reported: Option<Instant>,
}

impl Round {
    /// Goes on with the round that was not ended, or begins one.
    pub(super) fn open(
        node: &Arc<Node>,
        only: Option<FeedKey>,
        until: Until,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, StoreError> {
        let noted = node.disk.note(&name(only.as_ref()))?;
        let noted = noted.and_then(|value| serde_json::from_slice(&value).ok());
        let cursor = noted.unwrap_or_else(|| Cursor {
            started: clock::now_ms(),
            phase: Phase::Records,
            feed: only,
            index: 0,
            blob: None,
        });
        Ok(Self {
            node: node.clone(),
            only,
            cursor,
            until,
            events,
            came: Verified::default(),
            bytes: AtomicU64::new(0),
            reported: None,
        })
    }

    /// Looks on until enough is damaged, the round is whole or it is time to stop.
    pub(super) fn next(&mut self) -> Result<Vec<Wrong>, StoreError> {
        let mut found = Vec::new();
        while found.len() < WRONG_MAX && !self.came.is_done && !self.until.is_now() {
            if self.cursor.phase == Phase::Tables && !found.is_empty() {
                break;
            }
            match self.cursor.phase {
                Phase::Records => self.records(&mut found)?,
                Phase::Small => self.small(&mut found)?,
                Phase::Large => self.large(&mut found)?,
                Phase::Lost => self.lost(&mut found)?,
                Phase::Tables => self.tables()?,
            }
        }
        self.came.bytes = self.bytes.load(Ordering::Relaxed);
        self.report(true);
        Ok(found)
    }

    pub(super) fn note(&self) -> Result<(), StoreError> {
        let value = serde_json::to_vec(&self.cursor).expect("numbers and text become JSON");
        self.node
            .disk
            .put_notes([(name(self.only.as_ref()), value)])
    }

    /// Notes that all of a phase was looked at, unless something was found: it is mended first, and a kill in between must not
    /// hide it.
    pub(super) fn note_unless(&self, found: &[Wrong]) -> Result<(), StoreError> {
        if found.is_empty() {
            self.note()
        } else {
            Ok(())
        }
    }

    /// The round is whole: the next run begins another one.
    fn end(&mut self) -> Result<(), StoreError> {
        self.came.is_done = true;
        if self.only.is_none() {
            let value = self.cursor.started.to_be_bytes().to_vec();
            self.node.disk.put_notes([(WHOLE.to_vec(), value)])?;
        }
        self.node.disk.drop_note(&name(self.only.as_ref()))
    }

    /// One window of records.
    fn records(&mut self, found: &mut Vec<Wrong>) -> Result<(), StoreError> {
        let Some(feed) = self.cursor.feed.or_else(|| self.feed_after(None)) else {
            self.cursor.phase = Phase::Small;
            return self.note();
        };
        let head = self.node.disk.head(&feed)?;
        let length = head.as_ref().map_or(0, |head| head.body().length);
        let from = self.cursor.index;
        if let Some(head) = head.filter(|_| from < length) {
            let range = from..length.min(from + WINDOW_RECORDS);
            self.came.records += records::look(&self.node, &feed, &head, range.clone(), found)?;
            if self.only.is_some() && !self.files_of(&feed, range.clone(), found)? {
                return Ok(());
            }
            self.cursor.feed = Some(feed);
            self.cursor.index = range.end;
            self.report(false);
            return self.note();
        }
        if self.only.is_some() {
            return self.end();
        }
        self.cursor.index = 0;
        self.cursor.feed = self.feed_after(Some(feed));
        if self.cursor.feed.is_none() {
            self.cursor.phase = Phase::Small;
        }
        self.note()
    }

    fn feed_after(&self, feed: Option<FeedKey>) -> Option<FeedKey> {
        let feeds = self.node.disk.feeds();
        feeds
            .into_iter()
            .filter(|next| feed.is_none_or(|feed| *next > feed))
            .min()
    }

    /// The files that records of a range name; says whether all were looked at.
    fn files_of(
        &mut self,
        feed: &FeedKey,
        range: std::ops::Range<u64>,
        found: &mut Vec<Wrong>,
    ) -> Result<bool, StoreError> {
        let (mut small, mut large) = (BTreeSet::new(), BTreeSet::new());
        self.node
            .disk
            .records_around(feed, range, &mut |index, bytes| {
                if let Ok(record) = record::read(bytes, index)
                    && let Body::Item(item) = record.body
                {
                    for file in item.files {
                        if file.size <= INLINE_BYTES_MAX {
                            small.insert(file.hash);
                        } else {
                            large.insert(file.hash);
                        }
                    }
                }
                true
            })?;
        for hash in &small {
            match self.node.disk.small(hash) {
                Ok(None) => {}
                Ok(Some(bytes)) => self.look_at_small(*hash, &bytes, found),
                Err(error) if error.is_damage() => found.push(Wrong::Small(*hash)),
                Err(error) => return Err(error),
            }
        }
        let mut large = large.into_iter();
        loop {
            let some: Vec<Hash> = large.by_ref().take(BLOBS_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(true);
            }
            if !self.look_at(&some, found)? {
                return Ok(false);
            }
            self.lost_of(&some, found)?;
        }
    }

    fn look_at_small(&mut self, hash: Hash, bytes: &[u8], found: &mut Vec<Wrong>) {
        let size = u64::try_from(bytes.len()).unwrap_or(0);
        self.came.files += 1;
        self.bytes.fetch_add(size, Ordering::Relaxed);
        if Hash::of(bytes) != hash {
            found.push(Wrong::Small(hash));
        }
    }

    /// Some small blobs.
    fn small(&mut self, found: &mut Vec<Wrong>) -> Result<(), StoreError> {
        let mut some = Vec::new();
        let disk = self.node.disk.clone();
        let mut bytes = 0;
        let mut wrong = Vec::new();
        disk.small_after(self.cursor.blob.as_ref(), &mut |hash, value| {
            bytes += value.map_or(0, |value| u64::try_from(value.len()).unwrap_or(0));
            if value.is_none_or(|value| Hash::of(value) != hash) {
                wrong.push(Wrong::Small(hash));
            }
            some.push(hash);
            some.len() < SMALL_AT_ONCE
        })?;
        found.append(&mut wrong);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.came.files += u64::try_from(some.len()).unwrap_or(0);
        match some.last() {
            Some(last) => self.cursor.blob = Some(*last),
            None => self.cursor.phase = Phase::Large,
        }
        self.report(false);
        self.note()
    }

    /// Large blobs that were not looked at in this round, to the end.
    fn large(&mut self, found: &mut Vec<Wrong>) -> Result<(), StoreError> {
        let node = self.node.clone();
        let mut blobs = node.blobs.large();
        loop {
            let mut some = Vec::new();
            for hash in blobs.by_ref() {
                let hash = hash?;
                if verified_at(&node, &hash)?.is_none_or(|at| at < self.cursor.started) {
                    some.push(hash);
                }
                if some.len() >= BLOBS_AT_ONCE {
                    break;
                }
            }
            if some.is_empty() {
                (self.cursor.phase, self.cursor.blob) = (Phase::Lost, None);
                return self.note_unless(found);
            }
            if !self.look_at(&some, found)? || found.len() >= WRONG_MAX {
                return Ok(());
            }
        }
    }

    /// One table of the store, whatever is in it: whether it can be read. What was mended has other bytes by now; the old ones
    /// are still where the database will meet them.
    fn tables(&mut self) -> Result<(), StoreError> {
        let disk = &self.node.disk;
        let place = usize::try_from(self.cursor.index).unwrap_or(usize::MAX);
        let before = disk.note(UNREADABLE)?.filter(|_| place > 0);
        match disk.table_is_readable(place, &|| self.until.is_now())? {
            None => return self.end(),
            Some(TableRead::Stopped) => return Ok(()),
            Some(TableRead::Whole) if place == 0 => disk.drop_note(UNREADABLE)?,
            Some(TableRead::Whole) => {}
            Some(TableRead::Damaged(name)) => {
                let names = before.map(|names| [&names, b", ".as_slice()].concat());
                let names = [names.unwrap_or_default().as_slice(), name.as_bytes()].concat();
                disk.put_notes([(UNREADABLE.to_vec(), names)])?;
                self.came.damaged += 1;
                let store = self.node.dirs.store();
                // Nobody listens any more: the work goes on all the same.
                let _ = self.events.blocking_send(Event::Warning {
                    message: format!("{}: a part cannot be read: {name}", store.display()),
                    hint: Some(REBUILD.to_owned()),
                });
            }
        }
        self.cursor.index += 1;
        self.note()
    }

    /// Looks at some blobs side by side; says whether it came to the end of them.
    fn look_at(&mut self, some: &[Hash], found: &mut Vec<Wrong>) -> Result<bool, StoreError> {
        let (node, until) = (self.node.clone(), self.until.clone());
        let started = self.cursor.started;
        let bytes = &self.bytes;
        let events = self.events.clone();
        let looked: Result<Vec<(Hash, Looked)>, StoreError> = some
            .par_iter()
            .map(|hash| {
                let reading = |read| {
                    let all = bytes.fetch_add(read, Ordering::Relaxed) + read;
                    let progress = Progress {
                        what: "verified".into(),
                        bytes: all,
                        ..Progress::default()
                    };
                    // A report that finds no room is one of many.
                    let _ = events.try_send(Event::Progress(progress));
                };
                let is_done = verified_at(&node, hash)?.is_some_and(|at| at >= started);
                if is_done {
                    return Ok((*hash, Looked::Absent));
                }
                let under_way = UnderWay::of(&node, hash, started)?;
                let look = Look {
                    from: under_way.leaf,
                    reading: &reading,
                    noting: &|path| note_damage(&node, hash, path),
                    reached: &|leaf| under_way.note(&node, hash, leaf),
                    stopping: &|| until.is_now(),
                };
                Ok((*hash, node.blobs.look(hash, look)?))
            })
            .collect();
        let mut is_whole = true;
        for (hash, looked) in looked? {
            match looked {
                Looked::Absent => {}
                Looked::Stopped => is_whole = false,
                Looked::Whole => {
                    self.came.files += 1;
                    match left_damaged(&node, &hash)? {
                        Some(damage) => found.push(Wrong::Blob { hash, damage }),
                        None => note_verified(&node, &hash)?,
                    }
                }
                // Noted once it was seen to: a kill before that must not hide it.
                Looked::Damaged(damage) => {
                    self.came.files += 1;
                    found.push(Wrong::Blob { hash, damage });
                }
            }
        }
        Ok(is_whole)
    }

    fn report(&mut self, is_now: bool) {
        let is_due = self
            .reported
            .is_none_or(|last| clock::since(last).as_millis() >= REPORT_MS);
        if !is_now && !is_due {
            return;
        }
        self.reported = Some(clock::tick());
        let progress = Progress {
            what: "verified".into(),
            bytes: self.bytes.load(Ordering::Relaxed),
            count: self.came.records + self.came.files,
            ..Progress::default()
        };
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.blocking_send(Event::Progress(progress));
    }
}
