//! How peers behaved: when each answered last, how quickly, when it failed last and by what, and how often it lied.
//!
//! Pure: what happened is told with its time, Unix milliseconds. One bad answer costs a peer one answer and its place
//! before others; it is still asked when nobody else has a thing. The order among peers is `rank`'s.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Peers whose behaviour is kept; further ones push out who was heard of the longest ago.
const PEERS_MAX: usize = 4_096;
/// Time after which a lie is told no more against a peer.
const LIE_MS: u64 = 7 * 24 * 3_600_000;
/// Time after which a failure is.
const FAILURE_MS: u64 = 3_600_000;
/// Answers that come within these count as quick, middling, slow.
const QUICK_MS: [u64; 3] = [250, 1_000, 4_000];
/// Characters of what is kept of a failure.
const WORDS_MAX: usize = 300;

/// What a peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// It answered, after so many milliseconds if that tells anything.
    Answered(Option<u64>),
    /// Too many ask it; it wants to be asked again after so many seconds.
    Busy(u64),
    /// It is away, or answers as no peer does.
    Failed(String),
    /// What it said is proven wrong.
    Lied(String),
}

/// A failure of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// When, Unix milliseconds.
    pub time: u64,
    /// What people read.
    pub what: String,
    /// It is proven that the peer said what is wrong.
    pub is_lie: bool,
}

/// How one peer behaved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// When it answered last, Unix milliseconds.
    pub last_success: Option<u64>,
    /// How it failed last.
    pub last_failure: Option<LastFailure>,
    /// Failures since it answered last.
    pub failures: u32,
    /// Answers of it that were proven wrong.
    pub lies: u32,
    /// Milliseconds until it answers, lately.
    pub answers_in_ms: Option<u64>,
    /// Until then it has too much to do, Unix milliseconds: no fault, but others are asked first.
    #[serde(default)]
    pub busy_until: Option<u64>,
}

impl Standing {
    fn note(&mut self, conduct: Conduct, now: u64) {
        match conduct {
            Conduct::Busy(seconds) => {
                self.busy_until = Some(now.saturating_add(seconds.saturating_mul(1_000)));
            }
            Conduct::Answered(took) => {
                self.last_success = Some(now);
                self.busy_until = None;
                self.failures = 0;
                if let Some(took) = took {
                    let before = self.answers_in_ms.unwrap_or(took);
                    self.answers_in_ms = Some(before.saturating_mul(3).saturating_add(took) / 4);
                }
            }
            Conduct::Failed(what) => self.failed(what, false, now),
            Conduct::Lied(what) => {
                self.lies = self.lies.saturating_add(1);
                self.failed(what, true, now);
            }
        }
    }

    fn failed(&mut self, what: String, is_lie: bool, now: u64) {
        self.failures = self.failures.saturating_add(1);
        let what = what.chars().take(WORDS_MAX).collect();
        // What is proven says more than that it was away since.
        let is_known_lie = self.last_failure.as_ref().is_some_and(|last| last.is_lie);
        if is_lie || !is_known_lie {
            self.last_failure = Some(LastFailure {
                time: now,
                what,
                is_lie,
            });
        }
    }

    /// The lower, the sooner it is asked: liars last, then who failed lately, then who is slow.
    #[must_use]
    pub fn rank(&self, now: u64) -> u32 {
        let since = |time: u64| now.saturating_sub(time);
        let last = self.last_failure.as_ref();
        let lied = last.is_some_and(|last| last.is_lie && since(last.time) < LIE_MS);
        let failed = last.is_some_and(|last| since(last.time) < FAILURE_MS);
        let lies = if lied { self.lies.clamp(1, 9) } else { 0 };
        let failures = if failed { self.failures.min(9) } else { 0 };
        let slow = self.answers_in_ms.map_or(0, |took| {
            (0..)
                .zip(QUICK_MS)
                .find(|(_, limit)| took < *limit)
                .map_or(3, |(class, _)| class)
        });
        let busy = u32::from(self.busy_until.is_some_and(|until| now < until));
        lies * 100 + failures.max(busy) * 10 + slow
    }

    /// The same, read again at `now`: a time that is yet to come was told by a clock that was wrong.
    fn restored(mut self, now: u64) -> Self {
        self.last_success = self.last_success.map(|time| time.min(now));
        self.busy_until = None;
        if let Some(last) = &mut self.last_failure {
            last.time = last.time.min(now);
            last.what = last.what.chars().take(WORDS_MAX).collect();
        }
        self
    }

    fn heard(&self) -> u64 {
        let failed = self.last_failure.as_ref().map(|last| last.time);
        self.last_success
            .max(failed)
            .max(self.busy_until)
            .unwrap_or(0)
    }
}

/// How all peers behaved.
#[derive(Debug, Default)]
pub struct Standings {
    peers: BTreeMap<String, Standing>,
    changed: BTreeSet<String>,
    /// Something was noted since it was last written down.
    is_unwritten: bool,
}

impl Standings {
    /// What was written down before, read again at `now`.
    #[must_use]
    pub fn restored(written: Vec<(String, Standing)>, now: u64) -> Self {
        let peers = written.into_iter().take(PEERS_MAX);
        let peers: BTreeMap<String, Standing> = peers
            .map(|(peer, standing)| (peer, standing.restored(now)))
            .collect();
        Self {
            changed: peers.keys().cloned().collect(),
            peers,
            is_unwritten: false,
        }
    }

    /// What to write down; `None` when nothing was noted since the last time.
    pub fn take_unwritten(&mut self) -> Option<Vec<(String, Standing)>> {
        let all = self.peers.iter();
        std::mem::take(&mut self.is_unwritten).then(|| {
            all.map(|(peer, standing)| (peer.clone(), standing.clone()))
                .collect()
        })
    }

    /// Takes note of what a peer did at `now`.
    pub fn note(&mut self, peer: &str, conduct: Conduct, now: u64) {
        self.is_unwritten = true;
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(peer) {
            let oldest = self.peers.iter().min_by_key(|(_, known)| known.heard());
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.iter().for_each(|name| {
                self.peers.remove(name);
                self.changed.remove(name);
            });
        }
        let known = self.peers.entry(peer.to_owned()).or_default();
        let before = known.rank(now);
        known.note(conduct, now);
        if known.rank(now) != before {
            self.changed.insert(peer.to_owned());
        }
    }

    /// How a peer behaved; `None` when nothing was heard of it.
    #[must_use]
    pub fn of(&self, peer: &str) -> Option<&Standing> {
        self.peers.get(peer)
    }

    /// The rank of a peer; of one that is not known, that of an honest and quick one.
    #[must_use]
    pub fn rank(&self, peer: &str, now: u64) -> u32 {
        self.peers.get(peer).map_or(0, |known| known.rank(now))
    }

    /// Peers whose rank changed since the last time, with their ranks.
    pub fn changed(&mut self, now: u64) -> Vec<(String, u32)> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|peer| {
                let rank = self.rank(&peer, now);
                (peer, rank)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_and_quick_come_first_and_liars_last() {
        let mut all = Standings::default();
        let now = 1_000_000;
        all.note("quick", Conduct::Answered(Some(20)), now);
        all.note("slow", Conduct::Answered(Some(9_000)), now);
        all.note("away", Conduct::Failed("it is away".into()), now);
        all.note("liar", Conduct::Lied("record 3 is wrong".into()), now);
        all.note("liar", Conduct::Answered(Some(1)), now);
        for _ in 0..100 {
            all.note("gone", Conduct::Failed("it is away".into()), now);
        }
        let mut names = ["liar", "gone", "away", "slow", "quick"];
        names.sort_by_key(|name| all.rank(name, now));
        assert_eq!(names, ["quick", "slow", "away", "gone", "liar"]);
        assert_eq!(
            all.changed(now).len(),
            4,
            "of the quick one nothing changed"
        );
        assert!(all.changed(now).is_empty());
        // A lie stays named, whatever failed since; it counts less with time.
        all.note("liar", Conduct::Failed("it is away".into()), now + 5);
        let liar = all.of("liar").unwrap();
        assert_eq!(liar.lies, 1);
        assert_eq!(
            liar.last_failure.as_ref().unwrap().what,
            "record 3 is wrong"
        );
        assert_eq!(all.rank("liar", now + LIE_MS), 0);
        assert_eq!(all.rank("away", now + FAILURE_MS), 0);
    }

    #[test]
    fn busy_peer_is_asked_after_others_for_a_while_and_nothing_is_held_against_it() {
        let mut all = Standings::default();
        all.note("busy", Conduct::Busy(30), 1_000);
        let standing = all.of("busy").unwrap();
        assert_eq!((standing.failures, standing.lies), (0, 0));
        assert!(standing.last_failure.is_none());
        assert!(all.rank("busy", 30_999) > all.rank("other", 30_999));
        assert_eq!(all.rank("busy", 31_000), 0);
        assert_eq!(all.changed(1_000).len(), 1);
        all.note("busy", Conduct::Answered(None), 2_000);
        assert_eq!(all.rank("busy", 2_000), 0);
    }

    #[test]
    fn what_was_noted_is_there_after_a_restart_and_no_time_lies_ahead() {
        let mut all = Standings::default();
        assert!(all.take_unwritten().is_none());
        all.note("liar", Conduct::Lied("record 3 is wrong".into()), 9_000);
        all.note("quick", Conduct::Answered(Some(20)), 9_000);
        let written = all.take_unwritten().unwrap();
        assert!(all.take_unwritten().is_none());
        let mut again = Standings::restored(written.clone(), 5_000);
        assert_eq!(again.of("quick").unwrap().last_success, Some(5_000));
        assert_eq!(again.of("liar").unwrap().lies, 1);
        assert!(again.rank("liar", 5_000) > 0);
        assert_eq!(again.rank("liar", 5_000 + LIE_MS), 0);
        assert_eq!(again.changed(5_000).len(), 2);
        assert!(again.take_unwritten().is_none());
        let many = std::iter::repeat_n(written, PEERS_MAX).flatten();
        let many = many
            .enumerate()
            .map(|(n, (peer, standing))| (format!("{peer}{n}"), standing));
        assert_eq!(
            Standings::restored(many.collect(), 0).peers.len(),
            PEERS_MAX
        );
    }

    #[test]
    fn peers_that_are_kept_are_bounded() {
        let mut all = Standings::default();
        for number in 0..2 * PEERS_MAX {
            let now = u64::try_from(number).unwrap();
            all.note(&number.to_string(), Conduct::Failed("x".repeat(999)), now);
        }
        assert_eq!(all.peers.len(), PEERS_MAX);
        assert!(all.of("0").is_none());
        let newest = all.of(&(2 * PEERS_MAX - 1).to_string()).unwrap();
        assert_eq!(newest.last_failure.as_ref().unwrap().what.len(), WORDS_MAX);
    }
}
