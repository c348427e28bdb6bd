//! Peers and authors that mean no good: what they cost is bounded, and they do not keep what others have from us.

use super::*;

#[test]
fn news_that_come_as_fast_as_they_are_asked_for_are_asked_for_seldom() {
    let mut engine = polling(&["a"]);
    let (mut polls, mut length) = (1, 10);
    let mut waiting = true;
    for now in (0..60_000).step_by(10) {
        if waiting {
            length += 1;
            let (feed, peer, outcome) = (feed(1), "a".to_owned(), Outcome::News);
            let polled = Event::Polled {
                feed,
                peer,
                outcome,
                length,
            };
            engine.note(polled, now);
            waiting = false;
        }
        for action in engine.next(now) {
            match action {
                Action::Sync { feed, peer, .. } => {
                    let outcome = Outcome::News;
                    let synced = Event::Synced {
                        feed,
                        peer,
                        outcome,
                        length,
                    };
                    engine.note(synced, now);
                }
                Action::Poll { .. } => {
                    polls += 1;
                    waiting = true;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!((20..=40).contains(&polls), "{polls}");
}

#[test]
fn who_comes_to_have_what_another_only_told_of_is_asked_once() {
    let mut engine = caught_up(&["a", "b"]);
    let (of, length) = (feed(1), 90);
    let synced = |peer: &str| Event::Synced {
        feed: of,
        peer: Some(peer.to_owned()),
        outcome: Outcome::Nothing,
        length,
    };
    let has = || told("b", 2, Told::Has { feed: of, length });
    engine.note(has(), 0);
    assert_eq!(engine.next(0), [], "nothing is lacking");
    engine.note(told("a", 1, Told::News { feed: of, length }), 0);
    assert_eq!(syncs(&engine.next(0)).len(), 1);
    engine.note(synced("a"), 0);
    assert_eq!(engine.next(0), [], "it gave the head and no more");
    assert_eq!(engine.syncs.first(), Some(RETRY_MS));

    engine.note(has(), 1_000);
    let order = vec!["b".to_owned(), "a".to_owned()];
    assert_eq!(syncs(&engine.next(1_000)), [(Some("b".to_owned()), order)]);
    engine.note(synced("b"), 1_000);
    for _ in 0..9 {
        engine.note(has(), 2_000);
        assert_eq!(engine.next(2_000), []);
    }
    assert_eq!(engine.syncs.first(), Some(RETRY_MS));
}
