//! Serving: listens, tells where, answers until told to stop.

mod hints;
mod unlock;

pub use unlock::encrypted_keys;

use super::listen::{self, ApiListen, Listen};
use super::show::link_of;
use super::{Node, Options, Stop, open};
use crate::api::{Code, Event, Failure};
use crate::io::clock;
use crate::io::local::{self, Gate};
use crate::io::server::{self, Room, Served};
use crate::io::service;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Time after which the same trouble is told again.
const SAID_AGAIN: Duration = Duration::from_secs(3_600);

/// Between two looks whether a full disk has room again.
const ROOM_LOOKED_FOR: Duration = Duration::from_secs(2);

/// Where to serve, as it was named; the settings say what was not, and the usual ports what they do not.
#[derive(Clone, Debug, Default)]
pub struct Serve {
    /// For peers.
    pub listen: Vec<Listen>,
    /// For calls of this machine.
    pub api: Vec<ApiListen>,
    /// Counts up each time the settings are to be read again.
    pub reload: Option<watch::Receiver<u64>>,
}

/// Where a serving node can be reached.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Addresses that are listened on.
    pub listen: Vec<SocketAddr>,
    /// Addresses of loopback on which calls are taken.
    pub api: Vec<SocketAddr>,
    /// Links of the feeds served, with `via` hints of these addresses: (name, link).
    pub links: Vec<(String, String)>,
}

/// Serves until stopped.
///
/// # Errors
/// What the person reads, and the exit code.
pub async fn serve(
    options: &Options,
    named: &Serve,
    ready: impl FnOnce(Serving),
    events: mpsc::Sender<Event>,
    mut stop: Stop,
) -> Result<(), Failure> {
    let node = open(options).await?;
    node.keep_sources(&events).await;
    node.warn_of_roots(&events).await;
    super::sweep::before(&node).await?;
    unlock::check(&node, &events).await?;
    let (for_peers, for_calls) = addresses(&node, named)?;
    let listeners = listen::bind(&for_peers, &events).await?;
    let local = listen::bind_local(&for_calls, &events).await;
    let served_at = bound(&listeners);
    node.served_at.get_or_init(|| served_at.clone());
    super::own::relist(&node)?;
    let served = Arc::new(Served::new(
        node.disk.clone(),
        node.blobs.clone(),
        node.evidence.clone(),
        node.listed.subscribe(),
        node.news.clone(),
        alarm(&events),
    ));
    let mut serving = JoinSet::new();
    let api = take_calls(&node, local, &events, &stop, &mut serving).await;
    serve_players(&node, &events, &stop, &mut serving).await;
    tracing::info!(listen = ?served_at, ?api, "serving");
    let links = links(&node)?;
    service::ready(&shown(&served_at));
    ready(Serving {
        links,
        listen: served_at,
        api,
    });
    let answers = node.settings().memory.answers;
    let room = Room::new(node.places.clone(), node.traffic.up.clone(), answers);
    serving.spawn(stay_alive(node.clone(), stop.clone()));
    for listener in listeners {
        let (served, room) = (served.clone(), room.clone());
        serving.spawn(server::serve(listener, served, room, stop.clone()));
    }
    serving.spawn(super::announce::announce(node.clone(), stop.clone()));
    let guarding = super::guard::guard(node.clone(), events.clone(), stop.clone());
    serving.spawn(guarding);
    if let Some(signals) = named.reload.clone() {
        let told = super::reload::when_told(node.clone(), signals, events.clone(), stop.clone());
        serving.spawn(told);
    }
    serving.spawn(super::conduct::keep(node.clone(), stop.clone()));
    serving.spawn(super::sweep::serving(node.clone(), stop.clone()));
    serving.spawn(super::live::live(node.clone(), events, stop.clone()));
    let failed = tokio::select! {
        // An error here means that whoever could stop us is gone: then it is time to stop.
        _ = stop.wait_for(|stop| *stop) => None,
        () = unusable(&node) => Some(super::words::store_stopped(&node.dirs)),
    };
    tracing::info!("stopping");
    service::stopping();
    if let Some(failure) = failed {
        serving.shutdown().await;
        super::local::forget(&node);
        return Err(failure);
    }
    while serving.join_next().await.is_some() {}
    super::local::forget(&node);
    let closed = tokio::task::spawn_blocking(move || node.close()).await;
    closed
        .map_err(|_| Failure::new(Code::Failed, "the store was not closed"))?
        .map_err(Failure::from)
}

/// Returns when nothing more can be written until the store is opened again, and that would help. While the disk is full
/// it would not, and what is here is served on.
async fn unusable(node: &Arc<Node>) {
    node.disk.failed().await;
    loop {
        let disk = node.disk.clone();
        let full = tokio::task::spawn_blocking(move || disk.no_space().is_some());
        if !full.await.unwrap_or(false) {
            return;
        }
        tokio::time::sleep(ROOM_LOOKED_FOR).await;
    }
}

fn shown(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(" and ")
}

/// Tells the operator when answers to others fail because of our own disk; the same thing once an hour.
fn alarm(events: &mpsc::Sender<Event>) -> mpsc::Sender<StoreError> {
    // Weak: the events end with serving, whoever may still be answered then.
    let events = events.downgrade();
    let (sender, mut troubles) = mpsc::channel::<StoreError>(1);
    tokio::spawn(async move {
        let mut said: Option<(String, Instant)> = None;
        while let Some(error) = troubles.recv().await {
            let text = error.to_string();
            let is_known = said
                .as_ref()
                .is_some_and(|(known, at)| *known == text && clock::since(*at) < SAID_AGAIN);
            if !is_known && let Some(events) = events.upgrade() {
                said = Some((text, clock::tick()));
                let mut failure = Failure::from(error);
                failure.message = format!("others were not answered: {}", failure.message);
                warn(&events, failure).await;
            }
        }
    });
    sender
}

/// Tells the service manager that the node is alive, as long as the store can be read.
async fn stay_alive(node: Arc<Node>, mut stop: Stop) {
    let Some(pause) = service::watchdog() else {
        return;
    };
    loop {
        let reading = node.clone();
        let read = tokio::task::spawn_blocking(move || reading.disk.note(b"alive").is_ok());
        if read.await.unwrap_or(false) {
            service::alive();
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Where to listen for peers, and for calls.
fn addresses(node: &Node, named: &Serve) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), Failure> {
    let settings = node.settings();
    let peers = match named.listen.as_slice() {
        [] => listen::for_peers(&listen::read_all("listen", &settings.listen)?),
        named => listen::for_peers(named),
    };
    let calls = match (named.api.as_slice(), &settings.api) {
        ([], Some(none)) if none.is_empty() => Vec::new(),
        ([], Some(set)) => listen::for_calls(&listen::read_all("api", set)?),
        (named, _) => listen::for_calls(named),
    };
    Ok((peers, calls))
}

fn bound(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    let bound = listeners.iter().map(TcpListener::local_addr);
    bound.filter_map(Result::ok).collect()
}

/// Takes calls on the socket and on loopback; gives the addresses of loopback.
async fn take_calls(
    node: &Arc<Node>,
    local: Vec<TcpListener>,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
    serving: &mut JoinSet<()>,
) -> Vec<SocketAddr> {
    let calls = super::local::calls(node);
    match super::local::listen(node) {
        Ok(socket) => {
            serving.spawn(local::on_socket(socket, calls.clone(), stop.clone()));
        }
        Err(failure) => warn(events, failure).await,
    }
    if local.is_empty() {
        return Vec::new();
    }
    if let Err(error) = node.token.read_or_make() {
        warn(events, error.into()).await;
        return Vec::new();
    }
    let addresses = bound(&local);
    for (listener, address) in local.into_iter().zip(&addresses) {
        let gate = Gate::new(address.port(), node.token.clone());
        serving.spawn(local::on_loopback(
            listener,
            gate,
            calls.clone(),
            stop.clone(),
        ));
    }
    addresses
}

/// Serves players of this machine, on a port of their own.
async fn serve_players(
    node: &Arc<Node>,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
    serving: &mut JoinSet<()>,
) {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
        Ok(listener) => listener,
        Err(error) => {
            let message = format!("files cannot be played from here: {error}");
            return warn(events, Failure::new(Code::Failed, message)).await;
        }
    };
    let made = node.token.read_or_make().map(|_| listener.local_addr());
    // What is wrong with the token was told where calls are taken.
    let Ok(Ok(address)) = made else {
        return;
    };
    node.player_at.get_or_init(|| address);
    let (token, library) = (node.token.clone(), super::play::library(node));
    serving.spawn(local::for_players(listener, token, library, stop.clone()));
}

async fn warn(events: &mpsc::Sender<Event>, failure: Failure) {
    let Failure { message, hint, .. } = failure;
    super::tell(events, Event::Warning { message, hint }).await;
}

fn links(node: &Node) -> Result<Vec<(String, String)>, Failure> {
    let (own, sources) = (node.keys.list()?, node.sources()?);
    let own_feeds: BTreeSet<FeedKey> = own.iter().map(|key| key.feed).collect();
    let own = own.into_iter().map(|key| (key.name, key.feed, None));
    let followed = sources.list().iter();
    let followed = followed
        .filter(|source| !own_feeds.contains(&source.feed))
        .map(|source| (source.nickname.clone(), source.feed, Some(source)));
    let mut links = Vec::new();
    for (name, feed, source) in own.chain(followed) {
        if node.disk.head(&feed)?.is_some() {
            let source = source.cloned().or_else(|| node.source_of(&feed));
            links.push((name, link_of(node, &feed, source)?.to_string()));
        }
    }
    Ok(links)
}
