//! One sync with one peer: which questions are under way, what the answers come to, when it is over.
//!
//! Pure but for the store, which comes in. The driver carries questions and answers, in this order, and knows nothing of
//! what they mean.

#[cfg(test)]
mod tests;

use super::{Heard, Known, Session, Step, Wanted};
use crate::frame::Ask;
use crate::judge::{self, BundleJudged, HeadJudged};
use crate::runs::Runs;
use crate::store::FeedStore;
use levada_feed::fork::ForkProof;
use levada_feed::key::FeedKey;
use levada_feed::link::First;
use levada_feed::log::Batch;
use levada_feed::reject::Reject;
use std::collections::VecDeque;
use std::ops::Range;

/// Bundles asked for before the one before them was judged.
const UNDER_WAY_MAX: usize = 2;
/// Times that a peer may grow its head while we follow it; then it is taken as it is.
const HEADS_MAX: u32 = 16;
/// Times that a peer's head may move on between two answers.
const MOVES_MAX: u32 = 3;

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Ask this. Answers are handed over in the order of the questions.
    Ask(Ask),
    /// Hand over the answer to what was asked the longest ago.
    Wait,
    /// This peer has told what it can.
    Done,
}

/// Why an exchange ended before its time.
#[derive(Debug)]
pub enum Ended {
    /// The author signed two histories; the proof is kept.
    Fork(Box<ForkProof>),
    /// The peer has less than was verified here before.
    Behind {
        /// Records of the head that is remembered.
        expected: u64,
        /// Records of the peer's.
        got: u64,
    },
    /// The peer's head moved on at each answer.
    Restless,
    /// The peer's bytes are wrong.
    Wrong(Reject),
}

/// What an exchange is about.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// The feed.
    pub feed: FeedKey,
    /// What the user's link says of record 0.
    pub first: Option<First>,
    /// What is kept.
    pub wanted: Wanted,
    /// Records below this were asked for before: what was lacking then may be lacking everywhere, and is asked of one peer
    /// only. 0: all that is wanted is asked for, of whoever has it.
    pub above: u64,
    /// A fork of the feed is known: it stays at the head that was verified before.
    pub is_disputed: bool,
}

#[derive(Clone, Debug)]
enum Question {
    Newest,
    Head(u64),
    /// Whether the list begins with what is remembered.
    Proof(u64),
    Records(Range<u64>),
}

/// What counts once the peer proved that it extends the remembered head.
#[derive(Clone, Debug)]
enum Unproven {
    Start(Box<Batch>),
    Head { have: u64, answer: Vec<u8> },
}

/// One sync with one peer, question by question.
#[derive(Clone, Debug)]
pub struct Exchange {
    topic: Topic,
    session: Session,
    /// What was asked, in that order.
    asked: VecDeque<Question>,
    under_way: Runs,
    unproven: Option<(u64, Unproven)>,
    heads: u32,
    moves: u32,
    records: u64,
    has_begun: bool,
    is_over: bool,
    is_stale: bool,
}

impl Exchange {
    /// An exchange about this. A feed of which a fork is known is not asked for another head.
    #[must_use]
    pub fn new(topic: Topic) -> Self {
        let mut session = Session::new(topic.wanted);
        if topic.is_disputed {
            session.head_judged();
        }
        Self {
            topic,
            session,
            asked: VecDeque::new(),
            under_way: Runs::new(),
            unproven: None,
            heads: 0,
            moves: 0,
            records: 0,
            has_begun: false,
            is_over: false,
            is_stale: false,
        }
    }

    /// Records that came.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// What came of it when the peer told what it can.
    #[must_use]
    pub fn heard(&self, known: &Known<'_>) -> Heard {
        let lacks = |above| self.is_over || self.session.lacks(known, above).is_some();
        Heard::All {
            is_stale: self.is_stale,
            is_enough: !lacks(self.topic.above),
            is_whole: !lacks(0),
        }
    }

    /// What came of it when the peer failed before.
    #[must_use]
    pub fn failed(&self, is_passing: bool) -> Heard {
        Heard::Failed {
            is_passing,
            has_begun: self.has_begun,
        }
    }

    /// Whether nothing is under way: only then the items of `Known` are looked at.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether nothing can be asked before an answer came.
    #[must_use]
    pub fn waits(&self) -> bool {
        let is_alone = |question: &Question| !matches!(question, Question::Records(_));
        self.asked.front().is_some_and(is_alone) || self.asked.len() >= UNDER_WAY_MAX
    }

    /// See `Session::from`.
    pub fn from(&mut self, length: u64) -> Option<u64> {
        self.session.from(length)
    }

    /// What to do next, by what is known now.
    pub fn next(&mut self, known: &Known<'_>) -> Turn {
        let is_idle = self.asked.is_empty();
        if self.waits() {
            return Turn::Wait;
        }
        if self.is_over {
            return if is_idle { Turn::Done } else { Turn::Wait };
        }
        let feed = self.topic.feed;
        if let Some((have, _)) = self.unproven {
            return self.ask_head(Question::Proof(have), have);
        }
        match self.session.next(known, &self.under_way) {
            Step::Records(range) => {
                let (from, to) = (range.start, range.end);
                self.under_way.insert(range.clone());
                self.asked.push_back(Question::Records(range));
                let at = known.length;
                Turn::Ask(Ask::Bundle { feed, from, to, at })
            }
            Step::Start { latest: count } if is_idle => {
                self.asked.push_back(Question::Newest);
                Turn::Ask(Ask::Latest { feed, count })
            }
            Step::Head { have } if is_idle => self.ask_head(Question::Head(have), have),
            Step::Done if is_idle => Turn::Done,
            _ => Turn::Wait,
        }
    }

    fn ask_head(&mut self, question: Question, have: u64) -> Turn {
        self.asked.push_back(question);
        Turn::Ask(Ask::Head {
            feed: self.topic.feed,
            have,
            wait: 0,
        })
    }

    /// The peer does not have what was asked for the longest ago. False: without it nothing can come of this.
    pub fn lacked(&mut self) -> bool {
        let Some(Question::Records(range)) = self.asked.pop_front() else {
            return false;
        };
        self.under_way.remove(range.clone());
        self.session.refused(range);
        true
    }

    /// Judges the answer to what was asked the longest ago, at `now`; what is proven is written.
    ///
    /// # Errors
    /// The store's.
    pub fn answered<S: FeedStore>(
        &mut self,
        store: &mut S,
        answer: &[u8],
        now: u64,
    ) -> Result<Result<(), Ended>, S::Error> {
        let Some(question) = self.asked.pop_front() else {
            return Ok(Ok(()));
        };
        let Topic { feed, first, .. } = self.topic;
        let proof = match &question {
            Question::Proof(have) => Some((*have, answer)),
            _ => None,
        };
        let (unproven, judged) = match (question, self.unproven.take()) {
            (Question::Records(range), _) => {
                let judged = judge::bundle(store, &feed, &range, answer)?;
                return Ok(self.bundle_came(range, judged, answer.len()));
            }
            (Question::Newest, _) => match judge::newest(&feed, first.as_ref(), answer) {
                Err(reject) => return Ok(Err(Ended::Wrong(reject))),
                Ok(batch) => {
                    let judged = judge::start(store, &batch, None, now)?;
                    (Unproven::Start(Box::new(batch)), judged)
                }
            },
            (Question::Head(have), _) => {
                let judged = judge::head(store, &feed, (have, answer), None, now)?;
                let answer = answer.to_vec();
                (Unproven::Head { have, answer }, judged)
            }
            (Question::Proof(_), None) => return Ok(Ok(())),
            (Question::Proof(_), Some((_, Unproven::Start(batch)))) => {
                let judged = judge::start(store, &batch, proof, now)?;
                (Unproven::Start(batch), judged)
            }
            (Question::Proof(_), Some((_, Unproven::Head { have, answer }))) => {
                let judged = judge::head(store, &feed, (have, &answer), proof, now)?;
                (Unproven::Head { have, answer }, judged)
            }
        };
        Ok(self.head_came(judged, unproven, proof.is_some()))
    }

    fn head_came(
        &mut self,
        judged: HeadJudged,
        unproven: Unproven,
        was_proven: bool,
    ) -> Result<(), Ended> {
        match judged {
            HeadJudged::Taken(records) => {
                self.records += records;
                self.has_begun = true;
                self.session.head_judged();
            }
            HeadJudged::Older => {
                self.is_stale = true;
                self.session.head_judged();
            }
            HeadJudged::Disputed => {
                self.is_stale = true;
                self.topic.is_disputed = true;
                self.session.head_judged();
            }
            HeadJudged::Prove { have } if !was_proven => self.unproven = Some((have, unproven)),
            // What is remembered grew by another hand, or the peer's head did: once more from the beginning.
            HeadJudged::Prove { .. } | HeadJudged::Moved => {
                self.moves += 1;
                if self.moves >= MOVES_MAX {
                    return Err(Ended::Restless);
                }
            }
            HeadJudged::Ask => self.session.head_outdated(),
            HeadJudged::Behind { expected, got } => return Err(Ended::Behind { expected, got }),
            HeadJudged::Fork(proof, _) => return Err(Ended::Fork(proof)),
            HeadJudged::Wrong(reject) => return Err(Ended::Wrong(reject)),
        }
        self.heads += 1;
        self.is_over |= self.heads > HEADS_MAX;
        Ok(())
    }

    fn bundle_came(
        &mut self,
        range: Range<u64>,
        judged: BundleJudged,
        bytes: usize,
    ) -> Result<(), Ended> {
        self.under_way.remove(range.clone());
        match judged {
            BundleJudged::Taken { records, withheld } => {
                self.records += records;
                let slots = records + u64::try_from(withheld.len()).unwrap_or(0);
                withheld
                    .iter()
                    .for_each(|index| self.session.refused(*index..index + 1));
                self.session
                    .bundle_came(range.end - range.start, slots, bytes);
            }
            BundleJudged::Older => self.session.refused(range),
            BundleJudged::NewHead if self.topic.is_disputed => self.session.refused(range),
            BundleJudged::NewHead if self.heads < HEADS_MAX => self.session.head_outdated(),
            BundleJudged::NewHead => self.is_over = true,
            // It has the other history, and nothing of the one that we stay at; that there are two is known.
            BundleJudged::Fork(_) if self.topic.is_disputed => {
                self.is_stale = true;
                self.is_over = true;
            }
            BundleJudged::Fork(proof) => return Err(Ended::Fork(proof)),
            BundleJudged::Wrong(reject) => return Err(Ended::Wrong(reject)),
        }
        Ok(())
    }
}
