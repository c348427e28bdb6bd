//! What a plan of all items leaves for the next one, so that a new head costs a look at its records and not a walk of the feed.
//!
//! Only a source that keeps all has such a note, in the store under its feed; others walk no further than what they keep.
//! A note that is lost, is older than a day or was made under other settings, pins or limits costs one walk of all items
//! (spec/decisions/0340-plan-of-news.md).

use super::{Keep, Plan};
use crate::io::blobs::Held;
use crate::io::clock;
use crate::node::Node;
use crate::pins::Pins;
use crate::query;
use crate::runs::Runs;
use crate::sources::Source;
use crate::store::{RowChange, RowKind, StoreError};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// A walk of all items is due after this time: what was evicted, or was to be had nowhere, is looked for again.
const WHOLE_MS: u64 = 24 * 60 * 60 * 1_000;
/// Items that are noted because something of them is missing; others wait for the next walk.
const OPEN_MAX: u64 = 4_096;
/// New records that are listed; with more of them all items are walked, page by page.
const NEW_MAX: u64 = 65_536;
const FIXED_BYTES: usize = 32 + 8 + 8 + 8 + 8;

/// What is known from a plan before.
pub(super) struct Noted {
    /// Of everything besides the records that the plan depended on.
    basis: Hash,
    /// When all items were walked.
    walked_ms: u64,
    /// Bytes of the limit that what is here leaves.
    bytes_left: u64,
    /// Missing files of items that are not in `open`.
    beyond: u64,
    /// Records that were planned.
    planned: Runs,
    /// Items of which something is missing.
    open: Runs,
}

/// What a plan finds out for its note.
pub(super) struct Tally {
    basis: Hash,
    walked_ms: u64,
    beyond: u64,
    planned: Runs,
    open: Runs,
    /// Bytes of files that did not come: the limit has them still.
    bytes_missing: u64,
}

/// The items that a plan of news looks at: index and newest state, the newest item first.
pub(super) struct Listed {
    /// Those that are new.
    pub(super) fresh: VecDeque<(u64, u64)>,
    /// Those that are edited, or lacked something.
    pub(super) older: VecDeque<(u64, u64)>,
    /// Bytes of the limit for them.
    pub(super) bytes_left: u64,
}

fn name(feed: &FeedKey) -> Vec<u8> {
    [b"planned/".as_slice(), feed.as_bytes()].concat()
}

/// The next plan walks all items of a feed: something of it went that was here.
pub(in crate::node) fn forget(node: &Node, feed: &FeedKey) -> Result<(), StoreError> {
    let name = name(feed);
    match node.disk.note(&name)? {
        Some(_) => node.disk.drop_note(&name),
        None => Ok(()),
    }
}

/// Of everything besides the records that a plan depends on.
fn basis(node: &Node, source: &Source, pins: &Pins) -> Hash {
    let quota = &node.settings().quota;
    let mut basis = Vec::new();
    for number in [Some(source.max_size), quota.size, quota.reserve] {
        basis.push(u8::from(number.is_some()));
        basis.extend_from_slice(&number.unwrap_or(0).to_be_bytes());
    }
    // Pins that cannot be written can never have been read.
    basis.extend_from_slice(pins.write().unwrap_or_default().as_bytes());
    Hash::of(&basis)
}

impl Noted {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (basis, rest) = bytes.split_first_chunk::<32>()?;
        let (numbers, rest) = rest.split_at_checked(FIXED_BYTES - 32)?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let number = |at: usize| numbers.get(at).map(|number| u64::from_be_bytes(*number));
        let planned_len = usize::try_from(number(3)?).ok()?;
        let (planned, open) = rest.split_at_checked(planned_len)?;
        Some(Self {
            basis: Hash(*basis),
            walked_ms: number(0)?,
            bytes_left: number(1)?,
            beyond: number(2)?,
            planned: Runs::from_note(planned)?,
            open: Runs::from_note(open)?,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let planned = self.planned.to_note();
        let planned_len = u64::try_from(planned.len()).unwrap_or(0);
        let mut bytes = self.basis.0.to_vec();
        for number in [self.walked_ms, self.bytes_left, self.beyond, planned_len] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&planned);
        bytes.extend_from_slice(&self.open.to_note());
        bytes
    }

    /// The note of the last plan, if the next one may go on from it.
    fn of(node: &Node, source: &Source, basis: Hash) -> Result<Option<Self>, StoreError> {
        let noted = node.disk.note(&name(&source.feed))?;
        let noted = noted.and_then(|bytes| Self::read(&bytes));
        // A clock that was set back makes it old too.
        let is_recent = |noted: &Self| clock::now_ms().wrapping_sub(noted.walked_ms) < WHOLE_MS;
        Ok(noted.filter(|noted| noted.basis == basis && is_recent(noted)))
    }
}

impl Plan {
    /// A plan of new and changed records and of what was missing, if the last one left a note of the others.
    pub(in crate::node) fn of_news(
        node: &Node,
        source: &Source,
        pins: &Arc<Pins>,
    ) -> Result<Option<Self>, StoreError> {
        let mut plan = Self::of(node, source, pins);
        let Some(tally) = &mut plan.tally else {
            return Ok(None);
        };
        let Some(noted) = Noted::of(node, source, tally.basis)? else {
            return Ok(None);
        };
        let new: Vec<_> = tally
            .planned
            .iter()
            .flat_map(|run| noted.planned.missing(run).collect::<Vec<_>>())
            .collect();
        if new.iter().map(|run| run.end - run.start).sum::<u64>() > NEW_MAX {
            return Ok(None);
        }
        let mut fresh = BTreeSet::new();
        let mut older: BTreeSet<u64> = noted.open.iter().flatten().collect();
        for run in new {
            node.disk.records(&source.feed, run, &mut |index, bytes| {
                match query::changes(bytes, index).0 {
                    RowChange::Begin(RowKind::Item) => _ = fresh.insert(index),
                    RowChange::Edit(target, _) => _ = older.insert(target),
                    _ => {}
                }
                true
            })?;
        }
        (tally.walked_ms, tally.beyond) = (noted.walked_ms, noted.beyond);
        older.retain(|index| !fresh.contains(index));
        plan.listed = Some(Listed {
            fresh: rows(node, &source.feed, &fresh)?,
            older: rows(node, &source.feed, &older)?,
            bytes_left: noted.bytes_left,
        });
        Ok(Some(plan))
    }

    /// Whether only new and changed items are looked at.
    pub(in crate::node) fn is_of_news(&self) -> bool {
        self.listed.is_some()
    }

    /// Missing files that are known from before, or from this plan, and are not looked for before the next walk.
    pub(in crate::node) fn beyond(&self) -> u64 {
        self.tally.as_ref().map_or(0, |tally| tally.beyond)
    }

    /// Notes what is missing all the same of files that were asked for: item, file and size.
    pub(in crate::node) fn came(
        &mut self,
        node: &Node,
        asked: &[(u64, Hash, u64)],
    ) -> Result<(), StoreError> {
        let Some(tally) = &mut self.tally else {
            return Ok(());
        };
        for (item, hash, size) in asked {
            let state = node.blobs.state(hash)?;
            if state.is_some_and(|state| matches!(state.held, Held::Complete)) {
                continue;
            }
            tally.bytes_missing = tally.bytes_missing.saturating_add(*size);
            if tally.open.contains(*item) || tally.open.count() < OPEN_MAX {
                tally.open.insert(*item..*item + 1);
            } else {
                tally.beyond += 1;
            }
        }
        Ok(())
    }

    /// Leaves the note for the next plan, once everything was looked at.
    pub(in crate::node) fn leave_note(&self, node: &Node) -> Result<(), StoreError> {
        let Some(tally) = &self.tally else {
            // What it keeps no more must be looked for when it keeps all again.
            return forget(node, &self.feed);
        };
        let noted = Noted {
            basis: tally.basis,
            walked_ms: tally.walked_ms,
            bytes_left: self.bytes_left.saturating_add(tally.bytes_missing),
            beyond: tally.beyond,
            planned: tally.planned.clone(),
            open: tally.open.clone(),
        };
        node.disk.put_notes([(name(&self.feed), noted.to_bytes())])
    }
}

impl Tally {
    /// Begins before the first item is looked at; `None` for a source that does not keep all.
    pub(super) fn begin(node: &Node, source: &Source, pins: &Pins, keep: Keep) -> Option<Self> {
        (keep == Keep::All).then(|| Self {
            basis: basis(node, source, pins),
            walked_ms: clock::now_ms(),
            beyond: 0,
            planned: node.disk.held(&source.feed),
            open: Runs::new(),
            bytes_missing: 0,
        })
    }
}

/// The rows of items that are not retracted and may have files, the newest first.
fn rows(
    node: &Node,
    feed: &FeedKey,
    indexes: &BTreeSet<u64>,
) -> Result<VecDeque<(u64, u64)>, StoreError> {
    let mut rows = VecDeque::new();
    for index in indexes.iter().rev() {
        if let Some((RowKind::Item, row)) = node.disk.row(feed, *index)?
            && row.retracted_by.is_none()
            && !row.is_bare
        {
            rows.push_back((*index, row.newest));
        }
    }
    Ok(rows)
}
