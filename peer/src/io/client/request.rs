//! Requests as they are put, and the first look at what comes back.

use super::address::Address;
use crate::frame::Ask;
use crate::static_layout::StaticFile;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use std::fmt;
use std::ops::Range;

/// What a request asks for besides its address.
#[derive(Clone, Default)]
pub(super) struct Wants {
    /// Bytes of a blob.
    pub(super) range: Option<Range<u64>>,
    /// Only something with another tag.
    pub(super) unless: Option<String>,
    /// Only something that changed since this date, as the host wrote it.
    pub(super) since: Option<String>,
}

/// What is asked for, as a path.
#[derive(Clone)]
pub(super) enum Target<'a> {
    Wire(&'a Ask),
    File(StaticFile),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(ask) => ask.fmt(f),
            Self::File(file) => write!(f, "/{file}"),
        }
    }
}

impl Target<'_> {
    /// Bytes of media, which wait for everything else.
    pub(super) fn is_media(&self) -> bool {
        matches!(
            self,
            Self::Wire(Ask::Blob { .. }) | Self::File(StaticFile::Blob { .. })
        )
    }
}

/// LIMIT: 200 characters of what a peer says of itself.
const WORDS_MAX: usize = 200;

/// What a peer says of itself, fit for a terminal.
pub(super) fn first_line(text: &[u8]) -> String {
    text.iter()
        .take_while(|byte| **byte != b'\n')
        .filter(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .map(|byte| char::from(*byte))
        .take(WORDS_MAX)
        .collect()
}

pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

pub(super) fn request(
    method: &Method,
    address: &Address,
    target: &str,
    wants: &Wants,
    body: Bytes,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = target
        .parse()
        .expect("a path that was parsed and a request that was printed make a path");
    let headers = request.headers_mut();
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    insert(header::HOST, &address.header());
    insert(header::ACCEPT_ENCODING, "identity");
    if let Some(tag) = &wants.unless {
        insert(header::IF_NONE_MATCH, tag);
    }
    if let Some(since) = &wants.since {
        insert(header::IF_MODIFIED_SINCE, since);
    }
    if let Some(range) = &wants.range {
        let last = range.end.saturating_sub(1);
        insert(header::RANGE, &format!("bytes={}-{last}", range.start));
    }
    request
}
