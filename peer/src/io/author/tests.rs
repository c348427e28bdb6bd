use super::*;
use levada_feed::key::FeedSecret;
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
    let past = Mark {
        offset: marks[2].offset + 1,
        length: 6,
    };
    assert!(matches!(
        replay(&path, Some(past)),
        Err(AuthorError::Damaged { .. })
    ));
    assert!(matches!(
        AuthorFile::create(&path, &secret().feed_key()),
        Err(AuthorError::File { .. })
    ));
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
        let end = std::fs::metadata(&path).unwrap().len();
        assert_eq!(end, expected.map_or(body as u64, |mark| mark.offset));
    }
}

#[test]
fn torn_ends_of_zeros_or_garbage_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    sample(&path);
    let whole = std::fs::read(&path).unwrap();
    for tail in [vec![0; 70_000], vec![3; 5_000], vec![2, 255, 255, 0, 0, 1]] {
        std::fs::write(&path, [whole.clone(), tail].concat()).unwrap();
        assert_eq!(replay(&path, None).unwrap(), (6, 3, 6));
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn damage_before_a_valid_head_is_named_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.feed");
    let marks = sample(&path);
    let whole = std::fs::read(&path).unwrap();
    let body = MAGIC.len() + 32 + PREFIX_BYTES + CHECK_BYTES;
    for at in body..marks[1].offset as usize {
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
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(
        replay(&path, None),
        Err(AuthorError::Foreign { .. })
    ));
}
