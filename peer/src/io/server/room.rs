//! What all listeners of one node share, and how much of it there is.

use super::shares::Shares;
use super::watch::WATCHED_MAX;
use super::{ANSWER_UNIT_BYTES, Places};
use crate::io::traffic::Lane;
use std::sync::Arc;

/// Bytes of answers under way, of all connections together, when nothing else is set.
const ANSWERS_BYTES: u64 = 256 << 20;
/// The least that lets the largest answer through.
const ANSWERS_BYTES_MIN: u64 = 16 << 20;

/// Bytes of large bodies that are read at once: 64 MiB, in units.
const HANDED_UNITS: usize = (64 << 20) / ANSWER_UNIT_BYTES;

/// What all listeners of one node share: room for connections and answers, and their lane.
#[derive(Clone)]
pub struct Room {
    pub(super) places: Arc<Places>,
    /// Bytes of answers under way, in units.
    pub(super) answers: Arc<Shares>,
    /// Bytes of what is being handed over, in units. Apart from answers: who lets a body drip holds up none of these.
    pub(super) handed: Arc<Shares>,
    /// Feeds watched on all streams together.
    pub(super) watched: Arc<Shares>,
    pub(super) lane: Arc<Lane>,
}

impl Room {
    /// With these places, this lane, and as many bytes of answers under way. One address block gets the same part of
    /// everything as of the places.
    #[must_use]
    pub fn new(places: Arc<Places>, lane: Arc<Lane>, answers_bytes: Option<u64>) -> Self {
        let units = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX) / ANSWER_UNIT_BYTES;
        let least = units(ANSWERS_BYTES_MIN);
        let answers = units(answers_bytes.unwrap_or(ANSWERS_BYTES)).max(least);
        let (most, each) = places.most();
        // By their quotient, since both may be large.
        let part = |all: usize| all.div_ceil((most / each.max(1)).max(1));
        Self {
            answers: Arc::new(Shares::new(answers, part(answers).max(least))),
            handed: Arc::new(Shares::new(HANDED_UNITS, part(HANDED_UNITS))),
            watched: Arc::new(Shares::new(WATCHED_MAX, part(WATCHED_MAX))),
            places,
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
