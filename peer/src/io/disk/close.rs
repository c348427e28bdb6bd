//! The clean stop of a store.

use super::{Disk, MEMTABLE_BYTES, journal};
use crate::store::StoreError;
use fjall::{AbstractTree as _, Keyspace, PersistMode};
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
            Ok(()) => {
                journal::put_mark(&self.path);
                Ok(())
            }
            Err(fjall::Error::Poisoned) => Err(self
                .no_space()
                .unwrap_or_else(|| StoreError::from(fjall::Error::Poisoned))),
            Err(error) => Err(error.into()),
        }
    }

    /// The full disk, if it is that. The database does not tell which write of its own failed first.
    pub(crate) fn no_space(&self) -> Option<StoreError> {
        let found = rustix::fs::statvfs(&self.path).ok()?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        (free < MEMTABLE_BYTES).then(|| StoreError::NoSpace {
            path: self.path.clone(),
            needed: MEMTABLE_BYTES,
            free,
        })
    }

    /// All keyspaces that are written by way of the journal alone.
    pub(super) fn journaled(&self) -> [&Keyspace; 12] {
        let [few, _] = self.records.keyspaces();
        [
            &self.feeds,
            &self.heads,
            &self.seen,
            few,
            &self.leaves,
            &self.nodes,
            &self.rows,
            &self.bare,
            &self.small,
            &self.notes,
            &self.uses,
            &self.ledger,
        ]
    }

    fn write_all(&self) -> fjall::Result<()> {
        let [_, runs] = self.records.keyspaces();
        let keyspaces = || self.journaled().into_iter().chain([runs]);
        // The journal is enough to be durable; tables make the next start quick.
        self.change(|| self.db.persist(PersistMode::SyncAll))?;
        for keyspace in keyspaces() {
            keyspace.rotate_memtable()?;
        }
        // A table that cannot be written, as on a full disk, is never done: then the database refuses to persist.
        while keyspaces().any(|keyspace| keyspace.tree.sealed_memtable_count() > 0) {
            self.db.persist(PersistMode::Buffer)?;
            std::thread::sleep(CLOSE_PAUSE);
        }
        self.db.persist(PersistMode::SyncAll)
    }
}
