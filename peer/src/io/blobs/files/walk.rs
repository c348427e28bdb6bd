//! Walking a root: which blobs have files there, and what they take.

use crate::io::blobs::Totals;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The hash of a blob whose file this is, by its name; other files have none.
fn hash_of(path: &Path) -> Option<Hash> {
    let name = path.file_stem()?.to_str()?;
    let bytes: [u8; 32] = data_encoding::HEXLOWER
        .decode(name.as_bytes())
        .ok()?
        .try_into()
        .ok()?;
    Some(Hash(bytes))
}

/// The large blobs of which there are files in a root, by hash. Each once.
pub(in crate::io::blobs) fn blobs_in(
    root: &Path,
) -> impl Iterator<Item = Result<Hash, StoreError>> {
    let named = root.to_owned();
    let mut last = None;
    files_in(root).filter_map(move |entry| match entry {
        Err(error) => {
            let is_gone = error
                .io_error()
                .is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
            // What was dropped while we walk is no failure.
            (!is_gone).then(|| Err(StoreError::file(&named, "reading")(error.into())))
        }
        Ok(entry) => {
            let hash = hash_of(entry.path())?;
            if last.replace(hash) == Some(hash) {
                return None;
            }
            Some(Ok(hash))
        }
    })
}

/// The files two folders below a root, in order; folders that are none of ours are not looked into.
fn files_in(root: &Path) -> impl Iterator<Item = walkdir::Result<walkdir::DirEntry>> {
    let walk = walkdir::WalkDir::new(root)
        .min_depth(1)
        .max_depth(3)
        .sort_by_file_name();
    let entries = walk
        .into_iter()
        .filter_entry(|entry| entry.depth() == 3 || entry.file_name().len() == 2);
    entries.filter(|entry| entry.as_ref().map_or(true, |entry| entry.depth() == 3))
}

pub(in crate::io::blobs) fn totals(root: &Path) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    for entry in files_in(root) {
        let entry = entry.map_err(|error| StoreError::file(root, "reading")(error.into()))?;
        let Ok(found) = entry.metadata() else {
            continue;
        };
        totals.bytes += found.blocks() * 512;
        let is_copied = || entry.path().with_extension("").exists();
        match entry.path().extension().and_then(|ending| ending.to_str()) {
            None => totals.complete += 1,
            // A partial blob has data too, and so has one that was published in place before it was copied.
            Some("ref") if !is_copied() => totals.complete += 1,
            Some("part") => totals.partial += 1,
            Some(_) => {}
        }
    }
    totals.complete = totals.complete.saturating_sub(totals.partial);
    Ok(totals)
}
