//! Own feeds: keys, the author's file and the log behind them.
//!
//! The author's file is the truth: an append is durable there before anybody sees its head, and the store follows.

use super::author::{Aside, Author, Trust, refusal, refuse_stopped};
use super::{Node, Stop};
use crate::api::{Answer, Code, Event, Failure, KeyInfo, TokenInfo};
use crate::io::dirs::Dirs;
use crate::io::keys::{KeyEntry, KeyError};
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use levada_feed::tree::{self, Shape};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Name of a key that nobody named.
pub(super) const DEFAULT_NAME: &str = "main";

pub(super) fn author_path(node: &Node, name: &str) -> PathBuf {
    author_path_in(&node.dirs, name)
}

pub(super) fn author_path_in(dirs: &Dirs, name: &str) -> PathBuf {
    dirs.keys().join(format!("{name}.feed"))
}

/// The own key of this name or feed; the only one when `target` is absent.
pub(super) fn find(node: &Node, target: Option<&str>) -> Result<KeyEntry, Failure> {
    let keys = node.keys.list()?;
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

/// Whether a key was made here and nothing is known to be signed with it: a crash came between the key and its first record.
fn is_begun(node: &Node, key: &KeyEntry) -> Result<bool, Failure> {
    let file = author_path(node, &key.name);
    let is_ours = node.markers.is_new(&key.feed, &key.path)?
        || (file.exists() && node.markers.is_live(&key.feed, &file)?);
    let is_signed = node.disk.head(&key.feed)?.is_some() || node.remembered(&key.feed).is_some();
    Ok(is_ours && !is_signed)
}

/// Makes a key and record 0 of its feed.
pub(super) fn make(
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
        .hint("give it by LEVADA_PASSPHRASE or --passphrase-fd, or at a terminal"));
    }
    let keys = node.keys.list()?;
    let begun = keys.iter().find(|key| key.name == name);
    if begun.is_none() {
        refuse_lost_key(node, name)?;
    }
    let is_begun = match begun {
        Some(key) if key.is_encrypted == encrypt => is_begun(node, key)?,
        _ => false,
    };
    if !is_begun {
        let mark = |feed: &FeedKey, file: &std::fs::Metadata| node.markers.put_new(feed, file);
        let made: Vec<FeedKey> = keys.iter().map(|key| key.feed).collect();
        let markers = node.dirs.state().join("markers");
        node.markers
            .forget_unmade(&made)
            .map_err(StoreError::file(&markers, "reading"))?;
        node.keys.create(name, passphrase, mark)?;
    }
    let entry = find(node, Some(name))?;
    // Its first record is its profile.
    let title = title.unwrap_or(name);
    Author::open(node, &entry, title, Trust::New, &Aside::nobody())?;
    node.changes.send_modify(|count| *count += 1);
    relist(node)?;
    Ok(entry)
}

/// An author's file without its key: a new key of that name would stand in the way of the one that may come back.
fn refuse_lost_key(node: &Node, name: &str) -> Result<(), Failure> {
    let path = author_path(node, name);
    if !path.exists() {
        return Ok(());
    }
    let message = format!(
        "{}: the key of this author's file is not here",
        path.display()
    );
    Err(Failure::new(Code::Denied, message).hint(format!(
        "no key was made. put the key back from its backup: levada key restore FILE --name {name}; or begin another feed: levada init --name OTHER"
    )))
}

/// A key that is not here, told where no new one is to be made.
pub(super) fn key_gone(path: &Path) -> Failure {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let message = format!(
        "{}: this key is not here, and its author's file is",
        path.display()
    );
    let public = std::fs::read_to_string(path.with_extension("pub")).ok();
    let feed = public.and_then(|text| text.trim().parse::<FeedKey>().ok());
    // What is here of it is shown and served to whoever follows it, with its author's file here or not.
    let follow = feed.map_or_else(String::new, |feed| {
        format!(", and keep the feed as a follower does: levada follow {feed} --keep all")
    });
    Failure::new(Code::Denied, message).hint(format!(
        "put the key back from its backup: levada key restore FILE --name {name}; or, if there is none, move {name}.feed elsewhere{follow}"
    ))
}

/// Lists own feeds and those that are shared for everybody: what one merely follows is served to those who ask by its key, and not listed.
pub(super) fn relist(node: &Node) -> Result<(), Failure> {
    let keys = node.keys.list()?;
    let mut feeds: Vec<FeedKey> = keys.into_iter().map(|key| key.feed).collect();
    let sources = node.sources()?;
    let shared = sources.list().iter().filter(|source| source.share);
    feeds.extend(shared.map(|source| source.feed));
    feeds.sort();
    feeds.dedup();
    node.listed.send_replace(Arc::new(feeds));
    Ok(())
}

/// `token`.
pub(super) fn token(node: &Node, is_new: bool) -> Result<Answer, Failure> {
    let token = if is_new {
        node.token.renew()?
    } else {
        node.token.read_or_make()?
    };
    let path = node.token.path().to_owned();
    Ok(Answer::Token(TokenInfo { token, path }))
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
    let keys = node.keys.list()?;
    keys.iter().map(|entry| info(node, entry)).collect()
}

/// `key show`.
pub(super) fn show(node: &Node, target: Option<&str>) -> Result<Answer, Failure> {
    info(node, &find(node, target)?).map(Answer::Key)
}

fn info(node: &Node, entry: &KeyEntry) -> Result<KeyInfo, Failure> {
    let head = node.disk.head(&entry.feed)?;
    let link = super::show::link(node, &entry.feed)?;
    Ok(KeyInfo {
        name: entry.name.clone(),
        feed: entry.feed,
        link: head.is_some().then(|| link.to_string()),
        path: entry.path.clone(),
        author_file: author_path(node, &entry.name),
        is_encrypted: entry.is_encrypted,
        is_new: false,
        length: head.map_or(0, |head| head.body().length),
        taken_over: node.taken_over(&entry.feed)?,
        trouble: trouble(node, entry)?,
    })
}

/// Why nothing is signed with a key here, as far as can be told without asking anybody.
pub(super) fn trouble(node: &Node, entry: &KeyEntry) -> Result<Option<Failure>, Failure> {
    if let Err(failure) = refuse_stopped(node, &entry.feed, Trust::Marked) {
        return Ok(Some(failure));
    }
    let path = author_path(node, &entry.name);
    let is_here = path.exists();
    if is_here && node.markers.is_live(&entry.feed, &path)? {
        return Ok(None);
    }
    let has_mirrors = !node.mirrors(&entry.feed).is_empty();
    Ok(Some(refusal::unmarked(&entry.feed, is_here, has_mirrors)))
}

/// `key backup`.
pub(super) fn backup(node: &Node, target: Option<&str>, output: &Path) -> Result<Answer, Failure> {
    let entry = find(node, target)?;
    node.keys.backup(&entry.name, output)?;
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
    is_unused: bool,
    title: Option<&str>,
) -> Result<Answer, Failure> {
    let name = name.unwrap_or(DEFAULT_NAME);
    let restored = node.keys.restore(file, name, node.passphrase());
    restored.map_err(|error| match &error {
        KeyError::Damaged { path } if path == file => Failure::from(error)
            .hint("nothing was restored; give a file that `levada key backup` wrote"),
        _ => Failure::from(error),
    })?;
    if is_unused {
        let entry = find(node, Some(name))?;
        let title = title.unwrap_or(name);
        Author::open(node, &entry, title, Trust::New, &Aside::nobody())?;
    }
    relist(node)?;
    show(node, Some(name))
}

/// `key take-over`.
pub(super) fn take_over(
    node: &Arc<Node>,
    target: Option<&str>,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<Answer, Failure> {
    let entry = find(node, target)?;
    let aside = Aside {
        is_patient: true,
        ..Aside::to(events, stop)
    };
    Author::open(node, &entry, &entry.name, Trust::TakeOver, &aside)?;
    info(node, &entry).map(Answer::Key)
}

impl Node {
    /// What the store has of own feeds can be shown to others from now on: it is remembered, also when what was remembered was
    /// lost, or not written before a crash. What contradicts it stays: it tells that another history was put here.
    pub(super) fn remember_own(&self) -> Result<(), StoreError> {
        // Keys that cannot be read are told by whoever needs them.
        for key in self.keys.list().unwrap_or_default() {
            let Some(stored) = self.disk.head(&key.feed)? else {
                continue;
            };
            let is_new = match self.remembered(&key.feed) {
                None => true,
                Some(known) => {
                    let shape = Shape::of_list(known.body().length);
                    let is_shorter = known.body().length < stored.body().length;
                    let root = || tree::root(&self.disk.pieces(&key.feed), shape);
                    is_shorter && root()? == Some(known.body().root)
                }
            };
            if is_new {
                self.remember_head(Some(&stored))?;
            }
        }
        Ok(())
    }
}
