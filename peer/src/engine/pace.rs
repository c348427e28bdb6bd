//! Rests: twice as long after each failure, and never the same for two peers, so that many do not come back at once.

use levada_feed::key::FeedKey;

/// Rest after the first failure; twice as long after each further one.
pub(super) const BACK_OFF_MS_MIN: u64 = 2_000;
pub(super) const BACK_OFF_MS_MAX: u64 = 3_600_000;
/// Rest of a feed of which something was not to be had; twice as long each further time.
pub(super) const RETRY_MS: u64 = 300_000;

/// The rest after so many syncs in a row that left something to be had.
pub(super) fn retry(lacks: u32) -> u64 {
    (RETRY_MS << lacks.saturating_sub(1).min(8)).min(BACK_OFF_MS_MAX)
}

/// The rest after so many failures in a row, give or take a quarter.
pub(super) fn back_off(failures: u32, seed: u64) -> u64 {
    let steps = failures.saturating_sub(1).min(16);
    let rest = (BACK_OFF_MS_MIN << steps).min(BACK_OFF_MS_MAX);
    rest - rest / 4 + spread(rest / 2, seed ^ u64::from(failures))
}

/// A part of a time, by a seed.
pub(super) fn spread(time: u64, seed: u64) -> u64 {
    (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % time.max(1)
}

/// A number that differs from feed to feed, and is the same each time.
pub(super) fn seed_of_feed(feed: &FeedKey, peer: u32) -> u64 {
    seed(feed.as_bytes()) ^ u64::from(peer).rotate_left(40)
}

/// A number that differs from name to name, and is the same each time.
pub(super) fn seed(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
