//! The forms of a static host's files, against a reader that knows CBOR and spec/static.md alone.

use crate::fuzz::{DEAD_ENDS, cuts, fixed, shortest, uint};
use ciborium::Value;
use levada_feed::bundle::Slot;
use levada_feed::hash::Hash;
use levada_feed::limits::{PAGE_BYTES_MAX, PAGE_RECORDS, RECORD_BYTES_MAX, TILE_VALUES};
use levada_feed::reject::Reject;
use levada_peer::static_layout::{
    Page, StaticFile, read_hashes, read_marker, read_page, write_marker, write_page,
};

/// The bytes as each of them. What is one is read, and written as the same bytes.
pub(super) fn forms(bytes: &[u8]) {
    marker(bytes);
    hashes(bytes, PAGE_RECORDS);
    hashes(bytes, TILE_VALUES);
    let named = shortest(bytes).and_then(|value| {
        let from = value.as_array()?.get(1).and_then(uint)?;
        Some(from / PAGE_RECORDS)
    });
    for number in [Some(0), Some(1), named].into_iter().flatten() {
        page(number, bytes);
    }
}

fn marker(bytes: &[u8]) {
    let is_marker = read_marker(bytes).is_ok();
    assert_eq!(is_marker, bytes == b"\x82\x01\x6dlevada static");
    if is_marker {
        assert_eq!(write_marker(), bytes);
        assert!(bytes.len() as u64 <= StaticFile::Marker.bytes_max());
        assert!(cuts(bytes).all(|cut| read_marker(cut).is_err()));
    }
}

fn hashes(bytes: &[u8], max: u64) {
    let is_fit = bytes.len() as u64 <= max * 32;
    match read_hashes(bytes, max) {
        Ok(hashes) => {
            let again: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            // A last one that is cut is as if it were not there.
            let whole = bytes.len() / 32 * 32;
            assert!(is_fit && again == bytes[..whole]);
        }
        Err(reject) => {
            assert!(!is_fit && matches!(reject, Reject::StaticCount { .. }));
        }
    }
}

fn page(number: u64, bytes: &[u8]) {
    let read = read_page(number, bytes);
    assert_eq!(read.is_ok(), is_page(number, bytes), "{read:?}");
    let Ok(Page { before, slots }) = read else {
        return;
    };
    assert_eq!(before.is_some(), number > 0);
    assert_eq!(write_page(number, before.as_ref(), &slots), bytes);
    assert!((1..=PAGE_RECORDS).contains(&(slots.len() as u64)));
    assert!(bytes.len() <= PAGE_BYTES_MAX);
    let feed = crate::fuzz::history::feed();
    let links = Page { before, slots }.links(&feed);
    let slots = read_page(number, bytes).expect("it was read").slots;
    assert_eq!(links.len(), slots.len());
    for (slot, link) in slots.iter().zip(&links) {
        match slot {
            Slot::Record(record) => assert!(record.len() <= RECORD_BYTES_MAX),
            Slot::Withheld(hash) | Slot::Retracted(hash, _) => assert_eq!(hash, link),
        }
    }
    for cut in cuts(bytes) {
        // Without a version there is no form.
        let expected = match cut.len() {
            0 | 1 => Reject::StaticForm,
            _ => Reject::Truncated,
        };
        let reject = read_page(number, cut).err();
        assert_eq!(reject, Some(expected), "cut at {}", cut.len());
    }
    for more in DEAD_ENDS {
        let reject = read_page(number, &[bytes, more].concat()).err();
        assert!(matches!(reject, Some(Reject::Trailing { .. })));
    }
    assert!(read_page(number + 1, bytes).is_err());
}

/// `[1, from, before, slots]`.
fn is_page(number: u64, bytes: &[u8]) -> bool {
    let Some(Value::Array(parts)) = shortest(bytes) else {
        return false;
    };
    let [version, from, before, Value::Array(slots)] = parts.as_slice() else {
        return false;
    };
    let is_before = match number {
        0 => before.as_bytes().is_some_and(Vec::is_empty),
        _ => fixed::<32>(before).is_some(),
    };
    uint(version) == Some(1)
        && uint(from) == number.checked_mul(PAGE_RECORDS)
        && is_before
        && (1..=512).contains(&slots.len())
        && slots.iter().all(is_slot)
}

fn is_slot(slot: &Value) -> bool {
    let is_hash = |value: &Value| fixed::<32>(value).map(Hash).is_some();
    match slot {
        Value::Bytes(record) => record.len() <= RECORD_BYTES_MAX,
        Value::Array(parts) => match parts.as_slice() {
            [hash] => is_hash(hash),
            [hash, by] => is_hash(hash) && uint(by).is_some(),
            _ => false,
        },
        _ => false,
    }
}
