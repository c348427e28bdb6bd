"""Link: what people pass on. Format: spec/link.md."""

from collections import namedtuple

import key
from codec import Refused, require

LINK_BYTES_MAX = 4096
VIAS_MAX = 16
INDEX_LIMIT = 2**40
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
DIGITS = "0123456789"
KEPT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/"

Link = namedtuple("Link", "feed index first vias name")


def _begins_with(text, start):
    """In either case; only letters of ASCII have one here."""
    head = text[: len(start)]
    return head.isascii() and head.lower() == start


def _decode_value(value):
    raw = b""
    at = 0
    while at < len(value):
        if value[at] != "%":
            raw += value[at].encode()
            at += 1
            continue
        digits = value[at + 1 : at + 3]
        require(len(digits) == 2 and all(c in "0123456789abcdefABCDEF" for c in digits), "link-5", value)
        raw += bytes([int(digits, 16)])
        at += 3
    try:
        return raw.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Refused("link-5", raw.hex()) from None


def _decode_first(value):
    require(len(value) == 26 and all(c in BASE32 for c in value), "link-4", value)
    number = 0
    for c in value:
        number = number << 5 | BASE32.index(c)
    require(number & 3 == 0, "link-4", "spare bits")
    return (number >> 2).to_bytes(16, "big")


def encode_first(first):
    """The text of the first 16 bytes of h[0]."""
    number = int.from_bytes(first[:16], "big") << 2
    return "".join(BASE32[number >> 5 * (25 - i) & 31] for i in range(26))


def read_link(data):
    """A link from its bytes."""
    require(len(data) <= LINK_BYTES_MAX, "link-1", f"{len(data)} bytes")
    try:
        text = data.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Refused("link-1", "not UTF-8") from None
    page, hash_sign, behind = text.partition("#")
    if hash_sign and (_begins_with(page, "http://") or _begins_with(page, "https://")):
        text = behind
    require(_begins_with(text, "levada:"), "link-1")
    place, _, parameters = text[len("levada:") :].partition("?")
    key_text, slash, index_text = place.partition("/")
    feed = key.from_text(key_text)
    index = None
    if slash:
        is_number = index_text != "" and all(c in DIGITS for c in index_text)
        require(is_number and (index_text == "0" or index_text[0] != "0"), "link-2", index_text)
        index = int(index_text)
        require(index < INDEX_LIMIT, "link-2", index_text)
    return _read_parameters(feed, index, parameters)


def _read_parameters(feed, index, parameters):
    values = {"first": [], "via": [], "name": []}
    for piece in parameters.split("&"):
        name, _, value = piece.partition("=")
        if name in values:
            values[name].append(_decode_value(value))
    require(len(values["first"]) <= 1 and len(values["name"]) <= 1, "link-3")
    first = _decode_first(values["first"][0]) if values["first"] else None
    vias = list(dict.fromkeys(values["via"]))[:VIAS_MAX]
    return Link(feed, index, first, vias, values["name"][0] if values["name"] else None)


def print_link(link):
    """The text of a link."""

    def value(text):
        return "".join(chr(b) if chr(b) in KEPT else f"%{b:02X}" for b in text.encode())

    text = "levada:" + key.to_text(link.feed)
    if link.index is not None:
        text += f"/{link.index}"
    parameters = []
    if link.first is not None:
        parameters.append("first=" + encode_first(link.first))
    parameters += ["via=" + value(via) for via in link.vias]
    if link.name is not None:
        parameters.append("name=" + value(link.name))
    mark = "?"
    for parameter in parameters:
        if len(text) + 1 + len(parameter) <= LINK_BYTES_MAX:
            text += mark + parameter
            mark = "&"
    return text
