//! Records that break one of the rules of readability. Their bytes stay in the feed all the same.

use super::{TIME, file, item, longest_title, nested, outer_with, record, reference, tags, titled};
use crate::vectors::cbor::{self, Entry, array, bytes, hex, map, null, sorted, text, to_hex, uint};
use crate::vectors::edges::{mixed_key, torsion};
use crate::vectors::oracle::hash;
use crate::vectors::sign::Author;
use crate::vectors::{Expect, Shelf};

pub(super) fn add(shelf: &mut Shelf) {
    marks(shelf);
    paths(shelf);
    encodings(shelf);
    outer_fields(shelf);
    body_fields(shelf);
    references(shelf);
}

fn unreadable(shelf: &mut Shelf, name: &str, rule: &str, why: &str, body: Vec<u8>) {
    shelf
        .add(name, Expect::Unreadable(rule.to_owned()), why, body)
        .with("index", 10);
}

fn marks(shelf: &mut Shelf) {
    #[rustfmt::skip]
    let cases = [
        ("mark-in-body", "A field that must be understood, in the body.", titled(("!paid", uint(1)))),
        ("mark-in-record", "A field that must be understood, beside the body.", outer_with(("!seal", null()))),
        ("mark-in-ext", "A field that must be understood, inside ext.", titled(("ext", sorted(&[("!x", null())])))),
        ("mark-alone", "The mark alone is a key that must be understood.", titled(("!", null()))),
        ("mark-deep", "At any depth: in a map in an array in a field that nobody knows.",
            titled(("later", array(&[array(&[sorted(&[("!x", null())])])])))),
        ("mark-in-unknown-kind", "In a kind that nobody knows.",
            record("poll", TIME, &[("!closed", cbor::bool(true))])),
        ("mark-in-profile", "In a profile.", record("profile", TIME, &[("name", text("Ana")), ("!verified", null())])),
    ];
    for (name, why, body) in cases {
        unreadable(shelf, name, "record-3", why, body);
    }
}

fn paths(shelf: &mut Shelf) {
    let longer = "a".repeat(256);
    let accents = "é".repeat(128);
    let deeper = ["abc"; 1025].join("/");
    #[rustfmt::skip]
    let cases = [
        ("path-empty", "", "An empty path names nothing."),
        ("path-absolute", "/etc/passwd", "A path from the root."),
        ("path-up", "../up.jpg", "A path that leaves its folder."),
        ("path-up-in-the-middle", "a/../../b", "A path that leaves its folder on the way."),
        ("path-here", "./a", "One dot alone."),
        ("path-empty-segment", "a//b", "Nothing between two slashes."),
        ("path-slash-last", "a/", "Nothing after the last slash."),
        ("path-nul", "a\0b", "A NUL, where many systems stop reading."),
        ("path-line-end", "a\nb", "A line end, which a terminal would show as two names."),
        ("path-escape", "a\u{1b}[2Jb", "An escape sequence for the terminal."),
        ("path-delete", "a\u{7f}b", "The delete character."),
        ("path-c1", "a\u{9b}b", "A control character above 127."),
        ("path-direction", "gpj.\u{202e}exe", "An override of direction, which shows another suffix than there is."),
        ("path-isolate", "a\u{2066}b", "An isolate of direction."),
        ("path-segment-256", &longer, "A name of 256 bytes."),
        ("path-segment-256-accents", &accents, "128 characters are 256 bytes."),
        ("path-4099-bytes", &deeper, "A path of 4,099 bytes."),
    ];
    for (name, path, why) in cases {
        unreadable(shelf, name, "record-7", why, titled(("path", text(path))));
    }
}

fn encodings(shelf: &mut Shelf) {
    let long = item(&"x".repeat(longest_title() + 1), TIME);
    assert_eq!(long.len(), 65_537);
    unreadable(
        shelf,
        "bytes-65537",
        "record-1",
        "One byte more than a record may have.",
        long,
    );
    let with = |value: Vec<u8>| titled(("x", value));
    let good = item("t", TIME);
    let doubled = sorted(&[
        ("kind", text("item")),
        ("time", uint(TIME)),
        ("salt", bytes(&[1; 16])),
        ("body", map(&[("title", text("a")), ("title", text("b"))])),
    ]);
    let unsorted = map(&[
        ("kind", text("item")),
        ("body", map(&[("title", text("a"))])),
        ("salt", bytes(&[1; 16])),
        ("time", uint(TIME)),
    ]);
    #[rustfmt::skip]
    let cases = [
        ("no-bytes", "A record of no bytes.", Vec::new()),
        ("float", "A floating-point number in a field that nobody knows.", with(hex("f9 3c00"))),
        ("tag", "A tag in a field that nobody knows.", with(hex("c1 00"))),
        ("bignum", "A big number.", with(hex("c2 49 010000000000000000"))),
        ("negative", "A negative number.", with(hex("20"))),
        ("integer-2-53", "An integer that a double cannot hold.", with(hex("1b 0020000000000000"))),
        ("undefined", "Undefined.", with(hex("f7"))),
        ("key-twice", "Two titles.", doubled),
        ("keys-unsorted", "Kind before body.", unsorted),
        ("key-integer", "A key that is an integer, inside a field that nobody knows.", with(hex("a1 00 00"))),
        ("indefinite", "An array without a count.", with(hex("9f ff"))),
        ("long-integer", "An integer that is longer than it has to be.", with(hex("18 01"))),
        ("not-utf-8", "A text that is not UTF-8.", with(hex("61 ff"))),
        ("nesting-17", "One array too many.", titled(nested(15))),
        ("values-4097", "One tag too many.", titled(tags(4090))),
        ("trailing", "A line end follows the record.", [good.clone(), b"\n".to_vec()].concat()),
        ("cut", "The last byte is missing.", good[..good.len() - 1].to_vec()),
        ("json", "The same in JSON.", br#"{"body":{"title":"t"},"kind":"item","time":0}"#.to_vec()),
    ];
    for (name, why, body) in cases {
        unreadable(shelf, name, "record-2", why, body);
    }
}

fn outer_fields(shelf: &mut Shelf) {
    let fields = || -> Vec<Entry<'static>> {
        vec![
            ("kind", text("item")),
            ("time", uint(TIME)),
            ("salt", bytes(&[1; 16])),
            ("body", sorted(&[("title", text("t"))])),
        ]
    };
    let without = |name: &str| {
        let kept: Vec<_> = fields()
            .into_iter()
            .filter(|(key, _)| *key != name)
            .collect();
        sorted(&kept)
    };
    let with = |name: &str, value: Vec<u8>| {
        let changed = fields()
            .into_iter()
            .map(|(key, old)| (key, if key == name { value.clone() } else { old }));
        sorted(&changed.collect::<Vec<_>>())
    };
    for name in ["kind", "time", "salt", "body"] {
        unreadable(
            shelf,
            &format!("without-{name}"),
            "record-4",
            &format!("There is no {name}."),
            without(name),
        );
    }
    #[rustfmt::skip]
    let cases = [
        ("record-array", "A record is a map, not an array.", array(&[text("item"), uint(TIME)])),
        ("record-text", "A record is a map, not a text.", text("hello")),
        ("record-null", "A record is a map, not null.", null()),
        ("record-empty-map", "A map of nothing.", map(&[])),
        ("kind-bytes", "The kind is a byte string.", with("kind", bytes(b"item"))),
        ("time-text", "The time is a text.", with("time", text("2023-11-14T22:13:20Z"))),
        ("time-null", "The time is null.", with("time", null())),
        ("salt-15", "A salt of 15 bytes.", with("salt", bytes(&[1; 15]))),
        ("salt-17", "A salt of 17 bytes.", with("salt", bytes(&[1; 17]))),
        ("salt-text", "A salt that is a text of 16 characters.", with("salt", text("0123456789abcdef"))),
        ("body-array", "The body is an array.", with("body", array(&[]))),
        ("body-wrapped", "The body is a byte string.", with("body", bytes(&map(&[("title", text("t"))])))),
        ("body-null", "The body is null.", with("body", null())),
    ];
    for (name, why, body) in cases {
        unreadable(shelf, name, "record-4", why, body);
    }
}

/// A field that has not its type, or is missing: name, kind, why, and the body.
type Wrong = (
    &'static str,
    &'static str,
    &'static str,
    Vec<Entry<'static>>,
);

fn body_fields(shelf: &mut Shelf) {
    let cases = [
        profile_fields(),
        item_fields(),
        file_fields(),
        other_fields(),
    ]
    .concat();
    for (name, kind, why, body) in cases {
        unreadable(shelf, name, "record-5", why, record(kind, TIME, &body));
    }
}

#[rustfmt::skip]
fn profile_fields() -> Vec<Wrong> {
    let named = |more: Entry<'static>| vec![("name", text("Ana")), more];
    vec![
        ("profile-without-name", "profile", "A profile without a name.", vec![("about", text("me"))]),
        ("profile-name-null", "profile", "A name that is null.", vec![("name", null())]),
        ("profile-about-null", "profile", "A field that is not there is left out; only recovery may be null.",
            named(("about", null()))),
        ("profile-avatar-text", "profile", "A picture is a file with hash and size, not an address.",
            named(("avatar", text("https://ana.example/a.jpg")))),
        ("profile-avatar-without-size", "profile", "The file of the picture has no size.",
            named(("avatar", sorted(&[("hash", bytes(&[1; 32])), ("type", text("image/png"))])))),
        ("profile-links-text", "profile", "One link is an array of one.",
            named(("links", text("https://ana.example/")))),
        ("profile-links-of-integers", "profile", "Links are texts.", named(("links", array(&[uint(1)])))),
        ("profile-recovery-31", "profile", "A recovery hash of 31 bytes.", named(("recovery", bytes(&[1; 31])))),
        ("profile-recovery-text", "profile", "A recovery hash in hex.", named(("recovery", text(&to_hex(&[1; 32]))))),
        ("profile-language-array", "profile", "One language, not several.", named(("language", array(&[text("pt")])))),
    ]
}

#[rustfmt::skip]
fn item_fields() -> Vec<Wrong> {
    let titled = |more: Entry<'static>| vec![("title", text("t")), more];
    vec![
        ("item-without-title", "item", "An item without a title; it may be empty, but it is there.",
            vec![("text", text("t"))]),
        ("item-title-integer", "item", "A title that is a number.", vec![("title", uint(1984))]),
        ("item-title-bytes", "item", "A title that is a byte string.", vec![("title", bytes(b"t"))]),
        ("item-text-null", "item", "A text that is null.", titled(("text", null()))),
        ("item-tags-text", "item", "Tags in one text.", titled(("tags", text("a, b")))),
        ("item-tags-of-integers", "item", "A tag that is a number.", titled(("tags", array(&[text("a"), uint(1)])))),
        ("item-published-text", "item", "A date in words.", titled(("published", text("2023")))),
        ("item-position-null", "item", "A position that is null.", titled(("position", null()))),
        ("item-place-array", "item", "A place in two numbers; it is a geo URI.",
            titled(("place", array(&[uint(32), uint(16)])))),
        ("item-sensitive-1", "item", "1 is not true.", titled(("sensitive", uint(1)))),
        ("item-sensitive-null", "item", "Null is not false.", titled(("sensitive", null()))),
        ("item-path-array", "item", "A path in segments.", titled(("path", array(&[text("a")])))),
        ("item-creators-texts", "item", "Creators are maps with a name.", titled(("creators", array(&[text("Ana")])))),
        ("item-creator-without-name", "item", "A creator without a name.",
            titled(("creators", array(&[sorted(&[("role", text("photographer"))])])))),
        ("item-creator-feed-text", "item", "The feed of a creator stands in bytes.",
            titled(("creators", array(&[sorted(&[("name", text("Ana")), ("feed", text("lev1"))])])))),
        ("item-creator-feed-small-order", "item", "The feed of a creator has small order.",
            titled(("creators", array(&[sorted(&[("name", text("Ana")), ("feed", bytes(&torsion(0)))])])))),
        ("item-collection-text", "item", "A collection is named by index and link hash.",
            titled(("collection", text("Summer")))),
        ("item-edits-integer", "item", "An index alone could change its meaning; an edit names the link hash too.",
            titled(("edits", uint(4)))),
        ("item-edits-without-link", "item", "The link hash is missing.",
            titled(("edits", sorted(&[("index", uint(4))])))),
        ("item-edits-link-31", "item", "A link hash of 31 bytes.", titled(("edits", reference(4, &[1; 31])))),
        ("item-edits-index-text", "item", "An index that is a text.",
            titled(("edits", sorted(&[("index", text("4")), ("link", bytes(&[1; 32]))])))),
        ("item-ext-array", "item", "What is beside the format stands in a map.", titled(("ext", array(&[])))),
        ("item-files-map", "item", "One file is an array of one.", titled(("files", file("a.jpg", 1)))),
    ]
}

#[rustfmt::skip]
fn file_fields() -> Vec<Wrong> {
    fn of(entries: &[Entry<'_>]) -> Vec<Entry<'static>> {
        vec![("title", text("t")), ("files", array(&[sorted(entries)]))]
    }
    let (named, sized, typed) = (
        ("hash", bytes(&[1; 32])),
        ("size", uint(1)),
        ("type", text("image/png")),
    );
    let with = |more: Entry<'static>| of(&[named.clone(), sized.clone(), typed.clone(), more]);
    vec![
        ("file-without-hash", "item", "A file without a hash.", of(&[sized.clone(), typed.clone()])),
        ("file-without-size", "item", "A file without a size.", of(&[named.clone(), typed.clone()])),
        ("file-without-type", "item", "A file without a type.", of(&[named.clone(), sized.clone()])),
        ("file-hash-31", "item", "A hash of 31 bytes.", of(&[("hash", bytes(&[1; 31])), sized.clone(), typed.clone()])),
        ("file-hash-text", "item", "A hash in hex.",
            of(&[("hash", text(&to_hex(&[1; 32]))), sized.clone(), typed.clone()])),
        ("file-size-2-44-plus-1", "item", "One byte more than a blob may have.",
            of(&[named.clone(), ("size", uint((1 << 44) + 1)), typed.clone()])),
        ("file-size-text", "item", "A size in words.", of(&[named.clone(), ("size", text("4 MB")), typed.clone()])),
        ("file-role-integer", "item", "A role that is a number.", with(("role", uint(1)))),
        ("file-name-bytes", "item", "A name that is a byte string, as some file systems have them.",
            with(("name", bytes(b"a.png")))),
        ("file-width-text", "item", "A width in words.", with(("width", text("1920px")))),
        ("file-duration-null", "item", "A duration that is null.", with(("duration", null()))),
    ]
}

#[rustfmt::skip]
fn other_fields() -> Vec<Wrong> {
    let listed = |more: Entry<'static>| vec![("feed", bytes(&Author::new(3).key())), more];
    let titled = |more: Entry<'static>| vec![("title", text("t")), more];
    let far = reference(1 << 40, &[1; 32]);
    vec![
        ("retract-without-target", "retract", "A retract of nothing.", vec![("reason", text("no"))]),
        ("retract-target-integer", "retract", "The target without its link hash.", vec![("target", uint(3))]),
        ("retract-reason-integer", "retract", "A reason that is a number.",
            vec![("target", reference(3, &[1; 32])), ("reason", uint(451))]),
        ("listing-without-feed", "listing", "A listing of nothing.", vec![("title", text("B"))]),
        ("listing-feed-text", "listing", "A feed key stands in bytes.", vec![("feed", text("lev1"))]),
        ("listing-feed-mixed-order", "listing", "The feed of a listing has mixed order.",
            vec![("feed", bytes(&mixed_key(&Author::new(1), 1)))]),
        ("listing-first-16", "listing", "The first link hash as a link has it; a listing has all 32 bytes.",
            listed(("first", bytes(&[1; 16])))),
        ("listing-hints-text", "listing", "One hint is an array of one.",
            listed(("hints", text("https://b.example/")))),
        ("listing-catalogue-1", "listing", "Whether it is a catalogue is said by true or false.",
            listed(("catalogue", uint(1)))),
        ("listing-head-array", "listing", "A head inside a record is a byte string.",
            listed(("head", array(&[uint(1)])))),
        ("listing-head-1025", "listing", "A head of 1,025 bytes.", listed(("head", bytes(&[0; 1025])))),
        ("collection-without-title", "collection", "A collection without a title.", vec![("items", array(&[]))]),
        ("collection-items-indices", "collection", "Items by index alone.", titled(("items", array(&[uint(3)])))),
        ("collection-item-2-40", "collection", "No feed has a record of this index.", titled(("items", array(&[far])))),
        ("moved-without-feed", "moved", "Moved to nowhere.", vec![]),
        ("moved-feed-31", "moved", "A key of 31 bytes.", vec![("feed", bytes(&[1; 31]))]),
        ("moved-feed-small-order", "moved", "Moved to a key that is none.", vec![("feed", bytes(&torsion(4)))]),
    ]
}

fn references(shelf: &mut Shelf) {
    let link = hash(b"a record");
    let own = Author::new(1).key();
    let of_feed = |index| {
        sorted(&[
            ("feed", bytes(&own)),
            ("index", uint(index)),
            ("link", bytes(&link)),
        ])
    };
    let edits = |value| titled(("edits", value));
    let retract = |value| record("retract", TIME, &[("target", value)]);
    #[rustfmt::skip]
    let cases = [
        ("edits-itself", "Record 10 edits record 10.", edits(reference(10, &link))),
        ("edits-later", "Record 10 edits record 11, which is not written yet.", edits(reference(11, &link))),
        ("edits-of-a-feed", "An edit names no feed: it is always of its own.", edits(of_feed(4))),
        ("retract-0", "Record 0 is never retracted.", retract(reference(0, &link))),
        ("retract-itself", "Record 10 retracts record 10.", retract(reference(10, &link))),
        ("retract-later", "Record 10 retracts record 11, which is not written yet.", retract(reference(11, &link))),
        ("retract-of-a-feed", "A retract names no feed: it is always of its own.", retract(of_feed(4))),
    ];
    for (name, why, body) in cases {
        unreadable(shelf, name, "record-6", why, body);
    }
    let first = titled(("edits", reference(0, &link)));
    let vector = shelf.add(
        "edits-at-0",
        Expect::Unreadable("record-6".into()),
        "Record 0 has nothing before it to edit.",
        first,
    );
    vector.with("index", 0);
}
