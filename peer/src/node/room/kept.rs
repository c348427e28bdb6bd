//! What blobs are kept as, and what becomes of those that nothing names any more.

use crate::io::blobs::Held;
use crate::io::clock;
use crate::io::disk::{Entry, Files};
use crate::keep::{self, Class};
use crate::node::Node;
use crate::query::{self, Change};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::limits::{BLOB_LEAF_BYTES, INLINE_BYTES_MAX};
use levada_feed::log::Batch;
use std::collections::BTreeSet;

/// Blobs that may go, looked at together.
const PAGE: usize = 1_000;

/// What of a blob is here.
pub(super) struct Here {
    bytes: u64,
    files: Files,
    pub(super) is_whole: bool,
}

impl Here {
    /// The entry says what is here.
    pub(super) fn put_into(&self, entry: Entry) -> Entry {
        Entry {
            bytes: self.bytes,
            files: self.files,
            ..entry
        }
    }

    fn new_entry(&self, class: Class) -> Entry {
        Entry {
            class,
            used: clock::now_ms(),
            bytes: self.bytes,
            files: self.files,
        }
    }
}

impl Node {
    /// Bytes that a blob takes now; `None` when nothing of it is here.
    pub(in crate::node) fn bytes_here(&self, hash: &Hash) -> Result<Option<u64>, StoreError> {
        Ok(self.here(hash)?.map(|here| here.bytes))
    }

    /// What of a blob is here; `None` when nothing is.
    pub(super) fn here(&self, hash: &Hash) -> Result<Option<Here>, StoreError> {
        let state = self.blobs.state(hash)?;
        Ok(state.map(|state| Here {
            bytes: match &state.held {
                Held::Complete if state.in_place.is_some() => keep::outboard_cost(state.size),
                Held::Complete => keep::cost(state.size),
                Held::Partial(leaves) => leaves
                    .count()
                    .saturating_mul(BLOB_LEAF_BYTES)
                    .saturating_add(keep::outboard_cost(state.size)),
            },
            files: match state.size > INLINE_BYTES_MAX {
                true => Files::Here,
                // It is in the store.
                false => Files::Unsettled,
            },
            is_whole: state.held == Held::Complete,
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
                Some(entry) if entry.files == Files::Lost => {
                    let found = self.here(hash)?;
                    here.push(found.is_some());
                    let class = entry.class.max(class);
                    new.extend(found.map(|found| {
                        let entry = found.put_into(Entry { class, ..entry });
                        (*hash, Some(entry))
                    }));
                }
                Some(entry) if entry.class >= class => here.push(true),
                Some(_) => {
                    here.push(self.bytes_here(hash)?.is_some());
                    lower.push(*hash);
                }
                None => {
                    let found = self.here(hash)?;
                    here.push(found.is_some());
                    new.extend(found.map(|found| (*hash, Some(found.new_entry(class)))));
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
        let named = self.disk.commit(batch)?;
        self.raise(&named, Class::Own).map(drop)
    }

    /// The same, of records that were made just now, with what each changes.
    pub(in crate::node) fn commit_made(
        &self,
        batch: &Batch,
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        let named = self.disk.commit_read(batch, changes)?;
        self.raise(&named, Class::Own).map(drop)
    }

    /// What these records name is one's own.
    pub(in crate::node) fn own_blobs(&self, batch: &Batch) -> Result<(), StoreError> {
        let named = batch
            .records()
            .iter()
            .flat_map(|(index, record)| query::changes(record, *index).1);
        self.raise(&named.collect::<Vec<_>>(), Class::Own).map(drop)
    }

    /// Brings into the ledger what lies in roots that it does not know yet: all of them in a store that is new, and disks that
    /// are back. Waits until all files can be read that say as what something is kept.
    pub(in crate::node) fn adopt(&self) -> Result<(), StoreError> {
        if !self.can_tell() {
            return Ok(());
        }
        self.blobs.each_uncounted(&mut |hashes| {
            let claims = self.claims();
            let _busy = self.room.busy();
            let mut found = Vec::new();
            for hash in hashes {
                let entry = self.disk.entry(hash)?;
                let Some(here) = self.here(hash)? else {
                    continue;
                };
                match entry {
                    Some(entry) if !matches!(entry.files, Files::Away | Files::Lost) => {}
                    Some(entry) => found.push((*hash, Some(here.put_into(entry)))),
                    None => {
                        let class = self.class_of(&claims, hash)?;
                        found.push((*hash, Some(here.new_entry(class))));
                    }
                }
            }
            self.disk.put_entries(found)
        })
    }

    /// Whether the store lacks what it had of a feed of which something is pinned: it was made again, and nobody answered who
    /// has that feed. Then it cannot be told what is pinned, nor when the pins cannot be read.
    pub(super) fn lacks_pinned(&self) -> Result<bool, StoreError> {
        let Ok(pins) = self.pins() else {
            return Ok(true);
        };
        let feeds: BTreeSet<_> = pins.pins().iter().map(|pin| pin.feed).collect();
        if !feeds.is_empty() && self.lacks_of_here()? {
            return Ok(true);
        }
        for feed in &feeds {
            let heads = self.heads.lock();
            let seen = heads
                .expect("nobody panics while holding this lock")
                .length(feed);
            let stored = self.disk.head(feed)?.map_or(0, |head| head.body().length);
            if stored < seen || self.lacking_before(feed)? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What stays in the ledger of a blob that is not here: nothing, unless a disk that is away has it, or it is lost.
    pub(super) fn entry_left(&self, hash: &Hash) -> Result<Option<Entry>, StoreError> {
        let Some(entry) = self.disk.entry(hash)? else {
            return Ok(None);
        };
        let (bytes, files) = match (self.blobs.away(hash)?, entry.files) {
            (Some((_, size)), _) => (keep::cost(size), Files::Away),
            (None, Files::Here | Files::Lost) => (0, Files::Lost),
            (None, Files::Unsettled | Files::Away) => return Ok(None),
        };
        Ok(Some(Entry {
            bytes,
            files,
            ..entry
        }))
    }

    /// The files of these blobs are about to go.
    pub(super) fn going<'h>(
        &self,
        hashes: impl IntoIterator<Item = &'h Hash>,
    ) -> Result<(), StoreError> {
        let files = Files::Unsettled;
        self.disk
            .change_entries(hashes, |entry| Entry { files, ..entry })
    }

    /// Drops a blob that nobody fetches or reads now; says whether it is gone.
    pub(in crate::node) fn drop_unless_busy(&self, hash: &Hash) -> Result<bool, StoreError> {
        let busy = self.room.busy();
        if busy.contains_key(hash) {
            return Ok(false);
        }
        // The file before the note.
        self.going([hash])?;
        self.blobs.drop_everywhere(hash)?;
        self.disk.put_entries([(*hash, None)])?;
        // What was wrong with it is nobody's concern any more.
        self.damaged.remove(hash)?;
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
            let mut going = Vec::new();
            for hash in &loose {
                let entry = self.disk.entry(hash)?;
                let is_kept = entry.is_some_and(|entry| !entry.class.is_bounded())
                    || busy.contains_key(hash)
                    || self.disk.is_named(hash)?;
                if !is_kept {
                    going.push(*hash);
                }
            }
            self.going(&going)?;
            for hash in &going {
                freed += self.bytes_here(hash)?.unwrap_or(0);
                // Also when its bytes are gone: a kill in between left its outboard.
                self.blobs.drop_everywhere(hash)?;
            }
            self.disk
                .put_entries(going.into_iter().map(|hash| (hash, None)))?;
            // Last: whoever comes after a crash looks again.
            self.disk.settle_loose(&loose)?;
        }
        Ok(freed)
    }
}
