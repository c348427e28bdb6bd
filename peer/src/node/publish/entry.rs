//! What was published from where: notes beside the store, by path, by inode and by hash.
//!
//! Only a help: without them every file is read again, and what is published already is found by its path.

use crate::api::Failure;
use crate::io::walk::Found;
use crate::node::{Node, store_failure};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use serde::{Deserialize, Serialize};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

impl Noted {
    pub(super) fn put(found: &Found, entry: Entry) -> Self {
        debug_assert_eq!(found.path, entry.file);
        Self::Put(entry)
    }
}

/// The notes of one feed.
pub(super) struct Entries<'a> {
    node: &'a Arc<Node>,
    feed: FeedKey,
}

impl<'a> Entries<'a> {
    pub(super) fn of(node: &'a Arc<Node>, feed: FeedKey) -> Self {
        Self { node, feed }
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
        self.name(b"hash/", super::hash_name(hash))
    }

    /// What was published from this path.
    pub(super) fn at(&self, path: &Path) -> Result<Option<Entry>, Failure> {
        let found = self
            .node
            .disk
            .note(&self.by_path(path))
            .map_err(|error| store_failure(&error))?;
        Ok(found.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// What was published from another path that is gone, and is this file: the same inode, or the same bytes.
    pub(super) fn moved_from(&self, found: &Found, hash: &Hash) -> Result<Option<Entry>, Failure> {
        for name in [self.by_inode(found.device, found.inode), self.by_hash(hash)] {
            let path = self
                .node
                .disk
                .note(&name)
                .map_err(|error| store_failure(&error))?;
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
        visited.map_err(|error| store_failure(&error))?;
        Ok(gone)
    }

    pub(super) fn write(&self, changes: Vec<Noted>) -> Result<(), Failure> {
        let mut puts = Vec::new();
        let dropped = changes.iter().filter_map(|change| match change {
            Noted::Put(entry) => {
                let file = entry.file.as_os_str().as_bytes().to_vec();
                puts.push((
                    self.by_path(&entry.file),
                    serde_json::to_vec(entry).unwrap_or_default(),
                ));
                puts.push((self.by_inode(entry.device, entry.inode), file.clone()));
                puts.push((self.by_hash(&entry.hash), file));
                None
            }
            Noted::Drop(entry) => Some(self.by_path(&entry.file)),
        });
        let dropped: Vec<_> = dropped.collect();
        let store = |error: StoreError| store_failure(&error);
        for name in dropped {
            self.node.disk.drop_note(&name).map_err(store)?;
        }
        self.node.disk.put_notes(puts).map_err(store)
    }
}
