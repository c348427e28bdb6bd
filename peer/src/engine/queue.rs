//! What is due when: each thing once, the earliest first, without looking at the others.

use std::collections::{BTreeMap, BTreeSet};

/// Things with the time at which they are due.
#[derive(Debug)]
pub(super) struct Queue<T> {
    order: BTreeSet<(u64, T)>,
    times: BTreeMap<T, u64>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            order: BTreeSet::new(),
            times: BTreeMap::new(),
        }
    }
}

impl<T: Ord + Copy> Queue<T> {
    /// Puts a thing in, or moves it.
    pub(super) fn set(&mut self, thing: T, at: u64) {
        self.remove(&thing);
        self.order.insert((at, thing));
        self.times.insert(thing, at);
    }

    /// Puts a thing in, or moves it forward; never back.
    pub(super) fn hurry(&mut self, thing: T, at: u64) {
        if self.times.get(&thing).is_none_or(|known| *known > at) {
            self.set(thing, at);
        }
    }

    pub(super) fn has(&self, thing: &T) -> bool {
        self.times.contains_key(thing)
    }

    pub(super) fn remove(&mut self, thing: &T) {
        if let Some(at) = self.times.remove(thing) {
            self.order.remove(&(at, *thing));
        }
    }

    /// When the first thing is due.
    pub(super) fn first(&self) -> Option<u64> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the first thing that is due.
    pub(super) fn pop(&mut self, now: u64) -> Option<T> {
        let (at, thing) = self.order.first().copied()?;
        (at <= now).then(|| self.remove(&thing))?;
        Some(thing)
    }

    /// When the one is due that comes after so many others.
    pub(super) fn nth(&self, before: usize) -> Option<u64> {
        self.order.iter().nth(before).map(|(at, _)| *at)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
