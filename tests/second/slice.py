"""Slice: proofs that ranges belong to a whole, made and checked, and the root at an earlier length.

Knows bytes, leaves and pairs; whether they are a hash list or a blob is the caller's question. Format: spec/slice.md.
A range of leaves is (from, to), without `to`.
"""

from blake3_tree import CHUNK_BYTES, left_count, parent, subtree_value
from codec import require

LIST_LEAF = 1024
BLOB_LEAF = 16384
BLOB_BYTES_MAX = 2**44
PAIR_BYTES = 64
HASH_BYTES = 32


def leaf_count(size, leaf_size):
    """How many leaves a whole of `size` bytes has."""
    return max(1, -(-size // leaf_size))


def leaf_bounds(leaf, size, leaf_size):
    """Where a leaf begins and ends."""
    return leaf * leaf_size, min((leaf + 1) * leaf_size, size)


def check_ranges(ranges, count):
    """slice-5, for ranges of leaves."""
    before = 0
    for start, end in ranges:
        require(before <= start < end <= count, "slice-5", f"{ranges} of {count}")
        before = end


def blob_range(start, end, size):
    """slice-5, for a range of bytes of a blob: the range of leaves that it stands for."""
    require(size <= BLOB_BYTES_MAX, "slice-6")
    if (start, end, size) == (0, 0, 0):
        return 0, 1
    require(start < end <= size, "slice-5", f"{start}..{end} of {size}")
    return start // BLOB_LEAF, -(-end // BLOB_LEAF)


def leaves_of(ranges):
    """The numbers of the leaves in the ranges, in order."""
    return [leaf for start, end in ranges for leaf in range(start, end)]


def _touches(start, count, ranges):
    return any(start < to and a < start + count for a, to in ranges)


def parents_of(start, count, ranges):
    """The parents that touch the ranges, in pre-order, as (first leaf, number of leaves)."""
    if count == 1 or not _touches(start, count, ranges):
        return []
    left = left_count(count)
    return [(start, count)] + parents_of(start, left, ranges) + parents_of(start + left, count - left, ranges)


def leaf_value(data, leaf, leaf_size, is_only):
    """What a leaf hashes to."""
    return subtree_value(data, leaf * leaf_size // CHUNK_BYTES, is_only)


# Making


def make_pairs(data, leaf_size, ranges):
    """The proof for ranges of leaves of these bytes."""
    count = leaf_count(len(data), leaf_size)
    pairs = []
    for start, leaves in parents_of(0, count, ranges):
        left = left_count(leaves)
        for first, many in ((start, left), (start + left, leaves - left)):
            piece = data[first * leaf_size : (first + many) * leaf_size]
            pairs.append(subtree_value(piece, first * leaf_size // CHUNK_BYTES, False))
    return b"".join(pairs)


def make_leaves(data, leaf_size, ranges):
    """The bytes of the leaves of the ranges."""
    return b"".join(data[start * leaf_size : end * leaf_size] for start, end in ranges)


# Checking


class Proof:
    """Pairs that were checked: what each leaf of the ranges has to hash to."""

    def __init__(self, size, leaf_size, ranges, root, pairs):
        self.size = size
        self.leaf_size = leaf_size
        self.count = leaf_count(size, leaf_size)
        self.ranges = ranges
        self.root = root
        self.parents = {}  # (first leaf, number of leaves): (left, right)
        self.leaves = {}  # leaf: value
        check_ranges(ranges, self.count)
        due = parents_of(0, self.count, ranges)
        require(len(pairs) == PAIR_BYTES * len(due), "slice-1", f"{len(pairs)} bytes for {len(due)} pairs")
        self._left = [pairs[i : i + PAIR_BYTES] for i in range(0, len(pairs), PAIR_BYTES)]
        self._check(0, self.count, root, True)

    def _check(self, start, count, expected, is_root):
        if not _touches(start, count, self.ranges):
            return
        if count == 1:
            self.leaves[start] = expected
            return
        pair = self._left.pop(0)
        left_value, right_value = pair[:HASH_BYTES], pair[HASH_BYTES:]
        require(parent(left_value, right_value, is_root) == expected, "slice-3", f"leaves {start}..{start + count}")
        self.parents[start, count] = left_value, right_value
        left = left_count(count)
        self._check(start, left, left_value, False)
        self._check(start + left, count - left, right_value, False)

    def check_leaf(self, leaf, data):
        """slice-4, and slice-2, for one leaf."""
        start, end = leaf_bounds(leaf, self.size, self.leaf_size)
        require(len(data) == end - start, "slice-2", f"leaf {leaf} has {len(data)} bytes")
        value = leaf_value(data, leaf, self.leaf_size, self.count == 1)
        require(value == self.leaves[leaf], "slice-4", f"leaf {leaf}")

    def check_leaves(self, data):
        """All leaves of the ranges, one after the other; gives them by number."""
        pieces = {}
        at = 0
        for leaf in leaves_of(self.ranges):
            start, end = leaf_bounds(leaf, self.size, self.leaf_size)
            pieces[leaf] = data[at : at + end - start]
            at += end - start
        require(len(data) == at, "slice-2", f"{len(data)} bytes of leaves, {at} due")
        for leaf, piece in pieces.items():
            self.check_leaf(leaf, piece)
        return pieces

    def root_at(self, length, leaf_bytes):
        """The root of a hash list when it had `length` hashes, from a proof that covers leaf (length-1) / 32."""
        k = (length - 1) // 32
        assert self.leaf_size == LIST_LEAF and k in self.leaves
        cut = leaf_bytes[: 32 * (length - 32 * k)]
        value = subtree_value(cut, k, k == 0)
        noted = []
        start, count = 0, self.count
        while count > 1:
            left = left_count(count)
            if k < start + left:
                count = left
            else:
                noted.append(self.parents[start, count][0])
                start, count = start + left, count - left
        for i in reversed(range(len(noted))):
            value = parent(noted[i], value, i == 0)
        return value
