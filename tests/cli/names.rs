//! Texts of a record that a terminal would obey, that turn the direction of writing, or that lead out of a folder: a
//! feed may hold them, and they never reach a terminal or a path.

use crate::machine::{Machine, Ran};
use levada_feed::hash::Hash;
use levada_feed::key::FeedSecret;
use levada_feed::log::AuthorLog;
use levada_feed::record::{
    self, Body, Collection, Creator, File, Item, Profile, Record, Reference, Retract, Role,
};
use levada_peer::io::disk::Disk;
use std::path::{Path, PathBuf};

/// Clears the screen, sets a title, rings, fakes a line of ours, turns the text and hides a letter.
const EVIL: &str =
    "\u{1b}[2J\u{1b}]0;x\u{7}a\u{9b}31m\r\nerror: b\u{202e}gpj\u{2066}\u{200b}\u{feff}.exe";
const NAMES: &[&str] = &[
    "../../../up.txt",
    "/root.txt",
    "..",
    "evil\u{202e}txt.exe",
    "evil\n\u{1b}[2J.txt",
    "-rf",
    ".profile",
    "C:\\windows\\drive.txt",
    "",
    "CON",
    "nul.txt",
    "$(touch pwned)`touch pwned`;touch pwned",
    "a\u{200b}b\u{200f}c\u{feff}.txt",
    LONG,
];
/// 300 bytes, 150 of them no beginning of a character.
const LONG: &str = "ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää";
const TIME: u64 = 1_767_225_600_000;

fn bytes_of(at: usize) -> Vec<u8> {
    format!("file {at}").into_bytes()
}

fn evil() -> Option<String> {
    Some(EVIL.to_owned())
}

fn item(at: usize, name: &str) -> Item {
    let bytes = bytes_of(at);
    Item {
        title: EVIL.to_owned(),
        text: evil(),
        creators: vec![Creator {
            name: EVIL.to_owned(),
            role: evil(),
            feed: None,
        }],
        tags: vec![EVIL.to_owned()],
        files: vec![File {
            hash: Hash::of(&bytes),
            size: bytes.len() as u64,
            media_type: "text/plain".to_owned(),
            name: Some(name.to_owned()),
            codecs: evil(),
            role: Role::Main,
            duration: None,
            width: None,
            height: None,
            language: None,
            blurhash: None,
        }],
        ..Item::default()
    }
}

/// A store with a feed of such texts, whose author is no levada of ours.
fn make_store(folder: &Path) -> String {
    let mut log = AuthorLog::new(FeedSecret::from_bytes(&[7; 32]));
    let mut append = |body| {
        let record = Record {
            time: TIME,
            salt: [0; 16],
            body,
        };
        let bytes = record::write(&record, log.length()).expect("the format allows it");
        log.append(bytes).expect("the format allows it")
    };
    append(Body::Profile(Box::new(Profile {
        name: EVIL.to_owned(),
        about: evil(),
        ..Profile::default()
    })));
    let mut last = None;
    for (at, name) in NAMES.iter().enumerate() {
        last = Some(append(Body::Item(Box::new(item(at, name)))));
    }
    append(Body::Collection(Collection {
        title: EVIL.to_owned(),
        text: evil(),
        items: Vec::new(),
    }));
    let (index, link) = append(Body::Item(Box::new(item(0, "retracted.txt"))));
    assert_eq!(index, last.expect("there are names").0 + 2);
    let target = Reference {
        feed: None,
        index,
        link,
    };
    append(Body::Retract(Retract {
        target,
        reason: evil(),
    }));
    let batch = log.sign(TIME).expect("there are records");
    std::fs::create_dir_all(folder).expect("a folder can be made");
    let disk = Disk::open(folder).expect("a store can be made");
    let blobs: Vec<_> = (0..NAMES.len()).map(bytes_of).collect();
    let small = blobs
        .iter()
        .map(|bytes| (Hash::of(bytes), bytes.as_slice()));
    disk.put_small(small).expect("blobs can be stored");
    disk.commit(&batch).expect("records can be stored");
    disk.close().expect("a store can be closed");
    log.feed().to_string()
}

fn is_obeyed_or_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Nothing that a terminal obeys or that turns or hides text; lines of ours only.
fn is_plain(ran: &Ran) {
    let out = String::from_utf8(ran.out.clone()).expect("text is UTF-8");
    for c in out.chars().chain(ran.err.chars()) {
        assert!(
            c == '\n' || !is_obeyed_or_hidden(c),
            "{c:?} in:\n{out}\n{}",
            ran.err
        );
    }
    let mut lines = out.lines().chain(ran.err.lines());
    assert!(
        !lines.any(|line| line.starts_with("error: b")),
        "a line of ours was faked:\n{out}\n{}",
        ran.err
    );
}

#[test]
fn texts_of_records_reach_no_terminal_and_no_path() {
    let (author, follower) = (Machine::new(), Machine::new());
    let feed = make_store(&author.home().join(".local/share/levada/store"));
    let serving = author.serve();
    // The name in a link is a stranger's too.
    let name = "%1B%5B2J%0Aerror%3A%20b%E2%80%AE";
    let link = format!("levada:{feed}?via=http://{}&name={name}", serving.address);
    let home = follower.home().join("deep/er/work");
    std::fs::create_dir_all(&home).unwrap();
    let run = |args: &[&str]| {
        let output = follower.command(args).current_dir(&home).output().unwrap();
        Ran {
            code: output.status.code(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    };
    let ran = run(&["follow", &link, "--keep", "all"]).exits(0);
    is_plain(&ran);
    for args in [
        ["ls"].as_slice(),
        &["ls", "--all"],
        &["ls", "-v"],
        &["show", &feed],
        &["sources"],
        &["status"],
        &["sync"],
    ] {
        is_plain(&run(args).exits(0));
        is_plain(&run(&[args, &["--json"]].concat()).exits(0));
        is_plain(&run(&[args, &["--log", "trace"]].concat()).exits(0));
        is_plain(&run(&[args, &["--log", "trace", "--log-json"]].concat()).exits(0));
    }
    for index in 0..NAMES.len() + 4 {
        is_plain(&run(&["show", &format!("{feed}/{index}")]).exits(0));
    }
    for at in 0..NAMES.len() {
        let target = format!("{feed}/{}", at + 1);
        is_plain(&run(&["get", &target]).exits(0));
        is_plain(&run(&["get", &target, "--file", EVIL]));
        is_plain(&run(&["prove", &target, "-o", &format!("{at}.bundle")]).exits(0));
        is_plain(&run(&["check", &format!("{at}.bundle")]).exits(0));
        std::fs::remove_file(home.join(format!("{at}.bundle"))).unwrap();
    }
    // One file for each item, and all of them here.
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&home).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        is_safe_name(&name);
        found.push(std::fs::read(entry.path()).unwrap());
    }
    found.sort();
    let mut expected: Vec<_> = (0..NAMES.len()).map(bytes_of).collect();
    expected.sort();
    assert_eq!(found, expected);
    let around = |folder: &Path| std::fs::read_dir(folder).unwrap().count();
    assert_eq!(around(&follower.home().join("deep/er")), 1);
    assert_eq!(around(&follower.home().join("deep")), 1);
    // JSON has the texts as they were signed, escaped as JSON does.
    let json = run(&["ls", "--json"]).exits(0);
    is_plain(&json);
    assert_eq!(json.json()["items"][0]["title"], EVIL);
    // Files of an export are named by keys and hashes alone.
    is_plain(&run(&["export", "static", "site", "--feed", &feed]).exits(0));
    is_named_by_us(&home.join("site"));
}

/// It is not hidden, no option, no device of another system, and no longer than all systems allow.
fn is_safe_name(name: &str) {
    assert!(!name.starts_with(['.', '-']), "{name:?}");
    assert!(!name.contains(is_obeyed_or_hidden), "{name:?}");
    assert!(name.len() <= 200, "{name:?}");
    let stem = name.split('.').next().unwrap().to_lowercase();
    assert!(!["con", "nul"].contains(&stem.as_str()), "{name:?}");
}

/// Keys, hashes and words of ours, whatever is in the records.
fn is_named_by_us(folder: &Path) {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    assert!(paths.len() > NAMES.len(), "{paths:?}");
    let is_ours = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    for path in &paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.chars().all(is_ours), "{name:?}");
    }
}

/// All files and folders below a folder.
fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, paths);
        }
        paths.push(path);
    }
}
