//! How a follower goes on: newer heads, older ones, times, forks, and a ghost.

use super::{NOW, Script, Tale, shown};
use crate::vectors::Shelf;
use crate::vectors::answers::{GHOST_LENGTH, GhostFeed, false_first};
use crate::vectors::cbor::bytes;
use crate::vectors::head::YEAR_2099_MS;
use crate::vectors::history::{Answer, Bundle, History};
use crate::vectors::record::{TIME, item, profile};
use crate::vectors::sign::Statement;

const MINUTE: u64 = 60 * 1000;

pub(super) fn add(shelf: &mut Shelf) {
    growing(shelf);
    newest(shelf);
    older_and_longer(shelf);
    times(shelf);
    forks(shelf);
    other_forks(shelf);
    ghost(shelf);
}

fn growing(shelf: &mut Shelf) {
    let tale = Tale::of(100);
    let mut script = Script::default();
    script.start(&tale, 3, &[(0, 3)]);
    script.head(&tale, 40, 3).bundle(&tale, 40, 3..40);
    script.head(&tale, 41, 40).bundle(&tale, 41, 40..41);
    let why = "Three records, then forty, then one more.";
    script.accept(shelf, "grows", why);
    let mut script = Script::default();
    let answer = tale.history.answer(40, 0).wire();
    script.give("head", &[answer], "ask-head");
    let why = "A head alone takes no feed up: record 0 has to come first.";
    script.accept(shelf, "head-alone", why);
}

fn newest(shelf: &mut Shelf) {
    let tale = Tale::of(100);
    let mut script = Script::default();
    script.start(&tale, 100, &[(0, 1), (98, 100)]);
    script.bundle(&tale, 100, 40..42).bundle(&tale, 100, 1..2);
    let why = "Record 0 and the newest two in two bundles of one head, then two from the middle, then record 1.";
    let rows = "profile 0 newest 0; item 1 newest 1; item 40 newest 40; item 41 newest 41; item 98 newest 98; \
                item 99 newest 99";
    shown(script.accept(shelf, "newest-first", why), rows).flip_all();
    let mut script = Script::default();
    script.start(&tale, 40, &[(0, 1), (30, 33)]);
    let why = "The newest records are missing, but the edges hold the last hash, which proves the length.";
    script.accept(shelf, "last-hash-in-the-edges", why);
}

fn older_and_longer(shelf: &mut Shelf) {
    let tale = Tale::of(60);
    let history = &tale.history;
    let short = || history.answer(40, 60).wire();
    let mut script = Script::default();
    script.start(&tale, 60, &[(0, 1), (58, 60)]);
    script.give("head", &[short()], "stale");
    script.bundle(&tale, 60, 1..58);
    script.give("head", &[short()], "stale");
    let old = history.bundle(40, 5..7).wire();
    script.give_bundle(5..7, old, "accepted");
    let why = "A peer with an older head of the same list is no fork, and its records count.";
    script.accept(shelf, "stale-mirror", why);
    let ahead = || history.bundle(40, 5..7).wire();
    let mut script = Script::default();
    script.start(&tale, 3, &[(0, 3)]);
    script.give_bundle(5..7, ahead(), "ask-head");
    script.head(&tale, 40, 3);
    script
        .give_bundle(5..7, ahead(), "accepted")
        .came(&tale, 5..7);
    let why =
        "Records under a longer head count only once that head was asked for and extends ours.";
    script
        .accept(shelf, "bundle-of-a-longer-head", why)
        .flip_all();
}

fn times(shelf: &mut Shelf) {
    let tale = Tale::of(5);
    let at = |time: u64| Statement {
        time,
        ..tale.history.statement(5)
    };
    let answer = |time: u64| {
        let head = at(time).signed(&tale.history.author);
        let answer = Answer {
            head,
            ..tale.history.answer(5, 5)
        };
        [answer.wire()]
    };
    let begin = |time: u64| {
        let head = at(time).signed(&tale.history.author);
        let bundle = Bundle {
            head,
            ..tale.history.bundle(5, 0..5)
        };
        let mut script = Script::default();
        script
            .give("start", &[bundle.wire()], "accepted")
            .now_at(&at(time))
            .came(&tale, 0..5);
        script
    };
    let ahead = NOW + 10 * MINUTE;
    let mut script = begin(NOW - 60 * MINUTE);
    script.give("head", &answer(NOW - 90 * MINUTE), "stale");
    script.give("head", &answer(NOW - 30 * MINUTE), "accepted");
    script.give("head", &answer(ahead), "accepted");
    script.give("head", &answer(ahead + 1), "stale");
    script.now_at(&at(ahead));
    let why = "Of heads of one list the latest is kept that is at most ten minutes ahead.";
    script.accept(shelf, "times", why);
    let mut script = begin(YEAR_2099_MS);
    script.give("head", &answer(NOW), "accepted");
    script.give("head", &answer(YEAR_2099_MS + 1), "stale");
    script.now_at(&at(NOW));
    let why = "A feed is taken up under a head of 2099, whose freshness is unknown; one of today replaces it.";
    script.accept(shelf, "time-2099", why);
    let mut script = begin(0);
    script.give("head", &answer(1), "accepted").now_at(&at(1));
    let why = "A clock that stands at 1970 refuses nothing.";
    script.accept(shelf, "time-0", why);
}

/// The same records up to some index, then another history.
fn parted(at: u64, length: u64) -> History {
    let mut history = History::of(1, at, "item");
    history.grow(length, "other");
    history
}

/// A log that was started anew.
fn anew() -> History {
    let mut history = History::new(1);
    history.push(profile("Eva", TIME));
    history.grow(50, "item");
    history
}

fn forks(shelf: &mut Shelf) {
    let mine = Tale::of(40);
    let mut bare = parted(35, 40).answer(40, 40);
    bare.proof.leaves.clear();
    let void = Answer {
        head: false_first(&mine.history, 20),
        ..mine.history.answer(20, 40)
    };
    #[rustfmt::skip]
    let cases = [
        ("fork-equal-length", "Another history of the same length.", parted(35, 40).answer(40, 40)),
        ("fork-longer", "A longer list that does not begin with ours.", parted(35, 70).answer(70, 40)),
        ("fork-shorter", "A shorter list that ours does not begin with.", parted(30, 36).answer(36, 40)),
        ("fork-anew", "A log that was started anew: another first.", anew().answer(50, 40)),
        ("fork-without-slice",
            "Two heads that contradict each other are a fork by themselves; the slice of one of them may be missing.", bare),
        ("fork-by-a-false-first", "A head of our list with another first.", void),
    ];
    for (name, why, answer) in cases {
        let mut script = Script::default();
        script.start(&mine, 40, &[(0, 1), (30, 40)]);
        script.give("head", &[answer.wire()], "fork");
        script.accept(shelf, name, why);
    }
}

fn other_forks(shelf: &mut Shelf) {
    let mine = Tale::of(40);
    let begin = || {
        let mut script = Script::default();
        script.start(&mine, 40, &[(0, 1), (39, 40)]);
        script
    };
    let mut script = begin();
    let other = parted(35, 40).bundle(40, 36..38).wire();
    script.give_bundle(36..38, other, "fork");
    let why = "Records of another history of the same length.";
    script.accept(shelf, "fork-in-a-bundle", why);
    let mut script = begin();
    let other = anew().bundle(50, 0..2).wire();
    script.give_bundle(0..2, other, "fork");
    let why = "Records of a log that was started anew.";
    script.accept(shelf, "fork-in-a-bundle-anew", why);
    let mut script = begin();
    let other = parted(3, 36).answer(36, 40).wire();
    script.give("head", &[other], "fork");
    let why = "Two leaves are all that is held of the list, and all that it takes.";
    script.accept(shelf, "fork-shorter-few-records", why);
    let long = Tale::of(1000);
    let mut script = Script::default();
    script.start(&long, 1000, &[(0, 1), (999, 1000)]);
    let other = parted(3, 500).answer(500, 1000).wire();
    script.give("head", &[other], "stale");
    let why = "A shorter head of another history, at a length to which the follower cannot fold: nothing changes yet.";
    script.accept(shelf, "fork-out-of-sight", why);
}

fn ghost(shelf: &mut Shelf) {
    let last = item("a ghost", TIME);
    let ghost = GhostFeed::new(&last);
    let tale = Tale::of(3);
    let mut script = Script::default();
    script.start(&tale, 3, &[(0, 3)]);
    script
        .give("head", &[ghost.answer(3).wire()], "accepted")
        .now_at(&ghost.statement());
    let bundle = Bundle {
        head: ghost.head.clone(),
        from: GHOST_LENGTH - 1,
        slots: vec![bytes(&last)],
        edges: ghost.ghost.last_leaf[..31 * 32].to_vec(),
        pairs: ghost.ghost.pairs(false, true),
    };
    let range = GHOST_LENGTH - 1..GHOST_LENGTH;
    script.give_bundle(range, bundle.wire(), "accepted");
    script.records.insert(GHOST_LENGTH - 1, "item".to_owned());
    let why = "Three records, then a head of 2^40 that extends them, then its last record: nothing in between \
               exists, and nothing is sized by it.";
    let rows = "profile 0 newest 0; item 1 newest 1; item 2 newest 2; item 1099511627775 newest 1099511627775";
    shown(script.accept(shelf, "ghost-2-40", why), rows);
}
