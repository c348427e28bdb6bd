//! An own feed, open for signing: the log, and the author's file behind it.
//!
//! The author's file is the truth: an append is durable there before anybody sees its head, and the store follows.

mod again;
pub(super) mod elsewhere;
mod fill;
#[cfg(test)]
mod model;
mod open;
pub(super) mod refusal;
mod replay;

use super::own::{DEFAULT_NAME, author_path, find, make};
use super::{Node, Stop};
use crate::api::{Code, Event, Failure};
use crate::io::author::AuthorFile;
use crate::io::clock;
use crate::io::keys::KeyEntry;
use crate::query::{self, Change};
use levada_feed::hash::Hash;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::AuthorLog;
use levada_feed::record::{Body, Profile, Record, Written};
use open::open_log;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use tokio::sync::{mpsc, watch};

pub(super) use again::look_at_file;
pub(super) use open::refuse_stopped;
pub(super) use replay::{read_mark, write_mark};

/// Salts made together.
const SALTS: usize = 64;

/// An own feed, open for signing.
pub(super) struct Author {
    name: String,
    new_key: Option<PathBuf>,
    feed: FeedKey,
    /// Absent in a dry run.
    open: Option<Open>,
    /// What each record changes that waits to be signed.
    changes: Vec<Change>,
    salts: Salts,
}

/// Random numbers for records, asked of the system for many at once.
#[derive(Default)]
struct Salts(Vec<[u8; 16]>);

impl Salts {
    fn next(&mut self) -> Result<[u8; 16], Failure> {
        if self.0.is_empty() {
            let mut salts = vec![[0; 16]; SALTS];
            getrandom::fill(salts.as_flattened_mut()).map_err(|error| {
                Failure::new(
                    Code::Failed,
                    format!("the system gives no random numbers: {error}"),
                )
            })?;
            self.0 = salts;
        }
        Ok(self.0.pop().expect("there are some now"))
    }
}

struct Open {
    log: AuthorLog,
    file: AuthorFile,
    _signing: tokio::sync::OwnedMutexGuard<()>,
}

impl Node {
    /// Whether somebody was asked for this own feed since the start, or it was signed: from then on its heads are ours.
    pub(super) fn asked(&self, feed: &FeedKey) -> bool {
        let asked = self.asked.lock();
        asked
            .expect("nobody panics while holding this lock")
            .contains(feed)
    }

    pub(super) fn note_asked(&self, feed: &FeedKey) {
        let asked = self.asked.lock();
        asked
            .expect("nobody panics while holding this lock")
            .insert(*feed);
    }
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
    /// The person wants what another machine signed to be taken over.
    TakeOver,
}

/// Whom opening an own feed tells what it finds, and what ends its waiting.
#[derive(Clone)]
pub(super) struct Aside {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: Stop,
    /// Whoever waits wants an answer more than speed.
    pub(super) is_patient: bool,
}

/// Nobody stops what nobody waits for. A channel without a sender would count as stopped.
static NEVER: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::channel(false).0);

impl Aside {
    /// Tells somebody who listens.
    pub(super) fn to(events: &mpsc::Sender<Event>, stop: &Stop) -> Self {
        Self {
            events: events.clone(),
            stop: stop.clone(),
            is_patient: false,
        }
    }

    /// Tells nobody.
    pub(super) fn nobody() -> Self {
        Self {
            events: mpsc::channel(1).0,
            stop: NEVER.subscribe(),
            is_patient: false,
        }
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.blocking_send(event);
    }

    /// Runs what asks others from a thread that may block, within a runtime or without one.
    fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            return Ok(runtime.block_on(work));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| no_threads(&error))?;
        Ok(runtime.block_on(work))
    }
}

pub(super) fn no_threads(error: &std::io::Error) -> Failure {
    let message = format!("the system gives no threads: {error}");
    Failure::new(Code::Failed, message)
}

impl Author {
    /// Opens an own feed by name or key; the only one when `target` is absent. Makes the first one when there is none.
    pub(super) fn open_or_make(
        node: &Arc<Node>,
        target: Option<&str>,
        title: &str,
        is_dry: bool,
        trust: Trust,
        aside: &Aside,
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
                    changes: Vec::new(),
                    salts: Salts::default(),
                });
            }
            let entry = make(node, DEFAULT_NAME, Some(title), false)?;
            let mut author = Self::open(node, &entry, title, Trust::Marked, aside)?;
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
                changes: Vec::new(),
                salts: Salts::default(),
            });
        }
        Self::open(node, &entry, title, trust, aside)
    }

    /// Opens an own feed. One that has no record yet gets its profile, with this title as name.
    pub(super) fn open(
        node: &Arc<Node>,
        entry: &KeyEntry,
        title: &str,
        trust: Trust,
        aside: &Aside,
    ) -> Result<Self, Failure> {
        let signing = node.signing.clone().blocking_lock_owned();
        let secret = node.keys.load(&entry.name, node.passphrase())?;
        let path = author_path(node, &entry.name);
        let (log, file) = open_log(node, &secret, &path, trust, aside)?;
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
            changes: Vec::new(),
            salts: Salts::default(),
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
        self.changes.len()
    }

    /// The bytes of a record that waits to be signed.
    pub(super) fn pending(&self, index: u64) -> Option<Vec<u8>> {
        self.open.as_ref()?.log.unsigned(index).map(<[u8]>::to_vec)
    }

    /// Appends a record; it is public once `sign` has returned.
    pub(super) fn append(&mut self, body: Body, now: u64) -> Result<(u64, Hash), Failure> {
        let Some(open) = &mut self.open else {
            return Ok((0, Hash([0; 32])));
        };
        let record = Record {
            time: now,
            salt: self.salts.next()?,
            body,
        };
        let written = Written::of(&record, open.log.length())
            .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
        let appended = open
            .log
            .append_written(written)
            .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
        self.changes.push(query::changes_of(&record));
        Ok(appended)
    }

    /// Signs a head over what was appended; durable in the author's file when this returns, and in the store.
    pub(super) fn sign(&mut self, node: &Node, small: &[Vec<u8>], now: u64) -> Result<(), Failure> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        // What others have may have come to light since this was opened.
        refuse_stopped(node, &self.feed, Trust::Marked)?;
        let changes = std::mem::take(&mut self.changes);
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
        node.commit_made(&batch, changes)?;
        node.remember_head(batch.head())?;
        write_mark(node, &self.feed, mark)?;
        // What comes up elsewhere from now on was signed by another machine.
        node.note_asked(&self.feed);
        let (feed, length) = (super::words::short(&self.feed), head.body().length);
        tracing::info!(feed, length, records = records.len(), "signed");
        Ok(())
    }
}
