//! Which root holds a blob, as noted in the store: one look-up asks one folder, however many roots there are.
//!
//! A blob without a note is in the root of the data directory, or nowhere. Notes can be made again by walking the roots, and
//! are, for a root that this store has not seen or that was away.

use super::{Located, Root, RootId, Roots};
use crate::io::blobs::files;
use crate::io::disk::Disk;
use crate::store::StoreError;
use levada_feed::hash::Hash;

/// Notes written together when a root is walked.
const NOTES_AT_ONCE: usize = 1_000;

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
            .away
            .iter()
            .find(|away| away.id == Some(id))
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
        if root.id == self.own().id {
            return disk.drop_note(&note_name(hash));
        }
        disk.put_notes([(note_name(hash), write_note(root.id, size))])?;
        disk.sync()
    }

    pub(in crate::io::blobs) fn forget(&self, disk: &Disk, hash: &Hash) -> Result<(), StoreError> {
        if self.present.len() == 1 && self.away.is_empty() {
            return Ok(());
        }
        disk.drop_note(&note_name(hash))
    }

    /// Notes what lies in roots that this store has not walked yet: new ones, and those that were away.
    pub(in crate::io::blobs) fn index(&self, disk: &Disk) -> Result<(), StoreError> {
        for id in self.away.iter().filter_map(|away| away.id) {
            disk.drop_note(&walked_name(id))?;
        }
        for root in self.present.iter().skip(1) {
            if disk.note(&walked_name(root.id))?.is_none() {
                self.walk(disk, root)?;
                disk.put_notes([(walked_name(root.id), Vec::new())])?;
            }
        }
        Ok(())
    }

    fn walk(&self, disk: &Disk, root: &Root) -> Result<(), StoreError> {
        let mut notes = Vec::new();
        for found in files::blobs_in(&root.path) {
            let hash = found?;
            let size = match root.paths(&hash).place()? {
                files::Place::Copy { size } => size,
                files::Place::Reference(reference) => reference.size,
                files::Place::Partial => 0,
                files::Place::Nowhere => continue,
            };
            if let Located::In(other) = self.locate(disk, &hash)?
                && other.id != root.id
            {
                match other.paths(&hash).place()? {
                    // What was fetched again meanwhile is as good.
                    files::Place::Copy { .. } => continue,
                    // Begun again while this one was away: the whole one counts.
                    files::Place::Partial if size > 0 => other.paths(&hash).remove()?,
                    files::Place::Partial => continue,
                    _ => {}
                }
            }
            notes.push((note_name(&hash), write_note(root.id, size)));
            if notes.len() >= NOTES_AT_ONCE {
                disk.put_notes(std::mem::take(&mut notes))?;
            }
        }
        disk.put_notes(notes)
    }
}

fn note_name(hash: &Hash) -> Vec<u8> {
    [b"at/".as_slice(), hash.as_bytes()].concat()
}

fn walked_name(id: RootId) -> Vec<u8> {
    [b"walked/".as_slice(), &id.0].concat()
}

fn write_note(id: RootId, size: u64) -> Vec<u8> {
    [id.0.as_slice(), &size.to_be_bytes()].concat()
}

fn read_note(bytes: &[u8]) -> Option<(RootId, u64)> {
    let (id, size) = bytes.split_first_chunk::<16>()?;
    Some((RootId(*id), u64::from_be_bytes(size.try_into().ok()?)))
}
