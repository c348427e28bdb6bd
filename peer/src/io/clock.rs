//! The only clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, in Unix milliseconds; 0 for a clock before 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A point of monotonic time, to measure from.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn tick() -> Instant {
    Instant::now()
}
