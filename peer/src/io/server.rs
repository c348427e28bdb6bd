//! Answers peers over HTTP/1.1 (spec/wire.md).
//!
//! One connection is one task; what reads the disk runs on blocking threads. Answers are the same for everybody. Which
//! feeds are listed is told by the node; a feed that is not listed is served to those who ask by its key.
//!
//! What a stranger can make us hold is bounded: connections, of all and of one address block, bytes of a request, and
//! bytes of all answers under way together; one who takes nothing of his answer is cut off.

mod blob;
mod paced;
mod places;
#[cfg(test)]
mod tests;

use crate::frame::{self, Ask, BATCH_BYTES_MAX, BadAsk};
use crate::io::answer;
use crate::io::blobs::Blobs;
use crate::io::disk::Disk;
use crate::io::evidence::Evidence;
use crate::store::StoreError;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::{
    BATCH_HASHES_MAX, BUNDLE_BYTES_MAX, FEEDS_PAGE_MAX, FORK_BYTES_MAX, INLINE_BYTES_MAX,
};
use levada_feed::record;
use levada_feed::reject::Reject;
use levada_feed::succession::Succession;
use paced::Paced;
use places::Places;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
const HEADERS_MAX: usize = 64;
/// Bytes of all headers of a request together.
const HEADERS_BYTES_MAX: usize = 16 << 10;
/// Bytes that hyper keeps of one connection in either direction, besides the part of an answer that is being sent.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes of answers under way, of all connections together.
const ANSWERS_BYTES_MAX: usize = 256 << 20;
/// Unit in which these are counted.
const ANSWER_UNIT_BYTES: usize = 64 << 10;
/// Time to wait for other answers to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// Time that running answers get when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

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
    let places = Places::of_system();
    let answers = Arc::new(Semaphore::new(ANSWERS_BYTES_MAX / ANSWER_UNIT_BYTES));
    loop {
        let next = async {
            let place = places.free().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (Some(place), Ok((stream, peer))) = (place, accepted) else {
            // Out of files, or a peer that left already: the next one may do better.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let Some(place) = places.take(place, peer) else {
            continue;
        };
        // Small answers should not wait for more to come; a socket that cannot say so still works.
        let _ = stream.set_nodelay(true);
        let (served, answers, stop) = (served.clone(), answers.clone(), stop.clone());
        tokio::spawn(async move {
            connection(stream, served, answers, stop).await;
            drop(place);
        });
    }
    places.settle(STOP_TIMEOUT).await;
}

async fn connection(
    stream: TcpStream,
    served: Arc<Served>,
    answers: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let (served, answers) = (served.clone(), answers.clone());
        async move { Ok::<_, Infallible>(answer_one(&served, &answers, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEADERS_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(Paced::new(TokioIo::new(stream)), service);
    tokio::pin!(connection);
    // A peer that breaks off is no event of ours.
    let is_stopped = tokio::select! {
        _ = connection.as_mut() => false,
        stopped = stop.wait_for(|stop| *stop) => { drop(stopped); true }
    };
    if is_stopped {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(STOP_TIMEOUT, connection).await;
    }
}

/// Bytes that an answer may hold while it is made and sent; 0 for small ones.
fn answer_bytes(ask: &Ask) -> usize {
    match ask {
        Ask::Bundle { .. } | Ask::Latest { .. } => 2 * BUNDLE_BYTES_MAX,
        Ask::Batch => 2 * usize::try_from(BATCH_BYTES_MAX).unwrap_or(usize::MAX),
        Ask::Proof { .. } | Ask::Have { .. } => 1 << 20,
        Ask::Blob { .. } => 512 << 10,
        _ => 0,
    }
}

/// Keeps its share of the bytes under way until the body was sent.
struct Counted {
    body: Body,
    _share: OwnedSemaphorePermit,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn answer_one(
    served: &Arc<Served>,
    answers: &Arc<Semaphore>,
    request: Request<Incoming>,
) -> Answer {
    let (ask, is_post) = match read_request(&request) {
        Ok(read) => read,
        Err(answer) => return *answer,
    };
    let units = answer_bytes(&ask).div_ceil(ANSWER_UNIT_BYTES);
    let share = answers
        .clone()
        .acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX));
    let Ok(Ok(share)) = tokio::time::timeout(BUSY_TIMEOUT, share).await else {
        let mut answer = refuse(StatusCode::SERVICE_UNAVAILABLE, "too many ask at once");
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        return answer;
    };
    let answer = answer_ask(served, ask, is_post, request).await;
    if units == 0 {
        return answer;
    }
    answer.map(|body| {
        Counted {
            body,
            _share: share,
        }
        .boxed_unsync()
    })
}

/// What is asked, and whether something is handed over.
fn read_request(request: &Request<Incoming>) -> Result<(Ask, bool), Box<Answer>> {
    let ask = match Ask::parse(request.uri().path(), request.uri().query()) {
        Ok(ask) => ask,
        Err(BadAsk::NoSuchPath) => {
            let answer = refuse(StatusCode::NOT_FOUND, "there is nothing of this name");
            return Err(Box::new(answer));
        }
        Err(BadAsk::BadParameter(name)) => {
            let why = format!("{name} is missing or wrong");
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, &why)));
        }
    };
    let methods: &[Method] = match ask {
        Ask::Batch => &[Method::POST],
        Ask::Fork { .. } | Ask::Succession { .. } => &[Method::GET, Method::POST],
        Ask::Blob { .. } | Ask::Health => &[Method::GET, Method::HEAD],
        _ => &[Method::GET],
    };
    if methods.contains(request.method()) {
        Ok((ask, request.method() == Method::POST))
    } else {
        Err(Box::new(allow(methods)))
    }
}

async fn answer_ask(
    served: &Arc<Served>,
    ask: Ask,
    is_post: bool,
    request: Request<Incoming>,
) -> Answer {
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
        Ok(Err(_)) | Err(_) => store_failed(),
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
        let tag = match stored_tag(served, feed).await {
            Ok(Some(tag)) => tag,
            Ok(None) => return not_here(),
            Err(_) => return store_failed(),
        };
        if known
            .as_ref()
            .is_none_or(|known| known.as_bytes() != tag.as_bytes())
        {
            let served = served.clone();
            let answer = blocking(move || answer::head(&served.disk, &feed, have)).await;
            return tagged(answer, &tag);
        }
        let is_over = tokio::select! {
            changed = news.changed() => changed.is_err(),
            () = &mut limit => true,
        };
        if is_over {
            return tagged(empty(StatusCode::NOT_MODIFIED), &tag);
        }
    }
}

async fn stored_tag(served: &Arc<Served>, feed: FeedKey) -> Result<Option<String>, StoreError> {
    let served = served.clone();
    let read = tokio::task::spawn_blocking(move || served.disk.head(&feed)).await;
    let head = read.map_err(|error| StoreError::Database(error.to_string()))??;
    Ok(head.map(|head| head_tag(head.wire())))
}

fn tagged(mut answer: Answer, tag: &str) -> Answer {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

async fn post(served: &Arc<Served>, ask: Ask, body: Incoming) -> Answer {
    let limit = match ask {
        Ask::Batch => BATCH_HASHES_MAX * 32 + 64,
        _ => FORK_BYTES_MAX,
    };
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
    }
    // Evidence is kept of feeds that are kept here: else any stranger could fill the disk with feeds of his own.
    if let Ask::Fork { feed } | Ask::Succession { feed } = ask {
        match stored_tag(served, feed).await {
            Ok(Some(_)) => {}
            Ok(None) => return not_here(),
            Err(_) => return store_failed(),
        }
    }
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
        Ask::Succession { feed } => match recovery(&served.disk, &feed) {
            Ok(named) => {
                let checked = Succession::check(&bytes)
                    .and_then(|file| file.check_recovery(named.as_ref()).map(|()| file));
                take(checked, |file| {
                    let is_of_feed = file.body().feed == feed;
                    is_of_feed.then(|| served.evidence.put_succession(file))
                })
            }
            Err(_) => store_failed(),
        },
        _ => not_here(),
    });
    work.await.unwrap_or_else(|_| store_failed())
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
        Some(Err(_)) => store_failed(),
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
            Err(_) => return store_failed(),
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

fn store_failed() -> Answer {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "the store failed")
}

fn not_here() -> Answer {
    refuse(StatusCode::NOT_FOUND, "not here")
}

fn allow(methods: &[Method]) -> Answer {
    let mut answer = refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        "this method is not for this address",
    );
    let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
    if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
        answer.headers_mut().insert(header::ALLOW, methods);
    }
    answer
}
