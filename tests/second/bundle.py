"""Bundle: records that prove themselves. Format: spec/bundle.md."""

from collections import namedtuple

import codec
import head as head_page
import slice as slice_page
from codec import Refused, is_bytes, is_integer, require
from list import HASH_BYTES, LEAF_HASHES, link_hash
from record import RECORD_BYTES_MAX

BUNDLE_BYTES_MAX = 5 * 1024 * 1024
SLOTS_MAX = 16384

# `records` and `links` by index; a withheld record is None, with its hint, or None, in `hints`.
Bundle = namedtuple("Bundle", "head start end records links hints proves_length proof leaves")


def bounds(start, end, length):
    """The leaves of a bundle, and the hashes of its edges before and after, all as (from, to)."""
    first_leaf = (start - 1) // LEAF_HASHES if start > 0 else 0
    leaves_end = -(-end // LEAF_HASHES)
    before = LEAF_HASHES * first_leaf, start
    after = end, min(LEAF_HASHES * leaves_end, length)
    return (first_leaf, leaves_end), before, after


def make_bundle(head_wire, length, hashes, start, slots):
    """A bundle of a server that has the whole list. A slot is a record, or [hash], or [hash, hint]."""
    leaves, before, after = bounds(start, start + len(slots), length)
    hashes = hashes[: HASH_BYTES * length]
    edges = b"".join(hashes[HASH_BYTES * a : HASH_BYTES * b] for a, b in (before, after))
    pairs = slice_page.make_pairs(hashes, slice_page.LIST_LEAF, [leaves])
    return codec.encode([1, head_wire, start, slots, edges, pairs])


def check_slot(slot):
    if is_bytes(slot):
        return
    require(type(slot) is list and len(slot) in (1, 2) and is_bytes(slot[0], 32), "bundle-3")
    require(len(slot) == 1 or is_integer(slot[1]), "bundle-3")


def check_bundle(data, feed=None):
    """A bundle, on its own."""
    head_page.check_size(data, BUNDLE_BYTES_MAX)
    whole = codec.decode_structure(data, "bundle-1", codec.BUNDLE_VALUES_MAX)
    require(type(whole) is list and len(whole) == 6, "bundle-1")
    _, head_wire, start, slots, edges, pairs = whole
    require(is_bytes(head_wire) and is_integer(start) and type(slots) is list, "bundle-1")
    require(is_bytes(edges) and is_bytes(pairs), "bundle-1")
    require(1 <= len(slots) <= SLOTS_MAX, "bundle-2")
    for slot in slots:
        check_slot(slot)
        require(not is_bytes(slot) or len(slot) <= RECORD_BYTES_MAX, "bundle-5")
    head = head_page.check_head(head_wire, feed)
    end = start + len(slots)
    require(end <= head.length, "bundle-4", f"{end} of {head.length}")
    for i, slot in enumerate(slots):
        if type(slot) is list and len(slot) == 2:
            require(start + i < slot[1] < head.length, "bundle-8", f"slot {i}")
    return _check_hashes(head, start, end, slots, edges, pairs)


def _check_hashes(head, start, end, slots, edges, pairs):
    leaf_range, before, after = bounds(start, end, head.length)
    before_bytes = HASH_BYTES * (before[1] - before[0])
    after_bytes = HASH_BYTES * (after[1] - after[0])
    require(len(edges) == before_bytes + after_bytes, "bundle-6", f"{len(edges)} bytes")
    previous = head.feed if start == 0 else edges[before_bytes - HASH_BYTES : before_bytes]
    records, links, hints = {}, {}, {}
    for i, slot in enumerate(slots, start):
        if is_bytes(slot):
            records[i], hints[i] = slot, None
            previous = link_hash(previous, slot)
        else:
            records[i], hints[i] = None, slot[1] if len(slot) == 2 else None
            previous = slot[0]
        links[i] = previous
    hashes = edges[:before_bytes] + b"".join(links.values()) + edges[before_bytes:]
    proof = slice_page.Proof(HASH_BYTES * head.length, slice_page.LIST_LEAF, [leaf_range], head.root, pairs)
    leaves = proof.check_leaves(hashes)
    if leaf_range[0] == 0:
        require(hashes[:HASH_BYTES] == head.first, "list-3")
    proves_length = leaf_range[1] == -(-head.length // LEAF_HASHES)
    return Bundle(head, start, end, records, links, hints, proves_length, proof, leaves)


def check_asked(bundle, start, end):
    """list-5: a bundle that answers a request for start..end."""
    require(bundle.start == start and bundle.end <= end, "list-5", f"{bundle.start}..{bundle.end}")


def split_latest(data):
    """The bundles that stand in a row, unchecked: each is one CBOR value. Empty if there is none."""
    pieces = []
    while data:
        codec.check_version(data, "wire-1")
        try:
            _, end = codec.decode_first(data, codec.BUNDLE_VALUES_MAX)
        except Refused as refused:
            # What is cut is no row of bundles; all else that the codec refuses is the fault of the bundle.
            raise Refused("wire-1" if refused.must == "codec-1" else refused.must, refused.why) from None
        pieces.append(data[:end])
        data = data[end:]
    return pieces


def latest_sizes(data):
    """How many bytes each bundle of an answer to `latest` has."""
    pieces = split_latest(data)
    require(1 <= len(pieces) <= 2, "wire-1", f"{len(pieces)} bundles")
    return [len(piece) for piece in pieces]


def check_latest(data, feed):
    """The answer to `latest`: one or two bundles in a row."""
    latest_sizes(data)
    bundles = [check_bundle(piece, feed) for piece in split_latest(data)]
    require(bundles[0].start == 0, "wire-1", "begins elsewhere")
    require(all(one.head.wire == bundles[0].head.wire for one in bundles), "wire-1", "two heads")
    return bundles


def take_up(data, feed, link_first=None):
    """Taking a feed up from the answer to `latest`; gives the bundles."""
    bundles = check_latest(data, feed)
    require(bundles[0].records[0] is not None, "list-6")
    first = bundles[0].head.first
    require(link_first is None or first[:16] == link_first, "link-6")
    require(bundles[-1].proves_length, "list-4")
    return bundles
