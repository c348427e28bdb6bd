"""Blob test: a levada node serves blobs, and the Python code fetches and checks them: whole, by ranges, by pairs and in
batches."""

import codec
import slice as slice_page
import wire
from blake3_tree import hash_of
from fetch import BIG, BIG_SIZE, UNKNOWN_BLOB, Fetch
from tally import equal, equal_rows, flipped, refused


class Blobs(Fetch):
    """The tests."""

    def test_all(self):
        check = self.tally.check
        check("every file of every item has the bytes that were published", self.blobs)
        check("ranges and conditions of blobs are answered as due", self.ranges)
        check("pairs prove windows of blobs, and nothing with a bit turned", self.proofs)
        check("pairs for what is no range are answered as due", self.proof_statuses)
        check("the node has all leaves", self.have)
        check("batches give small blobs, and null for what is not here or too large", self.batch)
        check("batch requests without the form are answered by 422", self.batch_forms)

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
            f"bytes=69990-{10**30}": (69990, 70000),
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
