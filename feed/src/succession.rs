//! Successions: a recovery key hands a feed over to the next key (spec/succession.md).
//!
//! Bytes only: makes and checks the file. What a succession does to a feed that a client holds comes later.

use crate::codec::{self, Fields, MapWriter, Writer};
use crate::hash::Hash;
use crate::key::{Context, FeedKey, FeedSecret, Signature};
use crate::limits::{FORK_BYTES_MAX, LENGTH_MAX};
use crate::reject::Reject;
use serde::{Deserialize, Serialize};

/// What a succession says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessionBody {
    /// The feed that ends.
    pub feed: FeedKey,
    /// The recovery key: its BLAKE3 hash stands in record 0.
    pub recovery: FeedKey,
    /// The feed that goes on.
    pub next: FeedKey,
    /// Records of the old feed that count.
    pub length: u64,
    /// Root at that length.
    pub root: Hash,
    /// When it was signed, Unix milliseconds.
    pub time: u64,
}

const KEYS: [&str; 6] = ["feed", "next", "root", "time", "length", "recovery"];

/// A succession whose form and signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    wire: Vec<u8>,
    body: SuccessionBody,
}

impl Succession {
    /// Signs with both keys.
    ///
    /// # Errors
    /// As `check`: the result is checked before it is given out.
    pub fn sign(
        recovery: &FeedSecret,
        next: &FeedSecret,
        body: &SuccessionBody,
    ) -> Result<Self, Reject> {
        let encoded = MapWriter::new()
            .with("feed", |w| w.bytes(body.feed.as_bytes()))
            .with("next", |w| w.bytes(body.next.as_bytes()))
            .with("root", |w| w.bytes(&body.root.0))
            .with("time", |w| w.uint(body.time))
            .with("length", |w| w.uint(body.length))
            .with("recovery", |w| w.bytes(body.recovery.as_bytes()))
            .finish();
        let signed = |secret: &FeedSecret| secret.sign(Context::Succession, &encoded);
        let mut wire = Writer::new();
        wire.array(4)
            .uint(1)
            .bytes(&encoded)
            .bytes(&signed(recovery).0)
            .bytes(&signed(next).0);
        Self::check(&wire.finish())
    }

    /// Checks `[1, body, signature by recovery, signature by next]`.
    ///
    /// # Errors
    /// succession-1, succession-2, head-2 to head-4, the keys' and the codec's.
    pub fn check(wire: &[u8]) -> Result<Self, Reject> {
        if wire.len() > FORK_BYTES_MAX {
            return Err(Reject::TooLong {
                got: wire.len(),
                max: FORK_BYTES_MAX,
            });
        }
        codec::check_version(wire, Reject::SuccessionForm)?;
        codec::check(wire, 16)?;
        let parts = codec::read_array(wire).ok_or(Reject::SuccessionForm)?;
        let [_, encoded, by_recovery, by_next] = parts.as_slice() else {
            return Err(Reject::SuccessionForm);
        };
        let encoded = codec::read_bytes(encoded).ok_or(Reject::SuccessionForm)?;
        let signature = |bytes| {
            codec::read_fixed(bytes)
                .map(Signature)
                .ok_or(Reject::SuccessionForm)
        };
        let (by_recovery, by_next) = (signature(by_recovery)?, signature(by_next)?);
        let body = decode(encoded)?;
        if body.feed == body.recovery || body.feed == body.next || body.recovery == body.next {
            return Err(Reject::SuccessionKeys);
        }
        body.recovery
            .check(Context::Succession, encoded, &by_recovery)?;
        body.next.check(Context::Succession, encoded, &by_next)?;
        Ok(Self {
            wire: wire.to_vec(),
            body,
        })
    }

    /// Checks that the recovery key is the one that record 0 of the feed names.
    ///
    /// # Errors
    /// succession-3.
    pub fn check_recovery(&self, named: Option<&Hash>) -> Result<(), Reject> {
        match named {
            Some(named) if *named == Hash::of(self.body.recovery.as_bytes()) => Ok(()),
            _ => Err(Reject::SuccessionRecovery),
        }
    }

    /// The file's bytes.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &SuccessionBody {
        &self.body
    }
}

fn decode(encoded: &[u8]) -> Result<SuccessionBody, Reject> {
    codec::check(encoded, 16)?;
    let fields = Fields::read(encoded)
        .filter(|fields| fields.are_exactly(&KEYS))
        .ok_or(Reject::BodyKeys)?;
    let bytes = |name| {
        fields
            .value(name)
            .and_then(codec::read_fixed::<32>)
            .ok_or(Reject::BodyKeys)
    };
    let uint = |name| {
        fields
            .value(name)
            .and_then(codec::read_uint)
            .ok_or(Reject::BodyKeys)
    };
    let length = uint("length")?;
    if !(1..=LENGTH_MAX).contains(&length) {
        return Err(Reject::HeadLength { got: length });
    }
    Ok(SuccessionBody {
        feed: FeedKey::from_bytes(&bytes("feed")?)?,
        recovery: FeedKey::from_bytes(&bytes("recovery")?)?,
        next: FeedKey::from_bytes(&bytes("next")?)?,
        length,
        root: Hash(bytes("root")?),
        time: uint("time")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> (FeedSecret, FeedSecret, FeedSecret) {
        let secret = |byte| FeedSecret::from_bytes(&[byte; 32]);
        (secret(1), secret(2), secret(3))
    }

    fn body() -> SuccessionBody {
        let (feed, recovery, next) = secrets();
        SuccessionBody {
            feed: feed.feed_key(),
            recovery: recovery.feed_key(),
            next: next.feed_key(),
            length: 4,
            root: Hash::of(b"root"),
            time: 5,
        }
    }

    #[test]
    fn succession_counts_only_by_the_recovery_key_of_record_0() {
        let (_, recovery, next) = secrets();
        let succession = Succession::sign(&recovery, &next, &body()).unwrap();
        assert_eq!(Succession::check(succession.wire()), Ok(succession.clone()));
        let named = Hash::of(recovery.feed_key().as_bytes());
        assert_eq!(succession.check_recovery(Some(&named)), Ok(()));
        assert_eq!(
            succession.check_recovery(Some(&Hash::of(b"x"))),
            Err(Reject::SuccessionRecovery)
        );
        assert_eq!(
            succession.check_recovery(None),
            Err(Reject::SuccessionRecovery)
        );
    }

    #[test]
    fn signatures_in_the_wrong_order_and_equal_keys_are_refused() {
        let (feed, recovery, next) = secrets();
        assert_eq!(
            Succession::sign(&next, &recovery, &body()),
            Err(Reject::BadSignature)
        );
        let twice = SuccessionBody {
            next: feed.feed_key(),
            ..body()
        };
        assert_eq!(
            Succession::sign(&recovery, &feed, &twice),
            Err(Reject::SuccessionKeys)
        );
    }
}
