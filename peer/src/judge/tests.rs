//! What answers come to against a feed in memory: heads, forks, stores that were lost or fell behind.

use super::*;
use crate::store::MemoryFeed;
use levada_feed::key::FeedSecret;
use levada_feed::log::{AuthorLog, Memory};
use levada_feed::record::{self, Body, Profile, Record};

fn secret() -> FeedSecret {
    FeedSecret::from_bytes(&[4; 32])
}

/// A history of `same` records and then others, of this length.
fn author(length: u64, same: u64, text: &str) -> Memory {
    let (mut log, mut store) = (AuthorLog::new(secret()), Memory::default());
    for index in 0..length {
        let name = if index < same { "same" } else { text };
        let profile = Profile {
            name: name.into(),
            ..Profile::default()
        };
        let (time, salt, body) = (index, [0; 16], Body::Profile(Box::new(profile)));
        let bytes = record::write(&Record { time, salt, body }, index).unwrap();
        log.append(bytes).unwrap();
    }
    store.commit(&log.sign(length).unwrap());
    store
}

fn take_up(store: &mut MemoryFeed, from: &Memory) -> HeadJudged {
    let (feed, length) = (secret().feed_key(), from.length());
    let mut answer = from.bundle(0..1).unwrap();
    if length > 1 {
        answer.extend(from.bundle(length - 1..length).unwrap());
    }
    let batch = newest(&feed, None, &answer).unwrap();
    match start(store, &batch, None, 0).unwrap() {
        HeadJudged::Prove { have } => {
            let proof = from.head_answer(have).unwrap();
            start(store, &batch, Some((have, &proof)), 0).unwrap()
        }
        judged => judged,
    }
}

fn judged_head(store: &mut MemoryFeed, from: &Memory, have: u64) -> HeadJudged {
    let answer = from.head_answer(have).unwrap();
    match head(store, &secret().feed_key(), (have, &answer), None, 0).unwrap() {
        HeadJudged::Prove { have: expected } => {
            let proof = from.head_answer(expected).unwrap();
            let proof = Some((expected, proof.as_slice()));
            head(store, &secret().feed_key(), (have, &answer), proof, 0).unwrap()
        }
        judged => judged,
    }
}

#[test]
fn answer_that_was_made_for_another_length_is_no_lie() {
    let mut ours = MemoryFeed::default();
    take_up(&mut ours, &author(20, 20, ""));
    let (newest, feed) = (author(160, 160, ""), secret().feed_key());
    assert!(matches!(
        judged_head(&mut ours, &author(60, 60, ""), 20),
        HeadJudged::Taken(0)
    ));
    // It was asked for before the other one came, and does not show where the list goes on.
    let outdated = judged_head(&mut ours, &newest, 20);
    assert!(matches!(outdated, HeadJudged::Ask), "{outdated:?}");
    let answer = newest.head_answer(20).unwrap();
    let told = polled(&mut ours, &feed, 20, &answer, 0).unwrap();
    assert!(matches!(told.judged, NewsJudged::News { length: 160 }));
    assert!(matches!(
        judged_head(&mut ours, &author(50, 50, ""), 20),
        HeadJudged::Older
    ));
    assert!(matches!(
        judged_head(&mut ours, &newest, 60),
        HeadJudged::Taken(0)
    ));
    assert_eq!(ours.store.length(), 160);
}

#[test]
fn shorter_head_of_another_history_is_a_fork_whatever_it_was_made_for() {
    let mut whole = MemoryFeed::default();
    let (mine, feed) = (author(80, 80, ""), secret().feed_key());
    take_up(&mut whole, &mine);
    let records = bundle(&mut whole, &feed, &(0..80), &mine.bundle(0..80).unwrap()).unwrap();
    assert!(matches!(records, BundleJudged::Taken { records: 80, .. }));
    for have in [80, 20, 200] {
        let mut ours = whole.clone();
        let answer = author(50, 30, "other").head_answer(have).unwrap();
        let told = polled(&mut ours, &feed, have, &answer, 0).unwrap();
        assert!(matches!(told.judged, NewsJudged::News { length: 0 }));
        assert!(ours.fork.is_some());
        let again = polled(&mut ours, &feed, have, &answer, 0).unwrap();
        assert!(matches!(again.judged, NewsJudged::Nothing));
    }
}

#[test]
fn disputed_feed_stays_at_the_head_verified_before_whoever_shows_another() {
    let mut ours = MemoryFeed::default();
    take_up(&mut ours, &author(40, 40, ""));
    let feed = secret().feed_key();
    let other = author(40, 20, "other");
    assert!(matches!(
        judged_head(&mut ours, &other, 40),
        HeadJudged::Fork(_, true)
    ));
    assert!(matches!(
        judged_head(&mut ours, &other, 40),
        HeadJudged::Fork(_, false)
    ));
    assert!(matches!(
        judged_head(&mut ours, &author(50, 50, ""), 40),
        HeadJudged::Disputed
    ));
    assert_eq!(ours.store.length(), 40);
    let proof = ours.fork.clone().unwrap();
    let mut told = MemoryFeed::default();
    let of_fork = News::Fork(proof.wire().to_vec());
    let new = news(&mut told, &feed, &mut 0, &of_fork, 0).unwrap();
    assert!(matches!(new, NewsJudged::News { length: 0 }));
    // Nothing was verified before the fork: neither history is taken up.
    assert!(matches!(take_up(&mut told, &other), HeadJudged::Fork(..)));
    assert!(told.store.head().is_none());
}

#[test]
fn lost_store_is_no_way_back_and_no_way_to_another_history() {
    let mut ours = MemoryFeed::default();
    take_up(&mut ours, &author(40, 40, ""));
    ours.store = Memory::default();
    let behind = take_up(&mut ours, &author(30, 30, ""));
    assert!(matches!(
        behind,
        HeadJudged::Behind {
            expected: 40,
            got: 30
        }
    ));
    for other in [author(40, 20, "other"), author(60, 20, "other")] {
        let mut ours = ours.clone();
        assert!(matches!(take_up(&mut ours, &other), HeadJudged::Fork(..)));
        assert!(ours.store.head().is_none());
    }
    let longer = take_up(&mut ours, &author(60, 60, ""));
    assert!(matches!(longer, HeadJudged::Taken(2)), "{longer:?}");
    let again = take_up(&mut ours, &author(60, 20, "other"));
    assert!(matches!(again, HeadJudged::Ask));
    assert_eq!(ours.remembered.as_ref(), ours.store.head());
}

#[test]
fn store_that_fell_behind_takes_what_extends_the_remembered_head_alone() {
    let mut ours = MemoryFeed::default();
    take_up(&mut ours, &author(40, 40, ""));
    let old = ours.store.clone();
    let newer = judged_head(&mut ours, &author(60, 60, ""), 40);
    assert!(matches!(newer, HeadJudged::Taken(0)));
    // What was written last was lost, but not the plain file.
    ours.store = old;
    let behind = judged_head(&mut ours, &author(50, 50, ""), 40);
    assert!(matches!(
        behind,
        HeadJudged::Behind {
            expected: 60,
            got: 50
        }
    ));
    for other in [author(60, 50, "other"), author(80, 50, "other")] {
        let mut ours = ours.clone();
        let judged = judged_head(&mut ours, &other, 40);
        assert!(matches!(judged, HeadJudged::Fork(_, true)), "{judged:?}");
        assert_eq!(ours.store.length(), 40);
    }
    for same in [author(60, 60, ""), author(80, 80, "")] {
        let mut ours = ours.clone();
        let judged = judged_head(&mut ours, &same, 40);
        assert!(matches!(judged, HeadJudged::Taken(0)), "{judged:?}");
        assert_eq!(ours.store.length(), same.length());
    }
}
