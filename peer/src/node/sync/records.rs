//! The records of one source, from whoever of its peers has them: carries out what `session::Round` says.

use super::failure;
use crate::api::{Event, Failure};
use crate::io::client::{AskError, Remote};
use crate::node::plan::since_ms;
use crate::node::records::{RecordSync, SyncError};
use crate::node::{Node, Stop, tell};
use crate::session::{Heard, Round, Topic, Wanted, Whom};
use crate::sources::{Keep, Source};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Pause before those are asked again who may do better then.
const PAUSE: Duration = Duration::from_millis(400);

/// What all peers of a feed gave.
pub(super) struct Records {
    pub(super) came: u64,
    pub(super) is_whole: bool,
    /// Who gave something, or else who answered first.
    pub(super) via: String,
}

/// Records from the first peer that has news, and from others as far as it does not give them; a peer that fails, lies or
/// is behind costs one answer.
pub(super) async fn bring(
    node: &Arc<Node>,
    source: &Source,
    above: u64,
    remotes: &[Remote],
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<Records, Failure> {
    let mut worst: Option<SyncError> = None;
    let is_pinned = node.pins()?.has_feed(&source.feed);
    let keep = if is_pinned { Keep::All } else { source.keep };
    let fork = node.evidence.fork(&source.feed)?;
    if let Some(proof) = &fork
        && node.disk.head(&source.feed)?.is_none()
    {
        // Nothing was verified before the fork, so there is no history to stay at.
        return Err(failure(source, &SyncError::Fork(Box::new(proof.clone()))));
    }
    let topic = Topic {
        feed: source.feed,
        first: source.first,
        wanted: wanted(keep),
        above,
        is_disputed: fork.is_some(),
    };
    let mut round = Round::new(remotes.len());
    let (mut records, mut via) = (0, None);
    loop {
        let remote = match round.whom() {
            Whom::Over => break,
            Whom::Pause => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Whom::Peer(at) => remotes.get(at),
        };
        let Some(remote) = remote else { break };
        let has_others = round.has_others();
        let sync = RecordSync {
            node,
            topic,
            remote: remote.clone(),
            nickname: source.nickname.clone(),
            events: events.clone(),
        };
        let came = sync.run(stop).await;
        node.heard(remote.name(), &source.feed, &came.result);
        round.heard(came.heard);
        records += came.records;
        match (came.result, came.heard) {
            (Err(error), Heard::Stop) => return Err(failure(source, &error)),
            (Err(error), _) => {
                if has_others {
                    let message = format!("{}: {error}", source.nickname);
                    let hint = Some("another peer is asked".to_owned());
                    tell(events, Event::Warning { message, hint }).await;
                }
                // A proof that somebody lied says more than a peer that is away.
                if !worst.as_ref().is_some_and(is_lie) {
                    worst = Some(error);
                }
            }
            // Who gave something, or else who answered first.
            (Ok(()), _) if came.records > 0 || via.is_none() => via = Some(remote.name()),
            (Ok(()), _) => {}
        }
    }
    match via {
        Some(via) => Ok(Records {
            came: records,
            is_whole: round.is_whole(),
            via: via.to_owned(),
        }),
        None => Err(failure(source, &worst.unwrap_or(SyncError::Interrupted))),
    }
}

fn is_lie(error: &SyncError) -> bool {
    matches!(
        error,
        SyncError::Ask(AskError::Rejected { .. }) | SyncError::Behind { .. }
    )
}

fn wanted(keep: Keep) -> Wanted {
    match keep {
        Keep::All => Wanted::All,
        Keep::Newest(items) => Wanted::Items(items),
        Keep::Days(_) => Wanted::Since(since_ms(keep)),
        Keep::None => Wanted::Nothing,
    }
}
