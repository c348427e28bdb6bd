//! Looking at the records of a feed: each against its link hash, and the list against the head's root.

use super::Wrong;
use crate::node::Node;
use crate::store::StoreError;
use levada_feed::chain;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::LIST_LEAF_HASHES;
use levada_feed::tree::{self, Proven, Shape};
use std::ops::Range;

/// Looks at the records of a range that are held; gives how many.
pub(super) fn look(
    node: &Node,
    feed: &FeedKey,
    head: &Head,
    range: Range<u64>,
    found: &mut Vec<Wrong>,
) -> Result<u64, StoreError> {
    let held = node.disk.held(feed);
    let mut looked = 0;
    for run in held.iter() {
        let run = run.start.max(range.start)..run.end.min(range.end);
        if run.is_empty() {
            continue;
        }
        looked += run.end - run.start;
        let hashes = run.start.saturating_sub(1)..run.end;
        match chain::leaves_of(std::slice::from_ref(&hashes)).first() {
            Some(leaves) => match proven(node, feed, head, leaves)? {
                Some(proven) => look_at_run(node, feed, &run, &proven, found)?,
                None => narrow(node, feed, head, &run, leaves, found)?,
            },
            None => continue,
        }
    }
    Ok(looked)
}

/// The leaves of the stored list, if they fold to the head's root.
fn proven(
    node: &Node,
    feed: &FeedKey,
    head: &Head,
    leaves: &Range<u64>,
) -> Result<Option<Proven>, StoreError> {
    let body = head.body();
    // A piece that cannot be read is one that is wrong.
    let pieces = node.disk.pieces_around(feed);
    let (shape, ranges) = (Shape::of_list(body.length), [leaves.clone()]);
    let Some(pairs) = tree::prove(&pieces, shape, &ranges)? else {
        return Ok(None);
    };
    let Some(bytes) = chain::leaf_bytes(&pieces, body.length, &ranges)? else {
        return Ok(None);
    };
    Ok(tree::check_slice(&body.root, shape, &ranges, &pairs, &bytes).ok())
}

/// Something of the list is wrong: finds which leaves, and looks at the records of the others.
fn narrow(
    node: &Node,
    feed: &FeedKey,
    head: &Head,
    run: &Range<u64>,
    leaves: &Range<u64>,
    found: &mut Vec<Wrong>,
) -> Result<(), StoreError> {
    for leaf in leaves.clone() {
        let own = leaf * LIST_LEAF_HASHES..(leaf + 1) * LIST_LEAF_HASHES;
        let part = run.start.max(own.start)..run.end.min(own.end);
        let before = part.start.saturating_sub(1) / LIST_LEAF_HASHES;
        match proven(node, feed, head, &(before.min(leaf)..leaf + 1))? {
            Some(proven) => look_at_run(node, feed, &part, &proven, found)?,
            None => found.push(Wrong::List {
                feed: *feed,
                leaf,
                records: part,
            }),
        }
    }
    Ok(())
}

fn look_at_run(
    node: &Node,
    feed: &FeedKey,
    run: &Range<u64>,
    proven: &Proven,
    found: &mut Vec<Wrong>,
) -> Result<(), StoreError> {
    let mut due = run.start;
    let mut wrong = |index: u64, is_read: bool| {
        found.push(Wrong::Record {
            feed: *feed,
            index,
            is_read,
        });
    };
    let visit = &mut |index: u64, bytes: &[u8]| {
        (due..index).for_each(|index| wrong(index, false));
        due = index + 1;
        let before = index
            .checked_sub(1)
            .and_then(|before| chain::hash_in(proven, before));
        let is_good = chain::hash_in(proven, index).is_some_and(|link| {
            chain::check_record(feed, index, before.as_ref(), &link, bytes).is_ok()
        });
        if !is_good {
            wrong(index, true);
        }
        true
    };
    node.disk.records_around(feed, run.clone(), visit)?;
    (due..run.end).for_each(|index| wrong(index, false));
    Ok(())
}
