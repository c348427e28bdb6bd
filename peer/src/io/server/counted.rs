//! The body of an answer that counts against the bytes under way.

use super::Body;
use crate::io::traffic::Share;
use hyper::body::{Bytes, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::OwnedSemaphorePermit;

/// Keeps its part of the bytes under way, and of the rate, until the body was sent.
pub(super) struct Counted {
    pub(super) body: Body,
    pub(super) _bytes: OwnedSemaphorePermit,
    pub(super) _share: Share,
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
