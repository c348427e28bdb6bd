"""Fetch test: a levada node serves a folder that was published, and the Python code fetches and checks all of it."""

import pathlib

import author_file
import bundle as bundle_page
import codec
import head as head_page
import key
import link as link_page
import list as list_page
import record as record_page
import slice as slice_page
import wire
from blake3_tree import hash_of
from follower import ACCEPTED, STALE, Follower
from node import Node, write_folder
from tally import equal, equal_rows, flipped, refused
from wire import Client

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


def test_all(tally, program, temp):
    """Publishes, changes and retracts, serves, and fetches."""
    node, folder = Node(program, temp / "author"), temp / "folder"
    first_files = folder_files()
    write_folder(folder, first_files)
    node.run("publish", folder)
    first_length = node.json("show", "main")["head"]["length"]
    files = dict(first_files)
    files["one.bin"] = b"2"
    write_folder(folder, {"one.bin": files["one.bin"]})
    for name in ("small/3.bin", "small/4.bin"):
        del files[name]
        pathlib.Path(folder, name).unlink()
    node.run("publish", folder, "--retract-missing")
    shown = node.json("key", "show")
    link = link_page.read_link(shown["link"].encode())
    author = author_file.read_author_file(pathlib.Path(shown["author_file"]).read_bytes())
    with node.serving() as address:
        fetch = Fetch(tally, Client(address), link, author, first_length, files)
        fetch.test_all()
    test_prove(tally, node, temp, author)


class Fetch:
    """What is known of the feed beforehand, and the tests."""

    def __init__(self, tally, client, link, author, first_length, files):
        self.tally, self.client, self.link, self.author = tally, client, link, author
        self.feed, self.first_length, self.files = link.feed, first_length, files
        self.length = len(author.records)
        self.path = f"/v1/feeds/{key.to_text(link.feed)}"

    def test_all(self):
        check = self.tally.check
        check("the node says ok", self.healthz)
        check("the author's file holds whole heads over all records", self.file)
        check("the node lists the feed, and no other after it", self.feeds)
        check("the feed is taken up from its newest records", self.take_up)
        check("head answers for every `have` prove the length and the earlier root", self.heads)
        check("a head answer with a bit turned is refused", self.head_flips)
        check("bundles hold every record, and retracted ones are kept back with a hint", self.bundles)
        check("a bundle under an earlier head is of that head", self.earlier)
        check("a bundle with a bit turned is refused", self.bundle_flips)
        check("every file of every item has the bytes that were published", self.blobs)
        check("ranges and conditions of blobs are answered as due", self.ranges)
        check("pairs prove windows of blobs, and nothing with a bit turned", self.proofs)
        check("pairs for what is no range are answered as due", self.proof_statuses)
        check("the node has all leaves", self.have)
        check("batches give small blobs, and null for what is not here or too large", self.batch)
        check("batch requests without the form are answered by 422", self.batch_forms)
        check("long polls are answered by 200 or 304 as due", self.poll)
        check("paths, methods and numbers that are wrong are answered as due", self.statuses)

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

    # Feeds and heads

    def healthz(self):
        answer = self.client.ask("GET", "/healthz")
        equal((answer.status, answer.body.strip()), (200, b"ok"))
        equal(self.client.ask("HEAD", "/healthz").status, 200)

    def file(self):
        equal(self.author.feed, self.feed)
        equal(self.author.heads[-1].length, self.length)
        assert self.length > 64 and self.first_length < self.length
        equal(len(self.retracted()), 2)

    def feeds(self):
        equal([one.wire for one in self.client.feeds()], [self.author.heads[-1].wire])
        equal(self.client.feeds(after=self.feed), [])
        before = key.public(bytes([1] * 32))
        equal(len(self.client.feeds(after=before)), 1 if before < self.feed else 0)

    def take_up(self):
        for newest in (1, 2, self.length - 1, self.length, self.length + 5, 10**9):
            bundles = self.client.take_up(self.feed, newest, self.link.first)
            equal(len(bundles), 1 if newest >= self.length else 2, f"latest={newest}")
            equal(bundles[-1].end, self.length)
            equal(bundles[-1].start, max(0, self.length - newest))
            equal((bundles[0].start, bundles[0].records[0]), (0, self.author.records[0]))
        self.client.take_up(self.feed, 3)
        refused("link-6", self.client.take_up, self.feed, 3, bytes(16))

    def heads(self):
        for have in range(self.length + 3):
            answer = self.client.head(self.feed, have)
            equal(answer.head.wire, self.author.heads[-1].wire)
            if 1 <= have <= self.length:
                leaf = answer.leaves[(have - 1) // 32]
                equal(answer.proof.root_at(have, leaf), hash_of(self.author.hashes[: 32 * have]), f"have={have}")
        for held in self.author.heads:
            follows = Follower(self.feed, held.time)
            follows.head = held
            verdict = follows.take_head(self.raw(f"{self.path}/head?have={held.length}"))
            equal((verdict, follows.head.length), (STALE if held.length == self.length else ACCEPTED, self.length))

    def head_flips(self):
        data = self.raw(f"{self.path}/head?have=40")
        for at in range(0, len(data), 3):
            refused(None, list_page.check_answer, flipped(data, at, at % 8), self.feed, 40)
        refused("head-5", list_page.check_answer, data, key.public(bytes(32)), 40)
        refused(("slice-1", "slice-2"), list_page.check_answer, data, self.feed, 0)

    # Bundles

    def bundles(self):
        by = self.retracted()
        for start, end in ((0, self.length), (0, 1), (31, 33), (32, 64), (1, 10), (self.length - 1, self.length)):
            bundle = self.client.bundle(self.feed, start, end)
            equal((bundle.start, bundle.end), (start, end))
            for index in range(start, end):
                equal(bundle.records[index], None if index in by else self.author.records[index], f"record {index}")
                equal(bundle.hints[index], by.get(index), f"hint of {index}")
                equal(bundle.links[index], self.author.hashes[32 * index : 32 * index + 32])
        whole = self.client.bundle(self.feed, 0, self.length + 100)
        hashes = b"".join(whole.links[index] for index in range(self.length))
        list_page.check_whole_list(whole.head, hashes, self.author.records)
        equal(whole.head.media, record_page.media_bytes(self.author.records))
        equal(whole.head.bytes, sum(len(record) for record in self.author.records))

    def earlier(self):
        kept = {head.length for head in self.author.heads}
        assert self.first_length in kept
        bundle = self.client.bundle(self.feed, 0, self.length, at=self.first_length)
        assert bundle.head.length in (self.first_length, self.length)
        if bundle.head.length == self.first_length:
            equal(bundle.end, self.first_length)
            for index in self.retracted():
                equal((bundle.records[index], bundle.hints[index]), (None, None), f"record {index}")
        equal(self.client.bundle(self.feed, 0, 1, at=self.length + 1).head.length, self.length)

    def bundle_flips(self):
        data = self.raw(f"{self.path}/bundle?from=33&to=35")
        bundle = bundle_page.check_bundle(data, self.feed)
        equal([bundle.hints[33], bundle.hints[34]], [None, None])
        for at in range(0, len(data), 5):
            refused(None, bundle_page.check_bundle, flipped(data, at, at % 8), self.feed)

    # Blobs

    def blobs(self):
        seen = {}
        for index, body in self.items().items():
            for file in body["files"]:
                # What was edited or retracted meanwhile is published no more under its path.
                if index in self.retracted() or body["path"] == "one.bin" and file["hash"] != hash_of(b"2"):
                    continue
                seen[body["path"]] = self.client.blob(file["hash"], file["size"])
        equal(sorted(seen), sorted(self.files))
        for path, data in seen.items():
            equal(data, self.files[path], path)

    def blob(self, name):
        return hash_of(self.files[name])

    def ranges(self):
        data, path = self.files[BIG], f"/v1/blobs/{self.blob(BIG).hex()}"
        tag = f'"{self.blob(BIG).hex()}"'
        whole = self.client.ask("GET", path)
        equal((whole.status, whole.body), (200, data))
        due = {
            "content-type": "application/octet-stream",
            "etag": tag,
            "accept-ranges": "bytes",
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'",
            "content-disposition": "attachment",
        }
        equal({name: whole.header.get(name) for name in due}, due)
        head = self.client.ask("HEAD", path)
        equal((head.status, head.body, head.header["content-length"]), (200, b"", str(BIG_SIZE)))
        for asked, (start, end) in {
            "bytes=0-0": (0, 1),
            "bytes=5-99": (5, 100),
            "bytes=69999-": (69999, 70000),
            "bytes=-5": (69995, 70000),
            "bytes=-99999999": (0, 70000),
            "bytes=69990-99999999": (69990, 70000),
        }.items():
            answer = self.client.ask("GET", path, Range=asked)
            equal((answer.status, answer.body), (206, data[start:end]), asked)
            equal(answer.header["content-range"], f"bytes {start}-{end - 1}/{BIG_SIZE}")
        for asked in ("bytes=70000-", "bytes=70000-70001", "bytes=99999999999-"):
            answer = self.client.ask("GET", path, Range=asked)
            equal((answer.status, answer.header.get("content-range")), (416, f"bytes */{BIG_SIZE}"), asked)
        for asked in ("bytes=0-1,3-4", "leaves=0-1", "bytes=9-3", "bytes=", "bytes=-", "bytes=a-b", "none"):
            equal(self.client.ask("GET", path, Range=asked).status, 200, asked)
        equal(self.client.ask("GET", path, Range="bytes=0-1", If_Range='"other"').body, data)
        equal(self.client.ask("GET", path, Range="bytes=0-1", If_Range=tag).status, 206)
        equal(self.client.ask("GET", path, If_None_Match=tag).status, 304)
        equal(self.client.ask("GET", path, If_None_Match='"other"').status, 200)
        empty = self.client.ask("GET", f"/v1/blobs/{self.blob('empty.bin').hex()}")
        equal((empty.status, empty.body), (200, b""))

    def proofs(self):
        for name in ("one.bin", "leaf.bin", "more.bin", "three.bin", BIG):
            data, blob = self.files[name], self.blob(name)
            size = len(data)
            for start, end in {(0, size), (size - 1, size), (0, 1), (size // 2, size // 2 + 1)}:
                proof = self.client.pairs(blob, start, end, size)
                for leaf in proof.leaves:
                    a, b = slice_page.leaf_bounds(leaf, size, slice_page.BLOB_LEAF)
                    proof.check_leaf(leaf, self.client.blob_range(blob, a, b) if size else b"")
                    if a < b:
                        refused("slice-4", proof.check_leaf, leaf, flipped(data[a:b], 0))
        path = f"/v1/blobs/{self.blob(BIG).hex()}/proof?from=20000&to=50000"
        answer = self.client.ask("GET", path)
        equal((answer.header["levada-size"], answer.header["content-type"]), (str(BIG_SIZE), "application/octet-stream"))
        for at in range(0, len(answer.body), 9):
            pairs = flipped(answer.body, at)
            refused("slice-3", slice_page.Proof, BIG_SIZE, slice_page.BLOB_LEAF, [(1, 4)], self.blob(BIG), pairs)
        # A wrong size is shown to be wrong by the last leaf, for every size with as many leaves and for others.
        for size in (BIG_SIZE - 1, BIG_SIZE + 1):
            proof = self.client.pairs(self.blob(BIG), 65536, 65537, size)
            refused(("slice-2", "slice-4"), proof.check_leaf, 4, self.files[BIG][65536:])
        empty = self.client.pairs(self.blob("empty.bin"), 0, 0, 0)
        empty.check_leaf(0, b"")

    def proof_statuses(self):
        path = f"/v1/blobs/{self.blob(BIG).hex()}/proof"
        due = {
            "?from=0&to=70000": 200,
            "?to=2&from=1": 200,
            "?from=0&to=70001": 416,
            "?from=5&to=5": 416,
            "?from=6&to=5": 416,
            "?from=0&to=0": 416,
            "?from=0&to=268435457": 400,
            "?from=0": 400,
            "?to=5": 400,
            "": 400,
            "?from=00&to=5": 400,
            "?from=a&to=5": 400,
            "?from=-1&to=5": 400,
            "?from=%2B1&to=5": 400,
            "?from=0&to=1&from=a": 200,
        }
        equal_rows({query: self.client.ask("GET", path + query).status for query in due}, due)
        equal(self.client.ask("GET", f"/v1/blobs/{UNKNOWN_BLOB.hex()}/proof?from=0&to=1").status, 404)

    def have(self):
        for name, data in self.files.items():
            size, runs = wire.read_have(self.raw(f"/v1/blobs/{self.blob(name).hex()}/have"))
            equal((size, runs), (len(data), [(0, slice_page.leaf_count(len(data), slice_page.BLOB_LEAF))]), name)
        equal(self.client.ask("GET", f"/v1/blobs/{UNKNOWN_BLOB.hex()}/have").status, 404)

    def batch(self):
        names = ["one.bin", "leaf.bin", "more.bin", BIG, "empty.bin", "one.bin", "small/7.bin"]
        hashes = [self.blob(name) for name in names] + [UNKNOWN_BLOB]
        due = [self.files[name] if len(self.files[name]) <= 16384 else None for name in names] + [None]
        equal(self.client.batch(hashes), due)
        equal(self.client.batch([]), [])
        equal(self.client.batch([self.blob("small/9.bin")] * 512), [self.files["small/9.bin"]] * 512)
        answer = self.client.ask("POST", "/v1/blobs", wire.make_batch_request(hashes))
        refused("wire-3", wire.read_batch_answer, answer.body, hashes[::-1])
        refused("wire-1", wire.read_batch_answer, answer.body, hashes[1:])

    def batch_forms(self):
        one = self.blob("one.bin")
        for body, must in {
            b"": b"wire-1",
            b"\x80": b"wire-1",
            codec.encode([1, one[:31]]): b"wire-1",
            codec.encode([1, one * 513]): b"wire-1",
            codec.encode([1, one, 0]): b"wire-1",
            codec.encode([1, [one]]): b"wire-1",
            codec.encode([2, one]): b"head-2",
            codec.encode([1, one]) + b"\0": b"codec-2",
            b"\x82\x18\x01\x40": b"codec-3",
        }.items():
            answer = self.client.ask("POST", "/v1/blobs", body)
            equal(answer.status, 422, body[:40].hex())
            assert b":" in answer.body and answer.body.count(b"\n") <= 1, answer.body
            if must == b"head-2":
                equal(answer.body.split(b":")[0], must)

    # The rest

    def poll(self):
        path, tag = f"{self.path}/head?have=1", wire.head_tag(self.author.heads[-1].wire)
        equal(self.client.ask("GET", path).header["etag"], tag)
        equal(self.client.ask("GET", path, If_None_Match=tag).status, 304)
        equal(self.client.ask("GET", path + "&wait=0", If_None_Match=tag).status, 304)
        equal(self.client.ask("GET", path + "&wait=1", If_None_Match=tag).status, 304)
        for other in ('"' + "0" * 32 + '"', tag[1:-1], "*", f"{tag}, {tag}", f"W/{tag}"):
            answer = self.client.ask("GET", path + "&wait=50", If_None_Match=other)
            equal((answer.status, answer.header["etag"]), (200, tag), other)
            list_page.check_answer(answer.body, self.feed, 1)
        other = key.to_text(key.public(bytes([5] * 32)))
        equal(self.client.ask("GET", f"/v1/feeds/{other}/head?wait=50", If_None_Match=tag).status, 404)

    def statuses(self):
        other = key.to_text(key.public(bytes([5] * 32)))
        due = {
            "/": 404,
            "/v1": 404,
            "/v1/feeds/" + other + "/head": 404,
            "/v1/feeds/" + other + "/bundle?latest=1": 404,
            "/v1/feeds/lev1/head": 400,
            self.path + "/head?have=a": 400,
            self.path + "/head?have=01": 400,
            self.path + "/head?have=": 400,
            self.path + "/head?wait=-1": 400,
            self.path + "/head?other=a": 200,
            self.path + "/head?have=1&have=a": 200,
            self.path + "/bundle": 400,
            self.path + "/bundle?from=1": 400,
            self.path + "/bundle?to=1": 400,
            self.path + "/bundle?latest=0": 400,
            self.path + f"/bundle?from={self.length}&to={self.length + 1}": 404,
            self.path + "/fork": 404,
            self.path + "/succession": 404,
            self.path + "/other": 404,
            "/v1/blobs/" + UNKNOWN_BLOB.hex(): 404,
            "/v1/blobs/" + "AB" * 32: 400,
            "/v1/blobs/abc": 400,
            "/v1/feeds?after=lev1": 400,
        }
        answers = {path: self.client.ask("GET", path) for path in due}
        equal_rows({path: answer.status for path, answer in answers.items()}, due)
        for path, answer in answers.items():
            if answer.status >= 400:
                assert answer.body.decode() and answer.body.count(b"\n") <= 1, f"{path}: {answer.body}"
        for method, path in (("POST", self.path + "/head"), ("DELETE", "/v1/feeds"), ("GET", "/v1/blobs"), ("PUT", "/healthz")):
            answer = self.client.ask(method, path, b"" if method != "GET" else None)
            equal(answer.status, 405, f"{method} {path}")
            assert answer.header.get("allow"), f"{method} {path}"


def test_prove(tally, node, temp, author):
    """`levada prove`, checked here, and `levada check`, of what was changed here."""
    file = temp / "proof.bundle"

    def prove():
        for index in (0, 1, 64, len(author.records) - 1):
            file.unlink(missing_ok=True)
            node.run("prove", f"main/{index}", "-o", file)
            bundle = bundle_page.check_bundle(file.read_bytes(), author.feed)
            equal(bundle.records[index], author.records[index])
            equal(node.status("check", file), 0)

    def flips():
        data = file.read_bytes()
        for at in range(0, len(data), 41):
            refused(None, bundle_page.check_bundle, flipped(data, at), author.feed)
            file.write_bytes(flipped(data, at))
            equal(node.status("check", file), 5, f"byte {at}")

    tally.check("what `levada prove` writes proves its record here", prove)
    tally.check("what `levada prove` writes proves nothing with a bit turned, neither here nor there", flips)
