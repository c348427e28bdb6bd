//! From records to rows, and from rows to what people see.
//!
//! Pure: which record changes which row, when something was published, and what a reader is shown of a record that
//! cannot be read. Rows are stored by `io::disk`.

use crate::store::{RowChange, RowKind};
use levada_feed::hash::Hash;
use levada_feed::record::{self, Body, File, Record};

/// What a record changes in the index, and the blobs that it names.
#[must_use]
pub fn changes(bytes: &[u8], index: u64) -> (RowChange, Vec<Hash>) {
    let Ok(record) = record::read(bytes, index) else {
        return (RowChange::Begin(RowKind::Other), Vec::new());
    };
    let named = files(&record.body).iter().map(|file| file.hash).collect();
    let change = match record.body {
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
    };
    (change, named)
}

/// The files that a record names.
#[must_use]
pub fn files(body: &Body) -> Vec<&File> {
    match body {
        Body::Item(item) => item.files.iter().collect(),
        Body::Profile(profile) => profile.avatar.iter().collect(),
        _ => Vec::new(),
    }
}

/// The date that people see for a record: its own, but never later than the head that covers it, nor than the time when
/// it was first seen here (spec/record.md, Dates).
#[must_use]
pub fn shown_time(record_time: u64, head_time: u64, first_seen: Option<u64>) -> u64 {
    record_time
        .min(head_time)
        .min(first_seen.unwrap_or(u64::MAX))
}

/// When an item was published: what it says, or when its first record was written. Edits do not change it.
#[must_use]
pub fn published(first: &Record, head_time: u64, first_seen: Option<u64>) -> u64 {
    let said = match &first.body {
        Body::Item(item) => item.published,
        _ => None,
    };
    said.unwrap_or_else(|| shown_time(first.time, head_time, first_seen))
}

#[cfg(test)]
mod tests {
    use super::shown_time;

    #[test]
    fn date_ahead_of_its_head_or_of_us_is_brought_back() {
        for (record, head, seen, shown) in [
            (5, 9, Some(7), 5),
            (9, 5, Some(7), 5),
            (9, 9, Some(7), 7),
            (9, 9, None, 9),
        ] {
            assert_eq!(shown_time(record, head, seen), shown);
        }
    }
}
