use super::*;
use levada_feed::key::FeedSecret;

fn feed(number: u8) -> FeedKey {
    FeedSecret::from_bytes(&[number; 32]).feed_key()
}

fn following(number: u8, peers: &[&str]) -> Event {
    Event::Following {
        feed: feed(number),
        peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
    }
}

fn polled(peer: &str, outcome: Outcome) -> Event {
    Event::Polled {
        feed: feed(1),
        peer: peer.to_owned(),
        outcome,
    }
}

fn synced(peer: Option<&str>, outcome: Outcome) -> Event {
    Event::Synced {
        feed: feed(1),
        peer: peer.map(str::to_owned),
        outcome,
    }
}

fn poll(peer: &str) -> Action {
    Action::Poll {
        feed: feed(1),
        peer: peer.to_owned(),
        wait_s: WAIT_S,
    }
}

fn sync(peer: Option<&str>) -> Action {
    Action::Sync {
        feed: feed(1),
        peer: peer.map(str::to_owned),
    }
}

/// An engine that has caught up with one feed at time 0.
fn caught_up(peers: &[&str]) -> Engine {
    let mut engine = Engine::default();
    engine.note(following(1, peers), 0);
    assert!(engine.next(0).contains(&sync(None)));
    engine.note(synced(None, Outcome::News), 0);
    engine.next(0);
    engine
}

#[test]
fn followed_feed_is_caught_up_with_and_asked_about_at_two_peers() {
    let mut engine = Engine::default();
    engine.note(following(1, &["a", "b", "c"]), 0);
    assert_eq!(engine.next(0), [sync(None)]);
    engine.note(synced(None, Outcome::News), 0);
    assert_eq!(engine.next(0), [poll("a"), poll("b")]);
    assert_eq!(engine.next(0), [], "nothing is asked twice");
}

#[test]
fn news_lead_to_one_sync_and_then_the_peer_is_asked_again() {
    let mut engine = caught_up(&["a"]);
    assert_eq!(engine.next(0), []);
    engine.note(polled("a", Outcome::News), 9_000);
    assert_eq!(engine.next(9_000), [sync(Some("a"))]);
    engine.note(synced(Some("a"), Outcome::News), 9_500);
    assert_eq!(engine.next(9_500), [poll("a")]);
    assert_eq!(engine.wake(), None, "quiet while nothing happens");
}

#[test]
fn news_during_a_sync_are_fetched_after_it() {
    let mut engine = caught_up(&["a", "b"]);
    engine.note(polled("a", Outcome::News), 10_000);
    assert_eq!(engine.next(10_000), [sync(Some("a"))]);
    engine.note(polled("b", Outcome::News), 10_001);
    assert_eq!(engine.next(10_001), []);
    engine.note(synced(Some("a"), Outcome::News), 10_002);
    assert_eq!(engine.next(10_002), [sync(Some("b"))]);
    engine.note(synced(Some("b"), Outcome::News), 10_003);
    assert_eq!(engine.next(10_003), [poll("a"), poll("b")]);
}

#[test]
fn peer_that_cannot_wait_is_asked_once_a_minute() {
    let mut engine = caught_up(&["a"]);
    engine.note(polled("a", Outcome::Nothing), 10);
    assert_eq!(engine.next(10), []);
    assert_eq!(engine.wake(), Some(10 + REST_MS));
    assert_eq!(engine.next(10 + REST_MS), [poll("a")]);
    let asked = 10 + REST_MS;
    engine.note(polled("a", Outcome::Nothing), asked + WAIT_S * 1_000);
    assert_eq!(engine.next(asked + WAIT_S * 1_000), [poll("a")]);
}

#[test]
fn peer_that_fails_is_left_alone_for_longer_each_time_and_another_takes_its_place() {
    let mut engine = caught_up(&["a", "b", "c"]);
    let mut now = 0;
    engine.note(polled("a", Outcome::Failed), now);
    assert_eq!(engine.next(now), [poll("c")]);
    let mut before = 0;
    for _ in 0..8 {
        engine.note(polled("b", Outcome::Failed), now);
        let rest = match engine.feeds[&feed(1)].peers[1].state {
            State::Resting(until) => until - now,
            other => panic!("{other:?}"),
        };
        assert!(rest > before, "{rest} after {before}");
        before = rest;
        now += rest;
        engine.note(polled("a", Outcome::Failed), now);
        // Keep `a` out of it: only `b` may come back now.
        engine.feeds.get_mut(&feed(1)).unwrap().peers[0].state = State::Resting(u64::MAX);
        assert_eq!(engine.next(now), [poll("b")]);
    }
    assert!(back_off(1_000, 7) <= BACK_OFF_MS_MAX * 5 / 4);
}

#[test]
fn liar_about_news_is_asked_less_and_what_is_missing_is_tried_again_later() {
    let mut engine = caught_up(&["a"]);
    engine.note(polled("a", Outcome::News), 0);
    assert_eq!(engine.next(0), [sync(Some("a"))]);
    engine.note(synced(Some("a"), Outcome::Failed), 0);
    assert_eq!(engine.next(0), []);
    let due = engine.wake().unwrap();
    assert!((1..=2 * BACK_OFF_MS_MIN).contains(&due));

    let mut engine = caught_up(&["a"]);
    engine.note(polled("a", Outcome::News), 0);
    engine.next(0);
    engine.note(synced(Some("a"), Outcome::Nothing), 0);
    engine.next(0);
    assert_eq!(engine.wake(), Some(RETRY_MS));
    assert_eq!(engine.next(RETRY_MS), [sync(None)]);
}

#[test]
fn thousand_sources_start_a_few_syncs_at_a_time() {
    let mut engine = Engine::default();
    for number in 1..=100 {
        engine.note(following(number, &[]), 0);
    }
    let first = engine.next(0);
    assert_eq!(first.len(), SYNCS_MAX);
    assert_eq!(engine.wake(), None, "an ended sync makes room");
    let Action::Sync { feed, .. } = &first[0] else {
        panic!("{first:?}")
    };
    let ended = Event::Synced {
        feed: *feed,
        peer: None,
        outcome: Outcome::News,
    };
    engine.note(ended, 5);
    assert_eq!(engine.next(5).len(), 1);
    for number in 1..=100 {
        engine.note(
            Event::Unfollowed {
                feed: self::feed(number),
            },
            6,
        );
    }
    assert_eq!((engine.syncs, engine.next(6).len()), (0, 0));
}
