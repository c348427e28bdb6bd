//! What a rebuild takes over from the store that it sets aside, while nobody answers.

mod others;

use super::*;
use crate::api::{Call, Publish};
use crate::io::disk::Disk;
use crate::node::{append, call};
use levada_feed::hash::Hash;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::{AuthorLog, Batch};
use levada_feed::record::{self, Body, Item, Record};
use std::fs;
use tempfile::TempDir;
use tokio::sync::watch;

/// Files of the feed, each small.
const FILES: u64 = 60;
/// Records that came at once after those: a table of their own.
const RUN: u64 = 600;
const RECORDS: u64 = 1 + FILES + RUN;

/// In memory: here whole stores are copied again and again.
fn folder() -> TempDir {
    let made = tempfile::tempdir_in("/dev/shm");
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

fn options(data: &Path) -> Options {
    Options {
        data_dir: Some(data.to_owned()),
        ..Options::default()
    }
}

fn file(number: u64) -> String {
    format!("file {number} {}", "x".repeat(500))
}

fn run(options: &Options, asked: Call) -> (Answer, Vec<String>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (sender, mut events) = mpsc::channel(1);
        let (_stop, stopped) = watch::channel(false);
        let options = options.clone();
        let working = tokio::spawn(async move { call(&options, asked, sender, stopped).await });
        let (mut answered, mut warned) = (None, Vec::new());
        while let Some(event) = events.recv().await {
            match event {
                Event::Warning { message, .. } => warned.push(message),
                Event::Answer(answer) => answered = Some(*answer),
                _ => {}
            }
        }
        working.await.unwrap().unwrap();
        (answered.unwrap(), warned)
    })
}

/// A store with a feed of which neither the key nor the author's file is here: as a follower has it.
fn held() -> (TempDir, FeedKey) {
    let folder = folder();
    let options = options(&folder.path().join("data"));
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    for number in 0..FILES {
        fs::write(files.join(format!("{number:03}.txt")), file(number)).unwrap();
    }
    let publish = Publish {
        paths: vec![files],
        ..Publish::default()
    };
    run(&options, Call::Publish(Box::new(publish)));
    let item = |number: u64| {
        Body::Item(Box::new(Item {
            title: number.to_string(),
            text: Some("d".repeat(1_000)),
            ..Item::default()
        }))
    };
    append(&options, [(0..RUN).map(item).collect()], |_| ()).unwrap();
    let node = Node::open(&options).unwrap();
    let feed = node.disk.feeds()[0];
    assert_eq!(node.disk.held(&feed).count(), RECORDS);
    node.close().unwrap();
    drop(node);
    fs::remove_dir_all(folder.path().join("data/keys")).unwrap();
    follow(&folder.path().join("data"), &feed);
    (folder, feed)
}

/// The feed is followed, and nobody answers.
fn follow(data: &Path, feed: &FeedKey) {
    let source = format!(
        "[[source]]\nfeed = \"{feed}\"\nnickname = \"ana\"\nvia = [\"http://127.0.0.1:9\"]\nkeep = \"all\"\nmax_size = \"1GiB\"\nadded = 1\n"
    );
    let sources = Dirs::find(Some(data)).unwrap().sources();
    fs::create_dir_all(sources.parent().unwrap()).unwrap();
    fs::write(sources, source).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// What is in a store: records that are as their author made them, and files.
fn whole(data: &Path, feed: &FeedKey) -> (u64, u64) {
    let node = Node::open(&options(data)).unwrap();
    let (mut records, mut before) = (0, None);
    let mut links = Vec::new();
    for index in 0..RECORDS {
        links.push(node.disk.link(feed, index).unwrap());
    }
    node.disk
        .records(feed, 0..u64::MAX, &mut |index, bytes| {
            let link = links[usize::try_from(index).unwrap()].unwrap();
            before = index
                .checked_sub(1)
                .and_then(|before| links[usize::try_from(before).unwrap()]);
            levada_feed::chain::check_record(feed, index, before.as_ref(), &link, bytes).unwrap();
            records += 1;
            true
        })
        .unwrap();
    assert_eq!(node.disk.held(feed).count(), records);
    let is_here = |number: &u64| {
        let bytes = file(*number);
        node.disk.small(&Hash::of(bytes.as_bytes())).unwrap() == Some(bytes.into_bytes())
    };
    let files = (0..FILES).filter(is_here).count() as u64;
    node.close().unwrap();
    (records, files)
}

fn largest_in(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder)
        .ok()?
        .map(|entry| entry.unwrap().path());
    files.max_by_key(|path| fs::metadata(path).unwrap().len())
}

/// Damage to one keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    /// Its list of tables is nonsense.
    List,
    /// Its tables are gone.
    Tables,
    /// One byte of its largest table is another one.
    Byte,
}

fn keyspace(data: &Path, number: u32) -> PathBuf {
    data.join("store/keyspaces").join(number.to_string())
}

/// Harms a keyspace of a store that was closed; its journal, which has all of it too, is gone.
fn harm(data: &Path, number: u32, how: Harm) {
    fs::remove_file(data.join("store/0.jnl")).unwrap();
    let folder = keyspace(data, number);
    match how {
        Harm::List => fs::write(folder.join("current"), [7; 20]).unwrap(),
        Harm::Tables => fs::remove_dir_all(folder.join("tables")).unwrap(),
        Harm::Byte => {
            let table = largest_in(&folder.join("tables")).unwrap();
            let mut bytes = fs::read(&table).unwrap();
            let middle = bytes.len() / 3;
            bytes[middle] ^= 1;
            fs::write(&table, bytes).unwrap();
        }
    }
}

fn rebuilt(data: &Path) -> (Rebuilt, Vec<String>) {
    match run(&options(data), Call::Rebuild(Rebuild::default())) {
        (Answer::Rebuilt(rebuilt), warned) => (rebuilt, warned),
        (answer, _) => panic!("{answer:?}"),
    }
}

/// What is left after damage to one keyspace: all, but what was in it and what cannot be proven without.
fn left_after(
    how: Harm,
    number: u32,
) -> (std::ops::RangeInclusive<u64>, std::ops::RangeInclusive<u64>) {
    let (records, files) = (RECORDS..=RECORDS, FILES..=FILES);
    match (how, number) {
        // Single records, and with them the names of the files.
        (Harm::List | Harm::Tables, 4) => (RUN..=RUN, 0..=0),
        (Harm::Byte, 4) => (RECORDS - 40..=RECORDS - 1, FILES - 40..=FILES - 1),
        (Harm::List | Harm::Tables, 5) => (1 + FILES..=1 + FILES, files),
        (Harm::Byte, 5) => (RECORDS - 10..=RECORDS - 1, files),
        (Harm::List | Harm::Tables, 10) => (records, 0..=0),
        (Harm::Byte, 10) => (records, FILES - 10..=FILES - 1),
        _ => (records, files),
    }
}

fn check(number: u32, how: Harm, held: &(TempDir, FeedKey)) {
    let (folder, feed) = held;
    let data = folder.path().join(format!("{how:?}-{number}"));
    copy(&folder.path().join("data"), &data);
    harm(&data, number, how);
    let (_, warned) = rebuilt(&data);
    let (records, files) = whole(&data, feed);
    let (left_records, left_files) = left_after(how, number);
    let found = format!("{how:?} of {number}: {records} records, {files} files, {warned:?}");
    assert!(left_records.contains(&records), "{found}");
    assert!(left_files.contains(&files), "{found}");
    assert!(!data.join(".salvage-store").exists(), "{found}");
    let is_told = warned
        .iter()
        .any(|warning| warning.contains("cannot be read: "));
    // A keyspace that is not read is not missed; of a small table a byte may be what all of it hangs on.
    let is_read = [1, 2, 3, 4, 5, 6, 7, 10].contains(&number);
    match how {
        Harm::Byte if [4, 5, 10].contains(&number) => assert!(!is_told, "{found}"),
        Harm::Byte => assert!(is_read || !is_told, "{found}"),
        Harm::List | Harm::Tables => assert_eq!(is_told, is_read, "{found}"),
    }
}

/// Keyspaces are named by their numbers in the order of `Disk`.
#[test]
fn rebuild_takes_over_what_damaged_lists_of_tables_leave() {
    let held = held();
    assert_eq!(
        whole(&held.0.path().join("data"), &held.1),
        (RECORDS, FILES)
    );
    [0, 1, 2, 4, 6, 10]
        .into_iter()
        .for_each(|number| check(number, Harm::List, &held));
}

#[test]
fn rebuild_takes_over_what_tables_that_are_gone_leave() {
    let held = held();
    [3, 5, 7, 8, 13]
        .into_iter()
        .for_each(|number| check(number, Harm::Tables, &held));
}

#[test]
fn rebuild_takes_over_what_a_wrong_byte_leaves() {
    let held = held();
    let has_tables = |number: &u32| {
        let tables = keyspace(&held.0.path().join("data"), *number).join("tables");
        largest_in(&tables).is_some()
    };
    let numbers: Vec<u32> = (0..=13).filter(has_tables).collect();
    assert!(numbers.len() > 10, "{numbers:?}");
    numbers
        .into_iter()
        .for_each(|number| check(number, Harm::Byte, &held));
}

#[test]
fn rebuild_takes_over_from_a_journal_up_to_its_damage() {
    let (folder, feed) = held();
    let data = folder.path().join("data");
    let node = Node::open(&options(&data)).unwrap();
    drop(node);
    for number in 0..=13 {
        // As if nothing had become a table yet, but the run, which never goes through the journal.
        if number != 5 {
            fs::remove_dir_all(keyspace(&data, number)).unwrap();
        }
    }
    let journal = data.join("store/0.jnl");
    let mut bytes = fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end - 100] ^= 1;
    fs::write(&journal, bytes).unwrap();
    rebuilt(&data);
    let (records, files) = whole(&data, &feed);
    assert!(records > FILES && files == FILES, "{records} {files}");
}

#[test]
fn rebuild_that_was_killed_takes_over_from_the_store_before_too() {
    let (folder, feed) = held();
    let data = folder.path().join("data");
    // It was set aside, and the new store had got nothing yet.
    fs::rename(data.join("store"), data.join("store.broken-2020-02-29")).unwrap();
    Node::open(&options(&data)).unwrap().close().unwrap();
    // What was left of the copy that it read.
    fs::create_dir(data.join(".salvage-store")).unwrap();
    let (answer, _) = rebuilt(&data);
    assert_eq!(answer.taken, RECORDS);
    assert_eq!(whole(&data, &feed), (RECORDS, FILES));
    // What is here is not taken twice.
    let (answer, _) = rebuilt(&data);
    assert_eq!(answer.taken, RECORDS);
    assert_eq!(whole(&data, &feed), (RECORDS, FILES));
}

#[test]
fn stores_that_were_set_aside_are_looked_at_from_the_newest_on() {
    let folder = folder();
    let names = [
        "2026-11-29-2",
        "2026-11-29-10",
        "2026-11-29",
        "2026-12-01",
        "2026-11-30-x",
    ];
    for name in names {
        fs::create_dir(folder.path().join(format!("{SET_ASIDE}{name}"))).unwrap();
    }
    let found = set_aside_stores(&folder.path().join("store"));
    let name =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap()[SET_ASIDE.len()..].to_owned();
    let found: Vec<String> = found.iter().map(name).collect();
    assert_eq!(
        found,
        ["2026-12-01", "2026-11-29-10", "2026-11-29-2", "2026-11-29"]
    );
}

fn append_to(log: &mut AuthorLog, title: &str) -> Batch {
    let item = Item {
        title: title.into(),
        ..Item::default()
    };
    let record = Record {
        time: 5,
        salt: [1; 16],
        body: Body::Item(Box::new(item)),
    };
    log.append(record::write(&record, log.length()).unwrap())
        .unwrap();
    log.sign(log.length()).unwrap()
}

/// A node that had verified these batches, and then lost its store.
fn remembering(batches: &[Batch]) -> TempDir {
    let folder = folder();
    let node = Node::open(&options(folder.path())).unwrap();
    for batch in batches {
        node.remember_head(batch.head()).unwrap();
    }
    node.close().unwrap();
    drop(node);
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    follow(folder.path(), &FeedSecret::from_bytes(&[7; 32]).feed_key());
    folder
}

/// Two machines wrote the feed: the store that was set aside may have what the other one signed.
#[test]
fn store_of_another_history_than_what_was_verified_is_not_taken() {
    let secret = || FeedSecret::from_bytes(&[7; 32]);
    let feed = secret().feed_key();
    let write = |titles: &[&str]| -> Vec<Batch> {
        let mut log = AuthorLog::new(secret());
        titles
            .iter()
            .map(|title| append_to(&mut log, title))
            .collect()
    };
    let ours = write(&["one", "two"]);
    for (titles, taken, is_fork) in [
        (&["one", "other"][..], 0, true),
        (&["one", "other", "more"], 0, false),
        (&["one", "two"], 2, false),
        (&["one", "two", "three"], 3, false),
        // It was behind when it was set aside.
        (&["one"], 1, false),
    ] {
        let folder = remembering(&ours);
        let store = Disk::open(&folder.path().join("store")).unwrap();
        for batch in write(titles) {
            store.commit(&batch).unwrap();
        }
        store.close().unwrap();
        drop(store);
        let (answer, warned) = rebuilt(folder.path());
        assert_eq!(answer.taken, taken, "{titles:?} {warned:?}");
        let node = Node::open(&options(folder.path())).unwrap();
        assert_eq!(node.disk.held(&feed).count(), taken, "{titles:?}");
        assert_eq!(node.is_disputed(&feed).unwrap(), is_fork, "{titles:?}");
        let remembered = node.remembered(&feed).unwrap().body().length;
        assert_eq!(remembered, taken.max(2), "{titles:?}");
    }
}
