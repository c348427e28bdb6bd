//! Folders of a node that may not be written: each is named with exit code 7, what is there is kept, and everything goes on
//! once it may be written again.
//!
//! A folder is mounted on itself, read-only. Where this user may not mount, the tests say so and check nothing.

use super::*;
use std::process::Command;

/// A folder that may not be written; until it is dropped.
struct ReadOnly(PathBuf);

fn mount(args: &[&str], folder: &Path) -> bool {
    let ran = Command::new("mount").args(args).arg(folder).output();
    ran.is_ok_and(|output| output.status.success())
}

impl ReadOnly {
    /// Whether this user may mount.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn is_possible() -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let is_mounted = mount(&["--bind", path.to_str().unwrap()], path);
        if is_mounted {
            drop(Self(path.to_owned()));
        } else {
            println!("skipped: this user may not mount a folder");
        }
        is_mounted
    }

    fn mount(folder: &Path) -> Self {
        assert!(mount(&["--bind", folder.to_str().unwrap()], folder));
        let mounted = Self(folder.to_owned());
        assert!(mount(&["-o", "remount,bind,ro"], folder));
        mounted
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // A mount that stays is emptied with the folder.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const CONFIG: &str = ".config/levada";
const KEYS: &str = ".local/share/levada/keys";
const BLOBS: &str = ".local/share/levada/blobs";
const STORE: &str = ".local/share/levada/store";
const STATE: &str = ".local/state/levada";

/// A command that needs to write to a folder.
struct Row {
    folder: &'static str,
    /// Whose: the author's, or the follower's.
    is_authors: bool,
    args: &'static [&'static str],
}

const fn author(folder: &'static str, args: &'static [&'static str]) -> Row {
    Row {
        folder,
        is_authors: true,
        args,
    }
}

const fn follower(folder: &'static str, args: &'static [&'static str]) -> Row {
    Row {
        folder,
        is_authors: false,
        args,
    }
}

const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];
/// FEED stands for the key of the author's feed.
const PIN: &[&str] = &["pin", "FEED"];
const KEEP: &[&str] = &["follow", "FEED", "--keep", "newest:100"];

/// With an author who serves.
const ASKED: [Row; 6] = [
    author(KEYS, PUBLISH),
    author(BLOBS, PUBLISH),
    follower(KEYS, &["init"]),
    follower(CONFIG, PIN),
    follower(CONFIG, KEEP),
    follower(BLOBS, SYNC),
];

/// With both serving, and neither started again.
const BOTH: [Row; 3] = [
    follower(CONFIG, &["unpin", "FEED"]),
    follower(CONFIG, &["follow", "FEED", "--keep", "all"]),
    follower(BLOBS, SYNC),
];

/// What needs places to begin at all.
const BEGUN: [Row; 8] = [
    author(STORE, PUBLISH),
    author(STATE, PUBLISH),
    author(STORE, SERVE),
    author(STATE, SERVE),
    follower(STORE, SYNC),
    follower(STATE, SYNC),
    follower(STORE, PIN),
    follower(STATE, KEEP),
];

struct Pair {
    author: Machine,
    follower: Machine,
    feed: String,
    files: u64,
}

impl Pair {
    fn new() -> Self {
        let (author, follower) = (Machine::new(), Machine::new());
        author.write("folder/0.bin", &noise(0, 40_000));
        author.done(PUBLISH);
        let shown = author.done(&["key", "show", "--json"]).json();
        Self {
            author,
            follower,
            feed: shown["feed"].as_str().unwrap().to_owned(),
            files: 1,
        }
    }

    /// A file that is not published yet.
    fn write(&mut self) {
        let bytes = noise(self.files, 40_000);
        let path = format!("folder/{}.bin", self.files);
        self.author.write(&path, &bytes);
        self.files += 1;
    }

    fn meet(&mut self, row: &Row) {
        self.write();
        let machine = [&self.follower, &self.author][usize::from(row.is_authors)];
        let args: Vec<&str> = row
            .args
            .iter()
            .map(|arg| if *arg == "FEED" { &self.feed } else { *arg })
            .collect();
        let at = format!("{args:?} without {}", row.folder);
        let folder = machine.home().join(row.folder);
        let before = machine.items().len();
        let read_only = ReadOnly::mount(&folder);
        if !row.is_authors {
            // Now, so that a follower who runs does not have it before.
            self.author.done(PUBLISH);
        }
        let ran = machine.run(&args);
        let checked = machine.run(&["config", "check"]);
        drop(read_only);
        assert_eq!(ran.code, Some(7), "{at}: {}", ran.err);
        for text in ["read-only", "hint: ", folder.to_str().unwrap()] {
            assert!(
                ran.err.contains(text),
                "{at}: {text:?} is not in: {}",
                ran.err
            );
        }
        assert_eq!(checked.code, Some(0), "{at}: {}", checked.err);
        assert!(machine.items().len() >= before, "{at}");
        if args != SERVE {
            machine.done(&args);
        }
    }

    /// Nothing was lost, and all that was asked for is done.
    fn check(&self) {
        self.author.done(PUBLISH);
        for machine in [&self.author, &self.follower] {
            let items = machine.items();
            assert_eq!(items.len() as u64, self.files);
            for item in &items {
                assert_eq!(item["files"][0]["held"], 40_000);
            }
            machine.done(VERIFY);
        }
    }
}

#[test]
fn folder_that_may_not_be_written_is_named_and_the_same_command_goes_on_when_it_may() {
    if !ReadOnly::is_possible() {
        return;
    }
    let mut pair = Pair::new();
    let serving = pair.author.serve();
    let address = serving.address.clone();
    let link = serving.link();
    pair.follower.done(&["follow", link, "--keep", "all"]);
    for row in &ASKED {
        pair.meet(row);
    }
    let following = pair.follower.serve();
    for row in &BOTH {
        pair.meet(row);
    }
    pair.check();
    following.stop().exits(0);
    for row in &BEGUN[4..] {
        pair.meet(row);
    }
    serving.stop().exits(0);
    for row in &BEGUN[..4] {
        pair.meet(row);
    }
    let _serving = pair.author.serve_at(&address);
    pair.author.done(PUBLISH);
    pair.follower.done(SYNC);
    pair.check();
}
