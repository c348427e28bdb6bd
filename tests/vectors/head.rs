//! Heads on their own: form, body and signature. What their lists hold is for the nouns that bring slices.

use super::cbor::{self, Entry, bytes, hex, map, null, text, to_hex, uint};
use super::edges::{
    above_the_prime, by_mixed_key, by_neutral_key, cofactored, mixed_key, neutral_r, s_plus_order,
    torsion,
};
use super::oracle::hash;
use super::sign::{Author, HEAD, SUCCESSION, Statement, head_of, signed_head};
use super::{Shelf, Vector};

/// The first moment of 2099, Unix milliseconds.
pub(crate) const YEAR_2099_MS: u64 = 4_070_908_800_000;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("head");
    taken(&mut shelf);
    forms(&mut shelf);
    bodies(&mut shelf);
    encodings(&mut shelf);
    keys(&mut shelf);
    signatures(&mut shelf);
    shelf.done()
}

fn author() -> Author {
    Author::new(1)
}

/// A head over a list of seven hashes.
pub(crate) fn statement() -> Statement {
    Statement {
        feed: author().key(),
        first: hash(b"first"),
        length: 7,
        bytes: 2100,
        media: 123_456,
        root: hash(b"root"),
        time: 1_700_000_000_000,
    }
}

fn taken(shelf: &mut Shelf) {
    let most = (1 << 53) - 1;
    let plain = statement();
    #[rustfmt::skip]
    let cases = [
        ("plain", "A head as it is signed every day.", plain.clone()),
        ("length-1", "The shortest feed has its record 0.", Statement { length: 1, ..plain.clone() }),
        ("length-2-40", "The longest feed.", Statement { length: 1 << 40, ..plain.clone() }),
        ("time-0", "A clock that stands at 1970 refuses nothing: a head's time never does.",
            Statement { time: 0, ..plain.clone() }),
        ("time-2099", "A clock far ahead refuses nothing; the head's freshness counts as unknown.",
            Statement { time: YEAR_2099_MS, ..plain.clone() }),
        ("claims-at-their-bound", "The sums of bytes and of media stop at 2^53-1.",
            Statement { bytes: most, media: most, ..plain.clone() }),
        ("claims-zero", "The sums are claims and refuse nothing, not even seven records of no bytes.",
            Statement { bytes: 0, media: 0, ..plain }),
    ];
    for (name, why, statement) in cases {
        shelf
            .accept(name, why, statement.signed(&author()))
            .with("feed", to_hex(&statement.feed))
            .with("first", to_hex(&statement.first))
            .with("length", statement.length)
            .with("bytes", statement.bytes)
            .with("media", statement.media)
            .with("root", to_hex(&statement.root))
            .with("time", statement.time)
            .flip_all();
    }
    let asked = to_hex(&Author::new(2).key());
    shelf
        .refuse(
            "other-feed",
            "head-5",
            "A good head of another feed than the one that was asked for.",
            statement().signed(&author()),
        )
        .with("asked", asked);
}

fn forms(shelf: &mut Shelf) {
    let body = statement().body();
    let signature = author().sign(HEAD, &body);
    let parts = |parts: &[Vec<u8>]| cbor::array(parts);
    let (one, wrapped, signed) = (uint(1), bytes(&body), bytes(&signature));
    #[rustfmt::skip]
    let cases = [
        ("two-parts", "The signature is missing.", parts(&[one.clone(), wrapped.clone()])),
        ("four-parts", "Something follows the signature.",
            parts(&[one.clone(), wrapped.clone(), signed.clone(), null()])),
        ("no-parts", "An empty array.", parts(&[])),
        ("number-after-empty-array", "The number after an empty array is no version.", hex("80 01")),
        ("map", "A map is no array.", map(&[("body", wrapped.clone())])),
        ("body-alone", "The body without version and signature.", body.clone()),
        ("no-bytes", "There are no bytes.", Vec::new()),
        ("body-not-wrapped", "The body is a map, not a byte string: nobody can tell which bytes were signed.",
            parts(&[one.clone(), body.clone(), signed.clone()])),
        ("signature-63", "One byte of the signature is missing.",
            parts(&[one.clone(), wrapped.clone(), bytes(&signature[..63])])),
        ("signature-65", "One byte follows the signature.",
            parts(&[one.clone(), wrapped.clone(), bytes(&[&signature[..], &[0]].concat())])),
        ("signature-text", "The signature in hex.", parts(&[one, wrapped.clone(), text(&to_hex(&signature))])),
        ("version-text", "The version is a text.", parts(&[text("1"), wrapped.clone(), signed.clone()])),
    ];
    for (name, why, wire) in cases {
        shelf.refuse(name, "head-1", why, wire);
    }
    #[rustfmt::skip]
    let versions = [
        ("version-0", "There never was a version 0.", parts(&[uint(0), wrapped.clone(), signed.clone()])),
        ("version-2", "A later version, without blame.", parts(&[uint(2), wrapped, signed])),
        ("version-2-other-form", "A later version may have any number of parts, and parts that we cannot read.",
            hex("82 02 f93c00")),
    ];
    for (name, why, wire) in versions {
        shelf.refuse(name, "head-2", why, wire);
    }
}

/// The entries of the body with one of them replaced.
fn with(name: &str, value: Vec<u8>) -> Vec<Entry<'static>> {
    let mut entries = statement().entries();
    let entry = entries.iter_mut().find(|(key, _)| *key == name);
    entry.expect("a body has this key").1 = value;
    entries
}

fn bodies(shelf: &mut Shelf) {
    let signed = |entries: &[Entry<'_>]| signed_head(&author(), &cbor::sorted(entries));
    let extra = [statement().entries(), vec![("note", text("hello"))]].concat();
    let long = [statement().entries(), vec![("padding", bytes(&[0; 900]))]].concat();
    #[rustfmt::skip]
    let mut cases = vec![
        ("extra-key".to_owned(), "One key more: in a signed body all are understood.".to_owned(), signed(&extra)),
        ("body-array".to_owned(), "The body is an array.".to_owned(), signed_head(&author(), &cbor::array(&[uint(7)]))),
        ("body-empty-map".to_owned(), "The body says nothing.".to_owned(), signed_head(&author(), &map(&[]))),
    ];
    for (name, _) in statement().entries() {
        let less: Vec<_> = statement()
            .entries()
            .into_iter()
            .filter(|(key, _)| *key != name)
            .collect();
        cases.push((
            format!("without-{name}"),
            format!("The body does not say its {name}."),
            signed(&less),
        ));
    }
    for name in ["length", "bytes", "media", "time"] {
        cases.push((
            format!("{name}-text"),
            format!("The {name} is a text."),
            signed(&with(name, text("7"))),
        ));
    }
    for name in ["feed", "first", "root"] {
        cases.push((
            format!("{name}-31-bytes"),
            format!("The {name} has 31 bytes."),
            signed(&with(name, bytes(&[1; 31]))),
        ));
        cases.push((
            format!("{name}-33-bytes"),
            format!("The {name} has 33 bytes."),
            signed(&with(name, bytes(&[1; 33]))),
        ));
    }
    cases.push((
        "time-null".into(),
        "No time is not allowed; 0 is.".into(),
        signed(&with("time", null())),
    ));
    for (name, why, wire) in cases {
        shelf.refuse(&name, "head-3", &why, wire);
    }
    #[rustfmt::skip]
    let cases = [
        ("length-0", 0, "A feed without records has no head."),
        ("length-2-40-plus-1", (1 << 40) + 1, "One record more than a feed may have."),
        ("length-2-53-less-1", (1 << 53) - 1, "The greatest integer is no length."),
    ];
    for (name, length, why) in cases {
        shelf.refuse(name, "head-4", why, signed(&with("length", uint(length))));
    }
    shelf.refuse(
        "too-long",
        "bundle-7",
        "More than 1,024 bytes: refused by its size, before anything is read.",
        signed(&long),
    );
}

fn encodings(shelf: &mut Shelf) {
    let signed = |body: &[u8]| signed_head(&author(), body);
    let mut unsorted = statement().entries();
    unsorted.swap(0, 1);
    let mut by_bytes = statement().entries();
    by_bytes.sort_by_key(|(key, _)| *key);
    let mut twice = statement().entries();
    twice.insert(1, twice[0].clone());
    #[rustfmt::skip]
    let cases = [
        ("body-unsorted", "codec-9", "Root before feed.", signed(&map(&unsorted))),
        ("body-sorted-by-bytes", "codec-9", "Keys in the order of the alphabet, whatever their length.",
            signed(&map(&by_bytes))),
        ("body-key-twice", "codec-9", "The feed is said twice.", signed(&map(&twice))),
        ("body-trailing", "codec-2", "A byte follows the body's map, inside the signed bytes.",
            signed(&[statement().body(), vec![0]].concat())),
        ("body-cut", "codec-1", "The signed bytes end before the map does.", signed(&statement().body()[..100])),
        ("body-long-integer", "codec-3", "The length is written with a byte of its own.",
            signed(&map(&with("length", hex("18 07"))))),
        ("body-indefinite", "codec-4", "The map of the body has no count.",
            signed(&[vec![0xbf], statement().body()[1..].to_vec(), vec![0xff]].concat())),
        ("body-float-time", "codec-5", "The time is a floating-point number.",
            signed(&map(&with("time", hex("fb 4278bcfe56800000"))))),
        ("body-negative-time", "codec-5", "A time before 1970.", signed(&map(&with("time", hex("20"))))),
        ("body-bytes-2-53", "codec-6", "The sum of bytes went past its bound.",
            signed(&map(&with("bytes", hex("1b 0020000000000000"))))),
        ("body-media-2-53", "codec-6", "The sum of media went past its bound.",
            signed(&map(&with("media", hex("1b 0020000000000000"))))),
    ];
    for (name, must, why, wire) in cases {
        shelf.refuse(name, must, why, wire);
    }
    let wire = statement().signed(&author());
    #[rustfmt::skip]
    let cases = [
        ("trailing", "codec-2", "A byte follows the head.", [wire.clone(), vec![0]].concat()),
        ("cut", "codec-1", "The last byte of the signature is missing.", wire[..wire.len() - 1].to_vec()),
        ("long-count", "codec-3", "The count of the three parts has a byte of its own.",
            [hex("98 03"), wire[1..].to_vec()].concat()),
        ("long-version", "codec-3", "The version has a byte of its own.",
            [hex("83 18 01"), wire[2..].to_vec()].concat()),
        ("indefinite", "codec-4", "The array of the head has no count.",
            [vec![0x9f], wire[1..].to_vec(), vec![0xff]].concat()),
        ("tagged", "head-1", "A tag stands before the array.", [hex("d9d9f7"), wire].concat()),
    ];
    for (name, must, why, wire) in cases {
        shelf.refuse(name, must, why, wire);
    }
}

fn keys(shelf: &mut Shelf) {
    let of = |feed: [u8; 32]| {
        Statement {
            feed,
            ..statement()
        }
        .body()
    };
    let full = |body: &[u8]| [HEAD, body].concat();
    let neutral = torsion(0);
    let body = of(neutral);
    let wire = head_of(&body, &by_neutral_key(&full(&body), &neutral));
    shelf.refuse(
        "feed-small-order",
        "key-2",
        "The feed is the neutral element; its signature needs no secret.",
        wire,
    );
    let high = above_the_prime(1);
    let body = of(high);
    let wire = head_of(&body, &by_neutral_key(&full(&body), &high));
    shelf.refuse(
        "feed-not-canonical",
        "key-1",
        "The neutral element again, written above the prime.",
        wire,
    );
    for (nth, order) in [(1, 8), (4, 2)] {
        let body = of(mixed_key(&author(), nth));
        let wire = head_of(&body, &by_mixed_key(&author(), nth, &full(&body)));
        shelf.refuse(
            &format!("feed-mixed-order-{order}"),
            "key-3",
            &format!(
                "A key off by a point of order {order}; the signature is good by every other rule."
            ),
            wire,
        );
    }
}

fn signatures(shelf: &mut Shelf) {
    let (neutral, high) = (torsion(0), above_the_prime(1));
    let body = statement().body();
    let message = [HEAD, &body].concat();
    let good = author().sign(HEAD, &body);
    let later = Statement {
        time: statement().time + 1,
        ..statement()
    }
    .body();
    #[rustfmt::skip]
    let cases: [(&str, &str, &[u8]); 9] = [
        ("signed-by-other-key", "Signed by another key than the feed's.", &Author::new(2).sign(HEAD, &body)),
        ("signed-as-succession", "Signed in the context of a succession.", &author().sign(SUCCESSION, &body)),
        ("signed-without-context", "The body was signed without its context.", &author().sign(b"", &body)),
        ("signed-wrapped", "The byte string around the body was signed, not the body.",
            &author().sign(HEAD, &bytes(&body))),
        ("signature-of-other-time", "The signature of the same head a millisecond later.",
            &author().sign(HEAD, &later)),
        ("signature-s-plus-order", "S plus the order of the group.", &s_plus_order(&good)),
        ("signature-r-neutral", "R is the neutral element, and the equation holds.",
            &neutral_r(&author(), &message, neutral)),
        ("signature-r-not-canonical", "R is the neutral element written above the prime.",
            &neutral_r(&author(), &message, high)),
        ("signature-cofactored", "The equation holds only when multiplied by the cofactor.",
            &cofactored(&author(), &message, false)),
    ];
    for (name, why, signature) in cases {
        shelf.refuse(name, "key-7", why, head_of(&body, signature));
    }
    shelf.refuse(
        "signature-zeros",
        "key-7",
        "A signature of zeros.",
        head_of(&body, &[0; 64]),
    );
}
