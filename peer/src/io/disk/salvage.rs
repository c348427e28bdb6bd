//! What can still be read of a store that was set aside, for whoever makes it again.
//!
//! Nothing of that store is changed and nothing of it is believed. It is read through a copy beside it, since opening changes
//! files: tables, which never change, are there under a second name, and the rest is copied. A keyspace that the database
//! does not open is left out, so that it takes no other with it; so is the journal from a batch on that is not whole. Who
//! takes something from here proves it first, as if a stranger had sent it. Why: spec/decisions/0361-salvage.md.

mod list;
#[cfg(test)]
mod tests;

use super::{Disk, Known, ListPieces, Readable, journal, key};
use crate::io::fault;
use crate::runs::Runs;
use crate::store::StoreError;
use fjall::Keyspace;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::tree::{Node, Pieces};
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of the copy, beside the store.
const COPY: &str = ".salvage-store";
/// Folders of a keyspace that hold files which never change once they are written.
const UNCHANGING: [&str; 2] = ["tables", "blobs"];

/// A store that was set aside, as far as it can be read.
pub struct Salvage {
    disk: Disk,
    /// Lists that were made again: the copy itself fails once the database has met a wrong block while it merges.
    mended: Disk,
    copy: PathBuf,
    lost: Vec<String>,
}

/// In that folder: a store in which nothing is, and the copy itself.
const EMPTY: &str = "empty";
const STORE: &str = "store";

/// Removes what a killed process left of a copy beside the store.
pub(super) fn sweep(store: &Path) -> Result<(), StoreError> {
    let copy = store.with_file_name(COPY);
    match fs::symlink_metadata(&copy) {
        Ok(_) => fault::step(&copy, || fs::remove_dir_all(&copy))
            .map_err(StoreError::file(&copy, "removing")),
        // What cannot be looked at is told when it is used.
        Err(_) => Ok(()),
    }
}

impl Salvage {
    /// Opens what can be opened of the store in a folder. `remembered` gives heads where it has lost its own. `None`: nothing
    /// of it can be read.
    ///
    /// # Errors
    /// Those of making the copy.
    pub fn open(
        aside: &Path,
        remembered: &dyn Fn(&FeedKey) -> Option<Head>,
    ) -> Result<Option<Self>, StoreError> {
        let copying = Copying::begin(aside)?;
        let all: Vec<usize> = (0..NAMES.len()).collect();
        let (mut lost, mut opened) = (Vec::new(), copying.open(&all, true)?);
        if opened.is_none() {
            let mut good = Vec::new();
            for (which, name) in NAMES.iter().enumerate() {
                match copying.open(&[which], false)? {
                    Some(_) => good.push(which),
                    None => lost.push((*name).to_owned()),
                }
            }
            opened = copying.open(&good, true)?;
            if opened.is_none() {
                lost.push("journal".to_owned());
                opened = copying.open(&good, false)?;
            }
        }
        if let Some(disk) = &opened {
            disk.load_readable(remembered);
        }
        let has_some = |disk: &Disk| lost.is_empty() || !disk.feeds().is_empty();
        let Some(disk) = opened.filter(has_some) else {
            sweep(aside)?;
            return Ok(None);
        };
        lost.extend(copying.gone());
        let mended = Disk::open_tables(&copying.copy.join(EMPTY), None)?;
        let copy = copying.copy;
        Ok(Some(Self {
            disk,
            mended,
            copy,
            lost,
        }))
    }

    /// A feed's hash list, as far as it can be read or was made again.
    #[must_use]
    pub fn pieces(&self, feed: &FeedKey) -> SalvagedPieces<'_> {
        SalvagedPieces {
            mended: self.mended.pieces(feed),
            old: self.disk.pieces_around(feed),
        }
    }

    /// What could not be opened at all, in the words of the database.
    #[must_use]
    pub fn lost(&self) -> &[String] {
        &self.lost
    }

    /// The copy. Nothing in it is known to be right.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// When heads of a feed were first seen: their lengths, each with a time in Unix milliseconds, as far as it can be read.
    pub fn seen(&self, feed: &FeedKey) -> impl Iterator<Item = (u64, u64)> {
        let number = self.disk.number(feed);
        let entries = number.map(|number| self.disk.seen.prefix(number.to_be_bytes()));
        let entries = entries.into_iter().flatten();
        let entries = entries.map_while(|entry| entry.into_inner().ok());
        entries.filter_map(|(key, value)| {
            let time = value.as_ref().try_into().ok().map(u64::from_be_bytes)?;
            Some((super::index_in(&key)?, time))
        })
    }

    /// Removes the copy.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn end(self) -> Result<(), StoreError> {
        let Self {
            disk, mended, copy, ..
        } = self;
        // The database removes nothing and writes nothing once it is gone.
        drop((disk, mended));
        sweep(&copy)
    }
}

/// The hash list of a feed of a store that was set aside.
pub struct SalvagedPieces<'a> {
    mended: ListPieces<'a>,
    old: Readable<'a>,
}

impl Pieces for SalvagedPieces<'_> {
    type Error = StoreError;

    fn node(&self, node: Node) -> Result<Option<Hash>, StoreError> {
        match self.mended.node(node)? {
            None => self.old.node(node),
            mended => Ok(mended),
        }
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        match self.mended.leaf(index)? {
            None => self.old.leaf(index),
            mended => Ok(mended),
        }
    }
}

/// What is worth reading: all else follows from it.
const NAMES: [&str; 8] = [
    "feeds", "heads", "seen", "records", "runs", "leaves", "nodes", "small",
];

fn keyspaces(disk: &Disk) -> [&Keyspace; NAMES.len()] {
    let [few, runs] = disk.records.keyspaces();
    [
        &disk.feeds,
        &disk.heads,
        &disk.seen,
        few,
        runs,
        &disk.leaves,
        &disk.nodes,
        &disk.small,
    ]
}

/// The making of the copy: what does not open alone is left out of the next one.
struct Copying<'a> {
    aside: &'a Path,
    copy: PathBuf,
    /// Where keyspaces are in a store, in the order of `NAMES`.
    places: Vec<PathBuf>,
}

impl<'a> Copying<'a> {
    /// Makes a store in which nothing is: what is put over it belongs together by the database's numbers.
    fn begin(aside: &'a Path) -> Result<Self, StoreError> {
        sweep(aside)?;
        let copy = aside.with_file_name(COPY);
        let empty = copy.join(EMPTY);
        let places = fault::step(&copy, || {
            fs::create_dir_all(&copy)?;
            let disk = Disk::open_tables(&empty, None).map_err(of_file)?;
            Ok::<_, io::Error>(places(&disk, &empty))
        });
        let places = places.map_err(StoreError::file(&copy, "making a copy"))?;
        Ok(Self {
            aside,
            copy,
            places,
        })
    }

    /// Makes the copy with some keyspaces of the store and, if wanted, its journal, and opens it. `None`: the database refuses.
    fn open(&self, which: &[usize], with_journal: bool) -> Result<Option<Disk>, StoreError> {
        let store = self.copy.join(STORE);
        let made = fault::step(&self.copy, || self.fill(&store, which, with_journal));
        made.map_err(StoreError::file(&self.copy, "making a copy"))?;
        // Damaged bytes meet assertions of the database too.
        let opening = AssertUnwindSafe(|| Disk::open_tables(&store, None));
        let opened = match catch_unwind(opening) {
            Ok(Err(error)) if error.is_full() => return Err(error),
            opened => opened.ok().and_then(Result::ok),
        };
        // A keyspace that the database thinks unfinished is thrown away by it, and made again with a number of its own.
        Ok(opened.filter(|disk| places(disk, &store) == self.places))
    }

    /// The keyspaces of which the store has not even the folder.
    fn gone(&self) -> Vec<String> {
        let places = self.places.iter().zip(NAMES);
        let gone = places.filter(|(place, _)| !self.aside.join(place).is_dir());
        gone.map(|(_, name)| name.to_owned()).collect()
    }

    fn fill(&self, store: &Path, which: &[usize], with_journal: bool) -> io::Result<()> {
        if store.exists() {
            fs::remove_dir_all(store)?;
        }
        put(&self.copy.join(EMPTY), store, false)?;
        for place in which.iter().filter_map(|which| self.places.get(*which)) {
            let (from, to) = (self.aside.join(place), store.join(place));
            if from.is_dir() {
                fs::remove_dir_all(&to)?;
                put(&from, &to, false)?;
            }
        }
        if with_journal {
            put_journal(self.aside, store)?;
        }
        Ok(())
    }
}

/// What the system said, if it did.
fn of_file(error: StoreError) -> io::Error {
    match error {
        StoreError::File { source, .. } => source,
        error => io::Error::other(error),
    }
}

/// Where keyspaces are in a store, in the order of `NAMES`.
fn places(disk: &Disk, store: &Path) -> Vec<PathBuf> {
    let places = keyspaces(disk).map(|keyspace| keyspace.path().strip_prefix(store));
    places.into_iter().flatten().map(Path::to_owned).collect()
}

/// Puts a folder of the store into the copy, as far as it is there.
fn put(from: &Path, to: &Path, is_unchanging: bool) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    fs::create_dir_all(to)?;
    for entry in entries.flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                let name = entry.file_name();
                put(&from, &to, UNCHANGING.iter().any(|known| name == *known))?;
            }
            Ok(kind) if kind.is_file() && is_unchanging && fs::hard_link(&from, &to).is_ok() => {}
            Ok(kind) if kind.is_file() => copied(fs::copy(&from, &to))?,
            _ => {}
        }
    }
    Ok(())
}

/// What cannot be read is not there; what cannot be written ends the work.
fn copied(copied: io::Result<u64>) -> io::Result<()> {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let of_writing = [
        PermissionDenied,
        QuotaExceeded,
        ReadOnlyFilesystem,
        StorageFull,
    ];
    match copied {
        Err(error) if of_writing.contains(&error.kind()) => Err(error),
        _ => Ok(()),
    }
}

/// Puts the journal into the copy, each file up to the first batch that is not whole.
fn put_journal(aside: &Path, copy: &Path) -> io::Result<()> {
    for (_, own) in journal::files(copy).map_err(of_file)? {
        fs::remove_file(own)?;
    }
    for (number, path) in journal::files(aside).map_err(of_file)? {
        let to = copy.join(format!("{number}.jnl"));
        copied(fs::copy(&path, &to))?;
        if to.exists()
            && let Some(at) = journal::read(&to)?.broken_at
        {
            File::options().write(true).open(&to)?.set_len(at)?;
        }
    }
    Ok(())
}

impl Disk {
    /// Finds out which feeds are in it, from what can be read.
    fn load_readable(&self, remembered: &dyn Fn(&FeedKey) -> Option<Head>) {
        let mut known = self.known();
        known.extend(self.readable_feeds());
        for (number, head) in self.readable_heads() {
            let held = || Runs::of(0..head.body().length);
            let state = known.entry(head.body().feed).or_insert_with(|| Known {
                number,
                head: None,
                held: held(),
            });
            if state.number == number {
                state.head = Some(Arc::new(head));
            }
        }
        for (feed, state) in known.iter_mut() {
            state.head = state.head.take().or_else(|| remembered(feed).map(Arc::new));
        }
        // Without a head nothing can be proven.
        known.retain(|_, state| state.head.is_some());
    }

    /// The highest head of each number, as far as they can be read.
    fn readable_heads(&self) -> Vec<(u32, Head)> {
        let (mut heads, mut next) = (Vec::new(), 0_u32);
        loop {
            let first = self.heads.range(key(next, 0)..).next();
            let name = first.and_then(|entry| entry.key().ok());
            let number = name.and_then(|name| name.get(..4)?.try_into().ok());
            let Some(number) = number.map(u32::from_be_bytes) else {
                return heads;
            };
            let last = self.heads.prefix(number.to_be_bytes()).next_back();
            let wire = last.and_then(|entry| entry.value().ok());
            let head = wire.and_then(|wire| Head::check(&wire).ok());
            heads.extend(head.map(|head| (number, head)));
            let Some(after) = number.checked_add(1) else {
                return heads;
            };
            next = after;
        }
    }
}
