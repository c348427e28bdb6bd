//! What the database's errors say to people: of our disk, of damage, of a write that failed before.

use crate::store::StoreError;
use std::path::Path;

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        use fjall::{Error, LsmError};
        let what = match error {
            Error::Io(source) | Error::Storage(LsmError::Io(source)) => {
                return Self::File {
                    path: "store".into(),
                    doing: "reading or writing",
                    source,
                };
            }
            Error::Poisoned => {
                "a write failed before, so nothing more is written; once there is room, or the disk is well, start the command again, and `levada serve` if it runs"
            }
            Error::Locked => "another process uses it",
            Error::InvalidVersion(_) => "it is damaged, or another version of levada wrote it",
            _ => {
                return Self::Damaged {
                    path: "store".into(),
                    what: "its database cannot be read".into(),
                };
            }
        };
        Self::Database(what.to_owned())
    }
}

/// The same of the store in this folder: the database does not say which it is.
pub(super) fn at(store: &Path, error: StoreError) -> StoreError {
    let path = store.to_owned();
    match error {
        StoreError::File { doing, source, .. } => StoreError::File {
            path,
            doing,
            source,
        },
        StoreError::Damaged { what, .. } => StoreError::Damaged { path, what },
        error => error,
    }
}
