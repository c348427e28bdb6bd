//! Answers of the server: status, headers, body.

use super::{Answer, Body};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Response, StatusCode};
use levada_feed::reject::Reject;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

pub(super) fn no_body() -> Body {
    Full::new(Bytes::new())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Frames as they are made; ends with their maker.
pub(super) fn body_of_stream(frames: mpsc::Receiver<Bytes>) -> Body {
    Streamed(frames).boxed_unsync()
}

struct Streamed(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = self.0.poll_recv(context);
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

pub(super) fn plain(status: StatusCode, media_type: &'static str, bytes: Vec<u8>) -> Answer {
    plain_bytes(status, media_type, Bytes::from(bytes))
}

pub(super) fn plain_bytes(status: StatusCode, media_type: &'static str, bytes: Bytes) -> Answer {
    let body = Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync();
    with_headers(status, media_type, body)
}

pub(super) fn plain_stream(body: Body) -> Answer {
    with_headers(StatusCode::OK, "application/octet-stream", body)
}

fn with_headers(status: StatusCode, media_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
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

pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(no_body());
    *answer.status_mut() = status;
    answer
}

pub(super) fn busy(why: &str, seconds: u32) -> Answer {
    let mut answer = refuse(StatusCode::SERVICE_UNAVAILABLE, why);
    let later = HeaderValue::from(seconds);
    answer.headers_mut().insert(header::RETRY_AFTER, later);
    answer
}

pub(super) fn refuse(status: StatusCode, why: &str) -> Answer {
    plain(status, "text/plain", format!("{why}\n").into_bytes())
}

pub(super) fn refuse_bytes(reject: &Reject) -> Answer {
    refuse(
        StatusCode::UNPROCESSABLE_ENTITY,
        &format!("{}: {reject}", reject.must()),
    )
}

pub(super) fn store_failed() -> Answer {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "the store failed")
}

pub(super) fn not_here() -> Answer {
    refuse(StatusCode::NOT_FOUND, "not here")
}

pub(super) fn allow(methods: &[Method]) -> Answer {
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
