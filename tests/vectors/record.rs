//! Records on their own: the kinds, and what passes in them. What does not is in the file below this one.

mod unreadable;

use super::cbor::{self, Entry, array, bytes, map, null, sorted, text, uint};
use super::oracle::hash;
use super::sign::{Author, Statement};
use super::{Shelf, Vector};

/// When the records of the vectors were written, Unix milliseconds.
pub(crate) const TIME: u64 = 1_700_000_000_000;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("record");
    kinds(&mut shelf);
    unknowns(&mut shelf);
    paths(&mut shelf);
    bounds(&mut shelf);
    unreadable::add(&mut shelf);
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

/// What is read of a record: index, kind, title or name if it has one, and media.
type Said<'a> = (u64, &'a str, Option<&'a str>, u64);

fn accept(shelf: &mut Shelf, name: &str, why: &str, said: Said<'_>, body: Vec<u8>) {
    let (index, kind, title, media) = said;
    let vector = shelf.accept(name, why, body);
    vector
        .with("index", index)
        .with("kind", kind)
        .with("time", TIME);
    if let Some(title) = title {
        vector.with("title", title);
    }
    vector.with("media", media);
}

/// An item with the title `t`, at index 10.
const TITLED: Said<'static> = (10, "item", Some("t"), 0);

#[rustfmt::skip]
fn kinds(shelf: &mut Shelf) {
    let next = || bytes(&Author::new(3).key());
    let elsewhere = sorted(&[("feed", next()), ("index", uint((1 << 40) - 1)), ("link", bytes(&hash(b"far")))]);
    let statement = Statement { feed: Author::new(3).key(), ..super::head::statement() };
    let head = statement.signed(&Author::new(3));
    let cases = [
        ("profile", "The least profile: a name.", (0, "profile", Some("Ana"), 0), vec![("name", text("Ana"))]),
        ("profile-no-recovery", "Null says that there is no recovery key.", (0, "profile", Some("Ana"), 0),
            vec![("name", text("Ana")), ("recovery", null())]),
        ("profile-later", "A later profile, with every field.", (10, "profile", Some(""), 0), vec![
            ("name", text("")),
            ("about", text("Water in many hands.")),
            ("avatar", file("ana.jpg", 20_000)),
            ("links", array(&[text("https://ana.example/")])),
            ("language", text("pt")),
            ("licence", text("CC0-1.0")),
            ("recovery", bytes(&hash(&Author::new(2).key()))),
        ]),
        ("item", "The least item: a title, which may be empty.", (10, "item", Some(""), 0), vec![("title", text(""))]),
        ("item-full", "An item with every field, one of its files as large as a blob may be.",
            (10, "item", Some("Levada do Rei"), 4_000_000 + (1 << 44)), full_item()),
        ("item-title-not-normalised", "The title is kept with its e and accent apart.",
            (10, "item", Some("Cafe\u{301}"), 0), vec![("title", text("Cafe\u{301}"))]),
        ("item-edit", "An edit names the first record of its item, lower than its own.", (5, "item", Some("b"), 0),
            vec![("title", text("b")), ("edits", reference(4, &hash(b"record 4")))]),
        ("retract", "Takes back the record before it.", (2, "retract", None, 0),
            vec![("target", reference(1, &hash(b"record 1"))), ("reason", text("out of focus"))]),
        ("listing", "The least listing: a feed.", (10, "listing", None, 0), vec![("feed", next())]),
        ("listing-full", "A listing with every field, a head among them that is not checked here.",
            (10, "listing", None, 0), vec![
            ("feed", next()),
            ("first", bytes(&hash(b"first"))),
            ("hints", array(&[text("https://b.example/levada")])),
            ("title", text("B")),
            ("note", text("Photographs of water.")),
            ("tags", array(&[])),
            ("catalogue", cbor::bool(true)),
            ("head", bytes(&head)),
        ]),
        ("collection", "Two items in order, one of another feed.", (10, "collection", None, 0),
            vec![("title", text("Summer")), ("items", array(&[reference(3, &hash(b"record 3")), elsewhere]))]),
        ("moved", "A hint that the author goes on elsewhere.", (10, "moved", None, 0), vec![("feed", next())]),
    ];
    for (name, why, said, body) in cases {
        accept(shelf, name, why, said, record(said.1, TIME, &body));
    }
    for (name, time, why) in [
        ("time-0", 0, "A record of 1970."),
        ("time-greatest", (1 << 53) - 1, "The latest time that an integer can say."),
    ] {
        shelf
            .accept(name, why, item("t", time))
            .with("index", 10)
            .with("kind", "item")
            .with("time", time);
    }
}

/// A map of an item's outer fields and one more.
fn outer_with(more: Entry<'_>) -> Vec<u8> {
    sorted(&[
        ("kind", text("item")),
        ("time", uint(TIME)),
        ("salt", bytes(&[1; 16])),
        ("body", sorted(&[("title", text("t"))])),
        more,
    ])
}

/// An item with the title `t` and one more field.
fn titled(more: Entry<'_>) -> Vec<u8> {
    record("item", TIME, &[("title", text("t")), more])
}

#[rustfmt::skip]
fn unknowns(shelf: &mut Shelf) {
    let odd = vec![("x", array(&[null(), map(&[]), cbor::bool(true)]))];
    let of = |size: u64, more: Entry<'_>| {
        let file = [("hash", bytes(&hash(b"a"))), ("size", uint(size)), ("type", text("text/plain")), more];
        titled(("files", array(&[sorted(&file)])))
    };
    let kind = |kind| (10, kind, None, 0);
    let cases = [
        ("kind-state", "A kind that is reserved: kept, passed on, not shown.", kind("state"), record("state", TIME, &[])),
        ("kind-unknown", "A kind of a later version, with a body of any fields.", kind("poll"), record("poll", TIME, &odd)),
        ("kind-upper-case", "Another name is another kind, and a kind may be unknown.", kind("Item"),
            record("Item", TIME, &[])),
        ("kind-empty", "The empty name is a kind that nobody knows.", kind(""), record("", TIME, &[])),
        ("unknown-outer-field", "A field beside kind, time, salt and body is passed over.", TITLED,
            outer_with(("later", uint(1)))),
        ("unknown-body-field", "A field of a later version is passed over.", TITLED, titled(("later", uint(1)))),
        ("unknown-file-field", "So is one of a file.", TITLED, of(0, ("later", null()))),
        ("unknown-role", "A role of a later version; the file counts for media all the same.",
            (10, "item", Some("t"), 7), of(7, ("role", text("lyrics")))),
        ("mark-inside-a-key", "A mark that is not at the start of a key asks for nothing.", TITLED,
            titled(("wow!", uint(1)))),
        ("mark-in-a-value", "A text that begins with the mark is no key.", TITLED, titled(("text", text("!wow")))),
    ];
    for (name, why, said, body) in cases {
        accept(shelf, name, why, said, body);
    }
}

#[rustfmt::skip]
fn paths(shelf: &mut Shelf) {
    let long = "a".repeat(255);
    let deep = ["ab"; 1365].join("/");
    for (name, path, why) in [
        ("path-plain", "2023/levada.jpg", "A folder and a file."),
        ("path-scripts", "写真/água é/Ünïcode.jpg", "Names in any script, with spaces."),
        ("path-dots", ".a/b../...", "Dots are characters, but for one or two alone."),
        ("path-backslash", "a\\..\\b",
            "A backslash divides nothing; where it would, the name is changed when it is written."),
        ("path-segment-255", &long, "The longest name: 255 bytes."),
        ("path-4094-bytes", &deep, "Nearly the longest path: 4,094 bytes of short names."),
    ] {
        accept(shelf, name, why, TITLED, titled(("path", text(path))));
    }
}

/// The length of the title that makes an item as long as a record may be.
fn longest_title() -> usize {
    // A text of that length takes two bytes more for it than the empty one does.
    65_536 - item("", TIME).len() - 2
}

/// So many empty tags.
fn tags(count: usize) -> Entry<'static> {
    ("tags", array(&vec![text(""); count]))
}

/// An integer within so many arrays, in a field that nobody knows.
fn nested(arrays: usize) -> Entry<'static> {
    ("x", [vec![0x81; arrays], uint(0)].concat())
}

fn bounds(shelf: &mut Shelf) {
    let most = item(&"x".repeat(longest_title()), TIME);
    assert_eq!(most.len(), 65_536);
    shelf
        .accept("bytes-65536", "The longest record.", most)
        .with("index", 10)
        .with("kind", "item")
        .with("time", TIME)
        .with("title-bytes", longest_title());
    let why = "The most values: the record, three of its fields, its body, a title, an array, and 4,089 tags.";
    accept(shelf, "values-4096", why, TITLED, titled(tags(4089)));
    let why = "The deepest: the record, its body, and fourteen arrays.";
    accept(shelf, "nesting-16", why, TITLED, titled(nested(14)));
}
