//! The bytes of the wire that prove nothing by themselves: what is asked, and the small lists that answer (spec/wire.md).
//!
//! Requests are printed by the client and parsed by the server here, so that both sides cannot differ. Heads, bundles and
//! proofs are `levada_feed`'s.

mod ask;
mod peers;
#[cfg(test)]
mod tests;
mod watch;

use crate::runs::Runs;
use levada_feed::codec::{self, Writer};
use levada_feed::hash::Hash;
use levada_feed::limits::{BATCH_HASHES_MAX, FEEDS_PAGE_MAX, HASH_BYTES, INLINE_BYTES_MAX};
use levada_feed::reject::Reject;

pub use ask::{Ask, BadAsk, WAIT_SECONDS_MAX, read_number};
pub use peers::{ANNOUNCE_BYTES_MAX, read_announce, read_peers, write_announce, write_peers};
pub use watch::{
    FRAMES_A_MINUTE, FRAMES_OF_FEED, Frame, Frames, News, WATCH_BYTES_MAX, Watched, head_tag_bytes,
    read_watch, write_alive, write_frame, write_watch,
};

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
