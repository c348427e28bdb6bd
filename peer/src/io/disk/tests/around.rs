//! A table with a wrong byte: what cannot be read any more.

use super::*;
use std::fs;

const LENGTH: u64 = 400;

/// A store whose largest table of single records has a wrong byte, and no journal that has them too.
fn damaged(folder: &Path) -> Disk {
    let store = folder.join("store");
    let disk = Disk::open(&store).unwrap();
    let mut log = AuthorLog::new(secret());
    for _ in 0..LENGTH / 50 {
        for _ in 0..50 {
            append(&mut log, item(&"x".repeat(300), None));
        }
        disk.commit(&log.sign(log.length()).unwrap()).unwrap();
    }
    disk.close().unwrap();
    drop(disk);
    fs::remove_file(store.join("0.jnl")).unwrap();
    // Keyspaces are named by their numbers in the order of `Disk`.
    let tables = fs::read_dir(store.join("keyspaces/4/tables")).unwrap();
    let tables = tables.map(|entry| entry.unwrap().path());
    let table = tables.max_by_key(|path| fs::metadata(path).unwrap().len());
    let table = table.unwrap();
    let mut bytes = fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(table, bytes).unwrap();
    Disk::open(&store).unwrap()
}

#[test]
fn records_that_cannot_be_read_are_let_go_of_unless_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let disk = damaged(folder.path());
    let feed = secret().feed_key();
    let held = || disk.held(&feed).count();
    assert_eq!(held(), LENGTH);
    assert_eq!(disk.let_go_unreadable(&feed, &|| true).unwrap(), 0);
    assert_eq!(held(), LENGTH);
    let lost = disk.let_go_unreadable(&feed, &|| false).unwrap();
    assert!((1..50).contains(&lost), "{lost}");
    assert_eq!(held(), LENGTH - lost);
    let mut read = 0;
    disk.records(&feed, 0..LENGTH, &mut |_, _| {
        read += 1;
        true
    })
    .unwrap();
    assert_eq!(read, LENGTH - lost);
    assert_eq!(disk.let_go_unreadable(&feed, &|| false).unwrap(), 0);
}
