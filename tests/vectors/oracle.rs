//! Trees by others' code: roots by one-shot BLAKE3, proofs by bao-tree. Only the ghost list, which nobody can hold, is
//! folded here by hand.

use bao_tree::io::BaoContentItem;
use bao_tree::io::outboard::PreOrderMemOutboard;
use bao_tree::io::sync::{DecodeResponseIter, encode_ranges_validated};
use bao_tree::{BaoTree, BlockSize, ByteRanges, ChunkRanges};
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use std::ops::Range;

/// Bytes of a hash.
pub(crate) type Hash = [u8; 32];

/// Leaves of 1 KiB, or of 16 KiB.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Of a hash list.
    List,
    /// Of a blob.
    Blob,
}

impl Leaf {
    fn block(self) -> BlockSize {
        BlockSize::from_chunk_log(if self == Self::List { 0 } else { 4 })
    }

    fn bytes(self) -> u64 {
        if self == Self::List { 1024 } else { 16_384 }
    }
}

/// A proof, and the leaves that it proves.
pub(crate) struct Proof {
    pub(crate) pairs: Vec<u8>,
    pub(crate) leaves: Vec<u8>,
}

impl Proof {
    /// Pairs and leaves in a row.
    pub(crate) fn joined(&self) -> Vec<u8> {
        [self.pairs.as_slice(), &self.leaves].concat()
    }
}

pub(crate) fn hash(bytes: &[u8]) -> Hash {
    *blake3::hash(bytes).as_bytes()
}

/// The chaining value of a subtree of a list that begins at this chunk and is not the whole.
pub(crate) fn subtree(bytes: &[u8], first_chunk: usize) -> Hash {
    let offset = u64::try_from(first_chunk * 1024).expect("memory is smaller");
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset).update(bytes);
    hasher.finalize_non_root()
}

/// h[i] of the tables: the hash of the index as eight bytes, the lowest first.
pub(crate) fn table_hash(index: u64) -> Hash {
    hash(&index.to_le_bytes())
}

/// The hash list of the tables.
pub(crate) fn table_list(length: u64) -> Vec<u8> {
    (0..length).flat_map(table_hash).collect()
}

/// The first bytes of the one stream that all sample blobs begin.
pub(crate) fn sample_blob(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new()
        .update(b"levada blob")
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// The leaves that hold a range of things, `each` in a leaf.
pub(crate) fn leaves_of(range: Range<u64>, each: u64) -> Range<u64> {
    range.start / each..range.end.div_ceil(each)
}

/// The pairs of a blob's whole tree.
pub(crate) fn outboard(bytes: &[u8]) -> Vec<u8> {
    PreOrderMemOutboard::create(bytes, Leaf::Blob.block()).data
}

/// The slice of these leaves.
pub(crate) fn slice(bytes: &[u8], leaf: Leaf, leaves: &[Range<u64>]) -> Proof {
    let outboard = PreOrderMemOutboard::create(bytes, leaf.block());
    let mut wanted = ChunkRanges::empty();
    for range in leaves {
        let (from, to) = (range.start * leaf.bytes(), range.end * leaf.bytes());
        wanted |= bao_tree::io::round_up_to_chunks(&ByteRanges::from(from..to));
    }
    let mut encoded = Vec::new();
    encode_ranges_validated(bytes, &outboard, &wanted, &mut encoded)
        .expect("the leaves lie in the tree");
    let size = u64::try_from(bytes.len()).expect("memory is smaller");
    let tree = BaoTree::new(size, leaf.block());
    let mut proof = Proof {
        pairs: Vec::new(),
        leaves: Vec::new(),
    };
    for item in DecodeResponseIter::new(outboard.root, tree, encoded.as_slice(), &wanted) {
        match item.expect("bao-tree reads what it wrote") {
            BaoContentItem::Parent(parent) => {
                proof.pairs.extend_from_slice(parent.pair.0.as_bytes());
                proof.pairs.extend_from_slice(parent.pair.1.as_bytes());
            }
            BaoContentItem::Leaf(leaf) => proof.leaves.extend_from_slice(&leaf.data),
        }
    }
    proof
}

/// A list of 2^40 hashes of which only two leaves exist: what an author can sign without ever having written it.
pub(crate) struct Ghost {
    /// Bytes of the first leaf.
    pub(crate) first_leaf: Vec<u8>,
    /// Bytes of the last leaf.
    pub(crate) last_leaf: Vec<u8>,
    /// Chaining values from the first leaf up to the left half, and the siblings made up for them.
    left: Vec<(Hash, Hash)>,
    right: Vec<(Hash, Hash)>,
    pub(crate) root: Hash,
}

/// Height of the tree over 2^35 leaves.
const GHOST_HEIGHT: u32 = 35;

impl Ghost {
    /// With these hashes at the start and at the end, and made-up ones beside them.
    pub(crate) fn new(start: &[Hash], end: &[Hash]) -> Self {
        let filler = |from: usize| (from..32).map(|at| hash(format!("ghost {at}").as_bytes()));
        let first_leaf: Vec<u8> = start
            .iter()
            .copied()
            .chain(filler(start.len()))
            .flatten()
            .collect();
        let last_leaf: Vec<u8> = filler(end.len())
            .chain(end.iter().copied())
            .flatten()
            .collect();
        let chaining_value = |offset: u64, leaf: &[u8]| {
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset(offset).update(leaf);
            hasher.finalize_non_root()
        };
        let made_up = |level: u32, side: &str| hash(format!("ghost {side} {level}").as_bytes());
        let mut left_edge = chaining_value(0, &first_leaf);
        let mut right_edge = chaining_value((1 << 45) - 1024, &last_leaf);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for level in 0..GHOST_HEIGHT - 1 {
            left.push((left_edge, made_up(level, "left")));
            right.push((made_up(level, "right"), right_edge));
            let parent =
                |(one, other): &(Hash, Hash)| merge_subtrees_non_root(one, other, Mode::Hash);
            left_edge = parent(&left[left.len() - 1]);
            right_edge = parent(&right[right.len() - 1]);
        }
        let root = *merge_subtrees_root(&left_edge, &right_edge, Mode::Hash).as_bytes();
        left.push((left_edge, right_edge));
        Self {
            first_leaf,
            last_leaf,
            left,
            right,
            root,
        }
    }

    /// The pairs for the first leaf, for the last, or for both.
    pub(crate) fn pairs(&self, first: bool, last: bool) -> Vec<u8> {
        let top = self.left.last().into_iter();
        let left = self.left.iter().rev().skip(1).filter(|_| first);
        let right = self.right.iter().rev().filter(|_| last);
        top.chain(left)
            .chain(right)
            .flat_map(|(one, other)| [*one, *other])
            .flatten()
            .collect()
    }
}
