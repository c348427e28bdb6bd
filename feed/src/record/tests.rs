use super::*;
use crate::codec::{MapWriter, Writer};
use crate::key::FeedSecret;

fn feed() -> FeedKey {
    FeedSecret::from_bytes(&[3; 32]).feed_key()
}

fn reference(index: u64) -> Reference {
    Reference {
        feed: None,
        index,
        link: Hash::of(b"link"),
    }
}

fn file() -> File {
    File {
        hash: Hash::of(b"file"),
        size: 4,
        media_type: "image/jpeg".into(),
        role: Role::Cover,
        name: Some("á.jpg".into()),
        duration: Some(1),
        width: Some(2),
        height: Some(3),
        codecs: Some("avc1".into()),
        language: Some("pt".into()),
        blurhash: Some("LEHV".into()),
    }
}

fn full_item() -> Item {
    Item {
        title: "A title".into(),
        text: Some("Text".into()),
        creators: vec![Creator {
            name: "Ana".into(),
            role: Some("photo".into()),
            feed: Some(feed()),
        }],
        tags: vec!["sea".into(), "2026".into()],
        published: Some(1),
        language: Some("en".into()),
        licence: Some("CC0-1.0".into()),
        collection: Some(Reference {
            feed: Some(feed()),
            ..reference(9)
        }),
        position: Some(4),
        place: Some("geo:32.7,-16.9".into()),
        sensitive: true,
        path: Some("photos/á b.jpg".into()),
        files: vec![
            file(),
            File {
                role: Role::Other("stem".into()),
                ..file()
            },
        ],
        edits: Some(reference(1)),
        ext: Some(MapWriter::new().with("x", |w| w.uint(1)).finish()),
    }
}

fn record(body: Body) -> Record {
    Record {
        time: 1_700_000_000_000,
        salt: [5; 16],
        body,
    }
}

#[test]
fn every_kind_comes_back_as_it_was_written() {
    let bodies = [
        Body::Profile(Box::new(Profile {
            name: "Ana".into(),
            about: Some("me".into()),
            avatar: Some(file()),
            links: vec!["https://a.example".into()],
            language: Some("pt".into()),
            licence: Some("CC-BY-4.0".into()),
            recovery: Some(Hash::of(b"recovery")),
        })),
        Body::Item(Box::new(full_item())),
        Body::Item(Box::default()),
        Body::Retract(Retract {
            target: reference(3),
            reason: Some("wrong file".into()),
        }),
        Body::Listing(Box::new(Listing {
            feed: feed(),
            first: Some(Hash::of(b"first")),
            hints: vec!["http://h.example".into()],
            title: Some("t".into()),
            note: Some("n".into()),
            tags: vec!["x".into()],
            catalogue: true,
            head: Some(vec![1, 2, 3]),
        })),
        Body::Collection(Collection {
            title: "c".into(),
            text: None,
            items: vec![reference(2)],
        }),
        Body::Moved(Moved { feed: feed() }),
        Body::Unknown {
            kind: "state".into(),
        },
    ];
    for body in bodies {
        let record = record(body);
        let bytes = write(&record, 10).unwrap();
        assert_eq!(read(&bytes, 10), Ok(record));
    }
}

fn raw(kind: &str, body: MapWriter) -> Vec<u8> {
    MapWriter::new()
        .with("body", |w| w.map(body))
        .with("kind", |w| w.text(kind))
        .with("salt", |w| w.bytes(&[0; 16]))
        .with("time", |w| w.uint(0))
        .finish()
}

fn titled() -> MapWriter {
    MapWriter::new().with("title", |w| w.text("t"))
}

#[test]
fn unreadable_records_say_which_rule_they_break() {
    fn point(w: &mut Writer, index: u64) -> &mut Writer {
        w.map(
            MapWriter::new()
                .with("index", |w| w.uint(index))
                .with("link", |w| w.bytes(&[0; 32])),
        )
    }
    for (bytes, must) in [
        (vec![0; 65_537], "record-1"),
        (vec![0xa1], "record-2"),
        (raw("item", titled().with("!new", |w| w.null())), "record-3"),
        (
            raw(
                "other",
                MapWriter::new().with("x", |w| w.map(MapWriter::new().with("!", |w| w.null()))),
            ),
            "record-3",
        ),
        (vec![0x80], "record-4"),
        (vec![0xa0], "record-4"),
        (raw("item", MapWriter::new()), "record-5"),
        (
            raw("item", MapWriter::new().with("title", |w| w.uint(1))),
            "record-5",
        ),
        (
            raw("item", titled().with("tags", |w| w.array(1).uint(1))),
            "record-5",
        ),
        (raw("profile", MapWriter::new()), "record-5"),
        (
            raw(
                "moved",
                MapWriter::new().with("feed", |w| w.bytes(&[0; 32])),
            ),
            "record-5",
        ),
        (
            raw("item", titled().with("edits", |w| point(w, 10))),
            "record-6",
        ),
        (
            raw("retract", MapWriter::new().with("target", |w| point(w, 0))),
            "record-6",
        ),
        (
            raw("retract", MapWriter::new().with("target", |w| point(w, 10))),
            "record-6",
        ),
        (
            raw("item", titled().with("path", |w| w.text("../up"))),
            "record-7",
        ),
        (
            raw("item", titled().with("path", |w| w.text("/etc/passwd"))),
            "record-7",
        ),
    ] {
        assert_eq!(read(&bytes, 10).unwrap_err().must(), must, "{bytes:02x?}");
    }
}

#[test]
fn unknown_fields_and_kinds_are_readable() {
    let bytes = raw("item", titled().with("later", |w| w.uint(1)));
    assert!(matches!(read(&bytes, 1).unwrap().body, Body::Item(_)));
    let bytes = raw("poll", MapWriter::new());
    assert_eq!(
        read(&bytes, 1).unwrap().body,
        Body::Unknown {
            kind: "poll".into()
        }
    );
}

#[test]
fn paths_that_could_leave_a_folder_or_fool_a_terminal_are_refused() {
    for path in [
        "",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/..",
        "a\u{0}",
        "a\nb",
        "a\u{202e}b",
        "a\u{7f}",
    ] {
        assert!(!read::is_plain_path(path), "{path:?}");
    }
    for path in ["a", "a/b", "...", ".a", "ä/日本.txt", "a\\b", "a b"] {
        assert!(read::is_plain_path(path), "{path:?}");
    }
}

#[test]
fn nothing_unreadable_is_written() {
    let item = Item {
        path: Some("a/../b".into()),
        ..full_item()
    };
    assert_eq!(
        write(&record(Body::Item(Box::new(item))), 10),
        Err(Unwritable(Unreadable::Path))
    );
    let long = Item {
        text: Some("x".repeat(70_000)),
        ..Item::default()
    };
    let refused = write(&record(Body::Item(Box::new(long))), 10).unwrap_err();
    assert_eq!(refused.0.must(), "record-1");
}

#[test]
fn media_is_the_sum_of_file_sizes_of_items_alone() {
    assert_eq!(record(Body::Item(Box::new(full_item()))).media(), 8);
    let profile = Profile {
        avatar: Some(file()),
        ..Profile::default()
    };
    assert_eq!(record(Body::Profile(Box::new(profile))).media(), 0);
}
