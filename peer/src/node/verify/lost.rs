//! Blobs whose files are gone: by what the ledger has, and by what was noted before and is not here yet.

use super::Wrong;
use super::notes::{Phase, verified_at};
use super::round::{Round, WRONG_MAX};
use crate::store::StoreError;
use levada_feed::hash::Hash;

/// Entries of the ledger looked at together.
const PAGE: usize = 1_000;

impl Round {
    /// A page of the ledger; after the last one, what is lost by the notes.
    pub(super) fn lost(&mut self, found: &mut Vec<Wrong>) -> Result<(), StoreError> {
        let node = self.node.clone();
        let page = node.disk.kept_after(self.cursor.blob.as_ref(), PAGE)?;
        if let Some((last, _)) = page.last() {
            for (hash, _) in &page {
                node.look_for_lost(hash)?;
            }
            self.cursor.blob = Some(*last);
            return self.note_unless(found);
        }
        for hash in node.damaged.hashes()? {
            self.add_lost(hash?, found)?;
            if found.len() >= WRONG_MAX {
                return Ok(());
            }
        }
        (self.cursor.phase, self.cursor.index) = (Phase::Tables, 0);
        self.note_unless(found)
    }

    /// The same of some blobs that a feed names.
    pub(super) fn lost_of(
        &mut self,
        some: &[Hash],
        found: &mut Vec<Wrong>,
    ) -> Result<(), StoreError> {
        for hash in some {
            self.node.look_for_lost(hash)?;
            if self.node.damaged.note(hash)?.is_some() {
                self.add_lost(*hash, found)?;
            }
        }
        Ok(())
    }

    /// A blob that was noted, if it was not seen to in this round, there is still no file of it, and a record names it.
    fn add_lost(&mut self, hash: Hash, found: &mut Vec<Wrong>) -> Result<(), StoreError> {
        let node = &self.node;
        let is_seen_to = verified_at(node, &hash)?.is_some_and(|at| at >= self.cursor.started)
            || found
                .iter()
                .any(|wrong| matches!(wrong, Wrong::Lost { hash: lost, .. } if *lost == hash));
        if is_seen_to || node.blobs.away(&hash)?.is_some() || !node.disk.is_named(&hash)? {
            return Ok(());
        }
        if let Some(path) = node.blobs.lost(&hash)? {
            node.expect_lost(&hash)?;
            self.came.files += 1;
            found.push(Wrong::Lost { hash, path });
        }
        Ok(())
    }
}
