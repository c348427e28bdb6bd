//! Verifies levada feeds: bytes in, verdict out. No I/O, no clock, no threads, no storage.
//!
//! The format is in the pages of `spec/`. From a key to a verified record, first as the author, then as anybody who got
//! the bytes from anywhere:
//!
//! ```
//! use levada_feed::key::{FeedKey, FeedSecret};
//! use levada_feed::record::{self, Body, Profile, Record};
//! use levada_feed::{chain, head::Head, log::AuthorLog};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The author writes record 0 and signs a head over it.
//! let secret = FeedSecret::from_bytes(&[1; 32]);
//! let mut log = AuthorLog::new(secret);
//! let profile = Profile { name: "Ana".into(), ..Profile::default() };
//! let (time, salt, body) = (1_767_225_600_000, [7; 16], Body::Profile(Box::new(profile)));
//! let bytes = record::write(&Record { time, salt, body }, 0)?;
//! let (_, link) = log.append(bytes.clone())?;
//! let batch = log.sign(time).ok_or("there is nothing to sign")?;
//! let signed = batch.head().ok_or("a signed batch has its head")?.wire().to_vec();
//! let address = log.feed().to_string();
//!
//! // A reader knows the feed by its key alone.
//! let feed: FeedKey = address.parse()?;
//! let head = Head::check_of(&feed, &signed)?;
//! chain::check_list(&head, [link])?;
//! chain::check_record(&feed, 0, None, &link, &bytes)?;
//! let record = record::read(&bytes, 0)?;
//! assert!(matches!(record.body, Body::Profile(profile) if profile.name == "Ana"));
//!
//! // One changed byte, and nothing is believed.
//! let mut changed = bytes.clone();
//! changed[20] ^= 1;
//! assert!(chain::check_record(&feed, 0, None, &link, &changed).is_err());
//! # Ok(())
//! # }
//! ```

pub mod bundle;
pub mod chain;
pub mod codec;
pub mod fork;
pub mod hash;
pub mod head;
pub mod key;
pub mod limits;
pub mod link;
pub mod log;
pub mod record;
pub mod reject;
pub mod succession;
pub mod tree;
