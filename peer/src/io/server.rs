//! Answers peers over HTTP/1.1 (spec/wire.md).
//!
//! One connection is one task; what reads the disk runs on blocking threads. Answers are the same for everybody. Which
//! feeds are listed is told by the node; a feed that is not listed is served to those who ask by its key.
//!
//! What a stranger can make us hold is bounded: connections, of all and of one address block, bytes of a request, and
//! bytes of all answers under way together; one who takes nothing of his answer is cut off.

mod announced;
mod asked;
mod blob;
mod counted;
mod evidence;
mod head;
pub(crate) mod paced;
mod places;
mod post;
mod proofs;
pub(crate) mod range;
mod reply;
mod room;
mod shares;
#[cfg(test)]
mod tests;
mod watch;

use crate::frame::{self, Ask, BadAsk};
use crate::io::answer;
use crate::io::blobs::Blobs;
use crate::io::disk::Disk;
use crate::io::evidence::Evidence;
use crate::io::log::Seldom;
use crate::io::news::News;
use crate::io::traffic::{Limited, Turns};
use crate::store::StoreError;
use announced::Announced;
use asked::Asked;
use bytes::Bytes;
use counted::{Counted, answer_bytes};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body as _, Incoming};
use hyper::header;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use levada_feed::key::FeedKey;
use levada_feed::limits::FEEDS_PAGE_MAX;
use paced::Paced;
use proofs::Proofs;
use reply::{
    allow, body_of_stream, busy, empty, no_body, not_here, plain, plain_bytes, plain_stream,
    refuse, refuse_bytes, store_failed,
};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::sync::watch::Receiver;

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const HEADERS_MAX: usize = 64;
/// Bytes of all headers of a request together.
const HEADERS_BYTES_MAX: usize = 16 << 10;
/// Bytes that hyper keeps of one connection in either direction, besides the part of an answer that is being sent.
const BUFFER_BYTES: usize = 64 << 10;
/// Unit in which these are counted.
const ANSWER_UNIT_BYTES: usize = 64 << 10;
/// Time to wait for other answers to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// Seconds after which somebody may ask again for whom a limit of bandwidth left too little.
const SHARED_RETRY_S: u32 = 30;
/// Time that running answers get when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Headers of proxies.
const PROXIED: [&str; 3] = ["forwarded", "x-forwarded-for", "via"];

pub use places::Places;
pub use room::Room;

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
    pub listed: Receiver<Arc<Vec<FeedKey>>>,
    /// Told of every new head.
    pub news: Arc<News>,
    /// Told when our own disk fails, for the operator; full is enough.
    pub trouble: mpsc::Sender<StoreError>,
    proofs: Proofs,
    announced: Announced,
}

/// Who asks, and until when.
#[derive(Clone)]
struct Caller {
    peer: Option<SocketAddr>,
    /// Asked on a listener of this machine alone, and not on behalf of others.
    is_local: bool,
    stop: Receiver<bool>,
}

impl Served {
    /// What a server serves from.
    #[must_use]
    pub fn new(
        disk: Arc<Disk>,
        blobs: Blobs,
        evidence: Evidence,
        listed: Receiver<Arc<Vec<FeedKey>>>,
        news: Arc<News>,
        trouble: mpsc::Sender<StoreError>,
    ) -> Self {
        Self {
            disk,
            blobs,
            evidence,
            listed,
            news,
            trouble,
            proofs: Proofs::default(),
            announced: Announced::default(),
        }
    }

    /// Our own disk failed: the operator is told why, the peer only that.
    fn failed(&self, error: StoreError) -> Answer {
        self.tell(error);
        store_failed()
    }

    fn tell(&self, error: StoreError) {
        // Who is told of one failure needs not be told of the next in the same moment.
        let _ = self.trouble.try_send(error);
    }
}

/// Answers on one listener until told to stop; then running answers get a moment to end.
pub async fn serve(
    listener: TcpListener,
    served: Arc<Served>,
    room: Room,
    mut stop: Receiver<bool>,
) {
    let is_local = listener.local_addr().is_ok_and(|at| at.ip().is_loopback());
    loop {
        let next = async {
            let place = room.places.free().await;
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
        let Some(place) = room.places.take(place, peer) else {
            static CROWDED: Seldom = Seldom::new(10);
            if let Some(left_out) = CROWDED.due() {
                tracing::debug!(%peer, left_out, "too many connections of this address block");
            }
            continue;
        };
        // Small answers should not wait for more to come; a socket that cannot say so still works.
        let _ = stream.set_nodelay(true);
        let (served, room, stop) = (served.clone(), room.clone(), stop.clone());
        let caller = Caller {
            peer: Some(peer),
            is_local,
            stop,
        };
        tokio::spawn(async move {
            connection(stream, peer, served, &room, caller).await;
            drop(place);
        });
    }
    room.places.settle(STOP_TIMEOUT).await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    served: Arc<Served>,
    room: &Room,
    caller: Caller,
) {
    let mut stop = caller.stop.clone();
    let stream = Limited::sending(Paced::new(stream), &room.lane, peer.ip());
    let (turns, room) = (stream.turns(), room.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (served, room, turns) = (served.clone(), room.clone(), turns.clone());
        let caller = caller.clone();
        async move {
            let asked = tracing::enabled!(tracing::Level::DEBUG).then(|| Asked::of(&request));
            let answer = answer_one(&served, &room, &turns, request, caller).await;
            if let Some(asked) = asked {
                asked.log(Some(peer), &answer);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEADERS_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
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

async fn answer_one(
    served: &Arc<Served>,
    room: &Room,
    turns: &Turns,
    request: Request<Incoming>,
    caller: Caller,
) -> Answer {
    let (ask, is_post) = match read_request(&request) {
        Ok(read) => read,
        Err(answer) => return *answer,
    };
    turns.begin(matches!(ask, Ask::Blob { .. }));
    let units = answer_bytes(&ask).div_ceil(ANSWER_UNIT_BYTES);
    // What is small goes first, and ends soon; of all others no more than can be sent in time.
    let peer = caller.peer.map(|peer| peer.ip());
    let rate = (units > 0).then(|| room.lane.share(peer));
    if matches!(rate, Some(None)) {
        turns.begin(false);
        return busy("too many share a small rate", SHARED_RETRY_S);
    }
    let (parts, body) = request.into_parts();
    // Before there is room for the answer: who lets what he hands over drip must not hold that.
    let handed = match is_post {
        true => post::read(served, room, &ask, body, peer).await.map(Some),
        false => Ok(None),
    };
    let handed = match handed {
        Ok(handed) => handed,
        Err(answer) => {
            turns.begin(false);
            return *answer;
        }
    };
    let part = room.answers.take(peer, units);
    let Ok(Some(mut part)) = tokio::time::timeout(BUSY_TIMEOUT, part).await else {
        turns.begin(false);
        return busy("too many ask at once", 10);
    };
    let request = Request::from_parts(parts, handed);
    let answer = answer_ask(served, room, ask, request, caller).await;
    let Some(Some(rate)) = rate else {
        return answer;
    };
    answer.map(|body| {
        if let Some(size) = body.size_hint().exact() {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            part.shrink(size.div_ceil(ANSWER_UNIT_BYTES));
        }
        Counted::new(body, part, rate).boxed_unsync()
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
        Ask::Batch | Ask::Watch => &[Method::POST],
        Ask::Fork { .. } | Ask::Succession { .. } | Ask::Peers { .. } => {
            &[Method::GET, Method::POST]
        }
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
    room: &Room,
    ask: Ask,
    request: Request<Option<Bytes>>,
    mut caller: Caller,
) -> Answer {
    // A proxy on this machine speaks for others.
    let headers = request.headers();
    caller.is_local &= !PROXIED.iter().any(|name| headers.contains_key(*name));
    if let Some(handed) = request.body() {
        return post::post(served, room, ask, handed.clone(), &caller).await;
    }
    match ask {
        Ask::Health => plain(StatusCode::OK, "text/plain", b"ok\n".to_vec()),
        Ask::Blob { hash } => blob::answer(served, hash, &request).await,
        Ask::Proof { hash, from, to } => blob::proof(served, hash, from..to).await,
        Ask::Have { hash } => blob::have(served, hash).await,
        Ask::Head { feed, have, wait } => {
            let known = request.headers().get(header::IF_NONE_MATCH).cloned();
            head::answer(served, feed, have, wait, known).await
        }
        Ask::Peers { feed } => {
            let (reading, caller) = (served.clone(), caller.clone());
            let read = move || {
                let is_here = reading.disk.head(&feed)?.is_some();
                Ok(is_here.then(|| announced::list(&reading, &feed, &caller)))
            };
            blocking(served, read).await
        }
        other => {
            let served = served.clone();
            let reading = served.clone();
            blocking(&served, move || read(&reading, &other)).await
        }
    }
}

/// Runs what reads the disk where it may block.
async fn blocking(
    served: &Served,
    work: impl FnOnce() -> Result<Option<Vec<u8>>, StoreError> + Send + 'static,
) -> Answer {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(Some(bytes))) => plain(StatusCode::OK, "application/cbor", bytes),
        Ok(Ok(None)) => not_here(),
        Ok(Err(error)) => served.failed(error),
        Err(_) => store_failed(),
    }
}

fn read(served: &Served, ask: &Ask) -> Result<Option<Vec<u8>>, StoreError> {
    match ask {
        Ask::Bundle { feed, from, to, at } => answer::bundle(&served.disk, feed, *from..*to, *at),
        Ask::Latest { feed, count } => answer::latest(&served.disk, feed, *count),
        Ask::Fork { feed } => served.fork(feed),
        Ask::Succession { feed } => served.succession(feed),
        Ask::Feeds { after } => {
            let listed = served.listed.borrow().clone();
            let next = listed
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
