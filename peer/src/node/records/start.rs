//! Taking a feed up: record 0 and the newest records under one head (spec/list.md, Taking a feed up).
//!
//! A feed whose highest head is remembered, because the store was lost or purged, is taken up only under a head that
//! extends it: a lost store is no way back.

use super::{RecordSync, SyncError, blocking, limit};
use crate::frame::{self, Ask};
use crate::io::client::{AskError, Unreachable};
use crate::io::clock;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::log::{Batch, FollowedLog, Verdict};

/// Times that a peer's head may move on between two answers.
const MOVES_MAX: u32 = 3;

impl RecordSync<'_> {
    /// Takes the feed up; says how many records came.
    pub(super) async fn start(&self, latest: u64) -> Result<u64, SyncError> {
        for _ in 0..MOVES_MAX {
            let batch = self.newest(latest).await?;
            let Some(head) = batch.head() else { break };
            if self.extends_remembered(head).await? {
                let node = self.node.clone();
                let records = u64::try_from(batch.records().len()).unwrap_or(0);
                let written = blocking(move || {
                    node.disk.commit(&batch)?;
                    node.remember_head(batch.head())
                });
                written.await?;
                return Ok(records);
            }
        }
        let peer = self.remote.name().to_owned();
        let why = "its head moved on at each answer".to_owned();
        Err(AskError::from(Unreachable::Protocol { peer, why }).into())
    }

    async fn newest(&self, latest: u64) -> Result<Batch, SyncError> {
        let ask = Ask::Latest {
            feed: self.feed,
            count: latest,
        };
        let answer = self.remote.get(&ask, limit(2)).await?;
        let (feed, first) = (self.feed, self.first);
        let judged = blocking(move || {
            let bundles = frame::split_bundles(&answer);
            Ok(bundles.and_then(|bundles| {
                FollowedLog::new(feed, None).accept_start(first.as_ref(), &bundles)
            }))
        });
        judged.await?.map_err(|reject| self.rejected(reject))
    }

    /// Whether a head is, or extends, the highest one that is remembered. `false`: the peer's head moved on meanwhile.
    pub(super) async fn extends_remembered(&self, head: &Head) -> Result<bool, SyncError> {
        let Some(remembered) = self.node.remembered(&self.feed) else {
            return Ok(true);
        };
        if let Some(proof) = ForkProof::of_heads(&remembered, head) {
            return Err(self.fork(Box::new(proof))?);
        }
        let (expected, got) = (remembered.body().length, head.body().length);
        if got < expected {
            let peer = self.remote.name().to_owned();
            return Err(SyncError::Behind {
                peer,
                expected,
                got,
            });
        }
        if got == expected {
            return Ok(true);
        }
        let ask = Ask::Head {
            feed: self.feed,
            have: expected,
            wait: 0,
        };
        let answer = self.remote.get(&ask, limit(1)).await?;
        let (node, feed) = (self.node.clone(), self.feed);
        let judged = blocking(move || {
            let mut log = FollowedLog::new(feed, Some(remembered));
            // Nothing of the list is stored: the answer itself has to prove the way from the old head.
            Ok(log.accept_head(&answer, &node.disk.pieces(&feed), clock::now_ms()))
        });
        match judged.await? {
            Ok(Verdict::Accepted(batch)) => Ok(batch.head().is_some_and(|proven| {
                (proven.body().length, proven.body().root) == (got, head.body().root)
            })),
            Ok(Verdict::Stale | Verdict::AskHead) => Ok(false),
            Ok(Verdict::Fork(proof)) => Err(self.fork(proof)?),
            Err(failed) => Err(self.failed(failed)),
        }
    }
}
