//! The engine with a clock and peers that are only told of: one feed, and what may happen to it.

mod hostile;
mod many;
mod turns;

use super::pace::{BACK_OFF_MS_MAX, BACK_OFF_MS_MIN, RETRY_MS};
use super::*;
use levada_feed::key::FeedSecret;

fn feed(number: u32) -> FeedKey {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    FeedSecret::from_bytes(&secret).feed_key()
}

fn following(number: u32, peers: &[&str]) -> Event {
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
        length: 0,
    }
}

fn synced(peer: Option<&str>, outcome: Outcome) -> Event {
    Event::Synced {
        feed: feed(1),
        peer: peer.map(str::to_owned),
        outcome,
        length: 0,
    }
}

fn poll(peer: &str) -> Action {
    Action::Poll {
        feed: feed(1),
        peer: peer.to_owned(),
        wait_s: WAIT_S,
    }
}

fn told(peer: &str, stream: u64, told: Told) -> Event {
    Event::Watched {
        peer: peer.to_owned(),
        stream,
        told,
    }
}

/// The peer has something new of a feed.
fn news(peer: &str, stream: u64, number: u32) -> Event {
    let news = Told::News {
        feed: feed(number),
        length: 0,
    };
    told(peer, stream, news)
}

fn watch(peer: &str, stream: u64, feeds: &[u32]) -> Action {
    let mut feeds: Vec<FeedKey> = feeds.iter().copied().map(feed).collect();
    feeds.sort();
    Action::Watch {
        peer: peer.to_owned(),
        stream,
        feeds,
    }
}

/// Who is asked first, and in which order, in the only sync of some actions.
fn syncs(actions: &[Action]) -> Vec<(Option<String>, Vec<String>)> {
    let of = |action: &Action| match action {
        Action::Sync { peer, order, .. } => Some((peer.clone(), order.clone())),
        _ => None,
    };
    actions.iter().filter_map(of).collect()
}

fn watches(actions: &[Action]) -> Vec<(String, u64)> {
    let of = |action: &Action| match action {
        Action::Watch { peer, stream, .. } => Some((peer.clone(), *stream)),
        _ => None,
    };
    actions.iter().filter_map(of).collect()
}

/// An engine that has caught up with one feed at time 0, with open streams: 1 with the first peer, 2 with the second.
fn caught_up(peers: &[&str]) -> Engine {
    let mut engine = Engine::default();
    engine.note(following(1, peers), 0);
    let actions = engine.next(0);
    assert_eq!(syncs(&actions).len(), 1);
    for (peer, stream) in watches(&actions) {
        engine.note(told(&peer, stream, Told::Open), 0);
    }
    engine.note(synced(None, Outcome::News), 0);
    assert_eq!(engine.next(0), []);
    engine
}

/// The same with peers that do not know streams, each polled.
fn polling(peers: &[&str]) -> Engine {
    let mut engine = Engine::default();
    engine.note(following(1, peers), 0);
    for (peer, stream) in watches(&engine.next(0)) {
        engine.note(told(&peer, stream, Told::Ended(Ending::Unknown)), 0);
    }
    assert_eq!(engine.next(0), [], "while a sync runs nobody is polled");
    engine.note(synced(None, Outcome::News), 0);
    let expected: Vec<Action> = peers.iter().take(2).map(|peer| poll(peer)).collect();
    assert_eq!(engine.next(0), expected);
    engine
}

#[test]
fn followed_feed_is_caught_up_with_and_watched_at_two_peers() {
    let mut engine = Engine::default();
    engine.note(following(1, &["a", "b", "c"]), 0);
    let actions = engine.next(0);
    assert_eq!(actions[..2], [watch("a", 1, &[1]), watch("b", 2, &[1])]);
    let order = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    assert_eq!(syncs(&actions), [(None, order)]);
    assert_eq!(engine.next(0), [], "nothing is asked twice");
}

#[test]
fn one_stream_carries_all_feeds_of_a_peer_and_is_opened_anew_for_more() {
    let mut engine = Engine::default();
    engine.note(following(1, &["a"]), 0);
    engine.note(following(2, &["a"]), 0);
    assert_eq!(engine.next(0)[0], watch("a", 1, &[1, 2]));
    engine.note(told("a", 1, Told::Open), 0);
    engine.note(following(3, &["a"]), 10);
    engine.note(following(4, &["a"]), 20);
    assert_eq!(watches(&engine.next(20)), []);
    assert_eq!(engine.wake(), Some(510));
    assert_eq!(engine.next(510), [watch("a", 2, &[1, 2, 3, 4])]);
    // What the old stream still says counts no more.
    engine.note(told("a", 1, Told::Ended(Ending::Failed)), 520);
    engine.note(told("a", 2, Told::Open), 520);
    for number in 1..=4 {
        engine.note(Event::Unfollowed { feed: feed(number) }, 600);
    }
    let ended = Action::Unwatch { peer: "a".into() };
    let actions = engine.next(600);
    assert_eq!(actions[0], ended);
    let is_end = |action: &Action| matches!(action, Action::EndSync { .. });
    assert!(actions.len() == 5 && actions[1..].iter().all(is_end));
    assert_eq!(engine.wake(), None);
    assert_eq!(engine.peers.known("a"), None, "nobody names it any more");
}

#[test]
fn news_lead_to_one_sync_that_asks_who_told_first() {
    let mut engine = caught_up(&["a", "b"]);
    engine.note(news("b", 2, 1), 9_000);
    let order = vec!["b".to_owned(), "a".to_owned()];
    assert_eq!(syncs(&engine.next(9_000)), [(Some("b".into()), order)]);
    // Those that come meanwhile are fetched after it.
    engine.note(news("a", 1, 1), 9_100);
    engine.note(news("b", 2, 1), 9_100);
    assert_eq!(engine.next(9_100), []);
    engine.note(synced(Some("b"), Outcome::News), 9_500);
    let order = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(syncs(&engine.next(9_500)), [(Some("a".into()), order)]);
    engine.note(synced(Some("a"), Outcome::News), 9_600);
    assert_eq!(engine.next(9_600), []);
    assert_eq!(engine.wake(), Some(9_600 + TICK_MS), "only the clock");
}

#[test]
fn peer_without_streams_is_polled_and_one_that_cannot_wait_once_a_minute() {
    let mut engine = polling(&["a"]);
    engine.note(polled("a", Outcome::Nothing), 10);
    assert_eq!(engine.next(10), []);
    assert_eq!(engine.wake(), Some(10 + REST_MS));
    assert_eq!(engine.next(10 + REST_MS), [poll("a")]);
    let waited = 10 + REST_MS + WAIT_S * 1_000;
    engine.note(polled("a", Outcome::Nothing), waited);
    assert_eq!(engine.next(waited), [poll("a")]);
    engine.note(polled("a", Outcome::News), waited + 5);
    let order = vec!["a".to_owned()];
    assert_eq!(
        syncs(&engine.next(waited + 5)),
        [(Some("a".into()), order)],
        "and not polled meanwhile"
    );
    engine.note(synced(Some("a"), Outcome::News), waited + 9);
    assert_eq!(engine.next(waited + 9), [poll("a")]);
}

#[test]
fn peer_that_fails_is_left_alone_for_longer_each_time_and_another_takes_its_place() {
    let mut engine = caught_up(&["a", "b", "c"]);
    engine.note(told("a", 1, Told::Ended(Ending::Failed)), 0);
    assert_eq!(engine.next(0), [watch("c", 3, &[1])]);
    let mut engine = caught_up(&["a"]);
    let (mut now, mut before, mut stream) = (0, 0, 1);
    for _ in 0..30 {
        engine.note(told("a", stream, Told::Ended(Ending::Failed)), now);
        assert_eq!(engine.next(now), []);
        let due = engine.peers.first().unwrap();
        assert!(due - now > before || due - now > BACK_OFF_MS_MAX / 2);
        assert!(due - now <= BACK_OFF_MS_MAX * 5 / 4);
        (before, now) = (due - now, due);
        stream += 1;
        engine.seen = now;
        assert_eq!(engine.next(now), [watch("a", stream, &[1])]);
    }
    // After a success all is forgotten once it lasted.
    engine.note(told("a", stream, Told::Open), now);
    engine.note(told("a", stream, Told::Ended(Ending::Closed)), now + 61_000);
    let due = engine.peers.first().unwrap();
    assert!(due <= now + 61_000 + 5_000);
}

#[test]
fn peer_that_lied_is_asked_last_and_one_that_came_back_is_asked_again() {
    let mut engine = caught_up(&["a", "b", "c"]);
    let ranked = |rank| Event::Ranked {
        peer: "a".into(),
        rank,
    };
    engine.note(ranked(100), 1);
    let actions = engine.next(1);
    assert_eq!(watches(&actions), [("c".to_owned(), 3)]);
    engine.note(told("c", 3, Told::Open), 1);
    engine.note(news("c", 3, 1), 2);
    let order = ["c", "b", "a"].map(str::to_owned).to_vec();
    assert_eq!(syncs(&engine.next(2)), [(Some("c".into()), order)]);
    let ended = Action::Unwatch { peer: "a".into() };
    assert_eq!(engine.next(600), [ended]);
    engine.note(ranked(0), 1_000);
    assert_eq!(watches(&engine.next(1_000)), [("a".to_owned(), 4)]);
}

#[test]
fn peer_that_lacks_a_feed_does_not_count_for_it() {
    let mut engine = caught_up(&["a", "b", "c"]);
    engine.note(told("a", 1, Told::Lacks(feed(1))), 0);
    assert_eq!(watches(&engine.next(0)), [("c".to_owned(), 3)]);
    // Where nobody else is known it stays watched: the feed may come there.
    let mut engine = caught_up(&["a"]);
    engine.note(told("a", 1, Told::Lacks(feed(1))), 0);
    assert_eq!(engine.next(10_000), []);
}

#[test]
fn liar_about_news_is_asked_less_and_what_is_missing_is_tried_again_later() {
    let mut engine = caught_up(&["a", "b", "c"]);
    engine.note(news("a", 1, 1), 0);
    engine.next(0);
    engine.note(synced(Some("a"), Outcome::Failed), 0);
    assert_eq!(watches(&engine.next(0)), [("c".to_owned(), 3)]);
    let due = engine.syncs.first().unwrap();
    assert!((1..=2 * BACK_OFF_MS_MIN).contains(&due));

    let mut engine = caught_up(&["a"]);
    engine.note(news("a", 1, 1), 0);
    engine.next(0);
    engine.note(synced(Some("a"), Outcome::Nothing), 0);
    assert_eq!(engine.next(0), []);
    assert_eq!(engine.syncs.first(), Some(RETRY_MS));
}

#[test]
fn who_never_gives_what_it_tells_of_costs_a_sync_now_and_then() {
    let mut engine = caught_up(&["a"]);
    let news = Told::News {
        feed: feed(1),
        length: 90,
    };
    let (mut syncs, mut open) = (0, 1);
    for now in (0..20 * 3_600_000).step_by(500) {
        engine.note(told("a", open, news), now);
        for action in engine.next(now) {
            match action {
                Action::Sync { peer, .. } => {
                    syncs += 1;
                    let (outcome, length) = (Outcome::News, 80);
                    let ended = Event::Synced {
                        feed: feed(1),
                        peer,
                        outcome,
                        length,
                    };
                    engine.note(ended, now);
                }
                Action::Watch { stream, .. } => open = stream,
                Action::Unwatch { .. } | Action::Poll { .. } | Action::EndSync { .. } => {}
            }
        }
    }
    assert!((20..40).contains(&syncs), "{syncs}");
}

#[test]
fn longer_head_that_another_peer_told_of_meanwhile_is_fetched_of_that_one() {
    let mut engine = caught_up(&["a", "b"]);
    let news = |length| Told::News {
        feed: feed(1),
        length,
    };
    engine.note(told("a", 1, news(80)), 0);
    engine.note(told("b", 2, news(90)), 0);
    let told_by = |engine: &mut Engine| match &engine.next(0)[..] {
        [Action::Sync { peer, .. }] => peer.clone(),
        actions => panic!("{actions:?}"),
    };
    assert_eq!(told_by(&mut engine).as_deref(), Some("a"));
    let ended = |peer: &str, length| Event::Synced {
        feed: feed(1),
        peer: Some(peer.into()),
        outcome: Outcome::News,
        length,
    };
    engine.note(ended("a", 80), 0);
    assert_eq!(told_by(&mut engine).as_deref(), Some("b"));
    engine.note(ended("b", 90), 0);
    assert_eq!(engine.next(0), []);
}

#[test]
fn peers_that_are_not_asked_are_looked_at_in_turn() {
    let mut engine = caught_up(&["a", "b", "c", "d"]);
    let mut looked = Vec::new();
    for now in (0..8 * 3_600_000).step_by(60_000) {
        for action in engine.next(now) {
            let Action::Poll {
                peer, wait_s: 0, ..
            } = action
            else {
                panic!("{action:?}")
            };
            engine.note(polled(&peer, Outcome::Nothing), now);
            looked.push(peer);
        }
    }
    assert!((6..=11).contains(&looked.len()), "{looked:?}");
    let turns = looked.chunks(2).filter(|turn| turn.len() == 2);
    assert!(
        turns.into_iter().all(|turn| turn == ["c", "d"]),
        "{looked:?}"
    );
    let mut few = caught_up(&["a", "b"]);
    for now in (0..8 * 3_600_000).step_by(60_000) {
        assert_eq!(few.next(now), []);
    }
}

#[test]
fn what_nobody_has_is_asked_for_ever_less_often_and_news_do_not_put_it_off() {
    let mut engine = caught_up(&["a"]);
    let hear = |engine: &mut Engine, now| {
        engine.note(news("a", 1, 1), now);
        engine.next(now);
        engine.note(synced(Some("a"), Outcome::Nothing), now);
        engine.syncs.first().unwrap()
    };
    let mut due = hear(&mut engine, 0);
    let mut rests = Vec::new();
    for _ in 0..6 {
        // The clock is looked at often, or this would be a sleep.
        for now in (engine.seen..due).step_by(60_000) {
            assert_eq!(engine.next(now), []);
        }
        assert_eq!(hear(&mut engine, due - 1), due);
        let actions = engine.next(due);
        assert!(matches!(actions[..], [Action::Sync { peer: None, .. }]));
        engine.note(synced(None, Outcome::Nothing), due);
        let next = engine.syncs.first().unwrap();
        rests.push((next - due) / 60_000);
        due = next;
    }
    assert_eq!(rests, [10, 20, 40, 60, 60, 60]);
    engine.note(news("a", 1, 1), due);
    engine.next(due);
    engine.note(synced(Some("a"), Outcome::News), due);
    assert_eq!(engine.syncs.first(), None);
}
