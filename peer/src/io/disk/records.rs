//! The bytes of records: those that came a few at a time, and long runs that came at once.
//!
//! A long run goes into a table of its own, past the journal and the memory table: it is written once, costs no memory, and
//! a start after a crash need not read it again. Few records at a time would make too many tables; they are written in the
//! batch of their head. The two are kept apart, because a memory table holds records from all over, and the database
//! merges a table anew with all those between its first key and its last.
//!
//! A table is durable before the batch that says which records are held: what a crash leaves of one that is not said to be
//! held is not read (`Disk::record`), and the next delivery writes over it.

use super::{Disk, key};
use crate::store::StoreError;
use fjall::{Database, Guard, Iter, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, Slice};
use std::iter::Peekable;

/// Bytes of records in a batch that make a table of their own worth its syncs.
const RUN_BYTES: usize = 512 << 10;

/// Both places where records are.
pub(super) struct Records {
    few: Keyspace,
    runs: Keyspace,
}

impl Records {
    pub(super) fn open(
        db: &Database,
        options: impl Fn() -> KeyspaceCreateOptions,
    ) -> fjall::Result<Self> {
        Ok(Self {
            few: db.keyspace("records", &options)?,
            runs: db.keyspace("runs", &options)?,
        })
    }

    pub(super) fn keyspaces(&self) -> [&Keyspace; 2] {
        [&self.few, &self.runs]
    }

    pub(super) fn get(&self, name: &[u8]) -> fjall::Result<Option<Slice>> {
        match self.few.get(name) {
            Ok(None) => self.runs.get(name),
            // It may have come again, in a run.
            Err(error) => match self.runs.get(name) {
                Ok(Some(record)) => Ok(Some(record)),
                _ => Err(error),
            },
            found => found,
        }
    }

    /// All with keys from the first to before the last, in order.
    pub(super) fn range(&self, from: [u8; 12], to: [u8; 12]) -> Merged {
        Merged {
            few: Entries(self.few.range(from..to)).peekable(),
            runs: Entries(self.runs.range(from..to)).peekable(),
        }
    }

    pub(super) fn put(&self, write: &mut OwnedWriteBatch, name: [u8; 12], record: &[u8]) {
        write.insert(&self.few, name, record);
    }

    /// Removes a record from where it is, or may be: a table need not be readable for that.
    pub(super) fn remove(&self, write: &mut OwnedWriteBatch, name: &[u8]) {
        for keyspace in self.keyspaces() {
            if keyspace.contains_key(name).unwrap_or(true) {
                write.remove(keyspace, name);
            }
        }
    }
}

type Entry = fjall::Result<(Slice, Slice)>;

/// Keys with their values, so that the next one can be looked at before it is taken.
pub(super) struct Entries<I>(pub(super) I);

impl<I: Iterator<Item = Guard>> Iterator for Entries<I> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.0.next().map(Guard::into_inner)
    }
}

/// Records in the order of their keys.
pub(super) struct Merged {
    few: Peekable<Entries<Iter>>,
    runs: Peekable<Entries<Iter>>,
}

impl Iterator for Merged {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let (Some(few), Some(run)) = (self.few.peek(), self.runs.peek()) else {
            return self.few.next().or_else(|| self.runs.next());
        };
        match (few, run) {
            (Ok((few, _)), Ok((run, _))) if few < run => self.few.next(),
            (Ok((few, _)), Ok((run, _))) if few == run => {
                // What is left of a run that was never said to be held.
                self.runs.next();
                self.few.next()
            }
            (Err(_), _) => self.few.next(),
            _ => self.runs.next(),
        }
    }
}

impl Disk {
    /// Writes the records of a batch: at once as a table of their own, or with the rest of it, as those of a feed whose number
    /// is not stored yet.
    pub(super) fn write_records(
        &self,
        write: &mut OwnedWriteBatch,
        (number, is_stored): (u32, bool),
        records: &[(u64, Vec<u8>)],
    ) -> Result<(), StoreError> {
        if !(is_stored && is_run(records)) {
            for (index, record) in records {
                self.records.put(write, key(number, *index), record);
            }
            return Ok(());
        }
        // The feed's number above all: a table that is found under it must not become another feed's after a crash.
        self.make_durable()?;
        let written = self.change(|| {
            let mut table = self.records.runs.start_ingestion()?;
            for (index, record) in records {
                table.write(key(number, *index), record.as_slice())?;
            }
            table.finish()
        });
        Ok(written?)
    }
}

/// Whether records lie close together, in order, and are many enough for a table of their own.
fn is_run(records: &[(u64, Vec<u8>)]) -> bool {
    let (Some((first, _)), Some((last, _))) = (records.first(), records.last()) else {
        return false;
    };
    let bytes: usize = records.iter().map(|(_, record)| record.len()).sum();
    let span = last.saturating_sub(*first);
    bytes >= RUN_BYTES
        && usize::try_from(span).is_ok_and(|span| span < 2 * records.len())
        && records.is_sorted_by(|(one, _), (next, _)| one < next)
}
