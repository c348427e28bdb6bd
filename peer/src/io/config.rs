//! Reads the settings; reads and writes subscriptions and pins as files, whole or not at all (spec/store.md, Sources).
//!
//! What the text means is `sources`'. A file that cannot be read is named and left as it is: nothing is
//! written over it (store-9, store-30).

use crate::io::dirs::Dirs;
use crate::io::whole;
use crate::pins::Pins;
use crate::settings::Settings;
use crate::sources::Sources;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file system failed.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what it should be; it is left as it is.
    #[error("{path}: {why}", path = path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        why: String,
    },
}

/// A file as it was read last. It is read again only when it is another: people edit it, and to read a thousand keys takes
/// longer than most calls.
#[derive(Debug, Default)]
pub struct ReadFile<T>(Mutex<Option<(Stamp, Arc<T>)>>);

/// The subscriptions.
pub type ReadSources = ReadFile<Sources>;
/// What is pinned and dropped.
pub type ReadPins = ReadFile<Pins>;

/// What tells one state of the file from another: modified, size, inode.
type Stamp = (i64, i64, u64, u64);

impl ReadFile<Sources> {
    /// The subscriptions now.
    ///
    /// # Errors
    /// See `ConfigError`.
    pub fn load(&self, dirs: &Dirs) -> Result<Arc<Sources>, ConfigError> {
        self.load_from(dirs.sources(), Sources::read)
    }
}

impl ReadFile<Pins> {
    /// What is pinned and dropped now.
    ///
    /// # Errors
    /// See `ConfigError`.
    pub fn load(&self, dirs: &Dirs) -> Result<Arc<Pins>, ConfigError> {
        self.load_from(dirs.pins(), Pins::read)
    }
}

impl<T: Default> ReadFile<T> {
    fn load_from(
        &self,
        path: PathBuf,
        parse: impl Fn(&str) -> Result<T, toml::de::Error>,
    ) -> Result<Arc<T>, ConfigError> {
        let found = std::fs::metadata(&path).ok();
        let stamp =
            found.map(|found| (found.mtime(), found.mtime_nsec(), found.len(), found.ino()));
        let mut read = self
            .0
            .lock()
            .expect("nobody panics while holding this lock");
        if let (Some(stamp), Some((known, before))) = (&stamp, &*read)
            && stamp == known
        {
            return Ok(before.clone());
        }
        // Stamped before it is read: a change in between is read next time.
        let now = Arc::new(load(path, parse)?);
        *read = stamp.map(|stamp| (stamp, now.clone()));
        Ok(now)
    }
}

/// Reads the subscriptions; a file that is not there is an empty list.
///
/// # Errors
/// See `ConfigError`.
pub fn load_sources(dirs: &Dirs) -> Result<Sources, ConfigError> {
    load(dirs.sources(), Sources::read)
}

/// Reads what is pinned and dropped; a file that is not there is nothing.
///
/// # Errors
/// See `ConfigError`.
pub fn load_pins(dirs: &Dirs) -> Result<Pins, ConfigError> {
    load(dirs.pins(), Pins::read)
}

/// Reads the settings; a file that is not there says nothing.
///
/// # Errors
/// See `ConfigError`.
pub fn load_settings(dirs: &Dirs) -> Result<Settings, ConfigError> {
    load(dirs.settings(), Settings::read)
}

fn load<T: Default>(
    path: PathBuf,
    read: impl Fn(&str) -> Result<T, toml::de::Error>,
) -> Result<T, ConfigError> {
    let Some(text) = there(&path, std::fs::read_to_string(&path))? else {
        return Ok(T::default());
    };
    read(&text).map_err(|error| ConfigError::Broken {
        path,
        why: error.to_string().trim().to_owned(),
    })
}

/// What a file held, if it was there.
fn there<T>(path: &Path, read: io::Result<T>) -> Result<Option<T>, ConfigError> {
    match read {
        Ok(held) => Ok(Some(held)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Replaces the subscriptions; after a crash the file is the old one or the new one.
///
/// # Errors
/// See `ConfigError`.
pub fn save_sources(dirs: &Dirs, sources: &Sources) -> Result<(), ConfigError> {
    let path = dirs.sources();
    let text = there(&path, std::fs::read_to_string(&path))?;
    let text = sources.write_over(&text.unwrap_or_default());
    save(path, text)?;
    keep_sources(dirs).map(drop)
}

/// Keeps a copy of the list of subscriptions, or puts it back from there when it is gone: nobody said that nothing is followed.
/// Says whether it was put back.
///
/// # Errors
/// See `ConfigError`.
pub fn keep_sources(dirs: &Dirs) -> Result<bool, ConfigError> {
    let (path, copy) = (dirs.sources(), dirs.sources_before());
    let read = |path| there(path, std::fs::read(path));
    match (read(&path)?, read(&copy)?) {
        (None, Some(before)) => replace(path, &before).map(|()| true),
        (now, before) if now == before => Ok(false),
        (Some(now), _) => {
            let is_list = std::str::from_utf8(&now).is_ok_and(|text| Sources::read(text).is_ok());
            // Without the copy nothing is lost yet.
            if is_list && let Err(error) = replace(copy, &now) {
                tracing::warn!(%error, "no copy of the list is kept");
            }
            Ok(false)
        }
        (None, None) => Ok(false),
    }
}

/// Replaces what is pinned and dropped, in the same way.
///
/// # Errors
/// See `ConfigError`.
pub fn save_pins(dirs: &Dirs, pins: &Pins) -> Result<(), ConfigError> {
    save(dirs.pins(), pins.write())
}

fn save<E: std::fmt::Display>(path: PathBuf, text: Result<String, E>) -> Result<(), ConfigError> {
    let text = text.map_err(|error| ConfigError::Broken {
        path: path.clone(),
        why: error.to_string(),
    })?;
    replace(path, text.as_bytes())
}

fn replace(path: PathBuf, bytes: &[u8]) -> Result<(), ConfigError> {
    // A list that lies elsewhere behind a link stays there.
    let target = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    match whole::replace(&target, bytes, 0o600) {
        Ok(_) => Ok(()),
        Err(source) => Err(ConfigError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;
    use levada_feed::link::Link;

    fn dirs(folder: &tempfile::TempDir) -> Dirs {
        Dirs::find(Some(folder.path())).unwrap()
    }

    fn sources(byte: u8) -> Sources {
        let feed = FeedSecret::from_bytes(&[byte; 32]).feed_key();
        let mut sources = Sources::default();
        sources.add(&Link::to(feed), &[], None, None, 5).unwrap();
        sources
    }

    #[test]
    fn list_is_read_again_when_the_file_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = dirs(&folder);
        let read = ReadSources::default();
        assert_eq!(*read.load(&dirs).unwrap(), Sources::default());
        for byte in 1..=3 {
            save_sources(&dirs, &sources(byte)).unwrap();
            assert_eq!(*read.load(&dirs).unwrap(), sources(byte));
            assert!(Arc::ptr_eq(
                &read.load(&dirs).unwrap(),
                &read.load(&dirs).unwrap()
            ));
        }
        std::fs::write(dirs.sources(), "no list").unwrap();
        assert!(read.load(&dirs).is_err());
        std::fs::remove_file(dirs.sources()).unwrap();
        assert_eq!(*read.load(&dirs).unwrap(), Sources::default());
    }

    #[test]
    fn list_that_is_gone_comes_back_and_one_that_was_emptied_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = dirs(&folder);
        std::fs::create_dir_all(dirs.state()).unwrap();
        assert!(!keep_sources(&dirs).unwrap());
        save_sources(&dirs, &sources(1)).unwrap();
        std::fs::remove_file(dirs.sources()).unwrap();
        assert!(keep_sources(&dirs).unwrap());
        assert_eq!(load_sources(&dirs).unwrap(), sources(1));
        // A person changed it.
        let commented = format!(
            "# mine\n{}",
            std::fs::read_to_string(dirs.sources()).unwrap()
        );
        std::fs::write(dirs.sources(), &commented).unwrap();
        assert!(!keep_sources(&dirs).unwrap());
        // What is no list is not what it was.
        std::fs::write(dirs.sources(), b"no list").unwrap();
        assert!(!keep_sources(&dirs).unwrap());
        std::fs::remove_file(dirs.sources()).unwrap();
        assert!(keep_sources(&dirs).unwrap());
        assert_eq!(std::fs::read_to_string(dirs.sources()).unwrap(), commented);
        std::fs::write(dirs.sources(), b"").unwrap();
        assert!(!keep_sources(&dirs).unwrap());
        std::fs::remove_file(dirs.sources()).unwrap();
        assert!(keep_sources(&dirs).unwrap());
        assert_eq!(load_sources(&dirs).unwrap(), Sources::default());
    }

    #[test]
    fn broken_file_is_named_with_its_line_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = dirs(&folder);
        assert_eq!(load_sources(&dirs).unwrap(), Sources::default());
        save_sources(&dirs, &Sources::default()).unwrap();
        let broken = b"[[source]]\nfeed = 3\n";
        std::fs::write(dirs.sources(), broken).unwrap();
        let error = load_sources(&dirs).unwrap_err().to_string();
        assert!(
            error.contains("sources.toml") && error.contains("line 2"),
            "{error}"
        );
        assert_eq!(std::fs::read(dirs.sources()).unwrap(), broken);
    }

    #[test]
    fn file_cut_at_any_byte_is_read_as_it_was_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = dirs(&folder);
        save_sources(&dirs, &sources(1)).unwrap();
        let whole = std::fs::read(dirs.sources()).unwrap();
        for cut in 1..whole.len() - 2 {
            std::fs::write(dirs.sources(), &whole[..cut]).unwrap();
            match load_sources(&dirs) {
                Ok(read) => assert!(cut >= whole.len() - 12, "cut at {cut}: {read:?}"),
                Err(error) => assert!(error.to_string().contains("sources.toml"), "{error}"),
            }
        }
        std::fs::write(dirs.sources(), [0xff, 0xfe]).unwrap();
        let error = load_sources(&dirs).unwrap_err().to_string();
        assert!(error.contains("sources.toml"), "{error}");
    }

    #[test]
    fn list_behind_a_link_is_changed_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = dirs(&folder);
        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, b"").unwrap();
        std::os::unix::fs::symlink(&elsewhere, dirs.sources()).unwrap();
        save_sources(&dirs, &sources(1)).unwrap();
        let link = std::fs::symlink_metadata(dirs.sources()).unwrap();
        assert!(link.is_symlink());
        assert_eq!(load_sources(&dirs).unwrap(), sources(1));
    }

    #[test]
    fn failed_write_names_the_file_and_keeps_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = dirs(&folder);
        save_sources(&dirs, &sources(1)).unwrap();
        let gone = Dirs::find(Some(&folder.path().join("gone"))).unwrap();
        let error = save_sources(&gone, &sources(2)).unwrap_err().to_string();
        assert!(error.contains("sources.toml"), "{error}");
        assert_eq!(load_sources(&dirs).unwrap(), sources(1));
    }
}
