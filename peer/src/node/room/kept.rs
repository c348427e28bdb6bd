//! What blobs are kept as, and what becomes of those that nothing names any more.

use crate::io::blobs::Held;
use crate::io::clock;
use crate::io::disk::Entry;
use crate::keep::{self, Class};
use crate::node::Node;
use crate::query;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::BLOB_LEAF_BYTES;
use levada_feed::log::Batch;

/// Blobs looked at together.
const PAGE: usize = 1_000;

impl Node {
    /// Bytes that a blob takes now; `None` when nothing of it is here.
    pub(in crate::node) fn bytes_here(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        let state = self.blobs.state(hash)?;
        Ok(state.map(|state| match &state.held {
            Held::Complete if state.in_place.is_some() => keep::outboard_cost(state.size),
            Held::Complete => keep::cost(state.size),
            Held::Partial(leaves) => leaves
                .count()
                .saturating_mul(BLOB_LEAF_BYTES)
                .saturating_add(keep::outboard_cost(state.size)),
        }))
    }

    /// Blobs that are here are kept as at least this from now on. `true` for each that is here.
    pub(in crate::node) fn raise(
        &self,
        hashes: &[Hash],
        class: Class,
    ) -> Result<Vec<bool>, StoreError> {
        let _busy = self.room.busy();
        let mut new = Vec::new();
        let mut lower = Vec::new();
        let mut here = Vec::with_capacity(hashes.len());
        for hash in hashes {
            match self.disk.entry(hash)? {
                Some(entry) if entry.class >= class => here.push(true),
                Some(_) => {
                    here.push(self.bytes_here(hash)?.is_some());
                    lower.push(*hash);
                }
                None => {
                    let bytes = self.bytes_here(hash)?;
                    here.push(bytes.is_some());
                    let used = clock::now_ms();
                    new.extend(bytes.map(|bytes| (*hash, Some(Entry { class, used, bytes }))));
                }
            }
        }
        if !new.is_empty() {
            self.disk.put_entries(new)?;
        }
        self.disk.change_entries(&lower, |entry| Entry {
            class: entry.class.max(class),
            ..entry
        })?;
        Ok(here)
    }

    /// How many of these blobs, which were here, were evicted since.
    pub(in crate::node) fn gone_since(&self, hashes: &[Hash]) -> Result<u64, StoreError> {
        let mut gone = 0;
        for hash in hashes {
            gone += u64::from(self.disk.entry(hash)?.is_none());
        }
        Ok(gone)
    }

    /// Commits records of an own feed; what they name is one's own from now on.
    pub(in crate::node) fn commit_own(&self, batch: &Batch) -> Result<(), StoreError> {
        self.disk.commit(batch)?;
        let named = batch
            .records()
            .iter()
            .flat_map(|(index, record)| query::changes(record, *index).1);
        self.raise(&named.collect::<Vec<_>>(), Class::Own).map(drop)
    }

    /// Makes the ledger of a store that has none from what lies on the disk: as cache, until somebody says that it is more.
    pub(in crate::node) fn adopt(&self) -> Result<(), StoreError> {
        if self.disk.has_ledger()? {
            return Ok(());
        }
        let mut found = Vec::new();
        self.blobs.each(&mut |hash| found.push(hash))?;
        for page in found.chunks(PAGE) {
            self.raise(page, Class::Cache)?;
        }
        // So that it is there, however little was found.
        self.disk.put_entries([])
    }

    /// Drops a blob that nobody fetches or reads now; says whether it is gone.
    pub(in crate::node) fn drop_unless_busy(&self, hash: &Hash) -> Result<bool, StoreError> {
        let busy = self.room.busy();
        if busy.contains_key(hash) {
            return Ok(false);
        }
        // The file before the note.
        self.blobs.drop_blob(hash)?;
        self.disk.put_entries([(*hash, None)])?;
        Ok(true)
    }

    /// Drops what dropped records named, where no kept record of any feed names it and it is neither own nor pinned. Gives
    /// the bytes freed; what is left when it is stopped is taken up the next time.
    pub(in crate::node) fn drop_loose(
        &self,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<u64, StoreError> {
        let mut freed = 0;
        while !is_stopped() {
            let loose = self.disk.loose(PAGE)?;
            if loose.is_empty() {
                break;
            }
            // Held to the end of the page: nothing is begun meanwhile, and nothing that was begun is dropped.
            let busy = self.room.busy();
            let mut gone = Vec::new();
            for hash in &loose {
                let entry = self.disk.entry(hash)?;
                let is_kept = entry.is_some_and(|entry| !entry.class.is_bounded())
                    || busy.contains_key(hash)
                    || self.disk.is_named(hash)?;
                if is_kept {
                    continue;
                }
                freed += self.bytes_here(hash)?.unwrap_or(0);
                // Also when its bytes are gone: a kill in between left its outboard. On a disk that is away it stays.
                if self.blobs.away(hash)?.is_none() {
                    self.blobs.drop_blob(hash)?;
                }
                gone.push((*hash, None));
            }
            self.disk.put_entries(gone)?;
            // Last: whoever comes after a crash looks again.
            self.disk.settle_loose(&loose)?;
        }
        Ok(freed)
    }
}
