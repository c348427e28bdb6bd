//! Rows as bytes.

use super::Stored;
use crate::io::disk::key;
use crate::store::RowKind;
use levada_feed::hash::Hash;

const ROW_BYTES: usize = 1 + 8 + 32 + 8 + 32;
const NONE: u64 = u64::MAX;
/// Stands for the kind of an item whose first record names no files, so that nobody reads it to look for them.
const BARE_ITEM: u8 = 8;

/// Stands where an index would, behind all of them: profiles are listed there too, so that the newest is found at once.
pub(super) const PROFILES: u64 = u64::MAX;

pub(super) fn profile_key(number: u32, index: u64) -> Vec<u8> {
    [
        key(number, PROFILES).as_slice(),
        index.to_be_bytes().as_slice(),
    ]
    .concat()
}

pub(super) fn encode(row: &Stored) -> Vec<u8> {
    if let Some(first) = row.edit_of {
        return [&[7], first.to_be_bytes().as_slice()].concat();
    }
    let kind = match row.begun {
        None => 0,
        Some(RowKind::Item) if row.is_bare => BARE_ITEM,
        Some(RowKind::Profile) => 1,
        Some(RowKind::Item) => 2,
        Some(RowKind::Collection) => 3,
        Some(RowKind::Listing) => 4,
        Some(RowKind::Moved) => 5,
        Some(RowKind::Other) => 6,
    };
    let mut bytes = Vec::with_capacity(ROW_BYTES);
    bytes.push(kind);
    // A row that was never edited or retracted, which is nearly every one, is one byte.
    if row.edit.is_some() || row.retract.is_some() {
        for change in [row.edit, row.retract] {
            let (by, link) = change.unwrap_or((NONE, Hash([0; 32])));
            bytes.extend_from_slice(&by.to_be_bytes());
            bytes.extend_from_slice(&link.0);
        }
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Option<Stored> {
    let begun = match *bytes.first()? {
        0 => None,
        1 => Some(RowKind::Profile),
        2 | BARE_ITEM => Some(RowKind::Item),
        3 => Some(RowKind::Collection),
        4 => Some(RowKind::Listing),
        5 => Some(RowKind::Moved),
        6 => Some(RowKind::Other),
        7 => {
            let first = u64::from_be_bytes(bytes.get(1..9)?.try_into().ok()?);
            return Some(Stored {
                edit_of: Some(first),
                ..Stored::default()
            });
        }
        _ => return None,
    };
    let is_bare = bytes.first() == Some(&BARE_ITEM);
    if bytes.len() == 1 {
        return Some(Stored {
            begun,
            is_bare,
            ..Stored::default()
        });
    }
    let change = |at: usize| {
        let by = u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
        let link = Hash::from_slice(bytes.get(at + 8..at + 40)?)?;
        Some(Some((by, link)).filter(|(by, _)| *by != NONE))
    };
    Some(Stored {
        begun,
        is_bare,
        edit_of: None,
        edit: change(1)?,
        retract: change(41)?,
    })
}
