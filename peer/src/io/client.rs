//! Asks peers over HTTP/1.1, plain or in TLS: connect, send, cap, time out. Judges nothing (spec/wire.md).
//!
//! Connections are used again once their answer was read to its end. Bytes that come are bounded by the caller's limit
//! before they are kept, and a peer that lets them drip counts as gone.

mod address;
mod connect;
mod error;
mod hosted;
mod known;
mod request;
#[cfg(test)]
mod tests;
mod tls;
mod transfer;
mod watch;

use crate::frame::Ask;
use crate::io::clock;
use crate::io::traffic::{Lane, Turns};
use crate::static_layout::StaticFile;
use address::Address;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response, StatusCode, header};
use levada_feed::limits::REDIRECTS_MAX;
use request::{Target, Wants, first_line, is_redirect, request};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub use address::DEFAULT_PORT;
pub use error::{AskError, Unreachable};
pub use known::Client;
pub use transfer::Transfer;
pub use watch::Watching;

/// Time without a byte after which a peer counts as gone.
const STALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Idle connections kept for one peer.
const IDLE_MAX: usize = 8;
/// Bytes of what a peer says of its refusal.
const REFUSAL_BYTES_MAX: u64 = 1_024;

/// A connection, and what is known of its turns.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    turns: Arc<Turns>,
}

/// One peer: where it is, and its open connections.
#[derive(Clone)]
pub struct Remote {
    inner: Arc<RemoteInner>,
}

struct RemoteInner {
    /// As people see it.
    name: String,
    address: Address,
    /// Path before the wire's own, without a slash at its end.
    base: String,
    /// What comes has its turn in each of these.
    lanes: Vec<Arc<Lane>>,
    idle: Mutex<Vec<Connection>>,
    hosted: hosted::Hosted,
    reach: Reach,
}

/// Where a peer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Anywhere: a person named it.
    Anywhere,
    /// At an address of the whole internet: others named it.
    Global,
    /// The same, or on this machine.
    GlobalOrHere,
}

impl Remote {
    fn parse(name: &str, reach: Reach, lanes: &[Arc<Lane>]) -> Result<Self, Unreachable> {
        let (address, base) = Address::parse(name).ok_or_else(|| Unreachable::Address {
            peer: name.to_owned(),
        })?;
        Ok(Self {
            inner: Arc::new(RemoteInner {
                name: name.to_owned(),
                address,
                base,
                lanes: lanes.to_vec(),
                idle: Mutex::default(),
                hosted: hosted::Hosted::default(),
                reach,
            }),
        })
    }

    /// Its address as people see it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// An answer in whole, of at most `limit` bytes; of a static host, what it comes to.
    ///
    /// # Errors
    /// See `AskError`; 404 is `NotThere`.
    pub async fn get(&self, ask: &Ask, limit: u64) -> Result<Bytes, AskError> {
        if self.is_static() {
            return self.get_hosted(ask).await;
        }
        let answer = match self.send_plain(Target::Wire(ask), Wants::default()).await {
            Ok(transfer) => transfer.all(limit).await,
            Err(error) => Err(error),
        };
        let is_a_nodes = |answer: &Bytes| hosted::is_array(answer) || !is_structure(ask);
        if self.turned_out_static(&answer, is_a_nodes).await {
            return self.get_hosted(ask).await;
        }
        answer
    }

    /// The same with a body.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn post(&self, ask: &Ask, body: Bytes, limit: u64) -> Result<Bytes, AskError> {
        if !self.is_static() {
            let wants = Wants::default();
            let sent = self
                .send(Method::POST, Target::Wire(ask), wants, body.clone())
                .await;
            let answer = match sent {
                Ok(transfer) => transfer.all(limit).await,
                Err(error) => Err(error),
            };
            let is_batch = matches!(ask, Ask::Batch);
            if !is_batch || !self.turned_out_static(&answer, hosted::is_array).await {
                return answer;
            }
        }
        match ask {
            Ask::Batch => self.batch_hosted(&body).await,
            // Nothing can be handed over to files.
            _ => Err(self.unusable("it is a static host").into()),
        }
    }

    /// Bytes of a blob as they come. Whether they are the right ones is for a verifier to say. A peer that knows no
    /// ranges may send everything from the start: then `skip` of the transfer says how much comes before the range.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn stream(&self, ask: &Ask, range: Range<u64>) -> Result<Transfer, AskError> {
        let file = match ask {
            Ask::Blob { hash } => Some(StaticFile::Blob { hash: *hash }),
            _ => None,
        };
        if let Some(file) = file
            && self.is_static()
        {
            return self.stream_file(file, range).await;
        }
        let wants = Wants {
            range: Some(range.clone()),
            ..Wants::default()
        };
        let sent = self.send_plain(Target::Wire(ask), wants).await;
        if let Some(file) = file
            && self.turned_out_static(&sent, |_| true).await
        {
            return self.stream_file(file, range).await;
        }
        self.placed(sent?, &range)
    }

    /// Says where in the answer to a request for a range that range begins.
    fn placed(&self, mut sent: Transfer, range: &Range<u64>) -> Result<Transfer, AskError> {
        if sent.status() != StatusCode::PARTIAL_CONTENT {
            sent.skip = range.start;
            if range.start > 0 {
                self.knows_no_ranges();
            }
        } else if sent.first_byte() != Some(range.start) {
            return Err(self.unusable("it sends another range").into());
        }
        Ok(sent)
    }

    /// Waits for another head than the one with this tag; the whole answer to `head?have=`, or `None` when there was no
    /// other one in that time. A static host does not wait.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn poll_head(
        &self,
        ask: &Ask,
        tag: Option<String>,
        limit: u64,
    ) -> Result<Option<Bytes>, AskError> {
        if self.is_static() {
            return self.poll_hosted(ask, tag.as_deref()).await;
        }
        let wants = Wants {
            unless: tag.clone(),
            ..Wants::default()
        };
        let answer = match self.send_plain(Target::Wire(ask), wants).await {
            Ok(transfer) => transfer.all(limit).await.map(Some),
            Err(AskError::Unreachable(Unreachable::Status { status: 304, .. })) => Ok(None),
            Err(error) => Err(error),
        };
        let is_a_nodes = |answer: &Option<Bytes>| answer.as_ref().is_none_or(hosted::is_array);
        if self.turned_out_static(&answer, is_a_nodes).await {
            return self.poll_hosted(ask, tag.as_deref()).await;
        }
        answer
    }

    async fn send_plain(&self, target: Target<'_>, wants: Wants) -> Result<Transfer, AskError> {
        self.send(Method::GET, target, wants, Bytes::new()).await
    }

    /// Sends a request and follows where it leads, at most three times and never to another host.
    async fn send(
        &self,
        method: Method,
        asked: Target<'_>,
        wants: Wants,
        body: Bytes,
    ) -> Result<Transfer, AskError> {
        let mut target = format!("{}{asked}", self.inner.base);
        let mut address = self.inner.address.clone();
        for _ in 0..=REDIRECTS_MAX {
            let request = request(&method, &address, &target, &wants, body.clone());
            let (answer, connection) = self.exchange(&asked, &address, request).await?;
            if !is_redirect(answer.status()) || method != Method::GET {
                // Elsewhere than at its own address it is asked once.
                let is_kept = address == self.inner.address;
                return self
                    .judge(Transfer::new(self, answer, connection, is_kept))
                    .await;
            }
            let location = answer.headers().get(header::LOCATION);
            let next = location
                .and_then(|location| address.redirect(&target, location.to_str().ok()?))
                .ok_or_else(|| self.unusable("it leads to another host or nowhere"))?;
            (address, target) = next;
        }
        Err(self.unusable("it leads on and on").into())
    }

    /// One request and the beginning of its answer. A kept connection may have been closed by the other side meanwhile:
    /// then, and only then, the request is sent once more, on a fresh one.
    async fn exchange(
        &self,
        asked: &Target<'_>,
        address: &Address,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), Unreachable> {
        let kept = self
            .idle()
            .pop_if(|kept| *address == self.inner.address && kept.sender.is_ready());
        if let Some(mut kept) = kept {
            match self.answer_on(asked, &mut kept, request.clone()).await? {
                Ok(answer) => return Ok((answer, kept)),
                Err(error) if error.is_parse() => return Err(self.protocol(&error)),
                Err(_) => {}
            }
        }
        let mut fresh = connect::connect(self, address).await?;
        match self.answer_on(asked, &mut fresh, request).await? {
            Ok(answer) => Ok((answer, fresh)),
            Err(error) => Err(self.protocol(&error)),
        }
    }

    async fn answer_on(
        &self,
        asked: &Target<'_>,
        connection: &mut Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<hyper::Result<Response<Incoming>>, Unreachable> {
        let started = clock::tick();
        let patience = match asked {
            Target::Wire(Ask::Head { wait, .. }) => STALL_TIMEOUT + Duration::from_secs(*wait),
            _ => STALL_TIMEOUT,
        };
        connection.turns.begin(asked.is_media());
        let answer = connection.sender.send_request(request);
        let answer = transfer::patient(patience, &connection.turns, answer).await;
        answer.ok_or_else(|| Unreachable::Stalled {
            peer: self.name().to_owned(),
            after_ms: clock::since(started).as_millis(),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.inner
            .idle
            .lock()
            .expect("nobody panics while holding this lock")
    }

    /// Keeps a connection whose answer was read to its end.
    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        idle.retain(|kept| !kept.sender.is_closed());
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    fn protocol(&self, error: &hyper::Error) -> Unreachable {
        let why = match error {
            error if error.is_parse() && !self.inner.address.is_tls => {
                "maybe it wants https://".to_owned()
            }
            error if error.is_incomplete_message() || error.is_canceled() => {
                "it closed the connection".to_owned()
            }
            error => error.to_string(),
        };
        Unreachable::Protocol {
            peer: self.name().to_owned(),
            why,
        }
    }

    fn unusable(&self, why: &str) -> Unreachable {
        Unreachable::Unusable {
            peer: self.name().to_owned(),
            why: why.to_owned(),
        }
    }

    async fn judge(&self, transfer: Transfer) -> Result<Transfer, AskError> {
        let peer = self.name().to_owned();
        match transfer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NO_CONTENT => {
                if transfer.is_encoded() {
                    let why = "it compresses, though plain bytes were asked for";
                    return Err(self.unusable(why).into());
                }
                Ok(transfer)
            }
            status => {
                let after_s = transfer.retry_after_s();
                let text = transfer.all(REFUSAL_BYTES_MAX).await.unwrap_or_default();
                if status == StatusCode::NOT_FOUND {
                    return Err(Unreachable::NotThere { peer }.into());
                }
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    let why = first_line(&text);
                    return Err(Unreachable::Busy { peer, why, after_s }.into());
                }
                Err(Unreachable::Status {
                    peer,
                    status: status.as_u16(),
                    why: first_line(&text),
                }
                .into())
            }
        }
    }
}

/// Whether the answer to a request is an array (spec/wire.md, Grammar).
fn is_structure(ask: &Ask) -> bool {
    !matches!(ask, Ask::Health | Ask::Blob { .. } | Ask::Proof { .. })
}
