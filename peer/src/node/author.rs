//! An own feed, open for signing: the log, and the author's file behind it.
//!
//! The author's file is the truth: an append is durable there before anybody sees its head, and the store follows.

use super::Node;
use super::own::{DEFAULT_NAME, author_path, find, make};
use super::words::short;
use crate::api::{Code, Failure};
use crate::io::author::{AuthorFile, Frame, Mark};
use crate::io::clock;
use crate::io::keys::KeyEntry;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::{AppendRefused, AuthorLog};
use levada_feed::record::{self, Body, Profile, Record};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An own feed, open for signing.
pub(super) struct Author {
    name: String,
    new_key: Option<PathBuf>,
    feed: FeedKey,
    /// Absent in a dry run.
    open: Option<Open>,
    pending: Vec<(u64, Vec<u8>)>,
}

struct Open {
    log: AuthorLog,
    file: AuthorFile,
    _signing: tokio::sync::OwnedMutexGuard<()>,
}

/// Why an own feed may be signed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its marker says that it lives here.
    Marked,
    /// Its key was made just now.
    New,
    /// The person says so.
    Insisted,
}

impl Author {
    /// Opens an own feed by name or key; the only one when `target` is absent. Makes the first one when there is none.
    pub(super) fn open_or_make(
        node: &Arc<Node>,
        target: Option<&str>,
        title: &str,
        is_dry: bool,
        trust: Trust,
    ) -> Result<Self, Failure> {
        let keys = node.keys.list()?;
        if keys.is_empty() && target.is_none_or(|target| target == DEFAULT_NAME) {
            if is_dry {
                // Nothing is made in a dry run: a key of zeros stands in, and nothing is signed with it.
                let feed = FeedSecret::from_bytes(&[0; 32]).feed_key();
                let name = DEFAULT_NAME.to_owned();
                return Ok(Self {
                    name,
                    new_key: None,
                    feed,
                    open: None,
                    pending: Vec::new(),
                });
            }
            let entry = make(node, DEFAULT_NAME, Some(title), false)?;
            let mut author = Self::open(node, &entry, title, Trust::Marked)?;
            author.new_key = Some(entry.path);
            return Ok(author);
        }
        let entry = find(node, target)?;
        if is_dry {
            return Ok(Self {
                name: entry.name,
                new_key: None,
                feed: entry.feed,
                open: None,
                pending: Vec::new(),
            });
        }
        Self::open(node, &entry, title, trust)
    }

    /// Opens an own feed. One that has no record yet gets its profile, with this title as name.
    pub(super) fn open(
        node: &Arc<Node>,
        entry: &KeyEntry,
        title: &str,
        trust: Trust,
    ) -> Result<Self, Failure> {
        let signing = node.signing.clone().blocking_lock_owned();
        let secret = node.keys.load(&entry.name, node.passphrase())?;
        let path = author_path(node, &entry.name);
        let (log, file) = open_log(node, secret, &path, trust)?;
        let is_empty = log.length() == 0;
        let mut author = Self {
            name: entry.name.clone(),
            new_key: None,
            feed: entry.feed,
            open: Some(Open {
                log,
                file,
                _signing: signing,
            }),
            pending: Vec::new(),
        };
        if is_empty {
            let profile = Profile {
                name: title.to_owned(),
                ..Profile::default()
            };
            author.append(Body::Profile(Box::new(profile)), clock::now_ms())?;
            author.sign(node, &[], clock::now_ms())?;
        }
        Ok(author)
    }

    pub(super) fn feed(&self) -> FeedKey {
        self.feed
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The key file, when it was made just now.
    pub(super) fn new_key(&self) -> Option<&Path> {
        self.new_key.as_deref()
    }

    /// Records that wait to be signed.
    pub(super) fn appended(&self) -> usize {
        self.pending.len()
    }

    /// The bytes of a record that waits to be signed.
    pub(super) fn pending(&self, index: u64) -> Option<Vec<u8>> {
        self.pending
            .iter()
            .find(|(at, _)| *at == index)
            .map(|(_, bytes)| bytes.clone())
    }

    /// Appends a record; it is public once `sign` has returned.
    pub(super) fn append(&mut self, body: Body, now: u64) -> Result<(u64, Hash), Failure> {
        let Some(open) = &mut self.open else {
            return Ok((0, Hash([0; 32])));
        };
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| {
            Failure::new(
                Code::Failed,
                format!("the system gives no random numbers: {error}"),
            )
        })?;
        let record = Record {
            time: now,
            salt,
            body,
        };
        let bytes = record::write(&record, open.log.length())
            .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
        let appended = open
            .log
            .append(bytes.clone())
            .map_err(|error| match error {
                AppendRefused::Full => Failure::new(Code::Failed, "the feed is full"),
                AppendRefused::Unreadable(why) => Failure::new(Code::Usage, why.to_string()),
            })?;
        self.pending.push((appended.0, bytes));
        Ok(appended)
    }

    /// Signs a head over what was appended; durable in the author's file when this returns, and in the store.
    pub(super) fn sign(&mut self, node: &Node, small: &[Vec<u8>], now: u64) -> Result<(), Failure> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let Some(batch) = open.log.sign(now) else {
            return Ok(());
        };
        let Some(head) = batch.head() else {
            return Ok(());
        };
        let records: Vec<&[u8]> = batch
            .records()
            .iter()
            .map(|(_, record)| record.as_slice())
            .collect();
        let small: Vec<&[u8]> = small.iter().map(Vec::as_slice).collect();
        let mark = open.file.append(&records, &small, head)?;
        node.disk.commit(&batch)?;
        node.remember_head(batch.head())?;
        write_mark(node, &self.feed, mark)?;
        self.pending.clear();
        Ok(())
    }
}

/// Replays what the store lacks of the author's file, then gives both ready to append.
fn open_log(
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
        if trust == Trust::Marked {
            return Err(copied(&feed));
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
fn read_mark(node: &Node, feed: &FeedKey) -> Result<Option<Mark>, Failure> {
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

fn write_mark(node: &Node, feed: &FeedKey, mark: Mark) -> Result<(), Failure> {
    let value = [mark.offset.to_be_bytes(), mark.length.to_be_bytes()].concat();
    node.disk
        .put_notes([(mark_name(feed), value)])
        .map_err(Failure::from)
}
