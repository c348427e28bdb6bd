"""Static: files of a web host that runs no program, checked under its head. Format: spec/static.md."""

import codec
import list as list_page
from blake3_tree import parent, subtree_value
from bundle import check_slot
from codec import is_bytes, is_integer, require
from list import HASH_BYTES, link_hash
from record import RECORD_BYTES_MAX

PAGE = 512
TILE = 256
PAGE_LEAVES = 16
ROW_LEVELS = 8


def check_marker(data):
    """The file levada-static."""
    whole = codec.decode_structure(data, "static-1")
    require(whole == [1, "levada static"], "static-1")


def hashes(data, most):
    """static-2: the hashes of a page of the list, or of a tile; a last one that is cut is not there yet."""
    require(len(data) <= HASH_BYTES * most, "static-2", f"{len(data)} bytes")
    return [data[i : i + HASH_BYTES] for i in range(0, len(data) // HASH_BYTES * HASH_BYTES, HASH_BYTES)]


def read_page(page, data):
    """The form of a page of records: the hash before it, and its slots."""
    whole = codec.decode_structure(data, "static-1", codec.BUNDLE_VALUES_MAX)
    require(type(whole) is list and len(whole) == 4, "static-1")
    _, start, before, slots = whole
    require(is_integer(start) and start == PAGE * page and type(slots) is list, "static-1")
    require(is_bytes(before, 0 if page == 0 else HASH_BYTES), "static-1")
    require(1 <= len(slots) <= PAGE, "static-2", f"{len(slots)} slots")
    for slot in slots:
        check_slot(slot)
        require(not is_bytes(slot) or len(slot) <= RECORD_BYTES_MAX, "bundle-5")
    return before, slots


class Known:
    """Values of subtrees of a list, by first leaf and number of leaves, as far as they are proven under one head."""

    def __init__(self, answer, feed):
        proven = list_page.check_answer(answer, feed, 0)
        self.head = proven.head
        self.leaves = proven.proof.count
        self.values = {(0, self.leaves): proven.head.root}
        for (start, count), (left, right) in proven.proof.parents.items():
            half = 1 << (count - 1).bit_length() - 1
            self.values[start, half] = left
            self.values[start + half, count - half] = right
        self.full = (self.head.length - 1) // PAGE

    def _check_hashes(self, page, links):
        """The link hashes of a page; gives how many belong to the head."""
        due = min(PAGE, self.head.length - PAGE * page)
        require(len(links) >= due, "codec-1", "not yet")
        data = b"".join(links[:due])
        leaves = min(PAGE_LEAVES, self.leaves - PAGE_LEAVES * page)
        value = subtree_value(data, PAGE_LEAVES * page, self.leaves == leaves)
        require(self.values[PAGE_LEAVES * page, leaves] == value, "static-3", f"page {page}")
        return due

    def check_list(self, page, data):
        """The file list/P."""
        self._check_hashes(page, hashes(data, PAGE))

    def check_page(self, page, data):
        """The file pages/P; gives the slots that belong to the head."""
        before, slots = read_page(page, data)
        links, previous = [], before or self.head.feed
        for slot in slots:
            previous = link_hash(previous, slot) if is_bytes(slot) else slot[0]
            links.append(previous)
        return slots[: self._check_hashes(page, links)]

    def check_tile(self, row, tile, data):
        """The file tiles/R/T: its values are proven from now on."""
        first, level = TILE * tile, PAGE_LEAVES << ROW_LEVELS * row
        due = min(TILE, (self.full >> ROW_LEVELS * row) - first)
        values = hashes(data, TILE)
        require(len(values) >= due, "codec-1", "not yet")
        row_of = {first + i: value for i, value in enumerate(values[:due])}
        found = {}
        while row_of:
            above = {}
            for index, value in row_of.items():
                found[index * level, level] = value
                if index % 2 == 0 and index + 1 in row_of:
                    above[index // 2] = parent(value, row_of[index + 1], False)
                elif index % 2 == 0 or index - 1 not in row_of:
                    require(self.values.get((index * level, level)) == value, "static-3", f"value {index}")
            row_of, level = above, level * 2
        self.values.update(found)
