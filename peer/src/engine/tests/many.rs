//! Very many sources: no burst, no rest that is due to nothing, and nothing is left of what is gone.

use super::super::syncs::{SHORT_MS, SYNCS_MAX};
use super::*;

#[test]
fn after_a_sleep_all_streams_come_back_one_after_the_other() {
    let mut engine = Engine::default();
    for number in 0..400 {
        engine.note(following(number, &[&format!("peer {number}")]), 0);
    }
    let mut open = 0;
    while open < 400 || engine.wake() == Some(0) {
        let actions = engine.next(0);
        assert!(actions.len() <= OPENING_MAX + SYNCS_MAX);
        for action in actions {
            match action {
                Action::Watch { peer, stream, .. } => {
                    open += 1;
                    engine.note(told(&peer, stream, Told::Open), 0);
                }
                Action::Sync { feed, peer, .. } => {
                    let outcome = Outcome::News;
                    engine.note(
                        Event::Synced {
                            feed,
                            peer,
                            outcome,
                            length: 0,
                        },
                        0,
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let week = 7 * 24 * 3_600_000;
    assert_eq!(engine.wake(), Some(TICK_MS));
    let (mut now, mut again, mut ended) = (week, 0, 0);
    while again < 400 {
        let actions = engine.next(now);
        ended += actions
            .iter()
            .filter(|a| matches!(a, Action::Unwatch { .. }))
            .count();
        let opened = watches(&actions);
        assert!(opened.len() <= OPENING_MAX, "no burst");
        again += opened.len();
        for (peer, stream) in opened {
            engine.note(told(&peer, stream, Told::Open), now);
        }
        let wake = engine.wake().unwrap();
        assert!(again == 400 || wake <= now + 10_000);
        now = wake.max(now);
    }
    assert_eq!((ended, engine.syncs.running()), (400, 0));
    assert!(now > week + 5_000, "spread over some time");
}

/// Carries out everything for peers that never have news; gives the actions of one span of time.
fn live_through(engine: &mut Engine, from: u64, to: u64) -> usize {
    let (mut now, mut actions) = (from, 0);
    loop {
        let done = engine.next(now);
        actions += done.len();
        assert!(done.len() <= OPENING_MAX + SYNCS_MAX + POLLS_MAX);
        for action in done {
            let event = match action {
                Action::Watch { peer, stream, .. } => told(&peer, stream, Told::Open),
                Action::Sync { feed, peer, .. } => Event::Synced {
                    feed,
                    peer,
                    outcome: Outcome::News,
                    length: 0,
                },
                Action::Poll { feed, peer, .. } => Event::Polled {
                    feed,
                    peer,
                    outcome: Outcome::Nothing,
                    length: 0,
                },
                Action::Unwatch { .. } => continue,
                Action::EndSync { .. } => panic!("nothing takes long"),
            };
            engine.note(event, now);
        }
        match engine.wake() {
            Some(wake) if wake <= to => now = wake.max(now),
            _ => return actions,
        }
    }
}

#[test]
fn ten_thousand_sources_are_caught_up_with_and_then_nothing_is_said() {
    let mut engine = Engine::default();
    for number in 0..10_000 {
        let peers = [number % 50, (number + 1) % 50].map(|peer| format!("peer {peer}"));
        engine.note(following(number, &[&peers[0], &peers[1]]), 0);
    }
    let hour = 3_600_000;
    let first = live_through(&mut engine, 0, hour);
    assert!(
        (10_050..11_000).contains(&first),
        "one sync for each feed, one stream for each peer: {first}"
    );
    assert_eq!(live_through(&mut engine, hour, 2 * hour), 0);
    // One event costs its own feed alone.
    engine.note(news("peer 7", 8, 7), 2 * hour);
    assert_eq!(live_through(&mut engine, 2 * hour, 2 * hour + 1_000), 1);
}

#[test]
fn sources_at_too_many_peers_are_polled_a_few_at_a_time() {
    let mut engine = Engine::default();
    for number in 0..2_000 {
        engine.note(following(number, &[&format!("peer {number}")]), 0);
    }
    live_through(&mut engine, 0, 0);
    assert_eq!(engine.polling, 0);
    let hour = 3_600_000;
    let polls = live_through(&mut engine, 1, hour);
    let rest = 2_000 - STREAMS_MAX;
    assert!(polls <= rest * 61, "{polls} in an hour");
}

#[test]
fn sources_that_nobody_has_and_gone_ones_leave_nothing_behind() {
    let mut engine = Engine::default();
    for number in 1..=100 {
        engine.note(following(number, &[]), 0);
    }
    let first = engine.next(0);
    assert_eq!(first.len(), SYNCS_MAX);
    assert_eq!(engine.wake(), Some(SHORT_MS), "an ended sync makes room");
    let Action::Sync { feed: of, .. } = &first[0] else {
        panic!("{first:?}")
    };
    let ended = Event::Synced {
        feed: *of,
        peer: None,
        outcome: Outcome::News,
        length: 0,
    };
    engine.note(ended, 5);
    assert_eq!(engine.next(5).len(), 1);
    for number in 1..=100 {
        engine.note(Event::Unfollowed { feed: feed(number) }, 6);
    }
    let actions = engine.next(6);
    assert_eq!(actions.len(), SYNCS_MAX, "{actions:?}");
    for action in actions {
        let Action::EndSync { feed } = action else {
            panic!("{action:?}")
        };
        let ended = Event::Synced {
            feed,
            peer: None,
            outcome: Outcome::Failed,
            length: 0,
        };
        engine.note(ended, 7);
    }
    assert_eq!((engine.next(7), engine.wake()), (Vec::new(), None));
}
