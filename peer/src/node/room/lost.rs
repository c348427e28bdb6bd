//! Blobs that were here, and whose files something else took away: a person, another program, a disk. Only the ledger knows of
//! them, so they are looked for there, and noted as damaged (store-26, store-27). Small blobs are in the store, which tells of itself.

use super::Busy;
use crate::io::disk::Entry;
use crate::node::{Node, verify};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::collections::BTreeMap;

impl Node {
    /// Whether the ledger has files of a blob, and there are none any more.
    pub(super) fn is_lost(
        &self,
        busy: &BTreeMap<Hash, Busy>,
        hash: &Hash,
        entry: Option<Entry>,
    ) -> Result<bool, StoreError> {
        let has_files = entry.is_some_and(|entry| entry.has_files && !entry.is_away);
        Ok(has_files && !busy.contains_key(hash) && !self.blobs.has_files(hash)?)
    }

    /// Notes that a blob is lost: that is told until it is here again or nobody wants it.
    pub(super) fn note_lost(&self, hash: &Hash) -> Result<(), StoreError> {
        verify::note_lost(self, hash, &self.blobs.lost_path(hash)?)
    }

    /// Looks whether the files of these blobs are here, as the ledger says. What is lost is noted, and kept no more; what a crash
    /// left in between and is here counts as here.
    pub(in crate::node) fn look_for_lost<'h>(
        &self,
        hashes: impl IntoIterator<Item = &'h Hash>,
    ) -> Result<(), StoreError> {
        let busy = self.room.busy();
        let mut changed = Vec::new();
        for hash in hashes {
            let Some(entry) = self.disk.entry(hash)? else {
                continue;
            };
            if entry.is_away || busy.contains_key(hash) {
                continue;
            }
            if self.is_lost(&busy, hash, Some(entry))? {
                self.note_lost(hash)?;
                changed.push((*hash, None));
            } else if !entry.has_files && self.blobs.has_files(hash)? {
                let here = self.here(hash)?;
                changed.extend(here.map(|here| (*hash, Some(here.put_into(entry)))));
            }
        }
        self.disk.put_entries(changed)
    }
}
