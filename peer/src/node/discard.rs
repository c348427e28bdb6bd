//! Dropping what is held of an item or a feed, at its user's word. It is not fetched again until asked for: `pins.toml` says
//! so. The original of a file that was published in place is never touched.

use super::words::short;
use super::{Node, Stop};
use crate::api::{Answer, Code, Failure, Kept, KeptAs};
use crate::keep::Class;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use std::collections::BTreeSet;

/// Drops the media of an item or a feed.
pub(super) fn discard(
    node: &Node,
    target: &str,
    is_sure: bool,
    stop: &Stop,
) -> Result<Answer, Failure> {
    let (feed, index) = node.find_target(target)?;
    match index {
        Some(index) => {
            let index = node.first_record(&feed, index)?;
            discard_item(node, target, &feed, index, is_sure)
        }
        None => discard_feed(node, target, &feed, is_sure, stop),
    }
}

fn unsure(target: &str, what: &str) -> Failure {
    Failure::new(Code::Usage, format!("{target}: {what}"))
        .hint(format!("if that is meant: levada drop {target} --yes"))
}

fn refuse_pinned(target: &str) -> Failure {
    Failure::new(Code::Denied, format!("{target}: it is pinned"))
        .hint("`levada unpin` first, then the same command again")
}

fn discard_item(
    node: &Node,
    target: &str,
    feed: &FeedKey,
    index: u64,
    is_sure: bool,
) -> Result<Answer, Failure> {
    let row = node.disk.row(feed, index)?.map(|(_, row)| row);
    let Some(row) = row else {
        return Err(Failure::new(
            Code::NotFound,
            format!("feed {}: item {index} is not here", short(feed)),
        ));
    };
    let is_own = node.own_name(feed).is_some();
    let is_retracted = row.retracted_by.is_some();
    if is_own && !is_retracted {
        return Err(Failure::new(
            Code::Denied,
            format!("{target}: what is your own is not dropped while it is published"),
        )
        .hint("`levada retract` takes it back; after that it can be dropped"));
    }
    if node.pins()?.has(feed, index) {
        return Err(refuse_pinned(target));
    }
    if is_retracted && !is_sure {
        return Err(unsure(
            target,
            "its author took it back, so nobody may give it again",
        ));
    }
    let blobs = node.blobs_of(feed, index)?;
    if is_retracted && !is_own {
        let link = node.disk.link(feed, index)?;
        let link = link.ok_or_else(|| {
            Failure::new(
                Code::NotFound,
                format!("feed {}: record {index} is not proven yet", short(feed)),
            )
        })?;
        node.disk
            .drop_retracted(feed, &node.states(feed, index, link)?)?;
    } else if !is_own {
        // First that it is not wanted: what a crash leaves is dropped by the same command.
        node.change_pins(|pins| pins.drop_item(feed, index))?;
    }
    let is_other =
        |other: &FeedKey, at: u64| Ok(other != feed || node.first_record(other, at)? != index);
    let mut dropped = Dropped::default();
    for hash in &blobs {
        dropped.add(node, hash, &is_other)?;
    }
    node.disk.unspare(feed, index, None)?;
    Ok(dropped.answer(node, feed, Some(index)))
}

fn discard_feed(
    node: &Node,
    target: &str,
    feed: &FeedKey,
    is_sure: bool,
    stop: &Stop,
) -> Result<Answer, Failure> {
    if node.own_name(feed).is_some() {
        return Err(Failure::new(
            Code::Denied,
            format!("{target}: your own feed is not dropped"),
        )
        .hint("`levada retract FEED/INDEX` takes an item back"));
    }
    if node.pins()?.has_feed(feed) {
        return Err(refuse_pinned(target));
    }
    if !is_sure {
        return Err(unsure(target, "this drops all media that are held of it"));
    }
    let length = node.disk.head(feed)?.map_or(0, |head| head.body().length);
    node.change_pins(|pins| pins.drop_feed(feed, length))?;
    let mut dropped = Dropped::default();
    let is_other = |other: &FeedKey, _: u64| Ok(other != feed);
    node.each_named(feed, &|| *stop.borrow(), &mut |hashes: &BTreeSet<Hash>| {
        hashes
            .iter()
            .try_for_each(|hash| dropped.add(node, hash, &is_other))
    })?;
    if *stop.borrow() {
        return Err(
            Failure::new(Code::Interrupted, format!("{target}: interrupted"))
                .hint("the same command goes on"),
        );
    }
    Ok(dropped.answer(node, feed, None))
}

#[derive(Default)]
struct Dropped {
    files: u64,
    bytes: u64,
    stay: u64,
}

impl Dropped {
    /// Drops one blob, unless it is pinned, one's own, in use, or named by a record that is not dropped with it.
    fn add(
        &mut self,
        node: &Node,
        hash: &Hash,
        is_other: &dyn Fn(&FeedKey, u64) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let here = node.bytes_here(hash)?;
        let is_kept = here.is_some() || node.blobs.away(hash)?.is_some();
        // Of what a crash left half dropped only the ledger knows.
        let is_missed = node.damaged.note(hash)?.is_some();
        if !is_kept && !is_missed && node.disk.entry(hash)?.is_none() {
            return Ok(());
        }
        let mut is_needed = false;
        for (feed, at) in node.named_by(hash)? {
            is_needed = is_needed || is_other(&feed, at)?;
        }
        let entry = node.disk.entry(hash)?;
        let is_pinned = entry.is_some_and(|entry| entry.class == Class::Pinned);
        if is_needed || is_pinned || !node.drop_unless_busy(hash)? {
            self.stay += 1;
            return Ok(());
        }
        self.files += u64::from(is_kept);
        // What lies on a disk that is away frees nothing yet.
        self.bytes += here.unwrap_or(0);
        Ok(())
    }

    fn answer(self, node: &Node, feed: &FeedKey, index: Option<u64>) -> Answer {
        Answer::Kept(Kept {
            feed: *feed,
            nickname: node.nickname(feed),
            index,
            what: KeptAs::Dropped,
            is_new: true,
            files: self.files,
            bytes: self.bytes,
            files_left: self.stay,
        })
    }
}
