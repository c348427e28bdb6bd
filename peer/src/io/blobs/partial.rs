//! Blobs on their way in: verified leaves are written where they belong, and what is verified is noted as it goes.
//!
//! A note is written every half second or 64 MiB, without a sync: a killed process loses less than that. Each GiB the data
//! is synced and the note says so; after an unclean start leaves that were not synced are checked again.

use super::ReceiveError;
use super::files::{self, Paths};
use crate::io::clock;
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::reject::Reject;
use levada_feed::tree::{LeafVerifier, Proven, Shape, check_pairs, check_slice, leaf_hash};
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

const NOTE_MS: u128 = 500;
const NOTE_BYTES: u64 = 64 << 20;
const SYNC_BYTES: u64 = 1 << 30;
const MAGIC: &[u8] = b"levada part v1\n";
/// Leaves that are checked again together: 64 MiB.
const CHECK_LEAVES: u64 = 4_096;

/// A blob of which a part is here.
#[derive(Debug)]
pub struct Partial {
    hash: Hash,
    shape: Shape,
    paths: Paths,
    data: File,
    outboard: File,
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
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    opened.map_err(StoreError::file(path, "opening"))
}

impl Partial {
    pub(super) fn begin(
        paths: &Paths,
        hash: Hash,
        size: u64,
        pairs: &[u8],
        leaf: &[u8],
    ) -> Result<Self, ReceiveError> {
        let shape = Shape::of_blob(size)?;
        let last = [shape.leaves() - 1..shape.leaves()];
        check_slice(&hash, shape, &last, pairs, leaf)?;
        paths.make_folder()?;
        // The state first: from here on nobody takes the data for complete.
        files::replace(
            &paths.part,
            &encode(size, &Runs::new(), &Runs::new()),
            false,
        )?;
        let partial = Self::opened(paths, hash, shape, Runs::new())?;
        // The size is proven, so the sparse file may have it.
        partial
            .data
            .set_len(size)
            .map_err(StoreError::file(&paths.data, "writing"))?;
        files::write_pairs(&partial.outboard, &paths.outboard, shape, &last, pairs)?;
        partial.write(shape.leaf_bytes(last[0].start).start, leaf)?;
        partial.note()?;
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
            state: Mutex::new(state),
        })
    }

    /// Opens what was begun before. A note that cannot be read, or is of a process that was killed, is not believed:
    /// leaves are checked again.
    pub(super) fn resume(paths: &Paths, hash: Hash, was_clean: bool) -> Result<Self, StoreError> {
        let bytes = std::fs::read(&paths.part).map_err(StoreError::file(&paths.part, "reading"))?;
        let found = std::fs::metadata(&paths.data).map_or(0, |found| found.len());
        let noted = decode(&bytes).filter(|(size, ..)| *size == found);
        let damaged = |what: &str| StoreError::Damaged {
            path: paths.part.clone(),
            what: what.to_owned(),
        };
        let shape = Shape::of_blob(found).map_err(|_| damaged("the size of its data"))?;
        let (held, synced) = match noted {
            Some((_, synced, held)) => (held, synced),
            None => (Runs::of(0..shape.leaves()), Runs::new()),
        };
        let partial = Self::opened(paths, hash, shape, Runs::new())?;
        let mut good = if was_clean { held.clone() } else { synced };
        let doubtful: Vec<Range<u64>> = held
            .iter()
            .flat_map(|run| good.missing(run).collect::<Vec<_>>())
            .collect();
        for run in doubtful {
            partial.recheck(run, &mut good)?;
        }
        {
            let mut state = partial.state();
            state.synced = good.clone();
            state.held = good;
        }
        partial.note()?;
        Ok(partial)
    }

    /// Adds to `good` the leaves of a run that are what the outboard says.
    fn recheck(&self, run: Range<u64>, good: &mut Runs) -> Result<(), StoreError> {
        let mut start = run.start;
        while start < run.end {
            let part = start..run.end.min(start + CHECK_LEAVES);
            start = part.end;
            let ranges = [part.clone()];
            let Ok(pairs) =
                files::read_pairs_of(&self.outboard, &self.paths.outboard, self.shape, &ranges)
            else {
                continue;
            };
            match check_pairs(&self.hash, self.shape, &ranges, &pairs) {
                Ok(proven) => self.recheck_leaves(part, &proven, good)?,
                // One missing pair spoils the window: halves are tried until single leaves.
                Err(_) if part.end - part.start > 1 => {
                    let middle = part.start + (part.end - part.start) / 2;
                    self.recheck(part.start..middle, good)?;
                    self.recheck(middle..part.end, good)?;
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn recheck_leaves(
        &self,
        leaves: Range<u64>,
        proven: &Proven,
        good: &mut Runs,
    ) -> Result<(), StoreError> {
        let mut buffer = Vec::new();
        for leaf in leaves {
            let bytes = self.shape.leaf_bytes(leaf);
            buffer.resize(usize::try_from(bytes.end - bytes.start).unwrap_or(0), 0);
            self.data
                .read_exact_at(&mut buffer, bytes.start)
                .map_err(StoreError::file(&self.paths.data, "reading"))?;
            if proven.leaf_hash(leaf) == Some(leaf_hash(self.shape, leaf, &buffer)) {
                good.insert(leaf..leaf + 1);
            }
        }
        Ok(())
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

    /// All is here and the files are in their final state.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state().is_finished
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
        self.data
            .write_all_at(bytes, offset)
            .map_err(StoreError::file(&self.paths.data, "writing"))?;
        let size = u64::try_from(bytes.len()).unwrap_or(0);
        if let Ok(leaves) = self.shape.leaves_of(offset..offset + size) {
            let mut state = self.state();
            state.held.insert(leaves);
            state.unnoted += size;
            state.unsynced += size;
        }
        Ok(())
    }

    fn note_if_due(&self) -> Result<(), StoreError> {
        let is_due = {
            let state = self.state();
            let is_old = state
                .noted
                .is_none_or(|noted| noted.elapsed().as_millis() >= NOTE_MS);
            state.unnoted >= NOTE_BYTES || (is_old && state.unnoted > 0)
        };
        if is_due { self.note() } else { Ok(()) }
    }

    /// Notes what is verified.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn note(&self) -> Result<(), StoreError> {
        let (held, wants_sync) = {
            let state = self.state();
            (state.held.clone(), state.unsynced >= SYNC_BYTES)
        };
        if wants_sync {
            self.sync()?;
            let mut state = self.state();
            state.synced = held.clone();
            state.unsynced = 0;
        }
        let mut state = self.state();
        if state.is_finished {
            return Ok(());
        }
        files::replace(
            &self.paths.part,
            &encode(self.size(), &state.synced, &held),
            false,
        )?;
        state.noted = Some(clock::tick());
        state.unnoted = 0;
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.data
            .sync_data()
            .map_err(StoreError::file(&self.paths.data, "writing"))?;
        self.outboard
            .sync_data()
            .map_err(StoreError::file(&self.paths.outboard, "writing"))
    }

    /// Ends the partial state if all leaves are here; says whether they are.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn complete(&self) -> Result<bool, StoreError> {
        if !self.held().contains_all(0..self.shape.leaves()) {
            self.note()?;
            return Ok(false);
        }
        self.sync()?;
        let mut state = self.state();
        if !state.is_finished {
            std::fs::remove_file(&self.paths.part)
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

fn encode(size: u64, synced: &Runs, held: &Runs) -> Vec<u8> {
    let synced = synced.to_bytes();
    let length = u64::try_from(synced.len()).unwrap_or(0);
    let mut bytes = [
        MAGIC,
        &size.to_be_bytes(),
        &length.to_be_bytes(),
        &synced,
        &held.to_bytes(),
    ]
    .concat();
    let check = Hash::of(&bytes);
    bytes.extend_from_slice(check.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Runs, Runs)> {
    let (covered, check) = bytes.split_last_chunk::<32>()?;
    if Hash::of(covered).as_bytes() != check {
        return None;
    }
    let rest = covered.strip_prefix(MAGIC)?;
    let (size, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (synced, held) = rest.split_at_checked(length)?;
    Some((
        u64::from_be_bytes(*size),
        Runs::from_bytes(synced)?,
        Runs::from_bytes(held)?,
    ))
}
