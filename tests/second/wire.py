"""Wire: the structures that only travel, and a client that checks what it gets. Format: spec/wire.md.

One connection for each request, nothing is kept between two; whoever wants it faster uses another client.
"""

import http.client
import urllib.parse

import bundle as bundle_page
import codec
import fork as fork_page
import head as head_page
import key
import list as list_page
import slice as slice_page
import succession as succession_page
from blake3_tree import hash_of
from codec import Refused, is_bytes, is_integer, require

MIB = 1024 * 1024
FEEDS_BYTES_MAX = MIB
LATEST_BYTES_MAX = 10 * MIB
HAVE_BYTES_MAX = 5 * MIB
HEAD_ANSWER_BYTES_MAX = 16_384
BATCH_BYTES_MAX = 64 + 512 * (16384 + 8)
BATCH_HASHES_MAX = 512
BATCH_BLOB_BYTES_MAX = 16384
FEEDS_HEADS_MAX = 512
PROOF_BYTES_MAX = 256 * MIB
WAIT_SECONDS_MAX = 50
WATCH_FEEDS_MAX = 4096
WATCH_FRAME_BYTES_MAX = 16384
PEERS_MAX = 32
PEER_BYTES_MAX = 255


# Structures


def read_feeds(data):
    """The valid heads of a page of feeds. Each is a claim of its own: one that is none costs nothing but itself."""
    whole = codec.decode_structure(data, "wire-1", codec.LIST_VALUES_MAX)
    require(type(whole) is list and len(whole) == 2 and type(whole[1]) is list, "wire-1")
    require(len(whole[1]) <= FEEDS_HEADS_MAX and all(is_bytes(one) for one in whole[1]), "wire-1")
    heads = []
    for one in whole[1]:
        try:
            heads.append(head_page.check_head(one))
        except Refused:
            continue
    return heads


def read_have(data):
    """The size of a blob, as claimed, and the runs of leaves that are there."""
    whole = codec.decode_structure(data, "wire-1")
    require(type(whole) is list and len(whole) == 3, "wire-1")
    _, size, raw = whole
    require(is_integer(size) and is_bytes(raw) and len(raw) % 16 == 0, "wire-1")
    numbers = [int.from_bytes(raw[i : i + 8], "big") for i in range(0, len(raw), 8)]
    runs = [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]
    for i, (start, end) in enumerate(runs):
        require(start < end, "wire-1", "an empty run")
        require(i == 0 or runs[i - 1][1] < start, "wire-1", "no gap between runs")
    return size, runs


def make_have(size, runs):
    """The answer to `have`."""
    raw = b"".join(number.to_bytes(8, "big") for run in runs for number in run)
    return codec.encode([1, size, raw])


def read_batch_request(data):
    """The hashes of a batch request."""
    whole = codec.decode_structure(data, "wire-1")
    require(type(whole) is list and len(whole) == 2 and is_bytes(whole[1]), "wire-1")
    require(len(whole[1]) % 32 == 0 and len(whole[1]) <= 32 * BATCH_HASHES_MAX, "wire-1")
    return [whole[1][i : i + 32] for i in range(0, len(whole[1]), 32)]


def read_watch_request(data):
    """The feeds of a request for news: key, records that the asker has, tag or None."""
    whole = codec.decode_structure(data, "wire-1", 4 * (WATCH_FEEDS_MAX + 1) + 16)
    require(type(whole) is list and len(whole) == 2 and type(whole[1]) is list, "wire-1")
    require(1 <= len(whole[1]) <= WATCH_FEEDS_MAX, "wire-1")
    for one in whole[1]:
        require(type(one) is list and len(one) == 3, "wire-1")
        feed, have, tag = one
        require(is_bytes(feed) and len(feed) == 32 and is_integer(have), "wire-1")
        require(tag is None or (is_bytes(tag) and len(tag) == 16), "wire-1")
    keys = [one[0] for one in whole[1]]
    require(all(before < after for before, after in zip(keys, keys[1:])), "wire-1")
    return [tuple(one) for one in whole[1]]


def read_watch_frames(data, feeds):
    """The frames of a stream of news: None for a sign of life, else (at, kind, content)."""
    frames = []
    while data:
        require(len(data) >= 4, "codec-1", "a length is cut")
        length = int.from_bytes(data[:4], "big")
        require(length <= WATCH_FRAME_BYTES_MAX, "wire-2")
        require(len(data) >= 4 + length, "codec-1", "a frame is cut")
        frame, data = data[4 : 4 + length], data[4 + length :]
        if not frame:
            frames.append(None)
            continue
        whole = codec.decode_structure(frame, "wire-1")
        require(type(whole) is list and len(whole) == 4, "wire-1")
        _, kind, at, content = whole
        require(is_integer(kind) and is_integer(at) and is_bytes(content), "wire-1")
        require(at < feeds and (kind != 0 or not content), "wire-1")
        frames.append((at, kind, content))
    return frames


def read_peers(data):
    """The addresses of those who serve a feed: hints."""
    whole = codec.decode_structure(data, "wire-1", PEERS_MAX + 8)
    require(type(whole) is list and len(whole) == 2 and type(whole[1]) is list, "wire-1")
    require(len(whole[1]) <= PEERS_MAX, "wire-1")
    require(all(type(one) is str and len(one.encode()) <= PEER_BYTES_MAX for one in whole[1]), "wire-1")
    return whole[1]


def read_announce(data):
    """The port of an announcement."""
    whole = codec.decode_structure(data, "wire-1")
    require(type(whole) is list and len(whole) == 2 and is_integer(whole[1]), "wire-1")
    require(1 <= whole[1] <= 65535, "wire-1")
    return whole[1]


def make_batch_request(hashes):
    """A batch request."""
    return codec.encode([1, b"".join(hashes)])


def read_batch_answer(data, hashes):
    """The blobs of a batch answer, None for each that was not there."""
    whole = codec.decode_structure(data, "wire-1", codec.LIST_VALUES_MAX)
    require(type(whole) is list and len(whole) == 2 and type(whole[1]) is list, "wire-1")
    require(len(whole[1]) == len(hashes), "wire-1", f"{len(whole[1])} for {len(hashes)} hashes")
    require(all(one is None or is_bytes(one) for one in whole[1]), "wire-1")
    require(all(one is None or len(one) <= BATCH_BLOB_BYTES_MAX for one in whole[1]), "wire-1", "a large blob")
    for one, due in zip(whole[1], hashes):
        require(one is None or hash_of(one) == due, "wire-3", due.hex())
    return whole[1]


def head_tag(head_wire):
    """The ETag of a head's answer, with its quotes."""
    return '"' + hash_of(head_wire)[:16].hex() + '"'


# Client


class Answer:
    """What a peer said. `header` names are in lower case."""

    def __init__(self, status, header, body):
        self.status = status
        self.header = header
        self.body = body


class Client:
    """Asks one peer, and checks what it says."""

    def __init__(self, address):
        parts = urllib.parse.urlsplit(address)
        assert parts.scheme == "http"
        self.host, self.port = parts.hostname, parts.port or 80
        self.path = parts.path.rstrip("/")

    def ask(self, method, path, body=None, limit=64 * MIB, **header):
        """One request. Keywords are headers, `_` for `-`."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            names = {name.replace("_", "-"): value for name, value in header.items()}
            connection.request(method, self.path + path, body, {"Accept-Encoding": "identity", **names})
            answer = connection.getresponse()
            data = answer.read(limit + 1)
            require(len(data) <= limit, "wire-2", f"more than {limit} bytes")
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, data)
        finally:
            connection.close()

    def _get(self, path, limit, **header):
        answer = self.ask("GET", path, limit=limit, **header)
        assert answer.status in (200, 206), f"{path}: {answer.status} {answer.body!r}"
        return answer.body

    def feeds(self, after=None):
        """One page of feeds."""
        query = f"?after={key.to_text(after)}" if after else ""
        return read_feeds(self._get("/v1/feeds" + query, FEEDS_BYTES_MAX))

    def head(self, feed, have=0):
        """The newest head, with its slice."""
        path = f"/v1/feeds/{key.to_text(feed)}/head?have={have}"
        return list_page.check_answer(self._get(path, HEAD_ANSWER_BYTES_MAX), feed, have)

    def bundle(self, feed, start, end, at=None):
        """The records start..end, or fewer."""
        query = f"?from={start}&to={end}" + (f"&at={at}" if at else "")
        raw = self._get(f"/v1/feeds/{key.to_text(feed)}/bundle{query}", bundle_page.BUNDLE_BYTES_MAX)
        bundle = bundle_page.check_bundle(raw, feed)
        bundle_page.check_asked(bundle, start, end)
        return bundle

    def take_up(self, feed, newest, link_first=None):
        """Record 0 and the newest records, from a peer of a feed that nothing is known of."""
        raw = self._get(f"/v1/feeds/{key.to_text(feed)}/bundle?latest={newest}", LATEST_BYTES_MAX)
        return bundle_page.take_up(raw, feed, link_first)

    def fork(self, feed):
        """The fork proof."""
        return fork_page.check_fork(self._get(f"/v1/feeds/{key.to_text(feed)}/fork", fork_page.FORK_BYTES_MAX), feed)

    def succession(self, feed):
        """The succession."""
        path = f"/v1/feeds/{key.to_text(feed)}/succession"
        return succession_page.check_succession(self._get(path, succession_page.SUCCESSION_BYTES_MAX), feed)

    def pairs(self, blob, start, end, size):
        """The proof for the bytes start..end of a blob of this size, checked against its hash."""
        first_leaf, leaves_end = slice_page.blob_range(start, end, size)
        path = f"/v1/blobs/{blob.hex()}/proof?from={start}&to={end}"
        raw = self._get(path, 64 * (leaves_end - first_leaf + 64))
        return slice_page.Proof(size, slice_page.BLOB_LEAF, [(first_leaf, leaves_end)], blob, raw)

    def claimed_size(self, blob):
        """The size that the peer names."""
        return read_have(self._get(f"/v1/blobs/{blob.hex()}/have", HAVE_BYTES_MAX))[0]

    def blob_range(self, blob, start, end):
        """The bytes start..end, not checked yet."""
        answer = self.ask("GET", f"/v1/blobs/{blob.hex()}", limit=64 * MIB, Range=f"bytes={start}-{end - 1}")
        assert answer.status in (200, 206)
        return answer.body if answer.status == 206 else answer.body[start:end]

    def batch(self, hashes):
        """Many small blobs."""
        answer = self.ask("POST", "/v1/blobs", make_batch_request(hashes), limit=BATCH_BYTES_MAX)
        assert answer.status == 200, answer.body
        return read_batch_answer(answer.body, hashes)

    def blob(self, blob, size):
        """The bytes of a blob, by the steps of spec/wire.md: each leaf is checked before the next one is asked for."""
        if size <= BATCH_BLOB_BYTES_MAX:
            data = self._get(f"/v1/blobs/{blob.hex()}", BATCH_BLOB_BYTES_MAX)
            require(hash_of(data) == blob, "slice-4")
            return data
        last_start = (size - 1) // slice_page.BLOB_LEAF * slice_page.BLOB_LEAF
        last = self.pairs(blob, last_start, size, size)
        last.check_leaf(last.count - 1, self.blob_range(blob, last_start, size))
        whole = self.pairs(blob, 0, size, size)
        data = b""
        for leaf in range(whole.count):
            start, end = slice_page.leaf_bounds(leaf, size, slice_page.BLOB_LEAF)
            piece = self.blob_range(blob, start, end)
            whole.check_leaf(leaf, piece)
            data += piece
        return data
