"""Fork: proof that one key signed two histories. Format: spec/fork.md."""

import codec
import slice as slice_page
from codec import is_bytes, require
from head import check_head, check_size
from list import HASH_BYTES, LEAF_HASHES, contradict

FORK_BYTES_MAX = 8192


def check_fork(data, feed=None):
    """A fork proof, of this feed if one is given; gives both heads."""
    check_size(data, FORK_BYTES_MAX)
    whole = codec.decode_structure(data, "fork-1")
    require(type(whole) is list and len(whole) == 5 and all(is_bytes(one) for one in whole[1:]), "fork-1")
    _, shorter_wire, longer_wire, pairs, leaf = whole
    shorter, longer = check_head(shorter_wire), check_head(longer_wire)
    require(shorter.feed == longer.feed, "fork-2")
    require(feed is None or shorter.feed == feed, "head-5")
    is_in_order = shorter.length < longer.length or (shorter.length == longer.length and shorter.body <= longer.body)
    require(is_in_order, "fork-3")
    if contradict(shorter, longer):
        require(pairs == b"" and leaf == b"", "fork-4")
        return shorter, longer
    require(shorter.length != longer.length, "fork-5", "one length and one root")
    k = (shorter.length - 1) // LEAF_HASHES
    proof = slice_page.Proof(HASH_BYTES * longer.length, slice_page.LIST_LEAF, [(k, k + 1)], longer.root, pairs)
    proof.check_leaves(leaf)
    if k == 0:
        require(leaf[:HASH_BYTES] == longer.first, "list-3")
    require(proof.root_at(shorter.length, leaf) != shorter.root, "fork-5", "one history")
    return shorter, longer


def make_fork(one, other, longer_hashes=None):
    """The proof of two heads (checked ones); a list is needed where the heads alone do not contradict each other."""
    shorter, longer = sorted((one, other), key=lambda head: (head.length, head.body))
    pairs = leaf = b""
    if not contradict(shorter, longer):
        k = (shorter.length - 1) // LEAF_HASHES
        pairs = slice_page.make_pairs(longer_hashes, slice_page.LIST_LEAF, [(k, k + 1)])
        leaf = slice_page.make_leaves(longer_hashes, slice_page.LIST_LEAF, [(k, k + 1)])
    return codec.encode([1, shorter.wire, longer.wire, pairs, leaf])
