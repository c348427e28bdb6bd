//! Why an exchange with a peer failed: nobody answered as a peer does, or what came is wrong.

use levada_feed::reject::Reject;

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
    /// It answers in a way that the wire does not have: compressed, another range, a way to another host.
    #[error("{peer} answers in a way that cannot be used: {why}")]
    Unusable {
        /// Who was asked.
        peer: String,
        /// What was wrong.
        why: String,
    },
    /// It does not have it.
    #[error("{peer} does not have it")]
    NotThere {
        /// Who was asked.
        peer: String,
    },
    /// It is a static host in the middle of an update, or one that was not uploaded whole.
    #[error("{peer} has a head that its file {file} does not reach yet: it is being uploaded")]
    NotYet {
        /// Who was asked.
        peer: String,
        /// The file, below the host's address.
        file: String,
    },
    /// Too many ask it at once: it says when to ask again, or the usual time is taken.
    #[error("{peer} is busy{}", if why.is_empty() { String::new() } else { format!(": {why}") })]
    Busy {
        /// Who was asked.
        peer: String,
        /// The first line of what it said.
        why: String,
        /// Seconds until it may be asked again.
        after_s: u64,
    },
    /// It answered with a status that the wire does not have.
    #[error("{peer} refused: {}", format!("{status} {why}").trim_end())]
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
