//! Fork proofs and successions as files: small, kept for ever, passed on (spec/fork.md, spec/succession.md).
//!
//! Plain files beside the store, so that losing the store loses no evidence.

use crate::store::StoreError;
use levada_feed::fork::ForkProof;
use levada_feed::key::FeedKey;
use levada_feed::limits::FORK_BYTES_MAX;
use levada_feed::succession::Succession;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The folder of fork proofs and successions.
#[derive(Clone, Debug)]
pub struct Evidence {
    folder: PathBuf,
}

impl Evidence {
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

    /// The fork proof of a feed, checked as it is read.
    ///
    /// # Errors
    /// Those of the file system, and `Damaged`.
    pub fn fork(&self, feed: &FeedKey) -> Result<Option<ForkProof>, StoreError> {
        let path = self.path(feed, "fork");
        let Some(bytes) = read(&path)? else {
            return Ok(None);
        };
        match ForkProof::check(&bytes) {
            Ok(proof) if proof.longer().body().feed == *feed => Ok(Some(proof)),
            _ => Err(StoreError::Damaged {
                path,
                what: "it is no fork proof of this feed; delete it".into(),
            }),
        }
    }

    /// Keeps a fork proof; the first one stays. Says whether it is new.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_fork(&self, proof: &ForkProof) -> Result<bool, StoreError> {
        self.put(
            &self.path(&proof.longer().body().feed, "fork"),
            proof.wire(),
        )
    }

    /// The succession of a feed, checked as it is read.
    ///
    /// # Errors
    /// Those of the file system, and `Damaged`.
    pub fn succession(&self, feed: &FeedKey) -> Result<Option<Succession>, StoreError> {
        let path = self.path(feed, "succession");
        let Some(bytes) = read(&path)? else {
            return Ok(None);
        };
        match Succession::check(&bytes) {
            Ok(succession) if succession.body().feed == *feed => Ok(Some(succession)),
            _ => Err(StoreError::Damaged {
                path,
                what: "it is no succession of this feed; delete it".into(),
            }),
        }
    }

    /// Keeps a succession; the first one stays. Says whether it is new.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_succession(&self, succession: &Succession) -> Result<bool, StoreError> {
        self.put(
            &self.path(&succession.body().feed, "succession"),
            succession.wire(),
        )
    }

    fn path(&self, feed: &FeedKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{feed}.{ending}"))
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)
            .map_err(StoreError::file(&self.folder, "making a file"))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(StoreError::file(path, "writing"))?;
        match file.persist_noclobber(path) {
            Ok(_) => {
                let folder = std::fs::File::open(&self.folder).and_then(|folder| folder.sync_all());
                folder.map_err(StoreError::file(&self.folder, "syncing the folder"))?;
                Ok(true)
            }
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(StoreError::file(path, "writing")(error.error)),
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::file(path, "opening")(error)),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(FORK_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(StoreError::file(path, "reading"))?;
    Ok(Some(bytes))
}
