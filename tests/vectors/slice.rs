//! Slices of hash lists and of blobs: pairs and leaves, and nothing around them.

use super::cbor::to_hex;
use super::oracle::{
    Hash, Leaf, Proof, hash, leaves_of, outboard, sample_blob, slice, table_hash, table_list,
};
use super::{Shelf, Vector};
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use std::ops::Range;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("slice");
    lists(&mut shelf);
    wrong_lists(&mut shelf);
    wrong_hashing(&mut shelf);
    outboards(&mut shelf);
    blobs(&mut shelf);
    wrong_sizes(&mut shelf);
    wrong_blobs(&mut shelf);
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

fn wrong_lists(shelf: &mut Shelf) {
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

/// The size of the large sample: 64 leaves and 123 bytes.
const LARGE: usize = (1 << 20) + 123;

fn outboards(shelf: &mut Shelf) {
    let mut table = String::new();
    for size in [
        0,
        1,
        1023,
        1024,
        1025,
        16_383,
        16_384,
        16_385,
        32_768,
        32_769,
        65_537,
        1 << 20,
        LARGE,
        (4 << 20) + 1,
        9 << 20,
    ] {
        let blob = sample_blob(size);
        let pairs = outboard(&blob);
        let row = [
            size.to_string(),
            to_hex(&hash(&blob)),
            (pairs.len() / 64).to_string(),
            to_hex(&hash(&pairs)),
        ];
        table.push_str(&row.join(" "));
        table.push('\n');
    }
    shelf
        .accept(
            "blob-outboards",
            "Hash and full outboard of the sample blobs: every pair above leaves of 16 KiB, in pre-order.",
            table.into(),
        )
        .with("form", "outboards")
        .with("columns", "size hash pairs hash-of-outboard");
}

/// A slice of a blob.
struct Part {
    hash: Hash,
    size: u64,
    bytes: Range<u64>,
    proof: Proof,
}

impl Part {
    fn of(size: usize, bytes: Range<u64>) -> Self {
        let blob = sample_blob(size);
        // An empty blob has one empty leaf, of no bytes.
        let leaves = if size == 0 {
            0..1
        } else {
            leaves_of(bytes.clone(), 16_384)
        };
        Self {
            hash: hash(&blob),
            size: u64::try_from(size).expect("samples are small"),
            bytes,
            proof: slice(&blob, Leaf::Blob, &[leaves]),
        }
    }

    fn last(size: usize) -> Self {
        let end = u64::try_from(size).expect("samples are small");
        Self::of(size, end.saturating_sub(1)..end)
    }

    /// The same slice under another claim.
    fn claimed(mut self, size: u64) -> Self {
        self.size = size;
        self.bytes = size.saturating_sub(1)..size;
        self
    }

    /// With so many bytes of leaves: cut, or filled up with zeros.
    fn resized(mut self, bytes: usize) -> Self {
        self.proof.leaves.resize(bytes, 0);
        self
    }

    fn describe(&self, vector: &mut Vector) {
        vector
            .with("form", "blob")
            .with("hash", to_hex(&self.hash))
            .with("size", self.size)
            .with("from", self.bytes.start)
            .with("to", self.bytes.end)
            .with("pairs-bytes", self.proof.pairs.len());
    }

    fn accept(&self, shelf: &mut Shelf, name: &str, why: &str) {
        let vector = shelf.accept(name, why, self.proof.joined());
        self.describe(vector);
        if !vector.body.is_empty() {
            vector.flip_all();
        }
    }

    fn refuse(&self, shelf: &mut Shelf, name: &str, must: &str, why: &str) {
        let vector = shelf.refuse(name, must, why, self.proof.joined());
        self.describe(vector);
    }
}

fn blobs(shelf: &mut Shelf) {
    #[rustfmt::skip]
    let cases = [
        (0, "An empty blob is one empty leaf."),
        (1, "One byte."),
        (1024, "One whole chunk of BLAKE3."),
        (1025, "A chunk and a byte: there are parents inside the leaf, and no pairs."),
        (16_384, "One whole leaf."),
        (16_385, "A leaf and a byte: one pair."),
    ];
    for (size, why) in cases {
        let end = u64::try_from(size).expect("samples are small");
        Part::of(size, 0..end).accept(shelf, &format!("blob-{size}"), why);
    }
    Part::last(LARGE).accept(shelf, "blob-1048699-last", "The last leaf, which proves the size: 123 bytes under one pair, because 64 leaves stand on its left.");
    Part::of(LARGE, 0..1).accept(
        shelf,
        "blob-1048699-first",
        "The first byte: a range is rounded to its leaf.",
    );
    Part::of(LARGE, 500_000..510_000).accept(
        shelf,
        "blob-1048699-middle",
        "A range that touches two leaves.",
    );
    let mut claim = Part::of(LARGE, 0..1);
    claim.size += 1;
    claim.accept(
        shelf,
        "blob-size-wrong-first",
        "A size that is wrong, and a first leaf that verifies all the same: until the last leaf was checked, a size is a claim.",
    );
}

fn wrong_sizes(shelf: &mut Shelf) {
    let large = u64::try_from(LARGE).expect("it is small");
    #[rustfmt::skip]
    let cases = [
        ("0-as-1", "slice-2", "An empty blob claimed to have one byte, which did not come.", Part::last(0).claimed(1)),
        ("0-as-1-padded", "slice-4", "An empty blob claimed to have one byte, which is zero.",
            Part::last(0).claimed(1).resized(1)),
        ("1-as-0", "slice-4", "A blob of one byte claimed to be empty.", Part::last(1).claimed(0).resized(0)),
        ("1-as-2", "slice-4", "A blob of one byte claimed to have two, the second of them zero.",
            Part::last(1).claimed(2).resized(2)),
        ("1024-as-1023", "slice-4", "A chunk claimed to be one byte shorter.",
            Part::last(1024).claimed(1023).resized(1023)),
        ("1024-as-1025", "slice-4", "A chunk claimed to be one byte longer, in another chunk.",
            Part::last(1024).claimed(1025).resized(1025)),
        ("1025-as-1024", "slice-4", "A blob of a chunk and a byte claimed to end with the chunk.",
            Part::last(1025).claimed(1024).resized(1024)),
        ("1025-as-2048", "slice-4", "A blob of a chunk and a byte, filled up to two chunks with zeros.",
            Part::last(1025).claimed(2048).resized(2048)),
        ("16384-as-16383", "slice-4", "A leaf claimed to be one byte shorter.",
            Part::last(16_384).claimed(16_383).resized(16_383)),
        ("16384-as-16385", "slice-1", "A leaf claimed to be one byte longer: that is a leaf more, and a pair is due.",
            Part::last(16_384).claimed(16_385).resized(1)),
        ("16385-as-16384", "slice-1", "A blob of a leaf and a byte claimed to end with the leaf: no pair is due.",
            Part::last(16_385).claimed(16_384)),
        ("16385-as-16386", "slice-4", "A blob of a leaf and a byte claimed to have a byte more, which is zero.",
            Part::last(16_385).claimed(16_386).resized(2)),
        ("16385-as-32768", "slice-4", "A blob of a leaf and a byte, filled up to two leaves with zeros.",
            Part::last(16_385).claimed(32_768).resized(16_384)),
        ("1048699-less-1", "slice-4", "A large blob claimed to be one byte shorter.",
            Part::last(LARGE).claimed(large - 1).resized(122)),
        ("1048699-more-1", "slice-4", "A large blob claimed to have a byte more, which is zero.",
            Part::last(LARGE).claimed(large + 1).resized(124)),
        ("1048699-more-1-short", "slice-2", "A large blob claimed to have a byte more, which did not come.",
            Part::last(LARGE).claimed(large + 1)),
        ("1048699-as-1048576", "slice-1", "A large blob claimed to end before its last leaf.",
            Part::last(LARGE).claimed(1 << 20)),
        ("1048699-as-1114112", "slice-1", "A large blob claimed to have three leaves more.",
            Part::last(LARGE).claimed(1_114_112)),
    ];
    for (name, must, why, part) in cases {
        part.refuse(shelf, &format!("blob-size-{name}"), must, why);
    }
    Part::last(1).claimed((1 << 44) + 1).refuse(
        shelf,
        "blob-size-2-44-plus-1",
        "slice-6",
        "One byte more than a blob may have: refused before anything is made for it.",
    );
}

fn wrong_blobs(shelf: &mut Shelf) {
    type Change = fn(&mut Proof);
    #[rustfmt::skip]
    let changes: [(&str, &str, &str, Change); 9] = [
        ("pair-more", "slice-1", "A pair follows the last one.", |proof| proof.pairs.extend([0; 64])),
        ("pair-less", "slice-1", "The last pair is missing.", |proof| proof.pairs.truncate(proof.pairs.len() - 64)),
        ("pairs-swapped", "slice-3", "The last two pairs changed places.",
            |proof| { let from = proof.pairs.len() - 128; proof.pairs[from..].rotate_left(64); }),
        ("pair-sides-swapped", "slice-3", "Left and right of the root's pair changed places.",
            |proof| proof.pairs[..64].rotate_left(32)),
        ("pairs-from-the-leaf-up", "slice-3", "The pairs in the opposite order.",
            |proof| { proof.pairs = proof.pairs.chunks(64).rev().flatten().copied().collect(); }),
        ("byte-more", "slice-2", "A byte follows the last one.", |proof| proof.leaves.push(0)),
        ("byte-less", "slice-2", "The last byte is missing.", |proof| proof.leaves.truncate(proof.leaves.len() - 1)),
        ("byte-changed", "slice-4", "The last bit of the last byte is another.",
            |proof| { let last = proof.leaves.len() - 1; proof.leaves[last] ^= 1; }),
        ("bytes-zeros", "slice-4", "A hole: zeros where bytes were not written yet.", |proof| proof.leaves.fill(0)),
    ];
    for (name, must, why, change) in changes {
        let mut part = Part::last(114_811);
        change(&mut part.proof);
        part.refuse(shelf, &format!("blob-{name}"), must, why);
    }
    let mut chunk = Part::of(16_385, 0..1);
    chunk.proof = slice(&sample_blob(16_385), Leaf::List, &[leaves_of(0..1, 1024)]);
    chunk.refuse(
        shelf,
        "blob-chunk-pairs",
        "slice-1",
        "Pairs down to a chunk of 1 KiB: for blobs nothing below 16 KiB travels.",
    );
    let mut stream = Part::of(49_153, 16_384..49_152);
    let (pairs, leaves) = (&stream.proof.pairs, &stream.proof.leaves);
    let (left, right) = leaves.split_at(16_384);
    let among = [&pairs[..128], left, &pairs[128..], right].concat();
    let (front, back) = among.split_at(pairs.len());
    stream.proof = Proof {
        pairs: front.to_vec(),
        leaves: back.to_vec(),
    };
    stream.refuse(
        shelf,
        "blob-pairs-among-bytes",
        "slice-3",
        "Pairs and bytes in one stream, each pair before what it covers.",
    );
    let mut other = Part::of(32_768, 0..16_384);
    other.bytes = 16_384..32_768;
    other.refuse(
        shelf,
        "blob-neighbour-leaf",
        "slice-4",
        "The first leaf, shown for the second.",
    );
    #[rustfmt::skip]
    let cases = [
        ("blob-range-empty", 5..5, "No byte is asked for."),
        ("blob-range-outside", 16_385..16_386, "The byte after the last one."),
        ("blob-range-over-the-end", 0..16_386, "One byte more than there is."),
    ];
    for (name, bytes, why) in cases {
        let mut part = Part::of(16_385, 0..16_385);
        part.bytes = bytes;
        part.refuse(shelf, name, "slice-5", why);
    }
}
