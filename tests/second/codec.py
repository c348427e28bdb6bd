"""Codec: the one byte form of every value, and the version that is read before it.

Knows bytes and values, and nothing of heads, records or bundles. Values are plain Python: int, bytes, str, bool,
None, list, dict. Whoever decodes says how many values there may be. Format: spec/codec.md.
"""

INTEGER_MAX = 2**53 - 1
NESTING_MAX = 16
RECORD_VALUES_MAX = 4096
BUNDLE_VALUES_MAX = 49168
LIST_VALUES_MAX = 520  # a list of feeds, an answer to a batch
OTHER_VALUES_MAX = 16


class Refused(Exception):
    """Bytes break a MUST; `must` is its id."""

    def __init__(self, must, why=""):
        super().__init__(f"{must}: {why}" if why else must)
        self.must = must
        self.why = why


def require(holds, must, why=""):
    """Refuses by `must` unless the statement holds."""
    if not holds:
        raise Refused(must, why)


def is_integer(value):
    """Python counts True as an integer; the format does not."""
    return type(value) is int


def is_bytes(value, size=None):
    """A byte string, of this size if one is given."""
    return type(value) is bytes and (size is None or len(value) == size)


# Reading


class _Reader:
    """Reads one value from front to back."""

    def __init__(self, data, values_max):
        self.data = data
        self.at = 0
        self.values_left = values_max

    def take(self, count):
        require(count <= len(self.data) - self.at, "codec-1", f"ends inside a value, at byte {len(self.data)}")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def number(self, info):
        """The number that the info says, or that stands in the bytes after it."""
        if info < 24:
            return info
        require(info < 28, "codec-5", f"info {info}")
        size = 1 << (info - 24)
        number = int.from_bytes(self.take(size), "big")
        smallest = {1: 24, 2: 2**8, 4: 2**16, 8: 2**32}[size]
        require(number >= smallest, "codec-3", f"{number} in {size} bytes")
        return number

    def initial(self):
        byte = self.take(1)[0]
        return byte >> 5, byte & 31

    def require_type(self, major, info):
        """codec-5, for a value and for a key, but for its number."""
        is_simple = major == 7 and info in (20, 21, 22)
        require(major in (0, 2, 3, 4, 5) or is_simple, "codec-5", f"major type {major}, info {info}")

    def text(self, info):
        raw = self.take(self.number(info))
        try:
            return raw.decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise Refused("codec-7", raw.hex()) from None

    def value(self, nesting):
        """One value; `nesting` is that of what it stands in, 0 outside of all."""
        major, info = self.initial()
        require(self.values_left > 0, "codec-11")
        self.values_left -= 1
        self.require_type(major, info)
        if major in (2, 3, 4, 5):
            require(info != 31, "codec-4")
        if major == 0:
            number = self.number(info)
            require(number <= INTEGER_MAX, "codec-6", str(number))
            return number
        if major == 2:
            return self.take(self.number(info))
        if major == 3:
            return self.text(info)
        if major in (4, 5):
            require(nesting < NESTING_MAX, "codec-10")
            count = self.number(info)
            each = 1 if major == 4 else 2
            require(count * each <= len(self.data) - self.at, "codec-1", f"{count} elements announced")
            return self.array(count, nesting + 1) if major == 4 else self.map(count, nesting + 1)
        return {20: False, 21: True, 22: None}[info]

    def array(self, count, nesting):
        return [self.value(nesting) for _ in range(count)]

    def map(self, count, nesting):
        entries = {}
        before = None
        for _ in range(count):
            major, info = self.initial()
            self.require_type(major, info)
            require(major == 3, "codec-8", f"a key of major type {major}")
            require(info != 31, "codec-4")
            key = self.text(info)
            order = _order(key)
            require(before is None or before < order, "codec-9", repr(key))
            before = order
            entries[key] = self.value(nesting)
        return entries


def _order(key):
    """What keys are sorted by: first their number of bytes, then their bytes."""
    raw = key.encode()
    return len(raw), raw


def decode_first(data, values_max):
    """The value that the bytes begin with, and where it ends."""
    reader = _Reader(data, values_max)
    value = reader.value(0)
    return value, reader.at


def decode(data, values_max=OTHER_VALUES_MAX):
    """The one value that the bytes are."""
    value, end = decode_first(data, values_max)
    require(end == len(data), "codec-2", f"{len(data) - end} bytes follow the value")
    return value


def check_version(data, form_must):
    """Reads the version of a structure, before anything else of it is looked at."""

    def number(at):
        info = data[at] & 31
        if info < 24:
            return info, at + 1
        require(info < 28, form_must, "no number")
        size = 1 << (info - 24)
        require(at + 1 + size <= len(data), form_must, "ends before the version")
        return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size

    require(len(data) > 0 and data[0] >> 5 == 4, form_must, "no array")
    if data[0] & 31 == 31:
        at = 1
    else:
        count, at = number(0)
        require(count > 0, form_must, "an empty array")
    require(at < len(data) and data[at] >> 5 == 0, form_must, "no version")
    version, _ = number(at)
    require(version == 1, "head-2", f"version {version}")


def decode_structure(data, form_must, values_max=OTHER_VALUES_MAX):
    """A structure of version 1: the version first, then the codec for all of it."""
    check_version(data, form_must)
    return decode(data, values_max)


# Writing


def encode(value):
    """The one byte form of a value."""
    if value is None:
        return b"\xf6"
    if value is True:
        return b"\xf5"
    if value is False:
        return b"\xf4"
    if is_integer(value):
        assert 0 <= value <= INTEGER_MAX
        return _start(0, value)
    if isinstance(value, bytes):
        return _start(2, len(value)) + value
    if isinstance(value, str):
        raw = value.encode()
        return _start(3, len(raw)) + raw
    if isinstance(value, list):
        return _start(4, len(value)) + b"".join(encode(one) for one in value)
    assert isinstance(value, dict)
    entries = (encode(key) + encode(value[key]) for key in sorted(value, key=_order))
    return _start(5, len(value)) + b"".join(entries)


def _start(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise AssertionError("a number of more than 64 bits")
