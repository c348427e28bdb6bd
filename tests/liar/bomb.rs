//! A compressed body that is a few bytes on the wire and much where it is unpacked (RFC 1951, 1952).

/// Bytes that one match stands for: the longest there is.
const MATCH_BYTES: usize = 258;

/// Bits, the lowest first.
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    /// Adds the bits of a text of zeros and ones.
    fn put(&mut self, bits: &str) {
        for bit in bits.bytes() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if bit == b'1'
                && let Some(last) = self.bytes.last_mut()
            {
                *last |= 1 << (self.count % 8);
            }
            self.count += 1;
        }
    }
}

/// The gzip of so many zeros, or a few less.
pub(super) fn zeros(size: usize) -> Vec<u8> {
    let mut bits = Bits {
        bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255],
        count: 0,
    };
    // The last block, with the fixed codes; a zero.
    bits.put("110");
    bits.put("00110000");
    for _ in 0..size / MATCH_BYTES {
        // The longest length, and the distance 1.
        bits.put("1100010100000");
    }
    // The end of the block. Who unpacks it comes to the wrong sum behind it too late.
    bits.put("0000000");
    bits.bytes.extend_from_slice(&[0; 8]);
    bits.bytes
}
