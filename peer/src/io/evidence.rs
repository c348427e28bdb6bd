//! Fork proofs and successions as files: small, kept for ever, passed on (spec/store.md, Evidence).
//!
//! Plain files beside the store, so that losing the store loses no evidence. Of which feeds evidence is taken is decided by
//! who puts it here; that it checks is seen in its type, and again when it is read.

use crate::io::{fault, whole};
use crate::store::StoreError;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::FORK_BYTES_MAX;
use levada_feed::succession::Succession;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// The folder of fork proofs and successions.
#[derive(Clone, Debug)]
pub struct Evidence {
    folder: PathBuf,
    /// Proofs that could not be written: as long as this process lives they count all the same.
    unwritten: Arc<Mutex<BTreeMap<FeedKey, ForkProof>>>,
}

impl Evidence {
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
            unwritten: Arc::default(),
        })
    }

    /// The fork proof of a feed, checked as it is read.
    ///
    /// # Errors
    /// Those of the file system, and `Damaged`.
    pub fn fork(&self, feed: &FeedKey) -> Result<Option<ForkProof>, StoreError> {
        let kept = self.kept_fork(feed)?;
        Ok(kept.or_else(|| self.unwritten().get(feed).cloned()))
    }

    fn kept_fork(&self, feed: &FeedKey) -> Result<Option<ForkProof>, StoreError> {
        read(&self.path(feed, "fork"), "fork proof", |bytes| {
            let proof = ForkProof::check(bytes).ok();
            proof.filter(|proof| proof.longer().body().feed == *feed)
        })
    }

    /// Keeps a fork proof; the first one that checks stays (store-10). Says whether it is new. One that cannot be written
    /// counts until this process ends.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_fork(&self, proof: &ForkProof) -> Result<bool, StoreError> {
        let feed = proof.longer().body().feed;
        let put = put(
            &self.path(&feed, "fork"),
            proof.wire(),
            self.kept_fork(&feed),
        );
        if put.is_err() {
            self.unwritten()
                .entry(feed)
                .or_insert_with(|| proof.clone());
        }
        put
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<FeedKey, ForkProof>> {
        self.unwritten
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// The succession of a feed, checked as it is read.
    ///
    /// # Errors
    /// Those of the file system, and `Damaged`.
    pub fn succession(&self, feed: &FeedKey) -> Result<Option<Succession>, StoreError> {
        read(&self.path(feed, "succession"), "succession", |bytes| {
            let succession = Succession::check(bytes).ok();
            succession.filter(|succession| succession.body().feed == *feed)
        })
    }

    /// Keeps a succession; the first one that checks stays. Says whether it is new.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_succession(&self, succession: &Succession) -> Result<bool, StoreError> {
        let feed = succession.body().feed;
        put(
            &self.path(&feed, "succession"),
            succession.wire(),
            self.succession(&feed),
        )
    }

    /// The head of an own feed that came up elsewhere and that this node did not sign, until that is settled.
    ///
    /// # Errors
    /// Those of the file system, and `Damaged`.
    pub fn elsewhere(&self, feed: &FeedKey) -> Result<Option<Head>, StoreError> {
        read(&self.path(feed, "elsewhere"), "head", |bytes| {
            Head::check_of(feed, bytes).ok()
        })
    }

    /// Keeps such a head; the first one that checks stays. Says whether it is new.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_elsewhere(&self, head: &Head) -> Result<bool, StoreError> {
        let feed = head.body().feed;
        put(
            &self.path(&feed, "elsewhere"),
            head.wire(),
            self.elsewhere(&feed),
        )
    }

    /// What was signed elsewhere was taken over.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn drop_elsewhere(&self, feed: &FeedKey) -> Result<(), StoreError> {
        let path = self.path(feed, "elsewhere");
        match fault::step(&path, || std::fs::remove_file(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::file(&path, "removing")(error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, feed: &FeedKey, ending: &str) -> PathBuf {
        self.folder.join(format!("{feed}.{ending}"))
    }
}

/// Writes a file unless one that checks is there. Says whether it is new.
fn put<T>(
    path: &Path,
    bytes: &[u8],
    kept: Result<Option<T>, StoreError>,
) -> Result<bool, StoreError> {
    let put = match kept {
        Ok(Some(_)) => return Ok(false),
        Ok(None) => whole::create(path, bytes, 0o600),
        Err(StoreError::Damaged { .. }) => whole::replace(path, bytes, 0o600),
        Err(error) => return Err(error),
    };
    match put {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(StoreError::file(path, "writing")(error)),
    }
}

/// What a file holds, if there is one and it checks.
fn read<T>(
    path: &Path,
    what: &str,
    check: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::file(path, "opening")(error)),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(FORK_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(StoreError::file(path, "reading"))?;
    let checked = check(&bytes).ok_or_else(|| StoreError::Damaged {
        path: path.to_owned(),
        what: format!("it is no {what} of this feed"),
    });
    checked.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::hash::Hash;
    use levada_feed::head::HeadBody;
    use levada_feed::key::FeedSecret;
    use levada_feed::succession::SuccessionBody;

    fn secret(byte: u8) -> FeedSecret {
        FeedSecret::from_bytes(&[byte; 32])
    }

    fn head(byte: u8, root: &[u8]) -> Head {
        let body = HeadBody {
            feed: secret(byte).feed_key(),
            first: Hash::of(b"first"),
            length: 3,
            bytes: 1,
            media: 0,
            root: Hash::of(root),
            time: 1,
        };
        Head::sign(&secret(byte), body)
    }

    fn fork(byte: u8, other: &[u8]) -> ForkProof {
        ForkProof::of_heads(&head(byte, b"a"), &head(byte, other)).unwrap()
    }

    fn succession(byte: u8) -> Succession {
        let body = SuccessionBody {
            feed: secret(byte).feed_key(),
            recovery: secret(8).feed_key(),
            next: secret(9).feed_key(),
            length: 1,
            root: Hash::of(b"root"),
            time: 5,
        };
        Succession::sign(&secret(8), &secret(9), &body).unwrap()
    }

    #[test]
    fn first_evidence_of_a_feed_stays_and_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = Evidence::open(folder.path()).unwrap();
        let feed = secret(1).feed_key();
        assert!(evidence.fork(&feed).unwrap().is_none());
        assert!(evidence.put_fork(&fork(1, b"b")).unwrap());
        assert!(!evidence.put_fork(&fork(1, b"c")).unwrap());
        assert!(evidence.put_succession(&succession(1)).unwrap());
        assert!(!evidence.put_succession(&succession(1)).unwrap());
        // Its folder is gone: it cannot be written, and counts all the same.
        let away = Evidence::open(&folder.path().join("away")).unwrap();
        std::fs::remove_dir(folder.path().join("away")).unwrap();
        away.put_fork(&fork(1, b"b")).unwrap_err();
        assert_eq!(away.fork(&feed).unwrap(), Some(fork(1, b"b")));
        let reopened = Evidence::open(folder.path()).unwrap();
        assert_eq!(reopened.fork(&feed).unwrap(), Some(fork(1, b"b")));
        assert_eq!(reopened.succession(&feed).unwrap(), Some(succession(1)));
        assert!(reopened.fork(&secret(2).feed_key()).unwrap().is_none());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn evidence_that_was_changed_or_is_of_another_feed_is_named_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let evidence = Evidence::open(folder.path()).unwrap();
        let feed = secret(1).feed_key();
        let path = |ending: &str| folder.path().join(format!("{feed}.{ending}"));
        let mut flipped = fork(1, b"b").wire().to_vec();
        flipped[60] ^= 1;
        let long = vec![0x85; FORK_BYTES_MAX + 1];
        for wrong in [flipped, fork(2, b"b").wire().to_vec(), vec![], long] {
            std::fs::write(path("fork"), &wrong).unwrap();
            let found = evidence.fork(&feed);
            assert!(matches!(found, Err(StoreError::Damaged { .. })));
        }
        for wrong in [succession(2).wire().to_vec(), vec![0x84]] {
            std::fs::write(path("succession"), &wrong).unwrap();
            let found = evidence.succession(&feed);
            assert!(matches!(found, Err(StoreError::Damaged { .. })));
        }
        // What comes again takes its place, and then stays.
        assert!(evidence.put_fork(&fork(1, b"b")).unwrap());
        assert!(!evidence.put_fork(&fork(1, b"c")).unwrap());
        assert!(evidence.put_succession(&succession(1)).unwrap());
        assert_eq!(evidence.fork(&feed).unwrap(), Some(fork(1, b"b")));
        assert_eq!(evidence.succession(&feed).unwrap(), Some(succession(1)));
        std::fs::write(path("elsewhere"), b"x").unwrap();
        assert!(evidence.elsewhere(&feed).is_err());
        assert!(evidence.put_elsewhere(&head(1, b"a")).unwrap());
        assert_eq!(evidence.elsewhere(&feed).unwrap(), Some(head(1, b"a")));
    }

    #[test]
    fn what_a_crash_left_is_swept_when_the_folder_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".unfinished-1"), b"half").unwrap();
        Evidence::open(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
