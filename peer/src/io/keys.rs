//! Key files: PKCS#8 v1 PEM that openssl reads, mode 0600, with a passphrase or without (spec/key.md, Key files).
//!
//! `<name>.pem` is the secret, `<name>.pub` the feed's text form, so that an encrypted key's feed is known without its
//! passphrase. Secret bytes are wiped after use, and no error holds any.

#[cfg(test)]
mod tests;

use crate::io::whole;
use crate::store::StoreError;
use ed25519_dalek::pkcs8::KeypairBytes;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use levada_feed::key::{FeedKey, FeedSecret};
use pkcs8::{DecodePrivateKey, EncodePrivateKey, PrivateKeyInfoRef};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes of a key file at most.
const KEY_BYTES_MAX: u64 = 16 << 10;
const NAME_CHARS_MAX: usize = 64;

/// The folder of own keys.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
}

/// One own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its name here.
    pub name: String,
    /// The feed.
    pub feed: FeedKey,
    /// A passphrase is needed.
    pub is_encrypted: bool,
    /// The key file.
    pub path: PathBuf,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Names are plain, since they become file names.
    #[error("{name}: a key's name is made of a to z, 0 to 9, - and _, 64 at most")]
    Name {
        /// As typed.
        name: String,
    },
    /// It is there already.
    #[error("{path}: there is such a key already", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It is not there.
    #[error("{path}: there is no such key", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is encrypted.
    #[error("{path}: the key is encrypted and no passphrase was given", path = path.display())]
    NeedsPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase does not open it.
    #[error("{path}: the passphrase is wrong", path = path.display())]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// It is no key file.
    #[error("{path}: this is no ed25519 key file (PKCS#8 PEM)", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The key and the name of its feed do not belong together.
    #[error("{path}: the key in this file is not that of the feed beside it", path = path.display())]
    OtherFeed {
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
    /// What has to be noted before the key is made could not be.
    #[error(transparent)]
    Marker(#[from] StoreError),
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl KeyError {
    /// Another passphrase may help.
    #[must_use]
    pub fn is_passphrase(&self) -> bool {
        matches!(
            self,
            Self::NeedsPassphrase { .. } | Self::WrongPassphrase { .. }
        )
    }

    /// There is no such key.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::NotFound => KeyError::Missing { path },
        io::ErrorKind::AlreadyExists => KeyError::Exists { path },
        _ => KeyError::File { path, source },
    }
}

impl Keys {
    /// The keys in a folder.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn pem(&self, name: &str) -> Result<PathBuf, KeyError> {
        if is_plain(name) {
            return Ok(self.folder.join(format!("{name}.pem")));
        }
        Err(KeyError::Name {
            name: name.to_owned(),
        })
    }

    /// All keys, by name.
    ///
    /// # Errors
    /// Those of the file system, and damaged files by name.
    pub fn list(&self) -> Result<Vec<KeyEntry>, KeyError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&self.folder)(error)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed(&self.folder))?.path();
            let is_pem = path.extension().is_some_and(|ending| ending == "pem");
            let name = path.file_stem().and_then(|stem| stem.to_str());
            // Other people's files are not ours to judge.
            if let Some(name) = name.filter(|name| is_pem && is_plain(name)) {
                keys.push(self.entry(name)?);
            }
        }
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(keys)
    }

    /// Key files that are not here, though the author's file beside them is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn gone(&self) -> Result<Vec<PathBuf>, KeyError> {
        let mut gone = Vec::new();
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(gone),
            Err(error) => return Err(failed(&self.folder)(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed(&self.folder))?.path();
            let is_authors = path.extension().is_some_and(|ending| ending == "feed");
            let pem = path.with_extension("pem");
            if is_authors && !pem.try_exists().map_err(failed(&pem))? {
                gone.push(pem);
            }
        }
        gone.sort();
        Ok(gone)
    }

    fn entry(&self, name: &str) -> Result<KeyEntry, KeyError> {
        let path = self.pem(name)?;
        // A damaged key has its feed still, which can be read and served; it is told when it is to sign.
        let pem = match read(&path) {
            Err(KeyError::Damaged { .. }) => None,
            pem => Some(pem?),
        };
        let is_encrypted = pem.as_ref().is_some_and(|pem| is_encrypted(pem));
        let public = path.with_extension("pub");
        let written = match std::fs::read_to_string(&public) {
            Ok(text) => text.trim().parse().map_err(|_| KeyError::Damaged {
                path: public.clone(),
            }),
            Err(error) => Err(failed(&public)(error)),
        };
        // Without the name of its feed a plain key can still tell it.
        let feed = match (written, &pem) {
            (Ok(feed), _) => feed,
            (Err(_), Some(pem)) if !is_encrypted => decode(&path, pem, None)?.feed_key(),
            (Err(error), _) => return Err(error),
        };
        Ok(KeyEntry {
            name: name.to_owned(),
            feed,
            is_encrypted,
            path,
        })
    }

    /// Makes a key, encrypted if a passphrase is given. Never overwrites. `before` is told of its file, as the file system
    /// will know it, before it has its name.
    ///
    /// # Errors
    /// See `KeyError`, and those of `before`.
    pub fn create(
        &self,
        name: &str,
        passphrase: Option<&str>,
        before: impl FnOnce(&FeedKey, &Metadata) -> Result<(), StoreError>,
    ) -> Result<FeedSecret, KeyError> {
        let path = self.pem(name)?;
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| KeyError::NoRandom)?;
        let secret = FeedSecret::from_bytes(&bytes);
        let pem = encode(&path, &secret, passphrase)?;
        self.put(&path, pem.as_bytes(), &secret.feed_key(), before)?;
        Ok(secret)
    }

    /// The feed's name first: an encrypted key without it would tell nobody which feed it is.
    fn put(
        &self,
        path: &Path,
        pem: &[u8],
        feed: &FeedKey,
        before: impl FnOnce(&FeedKey, &Metadata) -> Result<(), StoreError>,
    ) -> Result<(), KeyError> {
        if path.try_exists().map_err(failed(path))? {
            return Err(KeyError::Exists {
                path: path.to_owned(),
            });
        }
        let public = path.with_extension("pub");
        whole::replace(&public, format!("{feed}\n").as_bytes(), 0o644).map_err(failed(&public))?;
        let file = whole::write(path, pem, 0o600).map_err(failed(path))?;
        let found = file.as_file().metadata().map_err(failed(path))?;
        before(feed, &found)?;
        whole::name(file, path).map(drop).map_err(failed(path))
    }

    /// Opens a key.
    ///
    /// # Errors
    /// See `KeyError`.
    pub fn load(&self, name: &str, passphrase: Option<&str>) -> Result<FeedSecret, KeyError> {
        let path = self.pem(name)?;
        let secret = decode(&path, &read(&path)?, passphrase)?;
        if self.entry(name)?.feed != secret.feed_key() {
            return Err(KeyError::OtherFeed { path });
        }
        Ok(secret)
    }

    /// Copies a key file as it is.
    ///
    /// # Errors
    /// See `KeyError`.
    pub fn backup(&self, name: &str, to: &Path) -> Result<(), KeyError> {
        let pem = read(&self.pem(name)?)?;
        whole::create(to, pem.as_bytes(), 0o600)
            .map(drop)
            .map_err(failed(to))
    }

    /// Puts a key file in place under a name; a key is here once only. The passphrase is needed for an encrypted one.
    ///
    /// # Errors
    /// See `KeyError`.
    pub fn restore(
        &self,
        from: &Path,
        name: &str,
        passphrase: Option<&str>,
    ) -> Result<FeedKey, KeyError> {
        let path = self.pem(name)?;
        let pem = read(from)?;
        let feed = decode(from, &pem, passphrase)?.feed_key();
        // Under two names it would sign two histories.
        if let Some(KeyEntry { path, .. }) = self.list()?.into_iter().find(|key| key.feed == feed) {
            return Err(KeyError::Exists { path });
        }
        self.put(&path, pem.as_bytes(), &feed, |_, _| Ok(()))?;
        Ok(feed)
    }
}

/// Whether this may be a key's name, and with it a file's.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_plain)
}

fn read(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let file = File::open(path).map_err(failed(path))?;
    let mut pem = Zeroizing::new(String::new());
    match file.take(KEY_BYTES_MAX).read_to_string(&mut pem) {
        Ok(_) => Ok(pem),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(KeyError::Damaged {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed(path)(error)),
    }
}

fn is_encrypted(pem: &str) -> bool {
    pem.contains("BEGIN ENCRYPTED PRIVATE KEY")
}

fn encode(
    path: &Path,
    secret: &FeedSecret,
    passphrase: Option<&str>,
) -> Result<Zeroizing<String>, KeyError> {
    // Version 1 carries no public key: openssl before 3.5 reads no other.
    let pair = KeypairBytes {
        secret_key: secret.to_bytes(),
        public_key: None,
    };
    let pem = match passphrase {
        None => pair.to_pkcs8_pem(LineEnding::LF),
        Some(passphrase) => pair.to_pkcs8_encrypted_pem(passphrase, LineEnding::LF),
    };
    pem.map_err(|_| KeyError::Damaged {
        path: path.to_owned(),
    })
}

fn decode(path: &Path, pem: &str, passphrase: Option<&str>) -> Result<FeedSecret, KeyError> {
    let path = || path.to_owned();
    let pair = if is_encrypted(pem) {
        let passphrase = passphrase.ok_or_else(|| KeyError::NeedsPassphrase { path: path() })?;
        let wrong = |_| KeyError::WrongPassphrase { path: path() };
        let (label, document) =
            pkcs8::SecretDocument::from_pem(pem).map_err(|_| KeyError::Damaged { path: path() })?;
        if label != "ENCRYPTED PRIVATE KEY" {
            return Err(KeyError::Damaged { path: path() });
        }
        let sealed = pkcs8::EncryptedPrivateKeyInfoRef::try_from(document.as_bytes());
        let sealed = sealed.map_err(|_| KeyError::Damaged { path: path() })?;
        let opened = sealed.decrypt(passphrase).map_err(wrong)?;
        let info = PrivateKeyInfoRef::try_from(opened.as_bytes())
            .map_err(|_| KeyError::WrongPassphrase { path: path() })?;
        KeypairBytes::try_from(info).map_err(|_| KeyError::Damaged { path: path() })?
    } else {
        KeypairBytes::from_pkcs8_pem(pem).map_err(|_| KeyError::Damaged { path: path() })?
    };
    let bytes = Zeroizing::new(pair.secret_key);
    Ok(FeedSecret::from_bytes(&bytes))
}
