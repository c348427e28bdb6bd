"""Record cases: records that are right, nearly right and wrong, of every kind, made from a table and never by chance
that cannot be repeated. What verdict each one gets is not said here: two implementations are asked."""

import random

import codec
import key
from record import make_record

KEY = key.public(bytes([31] * 32))
HASH = bytes(range(32))
SMALL_ORDER = bytes([1] + [0] * 31)
REFERENCE = {"index": 0, "link": HASH}
CREATOR = {"name": "n", "role": "r", "feed": KEY}
FILE = {
    "hash": HASH,
    "size": 5,
    "type": "t",
    "role": "main",
    "name": "n",
    "duration": 1,
    "width": 2,
    "height": 3,
    "codecs": "c",
    "language": "pt",
    "blurhash": "b",
}

# One whole body of each kind, with every field that the tables name.
BODIES = {
    "profile": {
        "name": "n",
        "about": "a",
        "avatar": FILE,
        "links": ["l"],
        "language": "pt",
        "licence": "CC0-1.0",
        "recovery": HASH,
    },
    "item": {
        "title": "t",
        "text": "x",
        "creators": [CREATOR],
        "tags": ["a"],
        "published": 0,
        "language": "pt",
        "licence": "l",
        "collection": {"feed": KEY, **REFERENCE},
        "position": 0,
        "place": "geo:0,0",
        "sensitive": True,
        "path": "a/b",
        "files": [FILE],
        "edits": REFERENCE,
        "ext": {"a": 1},
    },
    "retract": {"target": {"index": 1, "link": HASH}, "reason": "r"},
    "listing": {
        "feed": KEY,
        "first": HASH,
        "hints": ["h"],
        "title": "t",
        "note": "n",
        "tags": ["a"],
        "catalogue": True,
        "head": b"h",
    },
    "collection": {"title": "t", "text": "x", "items": [REFERENCE, {"feed": KEY, **REFERENCE}]},
    "moved": {"feed": KEY},
    "state": {"anything": [1, "a", None]},
    "": {},
}

# What is put in the place of every field, element and map.
VALUES = [
    0,
    1,
    2**40 - 1,
    2**40,
    2**44,
    2**44 + 1,
    codec.INTEGER_MAX,
    "",
    "a",
    "../a",
    b"",
    b"h" * 16,
    HASH,
    KEY,
    SMALL_ORDER,
    b"\xff" * 32,
    HASH + b"\0",
    bytes(1024),
    bytes(1025),
    None,
    True,
    False,
    [],
    [""],
    [0],
    [REFERENCE],
    [{}],
    {},
    {"!": 0},
    {"a!": 0},
    REFERENCE,
    {"index": 2**40, "link": HASH},
    {"index": 0, "link": HASH, "feed": SMALL_ORDER},
    {"index": 0, "link": HASH, "feed": KEY},
    {"index": 0, "link": HASH, "feed": None},
    {"index": 0, "link": HASH, "other": 1},
    FILE,
]

PATHS = (
    ["", "/", "/a", "a/", "a//b", ".", "..", "...", "a/.", "a/..", "./a", "a/../b", ".a", "a\\b", "a b", " ", "C:", "~"]
    + [f"a{chr(c)}b" for c in (0, 9, 10, 13, 27, 31, 32, 126, 127, 128, 159, 160, 0x61C, 0x200E, 0x200F, 0x2028)]
    + [f"{chr(c)}" for c in (0x2029, 0x202A, 0x202E, 0x202F, 0x2065, 0x2066, 0x2069, 0x206A, 0xFEFF, 0xFFFF, 0x10FFFF)]
    + ["a" * 255, "a" * 256, "é" * 127, "é" * 128, "a" * 254 + "é", "a/" + "b" * 256]
    + ["/".join(["a" * 255] * 16), "/".join(["a" * 255] * 16) + "b", "/".join(["a" * 255] * 15 + ["a" * 254, "b"])]
)


def _spots(value):
    """Every spot in a body, as the way that leads to it."""
    entries = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for name, one in entries:
        yield [name]
        for way in _spots(one):
            yield [name, *way]


def _with(value, way, new):
    """A copy with something else at one spot; the spot is gone if it is a map's and `new` is nothing."""
    copy = dict(value) if type(value) is dict else list(value)
    name, rest = way[0], way[1:]
    if rest:
        copy[name] = _with(copy[name], rest, new)
    elif new is _with:
        del copy[name]
    else:
        copy[name] = new
    return copy


def _bodies():
    """Bodies by kind: whole, without each field, and with each value in each place."""
    for kind, body in BODIES.items():
        yield kind, body
        for way in _spots(body):
            yield kind, _with(body, way, _with)
            for value in VALUES:
                yield kind, _with(body, way, value)
        for value in VALUES:
            yield kind, value
        yield kind, {**body, "other": [{"deep": {"!": None}}]}
        yield kind, {**body, "other": [{"deep": {"a!": None}}]}
    for path in PATHS:
        yield "item", {"title": "", "path": path}
    for index in (0, 1, 2, 10**4, 10**6, 2**40 - 1):
        yield "item", {"title": "", "edits": {"index": index, "link": HASH}}
        yield "retract", {"target": {"index": index, "link": HASH}}
        yield "item", {"title": "", "collection": {"index": index, "link": HASH}}


def _wholes():
    """Records with another frame than a body of some kind."""
    whole = {"body": {"title": "t"}, "kind": "item", "salt": bytes(16), "time": 5}
    for name in whole:
        yield {one: value for one, value in whole.items() if one != name}
        for value in VALUES:
            yield {**whole, name: value}
    yield {**whole, "other": {"!": 1}}
    yield {**whole, "!": 1}
    yield {**whole, "": 1}
    yield from ([whole], [{"!": 0}], "item", b"", 0, None, {}, {"!": 0}, {"a": {"!a": {}}})


def _nested(depth, inside=b"\x80"):
    """A record whose ext is nested so that its innermost array is at this depth."""
    return _raw(b"\x81" * (depth - 3) + inside)


def _raw(other):
    """An item with these bytes as `other` in its body."""
    return (
        b"\xa4\x64body\xa2\x65other" + other + b"\x65title\x61t\x64kind\x64item\x64salt\x50" + bytes(16) + b"\x64time\x05"
    )


def _coded():
    """Records whose bytes are at the edge of the codec."""
    for depth in range(3, 20):
        for inside in (b"\x80", b"\xa0", b"\x00", b"\x81\x00"):
            yield _nested(depth, inside)
    # A record with an array of n has n + 8 values: the record, body, other, its elements, title, kind, salt, time.
    for count in (4087, 4088, 4089, 4090, 4091):
        yield _raw(b"\x99" + count.to_bytes(2, "big") + bytes(count))
    base = len(_raw(b"\x59\x00\x00"))
    for size in (65535, 65536):
        yield _raw(b"\x59" + (size - base).to_bytes(2, "big") + bytes(size - base))
    for other in (
        "00 17 1817 1818 18ff 1900ff 190100 19ffff 1a0000ffff 1a00010000 1affffffff 1b00000000ffffffff 1b0000000100000000 "
        "1b001fffffffffffff 1b0020000000000000 1bffffffffffffffff 1c 1d 1e 1f 20 37 3800 3b0000000000000000 "
        "40 4161 580161 5817 581800 5f 5fff 5f4161ff 60 6161 7801 61c3 62c328 62c3a9 63e28080 63eda080 63edbfbf 64f0908080 "
        "64f48fbfbf 64f4908080 62c080 64f8808080 6100 617f 63efbfbf 7f 7fff 80 8100 980100 9800 9f 9fff 9f00ff "
        "a0 a16000 a1616100 a20000 a26161006161 a2616100616100 a261610061620000 a2616200616100 a262616100616200 "
        "a261620062616100 a1000 a1400000 a1f600 b80161610 bf bfff c000 c1 d82a4100 e0 f0 f3 f4 f5 f6 f7 f800 f8ff f818 f90000 "
        "f93c00 fa00000000 fb0000000000000000 fc fd fe ff 9b0000000100000000 bb8000000000000000 5bffffffffffffffff"
    ).split():
        if len(other) % 2 == 0:
            yield _raw(bytes.fromhex(other))


def _turned(count):
    """Whole records with one to three bytes changed, in an order that is the same every time."""
    chance = random.Random(20260101)
    kinds = [kind for kind in BODIES if kind]
    for _ in range(count):
        kind = chance.choice(kinds)
        data = bytearray(make_record(kind, 7, bytes(16), BODIES[kind]))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            what = chance.randrange(4)
            if what == 0:
                data[at] = chance.randrange(256)
            elif what == 1:
                data[at] ^= 1 << chance.randrange(8)
            elif what == 2:
                del data[at]
            else:
                data.insert(at, chance.randrange(256))
        yield bytes(data)


def records():
    """All of them, as bytes."""
    for kind, body in _bodies():
        yield make_record(kind, 1, bytes(16), body)
    for whole in _wholes():
        yield codec.encode(whole)
    yield from _coded()
    yield from _turned(1500)
