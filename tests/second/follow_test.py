"""Follow test: Python makes a feed and serves it, and a levada node follows it, gets its files, and passes it on."""

import pathlib

import bundle as bundle_page
import fork as fork_page
import head as head_page
import key
import link as link_page
import record as record_page
import succession as succession_page
import wire
from author import TIME_0, Author
from blake3_tree import hash_of
from fetch import media
from host import Host
from node import Node
from tally import equal, equal_rows, flipped, refused
from wire import Client

SECRET, RECOVERY, NEXT = bytes([11] * 32), bytes([12] * 32), bytes([13] * 32)
SIZES = [0, 1, 1024, 1025, 16384, 16385, 40_000, 70_000]


def make_author(items=True):
    """A feed with every kind of record, with records that nobody can read, and with files of all sizes."""
    author = Author(SECRET)
    recovery = hash_of(key.public(RECOVERY))
    avatar = author.file(media(500, 99), "image/png")
    author.append("profile", {"name": "Béla", "about": "", "avatar": avatar, "recovery": recovery, "links": []})
    if not items:
        return author
    for seed, size in enumerate(SIZES):
        file = author.file(media(size, seed), "application/octet-stream", name=f"{size}.bin")
        author.append("item", {"title": f"Item of {size} bytes", "files": [file], "path": f"files/{size}.bin"})
    again = author.file(media(1, 1), "application/octet-stream", name="1.bin")
    author.append("item", {"title": "Again", "edits": author.reference(2), "tags": ["a", "ü"], "files": [again]})
    author.append("collection", {"title": "All", "items": [author.reference(1), author.reference(2)]})
    author.append("listing", {"feed": key.public(bytes([14] * 32)), "hints": ["http://192.0.2.1"], "catalogue": False})
    author.append("moved", {"feed": key.public(NEXT)})
    author.append("weather", {"sun": True, "rain": None, "": [{}, [[]]]})
    author.append("item", {"title": "x", "ext": {"a": [{"!must": 1}]}})
    author.append("item", {"text": "without a title"})
    author.append("item", {"title": "bad path", "path": "../x"})
    author.append("item", {"title": "edits what comes", "edits": {"index": 40, "link": bytes(32)}})
    author.append("retract", {"target": {"index": 0, "link": author.link_hash(0)}})
    for data in (b"", b"\x80", b"\xff", b"\xa0\x00", b"\xa1\x61!\x01", b"\x81\xa1\x62!!\xf6", bytes(65536)):
        author.append_bytes(data)
    author.append("item", {"title": "A mistake", "files": [author.file(b"wrong", "text/plain")]})
    mistake = author.length - 1
    author.append("item", {"title": "A mistake, edited", "edits": author.reference(mistake)})
    author.append("retract", {"target": author.reference(mistake), "reason": "wrong"})
    author.append("item", {"title": "A mistake, edited too late", "edits": author.reference(mistake)})
    while author.length < 70:
        author.append("item", {"title": str(author.length)})
    return author


def test_all(tally, program, temp):
    """Follows, gets, syncs; then lies."""
    author = make_author()
    follower = Node(program, temp / "follower")
    with Host(author) as host:
        test_own_client(tally, host, author)
        test_follow(tally, host, author, follower, temp)
        test_sync(tally, host, author, follower)
    test_live(tally, program, temp)
    test_pass_on(tally, author, follower)
    test_lies(tally, program, temp)
    test_fork(tally, program, temp)


def test_own_client(tally, host, author):
    """The Python client at the Python server: what fails here is no fault of the node."""

    def client():
        asks = Client(host.address)
        equal([one.feed for one in asks.feeds()], [author.feed])
        equal(asks.take_up(author.feed, 5, author.first[:16])[-1].end, author.length)
        for have in (0, 1, 32, 33, 64, author.length):
            equal(asks.head(author.feed, have).head.length, author.length)
        equal(asks.bundle(author.feed, 0, author.length).end, author.length)
        for blob, data in author.blobs.items():
            equal(asks.blob(blob, len(data)), data)
            equal(asks.claimed_size(blob), len(data))

    tally.check("the Python client takes all of the Python server", client)


def test_follow(tally, host, author, follower, temp):
    def follow():
        link = author.link(vias=[host.address], name="Béla & co")
        follower.run("follow", link, "--keep", "all")
        head = follower.json("show", key.to_text(author.feed))["head"]
        equal((head["length"], head["root"]), (author.length, hash_of(author.hashes).hex()))

    def states():
        by = author.retracted()
        shown = {item["index"]: item["state"] for item in all_items(follower, author)}
        due = {}
        for index, data in enumerate(author.records):
            due[index] = record_page.state(data, index).replace(" ", "-")
            if index in by:
                # The server kept its bytes back. The retract names the item and none of its edits (spec/bundle.md).
                due[index] = "withheld" if is_edit(author, index) else "retracted"
        rows = {index: state for index, state in due.items() if index in shown}
        equal_rows(shown, rows)
        # What `levada ls --all` leaves out are edits, which it shows as their items, and retracts.
        for index in set(due) - set(shown):
            kind = record_page.read_record(author.records[index], index)["kind"]
            assert kind in ("item", "retract", "moved", "weather"), f"record {index} is not shown"

    def get():
        for index, size in enumerate(SIZES, 1):
            file = temp / f"got-{index}"
            follower.run("get", f"{key.to_text(author.feed)}/{index}", "-o", file)
            equal(file.read_bytes(), media(size, index - 1), f"item {index}")
        asked = follower.run("get", f"{key.to_text(author.feed)}/8", "--range", "20000-50000", "-o", "-")
        equal(asked, media(70_000, 7)[20000:50001])

    tally.check("levada follows a feed made in Python", follow)
    tally.check("levada and Python agree which records are readable", states)
    tally.check("levada gets the files of a feed made in Python", get)


def is_edit(author, index):
    """Whether a readable record edits another."""
    return "edits" in record_page.read_record(author.records[index], index)["body"]


def all_items(node, author):
    """What a node shows of a feed, everything."""
    return node.json("ls", key.to_text(author.feed), "--all", "-n", "1000")["items"]


def test_sync(tally, host, author, follower):
    def sync():
        for count in (1, 40):
            for _ in range(count):
                author.append("item", {"title": str(author.length)})
            host.publish(author)
            follower.run("sync")
            head = follower.json("show", key.to_text(author.feed))["head"]
            equal((head["length"], head["root"]), (author.length, hash_of(author.hashes).hex()))

    tally.check("levada takes what comes later of a feed made in Python", sync)


def test_live(tally, program, temp):
    """A node that serves what it follows, while the author goes on."""

    def live():
        author = make_author(items=False)
        node = Node(program, temp / "live-follower")
        with Host(author) as host:
            node.run("follow", author.link(vias=[host.address]))
            with node.serving() as address:
                client = Client(address)
                path = f"/v1/feeds/{key.to_text(author.feed)}/head?have=0&wait=50"
                for _ in range(3):
                    tag = wire.head_tag(author.head())
                    author.append("item", {"title": str(author.length)})
                    host.publish(author)
                    # The node asks the host, the client asks the node; both wait in a long poll.
                    answer = client.ask("GET", path, If_None_Match=tag)
                    equal((answer.status, answer.header["etag"]), (200, wire.head_tag(author.head())))
                    equal(client.bundle(author.feed, 0, author.length).end, author.length)

    tally.check("levada follows live and passes on what comes", live)


def test_pass_on(tally, author, follower):
    """The node serves what it followed; the author is gone."""

    def pass_on(client):
        equal(client.feeds(), [])
        bundles = client.take_up(author.feed, author.length, author.first[:16])
        by = author.retracted()
        for index in range(author.length):
            equal(bundles[0].links[index], author.link_hash(index), f"link hash {index}")
            equal(bundles[0].records[index], None if index in by else author.records[index], f"record {index}")
            # Of an edit that came withheld nobody but its author knows that it is one (spec/bundle.md).
            hint = None if index in by and is_edit(author, index) else by.get(index)
            equal(bundles[0].hints[index], hint, f"hint of {index}")
        for blob, data in author.blobs.items():
            if len(data) in SIZES:
                equal(client.blob(blob, len(data)), data)

    def hand_over(client):
        path = f"/v1/feeds/{key.to_text(author.feed)}"
        made = succession_page.make_succession(RECOVERY, NEXT, author.feed, hash_of(author.hashes), TIME_0, author.length)
        stranger = succession_page.make_succession(NEXT, RECOVERY, author.feed, bytes(32), TIME_0, 1)
        for what, body, status, must in (
            ("nothing", b"", 422, None),
            ("a bit turned", flipped(made, 250), 422, b"key-7"),
            ("another version", b"\x84\x02" + made[2:], 422, b"head-2"),
            ("another recovery key", stranger, 422, b"succession-3"),
            ("as due", made, 204, None),
            ("again", made, 200, None),
        ):
            answer = client.ask("POST", path + "/succession", body)
            equal((what, answer.status), (what, status))
            if must:
                equal(answer.body.split(b":")[0], must, what)
        equal(client.ask("GET", path + "/succession").body, made)
        equal(client.succession(author.feed).next, key.public(NEXT))
        elsewhere = f"/v1/feeds/{key.to_text(key.public(NEXT))}/succession"
        equal(client.ask("POST", elsewhere, made).status, 404)

    def hand_over_fork(client):
        path = f"/v1/feeds/{key.to_text(author.feed)}/fork"
        other = make_author(items=False)
        other.append("item", {"title": "another history"})
        forks = fork_page.make_fork(head_page.check_head(other.head()), head_page.check_head(author.head()), author.hashes)
        same = wire.codec.encode([1, author.head(), author.head(time=5), b"", b""])
        for what, body, status in (
            ("no fork", same, 422),
            ("a bit turned", flipped(forks, 300), 422),
            ("as due", forks, 204),
            ("again", forks, 200),
        ):
            equal((what, client.ask("POST", path, body).status), (what, status))
        equal(client.ask("GET", path).body, forks)
        client.fork(author.feed)

    with follower.serving() as address:
        client = Client(address)
        tally.check("levada passes on what it followed, and does not list it", pass_on, client)
        tally.check("levada keeps a succession that holds, and passes it on", hand_over, client)
        tally.check("levada keeps a fork proof that holds, and passes it on", hand_over_fork, client)


def test_lies(tally, program, temp):
    """A server that lies. Nothing of it may be shown."""

    def lied_to(name, lie, first=None):
        author = make_author(items=False)
        author.append("item", {"title": "big", "files": [author.file(media(40_000, 3), "text/plain")]})
        author.append("item", {"title": "small", "files": [author.file(b"small", "text/plain")]})
        node = Node(program, temp / f"lied-to-{name}")
        with Host(author) as host:
            host.lie = lie
            link = author.link(vias=[host.address])
            if first:
                link = link_page.print_link(link_page.Link(author.feed, None, first, [host.address], None))
            status = node.status("follow", link, "--keep", "all")
            return node, author, status

    def bundles():
        for at in (3, 20, 100, 200, 300, 400, -10):

            def lie(path, status, data):
                return flipped(data, at) if path.endswith("/bundle") else data

            node, author, status = lied_to(f"bundle-{at}", lie)
            assert status != 0, f"byte {at}: status {status}"
            shown = node.status("show", key.to_text(author.feed) + "/0")
            assert shown != 0, f"byte {at}: record 0 is shown"

    def other_first():
        node, author, status = lied_to("first", None, first=bytes(16))
        equal(status, 5)

    def blobs():
        def lie(path, status, data):
            if path == "/v1/blobs" and status == 200:
                return flipped(data, len(data) - 1)
            return flipped(data, 0) if "/blobs/" in path and "/proof" not in path and status in (200, 206) else data

        node, author, status = lied_to("blob", lie)
        assert status != 0
        for index in (1, 2):
            file = pathlib.Path(temp, f"lied-{index}")
            assert node.status("get", f"{key.to_text(author.feed)}/{index}", "-o", file) != 0
            assert not file.exists() or file.read_bytes() == b""

    tally.check("levada takes nothing from a bundle with a bit turned", bundles)
    tally.check("levada refuses a feed with another first record than the link says", other_first)
    tally.check("levada writes no byte of a file with a bit turned", blobs)


def grown(titles, time_0=TIME_0):
    """The feed of the two histories, with an item for each title."""
    author = Author(SECRET, time_0)
    author.append("profile", {"name": "Béla"})
    for title in titles:
        author.append("item", {"title": title})
    return author


def test_fork(tally, program, temp):
    """One history, then another one or an older state of the same."""
    same = [f"both {n}" for n in range(60)]

    def follow_both(name, held, other, is_fork):
        node = Node(program, temp / f"forked-{name}")
        with Host(held) as host:
            node.run("follow", held.link(vias=[host.address]))
            host.publish(other)
            status = node.status("sync")
            assert (status != 0) == is_fork, f"status {status}"
            shown = node.json("show", key.to_text(held.feed))
            newest = held if is_fork or other.length < held.length else other
            equal((shown["head"]["length"], shown["head"]["root"]), (newest.length, hash_of(newest.hashes).hex()))
            equal(shown["fork"] is not None, is_fork)
        with node.serving() as address:
            client = Client(address)
            equal(client.head(held.feed).head.root, hash_of(newest.hashes))
            if is_fork:
                found = client.fork(held.feed)
                equal(sorted(one.wire for one in found), sorted([held.head(), other.head()]))
            else:
                equal(client.ask("GET", f"/v1/feeds/{key.to_text(held.feed)}/fork").status, 404)

    for name, held, other, is_fork in (
        ("longer", grown(same[:40] + ["one"]), grown(same[:40] + ["other"] * 30), True),
        ("shorter", grown(same[:40] + ["one"] * 30), grown(same[:40] + ["other"]), True),
        ("equal", grown(same[:40] + ["one"]), grown(same[:40] + ["other"]), True),
        ("first", grown(same[:40]), grown(same[:50], TIME_0 + 1), True),
        ("extended", grown(same[:31]), grown(same[:33]), False),
        ("stale", grown(same[:40]), grown(same[:20]), False),
    ):
        verdict = "is a fork" if is_fork else "is none"
        tally.check(f"a second history, {name}, {verdict}", follow_both, name, held, other, is_fork)


def test_check(tally, program, temp):
    """`levada check` of structures made here."""
    author = make_author()
    one = make_author(items=False)
    one.append("item", {"title": "another history"})
    elsewhere = Author(SECRET, time_0=TIME_0 + 1)
    elsewhere.append("profile", {"name": "begun anew"})
    later = Author(SECRET)
    later.records, later.hashes = list(one.records), one.hashes
    later.append("item", {"title": "longer"})

    def head(of, length=None):
        return head_page.check_head(of.head(length))

    made = {
        "fork-a-first": fork_page.make_fork(head(elsewhere), head(author)),
        "fork-a-root": fork_page.make_fork(head(one), head(author, 2)),
        "fork-b": fork_page.make_fork(head(one), head(author), author.hashes),
        "fork-b-second-leaf": fork_page.make_fork(*second_leaf_fork(author)),
        "succession": succession_page.make_succession(RECOVERY, NEXT, author.feed, bytes(32), 0, 1),
        "bundle": author.bundle(30, 40),
        "bundle-withheld": author.bundle(25, 35),
        "head-0": author.answer(0),
        "head-0-of-5": author.answer(0, 5),
        "head-0-of-33": author.answer(0, 33),
        "head-0-of-34": author.answer(0, 34),  # pairs and leaves have 64 bytes each, as the signatures of a succession
    }
    ours = {
        "fork": fork_page.check_fork,
        "succession": succession_page.check_succession,
        "bundle": bundle_page.check_bundle,
    }
    node, file = Node(program, temp / "checker"), pathlib.Path(temp, "checked")

    def accepted():
        got = {}
        for name, data in made.items():
            file.write_bytes(data)
            got[name] = node.status("check", file)
        equal_rows(got, {name: 0 for name in made})

    def not_accepted():
        got, due = {}, {}
        for name in ("fork-a-root", "fork-b", "fork-b-second-leaf", "succession", "bundle", "head-0"):
            data = made[name]
            for at in range(0, len(data), max(1, len(data) // 20)):
                bad = flipped(data, at, at % 8)
                if name.split("-")[0] in ours:
                    refused(None, ours[name.split("-")[0]], bad)
                file.write_bytes(bad)
                due[name, at] = 5
                got[name, at] = node.status("check", file)
        equal_rows(got, due)

    tally.check("levada accepts fork proofs, successions, bundles and head answers made in Python", accepted)
    tally.check("levada refuses them with a bit turned", not_accepted)


def second_leaf_fork(author):
    """Two heads that differ from record 50 on, and the longer list."""
    other = Author(SECRET)
    other.records, other.hashes = author.records[:50], author.hashes[: 32 * 50]
    other.append("item", {"title": "other"})
    return head_page.check_head(other.head()), head_page.check_head(author.head()), author.hashes
