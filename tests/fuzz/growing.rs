//! Trees: the growing list against one-shot BLAKE3, slices against bao-tree.

use bao_tree::io::outboard::PreOrderMemOutboard;
use bao_tree::io::sync::{decode_ranges, encode_ranges_validated};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use levada_feed::hash::Hash;
use levada_feed::tree::{self, GrowingList, Shape};

const LEAF_BYTES: u64 = 16_384;
const CHUNK_BYTES: u64 = 1_024;
const SIZE_MAX: usize = 200_000;

/// Whatever is pushed in whatever portions, the root is the plain hash of the list.
pub(super) fn growing(bytes: &[u8]) {
    let mut list = GrowingList::new();
    let mut plain = Vec::new();
    for byte in bytes.iter().take(64) {
        for _ in 0..*byte {
            let hash = Hash::of(&list.length().to_be_bytes());
            plain.extend_from_slice(&hash.0);
            list.push(hash);
        }
        let _ = list.take_changed();
        assert_eq!(list.root(), Hash::of(&plain));
    }
}

/// A slice that is bent as the input says is taken by both verifiers or by none.
///
/// Input: size (3 bytes), first byte and count (3 bytes each), then what to change: position (3 bytes) and value.
pub(super) fn slice(input: &[u8]) {
    let Some((numbers, changes)) = input.split_first_chunk::<9>() else {
        return;
    };
    let number = |at: usize| {
        numbers[at..at + 3]
            .iter()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let size = number(0) % SIZE_MAX + 1;
    let from = number(3) % size;
    let to = (from + number(6) % (2 * LEAF_BYTES as usize) + 1).min(size);
    let mut data = vec![0; size];
    blake3::Hasher::new_keyed(&[7; 32])
        .finalize_xof()
        .fill(&mut data);

    let shape = Shape::of_blob(size as u64).expect("a blob of this size is allowed");
    let leaves = shape
        .leaves_of(from as u64..to as u64)
        .expect("the range lies within");
    let outboard = PreOrderMemOutboard::create(&data, BlockSize::from_chunk_log(4));
    let chunks = shape.bytes_of(&leaves);
    let ranges = ChunkRanges::from(
        ChunkNum(chunks.start / CHUNK_BYTES)..ChunkNum(chunks.end.div_ceil(CHUNK_BYTES)),
    );
    let mut encoded = Vec::new();
    encode_ranges_validated(&data, &outboard, &ranges, &mut encoded)
        .expect("what was hashed can be encoded");
    for change in changes.as_chunks::<4>().0 {
        let at =
            usize::from(change[0]) << 16 | usize::from(change[1]) << 8 | usize::from(change[2]);
        let length = encoded.len();
        encoded[at % length] ^= change[3];
    }

    let mut into = vec![0; size];
    let mut empty = PreOrderMemOutboard {
        root: outboard.root,
        tree: BaoTree::new(size as u64, BlockSize::from_chunk_log(4)),
        data: vec![0; outboard.data.len()],
    };
    let theirs = decode_ranges(encoded.as_slice(), &ranges, &mut into, &mut empty).is_ok();
    let (pairs, bytes) = divide(shape, &leaves, &encoded);
    let root = Hash(*outboard.root.as_bytes());
    let ours = tree::check_slice(&root, shape, std::slice::from_ref(&leaves), &pairs, &bytes);
    assert_eq!(ours.is_ok(), theirs);
    if let Ok(proven) = ours {
        for (leaf, bytes) in proven.leaves() {
            let range = shape.leaf_bytes(leaf);
            let range = range.start as usize..range.end as usize;
            assert_eq!(bytes, &data[range]);
        }
    }
}

/// Pairs and leaves of the interleaved form, apart.
fn divide(shape: Shape, leaves: &std::ops::Range<u64>, encoded: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut pairs, mut bytes) = (Vec::new(), Vec::new());
    let mut rest = encoded;
    walk(0..shape.leaves(), leaves, &mut |leaf| {
        let size = match leaf {
            None => 64,
            Some(leaf) => {
                let range = shape.leaf_bytes(leaf);
                (range.end - range.start) as usize
            }
        };
        let (part, after) = rest.split_at(size);
        rest = after;
        match leaf {
            None => pairs.extend_from_slice(part),
            Some(_) => bytes.extend_from_slice(part),
        }
    });
    assert!(rest.is_empty());
    (pairs, bytes)
}

/// Parents and leaves in pre-order.
fn walk(
    tree: std::ops::Range<u64>,
    wanted: &std::ops::Range<u64>,
    visit: &mut dyn FnMut(Option<u64>),
) {
    let count = tree.end - tree.start;
    if tree.start >= wanted.end || tree.end <= wanted.start {
        return;
    }
    if count == 1 {
        return visit(Some(tree.start));
    }
    visit(None);
    let middle = tree.start + count.next_power_of_two() / 2;
    walk(tree.start..middle, wanted, visit);
    walk(middle..tree.end, wanted, visit);
}
