//! What all listeners of one node share, and how much of it there is.

use super::{ANSWER_UNIT_BYTES, Places};
use crate::io::traffic::Lane;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes of answers under way, of all connections together, when nothing else is set.
const ANSWERS_BYTES: u64 = 256 << 20;
/// The least that lets the largest answer through.
const ANSWERS_BYTES_MIN: u64 = 16 << 20;

/// What all listeners of one node share: room for connections and answers, and their lane.
#[derive(Clone)]
pub struct Room {
    pub(super) places: Arc<Places>,
    pub(super) answers: Arc<Semaphore>,
    pub(super) lane: Arc<Lane>,
}

impl Room {
    /// With these places, this lane, and as many bytes of answers under way.
    #[must_use]
    pub fn new(places: Arc<Places>, lane: Arc<Lane>, answers_bytes: Option<u64>) -> Self {
        let bytes = answers_bytes
            .unwrap_or(ANSWERS_BYTES)
            .max(ANSWERS_BYTES_MIN);
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / ANSWER_UNIT_BYTES;
        Self {
            places,
            answers: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            lane,
        }
    }
}

impl Default for Room {
    /// All that the system gives, without limits of bandwidth.
    fn default() -> Self {
        let places = Places::of_system(None, None);
        Self::new(Arc::new(places), Arc::new(Lane::new(None, false)), None)
    }
}
