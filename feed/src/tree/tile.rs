//! Complete subtrees of a hash list that lie side by side: found in stored pieces, folded into those above them.
//!
//! What a static host keeps in tiles (spec/static.md).

use super::{Node, Pieces, STORED_LEVEL, parent_hash, subtree_hash};
use crate::hash::Hash;
use crate::limits::{HASH_BYTES, LIST_LEAF_BYTES, PAGE_RECORDS};

/// Chaining value of a full page of a hash list: the node of level `STORED_LEVEL` with this index. `None` when there are
/// not as many bytes.
#[must_use]
pub fn page_hash(page: u64, bytes: &[u8]) -> Option<Hash> {
    let size = PAGE_RECORDS * 32;
    let is_whole = u64::try_from(bytes.len()).is_ok_and(|len| len == size);
    Some(subtree_hash(page.checked_mul(size)?, bytes)).filter(|_| is_whole)
}

/// Nodes of one level that lie side by side, of which `first` is the first, with all complete subtrees that they make up.
/// Those that no other one covers are the tops: what they have to be must be known from elsewhere.
#[must_use]
pub fn fold_nodes(first: Node, values: &[Hash]) -> Vec<FoldedNode> {
    let mut folded = Vec::with_capacity(values.len() * 2);
    let mut row: Vec<(Node, Hash)> = values
        .iter()
        .zip(first.index..)
        .map(|(hash, index)| {
            let level = first.level;
            (Node { level, index }, *hash)
        })
        .collect();
    while !row.is_empty() {
        let mut above = Vec::with_capacity(row.len() / 2);
        let mut rest = row.as_slice();
        while let Some(((node, hash), after)) = rest.split_first() {
            match after.split_first() {
                Some(((_, right), further)) if node.index.is_multiple_of(2) => {
                    let parent = Node {
                        level: node.level + 1,
                        index: node.index / 2,
                    };
                    above.push((parent, parent_hash(hash, right, false)));
                    folded.push(FoldedNode::of(*node, *hash, false));
                    let index = node.index + 1;
                    folded.push(FoldedNode::of(Node { index, ..*node }, *right, false));
                    rest = further;
                }
                _ => {
                    folded.push(FoldedNode::of(*node, *hash, true));
                    rest = after;
                }
            }
        }
        row = above;
    }
    folded
}

/// A node that was folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldedNode {
    /// Which one.
    pub node: Node,
    /// Its chaining value.
    pub hash: Hash,
    /// No other one of them covers it.
    pub is_top: bool,
}

impl FoldedNode {
    fn of(node: Node, hash: Hash, is_top: bool) -> Self {
        Self { node, hash, is_top }
    }
}

/// A stored node, or computed from what lies below it, down to the leaves.
///
/// # Errors
/// Those of the pieces.
pub fn find_node<P: Pieces>(pieces: &P, node: Node) -> Result<Option<Hash>, P::Error> {
    if let Some(hash) = pieces.node(node)? {
        return Ok(Some(hash));
    }
    if node.level > STORED_LEVEL {
        let child = |side| Node {
            level: node.level - 1,
            index: node.index * 2 + side,
        };
        let Some(left) = find_node(pieces, child(0))? else {
            return Ok(None);
        };
        let Some(right) = find_node(pieces, child(1))? else {
            return Ok(None);
        };
        return Ok(Some(parent_hash(&left, &right, false)));
    }
    let mut bytes = Vec::new();
    for leaf in node.index << node.level..(node.index + 1) << node.level {
        let Some(held) = pieces.leaf(leaf)? else {
            return Ok(None);
        };
        bytes.extend_from_slice(&held);
    }
    let due = (LIST_LEAF_BYTES << node.level) / 32;
    let is_whole = u64::try_from(bytes.len() / HASH_BYTES).is_ok_and(|hashes| hashes == due);
    Ok(is_whole.then(|| subtree_hash(node.index * due * 32, &bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_side_by_side_fold_into_the_largest_subtrees() {
        let leaf = |index: u64| {
            let bytes = [u8::try_from(index).unwrap(); 16_384];
            page_hash(index, &bytes).unwrap()
        };
        let values: Vec<Hash> = (0..7).map(leaf).collect();
        let first = Node { level: 4, index: 0 };
        let folded = fold_nodes(first, &values);
        let tops: Vec<(u8, u64)> = folded
            .iter()
            .filter(|folded| folded.is_top)
            .map(|folded| (folded.node.level, folded.node.index))
            .collect();
        assert_eq!(tops, [(4, 6), (5, 2), (6, 0)]);
        assert_eq!(folded.len(), 7 + 3 + 1);
        let joined = parent_hash(
            &parent_hash(&values[0], &values[1], false),
            &parent_hash(&values[2], &values[3], false),
            false,
        );
        assert_eq!(folded.last().map(|folded| folded.hash), Some(joined));
        assert_eq!(page_hash(0, &[0; 16_352]), None);
    }
}
