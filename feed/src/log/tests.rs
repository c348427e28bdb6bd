//! The log of an author and that of a follower, played against each other.

mod forks;
mod refused;

use super::*;
use crate::bundle;
use crate::chain;
use crate::fork::ForkProof;
use crate::head::HeadBody;
use crate::key::FeedSecret;
use crate::limits::BUNDLE_BYTES_MAX;
use crate::link::First;
use crate::record::{self, Body, File, Item, Profile, Record, Role, Written};
use crate::reject::Reject;
use std::collections::BTreeMap;

fn secret() -> FeedSecret {
    FeedSecret::from_bytes(&[4; 32])
}

fn record(index: u64, text: &str) -> Vec<u8> {
    let profile = Profile {
        name: format!("{text} {index}"),
        ..Profile::default()
    };
    record::write(
        &Record {
            time: index,
            salt: [0; 16],
            body: Body::Profile(Box::new(profile)),
        },
        index,
    )
    .unwrap()
}

fn file(size: u64) -> File {
    File {
        hash: Hash([1; 32]),
        size,
        media_type: "image/png".into(),
        role: Role::Main,
        name: None,
        duration: None,
        width: None,
        height: None,
        codecs: None,
        language: None,
        blurhash: None,
    }
}

/// Appends up to `length` records, in one batch.
fn grow(log: &mut AuthorLog, store: &mut Memory, length: u64, text: &str) {
    while log.length() < length {
        log.append(record(log.length(), text)).unwrap();
    }
    store.commit(&log.sign(1000 + length).unwrap());
}

fn author(length: u64) -> (AuthorLog, Memory) {
    let (mut log, mut store) = (AuthorLog::new(secret()), Memory::default());
    grow(&mut log, &mut store, length, "r");
    (log, store)
}

/// A follower who has the newest record only.
fn follower(author: &Memory) -> (FollowedLog, Memory) {
    let mut log = FollowedLog::new(secret().feed_key(), None);
    let length = author.head().unwrap().body().length;
    let (start, last) = (
        author.bundle(0..1).unwrap(),
        author.bundle(length - 1..length).unwrap(),
    );
    let answer: Vec<&[u8]> = if length == 1 {
        vec![&start]
    } else {
        vec![&start, &last]
    };
    let mut store = Memory::default();
    store.commit(&log.accept_start(None, &answer).unwrap());
    (log, store)
}

#[test]
fn author_reopened_from_what_was_stored_goes_on_with_the_same_list() {
    let (_, mut store) = author(700);
    let mut log = AuthorLog::open(secret(), store.head().unwrap(), &store)
        .unwrap()
        .unwrap();
    grow(&mut log, &mut store, 1500, "r");
    let (_, whole) = author(1500);
    assert_eq!(
        store.head().unwrap().body().root,
        whole.head().unwrap().body().root
    );
    assert_eq!(
        store.head().unwrap().body().bytes,
        whole.head().unwrap().body().bytes
    );
    assert!(
        AuthorLog::open(
            FeedSecret::from_bytes(&[5; 32]),
            store.head().unwrap(),
            &store
        )
        .unwrap()
        .is_none()
    );
}

#[test]
fn unreadable_records_are_not_appended() {
    let mut log = AuthorLog::new(secret());
    assert!(matches!(
        log.append(vec![0xff]),
        Err(AppendRefused::Unreadable(_))
    ));
    assert!(log.sign(1).is_none());
}

#[test]
fn record_written_for_its_place_is_appended_as_its_bytes_would_be_and_nowhere_else() {
    let item = Record {
        time: 7,
        salt: [3; 16],
        body: Body::Item(Box::new(Item {
            files: vec![file(1_000)],
            ..Item::default()
        })),
    };
    let ((mut one, _), (mut other, _)) = (author(1), author(1));
    let appended = other.append(record::write(&item, 1).unwrap());
    assert_eq!(one.append_written(Written::of(&item, 1).unwrap()), appended);
    assert_eq!(
        one.unsigned(1),
        Some(record::write(&item, 1).unwrap().as_slice())
    );
    assert_eq!(one.unsigned(0), None, "a head covers it");
    let misplaced = one.append_written(Written::of(&item, 1).unwrap());
    assert_eq!(misplaced, Err(AppendRefused::Misplaced { index: 1 }));
    let (one, other) = (one.sign(2_000).unwrap(), other.sign(2_000).unwrap());
    assert_eq!(one.head(), other.head(), "the sums too");
    assert_eq!(one.records(), other.records());
}

#[test]
fn sum_of_media_stops_at_the_largest_integer_and_the_feed_goes_on() {
    let file = file(1 << 44);
    let item = Item {
        files: vec![file; 300],
        ..Item::default()
    };
    let item = |index| {
        let body = Body::Item(Box::new(item.clone()));
        let (time, salt) = (index, [0; 16]);
        record::write(&Record { time, salt, body }, index).unwrap()
    };
    let mut log = AuthorLog::new(secret());
    log.append(record(0, "r")).unwrap();
    for index in 1..4 {
        log.append(item(index)).unwrap();
    }
    let batch = log.sign(1).unwrap();
    let head = Head::check(batch.head().unwrap().wire()).unwrap();
    assert_eq!(head.body().media, (1 << 53) - 1);
    let mut replayed = AuthorLog::new(secret());
    for (_, record) in batch.records() {
        replayed.replay(record.clone()).unwrap();
    }
    assert!(replayed.replay_head(&head).is_some());
    assert_eq!(
        replayed.sign(1).unwrap().head().unwrap().body(),
        head.body()
    );
}

#[test]
fn author_goes_on_over_records_of_which_only_the_link_hash_is_known() {
    let (mut log, mut theirs) = author(40);
    let mut replayed = AuthorLog::new(secret());
    for index in 0..40 {
        match theirs.records.get(&index) {
            Some(record) if index % 3 != 1 => replayed.replay(record.clone()).unwrap(),
            _ => {
                let link = chain::hash_at(&theirs, index).unwrap().unwrap();
                replayed.replay_link(link).unwrap();
            }
        }
    }
    let batch = replayed.replay_head(theirs.head().unwrap()).unwrap();
    assert_eq!(batch.records().len(), 40 - 13);
    replayed.append(record(40, "r")).unwrap();
    grow(&mut log, &mut theirs, 41, "r");
    let head = replayed.sign(1041).unwrap().head().cloned();
    assert_eq!(head.as_ref(), theirs.head.as_ref());
    let mut wrong = AuthorLog::new(secret());
    for _ in 0..41 {
        wrong.replay_link(Hash::of(b"x")).unwrap();
    }
    assert!(wrong.replay_head(theirs.head().unwrap()).is_none());
}

#[test]
fn follower_catches_up_through_head_and_bundles_and_can_serve_all_of_it() {
    let (mut log, mut theirs) = author(1300);
    let (mut followed, mut ours) = follower(&theirs);
    grow(&mut log, &mut theirs, 2100, "r");
    let verdict = followed
        .accept_head(&theirs.head_answer(1300).unwrap(), &ours, 5000)
        .unwrap();
    let Verdict::Accepted(batch) = verdict else {
        panic!("{verdict:?}")
    };
    ours.commit(&batch);
    for start in (0..2100).step_by(300) {
        let verdict = followed
            .accept_bundle(
                &theirs.bundle(start..start + 300).unwrap(),
                &(start..start + 300),
                &ours,
            )
            .unwrap();
        let Verdict::Accepted(batch) = verdict else {
            panic!("{verdict:?}")
        };
        ours.commit(&batch);
    }
    assert_eq!(ours.records, theirs.records);
    // The third node takes everything from the second.
    let (third, _) = follower(&ours);
    assert_eq!(third.head(), Some(theirs.head().unwrap()));
    assert_eq!(
        ours.bundle(100..700).unwrap(),
        theirs.bundle(100..700).unwrap()
    );
    assert_eq!(
        ours.head_answer(513).unwrap(),
        theirs.head_answer(513).unwrap()
    );
}

#[test]
fn newest_records_come_with_two_bundles_of_one_head() {
    let (_, theirs) = author(5000);
    let (start, newest) = (
        theirs.bundle(0..1).unwrap(),
        theirs.bundle(4950..5000).unwrap(),
    );
    let first = First::of(&theirs.head().unwrap().body().first);
    let mut log = FollowedLog::new(secret().feed_key(), None);
    let batch = log.accept_start(Some(&first), &[&start, &newest]).unwrap();
    assert_eq!(batch.records().len(), 51);
    let fresh = || FollowedLog::new(secret().feed_key(), None);
    let refused = |log: &mut FollowedLog, first: Option<&First>, answer: &[&[u8]]| {
        log.accept_start(first, answer).unwrap_err().must()
    };
    assert_eq!(
        refused(&mut fresh(), Some(&First([0; 16])), &[&start, &newest]),
        "link-6"
    );
    assert_eq!(refused(&mut fresh(), None, &[&start]), "list-4");
    assert_eq!(refused(&mut fresh(), None, &[&newest]), "wire-1");
    // Leaf 156, the last one, begins with hash 4992.
    let short = theirs.bundle(4950..4992).unwrap();
    assert_eq!(refused(&mut fresh(), None, &[&start, &short]), "list-4");
    let in_edges = theirs.bundle(4950..4993).unwrap();
    let batch = fresh().accept_start(None, &[&start, &in_edges]).unwrap();
    assert_eq!(batch.head(), theirs.head.as_ref());
    let hidden = Memory {
        records: BTreeMap::new(),
        ..theirs.clone()
    }
    .bundle(0..1)
    .unwrap();
    assert_eq!(refused(&mut fresh(), None, &[&hidden, &newest]), "list-6");
    let mut other = FollowedLog::new(FeedSecret::from_bytes(&[9; 32]).feed_key(), None);
    assert_eq!(refused(&mut other, None, &[&start, &newest]), "head-5");
}

#[test]
fn equal_heads_keep_the_greatest_time_that_is_not_far_ahead() {
    let (mut log, mut theirs) = author(40);
    let (mut followed, ours) = follower(&theirs);
    let minute = 60_000;
    let mut judge = |time, now| {
        theirs.commit(&log.sign(time).unwrap());
        followed
            .accept_head(&theirs.head_answer(40).unwrap(), &ours, now)
            .unwrap()
    };
    assert!(matches!(judge(900, 100 * minute), Verdict::Stale));
    assert!(matches!(judge(2000, 100 * minute), Verdict::Accepted(_)));
    assert!(matches!(judge(111 * minute, 100 * minute), Verdict::Stale));
    assert!(matches!(
        judge(109 * minute, 100 * minute),
        Verdict::Accepted(_)
    ));
}

#[test]
fn stale_mirror_is_no_fork_and_its_records_count() {
    let (mut log, mut theirs) = author(600);
    let stale = theirs.clone();
    grow(&mut log, &mut theirs, 1300, "r");
    let (mut followed, mut ours) = follower(&theirs);
    for start in (0..1300).step_by(100) {
        let Verdict::Accepted(batch) = followed
            .accept_bundle(
                &theirs.bundle(start..start + 100).unwrap(),
                &(start..start + 100),
                &ours,
            )
            .unwrap()
        else {
            panic!()
        };
        ours.commit(&batch);
    }
    assert!(matches!(
        followed
            .accept_head(&stale.head_answer(1300).unwrap(), &ours, 0)
            .unwrap(),
        Verdict::Stale
    ));
    assert!(matches!(
        followed
            .accept_bundle(&stale.bundle(100..200).unwrap(), &(100..200), &ours)
            .unwrap(),
        Verdict::Accepted(_)
    ));
}

#[test]
fn feed_is_taken_up_again_by_its_head_alone() {
    let mut author = AuthorLog::new(secret());
    let mut kept = Memory::default();
    grow(&mut author, &mut kept, 100, "a");
    let head = kept.head().unwrap().clone();
    let prove = |have| chain::prove_head(&head, have, &kept).unwrap().unwrap();
    let mut log = FollowedLog::new(author.feed(), None);
    // Without the first hash it could be the head of a list that it denies.
    assert!(log.accept_kept(&prove(0)).is_err() && log.head().is_none());
    let batch = log.accept_kept(&prove(1)).unwrap();
    assert_eq!(batch.head(), Some(&head));
    assert_eq!(log.head(), Some(&head));
    assert!(batch.records().is_empty());
    let mut again = Memory::default();
    again.commit(&batch);
    let bundle = kept.bundle(40..60).unwrap();
    let judged = log.accept_bundle(&bundle, &(40..60), &again).unwrap();
    assert!(matches!(judged, Verdict::Accepted(batch) if batch.records().len() == 20));
    let other =
        FollowedLog::new(FeedSecret::from_bytes(&[5; 32]).feed_key(), None).accept_kept(&prove(1));
    assert!(other.is_err());
}
