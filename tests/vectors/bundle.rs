//! Bundles: a head, records, and what proves them.

use super::answers::{GHOST_LENGTH, GhostFeed, false_first};
use super::cbor::{array, bytes, count, hex, null, text, to_hex, uint};
use super::edges::cofactored;
use super::history::{Bundle, History};
use super::oracle::hash;
use super::record::{TIME, item, profile};
use super::sign::{Author, HEAD, Statement, head_of};
use super::{Shelf, Vector};
use std::ops::Range;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("bundle");
    taken(&mut shelf);
    withheld(&mut shelf);
    broken_chain(&mut shelf);
    odd_records(&mut shelf);
    wrong_forms(&mut shelf);
    wrong_slots(&mut shelf);
    wrong_proofs(&mut shelf);
    wrong_heads(&mut shelf);
    shelf.done()
}

fn accept<'s>(
    shelf: &'s mut Shelf,
    name: &str,
    why: &str,
    history: &History,
    length: u64,
    bundle: &Bundle,
) -> &'s mut Vector {
    let range = bundle.from..bundle.from + count(&bundle.slots);
    // The leaf of the last hash is among those that the bundle shows.
    let holds_last = range.end.div_ceil(32) == length.div_ceil(32);
    let vector = shelf.accept(name, why, bundle.wire());
    vector
        .with("feed", to_hex(&history.author.key()))
        .with("length", length)
        .with("from", range.start)
        .with("to", range.end)
        .with("holds-last", if holds_last { "yes" } else { "no" });
    for index in range {
        vector.with("link", to_hex(&history.link(index)));
    }
    vector
}

fn refuse(shelf: &mut Shelf, name: &str, must: &str, why: &str, wire: Vec<u8>) {
    shelf
        .refuse(name, must, why, wire)
        .with("feed", to_hex(&Author::new(1).key()));
}

fn taken(shelf: &mut Shelf) {
    let history = History::of(1, 100, "item");
    #[rustfmt::skip]
    let cases = [
        (1, 0..1, "A feed of its record 0 alone: no edges, no pairs."),
        (3, 0..3, "A whole feed in one leaf: no edges, no pairs."),
        (3, 0..1, "Record 0 of three; the edges are the hashes after it."),
        (3, 2..3, "The last of three; the edges are the hashes before it."),
        (40, 31..33, "Two records of two leaves."),
        (40, 32..33, "The first record of a leaf: the leaf before it comes along, since the link begins there."),
        (100, 50..52, "Two records of four leaves: edges on both sides, and two pairs."),
        (100, 30..70, "Records of three leaves: a pair lies wholly inside."),
        (100, 99..100, "The last record, whose hash proves the head's length."),
    ];
    for (length, range, why) in cases {
        let name = format!("records-{}-{}-of-{length}", range.start, range.end);
        let bundle = history.bundle(length, range);
        accept(shelf, &name, why, &history, length, &bundle).flip_all();
    }
    let long = History::of(1, 513, "item");
    let bundle = long.bundle(513, 512..513);
    accept(
        shelf,
        "records-512-513-of-513",
        "The first record of the seventeenth leaf.",
        &long,
        513,
        &bundle,
    )
    .flip_all();
    let last = item("a ghost", TIME);
    let ghost = GhostFeed::new(&last);
    let bundle = Bundle {
        head: ghost.head.clone(),
        from: GHOST_LENGTH - 1,
        slots: vec![bytes(&last)],
        edges: ghost.ghost.last_leaf[..31 * 32].to_vec(),
        pairs: ghost.ghost.pairs(false, true),
    };
    shelf
        .accept("ghost-2-40", "The last record of a feed that claims 2^40 of them: proven, and nothing is said of the others.", bundle.wire())
        .with("feed", to_hex(&ghost.real.author.key()))
        .with("length", GHOST_LENGTH)
        .with("from", GHOST_LENGTH - 1)
        .with("to", GHOST_LENGTH)
        .with("holds-last", "yes")
        .with("link", to_hex(&hash(&[hash(b"ghost 30").as_slice(), &last].concat())))
        .flip_all();
}

/// Bytes of a bundle's wire form that stand after its slots.
fn tail(bundle: &Bundle) -> usize {
    let [.., edges, pairs] = bundle.parts();
    edges.len() + pairs.len()
}

fn withheld(shelf: &mut Shelf) {
    let history = History::of(1, 40, "item");
    let mut bundle = history.bundle(40, 4..8);
    bundle.withhold(1, &history.link(5));
    accept(shelf, "withheld", "One record is withheld: its link hash stands in its place, and the next record follows from it.", &history, 40, &bundle)
        .with("slot", "5 withheld")
        .flip_all();
    let mut bundle = history.bundle(40, 4..8);
    for (slot, index) in (4..8).enumerate() {
        bundle.withhold(slot, &history.link(index));
    }
    accept(
        shelf,
        "withheld-all",
        "All records are withheld: a slice of the list, and no record.",
        &history,
        40,
        &bundle,
    )
    .with("slot", "4 withheld")
    .with("slot", "5 withheld")
    .with("slot", "6 withheld")
    .with("slot", "7 withheld")
    .flip_all();
    let mut bundle = history.bundle(40, 4..6);
    bundle.hint(1, &history.link(5), 17);
    let hint_at = bundle.wire().len() - tail(&bundle) - 1;
    accept(shelf, "withheld-hint", "Withheld, with a hint that record 17 retracts it: until that was seen, the record is withheld. The hint is not proven.", &history, 40, &bundle)
        .with("slot", "5 hint 17")
        .flip_all_but(vec![hint_at]);
    let mut bundle = history.bundle(40, 0..2);
    bundle.withhold(0, &history.link(0));
    accept(
        shelf,
        "withheld-0",
        "Record 0 may be withheld too; nobody takes a feed up without it.",
        &history,
        40,
        &bundle,
    )
    .with("slot", "0 withheld")
    .flip_all();
    let hinted = |hint: u64| {
        let mut bundle = history.bundle(40, 4..8);
        bundle.hint(1, &history.link(5), hint);
        bundle.wire()
    };
    #[rustfmt::skip]
    let cases = [
        ("hint-itself", 5, "The hint of record 5 names record 5."),
        ("hint-before", 4, "The hint of record 5 names an earlier one."),
        ("hint-outside", 40, "The hint names the record after the last one."),
    ];
    for (name, hint, why) in cases {
        refuse(shelf, name, "bundle-8", why, hinted(hint));
    }
    let mut bundle = history.bundle(40, 4..8);
    bundle.withhold(1, &hash(b"some record"));
    refuse(
        shelf,
        "withheld-wrong-hash",
        "slice-4",
        "The hash in the place of a withheld record is another one.",
        bundle.wire(),
    );
}

fn broken_chain(shelf: &mut Shelf) {
    let mut history = History::of(1, 5, "item");
    history.push_broken(item("broken", TIME), hash(b"not its link hash"));
    history.grow(9, "item");
    let mut bundle = history.bundle(9, 4..8);
    bundle.withhold(1, &history.link(5));
    accept(shelf, "broken-link-withheld", "The author signed a hash that record 5 does not have: the record can only be withheld, and all around it stands.", &history, 9, &bundle)
        .with("slot", "5 withheld")
        .flip_all();
    accept(
        shelf,
        "broken-link-after",
        "The record after it follows from the hash that was signed.",
        &history,
        9,
        &history.bundle(9, 6..8),
    )
    .flip_all();
    refuse(
        shelf,
        "broken-link",
        "slice-4",
        "Record 5 under a list in which another hash stands for it.",
        history.bundle(9, 4..8).wire(),
    );
    refuse(
        shelf,
        "broken-link-alone",
        "slice-4",
        "The same record alone.",
        history.bundle(9, 5..6).wire(),
    );
}

fn odd_records(shelf: &mut Shelf) {
    let mut history = History::new(1);
    history.push(profile("Ana", TIME));
    history.push(b"not CBOR".to_vec());
    history.push(Vec::new());
    history.push(item("good", TIME));
    accept(
        shelf,
        "unreadable-records",
        "Bytes that nobody can read are records all the same: a record never decides about a head.",
        &history,
        4,
        &history.bundle(4, 0..4),
    )
    .flip_all();
    let mut history = History::of(1, 2, "item");
    history.push(vec![0; 65_536]);
    history.push(vec![0; 65_537]);
    refuse(
        shelf,
        "record-65537",
        "bundle-5",
        "A record of one byte more than a record may have.",
        history.bundle(4, 3..4).wire(),
    );
    let mut wide = History::new(1);
    for _ in 0..16_385 {
        wide.push(Vec::new());
    }
    refuse(
        shelf,
        "slots-16385",
        "bundle-2",
        "One slot more than a bundle may have; all else is good.",
        wide.bundle(16_385, 0..16_385).wire(),
    );
    let vector = shelf.accept(
        "slots-16384",
        "As many slots as a bundle may have.",
        wide.bundle(16_385, 1..16_385).wire(),
    );
    vector
        .with("feed", to_hex(&wide.author.key()))
        .with("length", 16_385)
        .with("from", 1)
        .with("to", 16_385)
        .with("holds-last", "yes");
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
    refuse(
        shelf,
        "version-2",
        "head-2",
        "A bundle of a later version.",
        with(0, uint(2)),
    );
    refuse(
        shelf,
        "version-0",
        "head-2",
        "There never was a version 0.",
        with(0, uint(0)),
    );
    let trailing = [bundle.wire(), vec![0]].concat();
    refuse(
        shelf,
        "trailing",
        "codec-2",
        "A byte follows the bundle.",
        trailing,
    );
    let long = [&hex("98 06")[..], &bundle.wire()[1..]].concat();
    refuse(
        shelf,
        "long-count",
        "codec-3",
        "The count of the parts has a byte of its own.",
        long,
    );
    let pieces = with(
        4,
        [
            hex("5f"),
            bytes(&bundle.edges[..32]),
            bytes(&bundle.edges[32..]),
            hex("ff"),
        ]
        .concat(),
    );
    refuse(
        shelf,
        "edges-in-pieces",
        "codec-4",
        "The edges are a byte string in pieces.",
        pieces,
    );
    let cut = bundle.wire()[..bundle.wire().len() - 1].to_vec();
    refuse(shelf, "cut", "codec-1", "The last byte is missing.", cut);
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
        "list-3",
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
