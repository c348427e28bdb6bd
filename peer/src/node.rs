//! A node: opens what it keeps, carries out calls, serves peers. The place where modules meet.
//!
//! What each call does is in the files below this one; this file only opens, finds and hands over.

mod announce;
mod append;
mod author;
mod conduct;
mod config;
#[cfg(test)]
mod crash;
mod discard;
mod dispatch;
mod doctor;
mod export;
mod find;
mod follow;
mod get;
mod guard;
mod history;
mod judging;
mod leave;
mod limits;
mod listen;
mod live;
mod local;
mod media;
mod mirrors;
mod output;
mod own;
mod pin;
mod plan;
mod play;
mod prove;
mod publish;
mod rebuild;
mod records;
mod reload;
mod replay;
mod revise;
mod room;
mod serve;
mod show;
#[cfg(test)]
mod stranger;
mod sweep;
mod sync;
mod verify;
mod words;

use crate::api::{Call, Code, Event, Failure, Rebuild};
use crate::io::blobs::Blobs;
use crate::io::client::Client;
use crate::io::config::{ReadPins, ReadSources};
use crate::io::damaged::DamageNotes;
use crate::io::dirs::{Dirs, Lock, LockError};
use crate::io::disk::Disk;
use crate::io::evidence::Evidence;
use crate::io::heads::HeadsFile;
use crate::io::keys::Keys;
use crate::io::learned::Learned;
use crate::io::local::Token;
use crate::io::marker::Markers;
use crate::io::news::News;
use crate::io::server::Places;
use crate::io::traffic::Traffic;
use crate::io::whole;
use crate::pins::Pins;
use crate::settings::Settings;
use crate::standing::Standings;
use crate::store::StoreError;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::log::FollowedLog;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

pub use crate::io::log;
pub use crate::settings::{Given, read_rate};
pub use append::append;
pub use listen::{ApiListen, Listen, NotAnAddress, NotLocal};
pub use serve::{Serve, Serving, encrypted_keys, serve};

/// Where a node lives and what it may unlock.
#[derive(Clone, Default)]
pub struct Options {
    /// Folder that holds everything of the node; the user's usual places when absent.
    pub data_dir: Option<PathBuf>,
    /// Passphrase of own keys.
    pub passphrase: Option<Zeroizing<String>>,
    /// Limits in the place of those that are set.
    pub limits: Given,
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
    if let Call::Check { file } = call {
        // Needs no store, but the file may be a pipe that never says anything.
        let checked = tokio::task::spawn_blocking(move || prove::check(&file)).await;
        let answer =
            checked.map_err(|_| Failure::new(Code::Failed, "the check ended unexpectedly"))??;
        tell(&events, Event::Answer(Box::new(answer))).await;
        return Ok(());
    }
    if let Call::Rebuild(Rebuild { only_index: false }) = call {
        return rebuild::rebuild(options, &events, stop).await;
    }
    if let Call::ConfigCheck = call {
        // Needs no store either, and a broken file may be why none can be opened.
        let answer = config::check(&find_dirs(options)?);
        tell(&events, Event::Answer(Box::new(answer))).await;
        return Ok(());
    }
    let node = match open(options).await {
        Ok(node) => node,
        Err(failure) if failure.code == Code::Locked => {
            let asked = local::ask(options, call.clone(), &events, stop, failure).await;
            return match (call, asked) {
                (Call::Doctor, Err(failure)) => {
                    doctor::without_store(options, failure, &events).await
                }
                (_, asked) => asked,
            };
        }
        Err(failure) if matches!(call, Call::Doctor) => {
            return doctor::without_store(options, failure, &events).await;
        }
        Err(failure) => return Err(failure),
    };
    node.keep_sources(&events).await;
    match call {
        // They list those that are away.
        Call::Doctor | Call::Status => node.warn_of_forgotten_roots(&events).await,
        _ => node.warn_of_roots(&events).await,
    }
    let answer = match sweep::before(&node).await {
        Ok(()) => node.run(call, &events, stop).await,
        Err(error) => Err(error.into()),
    };
    let answer = answer.map_err(|failure| node.explain(failure));
    let closing = node.clone();
    let closed = tokio::task::spawn_blocking(move || closing.close()).await;
    let closed = closed.unwrap_or(Ok(()));
    match (answer, closed) {
        // A store that takes nothing more is told why only when it is closed.
        (Err(failure), Err(error)) if failure.code == Code::Failed && error.is_full() => {
            Err(error.into())
        }
        (Err(failure), _) => Err(failure),
        (Ok(_), Err(error)) => Err(error.into()),
        (Ok(answer), Ok(())) => {
            tell(&events, Event::Answer(Box::new(answer))).await;
            Ok(())
        }
    }
}

fn find_dirs(options: &Options) -> Result<Dirs, Failure> {
    Dirs::find(options.data_dir.as_deref())
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))
}

async fn open(options: &Options) -> Result<Arc<Node>, Failure> {
    let options = options.clone();
    let opened = tokio::task::spawn_blocking(move || Node::open(&options)).await;
    let node = opened
        .map_err(|_| Failure::new(Code::Failed, "the node could not be opened"))?
        .map(Arc::new)?;
    limits::keep(&node);
    Ok(node)
}

/// Sends an event. Nobody listens any more: the work goes on all the same.
async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    let _ = events.send(event).await;
}

/// A disk with less room than this counts as full.
const FULL_BYTES: u64 = 64 << 10;

/// Everything of one node, open. Cheap to clone.
#[derive(Clone)]
struct Node {
    dirs: Dirs,
    disk: Arc<Disk>,
    blobs: Blobs,
    evidence: Evidence,
    damaged: DamageNotes,
    keys: Keys,
    markers: Markers,
    client: Arc<Client>,
    settings: Arc<reload::InForce>,
    traffic: Arc<Traffic>,
    places: Arc<Places>,
    heads: Arc<Mutex<HeadsFile>>,
    /// Held while an answer about a feed is judged.
    judging: Arc<judging::Judging>,
    /// Held while an own feed is open for signing: one history, one hand.
    signing: Arc<tokio::sync::Mutex<()>>,
    /// Own feeds of which others were asked since the start.
    asked: Arc<Mutex<BTreeSet<FeedKey>>>,
    /// Feeds of which all records could be read though the store failed: they are not read once more at each retry.
    readable: Arc<Mutex<BTreeSet<FeedKey>>>,
    sources: Arc<ReadSources>,
    pins: Arc<ReadPins>,
    /// The pins that were carried out.
    applied: Arc<Mutex<Option<Arc<Pins>>>>,
    room: Arc<room::Room>,
    /// Held while the list of subscriptions is changed.
    changing: Arc<Mutex<()>>,
    passphrase: Option<Zeroizing<String>>,
    /// Told of every new head, fork proof and succession.
    news: Arc<News>,
    /// Peers that others named.
    learned: Arc<Learned>,
    /// How peers behaved lately.
    standings: Arc<Mutex<Standings>>,
    /// Changes whenever the list of subscriptions does.
    changes: Arc<watch::Sender<u64>>,
    /// Feeds that are listed for everybody: own ones.
    listed: watch::Sender<Arc<Vec<FeedKey>>>,
    token: Arc<Token>,
    /// Addresses that it serves on; none when it does not serve.
    served_at: Arc<OnceLock<Vec<SocketAddr>>>,
    /// Where players of this machine are served; nowhere when it does not serve.
    player_at: Arc<OnceLock<SocketAddr>>,
    /// Held while the node is open.
    _lock: Arc<Lock>,
}

impl Node {
    fn open(options: &Options) -> Result<Self, Failure> {
        let dirs = find_dirs(options)?;
        let lock = dirs
            .create_all()
            .map_err(LockError::from)
            .and_then(|()| Lock::take(&dirs));
        let lock = lock.map_err(|error| words::lock_failure(&error))?;
        let settings = crate::io::config::load_settings(&dirs)?;
        let in_force = reload::InForce::new(settings, options.limits);
        let settings = in_force.now();
        let limits = &settings.limits;
        let disk = Disk::open_with(&dirs.store(), settings.memory.cache)
            .map_err(|error| words::store_broken(&dirs, &error))?;
        let disk = Arc::new(disk);
        let traffic = limits::traffic(limits);
        doctor::note_birth(&disk)?;
        let list = dirs.state().join("roots");
        let standings = crate::io::standings::load(&dirs.state().join("standings"));
        let standings = Standings::restored(standings, crate::io::clock::now_ms());
        whole::sweep(&dirs.keys()).map_err(StoreError::file(&dirs.keys(), "reading"))?;
        let heads = HeadsFile::open(&dirs.state().join("heads"))?;
        let node = Self {
            blobs: Blobs::open_all(
                &dirs.blobs(),
                &settings.blobs.roots,
                Some(&list),
                disk.clone(),
            )?,
            evidence: Evidence::open(&dirs.state().join("evidence"))?,
            damaged: DamageNotes::open(&dirs.state().join("damaged"))?,
            keys: Keys::at(&dirs.keys()),
            markers: Markers::open(&dirs.state().join("markers"))?,
            client: Arc::new(Client::through(vec![traffic.down.clone()])),
            places: Arc::new(Places::of_system(
                limits.connections,
                limits.connections_each,
            )),
            traffic,
            heads: Arc::new(Mutex::new(heads)),
            judging: Arc::default(),
            signing: Arc::default(),
            asked: Arc::default(),
            readable: Arc::default(),
            sources: Arc::default(),
            pins: Arc::default(),
            applied: Arc::default(),
            room: Arc::default(),
            changing: Arc::default(),
            passphrase: options.passphrase.clone(),
            news: Arc::default(),
            standings: Arc::new(Mutex::new(standings)),
            learned: Arc::new(Learned::open(&dirs.state().join("peers"))?),
            changes: Arc::new(watch::Sender::new(0)),
            listed: watch::Sender::default(),
            served_at: Arc::default(),
            player_at: Arc::default(),
            token: Arc::new(Token::at(&dirs.token())),
            settings: Arc::new(in_force),
            disk,
            dirs,
            _lock: Arc::new(lock),
        };
        // On a full disk what is here is served all the same; the next start tries again.
        if let Err(error) = node.remember_own() {
            tracing::warn!(%error, "what the store has of own feeds was not remembered");
        }
        Ok(node)
    }

    /// Names the blob roots that the settings no longer name: once, when they are forgotten.
    async fn warn_of_forgotten_roots(&self, events: &mpsc::Sender<Event>) {
        for root in self.blobs.forgotten_roots() {
            let (message, hint) = words::forgotten_root(root);
            let hint = Some(hint);
            tell(events, Event::Warning { message, hint }).await;
        }
    }

    /// Names the blob roots that are away.
    async fn warn_of_roots(&self, events: &mpsc::Sender<Event>) {
        self.warn_of_forgotten_roots(events).await;
        for root in self.blobs.away_roots() {
            let (message, hint) = words::away_root(root);
            let hint = Some(hint);
            tell(events, Event::Warning { message, hint }).await;
        }
    }

    /// Writes everything to the disk.
    fn close(&self) -> Result<(), StoreError> {
        // Losing it is harmless: a disk that is full is no reason to leave the rest undone.
        if let Err(error) = self.keep_standings() {
            tracing::warn!(%error, "how peers behaved was not written down");
        }
        self.blobs.note_used()?;
        self.disk.close()
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
            self.news.head(&head.body().feed);
        }
        Ok(())
    }

    /// The highest head of a feed that was ever verified here.
    fn remembered(&self, feed: &FeedKey) -> Option<Head> {
        self.heads
            .lock()
            .expect("nobody panics while holding this lock")
            .get(feed)
    }

    /// A store that stopped because the disk is full says only that it stopped.
    fn explain(&self, failure: Failure) -> Failure {
        let is_full = || self.blobs.free_bytes().is_ok_and(|free| free < FULL_BYTES);
        if failure.code == Code::Failed && is_full() {
            return words::full(failure.message);
        }
        failure
    }

    /// The settings that hold now.
    fn settings(&self) -> Arc<Settings> {
        self.settings.now()
    }

    /// What opens encrypted keys.
    fn passphrase(&self) -> Option<&str> {
        self.passphrase.as_ref().map(|text| text.as_str())
    }
}
