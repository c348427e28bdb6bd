//! What is asked: printed as a request target by the client, parsed by the server, so that both sides cannot differ.

use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
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
    /// Who else serves a feed; with POST, announces that the asker does.
    Peers {
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
    /// One stream of news about many feeds; they are in the body.
    Watch,
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
            Self::Peers { feed } => write!(f, "/v1/feeds/{feed}/peers"),
            Self::Blob { hash } => write!(f, "/v1/blobs/{hash}"),
            Self::Proof { hash, from, to } => {
                write!(f, "/v1/blobs/{hash}/proof?from={from}&to={to}")
            }
            Self::Have { hash } => write!(f, "/v1/blobs/{hash}/have"),
            Self::Batch => write!(f, "/v1/blobs"),
            Self::Watch => write!(f, "/v1/watch"),
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
            ["v1", "watch"] => Ok(Self::Watch),
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
            ["peers"] => Ok(Self::Peers { feed }),
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
