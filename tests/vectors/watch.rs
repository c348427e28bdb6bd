//! Streams of news: the request, and frames in a row.

use super::Shelf;
use super::cbor::{array, bytes, hex, null, text, to_hex, uint};
use super::history::History;
use super::oracle::hash;
use super::sign::Author;
use super::wire::refuse;

/// Key, records that the asker has, tag.
type Asked<'a> = ([u8; 32], u64, Option<&'a [u8]>);

/// One feed that is watched.
fn watched(key: &[u8], have: u64, tag: Option<&[u8]>) -> Vec<u8> {
    let tag = tag.map_or_else(null, bytes);
    array(&[bytes(key), uint(have), tag])
}

fn request(list: &[Vec<u8>]) -> Vec<u8> {
    array(&[uint(1), array(list)])
}

/// Keys in rising order: numbers, which need not be keys.
fn key(number: u32) -> [u8; 32] {
    let mut key = [0x11; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

pub(super) fn requests(shelf: &mut Shelf) {
    let author = Author::new(1).key();
    let tag = &hash(b"a head")[..16];
    #[rustfmt::skip]
    let cases: [(&str, &str, Vec<Asked<'_>>); 4] = [
        ("one", "One feed, of which the asker has three records.", vec![(author, 3, Some(tag))]),
        ("nothing-known", "One feed, of which the asker has nothing.", vec![(author, 0, None)]),
        ("no-key", "Bytes that are no key: a feed that nobody has.", vec![([0xff; 32], 0, None)]),
        ("two", "Two feeds in rising order.", vec![(key(1), (1 << 53) - 1, Some(tag)), (key(2), 0, None)]),
    ];
    for (name, why, list) in cases {
        let body: Vec<_> = list
            .iter()
            .map(|(key, have, tag)| watched(key, *have, *tag))
            .collect();
        let vector = shelf.accept(&format!("watch-{name}"), why, request(&body));
        vector.with("form", "watch");
        for (key, have, tag) in list {
            let tag = tag.map_or("none".to_owned(), to_hex);
            vector.with("watched", format!("{} {have} {tag}", to_hex(&key)));
        }
    }
    let one = watched(&author, 3, None);
    let many: Vec<Vec<u8>> = (0..4_097)
        .map(|number| watched(&key(number), 0, None))
        .collect();
    #[rustfmt::skip]
    let cases = vec![
        ("none", "wire-1", "A request about no feed.", request(&[])),
        ("4097", "wire-1", "One feed too many.", request(&many)),
        ("twice", "wire-1", "The same feed twice.", request(&[one.clone(), one.clone()])),
        ("falling", "wire-1", "Two feeds in falling order.",
            request(&[watched(&key(2), 0, None), watched(&key(1), 0, None)])),
        ("key-31", "wire-1", "A key of 31 bytes.", request(&[watched(&[1; 31], 0, None)])),
        ("key-text", "wire-1", "A key as a text.", request(&[array(&[text(&to_hex(&author)), uint(0), null()])])),
        ("tag-15", "wire-1", "A tag of 15 bytes.", request(&[watched(&author, 0, Some(&[1; 15]))])),
        ("tag-left-out", "wire-1", "Two parts where three are due.", request(&[array(&[bytes(&author), uint(0)])])),
        ("have-null", "wire-1", "No number of records.", request(&[array(&[bytes(&author), null(), null()])])),
        ("not-in-a-list", "wire-1", "One feed that is not in a list.", array(&[uint(1), one.clone()])),
        ("one-part", "wire-1", "A request without its list.", array(&[uint(1)])),
        ("version-2", "head-2", "A watch request of a later version.", array(&[uint(2), array(std::slice::from_ref(&one))])),
        ("trailing", "codec-2", "A byte follows the watch request.", [request(&[one]), vec![0]].concat()),
    ];
    refuse(shelf, "watch", cases);
}

/// A frame with its length.
fn frame(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a frame is short");
    [length.to_be_bytes().as_slice(), content].concat()
}

fn news(kind: u64, at: u64, content: &[u8]) -> Vec<u8> {
    frame(&array(&[uint(1), uint(kind), uint(at), bytes(content)]))
}

pub(super) fn frames(shelf: &mut Shelf) {
    let answer = History::of(1, 100, "item").answer(100, 40).wire();
    let alive = frame(&[]);
    let size = answer.len();
    let full = 16_384 - (news(1, 0, &[0; 300]).len() - 4 - 300);
    #[rustfmt::skip]
    let cases = [
        ("none", "A stream that ended before anything was said.", vec![], vec![]),
        ("alive", "Two signs of life.", vec![alive.clone(), alive.clone()], vec!["alive".to_owned(), "alive".to_owned()]),
        ("not-here", "The second feed is not here.", vec![alive.clone(), news(0, 1, &[])],
            vec!["alive".to_owned(), "1 0 0".to_owned()]),
        ("head", "A head answer, which is judged for itself.", vec![news(1, 0, &answer)], vec![format!("0 1 {size}")]),
        ("evidence", "What is said to be a fork proof and a succession: claims too.",
            vec![news(2, 2, b"x"), alive.clone(), news(3, 2, b"")],
            vec!["2 2 1".to_owned(), "alive".to_owned(), "2 3 0".to_owned()]),
        ("unknown-kind", "A kind that is not known is skipped.", vec![news(4, 0, b"x"), news(1_000, 1, b"")],
            vec!["0 unknown".to_owned(), "1 unknown".to_owned()]),
        ("longest", "As many bytes as a frame may have.", vec![news(1, 0, &vec![7; full])], vec![format!("0 1 {full}")]),
    ];
    for (name, why, stream, told) in cases {
        let vector = shelf.accept(&format!("frames-{name}"), why, stream.concat());
        vector.with("form", "frames").with("feeds", 3);
        for frame in told {
            vector.with("frame", frame);
        }
    }
    #[rustfmt::skip]
    let cases = vec![
        ("at-3-of-3", "wire-1", "A frame about a feed that was not asked for.", news(1, 3, &answer)),
        ("not-here-with-content", "wire-1", "A feed that is not here, with something about it.", news(0, 0, b"x")),
        ("content-text", "wire-1", "The content is a text.", frame(&array(&[uint(1), uint(1), uint(0), text("head")]))),
        ("three-parts", "wire-1", "A frame without content.", frame(&array(&[uint(1), uint(1), uint(0)]))),
        ("kind-text", "wire-1", "A kind that is a text.", frame(&array(&[uint(1), text("head"), uint(0), bytes(&answer)]))),
        ("length-16385", "wire-2", "A length above that of a frame; what would follow is not read.", hex("00004001")),
        ("length-2-32", "wire-2", "The greatest length that can be said.", hex("ffffffff")),
        ("version-2", "head-2", "A frame of a later version.",
            frame(&array(&[uint(2), uint(1), uint(0), bytes(&answer)]))),
        ("trailing", "codec-2", "A byte follows the array within the frame.",
            frame(&[array(&[uint(1), uint(1), uint(0), bytes(&answer)]), vec![0]].concat())),
        ("cut", "codec-1", "The stream ends within a frame.", { let whole = news(1, 0, &answer); whole[..whole.len() - 1].to_vec() }),
        ("length-cut", "codec-1", "The stream ends within a length.", [alive, vec![0, 0]].concat()),
    ];
    for (name, must, why, body) in cases {
        shelf
            .refuse(&format!("frames-{name}"), must, why, body)
            .with("form", "frames")
            .with("feeds", 3);
    }
}
