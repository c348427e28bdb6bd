"""Fetch test: a levada node serves a folder that was published, and the Python code fetches and checks all of it."""

import pathlib
import threading

import author_file
import bundle as bundle_page
import key
import link as link_page
import list as list_page
import record as record_page
import wire
from blake3_tree import hash_of
from blob_test import Blobs
from fetch import UNKNOWN_BLOB, Fetch, folder_files
from follower import ACCEPTED, STALE, Follower
from node import Node, write_folder
from tally import equal, equal_rows, flipped, refused
from wire import Client


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
        for tests in (Feeds, Blobs):
            tests(tally, Client(address), link, author, first_length, files).test_all()
        test_live(tally, node, Client(address), link.feed, temp)
    test_prove(tally, node, temp, author)


class Feeds(Fetch):
    """The tests of feeds, heads and bundles, and of what is none of these."""

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
        check("long polls are answered by 200 or 304 as due", self.poll)
        check("paths, methods and numbers that are wrong are answered as due", self.statuses)
        check("what is handed over is bounded, and of feeds that are here", self.handed)

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
            self.path + "/bundle?from=2&to=2": 400,
            self.path + "/bundle?from=3&to=2": 400,
            self.path + "/bundle?from=a&to=2&latest=1": 200,
            self.path + "/bundle?from=0&to=1&at=a": 400,
            self.path + "/bundle?latest=": 400,
            self.path + "/bundle?latest=01": 400,
            self.path + "/bundle?latest=+1": 400,
            self.path + f"/bundle?latest={2**64 - 1}": 200,
            self.path + f"/bundle?latest={2**64}": 400,
            self.path + f"/head?have={2**64 - 1}": 200,
            self.path + f"/head?have={2**64}": 400,
            self.path + "/head?have": 200,
            self.path + "/head?have&have=a": 400,
            self.path + "/head?have=%31": 400,
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
        for method, path, allowed in (
            ("POST", self.path + "/head", {"GET"}),
            ("DELETE", "/v1/feeds", {"GET"}),
            ("GET", "/v1/blobs", {"POST"}),
            ("PUT", "/healthz", {"GET", "HEAD"}),
            ("PUT", self.path + "/fork", {"GET", "POST"}),
            ("PUT", self.path + "/succession", {"GET", "POST"}),
            ("POST", "/v1/blobs/" + UNKNOWN_BLOB.hex(), {"GET", "HEAD"}),
        ):
            answer = self.client.ask(method, path, b"" if method != "GET" else None)
            got = {one.strip() for one in answer.header.get("allow", "").split(",")}
            equal((answer.status, got), (405, allowed), f"{method} {path}")

    def handed(self):
        unknown = f"/v1/feeds/{key.to_text(key.public(bytes([5] * 32)))}"
        due = {
            (self.path + "/fork", 8192): 422,
            (self.path + "/fork", 8193): 413,
            (self.path + "/succession", 8192): 422,
            (self.path + "/succession", 8193): 413,
            ("/v1/blobs", 16448): 422,
            ("/v1/blobs", 16449): 413,
            (unknown + "/fork", 100): 404,
            (unknown + "/succession", 100): 404,
        }
        got = {(path, size): self.client.ask("POST", path, bytes(size)).status for path, size in due}
        equal_rows(got, due)


def test_live(tally, node, client, feed, temp):
    """What is published while the node serves."""

    def live():
        path = f"/v1/feeds/{key.to_text(feed)}/head?have="
        before = client.head(feed)
        tag, answers = wire.head_tag(before.head.wire), []

        def poll():
            asked = f"{path}{before.head.length}&wait=50"
            answers.append(client.ask("GET", asked, If_None_Match=tag))

        waiting = threading.Thread(target=poll)
        waiting.start()
        write_folder(temp / "live", {"new.bin": b"published while somebody waits"})
        node.run("publish", temp / "live")
        waiting.join()
        equal(answers[0].status, 200)
        new = list_page.check_answer(answers[0].body, feed, before.head.length)
        equal(new.head.length, before.head.length + 1)
        leaf = new.leaves[(before.head.length - 1) // 32]
        equal(new.proof.root_at(before.head.length, leaf), before.head.root)
        equal(answers[0].header["etag"], wire.head_tag(new.head.wire))

    tally.check("a long poll is answered when something is published", live)


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
