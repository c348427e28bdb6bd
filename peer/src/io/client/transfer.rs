//! An answer's body on its way: bounded, and not too slow.

use super::{AskError, Connection, Remote, STALL_TIMEOUT, Unreachable};
use crate::frame::read_number;
use crate::io::clock;
use crate::io::traffic::Turns;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::header;
use hyper::{HeaderMap, Response, StatusCode};
use levada_feed::reject::Reject;
use std::sync::Arc;
use std::time::Duration;

/// Time of waiting in which some bytes have to come.
const PACE_TIME: Duration = Duration::from_secs(30);
/// How many: one KiB a second.
const PACE_BYTES: usize = 30 << 10;

/// An answer's body on its way.
pub struct Transfer {
    remote: Remote,
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    /// Goes back to the remote's idle ones when the body was read to its end.
    connection: Option<Connection>,
    /// Waiting for a turn of ours is not the peer's fault.
    pub(super) turns: Arc<Turns>,
    pace: Pace,
    /// Time without a byte after which the peer counts as gone.
    patience: Duration,
    /// Bytes that were given back.
    held: Option<Bytes>,
    /// Bytes that come before the range that was asked for.
    pub skip: u64,
}

impl Transfer {
    pub(super) fn new(
        remote: &Remote,
        answer: Response<Incoming>,
        connection: Connection,
        is_kept: bool,
    ) -> Self {
        let (parts, body) = answer.into_parts();
        let mut transfer = Self {
            remote: remote.clone(),
            status: parts.status,
            headers: parts.headers,
            body,
            turns: connection.turns.clone(),
            connection: is_kept.then_some(connection),
            pace: Pace::default(),
            patience: STALL_TIMEOUT,
            held: None,
            skip: 0,
        };
        transfer.release_at_end();
        transfer
    }

    /// The same for an answer that comes now and then: it may be silent for so long, and as slow as it likes.
    pub(super) fn at_leisure(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn text(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body is not what it was before it was sent.
    pub(super) fn is_encoded(&self) -> bool {
        let encodings = self.headers.get_all(header::CONTENT_ENCODING);
        encodings.iter().any(|encoding| encoding != "identity")
    }

    /// Where the part of a whole begins, as the answer says.
    pub(super) fn first_byte(&self) -> Option<u64> {
        let range = self.text(header::CONTENT_RANGE)?.strip_prefix("bytes ")?;
        read_number(range.split_once('-')?.0)
    }

    /// Seconds after which it wants to be asked again; a date counts as not said.
    pub(super) fn retry_after_s(&self) -> u64 {
        let said = self.text(header::RETRY_AFTER).and_then(read_number);
        said.unwrap_or(RETRY_S).clamp(1, RETRY_S_MAX)
    }

    /// What the header `levada-size` says: a claim.
    #[must_use]
    pub fn untrusted_size(&self) -> Option<u64> {
        read_number(self.text("levada-size")?)
    }

    /// The size of the whole, as the answer to a request for a part of it says: a claim.
    pub(super) fn whole_size(&self) -> Option<u64> {
        if self.status != StatusCode::PARTIAL_CONTENT {
            return self.body.size_hint().exact();
        }
        read_number(self.text(header::CONTENT_RANGE)?.rsplit_once('/')?.1)
    }

    /// The whole comes, whatever part of it was asked for.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.status != StatusCode::PARTIAL_CONTENT
    }

    /// Takes bytes back that are for later.
    pub fn give_back(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.held = Some(bytes);
        }
    }

    fn release_at_end(&mut self) {
        if self.body.is_end_stream()
            && let Some(connection) = self.connection.take()
        {
            self.remote.keep(connection);
        }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// `Stalled`, `Protocol`.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AskError> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let peer = || self.remote.name().to_owned();
        let (started, turns_before) = (clock::tick(), self.turns.waited());
        loop {
            let stalled = |after: Duration| Unreachable::Stalled {
                peer: peer(),
                after_ms: after.as_millis(),
            };
            let frame = patient(self.patience, &self.turns, self.body.frame()).await;
            let ours = self.turns.waited().saturating_sub(turns_before);
            let waited = clock::since(started).saturating_sub(ours);
            match frame {
                Some(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    let is_paced = self.patience == STALL_TIMEOUT;
                    if is_paced && !self.pace.is_kept(waited, data.len()) {
                        return Err(stalled(self.pace.waited).into());
                    }
                    self.release_at_end();
                    return Ok(Some(data));
                }
                Some(None) => {
                    self.release_at_end();
                    return Ok(None);
                }
                Some(Some(Err(error))) => {
                    let why = if is_early_end(&error) {
                        "it broke off before its end".to_owned()
                    } else {
                        error.to_string()
                    };
                    return Err(Unreachable::Unusable { peer: peer(), why }.into());
                }
                None => return Err(stalled(waited).into()),
            }
        }
    }

    /// Everything, if it is at most `limit` bytes.
    ///
    /// # Errors
    /// wire-2 when it is more.
    pub async fn all(mut self, limit: u64) -> Result<Bytes, AskError> {
        let too_long = |remote: &Remote, got| AskError::Rejected {
            peer: remote.name().to_owned(),
            reject: Reject::AnswerTooLong { got },
        };
        let announced = self.body.size_hint().lower();
        if announced > limit {
            return Err(too_long(&self.remote, announced));
        }
        let mut whole: Vec<u8> = Vec::new();
        while let Some(part) = self.next().await? {
            let got = u64::try_from(whole.len() + part.len()).unwrap_or(u64::MAX);
            if got > limit {
                return Err(too_long(&self.remote, got));
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole.into())
    }
}

/// Waits so long for something of the other side, and longer by what was waited for turns of our own.
pub(super) async fn patient<T>(
    limit: Duration,
    turns: &Turns,
    what: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(what);
    let mut known = turns.waited();
    let mut left = limit;
    loop {
        if let Ok(done) = tokio::time::timeout(left, what.as_mut()).await {
            return Some(done);
        }
        let waited = turns.waited();
        left = waited.saturating_sub(known);
        known = waited;
        if left.is_zero() {
            return None;
        }
    }
}

/// Seconds after which a busy peer is asked again that says nothing of it, and at most.
const RETRY_S: u64 = 60;
const RETRY_S_MAX: u64 = 3_600;

/// How fast bytes come while they are waited for.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: usize,
}

impl Pace {
    /// Counts bytes that were waited for; false when too few came in too long a time.
    fn is_kept(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.bytes += bytes;
        if self.bytes >= PACE_BYTES {
            *self = Self::default();
        }
        self.waited < PACE_TIME
    }
}

/// Whether the connection ended in the middle of a body.
fn is_early_end(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_incomplete_message()
        || source.is_some_and(|source| {
            matches!(
                source.kind(),
                std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_too_slow_and_pauses_between_floods_are_not() {
        let second = Duration::from_secs(1);
        let mut dripping = Pace::default();
        assert_eq!((1..).find(|_| !dripping.is_kept(second, 500)), Some(30));
        let mut modem = Pace::default();
        assert!((0..1_000).all(|_| modem.is_kept(second, 4_000)));
        let mut bursts = Pace::default();
        assert!((0..1_000).all(|_| bursts.is_kept(14 * second, 1 << 20)));
        let mut long_end = Pace::default();
        assert!((0..1_000_000).all(|_| long_end.is_kept(Duration::ZERO, 1)));
    }
}
