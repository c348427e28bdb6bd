//! Blobs on disk: small ones in the store, large ones as plain files with their outboards.
//!
//! Below the root, `ab/cd/<hex>` holds the bytes, `<hex>.obao` the pairs in pre-order, `<hex>.part` what of a partial blob
//! is verified, `<hex>.ref` where a blob that was published in place lies. A blob is complete when it has no `.part`.
//! Everything about large blobs is in these files, so losing the store loses none. Only verified bytes get in.

mod files;
mod import;
mod partial;
mod read;
#[cfg(test)]
mod tests;

use crate::io::disk::Disk;
use crate::runs::Runs;
use crate::store::StoreError;
use files::{Paths, Place};
use levada_feed::hash::Hash;
use levada_feed::limits::INLINE_BYTES_MAX;
use levada_feed::reject::Reject;
use levada_feed::tree::Shape;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

pub use import::{ImportError, Imported, Mode};
pub use partial::{Partial, Window};
pub use read::{BlobReader, ReadError};

/// All blobs of a node. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    disk: Arc<Disk>,
    /// The last stop was clean: what is noted of partial blobs was written.
    was_clean: bool,
    /// Partial blobs that are open, so that all tasks share one state of each.
    open: Mutex<BTreeMap<Hash, Weak<Partial>>>,
}

/// How much of a blob is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// All of it.
    Complete,
    /// These leaves.
    Partial(Runs),
}

/// A blob that is here.
#[derive(Clone, Debug)]
pub struct BlobState {
    /// Its true size.
    pub size: u64,
    /// How much.
    pub held: Held,
    /// Where it lies, when no copy was made.
    pub in_place: Option<PathBuf>,
}

/// Sums over all large blobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Complete blobs.
    pub complete: u64,
    /// Partial blobs.
    pub partial: u64,
    /// Bytes on the disk.
    pub bytes: u64,
}

/// Why bytes of a blob were not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// They are wrong.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// The disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Blobs {
    /// Opens the folder of blobs. Nothing is read yet. `was_clean` says that the last stop was no crash.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(root: &Path, disk: Arc<Disk>, was_clean: bool) -> Result<Self, StoreError> {
        let temporary = root.join(files::TEMPORARY);
        std::fs::create_dir_all(&temporary)
            .map_err(StoreError::file(&temporary, "making the folder"))?;
        // What an import that was cut off left behind.
        for entry in std::fs::read_dir(&temporary)
            .map_err(StoreError::file(&temporary, "reading"))?
            .flatten()
        {
            // A file that stays costs room and harms nothing.
            let _ = std::fs::remove_file(entry.path());
        }
        let inner = Inner {
            root: root.to_owned(),
            disk,
            was_clean,
            open: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    fn paths(&self, hash: &Hash) -> Paths {
        Paths::of(&self.inner.root, hash)
    }

    /// What is here of a blob. `None`: nothing.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn state(&self, hash: &Hash) -> Result<Option<BlobState>, StoreError> {
        if let Some(small) = self.inner.disk.small(hash)? {
            let size = u64::try_from(small.len()).unwrap_or(u64::MAX);
            return Ok(Some(BlobState {
                size,
                held: Held::Complete,
                in_place: None,
            }));
        }
        Ok(match self.paths(hash).place()? {
            Place::Nowhere => None,
            Place::Copy { size } => Some(BlobState {
                size,
                held: Held::Complete,
                in_place: None,
            }),
            Place::Reference(reference) => Some(BlobState {
                size: reference.size,
                held: Held::Complete,
                in_place: Some(reference.path),
            }),
            Place::Partial => self.resume(hash)?.map(|partial| BlobState {
                size: partial.size(),
                held: Held::Partial(partial.held()),
                in_place: None,
            }),
        })
    }

    /// Opens a blob for reading. `None`: nothing of it is here.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open_blob(&self, hash: &Hash) -> Result<Option<BlobReader>, StoreError> {
        if let Some(small) = self.inner.disk.small(hash)? {
            return Ok(Some(BlobReader::small(small)));
        }
        let paths = self.paths(hash);
        match paths.place()? {
            Place::Nowhere => Ok(None),
            Place::Copy { size } => BlobReader::copy(&paths, size).map(Some),
            Place::Reference(reference) => {
                BlobReader::reference(&paths, *hash, reference).map(Some)
            }
            Place::Partial => self
                .resume(hash)?
                .map(|partial| BlobReader::partial(&paths, partial))
                .transpose(),
        }
    }

    /// The pairs that prove leaves that are here. `None` when they are not.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn pairs(&self, hash: &Hash, leaves: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(state) = self.state(hash)? else {
            return Ok(None);
        };
        let is_held = match &state.held {
            Held::Complete => true,
            Held::Partial(held) => held.contains_all(leaves.clone()),
        };
        let Ok(shape) = Shape::of_blob(state.size) else {
            return Ok(None);
        };
        if !is_held || leaves.end > shape.leaves() {
            return Ok(None);
        }
        files::read_pairs(&self.paths(hash).outboard, shape, &[leaves]).map(Some)
    }

    /// Takes up a blob with the proof of its size: the pairs and the bytes of its last leaf. Nothing is made before that
    /// was checked.
    ///
    /// # Errors
    /// See `ReceiveError`.
    pub fn begin(
        &self,
        hash: &Hash,
        size: u64,
        pairs: &[u8],
        leaf: &[u8],
    ) -> Result<Arc<Partial>, ReceiveError> {
        let begun = Partial::begin(&self.paths(hash), *hash, size, pairs, leaf)?;
        Ok(self.share(*hash, begun))
    }

    /// A partial blob that was begun before.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn resume(&self, hash: &Hash) -> Result<Option<Arc<Partial>>, StoreError> {
        if let Some(open) = self.shared(hash) {
            return Ok(Some(open));
        }
        let paths = self.paths(hash);
        if !matches!(paths.place()?, Place::Partial) {
            return Ok(None);
        }
        let partial = Partial::resume(&paths, *hash, self.inner.was_clean)?;
        Ok(Some(self.share(*hash, partial)))
    }

    fn shared(&self, hash: &Hash) -> Option<Arc<Partial>> {
        let open = self
            .inner
            .open
            .lock()
            .expect("nobody panics while holding this lock");
        open.get(hash)
            .and_then(Weak::upgrade)
            .filter(|partial| !partial.is_finished())
    }

    /// Keeps one state of each partial blob: the first that was opened.
    fn share(&self, hash: Hash, partial: Partial) -> Arc<Partial> {
        let mut open = self
            .inner
            .open
            .lock()
            .expect("nobody panics while holding this lock");
        open.retain(|_, weak| weak.strong_count() > 0);
        if let Some(shared) = open
            .get(&hash)
            .and_then(Weak::upgrade)
            .filter(|shared| !shared.is_finished())
        {
            return shared;
        }
        let shared = Arc::new(partial);
        open.insert(hash, Arc::downgrade(&shared));
        shared
    }

    /// Writes a blob to a file that does not exist yet, by reflink where the file system can.
    ///
    /// # Errors
    /// See `ReadError`; a half-written file does not stay.
    pub fn export(
        &self,
        hash: &Hash,
        to: &Path,
        stop: &dyn Fn() -> bool,
    ) -> Result<u64, ReadError> {
        let reader = self.open_blob(hash)?.ok_or(ReadError::NotHeld)?;
        read::export(&reader, &self.paths(hash), to, stop)
    }

    /// Drops a blob. A file that was published in place is not touched.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn drop_blob(&self, hash: &Hash) -> Result<(), StoreError> {
        self.inner.disk.drop_small(hash)?;
        self.paths(hash).remove()
    }

    /// Sums over all large blobs; walks the folder.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        files::totals(&self.inner.root)
    }

    /// Bytes free where blobs are.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        files::free_bytes(&self.inner.root)
    }
}

/// Whether a blob of this size lives in the store.
fn is_small(size: u64) -> bool {
    size <= INLINE_BYTES_MAX
}
