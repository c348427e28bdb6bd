//! Index rows: what each record changes, kept in the same batch as the record.
//!
//! A row is keyed by kind and by the index of the first record of what it stands for. Records may come in any order, so an
//! edit or a retraction can be stored before what it names; whether it names the right link hash is settled when rows
//! are read. Rows can be dropped and made again from the records.

mod bare;
mod encoding;

use super::{Disk, ListPieces, key};
use crate::query::{self, Change};
use crate::store::{Row, RowChange, RowKind, StoreError};
use encoding::{PROFILES, decode, encode, profile_key};
use fjall::OwnedWriteBatch;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::{HASH_BYTES, LIST_LEAF_HASHES};
use levada_feed::tree::Pieces;
use std::collections::BTreeMap;
use std::ops::Range;

/// A range of records, and the rows stored of it.
type RowsBefore = (Range<u64>, BTreeMap<u64, Stored>);

/// A row as stored: the newest edit and the latest retraction, each with the link hash that it names.
#[derive(Clone, Copy, Default)]
struct Stored {
    begun: Option<RowKind>,
    /// It begins an item whose first record names no files.
    is_bare: bool,
    /// The record is itself an edit, of what began there.
    edit_of: Option<u64>,
    edit: Option<(u64, Hash)>,
    retract: Option<(u64, Hash)>,
}

/// What each of these records changes.
pub(super) fn changes_of(records: &[(u64, Vec<u8>)]) -> Vec<Change> {
    let changes = |(index, record): &(u64, Vec<u8>)| query::changes(record, *index);
    records.iter().map(changes).collect()
}

impl Disk {
    /// Writes what records change, each as `changes` says; gives the blobs that they name.
    pub(super) fn write_rows(
        &self,
        write: &mut OwnedWriteBatch,
        number: u32,
        (records, changes): (&[(u64, Vec<u8>)], Vec<Change>),
        leaves: &[(u64, Vec<u8>)],
    ) -> Result<Vec<Hash>, StoreError> {
        let mut all_named = Vec::new();
        let mut changed: BTreeMap<u64, Stored> = BTreeMap::new();
        let before = self.rows_before(number, records)?;
        for ((index, _), (change, named)) in records.iter().zip(changes) {
            self.name_blobs(write, number, *index, &named);
            all_named.extend_from_slice(&named);
            let target = match change {
                RowChange::Begin(_) => *index,
                RowChange::Edit(target, _) | RowChange::Retract(target, _) => target,
            };
            let names_another = match change {
                RowChange::Begin(_) => false,
                RowChange::Edit(_, named) | RowChange::Retract(_, named) => self
                    .link_with(number, leaves, target)?
                    .is_some_and(|link| link != named),
            };
            if let RowChange::Edit(_, link) = change {
                self.name_edit(write, number, target, *index, &link);
                // Whatever named this record named no first record, so it has no effect.
                changed.insert(
                    *index,
                    Stored {
                        edit_of: Some(target),
                        ..Stored::default()
                    },
                );
            }
            let mut row = match (changed.get(&target), &before) {
                (Some(row), _) => *row,
                (None, Some((within, rows))) if within.contains(&target) => {
                    rows.get(&target).copied().unwrap_or_default()
                }
                (None, _) => self.stored_row(number, target)?,
            };
            let newer = |old: Option<(u64, Hash)>| old.is_none_or(|(old, _)| old < *index);
            match change {
                RowChange::Begin(kind) => {
                    row.begun = Some(kind);
                    row.is_bare = kind == RowKind::Item && named.is_empty();
                    if kind == RowKind::Profile {
                        write.insert(&self.rows, profile_key(number, *index), []);
                    }
                }
                _ if names_another || row.edit_of.is_some() => continue,
                RowChange::Edit(_, link) if newer(row.edit) => row.edit = Some((*index, link)),
                RowChange::Retract(_, link) if newer(row.retract) => {
                    row.retract = Some((*index, link))
                }
                _ => continue,
            }
            if row.retract.is_some() {
                self.call_due(write, number, target);
            }
            changed.insert(target, row);
        }
        if let Some(before) = &before {
            self.write_bare_runs(write, number, &mut changed, before);
        }
        for (index, row) in changed {
            write.insert(&self.rows, key(number, index), encode(&row));
        }
        Ok(all_named)
    }

    /// Rows stored before within the range of a batch that has no gaps, read in one go.
    fn rows_before(
        &self,
        number: u32,
        records: &[(u64, Vec<u8>)],
    ) -> Result<Option<RowsBefore>, StoreError> {
        let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) else {
            return Ok(None);
        };
        let within = *first..last + 1;
        if usize::try_from(within.end - within.start) != Ok(records.len()) {
            return Ok(None);
        }
        let mut rows = BTreeMap::new();
        for entry in self
            .rows
            .range(key(number, within.start)..key(number, within.end))
        {
            let (name, value) = entry.into_inner()?;
            if let (Some(index), Some(stored)) = (super::index_in(&name), decode(&value)) {
                rows.insert(index, stored);
            }
        }
        for run in self.bare_within(number, &within)? {
            for index in run {
                rows.entry(index).or_insert_with(Stored::bare);
            }
        }
        Ok(Some((within, rows)))
    }

    /// The link hash of a record, in the batch or stored.
    fn link_with(
        &self,
        number: u32,
        leaves: &[(u64, Vec<u8>)],
        index: u64,
    ) -> Result<Option<Hash>, StoreError> {
        let leaf = index / LIST_LEAF_HASHES;
        let stored = || {
            ListPieces {
                disk: self,
                number: Some(number),
            }
            .leaf(leaf)
        };
        let bytes = match leaves.iter().find(|(held, _)| *held == leaf) {
            Some((_, bytes)) => Some(bytes.clone()),
            None => stored()?,
        };
        let at = usize::try_from(index % LIST_LEAF_HASHES).unwrap_or(0) * HASH_BYTES;
        Ok(bytes.and_then(|bytes| Hash::from_slice(bytes.get(at..at + HASH_BYTES)?)))
    }

    fn stored_row(&self, number: u32, index: u64) -> Result<Stored, StoreError> {
        match self.rows.get(key(number, index))? {
            Some(stored) => Ok(decode(&stored).unwrap_or_default()),
            None => Ok(self.bare_row(number, index)?.unwrap_or_default()),
        }
    }

    /// Rows of a feed whose first record lies in `range`, newest first, until `visit` says to stop. Edits and
    /// retractions count only where the link hash they name is the one in our list.
    ///
    /// # Errors
    /// Those of the database.
    pub fn rows(
        &self,
        feed: &FeedKey,
        range: Range<u64>,
        visit: &mut dyn FnMut(RowKind, Row) -> bool,
    ) -> Result<(), StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(());
        };
        let mut entries = self.stored_backwards(number, &range)?;
        while let Some((index, stored)) = entries.step()? {
            if let Some((kind, row)) = self.settle(feed, index, &stored)?
                && !visit(kind, row)
            {
                break;
            }
        }
        Ok(())
    }

    /// The newest profile record that is not retracted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest_profile(&self, feed: &FeedKey) -> Result<Option<u64>, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(None);
        };
        for entry in self.rows.prefix(key(number, PROFILES)).rev() {
            let name = entry.key()?;
            let index = name
                .get(12..)
                .and_then(|bytes| bytes.try_into().ok())
                .map(u64::from_be_bytes)
                .ok_or_else(|| self.damaged("the key of a row"))?;
            if let Some((RowKind::Profile, row)) = self.row(feed, index)?
                && row.retracted_by.is_none()
            {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// The row of what began at `index`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn row(&self, feed: &FeedKey, index: u64) -> Result<Option<(RowKind, Row)>, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(None);
        };
        let stored = self.stored_row(number, index)?;
        self.settle(feed, index, &stored)
    }

    fn settle(
        &self,
        feed: &FeedKey,
        index: u64,
        stored: &Stored,
    ) -> Result<Option<(RowKind, Row)>, StoreError> {
        if stored.edit_of.is_some() {
            return Ok(None);
        }
        let is_changed = stored.edit.is_some() || stored.retract.is_some();
        let link = if is_changed {
            self.link(feed, index)?
        } else {
            None
        };
        let counts = |change: Option<(u64, Hash)>| {
            change
                .filter(|(_, named)| Some(*named) == link)
                .map(|(by, _)| by)
        };
        let edit = counts(stored.edit);
        let retract = counts(stored.retract).filter(|_| index > 0);
        // An edit whose first record is not held is an item all the same, once its link hash is proven.
        let kind = match stored.begun {
            Some(kind) => kind,
            None if edit.is_some() => RowKind::Item,
            // What is taken back need not be here: its link hash says that this is what the retract names.
            None if retract.is_some() && !self.holds(feed, index) => RowKind::Other,
            None => return Ok(None),
        };
        let newest = if kind == RowKind::Item {
            edit.unwrap_or(index)
        } else {
            index
        };
        // An edit may name files: what it says is in its record.
        let is_bare = stored.is_bare && newest == index;
        let is_retractable =
            stored.begun.is_none() || !matches!(kind, RowKind::Moved | RowKind::Other);
        let retracted_by = retract.filter(|_| is_retractable);
        Ok(Some((
            kind,
            Row {
                index,
                newest,
                retracted_by,
                is_bare,
            },
        )))
    }
}

impl Disk {
    fn holds(&self, feed: &FeedKey, index: u64) -> bool {
        let known = self.known();
        known
            .get(feed)
            .is_some_and(|known| known.held.contains(index))
    }

    /// Records of a range that are retracted, edits of retracted items included, each with the record that says so.
    ///
    /// # Errors
    /// Those of the database.
    pub fn retracted(
        &self,
        feed: &FeedKey,
        range: Range<u64>,
    ) -> Result<BTreeMap<u64, u64>, StoreError> {
        let mut retracted = BTreeMap::new();
        let Some(number) = self.number(feed) else {
            return Ok(retracted);
        };
        for entry in self
            .rows
            .range(key(number, range.start)..key(number, range.end))
        {
            let (name, value) = entry.into_inner()?;
            // One byte: never edited, never retracted.
            if value.len() == 1 {
                continue;
            }
            let index = super::index_in(&name).ok_or_else(|| self.damaged("the key of a row"))?;
            let stored = decode(&value).ok_or_else(|| self.damaged("a row of the index"))?;
            let row = match stored.edit_of {
                Some(first) => self.row(feed, first)?,
                None => self.settle(feed, index, &stored)?,
            };
            if let Some((
                _,
                Row {
                    retracted_by: Some(by),
                    ..
                },
            )) = row
            {
                retracted.insert(index, by);
            }
        }
        Ok(retracted)
    }
}
