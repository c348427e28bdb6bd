//! Importing files: hashed on all cores, copied, reflinked or left in place.

use super::ahead::{AHEAD_BYTES, Ahead};
use super::files::{self, Place, Reference};
use super::unfinished;
use super::{Blobs, Root, is_small};
use crate::io::fault;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::{BLOB_LEAF_BYTES, INLINE_BYTES_MAX};
use levada_feed::tree::{PIECE_LEAVES, Shape, hash_piece, join_pieces};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::NamedTempFile;

/// Bytes of one piece.
const PIECE_BYTES: u64 = PIECE_LEAVES * BLOB_LEAF_BYTES;
/// Bytes read and written at once: what was read is still in the processor's cache when it is written.
const COPY_BYTES: usize = 256 << 10;
/// Bytes that a copy leaves free on the disk.
const RESERVE_BYTES: u64 = 64 << 20;

/// Whether the node keeps a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Copy the file, by reflink where the file system can.
    Copy,
    /// Keep only the outboard; serve from where the file is.
    InPlace,
}

/// A blob that is here now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its hash.
    pub hash: Hash,
    /// Its size.
    pub size: u64,
}

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It changed while it was read.
    #[error("it changed while it was read")]
    Changed,
    /// The person stopped it.
    #[error("interrupted")]
    Interrupted,
    /// It could not be read.
    #[error("{0}")]
    Source(io::Error),
    /// There is not enough room for a copy.
    #[error("a copy needs {needed} bytes and {free} are free")]
    NoSpace {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// Our own disk failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What tells whether a file is still the same.
fn stamp(file: &File) -> Result<(u64, i64, i64, u64), ImportError> {
    let found = file.metadata().map_err(ImportError::Source)?;
    Ok((found.len(), found.mtime(), found.mtime_nsec(), found.ino()))
}

impl Blobs {
    /// Imports one file. `progress` is told bytes done, from several threads; `stop` ends it between two pieces.
    ///
    /// # Errors
    /// See `ImportError`; nothing of the file stays.
    pub fn import(
        &self,
        path: &Path,
        mode: Mode,
        progress: &(dyn Fn(u64) + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Imported, ImportError> {
        self.import_wanted(path, mode, None, progress, stop)
    }

    /// The same of a file that has to have this hash: of another one nothing stays, as of one that changed.
    pub(super) fn import_wanted(
        &self,
        path: &Path,
        mode: Mode,
        wanted: Option<&Hash>,
        progress: &(dyn Fn(u64) + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Imported, ImportError> {
        let is_other = |hash: &Hash| wanted.is_some_and(|wanted| wanted != hash);
        let source = files::open_plain(path).map_err(ImportError::Source)?;
        let before = stamp(&source)?;
        let size = before.0;
        if is_small(size) {
            let (imported, bytes) = read_small(path)?;
            if is_other(&imported.hash) {
                return Err(ImportError::Changed);
            }
            self.inner
                .disk
                .put_small([(imported.hash, bytes.as_slice())])?;
            return Ok(imported);
        }
        let shape = Shape::of_blob(size)
            .map_err(|_| ImportError::Source(io::ErrorKind::FileTooLarge.into()))?;
        let (root, copy, is_reflink) = match mode {
            Mode::InPlace => (self.inner.roots.roomiest()?, None, false),
            Mode::Copy => self.start_copy(path, &source, size)?,
        };
        let outboard = unfinished::temporary(&root.path)?;
        let job = Job {
            source: copy
                .as_ref()
                .filter(|_| is_reflink)
                .map_or(&source, NamedTempFile::as_file),
            copy: copy.as_ref().filter(|_| !is_reflink),
            outboard: &outboard,
            shape,
            done: AtomicU64::new(0),
            progress,
            stop,
        };
        let hash = job.run()?;
        if stamp(&source)? != before || is_other(&hash) {
            return Err(ImportError::Changed);
        }
        // The folder that this process is in now says nothing to the next one.
        let absolute = std::path::absolute(path).map_err(ImportError::Source)?;
        let found = source.metadata().map_err(ImportError::Source)?;
        let reference = Reference::of(&absolute, &found);
        self.keep(root, hash, copy, outboard, &reference)?;
        Ok(Imported { hash, size })
    }

    /// A file for the copy, and the root that it is for; already filled when the file system could share the blocks.
    fn start_copy(
        &self,
        path: &Path,
        source: &File,
        size: u64,
    ) -> Result<(&Root, Option<NamedTempFile>, bool), ImportError> {
        let device = source.metadata().map_err(ImportError::Source)?.dev();
        let beside = self.inner.roots.beside(device);
        if let Some(root) = beside
            && let Ok(shared) = files::reflink(path, &root.path.join(unfinished::TEMPORARY))
        {
            let file = files::open_own(&shared)?;
            return Ok((root, Some(NamedTempFile::from_parts(file, shared)), true));
        }
        let root = self.inner.roots.roomiest()?;
        let free = files::free_bytes(&root.path)?;
        let needed = size.saturating_add(size / 256);
        if needed.saturating_add(RESERVE_BYTES) > free {
            return Err(ImportError::NoSpace { needed, free });
        }
        Ok((root, Some(unfinished::temporary(&root.path)?), false))
    }

    /// Moves what was written to its place: outboard first, data last, so that a crash leaves no blob without proof.
    pub(super) fn keep(
        &self,
        root: &Root,
        hash: Hash,
        copy: Option<NamedTempFile>,
        outboard: NamedTempFile,
        reference: &Reference,
    ) -> Result<(), StoreError> {
        let _opening = self.opening(&hash);
        let before = self.paths(&hash)?;
        match before.place()? {
            // It is here already, and a copy is better than a reference.
            Place::Copy { .. } => return Ok(()),
            Place::Partial => {
                self.forget(&hash);
                before.remove()?;
            }
            _ => {}
        }
        let paths = root.paths(&hash);
        // What is in it later is no more durable than its name.
        let is_new = paths.make_folder()?;
        paths.sync_folders(is_new)?;
        unfinished::sync(&outboard, &paths.outboard)?;
        if let Some(copy) = &copy {
            unfinished::sync(copy, &paths.data)?;
        }
        unfinished::put(outboard, &paths.outboard)?;
        match copy {
            Some(copy) => unfinished::put(copy, &paths.data)?,
            None => {
                let text = serde_json::to_vec(reference).expect("numbers and text become JSON");
                let mut file = unfinished::temporary(&root.path)?;
                fault::step(&paths.reference, || file.write_all(&text))
                    .map_err(StoreError::file(&paths.reference, "writing"))?;
                unfinished::sync(&file, &paths.reference)?;
                unfinished::put(file, &paths.reference)?;
            }
        }
        paths.sync_folder()?;
        let roots = &self.inner.roots;
        // Noted last: until then what was there before is found.
        roots.note(&self.inner.disk, root, &hash, reference.size)?;
        if before.root != paths.root {
            before.remove()?;
        }
        Ok(())
    }

    /// Imports files of up to 16 KiB, on all cores, in one write to the store. Gives each one's bytes too.
    pub fn import_small_many(
        &self,
        paths: &[PathBuf],
    ) -> Vec<Result<(Imported, Vec<u8>), ImportError>> {
        let mut read: Vec<_> = paths.par_iter().map(|path| read_small(path)).collect();
        let good = read
            .iter()
            .flatten()
            .map(|(imported, bytes)| (imported.hash, bytes.as_slice()));
        if let Err(error) = self.inner.disk.put_small(good) {
            let message = error.to_string();
            for one in &mut read {
                *one = Err(ImportError::Store(StoreError::Database(message.clone())));
            }
        }
        read
    }
}

/// A small file in whole.
fn read_small(path: &Path) -> Result<(Imported, Vec<u8>), ImportError> {
    let file = files::open_plain(path).map_err(ImportError::Source)?;
    let before = stamp(&file)?;
    // One byte more shows the end with the first read.
    let room = before.0.min(INLINE_BYTES_MAX) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or(0));
    (&file)
        .take(INLINE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(ImportError::Source)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    // One that grew above the limit since it was sorted among the small ones would not fit anywhere.
    if stamp(&file)? != before || size != before.0 || !is_small(size) {
        return Err(ImportError::Changed);
    }
    Ok((
        Imported {
            hash: Hash::of(&bytes),
            size,
        },
        bytes,
    ))
}

/// Makes the outboard of a file again, in its place; gives the hash of the file.
pub(super) fn hash_again(
    source: &File,
    shape: Shape,
    root: &Path,
    outboard_path: &Path,
) -> Result<Hash, ImportError> {
    let outboard = unfinished::temporary(root)?;
    let job = Job {
        source,
        copy: None,
        outboard: &outboard,
        shape,
        done: AtomicU64::new(0),
        progress: &|_| (),
        stop: &|| false,
    };
    let hash = job.run()?;
    unfinished::sync(&outboard, outboard_path)?;
    unfinished::put(outboard, outboard_path)?;
    Ok(hash)
}

struct Job<'a> {
    source: &'a File,
    copy: Option<&'a NamedTempFile>,
    outboard: &'a NamedTempFile,
    shape: Shape,
    done: AtomicU64,
    progress: &'a (dyn Fn(u64) + Sync),
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Job<'_> {
    fn run(&self) -> Result<Hash, ImportError> {
        let pieces = self.shape.leaves().div_ceil(PIECE_LEAVES);
        let is_large = self.shape.bytes() >= 2 * AHEAD_BYTES;
        let copy = self.copy.filter(|_| is_large);
        let ahead = copy.and_then(|copy| Ahead::begin(copy.path()));
        let hashes: Result<Vec<Hash>, ImportError> = (0..pieces)
            .into_par_iter()
            .map_init(Vec::new, |buffer, piece| {
                let hash = self.piece(piece, buffer)?;
                if let Some(ahead) = &ahead {
                    ahead.wrote(u64::try_from(buffer.len()).unwrap_or(0));
                }
                Ok(hash)
            })
            .collect();
        ahead.map_or(Ok(()), Ahead::end)?;
        let (hash, pairs) = join_pieces(self.shape, &hashes?).map_err(|_| ImportError::Changed)?;
        for (position, pair) in pairs {
            self.write(self.outboard, &pair, position * 64)?;
        }
        Ok(hash)
    }

    /// Reads, copies and hashes one piece.
    fn piece(&self, piece: u64, buffer: &mut Vec<u8>) -> Result<Hash, ImportError> {
        if (self.stop)() {
            return Err(ImportError::Interrupted);
        }
        let start = piece * PIECE_BYTES;
        let size = PIECE_BYTES.min(self.shape.bytes() - start);
        buffer.resize(usize::try_from(size).unwrap_or(0), 0);
        for (portion, at) in buffer
            .chunks_mut(COPY_BYTES)
            .zip((start..).step_by(COPY_BYTES))
        {
            self.source
                .read_exact_at(portion, at)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => ImportError::Changed,
                    _ => ImportError::Source(error),
                })?;
            if let Some(copy) = self.copy {
                self.write(copy, portion, at)?;
            }
        }
        let hashed = hash_piece(self.shape, piece, buffer).map_err(|_| ImportError::Changed)?;
        self.write(self.outboard, &hashed.pairs, hashed.position * 64)?;
        (self.progress)(self.done.fetch_add(size, Ordering::Relaxed) + size);
        Ok(hashed.hash)
    }

    fn write(&self, to: &NamedTempFile, bytes: &[u8], at: u64) -> Result<(), StoreError> {
        fault::step(to.path(), || to.as_file().write_all_at(bytes, at))
            .map_err(StoreError::file(to.path(), "writing"))
    }
}
