//! Histories: the root of a feed at each of its lengths, which tells whether two heads contradict each other.

use crate::io::disk::Disk;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::tree::{self, Shape};
use std::rc::Rc;

/// The roots of a feed, up to a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct History(Rc<Vec<Hash>>);

impl History {
    /// What a store has under its head.
    pub(super) fn of(disk: &Disk, feed: &FeedKey) -> Option<Self> {
        let head = disk.head(feed).unwrap()?;
        let pieces = disk.pieces(feed);
        let lengths = 1..=head.body().length;
        // Where the store lacks hashes its head speaks for itself alone.
        let root = |length| tree::root(&pieces, Shape::of_list(length)).unwrap();
        let mut roots: Vec<Hash> = lengths
            .map(|length| root(length).unwrap_or(Hash([0; 32])))
            .collect();
        *roots.last_mut()? = head.body().root;
        Some(Self(Rc::new(roots)))
    }

    pub(super) fn length(&self) -> usize {
        self.0.len()
    }

    /// Whether one extends the other.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let both = self.length().min(other.length());
        let known = self.0.iter().zip(other.0.iter()).take(both);
        known
            .filter(|(one, other)| one.0 != [0; 32] && other.0 != [0; 32])
            .all(|(one, other)| one == other)
    }

    pub(super) fn extends(&self, other: &Self) -> bool {
        self.length() >= other.length() && self.agrees(other)
    }
}

/// What a machine has to remember of what it showed, by the place where it is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) file: Vec<History>,
    pub(super) store: Vec<History>,
    pub(super) heads: Vec<History>,
    /// The author's file may have records that were never shown.
    pub(super) is_begun: bool,
}

impl Known {
    pub(super) fn all(&self) -> impl Iterator<Item = &History> {
        self.file.iter().chain(&self.store).chain(&self.heads)
    }

    /// Whether it contradicts itself, as after a part of another machine's files was put here.
    pub(super) fn is_mixed(&self) -> bool {
        self.all()
            .any(|one| self.all().any(|other| !one.agrees(other)))
    }

    /// It was shown without being signed: the author's file may not have it yet.
    pub(super) fn add_shown(&mut self, shown: &History) {
        for place in [&mut self.store, &mut self.heads] {
            if !place.contains(shown) {
                place.push(shown.clone());
            }
        }
    }

    pub(super) fn add_signed(&mut self, signed: &History) {
        self.add_shown(signed);
        self.is_begun = false;
        if !self.file.contains(signed) {
            self.file.push(signed.clone());
        }
    }
}
