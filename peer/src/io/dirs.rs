//! Where a node keeps things, and the lock that makes it the only one there.

use crate::io::fault;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The places of one node.
#[derive(Clone, Debug)]
pub struct Dirs {
    home: PathBuf,
    config: PathBuf,
    data: PathBuf,
    state: PathBuf,
    cache: PathBuf,
}

impl Dirs {
    /// Everything below one folder, or the user's usual places.
    ///
    /// # Errors
    /// When the current folder or the user's home is unknown.
    pub fn find(data_dir: Option<&Path>) -> io::Result<Self> {
        if let Some(folder) = data_dir {
            let home = std::path::absolute(folder)?;
            return Ok(Self {
                config: home.clone(),
                data: home.clone(),
                state: home.join("state"),
                cache: home.join("cache"),
                home,
            });
        }
        let name = AppStrategyArgs {
            top_level_domain: "example".into(),
            author: "levada".into(),
            app_name: "levada".into(),
        };
        let places =
            choose_app_strategy(name).map_err(|error| io::Error::other(error.to_string()))?;
        let data = places.data_dir();
        Ok(Self {
            config: places.config_dir(),
            state: places.state_dir().unwrap_or_else(|| data.join("state")),
            cache: places.cache_dir(),
            home: data.clone(),
            data,
        })
    }

    /// The folder to name to people.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where settings are.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The list of subscriptions.
    #[must_use]
    pub fn sources(&self) -> PathBuf {
        self.config.join("sources.toml")
    }

    /// The list as it was read or written last: it comes back from here when it is gone.
    #[must_use]
    pub fn sources_before(&self) -> PathBuf {
        self.state().join("sources.toml")
    }

    /// What is pinned and dropped.
    #[must_use]
    pub fn pins(&self) -> PathBuf {
        self.config.join("pins.toml")
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// Key files and authors' files.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    /// Blob files.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.data.join("blobs")
    }

    /// Where a running node takes calls of this user's other processes.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.state.join("socket")
    }

    /// The token of the local API.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.state.join("token")
    }

    /// Lock, markers, evidence, highest heads.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What may be wiped.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Makes the folders; keys and state are for this user alone.
    ///
    /// # Errors
    /// Which folder could not be made.
    pub fn create_all(&self) -> Result<(), FolderError> {
        let make = |path: &Path, mode| {
            let made = fault::step(path, || {
                DirBuilder::new().recursive(true).mode(mode).create(path)
            });
            made.map_err(|source| FolderError {
                path: path.to_owned(),
                source,
            })
        };
        make(&self.config, 0o755)?;
        make(&self.data, 0o755)?;
        make(&self.keys(), 0o700)?;
        make(&self.state, 0o700)?;
        make(&self.blobs(), 0o755)?;
        make(&self.cache, 0o755)
    }
}

/// A folder could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{path}: this folder cannot be made: {source}", path = path.display())]
pub struct FolderError {
    path: PathBuf,
    source: io::Error,
}

/// Why the node's folder is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process uses it.
    #[error("{path}: another levada{} uses this data directory", pid.map_or(String::new(), |pid| format!(" (process {pid})")), path = path.display())]
    Held {
        /// The data directory.
        path: PathBuf,
        /// The process, if it told.
        pid: Option<u32>,
    },
    /// A folder could not be made.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The lock file could not be used.
    #[error("{path}: the lock cannot be taken: {source}", path = path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LockError {
    /// Which file or folder failed and what the system said, unless it is another process that has the lock.
    #[must_use]
    pub fn system(&self) -> Option<(&Path, &io::Error)> {
        match self {
            Self::Held { .. } => None,
            Self::Folder(FolderError { path, source }) | Self::File { path, source } => {
                Some((path, source))
            }
        }
    }
}

/// Held while a node is open; goes with the process, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// See `LockError`.
    pub fn take(dirs: &Dirs) -> Result<Self, LockError> {
        let path = dirs.state().join("lock");
        let failed = |source| LockError::File {
            path: path.clone(),
            source,
        };
        let opened = fault::step(&path, || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
        });
        let mut file = opened.map_err(failed)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // The number is a courtesy: without it the message is as true.
                let _ = (&mut file).take(16).read_to_string(&mut text);
                return Err(LockError::Held {
                    path: dirs.home().to_owned(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(error) => return Err(failed(error.into())),
        }
        let written = fault::step(&path, || {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}", std::process::id())
        });
        written.map_err(failed)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_lock_names_the_process_that_holds_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::find(Some(folder.path())).unwrap();
        dirs.create_all().unwrap();
        let lock = Lock::take(&dirs).unwrap();
        let held = Lock::take(&dirs).unwrap_err();
        assert!(
            matches!(held, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()),
            "{held}"
        );
        drop(lock);
        Lock::take(&dirs).unwrap();
    }

    #[test]
    fn everything_lies_below_the_data_dir_and_keys_and_state_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        let dirs = Dirs::find(Some(&root)).unwrap();
        dirs.create_all().unwrap();
        for path in [
            &dirs.sources(),
            &dirs.keys(),
            &dirs.store(),
            &dirs.blobs(),
            dirs.state(),
            dirs.cache(),
        ] {
            assert!(path.starts_with(&root), "{}", path.display());
        }
        for path in [dirs.keys().as_path(), dirs.state()] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", path.display());
        }
        dirs.create_all().unwrap();
    }

    #[test]
    fn folder_that_cannot_be_made_and_lock_that_cannot_be_taken_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        let dirs = Dirs::find(Some(&file)).unwrap();
        let error = dirs.create_all().unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        let error = Lock::take(&dirs).unwrap_err();
        assert!(matches!(error, LockError::File { .. }), "{error}");
    }

    #[test]
    fn lock_goes_with_its_process_and_garbage_in_it_is_no_number() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::find(Some(folder.path())).unwrap();
        dirs.create_all().unwrap();
        let path = dirs.state().join("lock");
        std::fs::write(&path, b"99999999999999999999999999").unwrap();
        let lock = Lock::take(&dirs).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, std::process::id().to_string());
        std::fs::write(&path, b"\xff\xffnobody").unwrap();
        let held = Lock::take(&dirs).unwrap_err();
        assert!(matches!(held, LockError::Held { pid: None, .. }), "{held}");
        drop(lock);
    }
}
