"""List: link hashes, heads with their proof, and what a follower makes of them. Format: spec/list.md."""

from collections import namedtuple

import codec
import head as head_page
import slice as slice_page
from blake3_tree import hash_of
from codec import is_bytes, require

ANSWER_BYTES_MAX = 5 * 1024 * 1024
LEAF_HASHES = 32
HASH_BYTES = 32

HeadAnswer = namedtuple("HeadAnswer", "head proof leaves")


def link_hash(before, record):
    """The link hash of a record: `before` is the feed key for record 0, else the link hash before it."""
    return hash_of(before + record)


def hash_list(feed, records):
    """The hash list of these records."""
    before, hashes = feed, b""
    for record in records:
        before = link_hash(before, record)
        hashes += before
    return hashes


def check_whole_list(head, hashes, records=()):
    """A head against all link hashes, and the records against them (list-1, list-2, list-3, head-6)."""
    require(len(hashes) == HASH_BYTES * head.length, "head-6")
    require(hash_of(hashes) == head.root, "list-1")
    require(hashes[:HASH_BYTES] == head.first, "list-3")
    before = head.feed
    for i, record in enumerate(records):
        due = hashes[HASH_BYTES * i : HASH_BYTES * (i + 1)]
        require(link_hash(before, record) == due, "list-2", f"record {i}")
        before = due


# Head answers


def answer_ranges(length, have):
    """The leaves of a head answer for someone who has `have` records."""
    leaves = {(length - 1) // LEAF_HASHES}
    if 1 <= have < length:
        leaves.add((have - 1) // LEAF_HASHES)
    return [(leaf, leaf + 1) for leaf in sorted(leaves)]


def make_answer(head_wire, hashes, have):
    """The head answer of a server that has the whole list."""
    ranges = answer_ranges(len(hashes) // HASH_BYTES, have)
    pairs = slice_page.make_pairs(hashes, slice_page.LIST_LEAF, ranges)
    leaves = slice_page.make_leaves(hashes, slice_page.LIST_LEAF, ranges)
    return codec.encode([1, head_wire, pairs, leaves])


def read_answer(data, feed):
    """The form of a head answer and its head; the slice is not looked at yet. Gives head, pairs, leaves."""
    head_page.check_size(data, ANSWER_BYTES_MAX)
    whole = codec.decode_structure(data, "wire-1")
    require(type(whole) is list and len(whole) == 4 and all(is_bytes(one) for one in whole[1:]), "wire-1")
    _, head_wire, pairs, leaves = whole
    return head_page.check_head(head_wire, feed), pairs, leaves


def check_slice(head, have, pairs, leaves):
    """The slice of a head answer."""
    ranges = answer_ranges(head.length, have)
    proof = slice_page.Proof(HASH_BYTES * head.length, slice_page.LIST_LEAF, ranges, head.root, pairs)
    pieces = proof.check_leaves(leaves)
    if 0 in pieces:
        require(pieces[0][:HASH_BYTES] == head.first, "list-3")
    return HeadAnswer(head, proof, pieces)


def check_answer(data, feed, have):
    """A head answer, whole."""
    return check_slice(read_answer(data, feed)[0], have, *read_answer(data, feed)[1:])


def contradict(one, other):
    """Whether two heads of one feed are a fork by themselves."""
    return one.first != other.first or (one.length == other.length and one.root != other.root)
