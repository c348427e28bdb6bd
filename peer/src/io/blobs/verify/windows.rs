//! Reading a file again from any leaf on: window by window, each proven by the pairs beside the file from its root down. So a
//! look that was stopped goes on where it was, and what is found wrong is known to the leaf.

use super::Look;
use crate::io::blobs::files::{self, Paths};
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::PAIR_BYTES;
use levada_feed::tree::{Shape, check_pairs, leaf_hash};
use rayon::prelude::*;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Leaves read and proven together: 4 MiB.
const WINDOW_LEAVES: u64 = 256;
/// Windows read side by side before it is told how far all is: 256 MiB.
const GROUP_WINDOWS: u64 = if cfg!(test) { 1 } else { 64 };

/// What reading a file came to.
pub(super) enum Walked {
    /// From the first leaf that was asked for to the end all is as it should be.
    Whole,
    Stopped,
    /// These leaves are wrong; those from `next` on were not looked at.
    Wrong {
        leaves: Runs,
        next: u64,
    },
    /// The pairs beside the file are wrong or not all there: they prove nothing.
    NoProofs,
}

/// Reads the leaves of a file from one on.
pub(super) fn walk(
    hash: &Hash,
    data: &File,
    shape: Shape,
    paths: &Paths,
    look: &Look<'_>,
) -> Result<Walked, StoreError> {
    let Some(outboard) = outboard_of(paths, shape)? else {
        return Ok(Walked::NoProofs);
    };
    let file = Proved {
        hash,
        data,
        outboard: outboard.as_ref(),
        shape,
        paths,
    };
    let mut start = look.from;
    while start < shape.leaves() {
        let end = shape.leaves().min(start + WINDOW_LEAVES * GROUP_WINDOWS);
        let windows = (end - start).div_ceil(WINDOW_LEAVES);
        let read: Option<Vec<Option<Runs>>> = (0..windows)
            .into_par_iter()
            .map_init(Vec::new, |buffer, window| {
                if (look.stopping)() {
                    return None;
                }
                let first = start + window * WINDOW_LEAVES;
                let leaves = first..end.min(first + WINDOW_LEAVES);
                let bytes = shape.bytes_of(&leaves);
                let wrong = file.wrong_leaves(leaves, buffer);
                (look.reading)(bytes.end - bytes.start);
                Some(wrong)
            })
            .collect();
        let Some(read) = read else {
            return Ok(Walked::Stopped);
        };
        let mut leaves = Runs::new();
        for wrong in read {
            let Some(wrong) = wrong else {
                return Ok(Walked::NoProofs);
            };
            wrong.iter().for_each(|run| leaves.insert(run));
        }
        start = end;
        if !leaves.is_empty() {
            return Ok(Walked::Wrong {
                leaves,
                next: start,
            });
        }
        (look.reached)(start)?;
    }
    Ok(Walked::Whole)
}

/// The outboard, if it is as long as it has to be; a blob of one leaf has none.
fn outboard_of(paths: &Paths, shape: Shape) -> Result<Option<Option<File>>, StoreError> {
    let pair_bytes = u64::try_from(PAIR_BYTES).unwrap_or(u64::MAX);
    let due = shape.pairs().saturating_mul(pair_bytes);
    if due == 0 {
        return Ok(Some(None));
    }
    match files::size_of(&paths.outboard)? {
        Some(size) if size == due => files::open_own(&paths.outboard).map(|file| Some(Some(file))),
        _ => Ok(None),
    }
}

struct Proved<'a> {
    hash: &'a Hash,
    data: &'a File,
    outboard: Option<&'a File>,
    shape: Shape,
    paths: &'a Paths,
}

impl Proved<'_> {
    /// Which of some leaves are wrong. `None`: the pairs do not prove them.
    fn wrong_leaves(&self, leaves: Range<u64>, buffer: &mut Vec<u8>) -> Option<Runs> {
        let ranges = [leaves.clone()];
        let pairs = match self.outboard {
            None => Vec::new(),
            Some(file) => {
                files::read_pairs_of(file, &self.paths.outboard, self.shape, &ranges).ok()?
            }
        };
        let proven = check_pairs(self.hash, self.shape, &ranges, &pairs).ok()?;
        let mut wrong = Runs::new();
        for leaf in leaves {
            let bytes = self.shape.leaf_bytes(leaf);
            buffer.resize(usize::try_from(bytes.end - bytes.start).unwrap_or(0), 0);
            // What the disk does not give back is as lost as what it gives back wrong.
            let is_right = self.data.read_exact_at(buffer, bytes.start).is_ok()
                && proven.leaf_hash(leaf) == Some(leaf_hash(self.shape, leaf, buffer));
            if !is_right {
                wrong.insert(leaf..leaf + 1);
            }
        }
        Some(wrong)
    }
}
