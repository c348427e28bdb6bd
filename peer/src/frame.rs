//! The bytes of the wire that prove nothing by themselves: what is asked, and the small lists that answer (spec/wire.md).
//!
//! Requests are printed by the client and parsed by the server here, so that both sides cannot differ. Heads, bundles and
//! proofs are `levada_feed`'s.

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
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
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
                let hash = hash
                    .parse()
                    .map_err(|_| BadAsk::BadParameter("blob hash"))?;
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
            .map(|text| text.parse().map_err(|_| BadAsk::BadParameter(name)))
            .transpose()
    }

    fn needed(&self, name: &'static str) -> Result<u64, BadAsk> {
        self.number(name)?.ok_or(BadAsk::BadParameter(name))
    }
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
        let bytes = codec::read_bytes(blob).ok_or(Reject::AnswerForm)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    #[test]
    fn every_request_is_parsed_as_it_was_printed() {
        let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
        let hash = Hash::of(b"x");
        for ask in [
            Ask::Health,
            Ask::Feeds { after: None },
            Ask::Feeds { after: Some(feed) },
            Ask::Head {
                feed,
                have: 7,
                wait: 0,
            },
            Ask::Head {
                feed,
                have: 7,
                wait: 50,
            },
            Ask::Bundle {
                feed,
                from: 0,
                to: 512,
                at: None,
            },
            Ask::Bundle {
                feed,
                from: 1,
                to: 2,
                at: Some(9),
            },
            Ask::Latest { feed, count: 50 },
            Ask::Fork { feed },
            Ask::Succession { feed },
            Ask::Blob { hash },
            Ask::Proof {
                hash,
                from: 0,
                to: 16_384,
            },
            Ask::Have { hash },
            Ask::Batch,
        ] {
            let target = ask.to_string();
            let (path, query) = target
                .split_once('?')
                .map_or((target.as_str(), None), |(p, q)| (p, Some(q)));
            assert_eq!(Ask::parse(path, query), Ok(ask));
        }
    }

    #[test]
    fn wrong_requests_are_told_apart() {
        let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
        assert_eq!(Ask::parse("/", None), Err(BadAsk::NoSuchPath));
        assert_eq!(Ask::parse("/v2/feeds", None), Err(BadAsk::NoSuchPath));
        assert_eq!(
            Ask::parse("/v1/feeds/lev1x/head", None),
            Err(BadAsk::BadParameter("feed key"))
        );
        let bundle = format!("/v1/feeds/{feed}/bundle");
        assert_eq!(Ask::parse(&bundle, None), Err(BadAsk::BadParameter("from")));
        assert_eq!(
            Ask::parse(&bundle, Some("from=5&to=5")),
            Err(BadAsk::BadParameter("to"))
        );
        assert_eq!(
            Ask::parse(&bundle, Some("latest=0")),
            Err(BadAsk::BadParameter("latest"))
        );
        assert_eq!(
            Ask::parse("/v1/blobs/00", None),
            Err(BadAsk::BadParameter("blob hash"))
        );
    }

    #[test]
    fn lists_come_back_and_wrong_ones_are_refused() {
        let heads = vec![vec![1, 2], vec![]];
        assert_eq!(read_feeds(&write_feeds(&heads)), Ok(heads));
        let runs = Runs::of(3..9);
        assert_eq!(read_have(&write_have(70_000, &runs)), Ok((70_000, runs)));
        let asked = [Hash::of(b"a"), Hash::of(b"b")];
        assert_eq!(read_batch(&write_batch(&asked)), Ok(asked.to_vec()));
        let answer = write_blobs(&[Some(b"a".to_vec()), None]);
        assert_eq!(
            read_blobs(&asked, &answer),
            Ok(vec![Some(b"a".as_slice()), None])
        );
        let wrong = write_blobs(&[None, Some(b"a".to_vec())]);
        assert_eq!(read_blobs(&asked, &wrong).unwrap_err().must(), "wire-3");
        assert_eq!(
            read_blobs(&asked[..1], &answer).unwrap_err().must(),
            "wire-1"
        );
        assert_eq!(
            split_bundles(&[0x81, 0x01, 0x81, 0x02]),
            Ok(vec![&[0x81, 0x01][..], &[0x81, 0x02][..]])
        );
        assert!(split_bundles(&[0x81, 0x01, 0x81]).is_err());
        assert!(split_bundles(&[1, 1, 1]).is_err());
        assert!(split_bundles(&[]).is_err());
    }
}
