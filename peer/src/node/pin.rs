//! Pins: what a person wants to keep, whatever its source, the quota or its author say. And what becomes of a pin that ends.
//!
//! The file of pins is the truth, whoever wrote it; what it asks for is carried out in `applied`.

mod applied;

use super::get::{Fetch, item};
use super::media::WantedBlob;
use super::room::Purpose;
use super::sync::{Look, sync_source};
use super::words::short;
use super::{Node, Stop};
use crate::api::{Answer, Code, Event, Failure, Kept, KeptAs};
use crate::io::blobs::Held;
use crate::io::clock;
use crate::pins::Pins;
use crate::query;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::record::{self, Body, Item};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;

pub(in crate::node) use applied::Claims;

/// Records looked at together.
const PAGE_RECORDS: u64 = 1_000;
/// Told blobs that a page of records names, and where the next page begins.
type Visit<'a> = &'a mut dyn FnMut(&BTreeSet<Hash>, u64) -> Result<(), StoreError>;

/// Other records looked at that may keep a blob.
const OTHERS_MAX: usize = 4_096;
/// Pins an item or a feed, and fetches what is missing of it.
pub(super) async fn pin(
    node: &Arc<Node>,
    target: &str,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let (feed, index) = node.find_target(target)?;
    if node.own_name(&feed).is_some() {
        return Err(Failure::new(
            Code::Usage,
            format!("{target}: what is your own is kept anyway"),
        ));
    }
    let Some(index) = index else {
        return pin_feed(node, &feed, events, stop).await;
    };
    let index = node.first_record(&feed, index)?;
    // A wrong target pins nothing.
    let item = item_even_retracted(node, &feed, index)?;
    let is_new = node.change_pins(|pins| pins.add(&feed, Some(index), clock::now_ms()))?;
    let hashes: Vec<Hash> = item.files.iter().map(|file| file.hash).collect();
    node.apply_pins_until(&stop).await?;
    let mut failed = None;
    for file in &item.files {
        let name = file.name.clone().unwrap_or_else(|| item.title.clone());
        let fetch = Fetch {
            feed,
            file,
            name: &name,
            range: 0..file.size,
            purpose: Purpose::Pin,
            target,
        };
        if let Err(failure) = fetch.run(node, &events, stop.clone()).await {
            failed.get_or_insert(failure);
        }
    }
    if let Some(failure) = failed {
        let hint = "it is pinned; `levada sync` tries again to fetch what is missing";
        let hint = match failure.code {
            Code::NotFound => hint.to_owned(),
            _ => failure.hint.unwrap_or_else(|| hint.to_owned()),
        };
        return Err(Failure {
            hint: Some(hint),
            ..failure
        });
    }
    let (files, bytes, files_left) = node.taken(&hashes)?;
    Ok(Answer::Kept(Kept {
        feed,
        nickname: node.nickname(&feed),
        index: Some(index),
        what: KeptAs::Pinned,
        is_new,
        files,
        bytes,
        files_left,
    }))
}

async fn pin_feed(
    node: &Arc<Node>,
    feed: &FeedKey,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let is_new = node.change_pins(|pins| pins.add(feed, None, clock::now_ms()))?;
    node.apply_pins_until(&stop).await?;
    let mut files_left = 0;
    if let Some(source) = node.source_of(feed) {
        let synced = sync_source(node, &source, Look::All, events.clone(), stop.clone()).await?;
        files_left = synced.files_wanted - synced.files;
        super::tell(&events, Event::Synced(synced)).await;
    }
    let (counting, of) = (node.clone(), *feed);
    let count = super::records::blocking(move || counting.taken_by(&of, None, &stop));
    let counted = count.await;
    let (files, bytes) = counted.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    Ok(Answer::Kept(Kept {
        feed: *feed,
        nickname: node.nickname(feed),
        index: None,
        what: KeptAs::Pinned,
        is_new,
        files,
        bytes,
        files_left,
    }))
}

/// The newest state of an item; a retracted one can be pinned as long as it is here.
fn item_even_retracted(node: &Node, feed: &FeedKey, index: u64) -> Result<Item, Failure> {
    let retracted = |row: crate::store::Row| row.retracted_by.map(|_| row.newest);
    let row = node.disk.row(feed, index)?.map(|(_, row)| row);
    let Some(newest) = row.and_then(retracted) else {
        return item(node, feed, index);
    };
    let bytes = node.disk.record(feed, newest)?;
    let read = bytes.and_then(|bytes| record::read(&bytes, newest).ok());
    match read.map(|record| record.body) {
        Some(Body::Item(item)) => Ok(*item),
        _ => Err(Failure::new(
            Code::NotFound,
            format!(
                "feed {}: item {index} was retracted, and its bytes are not here",
                short(feed)
            ),
        )),
    }
}

/// Ends a pin.
pub(super) fn unpin(node: &Node, target: &str, stop: &Stop) -> Result<Answer, Failure> {
    let (feed, index) = node.find_target(target)?;
    let index = match index {
        Some(index) => Some(node.first_record(&feed, index)?),
        None => None,
    };
    if !node.change_pins(|pins| pins.remove(&feed, index))? {
        let failure = Failure::new(Code::NotFound, format!("{target}: it is not pinned"));
        let is_by_feed = index.is_some() && node.pins()?.has_feed(&feed);
        return Err(if is_by_feed {
            failure.hint("all of its feed is; `levada unpin FEED` ends that")
        } else {
            failure
        });
    }
    // The person said so: what was retracted long ago goes with the next sweep.
    node.put_due(&node.claims(), &feed, 0)?;
    node.apply_pins(&|| *stop.borrow())?;
    let (files, bytes) = node.taken_by(&feed, index, stop)?;
    Ok(Answer::Kept(Kept {
        feed,
        nickname: node.nickname(&feed),
        index,
        what: KeptAs::Unpinned,
        is_new: true,
        files,
        bytes,
        files_left: 0,
    }))
}

/// What is missing of the items of a feed that are pinned by themselves, and what of them is here.
pub(super) fn pinned(
    node: &Node,
    pins: &Pins,
    feed: &FeedKey,
) -> Result<(Vec<WantedBlob>, Vec<Hash>), StoreError> {
    let (mut missing, mut here) = (Vec::new(), Vec::new());
    // Two items may name one file.
    let mut seen = BTreeSet::new();
    for index in pins.items(feed) {
        let Ok(item) = item(node, feed, index) else {
            // Its record is not here, or was taken back: what is here of it stays.
            continue;
        };
        for file in item.files {
            if !seen.insert(file.hash) {
                continue;
            }
            let state = node.blobs.state(&file.hash)?;
            if state.is_some_and(|state| matches!(state.held, Held::Complete)) {
                here.push(file.hash);
            } else if node.blobs.away(&file.hash)?.is_none() {
                missing.push(WantedBlob {
                    hash: file.hash,
                    size: file.size,
                    name: file.name.unwrap_or_else(|| item.title.clone()),
                    date: 0,
                });
            }
        }
    }
    Ok((missing, here))
}

impl Node {
    /// The first record of what a record belongs to: itself, or what it edits.
    pub(super) fn first_record(&self, feed: &FeedKey, index: u64) -> Result<u64, StoreError> {
        let bytes = self.disk.record(feed, index)?;
        let read = bytes.and_then(|bytes| record::read(&bytes, index).ok());
        Ok(match read.map(|record| record.body) {
            Some(Body::Item(item)) => item.edits.map_or(index, |first| first.index),
            _ => index,
        })
    }

    /// The blobs of all states of an item that are here.
    pub(super) fn blobs_of(
        &self,
        feed: &FeedKey,
        index: u64,
    ) -> Result<BTreeSet<Hash>, StoreError> {
        let mut blobs = BTreeSet::new();
        let Some(link) = self.disk.link(feed, index)? else {
            return Ok(blobs);
        };
        for at in self.states(feed, index, link)? {
            if let Some(bytes) = self.disk.record(feed, at)? {
                blobs.extend(query::changes(&bytes, at).1);
            }
        }
        Ok(blobs)
    }

    /// Blobs that the records of a feed name, page by page.
    pub(super) fn each_named(
        &self,
        feed: &FeedKey,
        is_stopped: &dyn Fn() -> bool,
        visit: &mut dyn FnMut(&BTreeSet<Hash>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut visit = |named: &BTreeSet<Hash>, _| visit(named);
        self.each_named_from(feed, 0, is_stopped, &mut visit)
    }

    /// The same from a record on; `visit` is told where the next page begins.
    fn each_named_from(
        &self,
        feed: &FeedKey,
        mut start: u64,
        is_stopped: &dyn Fn() -> bool,
        visit: Visit<'_>,
    ) -> Result<(), StoreError> {
        let end = self.disk.head(feed)?.map_or(0, |head| head.body().length);
        while start < end && !is_stopped() {
            let page = start..end.min(start + PAGE_RECORDS);
            start = page.end;
            let mut named = BTreeSet::new();
            self.disk.records(feed, page, &mut |index, bytes| {
                named.extend(query::changes(bytes, index).1);
                true
            })?;
            visit(&named, start)?;
        }
        Ok(())
    }

    /// Files of an item or a feed that are here, and bytes that they take.
    fn taken_by(
        &self,
        feed: &FeedKey,
        index: Option<u64>,
        stop: &Stop,
    ) -> Result<(u64, u64), StoreError> {
        let (mut files, mut bytes) = (0, 0);
        let mut count = |hashes: &BTreeSet<Hash>| {
            let hashes: Vec<Hash> = hashes.iter().copied().collect();
            let (here, taken, _) = self.taken(&hashes)?;
            files += here;
            bytes += taken;
            Ok(())
        };
        match index {
            Some(index) => count(&self.blobs_of(feed, index)?)?,
            None => self.each_named(feed, &|| *stop.borrow(), &mut count)?,
        }
        Ok((files, bytes))
    }

    /// Of some blobs: how many are here, bytes that they take, how many are not.
    fn taken(&self, hashes: &[Hash]) -> Result<(u64, u64, u64), StoreError> {
        let (mut files, mut bytes, mut left) = (0, 0, 0);
        for hash in hashes {
            match self.bytes_here(hash)? {
                Some(taken) => {
                    files += 1;
                    bytes += taken;
                }
                None => left += 1,
            }
        }
        Ok((files, bytes, left))
    }

    /// The records that name a blob, some at most.
    pub(super) fn named_by(&self, hash: &Hash) -> Result<Vec<(FeedKey, u64)>, StoreError> {
        let mut records = Vec::new();
        self.disk.named_by(hash, &mut |feed, index| {
            records.push((feed, index));
            records.len() < OTHERS_MAX
        })?;
        Ok(records)
    }
}
