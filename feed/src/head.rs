//! Signed heads: the one statement an author makes about a feed's length and root (spec/head.md).
//!
//! Checks form and signature and nothing else. Whether a head is newer than ours, and whether its list is real, is
//! `log`'s question; how fresh it must be is `peer`'s, because this crate never reads a clock.

use crate::codec::{self, Fields, MapWriter, Writer};
use crate::hash::Hash;
use crate::key::{Context, FeedKey, FeedSecret, Signature};
use crate::limits::{HEAD_BYTES_MAX, LENGTH_MAX};
use crate::reject::Reject;
use serde::{Deserialize, Serialize};

/// What a head says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadBody {
    /// The feed.
    pub feed: FeedKey,
    /// `h[0]`.
    pub first: Hash,
    /// Records so far: 1 to 2^40.
    pub length: u64,
    /// Sum of the sizes of all records: a claim.
    pub bytes: u64,
    /// Sum of the sizes of all files named in readable items: a claim.
    pub media: u64,
    /// Hash of the hash list.
    pub root: Hash,
    /// When it was signed, Unix milliseconds: never refuses, orders or validates.
    pub time: u64,
}

const KEYS: [&str; 7] = ["feed", "root", "time", "bytes", "first", "media", "length"];

impl HeadBody {
    fn encode(&self) -> Vec<u8> {
        MapWriter::new()
            .with("feed", |w| w.bytes(self.feed.as_bytes()))
            .with("root", |w| w.bytes(&self.root.0))
            .with("time", |w| w.uint(self.time))
            .with("bytes", |w| w.uint(self.bytes))
            .with("first", |w| w.bytes(&self.first.0))
            .with("media", |w| w.uint(self.media))
            .with("length", |w| w.uint(self.length))
            .finish()
    }

    fn decode(bytes: &[u8], asked: Option<&FeedKey>) -> Result<Self, Reject> {
        codec::check(bytes, 16)?;
        let fields = Fields::read(bytes)
            .filter(|fields| fields.are_exactly(&KEYS))
            .ok_or(Reject::BodyKeys)?;
        let uint = |name| {
            fields
                .value(name)
                .and_then(codec::read_uint)
                .ok_or(Reject::BodyKeys)
        };
        let hash = |name| {
            fields
                .value(name)
                .and_then(codec::read_fixed::<32>)
                .ok_or(Reject::BodyKeys)
        };
        let feed = hash("feed")?;
        let body = Self {
            // To check a key costs as much as to check a signature: the one that was asked for was checked before.
            feed: match asked.filter(|asked| *asked.as_bytes() == feed) {
                Some(asked) => *asked,
                None => FeedKey::from_bytes(&feed)?,
            },
            first: Hash(hash("first")?),
            length: uint("length")?,
            bytes: uint("bytes")?,
            media: uint("media")?,
            root: Hash(hash("root")?),
            time: uint("time")?,
        };
        match body.length {
            1..=LENGTH_MAX => Ok(body),
            got => Err(Reject::HeadLength { got }),
        }
    }
}

/// A head whose signature was checked, with its bytes as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    wire: Vec<u8>,
    body: HeadBody,
}

impl Head {
    /// Signs a body. The length must be 1 to 2^40; `log` sees to it.
    #[must_use]
    pub fn sign(secret: &FeedSecret, body: HeadBody) -> Self {
        let encoded = body.encode();
        let signature = secret.sign(Context::Head, &encoded);
        let mut wire = Writer::new();
        wire.array(3).uint(1).bytes(&encoded).bytes(&signature.0);
        Self {
            wire: wire.finish(),
            body,
        }
    }

    /// Checks a head in its wire form: `[1, body, signature]`.
    ///
    /// # Errors
    /// head-1 to head-4, key-1 to key-3, key-7 and the codec's.
    pub fn check(wire: &[u8]) -> Result<Self, Reject> {
        Self::check_as(None, wire)
    }

    fn check_as(asked: Option<&FeedKey>, wire: &[u8]) -> Result<Self, Reject> {
        if wire.len() > HEAD_BYTES_MAX {
            return Err(Reject::TooLong {
                got: wire.len(),
                max: HEAD_BYTES_MAX,
            });
        }
        codec::check_version(wire, Reject::HeadForm)?;
        codec::check(wire, 16)?;
        let parts = codec::read_array(wire).ok_or(Reject::HeadForm)?;
        let [_, encoded, signature] = parts.as_slice() else {
            return Err(Reject::HeadForm);
        };
        let encoded = codec::read_bytes(encoded).ok_or(Reject::HeadForm)?;
        let signature = codec::read_fixed::<64>(signature).ok_or(Reject::HeadForm)?;
        let body = HeadBody::decode(encoded, asked)?;
        body.feed
            .check(Context::Head, encoded, &Signature(signature))?;
        Ok(Self {
            wire: wire.to_vec(),
            body,
        })
    }

    /// The same, for the feed that was asked for.
    ///
    /// # Errors
    /// head-5 besides those of `check`.
    pub fn check_of(feed: &FeedKey, wire: &[u8]) -> Result<Self, Reject> {
        let head = Self::check_as(Some(feed), wire)?;
        if head.body.feed == *feed {
            Ok(head)
        } else {
            Err(Reject::OtherFeed)
        }
    }

    /// The bytes as signed or received.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The bytes of the body, as signed.
    #[must_use]
    pub fn body_bytes(&self) -> &[u8] {
        codec::read_array(&self.wire)
            .and_then(|parts| codec::read_bytes(parts.get(1)?))
            .expect("the wire form was checked or written here")
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &HeadBody {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> HeadBody {
        HeadBody {
            feed: FeedSecret::from_bytes(&[1; 32]).feed_key(),
            first: Hash::of(b"first"),
            length: 7,
            bytes: 2100,
            media: 0,
            root: Hash::of(b"root"),
            time: 0,
        }
    }

    #[test]
    fn signed_head_is_checked_and_kept_as_received() {
        let head = Head::sign(&FeedSecret::from_bytes(&[1; 32]), body());
        assert_eq!(Head::check(head.wire()), Ok(head.clone()));
        assert!(head.wire().len() < HEAD_BYTES_MAX / 2);
    }

    #[test]
    fn every_flipped_byte_of_a_head_is_refused() {
        let head = Head::sign(&FeedSecret::from_bytes(&[1; 32]), body());
        for at in 0..head.wire().len() {
            let mut wire = head.wire().to_vec();
            wire[at] ^= 1;
            assert!(Head::check(&wire).is_err(), "byte {at}");
        }
    }

    #[test]
    fn head_from_other_key_is_refused() {
        let head = Head::sign(&FeedSecret::from_bytes(&[2; 32]), body());
        assert_eq!(Head::check(head.wire()), Err(Reject::BadSignature));
    }

    #[test]
    fn head_of_length_0_and_above_2_to_40_is_refused() {
        for length in [0, LENGTH_MAX + 1] {
            let head = Head::sign(
                &FeedSecret::from_bytes(&[1; 32]),
                HeadBody { length, ..body() },
            );
            assert_eq!(
                Head::check(head.wire()),
                Err(Reject::HeadLength { got: length })
            );
        }
    }

    #[test]
    fn another_version_needs_a_newer_levada_whatever_follows() {
        assert_eq!(
            Head::check(&[0x82, 0x02, 0xf9, 0x3c, 0x00]),
            Err(Reject::NeedsNewer { got: 2 })
        );
    }
}
