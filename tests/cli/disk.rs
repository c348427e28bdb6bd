//! A disk that is full or may not be written: a clear sentence, the right exit code, and nothing lost.
//!
//! The disk is a small tmpfs. Where this user may not mount one, the tests say so and check nothing. Single commands,
//! each from its own beginning, are `full`'s.

use crate::machine::{Machine, Ran};
use levada_tests::noise;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A mounted tmpfs; unmounted when dropped.
pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    /// `None` where this user may not mount.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "levada-test"])
            .arg(folder.path())
            .output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        if !is_mounted {
            println!("skipped: this user may not mount a tmpfs");
        }
        is_mounted.then_some(Self { folder })
    }

    pub(crate) fn remount(&self, option: &str) {
        let mounted = Command::new("mount")
            .args(["-o", &format!("remount,{option}")])
            .arg(self.path())
            .status();
        assert!(mounted.expect("mount can be run").success());
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A mount that stays is emptied with the folder.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

const FILES: u64 = 24;
const FILE_BYTES: usize = 2 << 20;

fn write_files(machine: &Machine) {
    for file in 0..FILES {
        machine.write(&format!("folder/{file:02}.bin"), &noise(file, FILE_BYTES));
    }
}

fn check_files(machine: &Machine) {
    let items = machine.items();
    assert_eq!(items.len() as u64, FILES);
    for item in &items {
        let path = item["body"]["path"].as_str().unwrap();
        let file: u64 = path.trim_end_matches(".bin").parse().unwrap();
        assert!(machine.get(item) == noise(file, FILE_BYTES), "{path}");
    }
}

pub(crate) fn says(ran: &Ran, what: &str) {
    assert!(ran.err.contains(what), "{what:?} is not in:\n{}", ran.err);
}

#[test]
fn full_disk_ends_publish_with_6_and_the_same_command_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount("24m") else {
        return;
    };
    let author = Machine::with_data_dir(disk.data_dir());
    write_files(&author);
    let ran = author.run(&["publish", "folder"]).exits(6);
    says(&ran, "hint: ");
    let before = author.items().len();
    author.run(&["publish", "folder"]).exits(6);
    assert!(author.items().len() >= before);
    disk.remount("size=256m");
    author.done(&["publish", "folder"]);
    check_files(&author);
    let again = author.done(&["publish", "folder", "--json"]).events();
    assert_eq!(again.last().unwrap()["unchanged"], FILES);
}

#[test]
fn full_disk_ends_follow_with_6_and_the_same_command_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount("24m") else {
        return;
    };
    let (author, follower) = (Machine::new(), Machine::with_data_dir(disk.data_dir()));
    // Else the quota ends it sooner.
    std::fs::create_dir_all(disk.data_dir()).unwrap();
    let settings = "[quota]\nsize = \"1TiB\"\nreserve = \"0\"\n";
    std::fs::write(disk.data_dir().join("config.toml"), settings).unwrap();
    write_files(&author);
    author.done(&["publish", "folder"]);
    let serving = author.serve();
    let ran = follower.run(&["follow", serving.link()]).exits(6);
    says(&ran, "hint: ");
    assert_eq!(follower.items().len() as u64, FILES, "records came first");
    disk.remount("size=256m");
    follower.done(&["sync"]);
    check_files(&follower);
}

#[test]
fn disk_filled_by_somebody_else_loses_nothing() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let author = Machine::with_data_dir(disk.data_dir());
    author.write("small/a.txt", b"a");
    author.done(&["publish", "small"]);
    // All but nothing is left: not even a record can be written.
    let mut filler = std::fs::File::create(disk.path().join("filler")).unwrap();
    let filled = std::io::copy(&mut std::io::repeat(7), &mut filler);
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    author.write("small/b.txt", b"b");
    author.run(&["publish", "small"]).exits(6);
    drop(filler);
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    author.done(&["publish", "small"]);
    let titles: Vec<_> = author
        .items()
        .iter()
        .map(|item| item["title"].clone())
        .collect();
    assert_eq!(titles, ["b", "a"]);
    let follower = Machine::new();
    let serving = author.serve();
    follower.done(&["follow", serving.link()]);
    assert_eq!(follower.items().len(), 2);
}

/// Fills the disk until only so many bytes are free; gives what has to be removed to have room again.
pub(crate) fn fill_but(disk: &Disk, free: u64) -> PathBuf {
    let path = disk.path().join("filler");
    let mut filler = std::fs::File::create(&path).unwrap();
    let filled = std::io::copy(&mut std::io::repeat(7), &mut filler);
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let size = filler.metadata().unwrap().len();
    filler.set_len(size.saturating_sub(free)).unwrap();
    path
}

fn remove_asides(data: &Path) {
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.display().to_string().contains("store.broken") {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

/// Bytes that are left, so that the disk is full at one write after the other.
const LEFT: [u64; 4] = [0, 12 << 10, 100 << 10, 1 << 20];

#[test]
fn disk_that_is_full_at_any_write_ends_with_6_or_not_at_all_and_nothing_is_lost() {
    let Some(disk) = Disk::mount("96m") else {
        return;
    };
    let author = Machine::with_data_dir(disk.data_dir());
    let follower = Machine::with_data_dir(disk.path().join("follower"));
    let settings = "[quota]\nsize = \"1TiB\"\nreserve = \"0\"\n";
    for data in [disk.data_dir(), disk.path().join("follower")] {
        std::fs::create_dir_all(&data).unwrap();
        std::fs::write(data.join("config.toml"), settings).unwrap();
    }
    author.write("folder/first.bin", b"first");
    author.done(&["publish", "folder"]);
    let link = author.done(&["key", "show", "--json"]).json()["link"].clone();
    let host = disk.path().join("host");
    let host = host.to_str().unwrap();
    let export = ["export", "static", host];
    let publish = ["publish", "folder"];
    let mut files = 1;
    let mut met = BTreeSet::new();
    for left in LEFT {
        author.write(&format!("folder/{left}.bin"), &noise(left, 150_000));
        author.write(&format!("folder/{left}.txt"), &noise(left, 900));
        files += 2;
        for (machine, command) in [
            (&author, publish.as_slice()),
            (&author, &export),
            (&author, &["rebuild"]),
            (&author, &["verify"]),
            (&follower, &["sync"]),
            (&follower, &["rebuild"]),
        ] {
            let serving = std::ptr::eq(machine, &follower).then(|| author.serve());
            if let Some(serving) = &serving {
                let via = format!("http://{}", serving.address);
                let link = link.as_str().unwrap();
                follower.done(&["follow", link, "--via", &via, "--keep", "newest:1"]);
                follower.done(&["follow", link, "--keep", "all"]);
            }
            if command == ["sync"] {
                author.write(&format!("folder/{left}.new"), &noise(left + 1, 150_000));
                author.done(&publish);
                files += 1;
            }
            let filler = fill_but(&disk, left);
            let ran = machine.run(command);
            std::fs::remove_file(filler).unwrap();
            let at = format!("{left} bytes, {command:?}: {}", ran.err);
            assert!(matches!(ran.code, Some(0 | 3 | 6)), "{:?}: {at}", ran.code);
            if ran.code == Some(6) {
                met.insert((command, serving.is_some()));
            }
            let again = machine.run(command);
            assert_eq!(again.code, Some(0), "{at}\nagain: {}", again.err);
            assert_eq!(machine.run(&["verify"]).code, Some(0), "{at}");
        }
        // What a rebuild set aside is the person's to remove.
        remove_asides(&disk.data_dir());
        remove_asides(&disk.path().join("follower"));
    }
    assert_eq!(author.items().len(), files);
    assert_eq!(follower.items().len(), files);
    // Of those that write more than notes each has met it.
    let all = [publish.as_slice(), &export, &["rebuild"]].map(|command| (command, false));
    for one in all
        .into_iter()
        .chain([(["rebuild"].as_slice(), true), (&["sync"], true)])
    {
        assert!(met.contains(&one), "{one:?} of {met:?}");
    }
}

/// However often it is tried, the disk gets no fuller by it.
#[test]
fn rebuild_on_a_full_disk_sets_one_store_aside() {
    let Some(disk) = Disk::mount("128m") else {
        return;
    };
    let author = Machine::with_data_dir(disk.data_dir());
    for file in 0..400 {
        author.write(&format!("folder/{file:03}.bin"), &noise(file, 10_000));
    }
    author.done(&["publish", "folder"]);
    let asides = || {
        let names = std::fs::read_dir(disk.data_dir()).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let is_one = |name: &std::ffi::OsString| name.to_string_lossy().contains("store.broken");
        names.map(name).filter(is_one).count()
    };
    for left in [1 << 20, 2 << 20, 3 << 20, 0] {
        let filler = fill_but(&disk, left);
        for _ in 0..2 {
            author.run(&["rebuild"]).exits(6);
            assert!(asides() <= 1, "{} stores at {left}", asides());
        }
        std::fs::remove_file(filler).unwrap();
    }
    author.done(&["rebuild"]);
    assert_eq!((author.items().len(), asides()), (400, 1));
    let found = author.run(&["doctor", "--json"]).json().to_string();
    assert!(!found.contains("rebuild-unfinished"), "{found}");
}

#[test]
fn serve_whose_store_failed_serves_until_there_is_room_and_then_ends_to_be_started_again() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let (author, follower) = (Machine::new(), Machine::with_data_dir(disk.data_dir()));
    author.write("folder/first.txt", b"first");
    author.done(&["publish", "folder"]);
    let serving = author.serve();
    follower.done(&["follow", serving.link(), "--keep", "all"]);
    let mut following = follower.serve();
    let filler = fill_but(&disk, 0);
    for file in 0..60_u64 {
        author.write(&format!("folder/{file}.txt"), &noise(file, 700));
    }
    author.done(&["publish", "folder"]);
    let ran = follower.run(&["sync"]);
    assert_ne!(ran.code, Some(0), "{}", ran.err);
    // A restart would not help, and what is here is served on.
    assert!(!following.running.has_ended());
    std::fs::remove_file(filler).unwrap();
    let ended = following.running.end().exits(1);
    let said = format!("{}{}", String::from_utf8_lossy(&ended.out), ended.err);
    assert!(said.contains("store: a write failed"), "{said}");
    assert!(said.contains("start `levada serve` again"), "{said}");
    let _following = follower.serve();
    follower.done(&["sync"]);
    assert_eq!(follower.items().len(), 61);
}

#[test]
fn folder_that_may_not_be_written_is_told_with_7() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let author = Machine::with_data_dir(disk.data_dir());
    author.write("a.txt", b"a");
    author.done(&["publish", "a.txt"]);
    author.write("b.txt", b"b");
    let shown = author.done(&["key", "show", "--json"]).json();
    let link = shown["link"].as_str().unwrap().to_owned();
    disk.remount("ro");
    // What only reads settings needs no disk to write to.
    author.done(&["config", "check"]);
    for args in [
        ["publish", "b.txt"].as_slice(),
        &["ls"],
        &["sync"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["rebuild"],
        &["verify"],
        &["export", "static", "host"],
        &["retract", "main/1"],
        &["key", "take-over"],
        &["mirror", "add", "http://127.0.0.1:9"],
        &["pin", "main/1"],
        &["drop", "main/1", "--yes"],
        &["follow", &link],
        &["init", "--name", "other"],
        &["token", "--new"],
    ] {
        let ran = author.run(args).exits(7);
        says(&ran, "read-only");
        says(&ran, "hint: ");
    }
    let fresh = Machine::with_data_dir(disk.path().join("other"));
    says(&fresh.run(&["init"]).exits(7), "read-only");
    disk.remount("rw");
    author.done(&["publish", "b.txt"]);
    assert_eq!(author.items().len(), 2);

    let output = disk.path().join("out.txt");
    disk.remount("ro");
    let reader = Machine::new();
    reader.write("c.txt", b"c");
    reader.done(&["publish", "c.txt"]);
    let output = output.to_str().unwrap();
    says(
        &reader.run(&["get", "main/1", "-o", output]).exits(7),
        output,
    );
    says(
        &reader.run(&["prove", "main/1", "-o", output]).exits(7),
        output,
    );
}

#[test]
fn full_disk_ends_export_with_6_the_old_one_stays_whole_and_the_same_command_goes_on() {
    let Some(disk) = Disk::mount("16m") else {
        return;
    };
    let author = Machine::new();
    author.write("folder/first.bin", &noise(99, FILE_BYTES));
    author.done(&["publish", "folder"]);
    let site = disk.path().join("site");
    let site = site.to_str().unwrap();
    let exported = author.done(&["export", "static", site, "--json"]).json();
    let link = exported["feeds"][0]["link"].as_str().unwrap().to_owned();
    write_files(&author);
    author.done(&["publish", "folder"]);
    let ran = author.run(&["export", "static", site]).exits(6);
    says(&ran, &format!("{site}: the disk is full"));
    says(&ran, "hint: what was exported before is there");
    let host = levada_tests::Host::serve(&disk.path().join("site"), levada_tests::Manners::WEB);
    let items_of = |reader: &Machine| {
        let via = format!("{link}&via={}", host.url());
        reader.done(&["follow", &via, "--keep", "all", "--max-size", "1GiB"]);
        reader.items().len()
    };
    assert_eq!(items_of(&Machine::new()), 1);
    author.run(&["export", "static", site]).exits(6);
    disk.remount("size=256m");
    author.done(&["export", "static", site]);
    assert_eq!(items_of(&Machine::new()) as u64, FILES + 1);
}
