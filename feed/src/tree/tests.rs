#![expect(clippy::as_conversions, reason = "small numbers in tests")]

use super::*;
use crate::limits::{LIST_LEAF_HASHES, PAIR_BYTES};
use bao_tree::io::BaoContentItem;
use bao_tree::io::outboard::PreOrderMemOutboard;
use bao_tree::io::sync::encode_ranges_validated;
use bao_tree::{BaoTree, BlockSize, ByteRanges, ChunkRanges};
use std::collections::BTreeMap;
use std::convert::Infallible;

const LENGTHS: [u64; 16] = [
    1, 2, 31, 32, 33, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025, 16383, 16385,
];

fn hash_of(index: u64) -> Hash {
    Hash::of(&index.to_be_bytes())
}

fn list_bytes(length: u64) -> Vec<u8> {
    (0..length).flat_map(|index| hash_of(index).0).collect()
}

#[derive(Default)]
struct Stored {
    nodes: BTreeMap<Node, Hash>,
    leaves: BTreeMap<u64, Vec<u8>>,
}

impl Stored {
    fn take(&mut self, changed: Changed) {
        self.nodes.extend(changed.nodes);
        self.leaves.extend(changed.leaves);
    }
}

impl Pieces for Stored {
    type Error = Infallible;
    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }
    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

fn stored(length: u64) -> Stored {
    let (mut list, mut stored) = (GrowingList::new(), Stored::default());
    for index in 0..length {
        list.push(hash_of(index));
        if index % 1000 == 7 {
            stored.take(list.take_changed());
        }
    }
    stored.take(list.take_changed());
    stored
}

fn leaf_of(index: u64) -> Range<u64> {
    index / LIST_LEAF_HASHES..index / LIST_LEAF_HASHES + 1
}

fn bytes_of_leaves(bytes: &[u8], shape: Shape, ranges: &[Range<u64>]) -> Vec<u8> {
    let cut = |leaf| shape.leaf_bytes(leaf).start as usize..shape.leaf_bytes(leaf).end as usize;
    ranges
        .iter()
        .cloned()
        .flatten()
        .flat_map(|leaf| bytes[cut(leaf)].to_vec())
        .collect()
}

/// Pairs and leaves as bao-tree sends them.
fn oracle(bytes: &[u8], shape: Shape, ranges: &[Range<u64>]) -> (Hash, Vec<u8>, Vec<u8>) {
    let block = BlockSize::from_chunk_log(if shape.leaf_size == 1024 { 0 } else { 4 });
    let outboard = PreOrderMemOutboard::create(bytes, block);
    let mut wanted = ChunkRanges::empty();
    for range in ranges {
        let bytes = shape.bytes_of(range);
        wanted |= bao_tree::io::round_up_to_chunks(&ByteRanges::from(
            bytes.start..bytes.end.max(bytes.start + 1),
        ));
    }
    let mut encoded = Vec::new();
    encode_ranges_validated(bytes, &outboard, &wanted, &mut encoded).unwrap();
    let tree = BaoTree::new(bytes.len() as u64, block);
    let (mut pairs, mut leaves) = (Vec::new(), Vec::new());
    let items = bao_tree::io::sync::DecodeResponseIter::new(
        outboard.root,
        tree,
        encoded.as_slice(),
        &wanted,
    );
    for item in items {
        match item.unwrap() {
            BaoContentItem::Parent(parent) => {
                pairs.extend_from_slice(parent.pair.0.as_bytes());
                pairs.extend_from_slice(parent.pair.1.as_bytes());
            }
            BaoContentItem::Leaf(leaf) => leaves.extend_from_slice(&leaf.data),
        }
    }
    (Hash(*outboard.root.as_bytes()), pairs, leaves)
}

#[test]
fn roots_of_growing_lists_are_plain_hashes_at_every_length() {
    let mut list = GrowingList::new();
    for index in 0..2100 {
        list.push(hash_of(index));
        assert_eq!(list.root(), Hash::of(&list_bytes(index + 1)), "{index}");
    }
}

#[test]
fn roots_of_stored_lists_are_plain_hashes_also_at_older_lengths() {
    let stored = stored(16_385);
    for length in LENGTHS {
        let expected = Hash::of(&list_bytes(length));
        assert_eq!(
            root(&stored, Shape::of_list(length)),
            Ok(Some(expected)),
            "{length}"
        );
        let mut list = GrowingList::open(&stored, length).unwrap().unwrap();
        assert_eq!(list.root(), expected, "{length}");
        list.push(hash_of(length));
        assert_eq!(list.root(), Hash::of(&list_bytes(length + 1)), "{length}");
    }
}

#[test]
fn reopened_lists_store_what_a_list_that_was_never_closed_stores() {
    let mut kept = Stored::default();
    let mut at = 0;
    for length in [1, 511, 512, 513, 1024, 1025, 2048, 2049, 5000] {
        let mut list = GrowingList::open(&kept, at).unwrap().unwrap();
        (at..length).for_each(|index| list.push(hash_of(index)));
        kept.take(list.take_changed());
        at = length;
    }
    let whole = stored(5000);
    assert_eq!(kept.nodes, whole.nodes);
    assert_eq!(kept.leaves, whole.leaves);
}

#[test]
fn list_slices_are_those_of_the_oracle() {
    for length in LENGTHS {
        let (stored, bytes, shape) = (stored(length), list_bytes(length), Shape::of_list(length));
        for index in [0, length / 2, length - 1] {
            for ranges in [
                vec![leaf_of(index)],
                crate::chain::leaves_of(&[index..index + 1, length - 1..length]),
            ] {
                let (root, pairs, leaves) = oracle(&bytes, shape, &ranges);
                assert_eq!(
                    prove(&stored, shape, &ranges),
                    Ok(Some(pairs.clone())),
                    "{length} {ranges:?}"
                );
                assert_eq!(leaves, bytes_of_leaves(&bytes, shape, &ranges));
                let proven = check_slice(&root, shape, &ranges, &pairs, &leaves).unwrap();
                assert_eq!(crate::chain::hash_in(&proven, index), Some(hash_of(index)));
            }
        }
    }
}

#[test]
fn slices_fold_to_the_root_of_every_earlier_length() {
    let whole = stored(1100);
    let roots: Vec<Hash> = (0..=1100)
        .map(|length| Hash::of(&list_bytes(length)))
        .collect();
    let olds = || (1..80).chain([100, 128, 255, 256, 257, 511, 512, 513, 700, 1023, 1024]);
    for new in olds().chain([1025, 1100]) {
        for old in olds().filter(|old| *old < new) {
            let (shape, ranges) = (Shape::of_list(new), [leaf_of(old - 1)]);
            let pairs = prove(&whole, shape, &ranges).unwrap().unwrap();
            let bytes = bytes_of_leaves(&list_bytes(new), shape, &ranges);
            let proven = check_slice(&roots[new as usize], shape, &ranges, &pairs, &bytes).unwrap();
            assert_eq!(
                root(&proven, Shape::of_list(old)),
                Ok(Some(roots[old as usize])),
                "{old} in {new}"
            );
        }
    }
}

#[test]
fn changed_slices_are_refused() {
    let (length, index) = (1025, 700);
    let (whole, bytes, shape) = (stored(length), list_bytes(length), Shape::of_list(length));
    let (ranges, top) = ([leaf_of(index)], Hash::of(&bytes));
    let pairs = prove(&whole, shape, &ranges).unwrap().unwrap();
    let leaf = bytes_of_leaves(&bytes, shape, &ranges);
    let check =
        |pairs: &[u8], leaf: &[u8]| check_slice(&top, shape, &ranges, pairs, leaf).map(drop);
    let must = |pairs: &[u8], leaf: &[u8]| check(pairs, leaf).unwrap_err().must();
    assert_eq!(check(&pairs, &leaf), Ok(()));
    assert_eq!(
        must(&[pairs.as_slice(), &[0; PAIR_BYTES]].concat(), &leaf),
        "slice-1"
    );
    assert_eq!(must(&pairs[PAIR_BYTES..], &leaf), "slice-1");
    assert_eq!(must(&pairs[1..], &leaf), "slice-1");
    assert_eq!(must(&pairs, &leaf[1..]), "slice-2");
    assert_eq!(must(&pairs, &[leaf.as_slice(), &[0]].concat()), "slice-2");
    let mut swapped = pairs.clone();
    swapped[..2 * PAIR_BYTES].rotate_left(PAIR_BYTES);
    assert_eq!(must(&swapped, &leaf), "slice-3");
    for at in 0..pairs.len() {
        let mut wrong = pairs.clone();
        wrong[at] ^= 1;
        assert!(check(&wrong, &leaf).is_err(), "pair byte {at}");
    }
    for at in 0..leaf.len() {
        let mut wrong = leaf.clone();
        wrong[at] ^= 1;
        assert_eq!(must(&pairs, &wrong), "slice-4");
    }
    for other in [length - 1, length + 1] {
        assert!(
            check_slice(
                &top,
                Shape::of_list(other),
                &[leaf_of(other - 1)],
                &pairs,
                &leaf
            )
            .is_err()
        );
    }
}

#[test]
fn ranges_that_are_empty_unsorted_or_outside_are_refused() {
    let shape = Shape::of_list(100);
    let empty = 1..1;
    for ranges in [
        vec![],
        vec![empty],
        vec![1..2, 0..1],
        vec![0..2, 1..3],
        vec![3..5],
    ] {
        assert_eq!(
            check_pairs(&hash_of(0), shape, &ranges, &[]).unwrap_err(),
            Reject::RangeOutside
        );
    }
}

#[test]
fn ghost_of_the_greatest_length_costs_nothing_to_refuse() {
    let shape = Shape::of_list(1 << 40);
    let last = [shape.leaves() - 1..shape.leaves()];
    assert_eq!(visited_count(shape, &last), 35);
    assert_eq!(
        check_pairs(&hash_of(0), shape, &last, &[0; 35 * 64])
            .unwrap_err()
            .must(),
        "slice-3"
    );
    assert_eq!(root(&Stored::default(), shape), Ok(None));
    assert!(
        GrowingList::open(&Stored::default(), 1 << 40)
            .unwrap()
            .is_none()
    );
}

#[test]
fn visited_parents_are_counted_as_they_are_walked() {
    for leaves in [1, 2, 3, 5, 8, 13, 64, 100] {
        let shape = Shape::of_list(leaves * LIST_LEAF_HASHES);
        for start in 0..leaves {
            for end in start + 1..=leaves {
                let ranges = [start..end];
                assert_eq!(
                    visited_count(shape, &ranges),
                    visited(shape, &ranges).count() as u64
                );
            }
        }
        assert!(visited(shape, std::slice::from_ref(&(0..leaves))).eq(0..shape.pairs()));
    }
}

fn blob(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// Hash and full outboard of a blob, by pieces.
fn import(bytes: &[u8]) -> (Hash, Vec<u8>) {
    let shape = Shape::of_blob(bytes.len() as u64).unwrap();
    let mut outboard = vec![0; shape.pairs() as usize * PAIR_BYTES];
    let mut put = |position: u64, pairs: &[u8]| {
        let at = position as usize * PAIR_BYTES;
        outboard[at..at + pairs.len()].copy_from_slice(pairs);
    };
    let mut hashes = Vec::new();
    let piece_bytes = (PIECE_LEAVES * BLOB_LEAF_BYTES) as usize;
    let pieces: Vec<&[u8]> = if bytes.is_empty() {
        vec![bytes]
    } else {
        bytes.chunks(piece_bytes).collect()
    };
    for (piece, nth) in pieces.into_iter().zip(0..) {
        let piece = hash_piece(shape, nth, piece).unwrap();
        put(piece.position, &piece.pairs);
        hashes.push(piece.hash);
    }
    let (hash, pairs) = join_pieces(shape, &hashes).unwrap();
    pairs
        .iter()
        .for_each(|(position, pair)| put(*position, pair));
    (hash, outboard)
}

#[test]
fn blobs_imported_by_pieces_have_the_hash_and_outboard_of_the_oracle() {
    for size in [
        0,
        1,
        1024,
        1025,
        16_384,
        16_385,
        1_048_576 + 123,
        4 << 20,
        (4 << 20) + 1,
        (12 << 20) + 5,
    ] {
        let bytes = blob(size);
        let expected = PreOrderMemOutboard::create(&bytes, BlockSize::from_chunk_log(4));
        let (hash, outboard) = import(&bytes);
        assert_eq!(hash, Hash::of(&bytes), "{size}");
        assert_eq!(outboard, expected.data, "{size}");
    }
}

#[test]
fn blob_ranges_verify_in_portions_of_any_size() {
    for size in [0, 1, 16_384, 16_385, 300_000] {
        let bytes = blob(size);
        let shape = Shape::of_blob(size as u64).unwrap();
        let leaves = shape.leaves();
        for range in [0..leaves, leaves / 2..leaves, 0..1] {
            let (root, pairs, data) = oracle(&bytes, shape, std::slice::from_ref(&range));
            let proven = check_pairs(&root, shape, std::slice::from_ref(&range), &pairs).unwrap();
            for portion in [1000, 16_384, 50_000, 1 << 20] {
                let (mut verifier, mut got) =
                    (LeafVerifier::new(&proven, range.clone()), Vec::new());
                for part in data.chunks(portion) {
                    let mut sink = |at: u64, part: &[u8]| {
                        assert_eq!(at, shape.leaf_bytes(range.start).start + got.len() as u64);
                        got.extend_from_slice(part);
                    };
                    verifier.push(part, &mut sink).unwrap();
                }
                verifier.finish().unwrap();
                assert_eq!(got, data);
                assert!(verifier.push(&[0], &mut |_, _| {}).is_err());
            }
        }
    }
}

#[test]
fn wrong_and_missing_blob_bytes_are_refused_and_what_came_before_stays() {
    let bytes = blob(100_000);
    let shape = Shape::of_blob(100_000).unwrap();
    let all = 0..shape.leaves();
    let (root, pairs, _) = oracle(&bytes, shape, std::slice::from_ref(&all));
    let proven = check_pairs(&root, shape, std::slice::from_ref(&all), &pairs).unwrap();
    let mut wrong = bytes.clone();
    wrong[40_000] ^= 1;
    let mut verified = 0;
    let refused =
        LeafVerifier::new(&proven, all.clone()).push(&wrong, &mut |_, part| verified += part.len());
    assert_eq!(refused.unwrap_err().must(), "slice-4");
    assert_eq!(verified, 2 * 16_384);
    let mut short = LeafVerifier::new(&proven, all);
    short.push(&bytes[..99_999], &mut |_, _| {}).unwrap();
    assert_eq!(short.finish().unwrap_err().must(), "slice-2");
}
