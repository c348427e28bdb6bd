//! Answers about how a node is set up: its settings, its folders, the token of the local API.

use super::Failure;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What opens the local API on loopback.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenInfo {
    /// The token: a secret of this user.
    pub token: Zeroizing<String>,
    /// The file that holds it.
    pub path: PathBuf,
}

impl fmt::Debug for TokenInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenInfo")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The settings that hold, and what is wrong with the files they come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigInfo {
    /// Where the node keeps things.
    pub folders: Vec<Folder>,
    /// The files that a person may edit.
    pub files: Vec<ConfigFile>,
    /// Every setting; none when `config.toml` cannot be read.
    pub settings: Vec<Setting>,
}

/// What became of settings that were read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// The file.
    pub path: PathBuf,
    /// Those that are others than before.
    pub settings: Vec<ReloadedSetting>,
}

/// A setting that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedSetting {
    /// Its name, as in the file.
    pub name: String,
    /// The new value holds only after a restart.
    pub needs_restart: bool,
}

/// A folder of the node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Folder {
    /// What lies there: `config`, `data`, `state`, `cache`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A file that a person may edit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// There is such a file.
    pub is_there: bool,
    /// What is wrong with it.
    pub problem: Option<Failure>,
}

/// A setting as it holds for `serve` when the command line says nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name, as in `limits.up`.
    pub name: String,
    /// Its value, in words when there is none.
    pub value: String,
    /// It stands in `config.toml`.
    pub is_set: bool,
}
