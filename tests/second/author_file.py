"""Author's file: what an own feed is made again from. Format: spec/author-file.md.

Reads whole files only; what to do with a torn end is the business of the program that writes them.
"""

from collections import namedtuple

from blake3_tree import hash_of
from head import check_head
from list import HASH_BYTES, link_hash

TEXT = b"levada author file v1\n"
HEADER, RECORD, HEAD, BLOB, LINK = 1, 2, 3, 4, 5
SIZE_MAX = {HEADER: 54, RECORD: 65536, HEAD: 1024, BLOB: 16384, LINK: HASH_BYTES}

AuthorFile = namedtuple("AuthorFile", "feed records hashes heads blobs")


class Torn(Exception):
    """A frame that does not hold; `at` is where it begins."""

    def __init__(self, at, why):
        super().__init__(f"torn at byte {at}: {why}")
        self.at = at


def read_frames(data):
    """All frames as (offset, tag, payload)."""
    at = 0
    while at < len(data):
        tag, size = data[at], int.from_bytes(data[at + 1 : at + 5], "little")
        end = at + 5 + size
        if tag not in SIZE_MAX or size > SIZE_MAX[tag]:
            raise Torn(at, f"tag {tag}, {size} bytes")
        if len(data) < end + 8:
            raise Torn(at, "not whole")
        if hash_of(data[at:end])[:8] != data[end : end + 8]:
            raise Torn(at, "wrong check")
        yield at, tag, data[at + 5 : end]
        at = end + 8


def read_author_file(data):
    """Everything that an author's file holds, every head held against the records before it; None for a record of which
    only the link hash is there."""
    feed, before = None, None
    records, hashes, heads, blobs = [], b"", [], {}
    for at, tag, payload in read_frames(data):
        if (tag == HEADER) != (at == 0):
            raise Torn(at, "the header is first, and nowhere else")
        if tag == HEADER:
            if len(payload) != len(TEXT) + 32 or not payload.startswith(TEXT):
                raise Torn(at, "no header")
            feed = before = payload[len(TEXT) :]
        elif tag == RECORD:
            before = link_hash(before, payload)
            records.append(payload)
            hashes += before
        elif tag == LINK:
            if len(payload) != HASH_BYTES:
                raise Torn(at, "no link hash")
            before = payload
            records.append(None)
            hashes += before
        elif tag == HEAD:
            head = check_head(payload, feed)
            if head.length != len(records) or head.root != hash_of(hashes) or head.first != hashes[:HASH_BYTES]:
                raise Torn(at, "a head of other records")
            heads.append(head)
        else:
            blobs[hash_of(payload)] = payload
    return AuthorFile(feed, records, hashes, heads, blobs)
