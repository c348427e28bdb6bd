//! What the store knows of the records that a source wants. Goes on as they come: each record is looked at once in a sync.

use crate::node::Node;
use crate::runs::Runs;
use crate::session::{Known, Wanted};
use crate::store::{RowKind, StoreError};
use levada_feed::key::FeedKey;
use levada_feed::record::{self, Body};

/// What is known so far.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) held: Runs,
    /// Items among the wanted records; only true while nothing is under way.
    pub(super) items: u64,
    /// Time of the oldest record among them.
    pub(super) oldest: Option<u64>,
    /// First records of edited items.
    pub(super) referred: Runs,
    /// Records that were looked at.
    seen: Runs,
}

impl Survey {
    /// What is known of a feed of this length.
    pub(super) fn known(&self, length: Option<u64>) -> Known<'_> {
        Known {
            length,
            held: &self.held,
            items: self.items,
            oldest: self.oldest,
            referred: &self.referred,
        }
    }

    /// Looks at what came since, as far as the policy needs it.
    pub(super) fn go_on(
        &mut self,
        node: &Node,
        feed: &FeedKey,
        wanted: Wanted,
        from: Option<u64>,
        is_settled: bool,
    ) -> Result<(), StoreError> {
        self.held = node.disk.held(feed);
        // What was dropped because it was retracted is not asked for again.
        self.held.add(&node.disk.gone(feed)?);
        let Some(from) = from else { return Ok(()) };
        if !matches!(wanted, Wanted::Items(_) | Wanted::Since(_)) {
            return Ok(());
        }
        if is_settled && matches!(wanted, Wanted::Items(_)) {
            self.items = 0;
            node.disk.rows(feed, from..u64::MAX, &mut |kind, row| {
                self.items += u64::from(kind == RowKind::Item && row.retracted_by.is_none());
                true
            })?;
        }
        let wanted = self.held.within(from..u64::MAX);
        let new: Vec<_> = wanted
            .iter()
            .flat_map(|run| self.seen.missing(run).collect::<Vec<_>>())
            .collect();
        for range in new {
            node.disk
                .records(feed, range.clone(), &mut |index, bytes| {
                    self.look(index, bytes);
                    true
                })?;
            self.seen.insert(range);
        }
        Ok(())
    }

    fn look(&mut self, index: u64, bytes: &[u8]) {
        let Ok(record) = record::read(bytes, index) else {
            return;
        };
        let oldest = self.oldest.unwrap_or(u64::MAX);
        self.oldest = Some(oldest.min(record.time));
        if let Body::Item(item) = record.body
            && let Some(edits) = item.edits
        {
            self.referred.insert(edits.index..edits.index + 1);
        }
    }
}
