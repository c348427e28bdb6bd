//! Dropping blobs, where they are here and where they lie on disks that are away (spec/store.md, Blob roots).

use super::Blobs;
use crate::store::StoreError;
use levada_feed::hash::Hash;

impl Blobs {
    /// Drops what is here of a blob. A file that was published in place is not touched. One that lies on a disk that is away
    /// is dropped when that is back.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn drop_blob(&self, hash: &Hash) -> Result<(), StoreError> {
        self.inner.disk.drop_small(hash)?;
        let _opening = self.opening(hash);
        self.forget(hash);
        self.paths(hash)?.remove()?;
        self.inner.roots.forget(&self.inner.disk, hash)
    }

    /// Drops a blob wherever it is.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn drop_everywhere(&self, hash: &Hash) -> Result<(), StoreError> {
        self.drop_blob(hash)?;
        match self.away(hash)? {
            // What was fetched again is gone; now where it lay before.
            Some(_) => self.drop_blob(hash),
            None => Ok(()),
        }
    }
}
