//! Files of blobs that are not finished: written beside their root, synced, then named.

use super::{Blobs, Place};
use crate::io::fault;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// Folder for what is not finished.
pub(super) const TEMPORARY: &str = "tmp";

impl Blobs {
    /// Makes the folder of a blob that is being asked for, durably, so that `begin` need not wait for it. An empty folder harms
    /// nothing if the blob never comes.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn prepare(&self, hash: &Hash) -> Result<(), StoreError> {
        if !matches!(self.paths(hash)?.place()?, Place::Nowhere) {
            return Ok(());
        }
        let paths = self.inner.roots.roomiest()?.paths(hash);
        if paths.make_folder()? {
            paths.sync_folders(true)?;
        }
        Ok(())
    }
}

/// The folder for what is not finished, empty.
pub(super) fn open_temporary(root: &Path) -> Result<(), StoreError> {
    let folder = root.join(TEMPORARY);
    fault::step(&folder, || std::fs::create_dir_all(&folder))
        .map_err(StoreError::file(&folder, "making the folder"))?;
    let found = std::fs::symlink_metadata(&folder).map_err(StoreError::file(&folder, "reading"))?;
    // What is in it is deleted: a link to elsewhere would delete there.
    if !found.is_dir() {
        return Err(StoreError::Damaged {
            path: folder,
            what: "it is no folder; levada made none of this kind".into(),
        });
    }
    for entry in std::fs::read_dir(&folder)
        .map_err(StoreError::file(&folder, "reading"))?
        .flatten()
    {
        let path = entry.path();
        // A file that stays costs room and harms nothing.
        let _ = fault::step(&path, || std::fs::remove_file(&path));
    }
    Ok(())
}

/// A file that is not finished; readable for others once it has its place, as the person's umask says.
pub(super) fn temporary(root: &Path) -> Result<NamedTempFile, StoreError> {
    let folder = root.join(TEMPORARY);
    let made = fault::step(&folder, || {
        tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&folder)
    });
    made.map_err(StoreError::file(&folder, "making a file"))
}

/// Makes what was written to a file durable, before it gets the name at `path`.
pub(super) fn sync(file: &NamedTempFile, path: &Path) -> Result<(), StoreError> {
    fault::sync_data(path, file.as_file()).map_err(StoreError::file(path, "writing"))
}

/// Gives a file that is finished its name.
pub(super) fn put(file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    fault::step(path, || {
        file.persist(path).map(drop).map_err(io::Error::from)
    })
    .map_err(StoreError::file(path, "writing"))
}
