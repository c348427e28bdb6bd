//! Slices of hash lists, and below of blobs: pairs and leaves, and nothing around them.

mod blobs;

use super::cbor::to_hex;
use super::oracle::{Hash, Leaf, Proof, hash, leaves_of, slice, table_hash, table_list};
use super::{Shelf, Vector};
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use std::ops::Range;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("slice");
    lists(&mut shelf);
    wrong_lengths(&mut shelf);
    wrong_lists(&mut shelf);
    other_leaves(&mut shelf);
    wrong_hashing(&mut shelf);
    blobs::add(&mut shelf);
    shelf.done()
}

/// A slice of the list of the tables.
struct Cut {
    root: Hash,
    length: u64,
    hashes: Range<u64>,
    proof: Proof,
}

impl Cut {
    fn of(length: u64, hashes: Range<u64>) -> Self {
        let list = table_list(length);
        let leaves = leaves_of(hashes.clone(), 32);
        Self {
            root: hash(&list),
            length,
            hashes,
            proof: slice(&list, Leaf::List, &[leaves]),
        }
    }

    fn describe(&self, vector: &mut Vector) {
        vector
            .with("form", "list")
            .with("root", to_hex(&self.root))
            .with("length", self.length)
            .with("from", self.hashes.start)
            .with("to", self.hashes.end)
            .with("pairs-bytes", self.proof.pairs.len());
    }

    fn accept(&self, shelf: &mut Shelf, name: &str, why: &str) {
        let vector = shelf.accept(name, why, self.proof.joined());
        self.describe(vector);
        vector.flip_all();
    }

    fn refuse(&self, shelf: &mut Shelf, name: &str, must: &str, why: &str) {
        let vector = shelf.refuse(name, must, why, self.proof.joined());
        self.describe(vector);
    }
}

fn lists(shelf: &mut Shelf) {
    for length in [1, 2, 31, 32, 33, 63, 64, 65, 513, 1025, 16_385] {
        Cut::of(length, length - 1..length).accept(
            shelf,
            &format!("list-{length}-last"),
            &format!("The last hash of {length}, which proves that length."),
        );
    }
    #[rustfmt::skip]
    let cases = [
        ("list-1025-first", 1025, 0..1, "The first hash: a whole leaf comes along."),
        ("list-1025-middle", 1025, 700..701, "A hash from the middle."),
        ("list-100-several",
            100, 20..70, "Hashes of three leaves: the pair between two of them is wholly inside, and comes along."),
        ("list-100-all", 100, 0..100, "The whole list, with all pairs."),
    ];
    for (name, length, hashes, why) in cases {
        Cut::of(length, hashes).accept(shelf, name, why);
    }
    let mut claim = Cut::of(1000, 0..1);
    claim.length = 1001;
    claim.accept(
        shelf,
        "list-length-1001-of-1000-first",
        "A length that is wrong, and a first hash that verifies all the same: the first leaves of both trees are alike.",
    );
}

fn wrong_lengths(shelf: &mut Shelf) {
    let mut claim = Cut::of(1000, 999..1000);
    claim.length = 1001;
    claim.hashes = 1000..1001;
    claim.refuse(
        shelf,
        "list-length-1001-of-1000-last",
        "slice-2",
        "The same wrong length on its last hash: the leaf is one hash short.",
    );
    claim.proof.leaves.extend([0; 32]);
    claim.refuse(
        shelf,
        "list-length-1001-of-1000-last-padded",
        "slice-4",
        "The same, and a hash of zeros makes up for it.",
    );
    let mut claim = Cut::of(1024, 1023..1024);
    claim.length = 1025;
    claim.refuse(
        shelf,
        "list-length-1025-of-1024",
        "slice-1",
        "One hash more is one leaf more, and another tree.",
    );
    let mut claim = Cut::of(1025, 1024..1025);
    claim.length = 1024;
    claim.hashes = 1023..1024;
    claim.refuse(
        shelf,
        "list-length-1024-of-1025",
        "slice-1",
        "One hash less is one leaf less, and another tree.",
    );
    let mut claim = Cut::of(33, 32..33);
    claim.length = 64;
    claim.proof.leaves.resize(1024, 0);
    claim.refuse(
        shelf,
        "list-last-leaf-zero-padded",
        "slice-4",
        "A last leaf of one hash, filled up with zeros to a length of 64.",
    );
}

fn wrong_lists(shelf: &mut Shelf) {
    type Change = fn(&mut Proof);
    #[rustfmt::skip]
    let changes: [(&str, &str, &str, Change); 12] = [
        ("list-pair-more", "slice-1", "A pair of zeros follows the last one.", |proof| proof.pairs.extend([0; 64])),
        ("list-pair-twice", "slice-1", "The last pair comes twice.",
            |proof| { let last = proof.pairs[proof.pairs.len() - 64..].to_vec(); proof.pairs.extend(last); }),
        ("list-pair-less", "slice-1", "The last pair of a list is missing.",
            |proof| proof.pairs.truncate(proof.pairs.len() - 64)),
        ("list-pair-first-missing", "slice-1", "The root's pair is missing.", |proof| drop(proof.pairs.drain(..64))),
        ("list-pairs-swapped", "slice-3", "The first two pairs changed places.",
            |proof| proof.pairs[..128].rotate_left(64)),
        ("list-pairs-from-the-leaf-up", "slice-3", "The pairs of a list in the opposite order.",
            |proof| { proof.pairs = proof.pairs.chunks(64).rev().flatten().copied().collect(); }),
        ("list-pair-sides-swapped", "slice-3", "Left and right of the pair under a list's root changed places.",
            |proof| proof.pairs[..64].rotate_left(32)),
        ("list-pair-zeros", "slice-3", "The last pair is zeros.",
            |proof| { let from = proof.pairs.len() - 64; proof.pairs[from..].fill(0); }),
        ("list-leaf-byte-more", "slice-2", "A byte follows the leaf.", |proof| proof.leaves.push(0)),
        ("list-leaf-byte-less", "slice-2", "The last byte of the leaf is missing.",
            |proof| proof.leaves.truncate(proof.leaves.len() - 1)),
        ("list-leaf-empty", "slice-2", "The leaf is missing.", |proof| proof.leaves.clear()),
        ("list-leaf-changed", "slice-4", "One hash of the leaf is another one.",
            |proof| { proof.leaves[64..96].copy_from_slice(&table_hash(1_000_000)); }),
    ];
    for (name, must, why, change) in changes {
        let mut cut = Cut::of(1025, 700..701);
        change(&mut cut.proof);
        cut.refuse(shelf, name, must, why);
    }
}

fn other_leaves(shelf: &mut Shelf) {
    let mut other = Cut::of(1025, 700..701);
    other.hashes = 800..801;
    other.refuse(
        shelf,
        "list-other-leaf",
        "slice-3",
        "The slice of hash 700, shown for hash 800: the paths part on the way.",
    );
    let mut other = Cut::of(64, 0..1);
    other.hashes = 40..41;
    other.refuse(
        shelf,
        "list-neighbour-leaf",
        "slice-4",
        "The first leaf, shown for the second: they have one path.",
    );
    let mut several = Cut::of(100, 32..96);
    several.proof.leaves.rotate_left(1024);
    several.refuse(
        shelf,
        "list-leaves-swapped",
        "slice-4",
        "Two leaves changed places.",
    );
    let mut inner = Cut::of(100, 0..64);
    inner.proof.pairs.truncate(64);
    inner.refuse(
        shelf,
        "list-inner-pair-missing",
        "slice-1",
        "The pair wholly inside the range is missing, though it follows from the leaves.",
    );
    #[rustfmt::skip]
    let cases = [
        ("list-range-empty", 5..5, "No hash is asked for."),
        ("list-range-outside", 100..101, "The hash after the last one."),
        ("list-range-over-the-end", 90..129, "The range ends in a leaf that is not there."),
    ];
    for (name, hashes, why) in cases {
        let mut cut = Cut::of(100, 0..100);
        cut.hashes = hashes;
        cut.refuse(shelf, name, "slice-5", why);
    }
}

/// Trees that are hashed otherwise than BLAKE3 does; each slice fits its own root.
fn wrong_hashing(shelf: &mut Shelf) {
    let list = table_list(64);
    let (left, right) = list.split_at(1024);
    let value = |offset: u64, leaf: &[u8]| {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset).update(leaf);
        hasher.finalize_non_root()
    };
    let root_of =
        |left: &Hash, right: &Hash| *merge_subtrees_root(left, right, Mode::Hash).as_bytes();
    let (first, second) = (value(0, left), value(1024, right));
    assert_eq!(root_of(&first, &second), hash(&list));
    let cut = |root: Hash, pair: [Hash; 2], length: u64, leaf: &[u8], hashes: Range<u64>| Cut {
        root,
        length,
        hashes,
        proof: Proof {
            pairs: pair.concat(),
            leaves: leaf.to_vec(),
        },
    };
    let plain = merge_subtrees_non_root(&first, &second, Mode::Hash);
    cut(plain, [first, second], 64, right, 32..33).refuse(
        shelf,
        "list-root-without-its-flag",
        "slice-3",
        "The root was hashed like any other parent.",
    );
    let zero = value(0, right);
    cut(root_of(&first, &zero), [first, zero], 64, right, 32..33).refuse(
        shelf,
        "list-leaf-counted-from-0",
        "slice-4",
        "The second leaf was hashed as if it were the first.",
    );
    let whole = hash(right);
    cut(root_of(&first, &whole), [first, whole], 64, right, 32..33).refuse(
        shelf,
        "list-leaf-as-root",
        "slice-4",
        "The second leaf was hashed as if it were all there is.",
    );
    let doubled = hash(&[first, second].concat());
    cut(doubled, [first, second], 64, right, 32..33).refuse(
        shelf,
        "list-parent-as-bytes",
        "slice-3",
        "The pair was hashed as 64 bytes of data.",
    );
    let mut short = cut(
        hash(&list),
        [first, second],
        2,
        &[first, second].concat(),
        1..2,
    );
    short.proof.pairs.clear();
    short.refuse(
        shelf,
        "list-pair-as-leaf",
        "slice-4",
        "The root's pair, shown as a list of two hashes.",
    );
    let mut single = cut(value(0, left), [first, second], 32, left, 0..1);
    single.proof.pairs.clear();
    single.refuse(
        shelf,
        "list-single-leaf-without-root-flag",
        "slice-4",
        "A list of one leaf, hashed as if there were others.",
    );
}
