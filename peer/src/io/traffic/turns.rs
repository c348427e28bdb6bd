//! What one connection shares with those who use it: what of the present answer goes first, and how long it waited.

use crate::io::clock;
use crate::rate::FIRST_BYTES;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Shared by a connection and its users.
#[derive(Default)]
pub struct Turns {
    /// Bytes of the present answer that still go first.
    first_bytes: AtomicU64,
    waits: Mutex<Waits>,
}

#[derive(Default)]
struct Waits {
    /// Waiting since then.
    since: Option<Instant>,
    sum: Duration,
}

impl Turns {
    /// Another answer begins on this connection. The beginning of one that is no media goes first.
    pub fn begin(&self, is_media: bool) {
        let first = if is_media { 0 } else { FIRST_BYTES };
        self.first_bytes.store(first, Ordering::Relaxed);
    }

    /// How long this connection has waited for turns, in all: time that is not the other side's.
    #[must_use]
    pub fn waited(&self) -> Duration {
        let waits = self.waits();
        waits.sum + waits.since.map_or(Duration::ZERO, clock::since)
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits
            .lock()
            .expect("nobody panics while holding this lock")
    }

    pub(super) fn is_first(&self) -> bool {
        self.first_bytes.load(Ordering::Relaxed) > 0
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waits().since.is_some()
    }

    pub(super) fn wait(&self) {
        self.waits().since = Some(clock::tick());
    }

    pub(super) fn go(&self, bytes: u64) {
        let left = self.first_bytes.load(Ordering::Relaxed);
        self.first_bytes
            .store(left.saturating_sub(bytes), Ordering::Relaxed);
        let mut waits = self.waits();
        if let Some(since) = waits.since.take() {
            waits.sum += clock::since(since);
        }
    }
}
