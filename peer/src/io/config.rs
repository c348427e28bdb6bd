//! Reads and writes the list of subscriptions as a file, whole or not at all.

use crate::io::dirs::Dirs;
use crate::sources::Sources;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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

/// Reads the subscriptions; a file that is not there is an empty list.
///
/// # Errors
/// See `ConfigError`.
pub fn load_sources(dirs: &Dirs) -> Result<Sources, ConfigError> {
    let path = dirs.sources();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sources::default()),
        Err(source) => return Err(ConfigError::File { path, source }),
    };
    Sources::read(&text).map_err(|error| ConfigError::Broken {
        path,
        why: error.to_string().trim().to_owned(),
    })
}

/// Replaces the subscriptions; after a crash the file is the old one or the new one.
///
/// # Errors
/// See `ConfigError`.
pub fn save_sources(dirs: &Dirs, sources: &Sources) -> Result<(), ConfigError> {
    let path = dirs.sources();
    let text = sources.write().map_err(|error| ConfigError::Broken {
        path: path.clone(),
        why: error.to_string(),
    })?;
    replace(&path, text.as_bytes()).map_err(|source| ConfigError::File { path, source })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_file_is_named_with_its_line_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::find(Some(folder.path())).unwrap();
        assert_eq!(load_sources(&dirs).unwrap(), Sources::default());
        save_sources(&dirs, &Sources::default()).unwrap();
        std::fs::write(dirs.sources(), b"[[source]]\nfeed = 3\n").unwrap();
        let error = load_sources(&dirs).unwrap_err().to_string();
        assert!(
            error.contains("sources.toml") && error.contains("line 2"),
            "{error}"
        );
    }
}
