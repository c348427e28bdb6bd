"""Succession: handing a feed over with a recovery key. Format: spec/succession.md."""

from collections import namedtuple

import codec
import key
from blake3_tree import hash_of
from codec import Refused, is_bytes, require
from head import LENGTH_MAX, check_body, check_size
from record import read_record

SUCCESSION_BYTES_MAX = 8192

Succession = namedtuple("Succession", "feed next root time length recovery wire")


def check_succession(data, feed=None):
    """A succession, of this feed if one is given."""
    check_size(data, SUCCESSION_BYTES_MAX)
    whole = codec.decode_structure(data, "succession-1")
    require(type(whole) is list and len(whole) == 4, "succession-1")
    _, raw, by_recovery, by_next = whole
    require(is_bytes(raw) and is_bytes(by_recovery, 64) and is_bytes(by_next, 64), "succession-1")
    body = check_body(raw, {"feed", "next", "root", "recovery"}, {"time", "length"})
    require(1 <= body["length"] <= LENGTH_MAX, "head-4")
    for name in ("feed", "next", "recovery"):
        key.check_key(body[name])
    require(len({body["feed"], body["next"], body["recovery"]}) == 3, "succession-2")
    key.check_signature(body["recovery"], key.SUCCESSION_CONTEXT, raw, by_recovery)
    key.check_signature(body["next"], key.SUCCESSION_CONTEXT, raw, by_next)
    require(feed is None or body["feed"] == feed, "head-5")
    return Succession(**body, wire=data)


def check_recovery(succession, record_0):
    """succession-3: held against record 0 of the feed."""
    try:
        record = read_record(record_0, 0)
    except Refused:
        raise Refused("succession-3", "record 0 is unreadable") from None
    require(record["kind"] == "profile", "succession-3", "record 0 is no profile")
    due = record["body"].get("recovery")
    require(due is not None and hash_of(succession.recovery) == due, "succession-3")


def make_succession(recovery_secret, next_secret, feed, root, time, length):
    """Signs a succession; gives its bytes."""
    body = codec.encode(
        {
            "feed": feed,
            "next": key.public(next_secret),
            "root": root,
            "time": time,
            "length": length,
            "recovery": key.public(recovery_secret),
        }
    )
    signatures = [key.sign(secret, key.SUCCESSION_CONTEXT, body) for secret in (recovery_secret, next_secret)]
    return codec.encode([1, body, *signatures])
