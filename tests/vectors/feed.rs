//! Whole small feeds: what a follower is given step by step, each verdict, and what the follower has in the end.

mod follows;
mod meanings;
mod refused;

use super::cbor::to_hex;
use super::history::History;
use super::oracle::Hash;
use super::record::TIME;
use super::sign::{Author, Statement};
use super::{Shelf, Vector};
use std::collections::BTreeMap;
use std::ops::Range;

/// The follower's clock: ten days after the records.
const NOW: u64 = TIME + 10 * 24 * 60 * 60 * 1000;

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("feed");
    meanings::add(&mut shelf);
    follows::add(&mut shelf);
    refused::add(&mut shelf);
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
    /// A follower who took up all that is told.
    fn of_all(tale: &Tale) -> Self {
        let length = tale.history.length();
        let mut script = Self::default();
        script.start(tale, length, &[(0, length)]);
        script
    }

    /// One step: a call, the answers to it, and the verdict.
    fn give(&mut self, call: &str, wires: &[Vec<u8>], verdict: &str) -> &mut Self {
        let sizes = wires.iter().map(|wire| wire.len().to_string());
        let words: Vec<String> = std::iter::once(call.to_owned())
            .chain(sizes)
            .chain([verdict.to_owned()])
            .collect();
        self.steps.push(words.join(" "));
        self.body.extend(wires.concat());
        self
    }

    /// The answer to a request for these records.
    fn give_bundle(&mut self, asked: Range<u64>, wire: Vec<u8>, verdict: &str) -> &mut Self {
        let call = format!("bundle {}-{}", asked.start, asked.end);
        self.give(&call, &[wire], verdict)
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

    fn start(&mut self, tale: &Tale, length: u64, ranges: &[(u64, u64)]) -> &mut Self {
        let bundle = |(from, to): &(u64, u64)| tale.history.bundle(length, *from..*to).wire();
        let wires: Vec<_> = ranges.iter().map(bundle).collect();
        self.give("start", &wires, "accepted")
            .now_at(&tale.history.statement(length));
        for (from, to) in ranges {
            self.came(tale, *from..*to);
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
        self.give_bundle(range.clone(), wire, "accepted")
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

    fn accept<'s>(&self, shelf: &'s mut Shelf, name: &str, why: &str) -> &'s mut Vector {
        let vector = shelf.accept(name, why, self.body.clone());
        self.describe(vector);
        for (name, value) in &self.head {
            vector.with(name, value);
        }
        for (index, state) in &self.records {
            vector.with("record", format!("{index} {state}"));
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

/// What people see: rows, the oldest first, divided by semicolons.
fn shown<'v>(vector: &'v mut Vector, rows: &str) -> &'v mut Vector {
    for row in rows.split("; ") {
        vector.with("shown", row);
    }
    vector
}
