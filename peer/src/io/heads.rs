//! The highest head of every feed, in a plain file: a lost store is no rollback.
//!
//! Lines of feed, length and the head's wire form in hex; the last line of a feed counts. Appended without a sync: a crash
//! loses the newest lines at most, and those heads are in the store too.

use crate::store::StoreError;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Lines more than twice the feeds before the file is written anew.
const SPARE_LINES: usize = 1_024;

/// The file, open.
#[derive(Debug)]
pub struct HeadsFile {
    path: PathBuf,
    file: File,
    wires: BTreeMap<FeedKey, Vec<u8>>,
    lines: usize,
}

impl HeadsFile {
    /// Opens the file, or makes it. Lines that cannot be read are left out: the store knows those heads too.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path);
        let file = opened.map_err(StoreError::file(path, "opening"))?;
        let mut heads = Self {
            path: path.to_owned(),
            file,
            wires: BTreeMap::new(),
            lines: 0,
        };
        let reader = BufReader::new(
            heads
                .file
                .try_clone()
                .map_err(StoreError::file(path, "reading"))?,
        );
        for line in reader.lines() {
            let line = line.map_err(StoreError::file(path, "reading"))?;
            heads.lines += 1;
            let mut words = line.split(' ');
            let feed = words.next().and_then(|word| word.parse().ok());
            let wire = words
                .nth(1)
                .and_then(|word| data_encoding::HEXLOWER.decode(word.as_bytes()).ok());
            if let (Some(feed), Some(wire)) = (feed, wire) {
                heads.wires.insert(feed, wire);
            }
        }
        Ok(heads)
    }

    /// The highest head of a feed; its signature is checked as it is read.
    #[must_use]
    pub fn get(&self, feed: &FeedKey) -> Option<Head> {
        Head::check_of(feed, self.wires.get(feed)?).ok()
    }

    /// Notes a head that extends the one before.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put(&mut self, head: &Head) -> Result<(), StoreError> {
        let body = head.body();
        if self
            .wires
            .get(&body.feed)
            .is_some_and(|wire| wire == head.wire())
        {
            return Ok(());
        }
        self.wires.insert(body.feed, head.wire().to_vec());
        self.lines += 1;
        if self.lines > 2 * self.wires.len() + SPARE_LINES {
            return self.write_anew();
        }
        let line = line(&body.feed, body.length, head.wire());
        self.file
            .write_all(line.as_bytes())
            .map_err(StoreError::file(&self.path, "writing"))
    }

    fn write_anew(&mut self) -> Result<(), StoreError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let failed = || StoreError::file(&self.path, "writing");
        let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
        for (feed, wire) in &self.wires {
            let length = Head::check_of(feed, wire).map_or(0, |head| head.body().length);
            fresh
                .write_all(line(feed, length, wire).as_bytes())
                .map_err(failed())?;
        }
        fresh.as_file().sync_all().map_err(failed())?;
        fresh
            .persist(&self.path)
            .map_err(|error| failed()(error.error))?;
        self.file = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .map_err(failed())?;
        self.lines = self.wires.len();
        Ok(())
    }
}

fn line(feed: &FeedKey, length: u64, wire: &[u8]) -> String {
    format!("{feed} {length} {}\n", data_encoding::HEXLOWER.encode(wire))
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::hash::Hash;
    use levada_feed::head::HeadBody;
    use levada_feed::key::FeedSecret;

    fn head(length: u64) -> Head {
        let secret = FeedSecret::from_bytes(&[1; 32]);
        let (first, root) = (Hash::of(b"f"), Hash::of(&length.to_be_bytes()));
        Head::sign(
            &secret,
            HeadBody {
                feed: secret.feed_key(),
                first,
                length,
                bytes: 1,
                media: 0,
                root,
                time: 1,
            },
        )
    }

    #[test]
    fn last_head_of_a_feed_is_kept_and_the_file_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads");
        let mut heads = HeadsFile::open(&path).unwrap();
        for length in 1..=2_000 {
            heads.put(&head(length)).unwrap();
        }
        let reopened = HeadsFile::open(&path).unwrap();
        assert_eq!(reopened.get(&head(1).body().feed), Some(head(2_000)));
        assert!(reopened.lines < 1_100);
        std::fs::write(&path, b"garbage\nlev1x 1 zz\n").unwrap();
        assert!(HeadsFile::open(&path).unwrap().wires.is_empty());
    }
}
