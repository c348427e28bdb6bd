//! What becomes of what an author takes back, by source.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What becomes of what an author retracts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retractions {
    /// It is let go after the days of grace.
    #[default]
    Honour,
    /// It stays here, unserved.
    Never,
}

impl Retractions {
    pub(super) fn is_honoured(&self) -> bool {
        *self == Self::Honour
    }
}

impl FromStr for Retractions {
    type Err = NotRetractions;
    fn from_str(text: &str) -> Result<Self, NotRetractions> {
        match text {
            "honour" => Ok(Self::Honour),
            "never" => Ok(Self::Never),
            _ => Err(NotRetractions(text.to_owned())),
        }
    }
}

/// The text is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: what to do with retractions is honour or never")]
pub struct NotRetractions(String);
