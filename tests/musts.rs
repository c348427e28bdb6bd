//! Every MUST that the code can name, and those that no file can show.

use crate::vectors::index::Reason;
use levada_feed::record::Unreadable;
use levada_feed::reject::Reject;

/// MUSTs without a vector, each with the reason.
pub const REASONS: &[Reason] = &[];

/// The ids of all MUSTs, in the order of the spec pages.
#[must_use]
pub fn all() -> Vec<&'static str> {
    let records = Reject::MUSTS
        .iter()
        .position(|must| must.starts_with("slice-"))
        .unwrap_or(0);
    let (before, after) = Reject::MUSTS.split_at(records);
    [before, Unreadable::MUSTS, after].concat()
}
