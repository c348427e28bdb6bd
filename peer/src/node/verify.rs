//! `verify`: reads and hashes again what is held, takes out what is wrong, and mends it.
//!
//! `round` looks, and remembers how far it is; `records` judges records and lists; `mend` brings good bytes in. What is damaged
//! is not held, and so not served, from the moment that it was found.

mod lost;
mod mend;
mod names;
mod notes;
mod records;
mod round;
#[cfg(test)]
mod tests;

use super::author::look_at_file;
use super::records::blocking;
use super::{Node, Stop};
use crate::api::{Answer, Code, Event, Failure, Verified, Verify};
use crate::io::blobs::Damage;
use crate::io::clock;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use mend::Mender;
use round::{Round, Until};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

pub(super) use notes::{UNREADABLE, WHOLE, note_lost};

/// Something that was found damaged.
#[derive(Debug)]
enum Wrong {
    /// A large blob.
    Blob { hash: Hash, damage: Damage },
    /// A large blob of which there is no file any more.
    Lost { hash: Hash, path: PathBuf },
    /// A blob in the store.
    Small(Hash),
    /// The bytes of a record, which may be unreadable.
    Record {
        feed: FeedKey,
        index: u64,
        is_read: bool,
    },
    /// A leaf of a list, and held records that nothing proves without it.
    List {
        feed: FeedKey,
        leaf: u64,
        records: Range<u64>,
    },
}

/// Verifies what is held, or what is held of one feed.
pub(super) async fn verify(
    node: &Arc<Node>,
    asked: Verify,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let only = match &asked.feed {
        Some(target) => Some(node.find_feed(target)?),
        None => None,
    };
    let limit = asked.seconds.map(Duration::from_secs);
    let until = Until {
        stop: stop.clone(),
        deadline: limit.map(|limit| (clock::tick(), limit)),
    };
    let mender = Mender::new(node, &asked.via, events.clone(), stop.clone())?;
    let telling = events.clone();
    let (opening, looking) = (node.clone(), until.clone());
    let opened = blocking(move || Round::open(&opening, only, looking, events)).await;
    let mut round = opened.map_err(|error| failed(&error))?;
    authors_files(node, only, &mut round, &telling).await?;
    loop {
        let looked = blocking(move || {
            let found = round.next()?;
            Ok((round, found))
        });
        let (after, found) = looked.await.map_err(|error| failed(&error))?;
        round = after;
        let count = u64::try_from(found.len()).unwrap_or(0);
        round.came.damaged += count;
        round.came.mended += mender.see_to(found).await?;
        if round.came.is_done || until.is_now() {
            break;
        }
    }
    let came = Verified {
        is_interrupted: *stop.borrow() && !round.came.is_done,
        ..round.came.clone()
    };
    Ok(Answer::Verified(came))
}

/// The authors' files of own feeds, whole: signing reads what is new in them.
async fn authors_files(
    node: &Arc<Node>,
    only: Option<FeedKey>,
    round: &mut Round,
    events: &mpsc::Sender<Event>,
) -> Result<(), Failure> {
    let keys = node.keys.list()?.into_iter();
    for key in keys.filter(|key| only.is_none_or(|only| only == key.feed)) {
        let node = node.clone();
        let looking = tokio::task::spawn_blocking(move || look_at_file(&node, &key));
        let looked = looking.await.map_err(|_| super::output::interrupted())?;
        let event = match looked {
            Ok(None) => continue,
            Ok(Some(event)) => {
                round.came.damaged += 1;
                round.came.mended += 1;
                event
            }
            // What could not be read or opened need not be damaged.
            Err(failure) => {
                round.came.damaged += u64::from(failure.code == Code::NotVerified);
                let Failure { message, hint, .. } = failure;
                Event::Warning { message, hint }
            }
        };
        super::tell(events, event).await;
    }
    Ok(())
}

fn failed(error: &super::records::SyncError) -> Failure {
    use super::records::SyncError;
    match error {
        SyncError::Store(StoreError::Database(_) | StoreError::Damaged { .. }) => {
            Failure::new(Code::NotVerified, error.to_string()).hint(super::words::REBUILD)
        }
        SyncError::Store(error) => super::words::store_failure(error),
        error => Failure::new(Code::Interrupted, error.to_string()),
    }
}
