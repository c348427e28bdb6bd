//! Successions: a recovery key hands a feed over to the next key.

use super::cbor::{Entry, array, bytes, hex, map, null, sorted, text, to_hex, uint};
use super::edges::{cofactored, mixed_key, s_plus_order, torsion};
use super::oracle::hash;
use super::sign::{Author, HEAD, SUCCESSION, Will};
use super::{Shelf, Vector};

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("succession");
    taken(&mut shelf);
    forms(&mut shelf);
    bodies(&mut shelf);
    signatures(&mut shelf);
    shelf.done()
}

fn recovery() -> Author {
    Author::new(2)
}

fn next() -> Author {
    Author::new(3)
}

fn will() -> Will {
    Will {
        feed: Author::new(1).key(),
        recovery: recovery().key(),
        next: next().key(),
        length: 40,
        root: hash(b"root"),
        time: 1_700_000_000_000,
    }
}

fn wire_of(body: &[u8], by_recovery: &[u8], by_next: &[u8]) -> Vec<u8> {
    array(&[uint(1), bytes(body), bytes(by_recovery), bytes(by_next)])
}

fn signed(body: &[u8]) -> Vec<u8> {
    wire_of(
        body,
        &recovery().sign(SUCCESSION, body),
        &next().sign(SUCCESSION, body),
    )
}

fn taken(shelf: &mut Shelf) {
    let plain = will();
    #[rustfmt::skip]
    let cases = [
        ("plain", "Signed by the recovery key and by the next key.", plain.clone()),
        ("length-2-40", "The longest feed.", Will { length: 1 << 40, ..plain.clone() }),
        ("time-0", "A time refuses nothing.", Will { time: 0, ..plain }),
    ];
    for (name, why, will) in cases {
        shelf
            .accept(name, why, signed(&will.body()))
            .with("named", to_hex(&hash(&will.recovery)))
            .with("feed", to_hex(&will.feed))
            .with("recovery", to_hex(&will.recovery))
            .with("next", to_hex(&will.next))
            .with("length", will.length)
            .with("root", to_hex(&will.root))
            .with("time", will.time)
            .flip_all();
    }
    let wire = signed(&will().body());
    shelf
        .refuse(
            "not-named",
            "succession-3",
            "Record 0 names the hash of another recovery key.",
            wire.clone(),
        )
        .with("named", to_hex(&hash(&next().key())));
    shelf
        .refuse(
            "named-by-key",
            "succession-3",
            "Record 0 has the recovery key itself where its hash is due.",
            wire.clone(),
        )
        .with("named", to_hex(&recovery().key()));
    shelf
        .refuse(
            "none-named",
            "succession-3",
            "Record 0 names no recovery key: the feed can never be handed over.",
            wire,
        )
        .with("named", "none");
}

fn forms(shelf: &mut Shelf) {
    let body = will().body();
    let wire = signed(&body);
    let (one, two) = (
        recovery().sign(SUCCESSION, &body),
        next().sign(SUCCESSION, &body),
    );
    #[rustfmt::skip]
    let cases = [
        ("three-parts", "The signature of the next key is missing.", array(&[uint(1), bytes(&body), bytes(&one)])),
        ("five-parts", "Something follows the signatures.",
            array(&[uint(1), bytes(&body), bytes(&one), bytes(&two), null()])),
        ("body-not-wrapped", "The body is a map, not a byte string.",
            array(&[uint(1), body.clone(), bytes(&one), bytes(&two)])),
        ("signature-63", "One byte of a signature is missing.", wire_of(&body, &one[..63], &two)),
        ("signatures-joined", "Both signatures in one byte string.", wire_of(&body, &[one, two].concat(), &[])),
        ("signature-null", "The next key did not sign.", array(&[uint(1), bytes(&body), bytes(&one), null()])),
    ];
    for (name, why, wire) in cases {
        shelf.refuse(name, "succession-1", why, wire);
    }
    let later = array(&[uint(2), bytes(&body), bytes(&one), bytes(&two)]);
    let padded = signed(&sorted(
        &[will().entries(), vec![("padding", bytes(&[0; 8200]))]].concat(),
    ));
    #[rustfmt::skip]
    let cases = [
        ("version-2", "head-2", "A succession of a later version.", later),
        ("trailing", "codec-2", "A byte follows the succession.", [wire.clone(), vec![0]].concat()),
        ("cut", "codec-1", "The last byte is missing.", wire[..wire.len() - 1].to_vec()),
        ("too-long", "bundle-7", "More than 8,192 bytes: refused by its size, before anything is read.", padded),
    ];
    for (name, must, why, wire) in cases {
        shelf.refuse(name, must, why, wire);
    }
}

fn bodies(shelf: &mut Shelf) {
    let with = |name: &str, value: Vec<u8>| -> Vec<Entry<'static>> {
        let changed = will().entries().into_iter();
        changed
            .map(|(key, old)| (key, if key == name { value.clone() } else { old }))
            .collect()
    };
    for (name, _) in will().entries() {
        let less: Vec<_> = will()
            .entries()
            .into_iter()
            .filter(|(key, _)| *key != name)
            .collect();
        shelf.refuse(
            &format!("without-{name}"),
            "head-3",
            &format!("The body does not say its {name}."),
            signed(&sorted(&less)),
        );
    }
    let extra = [will().entries(), vec![("why", text("lost"))]].concat();
    let mut unsorted = will().entries();
    unsorted.swap(0, 1);
    #[rustfmt::skip]
    let cases = [
        ("extra-key", "head-3", "One key more.", sorted(&extra)),
        ("length-text", "head-3", "The length is a text.", sorted(&with("length", text("40")))),
        ("root-31-bytes", "head-3", "The root has 31 bytes.", sorted(&with("root", bytes(&[1; 31])))),
        ("length-0", "head-4", "A cut before record 0.", sorted(&with("length", uint(0)))),
        ("length-2-40-plus-1", "head-4", "A cut after the longest feed.", sorted(&with("length", uint((1 << 40) + 1)))),
        ("body-unsorted", "codec-9", "Next before feed.", map(&unsorted)),
        ("body-float", "codec-5", "The time is a floating-point number.", sorted(&with("time", hex("f9 3c00")))),
        ("feed-small-order", "key-2", "The feed is no key.", sorted(&with("feed", bytes(&torsion(0))))),
        ("next-mixed-order", "key-3", "The next key is of mixed order.",
            sorted(&with("next", bytes(&mixed_key(&next(), 1))))),
    ];
    for (name, must, why, body) in cases {
        shelf.refuse(name, must, why, signed(&body));
    }
    let same = |feed: &Author, recovery: &Author, next: &Author| {
        let will = Will {
            feed: feed.key(),
            recovery: recovery.key(),
            next: next.key(),
            ..will()
        };
        let body = will.body();
        wire_of(
            &body,
            &recovery.sign(SUCCESSION, &body),
            &next.sign(SUCCESSION, &body),
        )
    };
    let feed = Author::new(1);
    #[rustfmt::skip]
    let cases = [
        ("next-is-feed", "The feed is handed over to itself.", same(&feed, &recovery(), &feed)),
        ("recovery-is-feed", "The feed key is its own recovery key: whoever stole it could hand the feed over.",
            same(&feed, &feed, &next())),
        ("recovery-is-next", "The recovery key goes on as the feed's key.", same(&feed, &next(), &next())),
    ];
    for (name, why, wire) in cases {
        shelf.refuse(name, "succession-2", why, wire);
    }
}

fn signatures(shelf: &mut Shelf) {
    let body = will().body();
    let full = [SUCCESSION, &body].concat();
    let (one, two) = (
        recovery().sign(SUCCESSION, &body),
        next().sign(SUCCESSION, &body),
    );
    let feed = Author::new(1);
    #[rustfmt::skip]
    let cases = [
        ("signatures-swapped", "The next key's signature stands first.", wire_of(&body, &two, &one)),
        ("signed-by-feed", "The feed key signed where the recovery key should.",
            wire_of(&body, &feed.sign(SUCCESSION, &body), &two)),
        ("signed-twice-by-recovery", "The recovery key signed for the next key too.", wire_of(&body, &one, &one)),
        ("signed-as-head", "Signed in the context of a head.", wire_of(&body, &recovery().sign(HEAD, &body), &two)),
        ("next-signed-as-head", "The next key signed in the context of a head.",
            wire_of(&body, &one, &next().sign(HEAD, &body))),
        ("s-plus-order", "S plus the order of the group.", wire_of(&body, &s_plus_order(&one), &two)),
        ("cofactored", "The second equation holds only when multiplied by the cofactor.",
            wire_of(&body, &one, &cofactored(&next(), &full, false))),
        ("signature-zeros", "A signature of zeros.", wire_of(&body, &one, &[0; 64])),
    ];
    for (name, why, wire) in cases {
        shelf.refuse(name, "key-7", why, wire);
    }
}
