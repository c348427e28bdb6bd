//! Peers that others named for a feed: hints, in a plain file, so that they outlive a restart. Bounded.

use crate::io::whole;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use levada_feed::limits::PEER_BYTES_MAX;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// Peers kept for one feed, and feeds with any.
const OF_FEED_MAX: usize = 8;
const FEEDS_MAX: usize = 4_096;
/// Bytes of the file that are read.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The file, and what is in it.
#[derive(Debug)]
pub struct Learned {
    path: PathBuf,
    /// By the feed's text: a key is checked when it is asked for.
    feeds: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Learned {
    /// Reads the file, if there is one; lines that are none are left out.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut bytes = Vec::new();
        match std::fs::File::open(path) {
            Ok(file) => {
                let read = file.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
                read.map_err(StoreError::file(path, "reading"))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::file(path, "opening")(error)),
        }
        let mut feeds: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let text = String::from_utf8_lossy(&bytes);
        for (feed, peer) in text.lines().filter_map(|line| line.split_once(' ')) {
            if feeds.len() < FEEDS_MAX || feeds.contains_key(feed) {
                let peers = feeds.entry(feed.to_owned()).or_default();
                add(peers, peer);
            }
        }
        Ok(Self {
            path: path.to_owned(),
            feeds: Mutex::new(feeds),
        })
    }

    fn feeds(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.feeds
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// Peers that were named for a feed, the newest first.
    #[must_use]
    pub fn of(&self, feed: &FeedKey) -> Vec<String> {
        let known = self.feeds().get(&feed.to_string()).cloned();
        known.unwrap_or_default()
    }

    /// Keeps peers that were named now; the newest push out the oldest. Says whether any is new.
    ///
    /// # Errors
    /// Those of the file system; then they are known until the process ends.
    pub fn add(&self, feed: &FeedKey, named: &[String]) -> Result<bool, StoreError> {
        let mut feeds = self.feeds();
        let feed = feed.to_string();
        if feeds.len() >= FEEDS_MAX && !feeds.contains_key(&feed) {
            return Ok(false);
        }
        let peers = feeds.entry(feed).or_default();
        let before = peers.clone();
        named.iter().rev().for_each(|peer| add(peers, peer));
        if before.len() == peers.len() && peers.iter().all(|peer| before.contains(peer)) {
            return Ok(false);
        }
        let lines = feeds.iter().flat_map(|(feed, peers)| {
            let line = move |peer: &String| format!("{feed} {peer}\n");
            peers.iter().rev().map(line)
        });
        let text: String = lines.collect();
        whole::replace(&self.path, text.as_bytes(), 0o600)
            .map_err(StoreError::file(&self.path, "writing"))?;
        Ok(true)
    }
}

fn add(peers: &mut Vec<String>, peer: &str) {
    let is_plain = peer.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || peer.is_empty() || peer.len() > PEER_BYTES_MAX {
        return;
    }
    peers.retain(|known| known != peer);
    peers.insert(0, peer.to_owned());
    peers.truncate(OF_FEED_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    #[test]
    fn named_peers_are_bounded_and_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers");
        let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
        let learned = Learned::open(&path).unwrap();
        let named: Vec<String> = (0..20).map(|n| format!("http://{n}.example")).collect();
        assert!(learned.add(&feed, &named).unwrap());
        assert_eq!(learned.of(&feed), named[..8]);
        assert!(!learned.add(&feed, &named[..8]).unwrap(), "nothing new");
        let wrong = ["", "a b", "http://x\n"].map(str::to_owned);
        assert!(!learned.add(&feed, &wrong).unwrap());
        let reopened = Learned::open(&path).unwrap();
        assert_eq!(reopened.of(&feed), named[..8]);
        std::fs::write(&path, b"no line\xff\n\n").unwrap();
        assert!(Learned::open(&path).unwrap().of(&feed).is_empty());
    }
}
