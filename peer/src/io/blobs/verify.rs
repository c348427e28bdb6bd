//! Looking for rot: every byte of a blob is read and hashed again, and what is wrong is not held any more.
//!
//! A damaged copy becomes a partial blob of its good leaves (spec/store.md, Damage), so that what is wrong is not served, and is
//! fetched like anything that is missing. A damaged outboard is made again from good bytes. Where good bytes can be had from is
//! asked elsewhere; a file that has them is read by `mend_from`. A look may begin at any leaf, and tells how far all is.

mod again;
mod fill;
mod windows;

use super::Blobs;
use super::files::{self, Paths, Place, Reference};
use super::import::hash_again;
use super::partial::encode_part;
use crate::runs::Runs;
use crate::store::StoreError;
use again::{Read, read_again};
use levada_feed::hash::Hash;
use levada_feed::tree::Shape;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use windows::{Walked, walk};

/// Told bytes as they are read, from several threads.
type Reading<'a> = &'a (dyn Fn(u64) + Sync);
/// Told the file before anything is done about its damage, so that a kill in between does not hide it.
type Noting<'a> = &'a dyn Fn(&Path) -> Result<(), StoreError>;
/// Told from which leaf on a look that is stopped goes on.
type Reached<'a> = &'a dyn Fn(u64) -> Result<(), StoreError>;
/// Says when to stop.
type Stopping<'a> = &'a (dyn Fn() -> bool + Sync);

/// How to look at a blob, and who is told.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The first leaf to look at: those before it were looked at.
    pub from: u64,
    /// Told bytes as they are read, from several threads.
    pub reading: Reading<'a>,
    /// Told the file before anything is done about its damage.
    pub noting: Noting<'a>,
    /// Told from which leaf on a look that is stopped goes on.
    pub reached: Reached<'a>,
    /// Says when to stop.
    pub stopping: Stopping<'a>,
}

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
    /// There is no file any more, or nothing that says where it lies. Told by who knows that there was one.
    Lost,
}

impl Blobs {
    /// The large blobs of all roots that are here, in an order that stays the same.
    pub fn large(&self) -> impl Iterator<Item = Result<Hash, StoreError>> + '_ {
        let roots = self.inner.roots.present();
        roots.iter().flat_map(|root| files::blobs_in(&root.path))
    }

    /// Reads all that is held of a blob again. That is no use of it: it is evicted no later for that.
    ///
    /// # Errors
    /// Those of the disk that are no damage of the blob.
    pub fn look(&self, hash: &Hash, look: Look<'_>) -> Result<Looked, StoreError> {
        let paths = self.paths(hash)?;
        match paths.place()? {
            Place::Nowhere => Ok(Looked::Absent),
            Place::Copy { size } => self.look_at_copy(hash, &paths, size, look),
            Place::Reference(reference) => look_in_place(hash, &paths, &reference, &look),
            Place::Partial => self.look_at_part(hash, &paths, look),
        }
    }

    fn look_at_copy(
        &self,
        hash: &Hash,
        paths: &Paths,
        size: u64,
        look: Look<'_>,
    ) -> Result<Looked, StoreError> {
        let data = files::open_own(&paths.data)?;
        if let Ok(shape) = Shape::of_blob(size) {
            match walk(hash, &data, shape, paths, &look)? {
                Walked::Whole => return Ok(Looked::Whole),
                Walked::Stopped => return Ok(Looked::Stopped),
                // With its last leaf goes what proves its size.
                Walked::Wrong { leaves, next } if !leaves.contains(shape.leaves() - 1) => {
                    (look.noting)(&paths.data)?;
                    return self.lose_leaves(hash, shape, &leaves, Look { from: next, ..look });
                }
                Walked::Wrong { .. } | Walked::NoProofs => {}
            }
        }
        let looked = look_at_all(hash, paths, &data, size, &look)?;
        if let Looked::Damaged(damage) = &looked
            && matches!(damage.kind, DamageKind::Rot | DamageKind::Cut)
        {
            (look.noting)(&damage.path)?;
            return self.settle_rot(hash, damage);
        }
        Ok(looked)
    }

    /// A copy without some of its leaves is a partial blob; the rest of it is looked at as such.
    fn lose_leaves(
        &self,
        hash: &Hash,
        shape: Shape,
        wrong: &Runs,
        look: Look<'_>,
    ) -> Result<Looked, StoreError> {
        let paths = self.paths(hash)?;
        let mut held = Runs::of(0..shape.leaves());
        wrong.iter().for_each(|run| held.remove(run));
        {
            let _opening = self.opening(hash);
            if !matches!(paths.place()?, Place::Copy { .. }) {
                return Ok(Looked::Absent);
            }
            paths.write_part(&encode_part(shape.bytes(), &held, &held))?;
            paths.sync_folder()?;
        }
        (look.reached)(look.from)?;
        let bytes = missing_bytes(shape, &held);
        Ok(match self.look_at_part(hash, &paths, look)? {
            Looked::Damaged(damage) => Looked::Damaged(Damage {
                bytes: damage.bytes + bytes,
                ..damage
            }),
            Looked::Stopped => Looked::Stopped,
            Looked::Absent | Looked::Whole => Looked::Damaged(Damage {
                path: paths.data.clone(),
                size: shape.bytes(),
                bytes,
                kind: DamageKind::Rot,
            }),
        })
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
            let _opening = self.opening(hash);
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
        look: Look<'_>,
    ) -> Result<Looked, StoreError> {
        let Some(partial) = self.resume(hash)? else {
            return Ok(Looked::Absent);
        };
        let Some(wrong) = partial.look(&look)? else {
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
}

/// A copy whose proofs or last leaf are wrong: all its bytes are hashed, which tells which of the two it is.
fn look_at_all(
    hash: &Hash,
    paths: &Paths,
    data: &File,
    size: u64,
    look: &Look<'_>,
) -> Result<Looked, StoreError> {
    match read_again(hash, data, size, paths, look.reading, look.stopping)? {
        Read::Same => return Ok(Looked::Whole),
        Read::Stopped => return Ok(Looked::Stopped),
        Read::OtherProofs(shape) => {
            return Ok(make_proofs(hash, paths, data, shape, &paths.data));
        }
        Read::Other => {}
    }
    let kind = if proves_last_leaf(hash, paths, data, size) {
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
    look: &Look<'_>,
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
    if let Ok(shape) = Shape::of_blob(reference.size) {
        match walk(hash, &file, shape, paths, look)? {
            Walked::Whole => return Ok(Looked::Whole),
            Walked::Stopped => return Ok(Looked::Stopped),
            Walked::Wrong { .. } if is_as_it_was() => {
                return damaged(DamageKind::InPlace, reference.size);
            }
            Walked::Wrong { .. } => return damaged(DamageKind::Changed, reference.size),
            Walked::NoProofs => {}
        }
    }
    let (reading, stopping) = (look.reading, look.stopping);
    match read_again(hash, &file, reference.size, paths, reading, stopping)? {
        Read::Same => Ok(Looked::Whole),
        Read::Stopped => Ok(Looked::Stopped),
        Read::OtherProofs(shape) => Ok(make_proofs(hash, paths, &file, shape, &reference.path)),
        // It may have been written to while it was read.
        Read::Other if is_as_it_was() => damaged(DamageKind::InPlace, reference.size),
        Read::Other => damaged(DamageKind::Changed, reference.size),
    }
}
