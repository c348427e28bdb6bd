use super::*;
use crate::io::author::Frame;
use crate::io::fault::Plan;
use levada_feed::key::FeedSecret;
use levada_feed::log::{AuthorLog, Batch};
use levada_feed::record::{self, Body, Profile, Record};
use std::path::PathBuf;

fn secret() -> FeedSecret {
    FeedSecret::from_bytes(&[4; 32])
}

/// So many more records, signed.
fn grow(log: &mut AuthorLog, count: u64) -> Batch {
    for _ in 0..count {
        let profile = Profile {
            name: format!("n{}", log.length()),
            ..Profile::default()
        };
        let record = Record {
            time: 1,
            salt: [0; 16],
            body: Body::Profile(Box::new(profile)),
        };
        let bytes = record::write(&record, log.length()).unwrap();
        log.append(bytes).unwrap();
    }
    log.sign(9).unwrap()
}

fn put_all(batch: &Batch, to: &mut Writer<'_>) -> Result<(), AuthorError> {
    let records = batch.records();
    for (index, bytes) in records {
        let link = || {
            let leaf = &batch.leaves().iter().find(|(leaf, _)| *leaf == index / 32);
            let at = usize::try_from(index % 32).unwrap() * 32;
            Hash::from_slice(&leaf.unwrap().1[at..at + 32]).unwrap()
        };
        // Of every third one only the link hash is known.
        match index % 3 {
            1 => to.put(Part::Link(link()))?,
            _ => to.put(Part::Record(bytes))?,
        }
    }
    to.put(Part::Blob(b"blob"))
}

/// Replays a file: its log, and (records, link hashes, blobs).
fn replay(path: &Path) -> Result<(AuthorLog, [usize; 3]), AuthorError> {
    let mut log = AuthorLog::new(secret());
    let mut counts = [0; 3];
    AuthorFile::open(path, &secret().feed_key(), None, &mut |frame| match frame {
        Frame::Record(bytes) => {
            counts[0] += 1;
            log.replay(bytes.to_vec()).unwrap();
        }
        Frame::Link(link) => {
            counts[1] += 1;
            log.replay_link(link).unwrap();
        }
        Frame::Blob(_) => counts[2] += 1,
        Frame::Head(head, _) => drop(log.replay_head(&head).unwrap()),
    })?;
    Ok((log, counts))
}

/// A file of three records, and what is taken over after them: 100 more.
fn taken_over(folder: &Path) -> (PathBuf, u64, Head) {
    let path = folder.join("a.feed");
    let mut log = AuthorLog::new(secret());
    let mut file = AuthorFile::create(&path, &secret().feed_key()).unwrap();
    let batch = grow(&mut log, 3);
    let records: Vec<&[u8]> = batch.records().iter().map(|(_, r)| r.as_slice()).collect();
    let mark = file.append(&records, &[], batch.head().unwrap()).unwrap();
    let batch = grow(&mut log, 100);
    let head = batch.head().unwrap().clone();
    file.append_many(&head, |to| put_all(&batch, to)).unwrap();
    (path, mark.offset, head)
}

#[test]
fn what_is_taken_over_is_replayed_with_the_link_hashes_of_records_that_nobody_gave() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _, head) = taken_over(folder.path());
    let (log, counts) = replay(&path).unwrap();
    assert_eq!((log.length(), log.root()), (103, head.body().root));
    assert_eq!(counts, [70, 33, 1]);
}

#[test]
fn file_killed_at_any_byte_of_a_taking_over_is_what_it_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let (path, before, _) = taken_over(folder.path());
    let whole = std::fs::read(&path).unwrap();
    let start = usize::try_from(before).unwrap();
    for end in (start..whole.len()).step_by(17) {
        std::fs::write(&path, &whole[..end]).unwrap();
        let (log, counts) = replay(&path).unwrap();
        assert_eq!((log.length(), counts), (3, [3, 0, 0]), "cut at {end}");
    }
}

#[test]
fn file_is_made_again_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ..) = taken_over(folder.path());
    let before = std::fs::read(&path).unwrap();
    let mut log = AuthorLog::new(secret());
    let batch = grow(&mut log, 200);
    let head = batch.head().unwrap();
    let feed = secret().feed_key();
    let failed = AuthorFile::make_again(&path, &feed, head, |to| {
        put_all(&batch, to)?;
        to.put(Part::Record(&[0; RECORD_BYTES_MAX + 1]))
    });
    assert!(matches!(failed, Err(AuthorError::Unfit { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let kept = AuthorFile::keep_damaged(&path).unwrap();
    let mark = AuthorFile::make_again(&path, &feed, head, |to| put_all(&batch, to)).unwrap();
    assert_eq!(mark.length, 200);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), mark.offset);
    let (log, counts) = replay(&path).unwrap();
    assert_eq!((log.length(), counts), (200, [133, 67, 1]));
    assert_eq!(std::fs::read(&kept).unwrap(), before);
    assert_ne!(AuthorFile::keep_damaged(&path).unwrap(), kept);
}

#[test]
fn link_hash_of_another_size_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    for size in [0, 31, 32, 33] {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, HEADER, &header(&secret().feed_key()));
        let mut log = AuthorLog::new(secret());
        let batch = grow(&mut log, 1);
        let leaf = &batch.leaves()[0].1;
        let link: Vec<u8> = leaf.iter().copied().cycle().take(size).collect();
        put_frame(&mut bytes, LINK, &link);
        let head = bytes.len();
        put_frame(&mut bytes, HEAD, batch.head().unwrap().wire());
        std::fs::write(&path, &bytes).unwrap();
        let is_damaged = matches!(replay(&path), Err(AuthorError::Damaged { .. }));
        assert_eq!(is_damaged, size != 32, "{size} bytes");
        std::fs::write(&path, &bytes[..head]).unwrap();
        assert_eq!(replay(&path).unwrap().0.length(), 0, "{size} bytes");
    }
}

#[test]
fn append_after_a_failed_one_waits_until_the_file_was_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let mut log = AuthorLog::new(secret());
    let mut file = AuthorFile::create(&path, &secret().feed_key()).unwrap();
    let batch = grow(&mut log, 2);
    let head = batch.head().unwrap();
    let unfit = AuthorError::Unfit { path: path.clone() };
    assert!(file.append_many(head, |_| Err(unfit)).is_err());
    let again = file.append_many(head, |to| put_all(&batch, to));
    assert!(matches!(again, Err(AuthorError::Poisoned { .. })));
    assert_eq!(replay(&path).unwrap().0.length(), 0);
}

#[test]
fn whatever_is_written_is_synced_before_its_head_is_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let mut log = AuthorLog::new(secret());
    let mut file = AuthorFile::create(&path, &secret().feed_key()).unwrap();

    let counted = Plan::count(folder.path());
    let batch = grow(&mut log, 3);
    let records: Vec<&[u8]> = batch
        .records()
        .iter()
        .map(|(_, bytes)| &bytes[..])
        .collect();
    file.append(&records, &[], batch.head().unwrap()).unwrap();
    assert_eq!(counted.order(), ["a.feed", "sync a.feed"]);
    drop(counted);

    let counted = Plan::count(folder.path());
    let batch = grow(&mut log, 100);
    let head = batch.head().unwrap();
    file.append_many(head, |to| put_all(&batch, to)).unwrap();
    // The head last, over what is there already.
    let twice = ["a.feed", "sync a.feed", "a.feed", "sync a.feed"];
    assert_eq!(counted.order(), twice);
    drop(counted);

    // What a killed process wrote may be in memory only.
    let counted = Plan::count(folder.path());
    assert_eq!(replay(&path).unwrap().0.length(), 103);
    assert_eq!(counted.order(), ["sync a.feed"]);
}

#[test]
fn file_that_is_made_again_is_synced_before_it_takes_the_place_of_the_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ..) = taken_over(folder.path());
    let mut log = AuthorLog::new(secret());
    let batch = grow(&mut log, 200);
    let (head, feed) = (batch.head().unwrap(), secret().feed_key());
    let counted = Plan::count(folder.path());
    AuthorFile::keep_damaged(&path).unwrap();
    AuthorFile::make_again(&path, &feed, head, |to| put_all(&batch, to)).unwrap();
    let order = counted.order();
    assert_eq!(order[..2], ["a.damaged-1", "sync a.damaged-1"]);
    let made = ["a.feed", "a.feed", "sync a.feed", "a.feed", "sync a.feed"];
    assert_eq!(order[2..7], made);
    assert_eq!(order[7..], ["a.feed", "sync "], "renamed, and its name");
}
