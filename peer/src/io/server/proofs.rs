//! Head answers, each proven once for all who have the same: many may wait for one head.
//!
//! Bounded: a few for each of some shelves. What is old is found out by the tag of the feed's head, and that only when
//! something was told since.

use super::Served;
use crate::frame;
use crate::io::answer;
use crate::store::StoreError;
use bytes::Bytes;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Shelves, so that a slow proof holds up few others.
const SHELVES: usize = 16;
/// Answers on one shelf; more push all of it out.
const ANSWERS_MAX: usize = 64;

type Shelf = BTreeMap<(FeedKey, u64), Kept>;

/// The answers.
#[derive(Default)]
pub(crate) struct Proofs {
    shelves: [Mutex<Shelf>; SHELVES],
}

/// A head answer with its tag.
#[derive(Clone)]
pub(super) struct Proven {
    /// Records of the head.
    pub(super) length: u64,
    /// Of the head's wire form.
    pub(super) tag: [u8; 16],
    /// `None` when what proves it is not here.
    pub(super) answer: Option<Bytes>,
}

struct Kept {
    /// What had been told when it was read.
    count: u64,
    proven: Proven,
}

impl Proofs {
    /// The answer with the newest head for one who has so many records. `None` when the feed is not here.
    pub(super) async fn head(
        served: &Arc<Served>,
        feed: FeedKey,
        have: u64,
    ) -> Result<Option<Proven>, StoreError> {
        let number = usize::from(feed.as_bytes().first().copied().unwrap_or(0)) % SHELVES;
        let Some(shelf) = served.proofs.shelves.get(number) else {
            return Ok(None);
        };
        let mut shelf = shelf.lock().await;
        // Before the store is read: what is told while it is read counts as newer.
        let count = served.news.count();
        let known = shelf.get(&(feed, have));
        if let Some(kept) = known.filter(|kept| kept.count == count) {
            return Ok(Some(kept.proven.clone()));
        }
        let known = known.map(|kept| kept.proven.clone());
        let reading = served.clone();
        let work = tokio::task::spawn_blocking(move || read(&reading, &feed, have, known));
        let proven = work
            .await
            .map_err(|error| StoreError::Database(error.to_string()))??;
        match &proven {
            Some(proven) => {
                if shelf.len() >= ANSWERS_MAX && !shelf.contains_key(&(feed, have)) {
                    shelf.clear();
                }
                let proven = proven.clone();
                shelf.insert((feed, have), Kept { count, proven });
            }
            None => {
                shelf.remove(&(feed, have));
            }
        }
        Ok(proven)
    }
}

fn read(
    served: &Served,
    feed: &FeedKey,
    have: u64,
    known: Option<Proven>,
) -> Result<Option<Proven>, StoreError> {
    let Some(head) = served.disk.head(feed)? else {
        return Ok(None);
    };
    let tag = frame::head_tag_bytes(head.wire());
    if let Some(known) = known.filter(|known| known.tag == tag && known.answer.is_some()) {
        return Ok(Some(known));
    }
    let answer = answer::head(&served.disk, feed, have)?;
    let Some(bytes) = answer else {
        let length = head.body().length;
        return Ok(Some(Proven {
            length,
            tag,
            answer: None,
        }));
    };
    // The head may have moved on between the two reads: what was proven counts.
    let proven = levada_feed::chain::Claim::read(feed, &bytes);
    let proven = proven.map_err(|reject| StoreError::Database(reject.to_string()))?;
    let head = proven.head();
    Ok(Some(Proven {
        length: head.body().length,
        tag: frame::head_tag_bytes(head.wire()),
        answer: Some(Bytes::from(bytes)),
    }))
}

/// A tag as headers have it.
pub(super) fn tag_text(tag: &[u8; 16]) -> String {
    let mut whole = [0; 32];
    whole.iter_mut().zip(tag).for_each(|(to, from)| *to = *from);
    let text = Hash(whole).to_string();
    format!("\"{}\"", text.get(..32).unwrap_or(&text))
}
