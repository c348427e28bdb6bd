//! What a reader makes of the records: edits, retractions, unreadable and withheld ones.

use super::{Script, Tale, shown};
use crate::vectors::Shelf;
use crate::vectors::cbor::{Entry, array, bool, bytes, hex, text};
use crate::vectors::oracle::{Hash, hash};
use crate::vectors::record::{TIME, file, item, record, reference};
use crate::vectors::sign::Author;

pub(super) fn add(shelf: &mut Shelf) {
    small(shelf);
    every_kind(shelf);
    without_effect(shelf);
    unreadable(shelf);
    odd_starts(shelf);
    withheld(shelf);
    broken_chain(shelf);
}

fn edit(target: u64, link: &Hash, time: u64) -> Vec<u8> {
    let edits = ("edits", reference(target, link));
    record("item", time, &[("title", text("Edited")), edits])
}

fn retract(target: u64, link: &Hash, time: u64) -> Vec<u8> {
    record("retract", time, &[("target", reference(target, link))])
}

fn small(shelf: &mut Shelf) {
    let why = "A feed of its record 0 alone.";
    Script::of_all(&Tale::of(1))
        .accept(shelf, "one-record", why)
        .flip_all();
    let mut tale = Tale::of(1);
    let sea = tale.push(item("Sea", TIME + 1), "item");
    tale.push(edit(1, &sea, TIME + 2), "item");
    let mistake = tale.push(item("A mistake", TIME + 3), "item");
    tale.push(retract(3, &mistake, TIME + 4), "retract");
    let why = "An item that was edited, and one that was taken back, in one bundle.";
    let script = Script::of_all(&tale);
    let vector = script.accept(shelf, "edit-and-retract", why);
    shown(
        vector,
        "profile 0 newest 0; item 1 newest 2; item 3 retracted-by 4",
    )
    .flip_all();
    let mut tale = Tale::of(1);
    let one = tale.push(item("One", TIME + 1), "item");
    tale.push(retract(1, &one, TIME + 2), "retract");
    tale.push(edit(1, &one, TIME + 3), "item");
    let why = "What was taken back stays so, whatever edits follow.";
    let script = Script::of_all(&tale);
    let vector = script.accept(shelf, "edit-after-retract", why);
    shown(vector, "profile 0 newest 0; item 1 retracted-by 2");
}

fn every_kind(shelf: &mut Shelf) {
    let mut tale = Tale::of(1);
    let next = || ("feed", bytes(&Author::new(3).key()));
    let mut push = |kind: &'static str, media: u64, body: &[Entry<'_>]| {
        let time = TIME + tale.history.length();
        tale.push_media(record(kind, time, body), media, kind)
    };
    let files = array(&[file("a.jpg", 4_000_000), file("b.jpg", 5_000_000)]);
    let item = [("title", text("Two")), ("files", files)];
    let item = push("item", 9_000_000, &item);
    let all = ("items", array(&[reference(1, &item)]));
    push("collection", 0, &[("title", text("All")), all]);
    let listing = push("listing", 0, &[next(), ("catalogue", bool(true))]);
    push("moved", 0, &[next()]);
    push("state", 0, &[]);
    push("poll", 0, &[("question", text("?"))]);
    push("profile", 0, &[("name", text("Ana Maria"))]);
    push("retract", 0, &[("target", reference(3, &listing))]);
    let why = "One record of every kind, and one of a kind that nobody knows.";
    let script = Script::of_all(&tale);
    let rows = "profile 0 newest 0; item 1 newest 1; collection 2 newest 2; listing 3 retracted-by 8; \
                moved 4 newest 4; other 5 newest 5; other 6 newest 6; profile 7 newest 7";
    shown(script.accept(shelf, "every-kind", why), rows);
}

fn without_effect(shelf: &mut Shelf) {
    let mut tale = Tale::of(1);
    let one = tale.push(item("One", TIME + 1), "item");
    let edited = tale.push(edit(1, &one, TIME + 2), "item");
    tale.push(edit(2, &edited, TIME + 3), "item");
    tale.push(edit(1, &hash(b"another"), TIME + 4), "item");
    tale.push(retract(2, &edited, TIME + 5), "retract");
    tale.push(retract(1, &hash(b"another"), TIME + 6), "retract");
    let next = [("feed", bytes(&Author::new(3).key()))];
    let moved = tale.push(record("moved", TIME + 7, &next), "moved");
    let retracted = tale.push(retract(7, &moved, TIME + 8), "retract");
    tale.push(retract(8, &retracted, TIME + 9), "retract");
    let why = "An edit of an edit, an edit and a retract with a wrong link hash, retracts of an edit, of a moved \
               and of a retract: all readable, none with an effect.";
    let script = Script::of_all(&tale);
    let rows = "profile 0 newest 0; item 1 newest 2; moved 7 newest 7";
    shown(script.accept(shelf, "without-effect", why), rows);
}

fn unreadable(shelf: &mut Shelf) {
    let mut tale = Tale::of(2);
    let titled = |time: u64, more: Entry<'_>| record("item", time, &[("title", text("t")), more]);
    tale.push(b"not CBOR".to_vec(), "unreadable record-2");
    let marked = titled(TIME + 3, ("!paid", bool(true)));
    tale.push(marked, "unreadable record-3");
    tale.push(Vec::new(), "unreadable record-2");
    let float = titled(TIME + 5, ("x", hex("f93c00")));
    tale.push(float, "unreadable record-2");
    let untitled = record("item", TIME + 6, &[]);
    tale.push(untitled, "unreadable record-5");
    let of_itself = titled(TIME + 7, ("edits", reference(7, &[1; 32])));
    tale.push(of_itself, "unreadable record-6");
    let up = titled(TIME + 8, ("path", text("../up")));
    tale.push(up, "unreadable record-7");
    tale.grow(12, "item");
    let mut script = Script::default();
    script.start(&tale, 10, &[(0, 10)]);
    script.head(&tale, 12, 10).bundle(&tale, 12, 10..12);
    let why = "Records that nobody can read stand among good ones, and the feed goes on.";
    let rows = "profile 0 newest 0; item 1 newest 1; other 2 newest 2; other 3 newest 3; other 4 newest 4; \
                other 5 newest 5; other 6 newest 6; other 7 newest 7; other 8 newest 8; item 9 newest 9; \
                item 10 newest 10; item 11 newest 11";
    shown(script.accept(shelf, "unreadable-records", why), rows);
}

fn odd_starts(shelf: &mut Shelf) {
    #[rustfmt::skip]
    let cases = [
        ("record-0-unreadable", "Record 0 cannot be read: the feed goes on, and has no recovery key.",
            b"not CBOR".to_vec(), "unreadable record-2", "other"),
        ("record-0-item", "Record 0 is no profile: the feed goes on, and has no recovery key.",
            item("first", TIME), "item", "item"),
        ("record-0-empty", "Record 0 has no bytes; its link hash is over the key alone.",
            Vec::new(), "unreadable record-2", "other"),
    ];
    for (name, why, first, state, row) in cases {
        let mut tale = Tale::new();
        tale.push(first, state);
        tale.grow(3, "item");
        let script = Script::of_all(&tale);
        let rows = format!("{row} 0 newest 0; item 1 newest 1; item 2 newest 2");
        shown(script.accept(shelf, name, why), &rows);
    }
}

fn withheld(shelf: &mut Shelf) {
    let mut tale = Tale::of(5);
    let target = tale.history.link(3);
    tale.push(retract(3, &target, TIME + 5), "retract");
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
    let why = "One record is withheld and comes from somewhere else; one is withheld with a hint that holds: the \
               retract is there.";
    let rows = "profile 0 newest 0; item 1 newest 1; item 2 newest 2; other 3 retracted-by 5; item 4 newest 4";
    shown(script.accept(shelf, "withheld-and-retracted", why), rows);
}

fn broken_chain(shelf: &mut Shelf) {
    let mut tale = Tale::of(3);
    let broken = item("broken", TIME);
    tale.history.push_broken(broken, hash(b"not its link hash"));
    tale.grow(6, "item");
    let mut whole = tale.history.bundle(6, 0..6);
    whole.withhold(3, &tale.history.link(3));
    let mut script = Script::default();
    script
        .give("start", &[whole.wire()], "accepted")
        .now_at(&tale.history.statement(6))
        .came(&tale, 0..6);
    script.records.insert(3, "withheld".to_owned());
    let why = "Its author signed a hash that record 3 does not have: that record can never come, and the others \
               stand.";
    let rows =
        "profile 0 newest 0; item 1 newest 1; item 2 newest 2; item 4 newest 4; item 5 newest 5";
    shown(script.accept(shelf, "broken-chain", why), rows).flip_all();
    let alone = tale.history.bundle(6, 3..4).wire();
    script.give_bundle(3..4, alone, "refused");
    let why = "The record whose link the author broke, sent all the same.";
    script.refuse(shelf, "broken-chain-record", "slice-4", why);
}
