//! `Runs`: a set of numbers kept as runs, for the records of a feed and the leaves of a blob that are held.
//!
//! Small when what is held lies together, whatever the size of the whole. Knows nothing of what the numbers count.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of numbers as disjoint runs that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Start of each run, and its end.
    runs: BTreeMap<u64, u64>,
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
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        // Runs that overlap or touch the new one are taken into it.
        while let Some((&before, &until)) = self.runs.range(..=end).next_back() {
            if until < start {
                break;
            }
            start = start.min(before);
            end = end.max(until);
            self.runs.remove(&before);
        }
        self.runs.insert(start, end);
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        while let Some((&start, &end)) = self.runs.range(..range.end).next_back() {
            if end <= range.start {
                break;
            }
            self.runs.remove(&start);
            if end > range.end {
                self.runs.insert(range.end, end);
            }
            if start < range.start {
                self.runs.insert(start, range.start);
            }
        }
    }

    /// Whether one number is in.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.contains_all(number..number.saturating_add(1))
    }

    /// Whether a whole range is in; an empty one is.
    #[must_use]
    pub fn contains_all(&self, range: Range<u64>) -> bool {
        range.is_empty()
            || self
                .runs
                .range(..=range.start)
                .next_back()
                .is_some_and(|(_, end)| *end >= range.end)
    }

    /// What of it lies in a range.
    #[must_use]
    pub fn within(&self, range: Range<u64>) -> Self {
        if range.is_empty() {
            return Self::new();
        }
        let first = self.runs.range(..range.start).next_back();
        let clipped = first
            .into_iter()
            .chain(self.runs.range(range.start..range.end))
            .map(|(start, end)| (range.start.max(*start), range.end.min(*end)))
            .filter(|(start, end)| start < end);
        Self {
            runs: clipped.collect(),
        }
    }

    /// What is in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let within = |run| self.within(run).runs;
        Self {
            runs: other.iter().flat_map(within).collect(),
        }
    }

    /// The parts of a range that are not in, in order.
    pub fn missing(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let first = self.runs.range(..range.start).next_back();
        let held = first
            .into_iter()
            .chain(self.runs.range(range.start..range.end));
        let ends = held
            .map(|(start, end)| *start..*end)
            .chain(std::iter::once(range.end..range.end));
        let mut at = range.start;
        ends.filter_map(move |run| {
            let gap = at..run.start.min(range.end);
            at = at.max(run.end);
            Some(gap).filter(|gap| !gap.is_empty())
        })
    }

    /// The runs in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> {
        self.runs.iter().map(|(start, end)| *start..*end)
    }

    /// How many numbers are in.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.iter()
            .fold(0, |sum: u64, run| sum.saturating_add(run.end - run.start))
    }

    /// Whether all that is in is below a number.
    #[must_use]
    pub fn is_below(&self, end: u64) -> bool {
        self.iter().next_back().is_none_or(|run| run.end <= end)
    }

    /// Whether nothing is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Bytes for a disk or the wire: start and end of each run, eight bytes each, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.runs
            .iter()
            .flat_map(|(start, end)| [start.to_be_bytes(), end.to_be_bytes()])
            .flatten()
            .collect()
    }

    /// Reads `to_bytes`. `None` when the bytes are not runs in order.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut runs = Self::new();
        let mut at = None;
        let (parts, rest) = bytes.as_chunks::<16>();
        for part in parts {
            let (start, end) = part.split_at(8);
            let (start, end) = (
                u64::from_be_bytes(start.try_into().ok()?),
                u64::from_be_bytes(end.try_into().ok()?),
            );
            if start >= end || at.is_some_and(|at| start <= at) {
                return None;
            }
            at = Some(end);
            runs.runs.insert(start, end);
        }
        rest.is_empty().then_some(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(runs: &Runs, expected: &[Range<u64>]) {
        assert_eq!(runs.iter().collect::<Vec<_>>(), expected);
        assert_eq!(Runs::from_bytes(&runs.to_bytes()).as_ref(), Some(runs));
    }

    #[test]
    fn runs_join_when_they_touch_and_split_when_cut() {
        let mut runs = Runs::of(10..20);
        runs.insert(30..40);
        check(&runs, &[10..20, 30..40]);
        runs.insert(20..25);
        check(&runs, &[10..25, 30..40]);
        runs.insert(5..50);
        check(&runs, &[5..50]);
        runs.remove(7..9);
        runs.remove(40..60);
        runs.remove(3..3);
        check(&runs, &[5..7, 9..40]);
        assert_eq!(runs.count(), 33);
        assert!(runs.is_below(40) && !runs.is_below(39) && Runs::new().is_below(0));
        assert!(runs.contains(9) && !runs.contains(7) && !runs.contains_all(6..10));
    }

    #[test]
    fn what_is_in_both_is_common_to_them() {
        let mut one = Runs::of(0..10);
        one.insert(20..30);
        let mut other = Runs::of(5..22);
        other.insert(25..26);
        check(&one.common(&other), &[5..10, 20..22, 25..26]);
        assert_eq!(one.common(&other), other.common(&one));
        check(&one.common(&Runs::new()), &[]);
    }

    #[test]
    fn missing_parts_are_the_gaps_within_the_range() {
        let mut runs = Runs::of(10..20);
        runs.insert(30..40);
        let gaps = |range| runs.missing(range).collect::<Vec<_>>();
        assert_eq!(gaps(0..50), [0..10, 20..30, 40..50]);
        assert_eq!(gaps(12..35), [20..30]);
        assert_eq!(gaps(12..15), []);
        assert_eq!(gaps(25..28), [25..28]);
        assert_eq!(gaps(35..45), [40..45]);
        assert_eq!(Runs::new().missing(0..3).collect::<Vec<_>>(), [0..3]);
    }

    #[test]
    fn bytes_that_are_not_runs_in_order_are_refused() {
        assert_eq!(Runs::from_bytes(&[0; 15]), None);
        assert_eq!(Runs::from_bytes(&[0; 16]), None);
        let mut twice = Runs::of(1..2).to_bytes();
        twice.extend_from_slice(&Runs::of(2..3).to_bytes());
        assert_eq!(Runs::from_bytes(&twice), None);
    }
}
