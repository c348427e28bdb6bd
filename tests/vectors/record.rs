//! Records on their own: the kinds, and what makes a record unreadable.

use super::cbor::{self, Entry, array, bytes, hex, map, null, sorted, text, to_hex, uint};
use super::edges::{mixed_key, torsion};
use super::oracle::hash;
use super::sign::{Author, Statement};
use super::{Expect, Shelf, Vector};

/// When the records of the vectors were written, Unix milliseconds.
pub(crate) const TIME: u64 = 1_700_000_000_000;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("record");
    kinds(&mut shelf);
    unknowns(&mut shelf);
    paths(&mut shelf);
    encodings(&mut shelf);
    outer_fields(&mut shelf);
    body_fields(&mut shelf);
    references(&mut shelf);
    shelf.done()
}

/// A record of this kind at this time.
pub(crate) fn record(kind: &str, time: u64, body: &[Entry<'_>]) -> Vec<u8> {
    sorted(&[
        ("kind", text(kind)),
        ("time", uint(time)),
        ("salt", bytes(&hash(&time.to_le_bytes())[..16])),
        ("body", sorted(body)),
    ])
}

/// A profile of a name.
pub(crate) fn profile(name: &str, time: u64) -> Vec<u8> {
    record("profile", time, &[("name", text(name))])
}

/// An item of a title alone.
pub(crate) fn item(title: &str, time: u64) -> Vec<u8> {
    record("item", time, &[("title", text(title))])
}

/// What a reference says.
pub(crate) fn reference(index: u64, link: &[u8]) -> Vec<u8> {
    sorted(&[("index", uint(index)), ("link", bytes(link))])
}

/// A file of a record: name, size and what has this hash.
pub(crate) fn file(name: &str, size: u64) -> Vec<u8> {
    sorted(&[
        ("hash", bytes(&hash(name.as_bytes()))),
        ("size", uint(size)),
        ("type", text("image/jpeg")),
        ("name", text(name)),
    ])
}

fn full_file() -> Vec<u8> {
    sorted(&[
        ("hash", bytes(&hash(b"a film"))),
        ("size", uint(1 << 44)),
        ("type", text("video/mp4")),
        ("role", text("alternate")),
        ("name", text("filme.mp4")),
        ("duration", uint(90_500)),
        ("width", uint(1920)),
        ("height", uint(1080)),
        ("codecs", text("avc1.64002a, mp4a.40.2")),
        ("language", text("pt-PT")),
        ("blurhash", text("LEHV6nWB2yk8pyo0adR*.7kCMdnj")),
    ])
}

#[rustfmt::skip]
fn full_item() -> Vec<Entry<'static>> {
    let creator = sorted(&[
        ("name", text("Ana")),
        ("role", text("photographer")),
        ("feed", bytes(&Author::new(2).key())),
    ]);
    let elsewhere = sorted(&[
        ("feed", bytes(&Author::new(2).key())),
        ("index", uint(900)),
        ("link", bytes(&hash(b"a collection"))),
    ]);
    vec![
        ("title", text("Levada do Rei")),
        ("text", text("From São Jorge to Ribeiro Bonito.\n")),
        ("creators", array(&[creator, sorted(&[("name", text("José"))])])),
        ("tags", array(&[text("levada"), text("Madeira")])),
        ("published", uint(TIME - 1000)),
        ("language", text("en")),
        ("licence", text("CC-BY-4.0")),
        ("collection", elsewhere),
        ("position", uint(3)),
        ("place", text("geo:32.8,-16.9")),
        ("sensitive", cbor::bool(false)),
        ("path", text("2023/levada do rei.jpg")),
        ("files", array(&[file("a.jpg", 4_000_000), full_file()])),
        ("edits", reference(4, &hash(b"record 4"))),
        ("ext", sorted(&[("example.org/rating", uint(5))])),
    ]
}

struct Kind {
    name: &'static str,
    why: &'static str,
    index: u64,
    kind: &'static str,
    /// Title or name, when it has one.
    title: Option<&'static str>,
    media: u64,
    body: Vec<Entry<'static>>,
}

fn kinds(shelf: &mut Shelf) {
    let next = bytes(&Author::new(3).key());
    let head = Statement {
        feed: Author::new(3).key(),
        ..super::head::statement()
    }
    .signed(&Author::new(3));
    let plain = |name, why, kind, title, body| Kind {
        name,
        why,
        index: 10,
        kind,
        title,
        media: 0,
        body,
    };
    let cases = [
        Kind {
            index: 0,
            ..plain(
                "profile",
                "The least profile: a name.",
                "profile",
                Some("Ana"),
                vec![("name", text("Ana"))],
            )
        },
        Kind {
            index: 0,
            ..plain(
                "profile-no-recovery",
                "Null says that there is no recovery key.",
                "profile",
                Some("Ana"),
                vec![("name", text("Ana")), ("recovery", null())],
            )
        },
        plain(
            "profile-later",
            "A later profile, with every field.",
            "profile",
            Some(""),
            vec![
                ("name", text("")),
                ("about", text("Water in many hands.")),
                ("avatar", file("ana.jpg", 20_000)),
                ("links", array(&[text("https://ana.example/")])),
                ("language", text("pt")),
                ("licence", text("CC0-1.0")),
                ("recovery", bytes(&hash(&Author::new(2).key()))),
            ],
        ),
        plain(
            "item",
            "The least item: a title, which may be empty.",
            "item",
            Some(""),
            vec![("title", text(""))],
        ),
        Kind {
            media: 4_000_000 + (1 << 44),
            ..plain(
                "item-full",
                "An item with every field, one of its files as large as a blob may be.",
                "item",
                Some("Levada do Rei"),
                full_item(),
            )
        },
        plain(
            "item-title-not-normalised",
            "The title is kept with its e and accent apart.",
            "item",
            Some("Cafe\u{301}"),
            vec![("title", text("Cafe\u{301}"))],
        ),
        Kind {
            index: 5,
            ..plain(
                "item-edit",
                "An edit names the first record of its item, lower than its own.",
                "item",
                Some("b"),
                vec![
                    ("title", text("b")),
                    ("edits", reference(4, &hash(b"record 4"))),
                ],
            )
        },
        Kind {
            index: 2,
            ..plain(
                "retract",
                "Takes back the record before it.",
                "retract",
                None,
                vec![
                    ("target", reference(1, &hash(b"record 1"))),
                    ("reason", text("out of focus")),
                ],
            )
        },
        plain(
            "listing",
            "The least listing: a feed.",
            "listing",
            None,
            vec![("feed", next.clone())],
        ),
        plain(
            "listing-full",
            "A listing with every field, a head among them that is not checked here.",
            "listing",
            None,
            vec![
                ("feed", next.clone()),
                ("first", bytes(&hash(b"first"))),
                ("hints", array(&[text("https://b.example/levada")])),
                ("title", text("B")),
                ("note", text("Photographs of water.")),
                ("tags", array(&[])),
                ("catalogue", cbor::bool(true)),
                ("head", bytes(&head)),
            ],
        ),
        plain(
            "collection",
            "Two items in order, one of another feed.",
            "collection",
            None,
            vec![
                ("title", text("Summer")),
                (
                    "items",
                    array(&[
                        reference(3, &hash(b"record 3")),
                        sorted(&[
                            ("feed", next.clone()),
                            ("index", uint((1 << 40) - 1)),
                            ("link", bytes(&hash(b"far"))),
                        ]),
                    ]),
                ),
            ],
        ),
        plain(
            "moved",
            "A hint that the author goes on elsewhere.",
            "moved",
            None,
            vec![("feed", next)],
        ),
    ];
    for case in cases {
        let vector = shelf.accept(case.name, case.why, record(case.kind, TIME, &case.body));
        vector
            .with("index", case.index)
            .with("kind", case.kind)
            .with("time", TIME);
        if let Some(title) = case.title {
            vector.with("title", title);
        }
        vector.with("media", case.media);
    }
    #[rustfmt::skip]
    let cases = [
        ("time-0", 0, "A record of 1970."),
        ("time-greatest", (1 << 53) - 1, "The latest time that an integer can say."),
    ];
    for (name, time, why) in cases {
        shelf
            .accept(name, why, item("t", time))
            .with("index", 10)
            .with("kind", "item")
            .with("time", time)
            .with("title", "t")
            .with("media", 0);
    }
}

fn unknowns(shelf: &mut Shelf) {
    let odd = vec![("x", array(&[null(), map(&[]), cbor::bool(true)]))];
    let outer = sorted(&[
        ("kind", text("item")),
        ("time", uint(TIME)),
        ("salt", bytes(&[1; 16])),
        ("body", sorted(&[("title", text("t"))])),
        ("later", uint(1)),
    ]);
    let file = sorted(&[
        ("hash", bytes(&hash(b"a"))),
        ("size", uint(0)),
        ("type", text("text/plain")),
        ("later", null()),
    ]);
    let role = sorted(&[
        ("hash", bytes(&hash(b"a"))),
        ("size", uint(7)),
        ("type", text("text/plain")),
        ("role", text("lyrics")),
    ]);
    let titled = |more: Entry<'static>| record("item", TIME, &[("title", text("t")), more]);
    #[rustfmt::skip]
    let cases = [
        ("kind-state", "state",
            None, 0, "A kind that is reserved: kept, passed on, not shown.", record("state", TIME, &[])),
        ("kind-unknown", "poll",
            None, 0, "A kind of a later version, with a body of any fields.", record("poll", TIME, &odd)),
        ("kind-upper-case", "Item",
            None, 0, "Another name is another kind, and a kind may be unknown.", record("Item", TIME, &[])),
        ("kind-empty", "", None, 0, "The empty name is a kind that nobody knows.", record("", TIME, &[])),
        ("unknown-outer-field", "item",
            Some("t"), 0, "A field beside kind, time, salt and body is passed over.", outer),
        ("unknown-body-field", "item",
            Some("t"), 0, "A field of a later version is passed over.", titled(("later", uint(1)))),
        ("unknown-file-field", "item", Some("t"), 0, "So is one of a file.", titled(("files", array(&[file])))),
        ("unknown-role", "item",
            Some("t"), 7, "A role of a later version; the file counts for media all the same.", titled(("files", array(&[role])))),
        ("mark-inside-a-key", "item",
            Some("t"), 0, "A mark that is not at the start of a key asks for nothing.", titled(("wow!", uint(1)))),
        ("mark-in-a-value", "item",
            Some("t"), 0, "A text that begins with the mark is no key.", titled(("text", text("!wow")))),
    ];
    for (name, kind, title, media, why, body) in cases {
        let vector = shelf.accept(name, why, body);
        vector
            .with("index", 10)
            .with("kind", kind)
            .with("time", TIME);
        if let Some(title) = title {
            vector.with("title", title);
        }
        vector.with("media", media);
    }
    let marked = |entries: &[Entry<'_>]| sorted(entries);
    let outer = sorted(&[
        ("kind", text("item")),
        ("time", uint(TIME)),
        ("salt", bytes(&[1; 16])),
        ("body", sorted(&[("title", text("t"))])),
        ("!seal", null()),
    ]);
    #[rustfmt::skip]
    let cases = [
        ("mark-in-body", "A field that must be understood, in the body.", titled(("!paid", uint(1)))),
        ("mark-in-record", "A field that must be understood, beside the body.", outer),
        ("mark-in-ext", "A field that must be understood, inside ext.", titled(("ext", marked(&[("!x", null())])))),
        ("mark-alone", "The mark alone is a key that must be understood.", titled(("!", null()))),
        ("mark-deep", "At any depth: in a map in an array in a field that nobody knows.",
            titled(("later", array(&[array(&[marked(&[("!x", null())])])])))),
        ("mark-in-unknown-kind", "In a kind that nobody knows.",
            record("poll", TIME, &[("!closed", cbor::bool(true))])),
        ("mark-in-profile", "In a profile.", record("profile", TIME, &[("name", text("Ana")), ("!verified", null())])),
    ];
    for (name, why, body) in cases {
        unreadable(shelf, name, "record-3", why, body);
    }
}

fn unreadable(shelf: &mut Shelf, name: &str, rule: &str, why: &str, body: Vec<u8>) {
    shelf
        .add(name, Expect::Unreadable(rule.to_owned()), why, body)
        .with("index", 10);
}

fn paths(shelf: &mut Shelf) {
    let with_path =
        |path: &str| record("item", TIME, &[("title", text("t")), ("path", text(path))]);
    let long = "a".repeat(255);
    let deep = ["ab"; 1365].join("/");
    #[rustfmt::skip]
    let cases = [
        ("path-plain", "2023/levada.jpg", "A folder and a file."),
        ("path-scripts", "写真/água é/Ünïcode.jpg", "Names in any script, with spaces."),
        ("path-dots", ".a/b../...", "Dots are characters, but for one or two alone."),
        ("path-backslash", "a\\..\\b",
            "A backslash divides nothing; where it would, the name is changed when it is written."),
        ("path-segment-255", &long, "The longest name: 255 bytes."),
        ("path-4094-bytes", &deep, "Nearly the longest path: 4,094 bytes of short names."),
    ];
    for (name, path, why) in cases {
        shelf
            .accept(name, why, with_path(path))
            .with("index", 10)
            .with("kind", "item")
            .with("time", TIME)
            .with("title", "t")
            .with("media", 0);
    }
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
        unreadable(shelf, name, "record-7", why, with_path(path));
    }
}

fn encodings(shelf: &mut Shelf) {
    // A text of that length takes two bytes more for it than the empty one does.
    let title_len = 65_536 - item("", TIME).len() - 2;
    let most = item(&"x".repeat(title_len), TIME);
    assert_eq!(most.len(), 65_536);
    shelf
        .accept("bytes-65536", "The longest record.", most)
        .with("index", 10)
        .with("kind", "item")
        .with("time", TIME)
        .with("title-bytes", title_len)
        .with("media", 0);
    let long = item(&"x".repeat(title_len + 1), TIME);
    assert_eq!(long.len(), 65_537);
    unreadable(
        shelf,
        "bytes-65537",
        "record-1",
        "One byte more than a record may have.",
        long,
    );
    let with = |value: Vec<u8>| record("item", TIME, &[("title", text("t")), ("x", value)]);
    let tags = |count: usize| array(&vec![text(""); count]);
    let full = record("item", TIME, &[("title", text("t")), ("tags", tags(4089))]);
    shelf
        .accept("values-4096", "The most values: the record, three of its fields, its body, a title, an array, and 4,089 tags.", full)
        .with("index", 10)
        .with("kind", "item")
        .with("time", TIME)
        .with("title", "t")
        .with("media", 0);
    let nested = |arrays: usize| [vec![0x81; arrays], uint(0)].concat();
    shelf
        .accept(
            "nesting-16",
            "The deepest: the record, its body, and fourteen arrays.",
            with(nested(14)),
        )
        .with("index", 10)
        .with("kind", "item")
        .with("time", TIME)
        .with("title", "t")
        .with("media", 0);
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
        ("nesting-17", "One array too many.", with(nested(15))),
        ("values-4097", "One tag too many.", record("item", TIME, &[("title", text("t")), ("tags", tags(4090))])),
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

/// A field of a kind with a value that it may not have.
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
    let edits = |value| record("item", TIME, &[("title", text("t")), ("edits", value)]);
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
    let first = record(
        "item",
        TIME,
        &[("title", text("t")), ("edits", reference(0, &link))],
    );
    let vector = shelf.add(
        "edits-at-0",
        Expect::Unreadable("record-6".into()),
        "Record 0 has nothing before it to edit.",
        first,
    );
    vector.with("index", 0);
}
