use super::scan::{CHECK_BYTES, PREFIX_BYTES};
use super::*;
use levada_feed::key::FeedSecret;
use levada_feed::limits::{INLINE_BYTES_MAX, RECORD_BYTES_MAX};
use levada_feed::log::AuthorLog;
use levada_feed::record::{self, Body, Profile, Record};

fn secret() -> FeedSecret {
    FeedSecret::from_bytes(&[4; 32])
}

/// A file of three appends: two records each, and a blob.
fn sample(path: &Path) -> Vec<Mark> {
    let mut log = AuthorLog::new(secret());
    let mut file = AuthorFile::create(path, &secret().feed_key()).unwrap();
    (0..3).map(|_| append(&mut log, &mut file)).collect()
}

fn append(log: &mut AuthorLog, file: &mut AuthorFile) -> Mark {
    for _ in 0..2 {
        let profile = Profile {
            name: format!("n{}", log.length()),
            ..Profile::default()
        };
        let record = Record {
            time: 1,
            salt: [0; 16],
            body: Body::Profile(Box::new(profile)),
        };
        log.append(record::write(&record, log.length()).unwrap())
            .unwrap();
    }
    let batch = log.sign(9).unwrap();
    let records: Vec<&[u8]> = batch
        .records()
        .iter()
        .map(|(_, bytes)| bytes.as_slice())
        .collect();
    file.append(&records, &[b"blob"], batch.head().unwrap())
        .unwrap()
}

/// Records, blobs and the last length that a replay gives.
fn replay(path: &Path, from: Option<Mark>) -> Result<(usize, usize, u64), AuthorError> {
    let (mut records, mut blobs, mut length) = (0, 0, 0);
    AuthorFile::open(path, &secret().feed_key(), from, &mut |frame| match frame {
        Frame::Record(_) => records += 1,
        Frame::Blob(bytes) => blobs += usize::from(bytes == b"blob"),
        Frame::Link(_) => panic!("no record is left out"),
        Frame::Head(head, mark) => {
            assert_eq!(head.body().length, mark.length);
            length = mark.length;
        }
    })?;
    Ok((records, blobs, length))
}

#[test]
fn replay_gives_everything_or_what_follows_a_mark() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    assert_eq!(replay(&path, None).unwrap(), (6, 3, 6));
    assert_eq!(replay(&path, Some(marks[0])).unwrap(), (4, 2, 6));
    assert_eq!(replay(&path, Some(marks[2])).unwrap(), (0, 0, 0));
}

/// The log as a replay leaves it, and the file, open.
fn reopen(path: &Path) -> (AuthorLog, AuthorFile) {
    let mut log = AuthorLog::new(secret());
    let file = AuthorFile::open(path, &secret().feed_key(), None, &mut |frame| match frame {
        Frame::Record(bytes) => log.replay(bytes.to_vec()).unwrap(),
        Frame::Head(head, _) => drop(log.replay_head(&head).unwrap()),
        Frame::Blob(_) | Frame::Link(_) => {}
    });
    (log, file.unwrap())
}

#[test]
fn file_cut_at_any_byte_keeps_every_whole_head_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let body = MAGIC.len() + 32 + PREFIX_BYTES + CHECK_BYTES;
    for cut in body..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let expected = marks.iter().rev().find(|mark| mark.offset <= cut as u64);
        let (records, _, length) = replay(&path, None).unwrap();
        assert_eq!(
            length,
            expected.map_or(0, |mark| mark.length),
            "cut at {cut}"
        );
        assert_eq!(
            records as u64, length,
            "records without a head are not given"
        );
        assert_eq!(std::fs::read(&path).unwrap(), whole[..cut], "cut at {cut}");
        if cut % 9 != 0 {
            continue;
        }
        let (mut log, mut file) = reopen(&path);
        let mark = append(&mut log, &mut file);
        assert_eq!(mark.length, length + 2);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), mark.offset);
        assert_eq!(replay(&path, None).unwrap().2, length + 2, "cut at {cut}");
    }
}

#[test]
fn what_was_acknowledged_is_in_every_longer_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    for mark in &marks {
        let start = mark.offset as usize;
        let ends = (start..start + 9).chain((start..whole.len()).step_by(31));
        for size in ends.filter(|size| *size <= whole.len()) {
            std::fs::write(&path, &whole[..size]).unwrap();
            assert!(
                replay(&path, None).unwrap().2 >= mark.length,
                "{size} bytes"
            );
        }
    }
}

#[test]
fn incomplete_ends_of_any_kind_are_left_out_and_cut_by_the_next_append() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let second = &whole[marks[1].offset as usize..];
    let tails = [
        vec![0; 70_000],
        vec![3; 5_000],
        vec![2, 255, 255, 0, 0, 1],
        vec![3, 0, 4, 0, 0],
        [&[0; 100], &second[..second.len() - 1]].concat(),
    ];
    for tail in tails {
        std::fs::write(&path, [whole.clone(), tail.clone()].concat()).unwrap();
        assert_eq!(replay(&path, None).unwrap(), (6, 3, 6));
        assert_eq!(replay(&path, Some(marks[0])).unwrap(), (4, 2, 6));
        assert_eq!(
            std::fs::read(&path).unwrap(),
            [whole.clone(), tail].concat()
        );
        let (mut log, mut file) = reopen(&path);
        let end = append(&mut log, &mut file).offset;
        assert_eq!(std::fs::metadata(&path).unwrap().len(), end);
        assert_eq!(std::fs::read(&path).unwrap()[..whole.len()], whole);
        assert_eq!(replay(&path, None).unwrap(), (8, 4, 8));
    }
}

#[test]
fn flipped_bits_in_the_last_append_give_the_head_before_it_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    for at in (marks[1].offset as usize..whole.len()).step_by(3) {
        let mut wrong = whole.clone();
        wrong[at] ^= 1 << (at % 8);
        std::fs::write(&path, &wrong).unwrap();
        let length = replay(&path, None)
            .map(|(_, _, length)| length)
            .unwrap_or(4);
        assert_eq!(length, 4, "byte {at}");
        assert_eq!(std::fs::read(&path).unwrap(), wrong, "byte {at}");
    }
}

#[test]
fn head_far_behind_damage_stops_signing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let at = marks[1].offset as usize;
    // Around the sizes in which the file is searched.
    for gap in [1, 65_000, 65_536 - 5, 65_536, 200_000] {
        let damaged = [&whole[..at], &vec![3; gap], &whole[at..]].concat();
        std::fs::write(&path, &damaged).unwrap();
        let opened = replay(&path, None);
        assert!(
            matches!(opened, Err(AuthorError::Damaged { offset, .. }) if offset == marks[1].offset),
            "{gap}: {opened:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn longest_head_behind_damage_is_named_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    // A copy of the whole file is a blob of a shorter one, behind damage and a whole head.
    let (start, rest) = whole.split_at(marks[0].offset as usize);
    let mut copy = Vec::new();
    put_frame(&mut copy, BLOB, &whole);
    let second = &rest[..(marks[1].offset - marks[0].offset) as usize];
    std::fs::write(&path, [start, &[0], second, &copy].concat()).unwrap();
    match replay(&path, None) {
        Err(AuthorError::Damaged { head, .. }) => {
            assert_eq!(head.unwrap().body().length, marks[2].length);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn header_in_the_middle_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let (start, rest) = whole.split_at(marks[0].offset as usize);
    let body = MAGIC.len() + 32 + PREFIX_BYTES + CHECK_BYTES;
    std::fs::write(&path, [start, &whole[..body], rest].concat()).unwrap();
    assert!(matches!(
        replay(&path, None),
        Err(AuthorError::Damaged { .. })
    ));
}

#[test]
fn marks_count_only_where_their_head_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let at = |mark| AuthorFile::head_at(&path, &secret().feed_key(), mark).unwrap();
    let has = |mark| at(mark).is_some();
    let near = marks
        .iter()
        .flat_map(|mark| mark.offset - 6..mark.offset + 6);
    for offset in near.chain([0, 1, 80, u64::MAX]) {
        for length in [0, 2, 4, 6] {
            let mark = Mark { offset, length };
            assert_eq!(has(mark), marks.contains(&mark), "{mark:?}");
            if !marks.contains(&mark) {
                let opened = replay(&path, Some(mark));
                assert!(
                    matches!(opened, Err(AuthorError::StaleMark { .. })),
                    "{mark:?}"
                );
            }
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[test]
fn what_could_not_be_read_again_is_not_appended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let (mut log, mut file) = reopen(&path);
    let batch = log.sign(10).unwrap();
    let head = batch.head().unwrap();
    let other = AuthorLog::new(FeedSecret::from_bytes(&[5; 32]));
    let mut other_log = other;
    let profile = Record {
        time: 1,
        salt: [0; 16],
        body: Body::Profile(Box::default()),
    };
    other_log
        .append(record::write(&profile, 0).unwrap())
        .unwrap();
    let other = other_log.sign(1).unwrap();
    let long_record = vec![0; RECORD_BYTES_MAX + 1];
    let long_blob = vec![0; INLINE_BYTES_MAX as usize + 1];
    for (records, blobs, head) in [
        (vec![long_record.as_slice()], vec![], head),
        (vec![], vec![long_blob.as_slice()], head),
        (vec![], vec![], other.head().unwrap()),
    ] {
        let refused = file.append(&records, &blobs, head);
        assert!(matches!(refused, Err(AuthorError::Unfit { .. })));
    }
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    let full_blob = vec![7; INLINE_BYTES_MAX as usize];
    file.append(&[], &[&full_blob], head).unwrap();
    assert_eq!(replay(&path, None).unwrap().2, 6);
}

#[test]
fn failed_write_ends_appending_until_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    sample(&path);
    let (mut log, mut file) = reopen(&path);
    // A file that is open for reading alone refuses the write.
    file.file = File::open(&path).unwrap();
    let batch = log.sign(10).unwrap();
    let head = batch.head().unwrap();
    assert!(matches!(
        file.append(&[], &[], head),
        Err(AuthorError::File { .. })
    ));
    file.file = OpenOptions::new().write(true).open(&path).unwrap();
    assert!(matches!(
        file.append(&[], &[], head),
        Err(AuthorError::Poisoned { .. })
    ));
    assert_eq!(replay(&path, None).unwrap(), (6, 3, 6));
}

#[test]
fn new_file_is_whole_private_and_never_takes_anothers_place() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    sample(&path);
    let whole = std::fs::read(&path).unwrap();
    assert!(AuthorFile::create(&path, &secret().feed_key()).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), whole);
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn damage_before_a_valid_head_is_named_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let body = MAGIC.len() + 32 + PREFIX_BYTES + CHECK_BYTES;
    for at in (body..marks[1].offset as usize).step_by(3) {
        let mut wrong = whole.clone();
        wrong[at] ^= 0x10;
        std::fs::write(&path, &wrong).unwrap();
        assert!(
            matches!(replay(&path, None), Err(AuthorError::Damaged { .. })),
            "byte {at}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), wrong);
    }
}

#[test]
fn another_feeds_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    sample(&path);
    let other = FeedSecret::from_bytes(&[5; 32]).feed_key();
    let opened = AuthorFile::open(&path, &other, None, &mut |_| {});
    assert!(matches!(opened, Err(AuthorError::Foreign { .. })));
}

#[test]
fn file_without_its_header_is_damaged_from_there_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let mut wrong = whole.clone();
    wrong[3] ^= 1;
    let zeros = vec![0; whole.len()];
    let body = MAGIC.len() + 32 + PREFIX_BYTES + CHECK_BYTES;
    let bare = whole[body..].to_vec();
    for (bytes, has_head) in [
        (wrong, true),
        (bare, true),
        (zeros, false),
        (Vec::new(), false),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        match replay(&path, None) {
            Err(AuthorError::Damaged {
                offset: 0, head, ..
            }) => assert_eq!(head.is_some(), has_head),
            other => panic!("{other:?}"),
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
