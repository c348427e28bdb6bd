//! Bundles: a head and the records of a range with what proves them, checkable on their own, from any hand
//! (spec/bundle.md).
//!
//! `[1, head, from, slots, edges, pairs]` is a slice of the hash list whose inner hashes do not travel: the verifier
//! computes them from the records. `prove` makes what `check` reads.

use crate::chain::{self, link_first, link_next};
use crate::codec::{self, Writer};
use crate::hash::Hash;
use crate::head::Head;
use crate::key::FeedKey;
use crate::limits::{
    BUNDLE_BYTES_MAX, BUNDLE_SLOTS_MAX, BUNDLE_VALUES_MAX, HASH_BYTES, LIST_LEAF_HASHES,
    RECORD_BYTES_MAX,
};
use crate::reject::Reject;
use crate::tree::{self, Pieces, Proven, Shape};
use std::ops::Range;

/// What stands in a bundle for one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot<'a> {
    /// The record.
    Record(&'a [u8]),
    /// Withheld: only its link hash.
    Withheld(Hash),
    /// Withheld, and said to be retracted by the record at this index: until that was verified, withheld.
    Retracted(Hash, u64),
}

/// A checked bundle.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// The head it was checked against. Its length is proven only when `holds_last`.
    pub head: Head,
    /// Index of the first slot.
    pub from: u64,
    /// The slots: at least one.
    pub slots: Vec<Slot<'a>>,
    /// The link hash of each slot.
    pub links: Vec<Hash>,
    /// The pieces of the list that it proves.
    pub proven: Proven,
}

impl Bundle<'_> {
    /// The indices of its slots.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.from..self.from + count_of(&self.slots)
    }

    /// Checks that it answers a request for these records: it begins with the first, and less may come.
    ///
    /// # Errors
    /// list-5.
    pub fn check_asked(&self, asked: &Range<u64>) -> Result<(), Reject> {
        let range = self.range();
        let (expected, got) = if range.start == asked.start {
            (asked.end, range.end)
        } else {
            (asked.start, range.start)
        };
        if range.start == asked.start && range.end <= asked.end {
            Ok(())
        } else {
            Err(Reject::Gap { expected, got })
        }
    }

    /// Whether the last hash of the list is among its slots or edges, which proves the head's length: then the last leaf
    /// was checked (spec/bundle.md, What it proves).
    #[must_use]
    pub fn holds_last(&self) -> bool {
        let end = bundle_leaves(&self.range()).end;
        end == Shape::of_list(self.head.body().length).leaves()
    }
}

fn count_of<T>(slots: &[T]) -> u64 {
    u64::try_from(slots.len()).unwrap_or(u64::MAX)
}

/// The leaves of a bundle: those of hash from-1 to the last slot's.
fn bundle_leaves(range: &Range<u64>) -> Range<u64> {
    let leaves = chain::leaves_of(&[range.start.saturating_sub(1)..range.end]);
    leaves.first().cloned().unwrap_or(0..1)
}

/// The hashes that travel as edges: before the first slot, and after the last.
fn edge_hashes(range: &Range<u64>, length: u64) -> (Range<u64>, Range<u64>) {
    let leaves = bundle_leaves(range);
    let end = (leaves.end * LIST_LEAF_HASHES).min(length);
    (leaves.start * LIST_LEAF_HASHES..range.start, range.end..end)
}

/// Makes a bundle of the slots from `from` on, which must lie within the head's length and be at least one. `None` when
/// a piece of the list is missing.
///
/// # Errors
/// Those of the pieces.
pub fn prove<P: Pieces>(
    head: &Head,
    from: u64,
    slots: &[Slot<'_>],
    pieces: &P,
) -> Result<Option<Vec<u8>>, P::Error> {
    let length = head.body().length;
    let range = from..from + count_of(slots);
    let leaves = bundle_leaves(&range);
    let (before, after) = edge_hashes(&range, length);
    let Some(pairs) = tree::prove(
        pieces,
        Shape::of_list(length),
        std::slice::from_ref(&leaves),
    )?
    else {
        return Ok(None);
    };
    let mut edges = Vec::new();
    for index in before.chain(after) {
        let Some(hash) = chain::hash_at(pieces, index)? else {
            return Ok(None);
        };
        edges.extend_from_slice(&hash.0);
    }
    let mut wire = Writer::new();
    wire.array(6)
        .uint(1)
        .bytes(head.wire())
        .uint(from)
        .array(slots.len());
    write_slots(&mut wire, slots);
    wire.bytes(&edges).bytes(&pairs);
    Ok(Some(wire.finish()))
}

/// Writes slots one behind the other, as they stand in a bundle and in a page of a static host.
pub fn write_slots(wire: &mut Writer, slots: &[Slot<'_>]) {
    for slot in slots {
        match slot {
            Slot::Record(record) => wire.bytes(record),
            Slot::Withheld(hash) => wire.array(1).bytes(&hash.0),
            Slot::Retracted(hash, by) => wire.array(2).bytes(&hash.0).uint(*by),
        };
    }
}

/// A bundle whose form and whose head's signature were checked: a claim until its slice was.
#[derive(Debug)]
pub struct Claim<'a> {
    head: Head,
    parts: Parts<'a>,
}

impl<'a> Claim<'a> {
    /// Takes a bundle of a feed apart.
    ///
    /// # Errors
    /// bundle-1 to bundle-3, bundle-5, bundle-7, and those of heads.
    pub fn read(feed: &FeedKey, wire: &'a [u8]) -> Result<Self, Reject> {
        let parts = parts(wire)?;
        let head = Head::check_of(feed, parts.head)?;
        Ok(Self { head, parts })
    }

    /// The head. Two that contradict each other are a fork, whatever came with them.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Checks the slots against the head.
    ///
    /// # Errors
    /// bundle-4, bundle-6, bundle-8, list-3, and those of slices.
    pub fn check(self) -> Result<Bundle<'a>, Reject> {
        check_parts(self.head, self.parts)
    }
}

/// Checks a bundle of a feed.
///
/// # Errors
/// bundle-1 to bundle-8, list-3, and those of heads and slices.
pub fn check<'a>(feed: &FeedKey, wire: &'a [u8]) -> Result<Bundle<'a>, Reject> {
    Claim::read(feed, wire)?.check()
}

/// Checks a bundle of whatever feed its head names.
///
/// # Errors
/// As `check`.
pub fn check_any(wire: &[u8]) -> Result<Bundle<'_>, Reject> {
    let parts = parts(wire)?;
    check_parts(Head::check(parts.head)?, parts)
}

#[derive(Debug)]
struct Parts<'a> {
    head: &'a [u8],
    from: u64,
    slots: Vec<Slot<'a>>,
    edges: &'a [u8],
    pairs: &'a [u8],
}

fn parts(wire: &[u8]) -> Result<Parts<'_>, Reject> {
    if wire.len() > BUNDLE_BYTES_MAX {
        return Err(Reject::TooLong {
            got: wire.len(),
            max: BUNDLE_BYTES_MAX,
        });
    }
    codec::check_version(wire, Reject::BundleForm)?;
    codec::check(wire, BUNDLE_VALUES_MAX)?;
    let parts = codec::read_array(wire).ok_or(Reject::BundleForm)?;
    let [_, head, from, slots, edges, pairs] = parts.as_slice() else {
        return Err(Reject::BundleForm);
    };
    let from = codec::read_uint(from).ok_or(Reject::BundleForm)?;
    let slots = codec::read_array(slots).ok_or(Reject::BundleForm)?;
    if slots.is_empty() || slots.len() > BUNDLE_SLOTS_MAX {
        return Err(Reject::SlotCount {
            got: count_of(&slots),
        });
    }
    Ok(Parts {
        head: codec::read_bytes(head).ok_or(Reject::BundleForm)?,
        from,
        slots: read_slots(slots, from)?,
        edges: codec::read_bytes(edges).ok_or(Reject::BundleForm)?,
        pairs: codec::read_bytes(pairs).ok_or(Reject::BundleForm)?,
    })
}

/// Reads the slots from `from` on, each the bytes of one value.
///
/// # Errors
/// bundle-3, bundle-5.
pub fn read_slots<'a>(
    slots: impl IntoIterator<Item = &'a [u8]>,
    from: u64,
) -> Result<Vec<Slot<'a>>, Reject> {
    let slots = slots.into_iter().zip(from..);
    slots
        .map(|(slot, index)| read_slot(slot, index))
        .collect::<Result<_, _>>()
}

fn read_slot(slot: &[u8], index: u64) -> Result<Slot<'_>, Reject> {
    if let Some(record) = codec::read_bytes(slot) {
        return match record.len() {
            0..=RECORD_BYTES_MAX => Ok(Slot::Record(record)),
            got => Err(Reject::RecordTooLong { index, got }),
        };
    }
    let parts = codec::read_array(slot).ok_or(Reject::SlotForm)?;
    let hash = |bytes| codec::read_fixed(bytes).map(Hash).ok_or(Reject::SlotForm);
    match parts.as_slice() {
        [withheld] => Ok(Slot::Withheld(hash(withheld)?)),
        [withheld, by] => Ok(Slot::Retracted(
            hash(withheld)?,
            codec::read_uint(by).ok_or(Reject::SlotForm)?,
        )),
        _ => Err(Reject::SlotForm),
    }
}

fn check_parts(head: Head, parts: Parts<'_>) -> Result<Bundle<'_>, Reject> {
    let Parts {
        from,
        slots,
        edges,
        pairs,
        ..
    } = parts;
    let length = head.body().length;
    let range = from..from.saturating_add(count_of(&slots));
    if range.end > length {
        return Err(Reject::SlotOutside { length });
    }
    for (slot, index) in slots.iter().zip(from..) {
        match slot {
            Slot::Retracted(_, hint) if !(index + 1..length).contains(hint) => {
                return Err(Reject::HintOutside { index, hint: *hint });
            }
            _ => {}
        }
    }
    let (before, after) = edge_hashes(&range, length);
    let due = (before.end - before.start + after.end - after.start).saturating_mul(32);
    if due != count_of(edges) {
        return Err(Reject::EdgeBytes {
            expected: due,
            got: count_of(edges),
        });
    }
    let cut = usize::try_from(before.end - before.start).unwrap_or(0) * HASH_BYTES;
    let (before, after) = edges.split_at_checked(cut).ok_or(Reject::BundleForm)?;
    let previous = before.rchunks(HASH_BYTES).next().and_then(Hash::from_slice);
    let links = links(&head.body().feed, previous, &slots);
    let mut bytes = before.to_vec();
    links
        .iter()
        .for_each(|link| bytes.extend_from_slice(&link.0));
    bytes.extend_from_slice(after);
    let leaves = bundle_leaves(&range);
    let proven = tree::check_slice(
        &head.body().root,
        Shape::of_list(length),
        &[leaves],
        pairs,
        &bytes,
    )?;
    chain::check_first(&head, &proven)?;
    Ok(Bundle {
        head,
        from,
        slots,
        links,
        proven,
    })
}

/// The link hash of each slot, from the one before the first; a withheld one brings its own. Record 0 has none before it.
#[must_use]
pub fn links(feed: &FeedKey, mut previous: Option<Hash>, slots: &[Slot<'_>]) -> Vec<Hash> {
    let next = |slot: &Slot<'_>| {
        let link = match (slot, &previous) {
            (Slot::Record(record), Some(previous)) => link_next(previous, record),
            (Slot::Record(record), None) => link_first(feed, record),
            (Slot::Withheld(hash) | Slot::Retracted(hash, _), _) => *hash,
        };
        previous = Some(link);
        link
    };
    slots.iter().map(next).collect()
}
