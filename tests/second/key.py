"""Key: feed keys, their text form, and ed25519 signatures in plain integers.

The curve is written out as spec/key.md has it. Nothing here is fast and nothing is constant in time: it checks what
others signed, and signs only for tests. Points are (X, Y, Z) with x = X/Z and y = Y/Z.
"""

import functools
import hashlib

from codec import Refused, require

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
O = (0, 1, 1)

HEAD_CONTEXT = b"levada head v1\n"
SUCCESSION_CONTEXT = b"levada succession v1\n"

CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


# The curve


def add(p, q):
    """The sum of two points: the addition law of the curve over one denominator. It holds for all points."""
    x1, y1, z1 = p
    x2, y2, z2 = q
    zz = z1 * z2 % P
    xx = x1 * x2 % P
    yy = y1 * y2 % P
    dxxyy = D * xx * yy % P
    minus = (zz * zz - dxxyy) % P
    plus = (zz * zz + dxxyy) % P
    x = zz * minus * (x1 * y2 + x2 * y1) % P
    y = zz * plus * (yy + xx) % P
    return x, y, minus * plus % P


def multiply(n, p):
    """[n]P by doubling and adding."""
    result = O
    while n > 0:
        if n & 1:
            result = add(result, p)
        p = add(p, p)
        n >>= 1
    return result


def negate(p):
    """-P."""
    return -p[0] % P, p[1], p[2]


def is_neutral(p):
    """Whether P is O."""
    return p[0] % P == 0 and (p[1] - p[2]) % P == 0


def encode_point(p):
    """The 32 bytes of a point."""
    over = pow(p[2], -1, P)
    x, y = p[0] * over % P, p[1] * over % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode_point(data):
    """The point whose canonical encoding the 32 bytes are, or None."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        return None
    # -x^2 + y^2 = 1 + d x^2 y^2, so x^2 = (y^2 - 1) / (d y^2 + 1). The denominator is never 0.
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P != 0:
        return None
    if x == 0 and sign == 1:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1


def _base():
    y = 4 * pow(5, -1, P) % P
    return decode_point(y.to_bytes(32, "little"))  # the highest bit is 0, so x is even


B = _base()


# Keys and signatures


@functools.lru_cache(maxsize=None)
def _key_refusal(data):
    point = decode_point(data)
    if point is None:
        return "key-1"
    if is_neutral(multiply(8, point)):
        return "key-2"
    if not is_neutral(multiply(L, point)):
        return "key-3"
    return None


def check_key(data):
    """Refuses 32 bytes that are no key; gives the point."""
    assert len(data) == 32
    must = _key_refusal(data)
    if must is not None:
        raise Refused(must, data.hex())
    return decode_point(data)


def is_key(data):
    """Whether the bytes are a key."""
    return len(data) == 32 and _key_refusal(data) is None


def check_signature(key, context, body, signature):
    """Refuses a signature that does not hold for this body, in this context, by this key."""
    a = check_key(key)
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(r + key + context + body).digest(), "little") % L
    require(s < L, "key-7", "S is not below L")
    p = add(multiply(s, B), negate(multiply(k, a)))
    holds = encode_point(p) == r
    # Where the package is, each equation is held against it: it has the same one, and no rule about small orders.
    if Ed25519PublicKey is not None:
        assert holds == _package_holds(key, context + body, signature), "the package cryptography says otherwise"
    require(not is_neutral(multiply(8, p)), "key-7", "P has small order")
    require(holds, "key-7", "P is not R")


def _package_holds(key, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# Signing, for tests (RFC 8032, 5.1.5 and 5.1.6)


def _expand(secret):
    digest = hashlib.sha512(secret).digest()
    scalar = int.from_bytes(digest[:32], "little")
    scalar &= (1 << 254) - 8
    scalar |= 1 << 254
    return scalar, digest[32:]


@functools.lru_cache(maxsize=None)
def public(secret):
    """The public key of a secret of 32 bytes."""
    return encode_point(multiply(_expand(secret)[0], B))


def sign(secret, context, body):
    """The signature of a body in a context."""
    scalar, prefix = _expand(secret)
    key = public(secret)
    r = int.from_bytes(hashlib.sha512(prefix + context + body).digest(), "little") % L
    r_bytes = encode_point(multiply(r, B))
    k = int.from_bytes(hashlib.sha512(r_bytes + key + context + body).digest(), "little") % L
    return r_bytes + ((r + k * scalar) % L).to_bytes(32, "little")


# Text form


def _polymod(values):
    c = 1
    for v in values:
        top = c >> 25
        c = (c & 0x1FFFFFF) << 5 ^ v
        for i, g in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            if top >> i & 1:
                c ^= g
    return c


def _checksum(data):
    m = _polymod([3, 3, 3, 0, 12, 5, 22] + data + [0] * 6) ^ 0x2BC830A3
    return [m >> 5 * (5 - i) & 31 for i in range(6)]


def to_text(key):
    """The text form of a key."""
    bits = int.from_bytes(key, "big") << 4
    data = [bits >> 5 * (51 - i) & 31 for i in range(52)]
    return "lev1" + "".join(CHARACTERS[v] for v in data + _checksum(data))


def from_text(text):
    """The key that a text form stands for."""
    ascii_upper = any("A" <= c <= "Z" for c in text)
    ascii_lower = any("a" <= c <= "z" for c in text)
    require(not (ascii_upper and ascii_lower), "key-5")
    if ascii_upper:
        # Only A to Z: the lower case of other characters is no business of a key.
        text = "".join(c.lower() if "A" <= c <= "Z" else c for c in text)
    require(len(text) == 62 and text.startswith("lev1"), "key-4")
    require(all(c in CHARACTERS for c in text[4:]), "key-4")
    values = [CHARACTERS.index(c) for c in text[4:]]
    require(_checksum(values[:52]) == values[52:], "key-4", "checksum")
    require(values[51] & 15 == 0, "key-6")
    bits = 0
    for v in values[:52]:
        bits = bits << 5 | v
    key = (bits >> 4).to_bytes(32, "big")
    check_key(key)
    return key
