//! Long runs of items that name no files and were never changed, which is most of a large feed: one entry for each run.
//!
//! An entry of its own in `rows` goes before the run that it lies in, so an edit or a retraction leaves the run as it is.
//! Runs do not overlap.

use super::{Stored, decode};
use crate::io::disk::records::Entries;
use crate::io::disk::{Disk, index_in, key};
use crate::store::{RowKind, StoreError};
use fjall::{Iter, OwnedWriteBatch};
use std::collections::BTreeMap;
use std::iter::{Peekable, Rev};
use std::ops::Range;

/// Rows that make a run worth its own entry, which costs a second look where a row is not found.
const RUN_ROWS: u64 = 64;

impl Stored {
    /// An item that names no files and was never changed.
    pub(super) fn bare() -> Self {
        Self {
            begun: Some(RowKind::Item),
            is_bare: true,
            ..Self::default()
        }
    }

    fn is_plain_and_bare(&self) -> bool {
        self.is_bare && self.edit.is_none() && self.retract.is_none()
    }
}

/// Takes long runs of bare items out of the rows of a batch.
fn take_runs(rows: &mut BTreeMap<u64, Stored>, is_new: impl Fn(u64) -> bool) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for (index, row) in rows.iter() {
        if !row.is_plain_and_bare() || !is_new(*index) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == *index => run.end += 1,
            _ => runs.push(*index..index + 1),
        }
    }
    runs.retain(|run| run.end - run.start >= RUN_ROWS);
    rows.retain(|index, _| {
        let run = runs.get(runs.partition_point(|run| run.end <= *index));
        run.is_none_or(|run| !run.contains(index))
    });
    runs
}

impl Disk {
    /// Writes what is a long run among rows as one entry, and leaves the others in `rows`. Where no row was before is known
    /// of the records in `within` only; `before` are those that were.
    pub(super) fn write_bare_runs(
        &self,
        write: &mut OwnedWriteBatch,
        number: u32,
        rows: &mut BTreeMap<u64, Stored>,
        (within, before): &(Range<u64>, BTreeMap<u64, Stored>),
    ) {
        let is_new = |index| within.contains(&index) && !before.contains_key(&index);
        for run in take_runs(rows, is_new) {
            let name = key(number, run.start);
            write.insert(&self.bare, name, run.end.to_be_bytes());
        }
    }

    /// The row of a record that lies in a run.
    pub(super) fn bare_row(&self, number: u32, index: u64) -> Result<Option<Stored>, StoreError> {
        let run = self.run_before(number, index)?;
        Ok(run
            .filter(|run| run.contains(&index))
            .map(|_| Stored::bare()))
    }

    /// The last run that begins at an index or before it.
    fn run_before(&self, number: u32, index: u64) -> Result<Option<Range<u64>>, StoreError> {
        let mut until = self.bare.range(key(number, 0)..=key(number, index));
        until
            .next_back()
            .map(|entry| self.run_of(entry.into_inner()?))
            .transpose()
    }

    /// The parts of a range that lie in runs.
    pub(super) fn bare_within(
        &self,
        number: u32,
        range: &Range<u64>,
    ) -> Result<Vec<Range<u64>>, StoreError> {
        let before = self.run_before(number, range.start)?;
        let from = before.map_or(range.start, |run| run.start);
        let mut runs = Vec::new();
        for entry in self.bare.range(key(number, from)..key(number, range.end)) {
            let run = self.run_of(entry.into_inner()?)?;
            runs.push(run.start.max(range.start)..run.end.min(range.end));
        }
        runs.retain(|run| !run.is_empty());
        Ok(runs)
    }

    fn run_of(
        &self,
        (name, value): (fjall::Slice, fjall::Slice),
    ) -> Result<Range<u64>, StoreError> {
        let end = value.as_ref().try_into().ok().map(u64::from_be_bytes);
        match (index_in(&name), end) {
            (Some(start), Some(end)) if start < end => Ok(start..end),
            _ => Err(self.damaged("a run of its index")),
        }
    }

    /// Rows as stored of a range, the last first.
    pub(super) fn stored_backwards(
        &self,
        number: u32,
        range: &Range<u64>,
    ) -> Result<Backwards<'_>, StoreError> {
        let from = self
            .run_before(number, range.start)?
            .map_or(range.start, |run| run.start);
        let end = key(number, range.end);
        Ok(Backwards {
            disk: self,
            rows: Entries(self.rows.range(key(number, range.start)..end).rev()).peekable(),
            runs: self.bare.range(key(number, from)..end).rev(),
            range: range.clone(),
            run: 0..0,
        })
    }
}

/// Rows of a range and what lies in runs, the last first.
pub(super) struct Backwards<'a> {
    disk: &'a Disk,
    rows: Peekable<Entries<Rev<Iter>>>,
    runs: Rev<Iter>,
    range: Range<u64>,
    /// What is left of the run that is being read.
    run: Range<u64>,
}

impl Backwards<'_> {
    /// The next row; none when that was all.
    ///
    /// # Errors
    /// Those of the database.
    pub(super) fn step(&mut self) -> Result<Option<(u64, Stored)>, StoreError> {
        while self.run.is_empty() {
            let Some(entry) = self.runs.next() else {
                break;
            };
            let run = self.disk.run_of(entry.into_inner()?)?;
            self.run = run.start.max(self.range.start)..run.end.min(self.range.end);
        }
        let row = match self.rows.peek() {
            Some(Ok((name, _))) => {
                Some(index_in(name).ok_or_else(|| self.disk.damaged("the key of a row"))?)
            }
            _ => None,
        };
        let in_run = (!self.run.is_empty()).then(|| self.run.end - 1);
        if let Some(index) = in_run
            && row.is_none_or(|row| row <= index)
        {
            self.run.end -= 1;
            if row != in_run {
                return Ok(Some((index, Stored::bare())));
            }
        }
        let Some(entry) = self.rows.next() else {
            return Ok(None);
        };
        let (name, value) = entry?;
        let index = index_in(&name).ok_or_else(|| self.disk.damaged("the key of a row"))?;
        let stored = decode(&value).ok_or_else(|| self.disk.damaged("a row of the index"))?;
        Ok(Some((index, stored)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_runs_of_new_bare_items_are_taken_out() {
        let changed = Stored {
            edit: Some((900, levada_feed::hash::Hash([0; 32]))),
            ..Stored::bare()
        };
        let mut rows: BTreeMap<u64, Stored> =
            (10..400).map(|index| (index, Stored::bare())).collect();
        rows.insert(100, changed);
        rows.insert(150, Stored::default());
        // 10 to 99 long, 101 to 149 short, 151 to 299 long, 300 was known, 301 to 399 long.
        let runs = take_runs(&mut rows, |index| index != 300);
        assert_eq!(runs, [10..100, 151..300, 301..400]);
        let left: Vec<u64> = rows.keys().copied().collect();
        let expected: Vec<u64> = (100..=150).chain([300]).collect();
        assert_eq!(left, expected);
    }
}
