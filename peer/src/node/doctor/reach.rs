//! What may be wrong with what is followed: nobody answers, or nobody has what is missing, or the store lost it.
//!
//! Since when nobody answers and how much is missing is noted as sources are synced, so that it can be told by a command that
//! asks nobody. While the node serves, what its peers did since counts too.

use super::{finding, time_at};
use crate::api::{Failure, Finding};
use crate::io::clock;
use crate::io::disk::Disk;
use crate::node::Node;
use crate::node::rebuild::is_begun;
use crate::node::words::short;
use crate::sources::Source;
use crate::store::StoreError;
use levada_feed::key::FeedKey;

const MINUTE_MS: u64 = 60 * 1_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Time without an answer before it is told, when something is missing.
const SILENT_MS: u64 = MINUTE_MS;
/// The same when everything is here.
const UNREACHED_MS: u64 = 14 * DAY_MS;
/// Some files are missing, and nobody counted them.
const UNCOUNTED: u64 = u64::MAX;

/// Notes that a source answered.
pub(in crate::node) fn note_reached(disk: &Disk, feed: &FeedKey) -> Result<(), StoreError> {
    let now = clock::now_ms().to_be_bytes().to_vec();
    disk.put_notes([(name(b"reached/", feed), now)])?;
    disk.drop_note(&name(b"unreached/", feed))
}

/// Notes that nobody answered; the first time counts.
pub(in crate::node) fn note_unreached(disk: &Disk, feed: &FeedKey) -> Result<(), StoreError> {
    let name = name(b"unreached/", feed);
    if disk.note(&name)?.is_some() {
        return Ok(());
    }
    disk.put_notes([(name, clock::now_ms().to_be_bytes().to_vec())])
}

/// Notes how many files a source is to have and has not; `None`: some maybe, they are not counted yet.
pub(in crate::node) fn note_lacking(
    disk: &Disk,
    feed: &FeedKey,
    files: Option<u64>,
) -> Result<(), StoreError> {
    let name = name(b"lacking/", feed);
    if files == Some(0) {
        return disk.drop_note(&name);
    }
    let files = files.unwrap_or(UNCOUNTED).to_be_bytes().to_vec();
    disk.put_notes([(name, files)])
}

fn name(kind: &[u8], feed: &FeedKey) -> Vec<u8> {
    [kind, feed.as_bytes()].concat()
}

impl Node {
    /// Records of a feed in the store, and as many as there were before, when that is more: then the store was lost.
    pub(in crate::node) fn lost(&self, feed: &FeedKey) -> Result<Option<(u64, u64)>, StoreError> {
        let stored = self.disk.head(feed)?;
        let stored = stored.map_or(0, |head| head.body().length);
        let known = self.remembered(feed);
        let known = known.map_or(0, |head| head.body().length);
        Ok((known > stored).then_some((stored, known)))
    }
}

/// The store is younger than what was verified here before.
fn lost(node: &Node, source: &Source, found: &mut Vec<Finding>) -> Result<(), Failure> {
    let nickname = &source.nickname;
    if let Some((stored, known)) = node.lost(&source.feed)? {
        found.push(finding(
            "store-behind",
            format!("{nickname}: the store has {stored} of {known} records that were here before"),
            "what is missing is not listed, shown or served",
            "levada rebuild",
        ));
    }
    let lacking = node.lacking_before(&source.feed)?;
    // While a rebuild has not ended it is not known which these are.
    if lacking > 0 && !is_begun(node) {
        found.push(finding(
            "records-lacking",
            format!("{nickname}: {lacking} records that an older store had are not here"),
            "they could not be read or proven when the store was made again; what they name may be here, and nobody knows it",
            format!("levada sync {nickname}, and keep store.broken-DATE until then"),
        ));
    }
    Ok(())
}

/// Looks at one subscription.
pub(super) fn source(
    node: &Node,
    source: &Source,
    found: &mut Vec<Finding>,
) -> Result<(), Failure> {
    if node.own_name(&source.feed).is_some() {
        return Ok(());
    }
    lost(node, source, found)?;
    let nickname = &source.nickname;
    let disk = &node.disk;
    let reached = time_at(disk, &name(b"reached/", &source.feed))?;
    let unreached = time_at(disk, &name(b"unreached/", &source.feed))?;
    let lacking = time_at(disk, &name(b"lacking/", &source.feed))?;
    let peers = node.peers_of(source);
    let heard: Vec<_> = peers
        .iter()
        .filter_map(|peer| node.standing(peer))
        .collect();
    let answered = heard.iter().filter_map(|peer| peer.last_success).max();
    let answered = answered.max(reached);
    let all_fail = !peers.is_empty()
        && heard.len() == peers.len()
        && heard.iter().all(|peer| peer.failures > 0);
    let is_unreached = unreached.is_some_and(|since| answered.is_none_or(|at| at < since));
    let since = answered.or(unreached).unwrap_or(source.added);
    let silent = if since == 0 {
        0
    } else {
        clock::now_ms().saturating_sub(since)
    };
    let is_lacking = lacking.is_some() || disk.head(&source.feed)?.is_none();
    let missing = match lacking {
        Some(1) => "; 1 file of it is not here",
        Some(UNCOUNTED) => "; not all of its files are here",
        Some(files) => &format!("; {files} files of it are not here"),
        None if is_lacking => "; nothing of it is here",
        None => "",
    };
    let is_silent = (all_fail || is_unreached) && is_lacking && silent >= SILENT_MS;
    if is_silent || silent >= UNREACHED_MS {
        let silent = span(silent);
        found.push(finding(
            "not-reached",
            match answered {
                Some(_) => format!("{nickname}: nobody who has this feed answered for {silent}{missing}"),
                None => format!("{nickname}: nobody who has this feed answered since it was followed, {silent} ago{missing}"),
            },
            match is_lacking {
                true => "what is missing, and what is new of it, does not come",
                false => "what is new of it does not come",
            },
            format!(
                "is its author's node running? `levada sync {nickname}` asks again; somebody else who has it, or its new address: levada follow {} --via URL",
                short(&source.feed)
            ),
        ));
    } else if lacking.is_some_and(|files| files != UNCOUNTED) && !all_fail && !is_unreached {
        found.push(finding(
            "missing",
            format!("{nickname}{}", missing.replacen(';', ":", 1)),
            "who was asked last did not have them, or not whole",
            format!(
                "`levada sync {nickname}` asks again; somebody else who may have them: levada follow {} --via URL",
                short(&source.feed)
            ),
        ));
    }
    Ok(())
}

/// A time in words, in its largest unit.
fn span(ms: u64) -> String {
    let (count, unit) = match ms {
        0..MINUTE_MS => (ms / 1_000, "second"),
        MINUTE_MS..HOUR_MS => (ms / MINUTE_MS, "minute"),
        HOUR_MS..DAY_MS => (ms / HOUR_MS, "hour"),
        _ => (ms / DAY_MS, "day"),
    };
    match count {
        1 => format!("1 {unit}"),
        _ => format!("{count} {unit}s"),
    }
}
