//! Feed keys as text and as bytes, and signatures by them.

use super::cbor::to_hex;
use super::edges::{
    ORDER, above_the_prime, cofactored, large_point_not_canonical, mixed_key, neutral_r, no_point,
    s_plus_order, torsion,
};
use super::sign::{Author, HEAD, SUCCESSION, key_text};
use super::{Shelf, Vector};
use bech32::primitives::iter::{ByteIterExt, Fe32IterExt};
use bech32::{Bech32, Bech32m, Fe32, Hrp};

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("key");
    texts(&mut shelf);
    wrong_texts(&mut shelf);
    raws(&mut shelf);
    signatures(&mut shelf);
    shelf.done()
}

fn key() -> [u8; 32] {
    Author::new(1).key()
}

fn texts(shelf: &mut Shelf) {
    let text = key_text(&key());
    shelf
        .accept(
            "text",
            "The text form of a key, as it is printed.",
            text.clone().into(),
        )
        .with("form", "text")
        .with("key", to_hex(&key()))
        .flip_all();
    shelf
        .accept(
            "text-upper",
            "All upper case is the same key: a QR code has room for more of it.",
            text.to_uppercase().into(),
        )
        .with("form", "text")
        .with("key", to_hex(&key()))
        .flip_all();
    let other = Author::new(2).key();
    shelf
        .accept(
            "text-other",
            "The text form of another key.",
            key_text(&other).into(),
        )
        .with("form", "text")
        .with("key", to_hex(&other))
        .flip_all();
}

/// The symbols of a key, the last of which carries the padding, as text under a checksum that fits.
fn text_of(symbols: Vec<Fe32>) -> String {
    let prefix = Hrp::parse_unchecked("lev");
    symbols
        .into_iter()
        .with_checksum::<Bech32m>(&prefix)
        .chars()
        .collect()
}

fn symbols() -> Vec<Fe32> {
    key().iter().copied().bytes_to_fes().collect()
}

fn padded(bits: u8) -> String {
    let mut symbols = symbols();
    let last = symbols.last_mut().expect("a key has 52 symbols");
    *last = Fe32::try_from(last.to_u8() | bits).expect("it stays below 32");
    text_of(symbols)
}

fn wrong_texts(shelf: &mut Shelf) {
    let text = key_text(&key());
    let encode_as = |prefix| {
        bech32::encode::<Bech32m>(Hrp::parse_unchecked(prefix), &key()).expect("it is short")
    };
    let old = bech32::encode::<Bech32>(Hrp::parse_unchecked("lev"), &key()).expect("it is short");
    let versioned = text_of([vec![Fe32::Q], symbols()].concat());
    let mut swapped = text.clone().into_bytes();
    swapped.swap(20, 21);
    assert_ne!(swapped, text.as_bytes());
    let checksum = if text.ends_with('q') { "p" } else { "q" };
    let mistyped = format!("{}{checksum}", &text[..61]);
    #[rustfmt::skip]
    let cases: Vec<(&str, &str, &str, Vec<u8>)> = vec![
        ("text-checksum", "key-4", "The last character is another one.", mistyped.into()),
        ("text-swapped", "key-4", "Two neighbours changed places.", swapped),
        ("text-bech32", "key-4", "The checksum of the older bech32.", old.into()),
        ("text-prefix", "key-4", "The prefix of something else, with a checksum that fits.", encode_as("lew").into()),
        ("text-prefix-longer", "key-4", "A longer prefix with a checksum that fits: 63 characters.",
            encode_as("levx").into()),
        ("text-version-symbol", "key-4", "A version symbol before the key, as money has it.", versioned.into()),
        ("text-short", "key-4", "One character is missing.", text[..61].into()),
        ("text-31-bytes", "key-4", "31 bytes under a checksum that fits.", key_text(&key()[..31]).into()),
        ("text-33-bytes", "key-4", "33 bytes under a checksum that fits.",
            key_text(&[&key()[..], &[0]].concat()).into()),
        ("text-no-prefix", "key-4", "The prefix and its 1 are missing.", text[4..].into()),
        ("text-letter-b", "key-4", "A letter that the alphabet does not have.",
            format!("{}b{}", &text[..10], &text[11..]).into()),
        ("text-space-before", "key-4", "A space stands before the key.", format!(" {text}").into()),
        ("text-line-end", "key-4", "A line end was copied too.", format!("{text}\n").into()),
        ("text-hex", "key-4", "The key in hex.", to_hex(&key()).into()),
        ("text-empty", "key-4", "There is no text.", Vec::new()),
        ("text-not-ascii", "key-4", "A full-width digit in the place of the 1, in as many bytes.",
            text.replacen("1", "１", 1)[..62].into()),
        ("text-mixed-case", "key-5", "One letter is upper case.", text.replacen('v', "V", 1).into()),
        ("text-upper-prefix", "key-5", "The prefix alone is upper case.", text.replacen("lev", "LEV", 1).into()),
        ("text-padding-1", "key-6", "The last of the four padding bits is set, under a checksum that fits.",
            padded(1).into()),
        ("text-padding-8", "key-6", "The first of the four padding bits is set, under a checksum that fits.",
            padded(8).into()),
        ("text-not-canonical", "key-1", "The text form of bytes that are no canonical point.",
            key_text(&large_point_not_canonical().0).into()),
        ("text-small-order", "key-2", "The text form of a point of small order.", key_text(&torsion(1)).into()),
        ("text-mixed-order", "key-3", "The text form of a point of mixed order.",
            key_text(&mixed_key(&Author::new(1), 1)).into()),
    ];
    for (name, must, why, body) in cases {
        shelf.refuse(name, must, why, body).with("form", "text");
    }
}

fn raws(shelf: &mut Shelf) {
    for secret in [1, 2] {
        let key = Author::new(secret).key();
        shelf
            .accept(
                &format!("raw-{secret}"),
                &format!("The public key of the secret that is {secret} in each of its bytes."),
                key.to_vec(),
            )
            .with("form", "raw")
            .with("text", key_text(&key));
    }
    let (large, small) = large_point_not_canonical();
    let (none, least) = no_point();
    let mut minus = torsion(0);
    minus[31] |= 0x80;
    let mut minus_two = torsion(4);
    minus_two[31] |= 0x80;
    #[rustfmt::skip]
    let mut cases: Vec<(String, &str, String, [u8; 32])> = vec![
        ("raw-above-the-prime".into(), "key-1",
            format!("A y of 2^255-19+{small}, another way to write {small}. No point of the prime-order group can be written so."),
            large),
        ("raw-prime".into(), "key-1",
            "A y of 2^255-19, another way to write 0: some libraries reduce it and go on.".into(),
            above_the_prime(0)),
        ("raw-prime-plus-1".into(), "key-1", "A y of 2^255-18, another way to write 1.".into(), above_the_prime(1)),
        ("raw-minus-0".into(), "key-1", "An x of 0 has no sign, and here the bit of the sign is set.".into(), minus),
        ("raw-minus-0-order-2".into(), "key-1", "The other point whose x is 0, with the bit of the sign.".into(),
            minus_two),
        ("raw-no-point".into(), "key-1", format!("No point of the curve has a y of {least}."), none),
    ];
    for (nth, order) in [
        (0, 1),
        (4, 2),
        (2, 4),
        (6, 4),
        (1, 8),
        (3, 8),
        (5, 8),
        (7, 8),
    ] {
        let why = match nth {
            0 => "The neutral element: every message has a signature by it.".to_owned(),
            _ => format!("A point of order {order}, {nth} times a generator of the eight."),
        };
        cases.push((format!("raw-small-order-{nth}"), "key-2", why, torsion(nth)));
    }
    for (nth, order) in [(4, 2), (2, 4), (1, 8)] {
        cases.push((
            format!("raw-mixed-order-{order}"),
            "key-3",
            format!("A good key plus a point of order {order}."),
            mixed_key(&Author::new(1), nth),
        ));
    }
    for (name, must, why, body) in cases {
        shelf
            .refuse(&name, must, &why, body.to_vec())
            .with("form", "raw");
    }
}

const MESSAGE: &[u8] = b"what is signed";

fn signatures(shelf: &mut Shelf) {
    let author = Author::new(1);
    let signed = |context: &[u8]| author.sign(context, MESSAGE);
    let describe = |vector: &mut Vector, context: &str| {
        vector
            .with("form", "signature")
            .with("key", to_hex(&key()))
            .with("context", context)
            .with("message", to_hex(MESSAGE));
    };
    for (name, context, prefix) in [
        ("head", "head", HEAD),
        ("succession", "succession", SUCCESSION),
    ] {
        let vector = shelf.accept(
            &format!("signature-{name}"),
            &format!("A signature in the context of a {name}: over its line, then the message."),
            signed(prefix).to_vec(),
        );
        describe(vector, context);
        vector.flip_all();
    }
    let message = [HEAD, MESSAGE].concat();
    let good = signed(HEAD);
    let with_s = |s: &[u8]| -> [u8; 64] {
        let mut signature = good;
        signature[32..].copy_from_slice(s);
        signature
    };
    let mut negated = good;
    negated[31] ^= 0x80;
    let other = Author::new(2).sign(HEAD, MESSAGE);
    let reversed: Vec<u8> = good[32..].iter().chain(&good[..32]).copied().collect();
    #[rustfmt::skip]
    let cases: [(&str, &str, &[u8]); 15] = [
        ("other-key", "Signed by another key.", &other),
        ("other-context", "Signed in the context of a succession, shown in that of a head.", &signed(SUCCESSION)),
        ("no-context", "The message was signed without its context.", &signed(b"")),
        ("context-without-line-end", "The context was signed without the newline that ends it.", &signed(&HEAD[..14])),
        ("other-message", "A signature over another message.", &author.sign(HEAD, b"what was signed")),
        ("s-plus-order", "S plus the order of the group: the same equation, and a second signature out of the first.",
            &s_plus_order(&good)),
        ("s-order", "S is the order of the group.", &with_s(&ORDER)),
        ("s-zero", "S is 0.", &with_s(&[0; 32])),
        ("s-high-bits", "The three bits above S are set.",
            &with_s(&{ let mut s = [0; 32]; s.copy_from_slice(&good[32..]); s[31] |= 0xe0; s })),
        ("r-neutral", "R is the neutral element, and the equation holds.", &neutral_r(&author, &message, torsion(0))),
        ("r-neutral-not-canonical", "R is the neutral element written above the prime: equal as a point, other bytes.",
            &neutral_r(&author, &message, above_the_prime(1))),
        ("r-small-order", "R has order 8, and the equation holds only when multiplied by the cofactor.",
            &cofactored(&author, &message, true)),
        ("r-mixed-order",
            "R is off by a point of order 8, and the equation holds only when multiplied by the cofactor.",
            &cofactored(&author, &message, false)),
        ("r-negated", "The sign of R is turned.", &negated),
        ("halves-swapped", "S stands before R.", &reversed),
    ];
    for (name, why, body) in cases {
        let vector = shelf.refuse(&format!("signature-{name}"), "key-7", why, body.to_vec());
        describe(vector, "head");
    }
    let vector = shelf.refuse("signature-zeros", "key-7", "64 zero bytes.", vec![0; 64]);
    describe(vector, "head");
}
