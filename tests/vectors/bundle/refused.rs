//! Bundles with something wrong in their form, slots, proof or head.

use super::{accept, refuse};
use crate::vectors::Shelf;
use crate::vectors::answers::false_first;
use crate::vectors::cbor::{array, bytes, hex, null, text, to_hex, uint};
use crate::vectors::edges::cofactored;
use crate::vectors::history::{Bundle, History};
use crate::vectors::record::{TIME, item, profile};
use crate::vectors::sign::{Author, HEAD, Statement, head_of};
use std::ops::Range;

pub(super) fn add(shelf: &mut Shelf) {
    wrong_forms(shelf);
    wrong_slots(shelf);
    wrong_proofs(shelf);
    wrong_heads(shelf);
}

fn base() -> (History, Bundle) {
    let history = History::of(1, 100, "item");
    let bundle = history.bundle(100, 50..53);
    (history, bundle)
}

fn wrong_forms(shelf: &mut Shelf) {
    let (_, bundle) = base();
    let parts = bundle.parts();
    let with = |part: usize, value: Vec<u8>| {
        let mut parts = parts.clone();
        parts[part] = value;
        array(&parts)
    };
    #[rustfmt::skip]
    let cases = [
        ("five-parts", "The pairs are missing.", array(&parts[..5])),
        ("seven-parts", "Something follows the pairs.", array(&[&parts[..], &[null()]].concat())),
        ("head-not-wrapped", "The head is an array, not a byte string.", with(1, bundle.head.clone())),
        ("from-text", "The first index is a text.", with(2, text("50"))),
        ("from-null", "The first index is null.", with(2, null())),
        ("slots-bytes", "The slots are one byte string.", with(3, bytes(&bundle.slots.concat()))),
        ("edges-array", "The edges are an array of hashes; they are one byte string.",
            with(4, array(&[bytes(&bundle.edges)]))),
        ("pairs-text", "The pairs are a text.", with(5, text(""))),
        ("not-an-array", "A byte string.", bytes(&bundle.wire())),
        ("empty", "No bytes.", Vec::new()),
    ];
    for (name, why, wire) in cases {
        refuse(shelf, name, "bundle-1", why, wire);
    }
    let pieces = [
        hex("5f"),
        bytes(&bundle.edges[..32]),
        bytes(&bundle.edges[32..]),
        hex("ff"),
    ];
    let (wire, whole) = (bundle.wire(), bundle.wire().len());
    #[rustfmt::skip]
    let cases = [
        ("version-2", "head-2", "A bundle of a later version.", with(0, uint(2))),
        ("version-0", "head-2", "There never was a version 0.", with(0, uint(0))),
        ("trailing", "codec-2", "A byte follows the bundle.", [&wire[..], &[0]].concat()),
        ("long-count", "codec-3", "The count of the parts has a byte of its own.",
            [&hex("98 06")[..], &wire[1..]].concat()),
        ("edges-in-pieces", "codec-4", "The edges are a byte string in pieces.", with(4, pieces.concat())),
        ("cut", "codec-1", "The last byte is missing.", wire[..whole - 1].to_vec()),
    ];
    for (name, must, why, wire) in cases {
        refuse(shelf, name, must, why, wire);
    }
}

fn wrong_slots(shelf: &mut Shelf) {
    let (history, bundle) = base();
    let with = |slot: Vec<u8>| {
        let mut bundle = bundle.clone();
        bundle.slots[1] = slot;
        bundle.wire()
    };
    let link = bytes(&history.link(51));
    #[rustfmt::skip]
    let cases = [
        ("slot-null", "A slot that is null.", with(null())),
        ("slot-text", "A record that is a text.", with(text("item 51"))),
        ("slot-map", "A record that is not wrapped into a byte string.", with(history.records[51].clone())),
        ("slot-empty-array", "Withheld, without the hash.", with(array(&[]))),
        ("slot-hash-31", "Withheld, with 31 bytes of hash.", with(array(&[bytes(&[1; 31])]))),
        ("slot-hash-text", "Withheld, with the hash in hex.", with(array(&[text(&to_hex(&history.link(51)))]))),
        ("slot-hint-text", "A hint that is a text.", with(array(&[link.clone(), text("60")]))),
        ("slot-hint-null", "A hint that is null.", with(array(&[link.clone(), null()]))),
        ("slot-three", "A third element.", with(array(&[link, uint(60), uint(61)]))),
    ];
    for (name, why, wire) in cases {
        refuse(shelf, name, "bundle-3", why, wire);
    }
    let none = Bundle {
        slots: Vec::new(),
        ..bundle.clone()
    };
    refuse(
        shelf,
        "slots-0",
        "bundle-2",
        "A bundle of no slots.",
        none.wire(),
    );
    let short = History::of(1, 52, "item");
    let outside = Bundle {
        head: short.head(52),
        ..bundle.clone()
    };
    refuse(
        shelf,
        "slots-past-the-end",
        "bundle-4",
        "Three slots from record 50 on, under a head of 52 records.",
        outside.wire(),
    );
    let far = Bundle {
        from: (1 << 53) - 1,
        ..bundle
    };
    refuse(
        shelf,
        "from-greatest",
        "bundle-4",
        "The greatest integer as first index.",
        far.wire(),
    );
}

fn wrong_proofs(shelf: &mut Shelf) {
    let (history, _) = base();
    type Change = fn(&mut Bundle);
    #[rustfmt::skip]
    let changes: [(&str, &str, &str, Change); 19] = [
        ("edges-none", "bundle-6", "The edges are missing.", |bundle| bundle.edges.clear()),
        ("edges-hash-less", "bundle-6", "The last hash of the edges is missing.",
            |bundle| bundle.edges.truncate(bundle.edges.len() - 32)),
        ("edges-hash-more", "bundle-6", "A hash follows the edges.", |bundle| bundle.edges.extend([0; 32])),
        ("edges-byte-less", "bundle-6", "The last byte of the edges is missing.",
            |bundle| bundle.edges.truncate(bundle.edges.len() - 1)),
        ("edges-swapped", "slice-4", "Two hashes of the edges changed places.",
            |bundle| bundle.edges[..64].rotate_left(32)),
        ("edges-after-before", "slice-4", "The edges after the slots stand before those before them.",
            |bundle| bundle.edges.rotate_left(18 * 32)),
        ("edges-link-before-changed", "slice-4", "The hash from which the first record follows is another one.",
            |bundle| bundle.edges[17 * 32] ^= 1),
        ("pair-more", "slice-1", "A pair follows the last one.", |bundle| bundle.pairs.extend([0; 64])),
        ("pair-less", "slice-1", "The last pair is missing.", |bundle| bundle.pairs.truncate(64)),
        ("pairs-none", "slice-1", "No bytes of pairs.", |bundle| { bundle.pairs.clear() }),
        ("pairs-swapped", "slice-3", "Two pairs changed places.", |bundle| bundle.pairs.rotate_left(64)),
        ("pair-sides-swapped", "slice-3", "Left and right of a pair changed places.",
            |bundle| bundle.pairs[64..].rotate_left(32)),
        ("record-changed", "slice-4", "One bit of a record is another.",
            |bundle| { let last = bundle.slots[1].len() - 1; bundle.slots[1][last] ^= 1; }),
        ("records-swapped", "slice-4", "Two records changed places.", |bundle| bundle.slots.swap(0, 1)),
        ("record-replaced", "slice-4", "A record that the author never wrote.",
            |bundle| bundle.slots[2] = bytes(b"forged")),
        ("record-twice", "slice-4", "A record stands in the place of the next one too.",
            |bundle| bundle.slots[2] = bundle.slots[1].clone()),
        ("record-longer", "slice-4", "A zero byte was added to a record.",
            |bundle| { let record = item("item 52", TIME + 52_000); assert_eq!(bundle.slots[2], bytes(&record)); bundle.slots[2] = bytes(&[record, vec![0]].concat()); }),
        ("from-1-less", "slice-4", "The same slots one record earlier.", |bundle| bundle.from -= 1),
        ("from-1-more", "slice-4", "The same slots one record later.", |bundle| bundle.from += 1),
    ];
    for (name, must, why, change) in changes {
        let mut bundle = history.bundle(100, 50..53);
        change(&mut bundle);
        refuse(shelf, name, must, why, bundle.wire());
    }
    let mut first = history.bundle(3, 0..3);
    first.slots[0] = bytes(&profile("Eva", TIME));
    refuse(
        shelf,
        "record-0-swapped",
        "slice-4",
        "Another profile in the place of record 0.",
        first.wire(),
    );
}

fn wrong_heads(shelf: &mut Shelf) {
    let (history, bundle) = base();
    let with = |head: Vec<u8>| {
        Bundle {
            head,
            ..bundle.clone()
        }
        .wire()
    };
    let statement = history.statement(100);
    let body = statement.body();
    let thief = Author::new(2);
    #[rustfmt::skip]
    let cases = [
        ("head-forged", "key-7", "The head was signed by somebody else.", head_of(&body, &thief.sign(HEAD, &body))),
        ("head-cofactored", "key-7", "The head's signature holds only when multiplied by the cofactor.",
            head_of(&body, &cofactored(&history.author, &[HEAD, &body].concat(), false))),
        ("head-version-2", "head-2", "The head is of a later version.",
            array(&[uint(2), bytes(&body), bytes(&[0; 64])])),
        ("head-body-alone", "head-1", "The body of the head stands in its place.", body.clone()),
        ("head-of-101", "slice-3", "The head of one record more, over the slice of this one.",
            history_of_101().head(101)),
        ("head-of-other-feed", "head-5", "A head of another feed over the same list.",
            Statement { feed: thief.key(), ..statement.clone() }.signed(&thief)),
        ("head-length-101-of-100", "bundle-6",
            "The head claims one record more than its root covers, and the edges are one hash short.",
            Statement { length: 101, ..statement }.signed(&history.author)),
    ];
    for (name, must, why, head) in cases {
        // A slice that ends in the last leaf shows a wrong length; one that does not, may not.
        let wire = if name.starts_with("head-length") {
            Bundle {
                head,
                ..history.bundle(100, 97..99)
            }
            .wire()
        } else {
            with(head)
        };
        refuse(shelf, name, must, why, wire);
    }
    let first = |range: Range<u64>| {
        Bundle {
            head: false_first(&history, 20),
            ..history.bundle(20, range)
        }
        .wire()
    };
    refuse(
        shelf,
        "false-first",
        "list-3",
        "The head's first is not the hash of record 0.",
        first(0..2),
    );
    refuse(
        shelf,
        "false-first-in-the-edges",
        "list-3",
        "The head's first is not the hash of record 0, which the edges show.",
        first(5..7),
    );
    let hidden = Bundle {
        head: false_first(&history, 100),
        ..bundle
    };
    let history = History::of(1, 100, "item");
    accept(shelf, "false-first-out-of-sight", "A head with a false first over records that do not show hash 0: nothing is known against it yet.", &history, 100, &hidden).flip_all();
}

fn history_of_101() -> History {
    History::of(1, 101, "item")
}
