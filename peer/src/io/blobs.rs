//! Blobs on disk: small ones in the store, large ones as plain files with their outboards.
//!
//! Bytes and folders: spec/store.md, Blobs. Below the root, `ab/cd/<hex>` holds the bytes, `<hex>.obao` the pairs in pre-order, `<hex>.part` what of a partial blob
//! is verified, `<hex>.ref` where a blob that was published in place lies. A blob is complete when it has no `.part`.
//! Everything about large blobs is in these files, so losing the store loses none. Only verified bytes get in.

mod ahead;
mod drop;
mod files;
mod import;
mod lost;
mod partial;
mod place;
mod read;
mod roots;
#[cfg(test)]
mod tests;
mod unfinished;
mod used;
mod verify;

use crate::io::disk::Disk;
use crate::runs::Runs;
use crate::store::StoreError;
use files::{Place, Reference};
use levada_feed::hash::Hash;
use levada_feed::limits::INLINE_BYTES_MAX;
use levada_feed::reject::Reject;
use levada_feed::tree::Shape;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

pub use import::{ImportError, Imported, Mode};
pub use partial::{Partial, Window};
pub use read::{BlobReader, ReadError};
pub use roots::{Away, AwayRoot, ForgottenRoot};
use roots::{Root, Roots};
pub use verify::{Damage, DamageKind, Look, Looked};

/// Locks for opening blobs.
const OPENINGS: usize = 64;

/// All blobs of a node. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

struct Inner {
    roots: Roots,
    forgotten: Vec<ForgottenRoot>,
    disk: Arc<Disk>,
    /// Partial blobs that are open, so that all tasks share one state of each.
    open: Mutex<BTreeMap<Hash, Weak<Partial>>>,
    /// One of them is held while a partial blob is opened, begun or taken away, so that two tasks never do it at once. Which
    /// one its hash says: a large blob that is checked again keeps few others waiting.
    opening: [Mutex<()>; OPENINGS],
    /// Blobs that were read since it was noted last.
    used: Mutex<BTreeSet<Hash>>,
    /// Damaged notes of partial blobs that nobody was told of yet.
    untold: Mutex<BTreeSet<PathBuf>>,
}

/// Where a large blob is.
enum Found {
    Nowhere,
    Copy { size: u64 },
    Reference(Reference),
    Partial(Arc<Partial>),
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
    /// Opens one folder of blobs. Nothing is read yet.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(root: &Path, disk: Arc<Disk>) -> Result<Self, StoreError> {
        Self::open_all(root, &[], None, disk)
    }

    /// Opens the folder in the data directory and more, on other disks maybe. `list` is the file that remembers them.
    /// A folder that is not there is no error: see `away_roots`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open_all(
        own: &Path,
        more: &[PathBuf],
        list: Option<&Path>,
        disk: Arc<Disk>,
    ) -> Result<Self, StoreError> {
        let roots = Roots::open(own, more, list)?;
        let forgotten = roots.index(&disk)?;
        if let Some(list) = list {
            roots.remember(list)?;
        }
        let inner = Inner {
            roots,
            forgotten,
            disk,
            open: Mutex::default(),
            opening: std::array::from_fn(|_| Mutex::default()),
            used: Mutex::default(),
            untold: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
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
        let complete = |size, in_place| BlobState {
            size,
            held: Held::Complete,
            in_place,
        };
        Ok(match self.place(hash)? {
            Found::Nowhere => None,
            Found::Copy { size } => Some(complete(size, None)),
            Found::Reference(reference) => Some(complete(reference.size, Some(reference.path))),
            Found::Partial(partial) => Some(BlobState {
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
        self.was_used(hash)?;
        if let Some(small) = self.inner.disk.small(hash)? {
            return Ok(Some(BlobReader::small(small)));
        }
        let paths = self.paths(hash)?;
        match self.place(hash)? {
            Found::Nowhere => Ok(None),
            Found::Copy { size } => BlobReader::copy(&paths, size).map(Some),
            Found::Reference(reference) => {
                BlobReader::reference(&paths, *hash, reference).map(Some)
            }
            Found::Partial(partial) => BlobReader::partial(&paths, partial).map(Some),
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
        files::read_pairs(&self.paths(hash)?.outboard, shape, &[leaves]).map(Some)
    }

    /// Takes up a blob with the proof of its size: the pairs and the bytes of its last leaf. No file is made before that was
    /// checked.
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
        let proven = partial::check_size(hash, size, pairs, leaf)?;
        let _opening = self.opening(hash);
        // Somebody else may have begun or ended meanwhile; what is verified stays.
        if let Some(open) = self.resume_alone(hash)? {
            return Ok(open);
        }
        let paths = self.paths(hash)?;
        let partial = match paths.place()? {
            Place::Copy { size } if size == proven.bytes() => {
                Partial::complete_copy(&paths, *hash, proven)?
            }
            Place::Nowhere => {
                let paths = self.new_paths(hash, size)?;
                Partial::begin(&paths, *hash, proven, pairs, leaf)?
            }
            _ => Partial::begin(&paths, *hash, proven, pairs, leaf)?,
        };
        Ok(self.share(*hash, partial))
    }

    /// A partial blob that was begun before.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn resume(&self, hash: &Hash) -> Result<Option<Arc<Partial>>, StoreError> {
        if let Some(open) = self.shared(hash) {
            return Ok(Some(open));
        }
        let _opening = self.opening(hash);
        self.resume_alone(hash)
    }

    fn resume_alone(&self, hash: &Hash) -> Result<Option<Arc<Partial>>, StoreError> {
        if let Some(open) = self.shared(hash) {
            return Ok(Some(open));
        }
        let paths = self.paths(hash)?;
        if !matches!(paths.place()?, Place::Partial) {
            return Ok(None);
        }
        let resumed = Partial::resume(&paths, *hash, &|note| self.tell_of(note))?;
        Ok(resumed.map(|partial| self.share(*hash, partial)))
    }

    /// Where a large blob is, its partial state opened.
    fn place(&self, hash: &Hash) -> Result<Found, StoreError> {
        let paths = self.paths(hash)?;
        let mut place = paths.place()?;
        if matches!(place, Place::Partial) {
            if let Some(partial) = self.resume(hash)? {
                return Ok(Found::Partial(partial));
            }
            // It was completed meanwhile, or nothing of it was worth keeping.
            place = paths.place()?;
        }
        Ok(match place {
            Place::Copy { size } => Found::Copy { size },
            Place::Reference(reference) => Found::Reference(reference),
            Place::Nowhere | Place::Partial => Found::Nowhere,
        })
    }

    fn opening(&self, hash: &Hash) -> MutexGuard<'_, ()> {
        let [first, ..] = hash.0;
        let opening = self.inner.opening.get(usize::from(first) % OPENINGS);
        opening
            .expect("a remainder is less than what it is of")
            .lock()
            .expect("nobody panics while holding this lock")
    }

    fn open_partials(&self) -> MutexGuard<'_, BTreeMap<Hash, Weak<Partial>>> {
        self.inner
            .open
            .lock()
            .expect("nobody panics while holding this lock")
    }

    fn shared(&self, hash: &Hash) -> Option<Arc<Partial>> {
        self.open_partials()
            .get(hash)
            .and_then(Weak::upgrade)
            .filter(|partial| !partial.is_finished())
    }

    /// Keeps one state of each partial blob.
    fn share(&self, hash: Hash, partial: Partial) -> Arc<Partial> {
        let shared = Arc::new(partial);
        let mut open = self.open_partials();
        open.retain(|_, weak| weak.strong_count() > 0);
        open.insert(hash, Arc::downgrade(&shared));
        shared
    }

    /// Ends the state of a partial blob whose files are about to go: its tasks note nothing more.
    fn forget(&self, hash: &Hash) {
        if let Some(partial) = self.shared(hash) {
            partial.end();
        }
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
        read::export(&reader, &self.paths(hash)?, to, stop)
    }

    /// Gives `count` the large blobs of roots that were not counted since they came, some at a time. A root of which all were
    /// given is not given again.
    ///
    /// # Errors
    /// Those of the file system and of `count`.
    pub fn each_uncounted(
        &self,
        count: &mut dyn FnMut(&[Hash]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner.roots.each_uncounted(&self.inner.disk, count)
    }

    /// Sums over all large blobs; walks the folders.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let mut totals = Totals::default();
        for root in self.inner.roots.present() {
            let of = files::totals(&root.path)?;
            totals.complete += of.complete;
            totals.partial += of.partial;
            totals.bytes += of.bytes;
        }
        Ok(totals)
    }

    /// Bytes free where blobs are, on all disks together.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn free_bytes(&self) -> Result<u64, StoreError> {
        self.inner.roots.free_bytes()
    }

    /// Bytes of the whole disks where blobs are.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn disk_bytes(&self) -> Result<u64, StoreError> {
        self.inner.roots.disk_bytes()
    }
}

/// Whether a blob of this size lives in the store.
fn is_small(size: u64) -> bool {
    size <= INLINE_BYTES_MAX
}
