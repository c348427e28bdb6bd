//! The clean stop of a store.

use super::Disk;
use crate::store::StoreError;
use fjall::{AbstractTree as _, PersistMode};
use std::time::Duration;

/// Between two looks at tables that are being written.
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

impl Disk {
    /// Writes everything to the disk: at a clean stop.
    ///
    /// # Errors
    /// Those of the database.
    pub fn close(&self) -> Result<(), StoreError> {
        let keyspaces = [
            &self.feeds,
            &self.heads,
            &self.seen,
            &self.records,
            &self.leaves,
            &self.nodes,
            &self.rows,
            &self.small,
            &self.notes,
        ];
        // The journal is enough to be durable; tables make the next start quick.
        self.db.persist(PersistMode::SyncAll)?;
        for keyspace in keyspaces {
            keyspace.rotate_memtable()?;
        }
        // A table that cannot be written, as on a full disk, is never done: then the database refuses to persist.
        while keyspaces
            .iter()
            .any(|keyspace| keyspace.tree.sealed_memtable_count() > 0)
        {
            self.db.persist(PersistMode::Buffer)?;
            std::thread::sleep(CLOSE_PAUSE);
        }
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }
}
