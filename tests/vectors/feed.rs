//! Whole small feeds: what a follower is given step by step, each verdict, and what the follower has in the end.

use super::answers::{GHOST_LENGTH, GhostFeed, false_first};
use super::cbor::{array, bool, bytes, to_hex, uint};
use super::head::YEAR_2099_MS;
use super::history::{Answer, Bundle, History};
use super::oracle::{Hash, hash};
use super::record::{TIME, file, item, profile, record, reference};
use super::sign::{Author, Statement};
use super::{Shelf, Vector};
use std::collections::BTreeMap;
use std::ops::Range;

/// The follower's clock: ten days after the records.
const NOW: u64 = TIME + 10 * 24 * 60 * 60 * 1000;
const MINUTE: u64 = 60 * 1000;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("feed");
    small(&mut shelf);
    meanings(&mut shelf);
    growing(&mut shelf);
    odd_records(&mut shelf);
    withheld(&mut shelf);
    times(&mut shelf);
    forks(&mut shelf);
    ghosts(&mut shelf);
    wrong_starts(&mut shelf);
    wrong_steps(&mut shelf);
    shelf.done()
}

/// A history, and what a reader makes of each record alone.
struct Tale {
    history: History,
    states: Vec<&'static str>,
}

impl Tale {
    fn new() -> Self {
        Self {
            history: History::new(1),
            states: Vec::new(),
        }
    }

    /// A profile and items, up to a length.
    fn of(length: u64) -> Self {
        let mut tale = Self {
            history: History::of(1, length, "item"),
            states: vec!["profile"],
        };
        tale.states.resize(tale.history.records.len(), "item");
        tale
    }

    fn push(&mut self, record: Vec<u8>, state: &'static str) -> Hash {
        self.push_media(record, 0, state)
    }

    fn push_media(&mut self, record: Vec<u8>, media: u64, state: &'static str) -> Hash {
        self.history.push_media(record, media);
        self.states.push(state);
        self.history.link(self.history.length() - 1)
    }

    fn grow(&mut self, length: u64, word: &str) {
        self.history.grow(length, word);
        self.states.resize(self.history.records.len(), "item");
    }
}

/// What a follower is given, and what it should have of it.
#[derive(Default)]
struct Script {
    body: Vec<u8>,
    steps: Vec<String>,
    records: BTreeMap<u64, String>,
    head: Vec<(&'static str, String)>,
}

impl Script {
    fn give(&mut self, call: &str, wires: &[Vec<u8>], verdict: &str) -> &mut Self {
        let sizes: Vec<String> = wires.iter().map(|wire| wire.len().to_string()).collect();
        self.steps
            .push(format!("{call} {} {verdict}", sizes.join(" ")));
        self.body.extend(wires.concat());
        self
    }

    /// The head that the follower has from now on.
    fn now_at(&mut self, statement: &Statement) -> &mut Self {
        self.head = vec![
            ("length", statement.length.to_string()),
            ("root", to_hex(&statement.root)),
            ("time", statement.time.to_string()),
        ];
        self
    }

    /// Records that came.
    fn came(&mut self, tale: &Tale, range: Range<u64>) -> &mut Self {
        for index in range {
            let at = usize::try_from(index).expect("tales are short");
            self.records.insert(index, tale.states[at].to_owned());
        }
        self
    }

    fn start(&mut self, tale: &Tale, length: u64, ranges: &[Range<u64>]) -> &mut Self {
        let bundle = |range: &Range<u64>| tale.history.bundle(length, range.clone()).wire();
        let wires: Vec<_> = ranges.iter().map(bundle).collect();
        self.give("start", &wires, "accepted")
            .now_at(&tale.history.statement(length));
        for range in ranges {
            self.came(tale, range.clone());
        }
        self
    }

    fn head(&mut self, tale: &Tale, length: u64, have: u64) -> &mut Self {
        let answer = tale.history.answer(length, have).wire();
        self.give("head", &[answer], "accepted")
            .now_at(&tale.history.statement(length))
    }

    fn bundle(&mut self, tale: &Tale, length: u64, range: Range<u64>) -> &mut Self {
        let wire = tale.history.bundle(length, range.clone()).wire();
        self.give(&asked(&range), &[wire], "accepted")
            .came(tale, range)
    }

    fn describe(&self, vector: &mut Vector) {
        vector
            .with("feed", to_hex(&Author::new(1).key()))
            .with("now", NOW);
        for step in &self.steps {
            vector.with("step", step);
        }
    }

    /// `shown` are the rows of what people see.
    fn accept<'s>(
        &self,
        shelf: &'s mut Shelf,
        name: &str,
        why: &str,
        shown: &[&str],
    ) -> &'s mut Vector {
        let vector = shelf.accept(name, why, self.body.clone());
        self.describe(vector);
        for (name, value) in &self.head {
            vector.with(name, value);
        }
        for (index, state) in &self.records {
            vector.with("record", format!("{index} {state}"));
        }
        for row in shown {
            vector.with("shown", row);
        }
        vector
    }

    fn refuse<'s>(
        &self,
        shelf: &'s mut Shelf,
        name: &str,
        must: &str,
        why: &str,
    ) -> &'s mut Vector {
        let vector = shelf.refuse(name, must, why, self.body.clone());
        self.describe(vector);
        vector
    }
}

fn asked(range: &Range<u64>) -> String {
    format!("bundle {}-{}", range.start, range.end)
}

fn small(shelf: &mut Shelf) {
    let tale = Tale::of(1);
    let mut script = Script::default();
    script.start(&tale, 1, std::slice::from_ref(&(0..1)));
    script
        .accept(
            shelf,
            "one-record",
            "A feed of its record 0 alone.",
            &["profile 0 newest 0"],
        )
        .flip_all();
    let mut tale = Tale::of(1);
    let sea = tale.push(item("Sea", TIME + 1), "item");
    let edit = record(
        "item",
        TIME + 2,
        &[
            ("title", super::cbor::text("The sea")),
            ("edits", reference(1, &sea)),
        ],
    );
    tale.push(edit, "item");
    let mistake = tale.push(item("A mistake", TIME + 3), "item");
    tale.push(
        record("retract", TIME + 4, &[("target", reference(3, &mistake))]),
        "retract",
    );
    let mut script = Script::default();
    script.start(&tale, 5, std::slice::from_ref(&(0..5)));
    script
        .accept(
            shelf,
            "edit-and-retract",
            "An item that was edited, and one that was taken back, in one bundle.",
            &[
                "profile 0 newest 0",
                "item 1 newest 2",
                "item 3 retracted-by 4",
            ],
        )
        .flip_all();
}

fn meanings(shelf: &mut Shelf) {
    let mut tale = Tale::of(1);
    let next = bytes(&Author::new(3).key());
    let files = array(&[file("a.jpg", 4_000_000), file("b.jpg", 5_000_000)]);
    let text = super::cbor::text;
    let titled = record(
        "item",
        TIME + 1,
        &[("title", text("Two")), ("files", files)],
    );
    let two = tale.push_media(titled, 9_000_000, "item");
    let collection = record(
        "collection",
        TIME + 2,
        &[
            ("title", text("All")),
            ("items", array(&[reference(1, &two)])),
        ],
    );
    tale.push(collection, "collection");
    let listing = tale.push(
        record(
            "listing",
            TIME + 3,
            &[("feed", next.clone()), ("catalogue", bool(true))],
        ),
        "listing",
    );
    tale.push(record("moved", TIME + 4, &[("feed", next)]), "moved");
    tale.push(record("state", TIME + 5, &[]), "state");
    tale.push(record("poll", TIME + 6, &[("question", text("?"))]), "poll");
    tale.push(profile("Ana Maria", TIME + 7), "profile");
    tale.push(
        record("retract", TIME + 8, &[("target", reference(3, &listing))]),
        "retract",
    );
    let mut script = Script::default();
    script.start(&tale, 9, std::slice::from_ref(&(0..9)));
    script.accept(
        shelf,
        "every-kind",
        "One record of every kind, and one of a kind that nobody knows.",
        &[
            "profile 0 newest 0",
            "item 1 newest 1",
            "collection 2 newest 2",
            "listing 3 retracted-by 8",
            "moved 4 newest 4",
            "other 5 newest 5",
            "other 6 newest 6",
            "profile 7 newest 7",
        ],
    );
    let mut tale = Tale::of(1);
    let one = tale.push(item("One", TIME + 1), "item");
    let edits = |target: u64, link: &Hash, time: u64| {
        record(
            "item",
            time,
            &[
                ("title", text("Edited")),
                ("edits", reference(target, link)),
            ],
        )
    };
    let retracts = |target: u64, link: &Hash, time: u64| {
        record("retract", time, &[("target", reference(target, link))])
    };
    let edit = tale.push(edits(1, &one, TIME + 2), "item");
    tale.push(edits(2, &edit, TIME + 3), "item");
    tale.push(edits(1, &hash(b"another"), TIME + 4), "item");
    tale.push(retracts(2, &edit, TIME + 5), "retract");
    tale.push(retracts(1, &hash(b"another"), TIME + 6), "retract");
    let moved = tale.push(
        record("moved", TIME + 7, &[("feed", bytes(&Author::new(3).key()))]),
        "moved",
    );
    tale.push(retracts(7, &moved, TIME + 8), "retract");
    tale.push(
        record(
            "item",
            TIME + 9,
            &[("title", text("Up")), ("path", text("../up"))],
        ),
        "unreadable record-7",
    );
    let mut script = Script::default();
    script.start(&tale, 10, std::slice::from_ref(&(0..10)));
    script.accept(
        shelf,
        "without-effect",
        "An edit of an edit, an edit and a retract with a wrong link hash, retracts of an edit and of a moved: all readable, none with an effect.",
        &["profile 0 newest 0", "item 1 newest 2", "moved 7 newest 7", "other 9 newest 9"],
    );
    let mut tale = Tale::of(1);
    let one = tale.push(item("One", TIME + 1), "item");
    tale.push(retracts(1, &one, TIME + 2), "retract");
    tale.push(edits(1, &one, TIME + 3), "item");
    let mut script = Script::default();
    script.start(&tale, 4, std::slice::from_ref(&(0..4)));
    script.accept(
        shelf,
        "edit-after-retract",
        "What was taken back stays so, whatever edits follow.",
        &["profile 0 newest 0", "item 1 retracted-by 2"],
    );
}

fn growing(shelf: &mut Shelf) {
    let tale = Tale::of(100);
    let mut script = Script::default();
    script.start(&tale, 3, std::slice::from_ref(&(0..3)));
    script.head(&tale, 40, 3).bundle(&tale, 40, 3..40);
    script.head(&tale, 41, 40).bundle(&tale, 41, 40..41);
    let shown = items(0, 1..41);
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    script
        .accept(
            shelf,
            "grows",
            "Three records, then forty, then one more.",
            &shown,
        )
        .flip_all();
    let mut script = Script::default();
    script.start(&tale, 100, &[0..1, 98..100]);
    script.bundle(&tale, 100, 40..42).bundle(&tale, 100, 1..2);
    script
        .accept(
            shelf,
            "newest-first",
            "Record 0 and the newest two in two bundles of one head, then two from the middle, then record 1.",
            &["profile 0 newest 0", "item 1 newest 1", "item 40 newest 40", "item 41 newest 41", "item 98 newest 98", "item 99 newest 99"],
        )
        .flip_all();
    let mut script = Script::default();
    script.start(&tale, 40, &[0..1, 30..33]);
    script.accept(shelf, "last-hash-in-the-edges", "The newest records are missing, but the edges hold the last hash, which proves the length.", &["profile 0 newest 0", "item 30 newest 30", "item 31 newest 31", "item 32 newest 32"]);
    let mut script = Script::default();
    script.start(&tale, 60, &[0..1, 58..60]);
    let short = tale.history.answer(40, 60).wire();
    script.give("head", &[short], "stale");
    let (whole, old) = (
        tale.history.bundle(60, 1..58).wire(),
        tale.history.bundle(40, 5..7).wire(),
    );
    script
        .give(&asked(&(1..58)), &[whole], "accepted")
        .came(&tale, 1..58);
    let short = tale.history.answer(40, 60).wire();
    script.give("head", &[short], "stale");
    script.give(&asked(&(5..7)), &[old], "accepted");
    let shown = items(0, 1..60);
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    script.accept(
        shelf,
        "stale-mirror",
        "A peer with an older head of the same list is no fork, and its records count.",
        &shown,
    );
    let mut script = Script::default();
    script.start(&tale, 3, std::slice::from_ref(&(0..3)));
    let ahead = tale.history.bundle(40, 5..7).wire();
    script.give(&asked(&(5..7)), std::slice::from_ref(&ahead), "ask-head");
    script.head(&tale, 40, 3);
    script
        .give(&asked(&(5..7)), &[ahead], "accepted")
        .came(&tale, 5..7);
    script
        .accept(
            shelf,
            "bundle-of-a-longer-head",
            "Records under a longer head count only once that head was asked for and extends ours.",
            &[
                "profile 0 newest 0",
                "item 1 newest 1",
                "item 2 newest 2",
                "item 5 newest 5",
                "item 6 newest 6",
            ],
        )
        .flip_all();
    let mut script = Script::default();
    script.give("head", &[tale.history.answer(40, 0).wire()], "ask-head");
    script.accept(
        shelf,
        "head-alone",
        "A head alone takes no feed up: record 0 has to come first.",
        &[],
    );
}

/// Rows of a profile and of items that were never edited.
fn items(profile: u64, range: Range<u64>) -> Vec<String> {
    let rows = range.map(|index| format!("item {index} newest {index}"));
    std::iter::once(format!("profile {profile} newest {profile}"))
        .chain(rows)
        .collect()
}

fn odd_records(shelf: &mut Shelf) {
    let text = super::cbor::text;
    let mut tale = Tale::of(2);
    tale.push(b"not CBOR".to_vec(), "unreadable record-2");
    tale.push(
        record(
            "item",
            TIME + 3,
            &[("title", text("t")), ("!paid", bool(true))],
        ),
        "unreadable record-3",
    );
    tale.push(Vec::new(), "unreadable record-2");
    tale.push(
        record(
            "item",
            TIME + 5,
            &[("title", text("t")), ("x", super::cbor::hex("f93c00"))],
        ),
        "unreadable record-2",
    );
    tale.push(record("item", TIME + 6, &[]), "unreadable record-5");
    tale.push(
        record(
            "item",
            TIME + 7,
            &[("title", text("t")), ("edits", reference(7, &[1; 32]))],
        ),
        "unreadable record-6",
    );
    tale.push(item("good", TIME + 8), "item");
    tale.grow(12, "item");
    let mut script = Script::default();
    script.start(&tale, 9, std::slice::from_ref(&(0..9)));
    script.head(&tale, 12, 9).bundle(&tale, 12, 9..12);
    script.accept(
        shelf,
        "unreadable-records",
        "Records that nobody can read stand among good ones, and the feed goes on.",
        &[
            "profile 0 newest 0",
            "item 1 newest 1",
            "other 2 newest 2",
            "other 3 newest 3",
            "other 4 newest 4",
            "other 5 newest 5",
            "other 6 newest 6",
            "other 7 newest 7",
            "item 8 newest 8",
            "item 9 newest 9",
            "item 10 newest 10",
            "item 11 newest 11",
        ],
    );
    #[rustfmt::skip]
    let cases = [
        ("record-0-unreadable", "Record 0 cannot be read: the feed goes on, and has no recovery key.",
            b"not CBOR".to_vec(), "unreadable record-2", "other 0 newest 0"),
        ("record-0-item", "Record 0 is no profile: the feed goes on, and has no recovery key.",
            item("first", TIME), "item", "item 0 newest 0"),
        ("record-0-empty", "Record 0 has no bytes; its link hash is over the key alone.",
            Vec::new(), "unreadable record-2", "other 0 newest 0"),
    ];
    for (name, why, first, state, row) in cases {
        let mut tale = Tale::new();
        tale.push(first, state);
        tale.grow(3, "item");
        let mut script = Script::default();
        script.start(&tale, 3, std::slice::from_ref(&(0..3)));
        script.accept(
            shelf,
            name,
            why,
            &[row, "item 1 newest 1", "item 2 newest 2"],
        );
    }
}

fn withheld(shelf: &mut Shelf) {
    let mut tale = Tale::of(5);
    let target = tale.history.link(3);
    tale.push(
        record("retract", TIME + 5, &[("target", reference(3, &target))]),
        "retract",
    );
    let mut first = tale.history.bundle(6, 0..6);
    first.withhold(2, &tale.history.link(2));
    first.hint(3, &target, 5);
    let mut script = Script::default();
    script
        .give("start", &[first.wire()], "accepted")
        .now_at(&tale.history.statement(6))
        .came(&tale, 0..6);
    script.records.insert(3, "withheld hint 5".to_owned());
    script.bundle(&tale, 6, 2..3);
    script.accept(
        shelf,
        "withheld-and-retracted",
        "One record is withheld and comes from somewhere else; one is withheld with a hint that holds: the retract is there.",
        &["profile 0 newest 0", "item 1 newest 1", "item 2 newest 2", "item 4 newest 4"],
    );
    let mut tale = Tale::of(3);
    tale.history
        .push_broken(item("broken", TIME), hash(b"not its link hash"));
    tale.grow(6, "item");
    let mut whole = tale.history.bundle(6, 0..6);
    whole.withhold(3, &tale.history.link(3));
    let mut script = Script::default();
    script
        .give("start", &[whole.wire()], "accepted")
        .now_at(&tale.history.statement(6))
        .came(&tale, 0..6);
    script.records.insert(3, "withheld".to_owned());
    script.accept(shelf, "broken-chain", "Its author signed a hash that record 3 does not have: that record can never come, and the others stand.", &["profile 0 newest 0", "item 1 newest 1", "item 2 newest 2", "item 4 newest 4", "item 5 newest 5"]).flip_all();
    script.give(
        &asked(&(3..4)),
        &[tale.history.bundle(6, 3..4).wire()],
        "refused",
    );
    script.refuse(
        shelf,
        "broken-chain-record",
        "slice-4",
        "The record whose link the author broke, sent all the same.",
    );
}

fn times(shelf: &mut Shelf) {
    let tale = Tale::of(5);
    let at = |time: u64| Statement {
        time,
        ..tale.history.statement(5)
    };
    let answer = |time: u64| {
        let head = at(time).signed(&tale.history.author);
        Answer {
            head,
            ..tale.history.answer(5, 5)
        }
        .wire()
    };
    let begin = |time: u64| {
        let head = at(time).signed(&tale.history.author);
        let mut script = Script::default();
        let bundle = Bundle {
            head,
            ..tale.history.bundle(5, 0..5)
        };
        script
            .give("start", &[bundle.wire()], "accepted")
            .now_at(&at(time))
            .came(&tale, 0..5);
        script
    };
    let shown = items(0, 1..5);
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let mut script = begin(NOW - 60 * MINUTE);
    script.give("head", &[answer(NOW - 90 * MINUTE)], "stale");
    script.give("head", &[answer(NOW - 30 * MINUTE)], "accepted");
    script
        .give("head", &[answer(NOW + 10 * MINUTE)], "accepted")
        .now_at(&at(NOW + 10 * MINUTE));
    script.give("head", &[answer(NOW + 10 * MINUTE + 1)], "stale");
    script
        .accept(
            shelf,
            "times",
            "Of heads of one list the latest is kept that is at most ten minutes ahead.",
            &shown,
        )
        .flip_all();
    let mut script = begin(YEAR_2099_MS);
    script
        .give("head", &[answer(NOW)], "accepted")
        .now_at(&at(NOW));
    script.give("head", &[answer(YEAR_2099_MS + 1)], "stale");
    script.accept(shelf, "time-2099", "A feed is taken up under a head of 2099, whose freshness is unknown; one of today replaces it.", &shown);
    let mut script = begin(0);
    script.give("head", &[answer(1)], "accepted").now_at(&at(1));
    script.accept(
        shelf,
        "time-0",
        "A clock that stands at 1970 refuses nothing.",
        &shown,
    );
}

fn forks(shelf: &mut Shelf) {
    let mine = Tale::of(40);
    let parted = |at: u64, length: u64| {
        let mut history = History::of(1, at, "item");
        history.grow(length, "other");
        history
    };
    let begin = || {
        let mut script = Script::default();
        script.start(&mine, 40, &[0..1, 30..40]);
        script
    };
    let shown = items(0, 30..40);
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let mut anew = History::new(1);
    anew.push(profile("Eva", TIME));
    anew.grow(50, "item");
    let mut answer = parted(35, 40).answer(40, 40);
    answer.proof.leaves.clear();
    let void = Answer {
        head: false_first(&mine.history, 20),
        ..mine.history.answer(20, 40)
    };
    #[rustfmt::skip]
    let cases = [
        ("fork-equal-length", "Another history of the same length.", parted(35, 40).answer(40, 40).wire()),
        ("fork-longer", "A longer list that does not begin with ours.", parted(35, 70).answer(70, 40).wire()),
        ("fork-shorter", "A shorter list that ours does not begin with.", parted(30, 36).answer(36, 40).wire()),
        ("fork-anew", "A log that was started anew: another first.", anew.answer(50, 40).wire()),
        ("fork-without-slice",
            "Two heads that contradict each other are a fork by themselves; the slice that came with one of them may be missing.",
            answer.wire()),
        ("fork-by-a-false-first", "A head of our list with another first.", void.wire()),
    ];
    for (name, why, wire) in cases {
        let mut script = begin();
        script.give("head", &[wire], "fork");
        script.accept(shelf, name, why, &shown);
    }
    #[rustfmt::skip]
    let cases = [
        ("fork-in-a-bundle", "Records of another history of the same length.",
            parted(35, 40).bundle(40, 36..38).wire(), 36..38),
        ("fork-in-a-bundle-anew", "Records of a log that was started anew.", anew.bundle(50, 0..2).wire(), 0..2),
    ];
    for (name, why, wire, range) in cases {
        let mut script = begin();
        script.give(&asked(&range), &[wire], "fork");
        script.accept(shelf, name, why, &shown);
    }
    let mut script = Script::default();
    script.start(&mine, 40, &[0..1, 39..40]);
    let older = parted(3, 36);
    script.give("head", &[older.answer(36, 40).wire()], "fork");
    script.accept(
        shelf,
        "fork-shorter-few-records",
        "Two leaves are all that is held of the list, and all that it takes.",
        &["profile 0 newest 0", "item 39 newest 39"],
    );
    let long = Tale::of(1000);
    let mut script = Script::default();
    script.start(&long, 1000, &[0..1, 999..1000]);
    script.give("head", &[parted(3, 500).answer(500, 1000).wire()], "stale");
    script.accept(shelf, "fork-out-of-sight", "A shorter head of another history, at a length to which the follower cannot fold: nothing changes yet.", &["profile 0 newest 0", "item 999 newest 999"]);
}

fn ghosts(shelf: &mut Shelf) {
    let last = item("a ghost", TIME);
    let ghost = GhostFeed::new(&last);
    let tale = Tale::of(3);
    let mut script = Script::default();
    script.start(&tale, 3, std::slice::from_ref(&(0..3)));
    let statement = Statement {
        length: GHOST_LENGTH,
        root: ghost.ghost.root,
        time: tale.history.statement(3).time + 1000,
        ..tale.history.statement(3)
    };
    script
        .give("head", &[ghost.answer(3).wire()], "accepted")
        .now_at(&statement);
    let bundle = Bundle {
        head: ghost.head.clone(),
        from: GHOST_LENGTH - 1,
        slots: vec![bytes(&last)],
        edges: ghost.ghost.last_leaf[..31 * 32].to_vec(),
        pairs: ghost.ghost.pairs(false, true),
    };
    script.give(
        &asked(&(GHOST_LENGTH - 1..GHOST_LENGTH)),
        &[bundle.wire()],
        "accepted",
    );
    script.records.insert(GHOST_LENGTH - 1, "item".to_owned());
    script.accept(
        shelf,
        "ghost-2-40",
        "Three records, then a head of 2^40 that extends them, then its last record: nothing in between exists, and nothing is sized by it.",
        &["profile 0 newest 0", "item 1 newest 1", "item 2 newest 2", "item 1099511627775 newest 1099511627775"],
    );
}

fn wrong_starts(shelf: &mut Shelf) {
    let history = History::of(1, 100, "item");
    let bundle = |range: Range<u64>| history.bundle(100, range);
    let (first, last) = (bundle(0..1), bundle(98..100));
    let mut hidden = first.clone();
    hidden.withhold(0, &history.link(0));
    let mut hinted = first.clone();
    hinted.hint(0, &history.link(0), 7);
    let older = Bundle {
        head: history.head(99),
        ..history.bundle(99, 0..1)
    };
    let resigned = Statement {
        time: 1,
        ..history.statement(100)
    }
    .signed(&history.author);
    let later = Bundle {
        head: resigned,
        ..first.clone()
    };
    let mut swapped = first.clone();
    swapped.slots[0] = bytes(&profile("Eva", TIME));
    let void = Bundle {
        head: false_first(&history, 100),
        ..first.clone()
    };
    let other = History::of(2, 100, "item");
    #[rustfmt::skip]
    let cases: Vec<(&str, &str, &str, Vec<Vec<u8>>)> = vec![
        ("start-nothing", "wire-1", "No bundle.", vec![]),
        ("start-three", "wire-1", "Three bundles.", vec![first.wire(), last.wire(), last.wire()]),
        ("start-not-at-0", "wire-1", "The newest records alone.", vec![last.wire()]),
        ("start-backwards", "wire-1", "The newest records before record 0.", vec![last.wire(), first.wire()]),
        ("start-two-heads", "wire-1", "Two bundles under heads of different lengths.", vec![older.wire(), last.wire()]),
        ("start-two-times", "wire-1", "Two bundles under two heads of one list.", vec![later.wire(), last.wire()]),
        ("start-0-withheld", "list-6", "Record 0 is withheld.", vec![hidden.wire(), last.wire()]),
        ("start-0-retracted", "list-6", "Record 0 is said to be retracted.", vec![hinted.wire(), last.wire()]),
        ("start-without-the-last", "list-4", "The first records, and nothing that holds the last hash.",
            vec![bundle(0..3).wire()]),
        ("start-short-of-the-last-leaf", "list-4", "The newest records end right before the last leaf.",
            vec![first.wire(), bundle(90..96).wire()]),
        ("start-other-feed", "head-5", "A good start of another feed.",
            vec![other.bundle(100, 0..1).wire(), other.bundle(100, 98..100).wire()]),
        ("start-0-swapped", "list-3", "Another profile in the place of record 0.", vec![swapped.wire(), last.wire()]),
        ("start-false-first", "list-3", "The head's first is not the hash of record 0.",
            vec![void.wire(), last.wire()]),
    ];
    for (name, must, why, wires) in cases {
        let mut script = Script::default();
        script.give("start", &wires, "refused");
        // An empty list of sizes leaves two spaces.
        script.steps[0] = script.steps[0].replace("  ", " ");
        script.refuse(shelf, name, must, why);
    }
    let good = [first.wire(), last.wire()];
    let mut script = Script::default();
    script.give("start", &good, "refused");
    script
        .refuse(shelf, "start-other-first", "link-6", "A good start, and a link that names another record 0: the log was started anew, or the link is old.")
        .with("link-first", to_hex(&hash(b"another record 0")[..16]));
    let tale = Tale::of(100);
    let mut script = Script::default();
    script.start(&tale, 100, &[0..1, 98..100]);
    script
        .accept(
            shelf,
            "start-with-first",
            "A good start with a link that names this record 0.",
            &[
                "profile 0 newest 0",
                "item 98 newest 98",
                "item 99 newest 99",
            ],
        )
        .with("link-first", to_hex(&history.link(0)[..16]));
}

fn wrong_steps(shelf: &mut Shelf) {
    let tale = Tale::of(100);
    let history = &tale.history;
    let begin = || {
        let mut script = Script::default();
        script.start(&tale, 40, &[0..1, 38..40]);
        script
    };
    let mut more = history.answer(100, 40);
    more.proof.pairs.extend([0; 64]);
    let mut other = history.answer(100, 40);
    other.proof.leaves[7] ^= 1;
    let longer = Statement {
        length: 101,
        ..history.statement(100)
    };
    let lied = Answer {
        head: longer.signed(&history.author),
        ..history.answer(100, 40)
    };
    let thief = Author::new(2);
    let stolen = Statement {
        feed: thief.key(),
        ..history.statement(100)
    }
    .signed(&thief);
    #[rustfmt::skip]
    let cases = [
        ("head-pair-more", "slice-1", "A longer head with a pair too many.", more.wire()),
        ("head-leaf-changed", "slice-4", "A longer head with one bit of a leaf changed.", other.wire()),
        ("head-without-the-old-leaf", "slice-1",
            "A longer head with the slice of its last hash alone: nobody can tell whether it extends ours.",
            history.answer(100, 0).wire()),
        ("head-wrong-length", "slice-2", "A head that claims one record more than its root covers.", lied.wire()),
        ("head-of-other-feed", "head-5", "Our list, signed by somebody else as his own feed's.",
            Answer { head: stolen, ..history.answer(100, 40) }.wire()),
    ];
    for (name, must, why, wire) in cases {
        let mut script = begin();
        script.give("head", &[wire], "refused");
        script.refuse(shelf, name, must, why);
    }
    let mut changed = history.bundle(40, 10..12);
    changed.slots[1] = bytes(&item("forged", TIME));
    let mut extra = history.bundle(40, 10..12);
    extra.slots.push(array(&[uint(1)]));
    #[rustfmt::skip]
    let cases = [
        ("bundle-record-forged", "slice-4", "A record that the author never wrote.", changed.wire(), 10..12),
        ("bundle-slot-of-nothing", "bundle-3", "A slot that is neither a record nor withheld.", extra.wire(), 10..13),
        ("bundle-before-what-was-asked", "list-5", "Good records that begin before those that were asked for.",
            history.bundle(40, 9..12).wire(), 10..12),
        ("bundle-behind-what-was-asked", "list-5", "Good records that begin after the first one that was asked for.",
            history.bundle(40, 11..12).wire(), 10..12),
        ("bundle-beyond-what-was-asked", "list-5", "Good records that go on after the last one that was asked for.",
            history.bundle(40, 10..13).wire(), 10..12),
    ];
    for (name, must, why, wire, range) in cases {
        let mut script = begin();
        script.give(&asked(&range), &[wire], "refused");
        script.refuse(shelf, name, must, why);
    }
}
