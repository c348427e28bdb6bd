//! The records of one feed as files: pages, the hash list, tiles, and last of all the head.

use super::state::State;
use super::{Export, Node};
use crate::api::{Code, Failure};
use crate::io::answer;
use crate::query;
use crate::runs::Runs;
use crate::static_layout::{
    LATEST_BYTES_MAX, LATEST_RECORDS_MAX, StaticFile, full_pages, row_level, row_values, write_page,
};
use crate::store::{RowChange, StoreError};
use levada_feed::bundle::Slot;
use levada_feed::chain;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{LIST_LEAF_HASHES, PAGE_RECORDS, TILE_VALUES};
use levada_feed::tree::{Node as TreeNode, find_node};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Files between two reports of progress.
const REPORT_FILES: u64 = 64;

/// What changed since the last export.
pub(super) struct Changed {
    /// Records that were there.
    pub(super) from: u64,
    /// Pages of records to write.
    pages: Runs,
    /// Records that were taken back since.
    pub(super) newly: Vec<Range<u64>>,
}

/// Compares what is here with what the last export noted.
pub(super) fn changed(
    node: &Node,
    head: &Head,
    before: Option<&State>,
) -> Result<(State, Changed), StoreError> {
    let (feed, length) = (head.body().feed, head.body().length);
    let from = before.map_or(0, |before| before.length);
    let held = node.disk.held(&feed);
    let mut pages = Runs::new();
    let mut mark = |records: Range<u64>| {
        let end = records.end.min(length);
        if records.start < end {
            pages.insert(records.start / PAGE_RECORDS..end.div_ceil(PAGE_RECORDS));
        }
    };
    mark(from..length);
    // Whether a record is taken back can have changed only for these, and for what they take back.
    let mut again = vec![from..length];
    if let Some(before) = before {
        for records in differences(&before.held, &held, from) {
            again.push(records.clone());
            mark(records);
        }
    }
    let retracted = retracted(node, &feed, before, &again)?;
    let none = Runs::new();
    let old = before.map_or(&none, |before| &before.retracted);
    for records in differences(old, &retracted, length) {
        mark(records);
    }
    let is_new = before.is_none();
    let newly = retracted
        .iter()
        .flat_map(|run| old.missing(run).collect::<Vec<_>>());
    let newly = newly.filter(|_| !is_new).collect();
    let state = State {
        length,
        root: head.body().root,
        held,
        retracted,
        media: super::Media::All,
        media_missing: before.map_or(0, |before| before.media_missing),
        is_sweep_due: before.is_some_and(|before| before.is_sweep_due),
    };
    Ok((state, Changed { from, pages, newly }))
}

/// What one of the two has and the other does not, below `end`.
fn differences(one: &Runs, other: &Runs, end: u64) -> Vec<Range<u64>> {
    let without = |these: &Runs, those: &Runs| -> Vec<Range<u64>> {
        these
            .iter()
            .flat_map(|run| {
                let run = run.start.min(end)..run.end.min(end);
                those.missing(run).collect::<Vec<_>>()
            })
            .collect()
    };
    [without(one, other), without(other, one)].concat()
}

/// The records that are taken back now, out of those that were and what changed since.
fn retracted(
    node: &Node,
    feed: &FeedKey,
    before: Option<&State>,
    again: &[Range<u64>],
) -> Result<Runs, StoreError> {
    let mut now = before.map_or_else(Runs::new, |before| before.retracted.clone());
    for records in again {
        now.remove(records.clone());
        for index in node.disk.retracted(feed, records.clone())?.into_keys() {
            now.insert(index..index + 1);
        }
    }
    // Of a feed that was not there everything was looked at.
    let targets = match before {
        None => BTreeSet::new(),
        Some(_) => taken_back(node, feed, again)?,
    };
    for target in targets {
        let mut records = vec![target];
        node.disk.edits(feed, target, &mut |edit, _| {
            records.push(edit);
            true
        })?;
        for index in records {
            let is_retracted = !node.disk.retracted(feed, index..index + 1)?.is_empty();
            if is_retracted {
                now.insert(index..index + 1);
            }
        }
    }
    Ok(now)
}

/// What the retracts among these records name.
fn taken_back(
    node: &Node,
    feed: &FeedKey,
    among: &[Range<u64>],
) -> Result<BTreeSet<u64>, StoreError> {
    let mut targets = BTreeSet::new();
    for records in among {
        node.disk
            .records(feed, records.clone(), &mut |index, record| {
                if let RowChange::Retract(target, _) = query::changes(record, index).0 {
                    targets.insert(target);
                }
                true
            })?;
    }
    Ok(targets)
}

impl Export<'_> {
    /// Writes the hash list, the tiles and the pages, as far as they changed.
    pub(super) fn records(
        &mut self,
        head: &Head,
        name: &str,
        changed: &Changed,
    ) -> Result<(), Failure> {
        let (feed, length) = (head.body().feed, head.body().length);
        let held = self.node.disk.held(&feed).count();
        let incomplete = || {
            Failure::new(
                Code::Failed,
                format!("{name}: {held} of {length} records are here, and not the hash list of all: it is not exported"),
            )
            .hint("nobody who was asked has the rest now; when a peer of it answers, the same command brings it and goes on")
        };
        if changed.from < length {
            for page in changed.from / PAGE_RECORDS..length.div_ceil(PAGE_RECORDS) {
                self.check_stop()?;
                let first = page * PAGE_RECORDS / LIST_LEAF_HASHES;
                let end = ((page + 1) * PAGE_RECORDS).min(length);
                let leaves = first..end.div_ceil(LIST_LEAF_HASHES);
                let bytes = chain::leaf_bytes(&self.node.disk.pieces(&feed), length, &[leaves])?;
                self.dir.put(
                    &StaticFile::List { feed, page },
                    &bytes.ok_or_else(incomplete)?,
                )?;
            }
            self.tiles(head, changed.from, &incomplete)?;
        }
        let pages: u64 = changed.pages.count();
        let mut done = 0;
        for page in changed.pages.iter().flatten() {
            self.check_stop()?;
            let bytes = page_bytes(self.node, head, page)?.ok_or_else(incomplete)?;
            self.dir.put(&StaticFile::Page { feed, page }, &bytes)?;
            done += 1;
            if done % REPORT_FILES == 0 {
                self.progress(name, done, Some(pages));
            }
        }
        Ok(())
    }

    fn tiles(
        &mut self,
        head: &Head,
        from: u64,
        incomplete: &dyn Fn() -> Failure,
    ) -> Result<(), Failure> {
        let (feed, length) = (head.body().feed, head.body().length);
        for row in 0..u8::MAX {
            let values = row_values(full_pages(length), row);
            if values == 0 {
                break;
            }
            let before = row_values(full_pages(from), row);
            for tile in before / TILE_VALUES..values.div_ceil(TILE_VALUES) {
                self.check_stop()?;
                let mut bytes = Vec::new();
                for index in tile * TILE_VALUES..((tile + 1) * TILE_VALUES).min(values) {
                    let node = TreeNode {
                        level: row_level(row),
                        index,
                    };
                    let value = find_node(&self.node.disk.pieces(&feed), node)?;
                    bytes.extend_from_slice(&value.ok_or_else(incomplete)?.0);
                }
                self.dir
                    .put(&StaticFile::Tile { feed, row, tile }, &bytes)?;
            }
        }
        Ok(())
    }

    /// Writes `latest`, then the head, after everything that it is about is durable.
    pub(super) fn heads(&mut self, head: &Head) -> Result<(), Failure> {
        self.check_stop()?;
        let feed = head.body().feed;
        let node = self.node;
        if let Some(latest) = answer::latest_under(&node.disk, head, latest_count(node, head)?)? {
            self.dir.put(&StaticFile::Latest { feed }, &latest)?;
        }
        self.dir.settle()?;
        let answer = chain::prove_head(head, 0, &node.disk.pieces(&feed))?;
        let answer = answer.ok_or_else(|| {
            Failure::new(Code::Failed, "what proves the head is not in the store")
                .hint("`levada sync` brings it")
        })?;
        self.dir.put(&StaticFile::Head { feed }, &answer)?;
        self.dir.settle()?;
        Ok(())
    }
}

/// How many of the newest records go into `latest`.
fn latest_count(node: &Node, head: &Head) -> Result<u64, StoreError> {
    let (feed, length) = (head.body().feed, head.body().length);
    let (mut count, mut bytes) = (0, 0);
    for index in (length.saturating_sub(LATEST_RECORDS_MAX)..length).rev() {
        bytes += node
            .disk
            .record(&feed, index)?
            .map_or(0, |record| record.len());
        if bytes > LATEST_BYTES_MAX {
            break;
        }
        count += 1;
    }
    Ok(count.max(1))
}

/// The bytes of a page: records, and link hashes where one is retracted or not here. `None` when the list has a hole.
fn page_bytes(node: &Node, head: &Head, page: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let (feed, length) = (head.body().feed, head.body().length);
    let range = page * PAGE_RECORDS..((page + 1) * PAGE_RECORDS).min(length);
    let retracted = node.disk.retracted(&feed, range.clone())?;
    let mut records: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    node.disk
        .records(&feed, range.clone(), &mut |index, record| {
            if !retracted.contains_key(&index) {
                records.insert(index, record.to_vec());
            }
            true
        })?;
    let before = match range.start.checked_sub(1) {
        None => None,
        Some(before) => match node.disk.link(&feed, before)? {
            None => return Ok(None),
            before => before,
        },
    };
    let mut links: BTreeMap<u64, Hash> = BTreeMap::new();
    for index in range.clone().filter(|index| !records.contains_key(index)) {
        let Some(link) = node.disk.link(&feed, index)? else {
            return Ok(None);
        };
        links.insert(index, link);
    }
    let slot = |index: u64| match (records.get(&index), links.get(&index)) {
        (Some(record), _) => Some(Slot::Record(record.as_slice())),
        (None, Some(link)) => {
            let by = retracted.get(&index).copied();
            Some(match by.filter(|by| (index + 1..length).contains(by)) {
                Some(by) => Slot::Retracted(*link, by),
                None => Slot::Withheld(*link),
            })
        }
        (None, None) => None,
    };
    let slots: Vec<Slot<'_>> = range.filter_map(slot).collect();
    Ok(Some(write_page(page, before.as_ref(), &slots)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_went_is_different() {
        let (mut one, mut other) = (Runs::of(0..10), Runs::of(2..10));
        one.insert(20..30);
        other.insert(25..40);
        let mut found = differences(&one, &other, 35);
        found.sort_by_key(|range| range.start);
        assert_eq!(found, [0..2, 20..25, 30..35]);
        assert!(differences(&one, &one, 35).is_empty());
    }
}
