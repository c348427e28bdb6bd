//! A set as bytes: as its runs, for the wire and for what the specification fixes, and in parts, for our own store.

use super::bits::{BLOCK, Bits};
use super::{Part, Runs, start_of};
use std::sync::Arc;

/// Runs of a block that are stored as such, at most: more take more room than bits.
const BLOCK_RUNS_MAX: usize = 100;
const WHOLE: u8 = 0;
const AS_RUNS: u8 = 1;
const AS_BITS: u8 = 2;

impl Runs {
    /// Bytes for a disk or the wire: start and end of each run, eight bytes each, big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.iter()
            .flat_map(|run| [run.start.to_be_bytes(), run.end.to_be_bytes()])
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
            runs.insert(start..end);
        }
        rest.is_empty().then_some(runs)
    }

    /// What has to be stored after a change, so that a change of a few numbers costs as little however many there are: parts by
    /// where they begin, `None` for one that is gone.
    pub fn changes(&self, before: &Self) -> impl Iterator<Item = (u64, Option<Vec<u8>>)> {
        let gone = before.parts.keys();
        let gone = gone.filter(|start| !self.parts.contains_key(start));
        let new = self.parts.iter();
        let new = new.filter(|(start, part)| !before.parts.get(start).is_some_and(|b| b.is(part)));
        gone.map(|start| (*start, None))
            .chain(new.map(|(start, part)| (*start, Some(part.to_bytes(*start)))))
    }

    /// Adds a part as it was stored. `None`: it is none.
    pub fn add_stored(&mut self, start: u64, bytes: &[u8]) -> Option<()> {
        let (kind, bytes) = bytes.split_first()?;
        match *kind {
            WHOLE => {
                let end = u64::from_be_bytes(bytes.try_into().ok()?);
                (start < end).then(|| self.insert(start..end))
            }
            AS_RUNS => {
                let (runs, rest) = bytes.as_chunks::<4>();
                for [a, b, c, d] in runs {
                    let (from, to) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
                    let (from, to) = (u64::from(from), u64::from(to));
                    if from >= to || to > BLOCK {
                        return None;
                    }
                    self.insert(start.checked_add(from)?..start.checked_add(to)?);
                }
                rest.is_empty().then_some(())
            }
            AS_BITS if start == start_of(start) => {
                start.checked_add(BLOCK)?;
                let bits = Bits::from_bytes(bytes)?;
                self.put(start, |held| held.add(&bits));
                Some(())
            }
            _ => None,
        }
    }

    /// All parts together, for a note of our own: never more than a bit for each number.
    #[must_use]
    pub fn to_note(&self) -> Vec<u8> {
        let mut note = Vec::new();
        for (start, part) in &self.parts {
            let bytes = part.to_bytes(*start);
            note.extend_from_slice(&start.to_be_bytes());
            note.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
            note.extend_from_slice(&bytes);
        }
        note
    }

    /// Reads `to_note`. `None` when it is none.
    #[must_use]
    pub fn from_note(mut note: &[u8]) -> Option<Self> {
        let mut runs = Self::new();
        while !note.is_empty() {
            let (start, rest) = note.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (part, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            runs.add_stored(u64::from_be_bytes(*start), part)?;
            note = rest;
        }
        Some(runs)
    }
}

impl Part {
    /// Whether it is the same; bits that are shared are not compared.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Some(one), Self::Some(other)) if Arc::ptr_eq(one, other) => true,
            _ => self == other,
        }
    }

    fn to_bytes(&self, start: u64) -> Vec<u8> {
        let bits = match self {
            Self::Whole(end) => return [[WHOLE].as_slice(), &end.to_be_bytes()].concat(),
            Self::Some(bits) => bits,
        };
        let alone = Runs {
            parts: [(start, self.clone())].into(),
        };
        let mut bytes = vec![AS_RUNS];
        for (nth, run) in alone.iter().enumerate() {
            if nth == BLOCK_RUNS_MAX {
                return [[AS_BITS].as_slice(), &bits.to_bytes()].concat();
            }
            for at in [run.start - start, run.end - start] {
                bytes.extend_from_slice(&u16::try_from(at).unwrap_or(0).to_be_bytes());
            }
        }
        bytes
    }
}
