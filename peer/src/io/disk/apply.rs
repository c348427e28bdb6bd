//! The only ways in which the database changes: many entries in one write, one taken out, and what was written made durable.
//!
//! After one of them failed it is not known what the database holds, and what is in memory may not be it: nothing more is
//! written until the store was opened again.

use super::Disk;
use crate::io::fault;
use crate::store::StoreError;
use fjall::{Keyspace, OwnedWriteBatch, PersistMode};

impl Disk {
    /// Writes all of it or nothing.
    pub(super) fn apply(&self, write: OwnedWriteBatch) -> Result<(), StoreError> {
        Ok(self.change(|| write.commit())?)
    }

    pub(super) fn take_out(&self, keyspace: &Keyspace, name: &[u8]) -> Result<(), StoreError> {
        Ok(self.change(|| keyspace.remove(name))?)
    }

    pub(super) fn make_durable(&self) -> Result<(), StoreError> {
        Ok(self.change(|| self.db.persist(PersistMode::SyncData))?)
    }

    pub(super) fn change(&self, work: impl FnOnce() -> fjall::Result<()>) -> fjall::Result<()> {
        if *self.failed.borrow() {
            return Err(fjall::Error::Poisoned);
        }
        let changed = fault::step(&self.path, work);
        if changed.is_err() {
            self.failed.send_replace(true);
        }
        changed
    }

    /// Returns once a change has failed, so that nothing more is written.
    pub async fn failed(&self) {
        // The sender lives as long as this store.
        let _ = self.failed.subscribe().wait_for(|failed| *failed).await;
    }
}
