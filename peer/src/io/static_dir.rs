//! The folder of a static host on our own disk: files appear or change whole, what is there already is not written again.
//!
//! Which files, and in which order, is `node::export`'s question; names and forms are `static_layout`'s. What is written
//! under `.levada` is for the next export, not for readers (spec/static.md, Writing).

use crate::io::fault;
use crate::static_layout::{StaticFile, read_marker, write_marker};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is not for readers: the state of each feed as exported, and files that are not whole yet.
const OWN: &str = ".levada";
const UNFINISHED: &str = "unfinished";
const STATE: &str = "state";
/// Ending of an outboard.
const OUTBOARD: &str = ".obao";

/// The folder of a static host.
pub struct StaticDir {
    root: PathBuf,
    /// Folders in which names changed since they were last made durable.
    touched: BTreeSet<PathBuf>,
    written: Written,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Files.
    pub files: u64,
    /// Their bytes; those of a file that was linked are not written.
    pub bytes: u64,
    /// Files removed.
    pub removed: u64,
}

impl StaticDir {
    /// Opens the folder, made if need be, and removes what an interrupted export left unfinished.
    ///
    /// # Errors
    /// Those of the file system; `Damaged` when its marker is of another version.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let dir = Self {
            root: root.to_owned(),
            touched: BTreeSet::new(),
            written: Written::default(),
        };
        for name in [UNFINISHED, STATE] {
            let folder = root.join(OWN).join(name);
            fault::step(&folder, || std::fs::create_dir_all(&folder))
                .map_err(StoreError::file(&folder, "making the folder"))?;
        }
        let unfinished = dir.unfinished();
        for path in names(&unfinished)? {
            fault::step(&path, || std::fs::remove_file(&path))
                .map_err(StoreError::file(&path, "removing"))?;
        }
        let marker = dir.read(&StaticFile::Marker)?;
        if marker.is_some_and(|marker| read_marker(&marker).is_err()) {
            return Err(StoreError::Damaged {
                path: dir.path(&StaticFile::Marker),
                what: "it is not the marker of a static host as this version writes it".into(),
            });
        }
        Ok(dir)
    }

    /// Says what this folder is, if it does not yet.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn mark(&mut self) -> Result<(), StoreError> {
        self.put(&StaticFile::Marker, &write_marker()).map(drop)
    }

    /// Where a file is.
    #[must_use]
    pub fn path(&self, file: &StaticFile) -> PathBuf {
        self.root.join(file.to_string())
    }

    fn unfinished(&self) -> PathBuf {
        self.root.join(OWN).join(UNFINISHED)
    }

    /// What was written and removed so far.
    #[must_use]
    pub fn written(&self) -> Written {
        self.written
    }

    /// The bytes of a file, if it is there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read(&self, file: &StaticFile) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.path(file))
    }

    /// Puts a file in its place, whole, unless it is there as it should be; says whether it was written.
    ///
    /// # Errors
    /// Those of the file system; the old file is as before.
    pub fn put(&mut self, file: &StaticFile, bytes: &[u8]) -> Result<bool, StoreError> {
        let path = self.path(file);
        let old = std::fs::metadata(&path).ok();
        let is_as_long = old
            .as_ref()
            .is_some_and(|old| u64::try_from(bytes.len()) == Ok(old.len()));
        if is_as_long && read(&path)?.is_some_and(|held| held == bytes) {
            return Ok(false);
        }
        let failed = || StoreError::file(&path, "writing");
        self.make_folder(&path)?;
        let made = fault::step(&path, || {
            tempfile::Builder::new()
                .permissions(Permissions::from_mode(0o644))
                .tempfile_in(self.unfinished())
        });
        let mut made = made.map_err(failed())?;
        fault::step(&path, || made.write_all(bytes)).map_err(failed())?;
        if let Some(old) = old.and_then(|old| old.modified().ok()) {
            later_second(&path, made.as_file(), old).map_err(failed())?;
        }
        fault::sync_all(&path, made.as_file()).map_err(failed())?;
        fault::step(&path, || made.persist(&path).map_err(std::io::Error::from))
            .map_err(failed())?;
        self.written.files += 1;
        self.written.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(true)
    }

    fn make_folder(&mut self, path: &Path) -> Result<(), StoreError> {
        let folder = crate::io::whole::folder_of(path);
        if !folder.is_dir() {
            fault::step(folder, || std::fs::create_dir_all(folder))
                .map_err(StoreError::file(folder, "making the folder"))?;
        }
        self.touched.insert(folder.to_owned());
        Ok(())
    }

    /// Puts a blob or its outboard there by `place`, which makes a file under the name it is given, unless a file of this
    /// size is there; says whether it did.
    ///
    /// # Errors
    /// Those of the file system, and those of `place`.
    pub fn put_by<E: From<StoreError>>(
        &mut self,
        file: &StaticFile,
        size: u64,
        place: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<bool, E> {
        let path = self.path(file);
        if std::fs::metadata(&path).is_ok_and(|held| held.is_file() && held.len() == size) {
            return Ok(false);
        }
        self.make_folder(&path)?;
        let name = crate::io::whole::name_of(&path);
        let made = self.unfinished().join(name);
        let placed = place(&made).and_then(|()| {
            let renamed = fault::step(&path, || std::fs::rename(&made, &path));
            Ok(renamed.map_err(StoreError::file(&path, "writing"))?)
        });
        if placed.is_err() {
            // On a full disk it would take the room of everybody; one that stays goes with the next export.
            let _ = fault::step(&made, || std::fs::remove_file(&made));
        }
        placed?;
        self.written.files += 1;
        self.written.bytes += size;
        Ok(true)
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(&mut self, file: &StaticFile) -> Result<(), StoreError> {
        let path = self.path(file);
        match fault::step(&path, || std::fs::remove_file(&path)) {
            Ok(()) => self.written.removed += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::file(&path, "removing")(error)),
        }
        Ok(())
    }

    /// Makes the names written so far durable, so that a head is never there without what it is about.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        for folder in std::mem::take(&mut self.touched) {
            crate::io::whole::sync_folder(&folder)
                .map_err(StoreError::file(&folder, "syncing the folder"))?;
        }
        Ok(())
    }

    fn state_path(&self, feed: &FeedKey) -> PathBuf {
        self.root.join(OWN).join(STATE).join(feed.to_string())
    }

    /// What the last export of a feed noted.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn state(&self, feed: &FeedKey) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.state_path(feed))
    }

    /// Notes it, unless it is the same.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_state(&self, feed: &FeedKey, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.state_path(feed);
        if read(&path)?.is_some_and(|held| held == bytes) {
            return Ok(());
        }
        crate::io::whole::replace(&path, bytes, 0o644)
            .map(drop)
            .map_err(StoreError::file(&path, "writing"))
    }

    /// All feeds that are here, own ones of whoever exports or not.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn feeds(&self) -> Result<Vec<FeedKey>, StoreError> {
        let paths = names(&self.root.join("feed"))?;
        let key = |path: &PathBuf| path.file_name()?.to_str()?.parse().ok();
        let mut feeds: Vec<FeedKey> = paths.iter().filter_map(key).collect();
        feeds.sort();
        Ok(feeds)
    }

    /// Visits the hashes of all blobs that are here.
    ///
    /// # Errors
    /// Those of the file system, and those of the visit.
    pub fn blobs<E: From<StoreError>>(
        &self,
        visit: &mut dyn FnMut(Hash) -> Result<(), E>,
    ) -> Result<(), E> {
        for first in names(&self.root.join("blobs"))? {
            for second in names(&first)? {
                for path in names(&second)? {
                    let name = path.file_name().and_then(|name| name.to_str());
                    let name = name.map(|name| name.strip_suffix(OUTBOARD).unwrap_or(name));
                    // Only what stands where an export puts it is an export's.
                    if let Some(hash) = name.and_then(|name| name.parse::<Hash>().ok())
                        && [StaticFile::Blob { hash }, StaticFile::Outboard { hash }]
                            .iter()
                            .any(|file| self.path(file) == path)
                    {
                        visit(hash)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is in a folder; nothing where there is no folder.
fn names(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = || StoreError::file(folder, "reading the folder");
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed()(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(failed())?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::file(path, "reading")(error)),
    }
}

/// Web hosts tell by the second of a file's last change whether it is another one: so it gets a later one than before.
fn later_second(path: &Path, file: &File, before: SystemTime) -> std::io::Result<()> {
    let second = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    };
    if second(file.metadata()?.modified()?) <= second(before) {
        let later = UNIX_EPOCH + Duration::from_secs(second(before) + 1);
        fault::step(path, || file.set_modified(later))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::fault::Plan;

    #[test]
    fn files_are_on_the_disk_before_they_have_their_name_and_the_names_once_settled() {
        let folder = tempfile::tempdir().unwrap();
        let mut dir = StaticDir::open(folder.path()).unwrap();
        let name = StaticFile::Marker.to_string();
        let (file, synced) = (name.as_str(), format!("sync {name}"));
        for (bytes, is_later) in [(b"one", false), (b"two", true)] {
            let counted = Plan::count(folder.path());
            assert!(dir.put(&StaticFile::Marker, bytes).unwrap());
            dir.settle().unwrap();
            // Begun and written; one that takes the place of another gets a later time.
            let mut expected = vec![file; 2 + usize::from(is_later)];
            expected.extend([synced.as_str(), file, "sync "]);
            assert_eq!(counted.order(), expected);
            // Not yet past when the next is written.
            let path = dir.path(&StaticFile::Marker);
            let written = File::options().write(true).open(path).unwrap();
            let later = UNIX_EPOCH + Duration::from_secs(4_000_000_000);
            written.set_modified(later).unwrap();
        }
    }
}
