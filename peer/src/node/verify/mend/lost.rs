//! Blobs whose files are gone: what is told of them, and back from a file that they were published from.

use crate::io::blobs::{Damage, DamageKind};
use crate::keep;
use crate::node::Node;
use crate::node::verify::names::Named;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::path::{Path, PathBuf};

/// What is missing of it: all, by what a record says of its size.
pub(super) fn damage(path: PathBuf, named: &[Named]) -> Damage {
    let size = named.first().map_or(0, |named| named.size);
    Damage {
        path,
        size,
        bytes: size,
        kind: DamageKind::Lost,
    }
}

/// Takes it from a file of one of these sizes, if that has its bytes and there is room; says whether it did.
pub(super) fn bring_back(
    node: &Node,
    hash: &Hash,
    file: &Path,
    sizes: &[u64],
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<bool, StoreError> {
    // A file that cannot be read has nothing.
    let size = std::fs::metadata(file).map_or(0, |found| found.len());
    if !sizes.contains(&size) || !node.has_room_for_own(keep::cost(size))? {
        return Ok(false);
    }
    let is_back = node.blobs.bring_back(hash, file, stop)?;
    node.look_for_lost(hash)?;
    Ok(is_back)
}
