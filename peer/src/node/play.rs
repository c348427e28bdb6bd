//! Playing: where a player of this machine finds a file, and the bytes as it asks for them, fetched while it plays.

use super::get::{self, Fetch};
use super::output::{interrupted, send_range};
use super::room::Purpose;
use super::{Node, Stop};
use crate::api::{Answer, Code, Event, Failure, Playing};
use crate::io::local::{Found, Library, Title};
use levada_feed::record::File;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes that are fetched before the first of them is played; then twice as many each time.
const FIRST_BYTES: u64 = 64 << 10;
/// Bytes fetched at a time at most: so many come in vain when a player goes elsewhere.
const WINDOW_BYTES_MAX: u64 = 4 << 20;

/// The address at which a player of this machine finds a file of an item, as long as this node serves.
pub(super) fn play(node: &Node, target: &str, file: Option<&str>) -> Result<Answer, Failure> {
    let Some(player) = node.player_at.get() else {
        return Err(
            Failure::new(Code::Failed, "no `levada serve` runs here to play from")
                .hint("start `levada serve`, then run the same command again"),
        );
    };
    let (feed, index) = node.find_target(target)?;
    let index = index.ok_or_else(|| get::which_item(target))?;
    let item = get::item(node, &feed, index)?;
    let file = get::choose(&item, file)?;
    node.change_pins(|pins| pins.want_again(&feed, Some(index)))?;
    let title = Title {
        feed,
        index,
        hash: file.hash,
    };
    let name = file.name.as_deref().unwrap_or(&item.title);
    let address = title.address(&node.token, name).ok_or_else(|| {
        Failure::new(
            Code::Failed,
            "there is no token, which addresses are made from",
        )
        .hint("`levada token` says what is wrong with it; then start `levada serve` anew")
    })?;
    Ok(Answer::Playing(Playing {
        feed,
        index,
        hash: file.hash,
        size: file.size,
        media_type: file.media_type.clone(),
        url: format!("http://{player}{address}"),
    }))
}

/// What players are given.
pub(super) fn library(node: &Arc<Node>) -> Arc<Library> {
    let (finding, reading) = (node.clone(), node.clone());
    Arc::new(Library {
        find: Box::new(move |title| {
            let node = finding.clone();
            Box::pin(async move {
                let file = find(&node, title).await?.0;
                Ok(Found {
                    size: file.size,
                    media_type: file.media_type,
                })
            })
        }),
        read: Box::new(move |title, range, events, stop| {
            Box::pin(read(reading.clone(), title, range, events, stop))
        }),
    })
}

/// The file, and what people call it.
async fn find(node: &Arc<Node>, title: Title) -> Result<(File, String), Failure> {
    let node = node.clone();
    let found = tokio::task::spawn_blocking(move || {
        let item = get::item(&node, &title.feed, title.index)?;
        let file = get::choose(&item, Some(&title.hash.to_string()))?.clone();
        let name = file.name.clone().unwrap_or(item.title);
        Ok((file, name))
    });
    found.await.map_err(|_| interrupted())?
}

/// Sends a range, a window after the other: what is not here is fetched just before it is played.
async fn read(
    node: Arc<Node>,
    title: Title,
    range: Range<u64>,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    let (file, name) = find(&node, title).await?;
    // Nothing takes its place while it is played.
    let _held = node.hold(file.hash);
    let target = format!("{}/{}", node.nickname(&title.feed), title.index);
    let mut from = range.start;
    let (mut step, mut open) = (FIRST_BYTES, None);
    while from < range.end {
        let window = from..range.end.min(from.saturating_add(step));
        let fetch = Fetch {
            feed: title.feed,
            file: &file,
            name: &name,
            range: window.clone(),
            purpose: Purpose::Get,
            target: &target,
        };
        // A player that goes elsewhere stops it, and what it did not use of its room is given back.
        let came = fetch.run(&node, &events, stop.clone()).await?;
        open = came.or(open);
        let (reading, sending, stop) = (node.clone(), events.clone(), stop.clone());
        let part = window.clone();
        let sent = tokio::task::spawn_blocking(move || {
            send_range(&reading, &file.hash, part, &sending, &stop)
        });
        sent.await.map_err(|_| interrupted())??;
        from = window.end;
        step = step.saturating_mul(2).min(WINDOW_BYTES_MAX);
    }
    drop(open);
    Ok(())
}
