//! Why a call failed, and with which code the process ends.

use serde::{Deserialize, Serialize};

/// Why a call failed: what the person reads, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What happened and to which feed or file: lower case, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// Exit codes, fixed for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// 1
    Failed,
    /// 2
    Usage,
    /// 3
    Partly,
    /// 4
    NotFound,
    /// 5
    NotVerified,
    /// 6
    OverQuota,
    /// 7
    Denied,
    /// 10
    NotInitialised,
    /// 11
    Locked,
    /// 12
    WrongPassphrase,
    /// 130
    Interrupted,
}

impl Code {
    /// The number that a process exits with.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partly => 3,
            Self::NotFound => 4,
            Self::NotVerified => 5,
            Self::OverQuota => 6,
            Self::Denied => 7,
            Self::NotInitialised => 10,
            Self::Locked => 11,
            Self::WrongPassphrase => 12,
            Self::Interrupted => 130,
        }
    }
}

impl Failure {
    /// A failure without a hint.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
