//! Looking for rot: every byte of a blob is read and hashed again, and what is wrong is not held any more.
//!
//! A damaged copy becomes a partial blob of its good leaves (spec/store.md, Damage), so that what is wrong is not served, and is
//! fetched like anything that is missing. A damaged outboard is made again from good bytes. Where good bytes can be had from is
//! asked elsewhere; a file that has them is read by `mend_from`.

mod again;

use super::files::{self, Paths, Place, Reference};
use super::import::hash_again;
use super::partial::encode_part;
use super::{Blobs, Partial};
use crate::runs::Runs;
use crate::store::StoreError;
use again::{Read, read_again};
use levada_feed::hash::Hash;
use levada_feed::tree::Shape;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Told bytes as they are read, from several threads.
type Reading<'a> = &'a (dyn Fn(u64) + Sync);
/// Told the file before anything is done about its damage, so that a kill in between does not hide it.
type Noting<'a> = &'a dyn Fn(&Path) -> Result<(), StoreError>;
/// Says when to stop.
type Stopping<'a> = &'a (dyn Fn() -> bool + Sync);

/// What a look at one blob came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Nothing of it is here.
    Absent,
    /// All that is held of it is as it should be.
    Whole,
    /// Something is not.
    Damaged(Damage),
    /// It was stopped before it was known.
    Stopped,
}

/// What is wrong with a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file with it.
    pub path: PathBuf,
    /// Its size, as far as it is known.
    pub size: u64,
    /// Bytes that are wrong.
    pub bytes: u64,
    /// What it is.
    pub kind: DamageKind,
}

/// Kinds of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// Bytes are wrong; they are not held any more.
    Rot,
    /// Bytes are wrong, and how long the file should be is not known from here: `settle` needs a size.
    Cut,
    /// Only the proofs beside it were wrong; they were made again.
    Proofs,
    /// The file in place was changed or is gone: it is not served.
    Changed,
    /// Bytes of the file in place are wrong, although it looks untouched: they are not served.
    InPlace,
}

impl Blobs {
    /// The large blobs of all roots that are here, in an order that stays the same.
    pub fn large(&self) -> impl Iterator<Item = Result<Hash, StoreError>> + '_ {
        let roots = self.inner.roots.present();
        roots.iter().flat_map(|root| files::blobs_in(&root.path))
    }

    /// Reads all that is held of a blob again.
    ///
    /// # Errors
    /// Those of the disk that are no damage of the blob.
    pub fn look(
        &self,
        hash: &Hash,
        reading: Reading<'_>,
        noting: Noting<'_>,
        stopping: Stopping<'_>,
    ) -> Result<Looked, StoreError> {
        let paths = self.paths(hash)?;
        match paths.place()? {
            Place::Nowhere => Ok(Looked::Absent),
            Place::Copy { size } => {
                let looked = look_at_copy(hash, &paths, size, reading, stopping)?;
                if let Looked::Damaged(damage) = &looked
                    && matches!(damage.kind, DamageKind::Rot | DamageKind::Cut)
                {
                    noting(&damage.path)?;
                    return self.settle_rot(hash, damage);
                }
                Ok(looked)
            }
            Place::Reference(reference) => {
                look_in_place(hash, &paths, &reference, reading, stopping)
            }
            Place::Partial => self.look_at_part(hash, &paths, reading, noting, stopping),
        }
    }

    fn settle_rot(&self, hash: &Hash, damage: &Damage) -> Result<Looked, StoreError> {
        let bytes = match damage.kind {
            DamageKind::Rot => self.settle(hash, damage.size)?,
            _ => damage.bytes,
        };
        Ok(Looked::Damaged(Damage {
            bytes,
            ..damage.clone()
        }))
    }

    /// Makes a damaged copy a partial blob of this size with the leaves that are good; gives the bytes that are wrong.
    /// Nothing happens to a blob that is no copy.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn settle(&self, hash: &Hash, size: u64) -> Result<u64, StoreError> {
        let paths = self.paths(hash)?;
        let Ok(shape) = Shape::of_blob(size) else {
            return Ok(0);
        };
        {
            let _opening = self.opening();
            if !matches!(paths.place()?, Place::Copy { .. }) {
                return Ok(0);
            }
            // Everything is claimed to be held, and nothing to be synced: whoever opens it checks every leaf (store-22).
            let all = Runs::of(0..shape.leaves());
            paths.write_part(&encode_part(size, &Runs::new(), &all))?;
            paths.sync_folder()?;
        }
        Ok(match self.resume(hash)? {
            Some(partial) => missing_bytes(shape, &partial.held()),
            None => size,
        })
    }

    /// Whether the proofs beside a copy are those of a blob of this size.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn fits(&self, hash: &Hash, size: u64) -> Result<bool, StoreError> {
        let paths = self.paths(hash)?;
        let Ok(shape) = Shape::of_blob(size) else {
            return Ok(false);
        };
        let last = shape.leaves() - 1..shape.leaves();
        Ok(shape.pairs() == 0 || proven(hash, &paths, shape, last).is_some())
    }

    fn look_at_part(
        &self,
        hash: &Hash,
        paths: &Paths,
        reading: Reading<'_>,
        noting: Noting<'_>,
        stopping: Stopping<'_>,
    ) -> Result<Looked, StoreError> {
        let Some(partial) = self.resume(hash)? else {
            return Ok(Looked::Absent);
        };
        let Some(wrong) = partial.look(reading, &|| noting(&paths.data), stopping)? else {
            return Ok(Looked::Stopped);
        };
        if wrong == 0 {
            return Ok(Looked::Whole);
        }
        Ok(Looked::Damaged(Damage {
            path: paths.data.clone(),
            size: partial.size(),
            bytes: wrong,
            kind: DamageKind::Rot,
        }))
    }

    /// Takes leaves that are missing from a file that may have them; each is checked. A blob that was published in place gets
    /// a copy of its own. Gives the bytes that are still missing.
    ///
    /// # Errors
    /// Those of our own disk; a file that cannot be read has nothing.
    pub fn mend_from(
        &self,
        hash: &Hash,
        file: &Path,
        stopping: Stopping<'_>,
    ) -> Result<u64, StoreError> {
        let partial = match self.take_in(hash, stopping)? {
            Some(partial) => Some(partial),
            None => self.resume(hash)?,
        };
        let Some(partial) = partial else {
            return Ok(0);
        };
        if let Ok(source) = files::open_plain(file) {
            partial.fill_from(&source, stopping)?;
        }
        partial.complete()?;
        let Ok(shape) = Shape::of_blob(partial.size()) else {
            return Ok(0);
        };
        Ok(missing_bytes(shape, &partial.held()))
    }

    /// Makes a blob that was published in place a partial copy of the leaves that are still right there (store-24).
    fn take_in(
        &self,
        hash: &Hash,
        stopping: Stopping<'_>,
    ) -> Result<Option<Arc<Partial>>, StoreError> {
        let paths = self.paths(hash)?;
        let _opening = self.opening();
        let Place::Reference(reference) = paths.place()? else {
            return Ok(None);
        };
        let Ok(shape) = Shape::of_blob(reference.size) else {
            return Ok(None);
        };
        let free = files::free_bytes(&paths.root)?;
        if reference.size > free {
            return Err(StoreError::NoSpace {
                path: paths.root.clone(),
                needed: reference.size,
                free,
            });
        }
        let partial = self.share(*hash, Partial::begin_empty(&paths, *hash, shape)?);
        if let Ok(source) = files::open_plain(&reference.path) {
            partial.fill_from(&source, stopping)?;
        }
        Ok(Some(partial))
    }
}

fn look_at_copy(
    hash: &Hash,
    paths: &Paths,
    size: u64,
    reading: Reading<'_>,
    stopping: Stopping<'_>,
) -> Result<Looked, StoreError> {
    let data = files::open_own(&paths.data)?;
    match read_again(hash, &data, size, paths, reading, stopping)? {
        Read::Same => return Ok(Looked::Whole),
        Read::Stopped => return Ok(Looked::Stopped),
        Read::OtherProofs(shape) => {
            return Ok(make_proofs(hash, paths, &data, shape, &paths.data));
        }
        Read::Other => {}
    }
    let kind = if proves_last_leaf(hash, paths, &data, size) {
        DamageKind::Rot
    } else {
        DamageKind::Cut
    };
    Ok(Looked::Damaged(Damage {
        path: paths.data.clone(),
        size,
        bytes: 0,
        kind,
    }))
}

fn missing_bytes(shape: Shape, held: &Runs) -> u64 {
    let missing = held.missing(0..shape.leaves());
    missing
        .map(|run| {
            let bytes = shape.bytes_of(&run);
            bytes.end - bytes.start
        })
        .sum()
}

/// Makes the outboard again from bytes that are right (store-23).
fn make_proofs(hash: &Hash, paths: &Paths, data: &File, shape: Shape, shown: &Path) -> Looked {
    let made = hash_again(data, shape, &paths.root, &paths.outboard);
    let is_mended = made.is_ok_and(|made| made == *hash);
    Looked::Damaged(Damage {
        path: if is_mended {
            paths.outboard.clone()
        } else {
            shown.to_owned()
        },
        size: shape.bytes(),
        bytes: 0,
        kind: if is_mended {
            DamageKind::Proofs
        } else {
            DamageKind::Rot
        },
    })
}

/// The checked pairs of a run of leaves. `None` when those on the disk are wrong or missing.
fn proven(
    hash: &Hash,
    paths: &Paths,
    shape: Shape,
    leaves: std::ops::Range<u64>,
) -> Option<levada_feed::tree::Proven> {
    let ranges = [leaves];
    let pairs = files::read_pairs(&paths.outboard, shape, &ranges).ok()?;
    levada_feed::tree::check_pairs(hash, shape, &ranges, &pairs).ok()
}

/// Whether the last leaf of the file is that of a blob of the file's length (store-5).
fn proves_last_leaf(hash: &Hash, paths: &Paths, data: &File, size: u64) -> bool {
    let Ok(shape) = Shape::of_blob(size) else {
        return false;
    };
    let last = shape.leaves() - 1;
    let Some(proven) = proven(hash, paths, shape, last..last + 1) else {
        return false;
    };
    let bytes = shape.leaf_bytes(last);
    let mut leaf = vec![0; usize::try_from(bytes.end - bytes.start).unwrap_or(0)];
    data.read_exact_at(&mut leaf, bytes.start).is_ok()
        && proven.leaf_hash(last) == Some(levada_feed::tree::leaf_hash(shape, last, &leaf))
}

fn look_in_place(
    hash: &Hash,
    paths: &Paths,
    reference: &Reference,
    reading: Reading<'_>,
    stopping: Stopping<'_>,
) -> Result<Looked, StoreError> {
    let damaged = |kind, bytes| {
        Ok(Looked::Damaged(Damage {
            path: reference.path.clone(),
            size: reference.size,
            bytes,
            kind,
        }))
    };
    let Ok(file) = files::open_plain(&reference.path) else {
        return damaged(DamageKind::Changed, reference.size);
    };
    let is_as_it_was = || {
        std::fs::metadata(&reference.path)
            .is_ok_and(|found| Reference::of(&reference.path, &found) == *reference)
    };
    if !is_as_it_was() {
        return damaged(DamageKind::Changed, reference.size);
    }
    match read_again(hash, &file, reference.size, paths, reading, stopping)? {
        Read::Same => Ok(Looked::Whole),
        Read::Stopped => Ok(Looked::Stopped),
        Read::OtherProofs(shape) => Ok(make_proofs(hash, paths, &file, shape, &reference.path)),
        // It may have been written to while it was read.
        Read::Other if is_as_it_was() => damaged(DamageKind::InPlace, reference.size),
        Read::Other => damaged(DamageKind::Changed, reference.size),
    }
}
