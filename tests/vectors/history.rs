//! What an author wrote, and everything that can be said of it under any of its lengths.

use super::cbor::{self, bytes, count, uint};
use super::oracle::{Hash, Leaf, Proof, hash, leaves_of, slice};
use super::record::{TIME, item, profile};
use super::sign::{Author, Statement};
use std::ops::Range;

/// Hashes in one leaf of a hash list.
const LEAF_HASHES: u64 = 32;

/// Records and their link hashes.
pub(crate) struct History {
    pub(crate) author: Author,
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) links: Vec<Hash>,
    media: Vec<u64>,
}

impl History {
    pub(crate) fn new(secret: u8) -> Self {
        Self {
            author: Author::new(secret),
            records: Vec::new(),
            links: Vec::new(),
            media: Vec::new(),
        }
    }

    /// A profile, then items whose titles are this word and their index.
    pub(crate) fn of(secret: u8, length: u64, word: &str) -> Self {
        let mut history = Self::new(secret);
        history.push(profile("Ana", TIME));
        history.grow(length, word);
        history
    }

    /// Goes on with such items up to this length.
    pub(crate) fn grow(&mut self, length: u64, word: &str) {
        for index in self.length()..length {
            self.push(item(&format!("{word} {index}"), TIME + index * 1000));
        }
    }

    pub(crate) fn push(&mut self, record: Vec<u8>) {
        self.push_media(record, 0);
    }

    /// A record that names files of this many bytes.
    pub(crate) fn push_media(&mut self, record: Vec<u8>, media: u64) {
        let key = self.author.key();
        let before = self.links.last().unwrap_or(&key);
        let link = hash(&[before, record.as_slice()].concat());
        self.push_broken(record, link);
        self.media.pop();
        self.media.push(media);
    }

    /// A record under a link hash that does not follow.
    pub(crate) fn push_broken(&mut self, record: Vec<u8>, link: Hash) {
        self.records.push(record);
        self.links.push(link);
        self.media.push(0);
    }

    pub(crate) fn length(&self) -> u64 {
        count(&self.links)
    }

    /// The link hash of the record at an index.
    pub(crate) fn link(&self, index: u64) -> Hash {
        self.links[at(index)]
    }

    /// The hash list at a length.
    pub(crate) fn list(&self, length: u64) -> Vec<u8> {
        self.links[..at(length)].concat()
    }

    pub(crate) fn root(&self, length: u64) -> Hash {
        hash(&self.list(length))
    }

    pub(crate) fn statement(&self, length: u64) -> Statement {
        let size = |records: &[Vec<u8>]| records.iter().map(|record| count(record)).sum();
        Statement {
            feed: self.author.key(),
            first: self.link(0),
            length,
            bytes: size(&self.records[..at(length)]),
            media: self.media[..at(length)].iter().sum(),
            root: self.root(length),
            time: TIME + length * 1000,
        }
    }

    pub(crate) fn head(&self, length: u64) -> Vec<u8> {
        self.statement(length).signed(&self.author)
    }

    /// The slice of the leaves that hold these hashes.
    pub(crate) fn slice(&self, length: u64, hashes: &[Range<u64>]) -> Proof {
        let leaves: Vec<_> = hashes
            .iter()
            .map(|range| leaves_of(range.clone(), LEAF_HASHES))
            .collect();
        slice(&self.list(length), Leaf::List, &leaves)
    }

    /// The head's answer for somebody who has `have` records.
    pub(crate) fn answer(&self, length: u64, have: u64) -> Answer {
        let mut hashes = vec![length - 1..length];
        if (1..length).contains(&have) {
            hashes.insert(0, have - 1..have);
        }
        Answer {
            head: self.head(length),
            proof: self.slice(length, &hashes),
        }
    }

    /// The bundle of a range.
    pub(crate) fn bundle(&self, length: u64, range: Range<u64>) -> Bundle {
        let hashes = range.start.saturating_sub(1)..range.end;
        let leaves = leaves_of(hashes.clone(), LEAF_HASHES);
        let before = leaves.start * LEAF_HASHES..range.start;
        let after = range.end..(leaves.end * LEAF_HASHES).min(length);
        Bundle {
            head: self.head(length),
            from: range.start,
            slots: range.map(|index| bytes(&self.records[at(index)])).collect(),
            edges: before
                .chain(after)
                .flat_map(|index| self.link(index))
                .collect(),
            pairs: self.slice(length, &[hashes]).pairs,
        }
    }
}

fn at(index: u64) -> usize {
    usize::try_from(index).expect("histories are short")
}

/// `[1, head, pairs, leaves]`.
pub(crate) struct Answer {
    pub(crate) head: Vec<u8>,
    pub(crate) proof: Proof,
}

impl Answer {
    pub(crate) fn parts(&self) -> [Vec<u8>; 4] {
        [
            uint(1),
            bytes(&self.head),
            bytes(&self.proof.pairs),
            bytes(&self.proof.leaves),
        ]
    }

    pub(crate) fn wire(&self) -> Vec<u8> {
        cbor::array(&self.parts())
    }
}

/// `[1, head, from, slots, edges, pairs]`.
#[derive(Clone)]
pub(crate) struct Bundle {
    pub(crate) head: Vec<u8>,
    pub(crate) from: u64,
    /// Each as it is written.
    pub(crate) slots: Vec<Vec<u8>>,
    pub(crate) edges: Vec<u8>,
    pub(crate) pairs: Vec<u8>,
}

impl Bundle {
    pub(crate) fn parts(&self) -> [Vec<u8>; 6] {
        [
            uint(1),
            bytes(&self.head),
            uint(self.from),
            cbor::array(&self.slots),
            bytes(&self.edges),
            bytes(&self.pairs),
        ]
    }

    pub(crate) fn wire(&self) -> Vec<u8> {
        cbor::array(&self.parts())
    }

    /// Withholds the record at a slot.
    pub(crate) fn withhold(&mut self, slot: usize, link: &Hash) {
        self.slots[slot] = cbor::array(&[bytes(link)]);
    }

    /// Withholds it, and says which record retracts it.
    pub(crate) fn hint(&mut self, slot: usize, link: &Hash, by: u64) {
        self.slots[slot] = cbor::array(&[bytes(link), uint(by)]);
    }
}
