use super::*;
use crate::store::{Row, RowKind};
use levada_feed::bundle::{self, Slot};
use levada_feed::key::FeedSecret;
use levada_feed::log::{AuthorLog, FollowedLog};
use levada_feed::record::{self, Body, Item, Profile, Record, Reference, Retract};

fn secret() -> FeedSecret {
    FeedSecret::from_bytes(&[4; 32])
}

fn append(log: &mut AuthorLog, body: Body) -> (u64, Hash) {
    let record = Record {
        time: 5,
        salt: [1; 16],
        body,
    };
    log.append(record::write(&record, log.length()).unwrap())
        .unwrap()
}

fn item(title: &str, edits: Option<Reference>) -> Body {
    Body::Item(Box::new(Item {
        title: title.into(),
        edits,
        ..Item::default()
    }))
}

fn reference((index, link): (u64, Hash)) -> Reference {
    Reference {
        feed: None,
        index,
        link,
    }
}

/// Profile, two items, an edit of the first, a retraction of the second, one that names a wrong link.
fn sample(log: &mut AuthorLog) {
    append(
        log,
        Body::Profile(Box::new(Profile {
            name: "Ana".into(),
            ..Profile::default()
        })),
    );
    let first = append(log, item("one", None));
    let second = append(log, item("two", None));
    append(log, item("one, edited", Some(reference(first))));
    append(
        log,
        Body::Retract(Retract {
            target: reference(second),
            reason: None,
        }),
    );
    let wrong = Reference {
        feed: None,
        index: 1,
        link: Hash::of(b"wrong"),
    };
    append(
        log,
        Body::Retract(Retract {
            target: wrong,
            reason: None,
        }),
    );
}

fn rows(disk: &Disk) -> Vec<(RowKind, Row)> {
    let mut rows = Vec::new();
    disk.rows(&secret().feed_key(), 0..u64::MAX, &mut |kind, row| {
        rows.push((kind, row));
        true
    })
    .unwrap();
    rows
}

#[test]
fn rows_show_the_newest_state_and_only_references_that_resolve_count() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let mut log = AuthorLog::new(secret());
    sample(&mut log);
    disk.commit(&log.sign(9).unwrap()).unwrap();
    let row = |index, newest, retracted_by| Row {
        index,
        newest,
        retracted_by,
    };
    let expected = [
        (RowKind::Item, row(2, 2, Some(4))),
        (RowKind::Item, row(1, 3, None)),
        (RowKind::Profile, row(0, 0, None)),
    ];
    assert_eq!(rows(&disk), expected);
    let retracted = disk.retracted(&secret().feed_key(), 0..6).unwrap();
    assert_eq!(retracted.into_iter().collect::<Vec<_>>(), [(2, 4)]);
}

#[test]
fn rows_are_the_same_when_records_come_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = AuthorLog::new(secret());
    sample(&mut log);
    let author = Disk::open(&folder.path().join("a")).unwrap();
    author.commit(&log.sign(9).unwrap()).unwrap();
    let feed = secret().feed_key();
    let head = author.head(&feed).unwrap().unwrap();
    let records: Vec<Vec<u8>> = (0..6)
        .map(|index| author.record(&feed, index).unwrap().unwrap())
        .collect();
    let bundle = |index: u64| {
        let slot = Slot::Record(&records[index as usize]);
        bundle::prove(&head, index, &[slot], &author.pieces(&feed))
            .unwrap()
            .unwrap()
    };
    let follower = Disk::open(&folder.path().join("b")).unwrap();
    let mut followed = FollowedLog::new(feed, None);
    follower
        .commit(
            &followed
                .accept_start(None, &[&bundle(0), &bundle(5)])
                .unwrap(),
        )
        .unwrap();
    for index in [4, 3, 2, 1] {
        let verdict = followed
            .accept_bundle(&bundle(index), &(index..index + 1), &follower.pieces(&feed))
            .unwrap();
        let levada_feed::log::Verdict::Accepted(batch) = verdict else {
            panic!()
        };
        follower.commit(&batch).unwrap();
    }
    assert_eq!(rows(&follower), rows(&author));
    assert_eq!(follower.held(&feed), Runs::of(0..6));
}

#[test]
fn store_opens_again_with_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let feed = secret().feed_key();
    let mut log = AuthorLog::new(secret());
    {
        let disk = Disk::open(folder.path()).unwrap();
        sample(&mut log);
        disk.commit(&log.sign(9).unwrap()).unwrap();
        disk.put_small([(Hash::of(b"x"), b"x".as_slice())]).unwrap();
        disk.put_notes([(b"n".to_vec(), b"v".to_vec())]).unwrap();
        disk.close().unwrap();
    }
    let disk = Disk::open(folder.path()).unwrap();
    let head = disk.head(&feed).unwrap().unwrap();
    assert_eq!(head.body().length, 6);
    assert_eq!(
        disk.head_at(&feed, 6).unwrap().as_ref(),
        Some(head.as_ref())
    );
    assert_eq!(disk.held(&feed), Runs::of(0..6));
    assert_eq!(
        disk.small(&Hash::of(b"x")).unwrap().as_deref(),
        Some(b"x".as_slice())
    );
    assert_eq!(disk.note(b"n").unwrap().as_deref(), Some(b"v".as_slice()));
    let again = AuthorLog::open(secret(), &head, &disk.pieces(&feed)).unwrap();
    assert_eq!(again.unwrap().length(), 6);
    disk.purge(&feed).unwrap();
    assert!(disk.record(&feed, 0).unwrap().is_none());
    assert!(rows(&disk).is_empty());
    assert!(disk.head(&feed).unwrap().is_none());
}
