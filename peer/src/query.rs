//! From records to rows, and from rows to what people see.
//!
//! Pure: which record changes which row, when something was published, and what a reader is shown of a record that
//! cannot be read. Rows are stored by `io::disk`.

use crate::store::{RowChange, RowKind};
use levada_feed::hash::Hash;
use levada_feed::record::{self, Body, File, Record};

/// What a record changes in the index, and the blobs that it names.
pub type Change = (RowChange, Vec<Hash>);

/// What the record that stands at `index` changes; one that is unreadable begins something of which nothing is known.
#[must_use]
pub fn changes(bytes: &[u8], index: u64) -> Change {
    match record::read(bytes, index) {
        Ok(record) => changes_of(&record),
        Err(_) => (RowChange::Begin(RowKind::Other), Vec::new()),
    }
}

/// The same, of a record that is not read from bytes: its author's.
#[must_use]
pub fn changes_of(record: &Record) -> Change {
    let named = files(&record.body).iter().map(|file| file.hash).collect();
    let change = match &record.body {
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
    use super::{changes, changes_of, shown_time};
    use levada_feed::hash::Hash;
    use levada_feed::key::FeedSecret;
    use levada_feed::record::{
        Body, Collection, File, Item, Listing, Moved, Profile, Record, Reference, Retract, Role,
        write,
    };

    fn file(byte: u8) -> File {
        File {
            hash: Hash([byte; 32]),
            size: 9,
            media_type: "image/png".into(),
            role: Role::Main,
            name: None,
            duration: None,
            width: None,
            height: None,
            codecs: None,
            language: None,
            blurhash: None,
        }
    }

    #[test]
    fn record_that_is_made_changes_what_it_changes_once_it_is_read() {
        let feed = FeedSecret::from_bytes(&[5; 32]).feed_key();
        let target = Reference {
            feed: None,
            index: 3,
            link: Hash([8; 32]),
        };
        let item = |files, edits| {
            Body::Item(Box::new(Item {
                files,
                edits,
                ..Item::default()
            }))
        };
        let listing = Listing {
            feed,
            first: None,
            hints: Vec::new(),
            title: None,
            note: None,
            tags: Vec::new(),
            catalogue: false,
            head: None,
        };
        let bodies = [
            item(Vec::new(), None),
            item(vec![file(1), file(2)], None),
            item(vec![file(1)], Some(target)),
            Body::Profile(Box::new(Profile {
                avatar: Some(file(4)),
                ..Profile::default()
            })),
            Body::Retract(Retract {
                target,
                reason: None,
            }),
            Body::Collection(Collection::default()),
            Body::Listing(Box::new(listing)),
            Body::Moved(Moved { feed }),
            Body::Unknown {
                kind: "state".into(),
            },
        ];
        for body in bodies {
            let (time, salt) = (5, [0; 16]);
            let record = Record { time, salt, body };
            let read = changes(&write(&record, 9).unwrap(), 9);
            assert_eq!(changes_of(&record), read, "{record:?}");
        }
    }

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
