//! Takes calls on the socket and on loopback, and tells what comes of them, line by line.

use super::calls::Calls;
use super::gate::Gate;
use super::{CALL_HEADER, REQUEST_BYTES_MAX};
use crate::io::log::Seldom;
use crate::io::server::paced::Paced;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::service::{HttpService, service_fn};
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at once at most, of each listener; further ones wait.
const CONNECTIONS_MAX: usize = 256;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const HEADERS_MAX: usize = 64;
/// Bytes of all headers of a request together.
const HEADERS_BYTES_MAX: usize = 16 << 10;
/// Bytes that hyper keeps of one connection in either direction.
const BUFFER_BYTES: usize = 64 << 10;
const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Time in which readers take what is left when all calls are to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Rest after an accept that failed, as it does when there are no more files.
const ACCEPT_REST: Duration = Duration::from_millis(20);

/// An answer; `E` is how its body may break off.
pub(super) type Reply<E = Infallible> = Response<UnsyncBoxBody<Bytes, E>>;

/// Takes calls on the socket until told to stop; then what is under way is stopped and waited for.
pub async fn on_socket(listener: UnixListener, calls: Arc<Calls>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(accepted) = next(&places, &mut stop, |cx| listener.poll_accept(cx)).await {
        let (place, (stream, _)) = accepted;
        let (calls, stop) = (calls.clone(), stop.clone());
        connections.spawn(async move {
            connection(TokioIo::new(stream), None, calls, stop).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    end(&calls, connections).await;
}

/// The same on loopback, for those whom the gate lets in. A reader who takes nothing any more is given up.
pub async fn on_loopback(
    listener: TcpListener,
    gate: Gate,
    calls: Arc<Calls>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(accepted) = next(&places, &mut stop, |cx| listener.poll_accept(cx)).await {
        let (place, (stream, _)) = accepted;
        // Lines should not wait for more to come; a socket that cannot say so still works.
        let _ = stream.set_nodelay(true);
        let (gate, calls, stop) = (gate.clone(), calls.clone(), stop.clone());
        connections.spawn(async move {
            let stream = TokioIo::new(Paced::new(stream));
            connection(stream, Some(gate), calls, stop).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    end(&calls, connections).await;
}

/// The next connection and its place; `None` when it is time to stop.
pub(super) async fn next<T>(
    places: &Arc<Semaphore>,
    stop: &mut watch::Receiver<bool>,
    mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> Option<(OwnedSemaphorePermit, T)> {
    let next = async {
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match std::future::poll_fn(&mut accept).await {
                Ok(accepted) => return Some((place, accepted)),
                Err(_) => tokio::time::sleep(ACCEPT_REST).await,
            }
        }
    };
    tokio::select! {
        next = next => next,
        // An error here means that whoever could stop us is gone: then it is time to stop.
        _ = stop.wait_for(|stop| *stop) => None,
    }
}

/// Stops all calls, lets readers take what is left, and waits until nothing is carried out any more, for a while.
async fn end(calls: &Calls, mut connections: JoinSet<()>) {
    calls.stop_all();
    let drained = async { while connections.join_next().await.is_some() {} };
    // Who has not taken it by then is cut off.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, drained).await;
    connections.shutdown().await;
    // What does not look whether it is to stop, as a read of a pipe that says nothing, is left behind.
    if tokio::time::timeout(DRAIN_TIMEOUT, calls.ended())
        .await
        .is_err()
    {
        tracing::warn!("a call did not stop in time");
    }
}

async fn connection<S: Read + Write + Unpin>(
    stream: S,
    gate: Option<Gate>,
    calls: Arc<Calls>,
    stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let (gate, calls) = (gate.clone(), calls.clone());
        async move { Ok::<_, Infallible>(answer(gate.as_ref(), &calls, request).await) }
    });
    serve_on(stream, service, stop).await;
}

/// Answers the requests of one connection until told to stop; then the last one is answered to its end.
pub(super) async fn serve_on<S, H, E>(stream: S, service: H, mut stop: watch::Receiver<bool>)
where
    S: Read + Write + Unpin,
    H: HttpService<Incoming, ResBody = UnsyncBoxBody<Bytes, E>>,
    H::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEADERS_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(stream, service);
    tokio::pin!(connection);
    // A process that goes away in the middle is no event of ours: its call is stopped when its body is dropped.
    let is_stopped = tokio::select! {
        _ = connection.as_mut() => false,
        stopped = stop.wait_for(|stop| *stop) => { drop(stopped); true }
    };
    if is_stopped {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn answer(
    gate: Option<&Gate>,
    calls: &Arc<Calls>,
    request: hyper::Request<Incoming>,
) -> Reply {
    if let Some(Err(refused)) = gate.map(|gate| gate.check(&request)) {
        static REFUSED: Seldom = Seldom::new(10);
        if let Some(left_out) = REFUSED.due() {
            tracing::warn!(why = refused.why(), left_out, "a call was refused");
        }
        let mut reply = refuse(refused.status(), refused.why());
        if refused.status() == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            reply.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        return reply;
    }
    let path = request.uri().path();
    let numbered = path
        .strip_prefix("/v1/calls/")
        .and_then(|rest| rest.strip_suffix("/stop"));
    if path != "/v1/calls" && numbered.is_none() {
        return refuse(StatusCode::NOT_FOUND, "there is nothing of this name");
    }
    if request.method() != Method::POST {
        let mut reply = refuse(StatusCode::METHOD_NOT_ALLOWED, "calls are posted");
        let post = HeaderValue::from_static("POST");
        reply.headers_mut().insert(header::ALLOW, post);
        return reply;
    }
    if let Some(number) = numbered {
        return match number.parse() {
            Ok(number) if calls.stop(number) => refuse(StatusCode::OK, "stopping"),
            _ => refuse(StatusCode::NOT_FOUND, "there is no such call"),
        };
    }
    begin(calls, request.into_body()).await
}

/// Reads a call and starts it; its lines are the body.
async fn begin(calls: &Arc<Calls>, body: Incoming) -> Reply {
    let too_long = || refuse(StatusCode::PAYLOAD_TOO_LARGE, "the call is too long");
    if body.size_hint().lower() > u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX) {
        return too_long();
    }
    let collected = Limited::new(body, REQUEST_BYTES_MAX).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, collected).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return too_long(),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the call did not come in time"),
    };
    let request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let why = format!("this is no call: {error}");
            return refuse(StatusCode::BAD_REQUEST, &why);
        }
    };
    let Some((number, lines)) = calls.begin(request) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many calls at once");
    };
    let mut reply = Response::new(lines.boxed_unsync());
    let headers = reply.headers_mut();
    headers.insert(CALL_HEADER, HeaderValue::from(number));
    let jsonl = HeaderValue::from_static("application/jsonl");
    headers.insert(header::CONTENT_TYPE, jsonl);
    quiet(&mut reply);
    reply
}

/// An answer of one line.
pub(super) fn refuse<E: 'static>(status: StatusCode, why: &str) -> Reply<E> {
    let body = Full::new(Bytes::from(format!("{why}\n")));
    let body = body.map_err(|never: Infallible| match never {});
    let mut reply = Response::new(body.boxed_unsync());
    *reply.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain");
    reply.headers_mut().insert(header::CONTENT_TYPE, plain);
    quiet(&mut reply);
    reply
}

/// Nobody keeps or guesses at what is answered here.
fn quiet<E>(reply: &mut Reply<E>) {
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
}
