//! Replaying an author's file into the log and the store, from where the store had followed it.
//!
//! The file is the truth: what it holds and the store lacks is committed, and a head that is known without the file has to
//! be one of its list.

use super::open::{Read, fresh, known, note_name};
use super::refusal;
use crate::api::{Code, Failure};
use crate::io::author::{AuthorError, AuthorFile, Frame, Mark};
use crate::node::Node;
use crate::node::words::short;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::AuthorLog;
use std::path::Path;
use std::sync::Arc;

/// Why the file was not replayed.
pub(super) enum ReplayError {
    File(AuthorError),
    Other(Failure),
}

impl From<AuthorError> for ReplayError {
    fn from(error: AuthorError) -> Self {
        Self::File(error)
    }
}

impl From<Failure> for ReplayError {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

/// Replays what the store lacks of the author's file.
pub(super) fn replay(
    node: &Arc<Node>,
    secret: &FeedSecret,
    path: &Path,
) -> Result<Read, ReplayError> {
    let feed = &secret.feed_key();
    let stored = node.disk.head(feed)?;
    let signed = known(node, feed)?.into_iter();
    let mark = match &stored {
        Some(head) => usable_mark(node, path, head)?,
        None => None,
    };
    let opened = match (&mark, &stored) {
        (Some(_), Some(head)) => AuthorLog::open(fresh(secret), head, &node.disk.pieces(feed))?,
        _ => None,
    };
    let from = mark.filter(|_| opened.is_some());
    let stored = stored.as_deref().cloned();
    let mut replay = Replay {
        node,
        signed: signed
            .map(|head| (head.body().length, head.body().root))
            .collect(),
        log: opened.unwrap_or_else(|| AuthorLog::new(fresh(secret))),
        head: stored.clone().filter(|_| from.is_some()),
        stored,
        last: None,
    };
    let mut failed = None;
    let file = AuthorFile::open(path, feed, from, &mut |frame| {
        if failed.is_none() {
            failed = replay.frame(frame).err();
        }
    })?;
    if let Some(failure) = failed {
        return Err(failure.into());
    }
    if let (Some(head), Some(mark)) = (&replay.head, replay.last) {
        node.remember_head(Some(head))?;
        write_mark(node, feed, mark)?;
    }
    Ok(Read {
        opened: Some((replay.log, file)),
        head: replay.head,
        is_damaged: false,
    })
}

/// How far the store has followed the author's file, if the store's head ends there.
fn usable_mark(node: &Node, path: &Path, stored: &Head) -> Result<Option<Mark>, Failure> {
    let body = stored.body();
    let mark = read_mark(node, &body.feed)?.filter(|mark| mark.length == body.length);
    let Some(mark) = mark else {
        return Ok(None);
    };
    // A file that was put back from a backup has its heads elsewhere, and one of another history has other heads there: then
    // all of it is replayed.
    let found = AuthorFile::head_at(path, &body.feed, mark)?;
    let is_it = |head: Head| head.body().root == body.root;
    Ok(found.is_some_and(is_it).then_some(mark))
}

/// Brings log and store up to the author's file, and finds out whether it is the same history.
struct Replay<'a> {
    node: &'a Arc<Node>,
    log: AuthorLog,
    /// Length and root of each head that is known without the file: none of them may be of another history than the file, or
    /// the store would get parts of both.
    signed: Vec<(u64, Hash)>,
    /// The store's head.
    stored: Option<Head>,
    /// The newest head of the file so far.
    head: Option<Head>,
    /// Where the newest head ends that was written to the store.
    last: Option<Mark>,
}

impl Replay<'_> {
    fn frame(&mut self, frame: Frame<'_>) -> Result<(), Failure> {
        let replayed = match frame {
            Frame::Record(bytes) => self.log.replay(bytes.to_vec()),
            Frame::Link(link) => self.log.replay_link(link),
            Frame::Blob(bytes) => {
                return Ok(self.node.disk.put_small([(Hash::of(bytes), bytes)])?);
            }
            Frame::Head(head, mark) => return self.head(head, mark),
        };
        replayed.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
        let length = self.log.length();
        let mut signed = self.signed.iter().filter(|(known, _)| *known == length);
        match signed.any(|(_, root)| *root != self.log.root()) {
            true => Err(refusal::other_history(&self.log.feed())),
            false => Ok(()),
        }
    }

    fn head(&mut self, head: Head, mark: Mark) -> Result<(), Failure> {
        let feed = self.log.feed();
        let Some(batch) = self.log.replay_head(&head) else {
            let message = format!(
                "feed {}: the author's file holds a head that is not of its records",
                short(&feed)
            );
            return Err(Failure::new(Code::Failed, message)
                .hint("put the right file back from a backup; nothing is signed until then"));
        };
        let order = |head: &Head| (head.body().length, head.body().time);
        let stored = self.stored.as_ref().map(order);
        if stored.is_none_or(|stored| stored < order(&head)) {
            self.node.commit_own(&batch)?;
        } else {
            // A crash may have come between the commit and what follows from it.
            self.node.own_blobs(&batch)?;
        }
        if stored.is_none_or(|stored| stored <= order(&head)) {
            self.last = Some(mark);
        }
        self.head = Some(head);
        Ok(())
    }
}

/// How far the store has followed the author's file.
pub(in crate::node) fn read_mark(node: &Node, feed: &FeedKey) -> Result<Option<Mark>, Failure> {
    let value = node.disk.note(&note_name(b"mark/", feed))?;
    Ok(value.and_then(|value| {
        let (offset, length) = value.split_at_checked(8)?;
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
        Some(Mark {
            offset: number(offset)?,
            length: number(length)?,
        })
    }))
}

pub(in crate::node) fn write_mark(node: &Node, feed: &FeedKey, mark: Mark) -> Result<(), Failure> {
    let value = [mark.offset.to_be_bytes(), mark.length.to_be_bytes()].concat();
    node.disk
        .put_notes([(note_name(b"mark/", feed), value)])
        .map_err(Failure::from)
}
