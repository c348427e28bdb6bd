"""Vector forms: what an input of each noun and form of spec/vectors is given to, and what is found in it, as header
lines. What the files are is in spec/vectors/README.md."""

import functools

import blake3_tree
import bundle as bundle_page
import codec
import fork as fork_page
import head as head_page
import key
import link as link_page
import list as list_page
import record as record_page
import slice as slice_page
import static_host
import succession as succession_page
import wire
from codec import Refused, require
from follower import Follower
from tally import equal


def codec_value(vector, data):
    codec.decode(data, codec.RECORD_VALUES_MAX)
    return {}


def key_text(vector, data):
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refused("key-4", "not UTF-8") from None
    return {"key": [key.from_text(text).hex()]}


def key_raw(vector, data):
    key.check_key(data)
    return {"text": [key.to_text(data)]}


def key_signature(vector, data):
    context = {"head": key.HEAD_CONTEXT, "succession": key.SUCCESSION_CONTEXT}[vector.text("context")]
    key.check_signature(vector.hex("key"), context, vector.hex("message"), data)
    return {}


def record(vector, data):
    read = record_page.read_record(data, vector.number("index"))
    out = {"kind": [read["kind"]], "time": [str(read["time"])]}
    files = read["body"].get("files", []) if read["kind"] == "item" else []
    out["media"] = [str(sum(one["size"] for one in files))]
    title = read["body"].get({"item": "title", "profile": "name"}.get(read["kind"]))
    if title is not None:
        out["title"], out["title-bytes"] = [title], [str(len(title.encode()))]
    return out


def head(vector, data):
    read = head_page.check_head(data, vector.hex("asked"))
    out = {name: [str(getattr(read, name))] for name in ("length", "bytes", "media", "time")}
    return {**out, **{name: [getattr(read, name).hex()] for name in ("feed", "first", "root")}}


def list_links(vector, data):
    records = codec.decode(data, 10**6)
    hashes = list_page.hash_list(vector.hex("feed"), records)
    links = [hashes[i : i + 32].hex() for i in range(0, len(hashes), 32)]
    return {"link": links, "root": [blake3_tree.hash_of(hashes).hex()]}


def list_whole(vector, data):
    list_page.check_whole_list(head_page.check_head(vector.hex("head")), data)
    return {}


def list_record(vector, data):
    before = vector.hex("feed") if vector.number("index") == 0 else vector.hex("before")
    require(list_page.link_hash(before, data) == vector.hex("link"), "list-2")
    return {}


def list_answer(vector, data):
    have = vector.number("have")
    answer = list_page.check_answer(data, vector.hex("feed"), have)
    length = answer.head.length
    out = {"length": [str(length)], "root": [answer.head.root.hex()]}
    out["last"] = [answer.leaves[(length - 1) // 32][-32:].hex()]
    if 1 <= have <= length:
        out["old-root"] = [answer.proof.root_at(have, answer.leaves[(have - 1) // 32]).hex()]
    return out


@functools.lru_cache(maxsize=None)
def sample_hashes(length):
    """The hashes of the tables."""
    return b"".join(blake3_tree.hash_of(i.to_bytes(8, "little")) for i in range(length))


def sample_list(length):
    """The list of this length."""
    return sample_hashes(20000)[: 32 * length]


def list_slice(hashes, ranges):
    """Pairs and leaves of a list."""
    leaf = slice_page.LIST_LEAF
    return slice_page.make_pairs(hashes, leaf, ranges), slice_page.make_leaves(hashes, leaf, ranges)


def list_roots(vector, data):
    for row in vector.rows():
        equal(blake3_tree.hash_of(sample_list(int(row["length"]))).hex(), row["root"], row["length"])
    return {}


def list_slices(vector, data):
    for row in vector.rows():
        leaf = int(row["index"]) // 32
        pairs, leaves = list_slice(sample_list(int(row["length"])), [(leaf, leaf + 1)])
        equal((str(len(pairs) // 64), blake3_tree.hash_of(pairs + leaves).hex()), tuple(row.values())[2:], str(row))
    return {}


def list_extensions(vector, data):
    for row in vector.rows():
        old, new = int(row["old"]), int(row["new"])
        hashes, k = sample_list(new), (old - 1) // 32
        root = blake3_tree.hash_of(hashes)
        got = [row["old"], row["new"], row["old-root"]]
        for ranges in ([(k, k + 1)], list_page.answer_ranges(new, old)):
            pairs, leaves = list_slice(hashes, ranges)
            proof = slice_page.Proof(32 * new, slice_page.LIST_LEAF, ranges, root, pairs)
            equal(proof.root_at(old, proof.check_leaves(leaves)[k]).hex(), row["old-root"], str(row))
            got += [str(len(pairs) // 64), blake3_tree.hash_of(pairs + leaves).hex()]
        equal(got, [*row.values()], str(row))
    return {}


def slice_list(vector, data):
    size, start, end = 32 * vector.number("length"), vector.number("from"), vector.number("to")
    require(start < end <= vector.number("length"), "slice-5")
    ranges = [(start // 32, -(-end // 32))]
    return checked_slice(vector, data, vector.hex("root"), size, slice_page.LIST_LEAF, ranges)


def slice_blob(vector, data):
    size = vector.number("size")
    ranges = [slice_page.blob_range(vector.number("from"), vector.number("to"), size)]
    return checked_slice(vector, data, vector.hex("hash"), size, slice_page.BLOB_LEAF, ranges)


def checked_slice(vector, data, root, size, leaf_size, ranges):
    """Pairs, then leaves."""
    cut = vector.number("pairs-bytes")
    slice_page.Proof(size, leaf_size, ranges, root, data[:cut]).check_leaves(data[cut:])
    return {}


def slice_outboards(vector, data):
    rows = vector.rows()
    blob = blake3_tree.extended(b"levada blob", max(int(row["size"]) for row in rows))
    for row in rows:
        piece = blob[: int(row["size"])]
        leaves = slice_page.leaf_count(len(piece), slice_page.BLOB_LEAF)
        pairs = slice_page.make_pairs(piece, slice_page.BLOB_LEAF, [(0, leaves)])
        got = (blake3_tree.hash_of(piece).hex(), str(len(pairs) // 64), blake3_tree.hash_of(pairs).hex())
        equal(got, tuple(row.values())[1:], row["size"])
    return {}


def bundle(vector, data):
    read = bundle_page.check_bundle(data, vector.hex("feed"))
    slots = []
    for index in range(read.start, read.end):
        if read.records[index] is None:
            hint = read.hints[index]
            slots.append(f"{index} withheld" if hint is None else f"{index} hint {hint}")
    return {
        "length": [str(read.head.length)],
        "from": [str(read.start)],
        "to": [str(read.end)],
        "holds-last": ["yes" if read.proves_length else "no"],
        "link": [link.hex() for link in read.links.values()],
        "slot": slots,
    }


def fork(vector, data):
    shorter, longer = fork_page.check_fork(data)
    return {"feed": [shorter.feed.hex()], "shorter": [str(shorter.length)], "longer": [str(longer.length)]}


def succession(vector, data):
    read = succession_page.check_succession(data)
    if "named" in vector.header:
        named = vector.text("named")
        due = named != "none" and blake3_tree.hash_of(read.recovery).hex() == named
        require(due, "succession-3")
    out = {name: [getattr(read, name).hex()] for name in ("feed", "recovery", "next", "root")}
    return {**out, "length": [str(read.length)], "time": [str(read.time)]}


def link(vector, data):
    read = link_page.read_link(data)
    return {
        "feed": [read.feed.hex()],
        "index": [] if read.index is None else [str(read.index)],
        "first": [] if read.first is None else [read.first.hex()],
        "via": read.vias,
        "name": [] if read.name is None else [read.name],
    }


def wire_feeds(vector, data):
    return {"heads": [str(len(wire.read_feeds(data)))]}


def wire_have(vector, data):
    size, runs = wire.read_have(data)
    return {"size": [str(size)], "run": [f"{start}-{end}" for start, end in runs]}


def wire_batch(vector, data):
    return {"hash": [one.hex() for one in wire.read_batch_request(data)]}


def wire_blobs(vector, data):
    blobs = wire.read_batch_answer(data, [bytes.fromhex(one) for one in vector.header["asked"]])
    return {"size": ["none" if one is None else str(len(one)) for one in blobs]}


def wire_latest(vector, data):
    return {"bytes": [str(size) for size in bundle_page.latest_sizes(data)]}


def wire_watch(vector, data):
    watched = wire.read_watch_request(data)
    return {"watched": [f"{feed.hex()} {have} {'none' if tag is None else tag.hex()}" for feed, have, tag in watched]}


def wire_frames(vector, data):
    def told(frame):
        if frame is None:
            return "alive"
        at, kind, content = frame
        return f"{at} {kind} {len(content)}" if kind < 4 else f"{at} unknown"

    return {"frame": [told(one) for one in wire.read_watch_frames(data, vector.number("feeds"))]}


def wire_peers(vector, data):
    return {"address": wire.read_peers(data)}


def wire_announce(vector, data):
    return {"port": [str(wire.read_announce(data))]}


def static_known(vector):
    """What the file `head` of a static host proves."""
    return static_host.Known(vector.hex("answer"), vector.hex("feed"))


def static_marker(vector, data):
    static_host.check_marker(data)
    return {}


def static_page(vector, data):
    return {"slots": [str(len(static_known(vector).check_page(vector.number("page"), data)))]}


def static_list(vector, data):
    static_known(vector).check_list(vector.number("page"), data)
    return {}


def static_tile(vector, data):
    static_known(vector).check_tile(0, vector.number("tile"), data)
    return {}


def feed(vector, data):
    """A follower, and the answers that it gets."""
    follower = Follower(vector.hex("feed"), vector.number("now"), vector.hex("link-first"))
    at = 0
    for step in vector.header["step"]:
        words = step.split(" ")
        kind, verdict = words[0], words[-1]
        start, end = map(int, words[1].split("-")) if kind == "bundle" else (None, None)
        size = sum(map(int, words[2 if kind == "bundle" else 1 : -1]))
        answer, at = data[at : at + size], at + size
        if kind == "start":
            got = follower.take_up(answer)
        elif kind == "head":
            got = follower.take_head(answer)
        else:
            got = follower.take_bundle(answer, start, end)
        equal(got, verdict, step)
        assert got != "fork" or follower.fork is not None
    equal(at, len(data), "bytes of steps")
    return follower_out(follower)


def follower_out(follower):
    """What a follower has in the end."""
    out = {"length": [], "root": [], "time": [], "record": []}
    if follower.head is not None:
        out["length"], out["time"] = [str(follower.head.length)], [str(follower.head.time)]
        out["root"] = [follower.head.root.hex()]
    readable = {}
    for index in sorted(follower.records):
        data = follower.records[index]
        if data is None:
            hint = follower.hints[index]
            out["record"].append(f"{index} withheld" if hint is None else f"{index} withheld hint {hint}")
            continue
        try:
            readable[index] = record_page.read_record(data, index)
            out["record"].append(f"{index} {readable[index]['kind']}")
        except Refused as refused:
            readable[index] = None
            out["record"].append(f"{index} unreadable {refused.must}")
    withheld = {index for index, data in follower.records.items() if data is None}
    out["shown"] = shown(readable, withheld, follower.list.hashes)
    return out


def shown(readable, withheld, links):
    """What people are shown of the records that came: None stands for one that cannot be read."""

    def begun(reference):
        """The record that begins what a reference names, if that is here and resolves."""
        index = reference["index"]
        return readable.get(index) if links.get(index) == reference["link"] else None

    newest, retracted, rows = {}, {}, []
    for index, record in readable.items():
        body = record["body"] if record else {}
        if record and record["kind"] == "item" and "edits" in body:
            first = begun(body["edits"])
            if first and first["kind"] == "item" and "edits" not in first["body"]:
                newest[body["edits"]["index"]] = index
        if record and record["kind"] == "retract":
            named = body["target"]["index"]
            target = begun(body["target"])
            kinds = ("item", "collection", "listing", "profile")
            # Of a withheld record the link hash is enough, whatever it may have been.
            is_withheld = named in withheld and links.get(named) == body["target"]["link"]
            if is_withheld or target and target["kind"] in kinds and "edits" not in target["body"]:
                retracted.setdefault(named, index)
    rows_of = {index: readable.get(index) for index in readable.keys() | (withheld & retracted.keys())}
    for index, record in sorted(rows_of.items()):
        kind = record["kind"] if record else "other"
        if kind == "retract" or kind == "item" and "edits" in record["body"]:
            continue
        kind = kind if kind in record_page.KINDS else "other"
        if index in retracted:
            rows.append(f"{kind} {index} retracted-by {retracted[index]}")
        else:
            rows.append(f"{kind} {index} newest {newest.get(index, index)}")
    return rows


FORMS = {
    ("codec", ""): codec_value,
    ("key", "text"): key_text,
    ("key", "raw"): key_raw,
    ("key", "signature"): key_signature,
    ("record", ""): record,
    ("head", ""): head,
    ("list", "links"): list_links,
    ("list", "whole"): list_whole,
    ("list", "record"): list_record,
    ("list", "answer"): list_answer,
    ("list", "roots"): list_roots,
    ("list", "slices"): list_slices,
    ("list", "extensions"): list_extensions,
    ("slice", "list"): slice_list,
    ("slice", "blob"): slice_blob,
    ("slice", "outboards"): slice_outboards,
    ("bundle", ""): bundle,
    ("fork", ""): fork,
    ("succession", ""): succession,
    ("link", ""): link,
    ("wire", "feeds"): wire_feeds,
    ("wire", "have"): wire_have,
    ("wire", "batch"): wire_batch,
    ("wire", "blobs"): wire_blobs,
    ("wire", "latest"): wire_latest,
    ("wire", "watch"): wire_watch,
    ("wire", "frames"): wire_frames,
    ("wire", "peers"): wire_peers,
    ("wire", "announce"): wire_announce,
    ("static", "marker"): static_marker,
    ("static", "page"): static_page,
    ("static", "list"): static_list,
    ("static", "tile"): static_tile,
    ("feed", ""): feed,
}
