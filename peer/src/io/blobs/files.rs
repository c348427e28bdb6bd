//! Names and small files of blobs, and outboards as files.

use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::PAIR_BYTES;
use levada_feed::tree::{Shape, visited};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Folder for what is not finished.
pub(super) const TEMPORARY: &str = "tmp";

/// The files of one blob.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) data: PathBuf,
    pub(super) outboard: PathBuf,
    pub(super) part: PathBuf,
    pub(super) reference: PathBuf,
}

/// A file that was published in place, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) modified_s: i64,
    pub(super) modified_ns: i64,
    pub(super) inode: u64,
    pub(super) device: u64,
}

impl Reference {
    pub(super) fn of(path: &Path, found: &std::fs::Metadata) -> Self {
        Self {
            path: path.to_owned(),
            size: found.len(),
            modified_s: found.mtime(),
            modified_ns: found.mtime_nsec(),
            inode: found.ino(),
            device: found.dev(),
        }
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
        }
    }

    pub(super) fn place(&self) -> Result<Place, StoreError> {
        if exists(&self.part)? {
            return Ok(Place::Partial);
        }
        match std::fs::metadata(&self.data) {
            Ok(found) => return Ok(Place::Copy { size: found.len() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::file(&self.data, "reading")(error)),
        }
        match std::fs::read(&self.reference) {
            // A reference that cannot be read is as good as none: the file can be published again.
            Ok(bytes) => {
                Ok(serde_json::from_slice(&bytes).map_or(Place::Nowhere, Place::Reference))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::Nowhere),
            Err(error) => Err(StoreError::file(&self.reference, "reading")(error)),
        }
    }

    pub(super) fn make_folder(&self) -> Result<(), StoreError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(StoreError::file(&self.folder, "making the folder"))
    }

    /// Makes renames and removals in the folder durable.
    pub(super) fn sync_folder(&self) -> Result<(), StoreError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(StoreError::file(&self.folder, "syncing the folder"))
    }

    /// Removes all files. The state goes last: what is left of a crash in between is a partial blob of nothing.
    pub(super) fn remove(&self) -> Result<(), StoreError> {
        for path in [&self.data, &self.reference, &self.outboard, &self.part] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::file(path, "removing")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

pub(super) fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(StoreError::file(path, "reading"))
}

/// Replaces a small file, whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8], is_durable: bool) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let failed = || StoreError::file(path, "writing");
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
    file.write_all(bytes).map_err(failed())?;
    if is_durable {
        file.as_file().sync_all().map_err(failed())?;
    }
    file.persist(path).map_err(|error| failed()(error.error))?;
    Ok(())
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
    let file = File::open(path).map_err(StoreError::file(path, "opening"))?;
    read_pairs_of(&file, path, shape, leaves)
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
        file.write_all_at(part, run.start * 64)
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

pub(super) fn totals(root: &Path) -> Result<super::Totals, StoreError> {
    let mut totals = super::Totals::default();
    for entry in walkdir::WalkDir::new(root).min_depth(3).max_depth(3) {
        let entry = entry.map_err(|error| StoreError::file(root, "reading")(error.into()))?;
        let Ok(found) = entry.metadata() else {
            continue;
        };
        totals.bytes += found.blocks() * 512;
        match entry.path().extension().and_then(|ending| ending.to_str()) {
            None | Some("ref") => totals.complete += 1,
            Some("part") => totals.partial += 1,
            Some(_) => {}
        }
    }
    // A partial blob has data too.
    totals.complete = totals.complete.saturating_sub(totals.partial);
    Ok(totals)
}
