//! Own feeds: keys, the author's file and the log behind them.
//!
//! The author's file is the truth: an append is durable there before anybody sees its head, and the store follows.

use super::{Node, short, store_failure};
use crate::api::{Answer, Code, Failure, KeyInfo};
use crate::io::author::{AuthorError, AuthorFile, Frame, Mark};
use crate::io::clock;
use crate::io::keys::{KeyEntry, KeyError};
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::{AppendRefused, AuthorLog};
use levada_feed::record::{self, Body, Profile, Record};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of a key that nobody named.
const DEFAULT_NAME: &str = "main";

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
}

impl Author {
    /// Opens an own feed by name or key; the only one when `target` is absent. Makes the first one when there is none.
    pub(super) fn open_or_make(
        node: &Arc<Node>,
        target: Option<&str>,
        is_dry: bool,
    ) -> Result<Self, Failure> {
        let keys = node.keys.list().map_err(|error| key_failure(&error))?;
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
            let entry = make(node, DEFAULT_NAME, None, false)?;
            let mut author = Self::open(node, &entry)?;
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
        Self::open(node, &entry)
    }

    fn open(node: &Arc<Node>, entry: &KeyEntry) -> Result<Self, Failure> {
        let secret = node
            .keys
            .load(&entry.name, node.passphrase())
            .map_err(|error| key_failure(&error))?;
        let path = author_path(node, &entry.name);
        let (log, file) = open_log(node, secret, &path)?;
        Ok(Self {
            name: entry.name.clone(),
            new_key: None,
            feed: entry.feed,
            open: Some(Open { log, file }),
            pending: Vec::new(),
        })
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
        let mark = open
            .file
            .append(&records, &small, head)
            .map_err(|error| author_failure(&error))?;
        node.disk
            .commit(&batch)
            .map_err(|error| store_failure(&error))?;
        node.remember_head(batch.head())
            .map_err(|error| store_failure(&error))?;
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
) -> Result<(AuthorLog, AuthorFile), Failure> {
    let feed = secret.feed_key();
    let store = |error| store_failure(&error);
    let stored = node.disk.head(&feed).map_err(store)?;
    let mark = read_mark(node, &feed)?.filter(|mark| {
        stored
            .as_ref()
            .is_some_and(|head| head.body().length == mark.length)
    });
    if !path.exists() && stored.is_some() {
        return Err(Failure::new(
            Code::Failed,
            format!(
                "{}: the author's file is gone, and records were signed with this key",
                path.display()
            ),
        )
        .hint("put it back from a backup beside the key; without it this machine must not sign"));
    }
    if !path.exists() {
        let file = AuthorFile::create(path, &feed).map_err(|error| author_failure(&error))?;
        return Ok((AuthorLog::new(secret), file));
    }
    let secret_bytes = zeroize::Zeroizing::new(secret.to_bytes());
    let fresh = || FeedSecret::from_bytes(&secret_bytes);
    let opened = match (&mark, &stored) {
        (Some(_), Some(head)) => {
            AuthorLog::open(fresh(), head, &node.disk.pieces(&feed)).map_err(store)?
        }
        _ => None,
    };
    let from = mark.filter(|_| opened.is_some());
    let mut log = opened.unwrap_or_else(|| AuthorLog::new(fresh()));
    let mut last: Option<(Head, Mark)> = None;
    let mut failed = None;
    let file = AuthorFile::open(path, &feed, from, &mut |frame| {
        if failed.is_none() {
            failed = replay(node, &mut log, frame, &mut last).err();
        }
    });
    let file = file.map_err(|error| author_failure(&error))?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    if let Some((head, mark)) = last {
        node.remember_head(Some(&head)).map_err(store)?;
        write_mark(node, &feed, mark)?;
    }
    if stored.is_some_and(|head| head.body().length > log.length()) {
        return Err(Failure::new(Code::Failed, format!("{}: the author's file is older than what was signed and stored here", path.display()))
            .hint("it was restored from a backup; put the newest copy back, or signing would make a second history"));
    }
    Ok((log, file))
}

fn replay(
    node: &Arc<Node>,
    log: &mut AuthorLog,
    frame: Frame<'_>,
    last: &mut Option<(Head, Mark)>,
) -> Result<(), Failure> {
    let store = |error| store_failure(&error);
    match frame {
        Frame::Record(bytes) => log
            .replay(bytes.to_vec())
            .map_err(|error| Failure::new(Code::Failed, error.to_string())),
        Frame::Blob(bytes) => node
            .disk
            .put_small([(Hash::of(bytes), bytes)])
            .map_err(store),
        Frame::Head(head, mark) => {
            let Some(batch) = log.replay_head(&head) else {
                return Err(Failure::new(
                    Code::Failed,
                    format!(
                        "feed {}: the author's file holds a head that is not of its records",
                        short(&log.feed())
                    ),
                )
                .hint("put the file back from a backup; nothing is signed until then"));
            };
            node.disk.commit(&batch).map_err(store)?;
            *last = Some((head, mark));
            Ok(())
        }
    }
}

fn mark_name(feed: &FeedKey) -> Vec<u8> {
    [b"mark/".as_slice(), feed.as_bytes()].concat()
}

/// How far the store has followed the author's file.
fn read_mark(node: &Node, feed: &FeedKey) -> Result<Option<Mark>, Failure> {
    let value = node
        .disk
        .note(&mark_name(feed))
        .map_err(|error| store_failure(&error))?;
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
        .map_err(|error| store_failure(&error))
}

fn author_path(node: &Node, name: &str) -> PathBuf {
    node.dirs.keys().join(format!("{name}.feed"))
}

/// The own key of this name or feed; the only one when `target` is absent.
fn find(node: &Node, target: Option<&str>) -> Result<KeyEntry, Failure> {
    let keys = node.keys.list().map_err(|error| key_failure(&error))?;
    let none = || {
        Failure::new(Code::NotInitialised, "there is no key here yet")
            .hint("make one with `levada init`, or just publish")
    };
    match target {
        None if keys.len() > 1 => Err(Failure::new(
            Code::Usage,
            "there are several keys here: which feed?",
        )
        .hint(format!(
            "say --feed NAME: {}",
            keys.iter()
                .map(|key| key.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))),
        None => keys.into_iter().next().ok_or_else(none),
        Some(target) => {
            let is_it = |key: &KeyEntry| {
                key.name == target
                    || target.parse::<FeedKey>().is_ok_and(|feed| feed == key.feed)
                    || target
                        .parse::<levada_feed::link::Link>()
                        .is_ok_and(|link| link.feed == key.feed)
            };
            let names: Vec<_> = keys.iter().map(|key| key.name.clone()).collect();
            keys.into_iter().find(is_it).ok_or_else(|| {
                if names.is_empty() {
                    none()
                } else {
                    Failure::new(
                        Code::NotFound,
                        format!("{target}: no own feed of this name"),
                    )
                    .hint(format!("there are: {}", names.join(", ")))
                }
            })
        }
    }
}

/// Makes a key and record 0 of its feed.
fn make(
    node: &Arc<Node>,
    name: &str,
    title: Option<&str>,
    encrypt: bool,
) -> Result<KeyEntry, Failure> {
    let passphrase = node.passphrase().filter(|_| encrypt);
    if encrypt && passphrase.is_none() {
        return Err(Failure::new(
            Code::WrongPassphrase,
            "a passphrase is needed to encrypt the key",
        )
        .hint("give it by LEVADA_PASSPHRASE or --passphrase-file, or at a terminal"));
    }
    node.keys
        .create(name, passphrase)
        .map_err(|error| key_failure(&error))?;
    let entry = find(node, Some(name))?;
    let mut author = Author::open(node, &entry)?;
    let name = title.unwrap_or(name).to_owned();
    author.append(
        Body::Profile(Profile {
            name,
            ..Profile::default()
        }),
        clock::now_ms(),
    )?;
    author.sign(node, &[], clock::now_ms())?;
    Ok(entry)
}

/// `init`.
pub(super) fn init(
    node: &Arc<Node>,
    name: Option<&str>,
    title: Option<&str>,
    encrypt: bool,
) -> Result<Answer, Failure> {
    let entry = make(node, name.unwrap_or(DEFAULT_NAME), title, encrypt)?;
    Ok(Answer::Key(KeyInfo {
        is_new: true,
        ..info(node, &entry)?
    }))
}

/// `key list`.
pub(super) fn list(node: &Node) -> Result<Vec<KeyInfo>, Failure> {
    let keys = node.keys.list().map_err(|error| key_failure(&error))?;
    keys.iter().map(|entry| info(node, entry)).collect()
}

/// `key show`.
pub(super) fn show(node: &Node, target: Option<&str>) -> Result<Answer, Failure> {
    info(node, &find(node, target)?).map(Answer::Key)
}

fn info(node: &Node, entry: &KeyEntry) -> Result<KeyInfo, Failure> {
    let store = |error| store_failure(&error);
    let head = node.disk.head(&entry.feed).map_err(store)?;
    let link = super::show::link(node, &entry.feed).map_err(store)?;
    Ok(KeyInfo {
        name: entry.name.clone(),
        feed: entry.feed,
        link: head.is_some().then(|| link.to_string()),
        path: entry.path.clone(),
        author_file: author_path(node, &entry.name),
        is_encrypted: entry.is_encrypted,
        is_new: false,
        length: head.map_or(0, |head| head.body().length),
    })
}

/// `key backup`.
pub(super) fn backup(node: &Node, target: Option<&str>, output: &Path) -> Result<Answer, Failure> {
    let entry = find(node, target)?;
    node.keys
        .backup(&entry.name, output)
        .map_err(|error| key_failure(&error))?;
    let size = std::fs::metadata(output).map_or(0, |found| found.len());
    Ok(Answer::Written(crate::api::Written {
        feed: entry.feed,
        index: None,
        hash: None,
        size,
        output: Some(output.to_owned()),
    }))
}

/// `key restore`.
pub(super) fn restore(
    node: &Arc<Node>,
    file: &Path,
    name: Option<&str>,
) -> Result<Answer, Failure> {
    let name = name.unwrap_or(DEFAULT_NAME);
    node.keys
        .restore(file, name, node.passphrase())
        .map_err(|error| key_failure(&error))?;
    show(node, Some(name))
}

pub(super) fn key_failure(error: &KeyError) -> Failure {
    let code = match error {
        _ if error.is_passphrase() => Code::WrongPassphrase,
        _ if error.is_missing() => Code::NotFound,
        _ => Code::Failed,
    };
    let failure = Failure::new(code, error.to_string());
    if error.is_passphrase() {
        failure
            .hint("give the passphrase by LEVADA_PASSPHRASE or --passphrase-file, or at a terminal")
    } else {
        failure
    }
}

fn author_failure(error: &AuthorError) -> Failure {
    Failure::new(Code::Failed, error.to_string())
}
