//! Roots come and go: what lies in one that went away keeps its notes and its entry in the ledger; what lay in one that was
//! dismissed is forgotten; one that is new or back is walked, and one copy of each blob stays (store-21, store-25).

use super::index::{
    AT, ELSEWHERE, UNWANTED, WALKED, counted_name, elsewhere_name, name_in, note_name,
    unwanted_name, walked_name, write_note,
};
use super::{Located, Root, RootId, Roots};
use crate::io::blobs::files;
use crate::io::disk::{Disk, Entry, Files};
use crate::keep::Class;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::path::PathBuf;

/// Notes written together when a root is walked.
const NOTES_AT_ONCE: usize = 1_000;

/// A root that the settings no longer name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgottenRoot {
    /// Where it was last.
    pub path: PathBuf,
    /// Files that were kept there.
    pub files: u64,
    /// How many of them are one's own.
    pub own: u64,
}

impl Roots {
    fn is_known(&self, id: RootId) -> bool {
        self.present.iter().any(|root| root.id == id) || self.away_root(id).is_some()
    }

    /// Brings the notes in line with the roots that there are: what lies in roots that went away is counted as away, what lay in
    /// those that are dismissed is forgotten, and roots that are new or back are walked. Each ends with the note that it is
    /// done, so that a kill in between costs nothing.
    pub(in crate::io::blobs) fn index(
        &self,
        disk: &Disk,
    ) -> Result<Vec<ForgottenRoot>, StoreError> {
        let mut forgotten = Vec::new();
        for (id, path) in &self.dismissed {
            let (files, own) = self.forget_root(disk, *id)?;
            let path = path.clone();
            forgotten.push(ForgottenRoot { path, files, own });
        }
        let mut gone = Vec::new();
        disk.notes(WALKED, &mut |name, _| {
            let id = name.get(WALKED.len()..).and_then(|id| id.try_into().ok());
            gone.extend(id.map(RootId).filter(|id| !self.is_known(*id)));
            true
        })?;
        for id in gone {
            // Its line was taken off the list.
            self.forget_root(disk, id)?;
        }
        for id in self.away.iter().filter_map(|away| away.id) {
            if disk.note(&walked_name(id))?.is_some() {
                each_in(disk, AT, id, &mut |hashes| {
                    disk.change_entries(hashes, |entry| Entry {
                        files: Files::Away,
                        ..entry
                    })
                })?;
                disk.drop_note(&counted_name(id))?;
                disk.drop_note(&walked_name(id))?;
            }
        }
        for root in self.present.iter().skip(1) {
            if disk.note(&walked_name(root.id))?.is_none() {
                self.walk(disk, root)?;
                disk.put_notes([(walked_name(root.id), Vec::new())])?;
            }
        }
        Ok(forgotten)
    }

    /// Nothing in this root is here any more, nor will it be. Gives how many files, and how many of them one's own.
    fn forget_root(&self, disk: &Disk, id: RootId) -> Result<(u64, u64), StoreError> {
        let (mut files, mut own) = (0, 0);
        each_in(disk, AT, id, &mut |hashes| {
            for hash in hashes {
                files += 1;
                let entry = disk.entry(hash)?;
                own += u64::from(entry.is_some_and(|entry| entry.class == Class::Own));
                disk.drop_note(&note_name(hash))?;
                // Somebody may have moved the file to where nobody has to be told of it.
                if matches!(self.own().paths(hash).place()?, files::Place::Nowhere) {
                    disk.put_entries([(*hash, None)])?;
                }
            }
            Ok(())
        })?;
        for prefix in [ELSEWHERE, UNWANTED] {
            each_in(disk, prefix, id, &mut |hashes| {
                let mut names = hashes.iter().map(|hash| name_in(prefix, hash));
                names.try_for_each(|name| disk.drop_note(&name))
            })?;
        }
        disk.drop_note(&counted_name(id))?;
        disk.drop_note(&walked_name(id))?;
        Ok((files, own))
    }

    fn walk(&self, disk: &Disk, root: &Root) -> Result<(), StoreError> {
        let mut notes = Vec::new();
        for found in files::blobs_in(&root.path) {
            let hash = found?;
            let Some(size) = self.found(disk, root, &hash)? else {
                continue;
            };
            notes.push((note_name(&hash), write_note(root.id, size)));
            if notes.len() >= NOTES_AT_ONCE {
                disk.put_notes(std::mem::take(&mut notes))?;
            }
        }
        disk.put_notes(notes)
    }

    /// The size of a blob that is in a root which came back, if it stays there. One copy of each stays.
    fn found(&self, disk: &Disk, root: &Root, hash: &Hash) -> Result<Option<u64>, StoreError> {
        let paths = root.paths(hash);
        let (place, unwanted) = (paths.place()?, disk.note(&unwanted_name(hash))?);
        if unwanted.is_some_and(|id| id == root.id.0) {
            paths.remove()?;
            disk.drop_note(&unwanted_name(hash))?;
            return Ok(None);
        }
        let size = match &place {
            files::Place::Copy { size } => *size,
            files::Place::Reference(reference) => reference.size,
            // It has its true size from the beginning.
            files::Place::Partial => files::size_of(&paths.data)?.unwrap_or(0),
            files::Place::Nowhere => return Ok(None),
        };
        if let Located::In(other) = self.locate(disk, hash)?
            && other.id != root.id
        {
            let there = other.paths(hash);
            let is_part = matches!(place, files::Place::Partial);
            let stays_there = match there.place()? {
                files::Place::Nowhere => false,
                // What was fetched again meanwhile is as good.
                files::Place::Copy { .. } => true,
                files::Place::Reference(_) => is_part,
                // Begun again while this one was away: the whole one counts, or the one of which more is here.
                files::Place::Partial => {
                    is_part && files::taken(&there.data)? >= files::taken(&paths.data)?
                }
            };
            let goes = if stays_there { &paths } else { &there };
            goes.remove()?;
            disk.drop_note(&elsewhere_name(hash))?;
            if stays_there {
                return Ok(None);
            }
        }
        Ok(Some(size))
    }

    /// See `Blobs::each_uncounted`.
    pub(in crate::io::blobs) fn each_uncounted(
        &self,
        disk: &Disk,
        count: &mut dyn FnMut(&[Hash]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for root in &self.present {
            if disk.note(&counted_name(root.id))?.is_some() {
                continue;
            }
            let mut blobs = files::blobs_in(&root.path);
            loop {
                let some: Result<Vec<Hash>, _> = blobs.by_ref().take(NOTES_AT_ONCE).collect();
                let some = some?;
                if some.is_empty() {
                    break;
                }
                count(&some)?;
            }
            disk.put_notes([(counted_name(root.id), Vec::new())])?;
        }
        Ok(())
    }
}

/// Gives `take` the blobs that notes of one kind say to be in a root, some at a time.
fn each_in(
    disk: &Disk,
    prefix: &[u8],
    id: RootId,
    take: &mut dyn FnMut(&[Hash]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let (mut some, mut last) = (Vec::new(), None);
        disk.notes_after(prefix, after.as_deref(), &mut |name, value| {
            last = Some(name.to_vec());
            if value.starts_with(&id.0) {
                some.extend(name.get(prefix.len()..).and_then(Hash::from_slice));
            }
            some.len() < NOTES_AT_ONCE
        })?;
        take(&some)?;
        if some.len() < NOTES_AT_ONCE {
            return Ok(());
        }
        after = last;
    }
}
