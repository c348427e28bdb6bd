//! Which media of a source are wanted: those of the items its policy keeps, newest first, up to its limit of bytes.
//!
//! Given out page by page, so that a source of any size needs the memory of one page. A policy of days ends with the first
//! items that are all too old, and edits of still older ones that were written since. A new head of a source that keeps all
//! costs a look at what is new alone (`noted`).

mod noted;
mod past;

use super::Node;
use super::media::WantedBlob;
use crate::io::blobs::Held;
use crate::io::clock;
use crate::keep::Class;
use crate::pins::Pins;
use crate::query;
use crate::sources::{Keep, Source};
use crate::store::{RowKind, StoreError};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::record::{self, Body, Item};
pub(super) use noted::forget;
use noted::{Listed, Tally};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Items looked at together.
const PAGE_ITEMS: usize = 4_096;
/// Items in a row, past those that are kept, that have nothing to let go.
const PAST_ITEMS: usize = 64;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Walks the items of a source from the newest back.
pub(super) struct Plan {
    feed: FeedKey,
    /// Items written before this are not wanted.
    since_ms: u64,
    items_left: u64,
    max_size: u64,
    bytes_left: u64,
    /// What is here of these items was counted by an earlier plan.
    is_counted: bool,
    /// Items from this index on were looked at.
    looked_at: u64,
    /// All others are too old, but for those that were edited since.
    has_ended: bool,
    pins: Arc<Pins>,
    /// What its media are kept as.
    class: Class,
    /// Only these items are looked at.
    listed: Option<Listed>,
    /// What the next plan is told, if all is kept.
    tally: Option<Tally>,
}

/// What one page of items came to.
#[derive(Default)]
pub(super) struct Page {
    pub(super) items: u64,
    /// Files that are here already.
    pub(super) held: u64,
    /// Files left out because of the limit.
    pub(super) over_limit: u64,
    pub(super) missing: Vec<WantedBlob>,
    /// Those of them.
    pub(super) here: Vec<Hash>,
    /// Item, file and size of each one that is missing.
    pub(super) asked: Vec<(u64, Hash, u64)>,
}

/// The newest state of an item.
struct Newest {
    item: Item,
    date: u64,
}

/// The time before which a policy keeps nothing.
pub(super) fn since_ms(keep: Keep) -> u64 {
    match keep {
        Keep::Days(days) => clock::now_ms().saturating_sub(days.saturating_mul(DAY_MS)),
        _ => 0,
    }
}

impl Plan {
    /// A plan of all items that the policy keeps.
    pub(super) fn of(node: &Node, source: &Source, pins: &Arc<Pins>) -> Self {
        let is_pinned = pins.has_feed(&source.feed);
        let keep = if is_pinned { Keep::All } else { source.keep };
        let max_size = if is_pinned { u64::MAX } else { source.max_size };
        let items_left = match keep {
            Keep::All | Keep::Days(_) => u64::MAX,
            Keep::Newest(items) => items,
            Keep::None => 0,
        };
        Self {
            feed: source.feed,
            since_ms: since_ms(keep),
            items_left,
            max_size,
            bytes_left: max_size,
            is_counted: false,
            looked_at: u64::MAX,
            has_ended: false,
            pins: pins.clone(),
            class: if is_pinned {
                Class::Pinned
            } else {
                Class::Followed
            },
            listed: None,
            tally: Tally::begin(node, source, pins, keep),
        }
    }

    /// The next page; `None` when no item is left.
    pub(super) fn next(&mut self, node: &Node) -> Result<Option<Page>, StoreError> {
        if self.has_ended {
            return Ok(None);
        }
        if let Some(listed) = self.listed.take() {
            let (page, listed) = self.next_listed(node, listed)?;
            self.listed = Some(listed);
            return Ok(page);
        }
        let most = usize::try_from(self.items_left)
            .unwrap_or(usize::MAX)
            .min(PAGE_ITEMS);
        if most == 0 {
            return Ok(None);
        }
        let mut rows = Vec::new();
        let mut bare = Vec::new();
        let mut looked_at = 0;
        let before = self.looked_at;
        // Whether an item without files is among the newest days takes a look at its record all the same.
        let is_timeless = self.since_ms == 0;
        node.disk
            .rows(&self.feed, 0..self.looked_at, &mut |kind, row| {
                if kind == RowKind::Item && row.retracted_by.is_none() {
                    if row.is_bare && is_timeless {
                        bare.push(row.index);
                    } else {
                        rows.push((row.index, row.newest));
                    }
                }
                let is_full = rows.len() + bare.len() >= most;
                looked_at = if is_full { row.index } else { 0 };
                !is_full
            })?;
        self.looked_at = looked_at;
        let looked = u64::try_from(rows.len() + bare.len()).unwrap_or(u64::MAX);
        self.items_left -= looked.min(self.items_left);
        if looked == 0 {
            return Ok(None);
        }
        let newest: Vec<u64> = rows.iter().map(|(_, newest)| *newest).collect();
        let mut items = self.items(node, &newest)?;
        if self.since_ms > 0 {
            // Among those that are wanted there may be some that are too old.
            for (index, newest) in &rows {
                if !items.contains_key(newest) {
                    self.lets_go(node, *index, *newest)?;
                }
            }
            let is_wanted = |(_, newest): &(u64, u64)| items.contains_key(newest);
            let wanted = rows.iter().rposition(is_wanted).map_or(0, |last| last + 1);
            if rows.len() - wanted >= PAST_ITEMS || self.looked_at == 0 {
                self.has_ended = true;
                let last = wanted.checked_sub(1).and_then(|last| rows.get(last));
                self.looked_at = last.map_or(before, |(index, _)| *index);
                let old = self.edited_since(node)?;
                items.extend(self.items(node, &old.values().copied().collect::<Vec<_>>())?);
                rows.extend(old.into_iter().filter(|(index, _)| *index < self.looked_at));
            }
        }
        let mut page = self.page(node, rows, items)?;
        page.items += self.bare(node, &bare);
        Ok(Some(page))
    }

    /// The next page of the listed items: those that are new have the whole limit, as the newest have in a walk of all.
    fn next_listed(
        &mut self,
        node: &Node,
        mut listed: Listed,
    ) -> Result<(Option<Page>, Listed), StoreError> {
        let is_fresh = !listed.fresh.is_empty();
        let from = match is_fresh {
            true => &mut listed.fresh,
            false => &mut listed.older,
        };
        if !is_fresh && !self.is_counted {
            let taken = self.max_size - self.bytes_left;
            self.bytes_left = listed.bytes_left.saturating_sub(taken);
            self.is_counted = true;
        }
        let rows: Vec<_> = from.drain(..from.len().min(PAGE_ITEMS)).collect();
        if rows.is_empty() {
            return Ok((None, listed));
        }
        let newest: Vec<u64> = rows.iter().map(|(_, newest)| *newest).collect();
        let items = self.items(node, &newest)?;
        let page = self.page(node, rows, items)?;
        Ok((Some(page), listed))
    }

    fn page(
        &mut self,
        node: &Node,
        rows: Vec<(u64, u64)>,
        mut items: BTreeMap<u64, Newest>,
    ) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let mut seen = BTreeSet::new();
        for (index, newest) in rows {
            // What the person dropped is not fetched again by itself.
            let is_dropped =
                self.pins.is_dropped(&self.feed, index) && !self.pins.has(&self.feed, index);
            if let Some(newest) = items.remove(&newest).filter(|_| !is_dropped) {
                page.items += 1;
                self.add(node, (index, newest), &mut page, &mut seen)?;
            }
        }
        node.raise(&page.here, self.class)?;
        Ok(page)
    }

    /// Items before those looked at that were edited by a record since: index of the item and of the edit that is its newest.
    fn edited_since(&self, node: &Node) -> Result<BTreeMap<u64, u64>, StoreError> {
        let mut edited = BTreeSet::new();
        node.disk
            .records(&self.feed, self.looked_at..u64::MAX, &mut |index, bytes| {
                if let Ok(record) = record::read(bytes, index)
                    && let Body::Item(item) = record.body
                    && let Some(first) = item.edits
                {
                    edited.insert(first.index);
                }
                true
            })?;
        let mut newest = BTreeMap::new();
        for index in edited {
            if let Some((RowKind::Item, row)) = node.disk.row(&self.feed, index)?
                && row.retracted_by.is_none()
            {
                newest.insert(index, row.newest);
            }
        }
        Ok(newest)
    }

    /// How many of these items without files are here, and not dropped.
    fn bare(&self, node: &Node, indexes: &[u64]) -> u64 {
        let held = node.disk.held(&self.feed);
        let wanted = indexes.iter().filter(|index| {
            held.contains(**index)
                && (!self.pins.is_dropped(&self.feed, **index)
                    || self.pins.has(&self.feed, **index))
        });
        u64::try_from(wanted.count()).unwrap_or(u64::MAX)
    }

    /// The newest states of items, as far as they are here, can be read and are wanted.
    fn items(&self, node: &Node, newest: &[u64]) -> Result<BTreeMap<u64, Newest>, StoreError> {
        let head = node.disk.head(&self.feed)?;
        let head_time = head.map_or(0, |head| head.body().time);
        let wanted: BTreeSet<u64> = newest.iter().copied().collect();
        let mut items = BTreeMap::new();
        let mut take = |index, bytes: &[u8]| {
            if wanted.contains(&index)
                && let Ok(record) = record::read(bytes, index)
                && record.time >= self.since_ms
                && let Body::Item(item) = record.body
            {
                let date = query::shown_time(record.time, head_time, None);
                items.insert(index, Newest { item: *item, date });
            }
            true
        };
        let (first, last) = (wanted.first().copied(), wanted.last().copied());
        let within = first.unwrap_or(0)..last.map_or(0, |last| last.saturating_add(1));
        let among = usize::try_from(within.end - within.start).unwrap_or(usize::MAX);
        // Records that lie together are read in one go, which costs a fraction of one after the other.
        if among <= wanted.len().saturating_mul(2) {
            node.disk.records(&self.feed, within, &mut take)?;
        } else {
            for index in &wanted {
                if let Some(bytes) = node.disk.record(&self.feed, *index)? {
                    take(*index, &bytes);
                }
            }
        }
        Ok(items)
    }

    fn add(
        &mut self,
        node: &Node,
        (index, newest): (u64, Newest),
        page: &mut Page,
        seen: &mut BTreeSet<Hash>,
    ) -> Result<(), StoreError> {
        let Newest { item, date } = newest;
        for file in item.files {
            if !seen.insert(file.hash) {
                continue;
            }
            let fits = file.size <= self.bytes_left;
            if !fits && !self.is_counted {
                page.over_limit += 1;
                continue;
            }
            let state = node.blobs.state(&file.hash)?;
            let is_here = state.is_some_and(|state| matches!(state.held, Held::Complete));
            if !(is_here && self.is_counted) {
                if !fits {
                    page.over_limit += 1;
                    continue;
                }
                self.bytes_left -= file.size;
            }
            if is_here {
                page.held += 1;
                page.here.push(file.hash);
            } else if node.blobs.away(&file.hash)?.is_some() {
                // It comes back with its disk; only who asks for it by name has it fetched again.
            } else {
                page.asked.push((index, file.hash, file.size));
                page.missing.push(WantedBlob {
                    hash: file.hash,
                    size: file.size,
                    name: file.name.unwrap_or_else(|| item.title.clone()),
                    date: date.min(clock::now_ms()),
                });
            }
        }
        Ok(())
    }
}
