//! Files put together from any bytes: whole frames with right checks and signed heads, and what may happen to them.

use super::plain::{self, BLOB, HEAD, HEADER, LINK, RECORD};
use crate::fuzz::history;
use crate::noise;
use levada_feed::hash::Hash;
use levada_feed::head::{Head, HeadBody};
use levada_feed::key::FeedSecret;

/// Steps of one file.
const STEPS_MAX: usize = 40;
const FILE_BYTES_MAX: usize = 300_000;

/// A head of this length, signed by the author.
pub(super) fn head(length: u64) -> Head {
    signed(&history::secret(), length)
}

fn signed(secret: &FeedSecret, length: u64) -> Head {
    let body = HeadBody {
        feed: secret.feed_key(),
        first: Hash::of(b"first"),
        length,
        bytes: 0,
        media: 0,
        root: Hash::of(&length.to_le_bytes()),
        time: length,
    };
    Head::sign(secret, body)
}

/// Input: steps of three bytes each: what comes next, and two numbers.
pub(super) fn file(input: &[u8]) -> Vec<u8> {
    let mut bytes = plain::frame(HEADER, &plain::header(&history::feed()));
    let mut records = 0;
    for [what, one, two] in input.as_chunks::<3>().0.iter().take(STEPS_MAX) {
        if bytes.len() > FILE_BYTES_MAX {
            break;
        }
        let number = usize::from(u16::from_be_bytes([*one, *two]));
        records += u64::from(matches!(what % 21, 0..=4 | 9));
        let length = match what % 21 {
            6 | 7 => records.max(1),
            _ => u64::from(*one) + 1,
        };
        match what % 21 {
            0..=3 => bytes.extend(plain::frame(RECORD, &noise(u64::from(*two), number % 300))),
            // At and past its bound.
            4 => bytes.extend(plain::frame(RECORD, &vec![*two; 65_534 + number % 4])),
            5 => bytes.extend(plain::frame(BLOB, &noise(u64::from(*two), number % 300))),
            6..=8 => bytes.extend(plain::frame(HEAD, head(length).wire())),
            9 => bytes.extend(plain::frame(LINK, &noise(u64::from(*two), 32))),
            10 => bytes.extend(plain::frame(LINK, &noise(7, 30 + number % 4))),
            11 => bytes.extend(plain::frame(BLOB, &vec![*two; 16_383 + number % 3])),
            12 => {
                let other = signed(&FeedSecret::from_bytes(&[9; 32]), length);
                bytes.extend(plain::frame(HEAD, other.wire()));
            }
            13 => bytes.extend(plain::frame(*one, &noise(3, usize::from(*two)))),
            // An own blob that looks like the end of an author's file.
            14 => {
                let inner = plain::frame(HEAD, head(length).wire());
                let around = noise(5, usize::from(*two));
                bytes.extend(plain::frame(BLOB, &[around, inner].concat()));
            }
            // What a power cut leaves, or a disk that rots.
            15 => bytes.truncate(bytes.len() - number % (bytes.len() + 1)),
            16 => bytes.extend(noise(u64::from(*two), number % 300)),
            17 => bytes.extend(vec![HEAD; number % 300]),
            18 => bend(&mut bytes, number, 1 << (two % 8)),
            19 => bend(&mut bytes, usize::from(*one), *two),
            // The front is gone: in the middle of the header, or with all of it.
            _ => drop(bytes.drain(..(usize::from(*one) % 68).min(bytes.len()))),
        }
    }
    bytes
}

fn bend(bytes: &mut [u8], at: usize, by: u8) {
    let len = bytes.len();
    // Counted from the end, where there is more to break.
    if let Some(byte) = len.checked_sub(at % len.max(1) + 1) {
        bytes[byte] ^= by;
    }
}
