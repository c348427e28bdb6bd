//! Takes calls on the socket and tells what comes of them, line by line.

use super::{CALL_HEADER, LINES_MAX, REQUEST_BYTES_MAX};
use crate::api::pipe::{Line, Request};
use crate::api::{Answer, Event, Failure};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Carries out one call; told of what happens, and when to stop.
pub type Handler = Arc<
    dyn Fn(
            Request,
            mpsc::Sender<Event>,
            watch::Receiver<bool>,
        ) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>
        + Send
        + Sync,
>;

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Calls under way, by number.
#[derive(Default)]
struct Calls {
    next: AtomicU64,
    stops: Mutex<BTreeMap<u64, watch::Sender<bool>>>,
}

impl Calls {
    fn stops(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, watch::Sender<bool>>> {
        self.stops
            .lock()
            .expect("nobody panics while holding this lock")
    }
}

/// Takes calls until told to stop; then what is under way is stopped and waited for.
pub async fn serve(listener: UnixListener, handler: Handler, mut stop: watch::Receiver<bool>) {
    let calls = Arc::new(Calls::default());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, _)) = accepted else { continue };
        let (calls, handler) = (calls.clone(), handler.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let (calls, handler) = (calls.clone(), handler.clone());
                async move { Ok::<_, Infallible>(answer(&calls, handler, request).await) }
            });
            // A process that goes away in the middle is no event of ours: its call is stopped when its body is dropped.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
    for stop in calls.stops().values() {
        stop.send_replace(true);
    }
    while !calls.stops().is_empty() && connections.join_next().await.is_some() {}
}

async fn answer(calls: &Arc<Calls>, handler: Handler, request: hyper::Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    if request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "calls are posted");
    }
    let numbered = path
        .strip_prefix("/v1/calls/")
        .and_then(|rest| rest.strip_suffix("/stop"));
    if let Some(number) = numbered {
        let found = number.parse().ok();
        let found = found.and_then(|number: u64| calls.stops().get(&number).cloned());
        return match found {
            Some(stop) => {
                stop.send_replace(true);
                refuse(StatusCode::OK, "stopping")
            }
            None => refuse(StatusCode::NOT_FOUND, "there is no such call"),
        };
    }
    if path != "/v1/calls" {
        return refuse(StatusCode::NOT_FOUND, "there is nothing of this name");
    }
    let body = Limited::new(request.into_body(), REQUEST_BYTES_MAX);
    let Ok(body) = body.collect().await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the call is too long");
    };
    match serde_json::from_slice(&body.to_bytes()) {
        Ok(request) => begin(calls, handler, request),
        Err(error) => refuse(
            StatusCode::BAD_REQUEST,
            &format!("this is no call: {error}"),
        ),
    }
}

/// Starts a call; its lines are the body.
fn begin(calls: &Arc<Calls>, handler: Handler, request: Request) -> Reply {
    let number = calls.next.fetch_add(1, Ordering::Relaxed);
    let (stop, stopped) = watch::channel(false);
    calls.stops().insert(number, stop.clone());
    let (lines, receiver) = mpsc::channel(LINES_MAX);
    let calls = calls.clone();
    tokio::spawn(async move {
        tell(handler, request, stopped, lines).await;
        calls.stops().remove(&number);
    });
    let body = Lines {
        lines: receiver,
        stop,
    };
    let mut reply = Response::new(body.boxed_unsync());
    let headers = reply.headers_mut();
    headers.insert(CALL_HEADER, HeaderValue::from(number));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/jsonl"),
    );
    reply
}

/// Carries out a call and sends what comes of it.
async fn tell(
    handler: Handler,
    request: Request,
    stop: watch::Receiver<bool>,
    lines: mpsc::Sender<Bytes>,
) {
    let (sender, mut events) = mpsc::channel(LINES_MAX);
    let work = tokio::spawn(handler(request, sender, stop));
    // Whoever stopped listening has the call stopped too, by dropping the body; here it is only not told any more.
    while let Some(event) = events.recv().await {
        if let Ok(line) = Line::of_event(event).and_then(|line| line.to_bytes()) {
            let _ = lines.send(line.into()).await;
        }
    }
    let last = match work.await {
        Ok(Ok(answer)) => Line::of_event(Event::Answer(Box::new(answer))),
        Ok(Err(failure)) => Ok(Line::Failure(failure)),
        Err(_) => Ok(Line::Failure(Failure::new(
            crate::api::Code::Failed,
            "the work ended unexpectedly: this is a bug in levada",
        ))),
    };
    if let Ok(line) = last.and_then(|line| line.to_bytes()) {
        let _ = lines.send(line.into()).await;
    }
}

fn refuse(status: StatusCode, why: &str) -> Reply {
    let body = Full::new(Bytes::from(format!("{why}\n")));
    let mut reply = Response::new(body.boxed_unsync());
    *reply.status_mut() = status;
    reply
}

/// A body of lines; the call is stopped when nobody reads it any more.
struct Lines {
    lines: mpsc::Receiver<Bytes>,
    stop: watch::Sender<bool>,
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.lines
            .poll_recv(context)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
