//! Killed in the middle of dropping and evicting: what is counted is never less than what is there, and the next command
//! goes on to the end.

use crate::machine::Machine;
use levada_tests::noise;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

const FILES: u64 = 300;
const SIZE: usize = 20_000;
/// Blocks of the bytes of one file, and one of its outboard.
const COST: u64 = 20_480 + 4_096;

/// Files of blobs of a machine that are not in part.
fn blobs(machine: &Machine) -> Vec<PathBuf> {
    let root = machine.home().join(".local/share/levada/blobs");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root).into_iter().flatten().flatten() {
        for below in std::fs::read_dir(folder.path()).into_iter().flatten() {
            let files = below.map(|below| std::fs::read_dir(below.path()));
            for file in files.into_iter().flatten().flatten().flatten() {
                found.push(file.path());
            }
        }
    }
    found
}

fn bytes(machine: &Machine) -> u64 {
    let files = blobs(machine).into_iter();
    let media = files.filter(|path| path.extension().is_none_or(|ending| ending == "obao"));
    let sizes = media.filter_map(|path| path.metadata().ok());
    sizes.map(|found| found.blocks() * 512).sum()
}

/// Bytes that cache and followed take, as the node counts them.
fn counted(machine: &Machine) -> u64 {
    let status = machine.done(&["status", "--json"]).json();
    let kept = &status["room"]["kept"]["bytes"];
    kept[0].as_u64().unwrap() + kept[1].as_u64().unwrap()
}

fn author() -> Machine {
    let author = Machine::new();
    for file in 0..FILES {
        author.write(&format!("folder/{file:03}.bin"), &noise(file, SIZE));
    }
    author.done(&["publish", "folder"]);
    author
}

#[test]
fn purge_that_was_killed_goes_on_with_the_next_command() {
    let (author, follower) = (author(), Machine::new());
    let serving = author.serve();
    follower.done(&["follow", serving.link(), "--keep", "all"]);
    assert_eq!(counted(&follower), FILES * COST);
    assert_eq!(bytes(&follower), FILES * COST);
    let all = blobs(&follower).len();
    let mut purging = follower.start(&["unfollow", serving.link(), "--purge", "--json"]);
    // The first file is gone: this is the middle of it.
    while blobs(&follower).len() == all && !purging.has_ended() {
        std::thread::yield_now();
    }
    purging.kill();
    // Whatever the kill left, a command or two later nothing is there and nothing is counted.
    follower.done(&["sources"]);
    assert_eq!(counted(&follower), 0);
    assert_eq!(bytes(&follower), 0);
    let status = follower.done(&["status", "--json"]).json();
    assert!(status["sources"].as_array().unwrap().is_empty());
}

#[test]
fn sync_that_was_killed_while_it_evicted_counts_no_less_than_is_there() {
    let (author, follower) = (author(), Machine::new());
    let serving = author.serve();
    let quota = 100 * COST;
    let config = format!("[quota]\nsize = \"{quota}\"\nreserve = \"0\"\n");
    follower.write(".config/levada/config.toml", config.as_bytes());
    let link = serving.link().to_owned();
    follower.done(&["follow", &link, "--keep", "all"]);
    let full = blobs(&follower).len();
    assert_eq!(counted(&follower), quota);
    // Everything is newer now: each file that comes takes the place of another.
    drop(serving.stop());
    for file in 0..FILES {
        author.write(&format!("folder/{file:03}.bin"), &noise(1_000 + file, SIZE));
    }
    author.done(&["publish", "folder"]);
    let serving = author.serve();
    let before: Vec<PathBuf> = blobs(&follower);
    let mut syncing = follower.start(&["follow", serving.link(), "--keep", "all"]);
    let is_evicting = || before.iter().any(|path| !path.exists());
    while !is_evicting() && !syncing.has_ended() {
        assert!(bytes(&follower) <= quota);
        std::thread::yield_now();
    }
    syncing.kill();
    let held = bytes(&follower);
    assert!(held <= quota, "{held} of {quota}");
    assert!(counted(&follower) >= held);
    follower.done(&["sync"]);
    assert!(counted(&follower) <= quota && bytes(&follower) <= quota);
    follower.done(&["sync"]);
    assert_eq!(bytes(&follower), counted(&follower));
    assert_eq!(blobs(&follower).len(), full);
}
