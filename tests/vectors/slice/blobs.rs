//! Slices of blobs, and blobs of wrong sizes.

use crate::vectors::cbor::to_hex;
use crate::vectors::oracle::{Hash, Leaf, Proof, hash, leaves_of, outboard, sample_blob, slice};
use crate::vectors::{Shelf, Vector};
use std::ops::Range;

pub(super) fn add(shelf: &mut Shelf) {
    outboards(shelf);
    blobs(shelf);
    wrong_sizes(shelf);
    wrong_blobs(shelf);
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
