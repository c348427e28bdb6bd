//! Getting a file of an item: from here, or from peers, whole or a range.

use super::media::{MediaFetch, WantedBlob, is_small};
use super::output::{export, interrupted, place, send_range, write_range};
use super::records::SyncError;
use super::room::Purpose;
use super::{Node, Stop};
use crate::api::{Answer, Code, Event, Failure, Written};
use levada_feed::key::FeedKey;
use levada_feed::record::{self, Body, File, Item, Role};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What to get, and where to.
pub(super) struct Get<'a> {
    pub(super) target: &'a str,
    pub(super) file: Option<&'a str>,
    pub(super) range: Option<(u64, Option<u64>)>,
    pub(super) output: Option<&'a Path>,
}

/// Gets a file.
pub(super) async fn get(
    node: &Arc<Node>,
    args: Get<'_>,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let (feed, index) = node.find_target(args.target)?;
    let index = index.ok_or_else(|| which_item(args.target))?;
    let item = item(node, &feed, index)?;
    let file = choose(&item, args.file)?;
    let range = range_of(args.range, file.size)?;
    let name = file.name.clone().unwrap_or_else(|| item.title.clone());
    let output = args
        .output
        .map(|output| place(output, &name, &file.hash))
        .transpose()?;
    // Until it is written, nothing takes its place.
    let _held = node.hold(file.hash);
    node.change_pins(|pins| pins.want_again(&feed, Some(index)))?;
    let wanted = Fetch {
        feed,
        file,
        name: &name,
        range: range.clone(),
        purpose: Purpose::Get,
        target: args.target,
    };
    let open = wanted.run(node, &events, stop.clone()).await?;
    let (reading, hash) = (node.clone(), file.hash);
    let is_whole = range == (0..file.size);
    let to = output.clone();
    let sent = tokio::task::spawn_blocking(move || match to {
        Some(path) if is_whole => export(&reading, &hash, &path, &stop),
        Some(path) => write_range(&reading, &hash, range, &path, &stop),
        None => send_range(&reading, &hash, range, &events, &stop),
    });
    let size = sent.await.map_err(|_| interrupted())??;
    drop(open);
    Ok(Answer::Written(Written {
        feed,
        index: Some(index),
        hash: Some(hash),
        size,
        output,
    }))
}

/// A feed was named where an item is wanted.
pub(super) fn which_item(target: &str) -> Failure {
    Failure::new(Code::Usage, format!("{target}: which item?"))
        .hint("say FEED/INDEX, as `levada ls` shows it")
}

/// The newest state of an item.
pub(super) fn item(node: &Node, feed: &FeedKey, index: u64) -> Result<Item, Failure> {
    let name = super::words::short(feed);
    let row = node.disk.row(feed, index)?;
    let newest = match row {
        Some((_, row)) if row.retracted_by.is_some() => {
            return Err(Failure::new(
                Code::NotFound,
                format!("feed {name}: item {index} was retracted by its author"),
            ));
        }
        Some((_, row)) => row.newest,
        None => index,
    };
    let bytes = node.disk.record(feed, newest)?;
    let Some(bytes) = bytes else {
        return Err(Failure::new(
            Code::NotFound,
            format!("feed {name}: record {index} is not here"),
        )
        .hint(
            "`levada sync` fetches what the source keeps; follow with --keep all for everything",
        ));
    };
    match record::read(&bytes, newest) {
        Ok(record::Record {
            body: Body::Item(item),
            ..
        }) => Ok(*item),
        Ok(_) => Err(Failure::new(
            Code::NotFound,
            format!("feed {name}: record {index} is no item and has no files"),
        )),
        Err(why) => Err(Failure::new(
            Code::NotFound,
            format!("feed {name}: record {index} cannot be read: {why}"),
        )),
    }
}

/// One file of an item: by hash, name or role; the main one by default.
pub(super) fn choose<'a>(item: &'a Item, wanted: Option<&str>) -> Result<&'a File, Failure> {
    let is_role = |file: &File, role: &str| {
        serde_json::to_value(&file.role).is_ok_and(|value| value.as_str() == Some(role))
    };
    let found = match wanted {
        None => item
            .files
            .iter()
            .find(|file| file.role == Role::Main)
            .or(item.files.first()),
        // A name may look like the hash of another file.
        Some(wanted) => {
            let is_hash = |file: &&File| file.hash.to_string() == wanted;
            let is_name = |file: &&File| file.name.as_deref() == Some(wanted);
            let files = || item.files.iter();
            files()
                .find(is_hash)
                .or_else(|| files().find(|file| is_name(file) || is_role(file, wanted)))
        }
    };
    found.ok_or_else(|| match wanted {
        None => Failure::new(Code::NotFound, "this item has no files"),
        Some(wanted) => Failure::new(
            Code::NotFound,
            format!("{wanted}: this item has no such file"),
        )
        .hint(format!(
            "it has: {}",
            item.files
                .iter()
                .filter_map(|file| file.name.clone())
                .collect::<Vec<_>>()
                .join(", ")
        )),
    })
}

fn range_of(asked: Option<(u64, Option<u64>)>, size: u64) -> Result<Range<u64>, Failure> {
    match asked {
        None => Ok(0..size),
        Some((first, last)) => {
            let end = last.map_or(size, |last| last.saturating_add(1)).min(size);
            if first < end {
                return Ok(first..end);
            }
            Err(Failure::new(
                Code::Usage,
                format!("the range begins past the end: the file has {size} bytes"),
            ))
        }
    }
}

/// A file that is to be here.
pub(super) struct Fetch<'a> {
    pub(super) feed: FeedKey,
    pub(super) file: &'a File,
    /// What people call it.
    pub(super) name: &'a str,
    pub(super) range: Range<u64>,
    pub(super) purpose: Purpose,
    /// FEED/INDEX as the person said it.
    pub(super) target: &'a str,
}

impl Fetch<'_> {
    /// Brings the bytes here if they are not. What it gives, if anything, keeps the blob open for who reads it next.
    pub(super) async fn run(
        self,
        node: &Arc<Node>,
        events: &mpsc::Sender<Event>,
        stop: Stop,
    ) -> Result<Option<Arc<MediaFetch>>, Failure> {
        let Self {
            feed,
            file,
            name,
            range,
            purpose,
            target,
        } = self;
        let (reading, hash, wanted) = (node.clone(), file.hash, range.clone());
        let is_here = super::records::blocking(move || {
            let reader = reading.blobs.open_blob(&hash)?;
            Ok(reader.is_some_and(|reader| reader.holds(&wanted)))
        });
        if is_here.await.map_err(|error| of_sync(&error))? {
            return Ok(None);
        }
        let source = node.source_of(&feed);
        let via = source.map_or_else(|| node.mirrors(&feed), |source| node.peers_of(&source));
        let remotes: Vec<_> = via.iter().filter_map(|via| node.remote(via).ok()).collect();
        let not_here = || {
            Failure::new(
            Code::NotFound,
            format!("{name}: not here, and nobody who was asked has it"),
        )
        .hint(
            "try again when a peer that has it is there, or add one: levada follow LINK --via URL",
        )
        };
        if remotes.is_empty() {
            return Err(not_here());
        }
        let blob = WantedBlob {
            hash: file.hash,
            size: file.size,
            name: name.to_owned(),
            date: 0,
        };
        let of = name.to_owned();
        let fetch = MediaFetch::new(node, remotes, of, purpose, events.clone(), stop);
        fetch.expect(1, range.end - range.start);
        let came = if is_small(file.size) {
            fetch
                .small(vec![blob])
                .await
                .and_then(|lost| match lost.no_room.first() {
                    Some(no_room) => Err(SyncError::NoRoom(*no_room)),
                    None => Ok(lost.missing.is_empty()),
                })
        } else {
            fetch.large(&blob, Some(range)).await
        };
        match came {
            Ok(true) => Ok(Some(fetch)),
            Ok(false) => Err(not_here()),
            Err(SyncError::NoRoom(no_room)) => {
                let message = format!("{name}: {}", no_room.words());
                Err(Failure::new(Code::OverQuota, message).hint(no_room.hint(target)))
            }
            Err(error) => Err(of_sync(&error)),
        }
    }
}

fn of_sync(error: &SyncError) -> Failure {
    match error {
        SyncError::Interrupted => interrupted(),
        SyncError::Store(error) => super::words::store_failure(error),
        SyncError::WrongSize { .. } => Failure::new(Code::NotVerified, error.to_string()),
        SyncError::Ask(crate::io::client::AskError::Rejected { .. }) => {
            Failure::new(Code::NotVerified, error.to_string())
                .hint("nothing wrong was kept; try another peer with --via")
        }
        other => Failure::new(Code::NotFound, other.to_string())
            .hint("is it running there? the same command goes on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_first_and_last_byte_as_in_http() {
        assert_eq!(range_of(Some((0, Some(0))), 10), Ok(0..1));
        assert_eq!(range_of(Some((5, None)), 10), Ok(5..10));
        assert_eq!(range_of(Some((5, Some(99))), 10), Ok(5..10));
        assert_eq!(range_of(None, 0), Ok(0..0));
        assert!(range_of(Some((10, None)), 10).is_err());
    }
}
