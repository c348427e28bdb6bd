//! The store of one node on fjall: records, hash lists, heads, index rows, small blobs.
//!
//! Follows the author's file and what peers proved, without syncing: after a crash it is behind, never ahead in a way that
//! matters, because a head is written in one batch with everything it covers. Only a checked `Batch` gets in. Which
//! records to keep, and what a row means to people, is decided elsewhere (`keep`, `query`).
//!
//! Keys begin with a feed's number, four bytes big-endian, given out on first sight.

mod apply;
mod around;
mod begin;
mod close;
mod commit;
mod drop;
mod failure;
mod heads;
mod held;
mod journal;
mod ledger;
mod mend;
mod notes;
mod pieces;
mod records;
mod rows;
mod salvage;
mod small;
#[cfg(test)]
mod spoil;
#[cfg(test)]
mod tests;
mod uses;

use crate::runs::Runs;
use crate::store::StoreError;
use fjall::{AbstractTree as _, Database, Keyspace, KeyspaceCreateOptions};
use journal::Journal;
use levada_feed::chain;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

pub use around::{Readable, TableRead};
pub use drop::Dropped;
pub use ledger::{Entry, Files};
pub use pieces::ListPieces;
pub use salvage::{Salvage, SalvagedPieces};
pub use uses::Due;

/// Bytes of one keyspace's memory table; there are thirteen keyspaces.
const MEMTABLE_BYTES: u64 = 8 << 20;
/// Bytes of journal before tables are flushed: the least that fjall takes.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Bytes of tables kept at hand when nothing else is set.
const CACHE_BYTES: u64 = 32 << 20;

/// The store.
pub struct Disk {
    path: PathBuf,
    db: Database,
    /// Whether a change has failed.
    failed: watch::Sender<bool>,
    feeds: Keyspace,
    heads: Keyspace,
    /// When a head of this length was first seen here.
    seen: Keyspace,
    records: records::Records,
    leaves: Keyspace,
    nodes: Keyspace,
    rows: Keyspace,
    /// Rows of long runs of items that say nothing more than that they are items.
    bare: Keyspace,
    small: Keyspace,
    notes: Keyspace,
    /// What follows from kept records: which of them name a blob, edit an item, retract one.
    uses: Keyspace,
    /// What is kept of each blob, and as what.
    ledger: Keyspace,
    sums: Mutex<ledger::Sums>,
    known: Mutex<BTreeMap<FeedKey, Known>>,
}

/// What is kept in memory of each feed.
#[derive(Clone)]
struct Known {
    number: u32,
    head: Option<Arc<Head>>,
    held: Runs,
}

impl Disk {
    /// Opens the store in a folder, or makes one.
    ///
    /// # Errors
    /// `Database` when fjall will not open it; then it can be set aside and rebuilt.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, None)
    }

    /// The same, with so many bytes of tables kept at hand.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with(path: &Path, cache_bytes: Option<u64>) -> Result<Self, StoreError> {
        salvage::sweep(path)?;
        begin::begin(path, |making| {
            Self::open_at(making, cache_bytes)?.make_durable()
        })?;
        Self::open_at(path, cache_bytes)
    }

    fn open_at(path: &Path, cache_bytes: Option<u64>) -> Result<Self, StoreError> {
        let journal = Journal::look(path)?;
        let disk = match Self::open_caught(path, cache_bytes) {
            // What is in tables too need not be read.
            Err(_) if journal == Journal::Closed && journal::is_broken(path)? => {
                journal::begin_again(path)?;
                Self::open_caught(path, cache_bytes)?
            }
            opened => opened?,
        };
        let highest = |table: &Keyspace| table.tree.get_highest_persisted_seqno();
        if !disk
            .journaled()
            .map(highest)
            .iter()
            .all(|table| journal.covers(*table))
        {
            return Err(disk.damaged("its tables are newer than its journal"));
        }
        journal::take_mark(path)?;
        disk.load()?;
        disk.load_totals()?;
        Ok(disk)
    }

    /// Damaged bytes meet assertions of the database too: they end the opening, not the process.
    fn open_caught(path: &Path, cache_bytes: Option<u64>) -> Result<Self, StoreError> {
        let opening = AssertUnwindSafe(|| Self::open_tables(path, cache_bytes));
        let opened = catch_unwind(opening).unwrap_or_else(|_| {
            Err(StoreError::Damaged {
                path: path.to_owned(),
                what: "its database cannot be read".into(),
            })
        });
        opened.map_err(|error| failure::at(path, error))
    }

    fn open_tables(path: &Path, cache_bytes: Option<u64>) -> Result<Self, StoreError> {
        let db = Database::builder(path)
            .cache_size(cache_bytes.unwrap_or(CACHE_BYTES))
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(1)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let keyspace = |name: &str| db.keyspace(name, options);
        Ok(Self {
            path: path.to_owned(),
            feeds: keyspace("feeds")?,
            heads: keyspace("heads")?,
            seen: keyspace("seen")?,
            records: records::Records::open(&db, options)?,
            leaves: keyspace("leaves")?,
            nodes: keyspace("nodes")?,
            rows: keyspace("rows")?,
            bare: keyspace("bare")?,
            small: keyspace("small")?,
            notes: keyspace("notes")?,
            uses: keyspace("uses")?,
            ledger: keyspace("ledger")?,
            failed: watch::Sender::default(),
            sums: Mutex::default(),
            known: Mutex::default(),
            db,
        })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<FeedKey, Known>> {
        self.known
            .lock()
            .expect("nobody panics while holding this lock")
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            what: what.to_owned(),
        }
    }

    fn number(&self, feed: &FeedKey) -> Option<u32> {
        self.known().get(feed).map(|known| known.number)
    }

    /// Feeds of which anything is stored.
    #[must_use]
    pub fn feeds(&self) -> Vec<FeedKey> {
        self.known().keys().copied().collect()
    }

    /// The key with these bytes, if anything of its feed is here: bytes from outside are looked up without checking them.
    #[must_use]
    pub fn known_key(&self, bytes: &[u8; 32]) -> Option<FeedKey> {
        self.known().get_key_value(bytes).map(|(feed, _)| *feed)
    }

    /// Which records are held.
    #[must_use]
    pub fn held(&self, feed: &FeedKey) -> Runs {
        self.known()
            .get(feed)
            .map(|known| known.held.clone())
            .unwrap_or_default()
    }

    /// A feed's number, and which records of a range are held.
    fn held_within(&self, feed: &FeedKey, range: Range<u64>) -> Option<(u32, Runs)> {
        let known = self.known();
        let state = known.get(feed)?;
        Some((state.number, state.held.within(range)))
    }

    /// The bytes of one record.
    ///
    /// # Errors
    /// Those of the database.
    pub fn record(&self, feed: &FeedKey, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some((number, held)) = self.held_within(feed, index..index.saturating_add(1)) else {
            return Ok(None);
        };
        if held.is_empty() {
            return Ok(None);
        }
        Ok(self
            .records
            .get(&key(number, index))?
            .map(|record| record.to_vec()))
    }

    /// The hash list of a feed, as far as it is held.
    #[must_use]
    pub fn pieces(&self, feed: &FeedKey) -> ListPieces<'_> {
        ListPieces {
            disk: self,
            number: self.number(feed),
        }
    }

    /// The link hash of a record.
    ///
    /// # Errors
    /// Those of the database.
    pub fn link(&self, feed: &FeedKey, index: u64) -> Result<Option<Hash>, StoreError> {
        chain::hash_at(&self.pieces(feed), index)
    }
}

/// Key of something that is numbered within a feed.
fn key(number: u32, index: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (feed, rest) = key.split_at_mut(4);
    feed.copy_from_slice(&number.to_be_bytes());
    rest.copy_from_slice(&index.to_be_bytes());
    key
}

fn index_in(key: &[u8]) -> Option<u64> {
    key.get(4..12)?.try_into().ok().map(u64::from_be_bytes)
}
