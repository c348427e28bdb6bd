//! One sync of one feed: what to ask next of a peer, what answers come to, and which peer is next.
//!
//! Pure: the driver says what is known and held, and is told the next request. `Session` chooses records; `Exchange` adds
//! what is under way with one peer and lets `judge` take its answers; `Round` goes over the peers.

mod exchange;
mod round;

use crate::runs::Runs;
use levada_feed::limits::BUNDLE_SLOTS_MAX;
use std::ops::Range;

pub use exchange::{Ended, Exchange, Topic, Turn};
pub use round::{Heard, Round, Whom};

/// Records asked for in the first bundle of a run; more when they turn out small.
const BUNDLE_RECORDS_MIN: u64 = 512;
/// A bundle of fewer bytes than this, complete, makes the next one twice as long.
const BUNDLE_BYTES_SMALL: usize = 2 << 20;
/// Newest records asked for by a new follower at most.
const START_RECORDS_MAX: u64 = 512;

/// What a source keeps, as records: the newest ones from somewhere on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// As many items as this.
    Items(u64),
    /// Those dated at or after this time, Unix milliseconds.
    Since(u64),
    /// Only the head and record 0.
    Nothing,
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Take the feed up: record 0 and the newest records.
    Start {
        /// How many.
        latest: u64,
    },
    /// Ask for a newer head than the one of this length.
    Head {
        /// Records that our head covers.
        have: u64,
    },
    /// Ask for records.
    Records(Range<u64>),
    /// This peer has told what it can.
    Done,
}

/// What is known while a session runs.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Length of the highest head that was verified.
    pub length: Option<u64>,
    /// Records held.
    pub held: &'a Runs,
    /// Items found among the records from `Session::from` on; only looked at while nothing is under way.
    pub items: u64,
    /// Time of the oldest record from `Session::from` on.
    pub oldest: Option<u64>,
    /// Single records that others refer to: first records of edited items.
    pub referred: &'a Runs,
}

/// The state of one sync with one peer.
#[derive(Clone, Debug)]
pub struct Session {
    wanted: Wanted,
    /// The head was asked for.
    is_fresh: bool,
    /// First record that is wanted, as far as known.
    from: Option<u64>,
    /// Records that this peer keeps back or does not have.
    refused: Runs,
    bundle: u64,
    /// How far the next step back goes at least.
    step: u64,
}

impl Session {
    /// A session that wants this.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            is_fresh: false,
            from: None,
            refused: Runs::new(),
            bundle: BUNDLE_RECORDS_MIN,
            step: 0,
        }
    }

    /// First record that is wanted of a feed of this length, as far as known; `None` while the peer's head was not judged.
    pub fn from(&mut self, length: u64) -> Option<u64> {
        self.is_fresh.then(|| {
            let start = self.start(length);
            let from = self.from.get_or_insert(start);
            *from = (*from).min(start);
            *from
        })
    }

    /// Where the wanted records begin before any was looked at.
    fn start(&self, length: u64) -> u64 {
        match self.wanted {
            Wanted::All => 0,
            Wanted::Nothing => length.saturating_sub(1),
            Wanted::Items(items) => length.saturating_sub(items.max(1)),
            Wanted::Since(_) => length.saturating_sub(START_RECORDS_MAX),
        }
    }

    /// The peer's head was judged: it is ours now, or it is older.
    pub fn head_judged(&mut self) {
        self.is_fresh = true;
    }

    /// The peer turned out to have a newer head than the one it was asked about.
    pub fn head_outdated(&mut self) {
        self.is_fresh = false;
    }

    /// The peer gave nothing for these records, now or for good.
    pub fn refused(&mut self, records: Range<u64>) {
        self.refused.insert(records);
    }

    /// A bundle came: how many records were asked for and how many it covered, in how many bytes.
    pub fn bundle_came(&mut self, asked: u64, came: u64, bytes: usize) {
        let slots_max = u64::try_from(BUNDLE_SLOTS_MAX).unwrap_or(u64::MAX);
        if came < asked {
            self.bundle = came.max(BUNDLE_RECORDS_MIN);
        } else if bytes < BUNDLE_BYTES_SMALL && asked >= self.bundle {
            self.bundle = (self.bundle * 2).min(slots_max);
        }
    }

    /// What to ask next, leaving out what is under way.
    pub fn next(&mut self, known: &Known<'_>, under_way: &Runs) -> Step {
        let Some(length) = known.length else {
            return Step::Start {
                latest: self.start_records(),
            };
        };
        if !self.is_fresh {
            return Step::Head { have: length };
        }
        let is_free = |range: &Range<u64>| under_way.missing(range.clone()).next();
        let mut open = known.held.clone();
        self.refused.iter().for_each(|run| open.insert(run));
        let from = self.reach(length, known, under_way.is_empty());
        // Newest first, so that what people look at comes early; but a whole feed from its start, as it was written.
        let gaps = open.missing(from..length);
        let gap = if self.wanted == Wanted::All {
            gaps.filter_map(|gap| is_free(&gap)).next()
        } else {
            gaps.filter_map(|gap| is_free(&gap)).last()
        };
        if let Some(gap) = gap {
            let range = if self.wanted == Wanted::All {
                gap.start..gap.end.min(gap.start.saturating_add(self.bundle))
            } else {
                gap.end.saturating_sub(self.bundle).max(gap.start)..gap.end
            };
            return Step::Records(range);
        }
        let single = known
            .referred
            .iter()
            .flat_map(|run| open.missing(run).collect::<Vec<_>>());
        match single.filter_map(|gap| is_free(&gap)).next() {
            Some(gap) => Step::Records(gap.start..gap.end.min(gap.start + 1)),
            None => Step::Done,
        }
    }

    /// The first record from `above` on that is wanted and not held, of those that no other refers to; those too, when all
    /// are meant.
    fn lacks(&self, known: &Known<'_>, above: u64) -> Option<u64> {
        let Some(length) = known.length else {
            return Some(0);
        };
        let from = self.from.unwrap_or_else(|| self.start(length)).max(above);
        let mut lacking = known.held.missing(from..length.max(from));
        let mut referred = known.referred.iter().filter(|_| above == 0);
        let single = || referred.find_map(|run| known.held.missing(run).next());
        let lacking = lacking.next().or_else(single);
        lacking.map(|run| run.start)
    }

    fn start_records(&self) -> u64 {
        match self.wanted {
            Wanted::Items(items) => items.clamp(1, START_RECORDS_MAX),
            Wanted::All | Wanted::Since(_) => START_RECORDS_MAX,
            Wanted::Nothing => 1,
        }
    }

    /// How far back records are wanted; moves back when what is there turned out to be too little.
    fn reach(&mut self, length: u64, known: &Known<'_>, is_settled: bool) -> u64 {
        let start = self.start(length);
        let from = self.from.get_or_insert(start);
        *from = (*from).min(start);
        // Only a range that is held as far as this peer can give it tells whether to go on.
        let is_complete = |from| {
            self.refused
                .iter()
                .fold(known.held.clone(), |mut held, run| {
                    held.insert(run);
                    held
                })
                .contains_all(from..length)
        };
        if *from > 0 && is_settled && is_complete(*from) {
            let missing = match self.wanted {
                Wanted::Items(items) => items.saturating_sub(known.items),
                Wanted::Since(time) if known.oldest.is_none_or(|oldest| oldest >= time) => {
                    START_RECORDS_MAX
                }
                _ => 0,
            };
            if missing > 0 {
                // What was looked at held too little: a feed with a run of edits is not walked back record by record.
                let back = missing.max(self.step);
                self.step = back.saturating_mul(2).min(START_RECORDS_MAX);
                *from = from.saturating_sub(back);
            }
        }
        *from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'a>(length: Option<u64>, held: &'a Runs, items: u64, none: &'a Runs) -> Known<'a> {
        Known {
            length,
            held,
            items,
            oldest: None,
            referred: none,
        }
    }

    #[test]
    fn new_follower_takes_the_feed_up_with_its_newest_records() {
        let none = Runs::new();
        let step = |wanted| Session::new(wanted).next(&known(None, &none, 0, &none), &none);
        assert_eq!(step(Wanted::Items(50)), Step::Start { latest: 50 });
        assert_eq!(step(Wanted::All), Step::Start { latest: 512 });
        assert_eq!(step(Wanted::Nothing), Step::Start { latest: 1 });
    }

    #[test]
    fn whole_feed_is_asked_for_from_its_start_without_what_is_under_way() {
        let (none, mut session) = (Runs::new(), Session::new(Wanted::All));
        let held = Runs::of(900..1000);
        assert_eq!(
            session.next(&known(Some(1000), &held, 0, &none), &none),
            Step::Head { have: 1000 }
        );
        session.head_judged();
        assert_eq!(
            session.next(&known(Some(1000), &held, 0, &none), &none),
            Step::Records(0..512)
        );
        let under_way = Runs::of(0..512);
        assert_eq!(
            session.next(&known(Some(1000), &held, 0, &none), &under_way),
            Step::Records(512..900)
        );
        session.refused(3..4);
        let held = Runs::of(0..3);
        assert_eq!(
            session.next(&known(Some(4), &held, 0, &none), &none),
            Step::Done
        );
    }

    #[test]
    fn newest_items_reach_back_until_there_are_enough() {
        let (none, mut session) = (Runs::new(), Session::new(Wanted::Items(50)));
        session.head_judged();
        let held = Runs::of(950..1000);
        // Twenty of the records were edits.
        assert_eq!(
            session.next(&known(Some(1000), &held, 30, &none), &none),
            Step::Records(930..950)
        );
        let held = Runs::of(930..1000);
        assert_eq!(
            session.next(&known(Some(1000), &held, 50, &none), &none),
            Step::Done
        );
        let referred = Runs::of(7..8);
        let step = session.next(&known(Some(1000), &held, 50, &referred), &none);
        assert_eq!(step, Step::Records(7..8));
    }

    #[test]
    fn long_run_of_edits_is_walked_back_in_ever_longer_steps() {
        let (none, mut session) = (Runs::new(), Session::new(Wanted::Items(50)));
        session.head_judged();
        let (mut held, mut asked) = (Runs::of(99_950..100_000), 0);
        // Of all those records 49 are items, whatever is looked at.
        while let Step::Records(range) =
            session.next(&known(Some(100_000), &held, 49, &none), &none)
        {
            held.insert(range);
            asked += 1;
        }
        assert!(held.contains_all(0..100_000));
        assert!(asked < 250, "{asked} questions");
    }

    #[test]
    fn records_that_a_peer_keeps_back_do_not_stop_the_way_back() {
        let (none, mut session) = (Runs::new(), Session::new(Wanted::Items(10)));
        session.head_judged();
        session.refused(90..95);
        let held = Runs::of(95..100);
        assert_eq!(
            session.next(&known(Some(100), &held, 5, &none), &none),
            Step::Records(85..90)
        );
    }
}
