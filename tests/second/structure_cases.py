"""Structure cases: bundles, head answers, fork proofs and successions that are right, nearly right and wrong, signed
anew where a signature is due. What verdict each one gets is not said here: two implementations are asked.

The names say what was changed. Everything comes from two feeds of one key, `ana` and `other`, that part at record 2.
"""

import bundle as bundle_page
import codec
import fork as fork_page
import head as head_page
import key
import slice as slice_page
from author import Author
from blake3_tree import hash_of, parent, subtree_value
from record_cases import SMALL_ORDER
from variants import bodies, frames

SECRET, RECOVERY, NEXT = bytes([51] * 32), bytes([52] * 32), bytes([53] * 32)


def feed(length, is_other=False):
    """One of the two feeds."""
    author = Author(SECRET)
    author.append("profile", {"name": "cases"})
    author.append("item", {"title": "both"})
    while author.length < length:
        author.append("item", {"title": f"{'other' if is_other else 'ana'} {author.length}"})
    return author


def head_body(author, length=None):
    """The map of an honest head."""
    return codec.decode(codec.decode(author.head(length))[1])


def signed_head(raw, secret=SECRET, context=key.HEAD_CONTEXT):
    """A head over any bytes."""
    return codec.encode([1, raw, key.sign(secret, context, raw)])


def heads():
    """Heads of length 5 and around it, for a bundle of record 4 to carry."""
    body = head_body(feed(5))
    for name, raw in bodies(body):
        yield f"body: {name}", signed_head(raw)
    raw = codec.encode(body)
    signature = key.sign(SECRET, key.HEAD_CONTEXT, raw)
    for name, whole in frames([codec.encode(raw), codec.encode(signature)]):
        yield f"frame: {name}", whole
    s = int.from_bytes(signature[32:], "little")
    for name, other in {
        "S and L": signature[:32] + (s + key.L).to_bytes(32, "little"),
        "of another key": key.sign(NEXT, key.HEAD_CONTEXT, raw),
        "in another context": key.sign(SECRET, key.SUCCESSION_CONTEXT, raw),
        "without a context": key.sign(SECRET, b"", raw),
        "zero": bytes(64),
        "R of small order": SMALL_ORDER + signature[32:],
        "R not canonical": (key.P + 1).to_bytes(32, "little") + signature[32:],
        "S zero": signature[:32] + bytes(32),
    }.items():
        yield f"signature: {name}", codec.encode([1, raw, other])
    # A key of small order: the equation holds for S = k mod 8 = 0 and R = [S]B.
    for n in range(64):
        small = codec.encode({**body, "feed": SMALL_ORDER, "time": n})
        r = key.encode_point(key.multiply(n + 1, key.B))
        yield f"key of small order {n}", codec.encode([1, small, r + (n + 1).to_bytes(32, "little")])
        if n == 3:
            break


def bundles():
    """Bundles of five records, of a hundred, and with heads of all sorts."""
    five, hundred = feed(5), feed(100)
    edges, record = five.hashes[:128], five.records[4]
    for name, head in heads():
        yield f"head: {name}", codec.encode([1, head, 4, [record], edges, b""])
    elements = [codec.encode(one) for one in codec.decode(five.bundle(3, 5))[1:]]
    for name, whole in frames(elements):
        yield f"frame: {name}", whole
    link = [five.link_hash(index) for index in range(5)]
    rest = five.hashes[:96], b""
    for name, slots in {
        "withheld": [[link[3]], [link[4]]],
        "hint 4": [[link[3], 4], record],
        "hint 3": [[link[3], 3], record],
        "hint 5": [[link[3], 5], record],
        "hint 0": [[link[3], 0], record],
        "hint of the last": [five.records[3], [link[4], 5]],
        "hint null": [[link[3], None], record],
        "three in a slot": [[link[3], 4, 4], record],
        "none in a slot": [[], record],
        "a short link": [[link[3][:31]], record],
        "a long link": [[link[3] + b"\0"], record],
        "text in a slot": ["a", record],
        "null in a slot": [None, record],
        "a number in a slot": [3, record],
        "another record": [five.records[2], record],
        "another link": [[link[2]], record],
        "an empty record": [b"", record],
        "no slots": [],
        "one slot more": [five.records[3], record, b""],
        "one slot fewer": [five.records[3]],
    }.items():
        yield f"slots: {name}", codec.encode([1, five.head(), 3, slots, *rest])
    for start in (0, 1, 2, 4, 5, 6, 2**40 - 2, 2**40 - 1, 2**40, 2**53 - 2, 2**53 - 1):
        yield f"from {start}", codec.encode([1, five.head(), start, [five.records[3], record], *rest])
    for start, end in ((0, 1), (0, 100), (31, 33), (32, 33), (32, 64), (33, 36), (63, 65), (64, 65), (95, 97), (99, 100)):
        whole = codec.decode(hundred.bundle(start, end), codec.BUNDLE_VALUES_MAX)
        yield f"of 100: {start}..{end}", codec.encode(whole)
        for name, place, value in (
            ("edges empty", 4, b""),
            ("edges shorter", 4, whole[4][:-32]),
            ("edges longer", 4, whole[4] + bytes(32)),
            ("edges turned", 4, bytes(b ^ 1 for b in whole[4])),
            ("pairs shorter", 5, whole[5][:-64]),
            ("pairs longer", 5, whole[5] + bytes(64)),
            ("pairs turned", 5, whole[5][:-1] + bytes([whole[5][-1] ^ 1])),
        ):
            changed = whole[:place] + [value] + whole[place + 1 :]
            yield f"of 100: {start}..{end}, {name}", codec.encode(changed)
    yield from broken_bundles()
    yield from ghosts()
    yield from sizes()


def broken_bundles():
    """Feeds whose authors did what they should not."""
    for name, first in (("another first", bytes(32)), ("first of the other", feed(3, True).link_hash(2))):
        five = feed(5)
        head = signed_head(codec.encode({**head_body(five), "first": first}))
        yield f"{name}, leaf 0", codec.encode([1, head, 4, [five.records[4]], five.hashes[:128], b""])
        hundred = feed(100)
        head = signed_head(codec.encode({**head_body(hundred), "first": first}))
        for start in (0, 32, 33, 64):
            whole = codec.decode(hundred.bundle(start, start + 1))
            yield f"{name}, from {start}", codec.encode([1, head, *whole[2:]])
    five = feed(5)
    five.append_broken(bytes(32))
    five.append("item", {"title": "behind"})
    yield "a broken chain, withheld", five.bundle(5, 7)
    yield "a broken chain, with a record", codec.encode(
        [1, five.head(), 5, [b"", five.records[6]], five.hashes[:160], b""]
    )
    empty = Author(SECRET)
    empty.append_bytes(b"")
    yield "an empty record 0", empty.bundle(0, 1)


def ghosts():
    """A head of the greatest length, whose last leaf is made up, and one behind it."""
    for length in (2**40, 2**40 - 1, 2**40 + 1, 2**32 + 1):
        last = (length - 1) // 32
        leaf = b"".join(hash_of(bytes([n])) for n in range(length - 32 * last))
        value, pairs = subtree_value(leaf, last, False), []
        start, count, way = 0, -(-length // 32), []
        while count > 1:
            left = slice_page.left_count(count)
            way.append(last >= start + left)
            start, count = (start + left, count - left) if way[-1] else (start, left)
        for i in reversed(range(len(way))):
            side = bytes([i] * 32)
            pair = (side, value) if way[i] else (value, side)
            pairs.insert(0, b"".join(pair))
            value = parent(*pair, i == 0)
        first = leaf[:32] if last == 0 else bytes(32)
        raw = codec.encode({**head_body(feed(5)), "root": value, "length": length, "first": first})
        slots = [[leaf[-32:]]]
        yield f"a ghost of length {length}", codec.encode(
            [1, signed_head(raw), length - 1, slots, leaf[:-32], b"".join(pairs)]
        )


def sizes():
    """At the limits of bytes and slots."""
    for size in (65535, 65536, 65537):
        big = feed(5)
        big.append_bytes(bytes(size))
        yield f"a record of {size} bytes", bundle_page.make_bundle(big.head(), 6, big.hashes, 5, [bytes(size)])


def many_slots():
    """As many slots as there may be, and one more; slow to hash, so not among the others."""
    for count in (16384, 16385):
        many = Author(SECRET)
        many.append("profile", {"name": "many"})
        for n in range(count):
            many.append_broken(n.to_bytes(32, "big"))
        slots = [[many.link_hash(index)] for index in range(1, count + 1)]
        yield f"{count} slots", bundle_page.make_bundle(many.head(), many.length, many.hashes, 1, slots)


def large_bundles():
    """As many bytes as there may be, and one more; slow to hash too."""
    limit = bundle_page.BUNDLE_BYTES_MAX
    for size in (limit, limit + 1):
        large = Author(SECRET)
        for _ in range(80):
            large.append_bytes(bytes(65536))
        rest = size - len(bundle_page.make_bundle(large.head(), 80, large.hashes, 0, large.records[:-1] + [bytes(1000)]))
        large.records, large.hashes = large.records[:-1], large.hashes[:-32]
        large.append_bytes(bytes(1000 + rest))
        whole = bundle_page.make_bundle(large.head(), 80, large.hashes, 0, large.records)
        assert len(whole) == size
        yield f"{size} bytes", whole


def answers():
    """Head answers for `have` 0, whose lists have one leaf."""
    five = feed(5)
    for name, whole in frames([codec.encode(five.head()), codec.encode(b""), codec.encode(five.hashes)]):
        yield f"frame: {name}", whole
    for name, head in heads():
        if "length" not in name:
            yield f"head: {name}", codec.encode([1, head, b"", five.hashes])
    for length in (1, 5, 31, 32):
        author = feed(max(2, length))
        yield f"of length {length}", author.answer(0, length)
        yield f"of length {length}, a hash fewer", codec.encode([1, author.head(length), b"", author.hashes[: 32 * length - 32]])
        turned = bytes([author.hashes[0] ^ 1]) + author.hashes[1 : 32 * length]
        yield f"of length {length}, a bit turned", codec.encode([1, author.head(length), b"", turned])


def forks():
    """Fork proofs of every form."""

    def head(author, length=None, **other):
        raw = codec.encode({**head_body(author, length), **other})
        return head_page.check_head(signed_head(raw))

    ana, other = feed(100), feed(90, True)
    stranger = Author(NEXT)
    stranger.append("profile", {"name": "stranger"})
    five, three, same = head(ana, 5), head(other, 3), head(ana, 3)
    anew = head(ana, 5, first=bytes(32))
    k0 = codec.decode(fork_page.make_fork(three, five, ana.hashes[:160]))[3:]
    yield "b", codec.encode([1, three.wire, five.wire, *k0])
    for name, whole in frames([codec.encode(one) for one in (three.wire, five.wire, *k0)]):
        yield f"frame: {name}", whole
    yield "b, falling", codec.encode([1, five.wire, three.wire, *k0])
    yield "b, of one history", codec.encode([1, same.wire, five.wire, *k0])
    yield "b, without its slice", codec.encode([1, three.wire, five.wire, b"", b""])
    yield "b, twice the same", codec.encode([1, five.wire, five.wire, *k0])
    yield "b, two times", codec.encode([1, *sorted((five.wire, head(ana, 5, time=9).wire)), *k0])
    yield "b, void", codec.encode([1, head(other, 3, first=bytes(32)).wire, anew.wire, *k0])
    for m, n in ((1, 2), (1, 100), (31, 33), (32, 33), (32, 90), (33, 64), (33, 65), (64, 100), (65, 100), (3, 100), (89, 100)):
        if m > 2:
            proof = fork_page.make_fork(head(other, m), head(ana, n), ana.hashes[: 32 * n])
            yield f"b, {m} of {n}", proof
            whole = codec.decode(proof)
            for name, place, value in (
                ("leaf shorter", 4, whole[4][:-32]),
                ("leaf longer", 4, whole[4] + bytes(32)),
                ("leaf turned", 4, whole[4][:-1] + bytes([whole[4][-1] ^ 1])),
                ("pairs longer", 3, whole[3] + bytes(64)),
                ("pairs shorter", 3, whole[3][:-64]),
                ("pairs turned", 3, bytes(b ^ 1 for b in whole[3])),
            ):
                yield f"b, {m} of {n}, {name}", codec.encode(whole[:place] + [value] + whole[place + 1 :])
        one = fork_page.make_fork(head(ana, m), head(ana, n, media=7), ana.hashes[: 32 * n])
        yield f"b, {m} of {n}, of one history", one
    for name, one, two in (
        ("root", five, head(other, 5)),
        ("first", three, anew),
        ("first, falling in length", anew, three),
        ("first, equal lengths", five, anew),
        ("first of length 1", head(ana, 1, first=bytes(32)), head(ana, 1)),
        ("time alone", five, head(ana, 5, time=1)),
        ("media alone", five, head(ana, 5, media=1)),
        ("equal", five, five),
        ("of two feeds", head(ana, 1), head_page.check_head(stranger.head())),
        ("root, of different lengths", five, head(other, 6)),
    ):
        for order, pair in (("", (one, two)), (", the other way", (two, one))):
            for rest_name, rest in (("", (b"", b"")), (", with pairs", (bytes(64), b"")), (", with a leaf", (b"", ana.hashes[:160]))):
                yield f"a: {name}{order}{rest_name}", codec.encode([1, pair[0].wire, pair[1].wire, *rest])


def successions():
    """Successions of every form."""
    ana = feed(5)
    body = {
        "feed": ana.feed,
        "next": key.public(NEXT),
        "root": hash_of(ana.hashes),
        "time": 5,
        "length": 5,
        "recovery": key.public(RECOVERY),
    }

    def signed(raw, one=RECOVERY, two=NEXT, context=key.SUCCESSION_CONTEXT):
        return codec.encode([1, raw, key.sign(one, context, raw), key.sign(two, context, raw)])

    for name, raw in bodies(body):
        yield f"body: {name}", signed(raw)
    raw = codec.encode(body)
    whole = codec.decode(signed(raw))
    for name, frame in frames([codec.encode(one) for one in whole[1:]]):
        yield f"frame: {name}", frame
    yield "signatures exchanged", codec.encode([1, raw, whole[3], whole[2]])
    yield "signed by one", codec.encode([1, raw, whole[2], whole[2]])
    yield "signed by the feed", signed(raw, SECRET, SECRET)
    yield "in the context of heads", signed(raw, context=key.HEAD_CONTEXT)
    for name, secrets in {"next is recovery": (RECOVERY, RECOVERY), "next is feed": (RECOVERY, SECRET), "recovery is feed": (SECRET, NEXT)}.items():
        changed = codec.encode({**body, "recovery": key.public(secrets[0]), "next": key.public(secrets[1])})
        yield name, signed(changed, *secrets)
    for name, value in (("small order", SMALL_ORDER), ("no point", bytes([2] + [0] * 31)), ("not canonical", b"\xff" * 32)):
        for field in ("feed", "next", "recovery"):
            yield f"{field} is of {name}", signed(codec.encode({**body, field: value}))
