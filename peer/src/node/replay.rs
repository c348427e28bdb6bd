//! Makes an own feed in the store again from its author's file, without the key.
//!
//! The file is read twice: nothing is written before it is known to be one history, and the one that was signed here.

use super::Node;
use super::author::write_mark;
use super::words::short;
use crate::api::{Code, Failure};
use crate::io::author::{AuthorFile, Frame, Mark};
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::log::ReplayedLog;
use std::path::Path;

/// What an author's file holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Replayed {
    pub(super) records: u64,
    pub(super) blobs: u64,
}

/// Replays an author's file into the store. `known` are heads of this feed that were verified here: each must be one of the
/// file's, or of the list that the file goes on with.
pub(super) fn replay(
    node: &Node,
    feed: &FeedKey,
    path: &Path,
    known: &[Head],
) -> Result<Replayed, Failure> {
    read(node, feed, path, known, false)?;
    read(node, feed, path, known, true)
}

fn read(
    node: &Node,
    feed: &FeedKey,
    path: &Path,
    known: &[Head],
    is_final: bool,
) -> Result<Replayed, Failure> {
    let mut replayed = Replayed::default();
    let mut log = ReplayedLog::new(*feed);
    let mut last: Option<(Head, Mark)> = None;
    let mut met = vec![false; known.len()];
    let mut failed = None;
    AuthorFile::open(path, feed, None, &mut |frame| {
        if failed.is_some() {
            return;
        }
        let result = match frame {
            Frame::Record(bytes) => log
                .replay(bytes.to_vec())
                .map_err(|error| Failure::new(Code::Failed, error.to_string())),
            Frame::Link(link) => log
                .replay_link(link)
                .map_err(|error| Failure::new(Code::Failed, error.to_string())),
            Frame::Blob(bytes) => {
                replayed.blobs += 1;
                if is_final {
                    node.disk
                        .put_small([(Hash::of(bytes), bytes)])
                        .map_err(Failure::from)
                } else {
                    Ok(())
                }
            }
            Frame::Head(head, mark) => match log.replay_head(&head) {
                None => Err(wrong(feed, "holds a head that is not of its records")),
                Some(batch) => {
                    let body = head.body();
                    for (known, met) in known.iter().zip(&mut met) {
                        let known = known.body();
                        *met |= (known.length, known.root) == (body.length, body.root);
                    }
                    last = Some((head, mark));
                    if is_final {
                        node.commit_own(&batch).map_err(Failure::from)
                    } else {
                        Ok(())
                    }
                }
            },
        };
        failed = result.err();
    })?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    replayed.records = log.length();
    if met.contains(&false) {
        let longest = known.iter().map(|head| head.body().length).max();
        let what = if longest.is_some_and(|longest| longest > log.length()) {
            "is older than what was signed here"
        } else {
            "tells another history than the one that was signed here"
        };
        return Err(wrong(feed, what));
    }
    if let Some((head, mark)) = last.filter(|_| is_final) {
        node.remember_head(Some(&head))?;
        write_mark(node, feed, mark)?;
    }
    Ok(replayed)
}

fn wrong(feed: &FeedKey, what: &str) -> Failure {
    Failure::new(
        Code::NotVerified,
        format!("feed {}: the author's file {what}", short(feed)),
    )
    .hint("put the newest copy of the file back beside the key")
}
