//! Who may make calls over loopback: whoever names this machine as the host, comes from no other origin, and has the
//! token (spec/local.md, Who may call).
//!
//! Host is checked because a page of a stranger can give its own name our address, Origin because a page can post
//! anywhere. Without the token neither is worth anything.

use super::token::Token;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Request, StatusCode};
use std::sync::Arc;

/// Names of this machine that a request may use.
const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Judges requests to one port.
#[derive(Clone)]
pub struct Gate {
    port: u16,
    token: Arc<Token>,
}

/// Why a request goes no further: its status, and words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Host,
    Origin,
    Token,
}

impl Refused {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
        }
    }

    pub(super) fn why(&self) -> &'static str {
        match self {
            Self::Host => "the host is 127.0.0.1, [::1] or localhost, with this port",
            Self::Origin => "pages of other origins make no calls here",
            Self::Token => "the token is missing or wrong: `levada token` prints it",
        }
    }
}

impl Gate {
    /// Judges requests to this port by this token.
    #[must_use]
    pub fn new(port: u16, token: Arc<Token>) -> Self {
        Self { port, token }
    }

    /// Whether the request may be read.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        check_place(request, self.port)?;
        let given = one(request.headers(), &header::AUTHORIZATION).and_then(bearer);
        if given.is_some_and(|given| self.token.is(given)) {
            Ok(())
        } else {
            Err(Refused::Token)
        }
    }
}

/// Whether a request names this machine and this port, and comes from no other origin.
pub(super) fn check_place<B>(request: &Request<B>, port: u16) -> Result<(), Refused> {
    let host = one(request.headers(), &header::HOST).ok_or(Refused::Host)?;
    if !is_ours(host, port) {
        return Err(Refused::Host);
    }
    let authority = request.uri().authority();
    if authority.is_some_and(|named| !named.as_str().eq_ignore_ascii_case(host)) {
        return Err(Refused::Host);
    }
    if request.headers().contains_key(header::ORIGIN) {
        let origin = one(request.headers(), &header::ORIGIN).ok_or(Refused::Origin)?;
        if !origin.eq_ignore_ascii_case(&format!("http://{host}")) {
            return Err(Refused::Origin);
        }
    }
    Ok(())
}

fn is_ours(host: &str, port: u16) -> bool {
    let Some((name, named)) = host.rsplit_once(':') else {
        return false;
    };
    named == port.to_string() && HOSTS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

/// The only value of a header; `None` when it is missing, there twice, or no text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
