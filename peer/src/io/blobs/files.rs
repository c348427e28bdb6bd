//! Names and small files of blobs, and outboards as files.

mod walk;

use super::unfinished::{put, temporary};
use crate::io::{fault, whole};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::PAIR_BYTES;
use levada_feed::tree::{Shape, visited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::OFlags;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempPath;
pub(super) use walk::{blobs_in, totals};

/// The files of one blob.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) root: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) data: PathBuf,
    pub(super) outboard: PathBuf,
    pub(super) part: PathBuf,
    pub(super) reference: PathBuf,
}

/// A file that was published in place, as it was then. The device is left out: its number changes from one start of the
/// machine to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference {
    #[serde(serialize_with = "write_path", deserialize_with = "read_path")]
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) modified_s: i64,
    pub(super) modified_ns: i64,
    pub(super) inode: u64,
}

impl Reference {
    pub(super) fn of(path: &Path, found: &std::fs::Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: found.len(),
            modified_s: found.mtime(),
            modified_ns: found.mtime_nsec(),
            inode: found.ino(),
        }
    }
}

/// What stays as it is in a path: the rest is percent-encoded, since a path need not be text.
pub(super) const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b' ');

fn write_path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&percent_encode(path.as_os_str().as_bytes(), PLAIN))
}

fn read_path<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(from)?;
    let bytes: Vec<u8> = percent_decode_str(&text).collect();
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

/// Opens a plain file for reading; a pipe in its place does not make us wait.
pub(super) fn open_plain(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NONBLOCK)
}

/// The same for a file of our own: no link leads out of the folder.
pub(super) fn open_own(path: &Path) -> Result<File, StoreError> {
    open_with(path, OFlags::NONBLOCK | OFlags::NOFOLLOW).map_err(StoreError::file(path, "opening"))
}

fn open_with(path: &Path, flags: OFlags) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no plain file",
        ))
    }
}

/// Where a large blob is.
#[derive(Debug)]
pub(super) enum Place {
    Nowhere,
    Copy { size: u64 },
    Reference(Reference),
    Partial,
}

impl Paths {
    pub(super) fn of(root: &Path, hash: &Hash) -> Self {
        let hex = hash.to_string();
        let folder = root
            .join(hex.get(..2).unwrap_or(""))
            .join(hex.get(2..4).unwrap_or(""));
        let file = |ending: &str| folder.join(format!("{hex}{ending}"));
        Self {
            data: file(""),
            outboard: file(".obao"),
            part: file(".part"),
            reference: file(".ref"),
            folder,
            root: root.to_owned(),
        }
    }

    pub(super) fn place(&self) -> Result<Place, StoreError> {
        if size_of(&self.part)?.is_some() {
            return Ok(Place::Partial);
        }
        if let Some(size) = size_of(&self.data)? {
            return Ok(Place::Copy { size });
        }
        if size_of(&self.reference)?.is_none() {
            return Ok(Place::Nowhere);
        }
        let bytes =
            std::fs::read(&self.reference).map_err(StoreError::file(&self.reference, "reading"))?;
        // A reference that cannot be read is as good as none: the file can be published again.
        Ok(serde_json::from_slice(&bytes).map_or(Place::Nowhere, Place::Reference))
    }

    /// Makes the folder; says whether it is new, and so not durable before `sync_folders`.
    pub(super) fn make_folder(&self) -> Result<bool, StoreError> {
        if self.folder.is_dir() {
            return Ok(false);
        }
        fault::step(&self.folder, || std::fs::create_dir_all(&self.folder))
            .map_err(StoreError::file(&self.folder, "making the folder"))?;
        Ok(true)
    }

    /// Notes what is verified of a partial blob, whole or not at all. Not synced: a note that is lost or empty after a loss
    /// of power is not believed anyway.
    pub(super) fn write_part(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let failed = || StoreError::file(&self.part, "writing");
        let mut file = temporary(&self.root)?;
        fault::step(&self.part, || file.write_all(bytes)).map_err(failed())?;
        put(file, &self.part)
    }

    /// Makes renames and removals in the folder durable.
    pub(super) fn sync_folder(&self) -> Result<(), StoreError> {
        whole::sync_folder(&self.folder)
            .map_err(StoreError::file(&self.folder, "syncing the folder"))
    }

    /// The same, and the folder's own name if it is new.
    pub(super) fn sync_folders(&self, is_new: bool) -> Result<(), StoreError> {
        self.sync_folder()?;
        for folder in [whole::folder_of(&self.folder), &self.root] {
            if is_new {
                whole::sync_folder(folder)
                    .map_err(StoreError::file(folder, "syncing the folder"))?;
            }
        }
        Ok(())
    }

    /// Removes a copy of which nothing is worth keeping. A file in place that it was to take the place of stays what it is.
    pub(super) fn remove_part(&self) -> Result<(), StoreError> {
        if size_of(&self.reference)?.is_none() {
            return self.remove();
        }
        remove_files(&[&self.data, &self.part])
    }

    /// Removes all files. The state goes last: what is left of a crash in between is a partial blob of nothing.
    pub(super) fn remove(&self) -> Result<(), StoreError> {
        remove_files(&[&self.data, &self.reference, &self.outboard, &self.part])
    }
}

fn remove_files(paths: &[&PathBuf]) -> Result<(), StoreError> {
    for path in paths {
        match fault::step(path, || std::fs::remove_file(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::file(path, "removing")(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Size of a plain file of our own; anything else in its place is named (store-3). `None` when nothing is there.
pub(super) fn size_of(path: &Path) -> Result<Option<u64>, StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(found.len())),
        Ok(_) => Err(StoreError::Damaged {
            path: path.to_owned(),
            what: "it is no plain file; levada made none of this kind".into(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::file(path, "reading")(error)),
    }
}

/// A copy that shares its blocks with the file at `from`, durable. Fails where the file system cannot, or not between these
/// places.
pub(super) fn reflink(from: &Path, folder: &Path) -> io::Result<TempPath> {
    let made = fault::step(folder, || {
        tempfile::Builder::new().make_in(folder, |to| reflink_copy::reflink(from, to))
    })?;
    let shared = made.into_temp_path();
    File::open(&shared).and_then(|file| fault::sync_data(folder, &file))?;
    Ok(shared)
}

/// Positions of visited pairs as runs that lie together in the outboard.
fn pair_runs(shape: Shape, leaves: &[Range<u64>]) -> impl Iterator<Item = Range<u64>> {
    let mut positions = visited(shape, leaves).peekable();
    std::iter::from_fn(move || {
        let start = positions.next()?;
        let mut end = start + 1;
        while positions.next_if_eq(&end).is_some() {
            end += 1;
        }
        Some(start..end)
    })
}

fn pair_bytes(count: u64) -> usize {
    usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_mul(PAIR_BYTES)
}

/// The pairs of a proof, out of an outboard. A blob of one leaf has none, and no file.
pub(super) fn read_pairs(
    path: &Path,
    shape: Shape,
    leaves: &[Range<u64>],
) -> Result<Vec<u8>, StoreError> {
    if shape.pairs() == 0 {
        return Ok(Vec::new());
    }
    read_pairs_of(&open_own(path)?, path, shape, leaves)
}

/// The same, out of an open file.
pub(super) fn read_pairs_of(
    file: &File,
    path: &Path,
    shape: Shape,
    leaves: &[Range<u64>],
) -> Result<Vec<u8>, StoreError> {
    let mut pairs = Vec::new();
    for run in pair_runs(shape, leaves) {
        let at = pairs.len();
        pairs.resize(at + pair_bytes(run.end - run.start), 0);
        let part = pairs.get_mut(at..).unwrap_or_default();
        file.read_exact_at(part, run.start * 64)
            .map_err(StoreError::file(path, "reading"))?;
    }
    Ok(pairs)
}

/// Writes the pairs of a checked proof to where they belong.
pub(super) fn write_pairs(
    file: &File,
    path: &Path,
    shape: Shape,
    leaves: &[Range<u64>],
    pairs: &[u8],
) -> Result<(), StoreError> {
    let mut rest = pairs;
    for run in pair_runs(shape, leaves) {
        let (part, after) = rest
            .split_at_checked(pair_bytes(run.end - run.start))
            .unwrap_or((rest, &[]));
        fault::step(path, || file.write_all_at(part, run.start * 64))
            .map_err(StoreError::file(path, "writing"))?;
        rest = after;
    }
    Ok(())
}

pub(super) fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let found = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::file(path, "asking for free space")(error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Bytes that a file takes on its disk, holes left out.
pub(super) fn taken(path: &Path) -> Result<u64, StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) => Ok(found.blocks() * 512),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(StoreError::file(path, "reading")(error)),
    }
}

pub(super) fn disk_bytes(path: &Path) -> Result<u64, StoreError> {
    let found = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::file(path, "asking for its size")(error.into()))?;
    Ok(found.f_blocks.saturating_mul(found.f_frsize))
}
