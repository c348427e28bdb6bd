//! Stores that lost records, stores of other times, and what must not go or come because of them.

use super::*;
use std::collections::BTreeSet;

fn item(title: &str) -> Body {
    Body::Item(Box::new(Item {
        title: title.into(),
        ..Item::default()
    }))
}

fn items(count: u64) -> Vec<Body> {
    (0..count).map(|number| item(&number.to_string())).collect()
}

/// An own feed with one file.
fn own(folder: &TempDir, bytes: &[u8]) -> (Options, FeedKey) {
    let options = options(&folder.path().join("data"));
    let files = folder.path().join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("a.bin"), bytes).unwrap();
    let publish = Publish {
        paths: vec![files],
        ..Publish::default()
    };
    run(&options, Call::Publish(Box::new(publish)));
    let node = Node::open(&options).unwrap();
    let feed = node.disk.feeds()[0];
    node.close().unwrap();
    (options, feed)
}

/// What was an own feed is one that is followed.
fn given_up(options: &Options, feed: &FeedKey) {
    let data = options.data_dir.as_ref().unwrap();
    fs::remove_dir_all(data.join("keys")).unwrap();
    follow(data, feed);
}

fn blobs(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(blobs(&entry.path())),
            false => _ = found.insert(entry.path()),
        }
    }
    found
}

/// Wants room for a file that is a little larger than what is free.
fn want_room(options: &Options) {
    let node = Node::open(options).unwrap();
    node.sweep(&|| false).unwrap();
    let room = node.room().unwrap();
    let free = room.free.saturating_sub(room.reserve());
    node.has_room_for_own(free + 20_000).unwrap();
    node.close().unwrap();
}

/// The record that names an own or a pinned file was lost: nobody can tell that the file is one.
#[test]
fn file_whose_record_was_lost_is_not_evicted() {
    for is_own in [true, false] {
        let folder = folder();
        let (options, feed) = own(&folder, file(1).repeat(100).as_bytes());
        let node = Node::open(&options).unwrap();
        let path = own::author_path(&node, "main");
        node.disk.spoil_record(&feed, 1);
        node.close().unwrap();
        drop(node);
        fs::remove_file(&path).unwrap();
        if !is_own {
            given_up(&options, &feed);
            let dirs = Dirs::find(options.data_dir.as_deref()).unwrap();
            let pin = format!("[[pin]]\nfeed = \"{feed}\"\n");
            fs::write(dirs.pins(), pin).unwrap();
        }
        let data = options.data_dir.clone().unwrap();
        let before = blobs(&data.join("blobs"));
        let (_, warned) = rebuilt(&data);
        let is_told = |warning: &String| warning.contains("1 records of the old store could not");
        assert!(warned.iter().any(is_told), "{warned:?}");
        want_room(&options);
        assert_eq!(blobs(&data.join("blobs")), before, "own: {is_own}");
    }
}

/// The database merges tables as soon as it opens, meets the wrong block and writes nothing more.
#[test]
fn merge_that_is_due_does_not_hinder_the_making_of_a_list() {
    let folder = folder();
    let (options, feed) = own(&folder, b"a");
    append(&options, [items(2_000)], |_| ()).unwrap();
    let data = options.data_dir.clone().unwrap();
    let table = largest_in(&keyspace(&data, 6).join("tables")).unwrap();
    let mut bytes = fs::read(&table).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    fs::write(&table, bytes).unwrap();
    for _ in 0..4 {
        // In the end the store fails.
        let _ = append(&options, [items(1)], |_| ());
    }
    let disk = Disk::open(&data.join("store")).unwrap();
    let held = disk.held(&feed).count();
    drop(disk);
    given_up(&options, &feed);
    assert!(held > 2_000);
    assert_eq!(rebuilt(&data).0.taken, held);
}

#[test]
fn records_between_those_that_were_dropped_are_taken_together() {
    let folder = folder();
    let (options, feed) = own(&folder, b"a");
    append(&options, [items(3_000)], |_| ()).unwrap();
    given_up(&options, &feed);
    let data = options.data_dir.clone().unwrap();
    let disk = Disk::open(&data.join("store")).unwrap();
    let gone: BTreeSet<u64> = (1..3_000).filter(|index| index % 2 == 0).collect();
    disk.drop_retracted(&feed, &gone).unwrap();
    let held = disk.held(&feed);
    disk.close().unwrap();
    drop(disk);
    assert_eq!(rebuilt(&data).0.taken, held.count());
    let node = Node::open(&options).unwrap();
    assert_eq!(node.disk.held(&feed).to_bytes(), held.to_bytes());
}

#[test]
fn feed_that_was_given_up_since_does_not_come_back() {
    let (folder, feed) = held();
    let data = folder.path().join("data");
    assert_eq!(rebuilt(&data).0.taken, RECORDS);
    fs::remove_file(Dirs::find(Some(&data)).unwrap().sources()).unwrap();
    assert_eq!(rebuilt(&data).0.taken, 0);
    let node = Node::open(&options(&data)).unwrap();
    assert!(node.disk.held(&feed).is_empty());
}

#[test]
fn older_store_helps_where_the_newest_lost_its_records() {
    let folder = folder();
    let (options, feed) = own(&folder, b"a");
    let data = options.data_dir.clone().unwrap();
    append(&options, [items(1_998)], |_| ()).unwrap();
    copy(&data.join("store"), &data.join("store.broken-2020-02-29"));
    append(&options, [items(700)], |_| ()).unwrap();
    given_up(&options, &feed);
    harm(&data, 4, Harm::List);
    let (answer, warned) = rebuilt(&data);
    assert_eq!(answer.taken, 2_000, "{warned:?}");
    let lacking = warned.iter().any(|warning| warning.contains("700 records"));
    assert!(lacking, "{warned:?}");
}
