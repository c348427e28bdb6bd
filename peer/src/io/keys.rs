//! Key files: PKCS#8 v1 PEM that openssl reads, mode 0600, with a passphrase or without (spec/key.md, Key files).
//!
//! `<name>.pem` is the secret, `<name>.pub` the feed's text form, so that an encrypted key's feed is known without its
//! passphrase. Secret bytes are wiped after use, and no error holds any.

use ed25519_dalek::pkcs8::KeypairBytes;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use levada_feed::key::{FeedKey, FeedSecret};
use pkcs8::{DecodePrivateKey, EncodePrivateKey, PrivateKeyInfoRef};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
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
        let is_plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_plain) {
            return Err(KeyError::Name {
                name: name.to_owned(),
            });
        }
        Ok(self.folder.join(format!("{name}.pem")))
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
            let name = path.file_stem().and_then(|stem| stem.to_str());
            if let Some(name) =
                name.filter(|_| path.extension().is_some_and(|ending| ending == "pem"))
            {
                keys.push(self.entry(name)?);
            }
        }
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(keys)
    }

    fn entry(&self, name: &str) -> Result<KeyEntry, KeyError> {
        let path = self.pem(name)?;
        let pem = read(&path)?;
        let is_encrypted = is_encrypted(&pem);
        let public = path.with_extension("pub");
        let feed = match std::fs::read_to_string(&public) {
            Ok(text) => text
                .trim()
                .parse()
                .map_err(|_| KeyError::Damaged { path: public })?,
            // Without the name of its feed a plain key can still tell it.
            Err(_) if !is_encrypted => decode(&path, &pem, None)?.feed_key(),
            Err(error) => return Err(failed(&public)(error)),
        };
        Ok(KeyEntry {
            name: name.to_owned(),
            feed,
            is_encrypted,
            path,
        })
    }

    /// Makes a key, encrypted if a passphrase is given. Never overwrites.
    ///
    /// # Errors
    /// See `KeyError`.
    pub fn create(&self, name: &str, passphrase: Option<&str>) -> Result<FeedSecret, KeyError> {
        let path = self.pem(name)?;
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| KeyError::NoRandom)?;
        let secret = FeedSecret::from_bytes(&bytes);
        let pem = encode(&path, &secret, passphrase)?;
        self.put(&path, pem.as_bytes(), &secret.feed_key())?;
        Ok(secret)
    }

    fn put(&self, path: &Path, pem: &[u8], feed: &FeedKey) -> Result<(), KeyError> {
        let public = path.with_extension("pub");
        write_new(path, pem, 0o600)?;
        // An old name without its key says nothing any more.
        let _ = std::fs::remove_file(&public);
        write_new(&public, format!("{feed}\n").as_bytes(), 0o644)?;
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(failed(&self.folder))
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
        write_new(to, read(&self.pem(name)?)?.as_bytes(), 0o600)
    }

    /// Puts a key file in place under a name. The passphrase is needed for an encrypted one.
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
        self.put(&path, pem.as_bytes(), &feed)?;
        Ok(feed)
    }
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

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(failed(path))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed(path))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    fn openssl(args: &[&str]) -> Option<String> {
        let output = Command::new("openssl").args(args).output().ok()?;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn keys_are_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path());
        let secret = keys.create("main", None).unwrap();
        assert!(matches!(
            keys.create("main", None),
            Err(KeyError::Exists { .. })
        ));
        assert_eq!(
            keys.load("main", None).unwrap().feed_key(),
            secret.feed_key()
        );
        let entry = &keys.list().unwrap()[0];
        assert_eq!(
            (entry.name.as_str(), entry.feed, entry.is_encrypted),
            ("main", secret.feed_key(), false)
        );
        assert_eq!(
            std::fs::metadata(&entry.path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        for name in ["", "../x", "A", "a.b", &"a".repeat(65)] {
            assert!(
                matches!(keys.create(name, None), Err(KeyError::Name { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn encrypted_keys_open_with_their_passphrase_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path());
        let feed = keys.create("safe", Some("open sesame")).unwrap().feed_key();
        assert!(keys.list().unwrap()[0].is_encrypted);
        assert!(matches!(
            keys.load("safe", None),
            Err(KeyError::NeedsPassphrase { .. })
        ));
        assert!(matches!(
            keys.load("safe", Some("wrong")),
            Err(KeyError::WrongPassphrase { .. })
        ));
        assert_eq!(
            keys.load("safe", Some("open sesame")).unwrap().feed_key(),
            feed
        );
        let backup = folder.path().join("backup.key");
        keys.backup("safe", &backup).unwrap();
        assert_eq!(
            keys.restore(&backup, "again", Some("open sesame")).unwrap(),
            feed
        );
        assert!(
            keys.restore(&backup, "third", None)
                .unwrap_err()
                .is_passphrase()
        );
    }

    #[test]
    fn openssl_reads_our_keys_and_we_read_its() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path());
        let secret = keys.create("main", None).unwrap();
        keys.create("safe", Some("pass")).unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let Some(text) = openssl(&["pkey", "-in", &path("main.pem"), "-noout", "-text"]) else {
            return;
        };
        let digits: String = text
            .split("pub:")
            .nth(1)
            .unwrap()
            .chars()
            .filter(char::is_ascii_hexdigit)
            .collect();
        assert_eq!(
            digits,
            data_encoding::HEXLOWER.encode(secret.feed_key().as_bytes())
        );
        openssl(&[
            "pkey",
            "-in",
            &path("safe.pem"),
            "-passin",
            "pass:pass",
            "-noout",
        ])
        .unwrap();
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", &path("theirs")]).unwrap();
        keys.restore(&folder.path().join("theirs"), "plain", None)
            .unwrap();
        openssl(&[
            "genpkey",
            "-algorithm",
            "ed25519",
            "-aes-256-cbc",
            "-pass",
            "pass:x",
            "-out",
            &path("sealed"),
        ])
        .unwrap();
        keys.restore(&folder.path().join("sealed"), "sealed", Some("x"))
            .unwrap();
    }

    #[test]
    fn files_that_are_no_keys_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::at(folder.path());
        let file = folder.path().join("x");
        std::fs::write(
            &file,
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        assert!(matches!(
            keys.restore(&file, "x", None),
            Err(KeyError::Damaged { .. })
        ));
        assert!(keys.load("nobody", None).unwrap_err().is_missing());
    }
}
