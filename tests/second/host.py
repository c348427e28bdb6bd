"""Host: a server of the wire, for feeds made in Python. Format: spec/wire.md.

Serves whole feeds from memory. `lie` may change any answer on its way out: that is what refusals are tested with.
"""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fork as fork_page
import key
import slice as slice_page
import succession as succession_page
import wire
from codec import Refused

CBOR = "application/cbor"
OCTETS = "application/octet-stream"
HANDED_BYTES_MAX = 8192
BATCH_REQUEST_BYTES_MAX = 16448
QUERY_NUMBER_MAX = 2**64 - 1


class Status(Exception):
    """An answer that is none of the good ones."""

    def __init__(self, status, line, **header):
        super().__init__(line)
        self.status, self.line, self.header = status, line, header


def ask_number(query, name, default=None):
    """A parameter that is a number: decimal digits without sign and leading zeros."""
    if name not in query:
        if default is None:
            raise Status(400, f"{name} is missing")
        return default
    text = query[name]
    is_number = re.fullmatch("0|[1-9][0-9]*", text, re.ASCII) is not None
    if not is_number or int(text) > QUERY_NUMBER_MAX:
        raise Status(400, f"{name} is no number")
    return int(text)


class Host:
    """Serves authors on a free port of loopback until it is closed."""

    def __init__(self, *authors, prefix=""):
        self.authors = {author.feed: author for author in authors}
        self.forks, self.successions = {}, {}
        self.changed = threading.Condition()
        self.lie = None
        self.redirect = None  # from a path to where it is found, or None
        self.has_ranges = True
        self.asked = []
        host = self

        class Handler(_Handler):
            pass

        Handler.host = host
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}{prefix}"
        self.prefix = prefix.rstrip("/")
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def publish(self, author):
        """Serves this author's feed as it is now."""
        with self.changed:
            self.authors[author.feed] = author
            self.changed.notify_all()

    # Answers: each gives (status, body, headers)

    def author(self, text):
        """The author that a path names."""
        try:
            feed = key.from_text(text)
        except Refused as refused:
            raise Status(400, str(refused)) from None
        if feed not in self.authors:
            raise Status(404, "this feed is not here")
        return self.authors[feed]

    def feeds(self, query):
        after = b""
        if "after" in query:
            try:
                after = key.from_text(query["after"])
            except Refused as refused:
                raise Status(400, str(refused)) from None
        feeds = [feed for feed in sorted(self.authors) if feed > after][: wire.FEEDS_HEADS_MAX]
        return 200, wire.codec.encode([1, [self.authors[feed].head() for feed in feeds]]), {"Content-Type": CBOR}

    def head(self, text, query, asked_tag):
        have, wait = ask_number(query, "have", 0), ask_number(query, "wait", 0)
        author = self.author(text)
        end = time.monotonic() + min(wait, wire.WAIT_SECONDS_MAX)
        with self.changed:
            while wire.head_tag(author.head()) == asked_tag:
                left = end - time.monotonic()
                if left <= 0:
                    return 304, b"", {"ETag": asked_tag}
                self.changed.wait(left)
                author = self.author(text)
            return 200, author.answer(have), {"Content-Type": CBOR, "ETag": wire.head_tag(author.head())}

    def bundle(self, text, query):
        author = self.author(text)
        if "latest" in query:
            newest = ask_number(query, "latest")
            if newest == 0:
                raise Status(400, "latest is at least 1")
            return 200, author.latest(newest), {"Content-Type": CBOR}
        start, end = ask_number(query, "from"), ask_number(query, "to")
        at = ask_number(query, "at", author.length)
        if start >= end:
            raise Status(400, "from is below to")
        length = at if 1 <= at <= author.length else author.length
        bundle = author.bundle(start, end, length)
        if bundle is None:
            raise Status(404, "these records are not here")
        return 200, bundle, {"Content-Type": CBOR}

    def kept(self, files, text):
        feed = self.author(text).feed
        if feed not in files:
            raise Status(404, "there is none")
        return 200, files[feed], {"Content-Type": CBOR}

    def keep(self, files, check, text, body):
        feed = self.author(text).feed
        try:
            check(body, feed)
        except Refused as refused:
            raise Status(422, str(refused)) from None
        if feed in files:
            return 200, b"", {}
        files[feed] = body
        return 204, b"", {}

    def blob_bytes(self, text):
        if re.fullmatch("[0-9a-f]{64}", text) is None:
            raise Status(400, "no hash")
        for author in self.authors.values():
            if bytes.fromhex(text) in author.blobs:
                return author.blobs[bytes.fromhex(text)]
        raise Status(404, "this blob is not here")

    def blob(self, text, header):
        data = self.blob_bytes(text)
        tag = f'"{text}"'
        headers = {
            "Content-Type": OCTETS,
            "ETag": tag,
            "Accept-Ranges": "bytes",
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Content-Disposition": "attachment",
        }
        if header.get("If-None-Match") == tag:
            return 304, b"", headers
        asked = read_range(header.get("Range", "")) if header.get("If-Range", tag) == tag else None
        if not self.has_ranges:
            asked = None
        if asked is None:
            return 200, data, headers
        start, end = asked
        if start is None:  # the last `end` bytes
            start, end = max(0, len(data) - end), len(data) if end > 0 else 0
        end = len(data) if end is None else min(end, len(data))
        if start >= end:
            raise Status(416, "past the end", **{"Content-Range": f"bytes */{len(data)}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        return 206, data[start:end], headers

    def proof(self, text, query):
        data = self.blob_bytes(text)
        start, end = ask_number(query, "from"), ask_number(query, "to")
        if end - start > wire.PROOF_BYTES_MAX:
            raise Status(400, "too wide")
        try:
            leaves = slice_page.blob_range(start, end, len(data))
        except Refused as refused:
            raise Status(416, str(refused)) from None
        pairs = slice_page.make_pairs(data, slice_page.BLOB_LEAF, [leaves])
        return 200, pairs, {"Content-Type": OCTETS, "levada-size": str(len(data))}

    def have(self, text):
        data = self.blob_bytes(text)
        runs = [(0, slice_page.leaf_count(len(data), slice_page.BLOB_LEAF))]
        return 200, wire.make_have(len(data), runs), {"Content-Type": CBOR}

    def batch(self, body):
        try:
            hashes = wire.read_batch_request(body)
        except Refused as refused:
            raise Status(422, str(refused)) from None
        blobs = {}
        for author in self.authors.values():
            blobs.update(author.blobs)
        found = [blobs.get(one) for one in hashes]
        small = [one if one is not None and len(one) <= wire.BATCH_BLOB_BYTES_MAX else None for one in found]
        return 200, wire.codec.encode([1, small]), {"Content-Type": CBOR}


def read_range(text):
    """One range of bytes as (from, to), (None, count from the end), (from, None); None for what is no range."""
    parts = re.fullmatch(r"bytes=(\d*)-(\d*)", text, re.ASCII)
    if parts is None or parts[1] == parts[2] == "":
        return None
    if parts[1] == "":
        return None, int(parts[2])
    start = int(parts[1])
    if parts[2] == "":
        return start, None
    return (start, int(parts[2]) + 1) if start <= int(parts[2]) else None


class _Handler(BaseHTTPRequestHandler):
    """One request. The paths of spec/wire.md, one line each."""

    protocol_version = "HTTP/1.1"
    host = None

    def log_message(self, *_):
        pass

    def route(self, method, path, query, body):
        host, parts = self.host, path[1:].split("/")
        match parts:
            case ["healthz"]:
                return {"GET": lambda: (200, b"ok\n", {}), "HEAD": lambda: (200, b"ok\n", {})}
            case ["v1", "feeds"]:
                return {"GET": lambda: host.feeds(query)}
            case ["v1", "feeds", text, "head"]:
                return {"GET": lambda: host.head(text, query, self.headers.get("If-None-Match"))}
            case ["v1", "feeds", text, "bundle"]:
                return {"GET": lambda: host.bundle(text, query)}
            case ["v1", "feeds", text, "fork"]:
                return {
                    "GET": lambda: host.kept(host.forks, text),
                    "POST": lambda: host.keep(host.forks, fork_page.check_fork, text, body),
                }
            case ["v1", "feeds", text, "succession"]:
                return {
                    "GET": lambda: host.kept(host.successions, text),
                    "POST": lambda: host.keep(host.successions, succession_page.check_succession, text, body),
                }
            case ["v1", "blobs"]:
                return {"POST": lambda: host.batch(body)}
            case ["v1", "blobs", text]:
                return {"GET": lambda: host.blob(text, self.headers), "HEAD": lambda: host.blob(text, self.headers)}
            case ["v1", "blobs", text, "proof"]:
                return {"GET": lambda: host.proof(text, query)}
            case ["v1", "blobs", text, "have"]:
                return {"GET": lambda: host.have(text)}
        raise Status(404, "no such path")

    def answer(self, method):
        place = self.host.redirect(self.path) if self.host.redirect else None
        if place is not None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(307)
            self.send_header("Location", place)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, raw_query = self.path.partition("?")
        query = {}
        for piece in raw_query.split("&"):
            name, has_value, value = piece.partition("=")
            if has_value:
                query.setdefault(name, value)
        self.host.asked.append((method, self.path))
        try:
            size = int(self.headers.get("Content-Length", 0))
            if size > (BATCH_REQUEST_BYTES_MAX if path.endswith("/blobs") else HANDED_BYTES_MAX):
                self.close_connection = True
                raise Status(413, "the body is too long")
            body = self.rfile.read(size)
            if not path.startswith(self.host.prefix + "/"):
                raise Status(404, "no such path")
            methods = self.route(method, path[len(self.host.prefix) :], query, body)
            if method not in methods:
                raise Status(405, "another method is due", Allow=", ".join(sorted(methods)))
            status, data, headers = methods[method]()
        except Status as other:
            status, data = other.status, (other.line + "\n").encode()
            headers = {"Content-Type": "text/plain", **other.header}
        if self.host.lie is not None:
            data = self.host.lie(path, status, data)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if method != "HEAD" and status not in (204, 304):
            self.wfile.write(data)

    def do_GET(self):
        self.answer("GET")

    def do_HEAD(self):
        self.answer("HEAD")

    def do_POST(self):
        self.answer("POST")


