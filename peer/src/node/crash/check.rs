//! What has to hold after every failure: the same items, files and sums as without one; every head that could be seen is
//! one of the history that goes on; and every blob that is believed is what its name says.

use super::machine::Machine;
use crate::api::{Answer, Call};
use crate::keep::Totals;
use crate::node::Node;
use levada_feed::head::Head;
use levada_feed::tree::{self, Shape};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What an operation came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Came {
    /// Length and held records of each feed.
    feeds: BTreeMap<String, (u64, u64)>,
    /// Path or title, and held bytes, of each item.
    items: Vec<(String, u64)>,
    /// Blobs in the store.
    small: BTreeSet<String>,
    /// Everything but the store, which is one thing.
    files: BTreeSet<String>,
    /// What the ledger says is kept.
    totals: String,
}

impl Came {
    /// A rebuild that was ended begins again beside what it set aside; no file there is part of the node.
    pub(super) fn forget_kept_copies(&mut self) {
        self.files.retain(|file| !file.contains("store.broken"));
    }
}

/// What an answer says that did not come.
pub(super) fn left_undone(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Followed(synced) => synced.error.clone(),
        Answer::Sync { failed, .. } => (*failed > 0).then(|| "a source failed".to_owned()),
        Answer::Rebuilt(rebuilt) => {
            let feeds = rebuilt.own.iter().chain(&rebuilt.followed);
            feeds.filter_map(|feed| feed.error.clone()).next()
        }
        Answer::Published(summary) => {
            (summary.skipped > 0).then(|| "files were skipped".to_owned())
        }
        Answer::Verified(verified) => {
            (verified.damaged > verified.mended).then(|| "damage stays".to_owned())
        }
        _ => None,
    }
}

fn files(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if name == "data/store" || name.starts_with("data/store.broken") {
            continue;
        }
        // How peers did is written at the end, and what a crash takes of it is learnt again. The copy of a list is made by the
        // next command.
        if name == "data/state/standings" || name == "data/state/sources.toml" {
            continue;
        }
        if path.is_dir() {
            files(root, &path, found);
        } else {
            found.insert(name);
        }
    }
}

/// The files of blobs.
pub(super) fn blobs(machine: &Machine) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    files(machine.root(), &machine.data().join("blobs"), &mut found);
    found
}

/// Lets go of what may go, and of what may make room for a file that is a little larger than what is free.
pub(super) fn want_room(machine: &Machine) {
    let node = machine.open();
    node.sweep(&|| false).unwrap();
    let room = node.room().unwrap();
    let free = room.free.saturating_sub(room.reserve());
    node.has_room_for_own(free + 20_000).unwrap();
    node.close().unwrap();
}

/// What the machine holds now; every head that was shown before has to be part of it.
pub(super) fn came(machine: &Machine, shown: &[Head], at: &str) -> Came {
    let node = machine.open();
    node.sweep(&|| false).unwrap();
    let verify = machine.ask(&node, Call::Verify(Box::default()));
    let Answer::Verified(verified) = verify else {
        panic!("{verify:?}");
    };
    assert_eq!(verified.damaged, 0, "{at}: {verified:?}");
    let listed = machine.ask(
        &node,
        Call::Ls {
            feed: None,
            limit: 1_000,
            all: true,
        },
    );
    let Answer::Items { items } = listed else {
        panic!("{listed:?}");
    };
    heads_stay(&node, shown, at);
    let shown = items.iter().map(|item| {
        let held = item.files.iter().map(|file| file.held).sum();
        (format!("{:?} {:?}", item.title, item.state), held)
    });
    let mut items: Vec<(String, u64)> = shown.collect();
    items.sort();
    let mut found = BTreeSet::new();
    let feeds = node.disk.feeds().into_iter().map(|feed| {
        let head = node.disk.head(&feed).unwrap();
        let length = head.map_or(0, |head| head.body().length);
        // A key that is made here is another each time.
        let name = node.own_name(&feed).unwrap_or_else(|| feed.to_string());
        (name, (length, node.disk.held(&feed).count()))
    });
    let feeds = feeds.filter(|(_, (length, _))| *length > 0).collect();
    let mut small = BTreeSet::new();
    node.disk
        .small_after(None, &mut |hash, bytes| {
            let bytes = bytes.unwrap();
            assert_eq!(levada_feed::hash::Hash::of(bytes), hash);
            small.insert(hash.to_string())
        })
        .unwrap();
    assert_eq!(node.disk.loose(10).unwrap(), []);
    let totals: Totals = node.disk.totals();
    files(machine.root(), machine.root(), &mut found);
    for key in node.keys.list().unwrap() {
        let renamed = found
            .iter()
            .map(|file| file.replace(&key.feed.to_string(), &key.name));
        found = renamed.collect();
    }
    node.close().unwrap();
    Came {
        feeds,
        items,
        small,
        files: found,
        totals: format!("{totals:?}"),
    }
}

/// Every head that this node could have shown to anybody.
pub(super) fn heads_here(machine: &Machine) -> Vec<Head> {
    // Opening it is a start: it never fails for good.
    let node = machine.open();
    let mut heads = Vec::new();
    for feed in node.disk.feeds() {
        heads.extend(
            node.disk
                .head(&feed)
                .unwrap()
                .map(|head| head.as_ref().clone()),
        );
        heads.extend(node.remembered(&feed));
    }
    node.close().unwrap();
    heads
}

/// They are all of the history that stands there now, unless the feed was forgotten.
fn heads_stay(node: &Node, heads: &[Head], at: &str) {
    for head in heads {
        let body = head.body();
        let Some(now) = node.disk.head(&body.feed).unwrap() else {
            continue;
        };
        assert!(
            now.body().length >= body.length,
            "{at}: an older head stands there now"
        );
        let root = tree::root(&node.disk.pieces(&body.feed), Shape::of_list(body.length)).unwrap();
        assert_eq!(root, Some(body.root), "{at}: a fork at {}", body.length);
    }
}
