//! Verifying, mending and making again, with the real program: interrupted and killed, with disks away and stores damaged.

use crate::machine::{Machine, Serving};
use levada_tests::noise;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

const FILES: u64 = 40;
const SIZE: usize = 200_000;

fn data(machine: &Machine) -> PathBuf {
    machine.home().join(".local/share/levada")
}

/// Publishes noise; gives each path with its bytes.
fn publish(author: &Machine) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for file in 0..FILES {
        // Every fourth fits into the store.
        let size = if file % 4 == 0 { 700 } else { SIZE };
        let bytes = noise(file, size);
        author.write(&format!("folder/{file:02}.bin"), &bytes);
        files.insert(format!("{file:02}.bin"), bytes);
    }
    author.done(&["publish", "folder"]);
    files
}

/// Author and follower, everything fetched.
fn followed() -> (Machine, Machine, Serving, BTreeMap<String, Vec<u8>>) {
    let (author, follower) = (Machine::new(), Machine::new());
    let files = publish(&author);
    let serving = author.serve();
    follower.done(&["follow", serving.link(), "--keep", "all"]);
    (author, follower, serving, files)
}

#[track_caller]
fn check_files(machine: &Machine, files: &BTreeMap<String, Vec<u8>>) {
    let items = machine.items();
    assert_eq!(items.len(), files.len());
    for item in &items {
        let path = item["body"]["path"].as_str().unwrap();
        assert_eq!(item["files"][0]["held"], files[path].len(), "{path}");
        assert!(machine.get(item) == files[path], "{path}");
    }
}

/// The files with blobs below a folder, in order.
fn blobs(root: &Path) -> Vec<PathBuf> {
    let mut found = files_below(root);
    found.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.len() == 64
    });
    found
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn verify_killed_at_any_moment_goes_on_and_mends_everything() {
    let (_author, follower, _serving, files) = followed();
    for (number, blob) in blobs(&data(&follower).join("blobs")).iter().enumerate() {
        match number % 3 {
            0 => flip(blob, number * 5_000),
            1 => {
                let bytes = std::fs::read(blob).unwrap();
                std::fs::write(blob, &bytes[..bytes.len() / 2]).unwrap();
            }
            _ => flip(&blob.with_extension("obao"), 70),
        }
    }
    for round in 0..6_u64 {
        let mut verifying = follower.start(&["verify", "--json"]);
        // Nothing is ever sent: this is the moment of the kill, not a wait for something.
        let (_open, moment) = channel::<()>();
        let _ = moment.recv_timeout(Duration::from_millis(40 + round * 35));
        verifying.kill();
    }
    follower.done(&["verify"]);
    check_files(&follower, &files);
    let again = follower.done(&["verify", "--json"]).events();
    let came = again.last().unwrap();
    assert_eq!(
        (&came["damaged"], &came["is_done"]),
        (&0.into(), &true.into())
    );
    assert_eq!(came["files"], FILES);
    follower.done(&["doctor"]);
}

#[test]
fn damage_that_nobody_can_mend_ends_with_5_is_not_served_and_is_mended_later() {
    let (author, follower, serving, files) = followed();
    serving.stop();
    let blob = blobs(&data(&follower).join("blobs")).remove(3);
    flip(&blob, 100_000);
    let ran = follower.run(&["verify", "--json"]).exits(5);
    let events = ran.events();
    let told: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "damaged")
        .collect();
    assert_eq!(told.len(), 1, "{events:?}");
    assert_eq!(told[0]["path"], blob.to_str().unwrap());
    assert_eq!(told[0]["bytes"], 16_384);
    let name = told[0]["name"].as_str().unwrap();
    let item = told[0]["index"].as_u64().unwrap();
    let findings = follower.run(&["doctor", "--json"]).exits(3).json();
    assert_eq!(findings["findings"][0]["kind"], "damaged");
    // It is named as long as it stays.
    follower.run(&["verify"]).exits(5);
    let held = follower.items();
    let held = held.iter().find(|shown| shown["index"] == item).unwrap();
    assert_eq!(held["files"][0]["held"], SIZE - 16_384);
    assert_eq!(held["body"]["path"], name);
    // The author is back, at another address.
    let serving = author.serve();
    let via = format!("http://{}", serving.address);
    follower.done(&["verify", "--via", &via]);
    check_files(&follower, &files);
    follower.done(&["doctor"]);
}

#[test]
fn verify_ends_when_its_time_is_up_or_it_is_interrupted_and_goes_on() {
    let author = Machine::new();
    author.write("film.bin", &noise(1, 300 << 20));
    let files = publish(&author);
    author.done(&["publish", "film.bin"]);
    let mut verifying = author.start(&["verify", "--json", "-v"]);
    verifying.event_where(|event| event["what"] == "verified");
    verifying.interrupt();
    verifying.end().exits(130);
    let ran = author.done(&["verify", "--json"]).events();
    let came = ran.last().unwrap();
    assert_eq!(came["is_done"], true);
    assert_eq!(came["damaged"], 0);
    assert!(came["files"].as_u64().unwrap() <= files.len() as u64 + 1);
    let short = author.done(&["verify", "--for", "1s", "--json"]).events();
    assert_eq!(short.last().unwrap()["damaged"], 0);
}

#[test]
fn own_feed_comes_back_whole_from_a_store_that_was_deleted_or_damaged() {
    let author = Machine::new();
    let files = publish(&author);
    let store = data(&author).join("store");
    let before = author.done(&["show", "main", "--json"]).json();
    let whole = files_below(&store);
    assert!(whole.len() > 5);
    for round in 0..4 {
        match round {
            0 => std::fs::remove_dir_all(&store).unwrap(),
            1 => {
                for path in files_below(&store) {
                    let size = std::fs::metadata(&path).unwrap().len();
                    if size > 20 {
                        flip(&path, size as usize / 2);
                    }
                }
            }
            2 => {
                for path in files_below(&store) {
                    let bytes = std::fs::read(&path).unwrap();
                    std::fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
                }
            }
            _ => {
                std::fs::remove_dir_all(&store).unwrap();
                std::fs::write(&store, b"no folder").unwrap();
            }
        }
        let ran = author.run(&["ls"]);
        assert!(ran.code != Some(0), "{round}: {}", ran.err);
        if round < 3 {
            assert!(ran.err.contains("levada rebuild"), "{round}: {}", ran.err);
        }
        // Killed in the middle, and again.
        let mut rebuilding = author.start(&["rebuild"]);
        let (_open, moment) = channel::<()>();
        let _ = moment.recv_timeout(Duration::from_millis(30 + 20 * round));
        rebuilding.kill();
        author.done(&["rebuild"]);
        let after = author.done(&["show", "main", "--json"]).json();
        assert_eq!(before, after, "{round}");
        check_files(&author, &files);
        author.done(&["doctor"]);
    }
    // It signs on as if nothing had been.
    author.write("folder/new.bin", b"new");
    let published = author.done(&["publish", "folder", "--json"]).events();
    let came = published.last().unwrap();
    assert_eq!(
        (&came["published"], &came["unchanged"]),
        (&1.into(), &FILES.into())
    );
}

#[test]
fn rebuild_believes_no_author_file_and_no_peer_that_is_older_than_what_was_seen() {
    let (author, follower, serving, files) = followed();
    serving.stop();
    let old = std::fs::read(data(&author).join("keys/main.feed")).unwrap();
    let backup = Machine::new();
    copy(author.home(), backup.home());
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    let serving = author.serve();
    let via = format!("http://{}", serving.address);
    let link = serving.link().to_owned();
    follower.done(&["follow", &link, "--via", &via]);
    serving.stop();

    // The follower asks the author's backup, which is behind.
    let serving = backup.serve();
    let via = format!("http://{}", serving.address);
    let sources = follower.home().join(".config/levada/sources.toml");
    let text = std::fs::read_to_string(&sources).unwrap();
    let stale: String = text
        .lines()
        .map(|line| match line.starts_with("via") {
            true => format!("via = [\"{via}\"]\n"),
            false => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&sources, stale).unwrap();
    // Nothing is left of the store, or it would have all of it.
    std::fs::remove_dir_all(data(&follower).join("store")).unwrap();
    let ran = follower.run(&["rebuild", "--json"]).exits(3);
    let came = ran.events().pop().unwrap();
    let error = came["followed"][0]["error"].as_str().unwrap();
    assert!(error.contains("verified here before"), "{error}");
    let ran = follower.run(&["ls"]).exits(1);
    assert!(ran.err.contains("0 of 42 records"), "{}", ran.err);

    // The author's own file is an old copy.
    let file = data(&author).join("keys/main.feed");
    let new = std::fs::read(&file).unwrap();
    std::fs::write(&file, old).unwrap();
    let ran = author.run(&["rebuild", "--json"]).exits(3);
    let came = ran.events().pop().unwrap();
    let error = came["own"][0]["error"].as_str().unwrap();
    assert!(error.contains("older than what was signed here"), "{error}");
    std::fs::write(&file, new).unwrap();
    author.done(&["rebuild"]);
    assert_eq!(author.items().len(), files.len() + 1);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn media_on_a_disk_that_is_away_are_named_not_fetched_again_and_come_back() {
    let (author, follower) = (Machine::new(), Machine::new());
    let files = publish(&author);
    let serving = author.serve();
    let disk = follower.home().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let root = disk.join("media");
    follower.write(
        ".config/levada/config.toml",
        format!("[blobs]\nroots = [{:?}]\n", root.to_str().unwrap()).as_bytes(),
    );
    follower.done(&["ls"]);
    // The data directory has no room of its own: everything goes to the disk.
    follower.done(&["follow", serving.link(), "--keep", "all"]);
    let own = data(&follower).join("blobs");
    let moved = blobs(&own);
    for blob in &moved {
        let folder = root.join(blob.parent().unwrap().strip_prefix(&own).unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        for path in [blob.clone(), blob.with_extension("obao")] {
            std::fs::rename(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    assert_eq!(blobs(&root).len() as u64, FILES / 4 * 3);
    // A store that knows nothing of them finds them there.
    std::fs::remove_dir_all(data(&follower).join("store")).unwrap();
    follower.done(&["rebuild"]);
    check_files(&follower, &files);

    std::fs::rename(&disk, follower.home().join("unplugged")).unwrap();
    std::fs::create_dir_all(&root).unwrap();
    let ran = follower.done(&["sync"]);
    assert!(
        ran.err.contains("this blob root is not there"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains(root.to_str().unwrap()), "{}", ran.err);
    let items = follower.items();
    let away: Vec<_> = items
        .iter()
        .filter(|item| item["files"][0]["away"] == root.to_str().unwrap())
        .collect();
    assert_eq!(away.len() as u64, FILES / 4 * 3);
    assert!(away.iter().all(|item| item["files"][0]["held"] == 0));
    let doctor = follower.run(&["doctor", "--json"]).exits(3).json();
    assert_eq!(doctor["findings"][0]["kind"], "missing-root");
    let status = follower.done(&["status", "--json"]).json();
    assert_eq!(status["findings"][0]["kind"], "missing-root");
    // Who asks for one has it fetched.
    let path = away[0]["body"]["path"].as_str().unwrap();
    assert!(follower.get(away[0]) == files[path]);
    assert_eq!(blobs(&own).len(), 1);

    std::fs::remove_dir_all(&disk).unwrap();
    std::fs::rename(follower.home().join("unplugged"), &disk).unwrap();
    serving.stop();
    check_files(&follower, &files);
    follower.done(&["verify"]);
    follower.done(&["doctor"]);
}

#[test]
fn doctor_names_what_is_wrong_whether_the_node_serves_or_its_store_does_not_open() {
    use std::os::unix::fs::PermissionsExt;
    let author = Machine::new();
    publish(&author);
    author.done(&["doctor"]);
    let key = data(&author).join("keys/main.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let kinds = |author: &Machine| -> Vec<String> {
        let found = author.run(&["doctor", "--json"]).exits(3).json();
        let list = found["findings"].as_array().unwrap().clone();
        list.iter()
            .map(|finding| finding["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds(&author), ["key-readable"]);
    let serving = author.serve();
    assert_eq!(kinds(&author), ["key-readable"]);
    // A command that holds the data directory and takes no calls.
    serving.stop();
    let file = data(&author).join("keys/main.feed");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    assert_eq!(kinds(&author), ["key-readable", "author-file-older"]);
    std::fs::rename(&file, author.home().join("kept.feed")).unwrap();
    assert_eq!(kinds(&author), ["key-readable", "author-file-gone"]);
    author.write(".config/levada/config.toml", b"[blobs]\nroot = 3\n");
    assert_eq!(
        kinds(&author),
        ["not-open", "key-readable", "author-file-gone"]
    );
    let status = author.run(&["doctor"]).exits(3);
    let text = String::from_utf8(status.out).unwrap();
    assert!(text.contains("config.toml"), "{text}");
}
