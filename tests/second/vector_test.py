"""Vector test: every file of spec/vectors, its verdict, the MUST of a refusal, what an accepted one says, and the bytes
that must not be changed.

What the files are is in spec/vectors/README.md, and a table in vector_forms.py has one line for each form. To turn every
bit that the files list takes this code two hours; so it turns 24 of each file, or $SECOND_FLIPS, or all of them.
"""

import collections
import os
import pathlib

from codec import Refused
from tally import equal
from vector_forms import FORMS

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "spec" / "vectors"
FLIPS_MAX = os.environ.get("SECOND_FLIPS", "24")
FLIPS_MAX = 10**9 if FLIPS_MAX == "all" else int(FLIPS_MAX)


class Vector:
    """One file."""

    def __init__(self, path):
        self.name = f"{path.parent.name}/{path.stem}"
        self.noun = path.parent.name
        header, self.data = path.read_bytes().split(b"\n\n", 1)
        self.header = collections.defaultdict(list)
        for line in header.decode().split("\n"):
            name, _, value = line.partition(": ")
            self.header[name].append(value)
        self.expect = self.header["expect"][0]
        self.form = self.header["form"][0] if "form" in self.header else ""

    def text(self, name, default=None):
        """A header that comes once."""
        return self.header[name][0] if name in self.header else default

    def number(self, name):
        return int(self.text(name))

    def hex(self, name, default=None):
        return bytes.fromhex(self.text(name)) if name in self.header else default

    def rows(self):
        """The lines of a table, as maps."""
        columns = self.text("columns").split(" ")
        return [dict(zip(columns, line.split(" "))) for line in self.data.decode().splitlines()]


# Headers that say what is given, by noun and form; all others say what has to come out.
GIVEN = {
    ("key", "signature"): {"key", "context", "message"},
    ("record", ""): {"index"},
    ("head", ""): {"asked"},
    ("list", "links"): {"feed"},
    ("list", "whole"): {"head"},
    ("list", "record"): {"feed", "index", "before", "link"},
    ("list", "answer"): {"feed", "have"},
    ("slice", "list"): {"root", "length", "from", "to", "pairs-bytes"},
    ("slice", "blob"): {"hash", "size", "from", "to", "pairs-bytes"},
    ("bundle", ""): {"feed"},
    ("succession", ""): {"named"},
    ("wire", "blobs"): {"asked"},
    ("wire", "frames"): {"feeds"},
    ("static", "page"): {"feed", "answer", "page"},
    ("static", "list"): {"feed", "answer", "page"},
    ("static", "tile"): {"feed", "answer", "tile"},
    ("feed", ""): {"feed", "now", "link-first", "step"},
}


def replay(vector):
    """One vector: its verdict, its MUST, what comes out."""
    test = FORMS[vector.noun, vector.form]
    try:
        out = test(vector, vector.data)
    except Refused as refused:
        got = ("unreadable " if vector.noun == "record" else "refuse ") + refused.must
        assert got == vector.expect, f"{got}, due {vector.expect} ({refused.why})"
        return
    equal("accept", vector.expect)
    about = {"expect", "why", "form", "flip", "columns"} | GIVEN.get((vector.noun, vector.form), set())
    for name, due in vector.header.items():
        if name not in about:
            equal(out.get(name), due, name)


def flips(vector):
    """The bits that are turned, as (offset, bit): all of them, or as many as there may be, spread over all offsets."""
    offsets = []
    for piece in vector.text("flip", "").split(","):
        if piece:
            first, last = map(int, piece.split("-"))
            offsets += range(first, last + 1)
    if len(offsets) * 8 <= FLIPS_MAX:
        return [(offset, bit) for offset in offsets for bit in range(8)]
    step = max(1, len(offsets) // FLIPS_MAX)
    return [(offset, offset % 8) for offset in offsets[::step]]


def turn(vector):
    """Every bit that the vector lists, or some."""
    test = FORMS[vector.noun, vector.form]
    for offset, bit in flips(vector):
        data = bytearray(vector.data)
        data[offset] ^= 1 << bit
        try:
            test(vector, bytes(data))
        except Refused:
            continue
        except AssertionError:
            # Of a feed: an answer that was due to be accepted is not what it was.
            if vector.noun == "feed":
                continue
            raise
        raise AssertionError(f"accepted with bit {bit} of byte {offset} turned")


def test_all(tally):
    """All files."""
    paths = sorted(VECTORS.glob("*/*.vec"))
    assert paths, "there are no vectors"
    for path in paths:
        vector = Vector(path)
        tally.check(f"{vector.name}: {vector.text('why')}", replay, vector)
    for path in paths:
        vector = Vector(path)
        if "flip" in vector.header:
            tally.check(f"{vector.name}: with a bit turned it is refused", turn, vector)
