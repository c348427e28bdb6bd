//! From records to rows, and from rows to what people see.
//!
//! Pure: which record changes which row, when something was published, and what a reader is shown of a record that
//! cannot be read. Rows are stored by `io::disk`.

use crate::store::{RowChange, RowKind};
use levada_feed::record::{self, Body, Record};

/// What a record changes in the index.
#[must_use]
pub fn row_change(bytes: &[u8], index: u64) -> RowChange {
    let Ok(record) = record::read(bytes, index) else {
        return RowChange::Begin(RowKind::Other);
    };
    match record.body {
        Body::Item(item) => match item.edits {
            Some(first) => RowChange::Edit(first.index, first.link),
            None => RowChange::Begin(RowKind::Item),
        },
        Body::Retract(retract) => RowChange::Retract(retract.target.index, retract.target.link),
        Body::Profile(_) => RowChange::Begin(RowKind::Profile),
        Body::Collection(_) => RowChange::Begin(RowKind::Collection),
        Body::Listing(_) => RowChange::Begin(RowKind::Listing),
        Body::Moved(_) => RowChange::Begin(RowKind::Moved),
        Body::Unknown { .. } => RowChange::Begin(RowKind::Other),
    }
}

/// The date that people see for a record: its own, but never later than the head that covers it (spec/head.md, Time).
#[must_use]
pub fn shown_time(record_time: u64, head_time: u64) -> u64 {
    record_time.min(head_time)
}

/// When an item was published: what it says, or when its first record was written. Edits do not change it.
#[must_use]
pub fn published(first: &Record, head_time: u64) -> u64 {
    let said = match &first.body {
        Body::Item(item) => item.published,
        _ => None,
    };
    said.unwrap_or_else(|| shown_time(first.time, head_time))
}
