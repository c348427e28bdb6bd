//! Blobs that were here, and whose files something else took away: a person, another program, a disk. Only the ledger knows of
//! them, so they are looked for there, and noted as damaged (store-26, store-27). Small blobs are in the store, which tells of
//! itself.

use super::Busy;
use super::kept::Here;
use crate::io::clock;
use crate::io::disk::{Entry, Files};
use crate::keep::Class;
use crate::node::{Node, verify};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::INLINE_BYTES_MAX;
use std::collections::BTreeMap;

impl Node {
    /// Whether a blob is lost, by what the ledger has of it; from then on the ledger and a note say so.
    pub(super) fn is_lost_now(
        &self,
        busy: &BTreeMap<Hash, Busy>,
        hash: &Hash,
    ) -> Result<bool, StoreError> {
        // Who fetches it may have begun a moment ago; who reads it keeps nothing from being lost.
        let is_coming = busy.get(hash).is_some_and(|busy| busy.fetchers > 0);
        let Some(entry) = self.disk.entry(hash)?.filter(|_| !is_coming) else {
            return Ok(false);
        };
        let is_settled = entry.files != Files::Unsettled;
        if !is_settled || self.blobs.away(hash)?.is_some() {
            return Ok(false);
        }
        let Some(path) = self.blobs.lost(hash)? else {
            return Ok(false);
        };
        if self.damaged.note(hash)?.is_none() {
            verify::note_lost(self, hash, &path)?;
        }
        let (bytes, files) = (0, Files::Lost);
        self.disk.change_entries([hash], |entry| Entry {
            bytes,
            files,
            ..entry
        })?;
        Ok(true)
    }

    /// Looks whether the files of a blob are where the ledger says. What a crash or something else left otherwise is put right.
    pub(in crate::node) fn look_for_lost(&self, hash: &Hash) -> Result<(), StoreError> {
        let Some(entry) = self.disk.entry(hash)? else {
            return Ok(());
        };
        let is_away = self.blobs.away(hash)?.is_some();
        if is_away == (entry.files == Files::Away) && self.is_as_said(hash, &entry)? {
            return Ok(());
        }
        let busy = self.room.busy();
        if self.is_lost_now(&busy, hash)? || busy.get(hash).is_some_and(|busy| busy.fetchers > 0) {
            return Ok(());
        }
        match (self.here(hash)?, self.disk.entry(hash)?) {
            (Some(here), Some(entry)) => {
                let entry = Some(here.put_into(entry));
                self.disk.put_entries([(*hash, entry)])
            }
            (None, Some(entry)) if is_away || entry.files == Files::Unsettled => {
                let left = self.entry_left(hash)?;
                self.disk.put_entries([(*hash, left)])
            }
            // Its disk was taken away while we run.
            _ => Ok(()),
        }
    }

    fn is_as_said(&self, hash: &Hash, entry: &Entry) -> Result<bool, StoreError> {
        Ok(match entry.files {
            Files::Here => self.blobs.has_files(hash)?,
            // A small one is in the store.
            Files::Unsettled => entry.bytes <= INLINE_BYTES_MAX && !self.blobs.has_files(hash)?,
            Files::Away => true,
            Files::Lost => false,
        })
    }

    /// A blob came: what was damaged of it is not any more.
    pub(super) fn is_back(&self, hash: &Hash, here: &Here) -> Result<(), StoreError> {
        if here.is_whole && self.damaged.note(hash)?.is_some() {
            self.damaged.remove(hash)?;
        }
        Ok(())
    }

    /// Whether nobody misses a lost blob: it was fetched once, and is in nobody's policy. That is told once, and then forgotten.
    pub(in crate::node) fn misses_no_more(&self, hash: &Hash) -> Result<bool, StoreError> {
        let _busy = self.room.busy();
        let entry = self.disk.entry(hash)?;
        let is_cache = |entry: Entry| entry.class == Class::Cache && entry.files == Files::Lost;
        if !entry.is_some_and(is_cache) {
            return Ok(false);
        }
        self.disk.put_entries([(*hash, None)])?;
        self.damaged.remove(hash)?;
        Ok(true)
    }

    /// A lost blob of which the ledger knows nothing, since it was made again: kept as what it would be kept as.
    pub(in crate::node) fn expect_lost(&self, hash: &Hash) -> Result<(), StoreError> {
        if !self.can_tell() {
            return Ok(());
        }
        let class = self.class_of(&self.claims(), hash)?;
        let _busy = self.room.busy();
        if self.disk.entry(hash)?.is_some() {
            return Ok(());
        }
        let entry = Entry {
            class,
            used: clock::now_ms(),
            bytes: 0,
            files: Files::Lost,
        };
        self.disk.put_entries([(*hash, Some(entry))])
    }
}
