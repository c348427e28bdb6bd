//! When blobs were used last: gathered in memory, noted by the hour and many at once.

use super::Blobs;
use crate::io::clock;
use crate::io::disk::Entry;
use crate::keep::USE_MS;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::collections::BTreeSet;

/// Blobs gathered before they are noted.
const GATHERED_MAX: usize = 1_024;

impl Blobs {
    pub(super) fn was_used(&self, hash: &Hash) -> Result<(), StoreError> {
        let is_full = {
            let mut used = self.used();
            used.insert(*hash);
            used.len() >= GATHERED_MAX
        };
        if is_full { self.note_used() } else { Ok(()) }
    }

    fn used(&self) -> std::sync::MutexGuard<'_, BTreeSet<Hash>> {
        self.inner
            .used
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// Notes what was used since the last time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_used(&self) -> Result<(), StoreError> {
        let gathered = std::mem::take(&mut *self.used());
        let now = clock::now_ms() / USE_MS * USE_MS;
        self.inner.disk.change_entries(&gathered, |entry| Entry {
            used: entry.used.max(now),
            ..entry
        })
    }
}
