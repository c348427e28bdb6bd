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
    fs::write(Dirs::find(Some(&data)).unwrap().sources(), b"").unwrap();
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

/// How many stores were set aside.
fn aside(data: &Path) -> usize {
    set_aside_stores(&data.join("store")).len()
}

/// A rebuild began with this store, and was killed.
fn begin(data: &Path) {
    let disk = Disk::open(&data.join("store")).unwrap();
    disk.put_notes([(BEGUN.to_vec(), OF_HERE.to_vec())])
        .unwrap();
    disk.close().unwrap();
}

fn is_told_unfinished(data: &Path) -> bool {
    match run(&options(data), Call::Doctor).0 {
        Answer::Diagnosis(found) => found
            .findings
            .iter()
            .any(|finding| finding.kind == "rebuild-unfinished"),
        answer => panic!("{answer:?}"),
    }
}

/// Else a full disk would have one more store on it after each attempt.
#[test]
fn rebuild_that_did_not_end_goes_on_in_its_store() {
    let (folder, feed) = held();
    let data = folder.path().join("data");
    let first = data.join("store.broken-2020-02-29");
    fs::rename(data.join("store"), &first).unwrap();
    begin(&data);
    assert!(is_told_unfinished(&data));
    let (answer, _) = rebuilt(&data);
    assert_eq!((answer.taken, aside(&data)), (RECORDS, 1));
    assert_eq!(answer.set_aside, Some(first));
    assert_eq!(whole(&data, &feed), (RECORDS, FILES));
    assert!(!is_told_unfinished(&data));
    // One that ended is set aside as always.
    assert_eq!(rebuilt(&data).0.taken, RECORDS);
    assert_eq!(aside(&data), 2);
}

#[test]
fn rebuild_that_did_not_end_and_was_damaged_is_set_aside() {
    let (folder, feed) = held();
    let data = folder.path().join("data");
    copy(&data.join("store"), &data.join("store.broken-2020-02-29"));
    begin(&data);
    harm(&data, 4, Harm::Byte);
    let (answer, _) = rebuilt(&data);
    assert_eq!((answer.taken, aside(&data)), (RECORDS, 2));
    assert_eq!(whole(&data, &feed), (RECORDS, FILES));
}

#[test]
fn own_feed_that_is_there_in_part_goes_on() {
    let folder = folder();
    let (options, feed) = own(&folder, b"a");
    let data = options.data_dir.clone().unwrap();
    append(&options, [items(5)], |_| ()).unwrap();
    copy(&data.join("store"), &folder.path().join("part"));
    append(&options, [items(7), items(3)], |_| ()).unwrap();
    let sums = || {
        let node = Node::open(&options).unwrap();
        let rows = node.disk.rebuild_rows(&feed, &mut |_| ()).unwrap();
        let held = node.disk.held(&feed).to_bytes();
        let head = node
            .disk
            .head(&feed)
            .unwrap()
            .unwrap()
            .body_bytes()
            .to_vec();
        let uses = node.named_by(&Hash::of(b"a")).unwrap().len();
        node.close().unwrap();
        (rows, held, head, uses)
    };
    let before = sums();
    for is_behind in [true, false] {
        fs::rename(
            data.join("store"),
            data.join(format!(
                "store.broken-2020-02-{:02}",
                28 + usize::from(is_behind)
            )),
        )
        .unwrap();
        let from = match is_behind {
            true => folder.path().join("part"),
            false => data.join("store.broken-2020-02-28"),
        };
        copy(&from, &data.join("store"));
        begin(&data);
        let (answer, _) = rebuilt(&data);
        assert_eq!(answer.own[0].error, None);
        assert_eq!(answer.own[0].records, 17);
        assert_eq!(sums(), before, "{is_behind}");
    }
}
