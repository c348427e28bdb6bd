//! What a checked file proves.

use super::Shown;
use levada_feed::hash::Hash;
use levada_feed::head::HeadBody;
use serde::{Deserialize, Serialize};

/// What a checked file proves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "proves", rename_all = "kebab-case")]
pub enum Checked {
    /// These records are in the feed.
    Bundle {
        /// The head they were checked against.
        head: HeadBody,
        /// Whether the head's length is proven too.
        is_length_proven: bool,
        /// The records.
        records: Vec<Shown>,
    },
    /// The head and its length.
    Head {
        /// The head.
        head: HeadBody,
    },
    /// One key signed two histories.
    Fork {
        /// The shorter head.
        shorter: HeadBody,
        /// The longer head.
        longer: HeadBody,
        /// Both heads in wire form, hex: evidence that stands alone.
        wire: (String, String),
    },
    /// A feed was handed over; counts only if record 0 names the recovery key.
    Succession {
        /// What it says.
        succession: levada_feed::succession::SuccessionBody,
        /// The hash that record 0 of the feed has to name as `recovery`.
        recovery: Hash,
    },
}
