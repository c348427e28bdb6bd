//! What a node does by itself from time to time: goes on with what is being left, lets go of what was retracted long
//! enough ago, drops what nothing names (store-33).
//!
//! Before a command for half a second at most, in a serving node to the end, and then again each hour. Everything is taken
//! up where it ended; with nothing to do it costs a look at each list. Only a disk that is new is counted to its end first.

use super::{Node, Stop};
use crate::api::Spared;
use crate::io::clock;
use crate::io::disk::Due;
use crate::pins::Pins;
use crate::sources::Retractions;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What a command waits for it at most.
const BEFORE_MS: u128 = 500;
/// Time between two sweeps of a serving node.
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// Retractions looked at together.
const PAGE: usize = 1_000;
/// Edits of one item that go together with it.
const EDITS_MAX: usize = 100_000;
/// Retractions that wait for a person, looked at together.
const SPARED_MAX: usize = 10_000;
/// Of those, how many are told.
const SPARED_SHOWN: usize = 20;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Sweeps before a command, for a moment.
pub(super) async fn before(node: &Arc<Node>) -> Result<(), StoreError> {
    let begun = clock::tick();
    let sweeping = node.clone();
    let sweep = move || sweeping.sweep(&|| clock::since(begun).as_millis() >= BEFORE_MS);
    let swept = tokio::task::spawn_blocking(sweep).await;
    // The work ends early only with the process.
    swept.unwrap_or(Ok(()))
}

/// Sweeps while serving, until told to stop.
pub(super) async fn serving(node: Arc<Node>, mut stop: Stop) {
    loop {
        let (sweeping, stopped) = (node.clone(), stop.clone());
        let swept = move || sweeping.sweep(&|| *stopped.borrow());
        // A disk that fails is told by whatever needs it; the next sweep goes on where this one ended.
        let _ = tokio::task::spawn_blocking(swept).await;
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// What becomes of a retracted item.
enum Fate {
    /// It is not retracted, or nothing of it is here.
    Nothing,
    /// Whether it is retracted cannot be told yet.
    Unknown,
    /// A person has to say.
    Stays,
    /// These records go.
    Goes(BTreeSet<u64>),
}

impl Node {
    /// Whether all files can be read that say that something stays.
    pub(super) fn can_tell(&self) -> bool {
        self.sources().is_ok() && self.pins().is_ok() && self.keys.list().is_ok()
    }

    /// Does what is due, until told to stop.
    pub(super) fn sweep(&self, is_stopped: &dyn Fn() -> bool) -> Result<(), StoreError> {
        if !self.can_tell() {
            // What cannot be read may say that something stays.
            return Ok(());
        }
        self.adopt()?;
        self.apply_pins(is_stopped)?;
        self.leave_all(is_stopped)?;
        self.let_go(is_stopped)?;
        self.drop_loose(is_stopped)?;
        self.blobs.note_used()
    }

    /// Lets go of what was retracted longer ago than the days of grace.
    fn let_go(&self, is_stopped: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let grace = self.settings().retracted.days.saturating_mul(DAY_MS);
        let before = clock::now_ms().saturating_sub(grace);
        let Ok(pins) = self.pins() else {
            // A file that cannot be read may pin all of it.
            return Ok(());
        };
        while !is_stopped() {
            let page = self.disk.due(before, PAGE)?;
            if page.is_empty() {
                break;
            }
            let mut going: BTreeMap<FeedKey, (BTreeSet<u64>, Vec<Due>)> = BTreeMap::new();
            for due in page {
                match self.fate(&pins, &due)? {
                    Fate::Nothing => self.disk.settle_due(&due, None)?,
                    Fate::Unknown => self.disk.settle_due(&due, Some(clock::now_ms()))?,
                    Fate::Stays => self.disk.spare(&due)?,
                    Fate::Goes(records) => {
                        let (indexes, settled) = going.entry(due.feed).or_default();
                        indexes.extend(records);
                        settled.push(due);
                    }
                }
            }
            for (feed, (indexes, settled)) in going {
                self.disk.drop_retracted(&feed, &indexes)?;
                for due in settled {
                    self.disk.settle_due(&due, None)?;
                }
            }
        }
        Ok(())
    }

    fn fate(&self, pins: &Pins, due: &Due) -> Result<Fate, StoreError> {
        let Due { feed, index, .. } = due;
        let link = self.disk.link(feed, *index)?;
        let row = self.disk.row(feed, *index)?;
        let is_retracted = row.is_some_and(|(_, row)| row.retracted_by.is_some());
        let Some(link) = link else {
            return Ok(Fate::Unknown);
        };
        if !is_retracted {
            return Ok(Fate::Nothing);
        }
        let never = |source: crate::sources::Source| source.retractions == Retractions::Never;
        if self.own_name(feed).is_some()
            || pins.has(feed, *index)
            || self.source_of(feed).is_some_and(never)
        {
            return Ok(Fate::Stays);
        }
        Ok(Fate::Goes(self.states(feed, *index, link)?))
    }

    /// What was spared because a source honours no retractions is due again.
    pub(super) fn honour(&self, feed: &FeedKey) -> Result<(), StoreError> {
        loop {
            let spared = self.disk.spared(Some(feed), SPARED_MAX)?;
            if spared.is_empty() {
                return Ok(());
            }
            for Due { since, index, .. } in spared {
                self.disk.unspare(feed, index, Some(since))?;
            }
        }
    }

    /// Retracted items that stay until their user says otherwise; the first few.
    pub(super) fn spared(&self) -> Result<Vec<Spared>, StoreError> {
        let Ok(pins) = self.pins() else {
            return Ok(Vec::new());
        };
        let mut told = Vec::new();
        for Due { since, feed, index } in self.disk.spared(None, SPARED_MAX)? {
            let is_own = self.own_name(&feed).is_some();
            // What a source never lets go was decided when it was followed.
            if !is_own && !pins.has(&feed, index) {
                continue;
            }
            told.push(Spared {
                feed,
                nickname: self.nickname(&feed),
                index,
                is_own,
                since,
            });
            if told.len() >= SPARED_SHOWN {
                break;
            }
        }
        Ok(told)
    }

    /// The records of an item: the first, and the edits that name it.
    pub(super) fn states(
        &self,
        feed: &FeedKey,
        index: u64,
        link: levada_feed::hash::Hash,
    ) -> Result<BTreeSet<u64>, StoreError> {
        let mut records = BTreeSet::from([index]);
        let mut seen = 0;
        self.disk.edits(feed, index, &mut |edit, named| {
            if named == link {
                records.insert(edit);
            }
            seen += 1;
            seen < EDITS_MAX
        })?;
        Ok(records)
    }
}
