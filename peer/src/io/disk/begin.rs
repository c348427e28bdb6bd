//! The first opening of a store: it is made whole under another name, and then gets its own.
//!
//! The database writes its version last when it makes itself, and does not open without it. So what a crash or a full disk
//! leaves of a store that is being made would be a store that never opens.

use crate::io::{fault, whole};
use crate::store::StoreError;
use std::io;
use std::path::Path;

/// Beside the store; what is there when a store is made is the rest of one that was never used.
const UNFINISHED: &str = ".unfinished-store";

/// Makes the store with `make` if there is none yet.
pub(super) fn begin(
    path: &Path,
    make: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // What cannot be looked at is told when it is opened.
        _ => return Ok(()),
    }
    let making = path.with_file_name(UNFINISHED);
    if std::fs::symlink_metadata(&making).is_ok() {
        fault::step(&making, || std::fs::remove_dir_all(&making))
            .map_err(StoreError::file(&making, "removing"))?;
    }
    make(&making)?;
    fault::step(path, || std::fs::rename(&making, path))
        .map_err(StoreError::file(path, "making the folder"))?;
    let folder = whole::folder_of(path);
    whole::sync_folder(folder).map_err(StoreError::file(folder, "syncing the folder"))
}

#[cfg(test)]
mod tests {
    use crate::io::disk::Disk;

    #[test]
    fn store_whose_making_was_cut_short_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, making) = (
            folder.path().join("store"),
            folder.path().join(".unfinished-store"),
        );
        // As it is before the version is written: such a folder does not open.
        std::fs::create_dir_all(making.join("keyspaces")).unwrap();
        std::fs::write(making.join("0.jnl"), b"").unwrap();
        assert!(Disk::open(&making).is_err());
        Disk::open(&path)
            .unwrap()
            .put_notes([(b"a".to_vec(), b"b".to_vec())])
            .unwrap();
        assert!(!making.exists());
        let again = Disk::open(&path).unwrap();
        assert_eq!(again.note(b"a").unwrap().as_deref(), Some(b"b".as_slice()));
    }
}
