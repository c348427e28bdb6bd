//! What a serving node does for its own feeds: it watches their mirrors for heads that it did not sign, and signs an
//! unchanged head anew each day, so that followers can tell a quiet author from a mirror that hides something.
//!
//! A head that another machine signed stops signing here until the person has settled it (spec/author-file.md, Copies).

mod mirror;

use super::author::{Aside, Author, Trust};
use super::{Node, Stop, tell};
use crate::api::{Code, Event, Failure};
use crate::io::clock;
use crate::io::keys::KeyEntry;
use levada_feed::key::FeedKey;
use mirror::Watch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Age of a head at which it is signed anew.
const SIGN_AGAIN_MS: u64 = 24 * 3_600_000;
/// Longest pause between two looks at the own feeds: a machine may have slept meanwhile.
const PAUSE: Duration = Duration::from_secs(600);
/// Guards all own feeds until told to stop.
pub(super) async fn guard(node: Arc<Node>, events: mpsc::Sender<Event>, mut stop: Stop) {
    let mut told = BTreeSet::new();
    let mut watched: BTreeMap<(FeedKey, String), tokio::task::AbortHandle> = BTreeMap::new();
    let mut watching = JoinSet::new();
    let mut changes = node.changes.subscribe();
    let mut keys = Vec::new();
    loop {
        let reading = node.clone();
        let listed = tokio::task::spawn_blocking(move || reading.keys.list()).await;
        // A folder that cannot be read now ends no watch: those of the last look go on.
        match listed {
            Ok(Ok(listed)) => keys = listed,
            Ok(Err(error)) => tracing::warn!("the keys cannot be listed: {error}"),
            Err(_) => {}
        }
        let wanted: BTreeSet<(FeedKey, String)> = keys
            .iter()
            .flat_map(|key| node.mirrors(&key.feed).into_iter().map(|at| (key.feed, at)))
            .collect();
        // Those that were ended are not kept.
        while watching.try_join_next().is_some() {}
        watched.retain(|name, handle| {
            let is_wanted = wanted.contains(name);
            if !is_wanted {
                handle.abort();
            }
            is_wanted
        });
        for (feed, mirror) in wanted {
            watched.entry((feed, mirror.clone())).or_insert_with(|| {
                let name = keys.iter().find(|key| key.feed == feed).cloned();
                let watch = Watch {
                    node: node.clone(),
                    key: name,
                    feed,
                    mirror,
                    events: events.clone(),
                    stop: stop.clone(),
                    told: String::new(),
                };
                watching.spawn(watch.run())
            });
        }
        let next = sign_again(&node, &keys, &events, &stop, &mut told).await;
        tokio::select! {
            () = tokio::time::sleep(next.min(PAUSE)) => {}
            changed = changes.changed() => if changed.is_err() { return },
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    // A watch holds nothing that is not on the disk.
    watching.shutdown().await;
}

/// Signs anew what is a day old. Gives the time until the next one is due.
async fn sign_again(
    node: &Arc<Node>,
    keys: &[KeyEntry],
    events: &mpsc::Sender<Event>,
    stop: &Stop,
    told: &mut BTreeSet<String>,
) -> Duration {
    let mut next = PAUSE;
    for key in keys {
        let aside = Aside::to(events, stop);
        let (opening, entry) = (node.clone(), key.clone());
        let signed = tokio::task::spawn_blocking(move || sign_if_old(&opening, &entry, &aside));
        let failure = match signed.await {
            Ok(Ok(wait)) => {
                next = next.min(wait);
                continue;
            }
            Ok(Err(failure)) => failure,
            Err(_) => continue,
        };
        let is_new = told.insert(failure.message.clone());
        if is_new && failure.code != Code::Interrupted {
            let Failure { message, hint, .. } = failure;
            tell(events, Event::Warning { message, hint }).await;
        }
    }
    next
}

fn sign_if_old(node: &Arc<Node>, key: &KeyEntry, aside: &Aside) -> Result<Duration, Failure> {
    let head = node.disk.head(&key.feed)?;
    let age = head.map(|head| clock::now_ms().saturating_sub(head.body().time));
    let wait = match age {
        Some(age) if age >= SIGN_AGAIN_MS => None,
        Some(age) => Some(Duration::from_millis(SIGN_AGAIN_MS - age)),
        None => Some(PAUSE),
    };
    if let Some(wait) = wait {
        return super::own::trouble(node, key)?.map_or(Ok(wait), Err);
    }
    let opened = Author::open(node, key, &key.name, Trust::Marked, aside);
    let mut author = match opened {
        Ok(author) => author,
        // That this feed is not signed was told when serving began.
        Err(failure) if failure.code == Code::WrongPassphrase => return Ok(PAUSE),
        Err(failure) => return Err(failure),
    };
    author.sign(node, &[], clock::now_ms())?;
    Ok(Duration::from_millis(SIGN_AGAIN_MS))
}

/// One look at a mirror of an own feed.
#[cfg(test)]
pub(super) async fn look_once(node: &Arc<Node>, key: KeyEntry, mirror: &str, aside: &Aside) {
    let (feed, remote) = (key.feed, node.client.remote(mirror));
    let mut watch = Watch {
        node: node.clone(),
        key: Some(key),
        feed,
        mirror: mirror.to_owned(),
        events: aside.events.clone(),
        stop: aside.stop.clone(),
        told: String::new(),
    };
    if let Ok(remote) = remote {
        watch.look(&remote, &mut None).await;
    }
}
