"""Author: a feed made in Python, whole: its records, heads of any length, head answers and bundles.

What an honest author and server does by spec/record.md, spec/list.md and spec/wire.md, without a disk.
"""

import bundle as bundle_page
import head as head_page
import key
import link as link_page
import list as list_page
import record as record_page
from codec import Refused
from list import HASH_BYTES

TIME_0 = 1767225600000
RECORDS_BYTES_MAX = 4 * 1024 * 1024


class Author:
    """One feed and its blobs."""

    def __init__(self, secret, time_0=TIME_0):
        self.secret = secret
        self.feed = key.public(secret)
        self.time_0 = time_0
        self.records = []
        self.hashes = b""
        self.blobs = {}
        self.kept_back = set()

    @property
    def length(self):
        return len(self.records)

    @property
    def first(self):
        return self.hashes[:HASH_BYTES]

    def link_hash(self, index):
        """The link hash of a record."""
        return self.hashes[HASH_BYTES * index : HASH_BYTES * (index + 1)]

    def append(self, kind, body):
        """Appends a record, as the example feed of spec/README.md times and salts it; gives its index."""
        index = self.length
        salt = bytes([index % 256]) * record_page.SALT_BYTES
        return self.append_bytes(record_page.make_record(kind, self.time_0 + index * 60000, salt, body))

    def append_bytes(self, record):
        """Appends a record that may be anything."""
        before = self.hashes[-HASH_BYTES:] or self.feed
        self.records.append(record)
        self.hashes += list_page.link_hash(before, record)
        return self.length - 1

    def append_broken(self, link):
        """Signs a link hash that no record has: it can only travel as withheld."""
        self.records.append(b"")
        self.hashes += link
        self.kept_back.add(self.length - 1)
        return self.length - 1

    def file(self, data, media_type, **fields):
        """Keeps a blob; gives the map that names it."""
        blob = list_page.hash_of(data)
        self.blobs[blob] = data
        return {"hash": blob, "type": media_type, "size": len(data), **fields}

    def reference(self, index):
        """A reference to a record of this feed."""
        return {"index": index, "link": self.link_hash(index)}

    def head(self, length=None, time=None):
        """The signed head of a length, in wire form."""
        length = length or self.length
        records = self.records[:length]
        return head_page.make_head(
            self.secret,
            root=list_page.hash_of(self.hashes[: HASH_BYTES * length]),
            time=self.time_0 + length * 60000 if time is None else time,
            bytes=sum(len(record) for record in records),
            first=self.first,
            media=record_page.media_bytes(records),
            length=length,
        )

    def link(self, index=None, vias=(), name=None):
        """The link that people pass on."""
        return link_page.print_link(link_page.Link(self.feed, index, self.first[:16], vias, name))

    def answer(self, have, length=None):
        """The head answer for someone who has `have` records."""
        length = length or self.length
        return list_page.make_answer(self.head(length), self.hashes[: HASH_BYTES * length], have)

    # What a server makes of the records

    def _read(self, index):
        try:
            return record_page.read_record(self.records[index], index)
        except Refused:
            return None

    def retracted(self):
        """The records that are taken back, edits with them, and by which record each."""
        by = {}
        for index in range(self.length):
            record = self._read(index)
            if record is None or record["kind"] != "retract":
                continue
            target = record["body"]["target"]
            if target["link"] != self.link_hash(target["index"]):
                continue
            taken = self._read(target["index"])
            can_be_named = taken is not None and taken["kind"] in ("item", "collection", "listing", "profile")
            if can_be_named and "edits" not in taken["body"]:
                by.setdefault(target["index"], index)
        for index in range(self.length):
            record = self._read(index)
            if record is None or record["kind"] != "item" or "edits" not in record["body"]:
                continue
            edited = record["body"]["edits"]
            if edited["index"] in by and edited["link"] == self.link_hash(edited["index"]):
                by[index] = by[edited["index"]]
        return by

    def slots(self, start, end, length):
        """The slots of the records start..end under the head of a length, as many as 4 MiB hold."""
        by = self.retracted()
        slots, total = [], 0
        for index in range(start, min(end, start + bundle_page.SLOTS_MAX)):
            if index in self.kept_back:
                slots.append([self.link_hash(index)])
                continue
            if index in by:
                # A hint is above the slot's own index: an edit that came after the retract goes without.
                is_hint = index < by[index] < length
                slots.append([self.link_hash(index), by[index]] if is_hint else [self.link_hash(index)])
                continue
            total += len(self.records[index])
            if total > RECORDS_BYTES_MAX:
                break
            slots.append(self.records[index])
        return slots

    def bundle(self, start, end, length=None):
        """A bundle that begins at `start`; None if there is none."""
        length = length or self.length
        slots = self.slots(start, min(end, length), length)
        if not slots:
            return None
        return bundle_page.make_bundle(self.head(length), length, self.hashes, start, slots)

    def latest(self, newest):
        """Record 0 and the newest records: one bundle or two."""
        by = self.retracted()
        start, total = self.length, 0
        while start > 0 and self.length - start < min(newest, bundle_page.SLOTS_MAX):
            total += 0 if start - 1 in by else len(self.records[start - 1])
            if total > RECORDS_BYTES_MAX and start < self.length:
                break
            start -= 1
        if start == 0:
            return self.bundle(0, self.length)
        return self.bundle(0, 1) + self.bundle(start, self.length)
