"""Head: the author's signed statement about a feed. Format: spec/head.md.

Whether a head is newer than another is list.py's question.
"""

from collections import namedtuple

import codec
import key
from codec import is_bytes, is_integer, require

HEAD_BYTES_MAX = 1024
LENGTH_MAX = 2**40

Head = namedtuple("Head", "feed root time bytes first media length body wire")

HASHES = {"feed", "root", "first"}
INTEGERS = {"time", "bytes", "media", "length"}


def check_size(data, limit):
    """bundle-7: the limit on bytes, which comes before all else."""
    require(len(data) <= limit, "bundle-7", f"{len(data)} bytes")


def check_body(raw, hashes, integers):
    """A signed body: a map with exactly these keys, each with its type, and a length in its bounds but for head-4."""
    body = codec.decode(raw)
    require(type(body) is dict and set(body) == hashes | integers, "head-3", "not the keys of a body")
    for name in hashes:
        require(is_bytes(body[name], 32), "head-3", name)
    for name in integers:
        require(is_integer(body[name]), "head-3", name)
    return body


def check_head(data, feed=None):
    """A head in wire form, of this feed if one is given."""
    check_size(data, HEAD_BYTES_MAX)
    whole = codec.decode_structure(data, "head-1")
    require(type(whole) is list and len(whole) == 3, "head-1")
    _, raw, signature = whole
    require(is_bytes(raw) and is_bytes(signature, 64), "head-1")
    body = check_body(raw, HASHES, INTEGERS)
    key.check_key(body["feed"])
    require(1 <= body["length"] <= LENGTH_MAX, "head-4")
    key.check_signature(body["feed"], key.HEAD_CONTEXT, raw, signature)
    require(feed is None or body["feed"] == feed, "head-5")
    return Head(**body, body=raw, wire=data)


def make_head(secret, root, time, bytes, first, media, length):
    """Signs a head; gives its wire form."""
    body = codec.encode(
        {
            "feed": key.public(secret),
            "root": root,
            "time": time,
            "bytes": bytes,
            "first": first,
            "media": media,
            "length": length,
        }
    )
    return codec.encode([1, body, key.sign(secret, key.HEAD_CONTEXT, body)])
