//! Records and lists that are wrong in the store: taken out, and brought in again from the author's file or from peers.

use super::Mender;
use crate::api::{Damaged, Event, Failure};
use crate::frame::Ask;
use crate::judge::{self, BundleJudged};
use crate::node::records::{blocking, limit};
use crate::node::verify::failed;
use crate::node::{own, replay, tell};
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use std::ops::Range;

/// Something wrong in the store.
pub(super) struct InStore {
    pub(super) told: Damaged,
    /// Records that are not held any more.
    pub(super) records: Range<u64>,
    /// A leaf of the list that is wrong.
    pub(super) leaf: Option<u64>,
}

impl Mender {
    pub(super) fn of_record(&self, feed: FeedKey, index: u64, why: &str) -> Damaged {
        Damaged {
            path: self.node.dirs.store(),
            why: why.to_owned(),
            bytes: 0,
            hash: None,
            feed: Some(feed),
            nickname: Some(self.node.nickname(&feed)),
            index: Some(index),
            name: None,
            mended_by: None,
        }
    }

    /// Brings an own feed up from its author's file. `None`: it is no own feed, or the file is of no use.
    pub(super) async fn replay(&self, feed: FeedKey) -> Result<Option<()>, Failure> {
        let Some(name) = self.node.own_name(&feed) else {
            return Ok(None);
        };
        let path = own::author_path(&self.node, &name);
        let node = self.node.clone();
        let done = tokio::task::spawn_blocking(move || {
            let stored = node.disk.head(&feed)?;
            let known: Vec<_> = stored.iter().map(|head| head.as_ref().clone()).collect();
            replay::replay(&node, &feed, &path, &known)
        });
        match done.await {
            Ok(Ok(_)) => Ok(Some(())),
            Ok(Err(Failure { message, hint, .. })) => {
                tell(&self.events, Event::Warning { message, hint }).await;
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    }

    /// Takes wrong records and leaves out, and brings right ones in.
    pub(super) async fn records(
        &self,
        feed: FeedKey,
        damaged: Vec<InStore>,
    ) -> Result<u64, Failure> {
        for InStore {
            told,
            records,
            leaf,
        } in &damaged
        {
            let (node, range, leaf) = (self.node.clone(), records.clone(), *leaf);
            let dropped = blocking(move || {
                node.disk.drop_records(&feed, range)?;
                match leaf {
                    Some(leaf) => node.disk.drop_leaves(&feed, leaf..leaf + 1),
                    None => Ok(()),
                }
            });
            dropped.await.map_err(|error| failed(&error))?;
            self.tell(told).await;
        }
        let mut by = self
            .replay(feed)
            .await?
            .map(|()| "the author's file".to_owned());
        if by.is_none() {
            let mut due = Runs::new();
            damaged
                .iter()
                .for_each(|damaged| due.insert(damaged.records.clone()));
            for run in due.iter() {
                by = self.bundles(feed, run).await?.or(by);
            }
        }
        let held = self.node.disk.held(&feed);
        let mut mended = 0;
        for InStore { told, records, .. } in damaged {
            if let Some(by) = by.as_ref().filter(|_| held.contains_all(records)) {
                self.mended(&told, by).await;
                mended += 1;
            }
        }
        Ok(mended)
    }

    /// Asks for records in a row again, as often as it helps; gives who had some.
    async fn bundles(&self, feed: FeedKey, run: Range<u64>) -> Result<Option<String>, Failure> {
        let mut by = None;
        let mut next = run.start;
        while next < run.end && !*self.stop.borrow() {
            let Some(peer) = self.bundle(feed, next..run.end).await? else {
                break;
            };
            by = Some(peer);
            let held = self.node.disk.held(&feed);
            let lacking = held.missing(run.clone()).next();
            let first = lacking.map_or(run.end, |lacking| lacking.start);
            // One that nobody gives is left out.
            next = first.max(next + 1);
        }
        Ok(by)
    }

    /// Asks for a few records again.
    async fn bundle(&self, feed: FeedKey, range: Range<u64>) -> Result<Option<String>, Failure> {
        let head = self.node.disk.head(&feed)?;
        let ask = Ask::Bundle {
            feed,
            from: range.start,
            to: range.end,
            at: head.map(|head| head.body().length),
        };
        for remote in self.via.iter().cloned().chain(self.remotes_of(&feed)) {
            let Ok(answer) = remote.get(&ask, limit(1)).await else {
                continue;
            };
            let (node, range) = (self.node.clone(), range.clone());
            let accepted = blocking(move || {
                let judged =
                    node.judging(&feed, |store| judge::bundle(store, &feed, &range, &answer))?;
                Ok::<bool, StoreError>(matches!(judged, BundleJudged::Taken { .. }))
            });
            if accepted.await.map_err(|error| failed(&error))? {
                return Ok(Some(remote.name().to_owned()));
            }
        }
        Ok(None)
    }
}
