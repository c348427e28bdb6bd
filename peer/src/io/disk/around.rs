//! Reading around what cannot be read: a block of a table that a disk got wrong takes nothing with it but what was in it.
//!
//! The database reads a range block by block and ends at one that does not have its checksum. What lies behind it is found by
//! its key. So is a record that came again since: its newest bytes are elsewhere, and the old block is not looked at.

use super::{Disk, ListPieces, index_in, key};
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::tree::{Node, Pieces};
use std::ops::Range;

/// Records that are looked up each by its key before the range is read on; entries read before it is asked whether to stop.
const APART: u64 = 512;

/// What becomes of a record that is held and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// The reading ends with the error.
    Fails,
    /// It is left out.
    LeftOut,
}

/// What the reading of a whole table came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableRead {
    /// All of it can be read.
    Whole,
    /// A part of the table with this name cannot be read.
    Damaged(String),
    /// It was stopped before the end.
    Stopped,
}

/// A feed's hash list in which a piece that cannot be read is as one that is not here.
pub struct Readable<'a>(ListPieces<'a>);

impl Pieces for Readable<'_> {
    type Error = StoreError;

    fn node(&self, node: Node) -> Result<Option<Hash>, StoreError> {
        unless_damaged(self.0.node(node))
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        unless_damaged(self.0.leaf(index))
    }
}

/// What is damaged is as if it were not here; what is out of reach for another reason is an error.
pub(super) fn unless_damaged<T, E: Into<StoreError>>(
    read: Result<Option<T>, E>,
) -> Result<Option<T>, StoreError> {
    match read.map_err(Into::into) {
        Err(error) if error.is_damage() => Ok(None),
        read => read,
    }
}

impl Disk {
    /// Records of a range that are held, in order, until `visit` says to stop.
    ///
    /// # Errors
    /// Those of the database, when a record of the range cannot be read.
    pub fn records(
        &self,
        feed: &FeedKey,
        range: Range<u64>,
        visit: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.read(feed, range, Unread::Fails, visit)
    }

    /// The same without those that cannot be read.
    ///
    /// # Errors
    /// Those that are no damage to a record; `Damaged`, when there is something else than records.
    pub fn records_around(
        &self,
        feed: &FeedKey,
        range: Range<u64>,
        visit: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.read(feed, range, Unread::LeftOut, visit)
    }

    /// The first record from an index on of which there are bytes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn next_record(&self, feed: &FeedKey, from: u64) -> Result<Option<u64>, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(None);
        };
        let mut records = self.records.range(key(number, from), key(number, u64::MAX));
        match records.next() {
            Some(entry) => Ok(index_in(&entry?.0)),
            None => Ok(None),
        }
    }

    /// A feed's hash list, without what cannot be read of it.
    #[must_use]
    pub fn pieces_around(&self, feed: &FeedKey) -> Readable<'_> {
        Readable(self.pieces(feed))
    }

    /// Records of a feed that cannot be read are not held any more, so that they are asked for again. Nothing is removed. Gives
    /// how many. Reads all records of the feed; when it is stopped, nothing changes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn let_go_unreadable(
        &self,
        feed: &FeedKey,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<u64, StoreError> {
        let held = self.held(feed);
        let (mut readable, mut goes_on) = (Runs::new(), true);
        self.records_around(feed, 0..u64::MAX, &mut |index, _| {
            readable.insert(index..index + 1);
            goes_on = !index.is_multiple_of(APART) || !is_stopped();
            goes_on
        })?;
        if !goes_on {
            return Ok(0);
        }
        let mut lost = Runs::new();
        for run in held.iter() {
            readable.missing(run).for_each(|run| lost.insert(run));
        }
        if lost.is_empty() {
            return Ok(0);
        }
        let mut known = self.known();
        let Some(state) = known.get_mut(feed) else {
            return Ok(0);
        };
        let mut held = state.held.clone();
        lost.iter().for_each(|run| held.remove(run));
        let mut write = self.db.batch();
        self.write_held(&mut write, feed, &state.held, &held);
        self.apply(write)?;
        state.held = held;
        Ok(lost.count())
    }

    /// Reads all of a table, by its place among all of them: its name, and whether all of it can be read. `None`: there are not so
    /// many.
    ///
    /// # Errors
    /// Those that are no damage.
    pub fn table_is_readable(
        &self,
        place: usize,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<TableRead>, StoreError> {
        let [_, runs] = self.records.keyspaces();
        let mut tables = self.journaled().into_iter().chain([runs]);
        let Some(table) = tables.nth(place) else {
            return Ok(None);
        };
        for (entry, nth) in table.iter().zip(0_u64..) {
            if unless_damaged(entry.into_inner().map(Some))?.is_none() {
                return Ok(Some(TableRead::Damaged(table.name().to_string())));
            }
            if nth.is_multiple_of(APART) && is_stopped() {
                return Ok(Some(TableRead::Stopped));
            }
        }
        Ok(Some(TableRead::Whole))
    }

    fn read(
        &self,
        feed: &FeedKey,
        range: Range<u64>,
        unread: Unread,
        visit: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let Some((number, held)) = self.held_within(feed, range.clone()) else {
            return Ok(());
        };
        let mut next = range.start;
        loop {
            let records = self
                .records
                .range(key(number, next), key(number, range.end));
            let mut is_whole = true;
            for entry in records {
                let Some((key, value)) = unless_damaged(entry.map(Some))? else {
                    is_whole = false;
                    break;
                };
                let index = index_in(&key).ok_or_else(|| self.damaged("the key of a record"))?;
                next = index + 1;
                if held.contains(index) && !visit(index, &value) {
                    return Ok(());
                }
            }
            if is_whole {
                return Ok(());
            }
            let behind = held.within(next..range.end);
            let Some(first) = behind.iter().next() else {
                return Ok(());
            };
            let apart = behind.within(first.start..first.start.saturating_add(APART));
            next = apart.end();
            if !self.read_apart(number, &apart, unread, visit)? {
                return Ok(());
            }
        }
    }

    /// Looks records up each by its key; says whether to go on.
    fn read_apart(
        &self,
        number: u32,
        indexes: &Runs,
        unread: Unread,
        visit: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<bool, StoreError> {
        for index in indexes.iter().flatten() {
            let read = self.records.get(&key(number, index));
            let read = match unread {
                Unread::Fails => read?,
                Unread::LeftOut => unless_damaged(read)?,
            };
            if read.is_some_and(|value| !visit(index, &value)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
