//! How fast bytes may go in one direction, for all connections together.
//!
//! A bucket fills at the rate and is emptied piece by piece. Who finds too little in it stands in line: one piece each,
//! in turn, so that connections get equal shares. The beginnings of answers that are no media go first, so that a head
//! never waits behind a film; but a quarter is left to the rest. Pure arithmetic: `now` is an argument, in microseconds
//! since whenever. The waiting is done by `io::traffic`.

use std::collections::VecDeque;

/// The least rate, in bytes a second: with less, a peer would count as gone.
pub const RATE_MIN: u64 = 1 << 10;
/// Bytes at the beginning of an answer that go first.
pub const FIRST_BYTES: u64 = 16 << 10;

/// The least part of a rate that is of use to one who shares it, in bytes a second: with half of it he would give us up.
const SHARE_MIN: u64 = 1 << 10;
/// Seconds until each of those who share a rate had his turn, when nothing goes first: else it takes four times as long.
const ROUND_S: u64 = 3;

const SECOND_US: u64 = 1_000_000;
/// The largest piece.
const PIECE_BYTES_MAX: u64 = 64 << 10;
/// The smallest piece: about one packet.
const PIECE_BYTES_MIN: u64 = 1 << 10;
/// Pieces a second that are meant, between these bounds: what makes a low rate even.
const PIECES_A_SECOND: u64 = 32;
/// A full bucket, as a part of a second: what may go at once after a silence.
const BURST_PART: u64 = 20;
/// How much more gathers while somebody waits, as a part of a second: what a late timer makes up for.
const LATE_PART: u64 = 4;
/// Pieces of what goes first for each one of the rest, when both wait.
const FIRST_SHARE: u64 = 3;

/// Who waits; given out by the caller, one for each connection.
pub type Ticket = u64;

/// One who waits, and for how many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wait {
    ticket: Ticket,
    bytes: u64,
}

/// The bucket of one direction.
#[derive(Debug, Default)]
pub struct Bucket {
    /// Bytes a second; absent: no limit.
    rate: Option<u64>,
    /// What is in it, in millionths of a byte. Below zero after bytes that came unasked.
    credit: i128,
    /// When that was.
    at: u64,
    first: VecDeque<Wait>,
    rest: VecDeque<Wait>,
    /// Bytes that went first since one of the rest had its turn.
    overtaken: u64,
}

impl Bucket {
    /// An empty one.
    #[must_use]
    pub fn new(rate: Option<u64>) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    /// The rate; absent: no limit.
    #[must_use]
    pub fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Sets another rate from now on. Who waits goes on waiting; `next` tells for how long.
    pub fn set_rate(&mut self, rate: Option<u64>, now: u64) {
        self.fill(now);
        self.rate = rate;
        self.credit = self.credit.clamp(0, self.full());
    }

    /// Bytes that one may ask for at a time; absent: as many as wanted.
    #[must_use]
    pub fn piece(&self) -> Option<u64> {
        self.rate.map(piece_of)
    }

    /// How many may share the rate at most, so that what each gets is of use and comes in time; absent: no limit.
    #[must_use]
    pub fn sharers_max(&self) -> Option<u64> {
        let rate = self.rate?;
        let in_a_round = rate.saturating_mul(ROUND_S) / piece_of(rate);
        Some(in_a_round.min(rate / SHARE_MIN).max(1))
    }

    /// Asks for bytes. Gives how many may go now, at most a piece; `None`: stand in line, `next` says when.
    pub fn ask(&mut self, ticket: Ticket, bytes: u64, is_first: bool, now: u64) -> Option<u64> {
        let Some(piece) = self.piece() else {
            return Some(bytes);
        };
        // Before anybody stands in line for this: a silence gives no more than a full bucket.
        self.fill(now);
        let wait = Wait {
            ticket,
            bytes: bytes.min(piece),
        };
        let line = if is_first {
            &mut self.first
        } else {
            &mut self.rest
        };
        line.push_back(wait);
        // Alone in line, and enough is there: no need to wait.
        if self.first.len() + self.rest.len() == 1 {
            return self.next(now).map(|(_, bytes)| bytes);
        }
        None
    }

    /// Whose turn it is now, and with how many bytes.
    pub fn next(&mut self, now: u64) -> Option<(Ticket, u64)> {
        self.fill(now);
        let is_first = self.is_firsts_turn()?;
        let line = if is_first {
            &mut self.first
        } else {
            &mut self.rest
        };
        let wait = *line.front()?;
        let cost = i128::from(wait.bytes) * i128::from(SECOND_US);
        if self.rate.is_some() && cost > self.credit {
            return None;
        }
        line.pop_front();
        if self.rate.is_some() {
            self.credit -= cost;
        }
        self.overtaken = if is_first {
            self.overtaken + wait.bytes
        } else {
            0
        };
        Some((wait.ticket, wait.bytes))
    }

    /// When it will be somebody's turn; `None` when nobody waits.
    #[must_use]
    pub fn wake(&self) -> Option<u64> {
        let line = if self.is_firsts_turn()? {
            &self.first
        } else {
            &self.rest
        };
        let cost = i128::from(line.front()?.bytes) * i128::from(SECOND_US);
        let lacking = u128::try_from(cost - self.credit).unwrap_or(0);
        let Some(rate) = self.rate else {
            return Some(self.at);
        };
        let wait = lacking.div_ceil(u128::from(rate.max(1)));
        Some(
            self.at
                .saturating_add(u64::try_from(wait).unwrap_or(u64::MAX)),
        )
    }

    /// One who waited is gone. What was asked for is paid all the same when the bytes are through already.
    pub fn leave(&mut self, ticket: Ticket, is_through: bool) {
        for line in [&mut self.first, &mut self.rest] {
            if let Some(at) = line.iter().position(|wait| wait.ticket == ticket) {
                let gone = line.remove(at);
                if let (true, Some(gone)) = (is_through && self.rate.is_some(), gone) {
                    self.credit -= i128::from(gone.bytes) * i128::from(SECOND_US);
                }
                return;
            }
        }
    }

    /// Which line is served next; `None` when nobody stands in any.
    fn is_firsts_turn(&self) -> Option<bool> {
        match (self.first.front(), self.rest.front()) {
            (None, None) => None,
            (Some(_), None) => Some(true),
            (None, Some(_)) => Some(false),
            (Some(_), Some(rest)) => Some(self.overtaken < rest.bytes.saturating_mul(FIRST_SHARE)),
        }
    }

    fn full(&self) -> i128 {
        let bytes = self
            .rate
            .map_or(0, |rate| piece_of(rate).max(rate / BURST_PART));
        i128::from(bytes) * i128::from(SECOND_US)
    }

    fn fill(&mut self, now: u64) {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        if let Some(rate) = self.rate {
            let more = i128::from(passed) * i128::from(rate);
            // Who waits did not get his turn in time, because a timer was late: then nothing is lost.
            let late = match self.is_firsts_turn() {
                Some(_) => i128::from(rate / LATE_PART) * i128::from(SECOND_US),
                None => 0,
            };
            self.credit = self.credit.saturating_add(more).min(self.full() + late);
        }
    }
}

fn piece_of(rate: u64) -> u64 {
    (rate / PIECES_A_SECOND).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
}

/// Seconds over which a rate is told.
const METER_SECONDS: u64 = 5;
const SLOTS: usize = 8;

/// How many bytes went through in the last seconds.
#[derive(Debug, Default)]
pub struct Meter {
    /// A second, and the bytes of it.
    slots: [(u64, u64); SLOTS],
}

impl Meter {
    /// Counts bytes.
    pub fn count(&mut self, bytes: u64, now: u64) {
        let second = now / SECOND_US;
        let at = usize::try_from(second).unwrap_or(0) % SLOTS;
        if let Some(slot) = self.slots.get_mut(at) {
            if slot.0 != second {
                *slot = (second, 0);
            }
            slot.1 = slot.1.saturating_add(bytes);
        }
    }

    /// Bytes a second: the mean of the last five whole seconds.
    #[must_use]
    pub fn rate(&self, now: u64) -> u64 {
        let second = now / SECOND_US;
        let since = second.saturating_sub(METER_SECONDS);
        let counted = self
            .slots
            .iter()
            .filter(|(of, _)| (since..second).contains(of));
        counted
            .map(|(_, bytes)| bytes)
            .fold(0_u64, |sum, bytes| sum.saturating_add(*bytes))
            / METER_SECONDS
    }
}

#[cfg(test)]
mod tests;
