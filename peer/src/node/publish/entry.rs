//! What was published from where: notes beside the store, by path, by inode and by hash.
//!
//! Only a help. Records that no note speaks of, because the process was killed before it wrote them or because the store
//! was lost, wait under the path in their item until a file of that path is published again: then they are claimed by it,
//! so that nothing is published twice.

use crate::api::Failure;
use crate::io::walk::Found;
use crate::node::Node;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::record::{Body, Record, read};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Notes written at once.
const WAITING_MAX: usize = 10_000;

/// One published file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Where it is.
    pub(super) file: PathBuf,
    /// Its path in the item.
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) modified_ms: u64,
    pub(super) inode: u64,
    pub(super) device: u64,
    /// Hash of what was published: of the stripped copy, if there was one.
    pub(super) hash: Hash,
    /// The item.
    pub(super) index: u64,
    pub(super) link: Hash,
    /// The record with its newest state, as far as this machine wrote it.
    pub(super) newest: u64,
}

impl Entry {
    pub(super) fn new(found: &Found, hash: Hash, index: u64, link: Hash, newest: u64) -> Self {
        Self {
            file: found.path.clone(),
            path: found.relative.clone(),
            size: found.size,
            modified_ms: found.modified_ms,
            inode: found.inode,
            device: found.device,
            hash,
            index,
            link,
            newest,
        }
    }

    /// The same entry, with the file as it is now.
    pub(super) fn seen(self, found: &Found) -> Self {
        let newest = self.newest;
        Self::new(found, self.hash, self.index, self.link, newest)
    }

    /// Whether the file looks untouched since it was published.
    pub(super) fn is_same_file(&self, found: &Found) -> bool {
        (self.size, self.modified_ms, self.inode, self.device)
            == (found.size, found.modified_ms, found.inode, found.device)
    }
}

/// A change of the notes, made once the records behind it are durable.
pub(super) enum Noted {
    Put(Entry),
    Drop(Entry),
}

/// Changes that wait for their records to be durable.
#[derive(Default)]
pub(super) struct Waiting {
    changes: Vec<Noted>,
    /// By the bytes of a path: the last change that puts an entry there.
    files: BTreeMap<Vec<u8>, usize>,
    /// Items that an entry is put for.
    items: BTreeSet<u64>,
}

impl Waiting {
    pub(super) fn push(&mut self, change: Noted) {
        if let Noted::Put(entry) = &change {
            let file = entry.file.as_os_str().as_bytes().to_vec();
            self.files.insert(file, self.changes.len());
            self.items.insert(entry.index);
        }
        self.changes.push(change);
    }

    /// The entry that is put at a path, if any is.
    pub(super) fn at(&self, file: &Path) -> Option<&Entry> {
        match self
            .changes
            .get(*self.files.get(file.as_os_str().as_bytes())?)?
        {
            Noted::Put(entry) => Some(entry),
            Noted::Drop(_) => None,
        }
    }

    /// Whether an entry is put for an item.
    pub(super) fn has_item(&self, index: u64) -> bool {
        self.items.contains(&index)
    }
}

/// The notes of one feed.
pub(super) struct Entries<'a> {
    node: &'a Arc<Node>,
    feed: FeedKey,
    has_unclaimed: bool,
}

/// Name and value of a note.
type Note = (Vec<u8>, Vec<u8>);

/// A published item that no note speaks of yet.
#[derive(Serialize, Deserialize)]
struct Unclaimed {
    hash: Hash,
    index: u64,
    link: Hash,
    newest: u64,
}

impl<'a> Entries<'a> {
    /// The notes of a feed, brought up to its length.
    pub(super) fn open(node: &'a Arc<Node>, feed: FeedKey) -> Result<Self, Failure> {
        let mut entries = Self {
            node,
            feed,
            has_unclaimed: false,
        };
        let head = node.disk.head(&feed)?;
        let length = head.map_or(0, |head| head.body().length);
        let noted = node.disk.note(&entries.noted_name())?;
        let noted = noted.and_then(|value| value.try_into().ok().map(u64::from_be_bytes));
        let noted = noted.unwrap_or(0);
        if noted < length {
            entries.set_aside(noted..length)?;
        }
        let waiting = entries.name(b"unclaimed/", &[]);
        let mut has_unclaimed = false;
        let visited = node.disk.notes(&waiting, &mut |_, _| {
            has_unclaimed = true;
            false
        });
        visited?;
        entries.has_unclaimed = has_unclaimed;
        Ok(entries)
    }

    fn noted_name(&self) -> Vec<u8> {
        self.name(b"noted/", &[])
    }

    /// Puts the items of these records where a file of the same path finds them.
    fn set_aside(&self, records: Range<u64>) -> Result<(), Failure> {
        let mut waiting = Vec::new();
        let mut failed = Ok(());
        let end = records.end;
        let visited = self
            .node
            .disk
            .records(&self.feed, records, &mut |index, bytes| {
                failed = self.unclaimed(index, bytes).and_then(|found| {
                    waiting.extend(found);
                    if waiting.len() < WAITING_MAX {
                        return Ok(());
                    }
                    self.node.disk.put_notes(waiting.drain(..))
                });
                failed.is_ok()
            });
        visited.and(failed)?;
        waiting.push((self.noted_name(), end.to_be_bytes().to_vec()));
        self.node.disk.put_notes(waiting).map_err(Failure::from)
    }

    fn unclaimed(&self, index: u64, bytes: &[u8]) -> Result<Option<Note>, StoreError> {
        let Ok(Record {
            body: Body::Item(item),
            ..
        }) = read(bytes, index)
        else {
            return Ok(None);
        };
        let (Some(path), Some(file)) = (&item.path, item.files.first()) else {
            return Ok(None);
        };
        let first = match &item.edits {
            Some(edits) => Some((edits.index, edits.link)),
            None => self
                .node
                .disk
                .link(&self.feed, index)?
                .map(|link| (index, link)),
        };
        Ok(first.map(|(first, link)| {
            let unclaimed = Unclaimed {
                hash: file.hash,
                index: first,
                link,
                newest: index,
            };
            let value = serde_json::to_vec(&unclaimed).unwrap_or_default();
            (self.unclaimed_name(path, &first.to_be_bytes()), value)
        }))
    }

    fn unclaimed_name(&self, relative: &str, index: &[u8]) -> Vec<u8> {
        // No path has a zero byte, so that none is the beginning of another one's name.
        self.name(b"unclaimed/", &[relative.as_bytes(), b"\0", index].concat())
    }

    /// An item with this path that no note speaks of: the one with the same bytes, or else the newest.
    /// `is_taken` tells items that were claimed in this run.
    pub(super) fn claim(
        &self,
        found: &Found,
        hash: &Hash,
        is_taken: &dyn Fn(u64) -> bool,
    ) -> Result<Option<Entry>, Failure> {
        if !self.has_unclaimed {
            return Ok(None);
        }
        let prefix = self.unclaimed_name(&found.relative, &[]);
        let mut best: Option<Unclaimed> = None;
        let visited = self.node.disk.notes(&prefix, &mut |_, value| {
            if let Ok(waiting) = serde_json::from_slice::<Unclaimed>(value)
                && !is_taken(waiting.index)
            {
                let is_same = waiting.hash == *hash;
                best = Some(waiting);
                return !is_same;
            }
            true
        });
        visited?;
        let Some(Unclaimed {
            hash,
            index,
            link,
            newest,
        }) = best
        else {
            return Ok(None);
        };
        let mut entry = Entry::new(found, hash, index, link, newest);
        // Not as it is now: what the item says has to be compared first.
        entry.modified_ms = 0;
        Ok(Some(entry))
    }

    fn name(&self, kind: &[u8], rest: &[u8]) -> Vec<u8> {
        [kind, self.feed.as_bytes(), rest].concat()
    }

    fn by_path(&self, path: &Path) -> Vec<u8> {
        self.name(b"published/", path.as_os_str().as_bytes())
    }

    fn by_inode(&self, device: u64, inode: u64) -> Vec<u8> {
        self.name(
            b"inode/",
            &[device.to_be_bytes(), inode.to_be_bytes()].concat(),
        )
    }

    fn by_hash(&self, hash: &Hash) -> Vec<u8> {
        self.name(b"hash/", &hash.0)
    }

    /// What was published from this path.
    pub(super) fn at(&self, path: &Path) -> Result<Option<Entry>, Failure> {
        let found = self.node.disk.note(&self.by_path(path))?;
        Ok(found.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// What was published from another path that is gone, and is this file: the same inode, or the same bytes.
    pub(super) fn moved_from(&self, found: &Found, hash: &Hash) -> Result<Option<Entry>, Failure> {
        for name in [self.by_inode(found.device, found.inode), self.by_hash(hash)] {
            let path = self.node.disk.note(&name)?;
            let Some(path) = path.map(|bytes| PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)))
            else {
                continue;
            };
            let is_gone = path != found.path && std::fs::symlink_metadata(&path).is_err();
            if let Some(entry) = self
                .at(&path)?
                .filter(|entry| is_gone && entry.hash == *hash)
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// What was published from another path that is gone, and by all that a look tells is this file, untouched.
    pub(super) fn renamed_from(&self, found: &Found) -> Result<Option<Entry>, Failure> {
        let path = self
            .node
            .disk
            .note(&self.by_inode(found.device, found.inode))?;
        let Some(path) = path.map(|bytes| PathBuf::from(std::ffi::OsStr::from_bytes(&bytes)))
        else {
            return Ok(None);
        };
        let is_gone = path != found.path && std::fs::symlink_metadata(&path).is_err();
        let entry = self.at(&path)?;
        Ok(entry.filter(|entry| is_gone && entry.is_same_file(found)))
    }

    /// Published files below a folder that are not there any more.
    pub(super) fn gone_below(&self, folder: &Path) -> Result<Vec<Entry>, Failure> {
        let mut gone = Vec::new();
        // With the separator, or `a` would take in `ab`.
        let prefix = [self.by_path(folder), b"/".to_vec()].concat();
        let visited = self.node.disk.notes(&prefix, &mut |_, value| {
            if let Ok(entry) = serde_json::from_slice::<Entry>(value)
                && std::fs::symlink_metadata(&entry.file)
                    .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
            {
                gone.push(entry);
            }
            true
        });
        visited?;
        Ok(gone)
    }

    /// Writes changes, once all records below `length` that they speak of are durable.
    pub(super) fn write(&self, waiting: Waiting, length: u64) -> Result<(), Failure> {
        let mut puts = vec![(self.noted_name(), length.to_be_bytes().to_vec())];
        for change in &waiting.changes {
            match change {
                Noted::Drop(entry) => {
                    let name = self.by_path(&entry.file);
                    self.node.disk.drop_note(&name)?;
                }
                Noted::Put(entry) => {
                    if self.has_unclaimed {
                        let name = self.unclaimed_name(&entry.path, &entry.index.to_be_bytes());
                        self.node.disk.drop_note(&name)?;
                    }
                    let file = entry.file.as_os_str().as_bytes().to_vec();
                    let value = serde_json::to_vec(entry).unwrap_or_default();
                    puts.push((self.by_path(&entry.file), value));
                    puts.push((self.by_inode(entry.device, entry.inode), file.clone()));
                    puts.push((self.by_hash(&entry.hash), file));
                }
            }
        }
        self.node.disk.put_notes(puts).map_err(Failure::from)
    }
}
