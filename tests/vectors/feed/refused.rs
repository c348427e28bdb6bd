//! Answers that a follower refuses, as the first step or after good ones.

use super::{Script, Tale};
use crate::vectors::Shelf;
use crate::vectors::answers::false_first;
use crate::vectors::cbor::{array, bytes, to_hex, uint};
use crate::vectors::history::{Answer, Bundle, History};
use crate::vectors::oracle::hash;
use crate::vectors::record::{TIME, item, profile};
use crate::vectors::sign::{Author, Statement};

pub(super) fn add(shelf: &mut Shelf) {
    starts(shelf);
    firsts(shelf);
    heads(shelf);
    bundles(shelf);
}

fn starts(shelf: &mut Shelf) {
    let history = History::of(1, 100, "item");
    let bundle = |from: u64, to: u64| history.bundle(100, from..to);
    let (first, last) = (bundle(0, 1), bundle(98, 100));
    let mut hidden = first.clone();
    hidden.withhold(0, &history.link(0));
    let mut hinted = first.clone();
    hinted.hint(0, &history.link(0), 7);
    let older = history.bundle(99, 0..1);
    let with_head = |head: Vec<u8>| Bundle {
        head,
        ..first.clone()
    };
    let mut again = history.statement(100);
    again.time = 1;
    let again = with_head(again.signed(&history.author));
    let void = with_head(false_first(&history, 100));
    let mut swapped = first.clone();
    swapped.slots[0] = bytes(&profile("Eva", TIME));
    let other = History::of(2, 100, "item");
    let others = [other.bundle(100, 0..1), other.bundle(100, 98..100)];
    #[rustfmt::skip]
    let cases: [(&str, &str, &str, &[&Bundle]); 13] = [
        ("start-nothing", "wire-1", "No bundle.", &[]),
        ("start-three", "wire-1", "Three bundles.", &[&first, &last, &last]),
        ("start-not-at-0", "wire-1", "The newest records alone.", &[&last]),
        ("start-backwards", "wire-1", "The newest records before record 0.", &[&last, &first]),
        ("start-two-heads", "wire-1", "Two bundles under heads of different lengths.", &[&older, &last]),
        ("start-two-times", "wire-1", "Two bundles under two heads of one list.", &[&again, &last]),
        ("start-0-withheld", "list-6", "Record 0 is withheld.", &[&hidden, &last]),
        ("start-0-retracted", "list-6", "Record 0 is said to be retracted.", &[&hinted, &last]),
        ("start-without-the-last", "list-4", "The first records, and nothing that holds the last hash.", &[&bundle(0, 3)]),
        ("start-short-of-the-last-leaf", "list-4", "The newest records end right before the last leaf.",
            &[&first, &bundle(90, 96)]),
        ("start-other-feed", "head-5", "A good start of another feed.", &[&others[0], &others[1]]),
        ("start-0-swapped", "slice-4", "Another profile in the place of record 0.", &[&swapped, &last]),
        ("start-false-first", "list-3", "The head's first is not the hash of record 0.", &[&void, &last]),
    ];
    for (name, must, why, bundles) in cases {
        let wires: Vec<Vec<u8>> = bundles.iter().map(|bundle| bundle.wire()).collect();
        let mut script = Script::default();
        script.give("start", &wires, "refused");
        script.refuse(shelf, name, must, why);
    }
}

/// A good start, and what a link says of record 0.
fn firsts(shelf: &mut Shelf) {
    let tale = Tale::of(100);
    let bundles = [(0, 1), (98, 100)];
    let wires = bundles.map(|(from, to)| tale.history.bundle(100, from..to).wire());
    let mut script = Script::default();
    script.give("start", &wires, "refused");
    let why = "A good start, and a link that names another record 0: the log was started anew, or the link is old.";
    let other = hash(b"another record 0");
    script
        .refuse(shelf, "start-other-first", "link-6", why)
        .with("link-first", to_hex(&other[..16]));
    let mut script = Script::default();
    script.start(&tale, 100, &bundles);
    let why = "A good start, and a link that names this record 0.";
    script
        .accept(shelf, "start-with-first", why)
        .with("link-first", to_hex(&tale.history.link(0)[..16]));
}

/// A follower who has 40 records.
fn begin(tale: &Tale) -> Script {
    let mut script = Script::default();
    script.start(tale, 40, &[(0, 1), (38, 40)]);
    script
}

fn heads(shelf: &mut Shelf) {
    let tale = Tale::of(100);
    let history = &tale.history;
    let good = || history.answer(100, 40);
    let with_head = |head: Vec<u8>| Answer { head, ..good() };
    let mut more = good();
    more.proof.pairs.extend([0; 64]);
    let mut other = good();
    other.proof.leaves[7] ^= 1;
    let longer = Statement {
        length: 101,
        ..history.statement(100)
    };
    let lied = with_head(longer.signed(&history.author));
    let thief = Author::new(2);
    let stolen = Statement {
        feed: thief.key(),
        ..history.statement(100)
    };
    let stolen = with_head(stolen.signed(&thief));
    #[rustfmt::skip]
    let cases = [
        ("head-pair-more", "slice-1", "A longer head with a pair too many.", more),
        ("head-leaf-changed", "slice-4", "A longer head with one bit of a leaf changed.", other),
        ("head-without-the-old-leaf", "slice-1",
            "A longer head with the slice of its last hash alone: nobody can tell whether it extends ours.",
            history.answer(100, 0)),
        ("head-wrong-length", "slice-2", "A head that claims one record more than its root covers.", lied),
        ("head-of-other-feed", "head-5", "Our list, signed by somebody else as his own feed's.", stolen),
    ];
    for (name, must, why, answer) in cases {
        let mut script = begin(&tale);
        script.give("head", &[answer.wire()], "refused");
        script.refuse(shelf, name, must, why);
    }
}

fn bundles(shelf: &mut Shelf) {
    let tale = Tale::of(40);
    let history = &tale.history;
    let mut forged = history.bundle(40, 10..12);
    forged.slots[1] = bytes(&item("forged", TIME));
    let mut extra = history.bundle(40, 10..12);
    extra.slots.push(array(&[uint(1)]));
    let good = |from: u64, to: u64| history.bundle(40, from..to);
    #[rustfmt::skip]
    let cases = [
        ("bundle-record-forged", "slice-4", "A record that the author never wrote.", forged, 10..12),
        ("bundle-slot-of-nothing", "bundle-3", "A slot that is neither a record nor withheld.", extra, 10..13),
        ("bundle-before-what-was-asked", "list-5", "Good records that begin before those that were asked for.",
            good(9, 12), 10..12),
        ("bundle-behind-what-was-asked", "list-5", "Good records that begin after the first one that was asked for.",
            good(11, 12), 10..12),
        ("bundle-beyond-what-was-asked", "list-5", "Good records that go on after the last one that was asked for.",
            good(10, 13), 10..12),
    ];
    for (name, must, why, bundle, asked) in cases {
        let mut script = begin(&tale);
        script.give_bundle(asked, bundle.wire(), "refused");
        script.refuse(shelf, name, must, why);
    }
}
