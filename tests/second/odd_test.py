"""Odd test: servers and feeds that are unusual and right, and a levada node that follows them all the same; and some
that go too far."""

import key
from author import Author
from blake3_tree import hash_of
from fetch import media
from host import Host
from node import Node
from tally import equal

SECRET = bytes([21] * 32)


def make_author(first=None):
    """A feed with a small and a large file."""
    author = Author(SECRET)
    if first is None:
        author.append("profile", {"name": "odd"})
    else:
        author.append_bytes(first)
    author.append("item", {"title": "large", "files": [author.file(media(50_000, 1), "text/plain", name="large")]})
    author.append("item", {"title": "small", "files": [author.file(b"small", "text/plain", name="small")]})
    return author


def follow(node, author, address):
    """Follows whole, and compares the head and both files."""
    node.run("follow", author.link(vias=[address]), "--keep", "all")
    head = node.json("show", key.to_text(author.feed))["head"]
    equal((head["length"], head["root"]), (author.length, hash_of(author.hashes).hex()))
    equal(node.run("get", f"{key.to_text(author.feed)}/1", "-o", "-"), media(50_000, 1))
    equal(node.run("get", f"{key.to_text(author.feed)}/2", "-o", "-"), b"small")


def test_all(tally, program, temp):
    """Each with a node of its own."""

    def node(name):
        return Node(program, temp / f"odd-{name}")

    def below_a_path():
        for name, prefix in (("path", "/some/path"), ("slash", "/some/path/")):
            author = make_author()
            with Host(author, prefix=prefix) as host:
                follow(node(name), author, host.address)

    def without_ranges():
        author = make_author()
        with Host(author) as host:
            host.has_ranges = False
            asks = node("ranges")
            asks.run("follow", author.link(vias=[host.address]), "--keep", "all", "--max-size", "10")
            got = asks.run("get", f"{key.to_text(author.feed)}/1", "--range", "20000-40000", "-o", "-")
            equal(got, media(50_000, 1)[20000:40001])

    def without_a_profile():
        for name, first in (("empty", b""), ("binary", b"\xff" * 100), ("newer", b"\xa1\x61!\x01")):
            author = make_author(first)
            with Host(author) as host:
                follow(node(name), author, host.address)

    def broken_chain():
        author = make_author()
        broken = author.append_broken(bytes([9] * 32))
        author.append("item", {"title": "behind"})
        with Host(author) as host:
            asks = node("broken")
            follow(asks, author, host.address)
            shown = {item["index"]: item["state"] for item in asks.json("ls", "--all")["items"]}
            equal((shown[broken], shown[broken + 1]), ("withheld", "readable"))

    def hops(first):
        def redirect(path):
            hop, _, behind = path[1:].partition("/")
            number = int(hop.removeprefix("hop"))
            return f"/hop{number - 1}/{behind}" if number > 0 else None

        author = make_author()
        with Host(author, prefix="/hop0") as host:
            host.redirect = redirect
            address = host.address.replace("/hop0", f"/hop{first}")
            asks = node(f"hop{first}")
            status = asks.status("follow", author.link(vias=[address]), "--keep", "none")
            return status

    def redirects():
        equal(hops(3), 0)
        assert hops(4) != 0

    def other_hosts():
        author = make_author()
        with Host(author) as target, Host(author) as host:
            # Another port of the same machine, and that under another name.
            for name, place in (("port", target.address), ("name", target.address.replace("127.0.0.1", "localhost"))):
                asked = len(target.asked)
                host.redirect = lambda path: place + path
                status = node(name).status("follow", author.link(vias=[host.address]), "--keep", "none")
                assert status != 0, f"followed to another {name}"
                equal(len(target.asked), asked)

    def wrong_size():
        for name, size in (("shorter", 49_999), ("longer", 50_001), ("leaf", 20_000), ("far", 2**44)):
            author = make_author()
            file = author.file(media(50_000, 1), "text/plain", name="wrong", size=size)
            index = author.append("item", {"title": "wrong", "files": [file]})
            author.append("item", {"title": "behind"})
            with Host(author) as host:
                asks = node(f"size-{name}")
                assert asks.status("follow", author.link(vias=[host.address]), "--keep", "all") != 1
                follow_head = asks.json("show", key.to_text(author.feed))["head"]
                equal(follow_head["length"], author.length)
                path = temp / f"wrong-{name}"
                assert asks.status("get", f"{key.to_text(author.feed)}/{index}", "-o", path) != 0, name
                assert not path.exists(), f"{name}: {path.stat().st_size} bytes were written"

    def rotten_latest():
        """Answers to `latest` that break list.md, Taking a feed up."""
        author = make_author()
        for _ in range(40):
            author.append("item", {"title": str(author.length)})
        older = author.bundle(0, 1, 3)
        head = author.head()
        answers = {
            "two heads": older + author.bundle(40, author.length),
            "begins elsewhere": author.bundle(1, author.length),
            "no last hash": author.bundle(0, 1),
            "three": author.bundle(0, 1) + author.bundle(20, 30) + author.bundle(40, author.length),
            "rest": author.bundle(0, author.length) + b"\x00",
            "nothing": b"",
            "head": head,
        }
        author.kept_back.add(0)
        answers["record 0 withheld"] = author.bundle(0, author.length)
        author.kept_back.clear()
        for number, (name, data) in enumerate(answers.items()):
            with Host(author) as host:
                host.lie = lambda path, status, honest: data if path.endswith("/bundle") else honest
                asks = node(f"latest-{number}")
                assert asks.status("follow", author.link(vias=[host.address]), "--keep", "none") != 0, name
                assert asks.status("show", f"{key.to_text(author.feed)}/0") != 0, f"{name}: record 0 is shown"

    tally.check("levada follows a server below a path", below_a_path)
    tally.check("levada takes a range out of a whole answer", without_ranges)
    tally.check("levada takes up a feed whose record 0 nobody can read", without_a_profile)
    tally.check("levada reads on behind a record that breaks the chain", broken_chain)
    tally.check("levada follows three redirects, and not four", redirects)
    tally.check("levada follows no redirect to another host", other_hosts)
    tally.check("a wrong size in a record harms that file alone", wrong_size)
    tally.check("levada takes up nothing from answers to `latest` that are none", rotten_latest)
