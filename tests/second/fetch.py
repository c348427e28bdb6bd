"""Fetch: what the tests of a serving node know of its feed beforehand, and how they ask it."""

import key
import record as record_page
import wire
from blake3_tree import hash_of
from tally import equal

UNKNOWN_BLOB = bytes([7] * 32)
BIG = "big.bin"
BIG_SIZE = 70_000


def media(size, seed):
    """Bytes that no two files share."""
    return bytes((i * i + i // 256 + seed * 7) % 256 for i in range(size))


def folder_files():
    """Small and large files around every limit, and enough of them for a list of more than one leaf."""
    sizes = {"empty.bin": 0, "one.bin": 1, "leaf.bin": 16384, "more.bin": 16385, "three.bin": 40_000, BIG: BIG_SIZE}
    files = {name: media(size, seed) for seed, (name, size) in enumerate(sizes.items())}
    files.update({f"small/{n}.bin": b"small %d\n" % n for n in range(70)})
    return files


class Fetch:
    """What is known of the feed: its link, its author's file, its files, and the client to ask."""

    def __init__(self, tally, client, link, author, first_length, files):
        self.tally, self.client, self.link, self.author = tally, client, link, author
        self.feed, self.first_length, self.files = link.feed, first_length, files
        self.length = len(author.records)
        self.path = f"/v1/feeds/{key.to_text(link.feed)}"

    def raw(self, path, limit=64 * wire.MIB):
        answer = self.client.ask("GET", path, limit=limit)
        equal(answer.status, 200, path)
        return answer.body

    def items(self):
        """The readable items of the feed by index."""
        found = {}
        for index, data in enumerate(self.author.records):
            record = record_page.read_record(data, index)
            if record["kind"] == "item":
                found[index] = record["body"]
        return found

    def retracted(self):
        """Which records are taken back, with their edits, and by which record."""
        by = {}
        for index, data in enumerate(self.author.records):
            record = record_page.read_record(data, index)
            if record["kind"] == "retract":
                by[record["body"]["target"]["index"]] = index
        return by

    def blob(self, name):
        """The hash of a file that was published."""
        return hash_of(self.files[name])
