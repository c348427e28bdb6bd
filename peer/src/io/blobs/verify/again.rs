//! Hashing a whole file again, on all cores, and comparing the pairs with those beside it.

use super::{Reading, Stopping};
use crate::io::blobs::files::{self, Paths};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::PAIR_BYTES;
use levada_feed::tree::{PIECE_LEAVES, Shape, hash_piece, join_pieces};
use rayon::prelude::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// What hashing all bytes came to.
pub(super) enum Read {
    Same,
    /// The bytes are right, the proofs beside them are not.
    OtherProofs(Shape),
    Other,
    Stopped,
}

/// Hashes all bytes of a file, on all cores, and compares the pairs with the outboard.
pub(super) fn read_again(
    hash: &Hash,
    data: &File,
    size: u64,
    paths: &Paths,
    reading: Reading<'_>,
    stopping: Stopping<'_>,
) -> Result<Read, StoreError> {
    let Ok(shape) = Shape::of_blob(size) else {
        return Ok(Read::Other);
    };
    let outboard = match files::open_own(&paths.outboard) {
        Ok(outboard) => Some(outboard),
        Err(StoreError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            None
        }
        Err(error) => return Err(error),
    };
    let is_same = AtomicBool::new(is_long_enough(outboard.as_ref(), shape));
    let is_stopped = AtomicBool::new(false);
    let compare = |pairs: &[u8], position: u64| {
        let mut stored = vec![0; pairs.len()];
        let read = outboard
            .as_ref()
            .is_some_and(|file| file.read_exact_at(&mut stored, position * 64).is_ok());
        let is_right = read && stored == pairs;
        if !pairs.is_empty() && !is_right {
            is_same.store(false, Ordering::Relaxed);
        }
    };
    let piece_bytes = shape.bytes_of(&(0..PIECE_LEAVES.min(shape.leaves())));
    let piece_bytes = piece_bytes.end.max(1);
    let pieces = shape.leaves().div_ceil(PIECE_LEAVES);
    let hashes: Option<Vec<Hash>> = (0..pieces)
        .into_par_iter()
        .map_init(Vec::new, |buffer, piece| {
            if stopping() {
                is_stopped.store(true, Ordering::Relaxed);
                return None;
            }
            let start = piece * piece_bytes;
            let len = piece_bytes.min(size - start);
            buffer.resize(usize::try_from(len).unwrap_or(0), 0);
            // What the disk does not give back is as lost as what it gives back wrong.
            data.read_exact_at(buffer, start).ok()?;
            reading(len);
            let hashed = hash_piece(shape, piece, buffer).ok()?;
            compare(&hashed.pairs, hashed.position);
            Some(hashed.hash)
        })
        .collect();
    if is_stopped.load(Ordering::Relaxed) {
        return Ok(Read::Stopped);
    }
    let Some((got, above)) = hashes.and_then(|hashes| join_pieces(shape, &hashes).ok()) else {
        return Ok(Read::Other);
    };
    if got != *hash {
        return Ok(Read::Other);
    }
    for (position, pair) in &above {
        compare(pair, *position);
    }
    Ok(if is_same.load(Ordering::Relaxed) {
        Read::Same
    } else {
        Read::OtherProofs(shape)
    })
}

fn is_long_enough(outboard: Option<&File>, shape: Shape) -> bool {
    let due = shape
        .pairs()
        .saturating_mul(PAIR_BYTES.try_into().unwrap_or(64));
    match outboard {
        None => due == 0,
        Some(file) => file.metadata().is_ok_and(|found| found.len() == due),
    }
}
