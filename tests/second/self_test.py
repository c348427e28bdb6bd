"""Self-test: the Python code against published values, against its own arithmetic, and against the examples of the
spec. The examples are read out of the pages, so a page that is changed is tested as it is then."""

import pathlib
import re

import author_file
import blake3_tree
import bundle
import codec
import fork
import head
import key
import link
import record
import slice as slice_page
import succession
import wire
from author import TIME_0, Author
from tally import equal, flipped, refused

SPEC = pathlib.Path(__file__).resolve().parents[2] / "spec"

# RFC 8032, 7.1: secret, public, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]

# What b3sum prints for an empty file. The values of inner nodes are in spec/slice.md.
BLAKE3_EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def examples():
    """The hex blocks of all pages by name."""
    found = {}
    for page in sorted(SPEC.glob("*.md")):
        for block in re.finditer(r"```hex (\S+)\n(.*?)```", page.read_text(), re.DOTALL):
            text = re.sub(r";.*", "", block[2])
            found[block[1]] = bytes.fromhex("".join(text.split()))
    return found


def example_feed(length, is_other=False):
    """The feed that spec/README.md describes, or its other history."""
    ana = Author(bytes([1] * 32))
    recovery = blake3_tree.hash_of(key.public(bytes([2] * 32)))
    ana.append("profile", {"name": "Ana", "recovery": recovery})
    sea = {"files": [ana.file(b"the sea\n", "text/plain")], "path": "sea.txt"}
    ana.append("item", {"title": "Evening sea", **sea})
    if not is_other:
        ana.append("item", {"title": "Evening sea, Madeira", "edits": ana.reference(1), **sea})
        ana.append("item", {"title": "A mistake"})
        ana.append("retract", {"target": ana.reference(3), "reason": "wrong title"})
    while ana.length < length:
        ana.append("item", {"title": f"Other {ana.length}" if is_other else str(ana.length)})
    return ana


def test_all(tally):
    """Everything here."""
    test_blake3(tally)
    test_key(tally)
    test_examples(tally)
    test_packages(tally)


# BLAKE3


def test_blake3(tally):
    def known():
        equal(blake3_tree.hash_of(b"").hex(), BLAKE3_EMPTY)
        page = (SPEC / "slice.md").read_text()
        data = bytes(i % 251 for i in range(40000))
        values = re.search(r"^blob +(\w{64}).*\n +pair 0 +(\w{64}).*\n +(\w{64}).*\n.*pair 1 +(\w{64}).*\n +(\w{64})", page, re.M)
        blob, pair0, leaf2, leaf0, leaf1 = values.groups()
        equal(blake3_tree.hash_of(data).hex(), blob)
        equal(slice_page.leaf_value(data[:16384], 0, 16384, False).hex(), leaf0)
        equal(slice_page.leaf_value(data[16384:32768], 1, 16384, False).hex(), leaf1)
        equal(slice_page.leaf_value(data[32768:], 2, 16384, False).hex(), leaf2)
        equal(blake3_tree.parent(bytes.fromhex(leaf0), bytes.fromhex(leaf1), False).hex(), pair0)

    def slices():
        data = bytes(i % 251 for i in range(7 * 1024 - 100))
        root = blake3_tree.hash_of(data)
        for ranges in ([(0, 7)], [(5, 6)], [(1, 3)], [(6, 7)], [(1, 2), (6, 7)], [(0, 1), (1, 2)]):
            pairs = slice_page.make_pairs(data, 1024, ranges)
            leaves = slice_page.make_leaves(data, 1024, ranges)
            slice_page.Proof(len(data), 1024, ranges, root, pairs).check_leaves(leaves)
            for at in range(0, len(pairs), 7):
                refused("slice-3", slice_page.Proof, len(data), 1024, ranges, root, flipped(pairs, at))
            refused("slice-1", slice_page.Proof, len(data), 1024, ranges, root, pairs + bytes(64))
        for ranges in ([(1, 1)], [(2, 1)], [(6, 8)], [(1, 3), (2, 4)], [(3, 4), (1, 2)]):
            refused("slice-5", slice_page.Proof, len(data), 1024, ranges, root, b"")

    def roots():
        ana = example_feed(100)
        for n, m in ((100, 40), (100, 32), (100, 1), (100, 99), (65, 64), (33, 32), (5, 2), (97, 96), (96, 33)):
            data = ana.hashes[: 32 * n]
            k = (m - 1) // 32
            pairs = slice_page.make_pairs(data, 1024, [(k, k + 1)])
            leaf = slice_page.make_leaves(data, 1024, [(k, k + 1)])
            proof = slice_page.Proof(32 * n, 1024, [(k, k + 1)], blake3_tree.hash_of(data), pairs)
            equal(proof.root_at(m, leaf), blake3_tree.hash_of(ana.hashes[: 32 * m]), f"{n}, {m}")

    tally.check("BLAKE3 of the empty input and all nodes of the 40,000 bytes are the known ones", known)
    tally.check("slices prove what they are made of, and nothing with a bit turned", slices)
    tally.check("a slice folds to the root at an earlier length", roots)


# Keys


def test_key(tally):
    def rfc():
        for secret, public, message, signature in RFC_8032:
            secret, signature = bytes.fromhex(secret), bytes.fromhex(signature)
            message = bytes.fromhex(message)
            equal(key.public(secret).hex(), public)
            equal(key.sign(secret, b"", message), signature)
            key.check_signature(key.public(secret), b"", message, signature)
            for at in range(64):
                refused("key-7", key.check_signature, key.public(secret), b"", message, flipped(signature, at))
            refused("key-7", key.check_signature, key.public(secret), b"x", message, signature)

    def keys():
        eighth = torsion()
        for n in range(8):
            refused("key-2", key.check_key, key.encode_point(key.multiply(n, eighth)))
            if n > 0:
                mixed = key.add(key.decode_point(key.public(bytes(32))), key.multiply(n, eighth))
                refused("key-3", key.check_key, key.encode_point(mixed))
        for y in range(key.P, 2**255):
            for sign in (0, 1):
                refused("key-1", key.check_key, (y | sign << 255).to_bytes(32, "little"))
        for y in (1, key.P - 1):  # x = 0, and the bit set
            refused("key-1", key.check_key, (y | 1 << 255).to_bytes(32, "little"))
        refused("key-1", key.check_key, (2).to_bytes(32, "little"))  # no x

    def signatures():
        secret, context, body = bytes([9] * 32), b"levada head v1\n", b"body"
        public = key.public(secret)
        signature = key.sign(secret, context, body)
        s = int.from_bytes(signature[32:], "little")
        refused("key-7", key.check_signature, public, context, body, signature[:32] + (s + key.L).to_bytes(32, "little"))
        # R with a part of small order: the equation with the cofactor holds, the one without does not.
        scalar, _ = key._expand(secret)
        for n in range(1, 8):
            r = key.encode_point(key.add(key.multiply(77, key.B), key.multiply(n, torsion())))
            k = int.from_bytes(key.hashlib.sha512(r + public + context + body).digest(), "little") % key.L
            forged = r + ((77 + k * scalar) % key.L).to_bytes(32, "little")
            refused("key-7", key.check_signature, public, context, body, forged)
        # R = O, and R = O in its other encodings: [S]B - [k]A is O, so the equation holds.
        for r in (1, 1 | 1 << 255, key.P + 1):
            r = r.to_bytes(32, "little")
            k = int.from_bytes(key.hashlib.sha512(r + public + context + body).digest(), "little") % key.L
            refused("key-7", key.check_signature, public, context, body, r + (k * scalar % key.L).to_bytes(32, "little"))

    def texts():
        public = key.public(bytes([1] * 32))
        text = key.to_text(public)
        assert text in (SPEC / "key.md").read_text()
        equal(key.from_text(text), public)
        equal(key.from_text(text.upper()), public)
        refused("key-5", key.from_text, text[:-1] + text[-1].upper())
        for at in range(62):
            refused("key-4", key.from_text, text[:at] + ("q" if text[at] != "q" else "p") + text[at + 1 :])
        for other in ("", text + "q", text[:-1], " " + text, text + "\n", text.replace("lev1", "lev1b")[:62]):
            refused("key-4", key.from_text, other)
        for padding in range(1, 16):
            bits = int.from_bytes(public, "big") << 4 | padding
            data = [bits >> 5 * (51 - i) & 31 for i in range(52)]
            padded = "lev1" + "".join(key.CHARACTERS[v] for v in data + key._checksum(data))
            refused("key-6", key.from_text, padded)

    tally.check("signatures are those of RFC 8032, and nothing holds with a bit turned", rfc)
    tally.check("keys of small order, with a part of small order, and in other encodings are refused", keys)
    tally.check("signatures with S above L and with R of small order are refused", signatures)
    tally.check("keys have one text form, read in lower and in upper case", texts)


def torsion():
    """A point of order 8: [L] of a point that is not in the group of prime order."""
    y = 2
    while True:
        y += 1
        point = key.decode_point(y.to_bytes(32, "little"))
        if point is not None:
            eighth = key.multiply(key.L, point)
            if not key.is_neutral(key.multiply(4, eighth)):
                return eighth


# The examples of the pages


def test_examples(tally):
    found = examples()
    ana = example_feed(100)

    def records():
        for index in (0, 1, 2, 4):
            equal(ana.records[index], found[f"record-{index}"], f"record {index}")
            equal(record.state(ana.records[index], index), "readable")
        page = (SPEC / "list.md").read_text()
        for index, text in re.findall(r"^h\[(\d)\]\s+(\w{64})", page, re.M):
            equal(ana.link_hash(int(index)).hex(), text)

    def heads():
        equal(ana.head(5), found["head-5"])
        equal(head.check_head(found["head-5"], ana.feed).media, 16)
        equal(wire.head_tag(ana.head(5)), '"d89699ae00d27c6094ca2d3eaaeb17bd"')
        equal(ana.answer(3, 5), found["answer-5-have-3"])
        for at in range(len(found["head-5"])):
            refused(None, head.check_head, flipped(found["head-5"], at, at % 8))

    def bundles():
        five = example_feed(5)
        equal(five.bundle(3, 5), found["bundle-5-3"])
        equal(bundle.check_bundle(found["bundle-5-3"], ana.feed).hints, {3: 4, 4: None})
        pairs = slice_page.make_pairs(ana.hashes, 1024, [(1, 2)])
        equal(pairs, found["pairs-100-leaf-1"])
        rows = [(5, 3, 5), (5, 0, 5), (100, 0, 1), (100, 33, 36), (100, 32, 34), (100, 64, 65), (100, 99, 100)]
        for n, start, end in rows:
            checked = bundle.check_bundle(example_feed(n).bundle(start, end), ana.feed)
            equal((checked.start, checked.end), (start, end))

    def forks():
        one = head.check_head(example_feed(3, is_other=True).head())
        other = head.check_head(ana.head(5))
        equal(fork.make_fork(one, other, ana.hashes[: 32 * 5]), found["fork-b"])
        fork.check_fork(found["fork-b"], ana.feed)

    def successions():
        made = succession.make_succession(
            bytes([2] * 32), bytes([3] * 32), ana.feed, blake3_tree.hash_of(ana.hashes[:160]), TIME_0 + 600000, 5
        )
        equal(made, found["succession"])
        checked = succession.check_succession(found["succession"], ana.feed)
        succession.check_recovery(checked, ana.records[0])
        refused("succession-3", succession.check_recovery, checked, ana.records[1])

    def links():
        text = re.search(r"```text\n(levada:.*)\n", (SPEC / "link.md").read_text())[1]
        read = link.read_link(text.encode())
        equal((read.feed, read.index, read.first, read.name), (ana.feed, 1, ana.first[:16], "Ana"))
        equal(link.print_link(read), text)

    def frame(tag, payload):
        data = bytes([tag]) + len(payload).to_bytes(4, "little") + payload
        return data + blake3_tree.hash_of(data)[:8]

    def files():
        read = author_file.read_author_file(found["author-file-1"])
        equal((read.feed, read.records), (ana.feed, ana.records[:1]))
        equal([one.wire for one in read.heads], [ana.head(1)])
        five, link = example_feed(5), found["author-file-link"]
        frames = [frame(1, author_file.TEXT + ana.feed), *(frame(2, record) for record in five.records), frame(3, five.head())]
        frames[4] = link
        read = author_file.read_author_file(b"".join(frames))
        equal(read.records, [*five.records[:3], None, five.records[4]])
        equal([one.wire for one in read.heads], [five.head()])

    def codecs():
        refused("head-2", head.check_head, bytes.fromhex("8202f93c00"))
        refused("codec-3", head.check_head, bytes.fromhex("811801"))
        refused("head-1", head.check_head, bytes.fromhex("8002"))
        for data in found.values():
            if data[0] in (0x83, 0x84, 0x85, 0x86, 0xA4):
                equal(codec.encode(codec.decode(data)), data)

    tally.check("records and link hashes are those of the example feed", records)
    tally.check("heads and head answers are those of the pages", heads)
    tally.check("bundles and pairs are those of the pages", bundles)
    tally.check("the fork proof is that of the page", forks)
    tally.check("the succession is that of the page", successions)
    tally.check("the link is that of the page", links)
    tally.check("the author's file is that of the page", files)
    tally.check("versions come before the codec, and the codec has one form", codecs)


# Packages, where they are


def test_packages(tally):
    try:
        import blake3
    except ImportError:
        print("left out: the package blake3 is not here")
    else:

        def hashes():
            for size in (0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3072, 5000, 16384, 16385, 50000):
                data = bytes(i % 251 for i in range(size))
                equal(blake3_tree.hash_of(data), blake3.blake3(data).digest(), f"{size} bytes")

        tally.check("hashes are those of the package blake3", hashes)
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    except ImportError:
        print("left out: the package cryptography is not here")
        return

    def signatures():
        for n in range(8):
            secret, body = bytes([n] * 32), bytes(range(n * 9))
            theirs = Ed25519PrivateKey.from_private_bytes(secret)
            equal(theirs.public_key().public_bytes_raw(), key.public(secret))
            equal(theirs.sign(key.HEAD_CONTEXT + body), key.sign(secret, key.HEAD_CONTEXT, body))
            ours = Ed25519PublicKey.from_public_bytes(key.public(secret))
            ours.verify(key.sign(secret, key.HEAD_CONTEXT, body), key.HEAD_CONTEXT + body)

    tally.check("signatures are those of the package cryptography", signatures)
