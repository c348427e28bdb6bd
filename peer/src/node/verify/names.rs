//! Which items name a blob: looked up among all records, once something is damaged.

use crate::node::Node;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::record::{self, Body};
use std::collections::{BTreeMap, BTreeSet};

/// An item that names a blob.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) feed: FeedKey,
    pub(super) index: u64,
    pub(super) name: String,
    /// What the record says of its size.
    pub(super) size: u64,
}

/// Items that name these blobs; of each feed the newest.
pub(super) fn names(
    node: &Node,
    wanted: &BTreeSet<Hash>,
) -> Result<BTreeMap<Hash, Vec<Named>>, StoreError> {
    let mut named: BTreeMap<Hash, Vec<Named>> = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(named);
    }
    for feed in node.disk.feeds() {
        let all = 0..u64::MAX;
        node.disk.records_around(&feed, all, &mut |index, bytes| {
            let Ok(record) = record::read(bytes, index) else {
                return true;
            };
            let Body::Item(item) = record.body else {
                return true;
            };
            for file in &item.files {
                if !wanted.contains(&file.hash) {
                    continue;
                }
                let found = Named {
                    feed,
                    index: item.edits.as_ref().map_or(index, |edits| edits.index),
                    name: file.name.clone().unwrap_or_else(|| item.title.clone()),
                    size: file.size,
                };
                let of = named.entry(file.hash).or_default();
                match of.last_mut() {
                    Some(last) if last.feed == feed => *last = found,
                    _ => of.push(found),
                }
            }
            true
        })?;
    }
    Ok(named)
}
