//! Answers that count against the bytes under way: how much each may be, and the body that holds it.

use super::Body;
use super::shares::Part;
use crate::frame::{Ask, BATCH_BYTES_MAX};
use crate::io::traffic::Share;
use hyper::body::{Bytes, Frame, SizeHint};
use levada_feed::limits::BUNDLE_BYTES_MAX;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Bytes that an answer may hold while it is made; 0 for small ones.
pub(super) fn answer_bytes(ask: &Ask) -> usize {
    match ask {
        Ask::Bundle { .. } | Ask::Latest { .. } => 2 * BUNDLE_BYTES_MAX,
        Ask::Batch => 2 * usize::try_from(BATCH_BYTES_MAX).unwrap_or(usize::MAX),
        Ask::Proof { .. } | Ask::Have { .. } => 1 << 20,
        Ask::Blob { .. } => 512 << 10,
        Ask::Feeds { .. } => 256 << 10,
        _ => 0,
    }
}

/// Keeps its part of the bytes under way, and of the rate, until the last of its bytes was sent.
pub(super) struct Counted {
    body: Body,
    held: Arc<Held>,
}

struct Held {
    _bytes: Part,
    _share: Share,
}

/// Bytes on their way: hyper drops a body once it has its last bytes, however long these still wait for their reader.
struct Sending {
    bytes: Bytes,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Counted {
    pub(super) fn new(body: Body, bytes: Part, share: Share) -> Self {
        let held = Held {
            _bytes: bytes,
            _share: share,
        };
        Self {
            body,
            held: Arc::new(held),
        }
    }
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        let counted = |bytes| {
            Bytes::from_owner(Sending {
                bytes,
                _held: self.held.clone(),
            })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
