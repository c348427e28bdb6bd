use super::*;
use std::collections::BTreeMap;

/// Connections that always have more to send, on a clock of its own.
struct Play {
    bucket: Bucket,
    now: u64,
    /// Bytes that each connection got.
    got: BTreeMap<Ticket, u64>,
}

impl Play {
    fn new(rate: u64) -> Self {
        Self {
            bucket: Bucket::new(Some(rate)),
            now: 0,
            got: BTreeMap::new(),
        }
    }

    fn ask(&mut self, ticket: Ticket, bytes: u64, is_first: bool) {
        if let Some(bytes) = self.bucket.ask(ticket, bytes, is_first, self.now) {
            *self.got.entry(ticket).or_default() += bytes;
            self.ask(ticket, bytes, is_first);
        }
    }

    /// Goes to the next turn and gives it; the one who had it asks again if `again` says so. Gives who it was.
    fn turn(&mut self, again: impl Fn(Ticket) -> Option<bool>) -> Ticket {
        self.now = self.bucket.wake().unwrap().max(self.now);
        let (ticket, bytes) = self.bucket.next(self.now).unwrap();
        *self.got.entry(ticket).or_default() += bytes;
        if let Some(is_first) = again(ticket) {
            let given = self.bucket.ask(ticket, 1 << 20, is_first, self.now);
            *self.got.entry(ticket).or_default() += given.unwrap_or(0);
        }
        ticket
    }

    fn sum(&self) -> u64 {
        self.got.values().sum()
    }
}

#[test]
fn rates_are_kept_to_a_piece_whoever_asks() {
    for rate in [1 << 10, 64 << 10, 100 << 10, 1 << 20, 20 << 20, 1 << 30] {
        for connections in [1, 7, 300] {
            let mut play = Play::new(rate);
            for ticket in 0..connections {
                play.ask(ticket, 1 << 20, false);
            }
            while play.now < 10 * SECOND_US {
                play.turn(|_| Some(false));
            }
            let due = u128::from(rate) * u128::from(play.now) / u128::from(SECOND_US);
            let off = due.abs_diff(u128::from(play.sum()));
            let most = u128::from((rate / BURST_PART).max(piece_of(rate)));
            assert!(off <= most, "{rate} {connections}: {off}");
        }
    }
}

#[test]
fn sixty_four_kib_a_second_never_come_in_bursts() {
    let mut play = Play::new(64 << 10);
    // A long silence fills the bucket and no more.
    play.now = 3_600 * SECOND_US;
    play.ask(1, 1 << 20, false);
    let start = play.now;
    assert!(play.sum() <= 2 << 10);
    while play.now < start + SECOND_US {
        let (before, sum) = (play.now, play.sum());
        play.turn(|_| Some(false));
        assert!(play.now - before <= SECOND_US / 16);
        assert!(play.sum() - sum <= 2 << 10);
    }
}

#[test]
fn connections_get_equal_shares() {
    let mut play = Play::new(1 << 20);
    for ticket in 0..5 {
        play.ask(ticket, 1 << 20, false);
    }
    for _ in 0..1_000 {
        play.turn(|_| Some(false));
    }
    let (least, most) = (play.got.values().min(), play.got.values().max());
    assert!(most.unwrap() - least.unwrap() <= 2 * (32 << 10));
}

#[test]
fn what_goes_first_overtakes_and_leaves_a_quarter_to_the_rest() {
    let mut play = Play::new(64 << 10);
    for ticket in 0..50 {
        play.ask(ticket, 1 << 20, false);
    }
    play.ask(99, 300, true);
    let asked = play.now;
    while play.turn(|_| Some(false)) != 99 {}
    assert!(play.now - asked <= SECOND_US / 16, "{}", play.now - asked);
    // Somebody who only ever asks for what goes first does not get everything.
    play.got.clear();
    play.ask(99, 1 << 20, true);
    for _ in 0..4_000 {
        play.turn(|ticket| Some(ticket == 99));
    }
    let rest = play.sum() - play.got[&99];
    assert!(rest * 5 >= play.sum(), "{rest} of {}", play.sum());
    assert!(play.got[&99] * 2 >= play.sum());
}

#[test]
fn nothing_waits_without_a_limit_or_once_it_is_lifted() {
    let mut free = Bucket::new(None);
    assert_eq!(free.ask(1, u64::MAX, false, 0), Some(u64::MAX));
    assert_eq!((free.wake(), free.piece()), (None, None));
    let mut bucket = Bucket::new(Some(RATE_MIN));
    for ticket in 0..3 {
        assert_eq!(bucket.ask(ticket, 9_000, ticket == 2, 0), None);
    }
    bucket.set_rate(None, 5);
    assert_eq!(bucket.wake(), Some(5));
    let turns: Vec<Ticket> =
        std::iter::from_fn(|| bucket.next(5).map(|(ticket, _)| ticket)).collect();
    assert_eq!(turns, [2, 0, 1]);
}

#[test]
fn limit_that_begins_or_changes_gives_no_credit_for_the_time_before() {
    let mut bucket = Bucket::new(None);
    bucket.set_rate(Some(1 << 20), 3_600 * SECOND_US);
    assert_eq!(bucket.ask(1, 1 << 20, false, 3_600 * SECOND_US), None);
    assert!(bucket.wake().unwrap() > 3_600 * SECOND_US);
    bucket.set_rate(Some(1 << 10), 3_601 * SECOND_US);
    bucket.set_rate(Some(100 << 20), 3_601 * SECOND_US);
    assert!(bucket.next(3_601 * SECOND_US + 1_000).is_some());
}

#[test]
fn who_leaves_is_not_given_a_turn_and_pays_what_is_through() {
    let mut bucket = Bucket::new(Some(64 << 10));
    assert_eq!(bucket.ask(1, 2_048, false, 0), None);
    assert_eq!(bucket.ask(2, 2_048, false, 0), None);
    assert_eq!(bucket.ask(3, 2_048, true, 0), None);
    bucket.leave(3, false);
    let at = bucket.wake().unwrap();
    bucket.leave(1, true);
    assert!(bucket.wake().unwrap() > at);
    let turn = bucket.next(SECOND_US / 32);
    assert_eq!(turn, None, "what is through was paid first");
    assert_eq!(bucket.next(SECOND_US / 16), Some((2, 2_048)));
    assert_eq!(bucket.wake(), None);
}

#[test]
fn meter_tells_the_mean_of_the_last_seconds() {
    let mut meter = Meter::default();
    assert_eq!(meter.rate(0), 0);
    for tenth in 0..200 {
        meter.count(10, 7 * SECOND_US + tenth * SECOND_US / 10);
    }
    assert_eq!(meter.rate(27 * SECOND_US), 100);
    assert_eq!(meter.rate(29 * SECOND_US + SECOND_US / 2), 60);
    assert_eq!(meter.rate(60 * SECOND_US), 0);
}

#[test]
fn timer_that_is_always_late_loses_nothing() {
    for rate in [64 << 10, 1 << 20, 20 << 20] {
        let mut play = Play::new(rate);
        for ticket in 0..5 {
            play.ask(ticket, 1 << 20, false);
        }
        while play.now < 10 * SECOND_US {
            play.now = play.bucket.wake().unwrap().max(play.now) + 15_000;
            while let Some((ticket, bytes)) = play.bucket.next(play.now) {
                *play.got.entry(ticket).or_default() += bytes;
                let given = play.bucket.ask(ticket, 1 << 20, false, play.now);
                *play.got.entry(ticket).or_default() += given.unwrap_or(0);
            }
        }
        let due = u128::from(rate) * u128::from(play.now) / u128::from(SECOND_US);
        let off = due.abs_diff(u128::from(play.sum()));
        assert!(off <= u128::from(rate / LATE_PART), "{rate}: {off}");
    }
}

#[test]
fn those_who_share_a_rate_get_enough_of_it_in_time() {
    assert_eq!(Bucket::new(None).sharers_max(), None);
    for rate in [RATE_MIN, 5_000, 32 << 10, 1 << 20, 100 << 20, u64::MAX] {
        let bucket = Bucket::new(Some(rate));
        let most = bucket.sharers_max().unwrap();
        assert!(most >= 1 && rate / most >= SHARE_MIN, "{rate}: {most}");
        let round = most.saturating_mul(bucket.piece().unwrap());
        assert!(round / ROUND_S <= rate, "{rate}: {most}");
    }
    assert_eq!(Bucket::new(Some(4 << 10)).sharers_max(), Some(4));
}
