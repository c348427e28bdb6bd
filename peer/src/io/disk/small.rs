//! Small blobs: kept in the store itself, by hash.

use super::Disk;
use crate::store::StoreError;
use levada_feed::hash::Hash;

impl Disk {
    /// Small blobs by hash; the caller has checked the hashes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_small<'b>(
        &self,
        blobs: impl IntoIterator<Item = (Hash, &'b [u8])>,
    ) -> Result<(), StoreError> {
        let mut write = self.db.batch();
        for (hash, bytes) in blobs {
            write.insert(&self.small, hash.0, bytes);
        }
        self.apply(write)
    }

    /// One small blob.
    ///
    /// # Errors
    /// Those of the database.
    pub fn small(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.small.get(hash.0)?.map(|bytes| bytes.to_vec()))
    }

    /// Drops a small blob.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_small(&self, hash: &Hash) -> Result<(), StoreError> {
        self.take_out(&self.small, &hash.0)
    }
}
