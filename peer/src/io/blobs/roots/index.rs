//! Which root holds a blob, as noted in the store: one look-up asks one folder, however many roots there are.
//!
//! A blob without a note is in the root of the data directory, or nowhere. Notes can be made again by walking the roots, and
//! are, for a root that this store has not seen or that was away (`comings`).

use super::{AwayRoot, Located, Root, RootId, Roots};
use crate::io::disk::Disk;
use crate::store::StoreError;
use levada_feed::hash::Hash;

impl Roots {
    /// Where the store says that a blob is; the root of the data directory when it says nothing.
    pub(in crate::io::blobs) fn locate(
        &self,
        disk: &Disk,
        hash: &Hash,
    ) -> Result<Located<'_>, StoreError> {
        if self.present.len() == 1 && self.away.is_empty() {
            return Ok(Located::In(self.own()));
        }
        let note = disk.note(&note_name(hash))?;
        let Some((id, size)) = note.as_deref().and_then(read_note) else {
            return Ok(Located::In(self.own()));
        };
        if let Some(root) = self.present.iter().find(|root| root.id == id) {
            return Ok(Located::In(root));
        }
        // One that was taken off the list is forgotten.
        Ok(self
            .away_root(id)
            .map_or(Located::In(self.own()), |away| Located::Away(away, size)))
    }

    /// Notes that a blob is in this root. Durable when this returns: an own file that cannot be found is lost.
    pub(in crate::io::blobs) fn note(
        &self,
        disk: &Disk,
        root: &Root,
        hash: &Hash,
        size: u64,
    ) -> Result<(), StoreError> {
        if self.present.len() == 1 && self.away.is_empty() {
            return Ok(());
        }
        let before = disk.note(&note_name(hash))?;
        if let Some(before) = before
            && let Some((id, _)) = read_note(&before)
            && self.away_root(id).is_some()
        {
            // It is there too, and what is fetched again may not come.
            disk.put_notes([(elsewhere_name(hash), before)])?;
        }
        if root.id == self.own().id {
            return disk.drop_note(&note_name(hash));
        }
        disk.put_notes([(note_name(hash), write_note(root.id, size))])?;
        disk.sync()
    }

    /// A blob is gone from where it was here. If it lies on a disk that is away too, it is there now; if it lay there alone,
    /// it goes when the disk is back.
    pub(in crate::io::blobs) fn forget(&self, disk: &Disk, hash: &Hash) -> Result<(), StoreError> {
        if self.present.len() == 1 && self.away.is_empty() {
            return Ok(());
        }
        let at = disk.note(&note_name(hash))?;
        if let Some((id, _)) = at.as_deref().and_then(read_note)
            && self.away_root(id).is_some()
        {
            disk.put_notes([(unwanted_name(hash), id.0.to_vec())])?;
            return disk.drop_note(&note_name(hash));
        }
        let is_away =
            |note: &Vec<u8>| read_note(note).is_some_and(|(id, _)| self.away_root(id).is_some());
        match disk.note(&elsewhere_name(hash))?.filter(is_away) {
            None => disk.drop_note(&note_name(hash)),
            Some(note) => {
                disk.put_notes([(note_name(hash), note)])?;
                disk.drop_note(&elsewhere_name(hash))
            }
        }
    }

    /// The root that is away and has a blob which was fetched again since.
    pub(in crate::io::blobs) fn elsewhere(
        &self,
        disk: &Disk,
        hash: &Hash,
    ) -> Result<Option<(&AwayRoot, u64)>, StoreError> {
        if self.away.is_empty() {
            return Ok(None);
        }
        let note = disk.note(&elsewhere_name(hash))?;
        let read = note.as_deref().and_then(read_note);
        Ok(read.and_then(|(id, size)| Some((self.away_root(id)?, size))))
    }

    pub(super) fn away_root(&self, id: RootId) -> Option<&AwayRoot> {
        self.away.iter().find(|away| away.id == Some(id))
    }
}

/// Where a blob is.
pub(super) const AT: &[u8] = b"at/";
/// Where it lies too, on a disk that is away.
pub(super) const ELSEWHERE: &[u8] = b"elsewhere/";
/// Which root is to drop it when it is back.
pub(super) const UNWANTED: &[u8] = b"unwanted/";
/// Roots of which it is noted what lies in them.
pub(super) const WALKED: &[u8] = b"walked/";

pub(super) fn name_in(prefix: &[u8], hash: &Hash) -> Vec<u8> {
    [prefix, hash.as_bytes()].concat()
}

pub(super) fn note_name(hash: &Hash) -> Vec<u8> {
    name_in(AT, hash)
}

pub(super) fn elsewhere_name(hash: &Hash) -> Vec<u8> {
    name_in(ELSEWHERE, hash)
}

pub(super) fn unwanted_name(hash: &Hash) -> Vec<u8> {
    name_in(UNWANTED, hash)
}

pub(super) fn walked_name(id: RootId) -> Vec<u8> {
    [WALKED, &id.0].concat()
}

/// The ledger has what lies in this root.
pub(super) fn counted_name(id: RootId) -> Vec<u8> {
    [b"counted/".as_slice(), &id.0].concat()
}

pub(super) fn write_note(id: RootId, size: u64) -> Vec<u8> {
    [id.0.as_slice(), &size.to_be_bytes()].concat()
}

pub(super) fn read_note(bytes: &[u8]) -> Option<(RootId, u64)> {
    let (id, size) = bytes.split_first_chunk::<16>()?;
    Some((RootId(*id), u64::from_be_bytes(size.try_into().ok()?)))
}
