//! The token of the local API: 32 random bytes in hex, in a file that only this user reads. Made once.
//!
//! Kept in memory as a hash: two hashes are compared in the same time whether they differ early or late.

use crate::io::whole;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use zeroize::Zeroizing;

/// Bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Bytes of the file that are read: a longer one is no token.
const FILE_BYTES_MAX: u64 = 256;

/// The token of one node.
#[derive(Debug)]
pub struct Token {
    path: PathBuf,
    hash: Mutex<Option<blake3::Hash>>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is no token; it is left as it is.
    #[error("{path}: this file holds no token", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl Token {
    /// The token in this file, which need not be there yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            hash: Mutex::default(),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn hash(&self) -> MutexGuard<'_, Option<blake3::Hash>> {
        self.hash
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// The token as text; makes one when there is none. From now on `is` knows it.
    ///
    /// # Errors
    /// See `TokenError`.
    pub fn read_or_make(&self) -> Result<Zeroizing<String>, TokenError> {
        let mut hash = self.hash();
        let text = match self.read()? {
            Some(text) => text,
            None => self.write()?,
        };
        *hash = Some(blake3::hash(text.as_bytes()));
        Ok(text)
    }

    /// Makes another one: the old one opens nothing any more.
    ///
    /// # Errors
    /// See `TokenError`.
    pub fn renew(&self) -> Result<Zeroizing<String>, TokenError> {
        let mut hash = self.hash();
        let text = self.write()?;
        *hash = Some(blake3::hash(text.as_bytes()));
        Ok(text)
    }

    /// Whether this is it. Nothing is, before it was read.
    pub(super) fn is(&self, given: &str) -> bool {
        let given = blake3::hash(given.as_bytes());
        self.hash().is_some_and(|hash| hash == given)
    }

    /// What opens one thing, as long as this token counts: 32 hexadecimal digits that tell nothing of the token.
    pub(super) fn ticket(&self, of: &str) -> Option<String> {
        let hash = (*self.hash())?;
        let key = blake3::derive_key("levada local ticket v1", hash.as_bytes());
        let ticket = blake3::keyed_hash(&key, of.as_bytes());
        Some(data_encoding::HEXLOWER.encode(&ticket.as_bytes()[..16]))
    }

    fn failed(&self, source: io::Error) -> TokenError {
        TokenError::File {
            path: self.path.clone(),
            source,
        }
    }

    fn read(&self) -> Result<Option<Zeroizing<String>>, TokenError> {
        let file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let mut text = Zeroizing::new(String::new());
        let damaged = || TokenError::Damaged {
            path: self.path.clone(),
        };
        match file.take(FILE_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged()),
            Err(error) => return Err(self.failed(error)),
        }
        let token = text.trim();
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if token.len() != 2 * TOKEN_BYTES || !token.bytes().all(is_hex) {
            return Err(damaged());
        }
        Ok(Some(Zeroizing::new(token.to_owned())))
    }

    fn write(&self) -> Result<Zeroizing<String>, TokenError> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(bytes.as_mut()).map_err(|_| TokenError::NoRandom)?;
        let text = Zeroizing::new(data_encoding::HEXLOWER.encode(bytes.as_ref()));
        let line = Zeroizing::new(format!("{}\n", *text));
        let written = whole::replace(&self.path, line.as_bytes(), 0o600);
        written.map_err(|error| self.failed(error))?;
        Ok(text)
    }
}
