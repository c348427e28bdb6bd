//! Opening an own feed for signing: whether it may be signed here, and its log and store brought up to the author's file.

use super::Trust;
use crate::api::{Code, Failure};
use crate::io::author::{AuthorFile, Frame, Mark};
use crate::node::Node;
use crate::node::words::short;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::AuthorLog;
use std::path::Path;
use std::sync::Arc;

/// Replays what the store lacks of the author's file, then gives both ready to append.
pub(super) fn open_log(
    node: &Arc<Node>,
    secret: FeedSecret,
    path: &Path,
    trust: Trust,
) -> Result<(AuthorLog, AuthorFile), Failure> {
    let feed = secret.feed_key();
    refuse_forked(node, &feed)?;
    let stored = node.disk.head(&feed)?;
    let known = [stored.as_deref().cloned(), node.remembered(&feed)];
    let signed = known
        .into_iter()
        .flatten()
        .max_by_key(|head| head.body().length);
    if !path.exists() {
        if signed.is_some() {
            return Err(gone(path));
        }
        // Whoever insists says that this copy is the newest; without the file there is no copy, and record 0 would be
        // written a second time.
        if trust != Trust::New {
            return Err(absent(&feed, path));
        }
        let file = AuthorFile::create(path, &feed)?;
        node.markers.put(&feed, path)?;
        return Ok((AuthorLog::new(secret), file));
    }
    if trust == Trust::Marked && !node.markers.is_live(&feed, path)? {
        return Err(copied(&feed));
    }
    let secret_bytes = zeroize::Zeroizing::new(secret.to_bytes());
    let fresh = || FeedSecret::from_bytes(&secret_bytes);
    let mark = match &stored {
        Some(head) => usable_mark(node, path, head)?,
        None => None,
    };
    let opened = match (&mark, &stored) {
        (Some(_), Some(head)) => AuthorLog::open(fresh(), head, &node.disk.pieces(&feed))?,
        _ => None,
    };
    let from = mark.filter(|_| opened.is_some());
    let mut replay = Replay {
        node,
        has_met: from.is_some() || signed.is_none(),
        signed: signed.map(|head| (head.body().length, head.body().root)),
        stored_length: stored.map_or(0, |head| head.body().length),
        log: opened.unwrap_or_else(|| AuthorLog::new(fresh())),
        last: None,
    };
    let mut failed = None;
    let file = AuthorFile::open(path, &feed, from, &mut |frame| {
        if failed.is_none() {
            failed = replay.frame(frame).err();
        }
    })?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    if !replay.has_met {
        return Err(Failure::new(
            Code::Failed,
            format!(
                "{}: the author's file is older than what was signed here",
                path.display()
            ),
        )
        .hint("it was restored from a backup; put the newest copy back, or signing would make a second history"));
    }
    if let Some((head, mark)) = &replay.last {
        node.remember_head(Some(head))?;
        write_mark(node, &feed, *mark)?;
    }
    node.markers.put(&feed, path)?;
    Ok((replay.log, file))
}

/// How far the store has followed the author's file, if a head of the file ends there.
fn usable_mark(node: &Node, path: &Path, stored: &Head) -> Result<Option<Mark>, Failure> {
    let body = stored.body();
    match read_mark(node, &body.feed)? {
        // A file that was put back from a backup has its heads elsewhere: then all of it is replayed.
        Some(mark)
            if mark.length == body.length && AuthorFile::has_mark(path, &body.feed, mark)? =>
        {
            Ok(Some(mark))
        }
        _ => Ok(None),
    }
}

/// A key that signed two histories signs no more.
fn refuse_forked(node: &Node, feed: &FeedKey) -> Result<(), Failure> {
    match node.evidence.fork(feed)? {
        None => Ok(()),
        Some(_) => Err(Failure::new(
            Code::Denied,
            format!("feed {}: this key signed two histories", short(feed)),
        )
        .hint("followers stay where they were, and nothing more is signed with it; `levada show` prints both heads")),
    }
}

fn gone(path: &Path) -> Failure {
    let path = path.display();
    Failure::new(
        Code::Failed,
        format!("{path}: the author's file is gone, and records were signed with this key"),
    )
    .hint("put it back from a backup beside the key; without it this machine must not sign")
}

fn absent(feed: &FeedKey, path: &Path) -> Failure {
    let (feed, path) = (short(feed), path.display());
    Failure::new(
        Code::Denied,
        format!("feed {feed}: its author's file is not here, and it may have been signed elsewhere"),
    )
    .hint(format!("put the newest author's file in its place: {path}. a key that never signed anything can be removed; `levada init` makes another one"))
}

fn copied(feed: &FeedKey) -> Failure {
    let feed = short(feed);
    Failure::new(
        Code::Denied,
        format!("feed {feed}: its key or files were restored or copied here, and more may have been signed elsewhere since"),
    )
    .hint("to sign after an older copy makes a second history, which followers refuse. put the newest author's file beside the key; if this is it and no other machine uses the key, run the same command with --insist")
}

/// Brings log and store up to the author's file, and finds out whether it is the same history.
struct Replay<'a> {
    node: &'a Arc<Node>,
    log: AuthorLog,
    /// Length and root of the highest head that was signed, as far as this machine knows without the file.
    signed: Option<(u64, Hash)>,
    /// Length up to which the store has everything.
    stored_length: u64,
    /// The file holds that head.
    has_met: bool,
    last: Option<(Head, Mark)>,
}

impl Replay<'_> {
    fn frame(&mut self, frame: Frame<'_>) -> Result<(), Failure> {
        match frame {
            Frame::Record(bytes) => self
                .log
                .replay(bytes.to_vec())
                .map_err(|error| Failure::new(Code::Failed, error.to_string())),
            Frame::Blob(bytes) => Ok(self.node.disk.put_small([(Hash::of(bytes), bytes)])?),
            Frame::Head(head, mark) => self.head(head, mark),
        }
    }

    fn head(&mut self, head: Head, mark: Mark) -> Result<(), Failure> {
        let feed = short(&self.log.feed());
        let wrong = |what: &str| {
            Failure::new(
                Code::Failed,
                format!("feed {feed}: the author's file {what}"),
            )
            .hint("put the right file back from a backup; nothing is signed until then")
        };
        let Some(batch) = self.log.replay_head(&head) else {
            return Err(wrong("holds a head that is not of its records"));
        };
        let (length, root) = (head.body().length, head.body().root);
        if let Some((signed, signed_root)) = self.signed {
            let contradicts =
                (length == signed && root != signed_root) || (length > signed && !self.has_met);
            if contradicts {
                return Err(wrong(
                    "tells another history than the one that was signed here",
                ));
            }
            self.has_met |= length == signed;
        }
        if length <= self.stored_length {
            return Ok(());
        }
        self.node.disk.commit(&batch)?;
        self.last = Some((head, mark));
        Ok(())
    }
}

fn mark_name(feed: &FeedKey) -> Vec<u8> {
    [b"mark/".as_slice(), feed.as_bytes()].concat()
}

/// How far the store has followed the author's file.
pub(in crate::node) fn read_mark(node: &Node, feed: &FeedKey) -> Result<Option<Mark>, Failure> {
    let value = node.disk.note(&mark_name(feed))?;
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
        .put_notes([(mark_name(feed), value)])
        .map_err(Failure::from)
}
