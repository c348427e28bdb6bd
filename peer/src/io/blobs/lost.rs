//! Files of blobs that are gone or not believed: whether and where they were, back from a file that may be the same, and what people
//! are to be told.

use super::files::{self, Place};
use super::roots::Located;
use super::{Blobs, ImportError, Mode};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Damaged notes that are told of; more of them are one disaster.
const UNTOLD_MAX: usize = 100;

impl Blobs {
    /// Whether there is a file of a blob, whole or in part, or where it lies.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn has_files(&self, hash: &Hash) -> Result<bool, StoreError> {
        Ok(!matches!(self.paths(hash)?.place()?, Place::Nowhere))
    }

    /// The file that should be there of a blob that has none: what says where it lies, if that is there and cannot be read. `None`
    /// when there is one, or its disk is away.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn lost(&self, hash: &Hash) -> Result<Option<PathBuf>, StoreError> {
        let roots = &self.inner.roots;
        let Located::In(root) = roots.locate(&self.inner.disk, hash)? else {
            return Ok(None);
        };
        let paths = root.paths(hash);
        if !matches!(paths.place()?, Place::Nowhere) || !root.is_there() {
            return Ok(None);
        }
        Ok(Some(match files::size_of(&paths.reference)? {
            Some(_) => paths.reference,
            None => paths.data,
        }))
    }

    pub(super) fn tell_of(&self, note: &Path) {
        let mut untold = self.untold();
        if untold.len() < UNTOLD_MAX {
            untold.insert(note.to_owned());
        }
    }

    /// The damaged notes of partial blobs that were met since the last time: what they said is checked and written anew.
    #[must_use]
    pub fn take_untold(&self) -> BTreeSet<PathBuf> {
        std::mem::take(&mut *self.untold())
    }

    fn untold(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.inner
            .untold
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// Takes a blob that is gone from a file, if that has its bytes: as a copy, or in place if it was published so. Says whether
    /// it had them.
    ///
    /// # Errors
    /// Those of our own disk; a file that cannot be read, or has no room here, has nothing.
    pub fn bring_back(
        &self,
        hash: &Hash,
        file: &Path,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, StoreError> {
        let mode = match files::size_of(&self.paths(hash)?.reference)? {
            Some(_) => Mode::InPlace,
            None => Mode::Copy,
        };
        match self.import_wanted(file, mode, Some(hash), &|_| (), stop) {
            Ok(_) => Ok(true),
            Err(ImportError::Store(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }
}
