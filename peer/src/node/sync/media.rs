//! Media of a source: those that its plan names, page by page, and what is pinned of it.

use super::{Look, failure};
use crate::api::{Event, Failure, Synced};
use crate::io::client::Remote;
use crate::keep::Class;
use crate::node::media::MediaFetch;
use crate::node::plan::Plan;
use crate::node::records::{SyncError, blocking};
use crate::node::room::Purpose;
use crate::node::{Node, Stop, doctor, pin};
use crate::pins::Pins;
use crate::sources::Source;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What media of a source are fetched for.
fn purpose(node: &Node, source: &Source, pins: &Pins) -> Purpose {
    if node.own_name(&source.feed).is_some() {
        Purpose::Own
    } else if pins.has_feed(&source.feed) {
        Purpose::Pin
    } else {
        Purpose::Follow
    }
}

async fn plan(
    node: &Arc<Node>,
    source: &Source,
    look: Look,
    pins: &Arc<Pins>,
) -> Result<Plan, SyncError> {
    let (node, source, pins) = (node.clone(), source.clone(), pins.clone());
    blocking(move || {
        let of_news = match look {
            Look::News { .. } => Plan::of_news(&node, &source, &pins)?,
            Look::All => None,
        };
        Ok(of_news.unwrap_or_else(|| Plan::of(&node, &source, &pins)))
    })
    .await
}

/// Fetches what a plan asks for, page by page; gives the plan, and how many files were evicted meanwhile.
async fn walk(
    mut plan: Plan,
    node: &Arc<Node>,
    fetch: &Arc<MediaFetch>,
    result: &mut Synced,
) -> Result<(Plan, u64), SyncError> {
    let mut over_quota = 0;
    loop {
        let planning = node.clone();
        let planned = blocking(move || {
            let page = plan.next(&planning)?;
            Ok((plan, page))
        });
        let page = planned.await?;
        plan = page.0;
        let Some(page) = page.1 else { break };
        let missing = u64::try_from(page.missing.len()).unwrap_or(0);
        result.items += page.items;
        result.files += page.held;
        result.files_wanted += page.held + missing;
        result.files_over_limit += page.over_limit;
        let came = fetch.page(page.missing).await;
        result.bytes_new = fetch.bytes();
        let came = came?;
        result.files += came;
        let looking = node.clone();
        let looked = blocking(move || {
            if came < missing {
                plan.came(&looking, &page.asked)?;
            }
            // What was here may have made room for what came.
            Ok((plan, looking.gone_since(&page.here)?))
        });
        let gone;
        (plan, gone) = looked.await?;
        result.files -= gone;
        result.files_wanted -= gone;
        over_quota += gone;
    }
    Ok((plan, over_quota))
}

/// The media of the items that the policy keeps, newest first, up to the source's limit.
pub(super) async fn sync_media(
    node: &Arc<Node>,
    source: &Source,
    look: Look,
    remotes: Vec<Remote>,
    result: &mut Synced,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    // A person may have written the file while we run, or lost it.
    node.apply_pins_until(&stop).await?;
    let pins = node.pins()?;
    let purpose = purpose(node, source, &pins);
    let name = source.nickname.clone();
    let fetch = MediaFetch::new(
        node,
        remotes.clone(),
        name,
        purpose,
        events.clone(),
        stop.clone(),
    );
    let plan = plan(node, source, look, &pins);
    let plan = plan.await.map_err(|error| failure(source, &error))?;
    result.is_of_news = plan.is_of_news();
    result.files_wanted += plan.beyond();
    let walked = walk(plan, node, &fetch, result).await;
    let (plan, over_quota) = walked.map_err(|error| failure(source, &error))?;
    if let Some(no_room) = fetch.disk_full() {
        return Err(failure(source, &SyncError::NoRoom(no_room)));
    }
    result.files_over_quota = over_quota + fetch.no_room();
    result.files_wanted -= fetch.no_room();
    let (looking, feed) = (node.clone(), source.feed);
    let pinned = blocking(move || {
        plan.past(&looking)?;
        plan.leave_note(&looking)?;
        let (missing, here) = pin::pinned(&looking, &pins, &feed)?;
        looking.raise(&here, Class::Pinned)?;
        Ok(missing)
    });
    let missing = pinned.await.map_err(|error| failure(source, &error))?;
    if !missing.is_empty() {
        let name = source.nickname.clone();
        let fetch = MediaFetch::new(node, remotes, name, Purpose::Pin, events, stop);
        result.files_wanted += u64::try_from(missing.len()).unwrap_or(0);
        let came = fetch.page(missing).await;
        result.bytes_new += fetch.bytes();
        result.files += came.map_err(|error| failure(source, &error))?;
    }
    let lacking = result.files_wanted.saturating_sub(result.files);
    doctor::note_lacking(&node.disk, &source.feed, Some(lacking))?;
    if lacking > 0 {
        result.error = Some(match lacking {
            1 => "1 file is not here yet".to_owned(),
            files => format!("{files} files are not here yet"),
        });
    }
    Ok(())
}
