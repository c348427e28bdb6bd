//! A look at the database's journal before the database opens it: what it would lose in silence is told instead.
//!
//! The database ends reading a journal at the first place that is no entry, cuts the file there and goes on. At the end of the
//! newest journal that is a write which a crash interrupted: everything before it is there, everything after it is not, and
//! authors' files and peers have the rest. It is cut here, since a loss of power can leave such a write with its frame and without
//! some of its bytes, for which the database would not open. Anywhere else some tables would have what others lack: a record
//! without its feed, a row without its record. A store that was closed has all of it in tables, and is not looked at.
//! Why, and what cannot be told: spec/decisions/0355-journal.md.

#[cfg(test)]
mod tests;

use crate::io::{fault, whole};
use crate::store::StoreError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

const BUFFER_BYTES: usize = 256 << 10;

/// What a batch begins with: its tag, how many entries it has, its number.
const START: u8 = 1;
/// A key with its value: type, compression, keyspace, lengths of key and value, length of the value as it is stored.
const ITEM: u8 = 2;
const ITEM_BYTES: usize = 20;
/// What a batch ends with: the XXH3 of all its entries, and bytes that are always the same.
const END: u8 = 3;
/// All of a keyspace was removed: its number.
const CLEAR: u8 = 4;
const CLEAR_BYTES: u64 = 8;

/// A file in the store that is there while all that the journal holds is in tables too.
const CLOSED: &str = "closed";

/// What the journal of a store holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Journal {
    /// Nothing: the store is not made yet.
    Spare,
    /// Nothing that is not in tables too: the store was closed.
    Closed,
    /// What tables may lack.
    Needed {
        /// The number of the newest batch.
        last: Option<u64>,
        /// It is the first journal of the store, so that something has to be in it once there are tables.
        is_first: bool,
    },
}

impl Journal {
    /// Looks at the journal of the store in a folder, which is open from then on. There is nothing to look at in a store that
    /// is not made yet, and no need to in one that was closed.
    ///
    /// # Errors
    /// `Damaged`, and those of the file system.
    pub(super) fn look(store: &Path) -> Result<Self, StoreError> {
        let files = files(store)?;
        let version = store.join("version");
        let is_made = version
            .try_exists()
            .map_err(StoreError::file(&version, "reading"))?;
        let damaged = |what: &str| StoreError::Damaged {
            path: store.to_owned(),
            what: what.to_owned(),
        };
        match is_made {
            false if files.is_empty() => return Ok(Self::Spare),
            false => return Err(damaged("the file with its version is gone")),
            true if store.join(CLOSED).exists() => {
                if files.is_empty() {
                    begin_again(store)?;
                }
                return Ok(Self::Closed);
            }
            true => {}
        }
        let (Some((oldest, _)), Some((newest, _))) = (files.first(), files.last()) else {
            return Err(damaged("its journal is gone"));
        };
        if newest - oldest != files.len() as u64 - 1 {
            return Err(damaged("a part of its journal is gone"));
        }
        let mut newest_batch = None;
        for (number, path) in &files {
            let found = read(path).map_err(StoreError::file(path, "reading"))?;
            match found.broken_at {
                None => {}
                Some(at) if number == newest => cut(path, at)?,
                Some(_) => return Err(damaged("a part of its journal cannot be read")),
            }
            newest_batch = newest_batch.max(found.last);
        }
        Ok(Self::Needed {
            last: newest_batch,
            is_first: *newest == 0,
        })
    }

    /// Whether nothing is missing from the journal that a table with this number as its highest already has. Tables are written
    /// after the journal is on the disk, so that only damage makes one newer than the journal.
    pub(super) fn covers(&self, table: Option<u64>) -> bool {
        match (self, table) {
            (Self::Spare | Self::Closed, _) | (_, None) => true,
            (
                Self::Needed {
                    last: Some(last), ..
                },
                Some(table),
            ) => table <= *last,
            // All of it may be in tables, and the journal a new one.
            (Self::Needed { is_first, .. }, Some(_)) => !is_first,
        }
    }
}

/// Notes that all of the journal is in tables.
pub(super) fn put_mark(store: &Path) {
    let path = store.join(CLOSED);
    // Without the note the journal is looked at.
    let _ = fault::step(&path, || std::fs::write(&path, b""));
}

/// Takes the note away, because the journal will have more; durably, before it has.
pub(super) fn take_mark(store: &Path) -> Result<(), StoreError> {
    let path = store.join(CLOSED);
    match fault::step(&path, || std::fs::remove_file(&path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(StoreError::file(&path, "removing"))?,
    }
    whole::sync_folder(store).map_err(StoreError::file(store, "syncing the folder"))
}

/// Whether a journal is not as it was written.
pub(super) fn is_broken(store: &Path) -> Result<bool, StoreError> {
    for (_, path) in files(store)? {
        let found = read(&path).map_err(StoreError::file(&path, "reading"))?;
        if found.broken_at.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Puts an empty journal in the place of all that a closed store has, which tables have too: without any file the database
/// counts its writes from nothing, and sees nothing of what tables have.
pub(super) fn begin_again(store: &Path) -> Result<(), StoreError> {
    tracing::info!(
        ?store,
        "the journal is damaged or gone; tables have all of it"
    );
    let files = files(store)?;
    // Not the first one: that has something in it once there are tables.
    let newest = files.last().map_or(0, |(number, _)| *number);
    let path = store.join(format!("{}.jnl", newest + 1));
    fault::step(&path, || File::create_new(&path)).map_err(StoreError::file(&path, "making"))?;
    for (_, old) in files {
        fault::step(&old, || std::fs::remove_file(&old))
            .map_err(StoreError::file(&old, "removing"))?;
    }
    whole::sync_folder(store).map_err(StoreError::file(store, "syncing the folder"))
}

/// The files of the journal, the newest last. Other names are the database's to refuse.
pub(super) fn files(store: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let entries = match std::fs::read_dir(store) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::file(store, "reading")(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(StoreError::file(store, "reading"))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_suffix(".jnl")?.parse().ok());
        files.extend(number.map(|number| (number, path)));
    }
    files.sort();
    Ok(files)
}

/// What one file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The number of the newest batch.
    last: Option<u64>,
    /// From where on there is something else than batches, whole and as they were written: zeros aside, since files are as long
    /// as they will be from the beginning.
    pub(super) broken_at: Option<u64>,
}

/// Reads a file up to the first place that is no batch as it was written.
pub(super) fn read(path: &Path) -> io::Result<Found> {
    let mut reading = Reading::open(path)?;
    let mut last = None;
    loop {
        let before = reading.left;
        let Some(number) = reading.batch()? else {
            let broken_at = reading.size - before;
            reading.go_back_to(before)?;
            let is_broken = !reading.is_at_end()?;
            return Ok(Found {
                last,
                broken_at: is_broken.then_some(broken_at),
            });
        };
        last = last.max(Some(number));
    }
}

/// Ends the newest journal before a write that was interrupted.
fn cut(path: &Path, at: u64) -> Result<(), StoreError> {
    tracing::info!(?path, at, "a write that was interrupted is left out");
    let file = File::options().write(true).open(path);
    let file = file.map_err(StoreError::file(path, "opening"))?;
    let done =
        fault::step(path, || file.set_len(at)).and_then(|()| fault::step(path, || file.sync_all()));
    done.map_err(StoreError::file(path, "writing"))
}

/// One file while it is read.
struct Reading {
    bytes: BufReader<File>,
    size: u64,
    /// Bytes that are left.
    left: u64,
}

impl Reading {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            size,
            left: size,
            bytes: BufReader::with_capacity(BUFFER_BYTES, file),
        })
    }

    /// To where so many bytes were left.
    fn go_back_to(&mut self, left: u64) -> io::Result<()> {
        self.bytes.seek(SeekFrom::Start(self.size - left))?;
        self.left = left;
        Ok(())
    }

    /// Whether nothing but zeros comes.
    fn is_at_end(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.bytes.fill_buf()?;
            let (len, is_zero) = (bytes.len(), bytes.iter().all(|byte| *byte == 0));
            if len == 0 || !is_zero {
                return Ok(is_zero);
            }
            self.bytes.consume(len);
        }
    }

    /// The number of the next batch, if it is whole and its bytes are what was written.
    fn batch(&mut self) -> io::Result<Option<u64>> {
        let Some([START, frame @ ..]) = self.take::<13>()? else {
            return Ok(None);
        };
        let [a, b, c, d, number @ ..] = frame;
        let mut sum = Xxh3::new();
        for _ in 0..u32::from_le_bytes([a, b, c, d]) {
            if !self.is_entry(&mut sum)? {
                return Ok(None);
            }
        }
        let Some([END, told @ .., _, _, _, _]) = self.take::<13>()? else {
            return Ok(None);
        };
        let is_right = u64::from_le_bytes(told) == sum.digest();
        Ok(is_right.then_some(u64::from_le_bytes(number)))
    }

    /// Whether a whole entry comes next, which goes into the sum.
    fn is_entry(&mut self, sum: &mut Xxh3) -> io::Result<bool> {
        let tag = self.take()?;
        sum.update(&tag.unwrap_or_default());
        match tag {
            Some([ITEM]) => {}
            Some([CLEAR]) => return self.sum(CLEAR_BYTES, sum),
            _ => return Ok(false),
        }
        let Some(frame) = self.take::<ITEM_BYTES>()? else {
            return Ok(false);
        };
        sum.update(&frame);
        let [.., k0, k1, _, _, _, _, v0, v1, v2, v3] = frame;
        let key = u64::from(u16::from_le_bytes([k0, k1]));
        self.sum(key + u64::from(u32::from_le_bytes([v0, v1, v2, v3])), sum)
    }

    fn take<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let Some(left) = self.left.checked_sub(N as u64) else {
            return Ok(None);
        };
        let mut bytes = [0; N];
        self.bytes.read_exact(&mut bytes)?;
        self.left = left;
        Ok(Some(bytes))
    }

    /// Whether so many bytes were there, which go into the sum.
    fn sum(&mut self, bytes: u64, sum: &mut Xxh3) -> io::Result<bool> {
        let Some(left) = self.left.checked_sub(bytes) else {
            return Ok(false);
        };
        self.left = left;
        let mut rest = usize::try_from(bytes).unwrap_or(usize::MAX);
        while rest > 0 {
            let ready = self.bytes.fill_buf()?;
            let ready = ready.get(..rest).unwrap_or(ready);
            if ready.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            sum.update(ready);
            let len = ready.len();
            self.bytes.consume(len);
            rest -= len;
        }
        Ok(true)
    }
}
