use super::*;
use levada_feed::hash::Hash;
use levada_feed::key::FeedSecret;
use levada_feed::record::{Creator, Profile, Retract};

fn shown(index: u64, state: State, body: Option<Body>) -> Shown {
    let files = match &body {
        Some(Body::Item(item)) => item.files.clone(),
        _ => Vec::new(),
    };
    Shown {
        feed: FeedSecret::from_bytes(&[7; 32]).feed_key(),
        nickname: "ana".into(),
        index,
        link: Some(Hash([1; 32])),
        state,
        newest: index,
        published: Some(1_795_615_439_999),
        edited: None,
        retracted_by: None,
        reason: None,
        unreadable: None,
        title: None,
        files: files
            .into_iter()
            .map(|file| HeldFile {
                held: 512,
                file,
                away: None,
                kept: None,
                used: None,
            })
            .collect(),
        body,
        is_dropped: false,
    }
}

fn item(title: &str, files: Vec<File>) -> Body {
    Body::Item(Box::new(Item {
        title: title.into(),
        text: Some("one\nroot  two\u{1b}".into()),
        creators: vec![Creator {
            name: "Ana".into(),
            role: Some("camera".into()),
            feed: None,
        }],
        tags: vec!["sea".into(), "night".into()],
        published: None,
        language: None,
        licence: Some("CC-BY-4.0".into()),
        collection: None,
        position: None,
        place: None,
        sensitive: false,
        path: Some("a/b.mp4".into()),
        files,
        edits: None,
        ext: None,
    }))
}

fn a_file(size: u64) -> File {
    File {
        hash: Hash([2; 32]),
        size,
        media_type: "video/mp4".into(),
        role: Role::Main,
        name: Some("b\u{202e}.mp4".into()),
        duration: Some(4_000),
        width: Some(640),
        height: Some(360),
        codecs: None,
        language: None,
        blurhash: None,
    }
}

#[test]
fn a_list_tells_how_much_of_an_item_is_here() {
    let items = [
        shown(
            12,
            State::Readable,
            Some(item("Sea\n", vec![a_file(2_048)])),
        ),
        shown(3, State::Readable, Some(item("", vec![a_file(512)]))),
        shown(2, State::Readable, Some(item("No file", Vec::new()))),
    ];
    assert_eq!(
        rows(&items),
        [
            "ana/12  2026-11-25 14:03  2.0 KiB  25% here  Sea\\n",
            "ana/3   2026-11-25 14:03    512 B  here      a/b.mp4",
            "ana/2   2026-11-25 14:03                     No file",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_shown_as_what_it_is() {
    let retracted = Shown {
        retracted_by: Some(9),
        reason: Some("wrong file".into()),
        ..shown(5, State::Retracted, None)
    };
    let unreadable = Shown {
        published: None,
        unreadable: Some("record-5: no title".into()),
        ..shown(4, State::Unreadable, None)
    };
    let empty = |index, state| Shown {
        published: None,
        ..shown(index, state, None)
    };
    let retract = Body::Retract(Retract {
        target: Reference {
            feed: None,
            index: 5,
            link: Hash([1; 32]),
        },
        reason: Some("wrong file".into()),
    });
    let profile = Body::Profile(Box::new(Profile {
        name: "Ana".into(),
        ..Profile::default()
    }));
    let rows = rows(&[
        shown(9, State::Readable, Some(retract)),
        retracted,
        unreadable,
        empty(3, State::NeedsNewer),
        empty(2, State::Withheld),
        empty(1, State::Missing),
        shown(0, State::Readable, Some(profile)),
    ]);
    assert_eq!(
        rows,
        [
            "ana/9  2026-11-25 14:03               retract  of 5 wrong file",
            "ana/5  2026-11-25 14:03  retracted    item     wrong file",
            "ana/4                    unreadable            record-5: no title",
            "ana/3                    needs newer",
            "ana/2                    withheld",
            "ana/1                    missing",
            "ana/0  2026-11-25 14:03               profile  Ana",
        ]
    );
}

#[test]
fn one_item_is_shown_in_full_and_nothing_of_it_looks_like_ours() {
    let one = one(&shown(
        12,
        State::Readable,
        Some(item("Sea", vec![a_file(2_048)])),
    ));
    let feed = FeedSecret::from_bytes(&[7; 32]).feed_key();
    assert_eq!(
        one.join("\n"),
        format!(
            "\
record     ana/12
state      readable
kind       item
title      Sea
creators   Ana (camera)
tags       sea, night
licence    CC-BY-4.0
path       a/b.mp4
text       one
           root  two\\u{{1b}}
published  2026-11-25 14:03 UTC
feed       {feed}
link hash  {}
file: main
  name   b\\u{{202e}}.mp4
  facts  2.0 KiB, video/mp4, 640x360, 0:04, 25% here
  hash   {}",
            Hash([1; 32]),
            Hash([2; 32])
        )
    );
}
