//! Calls and what comes of them as JSON, for another process of the same user.
//!
//! A request is one JSON document; what comes back is one JSON line for each thing that happens, the last one the answer
//! or the failure. An answer says nothing of its own kind: whoever asked knows which call it was.

use super::{
    Answer, Call, Checked, ConfigInfo, Event, Exported, Failure, FeedInfo, KeyInfo, PublishSummary,
    Shown,
};
use super::{History, Kept, Revised};
use super::{Playing, SourceInfo, Status, Synced, TokenInfo, Written};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Error, Value};
use std::fmt;
use zeroize::Zeroizing;

/// What one process asks of another.
#[derive(Clone, Serialize, Deserialize)]
pub struct Request {
    /// The call.
    #[serde(flatten)]
    pub call: Call,
    /// Passphrase of own keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passphrase: Option<Zeroizing<String>>,
    /// Bytes a second that this call may fetch, besides the limit of the other process.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub down: Option<u64>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}

/// One line of what comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Something happened.
    Event(Event),
    /// Bytes for standard output, as base64.
    Bytes(String),
    /// The answer; the last line.
    Answer(Value),
    /// Why there is none; the last line.
    Failure(Failure),
}

impl Line {
    /// What happened, as a line.
    ///
    /// # Errors
    /// When it has no form in JSON.
    pub fn of_event(event: Event) -> Result<Self, Error> {
        Ok(match event {
            Event::Bytes(bytes) => Self::Bytes(data_encoding::BASE64.encode(&bytes)),
            Event::Answer(answer) => Self::Answer(serde_json::to_value(&answer)?),
            event => Self::Event(event),
        })
    }

    /// The line with its line end.
    ///
    /// # Errors
    /// When it has no form in JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// What happened while `call` was carried out.
    ///
    /// # Errors
    /// When the other process speaks another version.
    pub fn into_event(self, call: &Call) -> Result<Result<Event, Failure>, Error> {
        Ok(match self {
            Self::Event(event) => Ok(event),
            Self::Bytes(text) => {
                let bytes = data_encoding::BASE64.decode(text.as_bytes());
                Ok(Event::Bytes(bytes.map_err(Error::custom)?))
            }
            Self::Answer(value) => Ok(Event::Answer(Box::new(answer(call, value)?))),
            Self::Failure(failure) => Err(failure),
        })
    }
}

/// The answer of a call, out of its JSON.
fn answer(call: &Call, value: Value) -> Result<Answer, Error> {
    Ok(match call {
        Call::Init { .. }
        | Call::KeyShow { .. }
        | Call::KeyRestore { .. }
        | Call::KeyTakeOver { .. } => Answer::Key(serde_json::from_value::<KeyInfo>(value)?),
        Call::MirrorAdd { .. } | Call::MirrorRemove { .. } | Call::Mirrors { .. } => {
            Answer::Mirrors {
                mirrors: field(value, "mirrors")?,
            }
        }
        Call::KeyList => Answer::Keys {
            keys: field(value, "keys")?,
        },
        Call::KeyBackup { .. } | Call::Prove { .. } | Call::Get { .. } => {
            Answer::Written(serde_json::from_value::<Written>(value)?)
        }
        Call::Play { .. } => Answer::Playing(serde_json::from_value::<Playing>(value)?),
        Call::Publish(_) => Answer::Published(serde_json::from_value::<PublishSummary>(value)?),
        Call::ExportStatic(_) => Answer::Exported(serde_json::from_value::<Exported>(value)?),
        Call::Follow { .. } => Answer::Followed(serde_json::from_value::<Synced>(value)?),
        Call::Sync { .. } => Answer::Sync {
            synced: field(value.clone(), "synced")?,
            failed: field(value, "failed")?,
        },
        Call::Unfollow { .. } => Answer::Unfollowed {
            feed: field(value.clone(), "feed")?,
            freed: field(value, "freed")?,
        },
        Call::Sources => Answer::Sources {
            sources: field::<Vec<SourceInfo>>(value, "sources")?,
        },
        Call::Ls { .. } => Answer::Items {
            items: field::<Vec<Shown>>(value, "items")?,
        },
        Call::Pin { .. } | Call::Unpin { .. } | Call::Drop { .. } => {
            Answer::Kept(serde_json::from_value::<Kept>(value)?)
        }
        Call::Retract { .. } | Call::Edit(_) => {
            Answer::Revised(serde_json::from_value::<Revised>(value)?)
        }
        Call::Show { history: true, .. } => {
            Answer::History(serde_json::from_value::<History>(value)?)
        }
        // A feed has a nickname and a link, a thing in it has an index too.
        Call::Show { .. } if value.get("index").is_some() => {
            Answer::Item(Box::new(serde_json::from_value::<Shown>(value)?))
        }
        Call::Show { .. } => Answer::Feed(Box::new(serde_json::from_value::<FeedInfo>(value)?)),
        Call::Status => Answer::Status(Box::new(serde_json::from_value::<Status>(value)?)),
        Call::Verify(_) => Answer::Verified(serde_json::from_value(value)?),
        Call::Doctor => Answer::Diagnosis(serde_json::from_value(value)?),
        Call::Rebuild(_) => Answer::Rebuilt(serde_json::from_value(value)?),
        Call::ConfigCheck => Answer::Config(Box::new(serde_json::from_value::<ConfigInfo>(value)?)),
        Call::ConfigReload => Answer::Reloaded(serde_json::from_value(value)?),
        Call::Token { .. } => Answer::Token(serde_json::from_value::<TokenInfo>(value)?),
        Call::Check { .. } => Answer::Checked(Box::new(serde_json::from_value::<Checked>(value)?)),
    })
}

fn field<T: DeserializeOwned>(mut value: Value, name: &str) -> Result<T, Error> {
    serde_json::from_value(value.get_mut(name).map(Value::take).unwrap_or_default())
}
