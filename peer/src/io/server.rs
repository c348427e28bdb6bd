//! Answers peers over HTTP/1.1 (spec/wire.md).
//!
//! One connection is one task; what reads the disk runs on blocking threads. Answers are the same for everybody. Which
//! feeds are listed is told by the node; a feed that is not listed is served to those who ask by its key.

mod blob;

use crate::frame::{self, Ask, BadAsk};
use crate::io::answer;
use crate::io::blobs::Blobs;
use crate::io::disk::Disk;
use crate::io::evidence::Evidence;
use crate::store::StoreError;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::{BATCH_HASHES_MAX, FEEDS_PAGE_MAX, FORK_BYTES_MAX, INLINE_BYTES_MAX};
use levada_feed::reject::Reject;
use levada_feed::succession::Succession;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 8_192;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
const HEADERS_MAX: usize = 64;

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;
type Answer = Response<Body>;

/// What a server serves from.
pub struct Served {
    /// Records and small blobs.
    pub disk: Arc<Disk>,
    /// Blobs.
    pub blobs: Blobs,
    /// Fork proofs and successions.
    pub evidence: Evidence,
    /// Feeds that are listed: own and deliberately mirrored ones, sorted.
    pub listed: Vec<FeedKey>,
    /// Changes whenever a head does.
    pub news: watch::Receiver<u64>,
}

/// Answers on one listener until told to stop; then running answers get a moment to end.
pub async fn serve(listener: TcpListener, served: Arc<Served>, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = places.clone().acquire_owned().await;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of files, or a peer that left already: the next one may do better.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Small answers should not wait for more to come; a socket that cannot say so still works.
        let _ = stream.set_nodelay(true);
        let served = served.clone();
        let mut stop = stop.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let served = served.clone();
                async move { Ok::<_, Infallible>(answer_one(&served, request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_headers(HEADERS_MAX)
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            // A peer that breaks off is no event of ours.
            let is_stopped = tokio::select! {
                _ = connection.as_mut() => false,
                stopped = stop.wait_for(|stop| *stop) => { drop(stopped); true }
            };
            if is_stopped {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(Duration::from_secs(1), connection).await;
            }
            drop(place);
        });
    }
}

async fn answer_one(served: &Arc<Served>, request: Request<Incoming>) -> Answer {
    let ask = match Ask::parse(request.uri().path(), request.uri().query()) {
        Ok(ask) => ask,
        Err(BadAsk::NoSuchPath) => {
            return refuse(StatusCode::NOT_FOUND, "there is nothing of this name");
        }
        Err(BadAsk::BadParameter(name)) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                &format!("{name} is missing or wrong"),
            );
        }
    };
    let is_post = match (request.method(), &ask) {
        (&Method::GET, ask) if !matches!(ask, Ask::Batch) => false,
        (&Method::HEAD, Ask::Blob { .. } | Ask::Health) => false,
        (&Method::POST, Ask::Fork { .. } | Ask::Succession { .. } | Ask::Batch) => true,
        (_, Ask::Fork { .. } | Ask::Succession { .. }) => return allow("GET, POST"),
        (_, Ask::Batch) => return allow("POST"),
        (_, Ask::Blob { .. } | Ask::Health) => return allow("GET, HEAD"),
        _ => return allow("GET"),
    };
    if is_post {
        return post(served, ask, request.into_body()).await;
    }
    match ask {
        Ask::Health => plain(StatusCode::OK, "text/plain", b"ok\n".to_vec()),
        Ask::Blob { hash } => blob::answer(served, hash, &request).await,
        Ask::Proof { hash, from, to } => blob::proof(served, hash, from..to).await,
        Ask::Have { hash } => blob::have(served, hash).await,
        Ask::Head { feed, have, wait } => {
            let known = request.headers().get(header::IF_NONE_MATCH).cloned();
            head(served, feed, have, wait, known).await
        }
        other => {
            let served = served.clone();
            blocking(move || read(&served, &other)).await
        }
    }
}

/// Runs what reads the disk where it may block.
async fn blocking(
    work: impl FnOnce() -> Result<Option<Vec<u8>>, StoreError> + Send + 'static,
) -> Answer {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(Some(bytes))) => plain(StatusCode::OK, "application/cbor", bytes),
        Ok(Ok(None)) => not_here(),
        Ok(Err(_)) | Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the store failed"),
    }
}

fn read(served: &Served, ask: &Ask) -> Result<Option<Vec<u8>>, StoreError> {
    match ask {
        Ask::Bundle { feed, from, to, at } => answer::bundle(&served.disk, feed, *from..*to, *at),
        Ask::Latest { feed, count } => answer::latest(&served.disk, feed, *count),
        Ask::Fork { feed } => Ok(served
            .evidence
            .fork(feed)?
            .map(|proof| proof.wire().to_vec())),
        Ask::Succession { feed } => Ok(served
            .evidence
            .succession(feed)?
            .map(|file| file.wire().to_vec())),
        Ask::Feeds { after } => {
            let next = served
                .listed
                .iter()
                .filter(|feed| after.is_none_or(|after| **feed > after));
            let mut heads = Vec::new();
            for feed in next {
                heads.extend(served.disk.head(feed)?.map(|head| head.wire().to_vec()));
                if heads.len() == FEEDS_PAGE_MAX {
                    break;
                }
            }
            Ok(Some(frame::write_feeds(&heads)))
        }
        _ => Ok(None),
    }
}

/// Strong tag of a head: the first 16 bytes of the hash of its wire form.
fn head_tag(wire: &[u8]) -> String {
    let hash = Hash::of(wire).to_string();
    format!("\"{}\"", hash.get(..32).unwrap_or(&hash))
}

async fn head(
    served: &Arc<Served>,
    feed: FeedKey,
    have: u64,
    wait: u64,
    known: Option<HeaderValue>,
) -> Answer {
    let mut news = served.news.clone();
    let limit = tokio::time::sleep(Duration::from_secs(wait));
    tokio::pin!(limit);
    loop {
        news.borrow_and_update();
        let tag = match served.disk.head(&feed) {
            Ok(Some(head)) => head_tag(head.wire()),
            Ok(None) => return not_here(),
            Err(_) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the store failed"),
        };
        if known
            .as_ref()
            .is_none_or(|known| known.as_bytes() != tag.as_bytes())
        {
            let served = served.clone();
            let mut answer = blocking(move || answer::head(&served.disk, &feed, have)).await;
            if let Ok(tag) = HeaderValue::from_str(&tag) {
                answer.headers_mut().insert(header::ETAG, tag);
            }
            return answer;
        }
        let is_over = tokio::select! {
            changed = news.changed() => changed.is_err(),
            () = &mut limit => true,
        };
        if is_over {
            return empty(StatusCode::NOT_MODIFIED);
        }
    }
}

async fn post(served: &Arc<Served>, ask: Ask, body: Incoming) -> Answer {
    let limit = match ask {
        Ask::Batch => BATCH_HASHES_MAX * 32 + 64,
        _ => FORK_BYTES_MAX,
    };
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await;
    let bytes = match collected {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            return refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too long or broke off",
            );
        }
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let served = served.clone();
    let work = tokio::task::spawn_blocking(move || match ask {
        Ask::Batch => batch(&served, &bytes),
        Ask::Fork { feed } => take(ForkProof::check(&bytes), |proof| {
            let is_of_feed = proof.longer().body().feed == feed;
            is_of_feed.then(|| served.evidence.put_fork(proof))
        }),
        Ask::Succession { feed } => take(Succession::check(&bytes), |file| {
            let is_of_feed = file.body().feed == feed;
            is_of_feed.then(|| served.evidence.put_succession(file))
        }),
        _ => not_here(),
    });
    work.await
        .unwrap_or_else(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "the store failed"))
}

/// Keeps a file that was handed over, if it checks and is of the feed that the request names.
fn take<T>(
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
        Some(Err(_)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the store failed"),
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
            Err(_) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the store failed"),
        }
    }
    plain(
        StatusCode::OK,
        "application/cbor",
        frame::write_blobs(&blobs),
    )
}

fn body_of(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes))
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn plain(status: StatusCode, media_type: &'static str, bytes: Vec<u8>) -> Answer {
    let mut answer = Response::new(body_of(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(body_of(Vec::new()));
    *answer.status_mut() = status;
    answer
}

fn refuse(status: StatusCode, why: &str) -> Answer {
    plain(status, "text/plain", format!("{why}\n").into_bytes())
}

fn refuse_bytes(reject: &Reject) -> Answer {
    refuse(
        StatusCode::UNPROCESSABLE_ENTITY,
        &format!("{}: {reject}", reject.must()),
    )
}

fn not_here() -> Answer {
    refuse(StatusCode::NOT_FOUND, "not here")
}

fn allow(methods: &'static str) -> Answer {
    let mut answer = refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        "this method is not for this address",
    );
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(methods));
    answer
}
