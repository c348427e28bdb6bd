mod around;
mod runs;

use super::*;
use crate::store::{Row, RowKind};
use levada_feed::bundle::{self, Slot};
use levada_feed::key::FeedSecret;
use levada_feed::log::{AuthorLog, Batch, FollowedLog};
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
        is_bare: false,
    };
    // The items name no files; of one that was edited, its newest record tells.
    let bare = Row {
        is_bare: true,
        ..row(2, 2, Some(4))
    };
    let expected = [
        (RowKind::Item, bare),
        (RowKind::Item, row(1, 3, None)),
        (RowKind::Profile, row(0, 0, None)),
    ];
    assert_eq!(rows(&disk), expected);
    let retracted = disk.retracted(&secret().feed_key(), 0..6).unwrap();
    assert_eq!(retracted.into_iter().collect::<Vec<_>>(), [(2, 4)]);
}

#[test]
fn newest_profile_is_found_and_a_retracted_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let feed = secret().feed_key();
    let mut log = AuthorLog::new(secret());
    let profile = |name: &str| {
        Body::Profile(Box::new(Profile {
            name: name.into(),
            ..Profile::default()
        }))
    };
    assert_eq!(disk.newest_profile(&feed).unwrap(), None);
    append(&mut log, profile("Ana"));
    append(&mut log, item("one", None));
    disk.commit(&log.sign(9).unwrap()).unwrap();
    assert_eq!(disk.newest_profile(&feed).unwrap(), Some(0));
    let later = append(&mut log, profile("Ana B."));
    disk.commit(&log.sign(10).unwrap()).unwrap();
    assert_eq!(disk.newest_profile(&feed).unwrap(), Some(2));
    let target = reference(later);
    append(
        &mut log,
        Body::Retract(Retract {
            target,
            reason: None,
        }),
    );
    disk.commit(&log.sign(11).unwrap()).unwrap();
    assert_eq!(disk.newest_profile(&feed).unwrap(), Some(0));
    assert_eq!(
        rows(&disk).len(),
        3,
        "the list of profiles adds no row of its own"
    );
    disk.purge(&feed).unwrap();
    assert_eq!(disk.newest_profile(&feed).unwrap(), None);
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

/// A log with a profile and items up to a length, and the batch of its head.
fn grown(log: &mut AuthorLog, length: u64) -> Batch {
    while log.length() < length {
        let index = log.length();
        let body = match index {
            0 => Body::Profile(Box::default()),
            _ => item(&format!("item {index}"), None),
        };
        append(log, body);
    }
    log.sign(length).unwrap()
}

#[test]
fn highest_head_stays_whatever_order_batches_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let feed = secret().feed_key();
    let mut log = AuthorLog::new(secret());
    let batches = [grown(&mut log, 3), grown(&mut log, 40), grown(&mut log, 70)];
    let length = |disk: &Disk| disk.head(&feed).unwrap().unwrap().body().length;
    {
        let disk = Disk::open(folder.path()).unwrap();
        for (batch, highest) in [(0, 3), (2, 70), (1, 70)] {
            disk.commit(&batches[batch]).unwrap();
            assert_eq!(length(&disk), highest);
        }
    }
    // Reopened without a close, and an older batch comes first.
    let disk = Disk::open(folder.path()).unwrap();
    disk.commit(&batches[1]).unwrap();
    assert_eq!(length(&disk), 70);
    assert_eq!(disk.head_at(&feed, 40).unwrap().unwrap().body().length, 40);
    assert!(disk.head_at(&feed, 41).unwrap().is_none());
    assert_eq!(disk.held(&feed), Runs::of(0..70));
    let head = disk.head(&feed).unwrap().unwrap();
    let again = AuthorLog::open(secret(), &head, &disk.pieces(&feed)).unwrap();
    assert_eq!(again.unwrap().length(), 70);
}

#[test]
fn batch_that_was_not_committed_is_not_there_and_one_that_was_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let feed = secret().feed_key();
    let mut log = AuthorLog::new(secret());
    {
        let disk = Disk::open(folder.path()).unwrap();
        disk.commit(&grown(&mut log, 5)).unwrap();
        drop(grown(&mut log, 9));
    }
    let disk = Disk::open(folder.path()).unwrap();
    assert_eq!(disk.head(&feed).unwrap().unwrap().body().length, 5);
    assert_eq!(disk.held(&feed), Runs::of(0..5));
    for index in 0..9 {
        assert_eq!(disk.record(&feed, index).unwrap().is_some(), index < 5);
        assert_eq!(disk.link(&feed, index).unwrap().is_some(), index < 5);
    }
}

#[test]
fn dropped_records_are_not_held_and_everything_else_still_proves() {
    let folder = tempfile::tempdir().unwrap();
    let feed = secret().feed_key();
    {
        let disk = Disk::open(folder.path()).unwrap();
        disk.commit(&grown(&mut AuthorLog::new(secret()), 100))
            .unwrap();
        disk.drop_records(&feed, 10..20).unwrap();
        disk.drop_records(&feed, 15..15).unwrap();
    }
    let disk = Disk::open(folder.path()).unwrap();
    let mut held = Runs::of(0..10);
    held.insert(20..100);
    assert_eq!(disk.held(&feed), held);
    for index in 0..100 {
        assert_eq!(
            disk.record(&feed, index).unwrap().is_some(),
            held.contains(index)
        );
        assert!(disk.link(&feed, index).unwrap().is_some());
    }
    let wire = crate::io::answer::bundle(&disk, &feed, 5..25, None)
        .unwrap()
        .unwrap();
    let bundle = bundle::check(&feed, &wire).unwrap();
    let withheld = bundle
        .slots
        .iter()
        .filter(|slot| matches!(slot, Slot::Withheld(_)));
    assert_eq!(
        (bundle.from, bundle.slots.len(), withheld.count()),
        (5, 20, 10)
    );
}

#[test]
fn purged_feed_is_gone_and_its_neighbours_stay() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let secrets = [1, 2, 3].map(|byte| FeedSecret::from_bytes(&[byte; 32]));
    let feeds = secrets.map(|secret| {
        let feed = secret.feed_key();
        disk.commit(&grown(&mut AuthorLog::new(secret), 50))
            .unwrap();
        feed
    });
    disk.purge(&feeds[1]).unwrap();
    assert!(disk.held(&feeds[1]).is_empty());
    assert_eq!(disk.link(&feeds[1], 3).unwrap(), None);
    for feed in [feeds[0], feeds[2]] {
        assert_eq!(disk.held(&feed), Runs::of(0..50));
        assert!(disk.link(&feed, 49).unwrap().is_some());
        assert!(disk.row(&feed, 49).unwrap().is_some());
    }
    // It can be taken up again.
    let again = FeedSecret::from_bytes(&[2; 32]);
    disk.commit(&grown(&mut AuthorLog::new(again), 7)).unwrap();
    assert_eq!(disk.held(&feeds[1]), Runs::of(0..7));
    assert_eq!(disk.head(&feeds[1]).unwrap().unwrap().body().length, 7);
}

#[test]
fn notes_and_small_blobs_are_set_found_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let notes = [("a/1", "x"), ("a/2", "y"), ("b/1", "z")];
    disk.put_notes(notes.map(|(name, value)| (name.into(), value.into())))
        .unwrap();
    let mut seen = Vec::new();
    disk.notes(b"a/", &mut |name, value| {
        seen.push((name.to_vec(), value.to_vec()));
        true
    })
    .unwrap();
    assert_eq!(
        seen,
        [
            (b"a/1".to_vec(), b"x".to_vec()),
            (b"a/2".to_vec(), b"y".to_vec())
        ]
    );
    disk.drop_note(b"a/1").unwrap();
    assert_eq!(disk.note(b"a/1").unwrap(), None);
    let hash = Hash::of(b"");
    disk.put_small([(hash, b"".as_slice())]).unwrap();
    assert_eq!(disk.small(&hash).unwrap(), Some(vec![]));
    disk.drop_small(&hash).unwrap();
    assert_eq!(disk.small(&hash).unwrap(), None);
}
