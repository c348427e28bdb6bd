//! Journals as a kill leaves them, whole and damaged in each way.

use super::*;
use crate::io::disk::Disk;
use fjall::AbstractTree as _;

fn put(disk: &Disk, number: u32) {
    let name = number.to_be_bytes().to_vec();
    disk.put_notes([(name, vec![7; 500])]).unwrap();
}

fn notes(disk: &Disk) -> usize {
    let held = |number: &u32| disk.note(&number.to_be_bytes()).unwrap().is_some();
    (0..100).filter(held).count()
}

/// Bytes of a journal in these tests: more than is written, so that zeros come behind it.
const JOURNAL: usize = 96 << 10;

/// A store as a kill leaves it: 100 notes in the journal, and the tables that `tables` says are written.
fn killed(tables: impl Fn(&Disk)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(&folder.path().join("store")).unwrap();
    (0..100).for_each(|number| put(&disk, number));
    tables(&disk);
    // Without `close` no memory table is written.
    drop(disk);
    cut(&folder.path().join("store/0.jnl"), JOURNAL);
    folder
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        match path.is_dir() {
            true => copy_all(&path, &to),
            false => drop(std::fs::copy(&path, &to).unwrap()),
        }
    }
}

fn open(folder: &tempfile::TempDir) -> Result<Disk, StoreError> {
    Disk::open(&folder.path().join("store"))
}

#[track_caller]
fn is_damaged(folder: &tempfile::TempDir, said: &str) {
    match open(folder) {
        Err(StoreError::Damaged { what, .. }) => assert_eq!(what, said),
        other => panic!("{:?}", other.map(drop)),
    }
}

/// The bytes of its entries, and the file.
fn journal(folder: &tempfile::TempDir, number: u32) -> (usize, PathBuf) {
    let path = folder.path().join(format!("store/{number}.jnl"));
    let bytes = std::fs::read(&path).unwrap();
    (bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1, path)
}

fn cut(path: &Path, size: usize) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(size as u64).unwrap();
}

fn write_notes(disk: &Disk) {
    disk.notes.rotate_memtable().unwrap();
    while disk.notes.tree.sealed_memtable_count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn all_of_a_journal_is_read() {
    let folder = killed(|_| {});
    let store = folder.path().join("store");
    let (_, path) = journal(&folder, 0);
    let Found { last, broken_at } = read(&path).unwrap();
    assert_eq!(broken_at, None);
    let disk = open(&folder).unwrap();
    assert_eq!(disk.notes.tree.get_highest_seqno(), last);
    assert_eq!(notes(&disk), 100);
    drop(disk);
    let is_first = true;
    let looked = Journal::look(&store).unwrap();
    assert_eq!(looked, Journal::Needed { last, is_first });
    let none = Journal::look(&folder.path().join("none")).unwrap();
    assert_eq!(none, Journal::Spare);
}

/// What becomes of a journal.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Gone,
    Cut(usize),
    /// One bit, so many thousandths in.
    Bit(usize),
    /// So many bytes from 20,000 on are these.
    Bytes(usize, u8),
}

const HARMS: [Harm; 10] = [
    Harm::Gone,
    Harm::Cut(0),
    Harm::Cut(20_000),
    Harm::Bit(0),
    Harm::Bit(100),
    Harm::Bit(500),
    Harm::Bit(900),
    Harm::Bytes(300, 0),
    Harm::Bytes(20_000, 0),
    Harm::Bytes(2_000, 0xa5),
];

fn harm_journal(path: &Path, harm: Harm) {
    let mut bytes = std::fs::read(path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    match harm {
        Harm::Gone => return std::fs::remove_file(path).unwrap(),
        Harm::Cut(size) => bytes.truncate(size),
        Harm::Bit(at) => bytes[end * at / 1_000] ^= 4,
        Harm::Bytes(count, byte) => bytes[20_000..20_000 + count].fill(byte),
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn store_that_was_closed_needs_no_journal_until_it_is_opened_again() {
    for harm in HARMS {
        let folder = killed(|_| {});
        open(&folder).unwrap().close().unwrap();
        harm_journal(&folder.path().join("store/0.jnl"), harm);
        let disk = open(&folder).unwrap();
        assert_eq!((notes(&disk), disk.notes.iter().count()), (100, 100));
        put(&disk, 0);
        put(&disk, 100);
        drop(disk);
        // What was written since is newer than what was there.
        let disk = open(&folder).unwrap();
        assert_eq!(disk.notes.iter().count(), 101, "{harm:?}");
        assert!(disk.notes.tree.get_highest_seqno() > Some(100), "{harm:?}");
    }
    // It was opened, and is not closed.
    let folder = killed(|_| {});
    open(&folder).unwrap().close().unwrap();
    drop(open(&folder).unwrap());
    cut(&folder.path().join("store/0.jnl"), 20_000);
    is_damaged(&folder, "its tables are newer than its journal");
}

#[test]
fn end_of_the_newest_journal_that_was_cut_loses_the_end_alone() {
    for zeros in [false, true] {
        let folder = killed(|_| {});
        let (len, path) = journal(&folder, 0);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(len / 2);
        bytes.resize(if zeros { len } else { len / 2 }, 0);
        std::fs::write(&path, bytes).unwrap();
        let disk = open(&folder).unwrap();
        let held = notes(&disk);
        assert!((40..60).contains(&held), "{held}");
        assert!(disk.note(&0_u32.to_be_bytes()).unwrap().is_some());
    }
}

/// Makes zeros of bytes within the value of the write in the middle, as a loss of power can.
fn tear(folder: &tempfile::TempDir) {
    let (len, path) = journal(folder, 0);
    let mut bytes = std::fs::read(&path).unwrap();
    let values = bytes[..len].windows(500);
    let at = values.enumerate().skip(len / 2);
    let (at, _) = at
        .into_iter()
        .find(|(_, value)| value.iter().all(|byte| *byte == 7))
        .unwrap();
    bytes[at + 100..at + 300].fill(0);
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn write_that_lacks_bytes_in_its_middle_ends_the_newest_journal() {
    let folder = killed(|_| {});
    tear(&folder);
    let disk = open(&folder).unwrap();
    let held = notes(&disk);
    assert!((40..60).contains(&held), "{held}");
    put(&disk, 99);
    drop(disk);
    assert_eq!(
        notes(&open(&folder).unwrap()),
        held + 1,
        "it goes on behind that"
    );
    // Not where tables or later journals have what came after it.
    let folder = killed(write_notes);
    tear(&folder);
    is_damaged(&folder, "its tables are newer than its journal");
    let folder = killed(|_| {});
    File::create_new(folder.path().join("store/1.jnl")).unwrap();
    tear(&folder);
    is_damaged(&folder, "a part of its journal cannot be read");
}

#[test]
fn journal_that_lacks_what_tables_have_is_told() {
    let folder = killed(write_notes);
    let (len, path) = journal(&folder, 0);
    cut(&path, len / 2);
    is_damaged(&folder, "its tables are newer than its journal");
    let folder = killed(write_notes);
    let (_, path) = journal(&folder, 0);
    cut(&path, 0);
    is_damaged(&folder, "its tables are newer than its journal");
    std::fs::remove_file(&path).unwrap();
    is_damaged(&folder, "its journal is gone");
}

#[test]
fn older_journal_that_is_not_whole_is_told() {
    let older = || {
        let folder = killed(|_| {});
        File::create_new(folder.path().join("store/1.jnl")).unwrap();
        folder
    };
    let whole = older();
    assert_eq!(notes(&open(&whole).unwrap()), 100);
    let folder = older();
    let (len, path) = journal(&folder, 0);
    cut(&path, len - 1);
    is_damaged(&folder, "a part of its journal cannot be read");
    let folder = older();
    let (len, path) = journal(&folder, 0);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[len / 3..len / 2].fill(0);
    std::fs::write(&path, bytes).unwrap();
    is_damaged(&folder, "a part of its journal cannot be read");
    let folder = older();
    let store = folder.path().join("store");
    std::fs::rename(store.join("1.jnl"), store.join("2.jnl")).unwrap();
    is_damaged(&folder, "a part of its journal is gone");
    std::fs::remove_file(store.join("version")).unwrap();
    is_damaged(&folder, "the file with its version is gone");
}

#[test]
fn bits_that_are_others_anywhere_in_the_journal_never_end_the_process() {
    let whole = killed(|_| {});
    for seed in 0..40_usize {
        let folder = tempfile::tempdir().unwrap();
        copy_all(whole.path(), folder.path());
        let (len, path) = journal(&folder, 0);
        let mut bytes = std::fs::read(&path).unwrap();
        // Dense where frames are: the second half of a batch is its value.
        let at = seed * 7_919 % 700.min(len);
        bytes[at] ^= 1 << (seed % 8);
        std::fs::write(&path, bytes).unwrap();
        match open(&folder) {
            Ok(disk) => drop(notes(&disk)),
            Err(StoreError::Damaged { .. } | StoreError::Database(_)) => {}
            Err(other) => panic!("{at}: {other}"),
        }
    }
}
