//! `Runs`: a set of numbers, for the records of a feed and the leaves of a blob that are held.
//!
//! Small when what is held lies together, whatever the size of the whole, and never more than a bit for each number: blocks of
//! 4,096 numbers of which some are in are kept as bits, what is whole as its ends. Copies share the bits. Knows nothing of what
//! the numbers count.

mod bits;
mod stored;
#[cfg(test)]
mod tests;

use bits::{BLOCK, Bits};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A set of numbers below 2^64 - 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// By where they begin, which is where a block does. Whole ones do not touch each other.
    parts: BTreeMap<u64, Part>,
}

/// Numbers that are in, from where the part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// All up to this end, where a block begins.
    Whole(u64),
    /// Some of one block: neither none nor all.
    Some(Arc<Bits>),
}

impl Runs {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One run.
    #[must_use]
    pub fn of(range: Range<u64>) -> Self {
        let mut runs = Self::new();
        runs.insert(range);
        runs
    }

    /// Adds a range.
    pub fn insert(&mut self, range: Range<u64>) {
        let (head, whole, tail) = blocks_of(range);
        self.change(head, Bits::insert);
        self.insert_whole(whole);
        self.change(tail, Bits::insert);
    }

    /// Adds what is in another set.
    pub fn add(&mut self, other: &Self) {
        for (start, part) in &other.parts {
            match part {
                Part::Whole(end) => self.insert_whole(*start..*end),
                Part::Some(bits) => self.put(*start, |held| held.add(bits)),
            }
        }
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: Range<u64>) {
        let (head, whole, tail) = blocks_of(range);
        self.change(head, Bits::remove);
        self.clear(&whole);
        self.change(tail, Bits::remove);
    }

    /// Whether one number is in.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.contains_all(number..number.saturating_add(1))
    }

    /// Whether a whole range is in; an empty one is.
    #[must_use]
    pub fn contains_all(&self, range: Range<u64>) -> bool {
        range.is_empty() || self.next_out(range.start) >= range.end
    }

    /// What of it lies in a range.
    #[must_use]
    pub fn within(&self, range: Range<u64>) -> Self {
        if range.is_empty() {
            return Self::new();
        }
        let before = self.parts.range(..range.start).next_back();
        let parts = before
            .into_iter()
            .chain(self.parts.range(range.start..range.end));
        let mut runs = Self {
            parts: parts.map(|(start, part)| (*start, part.clone())).collect(),
        };
        runs.remove(0..range.start);
        runs.remove(range.end..u64::MAX);
        runs
    }

    /// What is in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let mut common = Self::new();
        for (start, part) in &other.parts {
            match part {
                Part::Whole(end) => common.parts.extend(self.within(*start..*end).parts),
                Part::Some(bits) => {
                    let both = self.bits_at(*start).common(bits);
                    common.put(*start, |held| held.add(&both));
                }
            }
        }
        common
    }

    /// The parts of a range that are not in, in order.
    pub fn missing(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            at = self.next_out(at);
            if at >= range.end {
                return None;
            }
            let end = self.next_in(at).unwrap_or(range.end).min(range.end);
            Some(std::mem::replace(&mut at, end)..end)
        })
    }

    /// The runs in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = self.next_in(at)?;
            at = self.next_out(start);
            Some(start..at)
        })
    }

    /// How many numbers are in.
    #[must_use]
    pub fn count(&self) -> u64 {
        let count = |(start, part): (&u64, &Part)| match part {
            Part::Whole(end) => end - start,
            Part::Some(bits) => bits.count(),
        };
        self.parts.iter().map(count).sum()
    }

    /// The end of the last run: what is in is below it. 0 for nothing.
    #[must_use]
    pub fn end(&self) -> u64 {
        match self.parts.last_key_value() {
            None => 0,
            Some((_, Part::Whole(end))) => *end,
            Some((start, Part::Some(bits))) => start + bits.end(),
        }
    }

    /// Whether all that is in is below a number.
    #[must_use]
    pub fn is_below(&self, end: u64) -> bool {
        self.end() <= end
    }

    /// Whether nothing is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The first number from this one on that is in.
    fn next_in(&self, from: u64) -> Option<u64> {
        if let Some((start, part)) = self.parts.range(..=from).next_back() {
            match part {
                Part::Whole(end) if from < *end => return Some(from),
                Part::Some(bits) if from - start < BLOCK => {
                    if let Some(offset) = bits.next_in(from - start) {
                        return Some(start + offset);
                    }
                }
                _ => {}
            }
        }
        let (start, part) = self.parts.range(from.checked_add(1)?..).next()?;
        match part {
            Part::Whole(_) => Some(*start),
            Part::Some(bits) => bits.next_in(0).map(|offset| start + offset),
        }
    }

    /// The first number from this one on that is not in.
    fn next_out(&self, from: u64) -> u64 {
        let mut at = from;
        while let Some((start, part)) = self.parts.range(..=at).next_back() {
            match part {
                Part::Whole(end) if at < *end => at = *end,
                Part::Some(bits) if at - start < BLOCK => match bits.next_out(at - start) {
                    Some(offset) => return start + offset,
                    None => at = start + BLOCK,
                },
                _ => break,
            }
        }
        at
    }

    /// What is in of the block that begins here.
    fn bits_at(&self, start: u64) -> Bits {
        match self.parts.range(..=start).next_back() {
            Some((_, Part::Whole(end))) if start < *end => Bits::ALL,
            Some((at, Part::Some(bits))) if *at == start => **bits,
            _ => Bits::NONE,
        }
    }

    /// Changes a range that lies in one block.
    fn change(&mut self, range: Range<u64>, change: fn(&mut Bits, Range<u64>)) {
        if !range.is_empty() {
            let start = start_of(range.start);
            let offsets = range.start - start..range.end - start;
            self.put(start, |bits| change(bits, offsets));
        }
    }

    /// Changes one block.
    fn put(&mut self, start: u64, change: impl FnOnce(&mut Bits)) {
        if let Some(Part::Some(bits)) = self.parts.get_mut(&start) {
            let bits = Arc::make_mut(bits);
            change(bits);
            match *bits {
                Bits::ALL => self.insert_whole(start..start + BLOCK),
                Bits::NONE => _ = self.parts.remove(&start),
                _ => {}
            }
            return;
        }
        let before = self.bits_at(start);
        let mut bits = before;
        change(&mut bits);
        if bits == before {
            return;
        }
        // It was none or all, so there is a block behind it where all were in.
        if before == Bits::ALL {
            self.clear(&(start..start + BLOCK));
        }
        match bits {
            Bits::ALL => self.insert_whole(start..start + BLOCK),
            Bits::NONE => {}
            _ => _ = self.parts.insert(start, Part::Some(Arc::new(bits))),
        }
    }

    /// Adds whole blocks.
    fn insert_whole(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.clear(&range);
        let (mut start, mut end) = (range.start, range.end);
        if let Some(Part::Whole(next)) = self.parts.get(&end) {
            let next = *next;
            self.parts.remove(&end);
            end = next;
        }
        if let Some((before, Part::Whole(until))) = self.parts.range(..start).next_back()
            && *until == start
        {
            start = *before;
        }
        self.parts.insert(start, Part::Whole(end));
    }

    /// Takes whole blocks out.
    fn clear(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.split(range.start);
        self.split(range.end);
        while let Some((&start, _)) = self.parts.range(range.clone()).next() {
            self.parts.remove(&start);
        }
    }

    /// Cuts a part that is whole in two where a block begins.
    fn split(&mut self, at: u64) {
        if let Some((_, Part::Whole(end))) = self.parts.range_mut(..at).next_back()
            && at < *end
        {
            let end = std::mem::replace(end, at);
            self.parts.insert(at, Part::Whole(end));
        }
    }
}

fn start_of(number: u64) -> u64 {
    number & !(BLOCK - 1)
}

/// A range as what lies in a first block, whole blocks, and what lies in a last block.
fn blocks_of(range: Range<u64>) -> (Range<u64>, Range<u64>, Range<u64>) {
    if range.is_empty() {
        return (0..0, 0..0, 0..0);
    }
    let (first, last) = (
        start_of(range.start.saturating_add(BLOCK - 1)),
        start_of(range.end),
    );
    let is_in_one = start_of(range.start) == last && range.start != last;
    if is_in_one {
        return (range, 0..0, 0..0);
    }
    (range.start..first, first..last, last..range.end)
}
