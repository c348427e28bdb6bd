//! What is kept and what goes, one file for each noun. Here is what looks at a disk and asks a node for all of them.

mod damage;
mod disks;
mod dropped;
mod news;
mod pins;
mod policy;
mod quota;
mod retracted;
mod silent;

use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_peer::api::{Answer, Call, Code, Finding, Kept, RoomInfo, Shown, State, Synced};
use levada_peer::io::clock;
use levada_tests::{TestNode, noise};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a blob lies below a root.
fn below_root(bytes: &[u8]) -> String {
    let hex = Hash::of(bytes).to_string();
    format!("{}/{}/{hex}", &hex[..2], &hex[2..4])
}

fn blob_path(node: &TestNode, bytes: &[u8]) -> PathBuf {
    node.data_dir().join("blobs").join(below_root(bytes))
}

fn is_here(node: &TestNode, bytes: &[u8]) -> bool {
    blob_path(node, bytes).exists()
}

fn findings(node: &TestNode) -> Vec<Finding> {
    match node.call(Call::Doctor).answer() {
        Answer::Diagnosis(diagnosis) => diagnosis.findings,
        other => panic!("{other:?}"),
    }
}

fn room(node: &TestNode) -> RoomInfo {
    match node.call(Call::Status).answer() {
        Answer::Status(status) => status.room,
        other => panic!("{other:?}"),
    }
}

fn show(node: &TestNode, target: &str) -> Shown {
    let call = Call::Show {
        target: target.to_owned(),
        history: false,
    };
    match node.call(call).answer() {
        Answer::Item(item) => *item,
        other => panic!("{other:?}"),
    }
}

fn sync(node: &TestNode) -> Vec<Synced> {
    let outcome = node.call(Call::Sync {
        feed: None,
        again: false,
    });
    let synced = outcome.events.iter().filter_map(|event| match event {
        levada_peer::api::Event::Synced(synced) => Some(synced.clone()),
        _ => None,
    });
    let synced = synced.collect();
    let _ = outcome.answer();
    synced
}

fn kept(node: &TestNode, call: Call) -> Kept {
    match node.call(call).answer() {
        Answer::Kept(kept) => kept,
        other => panic!("{other:?}"),
    }
}

fn pin(node: &TestNode, target: &str) -> Kept {
    let target = target.to_owned();
    kept(node, Call::Pin { target })
}

fn drop_media(node: &TestNode, target: &str, yes: bool) -> Kept {
    let target = target.to_owned();
    kept(node, Call::Drop { target, yes })
}

fn retract(node: &TestNode, target: &str) {
    let call = Call::Retract {
        target: target.to_owned(),
        reason: Some("a mistake".into()),
    };
    let _ = node.call(call).answer();
}

/// Publishes files one after the other, so that each has its own date; gives the feed.
/// Publishes `1.bin`, `2.bin` and `3.bin`, one after the other.
fn publish_three(node: &TestNode, files: &[Vec<u8>; 3]) -> FeedKey {
    let [one, two, three] = files;
    publish(node, &[("1.bin", one), ("2.bin", two), ("3.bin", three)])
}

fn publish(node: &TestNode, files: &[(&str, &[u8])]) -> FeedKey {
    let mut feed = None;
    for (name, bytes) in files {
        let path = node.write(name, bytes);
        match node.publish(&[&path]).answer() {
            Answer::Published(summary) => feed = Some(summary.feed),
            other => panic!("{other:?}"),
        }
        clock::advance(Duration::from_secs(1));
    }
    feed.unwrap()
}
