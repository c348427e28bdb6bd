//! The note beside a partial blob, and what of it is believed when it is opened again (spec/store.md, Part file).

use super::{Partial, files};
use crate::io::blobs::Look;
use crate::io::blobs::files::Paths;
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::PAIR_BYTES;
use levada_feed::tree::{Proven, Shape, check_pairs, leaf_hash};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: &[u8] = b"levada part v1\n";
/// Leaves that are checked again together: 64 MiB.
const CHECK_LEAVES: u64 = 4_096;
/// Leaves that each start may check again: 4 MiB.
const DOUBTFUL_LEAVES: u64 = 256;

impl Partial {
    /// Opens what was begun before (store-4, store-5), and checks again what may not have reached the disk. `None` when nothing of it is
    /// worth keeping, or it is not partial any more: a size that only a damaged note spoke of is believed if the last leaf
    /// proves it. `told` is told of such a note before anything follows from it.
    pub(in crate::io::blobs) fn resume(
        paths: &Paths,
        hash: Hash,
        told: &dyn Fn(&Path),
    ) -> Result<Option<Self>, StoreError> {
        let bytes = match std::fs::read(&paths.part) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::file(&paths.part, "reading")(error)),
        };
        let noted = decode(&bytes);
        if noted.is_none() {
            told(&paths.part);
        }
        let size = match &noted {
            Some(noted) => noted.size,
            None => files::size_of(&paths.data)?.unwrap_or(0),
        };
        let Ok(shape) = Shape::of_blob(size) else {
            paths.remove_part()?;
            return Ok(None);
        };
        let partial = Self::opened(paths, hash, shape, Runs::new())?;
        let pairs = shape
            .pairs()
            .saturating_mul(PAIR_BYTES.try_into().unwrap_or(64));
        let is_whole = size_of(&partial.data, &paths.data)? == size
            && size_of(&partial.outboard, &paths.outboard)? == pairs;
        if !is_whole {
            partial.set_size()?;
        }
        let is_size_noted = noted.is_some();
        let (held, synced) = match noted {
            Some(noted) => (noted.held, noted.synced),
            None => (Runs::of(0..shape.leaves()), Runs::new()),
        };
        let synced = if is_whole { synced } else { Runs::new() };
        let mut good = synced.clone();
        let doubtful: Vec<Range<u64>> = held
            .iter()
            .flat_map(|run| good.missing(run).collect::<Vec<_>>())
            .collect();
        for run in &doubtful {
            partial.recheck(run.clone(), &mut good)?;
        }
        if good.is_empty() || (!is_size_noted && !good.contains(shape.leaves() - 1)) {
            paths.remove_part()?;
            return Ok(None);
        }
        {
            let mut state = partial.state();
            state.held = good;
            // Or the next note would say that all of it has to be checked again.
            state.synced = synced;
        }
        let leaves: u64 = doubtful.iter().map(|run| run.end - run.start).sum();
        // So that the next one has nothing to check, or little: a few leaves are checked in less time than a sync takes.
        if leaves > DOUBTFUL_LEAVES || !is_size_noted || !is_whole {
            partial.sync_and_note()?;
        }
        Ok(Some(partial))
    }

    /// Adds to `good` the leaves of a run that are what the outboard says.
    fn recheck(&self, run: Range<u64>, good: &mut Runs) -> Result<(), StoreError> {
        let mut start = run.start;
        while start < run.end {
            let part = start..run.end.min(start + CHECK_LEAVES);
            start = part.end;
            let ranges = [part.clone()];
            let pairs =
                files::read_pairs_of(&self.outboard, &self.paths.outboard, self.shape, &ranges);
            let proven = match pairs {
                Ok(pairs) => check_pairs(&self.hash, self.shape, &ranges, &pairs).ok(),
                // The file ends before these pairs.
                Err(StoreError::File { source, .. })
                    if source.kind() == io::ErrorKind::UnexpectedEof =>
                {
                    None
                }
                Err(error) => return Err(error),
            };
            match proven {
                Some(proven) => self.recheck_leaves(part, &proven, good),
                // One missing pair spoils the window: halves are tried until single leaves.
                None if part.end - part.start > 1 => {
                    let middle = part.start + (part.end - part.start) / 2;
                    self.recheck(part.start..middle, good)?;
                    self.recheck(middle..part.end, good)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    fn recheck_leaves(&self, leaves: Range<u64>, proven: &Proven, good: &mut Runs) {
        let mut buffer = Vec::new();
        for leaf in leaves {
            let bytes = self.shape.leaf_bytes(leaf);
            buffer.resize(usize::try_from(bytes.end - bytes.start).unwrap_or(0), 0);
            // What the disk does not give back is not here.
            if self.data.read_exact_at(&mut buffer, bytes.start).is_err() {
                continue;
            }
            if proven.leaf_hash(leaf) == Some(leaf_hash(self.shape, leaf, &buffer)) {
                good.insert(leaf..leaf + 1);
            }
        }
    }

    /// Checks what is held from a leaf on again; what is wrong is not held any more. Gives the bytes of that, or `None` when it
    /// was stopped.
    pub(in crate::io::blobs) fn look(&self, look: &Look<'_>) -> Result<Option<u64>, StoreError> {
        let mut wrong = 0;
        for run in self.held().iter() {
            let mut start = run.start.max(look.from);
            while start < run.end {
                if (look.stopping)() {
                    return Ok(None);
                }
                let part = start..run.end.min(start + CHECK_LEAVES);
                start = part.end;
                let mut good = Runs::new();
                self.recheck(part.clone(), &mut good)?;
                let bytes = self.shape.bytes_of(&part);
                (look.reading)(bytes.end - bytes.start);
                let bad: Vec<Range<u64>> = good.missing(part).collect();
                if !bad.is_empty() {
                    (look.noting)(&self.paths.data)?;
                    wrong += self.lose(bad)?;
                }
                (look.reached)(start)?;
            }
        }
        Ok(Some(wrong))
    }

    /// These leaves are not held any more; gives their bytes.
    fn lose(&self, leaves: Vec<Range<u64>>) -> Result<u64, StoreError> {
        let mut lost = 0;
        {
            let mut state = self.state();
            for run in leaves {
                let bytes = self.shape.bytes_of(&run);
                lost += bytes.end - bytes.start;
                state.held.remove(run.clone());
                state.synced.remove(run);
            }
        }
        self.sync_and_note()?;
        Ok(lost)
    }

    /// Takes missing leaves from a file, if they are right there.
    pub(in crate::io::blobs) fn fill_from(
        &self,
        source: &File,
        stopping: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let mut buffer = Vec::new();
        for gap in self.missing(0..self.shape.leaves()) {
            let mut start = gap.start;
            while start < gap.end && !stopping() {
                let part = start..gap.end.min(start + CHECK_LEAVES);
                start = part.end;
                let ranges = [part.clone()];
                let pairs =
                    files::read_pairs_of(&self.outboard, &self.paths.outboard, self.shape, &ranges);
                let Some(proven) = pairs
                    .ok()
                    .and_then(|pairs| check_pairs(&self.hash, self.shape, &ranges, &pairs).ok())
                else {
                    continue;
                };
                for leaf in part {
                    let bytes = self.shape.leaf_bytes(leaf);
                    buffer.resize(usize::try_from(bytes.end - bytes.start).unwrap_or(0), 0);
                    if source.read_exact_at(&mut buffer, bytes.start).is_ok()
                        && proven.leaf_hash(leaf) == Some(leaf_hash(self.shape, leaf, &buffer))
                    {
                        self.write(bytes.start, &buffer)?;
                        self.note_if_due()?;
                    }
                }
            }
        }
        self.note()
    }
}

fn size_of(file: &File, path: &Path) -> Result<u64, StoreError> {
    let found = file.metadata().map_err(StoreError::file(path, "reading"))?;
    Ok(found.len())
}

/// The note: `MAGIC`, size, bytes of the synced runs, synced runs, held runs, BLAKE3 of all before.
pub(in crate::io::blobs) fn encode(size: u64, synced: &Runs, held: &Runs) -> Vec<u8> {
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

/// What a part file says.
struct PartFile {
    size: u64,
    synced: Runs,
    held: Runs,
}

/// Reads `encode`; `None` when its check or its numbers are wrong.
fn decode(bytes: &[u8]) -> Option<PartFile> {
    let (covered, check) = bytes.split_last_chunk::<32>()?;
    if Hash::of(covered).as_bytes() != check {
        return None;
    }
    let rest = covered.strip_prefix(MAGIC)?;
    let (size, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
    let (synced, held) = rest.split_at_checked(length)?;
    let size = u64::from_be_bytes(*size);
    let leaves = Shape::of_blob(size).ok()?.leaves();
    let runs = |bytes| Runs::from_bytes(bytes).filter(|runs| runs.is_below(leaves));
    let (synced, held) = (runs(synced)?, runs(held)?);
    Some(PartFile {
        size,
        // What is not held was found wrong since it was synced.
        synced: held.common(&synced),
        held,
    })
}
