//! Machines of the model: a data directory with an own feed, a node that is open or not, and what has to be known there.

use super::history::{History, Known};
use crate::api::{Code, Failure};
use crate::node::author::{Aside, Author, Trust};
use crate::node::{Node, Options, guard, own};
use levada_feed::key::FeedKey;
use levada_feed::record::{Body, Item};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};

/// Memory has no disk to wait for.
pub(super) fn folder() -> TempDir {
    let made = tempfile::tempdir_in("/dev/shm");
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

/// What a machine had at some moment.
pub(super) struct Saved {
    folder: TempDir,
    known: Known,
}

/// Which part of a machine comes back from a backup.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    All,
    /// The machine's own state stays.
    Data,
    /// Keys and authors' files.
    Keys,
    /// The database, as after a loss of power.
    Store,
}

pub(super) struct Machine {
    folder: TempDir,
    node: Option<Arc<Node>>,
    /// Nobody interrupts as long as this is there.
    stop: watch::Sender<bool>,
    pub(super) known: Known,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self {
            folder: folder(),
            node: None,
            stop: watch::Sender::new(false),
            known: Known::default(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn is_open(&self) -> bool {
        self.node.is_some()
    }

    /// A process starts, if none runs.
    pub(super) fn node(&mut self) -> Result<Arc<Node>, Failure> {
        if self.node.is_none() {
            let options = Options {
                data_dir: Some(self.data()),
                ..Options::default()
            };
            self.node = Some(Arc::new(Node::open(&options)?));
        }
        Ok(self.node.clone().expect("it was opened"))
    }

    pub(super) fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.close().unwrap();
        }
    }

    pub(super) fn kill(&mut self) {
        self.node = None;
    }

    /// Makes the key and the first record.
    pub(super) fn begin(&mut self, mirrors: &[String]) -> FeedKey {
        let node = self.node().unwrap();
        let feed = own::make(&node, "main", Some("t"), false).unwrap().feed;
        let changed = node.change_sources(|sources| {
            for mirror in mirrors {
                sources.add_mirror(feed, mirror);
            }
            Ok(())
        });
        changed.unwrap();
        feed
    }

    fn aside(&self) -> Aside {
        Aside::to(&mpsc::channel(1).0, &self.stop.subscribe())
    }

    /// Appends records and signs; with none, signs the same list again.
    pub(super) fn sign(&mut self, trust: Trust, records: u64, now: u64) -> Result<(), Failure> {
        let node = self.node()?;
        let entry = own::find(&node, None)?;
        let mut author = Author::open(&node, &entry, "t", trust, &self.aside())?;
        for _ in 0..records {
            let item = Item {
                title: "t".into(),
                ..Item::default()
            };
            author.append(Body::Item(Box::new(item)), now)?;
        }
        author.sign(&node, &[], now)
    }

    pub(super) fn take_over(&mut self) -> Result<(), Failure> {
        let node = self.node()?;
        let entry = own::find(&node, None)?;
        match Author::open(&node, &entry, "t", Trust::TakeOver, &self.aside()) {
            Err(failure) if failure.code == Code::NotFound => Ok(()),
            opened => opened.map(drop),
        }
    }

    /// Looks at a mirror as a serving node does.
    pub(super) fn watch(&mut self, runtime: &tokio::runtime::Runtime, mirror: &str) {
        if let (Some(node), Ok(entry)) = (self.node.clone(), own::find(&self.node().unwrap(), None))
        {
            runtime.block_on(guard::look_once(&node, entry, mirror, &self.aside()));
        }
    }

    /// What others can see of the feed.
    pub(super) fn shown(&self, feed: &FeedKey) -> Option<History> {
        let node = self.node.as_ref()?;
        History::of(&node.disk, feed)
    }

    pub(super) fn save(&mut self) -> Saved {
        self.stop();
        let folder = folder();
        copy_all(&self.data(), &folder.path().join("data"));
        Saved {
            folder,
            known: self.known.clone(),
        }
    }

    pub(super) fn restore(&mut self, saved: &Saved, part: Part) {
        self.kill();
        let (from, to) = (saved.folder.path().join("data"), self.data());
        let names: &[&str] = match part {
            Part::All => &[""],
            Part::Data => &["keys", "store", "blobs", "sources.toml"],
            Part::Keys => &["keys"],
            Part::Store => &["store"],
        };
        for name in names {
            lose(&to.join(name));
            copy_all(&from.join(name), &to.join(name));
        }
        let (ours, theirs) = (&mut self.known, &saved.known);
        if matches!(part, Part::All) {
            ours.heads.clone_from(&theirs.heads);
        }
        if !matches!(part, Part::Store) {
            ours.file.clone_from(&theirs.file);
            ours.is_begun = theirs.is_begun;
        }
        if !matches!(part, Part::Keys) {
            ours.store.clone_from(&theirs.store);
        }
    }

    pub(super) fn lose_store(&mut self) {
        self.kill();
        lose(&self.data().join("store"));
        self.known.store.clear();
    }

    pub(super) fn lose_author_file(&mut self) {
        self.kill();
        lose(&self.data().join("keys/main.feed"));
        self.known.file.clear();
        self.known.is_begun = false;
    }

    pub(super) fn lose_state(&mut self) {
        self.kill();
        lose(&self.data().join("state"));
        self.known.heads.clear();
    }

    pub(super) fn lose_markers(&mut self) {
        self.kill();
        lose(&self.data().join("state/markers"));
    }

    /// What a kill in the middle of an append leaves.
    pub(super) fn tear_author_file(&mut self) {
        use std::io::Write as _;
        self.kill();
        let path = self.data().join("keys/main.feed");
        if let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(path) {
            file.write_all(&[2, 9, 0, 0, 0, 1, 2]).unwrap();
        }
    }
}

fn lose(path: &Path) {
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        std::fs::remove_file(path).unwrap();
    }
}

fn copy_all(from: &Path, to: &Path) {
    if from.extension().is_some_and(|kind| kind == "jnl") {
        return copy_begin(from, to);
    }
    if from.is_file() {
        std::fs::copy(from, to).unwrap();
    }
    let Ok(entries) = std::fs::read_dir(from) else {
        return;
    };
    std::fs::create_dir_all(to).unwrap();
    for entry in entries {
        let entry = entry.unwrap();
        copy_all(&entry.path(), &to.join(entry.file_name()));
    }
}

/// A journal is made as large as it may get, and all but its beginning is zeros.
fn copy_begin(from: &Path, to: &Path) {
    use std::io::{Read as _, Write as _};
    let (mut from, mut to) = (File::open(from).unwrap(), File::create(to).unwrap());
    let mut part = vec![0; 256 << 10];
    loop {
        let size = from.read(&mut part).unwrap();
        if part[..size].iter().all(|byte| *byte == 0) {
            break;
        }
        to.write_all(&part[..size]).unwrap();
    }
    to.set_len(from.metadata().unwrap().len()).unwrap();
}
