//! A connection whose bytes wait for their turn.

use super::{Lane, Place, Turns};
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The connection. What is written waits in one lane, what is read in others.
pub struct Limited<S> {
    inner: S,
    turns: Arc<Turns>,
    up: Option<Place>,
    /// Bytes that may be written without another turn.
    allowed: usize,
    down: Vec<Owing>,
}

/// A lane, and the bytes that came and are not paid for.
struct Owing {
    place: Place,
    bytes: usize,
}

impl<S> Limited<S> {
    /// A connection of ours that a peer asked for.
    pub fn sending(inner: S, lane: &Arc<Lane>, peer: IpAddr) -> Self {
        Self {
            inner,
            turns: Arc::default(),
            up: Some(Place::new(lane, peer)),
            allowed: 0,
            down: Vec::new(),
        }
    }

    /// A connection by which we ask a peer.
    pub fn receiving(inner: S, lanes: &[Arc<Lane>], peer: IpAddr) -> Self {
        let places = lanes.iter().map(|lane| Place::new(lane, peer));
        Self {
            inner,
            turns: Arc::default(),
            up: None,
            allowed: 0,
            down: places.map(|place| Owing { place, bytes: 0 }).collect(),
        }
    }

    /// What is known of its turns outside.
    pub fn turns(&self) -> Arc<Turns> {
        self.turns.clone()
    }

    /// How many of these bytes may be written.
    fn poll_allowed(&mut self, bytes: usize, context: &mut Context<'_>) -> Poll<usize> {
        let Some(place) = &self.up else {
            return Poll::Ready(bytes);
        };
        if place.piece().is_none() && self.allowed == 0 && !self.turns.is_waiting() {
            return Poll::Ready(bytes);
        }
        if self.allowed == 0 {
            self.allowed = ready!(place.poll_turn(bytes, &self.turns, context));
        }
        Poll::Ready(self.allowed.min(bytes))
    }

    fn wrote(&mut self, bytes: usize) {
        self.allowed = self.allowed.saturating_sub(bytes);
        if let Some(place) = &self.up {
            place.lane.count(bytes, place.is_exempt);
        }
    }
}

impl<S> Drop for Limited<S> {
    fn drop(&mut self) {
        if let Some(place) = &self.up {
            place.leave(false);
        }
        for owing in &self.down {
            owing.place.leave(true);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        for owing in &mut this.down {
            while owing.bytes > 0 {
                let paid = ready!(owing.place.poll_turn(owing.bytes, &this.turns, context));
                owing.bytes = owing.bytes.saturating_sub(paid);
            }
        }
        let piece = this
            .down
            .iter()
            .filter_map(|owing| owing.place.piece())
            .min();
        let before = buffer.filled().len();
        match piece.filter(|piece| *piece < buffer.remaining()) {
            None => ready!(Pin::new(&mut this.inner).poll_read(context, buffer))?,
            Some(piece) => {
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(piece));
                ready!(Pin::new(&mut this.inner).poll_read(context, &mut part))?;
                let came = part.filled().len();
                buffer.advance(came);
            }
        }
        let came = buffer.filled().len() - before;
        for owing in this.down.iter_mut().filter(|_| came > 0) {
            owing.place.lane.count(came, owing.place.is_exempt);
            if owing.place.piece().is_some() {
                owing.bytes = came;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = ready!(self.poll_allowed(bytes.len(), context));
        let part = bytes.get(..allowed).unwrap_or(bytes);
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, part))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = parts
            .iter()
            .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        let allowed = ready!(self.poll_allowed(all, context));
        let first = parts.iter().find(|part| !part.is_empty());
        let inner = Pin::new(&mut self.inner);
        let written = match first.filter(|_| allowed < all) {
            // Pieces are small where there is a limit: the parts go one by one.
            Some(first) => inner.poll_write(context, first.get(..allowed).unwrap_or(first)),
            None => inner.poll_write_vectored(context, parts),
        };
        let written = ready!(written)?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }
}
