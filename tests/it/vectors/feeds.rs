//! Whole small feeds, given to a follower step by step.

use super::judge::{Facts, Judged, bytes_of, key_of, kind, number_of};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::link::First;
use levada_feed::log::{Batch, Failed, FollowedLog, Verdict};
use levada_feed::record;
use levada_feed::reject::Reject;
use levada_feed::tree::{Node, Pieces};
use levada_peer::io::disk::Disk;
use levada_peer::store::{RowKind, StoreError};
use levada_tests::vectors::Vector;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::ops::Range;

/// Where a follower keeps what was accepted.
trait Store {
    type Error: Debug;
    fn commit(&mut self, batch: &Batch);
    fn pieces(&self) -> impl Pieces<Error = Self::Error>;
}

#[derive(Default)]
struct Memory {
    leaves: BTreeMap<u64, Vec<u8>>,
    nodes: BTreeMap<Node, Hash>,
}

impl Store for Memory {
    type Error = Infallible;

    fn commit(&mut self, batch: &Batch) {
        self.nodes.extend(batch.nodes().iter().copied());
        for (index, leaf) in batch.leaves() {
            let held = self.leaves.entry(*index).or_default();
            if held.len() < leaf.len() {
                held.clone_from(leaf);
            }
        }
    }

    fn pieces(&self) -> impl Pieces<Error = Infallible> {
        self
    }
}

impl Pieces for &Memory {
    type Error = Infallible;
    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }
    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

/// The store of a node.
struct Stored<'a>(&'a Disk, FeedKey);

impl Store for Stored<'_> {
    type Error = StoreError;

    fn commit(&mut self, batch: &Batch) {
        self.0.commit(batch).unwrap();
    }

    fn pieces(&self) -> impl Pieces<Error = StoreError> {
        self.0.pieces(&self.1)
    }
}

/// A follower, and what it found.
struct Follower<S> {
    log: FollowedLog,
    first: Option<First>,
    now: u64,
    store: S,
    records: BTreeMap<u64, String>,
}

impl<S: Store> Follower<S> {
    /// Takes one step; gives the verdict in a word.
    fn step(
        &mut self,
        call: &str,
        asked: Option<Range<u64>>,
        wires: &[&[u8]],
    ) -> Result<&'static str, Reject> {
        let batch = match (call, asked, wires) {
            ("start", None, wires) => self.log.accept_start(self.first.as_ref(), wires)?,
            ("head", None, [answer]) => {
                let verdict = self.log.accept_head(answer, &self.store.pieces(), self.now);
                match verdict.map_err(rejected)? {
                    Verdict::Accepted(batch) => *batch,
                    other => return Ok(word(&other)),
                }
            }
            ("bundle", Some(asked), [bundle]) => {
                let verdict = self.log.accept_bundle(bundle, &asked, &self.store.pieces());
                match verdict.map_err(rejected)? {
                    Verdict::Accepted(batch) => *batch,
                    other => return Ok(word(&other)),
                }
            }
            _ => panic!("no such step as {call}"),
        };
        self.commit(&batch);
        Ok("accepted")
    }

    fn commit(&mut self, batch: &Batch) {
        for (index, by) in batch.withheld() {
            let state = by.map_or("withheld".to_owned(), |by| format!("withheld hint {by}"));
            self.records.entry(*index).or_insert(state);
        }
        for (index, bytes) in batch.records() {
            let state = match record::read(bytes, *index) {
                Ok(record) => kind(&record).to_owned(),
                Err(unreadable) => format!("unreadable {}", unreadable.must()),
            };
            self.records.insert(*index, state);
        }
        self.store.commit(batch);
    }

    fn facts(&self) -> Facts {
        let mut facts = Vec::new();
        if let Some(head) = self.log.head() {
            facts.push(("length", head.body().length.to_string()));
            facts.push(("root", head.body().root.to_string()));
            facts.push(("time", head.body().time.to_string()));
        }
        let records = self.records.iter();
        facts.extend(records.map(|(index, state)| ("record", format!("{index} {state}"))));
        facts
    }
}

fn rejected<E: Debug>(failed: Failed<E>) -> Reject {
    match failed {
        Failed::Rejected(reject) => reject,
        Failed::Pieces(error) => panic!("the store failed: {error:?}"),
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted(_) => "accepted",
        Verdict::Stale => "stale",
        Verdict::AskHead => "ask-head",
        Verdict::Fork(proof) => {
            let again = levada_feed::fork::ForkProof::check(proof.wire());
            assert_eq!(again.as_ref(), Ok(proof.as_ref()), "a proof stands alone");
            "fork"
        }
    }
}

pub(super) fn feed(vector: &Vector, body: &[u8]) -> Judged {
    follow(vector, body, Memory::default())
}

fn follow<S: Store>(vector: &Vector, body: &[u8], store: S) -> Judged {
    let first = vector.header("link-first");
    let mut follower = Follower {
        log: FollowedLog::new(key_of(vector, "feed"), None),
        first: first.map(|_| First(bytes_of(vector, "link-first").try_into().unwrap())),
        now: number_of(vector, "now"),
        store,
        records: BTreeMap::new(),
    };
    let (mut rest, mut facts) = (body, Vec::new());
    for step in vector.values("step") {
        // `bundle 3-7 1200 accepted`: call, what was asked for, sizes of the answers, verdict.
        let (given, _) = step.rsplit_once(' ').unwrap();
        let (mut asked, mut wires) = (None, Vec::new());
        let mut words = given.split(' ');
        let call = words.next().unwrap();
        for word in words {
            if let Some((from, to)) = word.split_once('-') {
                asked = Some(from.parse().unwrap()..to.parse().unwrap());
                continue;
            }
            let (wire, after) = rest.split_at(word.parse().unwrap());
            wires.push(wire);
            rest = after;
        }
        match follower.step(call, asked, &wires) {
            Ok(verdict) => facts.push(("step", format!("{given} {verdict}"))),
            Err(reject) => {
                facts.push(("step", format!("{given} refused")));
                return Judged {
                    refused: Some(reject.must()),
                    facts,
                };
            }
        }
    }
    assert!(rest.is_empty(), "{}: bytes of no step", vector.path());
    facts.extend(follower.facts());
    Judged {
        refused: None,
        facts,
    }
}

#[test]
fn whole_feeds_fill_a_store_and_are_shown_as_their_vectors_say() {
    for vector in super::checked_in() {
        if vector.noun != "feed" || vector.values("shown").is_empty() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let feed = key_of(&vector, "feed");
        let judged = follow(&vector, &vector.body, Stored(&disk, feed));
        super::check_facts(&vector, &judged);
        let mut shown = Vec::new();
        disk.rows(&feed, 0..u64::MAX, &mut |kind, row| {
            let state = match row.retracted_by {
                Some(by) => format!("retracted-by {by}"),
                None => format!("newest {}", row.newest),
            };
            shown.push(format!("{} {} {state}", row_kind(kind), row.index));
            true
        })
        .unwrap();
        shown.reverse();
        assert_eq!(shown, vector.values("shown"), "{}", vector.path());
    }
}

fn row_kind(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Profile => "profile",
        RowKind::Item => "item",
        RowKind::Collection => "collection",
        RowKind::Listing => "listing",
        RowKind::Moved => "moved",
        RowKind::Other => "other",
    }
}
