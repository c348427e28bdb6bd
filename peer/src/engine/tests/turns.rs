//! Syncs that never end, and those that take long: whoever else waits has its turn, and what is large comes to its end.

use super::super::syncs::{LONG_MAX, LONG_MS, SHORT_MS, SYNCS_MAX};
use super::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const NEVER: u64 = u64::MAX;

/// An engine whose syncs take as long as is said of their feeds.
#[derive(Default)]
struct Play {
    engine: Engine,
    now: u64,
    /// By feed: its number, the time that its next sync takes at one peer, and that of one answer; answers in whole are kept.
    feeds: BTreeMap<FeedKey, (u32, u64, u64)>,
    running: BTreeMap<FeedKey, (u64, Option<String>)>,
    /// Feeds of which a sync ended by itself, and when.
    done: Vec<(u32, u64)>,
    /// Feeds of which one was ended.
    ended: Vec<u32>,
}

impl Play {
    /// Feeds at one peer, with the time that a sync and an answer take.
    fn follow(&mut self, numbers: std::ops::Range<u32>, takes: u64, answer: u64) {
        for number in numbers {
            self.feeds.insert(feed(number), (number, takes, answer));
            let peer = format!("peer of {number}");
            self.engine.note(following(number, &[&peer]), self.now);
        }
    }

    /// Their peers have news.
    fn news(&mut self, numbers: std::ops::Range<u32>, length: u64) {
        for number in numbers {
            let peer = format!("peer of {number}");
            let (feed, id) = (feed(number), self.engine.peers.known(&peer).unwrap());
            self.engine.news(feed, id, length, self.now);
        }
    }

    fn over(&mut self, feed: FeedKey, outcome: Outcome) {
        let (_, peer) = self.running.remove(&feed).unwrap();
        let ended = Event::Synced {
            feed,
            peer,
            outcome,
            length: 1_000,
        };
        self.engine.note(ended, self.now);
    }

    fn step(&mut self) {
        for action in self.engine.next(self.now) {
            match action {
                Action::Sync { feed, peer, .. } => {
                    let before = self.running.insert(feed, (self.now, peer));
                    assert_eq!(before, None, "two syncs of one feed");
                    assert!(self.running.len() <= SYNCS_MAX);
                }
                Action::EndSync { feed } => {
                    let (number, takes, answer) = self.feeds[&feed];
                    let ran = self.now - self.running[&feed].0;
                    let kept = ran - ran % answer;
                    self.feeds.insert(feed, (number, takes - kept, answer));
                    self.ended.push(number);
                    self.over(feed, Outcome::Failed);
                }
                // Streams that do not answer are of no matter here.
                Action::Watch { .. } | Action::Unwatch { .. } | Action::Poll { .. } => {}
            }
        }
        let is_over = |(feed, (since, _)): (&FeedKey, &(u64, _))| {
            let is_over = self.now - since >= self.feeds[feed].1;
            is_over.then_some(*feed)
        };
        let over: Vec<FeedKey> = self.running.iter().filter_map(is_over).collect();
        for feed in over {
            self.done.push((self.feeds[&feed].0, self.now));
            self.over(feed, Outcome::News);
        }
    }

    /// Lets time pass; nothing happens but what the engine or an end of a sync is due for.
    fn run_to(&mut self, end: u64) {
        while self.now < end {
            // What a step leaves due at once is done in the next.
            for step in 0.. {
                assert!(step < 1_000, "it is never done at {}", self.now);
                self.step();
                if self.engine.wake().is_none_or(|wake| wake > self.now) {
                    break;
                }
            }
            let ends = self.running.iter().map(|(feed, (since, _))| {
                let takes = self.feeds[feed].1;
                since.saturating_add(takes)
            });
            let next = ends.chain(self.engine.wake()).min().unwrap_or(end);
            self.now = next.clamp(self.now + 1, end);
        }
    }

    /// When a feed was done that waited since now.
    fn waits(&mut self, numbers: std::ops::Range<u32>, at_most: u64) -> u64 {
        let (since, before) = (self.now, self.done.len());
        while self.done.len() - before < numbers.len() && self.now < since + at_most {
            let next = self.now + 1_000;
            self.run_to(next);
        }
        let done: Vec<u32> = self.done[before..].iter().map(|(of, _)| *of).collect();
        assert!(numbers.clone().all(|of| done.contains(&of)), "{done:?}");
        self.now - since
    }
}

#[test]
fn feeds_of_a_host_that_never_ends_a_sync_keep_nobody_waiting() {
    let mut play = Play::default();
    let slow = 0..40;
    play.follow(slow.clone(), NEVER, 1_000);
    play.run_to(1_000);
    // Whoever comes after them waits until each of them had its minute.
    play.follow(100..110, 2_000, 1_000);
    let places = u64::try_from(SYNCS_MAX - LONG_MAX).unwrap();
    let bound = (u64::from(slow.end).div_ceil(places) + 1) * SHORT_MS;
    play.waits(100..110, bound);
    play.run_to(play.now + HOUR);
    // From then on they are known, and who has news does not wait at all.
    for length in 1..200 {
        let since = play.now;
        play.news(100..110, length);
        let waited = play.waits(100..110, SHORT_MS);
        assert!(waited <= 10_000, "{waited} ms at {since}");
        play.run_to(play.now + 10 * MINUTE);
    }
    // Each of the slow ones had its turn again and again too.
    for number in slow {
        let turns = play.ended.iter().filter(|of| **of == number);
        assert!(turns.count() > 3, "{number}");
    }
}

#[test]
fn host_that_ends_each_sync_just_in_time_keeps_others_waiting_for_a_minute() {
    let mut play = Play::default();
    play.follow(0..8, SHORT_MS - 1_000, 1_000);
    play.follow(100..101, 2_000, 1_000);
    play.run_to(10 * MINUTE);
    for length in 1..50 {
        play.news(0..8, length);
        play.run_to(play.now + 500);
        play.news(100..101, length);
        let (since, before) = (play.now, play.done.len());
        play.run_to(since + SHORT_MS + 2_000);
        let is_it = |(number, _): &&(u32, u64)| *number == 100;
        assert!(play.done[before..].iter().any(|done| is_it(&done)));
        play.run_to(play.now + 5 * MINUTE);
    }
}

#[test]
fn large_feed_over_a_slow_line_comes_to_its_end_among_those_that_never_do() {
    let mut play = Play::default();
    play.follow(0..20, NEVER, 1_000);
    // Three hours for the records, of which one answer takes twenty minutes: two are never kept of one turn.
    play.follow(50..51, 3 * HOUR, 20 * MINUTE);
    let turns = 3 * HOUR / (20 * MINUTE);
    let longs = u64::try_from(LONG_MAX).unwrap();
    let bound = turns * (21_u64.div_ceil(longs) + 1) * LONG_MS;
    let waited = play.waits(50..51, bound);
    assert!(waited > 3 * HOUR);
    assert!(play.ended.contains(&50), "it had its turns");
}

#[test]
fn what_takes_long_is_left_alone_while_no_other_has_use_for_its_place() {
    let mut play = Play::default();
    play.follow(0..8, NEVER, 1_000);
    play.run_to(LONG_MS / 2);
    assert_eq!((play.ended.len(), play.running.len()), (0, 8));
    // Half of the places are for the others from now on, and no more than those.
    play.follow(100..200, 30_000, 1_000);
    play.run_to(LONG_MS);
    assert_eq!((play.done.len(), play.ended.len()), (100, 4));
    // Four that take long wait for the four that run.
    play.run_to(10 * HOUR);
    let ended = play.ended.len();
    assert!((4 * 18..=4 * 20).contains(&ended), "{ended}: they change");
}

#[test]
fn two_that_wait_cost_two_their_places_and_no_more() {
    let mut play = Play::default();
    play.follow(0..8, NEVER, 1_000);
    play.run_to(10 * MINUTE);
    play.follow(100..102, 30_000, 1_000);
    play.run_to(play.now + 1_000);
    assert_eq!((play.ended.len(), play.running.len()), (2, 8));
}

#[test]
fn who_was_asked_first_in_a_sync_that_was_ended_is_asked_later() {
    let mut engine = Engine::default();
    for number in 1..=u32::try_from(SYNCS_MAX).unwrap() {
        engine.note(following(number, &["a", "b", "c"]), 0);
    }
    engine.next(0);
    for now in (0..=SHORT_MS).step_by(1_000) {
        assert!(engine.next(now).is_empty());
    }
    engine.note(following(99, &["a"]), SHORT_MS);
    let actions = engine.next(SHORT_MS);
    let over = |action: &Action| match action {
        Action::EndSync { feed } => Some(*feed),
        _ => None,
    };
    let over: Vec<FeedKey> = actions.iter().filter_map(over).collect();
    let [of] = over[..] else {
        panic!("{actions:?}")
    };
    let ended = Event::Synced {
        feed: of,
        peer: None,
        outcome: Outcome::Failed,
        length: 0,
    };
    engine.note(ended, SHORT_MS);
    let actions = engine.next(SHORT_MS);
    assert_eq!(syncs(&actions).len(), 1, "the one that waited");
    // All that run take no longer: its turn comes, and it is no failure that it rests for.
    for number in 1..=99 {
        if feed(number) != of && engine.syncs.is_running(&feed(number)) {
            engine.note(
                Event::Synced {
                    feed: feed(number),
                    peer: None,
                    outcome: Outcome::News,
                    length: 0,
                },
                SHORT_MS,
            );
        }
    }
    let order = ["b", "c", "a"].map(str::to_owned).to_vec();
    assert_eq!(syncs(&engine.next(SHORT_MS)), [(None, order)]);
}
