//! Feeds of which too little is here to be written: what is missing comes from their peers before an export begins.
//!
//! A static host has the whole hash list of a feed, since that is what its readers check everything against. Who follows
//! the newest items alone does not have it; it comes with the records, which are small beside media.

use super::{Node, Stop, feeds};
use crate::api::{Event, ExportStatic, Failure};
use crate::node::sync::bring_records;
use crate::node::tell;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Brings what is missing of the feeds to be exported. One that nobody can complete now is left as it is: the export says
/// so.
pub(in crate::node) async fn complete(
    node: &Arc<Node>,
    args: &ExportStatic,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<(), Failure> {
    let (looking, named) = (node.clone(), args.feeds.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let mut lacking = Vec::new();
        for feed in feeds(&looking, &named)? {
            if !is_list_here(&looking, &feed)? {
                lacking.push(feed);
            }
        }
        Ok::<_, Failure>(lacking)
    });
    // A task that was cancelled: the process ends.
    let lacking = looked.await.unwrap_or_else(|_| Ok(Vec::new()))?;
    for feed in lacking {
        if node.own_name(&feed).is_some() {
            // An own feed takes records of others under the lock of signing alone.
            continue;
        }
        let Some(source) = node.source_of(&feed) else {
            continue;
        };
        if let Err(failure) = bring_records(node, &source, events, stop).await {
            let Failure { message, hint, .. } = failure;
            tell(events, Event::Warning { message, hint }).await;
        }
    }
    Ok(())
}

/// Whether the link hashes of all records are here. Looks at the records that are not, up to the first one that lacks its
/// hash.
fn is_list_here(node: &Node, feed: &FeedKey) -> Result<bool, StoreError> {
    let Some(head) = node.disk.head(feed)? else {
        return Ok(true);
    };
    for gap in node.disk.held(feed).missing(0..head.body().length) {
        for index in gap {
            if node.disk.link(feed, index)?.is_none() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
