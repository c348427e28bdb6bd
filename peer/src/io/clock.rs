//! The only clock.
//!
//! A test lives through a week by `advance`, which moves it for the whole process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds by which this process lives ahead of the system's clock.
static AHEAD_MS: AtomicU64 = AtomicU64::new(0);

/// Moves the clock of this process forward, as if it had slept for so long; for tests.
pub fn advance(by: Duration) {
    let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    AHEAD_MS.fetch_add(ms, Ordering::Relaxed);
}

fn ahead() -> Duration {
    Duration::from_millis(AHEAD_MS.load(Ordering::Relaxed))
}

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
    let since = since.saturating_add(ahead());
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds of a clock that only goes forward, and goes on while the machine sleeps; nobody can set it.
#[must_use]
pub fn awake_ms() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let now = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let now = clock_gettime(ClockId::Monotonic);
    let ms = now.tv_sec.saturating_mul(1_000) + now.tv_nsec / 1_000_000;
    let ahead = u64::try_from(ahead().as_millis()).unwrap_or(u64::MAX);
    u64::try_from(ms).unwrap_or(0).saturating_add(ahead)
}

/// The minute of the day that clocks on the wall show at a time in Unix milliseconds, as this machine is set.
#[must_use]
pub fn minute_of_day(ms: u64) -> u16 {
    use chrono::{Local, TimeZone, Timelike};
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    // A year that calendars do not have has no minutes either.
    let local = Local.timestamp_opt(seconds, 0).single();
    let minutes = local.map_or(0, |local| local.hour() * 60 + local.minute());
    u16::try_from(minutes).unwrap_or(0)
}

/// A point of monotonic time, to measure from with `since`.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the clock"
)]
pub fn tick() -> Instant {
    Instant::now() + ahead()
}

/// Now, as timers have it: tests may hold it still.
#[must_use]
pub fn timer() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// How long ago that was.
#[must_use]
pub fn since(tick: Instant) -> Duration {
    self::tick().saturating_duration_since(tick)
}
