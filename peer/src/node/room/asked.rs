//! Who asks for room, for what, and why there is none: values and words.

use crate::keep::{Asker, Class, USE_MS};
use levada_feed::hash::Hash;

/// What something is fetched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum Purpose {
    /// It is of an own feed, and comes back from a mirror.
    Own,
    /// A source keeps it.
    Follow,
    /// The person pinned it.
    Pin,
    /// The person wants to have it once.
    Get,
    /// It was here, and was found damaged.
    Mend,
}

impl Purpose {
    pub(in crate::node) fn class(self) -> Class {
        match self {
            Self::Own => Class::Own,
            Self::Follow => Class::Followed,
            Self::Pin => Class::Pinned,
            Self::Get | Self::Mend => Class::Cache,
        }
    }

    /// What was here takes the place of what was used before it, unless it never has to go.
    pub(super) fn asker(self, class: Class, date: u64) -> Asker {
        match self {
            Self::Follow => Asker::Source { date },
            Self::Mend if class.is_bounded() => Asker::Source { date },
            Self::Own | Self::Pin | Self::Get | Self::Mend => Asker::Person,
        }
    }

    /// When it was used last, once it comes: a source uses it at its item's date, a person now, and who mends it not at all.
    pub(super) fn used(self, date: u64, before: Option<u64>, now: u64) -> u64 {
        let now = now / USE_MS * USE_MS;
        let used = match self {
            Self::Follow => date,
            Self::Own | Self::Pin | Self::Get => now,
            Self::Mend => before.unwrap_or(now),
        };
        used.max(before.unwrap_or(0))
    }
}

/// One blob that is about to come.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct Coming {
    pub(in crate::node) hash: Hash,
    /// Its size, as claimed.
    pub(in crate::node) size: u64,
    /// Bytes of it that are wanted, when not all are.
    pub(in crate::node) part: Option<u64>,
    /// Date of its item, Unix milliseconds.
    pub(in crate::node) date: u64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum NoRoom {
    /// It is larger than the quota.
    Quota { size: u64, quota: u64 },
    /// What is there does not have to go for it.
    Full { size: u64, quota: u64 },
    /// The disk has not that much beside the reserve.
    Disk { size: u64, reserve: u64 },
}

impl NoRoom {
    pub(in crate::node) fn words(&self) -> String {
        match self {
            Self::Quota { size, quota } => format!(
                "it has {size} bytes, and the quota of what is followed and cached is {quota}"
            ),
            Self::Full { size, quota } => {
                format!("it has {size} bytes, and nothing of the quota of {quota} may go for it")
            }
            Self::Disk { size, reserve } => {
                format!("it has {size} bytes, and {reserve} are to stay free on the disk")
            }
        }
    }

    pub(in crate::node) fn hint(&self, target: &str) -> String {
        match self {
            Self::Quota { .. } | Self::Full { .. } => format!(
                "`levada pin {target}` keeps it outside of the quota; `size` below [quota] in config.toml sets another one"
            ),
            Self::Disk { .. } => {
                "make room on the disk, or set `reserve` below [quota] in config.toml".to_owned()
            }
        }
    }
}
