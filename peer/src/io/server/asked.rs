//! What was asked, for the log.

use super::Answer;
use crate::io::clock;
use crate::io::log::Seldom;
use hyper::body::Incoming;
use hyper::{Method, Request};
use std::net::SocketAddr;
use std::time::Instant;

/// Characters of a path that the log shows.
const PATH_CHARS: usize = 160;

/// A request, as far as the log tells it.
pub(super) struct Asked {
    method: Method,
    path: String,
    since: Instant,
}

impl Asked {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().chars().take(PATH_CHARS).collect(),
            since: clock::tick(),
        }
    }

    pub(super) fn log(&self, peer: Option<SocketAddr>, answer: &Answer) {
        static ANSWERED: Seldom = Seldom::new(100);
        if let Some(left_out) = ANSWERED.due() {
            let ms = clock::since(self.since).as_millis();
            let status = answer.status().as_u16();
            tracing::debug!(?peer, method = ?self.method, path = ?self.path, status, ms, left_out, "answered");
        }
    }
}
