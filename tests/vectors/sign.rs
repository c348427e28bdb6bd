//! Keys and signatures, and the bodies that are signed.

use super::cbor::{self, Entry, sorted};
use bech32::{Bech32m, Hrp};
use ed25519_dalek::{Signer, SigningKey};

/// Stands before the body of a head when it is signed.
pub(crate) const HEAD: &[u8] = b"levada head v1\n";
/// Stands before the body of a succession when it is signed.
pub(crate) const SUCCESSION: &[u8] = b"levada succession v1\n";

/// Somebody with a key. The secret is one byte, 32 times.
pub(crate) struct Author(pub(crate) SigningKey);

impl Author {
    pub(crate) fn new(secret: u8) -> Self {
        Self(SigningKey::from_bytes(&[secret; 32]))
    }

    pub(crate) fn key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn sign(&self, context: &[u8], body: &[u8]) -> [u8; 64] {
        self.0.sign(&[context, body].concat()).to_bytes()
    }
}

/// The text form of a key.
pub(crate) fn key_text(key: &[u8]) -> String {
    bech32::encode::<Bech32m>(Hrp::parse_unchecked("lev"), key).expect("32 bytes fit")
}

/// What a head says.
#[derive(Clone)]
pub(crate) struct Statement {
    pub(crate) feed: [u8; 32],
    pub(crate) first: [u8; 32],
    pub(crate) length: u64,
    pub(crate) bytes: u64,
    pub(crate) media: u64,
    pub(crate) root: [u8; 32],
    pub(crate) time: u64,
}

impl Statement {
    /// The entries of its body, in canonical order.
    pub(crate) fn entries(&self) -> Vec<Entry<'static>> {
        vec![
            ("feed", cbor::bytes(&self.feed)),
            ("root", cbor::bytes(&self.root)),
            ("time", cbor::uint(self.time)),
            ("bytes", cbor::uint(self.bytes)),
            ("first", cbor::bytes(&self.first)),
            ("media", cbor::uint(self.media)),
            ("length", cbor::uint(self.length)),
        ]
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        cbor::map(&self.entries())
    }

    /// The head, signed by `author`.
    pub(crate) fn signed(&self, author: &Author) -> Vec<u8> {
        signed_head(author, &self.body())
    }
}

/// A head with this body, whatever it is, signed by `author`.
pub(crate) fn signed_head(author: &Author, body: &[u8]) -> Vec<u8> {
    head_of(body, &author.sign(HEAD, body))
}

/// A head out of its parts.
pub(crate) fn head_of(body: &[u8], signature: &[u8]) -> Vec<u8> {
    cbor::array(&[cbor::uint(1), cbor::bytes(body), cbor::bytes(signature)])
}

/// What a succession says.
#[derive(Clone)]
pub(crate) struct Will {
    pub(crate) feed: [u8; 32],
    pub(crate) recovery: [u8; 32],
    pub(crate) next: [u8; 32],
    pub(crate) length: u64,
    pub(crate) root: [u8; 32],
    pub(crate) time: u64,
}

impl Will {
    pub(crate) fn entries(&self) -> Vec<Entry<'static>> {
        vec![
            ("feed", cbor::bytes(&self.feed)),
            ("next", cbor::bytes(&self.next)),
            ("root", cbor::bytes(&self.root)),
            ("time", cbor::uint(self.time)),
            ("length", cbor::uint(self.length)),
            ("recovery", cbor::bytes(&self.recovery)),
        ]
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        sorted(&self.entries())
    }
}
