//! Keys and signatures at the edges of ed25519: each passes some checks in use elsewhere, and none of them passes here.
//!
//! Each is checked here against the laxer rule that would take it, so that it is an edge and not just garbage.

use super::sign::Author;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use sha2::{Digest, Sha512};

/// The order of the group, the lowest byte first.
pub(crate) const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A point of small order: 0 is the neutral element, 4 has order 2, 2 and 6 have order 4, the odd ones order 8.
pub(crate) fn torsion(nth: usize) -> [u8; 32] {
    EIGHT_TORSION[nth].compress().to_bytes()
}

/// 2^255 - 19 + `small`: another way to write `small` where only 255 bits are read.
pub(crate) fn above_the_prime(small: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + small;
    bytes[31] = 0x7f;
    bytes
}

/// A point of large order written as a number above the prime, and which number that is. Only nineteen numbers can be
/// written so, and none of them is the y of a point of the prime-order group.
pub(crate) fn large_point_not_canonical() -> ([u8; 32], u8) {
    let points = (0..=18).filter_map(|small| {
        let bytes = above_the_prime(small);
        let point = CompressedEdwardsY(bytes).decompress()?;
        assert!(
            !point.is_torsion_free() || point.is_small_order(),
            "{small}"
        );
        (!point.is_small_order()).then_some((bytes, small))
    });
    points
        .min()
        .expect("some of the nineteen are points of large order")
}

/// The least number that is no point's y.
pub(crate) fn no_point() -> ([u8; 32], u8) {
    (2..=255)
        .map(|small| {
            let mut bytes = [0; 32];
            bytes[0] = small;
            (bytes, small)
        })
        .find(|(bytes, _)| CompressedEdwardsY(*bytes).decompress().is_none())
        .expect("half of all numbers are none")
}

/// A good key plus a point of small order.
pub(crate) fn mixed_key(author: &Author, nth: usize) -> [u8; 32] {
    let point = author.0.verifying_key().to_edwards() + EIGHT_TORSION[nth];
    point.compress().to_bytes()
}

/// SHA-512 over R, key and message, below the order.
fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let mut hasher = Sha512::new();
    hasher.update(r);
    hasher.update(key);
    hasher.update(message);
    Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
}

fn join(r: [u8; 32], s: &Scalar) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(s.as_bytes());
    signature
}

fn nonce(number: u64) -> Scalar {
    Scalar::from(number + 1_000_003)
}

/// S + order: the same number to whoever does not compare it with the order.
pub(crate) fn s_plus_order(signature: &[u8; 64]) -> [u8; 64] {
    let mut sum = *signature;
    let mut carry = 0;
    for (byte, more) in sum[32..].iter_mut().zip(ORDER) {
        let total = u16::from(*byte) + u16::from(more) + carry;
        [*byte, _] = total.to_le_bytes();
        carry = total >> 8;
    }
    assert_eq!(carry, 0, "S and the order together have 254 bits");
    sum
}

/// A signature whose R is this encoding of the neutral element: the equation holds, whatever it is compared as.
pub(crate) fn neutral_r(author: &Author, message: &[u8], r: [u8; 32]) -> [u8; 64] {
    let s = challenge(&r, &author.key(), message) * author.0.to_scalar();
    let signature = join(r, &s);
    if r == torsion(0) {
        let lax = author
            .0
            .verifying_key()
            .verify(message, &Signature::from_bytes(&signature));
        assert!(lax.is_ok(), "whoever allows R of small order takes it");
    }
    signature
}

/// A signature that only the equation times eight takes: R is off by a point of small order.
pub(crate) fn cofactored(author: &Author, message: &[u8], r_is_small: bool) -> [u8; 64] {
    let secret = if r_is_small { Scalar::ZERO } else { nonce(0) };
    let r = (EdwardsPoint::mul_base(&secret) + EIGHT_TORSION[1]).compress();
    let challenge = challenge(r.as_bytes(), &author.key(), message);
    let s = secret + challenge * author.0.to_scalar();
    let key = author.0.verifying_key().to_edwards();
    let point = r.decompress().expect("a sum of points is a point");
    let off = EdwardsPoint::mul_base(&s) - challenge * key - point;
    assert!(
        off.is_small_order() && off != EIGHT_TORSION[0],
        "times eight it is nothing"
    );
    join(r.to_bytes(), &s)
}

/// A signature by a key of mixed order that every check but that of the key takes.
pub(crate) fn by_mixed_key(author: &Author, nth: usize, message: &[u8]) -> [u8; 64] {
    let key = mixed_key(author, nth);
    let found = (0..10_000).find_map(|number| {
        let r = EdwardsPoint::mul_base(&nonce(number)).compress().to_bytes();
        let challenge = challenge(&r, &key, message);
        // Times a multiple of eight the part of small order vanishes.
        let signature = join(r, &(nonce(number) + challenge * author.0.to_scalar()));
        (challenge.as_bytes()[0] & 7 == 0).then_some(signature)
    });
    let signature = found.expect("one in eight will do");
    let strict = VerifyingKey::from_bytes(&key)
        .expect("it is a point")
        .verify_strict(message, &Signature::from_bytes(&signature));
    assert!(strict.is_ok(), "only the order of the key is wrong");
    signature
}

/// A signature by a key that is the neutral element: it needs no secret.
pub(crate) fn by_neutral_key(message: &[u8], key: &[u8; 32]) -> [u8; 64] {
    let r = EdwardsPoint::mul_base(&nonce(0)).compress().to_bytes();
    let signature = join(r, &nonce(0));
    let lax = VerifyingKey::from_bytes(key)
        .expect("it is a point")
        .verify(message, &Signature::from_bytes(&signature));
    assert!(lax.is_ok(), "whoever allows a key of small order takes it");
    signature
}
