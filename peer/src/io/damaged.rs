//! Notes of blobs that are damaged and not mended: one small file each, so that losing the store loses none (store-26).
//!
//! What a note says is for people; which bytes are missing is told by the blob's own files (spec/store.md, Damage). A note that
//! cannot be read says that something is damaged, and not what.

use crate::io::{fault, whole};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of a note that are read.
const NOTE_BYTES_MAX: u64 = 64 << 10;

/// The folder of notes of damage.
#[derive(Clone, Debug)]
pub struct DamageNotes {
    folder: PathBuf,
}

impl DamageNotes {
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

    fn path(&self, hash: &Hash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    /// Notes that a blob is damaged; durable when this returns.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put(&self, hash: &Hash, note: &[u8]) -> Result<(), StoreError> {
        let path = self.path(hash);
        whole::replace(&path, note, 0o600)
            .map(drop)
            .map_err(StoreError::file(&path, "writing"))
    }

    /// What is noted of a blob.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn note(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.path(hash))
    }

    /// It is damaged no more.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(&self, hash: &Hash) -> Result<(), StoreError> {
        let path = self.path(hash);
        match fault::step(&path, || std::fs::remove_file(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::file(&path, "removing")(error))
            }
            _ => Ok(()),
        }
    }

    /// The blobs of which something is noted, in no order.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn hashes(&self) -> Result<impl Iterator<Item = Result<Hash, StoreError>>, StoreError> {
        let folder = self.folder.clone();
        let failed = move |error| StoreError::file(&folder, "reading")(error);
        let entries = std::fs::read_dir(&self.folder).map_err(&failed)?;
        Ok(entries.filter_map(move |entry| match entry {
            Ok(entry) => entry.file_name().to_str()?.parse().ok().map(Ok),
            Err(error) => Some(Err(failed(error))),
        }))
    }

    /// Some notes at most, and how many there are besides.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn list(&self, most: usize) -> Result<(Vec<Vec<u8>>, usize), StoreError> {
        let failed = || StoreError::file(&self.folder, "reading");
        let (mut notes, mut more) = (Vec::new(), 0);
        for entry in std::fs::read_dir(&self.folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            if notes.len() >= most {
                more += 1;
            } else {
                // It may be mended meanwhile.
                notes.extend(read(&path)?);
            }
        }
        Ok((notes, more))
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::file(path, "reading")(error)),
    };
    let mut bytes = Vec::new();
    file.take(NOTE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(StoreError::file(path, "reading"))?;
    Ok(Some(bytes))
}
