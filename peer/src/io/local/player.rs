//! Media for players of this machine: one port of loopback, an origin of its own, that serves files and takes no calls
//! (spec/local.md, Player).
//!
//! An address holds a ticket for one file, made from the token: it opens that file and nothing else, and a page that does
//! not know it learns nothing of what is held. A file of a stranger that a browser could run is handed out as a download.

use super::gate::check_place;
use super::server::{Reply, next, refuse, serve_on};
use super::token::Token;
use crate::api::{Code, Event, Failure};
use crate::io::server::paced::Paced;
use crate::io::server::range::{Asked, read_range};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::convert::Infallible;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

/// Players at once at most; further ones wait.
const PLAYERS_MAX: usize = 64;
/// Parts of a file on their way to a player.
const PARTS_MAX: usize = 2;

/// What a browser shows or plays and never runs. Everything else is a download.
const SAFE_TYPES: [&str; 30] = [
    "audio/aac",
    "audio/aiff",
    "audio/amr",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/vnd.wave",
    "audio/wav",
    "audio/webm",
    "audio/x-flac",
    "audio/x-m4a",
    "audio/x-wav",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/plain",
    "text/vtt",
    "video/matroska",
    "video/mp4",
    "video/mpeg",
    "video/ogg",
    "video/quicktime",
    "video/vnd.avi",
    "video/webm",
    "video/x-matroska",
    "video/x-msvideo",
];

/// Registered names of types that browsers know by an older one.
const KNOWN_AS: [(&str, &str); 2] = [
    ("audio/vnd.wave", "audio/wav"),
    ("video/matroska", "video/x-matroska"),
];

/// One file of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Title {
    /// The feed.
    pub feed: FeedKey,
    /// Index of the item's first record.
    pub index: u64,
    /// The file.
    pub hash: Hash,
}

impl Title {
    fn path(&self) -> String {
        format!("{}/{}/{}", self.feed, self.index, self.hash)
    }

    /// Where a player finds it: the path and a name, which says nothing but is shown by players.
    #[must_use]
    pub fn address(&self, token: &Token, name: &str) -> Option<String> {
        let path = self.path();
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        Some(format!("/{}/{path}/{name}", token.ticket(&path)?))
    }

    /// Reads a path whose ticket opens it.
    fn read(path: &str, token: &Token) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.splitn(5, '/');
        let ticket = parts.next()?;
        let title = Self {
            feed: parts.next()?.parse().ok()?,
            index: parts.next()?.parse().ok()?,
            hash: parts.next()?.parse().ok()?,
        };
        // Compared as hashes, so that the time says nothing of how much of it was right.
        let known = blake3::hash(token.ticket(&title.path())?.as_bytes());
        (known == blake3::hash(ticket.as_bytes())).then_some(title)
    }
}

/// What is known of a file before any of it is read.
#[derive(Clone, Debug)]
pub struct Found {
    /// Bytes.
    pub size: u64,
    /// What its author says it is.
    pub media_type: String,
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;
/// Finds a file.
type Find = Box<dyn Fn(Title) -> Work<Found> + Send + Sync>;
/// Sends a range of a file as `Event::Bytes`, fetching what is not here.
type Read = Box<dyn Fn(Title, Range<u64>, mpsc::Sender<Event>, Stop) -> Work<()> + Send + Sync>;
type Stop = watch::Receiver<bool>;

/// Files as the node gives them, verified.
pub struct Library {
    /// Finds a file.
    pub find: Find,
    /// Sends a range of a file as `Event::Bytes`, fetching what is not here.
    pub read: Read,
}

/// Serves players until told to stop.
pub async fn for_players(
    listener: TcpListener,
    token: Arc<Token>,
    library: Arc<Library>,
    mut stop: Stop,
) {
    let Ok(port) = listener.local_addr().map(|address| address.port()) else {
        return;
    };
    let places = Arc::new(Semaphore::new(PLAYERS_MAX));
    let mut connections = JoinSet::new();
    while let Some(accepted) = next(&places, &mut stop, |cx| listener.poll_accept(cx)).await {
        let (place, (stream, _)) = accepted;
        let (token, library, stop) = (token.clone(), library.clone(), stop.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let (token, library) = (token.clone(), library.clone());
                async move { Ok::<_, Infallible>(answer(port, &token, &library, &request).await) }
            });
            serve_on(TokioIo::new(Paced::new(stream)), service, stop).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    // A player may keep reading for hours.
    connections.shutdown().await;
}

async fn answer(
    port: u16,
    token: &Token,
    library: &Arc<Library>,
    request: &Request<Incoming>,
) -> Reply<io::Error> {
    if let Err(refused) = check_place(request, port) {
        return refuse(refused.status(), refused.why());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut reply = refuse(StatusCode::METHOD_NOT_ALLOWED, "files are only read here");
        insert(&mut reply, header::ALLOW, "GET, HEAD");
        return reply;
    }
    let Some(title) = Title::read(request.uri().path(), token) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "there is nothing of this name: `levada play` prints addresses",
        );
    };
    let found = match (library.find)(title).await {
        Ok(found) => found,
        Err(failure) => return refuse(status(&failure), &failure.message),
    };
    let asked = request.headers().get(header::RANGE);
    let asked = asked.and_then(|value| value.to_str().ok());
    let (status, range) = match asked.map_or(Asked::All, |text| read_range(text, found.size)) {
        Asked::All => (StatusCode::OK, 0..found.size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Outside => {
            let why = "the range is past the end";
            let mut reply = refuse(StatusCode::RANGE_NOT_SATISFIABLE, why);
            let size = format!("bytes */{}", found.size);
            insert(&mut reply, header::CONTENT_RANGE, &size);
            return reply;
        }
    };
    let mut reply = if request.method() == Method::HEAD || range.is_empty() {
        Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync())
    } else {
        match body(library, title, range.clone()).await {
            Ok(body) => Response::new(body.boxed_unsync()),
            Err(failure) => return refuse(self::status(&failure), &failure.message),
        }
    };
    *reply.status_mut() = status;
    dress(&mut reply, &found, &title.hash, &range);
    reply
}

fn status(failure: &Failure) -> StatusCode {
    match failure.code {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::NotVerified => StatusCode::BAD_GATEWAY,
        Code::OverQuota => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn dress(reply: &mut Reply<io::Error>, found: &Found, hash: &Hash, range: &Range<u64>) {
    let essence = found.media_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    match essence.as_str() {
        "text/plain" => insert(reply, header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        safe if SAFE_TYPES.contains(&safe) => {
            let known = KNOWN_AS.iter().find(|(name, _)| *name == safe);
            insert(
                reply,
                header::CONTENT_TYPE,
                known.map_or(safe, |(_, known)| known),
            );
        }
        _ => {
            insert(reply, header::CONTENT_TYPE, "application/octet-stream");
            insert(reply, header::CONTENT_DISPOSITION, "attachment");
        }
    }
    insert(
        reply,
        header::CONTENT_LENGTH,
        &(range.end - range.start).to_string(),
    );
    insert(reply, header::ACCEPT_RANGES, "bytes");
    insert(reply, header::ETAG, &format!("\"{hash}\""));
    if reply.status() == StatusCode::PARTIAL_CONTENT {
        let last = range.end.saturating_sub(1);
        let part = format!("bytes {}-{last}/{}", range.start, found.size);
        insert(reply, header::CONTENT_RANGE, &part);
    }
    // What others have is nobody's business: nothing is kept, and no page of another site can embed it.
    insert(reply, header::CACHE_CONTROL, "no-store");
    insert(reply, header::REFERRER_POLICY, "no-referrer");
    insert(reply, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    insert(reply, policy, "same-site");
    // No sandbox: a document in it has no origin, and may not read its own film then. Nothing of it can run anyway.
    let policy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";
    insert(reply, header::CONTENT_SECURITY_POLICY, policy);
}

fn insert(reply: &mut Reply<io::Error>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

/// Begins to read. What fails before the first byte is the answer; what fails later ends the connection, so that a short
/// file is never taken for a whole one.
async fn body(library: &Arc<Library>, title: Title, range: Range<u64>) -> Result<Parts, Failure> {
    let (sender, mut events) = mpsc::channel(PARTS_MAX);
    let (stop, stopped) = watch::channel(false);
    let work = tokio::spawn((library.read)(title, range.clone(), sender, stopped));
    let mut parts = Parts {
        first: None,
        left: range.end - range.start,
        events: mpsc::channel(1).1,
        _stop: stop,
    };
    loop {
        match events.recv().await {
            Some(Event::Bytes(bytes)) => {
                parts.first = Some(bytes);
                parts.events = events;
                return Ok(parts);
            }
            Some(_) => {}
            None => {
                let broken = || Failure::new(Code::Failed, "reading it ended unexpectedly");
                return match work.await {
                    Ok(Err(failure)) => Err(failure),
                    Ok(Ok(())) | Err(_) => Err(broken()),
                };
            }
        }
    }
}

/// Parts of a file in order. Reading stops when this is dropped.
struct Parts {
    first: Option<Vec<u8>>,
    /// Bytes that are still to come.
    left: u64,
    events: mpsc::Receiver<Event>,
    /// Gone, it stops the reading.
    _stop: watch::Sender<bool>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let bytes = loop {
            if let Some(first) = self.first.take() {
                break first;
            }
            match std::task::ready!(self.events.poll_recv(context)) {
                Some(Event::Bytes(bytes)) => break bytes,
                Some(_) => {}
                None if self.left == 0 => return Poll::Ready(None),
                None => {
                    let why = io::Error::other("the rest of the file did not come");
                    return Poll::Ready(Some(Err(why)));
                }
            }
        };
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(len);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(bytes)))))
    }
}
