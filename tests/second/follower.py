"""Follower: what is held of one feed, and what becomes of it with every answer. Format: spec/list.md, Taking a feed up
and Following it.

Keeps records, and of the list the hashes and complete subtrees that it saw, whatever head they were proven under:
neither ever changes.
"""

import bundle as bundle_page
import fork as fork_page
import list as list_page
import slice as slice_page
from blake3_tree import chunk_value, left_count, parent
from codec import require
from list import HASH_BYTES, LEAF_HASHES

AHEAD_MS_MAX = 600_000

ACCEPTED, STALE, ASK_HEAD, FORK = "accepted", "stale", "ask-head", "fork"


class KnownList:
    """What is known of a list."""

    def __init__(self):
        self.hashes = {}  # index: link hash
        self.subtrees = {}  # (first leaf, number of leaves), complete ones: value
        self.edges = {}  # (length of the list, first leaf, number of leaves), the others: value

    def learn(self, proof, leaves):
        """Takes in what was proven."""
        length = proof.size // HASH_BYTES
        for leaf, data in leaves.items():
            for i in range(0, len(data), HASH_BYTES):
                self.hashes[leaf * LEAF_HASHES + i // HASH_BYTES] = data[i : i + HASH_BYTES]
        for (start, count), pair in proof.parents.items():
            left = left_count(count)
            for first, many, value in ((start, left, pair[0]), (start + left, count - left, pair[1])):
                is_complete = many & (many - 1) == 0 and LEAF_HASHES * (first + many) <= length
                if is_complete:
                    self.subtrees[first, many] = value
                else:
                    self.edges[length, first, many] = value

    def value(self, start, count):
        """The value of a complete subtree, or None if it does not follow from what is known."""
        if (start, count) in self.subtrees:
            return self.subtrees[start, count]
        if count == 1:
            data = self.leaf(start, LEAF_HASHES)
            return None if data is None else chunk_value(data, start, False)
        # Without this a subtree of 2^34 leaves would be looked for leaf by leaf.
        if not any(start <= leaf < start + count for leaf in self._leaves()):
            return None
        left, right = self.value(start, count // 2), self.value(start + count // 2, count // 2)
        return None if left is None or right is None else parent(left, right, False)

    def _leaves(self):
        return {index // LEAF_HASHES for index in self.hashes} | {start for start, _ in self.subtrees}

    def leaf(self, number, count):
        """The first hashes of a leaf, joined, or None if one of them is not known."""
        indices = range(number * LEAF_HASHES, number * LEAF_HASHES + count)
        if any(index not in self.hashes for index in indices):
            return None
        return b"".join(self.hashes[index] for index in indices)

    def root_at(self, length):
        """The root at a length, or None if it does not follow from what is known."""
        k = (length - 1) // LEAF_HASHES
        cut = self.leaf(k, length - LEAF_HASHES * k)
        if cut is None:
            return None
        noted, start, left = [], 0, k
        while left > 0:
            size = 1 << left.bit_length() - 1
            noted.append(self.value(start, size))
            start, left = start + size, left - size
        if None in noted:
            return None
        value = chunk_value(cut, k, k == 0)
        for i in reversed(range(len(noted))):
            value = parent(noted[i], value, i == 0)
        return value


class Follower:
    """One feed, followed. The clock is given and stands still."""

    def __init__(self, feed, now, link_first=None):
        self.feed, self.now, self.link_first = feed, now, link_first
        self.head = None
        self.list = KnownList()
        self.records, self.hints = {}, {}  # None for a withheld record
        self.fork = None

    def _is_fresh(self, head):
        return head.time <= self.now + AHEAD_MS_MAX

    def _keep(self, bundle):
        """The records of a bundle count."""
        self.list.learn(bundle.proof, bundle.leaves)
        for index, record in bundle.records.items():
            if self.records.get(index) is None:
                self.records[index], self.hints[index] = record, bundle.hints[index]

    def _contradicted(self, head, longer=None):
        """Keeps the proof of a fork. `longer` is (pairs, leaf) of the longer of the two lists, where it is needed."""
        shorter, other = sorted((self.head, head), key=lambda one: (one.length, one.body))
        proof = list_page.codec.encode([1, shorter.wire, other.wire, *(longer or (b"", b""))])
        fork_page.check_fork(proof, self.feed)
        self.fork = proof
        return FORK

    def take_up(self, data):
        """The answer to `latest`, of a feed of which nothing is held."""
        bundles = bundle_page.take_up(data, self.feed, self.link_first)
        self.head = bundles[0].head
        for bundle in bundles:
            self._keep(bundle)
        return ACCEPTED

    def take_head(self, data):
        """The answer to `head`, with the length that is held."""
        new, pairs, leaves = list_page.read_answer(data, self.feed)
        if self.head is None:
            list_page.check_slice(new, 0, pairs, leaves)
            return ASK_HEAD
        if list_page.contradict(self.head, new):
            return self._contradicted(new)
        answer = list_page.check_slice(new, self.head.length, pairs, leaves)
        if new.length == self.head.length:
            if not self._is_fresh(new) or (self._is_fresh(self.head) and new.time <= self.head.time):
                return STALE
            self.head = new
            return ACCEPTED
        if new.length < self.head.length:
            return self._judge_shorter(new, STALE)
        k = (self.head.length - 1) // LEAF_HASHES
        if answer.proof.root_at(self.head.length, answer.leaves[k]) != self.head.root:
            return self._contradicted(new, (_pairs_of(answer.proof, k), answer.leaves[k]))
        self.list.learn(answer.proof, answer.leaves)
        self.head = new
        return ACCEPTED

    def _judge_shorter(self, head, verdict):
        """A shorter head against the own list: this verdict if it is of the same history."""
        root = self.list.root_at(head.length)
        if root is None:
            return STALE
        if root == head.root:
            return verdict
        k = (head.length - 1) // LEAF_HASHES
        pairs, leaf = self._own_slice(k)
        return STALE if pairs is None else self._contradicted(head, (pairs, leaf))

    def _own_slice(self, k):
        """The slice of leaf k under the own head, or None if it does not follow from what is known."""
        count = slice_page.leaf_count(HASH_BYTES * self.head.length, slice_page.LIST_LEAF)
        leaf = self.list.leaf(k, min(LEAF_HASHES, self.head.length - LEAF_HASHES * k))
        pairs = []

        def walk(start, many):
            if many == 1:
                return
            left = left_count(many)
            pairs.append((self._value(start, left), self._value(start + left, many - left)))
            if k < start + left:
                walk(start, left)
            else:
                walk(start + left, many - left)

        walk(0, count)
        if leaf is None or any(None in pair for pair in pairs):
            return None, None
        return b"".join(left + right for left, right in pairs), leaf

    def _value(self, start, count):
        """The value of any subtree of the own list that is not the whole."""
        length = self.head.length
        if count & (count - 1) == 0 and LEAF_HASHES * (start + count) <= length:
            return self.list.value(start, count)
        if (length, start, count) in self.list.edges:
            return self.list.edges[length, start, count]
        if count == 1:
            data = self.list.leaf(start, length - LEAF_HASHES * start)
            return None if data is None else chunk_value(data, start, False)
        left = left_count(count)
        pair = self._value(start, left), self._value(start + left, count - left)
        return None if None in pair else parent(*pair, False)

    def take_bundle(self, data, start, end):
        """The answer to a request for the records start..end."""
        bundle = bundle_page.check_bundle(data, self.feed)
        bundle_page.check_asked(bundle, start, end)
        require(self.head is not None, "list-4", "the feed was not taken up")
        if list_page.contradict(self.head, bundle.head):
            return self._contradicted(bundle.head)
        if bundle.head.length > self.head.length:
            return ASK_HEAD
        verdict = ACCEPTED
        if bundle.head.length < self.head.length:
            verdict = self._judge_shorter(bundle.head, ACCEPTED)
        if verdict == ACCEPTED:
            self._keep(bundle)
        return verdict


def _pairs_of(proof, k):
    """The pairs of a proof on the way to leaf k alone."""
    due = slice_page.parents_of(0, proof.count, [(k, k + 1)])
    return b"".join(b"".join(proof.parents[place]) for place in due)
