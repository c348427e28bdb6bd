//! The bytes of the wire that prove nothing by themselves: what is asked, and the small lists that answer (spec/wire.md).
//!
//! Requests are printed by the client and parsed by the server here, so that both sides cannot differ. Heads, bundles and
//! proofs are `levada_feed`'s.

#[cfg(test)]
mod tests;

use crate::runs::Runs;
use levada_feed::codec::{self, Writer};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::{BATCH_HASHES_MAX, FEEDS_PAGE_MAX, HASH_BYTES, INLINE_BYTES_MAX};
use levada_feed::reject::Reject;
use std::fmt;

/// Seconds that a request for a head may wait for another one.
pub const WAIT_SECONDS_MAX: u64 = 50;

/// One request of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Is anybody there?
    Health,
    /// Heads of the feeds that are shared here, after one feed.
    Feeds {
        /// Where the page before ended.
        after: Option<FeedKey>,
    },
    /// The newest head with the slice of its last hash, and of hash `have - 1`.
    Head {
        /// The feed.
        feed: FeedKey,
        /// Records that the asker has; 0 for none.
        have: u64,
        /// Seconds to wait for a head other than the one in If-None-Match.
        wait: u64,
    },
    /// Records `from..to`, under the head of length `at` if it is still there.
    Bundle {
        /// The feed.
        feed: FeedKey,
        /// First record.
        from: u64,
        /// One past the last record wanted; less may come.
        to: u64,
        /// Length of the head that the asker knows.
        at: Option<u64>,
    },
    /// Record 0 and the newest records, under one head.
    Latest {
        /// The feed.
        feed: FeedKey,
        /// How many; less may come.
        count: u64,
    },
    /// The fork proof of a feed; with POST, hands one over.
    Fork {
        /// The feed.
        feed: FeedKey,
    },
    /// The succession of a feed; with POST, hands one over.
    Succession {
        /// The feed.
        feed: FeedKey,
    },
    /// The plain bytes of a blob.
    Blob {
        /// The blob.
        hash: Hash,
    },
    /// The pairs that prove bytes `from..to` of a blob, rounded to leaves.
    Proof {
        /// The blob.
        hash: Hash,
        /// First byte.
        from: u64,
        /// One past the last byte.
        to: u64,
    },
    /// Which leaves of a blob are here.
    Have {
        /// The blob.
        hash: Hash,
    },
    /// Many small blobs; the hashes are in the body.
    Batch,
}

/// Why a request is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAsk {
    /// There is nothing of this name: 404.
    NoSuchPath,
    /// A name or number in it is wrong: 400.
    BadParameter(&'static str),
}

impl fmt::Display for Ask {
    /// The request target: path and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Health => write!(f, "/healthz"),
            Self::Feeds { after: None } => write!(f, "/v1/feeds"),
            Self::Feeds { after: Some(after) } => write!(f, "/v1/feeds?after={after}"),
            Self::Head {
                feed,
                have,
                wait: 0,
            } => write!(f, "/v1/feeds/{feed}/head?have={have}"),
            Self::Head { feed, have, wait } => {
                write!(f, "/v1/feeds/{feed}/head?have={have}&wait={wait}")
            }
            Self::Bundle { feed, from, to, at } => {
                write!(f, "/v1/feeds/{feed}/bundle?from={from}&to={to}")?;
                at.map_or(Ok(()), |at| write!(f, "&at={at}"))
            }
            Self::Latest { feed, count } => write!(f, "/v1/feeds/{feed}/bundle?latest={count}"),
            Self::Fork { feed } => write!(f, "/v1/feeds/{feed}/fork"),
            Self::Succession { feed } => write!(f, "/v1/feeds/{feed}/succession"),
            Self::Blob { hash } => write!(f, "/v1/blobs/{hash}"),
            Self::Proof { hash, from, to } => {
                write!(f, "/v1/blobs/{hash}/proof?from={from}&to={to}")
            }
            Self::Have { hash } => write!(f, "/v1/blobs/{hash}/have"),
            Self::Batch => write!(f, "/v1/blobs"),
        }
    }
}

impl Ask {
    /// Parses a request target. Unknown parameters are ignored.
    ///
    /// # Errors
    /// See `BadAsk`.
    pub fn parse(path: &str, query: Option<&str>) -> Result<Self, BadAsk> {
        let query = Query(query.unwrap_or(""));
        let path = path.strip_prefix('/').ok_or(BadAsk::NoSuchPath)?;
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["healthz"] => Ok(Self::Health),
            ["v1", "feeds"] => {
                let after = query
                    .text("after")
                    .map(|key| key.parse().map_err(|_| BadAsk::BadParameter("after")));
                Ok(Self::Feeds {
                    after: after.transpose()?,
                })
            }
            ["v1", "feeds", feed, rest @ ..] => {
                let feed = feed.parse().map_err(|_| BadAsk::BadParameter("feed key"))?;
                Self::parse_feed(feed, rest, &query)
            }
            ["v1", "blobs"] => Ok(Self::Batch),
            ["v1", "blobs", hash, rest @ ..] => {
                let is_lower = !hash.bytes().any(|byte| byte.is_ascii_uppercase());
                let hash = hash.parse().ok().filter(|_| is_lower);
                let hash = hash.ok_or(BadAsk::BadParameter("blob hash"))?;
                match rest {
                    [] => Ok(Self::Blob { hash }),
                    ["have"] => Ok(Self::Have { hash }),
                    ["proof"] => Ok(Self::Proof {
                        hash,
                        from: query.needed("from")?,
                        to: query.needed("to")?,
                    }),
                    _ => Err(BadAsk::NoSuchPath),
                }
            }
            _ => Err(BadAsk::NoSuchPath),
        }
    }

    fn parse_feed(feed: FeedKey, rest: &[&str], query: &Query<'_>) -> Result<Self, BadAsk> {
        match rest {
            ["head"] => {
                let wait = query.number("wait")?.unwrap_or(0).min(WAIT_SECONDS_MAX);
                Ok(Self::Head {
                    feed,
                    have: query.number("have")?.unwrap_or(0),
                    wait,
                })
            }
            ["bundle"] => match query.number("latest")? {
                Some(0) => Err(BadAsk::BadParameter("latest")),
                Some(count) => Ok(Self::Latest { feed, count }),
                None => {
                    let (from, to) = (query.needed("from")?, query.needed("to")?);
                    if from >= to {
                        return Err(BadAsk::BadParameter("to"));
                    }
                    Ok(Self::Bundle {
                        feed,
                        from,
                        to,
                        at: query.number("at")?,
                    })
                }
            },
            ["fork"] => Ok(Self::Fork { feed }),
            ["succession"] => Ok(Self::Succession { feed }),
            _ => Err(BadAsk::NoSuchPath),
        }
    }
}

struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0
            .split('&')
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    fn number(&self, name: &'static str) -> Result<Option<u64>, BadAsk> {
        self.text(name)
            .map(|text| read_number(text).ok_or(BadAsk::BadParameter(name)))
            .transpose()
    }

    fn needed(&self, name: &'static str) -> Result<u64, BadAsk> {
        self.number(name)?.ok_or(BadAsk::BadParameter(name))
    }
}

/// A number as decimal digits, without sign and leading zeros.
#[must_use]
pub fn read_number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_shortest = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain && is_shortest)
}

/// The list of shared feeds: `[1, [head, …]]`.
#[must_use]
pub fn write_feeds(heads: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(1).array(heads.len());
    heads.iter().for_each(|head| {
        writer.bytes(head);
    });
    writer.finish()
}

/// Reads `write_feeds`: heads that are not checked yet.
///
/// # Errors
/// wire-1 and the codec's.
pub fn read_feeds(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Reject> {
    let parts = open(bytes, FEEDS_PAGE_MAX + 8)?;
    let [_, heads] = parts.as_slice() else {
        return Err(Reject::AnswerForm);
    };
    let heads = codec::read_array(heads).ok_or(Reject::AnswerForm)?;
    if heads.len() > FEEDS_PAGE_MAX {
        return Err(Reject::AnswerForm);
    }
    heads
        .into_iter()
        .map(|head| {
            codec::read_bytes(head)
                .map(<[u8]>::to_vec)
                .ok_or(Reject::AnswerForm)
        })
        .collect()
}

/// Strong tag of a head, for If-None-Match: the first 16 bytes of the hash of its wire form (spec/wire.md, Head).
#[must_use]
pub fn head_tag(wire: &[u8]) -> String {
    let hash = Hash::of(wire).to_string();
    format!("\"{}\"", hash.get(..32).unwrap_or(&hash))
}

/// Which leaves of a blob are held: `[1, size, runs]`.
#[must_use]
pub fn write_have(size: u64, leaves: &Runs) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(3).uint(1).uint(size).bytes(&leaves.to_bytes());
    writer.finish()
}

/// Reads `write_have`.
///
/// # Errors
/// wire-1 and the codec's.
pub fn read_have(bytes: &[u8]) -> Result<(u64, Runs), Reject> {
    let parts = open(bytes, 8)?;
    let [_, size, runs] = parts.as_slice() else {
        return Err(Reject::AnswerForm);
    };
    let runs = codec::read_bytes(runs)
        .and_then(Runs::from_bytes)
        .ok_or(Reject::AnswerForm)?;
    Ok((codec::read_uint(size).ok_or(Reject::AnswerForm)?, runs))
}

/// Asks for small blobs: `[1, hashes]`. At most 512 hashes.
#[must_use]
pub fn write_batch(hashes: &[Hash]) -> Vec<u8> {
    let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
    let mut writer = Writer::new();
    writer.array(2).uint(1).bytes(&hashes);
    writer.finish()
}

/// Reads `write_batch`.
///
/// # Errors
/// wire-1 and the codec's.
pub fn read_batch(bytes: &[u8]) -> Result<Vec<Hash>, Reject> {
    let parts = open(bytes, 8)?;
    let [_, hashes] = parts.as_slice() else {
        return Err(Reject::AnswerForm);
    };
    let (hashes, rest) = codec::read_bytes(hashes)
        .ok_or(Reject::AnswerForm)?
        .as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() > BATCH_HASHES_MAX {
        return Err(Reject::AnswerForm);
    }
    Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// Bytes of an answer to a batch at most.
pub const BATCH_BYTES_MAX: u64 = 64 + BATCH_HASHES_MAX as u64 * (INLINE_BYTES_MAX + 8);

/// Answers a batch, in its order: `[1, [bytes or null, …]]`.
#[must_use]
pub fn write_blobs(blobs: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(1).array(blobs.len());
    for blob in blobs {
        match blob {
            Some(bytes) => writer.bytes(bytes),
            None => writer.null(),
        };
    }
    writer.finish()
}

/// Reads `write_blobs`, and checks each blob against the hash that was asked for.
///
/// # Errors
/// wire-1, wire-3, and the codec's.
pub fn read_blobs<'a>(asked: &[Hash], bytes: &'a [u8]) -> Result<Vec<Option<&'a [u8]>>, Reject> {
    let parts = open(bytes, BATCH_HASHES_MAX + 8)?;
    let [_, blobs] = parts.as_slice() else {
        return Err(Reject::AnswerForm);
    };
    let blobs = codec::read_array(blobs).ok_or(Reject::AnswerForm)?;
    if blobs.len() != asked.len() {
        return Err(Reject::AnswerForm);
    }
    let check = |(blob, expected): (&'a [u8], &Hash)| {
        if codec::is_null(blob) {
            return Ok(None);
        }
        // A blob that is larger has no business in a batch, whatever a record says of its size.
        let bytes = codec::read_bytes(blob)
            .filter(|bytes| is_small(bytes))
            .ok_or(Reject::AnswerForm)?;
        let got = Hash::of(bytes);
        if got == *expected {
            Ok(Some(bytes))
        } else {
            Err(Reject::HashMismatch {
                expected: *expected,
                got,
            })
        }
    };
    blobs.into_iter().zip(asked).map(check).collect()
}

fn is_small(bytes: &[u8]) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|size| size <= INLINE_BYTES_MAX)
}

/// Divides the answer to `Latest`: one or two bundles in a row.
///
/// # Errors
/// wire-1 when they do not divide.
pub fn split_bundles(bytes: &[u8]) -> Result<Vec<&[u8]>, Reject> {
    let mut rest = bytes;
    let mut bundles = Vec::new();
    while !rest.is_empty() && bundles.len() < 2 {
        let end = codec::first_value(rest).ok_or(Reject::AnswerForm)?;
        let (bundle, after) = rest.split_at_checked(end).ok_or(Reject::AnswerForm)?;
        bundles.push(bundle);
        rest = after;
    }
    if rest.is_empty() && !bundles.is_empty() {
        Ok(bundles)
    } else {
        Err(Reject::AnswerForm)
    }
}

/// Checks canonical form and version; gives the elements.
fn open(bytes: &[u8], values_max: usize) -> Result<Vec<&[u8]>, Reject> {
    codec::check_version(bytes, Reject::AnswerForm)?;
    codec::check(bytes, values_max)?;
    codec::read_array(bytes).ok_or(Reject::AnswerForm)
}
