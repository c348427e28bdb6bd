//! Markers: what tells an own feed that lives here from one whose files were restored or copied (spec/author-file.md, Copies).
//!
//! A marker lies in the state directory and names the machine and the author's file as the file system knows it. A copy
//! of the files has another identity, and another machine another name: then this node has no way to know what was
//! signed elsewhere since, and does not sign by itself.

use crate::io::{fault, whole};
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The last line of a marker of a key that has no author's file yet.
const NEW: &[u8] = b"\nnew\n";

/// The folder of markers.
#[derive(Clone, Debug)]
pub struct Markers {
    folder: PathBuf,
}

impl Markers {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        fault::step(folder, || std::fs::create_dir_all(folder))
            .map_err(StoreError::file(folder, "making the folder"))?;
        whole::sweep(folder).map_err(StoreError::file(folder, "reading"))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, feed: &FeedKey) -> PathBuf {
        self.folder.join(feed.to_string())
    }

    /// Whether the author's file is the one that was marked, on the machine where it was marked.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn is_live(&self, feed: &FeedKey, author_file: &Path) -> Result<bool, StoreError> {
        match self.read(feed)? {
            Some(marker) => Ok(marker == text(author_file)?),
            None => Ok(false),
        }
    }

    /// A marker that is no text names no file.
    fn read(&self, feed: &FeedKey) -> Result<Option<String>, StoreError> {
        let path = self.path(feed);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::file(&path, "reading")(error)),
        }
    }

    /// Marks a feed of which nothing was ever signed: its key is made just now, in this file. Durable when this returns.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_new(&self, feed: &FeedKey, key: &Metadata) -> Result<(), StoreError> {
        let path = self.path(feed);
        whole::replace(&path, new_text(key).as_bytes(), 0o600)
            .map(drop)
            .map_err(StoreError::file(&path, "writing"))
    }

    /// Forgets keys that were to be made when a crash came, and were not.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget_unmade(&self, keys: &[FeedKey]) -> io::Result<()> {
        let is_made = |path: &Path| keys.iter().any(|key| self.path(key) == path);
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if !is_made(&path) && std::fs::read(&path)?.ends_with(NEW) {
                fault::step(&path, || std::fs::remove_file(&path))?;
            }
        }
        Ok(())
    }

    /// Whether nothing was ever signed with the key in this file: it was made here, and a crash came before its author's file
    /// was marked.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn is_new(&self, feed: &FeedKey, key: &Path) -> Result<bool, StoreError> {
        let found = std::fs::metadata(key).map_err(StoreError::file(key, "reading"))?;
        Ok(self
            .read(feed)?
            .is_some_and(|marker| marker == new_text(&found)))
    }

    /// Marks the author's file as the live one. Durable when this returns.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put(&self, feed: &FeedKey, author_file: &Path) -> Result<(), StoreError> {
        let path = self.path(feed);
        whole::replace(&path, text(author_file)?.as_bytes(), 0o600)
            .map(drop)
            .map_err(StoreError::file(&path, "writing"))
    }
}

/// What a marker says of an author's file.
fn text(author_file: &Path) -> Result<String, StoreError> {
    let found = std::fs::metadata(author_file).map_err(StoreError::file(author_file, "reading"))?;
    Ok(format!("{}\n{}\n", machine(), identity(&found)))
}

/// What a marker says of a key that has no author's file yet.
fn new_text(key: &Metadata) -> String {
    let new = String::from_utf8_lossy(NEW);
    format!("{}\n{}{new}", machine(), identity(key))
}

/// The device's number is left out: on some systems it changes at each start.
fn identity(found: &Metadata) -> String {
    let born = found.created().ok();
    let born = born.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!(
        "inode {} of {}",
        found.ino(),
        born.map_or(0, |since| since.as_nanos())
    )
}

/// A name of this machine that another one does not have; its host name where the system has no better one.
fn machine() -> String {
    let id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let host = rustix::system::uname();
    // Hashed: the system asks that this id is not passed on as it is.
    let named = format!(
        "levada marker v1\n{}\n{}",
        id.trim(),
        host.nodename().to_string_lossy()
    );
    format!("machine {}", blake3::hash(named.as_bytes()).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    #[test]
    fn copy_of_an_authors_file_is_not_live() {
        let folder = tempfile::tempdir().unwrap();
        let markers = Markers::open(&folder.path().join("markers")).unwrap();
        let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
        let (file, copy) = (folder.path().join("main.feed"), folder.path().join("copy"));
        std::fs::write(&file, b"x").unwrap();
        assert!(!markers.is_live(&feed, &file).unwrap());
        markers.put(&feed, &file).unwrap();
        assert!(markers.is_live(&feed, &file).unwrap());
        std::fs::copy(&file, &copy).unwrap();
        std::fs::rename(&copy, &file).unwrap();
        assert!(!markers.is_live(&feed, &file).unwrap());
    }
}
