//! What the store has of an own feed, as the author's file takes it: records, or their link hashes, and small blobs.

use super::refusal;
use crate::api::Failure;
use crate::io::author::{Part, Writer};
use crate::node::Node;
use crate::store::StoreError;
use levada_feed::chain;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::INLINE_BYTES_MAX;
use levada_feed::record::{self, Body};
use levada_feed::tree::GrowingList;
use std::ops::Range;

/// Hashes after which what a growing list notes for a store is thrown away: it is in the store already.
const NOTED_MAX: u64 = 16_384;

/// Whether of each of these records the bytes or the link hash are here.
pub(super) fn is_filled(
    node: &Node,
    feed: &FeedKey,
    records: Range<u64>,
) -> Result<bool, StoreError> {
    for index in records {
        if node.disk.link(feed, index)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Puts these records, up to a head of the store. Each is held against the chain and all against the head's root, so that
/// nothing that a disk has changed gets into the file.
pub(super) fn fill(
    node: &Node,
    head: &Head,
    records: Range<u64>,
    to: &mut Writer<'_>,
) -> Result<(), Failure> {
    let body = head.body();
    let feed = &body.feed;
    let incomplete = || refusal::incomplete(feed);
    let pieces = node.disk.pieces(feed);
    let mut list = match records.start {
        0 => GrowingList::new(),
        length => GrowingList::open(&pieces, length)?.ok_or_else(incomplete)?,
    };
    let mut before = match records.start.checked_sub(1) {
        Some(last) => Some(node.disk.link(feed, last)?.ok_or_else(incomplete)?),
        None => None,
    };
    for index in records {
        let link = node.disk.link(feed, index)?.ok_or_else(incomplete)?;
        let bytes = node.disk.record(feed, index)?;
        let is_its = |bytes: &Vec<u8>| {
            chain::check_record(feed, index, before.as_ref(), &link, bytes).is_ok()
        };
        match bytes.filter(is_its) {
            Some(bytes) => {
                put_small(node, index, &bytes, to)?;
                to.put(Part::Record(&bytes))?;
            }
            None => to.put(Part::Link(link))?,
        }
        list.push(link);
        before = Some(link);
        if index % NOTED_MAX == 0 {
            drop(list.take_changed());
        }
    }
    if list.root() == body.root {
        Ok(())
    } else {
        Err(refusal::other_history(feed))
    }
}

/// The small blobs that a record names, as far as they are here.
fn put_small(node: &Node, index: u64, bytes: &[u8], to: &mut Writer<'_>) -> Result<(), Failure> {
    let Ok(record::Record {
        body: Body::Item(item),
        ..
    }) = record::read(bytes, index)
    else {
        return Ok(());
    };
    for file in item
        .files
        .iter()
        .filter(|file| file.size <= INLINE_BYTES_MAX)
    {
        if let Some(blob) = node.disk.small(&file.hash)?
            && Hash::of(&blob) == file.hash
        {
            to.put(Part::Blob(&blob))?;
        }
    }
    Ok(())
}
