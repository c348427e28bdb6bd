//! An author and a follower, driven by bytes: whatever happens on the way, the follower believes no other history.

use levada_feed::hash::Hash;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::{AuthorLog, FollowedLog, Memory, Verdict};
use levada_feed::record::{self, Body, Profile, Record};
use std::collections::BTreeMap;

/// Records of one history at most.
const LENGTH_MAX: u64 = 3_000;
const WHOLE: &str = "the author has the whole list";

/// The feed of the kept inputs.
pub(super) fn feed() -> FeedKey {
    secret().feed_key()
}

pub(super) fn secret() -> FeedSecret {
    FeedSecret::from_bytes(&[4; 32])
}

struct Play {
    author: AuthorLog,
    written: Memory,
    follower: FollowedLog,
    kept: Memory,
    /// The root at each length that was signed.
    roots: BTreeMap<u64, Hash>,
}

impl Play {
    fn begin() -> Self {
        let mut play = Self {
            author: AuthorLog::new(secret()),
            written: Memory::default(),
            follower: FollowedLog::new(feed(), None),
            kept: Memory::default(),
            roots: BTreeMap::new(),
        };
        play.append(1);
        play
    }

    fn append(&mut self, records: u64) {
        for _ in 0..records.min(LENGTH_MAX.saturating_sub(self.author.length())) {
            let index = self.author.length();
            let body = Body::Profile(Box::new(Profile {
                name: format!("r {index}"),
                ..Profile::default()
            }));
            let record = Record {
                time: index,
                salt: [0; 16],
                body,
            };
            let bytes = record::write(&record, index).expect("a profile can be written");
            self.author.append(bytes).expect("it can be appended");
        }
        if let Some(batch) = self.author.sign(1_000 + self.author.length()) {
            self.written.commit(&batch);
            let head = batch.head().expect("it was signed").body();
            self.roots.insert(head.length, head.root);
        }
    }

    /// Takes an answer that may be bent; whatever is taken is the author's.
    fn take(&mut self, bent: bool, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::Accepted(batch)) => {
                for (index, bytes) in batch.records() {
                    assert_eq!(
                        self.written.records().get(index),
                        Some(bytes),
                        "record {index}"
                    );
                }
                self.kept.commit(&batch);
            }
            Some(Verdict::Fork(_)) => panic!("the author signed one history"),
            Some(_) => {}
            None => assert!(bent, "an honest answer was refused"),
        }
        if let Some(head) = self.follower.head() {
            let body = head.body();
            assert_eq!(self.roots.get(&body.length), Some(&body.root));
        }
    }

    fn start(&mut self, newest: u64, bend: Bend) {
        if self.follower.head().is_some() {
            return;
        }
        let length = self.written.length();
        let from = length.saturating_sub(newest.max(1));
        let mut answer = vec![];
        if from > 0 {
            answer.push(self.written.bundle(0..1).expect(WHOLE));
        }
        answer.push(self.written.bundle(from..length).expect(WHOLE));
        let bent = answer.last_mut().is_some_and(|last| bend.apply(last));
        let parts: Vec<&[u8]> = answer.iter().map(Vec::as_slice).collect();
        let taken = self.follower.accept_start(None, &parts);
        let verdict = taken.ok().map(|batch| Verdict::Accepted(Box::new(batch)));
        self.take(bent, verdict);
    }

    fn ask_head(&mut self, bend: Bend) {
        let have = self.kept.length();
        let answer = self.written.head_answer(have);
        let mut answer = answer.expect(WHOLE);
        let bent = bend.apply(&mut answer);
        let verdict = self.follower.accept_head(&answer, &self.kept, u64::MAX / 2);
        self.take(bent, verdict.ok());
    }

    fn ask_bundle(&mut self, from: u64, count: u64, bend: Bend) {
        let length = self.written.length();
        let from = from % length;
        let range = from..(from + count.max(1)).min(length);
        let mut wire = self.written.bundle(range.clone()).expect(WHOLE);
        let bent = bend.apply(&mut wire);
        let verdict = self.follower.accept_bundle(&wire, &range, &self.kept);
        self.take(bent, verdict.ok());
    }
}

/// How an answer is changed on its way.
#[derive(Clone, Copy)]
struct Bend {
    at: u16,
    by: u8,
}

impl Bend {
    fn apply(self, answer: &mut [u8]) -> bool {
        let at = usize::from(self.at) % answer.len();
        answer[at] ^= self.by;
        self.by != 0
    }
}

/// Input: operations of six bytes each: what, two numbers, where to bend the answer, and by what.
pub(super) fn history(input: &[u8]) {
    let mut play = Play::begin();
    for step in input.as_chunks::<6>().0.iter().take(64) {
        let [what, one, two, at_high, at_low, by] = *step;
        let bend = Bend {
            at: u16::from_be_bytes([at_high, at_low]),
            by,
        };
        match what % 4 {
            0 => play.append(u64::from(one) + 1),
            1 => play.start(u64::from(one), bend),
            2 => play.ask_head(bend),
            _ => play.ask_bundle(u64::from(one) * 12, u64::from(two), bend),
        }
    }
    // Whatever happened, an honest peer is enough.
    let honest = Bend { at: 0, by: 0 };
    play.start(1, honest);
    play.ask_head(honest);
    assert_eq!(play.kept.length(), play.written.length());
}
