//! Bundles: a head, records, and what proves them.

mod refused;

use super::answers::{GHOST_LENGTH, GhostFeed};
use super::cbor::{bytes, count, to_hex};
use super::history::{Bundle, History};
use super::oracle::hash;
use super::record::{TIME, item, profile};
use super::sign::Author;
use super::{Shelf, Vector};

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("bundle");
    taken(&mut shelf);
    withheld(&mut shelf);
    broken_chain(&mut shelf);
    odd_records(&mut shelf);
    refused::add(&mut shelf);
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
    let why = "A record as long as a record may be.";
    let longest = history.bundle(4, 2..3);
    accept(shelf, "record-65536", why, &history, 4, &longest);
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
