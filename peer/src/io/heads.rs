//! The highest head of every feed, in a plain file: a lost store is no rollback (spec/store.md, Heads file).
//!
//! One line a head, with a check; the highest of a feed counts. Appended without a sync: a loss of power loses the newest
//! lines at most. Whether a head extends the one before was seen by `levada_feed::log`; here none takes the place of a
//! longer one.

#[cfg(test)]
mod tests;

use crate::io::{fault, whole};
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Lines more than twice the feeds before the file is written anew.
const SPARE_LINES: usize = 1_024;
/// Characters of the check at the end of a line: 8 bytes of a BLAKE3 hash.
const CHECK_CHARS: usize = 16;

/// The file, open.
#[derive(Debug)]
pub struct HeadsFile {
    path: PathBuf,
    file: File,
    /// By the feed's text as written: to check a key costs more than to read all its lines, and is done when asked for it.
    highest: BTreeMap<String, Line>,
    lines: usize,
    /// The file ends in the middle of a line.
    is_torn: bool,
}

#[derive(Debug)]
struct Line {
    length: u64,
    wire: Vec<u8>,
}

impl HeadsFile {
    /// Opens the file, or makes it. Lines that were torn or damaged are left out (store-7).
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = whole::folder_of(path);
        whole::sweep(folder).map_err(StoreError::file(folder, "reading"))?;
        let opened = fault::step(path, || {
            OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(path)
        });
        let file = opened.map_err(StoreError::file(path, "opening"))?;
        let mut highest: BTreeMap<String, Line> = BTreeMap::new();
        let (mut lines, mut is_torn) = (0, false);
        let mut reader = BufReader::new(&file);
        let mut text = Vec::new();
        while reader
            .read_until(b'\n', &mut text)
            .map_err(StoreError::file(path, "reading"))?
            > 0
        {
            lines += 1;
            is_torn = text.pop_if(|last| *last == b'\n').is_none();
            if let Some((feed, line)) = read_line(&text)
                && highest
                    .get(feed)
                    .is_none_or(|known| known.length <= line.length)
            {
                highest.insert(feed.to_owned(), line);
            }
            text.clear();
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            highest,
            lines,
            is_torn,
        })
    }

    /// The highest head of a feed; its signature is checked as it is read.
    #[must_use]
    pub fn get(&self, feed: &FeedKey) -> Option<Head> {
        Head::check_of(feed, &self.highest.get(&feed.to_string())?.wire).ok()
    }

    /// The length of the highest head of a feed, as it was noted; 0 when there is none.
    #[must_use]
    pub fn length(&self, feed: &FeedKey) -> u64 {
        let line = self.highest.get(&feed.to_string());
        line.map_or(0, |line| line.length)
    }

    /// Notes a head. One that is shorter than what is known, or of the same length with another root, changes nothing
    /// (store-8).
    ///
    /// # Errors
    /// Those of the file system; then the head is not noted.
    pub fn put(&mut self, head: &Head) -> Result<(), StoreError> {
        let body = head.body();
        let feed = body.feed.to_string();
        if let Some(known) = self.highest.get(&feed) {
            let is_other = || {
                self.get(&body.feed)
                    .is_some_and(|known| known.body().root != body.root)
            };
            if known.wire == head.wire()
                || known.length > body.length
                || (known.length == body.length && is_other())
            {
                return Ok(());
            }
        }
        let mut text = String::new();
        if self.is_torn {
            text.push('\n');
        }
        text.push_str(&write_line(&feed, body.length, head.wire()));
        self.is_torn = true;
        fault::step(&self.path, || self.file.write_all(text.as_bytes()))
            .map_err(StoreError::file(&self.path, "writing"))?;
        self.is_torn = false;
        let line = Line {
            length: body.length,
            wire: head.wire().to_vec(),
        };
        self.highest.insert(feed, line);
        self.lines += 1;
        if self.lines > 2 * self.highest.len() + SPARE_LINES {
            self.write_anew()?;
        }
        Ok(())
    }

    fn write_anew(&mut self) -> Result<(), StoreError> {
        let text: String = self
            .highest
            .iter()
            .map(|(feed, line)| write_line(feed, line.length, &line.wire))
            .collect();
        self.file = whole::replace(&self.path, text.as_bytes(), 0o600)
            .map_err(StoreError::file(&self.path, "writing"))?;
        self.lines = self.highest.len();
        Ok(())
    }
}

fn check_of(line: &[u8]) -> String {
    let mut check = Hash::of(line).to_string();
    check.truncate(CHECK_CHARS);
    check
}

fn write_line(feed: &str, length: u64, wire: &[u8]) -> String {
    let line = format!("{feed} {length} {}", data_encoding::HEXLOWER.encode(wire));
    let check = check_of(line.as_bytes());
    format!("{line} {check}\n")
}

fn read_line(text: &[u8]) -> Option<(&str, Line)> {
    let (line, check) = std::str::from_utf8(text).ok()?.rsplit_once(' ')?;
    if check != check_of(line.as_bytes()) {
        return None;
    }
    let mut words = line.split(' ');
    let feed = words.next()?;
    let length = words.next()?.parse().ok()?;
    let wire = data_encoding::HEXLOWER
        .decode(words.next()?.as_bytes())
        .ok()?;
    Some((feed, Line { length, wire }))
}
