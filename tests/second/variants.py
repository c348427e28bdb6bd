"""Variants: what can be changed in a signed body, in the frame of a structure, and in bytes that mean nothing here."""

import random

import codec
from record_cases import VALUES


def raw_integer(number, size):
    """An integer in so many bytes, whether they are needed or not."""
    return bytes([{0: number, 1: 24, 2: 25, 4: 26, 8: 27}[size]]) + (number.to_bytes(size, "big") if size else b"")


def raw_map(entries):
    """A map whose entries stand as they are given; keys and values are bytes already encoded."""
    return bytes([0xA0 + len(entries)]) + b"".join(name + value for name, value in entries)


def bodies(body):
    """Bodies around one that is right: as bytes, with a name."""
    entries = [(codec.encode(name), codec.encode(value)) for name, value in codec.decode(codec.encode(body)).items()]
    yield "as due", raw_map(entries)
    for i, (name, value) in enumerate(entries):
        text = codec.decode(name)
        yield f"without {text}", raw_map(entries[:i] + entries[i + 1 :])
        yield f"{text} twice", raw_map(entries[: i + 1] + entries[i:])
        if i > 0:
            yield f"{text} before its turn", raw_map(entries[: i - 1] + [entries[i], entries[i - 1]] + entries[i + 1 :])
        for other in VALUES:
            yield f"{text} is {str(other)[:30]}", raw_map(entries[:i] + [(name, codec.encode(other))] + entries[i + 1 :])
        if type(body[text]) is int:
            for size in (0, 1, 2, 4, 8):
                if size > 0 or body[text] < 24:
                    if body[text] < 1 << 8 * size or size == 0:
                        long = raw_integer(body[text], size)
                        yield f"{text} in {size} bytes", raw_map(entries[:i] + [(name, long)] + entries[i + 1 :])
            for number in (0, 1, 4, 6, 2**40 - 1, 2**40, 2**40 + 1, 2**53 - 1, 2**53, 2**64 - 1):
                size = next(n for n in (0, 1, 2, 4, 8) if number < (1 << 8 * n if n else 24))
                yield f"{text} is {number}", raw_map(entries[:i] + [(name, raw_integer(number, size))] + entries[i + 1 :])
        long_name = b"\x78" + bytes([len(text)]) + text.encode()
        yield f"the name {text} is long", raw_map(entries[:i] + [(long_name, value)] + entries[i + 1 :])
    for name in ("a", "zzzzzzzzzz", "", "!"):
        place = sum(1 for one, _ in entries if (len(one), one) < (len(codec.encode(name)), codec.encode(name)))
        yield f"with {name}", raw_map(entries[:place] + [(codec.encode(name), b"\x00")] + entries[place:])
    whole = raw_map(entries)
    yield "followed by a byte", whole + b"\0"
    yield "cut", whole[:-1]
    yield "an array", codec.encode([value for _, value in entries])
    yield "nothing", b""
    yield "indefinite", b"\xbf" + whole[1:] + b"\xff"
    yield "count in two bytes", b"\xb8" + bytes([len(entries)]) + whole[1:]


def frames(elements):
    """Wholes around one that is right: `elements` without the version, as bytes already encoded."""
    count = len(elements) + 1
    rest = b"".join(elements)
    yield "as due", bytes([0x80 + count, 1]) + rest
    for start in ("00", "02", "17", "1801", "1802", "18ff", "190001", "190002", "1b0000000000000002", "1bffffffffffffffff"):
        yield f"version {start}", bytes([0x80 + count]) + bytes.fromhex(start) + rest
    for start in ("1c", "1f", "20", "21", "4101", "6131", "8101", "f5", "c101", "f93c00", "18", "19ff", "ff"):
        yield f"version is {start}", bytes([0x80 + count]) + bytes.fromhex(start) + rest
    for start in ("9f", "98{:02x}", "99{:04x}", "9a{:08x}", "9b{:016x}", "9c", "9d", "9e", "80", "9800", "98ff", "bf", "a1", "b8{:02x}"):
        for version in (1, 2):
            head = bytes.fromhex(start.format(count))
            yield f"version {version} behind {start}", head + bytes([version]) + rest
    yield "indefinite and ended", bytes([0x9F, 1]) + rest + b"\xff"
    yield "one element fewer", bytes([0x80 + count - 1, 1]) + b"".join(elements[:-1])
    yield "one element more", bytes([0x80 + count + 1, 1]) + rest + b"\x00"
    yield "followed by a byte", bytes([0x80 + count, 1]) + rest + b"\x00"
    yield "cut", bytes([0x80 + count, 1]) + rest[:-1]
    yield "only its version", bytes([0x80 + count, 1])
    yield "only another version", bytes([0x80 + count, 2])
    yield "only its array", bytes([0x80 + count])
    yield "nothing", b""
    for i, element in enumerate(elements):
        for other in ("00", "40", "60", "80", "f6", "a0", "818040"):
            changed = elements[:i] + [bytes.fromhex(other)] + elements[i + 1 :]
            yield f"element {i + 1} is {other}", bytes([0x80 + count, 1]) + b"".join(changed)
        if element[0] >> 5 == 2:
            value = codec.decode(element)
            for name, other in (("longer", value + b"\0"), ("shorter", value[:-1])):
                changed = elements[:i] + [codec.encode(other)] + elements[i + 1 :]
                yield f"element {i + 1} is {name}", bytes([0x80 + count, 1]) + b"".join(changed)
            long = b"\x5b" + len(value).to_bytes(8, "big") + value
            yield f"element {i + 1} in nine bytes", bytes([0x80 + count, 1]) + b"".join(elements[:i] + [long] + elements[i + 1 :])


def turned(data, count):
    """One to three bytes changed, in an order that is the same every time."""
    chance = random.Random(20260102)
    for n in range(count):
        copy = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(copy))
            what = chance.randrange(4)
            if what == 0:
                copy[at] = chance.randrange(256)
            elif what == 1:
                copy[at] ^= 1 << chance.randrange(8)
            elif what == 2:
                del copy[at]
            else:
                copy.insert(at, chance.randrange(256))
        yield f"turned {n}", bytes(copy)
