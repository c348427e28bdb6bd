//! Asks peers over HTTP/1.1, plain or in TLS: connect, send, cap, time out. Judges nothing (spec/wire.md).
//!
//! Connections are kept and used again. Bytes that come are bounded by the caller's limit before they are kept.

mod tls;

use crate::frame::Ask;
use crate::io::clock;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use levada_feed::reject::Reject;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;

/// Time to connect and, on TLS, to shake hands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time without a byte after which a peer counts as gone.
const STALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Idle connections kept for one peer.
const IDLE_MAX: usize = 8;
/// Port of a node when the address names none and is plain HTTP.
pub const DEFAULT_PORT: u16 = 9327;

/// Nobody answered, or not as a peer does.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The address is none.
    #[error("{peer} is no address of a peer: it is http://host:port or https://host")]
    Address {
        /// As typed.
        peer: String,
    },
    /// Nobody is there.
    #[error("{peer} does not answer: {why}")]
    Connect {
        /// Who was asked.
        peer: String,
        /// What the system said.
        why: String,
    },
    /// No TLS, or not by this name.
    #[error("{peer} cannot be trusted over TLS: {why}")]
    Tls {
        /// Who was asked.
        peer: String,
        /// What the handshake said.
        why: String,
    },
    /// It is no HTTP server.
    #[error("{peer} answers, but does not speak HTTP: {why}")]
    Protocol {
        /// Who was asked.
        peer: String,
        /// What was wrong.
        why: String,
    },
    /// It stopped in the middle.
    #[error("{peer} stopped answering after {after_ms} ms")]
    Stalled {
        /// Who was asked.
        peer: String,
        /// How long it took.
        after_ms: u128,
    },
    /// It does not have it.
    #[error("{peer} does not have it")]
    NotThere {
        /// Who was asked.
        peer: String,
    },
    /// It answered with a status that the wire does not have.
    #[error("{peer} refused: {status} {why}")]
    Status {
        /// Who was asked.
        peer: String,
        /// The status.
        status: u16,
        /// The first line of what it said.
        why: String,
    },
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answered, or not in time.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// What came is wrong.
    #[error("{peer}: {reject}")]
    Rejected {
        /// Who sent it.
        peer: String,
        /// What is wrong.
        reject: Reject,
    },
}

/// One peer: where it is, and its open connections.
#[derive(Clone)]
pub struct Remote {
    inner: Arc<RemoteInner>,
}

struct RemoteInner {
    /// As people see it.
    name: String,
    host: String,
    port: u16,
    is_tls: bool,
    /// Path before the wire's own, without a slash at its end.
    base: String,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// What a request asks for besides its address.
#[derive(Clone, Default)]
struct Wants {
    /// Bytes of a blob.
    range: Option<Range<u64>>,
    /// Only something with another tag.
    unless: Option<String>,
}

/// All peers that this process talks to.
#[derive(Default)]
pub struct Client {
    remotes: Mutex<BTreeMap<String, Remote>>,
}

impl Client {
    /// The peer at an address; the same one for the same address, so that connections are shared.
    ///
    /// # Errors
    /// `Address`.
    pub fn remote(&self, address: &str) -> Result<Remote, Unreachable> {
        let mut remotes = self
            .remotes
            .lock()
            .expect("nobody panics while holding this lock");
        if let Some(remote) = remotes.get(address) {
            return Ok(remote.clone());
        }
        let remote = Remote::parse(address)?;
        remotes.insert(address.to_owned(), remote.clone());
        Ok(remote)
    }
}

impl Remote {
    fn parse(address: &str) -> Result<Self, Unreachable> {
        let wrong = || Unreachable::Address {
            peer: address.to_owned(),
        };
        let full = if address.contains("://") {
            address.to_owned()
        } else {
            format!("http://{address}")
        };
        let uri: Uri = full.parse().map_err(|_| wrong())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(wrong)?;
        let is_bare = !address.contains("://");
        let port = uri.port_u16().unwrap_or(match (is_tls, is_bare) {
            (true, _) => 443,
            (false, true) => DEFAULT_PORT,
            (false, false) => 80,
        });
        Ok(Self {
            inner: Arc::new(RemoteInner {
                name: address.to_owned(),
                host: host
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .to_owned(),
                port,
                is_tls,
                base: uri.path().trim_end_matches('/').to_owned(),
                idle: Mutex::default(),
            }),
        })
    }

    /// Its address as people see it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// An answer in whole, of at most `limit` bytes.
    ///
    /// # Errors
    /// See `AskError`; 404 is `NotThere`.
    pub async fn get(&self, ask: &Ask, limit: u64) -> Result<Bytes, AskError> {
        let answer = self
            .send(Method::GET, ask, Wants::default(), Bytes::new())
            .await?;
        Transfer::new(self, answer).all(limit).await
    }

    /// The same with a body.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn post(&self, ask: &Ask, body: Bytes, limit: u64) -> Result<Bytes, AskError> {
        let answer = self.send(Method::POST, ask, Wants::default(), body).await?;
        Transfer::new(self, answer).all(limit).await
    }

    /// Bytes of a blob as they come. Whether they are the right ones is for a verifier to say. A peer that knows no
    /// ranges may send everything from the start: then `skip` of the transfer says how much comes before the range.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn stream(&self, ask: &Ask, range: Range<u64>) -> Result<Transfer, AskError> {
        let answer = self
            .send(
                Method::GET,
                ask,
                Wants {
                    range: Some(range.clone()),
                    ..Wants::default()
                },
                Bytes::new(),
            )
            .await?;
        let mut transfer = Transfer::new(self, answer);
        if transfer.status != StatusCode::PARTIAL_CONTENT {
            transfer.skip = range.start;
        }
        Ok(transfer)
    }

    /// Waits for another head than the one with this tag; the whole answer to `head?have=`, or `None` when there was no
    /// other one in that time.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn poll_head(
        &self,
        ask: &Ask,
        tag: Option<String>,
        limit: u64,
    ) -> Result<Option<Bytes>, AskError> {
        let wants = Wants {
            unless: tag,
            ..Wants::default()
        };
        match self.send(Method::GET, ask, wants, Bytes::new()).await {
            Ok(answer) => Transfer::new(self, answer).all(limit).await.map(Some),
            Err(AskError::Unreachable(Unreachable::Status { status: 304, .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn send(
        &self,
        method: Method,
        ask: &Ask,
        wants: Wants,
        body: Bytes,
    ) -> Result<Response<Incoming>, AskError> {
        let target = format!("{}{ask}", self.inner.base);
        // A kept connection may have been closed by the other side: then a fresh one is tried, once.
        let kept = self
            .inner
            .idle
            .lock()
            .expect("nobody panics while holding this lock")
            .pop();
        if let Some(mut kept) = kept.filter(|kept| !kept.is_closed()) {
            let request = self.request(&method, &target, &wants, body.clone());
            if let Ok(Ok(answer)) =
                tokio::time::timeout(self.patience(ask), kept.send_request(request)).await
            {
                self.keep(kept);
                return self.judge(answer).await;
            }
        }
        let mut fresh = self.connect().await?;
        let started = clock::tick();
        let request = self.request(&method, &target, &wants, body);
        match tokio::time::timeout(self.patience(ask), fresh.send_request(request)).await {
            Ok(Ok(answer)) => {
                self.keep(fresh);
                self.judge(answer).await
            }
            Ok(Err(error)) => Err(self.protocol(&error).into()),
            Err(_) => {
                let after_ms = started.elapsed().as_millis();
                Err(Unreachable::Stalled {
                    peer: self.name().to_owned(),
                    after_ms,
                }
                .into())
            }
        }
    }

    fn patience(&self, ask: &Ask) -> Duration {
        match ask {
            Ask::Head { wait, .. } => STALL_TIMEOUT + Duration::from_secs(*wait),
            _ => STALL_TIMEOUT,
        }
    }

    fn keep(&self, connection: SendRequest<Full<Bytes>>) {
        let mut idle = self
            .inner
            .idle
            .lock()
            .expect("nobody panics while holding this lock");
        idle.retain(|kept| !kept.is_closed());
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    fn request(
        &self,
        method: &Method,
        target: &str,
        wants: &Wants,
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = target.parse().unwrap_or_else(|_| Uri::from_static("/"));
        let headers = request.headers_mut();
        let is_default = self.inner.port == if self.inner.is_tls { 443 } else { 80 };
        let host = if self.inner.host.contains(':') {
            format!("[{}]", self.inner.host)
        } else {
            self.inner.host.clone()
        };
        let host = if is_default {
            host
        } else {
            format!("{host}:{}", self.inner.port)
        };
        if let Ok(host) = HeaderValue::from_str(&host) {
            headers.insert(header::HOST, host);
        }
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        if let Some(tag) = &wants.unless
            && let Ok(value) = HeaderValue::from_str(tag)
        {
            headers.insert(header::IF_NONE_MATCH, value);
        }
        if let Some(range) = &wants.range
            && let Ok(value) = HeaderValue::from_str(&format!(
                "bytes={}-{}",
                range.start,
                range.end.saturating_sub(1)
            ))
        {
            headers.insert(header::RANGE, value);
        }
        request
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Unreachable> {
        let peer = || self.name().to_owned();
        let connecting = TcpStream::connect((self.inner.host.as_str(), self.inner.port));
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(Unreachable::Connect {
                    peer: peer(),
                    why: plain_words(&error),
                });
            }
            Err(_) => {
                return Err(Unreachable::Connect {
                    peer: peer(),
                    why: "no answer in 10 seconds".into(),
                });
            }
        };
        // Small requests should not wait for more to come; a socket that cannot say so still works.
        let _ = stream.set_nodelay(true);
        if self.inner.is_tls {
            let stream =
                tokio::time::timeout(CONNECT_TIMEOUT, tls::connect(&self.inner.host, stream)).await;
            match stream {
                Ok(Ok(stream)) => self.shake_hands(TokioIo::new(stream)).await,
                Ok(Err(why)) => Err(Unreachable::Tls { peer: peer(), why }),
                Err(_) => Err(Unreachable::Tls {
                    peer: peer(),
                    why: "no answer in 10 seconds".into(),
                }),
            }
        } else {
            self.shake_hands(TokioIo::new(stream)).await
        }
    }

    async fn shake_hands<S>(&self, stream: S) -> Result<SendRequest<Full<Bytes>>, Unreachable>
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(|error| self.protocol(&error))?;
        // Ends with the connection; its errors reach whoever waits for an answer.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn protocol(&self, error: &hyper::Error) -> Unreachable {
        let why = match error {
            error if error.is_parse() && !self.inner.is_tls => "maybe it wants https://".to_owned(),
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

    async fn judge(&self, answer: Response<Incoming>) -> Result<Response<Incoming>, AskError> {
        let peer = self.name().to_owned();
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NO_CONTENT => Ok(answer),
            StatusCode::NOT_FOUND => Err(Unreachable::NotThere { peer }.into()),
            status => {
                let text = Transfer::new(self, answer)
                    .all(1_024)
                    .await
                    .unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                let why: String = text
                    .lines()
                    .next()
                    .unwrap_or("")
                    .chars()
                    .filter(|c| !c.is_control())
                    .collect();
                Err(Unreachable::Status {
                    peer,
                    status: status.as_u16(),
                    why,
                }
                .into())
            }
        }
    }
}

/// An answer's body on its way.
pub struct Transfer {
    peer: String,
    status: StatusCode,
    size: Option<u64>,
    body: Incoming,
    /// Bytes that come before the range that was asked for.
    pub skip: u64,
}

impl Transfer {
    fn new(remote: &Remote, answer: Response<Incoming>) -> Self {
        let size = answer
            .headers()
            .get("levada-size")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            peer: remote.name().to_owned(),
            status: answer.status(),
            size,
            body: answer.into_body(),
            skip: 0,
        }
    }

    /// What the header `levada-size` says: a claim.
    #[must_use]
    pub fn untrusted_size(&self) -> Option<u64> {
        self.size
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// `Stalled`, `Protocol`.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AskError> {
        let started = clock::tick();
        loop {
            match tokio::time::timeout(STALL_TIMEOUT, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    let why = if error.is_incomplete_message() || error.is_body_write_aborted() {
                        "it broke off".to_owned()
                    } else {
                        error.to_string()
                    };
                    return Err(Unreachable::Protocol {
                        peer: self.peer.clone(),
                        why,
                    }
                    .into());
                }
                Err(_) => {
                    let after_ms = started.elapsed().as_millis();
                    return Err(Unreachable::Stalled {
                        peer: self.peer.clone(),
                        after_ms,
                    }
                    .into());
                }
            }
        }
    }

    /// Everything, if it is at most `limit` bytes.
    ///
    /// # Errors
    /// wire-2 when it is more.
    pub async fn all(mut self, limit: u64) -> Result<Bytes, AskError> {
        let mut whole: Vec<u8> = Vec::new();
        while let Some(part) = self.next().await? {
            let got = u64::try_from(whole.len() + part.len()).unwrap_or(u64::MAX);
            if got > limit {
                let reject = Reject::AnswerTooLong { got };
                return Err(AskError::Rejected {
                    peer: self.peer,
                    reject,
                });
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole.into())
    }
}

/// What the system says of a connection that failed, without numbers.
fn plain_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "nothing listens on this port".into(),
        std::io::ErrorKind::NetworkUnreachable | std::io::ErrorKind::HostUnreachable => {
            "no way to this host".into()
        }
        std::io::ErrorKind::TimedOut => "no answer in time".into(),
        _ if error.to_string().contains("lookup") => "there is no host of this name".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_wrong_ones_refused() {
        let parts = |address: &str| {
            let remote = Remote::parse(address).unwrap().inner;
            (
                remote.host.clone(),
                remote.port,
                remote.is_tls,
                remote.base.clone(),
            )
        };
        assert_eq!(
            parts("192.0.2.1"),
            ("192.0.2.1".into(), 9327, false, String::new())
        );
        assert_eq!(
            parts("http://a.example"),
            ("a.example".into(), 80, false, String::new())
        );
        assert_eq!(
            parts("http://[::1]:9327/"),
            ("::1".into(), 9327, false, String::new())
        );
        assert_eq!(
            parts("https://a.example/pub/"),
            ("a.example".into(), 443, true, "/pub".into())
        );
        for wrong in ["", "ftp://a.example", "http://", "a b"] {
            assert!(Remote::parse(wrong).is_err(), "{wrong}");
        }
    }
}
