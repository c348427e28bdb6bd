//! The numbers of one block, a bit for each.

use std::ops::Range;

/// Numbers of a block.
pub(super) const BLOCK: u64 = 1 << 12;
const WORDS: usize = 64;

/// Which numbers of a block are in; the lowest bit of the first word is the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits([u64; WORDS]);

impl Bits {
    pub(super) const NONE: Self = Self([0; WORDS]);
    pub(super) const ALL: Self = Self([u64::MAX; WORDS]);

    pub(super) fn insert(&mut self, range: Range<u64>) {
        self.each(range, |word, mask| *word |= mask);
    }

    pub(super) fn remove(&mut self, range: Range<u64>) {
        self.each(range, |word, mask| *word &= !mask);
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    pub(super) fn common(mut self, other: &Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= other;
        }
        self
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The number after the last one that is in.
    pub(super) fn end(&self) -> u64 {
        let last = (0_u64..).zip(self.0).filter(|(_, word)| *word != 0).last();
        last.map_or(0, |(at, word)| {
            at * 64 + 64 - u64::from(word.leading_zeros())
        })
    }

    /// The first number from this one on that is in.
    pub(super) fn next_in(&self, from: u64) -> Option<u64> {
        self.next(from, |word| word)
    }

    /// The first number from this one on that is not in.
    pub(super) fn next_out(&self, from: u64) -> Option<u64> {
        self.next(from, |word| !word)
    }

    fn next(&self, from: u64, read: fn(u64) -> u64) -> Option<u64> {
        let (first, above) = (from / 64, u64::MAX << (from % 64));
        let words = (0_u64..).zip(self.0).skip(usize::try_from(first).ok()?);
        for (at, word) in words {
            let word = read(word) & if at == first { above } else { u64::MAX };
            if word != 0 {
                return Some(at * 64 + u64::from(word.trailing_zeros()));
            }
        }
        None
    }

    fn each(&mut self, range: Range<u64>, change: impl Fn(&mut u64, u64)) {
        let (first, last) = (range.start / 64, range.end.div_ceil(64));
        let reach = usize::try_from(first).unwrap_or(WORDS)..usize::try_from(last).unwrap_or(0);
        let words = self.0.get_mut(reach).into_iter().flatten();
        for (at, word) in (first..).zip(words) {
            let (start, end) = (range.start.max(at * 64), range.end.min(at * 64 + 64));
            let (below, count) = (start - at * 64, end - start);
            change(word, (u64::MAX >> (64 - count)) << below);
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        self.0.into_iter().flat_map(u64::to_be_bytes).collect()
    }

    /// `None` when there are too few or too many.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks();
        let words: Vec<u64> = words.iter().copied().map(u64::from_be_bytes).collect();
        let words = words.try_into().ok().filter(|_| rest.is_empty());
        words.map(Self)
    }
}
