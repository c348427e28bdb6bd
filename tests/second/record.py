"""Record: what a reader makes of one entry of a feed. Format: spec/record.md.

Nothing here refuses a feed: a verdict is "readable", or the state that the record is shown in.
"""

import codec
import key
from codec import Refused, is_bytes, is_integer, require

RECORD_BYTES_MAX = 65536
PATH_BYTES_MAX = 4096
SEGMENT_BYTES_MAX = 255
SALT_BYTES = 16
FILE_BYTES_MAX = 2**44
INDEX_LIMIT = 2**40
LISTING_HEAD_BYTES_MAX = 1024


# Types of fields: each says whether a value has it.


def text(value):
    return type(value) is str


def integer(value):
    return is_integer(value)


def boolean(value):
    return type(value) is bool


def hash_or_null(value):
    return value is None or is_bytes(value, 32)


def hash32(value):
    return is_bytes(value, 32)


def feed_key(value):
    return is_bytes(value, 32) and key.is_key(value)


def any_map(value):
    return type(value) is dict


def file_size(value):
    return is_integer(value) and value <= FILE_BYTES_MAX


def index(value):
    return is_integer(value) and value < INDEX_LIMIT


def salt_bytes(value):
    return is_bytes(value, SALT_BYTES)


def head_bytes(value):
    return is_bytes(value) and len(value) <= LISTING_HEAD_BYTES_MAX


def array_of(element):
    return lambda value: type(value) is list and all(element(one) for one in value)


def table(required, **fields):
    """A map with these fields, of which the required ones are there."""

    def has_type(value):
        if type(value) is not dict:
            return False
        if any(name not in value for name in required.split()):
            return False
        return all(fields[name](value[name]) for name in fields if name in value)

    return has_type


CREATOR = table("name", name=text, role=text, feed=feed_key)
FILE = table(
    "hash size type",
    hash=hash32,
    size=file_size,
    type=text,
    role=text,
    name=text,
    duration=integer,
    width=integer,
    height=integer,
    codecs=text,
    language=text,
    blurhash=text,
)
REFERENCE = table("index link", feed=feed_key, index=index, link=hash32)

KINDS = {
    "profile": table(
        "name",
        name=text,
        about=text,
        avatar=FILE,
        links=array_of(text),
        language=text,
        licence=text,
        recovery=hash_or_null,
    ),
    "item": table(
        "title",
        title=text,
        text=text,
        creators=array_of(CREATOR),
        tags=array_of(text),
        published=integer,
        language=text,
        licence=text,
        collection=REFERENCE,
        position=integer,
        place=text,
        sensitive=boolean,
        path=text,
        files=array_of(FILE),
        edits=REFERENCE,
        ext=any_map,
    ),
    "retract": table("target", target=REFERENCE, reason=text),
    "listing": table(
        "feed",
        feed=feed_key,
        first=hash32,
        hints=array_of(text),
        title=text,
        note=text,
        tags=array_of(text),
        catalogue=boolean,
        head=head_bytes,
    ),
    "collection": table("title", title=text, text=text, items=array_of(REFERENCE)),
    "moved": table("feed", feed=feed_key),
}


def has_key_to_understand(value):
    """Whether a key that begins with `!` stands in any map, at any depth."""
    if type(value) is dict:
        return any(name.startswith("!") or has_key_to_understand(one) for name, one in value.items())
    if type(value) is list:
        return any(has_key_to_understand(one) for one in value)
    return False


def is_path(path):
    """record-7."""
    if len(path.encode()) > PATH_BYTES_MAX:
        return False
    for segment in path.split("/"):
        if not 1 <= len(segment.encode()) <= SEGMENT_BYTES_MAX or segment in (".", ".."):
            return False
    forbidden = ((0x00, 0x1F), (0x7F, 0x9F), (0x202A, 0x202E), (0x2066, 0x2069))
    return not any(low <= ord(c) <= high for c in path for low, high in forbidden)


def is_earlier(reference, own_index):
    """A reference to an earlier record of the same feed, as record-6 wants it."""
    return "feed" not in reference and reference["index"] < own_index


def read_record(data, own_index):
    """The map of a readable record; Refused by the record- rule that it breaks otherwise."""
    require(len(data) <= RECORD_BYTES_MAX, "record-1")
    try:
        value = codec.decode(data, codec.RECORD_VALUES_MAX)
    except Refused as refused:
        raise Refused("record-2", str(refused)) from None
    require(not has_key_to_understand(value), "record-3")
    require(type(value) is dict, "record-4")
    has_form = table("kind time salt body", kind=text, time=integer, salt=salt_bytes, body=any_map)
    require(has_form(value), "record-4")
    kind, body = value["kind"], value["body"]
    if kind in KINDS:
        require(KINDS[kind](body), "record-5")
    if kind == "item" and "edits" in body:
        require(is_earlier(body["edits"], own_index), "record-6")
    if kind == "retract":
        require(is_earlier(body["target"], own_index) and body["target"]["index"] != 0, "record-6")
    if kind == "item" and "path" in body:
        require(is_path(body["path"]), "record-7")
    return value


def state(data, own_index):
    """ "readable", "unreadable" or "needs newer", for a record whose bytes are proven."""
    try:
        read_record(data, own_index)
    except Refused as refused:
        return "needs newer" if refused.must == "record-3" else "unreadable"
    return "readable"


def media_bytes(records):
    """The sum of the sizes of all files of all readable items."""
    total = 0
    for own_index, data in enumerate(records):
        if state(data, own_index) != "readable":
            continue
        value = read_record(data, own_index)
        if value["kind"] == "item":
            total += sum(one["size"] for one in value["body"].get("files", []))
    return min(total, codec.INTEGER_MAX)


def make_record(kind, time, salt, body):
    """The bytes of a record."""
    return codec.encode({"kind": kind, "time": time, "salt": salt, "body": body})
