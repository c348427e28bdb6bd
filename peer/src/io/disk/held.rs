//! Which feeds the store has, and which of their records are held: a number for each feed, and behind it the parts of the set,
//! each by itself, so that a change costs as little however many holes a feed has.

use super::{Disk, Known};
use crate::runs::Runs;
use crate::store::StoreError;
use fjall::OwnedWriteBatch;
use levada_feed::key::FeedKey;
use std::collections::BTreeMap;

fn part_key(feed: &FeedKey, start: u64) -> Vec<u8> {
    [feed.as_bytes().as_slice(), &start.to_be_bytes()].concat()
}

impl Disk {
    /// Reads all of it.
    pub(super) fn load(&self) -> Result<(), StoreError> {
        let mut known = self.known();
        for entry in self.feeds.iter() {
            let (key, value) = entry.into_inner()?;
            add(&mut known, &key, &value).ok_or_else(|| self.damaged("its list of feeds"))?;
        }
        Ok(())
    }

    /// The feeds of which all can be read, up to the first that cannot.
    pub(super) fn readable_feeds(&self) -> BTreeMap<FeedKey, Known> {
        let mut known = BTreeMap::new();
        let mut last = None;
        for entry in self.feeds.iter() {
            let read = entry.into_inner().ok();
            let added = read.and_then(|(key, value)| add(&mut known, &key, &value));
            match added {
                Some(feed) => last = Some(feed),
                // Of the feed before it not all may have come.
                None => {
                    last.and_then(|feed| known.remove(&feed));
                    break;
                }
            }
        }
        known
    }

    /// A feed has got this number.
    pub(super) fn write_number(&self, write: &mut OwnedWriteBatch, feed: &FeedKey, number: u32) {
        write.insert(&self.feeds, feed.as_bytes(), number.to_be_bytes());
    }

    /// What is held of a feed, as far as it is not what was held before.
    pub(super) fn write_held(
        &self,
        write: &mut OwnedWriteBatch,
        feed: &FeedKey,
        before: &Runs,
        held: &Runs,
    ) {
        for (start, part) in held.changes(before) {
            match part {
                Some(part) => write.insert(&self.feeds, part_key(feed, start), part),
                None => write.remove(&self.feeds, part_key(feed, start)),
            }
        }
    }
}

/// Takes in one entry; gives whose it is. `None`: it is none.
fn add(known: &mut BTreeMap<FeedKey, Known>, key: &[u8], value: &[u8]) -> Option<FeedKey> {
    let (feed, start) = key.split_first_chunk::<32>()?;
    let feed = FeedKey::kept(*feed);
    if start.is_empty() {
        let number = u32::from_be_bytes(value.try_into().ok()?);
        let (head, held) = (None, Runs::new());
        known.insert(feed, Known { number, head, held });
    } else {
        let start = u64::from_be_bytes(start.try_into().ok()?);
        known.get_mut(&feed)?.held.add_stored(start, value)?;
    }
    Some(feed)
}
