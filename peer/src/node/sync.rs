//! Syncing one source: records from the first peer that has them, then the media that its policy keeps.

mod media;
mod records;

use super::records::{SyncError, blocking};
use super::words::REBUILD;
use super::{Node, Stop, doctor};
use crate::api::{Code, Event, Failure, Synced};
use crate::io::client::{AskError, Remote, Unreachable};
use crate::io::clock;
use crate::sources::{Keep, Source};
use levada_feed::reject::Reject;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How much a sync looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// At all that the policy keeps, and whoever may have what is lacking: a person asked.
    All,
    /// Media: at items that are new, changed or lacked something, if the others were looked at lately, since a peer has
    /// news. Records: below `above` those that are lacking are asked of one peer only.
    News {
        /// Everybody was asked for what is below.
        above: u64,
    },
}

/// Syncs one source once.
pub(super) async fn sync_source(
    node: &Arc<Node>,
    source: &Source,
    look: Look,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Synced, Failure> {
    let done = sync_all(node, source, look, events, stop).await;
    done.map(|(synced, _)| synced)
}

/// The same; says too whether all the records are here that are wanted.
pub(super) async fn sync_all(
    node: &Arc<Node>,
    source: &Source,
    look: Look,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(Synced, bool), Failure> {
    let started = clock::tick();
    let mut done = sync_once(node, source, look, events.clone(), stop.clone()).await;
    let is_of_store = |failure: &Failure| failure.hint.as_deref() == Some(REBUILD);
    let is_first = |node: &Node| {
        let readable = node.readable.lock();
        let readable = readable.expect("nobody panics while holding this lock");
        look == Look::All || !readable.contains(&source.feed)
    };
    if done.as_ref().is_err_and(is_of_store)
        && is_first(node)
        && let_go(node, source, &events, &stop).await?
    {
        done = sync_once(node, source, look, events, stop).await;
    }
    if done.is_ok() {
        let readable = node.readable.lock();
        let mut readable = readable.expect("nobody panics while holding this lock");
        readable.remove(&source.feed);
    }
    let ms = clock::since(started).as_millis();
    let feed = super::words::short(&source.feed);
    match &done {
        Ok((synced, _)) => {
            let (records, bytes) = (synced.records_new, synced.bytes_new);
            let (length, peer) = (synced.length, synced.via.as_deref());
            if records > 0 || bytes > 0 {
                tracing::info!(feed, peer, length, records, bytes, ms, "synced");
            } else {
                tracing::debug!(feed, peer, length, ms, "nothing new");
            }
        }
        Err(failure) => tracing::debug!(feed, ms, why = ?failure.message, "not synced"),
    }
    done
}

/// Records that the store cannot read any more are asked for again; says whether there were any.
async fn let_go(
    node: &Arc<Node>,
    source: &Source,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<bool, Failure> {
    let (looking, feed, stop) = (node.clone(), source.feed, stop.clone());
    let lost = blocking(move || {
        let lost = looking.disk.let_go_unreadable(&feed, &|| *stop.borrow())?;
        if lost > 0 {
            // For `doctor`: who syncs by itself is heard by nobody.
            let names = (super::verify::UNREADABLE.to_vec(), b"records".to_vec());
            looking.disk.put_notes([names])?;
        } else if !*stop.borrow() {
            let readable = looking.readable.lock();
            let mut readable = readable.expect("nobody panics while holding this lock");
            readable.insert(feed);
        }
        Ok(lost)
    })
    .await;
    let lost = lost.map_err(|error| failure(source, &error))?;
    if lost > 0 {
        let message = format!(
            "{}: {lost} records cannot be read from the store any more, and are fetched again",
            source.nickname
        );
        let hint = Some(REBUILD.to_owned());
        super::tell(events, Event::Warning { message, hint }).await;
    }
    Ok(lost > 0)
}

async fn sync_once(
    node: &Arc<Node>,
    source: &Source,
    look: Look,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(Synced, bool), Failure> {
    let mut order = remotes(node, source)?;
    if look == Look::All {
        // Who lied or failed lately lost its place before others; with news, who told of them comes first.
        order.sort_by_key(|remote| node.rank(remote.name()));
    }
    let mut is_whole = true;
    let mut result = Synced {
        feed: source.feed,
        nickname: source.nickname.clone(),
        name: None,
        length: 0,
        is_of_news: false,
        root: None,
        records: 0,
        records_new: 0,
        items: 0,
        files: 0,
        files_wanted: 0,
        bytes_new: 0,
        files_over_limit: 0,
        files_over_quota: 0,
        via: None,
        is_disputed: false,
        error: None,
    };
    // Records of an own feed come by taking over alone, under the lock of signing.
    if node.own_name(&source.feed).is_none() {
        let above = match look {
            Look::All => 0,
            Look::News { above } => above,
        };
        let synced = records::bring(node, source, above, &order, &events, &stop).await;
        if synced
            .as_ref()
            .is_err_and(|failure| failure.code == Code::NotFound)
        {
            doctor::note_unreached(&node.disk, &source.feed)?;
        }
        let came = synced?;
        doctor::note_reached(&node.disk, &source.feed)?;
        if came.came > 0 {
            // Until they are counted: a kill in between must not hide what is missing.
            doctor::note_lacking(&node.disk, &source.feed, None)?;
        }
        is_whole = came.is_whole;
        result.records_new = came.came;
        // Who answered is asked first for the media too.
        order.sort_by_key(|remote| remote.name() != came.via);
        result.via = Some(came.via);
    }
    media::sync_media(node, source, look, order, &mut result, events, stop).await?;
    if let Some(head) = node.disk.head(&source.feed)? {
        result.length = head.body().length;
        result.root = Some(head.body().root);
    }
    result.records = node.disk.held(&source.feed).count();
    result.name = node.profile_name(&source.feed)?;
    result.is_disputed = node.evidence.fork(&source.feed)?.is_some();
    Ok((result, is_whole))
}

/// All records of a source, whatever it keeps; no media.
pub(super) async fn bring_records(
    node: &Arc<Node>,
    source: &Source,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<(), Failure> {
    let whole = Source {
        keep: Keep::All,
        ..source.clone()
    };
    let remotes = remotes(node, &whole)?;
    let synced = records::bring(node, &whole, 0, &remotes, events, stop).await;
    synced.map(drop)
}

fn remotes(node: &Node, source: &Source) -> Result<Vec<Remote>, Failure> {
    let peers = node.peers_of(source);
    let known = peers.iter().map(|via| node.remote(via));
    let good: Vec<Remote> = known.filter_map(Result::ok).collect();
    if !good.is_empty() {
        return Ok(good);
    }
    // Other addresses than http and https are ignored (spec/wire.md, Addresses); here nothing is left.
    let ignored = match source.via.as_slice() {
        [] => String::new(),
        via => format!(" (ignored: {})", via.join(" ")),
    };
    Err(Failure::new(
        Code::NotFound,
        format!(
            "{}: nobody is known who has this feed{ignored}",
            source.nickname
        ),
    )
    .hint("say where to ask: levada follow LINK --via http://HOST:9327"))
}

/// What the person reads.
pub(super) fn failure(source: &Source, error: &SyncError) -> Failure {
    let name = format!(
        "feed {} ({})",
        super::words::short(&source.feed),
        source.nickname
    );
    let message = format!("{name}: {error}");
    match error {
        SyncError::Interrupted => Failure::new(Code::Interrupted, format!("{name}: interrupted"))
            .hint("what came is kept; the same command goes on"),
        SyncError::Store(error) => super::words::store_failure(error),
        SyncError::Fork(proof) => {
            let heads = [proof.shorter(), proof.longer()]
                .map(|head| data_encoding::HEXLOWER.encode(head.wire()));
            Failure::new(Code::NotVerified, format!("{message}\n  head of length {}: {}\n  head of length {}: {}",
                proof.shorter().body().length, heads[0], proof.longer().body().length, heads[1]))
            .hint("what was verified before stays readable; the proof is kept, and `levada show` prints it")
        }
        SyncError::NoRoom(no_room) => {
            Failure::new(Code::OverQuota, message).hint(no_room.hint("FEED/INDEX"))
        }
        SyncError::WrongSize { .. } => Failure::new(Code::NotVerified, message),
        SyncError::Behind { .. } => Failure::new(Code::NotVerified, message).hint(
            "it is a mirror that is behind, or an author's backup; ask another peer with --via",
        ),
        SyncError::Ask(AskError::Rejected {
            reject: Reject::NeedsNewer { .. },
            ..
        }) => Failure::new(Code::NotVerified, message)
            .hint("nobody is to blame: the feed uses something that this levada does not know yet; update levada"),
        SyncError::Ask(AskError::Rejected { .. }) => Failure::new(Code::NotVerified, message)
            .hint("nothing of it was kept; try another peer with --via"),
        SyncError::Ask(AskError::Unreachable(Unreachable::NotThere { .. })) => {
            Failure::new(Code::NotFound, message)
                .hint("check the link, or ask another peer with --via")
        }
        SyncError::Ask(AskError::Unreachable(Unreachable::Address { .. })) => {
            Failure::new(Code::Usage, message)
        }
        SyncError::Ask(AskError::Unreachable(Unreachable::NotYet { .. })) => {
            Failure::new(Code::NotFound, message)
                .hint("what came is kept; `levada sync` goes on when the upload is done")
        }
        SyncError::Ask(AskError::Unreachable(Unreachable::Busy { after_s, .. })) => {
            Failure::new(Code::NotFound, message).hint(format!(
                "`levada sync` in {after_s} seconds asks again; or ask another peer with --via"
            ))
        }
        SyncError::Ask(AskError::Unreachable(_)) => Failure::new(Code::NotFound, message)
            .hint("is it running there? `levada sync` tries again"),
    }
}
