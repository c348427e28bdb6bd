//! Subscriptions: follow, unfollow, and a sync of one or all.

use super::sync::{Look, failure, sync_source};
use super::{Node, Stop};
use crate::api::{Answer, Call, Code, Event, Failure, Retractions};
use crate::io::clock;
use levada_feed::key::FeedKey;
use levada_feed::link::Link;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Subscribes and syncs once.
pub(super) async fn follow(
    node: &Arc<Node>,
    call: Call,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let Call::Follow {
        feed: target,
        via,
        keep,
        max_size,
        retractions,
        share,
    } = call
    else {
        return Err(Failure::new(Code::Failed, "this call is another one"));
    };
    let retractions = retractions.map(|text| text.parse::<Retractions>());
    let retractions = retractions
        .transpose()
        .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
    let link = read_target(&target)?;
    if node.own_name(&link.feed).is_some() {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "feed {}: this is your own feed",
                super::words::short(&link.feed)
            ),
        )
        .hint("who else has it is named with: levada mirror add URL"));
    }
    for hint in &via {
        let known = node.client.remote(hint);
        known.map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
    }
    let source = node.change_sources(|sources| {
        let (keep, max_size) = (keep.as_deref(), max_size.as_deref());
        let added = sources.add(&link, &via, keep, max_size, clock::now_ms());
        let added = added.map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
        if let Some(retractions) = retractions {
            sources.set_retractions(&link.feed, retractions);
        }
        if let Some(share) = share {
            sources.set_share(&link.feed, share);
        }
        Ok(added)
    })?;
    node.leave_never(&link.feed)?;
    if retractions == Some(Retractions::Honour) {
        node.honour(&link.feed)?;
    }
    if source.via.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            format!("{}: nobody is known who has this feed", source.nickname),
        )
        .hint("it is followed; say where to ask: levada follow LINK --via http://HOST:9327"));
    }
    let was_known = node.disk.head(&link.feed)?.is_some();
    let synced = sync_source(node, &source, Look::All, events, stop).await;
    match synced {
        Ok(synced) => Ok(Answer::Followed(synced)),
        Err(failure) => {
            // A link that proved wrong leaves no subscription behind; a peer that is away does.
            if failure.code == Code::NotVerified && !was_known {
                node.change_sources(|sources| {
                    sources.remove(&link.feed);
                    Ok(())
                })?;
            }
            Err(failure)
        }
    }
}

/// A link, or a bare key.
fn read_target(target: &str) -> Result<Link, Failure> {
    let link = if target.contains(':') {
        target.parse::<Link>()
    } else {
        target.parse::<FeedKey>().map(Link::to)
    };
    link.map_err(|reject| super::words::no_link(&reject))
}

/// Syncs one source or all.
pub(super) async fn sync(
    node: &Arc<Node>,
    target: Option<&str>,
    again: bool,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let sources = match target {
        Some(target) => vec![match node.own_source(target)? {
            Some(own) => own,
            None => node.find_source(target)?,
        }],
        None => node.sources()?.list().to_vec(),
    };
    if again {
        node.change_pins(|pins| {
            for source in &sources {
                pins.want_again(&source.feed, None);
            }
        })?;
    }
    let (mut synced, mut failures) = (0, Vec::new());
    for source in &sources {
        match sync_source(node, source, Look::All, events.clone(), stop.clone()).await {
            Ok(done) => {
                synced += 1;
                super::tell(&events, Event::Synced(done)).await;
            }
            Err(failure) if failure.code == Code::Interrupted => return Err(failure),
            Err(failure) => failures.push(failure),
        }
    }
    // The failure of all is told once, at the end.
    if synced > 0 || failures.len() > 1 {
        for Failure { message, hint, .. } in failures.iter().cloned() {
            super::tell(&events, Event::Warning { message, hint }).await;
        }
    }
    let failed = u64::try_from(failures.len()).unwrap_or(u64::MAX);
    match failures.into_iter().next() {
        Some(first) if synced == 0 && failed == 1 => Err(first),
        Some(first) if synced == 0 => Err(Failure::new(
            first.code,
            format!("none of {failed} sources could be synced"),
        )),
        _ => Ok(Answer::Sync { synced, failed }),
    }
}

/// Ends a subscription.
pub(super) async fn unfollow(
    node: &Arc<Node>,
    target: &str,
    purge: bool,
    stop: Stop,
) -> Result<Answer, Failure> {
    let source = node.find_source(target)?;
    let feed = source.feed;
    node.leave_later(&feed, purge)?;
    node.change_sources(|sources| {
        sources.remove(&feed);
        Ok(())
    })?;
    let (leaving, stopped) = (node.clone(), stop.clone());
    let work = super::records::blocking(move || leaving.leave(&feed, &|| *stopped.borrow()));
    let freed = work.await.map_err(|error| failure(&source, &error))?;
    if *stop.borrow() {
        return Err(Failure::new(
            Code::Interrupted,
            format!("{target}: unfollowed; not all of it is dropped yet"),
        )
        .hint("the next command goes on"));
    }
    Ok(Answer::Unfollowed { feed, freed })
}
