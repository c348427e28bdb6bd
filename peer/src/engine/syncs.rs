//! Syncs that run and feeds that wait for one: eight places, of which at most half are for what takes long.
//!
//! Without that whoever serves eight feeds slowly enough would keep all places for ever, and no other feed would come to its
//! turn (spec/decisions/0360-turns-of-syncs.md). A sync that has taken a minute moves to a long place, where it stays until it
//! is done, or for half an hour if another waits for such a place. One that finds none free is ended when another waits, and
//! goes on when its turn comes: what it verified is kept, so that time alone is lost, and at most one answer.

use super::queue::Queue;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;

/// Syncs under way at a time.
pub(super) const SYNCS_MAX: usize = 8;
/// Those among them that take long.
pub(super) const LONG_MAX: usize = 4;
/// What takes longer than this takes long. Within it a peer that is silent and one that drips have used up the patience that
/// an answer has, and an honest one after them is asked.
pub(super) const SHORT_MS: u64 = 60_000;
/// Time that what takes long has at least: the largest answer comes within it at six KiB a second.
pub(super) const LONG_MS: u64 = 1_800_000;

/// Syncs, and what they wait for.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    /// Feeds that are due for a sync, none of one that is running; those of `turns` stand in `long`.
    short: Queue<FeedKey>,
    long: Queue<FeedKey>,
    running: BTreeMap<FeedKey, Running>,
    /// How many syncs in a row were ended before they were done.
    turns: BTreeMap<FeedKey, usize>,
    /// Of feeds that are not followed any more.
    unwanted: Vec<FeedKey>,
}

#[derive(Debug)]
struct Running {
    /// When it came to its place.
    since: u64,
    is_long: bool,
    /// It was told to end.
    is_over: bool,
}

impl Running {
    /// When its time is over.
    fn until(&self) -> u64 {
        let turn = if self.is_long { LONG_MS } else { SHORT_MS };
        self.since.saturating_add(turn)
    }
}

impl Syncs {
    /// A feed is due for a sync then; of one that is running its end says when.
    pub(super) fn set(&mut self, feed: FeedKey, at: u64) {
        if !self.is_running(&feed) {
            self.queue(&feed).set(feed, at);
        }
    }

    /// The same, and never later than it was.
    pub(super) fn hurry(&mut self, feed: FeedKey, at: u64) {
        if !self.is_running(&feed) {
            self.queue(&feed).hurry(feed, at);
        }
    }

    /// Nothing of this feed is wanted any more.
    pub(super) fn remove(&mut self, feed: &FeedKey) {
        self.queue(feed).remove(feed);
        self.turns.remove(feed);
        if let Some(running) = self.running.get_mut(feed)
            && !running.is_over
        {
            running.is_over = true;
            self.unwanted.push(*feed);
        }
    }

    fn queue(&mut self, feed: &FeedKey) -> &mut Queue<FeedKey> {
        match self.turns(feed) {
            0 => &mut self.short,
            _ => &mut self.long,
        }
    }

    pub(super) fn is_running(&self, feed: &FeedKey) -> bool {
        self.running.contains_key(feed)
    }

    /// How many syncs of a feed in a row were ended before they were done.
    pub(super) fn turns(&self, feed: &FeedKey) -> usize {
        self.turns.get(feed).copied().unwrap_or(0)
    }

    /// Gives a place to the feed whose turn it is. What takes long comes first, or those that do not would leave it none.
    pub(super) fn start(&mut self, now: u64) -> Option<FeedKey> {
        if self.is_full() {
            return None;
        }
        let has_long_place = self.longs() < LONG_MAX;
        let long = has_long_place.then(|| self.long.pop(now)).flatten();
        let feed = long.or_else(|| self.short.pop(now))?;
        let running = Running {
            since: now,
            is_long: long.is_some(),
            is_over: false,
        };
        self.running.insert(feed, running);
        Some(feed)
    }

    /// Syncs that are to be ended now, each told once.
    pub(super) fn over(&mut self, now: u64) -> Vec<FeedKey> {
        self.make_long(now);
        let mut over = std::mem::take(&mut self.unwanted);
        for is_long in [false, true] {
            while let Some((at, feed)) = self.next_over(is_long)
                && at <= now
            {
                if let Some(running) = self.running.get_mut(&feed) {
                    running.is_over = true;
                }
                *self.turns.entry(feed).or_default() += 1;
                over.push(feed);
            }
        }
        over
    }

    /// Moves what has taken long to long places, as far as they are free.
    fn make_long(&mut self, now: u64) {
        while self.longs() < LONG_MAX
            && let Some((until, feed)) = self.oldest(false)
            && until <= now
            && let Some(running) = self.running.get_mut(&feed)
        {
            (running.since, running.is_long) = (until, true);
        }
    }

    /// The next sync to be ended, of those that take long or of the others: only while one waits that can have its place.
    fn next_over(&self, is_long: bool) -> Option<(u64, FeedKey)> {
        let (queue, is_full) = match is_long {
            true => (&self.long, self.longs() >= LONG_MAX),
            false => (&self.short, self.is_full()),
        };
        let is_ending = |running: &&Running| running.is_over && running.is_long == is_long;
        let ending = self.running.values().filter(is_ending).count();
        let waits = queue.nth(ending).filter(|_| is_full)?;
        let (until, feed) = self.oldest(is_long)?;
        Some((until.max(waits), feed))
    }

    /// Whose time is over first, and when.
    fn oldest(&self, is_long: bool) -> Option<(u64, FeedKey)> {
        let all = self.running.iter();
        let these = all.filter(|(_, running)| running.is_long == is_long && !running.is_over);
        these.map(|(feed, running)| (running.until(), *feed)).min()
    }

    fn longs(&self) -> usize {
        let running = self.running.values();
        running.filter(|running| running.is_long).count()
    }

    fn is_full(&self) -> bool {
        self.running.len() >= SYNCS_MAX
    }

    /// A sync ended. `None`: there was none; else whether it was told to.
    pub(super) fn ended(&mut self, feed: &FeedKey) -> Option<bool> {
        self.running.remove(feed).map(|running| running.is_over)
    }

    /// A sync was done: the next one is a short one again.
    pub(super) fn done(&mut self, feed: &FeedKey) {
        self.turns.remove(feed);
    }

    /// When something is due next.
    pub(super) fn wake(&self) -> Option<u64> {
        let is_free = !self.is_full();
        let has_long_place = self.longs() < LONG_MAX;
        let over = |is_long| self.next_over(is_long).map(|(at, _)| at);
        // One that waits for a long place is not to wait for those that run to be looked at.
        let turns_long = || self.oldest(false).map(|(at, _)| at);
        let times = [
            self.short.first().filter(|_| is_free),
            self.long.first().filter(|_| is_free && has_long_place),
            over(false),
            over(true),
            self.long
                .first()
                .filter(|_| !is_free && has_long_place)
                .and_then(|first| Some(turns_long()?.max(first))),
        ];
        times.into_iter().flatten().min()
    }

    /// When the first feed is due.
    #[cfg(test)]
    pub(super) fn first(&self) -> Option<u64> {
        let firsts = [self.short.first(), self.long.first()];
        firsts.into_iter().flatten().min()
    }

    /// Syncs under way.
    #[cfg(test)]
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }
}
