//! The clean stop of a store.

use super::{Disk, MEMTABLE_BYTES};
use crate::store::StoreError;
use fjall::{AbstractTree as _, PersistMode};
use std::time::Duration;

/// Between two looks at tables that are being written.
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

impl Disk {
    /// Writes everything to the disk: at a clean stop.
    ///
    /// # Errors
    /// Those of the database; `NoSpace` when it refused to go on and the disk is full.
    pub fn close(&self) -> Result<(), StoreError> {
        match self.write_all() {
            Err(fjall::Error::Poisoned) => Err(self
                .no_space()
                .unwrap_or_else(|| StoreError::from(fjall::Error::Poisoned))),
            written => Ok(written?),
        }
    }

    /// The full disk, if it is that. The database does not tell which write of its own failed first.
    fn no_space(&self) -> Option<StoreError> {
        let found = rustix::fs::statvfs(&self.path).ok()?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        (free < MEMTABLE_BYTES).then(|| StoreError::NoSpace {
            path: self.path.clone(),
            needed: MEMTABLE_BYTES,
            free,
        })
    }

    fn write_all(&self) -> fjall::Result<()> {
        let [few, runs] = self.records.keyspaces();
        let keyspaces = [
            &self.feeds,
            &self.heads,
            &self.seen,
            few,
            runs,
            &self.leaves,
            &self.nodes,
            &self.rows,
            &self.bare,
            &self.small,
            &self.notes,
            &self.uses,
            &self.ledger,
        ];
        // The journal is enough to be durable; tables make the next start quick.
        self.change(|| self.db.persist(PersistMode::SyncAll))?;
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
        self.db.persist(PersistMode::SyncAll)
    }
}
