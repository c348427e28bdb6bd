//! Notes: small values under text keys, for modules of `io` and `node` that can make them again.

use super::Disk;
use crate::store::StoreError;
use std::ops::Bound;

impl Disk {
    /// Sets notes: small values under text keys, for modules of `io` that can rebuild them.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_notes(
        &self,
        notes: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let mut write = self.db.batch();
        for (name, value) in notes {
            write.insert(&self.notes, name, value);
        }
        self.apply(write)
    }

    /// Makes what was written durable now, at the price of a sync.
    ///
    /// # Errors
    /// Those of the database.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.make_durable()
    }

    /// One note.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note(&self, name: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.notes.get(name)?.map(|value| value.to_vec()))
    }

    /// Notes whose names begin alike, until `visit` says to stop.
    ///
    /// # Errors
    /// Those of the database.
    pub fn notes(
        &self,
        prefix: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.notes_after(prefix, None, visit)
    }

    /// Notes whose names begin alike and come after one of them, until `visit` says to stop: for who writes in between.
    ///
    /// # Errors
    /// Those of the database.
    pub fn notes_after(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let start = match after {
            Some(after) => Bound::Excluded(after.to_vec()),
            None => Bound::Included(prefix.to_vec()),
        };
        for entry in self.notes.range((start, Bound::Unbounded)) {
            let (name, value) = entry.into_inner()?;
            if !name.starts_with(prefix) || !visit(&name, &value) {
                break;
            }
        }
        Ok(())
    }

    /// Removes a note.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_note(&self, name: &[u8]) -> Result<(), StoreError> {
        self.take_out(&self.notes, name)
    }
}
