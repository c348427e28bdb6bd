//! Exchanges about a feed of which two histories are known.

use super::*;
use crate::session::{Round, Whom};
use crate::store::MemoryFeed;
use levada_feed::key::FeedSecret;
use levada_feed::log::{AuthorLog, Memory};
use levada_feed::record::{self, Body, Profile, Record};

const LENGTH: u64 = 40;

/// A history that begins as all others do.
fn author(text: &str) -> Memory {
    let secret = FeedSecret::from_bytes(&[4; 32]);
    let (mut log, mut store) = (AuthorLog::new(secret), Memory::default());
    for index in 0..LENGTH {
        let name = if index < 20 { "same" } else { text };
        let profile = Profile {
            name: name.into(),
            ..Profile::default()
        };
        let (time, salt, body) = (index, [0; 16], Body::Profile(Box::new(profile)));
        let bytes = record::write(&Record { time, salt, body }, index).unwrap();
        log.append(bytes).unwrap();
    }
    store.commit(&log.sign(LENGTH).unwrap());
    store
}

/// Asks a peer with this history for all records; what it came to.
fn ask(ours: &mut MemoryFeed, feed: FeedKey, theirs: &Memory) -> Heard {
    let mut exchange = Exchange::new(Topic {
        feed,
        first: None,
        wanted: Wanted::All,
        above: 0,
        is_disputed: true,
    });
    let none = Runs::new();
    loop {
        let mut held = Runs::new();
        let records = ours.store.records().keys();
        records.for_each(|index| held.insert(*index..*index + 1));
        let known = Known {
            length: Some(LENGTH),
            held: &held,
            items: 0,
            oldest: None,
            referred: &none,
        };
        match exchange.next(&known) {
            Turn::Done => return exchange.heard(&known),
            Turn::Ask(Ask::Bundle { from, to, .. }) => {
                let answer = theirs.bundle(from..to).unwrap();
                let Ok(judged) = exchange.answered(ours, &answer, 0);
                if let Err(ended) = judged {
                    assert!(matches!(ended, Ended::Fork(_)), "{ended:?}");
                    return Heard::Stop;
                }
            }
            turn => panic!("{turn:?}"),
        }
    }
}

#[test]
fn peer_with_the_other_history_of_a_disputed_feed_does_not_keep_those_with_ours_from_being_asked() {
    let (mine, other) = (author("mine"), author("other"));
    let feed = FeedSecret::from_bytes(&[4; 32]).feed_key();
    let mut ours = MemoryFeed::default();
    let newest = [mine.bundle(0..1), mine.bundle(LENGTH - 1..LENGTH)];
    let newest = newest.map(Option::unwrap).concat();
    let batch = judge::newest(&feed, None, &newest).unwrap();
    let taken = judge::start(&mut ours, &batch, None, 0).unwrap();
    assert!(matches!(taken, HeadJudged::Taken(2)), "{taken:?}");
    let answer = other.head_answer(LENGTH).unwrap();
    let fork = judge::head(&mut ours, &feed, (LENGTH, &answer), None, 0).unwrap();
    assert!(matches!(fork, HeadJudged::Fork(_, true)), "{fork:?}");

    let mut round = Round::new(2);
    round.heard(ask(&mut ours, feed, &other));
    assert_eq!(ours.store.records().len(), 2, "nothing of it is taken");
    assert_eq!(round.whom(), Whom::Peer(1));
    round.heard(ask(&mut ours, feed, &mine));
    assert_eq!(ours.store.records(), mine.records());
    assert!(round.is_whole());
}
