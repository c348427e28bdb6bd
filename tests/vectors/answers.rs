//! Head answers: a head with the slice of its last hash, and of hash N-1 for a follower who has N records.

use super::cbor::{self, array, bytes, hex, text, to_hex, uint};
use super::history::{Answer, History};
use super::oracle::{Ghost, Hash, Proof, hash};
use super::sign::{Author, HEAD, Statement, head_of, key_text};
use super::{Shelf, Vector};

/// A ghost feed: three records, and a head that claims 2^40 of them.
pub(crate) struct GhostFeed {
    pub(crate) real: History,
    pub(crate) ghost: Ghost,
    pub(crate) head: Vec<u8>,
}

pub(crate) const GHOST_LENGTH: u64 = 1 << 40;

impl GhostFeed {
    /// With this record at its end, linked to a hash that was made up.
    pub(crate) fn new(last: &[u8]) -> Self {
        let real = History::of(1, 3, "item");
        let before = hash(b"ghost 30");
        let end = [before, hash(&[&before, last].concat())];
        let ghost = Ghost::new(&real.links, &end);
        let mut made = Self {
            real,
            ghost,
            head: Vec::new(),
        };
        made.head = made.statement().signed(&made.real.author);
        made
    }

    pub(crate) fn statement(&self) -> Statement {
        let last = self.real.statement(3);
        Statement {
            length: GHOST_LENGTH,
            root: self.ghost.root,
            time: last.time + 1000,
            ..last
        }
    }

    pub(crate) fn answer(&self, have: u64) -> Answer {
        let wants_first = have > 0;
        let leaves = if wants_first {
            [self.ghost.first_leaf.as_slice(), &self.ghost.last_leaf].concat()
        } else {
            self.ghost.last_leaf.clone()
        };
        Answer {
            head: self.head.clone(),
            proof: Proof {
                pairs: self.ghost.pairs(wants_first, true),
                leaves,
            },
        }
    }
}

fn describe(vector: &mut Vector, feed: &[u8], have: u64) {
    vector
        .with("form", "answer")
        .with("feed", to_hex(feed))
        .with("have", have);
}

pub(crate) fn taken(shelf: &mut Shelf) {
    let history = History::of(1, 1025, "item");
    #[rustfmt::skip]
    let cases = [
        (1, 0, "One hash, one leaf, no pairs."),
        (3, 0, "Three hashes in one leaf."),
        (32, 0, "A whole leaf."),
        (33, 0, "The second leaf has one hash."),
        (100, 0, "Four leaves, the last of them with four hashes."),
        (1025, 0, "The last leaf stands alone on the right of 32 others."),
        (100, 1, "The follower has record 0 alone: the first leaf and the last."),
        (3, 2, "Old and new last hash lie in one leaf, which comes once."),
        (32, 31, "The leaf was filled since."),
        (33, 32, "A leaf was begun since."),
        (100, 33, "Two leaves with a gap between them."),
        (100, 65, "Two leaves side by side."),
        (1025, 513, "The old last hash lies deep inside."),
        (1025, 1024, "Everything old is on the left."),
        (100, 100, "Nothing is new: the slice of the last hash alone."),
        (33, 100, "The peer has less than the follower: the slice of its last hash alone."),
        (33, 1 << 40, "Whatever the follower says to have, the answer proves its own length."),
    ];
    for (length, have, why) in cases {
        let name = format!("answer-{length}-have-{have}");
        let vector = shelf.accept(&name, why, history.answer(length, have).wire());
        describe(vector, &history.author.key(), have);
        vector
            .with("length", length)
            .with("root", to_hex(&history.root(length)));
        if (1..length).contains(&have) {
            vector.with("old-root", to_hex(&history.root(have)));
        }
        vector
            .with("last", to_hex(&history.link(length - 1)))
            .flip_all();
    }
    let ghost = GhostFeed::new(b"the last record");
    #[rustfmt::skip]
    let cases = [
        ("ghost-2-40",
            0, "Two leaves exist, and a head of 2^40 records with the slice of its last hash: the length is proven, the middle is not."),
        ("ghost-2-40-have-3",
            3, "The same for a follower who has the three real records: it extends them, and nothing may be sized by it."),
    ];
    for (name, have, why) in cases {
        let vector = shelf.accept(name, why, ghost.answer(have).wire());
        describe(vector, &ghost.real.author.key(), have);
        vector
            .with("length", GHOST_LENGTH)
            .with("root", to_hex(&ghost.ghost.root));
        if have > 0 {
            vector.with("old-root", to_hex(&ghost.real.root(have)));
        }
        vector.flip_all();
    }
    let hidden = false_first(&history, 100);
    let answer = Answer {
        head: hidden,
        ..history.answer(100, 0)
    };
    let vector = shelf.accept(
        "false-first-out-of-sight",
        "A head with a false first, and a slice that does not show hash 0: nothing is known against it yet.",
        answer.wire(),
    );
    describe(vector, &history.author.key(), 0);
    vector
        .with("length", 100)
        .with("root", to_hex(&history.root(100)))
        .flip_all();
}

/// A head of this length whose `first` is not the hash of record 0.
pub(crate) fn false_first(history: &History, length: u64) -> Vec<u8> {
    let first: Hash = hash(b"no record of this feed");
    Statement {
        first,
        ..history.statement(length)
    }
    .signed(&history.author)
}

/// What is wrong in an answer to a follower who has 33 of 100 records: name, MUST, why, and the answer.
type Case = (&'static str, &'static str, &'static str, Vec<u8>);

pub(crate) fn refused(shelf: &mut Shelf) {
    let history = History::of(1, 128, "item");
    let cases = [
        wrong_pairs(&history),
        wrong_leaves(&history),
        wrong_lengths(&history),
        wrong_heads(&history),
        wrong_forms(&history),
    ];
    for (name, must, why, wire) in cases.into_iter().flatten() {
        let vector = shelf.refuse(name, must, why, wire);
        describe(vector, &history.author.key(), 33);
    }
    let first = Answer {
        head: false_first(&history, 20),
        ..history.answer(20, 0)
    };
    let vector = shelf.refuse(
        "false-first",
        "list-3",
        "The head's first is not hash 0, which the slice of a short list shows: the head is void.",
        first.wire(),
    );
    describe(vector, &history.author.key(), 0);
    let first = Answer {
        head: false_first(&history, 100),
        ..history.answer(100, 20)
    };
    let vector = shelf.refuse(
        "false-first-in-the-old-leaf",
        "list-3",
        "The head's first is not hash 0, which stands in the leaf of the old last hash.",
        first.wire(),
    );
    describe(vector, &history.author.key(), 20);
    let asked = Author::new(2).key();
    let vector = shelf.refuse(
        "answer-of-other-feed",
        "head-5",
        "A good answer of another feed than the one that was asked for.",
        history.answer(100, 33).wire(),
    );
    describe(vector, &asked, 33);
}

fn good(history: &History) -> Answer {
    history.answer(100, 33)
}

#[rustfmt::skip]
fn wrong_pairs(history: &History) -> Vec<Case> {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut answer = good(history);
        change(&mut answer.proof.pairs);
        answer.wire()
    };
    let last_only = history.answer(100, 0);
    let other = history.answer(100, 65);
    vec![
        ("pair-more", "slice-1", "A pair follows the last one.", with(&|pairs| pairs.extend([0; 64]))),
        ("pair-less", "slice-1", "The last pair is missing.", with(&|pairs| pairs.truncate(pairs.len() - 64))),
        ("pair-half", "slice-1", "Half of the last pair is missing.", with(&|pairs| pairs.truncate(pairs.len() - 32))),
        ("pairs-none", "slice-1", "No pairs: a head with its leaves alone is a claim.", with(&Vec::clear)),
        ("slice-of-last-alone", "slice-1", "The slice of hash 32 is missing, which was asked for.", last_only.wire()),
        ("pairs-swapped", "slice-3", "The first two pairs changed places.",
            with(&|pairs| pairs[..128].rotate_left(64))),
        ("pairs-swapped-below", "slice-3", "The last two pairs changed places.",
            with(&|pairs| { let from = pairs.len() - 128; pairs[from..].rotate_left(64); })),
        ("pairs-backwards", "slice-3", "All pairs in the opposite order: from the leaves up.",
            with(&|pairs| { *pairs = pairs.chunks(64).rev().flatten().copied().collect(); })),
        ("pair-sides-swapped", "slice-3", "Left and right of the last pair changed places.",
            with(&|pairs| { let from = pairs.len() - 64; pairs[from..].rotate_left(32); })),
        ("slice-of-other-hash", "slice-1", "The slice of hash 64, where hash 32 was asked for.", other.wire()),
        ("slice-of-first-hash", "slice-4", "The slice of hash 0, where hash 32 was asked for: the pairs are the same.",
            history.answer(100, 1).wire()),
    ]
}

#[rustfmt::skip]
fn wrong_leaves(history: &History) -> Vec<Case> {
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut answer = good(history);
        change(&mut answer.proof.leaves);
        answer.wire()
    };
    vec![
        ("leaves-none", "slice-2", "No leaves: pairs alone prove no hash.", with(&Vec::clear)),
        ("leaf-byte-less", "slice-2", "The last byte is missing.", with(&|leaves| leaves.truncate(leaves.len() - 1))),
        ("leaf-byte-more", "slice-2", "A byte follows the last hash.", with(&|leaves| leaves.push(0))),
        ("leaf-hash-more", "slice-2", "A hash follows the last one.", with(&|leaves| leaves.extend([0; 32]))),
        ("leaf-missing", "slice-2", "The leaf of the last hash is missing.", with(&|leaves| leaves.truncate(1024))),
        ("leaf-cut-to-the-hash", "slice-2", "The last hash came alone, without the others of its leaf.",
            with(&|leaves| { leaves.drain(1024..leaves.len() - 32); })),
        ("leaf-padded", "slice-2", "The last leaf is filled up to 1 KiB with zeros.",
            with(&|leaves| leaves.resize(2048, 0))),
        ("hashes-swapped", "slice-4", "Two hashes of a leaf changed places.",
            with(&|leaves| leaves[..64].rotate_left(32))),
        ("leaf-other-hash", "slice-4", "The last hash is another one.",
            with(&|leaves| { let from = leaves.len() - 32; leaves[from..].copy_from_slice(&hash(b"another record")); })),
    ]
}

/// Heads that claim another length over the true root.
#[rustfmt::skip]
fn wrong_lengths(history: &History) -> Vec<Case> {
    let head = |length: u64| {
        Statement {
            root: history.root(100),
            ..history.statement(length)
        }
        .signed(&history.author)
    };
    let with = |length: u64, change: &dyn Fn(&mut Vec<u8>)| {
        let mut answer = Answer {
            head: head(length),
            ..good(history)
        };
        change(&mut answer.proof.leaves);
        answer.wire()
    };
    vec![
        ("length-101-of-100", "slice-2",
            "The head claims one record more than its root covers; the leaf has one hash too few.",
            with(101, &|_| ())),
        ("length-101-padded", "slice-4", "The same, and a hash of zeros makes up for it.",
            with(101, &|leaves| leaves.extend([0; 32]))),
        ("length-101-with-a-record", "slice-4", "The same, and the hash of the next record makes up for it.",
            with(101, &|leaves| leaves.extend(history.link(100)))),
        ("length-128-padded", "slice-4", "The head claims all that the last leaf could hold, and zeros fill it up.",
            with(128, &|leaves| leaves.resize(2048, 0))),
        ("length-99-of-100", "slice-2",
            "The head claims one record less than its root covers; the leaf has one hash too many.",
            with(99, &|_| ())),
        ("length-99-cut", "slice-4", "The same, and the last hash was left out.",
            with(99, &|leaves| leaves.truncate(leaves.len() - 32))),
    ]
}

#[rustfmt::skip]
fn wrong_heads(history: &History) -> Vec<Case> {
    let with = |head: Vec<u8>| {
        Answer {
            head,
            ..good(history)
        }
        .wire()
    };
    let statement = history.statement(100);
    let thief = Author::new(2);
    let over_our_root = Statement {
        feed: thief.key(),
        ..statement.clone()
    }
    .signed(&thief);
    let other_root = Statement {
        root: history.root(101),
        ..statement.clone()
    }
    .signed(&history.author);
    let forged = head_of(&statement.body(), &thief.sign(HEAD, &statement.body()));
    vec![
        ("head-of-other-feed-over-our-root", "head-5", "Somebody signed our list as his own feed's.",
            with(over_our_root)),
        ("head-forged", "key-7", "Our feed's head, signed by somebody else.", with(forged)),
        ("head-of-other-root", "slice-3", "The head covers one record more than the slice.", with(other_root)),
    ]
}

#[rustfmt::skip]
fn wrong_forms(history: &History) -> Vec<Case> {
    let parts = good(history).parts();
    let [one, head, pairs, leaves] = parts.clone();
    let bare = good(history).head;
    vec![
        ("answer-head-alone", "wire-1", "A head without its slice is no answer.", bare.clone()),
        ("answer-three-parts", "wire-1", "The leaves are missing.", array(&parts[..3])),
        ("answer-five-parts", "wire-1", "Something follows the leaves.",
            array(&[parts.as_slice(), &[cbor::null()]].concat())),
        ("answer-head-not-wrapped", "wire-1", "The head is an array, not a byte string.",
            array(&[one.clone(), bare, pairs.clone(), leaves.clone()])),
        ("answer-pairs-array", "wire-1", "The pairs are an array of byte strings.",
            array(&[one.clone(), head.clone(), array(&[bytes(&[0; 64])]), leaves.clone()])),
        ("answer-leaves-text", "wire-1", "The leaves are a text.",
            array(&[one, head.clone(), pairs.clone(), text("")])),
        ("answer-version-2", "head-2", "An answer of a later version.", array(&[uint(2), head, pairs, leaves])),
        ("answer-trailing", "codec-2", "A byte follows the answer.", [array(&parts), vec![0]].concat()),
        ("answer-indefinite", "codec-4", "The array has no count.", [hex("9f"), parts.concat(), hex("ff")].concat()),
        ("answer-html", "wire-1", "A page of a web host that knows nothing of feeds.",
            b"<!doctype html><title>404</title>".to_vec()),
        ("answer-key", "wire-1", "The name of the feed as text.", key_text(&history.author.key()).into()),
    ]
}
