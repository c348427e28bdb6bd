//! Fork proofs: two heads of one key that contradict each other, and what is none.

use super::answers::false_first;
use super::cbor::{array, bytes, hex, null, text, to_hex, uint};
use super::history::History;
use super::oracle::{Proof, hash};
use super::record::{TIME, profile};
use super::sign::{Author, HEAD, Statement, head_of};
use super::{Shelf, Vector};

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("fork");
    by_heads(&mut shelf);
    wrong_heads(&mut shelf);
    by_lists(&mut shelf);
    no_forks(&mut shelf);
    wrong_slices(&mut shelf);
    wrong_forms(&mut shelf);
    shelf.done()
}

/// `[1, shorter, longer, pairs, leaf]`.
fn proof(shorter: &[u8], longer: &[u8], pairs: &[u8], leaf: &[u8]) -> Vec<u8> {
    array(&[
        uint(1),
        bytes(shorter),
        bytes(longer),
        bytes(pairs),
        bytes(leaf),
    ])
}

fn bare(shorter: &[u8], longer: &[u8]) -> Vec<u8> {
    proof(shorter, longer, &[], &[])
}

/// The same first records, then another history.
fn parted(at: u64, length: u64) -> History {
    let mut history = History::of(1, at, "item");
    history.grow(length, "other");
    history
}

/// Two heads of equal length in the order of their bodies.
fn in_order(one: &Statement, other: &Statement) -> [Statement; 2] {
    if one.body() <= other.body() {
        [one.clone(), other.clone()]
    } else {
        [other.clone(), one.clone()]
    }
}

/// The slice of the leaf with the last hash of the shorter length.
fn slice_at(longer: &History, length: u64, shorter: u64) -> Proof {
    longer.slice(length, &[shorter - 1..shorter])
}

fn accept(shelf: &mut Shelf, name: &str, why: &str, wire: Vec<u8>, lengths: (u64, u64)) {
    shelf
        .accept(name, why, wire)
        .with("feed", to_hex(&Author::new(1).key()))
        .with("shorter", lengths.0)
        .with("longer", lengths.1)
        .flip_all();
}

/// A log that was started anew.
fn anew() -> History {
    let mut anew = History::new(1);
    anew.push(profile("Eva", TIME));
    anew.grow(9, "item");
    anew
}

fn by_heads(shelf: &mut Shelf) {
    let author = Author::new(1);
    let (ours, theirs, anew) = (parted(40, 40), parted(35, 40), anew());
    let void = Statement {
        first: hash(b"no record of this feed"),
        ..ours.statement(3)
    };
    let later = Statement {
        time: 0,
        ..theirs.statement(40)
    };
    #[rustfmt::skip]
    let cases = [
        ("equal-lengths", "Equal lengths and different roots: the two heads are the whole proof.",
            ours.statement(40), theirs.statement(40)),
        ("first", "Different first: a log that was started anew.", ours.statement(3), anew.statement(9)),
        ("first-other-way", "The same with the new log as the shorter one.", anew.statement(9), ours.statement(40)),
        ("first-equal-lengths", "Different first and equal lengths.", ours.statement(9), anew.statement(9)),
        ("first-of-one-list", "Two heads that differ in first contradict each other, whatever their lists are.",
            void, ours.statement(9)),
        ("equal-lengths-other-time", "Times decide nothing, and are no excuse.", ours.statement(40), later),
    ];
    for (name, why, one, other) in cases {
        let lengths = (one.length, other.length);
        let [shorter, longer] = if one.length == other.length {
            in_order(&one, &other)
        } else {
            [one, other]
        };
        let wire = bare(&shorter.signed(&author), &longer.signed(&author));
        accept(shelf, name, why, wire, lengths);
    }
}

fn wrong_heads(shelf: &mut Shelf) {
    let author = Author::new(1);
    let (ours, theirs, anew) = (parted(40, 40), parted(35, 40), anew());
    let [lesser, greater] = in_order(&ours.statement(40), &theirs.statement(40));
    let (lesser, greater) = (lesser.signed(&author), greater.signed(&author));
    let (shorter, longer) = (ours.head(3), anew.head(9));
    #[rustfmt::skip]
    let cases = [
        ("equal-lengths-out-of-order", "fork-3", "Of equal lengths, the head with the lesser body comes first.",
            bare(&greater, &lesser)),
        ("first-out-of-order", "fork-3", "The longer head comes first.", bare(&longer, &shorter)),
        ("surplus-pairs", "fork-4", "The heads differ in first, and pairs are added.",
            proof(&shorter, &longer, &[0; 64], &[])),
        ("surplus-leaf", "fork-4", "The heads differ in first, and a leaf is added.",
            proof(&shorter, &longer, &[], &anew.list(9))),
    ];
    for (name, must, why, wire) in cases {
        shelf.refuse(name, must, why, wire);
    }
}

fn by_lists(shelf: &mut Shelf) {
    #[rustfmt::skip]
    let cases = [
        (20, 30, 15, "Both last hashes lie in one leaf."),
        (3, 4, 2, "The least lengths at which lists can part and go on."),
        (32, 33, 31, "The shorter list ends with its leaf."),
        (33, 64, 32, "The shorter list has one hash in its last leaf."),
        (40, 100, 35, "The lists part in the leaf of the shorter one's last hash."),
        (40, 100, 3, "The lists part in a leaf that is not shown: its sibling differs."),
        (600, 1025, 1, "The lists part at the second record, far on the left."),
        (1024, 1025, 1023, "A list that filled its tree."),
    ];
    for (short, long, at, why) in cases {
        let (ours, theirs) = (parted(short, short), parted(at, long));
        let slice = slice_at(&theirs, long, short);
        let wire = proof(
            &ours.head(short),
            &theirs.head(long),
            &slice.pairs,
            &slice.leaves,
        );
        accept(
            shelf,
            &format!("list-{short}-{long}-parted-at-{at}"),
            why,
            wire,
            (short, long),
        );
    }
}

fn no_forks(shelf: &mut Shelf) {
    let author = Author::new(1);
    let history = parted(100, 100);
    for (short, long) in [(40, 100), (32, 64), (20, 30)] {
        let slice = slice_at(&history, long, short);
        let wire = proof(
            &history.head(short),
            &history.head(long),
            &slice.pairs,
            &slice.leaves,
        );
        shelf.refuse(
            &format!("stale-{short}-of-{long}"),
            "fork-5",
            &format!("The list of {long} folds to the root of {short}: one head is just older."),
            wire,
        );
    }
    let head = history.head(40);
    shelf.refuse(
        "same-head-twice",
        "fork-5",
        "One head, twice.",
        bare(&head, &head),
    );
    let statement = history.statement(40);
    #[rustfmt::skip]
    let changed = [
        ("other-time", "Signed again later, over the same list.",
            Statement { time: statement.time + 1, ..statement.clone() }),
        ("other-bytes", "The sum of bytes is a claim, and not part of a history.",
            Statement { bytes: statement.bytes + 1, ..statement.clone() }),
        ("other-media", "The sum of media is a claim, and not part of a history.",
            Statement { media: statement.media + 1, ..statement.clone() }),
    ];
    for (name, why, other) in changed {
        let [shorter, longer] = in_order(&statement, &other);
        shelf.refuse(
            name,
            "fork-5",
            why,
            bare(&shorter.signed(&author), &longer.signed(&author)),
        );
    }
    let other = History::of(2, 40, "item");
    shelf.refuse(
        "other-feed",
        "fork-2",
        "Heads of two feeds.",
        bare(&history.head(3), &other.head(9)),
    );
    let void = false_first(&history, 30);
    let first = hash(b"no record of this feed");
    let shorter = Statement {
        first,
        root: hash(b"another list"),
        ..history.statement(20)
    }
    .signed(&author);
    let slice = slice_at(&history, 30, 20);
    shelf.refuse("void-longer-head", "list-3", "The longer head's list does not begin with its first, which the leaf shows: the head is void, and proves nothing.", proof(&shorter, &void, &slice.pairs, &slice.leaves));
}

fn wrong_slices(shelf: &mut Shelf) {
    let (ours, theirs) = (parted(40, 40), parted(35, 100));
    let (shorter, longer) = (ours.head(40), theirs.head(100));
    let slice = slice_at(&theirs, 100, 40);
    let with = |pairs: &[u8], leaf: &[u8]| proof(&shorter, &longer, pairs, leaf);
    let mut changed = slice.leaves.clone();
    changed[0] ^= 1;
    let other = slice_at(&theirs, 100, 70);
    let first = slice_at(&theirs, 100, 1);
    let more = [slice.pairs.as_slice(), &[0; 64]].concat();
    let mut swapped = slice.pairs.clone();
    swapped.rotate_left(64);
    let own = slice_at(&ours, 40, 40);
    #[rustfmt::skip]
    let cases = [
        ("no-slice", "slice-1", "Heads of different lengths, and no slice: that is nobody's fault but the sender's.",
            bare(&shorter, &longer)),
        ("no-leaf", "slice-2", "The pairs without the leaf.", with(&slice.pairs, &[])),
        ("pair-more", "slice-1", "A pair follows the last one.", with(&more, &slice.leaves)),
        ("pair-less", "slice-1", "The last pair is missing.", with(&slice.pairs[..64], &slice.leaves)),
        ("pairs-swapped", "slice-3", "The pairs changed places.", with(&swapped, &slice.leaves)),
        ("leaf-changed", "slice-4", "One bit of the leaf is another.", with(&slice.pairs, &changed)),
        ("leaf-cut-to-the-shorter", "slice-2", "The leaf was cut where the shorter list ends.",
            with(&slice.pairs, &slice.leaves[..8 * 32])),
        ("leaf-after", "slice-3", "The slice of the leaf after the right one, which folds to nothing.",
            with(&other.pairs, &other.leaves)),
        ("leaf-before", "slice-4", "The slice of the leaf before the right one.", with(&first.pairs, &first.leaves)),
        ("slice-of-the-shorter", "slice-1", "The slice of the shorter list.", with(&own.pairs, &own.leaves)),
    ];
    for (name, must, why, wire) in cases {
        shelf.refuse(name, must, why, wire);
    }
}

fn wrong_forms(shelf: &mut Shelf) {
    let (ours, theirs) = (parted(40, 40), parted(35, 100));
    let slice = slice_at(&theirs, 100, 40);
    let (shorter, longer) = (ours.head(40), theirs.head(100));
    let parts = [
        uint(1),
        bytes(&shorter),
        bytes(&longer),
        bytes(&slice.pairs),
        bytes(&slice.leaves),
    ];
    let with = |part: usize, value: Vec<u8>| {
        let mut parts = parts.to_vec();
        parts[part] = value;
        array(&parts)
    };
    #[rustfmt::skip]
    let cases = [
        ("three-parts", "Two heads alone.", array(&parts[..3])),
        ("four-parts", "The leaf is missing.", array(&parts[..4])),
        ("six-parts", "Something follows the leaf.", array(&[&parts[..], &[null()]].concat())),
        ("head-not-wrapped", "A head is an array, not a byte string.", with(1, shorter.clone())),
        ("pairs-text", "The pairs are a text.", with(3, text(""))),
        ("leaf-null", "There is no leaf, said by null.", with(4, null())),
        ("heads-in-an-array", "The heads stand in an array.",
            array(&[uint(1), array(&parts[1..3]), parts[3].clone(), parts[4].clone(), null()])),
    ];
    for (name, why, wire) in cases {
        shelf.refuse(name, "fork-1", why, wire);
    }
    let statement = theirs.statement(100);
    let forged = head_of(
        &statement.body(),
        &Author::new(2).sign(HEAD, &statement.body()),
    );
    let void = Statement {
        length: 0,
        ..ours.statement(40)
    }
    .signed(&ours.author);
    let padding = proof(&shorter, &longer, &[0; 8000], &slice.leaves);
    #[rustfmt::skip]
    let cases = [
        ("version-2", "head-2", "A proof of a later version.", with(0, uint(2))),
        ("head-version-2", "head-2", "One of the heads is of a later version.", with(1, bytes(&hex("83 02 40 40")))),
        ("head-forged", "key-7", "The longer head was signed by somebody else: anybody could make such a proof.",
            with(2, bytes(&forged))),
        ("head-length-0", "head-4", "The shorter head has no records.", with(1, bytes(&void))),
        ("trailing", "codec-2", "A byte follows the proof.", [array(&parts), vec![0]].concat()),
        ("long-count", "codec-3", "The count of the parts has a byte of its own.",
            [hex("98 05"), parts.concat()].concat()),
        ("too-long", "bundle-7", "More than 8,192 bytes: refused by its size, before anything is read.", padding),
    ];
    for (name, must, why, wire) in cases {
        shelf.refuse(name, must, why, wire);
    }
}
