//! Blobs on the wire: plain bytes with Range, the pairs that prove them, and what is held.

use super::range::{Asked, read_range};
use super::{Answer, Body, Served, empty, not_here, plain, refuse, store_failed};
use crate::frame;
use crate::io::blobs::{BlobReader, Held, ReadError};
use crate::runs::Runs;
use crate::store::StoreError;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Frame;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use levada_feed::hash::Hash;
use levada_feed::limits::PROOF_WINDOW_BYTES_MAX;
use levada_feed::tree::Shape;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes of one read from the disk.
const READ_BYTES: u64 = 256 << 10;
/// A blob never changes under its hash.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What a range of this many bytes or fewer is read in, before the answer begins.
const SMALL_ANSWER_BYTES: u64 = READ_BYTES;

pub(super) async fn answer(
    served: &Arc<Served>,
    hash: Hash,
    request: &Request<Option<Bytes>>,
) -> Answer {
    let tag = format!("\"{hash}\"");
    let same = |name: header::HeaderName| {
        request
            .headers()
            .get(name)
            .is_some_and(|known| known.as_bytes() == tag.as_bytes())
    };
    let blobs = served.blobs.clone();
    let reader = match tokio::task::spawn_blocking(move || blobs.open_blob(&hash)).await {
        Ok(Ok(Some(reader))) => Arc::new(reader),
        Ok(Ok(None)) => return not_here(),
        Ok(Err(error)) => return served.failed(error),
        Err(_) => return store_failed(),
    };
    if same(header::IF_NONE_MATCH) {
        let mut answer = empty(StatusCode::NOT_MODIFIED);
        insert(&mut answer, header::ETAG, &tag);
        insert(&mut answer, header::CACHE_CONTROL, FOR_EVER);
        return answer;
    }
    let size = reader.size();
    // A range of something else than If-Range names is not wanted.
    let is_ranged = !request.headers().contains_key(header::IF_RANGE) || same(header::IF_RANGE);
    let asked = request
        .headers()
        .get(header::RANGE)
        .filter(|_| is_ranged)
        .and_then(|value| value.to_str().ok());
    let range = match asked.map_or(Asked::All, |asked| read_range(asked, size)) {
        Asked::All => None,
        Asked::Part(range) => Some(range),
        Asked::Outside => return outside(size),
    };
    let is_head = request.method() == Method::HEAD;
    let wanted = range.clone().unwrap_or(0..size);
    let body = match body(served, reader, wanted, is_head).await {
        Ok(body) => body,
        Err(answer) => return *answer,
    };
    dressed(body, &tag, range, size)
}

/// The answer with its headers; a part of the blob when a range is given.
fn dressed(body: Body, tag: &str, range: Option<Range<u64>>, size: u64) -> Answer {
    let wanted = range.clone().unwrap_or(0..size);
    let mut answer = plain(StatusCode::OK, "application/octet-stream", Vec::new());
    *answer.body_mut() = body;
    insert(
        &mut answer,
        header::CONTENT_LENGTH,
        &(wanted.end - wanted.start).to_string(),
    );
    insert(&mut answer, header::ETAG, tag);
    insert(&mut answer, header::ACCEPT_RANGES, "bytes");
    insert(&mut answer, header::CACHE_CONTROL, FOR_EVER);
    insert(
        &mut answer,
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'",
    );
    insert(&mut answer, header::CONTENT_DISPOSITION, "attachment");
    if let Some(range) = range {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let last = range.end.saturating_sub(1);
        insert(
            &mut answer,
            header::CONTENT_RANGE,
            &format!("bytes {}-{last}/{size}", range.start),
        );
    }
    answer
}

fn outside(size: u64) -> Answer {
    let mut answer = refuse(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "the range is past the end",
    );
    let size = format!("bytes */{size}");
    insert(&mut answer, header::CONTENT_RANGE, &size);
    answer
}

fn insert(answer: &mut Answer, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// A body of the range. The first read comes before the answer, so that what is not held or was changed is refused
/// before a byte is sent.
async fn body(
    served: &Served,
    reader: Arc<BlobReader>,
    range: Range<u64>,
    is_head: bool,
) -> Result<Body, Box<Answer>> {
    let first_end = range
        .end
        .min(range.start.saturating_add(SMALL_ANSWER_BYTES));
    let first = read(&reader, range.start..first_end, &range)
        .await
        .map_err(|error| {
            Box::new(match error {
                ReadError::NotHeld => not_here(),
                ReadError::Changed { .. } => refuse(
                    StatusCode::NOT_FOUND,
                    "the file was changed after it was published",
                ),
                ReadError::Store(error) => served.failed(error),
                ReadError::Interrupted | ReadError::Output { .. } => store_failed(),
            })
        })?;
    if is_head {
        return Ok(super::no_body());
    }
    let body = FileBody {
        reader,
        rest: first_end..range.end,
        first: Some(first),
        reading: None,
        trouble: served.trouble.clone(),
    };
    Ok(body.boxed_unsync())
}

async fn read(
    reader: &Arc<BlobReader>,
    part: Range<u64>,
    whole: &Range<u64>,
) -> Result<Bytes, ReadError> {
    let (reader, whole) = (reader.clone(), whole.clone());
    let work = tokio::task::spawn_blocking(move || {
        if !reader.holds(&whole) {
            return Err(ReadError::NotHeld);
        }
        reader.read(part).map(Bytes::from)
    });
    work.await.unwrap_or(Err(ReadError::NotHeld))
}

/// The first bytes, then the rest as the peer takes it: a slow peer holds no thread. A read error ends the connection,
/// so that a short answer is never taken for a whole one.
struct FileBody {
    reader: Arc<BlobReader>,
    rest: Range<u64>,
    first: Option<Bytes>,
    reading: Option<JoinHandle<Result<Bytes, ReadError>>>,
    trouble: mpsc::Sender<StoreError>,
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.reading.is_none() && self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let part = self.rest.start
            ..self
                .rest
                .end
                .min(self.rest.start.saturating_add(READ_BYTES));
        let reader = self.reader.clone();
        let wanted = part.clone();
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || reader.read(wanted).map(Bytes::from))
        });
        let read = std::task::ready!(Pin::new(reading).poll(context));
        self.reading = None;
        self.rest.start = part.end;
        match read {
            Ok(Ok(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Ok(Err(error)) => {
                let why = io::Error::other(error.to_string());
                if let ReadError::Store(error) = error {
                    // Who is told of one failure needs not be told of the next in the same moment.
                    let _ = self.trouble.try_send(error);
                }
                Poll::Ready(Some(Err(why)))
            }
            Err(error) => Poll::Ready(Some(Err(io::Error::other(error)))),
        }
    }
}

/// The pairs for a range of bytes, with the size of the blob that they are for.
pub(super) async fn proof(served: &Arc<Served>, hash: Hash, bytes: Range<u64>) -> Answer {
    if bytes.end.saturating_sub(bytes.start) > PROOF_WINDOW_BYTES_MAX {
        return refuse(StatusCode::BAD_REQUEST, "a proof covers 256 MiB at most");
    }
    let blobs = served.blobs.clone();
    let work = tokio::task::spawn_blocking(move || {
        let Some(state) = blobs.state(&hash)? else {
            return Ok(None);
        };
        let leaves = Shape::of_blob(state.size).and_then(|shape| shape.leaves_of(bytes));
        let Ok(leaves) = leaves else {
            return Ok(Some((state.size, None)));
        };
        Ok(blobs
            .pairs(&hash, leaves)?
            .map(|pairs| (state.size, Some(pairs))))
    });
    let found: Result<_, StoreError> = match work.await {
        Ok(found) => found,
        Err(_) => return store_failed(),
    };
    match found {
        Ok(Some((size, Some(pairs)))) => {
            let mut answer = plain(StatusCode::OK, "application/octet-stream", pairs);
            insert(
                &mut answer,
                header::HeaderName::from_static("levada-size"),
                &size.to_string(),
            );
            answer
        }
        Ok(Some((_, None))) => refuse(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "slice-5: the range is past the end",
        ),
        Ok(None) => not_here(),
        Err(error) => served.failed(error),
    }
}

pub(super) async fn have(served: &Arc<Served>, hash: Hash) -> Answer {
    let blobs = served.blobs.clone();
    match tokio::task::spawn_blocking(move || blobs.state(&hash)).await {
        Ok(Ok(Some(state))) => {
            let leaves = match (state.held, Shape::of_blob(state.size)) {
                (Held::Partial(runs), _) => runs,
                (Held::Complete, Ok(shape)) => Runs::of(0..shape.leaves()),
                (Held::Complete, Err(_)) => Runs::new(),
            };
            plain(
                StatusCode::OK,
                "application/cbor",
                frame::write_have(state.size, &leaves),
            )
        }
        Ok(Ok(None)) => not_here(),
        Ok(Err(error)) => served.failed(error),
        Err(_) => store_failed(),
    }
}
