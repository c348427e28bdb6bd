//! The files of a static host that prove nothing by themselves.

use super::cbor::{array, bytes, null, text, to_hex, uint};
use super::history::History;
use super::oracle::{Hash, hash, subtree};
use super::{Shelf, Vector};

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("static");
    markers(&mut shelf);
    pages_taken(&mut shelf);
    pages_refused(&mut shelf);
    pages_without_what_was_before(&mut shelf);
    lists(&mut shelf);
    tiles(&mut shelf);
    shelf.done()
}

fn markers(shelf: &mut Shelf) {
    let mark = || text("levada static");
    shelf
        .accept(
            "marker",
            "What stands in levada-static.",
            array(&[uint(1), mark()]),
        )
        .with("form", "marker");
    #[rustfmt::skip]
    let cases = [
        ("marker-other-text", "static-1", "Another text.", array(&[uint(1), text("levada node")])),
        ("marker-bytes", "static-1", "The text is a byte string.", array(&[uint(1), bytes(b"levada static")])),
        ("marker-three-parts", "static-1", "Something follows the text.", array(&[uint(1), mark(), null()])),
        ("marker-version-2", "head-2", "A layout of a later version.", array(&[uint(2), mark()])),
        ("marker-trailing", "codec-2", "A line feed follows.", [array(&[uint(1), mark()]), vec![10]].concat()),
    ];
    for (name, must, why, body) in cases {
        shelf.refuse(name, must, why, body).with("form", "marker");
    }
}

/// A page of records.
struct Page {
    from: u64,
    before: Vec<u8>,
    slots: Vec<Vec<u8>>,
}

impl Page {
    /// As the records are.
    fn of(history: &History, page: u64, length: u64) -> Self {
        let from = page * 512;
        let records = history
            .records
            .iter()
            .zip(0..)
            .filter(|(_, index)| (from..length.min(from + 512)).contains(index));
        Self {
            from,
            before: match from {
                0 => Vec::new(),
                _ => history.link(from - 1).to_vec(),
            },
            slots: records.map(|(record, _)| bytes(record)).collect(),
        }
    }

    fn parts(&self) -> Vec<Vec<u8>> {
        vec![
            uint(1),
            uint(self.from),
            bytes(&self.before),
            array(&self.slots),
        ]
    }

    fn wire(&self) -> Vec<u8> {
        array(&self.parts())
    }
}

fn describe(vector: &mut Vector, form: &str, history: &History, length: u64) {
    vector
        .with("form", form)
        .with("feed", to_hex(&history.author.key()))
        .with("answer", to_hex(&history.answer(length, 0).wire()));
}

fn pages_taken(shelf: &mut Shelf) {
    let history = History::of(1, 514, "item");
    let mut accept = |name: &str, why: &str, length: u64, page: u64, wire: Vec<u8>| {
        let vector = shelf.accept(name, why, wire);
        describe(vector, "page", &history, length);
        let due = length.min((page + 1) * 512) - page * 512;
        vector.with("page", page).with("slots", due);
    };
    let five = Page::of(&history, 0, 5);
    accept("page-5", "Five records, the whole feed.", 5, 0, five.wire());
    accept(
        "page-5-of-7",
        "The host is ahead of the head: what is past it is left out.",
        5,
        0,
        Page::of(&history, 0, 7).wire(),
    );
    accept(
        "page-full",
        "A full page with one record after it.",
        513,
        0,
        Page::of(&history, 0, 512).wire(),
    );
    accept(
        "page-last",
        "The second page has one record.",
        513,
        1,
        Page::of(&history, 1, 513).wire(),
    );
    let mut withheld = Page::of(&history, 0, 5);
    withheld.slots[1] = array(&[bytes(&history.link(1))]);
    withheld.slots[2] = array(&[bytes(&history.link(2)), uint(4)]);
    accept(
        "page-withheld",
        "A record is not there, and one is said to be retracted.",
        5,
        0,
        withheld.wire(),
    );
    let mut early = Page::of(&history, 0, 5);
    early.slots[1] = array(&[bytes(&history.link(1)), uint(5)]);
    early.slots[2] = array(&[bytes(&history.link(2)), uint(2)]);
    accept(
        "page-hint-past-head",
        "Written anew for a retract that the head does not cover yet; and a hint at no later record: both are left out.",
        5,
        0,
        early.wire(),
    );
}

fn pages_refused(shelf: &mut Shelf) {
    let history = History::of(1, 514, "item");
    let five = Page::of(&history, 0, 5);
    let changed = |slot: usize, with: Vec<u8>| {
        let mut page = Page::of(&history, 0, 5);
        page.slots[slot] = with;
        page.wire()
    };
    let swapped = || {
        let mut page = Page::of(&history, 0, 5);
        page.slots.swap(2, 3);
        page.wire()
    };
    let with = |parts: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut made = five.parts();
        parts(&mut made);
        array(&made)
    };
    let mut other = history.records[2].clone();
    *other.last_mut().expect("a record has bytes") ^= 1;
    #[rustfmt::skip]
    let cases = [
        ("page-from-5", 0, "static-1", "The page says to begin elsewhere.", with(&|parts| parts[1] = uint(5))),
        ("page-before-0", 0, "static-1", "A hash before record 0.", with(&|parts| parts[2] = bytes(&history.link(0)))),
        ("page-before-cut", 0, "static-1", "The hash before is one byte.", with(&|parts| parts[2] = bytes(&[0]))),
        ("page-three-parts", 0, "static-1", "The slots are missing.", with(&|parts| drop(parts.pop()))),
        ("page-slots-bytes", 0, "static-1", "The slots are a byte string.", with(&|parts| parts[3] = bytes(&[0]))),
        ("page-version-2", 0, "head-2", "A page of a later version.", with(&|parts| parts[0] = uint(2))),
        ("page-trailing", 0, "codec-2", "A byte follows the page.", [five.wire(), vec![0]].concat()),
        ("page-no-slots", 0, "static-2", "A page without records.", with(&|parts| parts[3] = array(&[]))),
        ("page-513-slots", 0, "static-2", "One slot too many.", with(&|parts| parts[3] = array(&vec![bytes(&[]); 513]))),
        ("page-slot-null", 0, "bundle-3", "A slot that is null.", changed(2, null())),
        ("page-record-long", 0, "bundle-5", "A record of 65,537 bytes.", changed(2, bytes(&vec![0; 65_537]))),
        ("page-changed", 0, "static-3", "The last byte of a record is another.", changed(2, bytes(&other))),
        ("page-swapped", 0, "static-3", "Two records stand in each other's place.", swapped()),
        ("page-link-changed", 0, "static-3", "The link hash of a record that is kept back is that of another.", changed(2, array(&[bytes(&history.link(3))]))),
    ];
    for (name, page, must, why, body) in cases {
        let vector = shelf.refuse(name, must, why, body);
        describe(vector, "page", &history, 5);
        vector.with("page", page);
    }
}

fn pages_without_what_was_before(shelf: &mut Shelf) {
    let history = History::of(1, 514, "item");
    let mut last = Page::of(&history, 1, 513);
    let (wire, before) = (last.wire(), last.before.clone());
    last.before = history.link(510).to_vec();
    let vector = shelf.refuse(
        "page-before-other",
        "static-3",
        "The hash before the first record is that of another one.",
        last.wire(),
    );
    describe(vector, "page", &history, 513);
    vector.with("page", 1);
    last.before = Vec::new();
    let vector = shelf.refuse(
        "page-before-none",
        "static-1",
        "A page that is not the first, without the hash before it.",
        last.wire(),
    );
    describe(vector, "page", &history, 513);
    vector.with("page", 1);
    assert_eq!(
        wire.len(),
        last.wire().len() + before.len() + 1,
        "only that is missing"
    );
}

fn hash_file(
    shelf: &mut Shelf,
    cases: Vec<(&str, &str, u64, u64, Vec<u8>)>,
    form: &str,
    number: &str,
) {
    let history = History::of(1, 1543, "item");
    for (name, verdict, length, at, body) in cases {
        let (must, why) = verdict.split_once(": ").expect("a verdict has a reason");
        let vector = match must {
            "accept" => shelf.accept(name, why, body),
            _ => shelf.refuse(name, must, why, body),
        };
        describe(vector, form, &history, length);
        vector.with(number, at);
    }
}

fn lists(shelf: &mut Shelf) {
    let history = History::of(1, 1543, "item");
    let list = |from: u64, to: u64| {
        let all = history.list(to);
        all[usize::try_from(from * 32).expect("histories are short")..].to_vec()
    };
    let mut changed = list(1536, 1543);
    changed[40] ^= 4;
    let mut swapped = list(1536, 1543);
    swapped.rotate_left(32);
    #[rustfmt::skip]
    let cases = vec![
        ("list-5", "accept: The whole list.", 5, 0, list(0, 5)),
        ("list-full", "accept: A full page with one hash after it.", 513, 0, list(0, 512)),
        ("list-last", "accept: The last page has seven hashes.", 1543, 3, list(1536, 1543)),
        ("list-5-of-7", "accept: The host is ahead of the head: hashes past it are left out.", 5, 0, list(0, 7)),
        ("list-cut", "accept: The last hash is cut, and is past the head.", 5, 0, list(0, 7)[..223].to_vec()),
        ("list-513", "static-2: One hash too many.", 513, 0, list(0, 513)),
        ("list-changed", "static-3: One bit is another.", 1543, 3, changed),
        ("list-rotated", "static-3: The first hash stands behind the last.", 1543, 3, swapped),
        ("list-other-page", "static-3: The hashes of the first page.", 1543, 3, list(0, 7)),
    ];
    hash_file(shelf, cases, "list", "page");
}

fn tiles(shelf: &mut Shelf) {
    let history = History::of(1, 1543, "item");
    let all = history.list(1543);
    let value =
        |page: usize| -> Hash { subtree(&all[page * 16_384..(page + 1) * 16_384], page * 16) };
    let three = [value(0), value(1), value(2)];
    let mut changed = three.concat();
    changed[70] ^= 1;
    let longer = [three.concat(), hash(b"a value past the head").to_vec()].concat();
    #[rustfmt::skip]
    let cases = vec![
        ("tile-3", "accept: Three full pages before the last.", 1543, 0, three.concat()),
        ("tile-1", "accept: One full page, whose value the head brings along.", 513, 0, value(0).to_vec()),
        ("tile-longer", "accept: The host is ahead of the head: values past it are left out.", 1543, 0, longer),
        ("tile-half", "accept: Half a value follows, past the head.", 1543, 0, [three.concat(), vec![0; 16]].concat()),
        ("tile-256-and-half", "static-2: Half a value follows all that a tile may have.", 1543, 0, vec![7; 256 * 32 + 16]),
        ("tile-257", "static-2: One value too many.", 1543, 0, vec![7; 257 * 32]),
        ("tile-changed", "static-3: One bit of the last value is another.", 1543, 0, changed),
        ("tile-swapped", "static-3: Two values stand in each other's place.", 1543, 0, [three[1], three[0], three[2]].concat()),
        ("tile-shifted", "static-3: The second value comes twice.", 1543, 0, [three[0], three[1], three[1]].concat()),
    ];
    hash_file(shelf, cases, "tile", "tile");
}
