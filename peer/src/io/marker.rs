//! Markers: what tells an own feed that lives here from one whose files were restored or copied (spec/author-file.md, Copies).
//!
//! A marker lies in the state directory and names the machine and the author's file as the file system knows it. A copy
//! of the files has another identity, and another machine another name: then this node has no way to know what was
//! signed elsewhere since, and does not sign by itself.

use crate::store::StoreError;
use levada_feed::key::FeedKey;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

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
        std::fs::create_dir_all(folder).map_err(StoreError::file(folder, "making the folder"))?;
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
        let path = self.path(feed);
        let marker = match std::fs::read_to_string(&path) {
            Ok(marker) => marker,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StoreError::file(&path, "reading")(error)),
        };
        Ok(marker == text(author_file)?)
    }

    /// Marks the author's file as the live one. Durable when this returns.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put(&self, feed: &FeedKey, author_file: &Path) -> Result<(), StoreError> {
        let path = self.path(feed);
        let failed = || StoreError::file(&path, "writing");
        let file = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed())?;
        std::fs::write(file.path(), text(author_file)?).map_err(failed())?;
        file.as_file().sync_all().map_err(failed())?;
        file.persist(&path).map_err(|error| failed()(error.error))?;
        let folder = std::fs::File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(StoreError::file(&self.folder, "syncing the folder"))
    }
}

/// What a marker says of an author's file.
fn text(author_file: &Path) -> Result<String, StoreError> {
    let found = std::fs::metadata(author_file).map_err(StoreError::file(author_file, "reading"))?;
    Ok(format!("{}\n{}\n", machine(), identity(&found)))
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
