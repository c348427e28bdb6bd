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
use levada_feed::limits::{LIST_LEAF_HASHES, PAGE_RECORDS, TILE_VALUES};
use levada_feed::tree::{Node as TreeNode, find_node};
use std::collections::BTreeMap;
use std::ops::Range;

/// Files between two reports of progress.
const REPORT_FILES: u64 = 64;

/// What changed since the last export.
pub(super) struct Changed {
    /// Records that were there.
    pub(super) from: u64,
    /// Pages of records to write.
    pages: Runs,
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
    let mut is_held_changed = false;
    if let Some(before) = before {
        for records in differences(&before.held, &held, from) {
            is_held_changed = true;
            mark(records);
        }
    }
    let is_retracting = is_held_changed || retracts(node, head, from)?;
    let retracted = match before {
        Some(before) if !is_retracting => before.retracted.clone(),
        // Rare, and the only thing here that looks at the whole feed.
        _ => {
            let mut now = Runs::new();
            for index in node.disk.retracted(&feed, 0..length)?.into_keys() {
                now.insert(index..index + 1);
            }
            now
        }
    };
    let none = Runs::new();
    let old = before.map_or(&none, |before| &before.retracted);
    let mut is_sweep_due = before.is_some_and(|before| before.is_sweep_due);
    for records in differences(old, &retracted, length) {
        is_sweep_due |= before.is_some();
        mark(records);
    }
    let state = State {
        length,
        root: head.body().root,
        held,
        retracted,
        media: super::Media::All,
        media_missing: before.map_or(0, |before| before.media_missing),
        is_sweep_due,
    };
    Ok((state, Changed { from, pages }))
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

/// Whether any of the new records takes something back.
fn retracts(node: &Node, head: &Head, from: u64) -> Result<bool, StoreError> {
    let (feed, length) = (head.body().feed, head.body().length);
    let mut found = false;
    node.disk
        .records(&feed, from..length, &mut |index, record| {
            found = matches!(query::changes(record, index).0, RowChange::Retract(..));
            !found
        })?;
    Ok(found)
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
        let incomplete = || {
            Failure::new(
                Code::Failed,
                format!("{name}: its hash list is not here from the first record on"),
            )
            .hint("only a feed that is followed with --keep all can be exported; follow it so, then `levada sync`")
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
        if let Some(latest) = answer::latest(&node.disk, &feed, latest_count(node, head)?)? {
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
