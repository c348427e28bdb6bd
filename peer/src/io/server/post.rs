//! What is handed over: hashes of wanted blobs, fork proofs, successions. Bounded, and in time.

use super::{
    ANSWER_UNIT_BYTES, Answer, Caller, Room, Served, announced, busy, empty, not_here, plain,
    refuse, refuse_bytes, store_failed, watch,
};
use crate::frame::{self, ANNOUNCE_BYTES_MAX, Ask, WATCH_BYTES_MAX};
use crate::io::disk::Disk;
use crate::store::StoreError;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::{BATCH_HASHES_MAX, FORK_BYTES_MAX, INLINE_BYTES_MAX};
use levada_feed::record;
use levada_feed::reject::Reject;
use levada_feed::succession::Succession;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Bodies of as many bytes are bounded by the number of connections, like the headers before them.
const SMALL_BYTES: usize = 17 << 10;
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads what is handed over: in time, at most as long as it may be, and no more of it at once than there is room for.
pub(super) async fn read(
    served: &Arc<Served>,
    room: &Room,
    ask: &Ask,
    body: Incoming,
    peer: Option<IpAddr>,
) -> Result<Bytes, Box<Answer>> {
    let refused = |status, why| Err(Box::new(refuse(status, why)));
    let limit = match ask {
        Ask::Watch => WATCH_BYTES_MAX,
        Ask::Peers { .. } => ANNOUNCE_BYTES_MAX,
        Ask::Batch => BATCH_HASHES_MAX * 32 + 64,
        _ => FORK_BYTES_MAX,
    };
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
    }
    // Evidence is kept of feeds that are kept here: else any stranger could fill the disk with feeds of his own.
    if let Ask::Fork { feed } | Ask::Succession { feed } = *ask {
        let known = served.clone();
        let head = tokio::task::spawn_blocking(move || known.disk.head(&feed)).await;
        match head {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => return Err(Box::new(not_here())),
            Ok(Err(error)) => return Err(Box::new(served.failed(error))),
            Err(_) => return Err(Box::new(store_failed())),
        }
    }
    let said = body.size_hint().upper();
    let size = said.and_then(|said| usize::try_from(said).ok());
    let size = size.unwrap_or(limit).min(limit);
    let units = if size <= SMALL_BYTES {
        0
    } else {
        size.div_ceil(ANSWER_UNIT_BYTES)
    };
    let Some(_part) = room.handed.try_take(peer, units) else {
        return Err(Box::new(busy("too many hand over much at once", 10)));
    };
    match tokio::time::timeout(BODY_TIMEOUT, gather(body, limit)).await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too long or broke off",
        ),
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    }
}

/// All of a body in one piece; `None` when it is longer or breaks off. Pieces are copied as they come: one of a single
/// byte would keep all of the buffer that it came in.
async fn gather(body: Incoming, limit: usize) -> Option<Bytes> {
    let mut body = Limited::new(body, limit);
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.ok()?.into_data() {
            whole.extend_from_slice(&bytes);
        }
    }
    Some(whole.into())
}

/// Answers what was handed over.
pub(super) async fn post(
    served: &Arc<Served>,
    room: &Room,
    ask: Ask,
    bytes: Bytes,
    caller: &Caller,
) -> Answer {
    if ask == Ask::Watch {
        return watch::answer(served, room, &bytes, caller);
    }
    if let Ask::Peers { feed } = ask {
        return announced::announce(served, feed, &bytes, caller).await;
    }
    let served = served.clone();
    let work = tokio::task::spawn_blocking(move || match ask {
        Ask::Batch => batch(&served, &bytes),
        Ask::Fork { feed } => take(&served, ForkProof::check(&bytes), |proof| {
            let is_of_feed = proof.longer().body().feed == feed;
            is_of_feed.then(|| told(&served, &feed, served.evidence.put_fork(proof)))
        }),
        Ask::Succession { feed } => match recovery(&served.disk, &feed) {
            Ok(named) => {
                let checked = Succession::check(&bytes)
                    .and_then(|file| file.check_recovery(named.as_ref()).map(|()| file));
                take(&served, checked, |file| {
                    let is_of_feed = file.body().feed == feed;
                    is_of_feed.then(|| told(&served, &feed, served.evidence.put_succession(file)))
                })
            }
            Err(error) => served.failed(error),
        },
        _ => not_here(),
    });
    work.await.unwrap_or_else(|_| store_failed())
}

/// Tells who watches the feed of what is new.
fn told(
    served: &Served,
    feed: &FeedKey,
    kept: Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    if matches!(kept, Ok(true)) {
        served.news.evidence(feed);
    }
    kept
}

/// The hash of the recovery key that record 0 of a feed names: without it anybody could hand over a succession.
fn recovery(disk: &Disk, feed: &FeedKey) -> Result<Option<Hash>, StoreError> {
    let Some(bytes) = disk.record(feed, 0)? else {
        return Ok(None);
    };
    Ok(match record::read(&bytes, 0).map(|record| record.body) {
        Ok(record::Body::Profile(profile)) => profile.recovery,
        _ => None,
    })
}

/// Keeps a file that was handed over, if it checks and is of the feed that the request names.
fn take<T>(
    served: &Served,
    checked: Result<T, Reject>,
    keep: impl FnOnce(&T) -> Option<Result<bool, StoreError>>,
) -> Answer {
    let file = match checked {
        Ok(file) => file,
        Err(reject) => return refuse_bytes(&reject),
    };
    match keep(&file) {
        Some(Ok(true)) => empty(StatusCode::NO_CONTENT),
        Some(Ok(false)) => plain(StatusCode::OK, "text/plain", b"known already\n".to_vec()),
        Some(Err(error)) => served.failed(error),
        None => refuse_bytes(&Reject::OtherFeed),
    }
}

fn batch(served: &Served, body: &[u8]) -> Answer {
    let hashes = match frame::read_batch(body) {
        Ok(hashes) => hashes,
        Err(reject) => return refuse_bytes(&reject),
    };
    let mut blobs = Vec::with_capacity(hashes.len());
    for hash in &hashes {
        match served.disk.small(hash) {
            Ok(blob) => blobs.push(
                blob.filter(|blob| u64::try_from(blob.len()).unwrap_or(0) <= INLINE_BYTES_MAX),
            ),
            Err(error) => return served.failed(error),
        }
    }
    plain(
        StatusCode::OK,
        "application/cbor",
        frame::write_blobs(&blobs),
    )
}
