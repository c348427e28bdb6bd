//! What a policy keeps no longer: media of items that newer ones pushed out, or that grew too old, are cache from then on.

use super::{PAST_ITEMS, Plan};
use crate::io::disk::Entry;
use crate::keep::Class;
use crate::node::Node;
use crate::query;
use crate::store::{RowKind, StoreError};
use levada_feed::record;

impl Plan {
    /// What the policy kept until newer items came is cache from now on: items below those looked at, until some in a row
    /// have nothing that is followed. Who keeps all lets nothing go.
    pub(in crate::node) fn past(&self, node: &Node) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        let mut start = match self.tally {
            Some(_) => 0,
            None => self.looked_at,
        };
        let mut without = 0;
        while start > 0 && without < PAST_ITEMS {
            rows.clear();
            node.disk.rows(&self.feed, 0..start, &mut |kind, row| {
                rows.push((kind, row));
                rows.len() < PAST_ITEMS
            })?;
            start = rows.last().map_or(0, |(_, row)| row.index);
            for (kind, row) in &rows {
                let is_one = *kind == RowKind::Item && self.lets_go(node, row.index, row.newest)?;
                without = if is_one { 0 } else { without + 1 };
            }
        }
        Ok(())
    }

    /// Makes the followed media of one item cache, unless another item names them; says whether there were any.
    pub(super) fn lets_go(&self, node: &Node, item: u64, newest: u64) -> Result<bool, StoreError> {
        let Some(bytes) = node.disk.record(&self.feed, newest)? else {
            return Ok(false);
        };
        if self.since_ms > 0
            && record::read(&bytes, newest).is_ok_and(|record| record.time >= self.since_ms)
        {
            // Edited since, and so kept.
            return Ok(false);
        }
        let mut had_any = false;
        for hash in query::changes(&bytes, newest).1 {
            let entry = node.disk.entry(&hash)?;
            if entry.is_none_or(|entry| entry.class != Class::Followed) {
                continue;
            }
            let mut is_alone = true;
            for (feed, index) in node.named_by(&hash)? {
                let first = node.first_record(&feed, index)?;
                let is_past = first == item || first < self.looked_at;
                is_alone = is_alone && feed == self.feed && is_past;
            }
            if is_alone {
                had_any = true;
                node.disk
                    .change_entries([&hash], |entry| match entry.class {
                        Class::Followed => Entry {
                            class: Class::Cache,
                            ..entry
                        },
                        _ => entry,
                    })?;
            }
        }
        Ok(had_any)
    }
}
