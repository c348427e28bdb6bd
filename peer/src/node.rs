//! A node: opens what it keeps, carries out calls, serves peers. The place where modules meet.
//!
//! What each call does is in the files below this one; this file only opens, finds and hands over.

mod follow;
mod get;
mod media;
mod own;
mod prove;
mod publish;
mod records;
mod serve;
mod show;

use crate::api::{Answer, Call, Code, Event, Failure};
use crate::io::blobs::Blobs;
use crate::io::client::Client;
use crate::io::config;
use crate::io::dirs::{Dirs, Lock, LockError};
use crate::io::disk::Disk;
use crate::io::evidence::Evidence;
use crate::io::heads::HeadsFile;
use crate::io::keys::Keys;
use crate::sources::{FindError, Source, Sources};
use crate::store::{RowKind, StoreError};
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::link::Link;
use levada_feed::log::FollowedLog;
use levada_feed::record::{self, Body, Profile};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

pub use serve::{Serving, serve};

/// Where a node lives and what it may unlock.
#[derive(Clone, Default)]
pub struct Options {
    /// Folder that holds everything of the node; the user's usual places when absent.
    pub data_dir: Option<PathBuf>,
    /// Passphrase of own keys.
    pub passphrase: Option<String>,
}

/// Turns true when the person wants the work to stop; what is done stays done.
pub type Stop = watch::Receiver<bool>;

/// Carries out one call; events go to `events`, the last one of a success is `Event::Answer`.
///
/// # Errors
/// What the person reads, and the exit code.
pub async fn call(
    options: &Options,
    call: Call,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    if let Call::Check { file } = &call {
        tell(&events, Event::Answer(Box::new(prove::check(file)?))).await;
        return Ok(());
    }
    let node = open(options).await?;
    let answer = node.run(call, &events, stop).await;
    let closing = node.clone();
    let closed = tokio::task::spawn_blocking(move || closing.close()).await;
    let answer = answer?;
    if let Ok(Err(error)) = closed {
        return Err(store_failure(&error));
    }
    tell(&events, Event::Answer(Box::new(answer))).await;
    Ok(())
}

async fn open(options: &Options) -> Result<Arc<Node>, Failure> {
    let options = options.clone();
    let opened = tokio::task::spawn_blocking(move || Node::open(&options)).await;
    opened
        .map_err(|_| Failure::new(Code::Failed, "the node could not be opened"))?
        .map(Arc::new)
}

/// Sends an event. Nobody listens any more: the work goes on all the same.
async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

/// Everything of one node, open.
struct Node {
    dirs: Dirs,
    disk: Arc<Disk>,
    blobs: Blobs,
    evidence: Evidence,
    keys: Keys,
    client: Client,
    heads: Mutex<HeadsFile>,
    passphrase: Option<Zeroizing<String>>,
    news: watch::Sender<u64>,
    /// Held while the node is open.
    _lock: Lock,
}

impl Node {
    fn open(options: &Options) -> Result<Self, Failure> {
        let dirs = Dirs::find(options.data_dir.as_deref())
            .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
        let lock = dirs
            .create_all()
            .map_err(LockError::from)
            .and_then(|()| Lock::take(&dirs));
        let lock = lock.map_err(|error| lock_failure(&error))?;
        let was_clean = !dirs.state().join("running").exists();
        let disk = Arc::new(Disk::open(&dirs.store()).map_err(|error| store_failure(&error))?);
        let running = dirs.state().join("running");
        std::fs::write(&running, b"")
            .map_err(|error| store_failure(&StoreError::file(&running, "writing")(error)))?;
        let heads =
            HeadsFile::open(&dirs.state().join("heads")).map_err(|error| store_failure(&error))?;
        Ok(Self {
            blobs: Blobs::open(&dirs.blobs(), disk.clone(), was_clean)?,
            evidence: Evidence::open(&dirs.state().join("evidence"))?,
            keys: Keys::at(&dirs.keys()),
            client: Client::default(),
            heads: Mutex::new(heads),
            passphrase: options.passphrase.clone().map(Zeroizing::new),
            news: watch::Sender::new(0),
            disk,
            dirs,
            _lock: lock,
        })
    }

    /// Writes everything to the disk and notes that this was a clean stop.
    fn close(&self) -> Result<(), StoreError> {
        self.disk.close()?;
        let running = self.dirs.state().join("running");
        std::fs::remove_file(&running).map_err(StoreError::file(&running, "removing"))
    }

    async fn run(
        self: &Arc<Self>,
        call: Call,
        events: &mpsc::Sender<Event>,
        stop: Stop,
    ) -> Result<Answer, Failure> {
        match call {
            Call::Follow {
                feed,
                via,
                keep,
                max_size,
            } => {
                follow::follow(
                    self,
                    &feed,
                    &via,
                    keep.as_deref(),
                    max_size.as_deref(),
                    events.clone(),
                    stop,
                )
                .await
            }
            Call::Unfollow { feed, purge } => follow::unfollow(self, &feed, purge).await,
            Call::Sync { feed } => follow::sync(self, feed.as_deref(), events.clone(), stop).await,
            Call::Get {
                target,
                file,
                range,
                output,
            } => {
                let (file, output) = (file.as_deref(), output.as_deref());
                get::get(
                    self,
                    get::Get {
                        target: &target,
                        file,
                        range,
                        output,
                    },
                    events.clone(),
                    stop,
                )
                .await
            }
            other => {
                let (node, events) = (self.clone(), events.clone());
                let work =
                    tokio::task::spawn_blocking(move || node.run_blocking(other, &events, &stop));
                work.await
                    .map_err(|_| Failure::new(Code::Failed, "the work ended unexpectedly"))?
            }
        }
    }

    fn run_blocking(
        self: Arc<Self>,
        call: Call,
        events: &mpsc::Sender<Event>,
        stop: &Stop,
    ) -> Result<Answer, Failure> {
        match call {
            Call::Init {
                name,
                title,
                encrypt,
            } => own::init(&self, name.as_deref(), title.as_deref(), encrypt),
            Call::KeyList => own::list(&self).map(|keys| Answer::Keys { keys }),
            Call::KeyShow { feed } => own::show(&self, feed.as_deref()),
            Call::KeyBackup { feed, output } => own::backup(&self, feed.as_deref(), &output),
            Call::KeyRestore { file, name } => own::restore(&self, &file, name.as_deref()),
            Call::Publish(args) => publish::publish(&self, &args, events, stop),
            Call::Sources => show::sources(&self).map(|sources| Answer::Sources { sources }),
            Call::Ls { feed, limit, all } => show::ls(&self, feed.as_deref(), limit, all),
            Call::Show { target } => show::show(&self, &target),
            Call::Status => show::status(&self),
            Call::Prove { target, output } => {
                let (bytes, answer) = prove::prove(&self, &target, output.as_deref())?;
                if let Some(bytes) = bytes {
                    // Nobody reads the output any more: the answer says the same.
                    let _ = events.blocking_send(bytes);
                }
                Ok(answer)
            }
            Call::Check { file } => prove::check(&file),
            Call::Follow { .. } | Call::Unfollow { .. } | Call::Sync { .. } | Call::Get { .. } => {
                Err(Failure::new(
                    Code::Failed,
                    "this call is carried out elsewhere",
                ))
            }
        }
    }

    /// The log of a followed feed, at the highest head that was verified.
    fn followed(&self, feed: &FeedKey) -> Result<FollowedLog, StoreError> {
        let head = self.disk.head(feed)?;
        Ok(FollowedLog::new(
            *feed,
            head.map(|head| head.as_ref().clone()),
        ))
    }

    /// Keeps the highest head in a plain file too, so that a lost store is no rollback, and tells who waits for news.
    fn remember_head(&self, head: Option<&Head>) -> Result<(), StoreError> {
        if let Some(head) = head {
            self.heads
                .lock()
                .expect("nobody panics while holding this lock")
                .put(head)?;
            self.news.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// What opens encrypted keys.
    fn passphrase(&self) -> Option<&str> {
        self.passphrase.as_ref().map(|text| text.as_str())
    }

    fn sources(&self) -> Result<Sources, Failure> {
        config::load_sources(&self.dirs)
            .map_err(|error| Failure::new(Code::Failed, error.to_string()))
    }

    fn change_sources<T>(
        &self,
        change: impl FnOnce(&mut Sources) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut sources = self.sources()?;
        let result = change(&mut sources)?;
        config::save_sources(&self.dirs, &sources)
            .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
        Ok(result)
    }

    fn source_of(&self, feed: &FeedKey) -> Option<Source> {
        self.sources()
            .ok()?
            .list()
            .iter()
            .find(|source| source.feed == *feed)
            .cloned()
    }

    fn find_source(&self, target: &str) -> Result<Source, Failure> {
        self.sources()?
            .find(target)
            .cloned()
            .map_err(|error| find_failure(target, &error))
    }

    /// An own feed by key name, or any known feed by link, key, prefix or nickname.
    fn find_feed(&self, target: &str) -> Result<FeedKey, Failure> {
        let keys = self.keys.list().map_err(|error| own::key_failure(&error))?;
        if let Some(key) = keys.iter().find(|key| key.name == target) {
            return Ok(key.feed);
        }
        let exact = match target.parse::<Link>() {
            Ok(link) => Some(link.feed),
            Err(_) => target.parse::<FeedKey>().ok(),
        };
        if let Some(feed) = exact {
            let is_known =
                keys.iter().any(|key| key.feed == feed) || !self.disk.held(&feed).is_empty();
            let unknown = || {
                Failure::new(
                    Code::NotFound,
                    format!("feed {}: not followed here", short(&feed)),
                )
                .hint("`levada follow LINK` fetches it")
            };
            return if is_known || self.source_of(&feed).is_some() {
                Ok(feed)
            } else {
                Err(unknown())
            };
        }
        let own: Vec<_> = keys
            .iter()
            .filter(|key| key.feed.to_string().starts_with(target))
            .collect();
        match (self.sources()?.find(target), own.as_slice()) {
            (Ok(source), []) => Ok(source.feed),
            (Err(FindError::Unknown), [key]) if target.len() >= 8 => Ok(key.feed),
            (Err(error), []) => Err(find_failure(target, &error)),
            _ => Err(Failure::new(
                Code::Usage,
                format!("{target}: several feeds begin like this"),
            )
            .hint("write more of the key")),
        }
    }

    /// FEED or FEED/INDEX.
    fn find_target(&self, target: &str) -> Result<(FeedKey, Option<u64>), Failure> {
        if let Ok(link) = target.parse::<Link>() {
            return Ok((self.find_feed(&link.feed.to_string())?, link.index));
        }
        match target.rsplit_once('/') {
            None => Ok((self.find_feed(target)?, None)),
            Some((feed, index)) => {
                let index = index.parse().map_err(|_| {
                    Failure::new(
                        Code::Usage,
                        format!("{target}: {index} is no record number"),
                    )
                    .hint("say FEED/INDEX")
                })?;
                Ok((self.find_feed(feed)?, Some(index)))
            }
        }
    }

    /// Own feeds, then followed ones.
    fn known_feeds(&self) -> Result<Vec<FeedKey>, Failure> {
        let keys = self.keys.list().map_err(|error| own::key_failure(&error))?;
        let mut feeds: Vec<FeedKey> = keys.into_iter().map(|key| key.feed).collect();
        for source in self.sources()?.list() {
            if !feeds.contains(&source.feed) {
                feeds.push(source.feed);
            }
        }
        Ok(feeds)
    }

    fn own_name(&self, feed: &FeedKey) -> Option<String> {
        self.keys
            .list()
            .ok()?
            .into_iter()
            .find(|key| key.feed == *feed)
            .map(|key| key.name)
    }

    fn nickname(&self, feed: &FeedKey) -> String {
        let own = self.own_name(feed);
        own.or_else(|| self.source_of(feed).map(|source| source.nickname))
            .unwrap_or_else(|| short(feed))
    }

    /// The newest profile of a feed that can be read.
    fn profile(&self, feed: &FeedKey) -> Result<Option<Profile>, StoreError> {
        let mut newest = None;
        self.disk.rows(feed, 0..u64::MAX, &mut |kind, row| {
            let is_it = kind == RowKind::Profile && row.retracted_by.is_none();
            if is_it {
                newest = Some(row.newest);
            }
            !is_it
        })?;
        let Some(index) = newest else { return Ok(None) };
        let bytes = self.disk.record(feed, index)?;
        Ok(
            bytes.and_then(|bytes| match record::read(&bytes, index).ok()?.body {
                Body::Profile(profile) => Some(profile),
                _ => None,
            }),
        )
    }

    fn profile_name(&self, feed: &FeedKey) -> Result<Option<String>, StoreError> {
        Ok(self.profile(feed)?.map(|profile| profile.name))
    }

    /// Drops what is held of a feed: records, and blobs that no other feed names. Gives the bytes freed.
    fn purge(&self, feed: &FeedKey) -> Result<u64, StoreError> {
        let mut freed = 0;
        let mut hashes = Vec::new();
        self.disk.records(feed, 0..u64::MAX, &mut |index, bytes| {
            freed += u64::try_from(bytes.len()).unwrap_or(0);
            if let Ok(record::Record {
                body: Body::Item(item),
                ..
            }) = record::read(bytes, index)
            {
                hashes.extend(item.files.into_iter().map(|file| (file.hash, file.size)));
            }
            true
        })?;
        self.disk.purge(feed)?;
        let kept = self.named_blobs()?;
        for (hash, size) in hashes.into_iter().filter(|(hash, _)| !kept.contains(hash)) {
            if self.blobs.state(&hash)?.is_some() {
                self.blobs.drop_blob(&hash)?;
                freed += size;
            }
        }
        Ok(freed)
    }

    /// Blobs that any kept record names.
    fn named_blobs(
        &self,
    ) -> Result<std::collections::BTreeSet<levada_feed::hash::Hash>, StoreError> {
        let mut named = std::collections::BTreeSet::new();
        for feed in self.disk.feeds() {
            self.disk.records(&feed, 0..u64::MAX, &mut |index, bytes| {
                if let Ok(record::Record {
                    body: Body::Item(item),
                    ..
                }) = record::read(bytes, index)
                {
                    named.extend(item.files.into_iter().map(|file| file.hash));
                }
                true
            })?;
        }
        Ok(named)
    }
}

/// The beginning of a feed's key, for messages.
fn short(feed: &FeedKey) -> String {
    let text = feed.to_string();
    let (head, tail) = (
        text.get(..10).unwrap_or(&text),
        text.get(58..).unwrap_or(""),
    );
    format!("{head}…{tail}")
}

fn find_failure(target: &str, error: &FindError) -> Failure {
    match error {
        FindError::Unknown => Failure::new(
            Code::NotFound,
            format!("{target}: no feed of this name is known here"),
        )
        .hint("`levada sources` lists what is followed; `levada follow LINK` adds a feed"),
        FindError::Ambiguous(_) => {
            Failure::new(Code::Usage, format!("{target}: several feeds match"))
                .hint("write more of the key")
        }
    }
}

fn lock_failure(error: &LockError) -> Failure {
    let failure = Failure::new(Code::Locked, error.to_string());
    match error {
        LockError::Held { .. } => failure.hint("stop it, wait for it, or use another --data-dir"),
        _ => Failure {
            code: Code::Failed,
            ..failure
        },
    }
}

/// What the person reads when our own disk failed.
fn store_failure(error: &StoreError) -> Failure {
    let failure = Failure::new(Code::Failed, error.to_string());
    match error {
        StoreError::NoSpace { .. } => Failure {
            code: Code::OverQuota,
            ..failure
        }
        .hint("make room, then run the same command again"),
        error if error.is_full() => Failure {
            code: Code::OverQuota,
            ..failure
        }
        .hint(
            "the disk is full; what was durable is kept; make room and run the same command again",
        ),
        StoreError::File { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Failure {
                code: Code::Denied,
                ..failure
            }
            .hint("this user may not write there; fix the permissions or use another --data-dir")
        }
        StoreError::File { source, .. }
            if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem =>
        {
            Failure {
                code: Code::Denied,
                ..failure
            }
            .hint("the file system is read-only; use another --data-dir")
        }
        _ => failure,
    }
}

/// What the system says of a file, without numbers.
fn io_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::AlreadyExists => "there is such a file already".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder".into(),
        std::io::ErrorKind::StorageFull => "the disk is full".into(),
        std::io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        _ => error.to_string(),
    }
}
