//! Blobs on their way in: verified leaves are written where they belong, and what is verified is noted as it goes.
//!
//! A note is written every half second or 64 MiB, without a sync: a killed process loses less than that. Each GiB, and when
//! the blob is complete, the data is synced; most of it has gone to the disk by then (`ahead`). Whoever opens a partial blob believes only what was synced;
//! other noted leaves are checked again, and so is everything when a file is not as long as it was (spec/store.md, Part
//! file).

mod resume;

use super::ReceiveError;
use super::ahead::{AHEAD_BYTES, Ahead};
use super::files::{self, Paths};
use crate::io::{clock, fault};
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::reject::Reject;
use levada_feed::tree::{LeafVerifier, Proven, Shape, check_pairs, check_slice};
pub(super) use resume::encode as encode_part;
use resume::encode;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

const NOTE_MS: u128 = 500;
// Small in unit tests, so that the crash table passes both with a blob of less than a MiB.
const NOTE_BYTES: u64 = if cfg!(test) { 128 << 10 } else { 64 << 20 };
const SYNC_BYTES: u64 = if cfg!(test) { 512 << 10 } else { 1 << 30 };

/// A blob of which a part is here.
#[derive(Debug)]
pub struct Partial {
    hash: Hash,
    shape: Shape,
    paths: Paths,
    data: File,
    outboard: File,
    /// What has the data go to the disk meanwhile; none before there is enough of it.
    ahead: Mutex<Option<Ahead>>,
    state: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    held: Runs,
    synced: Runs,
    noted: Option<Instant>,
    unnoted: u64,
    unsynced: u64,
    is_finished: bool,
}

fn open(path: &Path) -> Result<File, StoreError> {
    let opened = fault::step(path, || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
    });
    opened.map_err(StoreError::file(path, "opening"))
}

/// The last leaf of a blob, as a range.
fn last_leaf(shape: Shape) -> Range<u64> {
    shape.leaves() - 1..shape.leaves()
}

/// Checks the pairs and the bytes of the last leaf: with them the size is true (store-1).
pub(super) fn check_size(
    hash: &Hash,
    size: u64,
    pairs: &[u8],
    leaf: &[u8],
) -> Result<Shape, Reject> {
    let shape = Shape::of_blob(size)?;
    check_slice(hash, shape, &[last_leaf(shape)], pairs, leaf)?;
    Ok(shape)
}

impl Partial {
    /// Takes a blob up; its size and last leaf were checked.
    pub(super) fn begin(
        paths: &Paths,
        hash: Hash,
        proven: Shape,
        pairs: &[u8],
        leaf: &[u8],
    ) -> Result<Self, StoreError> {
        let last = last_leaf(proven);
        // Its first note: who opens it before the leaf is written checks what was not synced, and believes nothing.
        let partial = Self::begin_noted(paths, hash, proven, &Runs::of(last.clone()))?;
        files::write_pairs(
            &partial.outboard,
            &paths.outboard,
            proven,
            std::slice::from_ref(&last),
            pairs,
        )?;
        partial.write(proven.leaf_bytes(last.start).start, leaf)?;
        let mut state = partial.state();
        (state.noted, state.unnoted) = (Some(clock::tick()), 0);
        drop(state);
        Ok(partial)
    }

    /// Takes a blob up of which the size is proven, and no leaf is here yet.
    pub(super) fn begin_empty(
        paths: &Paths,
        hash: Hash,
        proven: Shape,
    ) -> Result<Self, StoreError> {
        Self::begin_noted(paths, hash, proven, &Runs::new())
    }

    /// The same with a note of the leaves that are about to be written.
    fn begin_noted(
        paths: &Paths,
        hash: Hash,
        proven: Shape,
        coming: &Runs,
    ) -> Result<Self, StoreError> {
        let is_new = paths.make_folder()?;
        // The state first, durably (store-2): from here on nobody takes the data for complete.
        paths.write_part(&encode(proven.bytes(), &Runs::new(), coming))?;
        paths.sync_folders(is_new)?;
        let partial = Self::opened(paths, hash, proven, Runs::new())?;
        // The size is proven, so the sparse file may have it.
        partial.set_size()?;
        Ok(partial)
    }

    /// A blob that turned out to be here already: there is nothing to do.
    pub(super) fn complete_copy(
        paths: &Paths,
        hash: Hash,
        shape: Shape,
    ) -> Result<Self, StoreError> {
        let partial = Self::opened(paths, hash, shape, Runs::of(0..shape.leaves()))?;
        partial.end();
        Ok(partial)
    }

    fn opened(paths: &Paths, hash: Hash, shape: Shape, held: Runs) -> Result<Self, StoreError> {
        let state = Noted {
            synced: held.clone(),
            held,
            noted: None,
            unnoted: 0,
            unsynced: 0,
            is_finished: false,
        };
        Ok(Self {
            hash,
            shape,
            paths: paths.clone(),
            data: open(&paths.data)?,
            outboard: open(&paths.outboard)?,
            ahead: Mutex::default(),
            state: Mutex::new(state),
        })
    }

    fn set_size(&self) -> Result<(), StoreError> {
        fault::step(&self.paths.data, || self.data.set_len(self.size()))
            .map_err(StoreError::file(&self.paths.data, "writing"))
    }

    fn state(&self) -> MutexGuard<'_, Noted> {
        self.state
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// The true size.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shape.bytes()
    }

    /// The verified leaves.
    #[must_use]
    pub fn held(&self) -> Runs {
        self.state().held.clone()
    }

    /// The parts of a range of leaves that are not here.
    #[must_use]
    pub fn missing(&self, leaves: Range<u64>) -> Vec<Range<u64>> {
        self.state().held.missing(leaves).collect()
    }

    /// Nothing more is noted: all is here and the files are in their final state, or they are taken away.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state().is_finished
    }

    /// Ends the partial state in memory.
    pub(super) fn end(&self) {
        self.state().is_finished = true;
    }

    /// Checks the pairs for a run of leaves; gives what takes their bytes.
    ///
    /// # Errors
    /// See `ReceiveError`.
    pub fn window(
        self: &Arc<Self>,
        leaves: Range<u64>,
        pairs: &[u8],
    ) -> Result<Window, ReceiveError> {
        let ranges = [leaves.clone()];
        let proven = Arc::new(check_pairs(&self.hash, self.shape, &ranges, pairs)?);
        files::write_pairs(
            &self.outboard,
            &self.paths.outboard,
            self.shape,
            &ranges,
            pairs,
        )?;
        Ok(Window {
            partial: self.clone(),
            verifier: LeafVerifier::new(proven, leaves),
        })
    }

    /// Writes verified bytes that begin at a leaf.
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        fault::step(&self.paths.data, || self.data.write_all_at(bytes, offset))
            .map_err(StoreError::file(&self.paths.data, "writing"))?;
        let size = u64::try_from(bytes.len()).unwrap_or(0);
        let mut unsynced = 0;
        if let Ok(leaves) = self.shape.leaves_of(offset..offset + size) {
            let mut state = self.state();
            state.held.insert(leaves);
            state.unnoted += size;
            state.unsynced += size;
            unsynced = state.unsynced;
        }
        if unsynced >= AHEAD_BYTES {
            let mut ahead = self.ahead();
            if ahead.is_none() {
                *ahead = Ahead::begin(&self.paths.data);
            }
            ahead.iter().for_each(|ahead| ahead.wrote(size));
        }
        Ok(())
    }

    fn ahead(&self) -> MutexGuard<'_, Option<Ahead>> {
        self.ahead
            .lock()
            .expect("nobody panics while holding this lock")
    }

    fn note_if_due(&self) -> Result<(), StoreError> {
        let is_due = {
            let state = self.state();
            let is_old = state
                .noted
                .is_none_or(|noted| clock::since(noted).as_millis() >= NOTE_MS);
            state.unnoted >= NOTE_BYTES || (is_old && state.unnoted > 0)
        };
        if is_due { self.note() } else { Ok(()) }
    }

    /// Notes what is verified.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn note(&self) -> Result<(), StoreError> {
        if self.state().unsynced >= SYNC_BYTES {
            return self.sync_and_note();
        }
        let mut state = self.state();
        if state.is_finished {
            return Ok(());
        }
        self.paths
            .write_part(&encode(self.size(), &state.synced, &state.held))?;
        state.noted = Some(clock::tick());
        state.unnoted = 0;
        Ok(())
    }

    /// Syncs, and notes that what was verified before the sync need not be checked again.
    fn sync_and_note(&self) -> Result<(), StoreError> {
        let (held, unsynced) = {
            let state = self.state();
            (state.held.clone(), state.unsynced)
        };
        self.sync()?;
        {
            let mut state = self.state();
            // What was found wrong meanwhile was taken out of what is held, and does not come back.
            state.synced = state.held.common(&held);
            state.unsynced = state.unsynced.saturating_sub(unsynced);
        }
        self.note()
    }

    fn sync(&self) -> Result<(), StoreError> {
        let ahead = self.ahead().take();
        ahead.map_or(Ok(()), Ahead::end)?;
        fault::sync_data(&self.paths.data, &self.data)
            .map_err(StoreError::file(&self.paths.data, "writing"))?;
        fault::sync_data(&self.paths.outboard, &self.outboard)
            .map_err(StoreError::file(&self.paths.outboard, "writing"))?;
        self.paths.sync_folder()
    }

    /// Ends the partial state if all leaves are here; says whether they are. If not, what is here is durable.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn complete(&self) -> Result<bool, StoreError> {
        if self.is_finished() {
            return Ok(true);
        }
        if !self.held().contains_all(0..self.shape.leaves()) {
            self.sync_and_note()?;
            return Ok(false);
        }
        self.sync()?;
        let mut state = self.state();
        if !state.is_finished {
            fault::step(&self.paths.part, || std::fs::remove_file(&self.paths.part))
                .map_err(StoreError::file(&self.paths.part, "removing"))?;
            self.paths.sync_folder()?;
            state.is_finished = true;
        }
        Ok(true)
    }
}

/// Takes the bytes of a run of leaves: each leaf is checked before it is written.
#[derive(Debug)]
pub struct Window {
    partial: Arc<Partial>,
    verifier: LeafVerifier<Arc<Proven>>,
}

impl Window {
    /// Takes the next bytes, in portions of any size.
    ///
    /// # Errors
    /// See `ReceiveError`; what was verified before is kept.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ReceiveError> {
        let mut written = Ok(());
        let partial = &self.partial;
        let checked = self.verifier.push(bytes, &mut |offset, good| {
            if written.is_ok() {
                written = partial.write(offset, good);
            }
        });
        written?;
        checked?;
        Ok(self.partial.note_if_due()?)
    }

    /// All leaves of the run have come.
    ///
    /// # Errors
    /// See `ReceiveError`.
    pub fn finish(mut self) -> Result<(), ReceiveError> {
        let finished: Result<(), Reject> = self.verifier.finish();
        self.partial.note()?;
        Ok(finished?)
    }
}
