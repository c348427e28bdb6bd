"""BLAKE3 as a tree: compression, chunks, parents, subtrees.

Written out as spec/slice.md has it, with the values of inner nodes open to whoever wants them.
"""

import functools

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
BLOCK_BYTES = 64
CHUNK_BYTES = 1024
MASK = 0xFFFFFFFF


def _g(v, a, b, c, d, x, y):
    v[a] = v[a] + v[b] + x & MASK
    v[d] = _turn(v[d] ^ v[a], 16)
    v[c] = v[c] + v[d] & MASK
    v[b] = _turn(v[b] ^ v[c], 12)
    v[a] = v[a] + v[b] + y & MASK
    v[d] = _turn(v[d] ^ v[a], 8)
    v[c] = v[c] + v[d] & MASK
    v[b] = _turn(v[b] ^ v[c], 7)


def _turn(number, count):
    return (number >> count | number << 32 - count) & MASK


def compress(h, block, t, n, flags, is_extended=False):
    """One compression: 8 numbers and a block of 64 bytes give 8 numbers, or 16."""
    assert len(block) == BLOCK_BYTES
    m = [int.from_bytes(block[4 * i : 4 * i + 4], "little") for i in range(16)]
    v = list(h) + IV[:4] + [t & MASK, t >> 32, n, flags]
    for _ in range(7):
        _g(v, 0, 4, 8, 12, m[0], m[1])
        _g(v, 1, 5, 9, 13, m[2], m[3])
        _g(v, 2, 6, 10, 14, m[4], m[5])
        _g(v, 3, 7, 11, 15, m[6], m[7])
        _g(v, 0, 5, 10, 15, m[8], m[9])
        _g(v, 1, 6, 11, 12, m[10], m[11])
        _g(v, 2, 7, 8, 13, m[12], m[13])
        _g(v, 3, 4, 9, 14, m[14], m[15])
        m = [m[i] for i in PERMUTATION]
    result = [v[i] ^ v[i + 8] for i in range(8)]
    return result + [v[i + 8] ^ h[i] for i in range(8)] if is_extended else result


def _to_bytes(numbers):
    return b"".join(number.to_bytes(4, "little") for number in numbers)


# Values of chunks and parents are remembered: the tests hash the same bytes again and again, as parts of other wholes.
@functools.lru_cache(maxsize=1 << 15)
def chunk_value(data, number, is_root):
    """The chaining value of a chunk of at most 1,024 bytes."""
    assert len(data) <= CHUNK_BYTES
    blocks = [data[i : i + BLOCK_BYTES] for i in range(0, len(data), BLOCK_BYTES)] or [b""]
    h = IV
    for i, block in enumerate(blocks):
        flags = 0
        if i == 0:
            flags |= CHUNK_START
        if i == len(blocks) - 1:
            flags |= CHUNK_END | (ROOT if is_root else 0)
        h = compress(h, block.ljust(BLOCK_BYTES, b"\0"), number, len(block), flags)
    return _to_bytes(h)


@functools.lru_cache(maxsize=1 << 16)
def parent(left, right, is_root):
    """The chaining value of a parent."""
    flags = PARENT | (ROOT if is_root else 0)
    return _to_bytes(compress(IV, left + right, 0, BLOCK_BYTES, flags))


def left_count(count):
    """How many of `count` chunks or leaves go to the left: the largest power of two that is less."""
    left = 1
    while left * 2 < count:
        left *= 2
    return left


def subtree_value(data, first_chunk, is_root):
    """The value of the tree over these bytes, which begin at the chunk with this number."""
    chunks = max(1, -(-len(data) // CHUNK_BYTES))
    if chunks == 1:
        return chunk_value(data, first_chunk, is_root)
    left = left_count(chunks)
    cut = left * CHUNK_BYTES
    left_value = subtree_value(data[:cut], first_chunk, False)
    right_value = subtree_value(data[cut:], first_chunk + left, False)
    return parent(left_value, right_value, is_root)


def hash_of(data):
    """The plain BLAKE3 hash."""
    return subtree_value(data, 0, True)


def extended(data, size):
    """The extended output, which only the sample blobs of spec/vectors need, of at most one block of data: the last
    compression again and again, with a counter, and with all 16 numbers of its result."""
    assert len(data) <= BLOCK_BYTES
    block, flags = data.ljust(BLOCK_BYTES, b"\0"), CHUNK_START | CHUNK_END | ROOT
    count = -(-size // BLOCK_BYTES)
    return b"".join(_to_bytes(compress(IV, block, t, len(data), flags, True)) for t in range(count))[:size]
