//! Which part of a blob is asked of whom: one function from the state of its ranges to the next requests.
//!
//! Pure: what is missing, what is asked, how the peers do, and the time come in. A peer has one window under way, as long as
//! it can bring in a few seconds; who has nothing to do takes over the rest of a window that its peer brings too slowly.
//! Whether bytes are right is judged where they arrive; a peer that fails or lies is out, and its window is missing again.

use crate::runs::Runs;
use std::ops::Range;

/// Leaves in the first window of a peer: 1 MiB.
const WINDOW_MIN: u64 = 64;
/// Leaves in a window at most: 256 MiB, as many as one proof may cover.
const WINDOW_MAX: u64 = 16_384;
/// Time that a window is to take.
const WINDOW_MS: u64 = 2_000;
/// Time before a window may be taken over by another peer.
const PATIENCE_MS: u64 = 2_000;

/// One peer that may have the blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The lower, the sooner it is asked.
    pub rank: u32,
    /// It failed, lied or does not have the blob.
    pub is_out: bool,
    /// What it brought.
    pub leaves: u64,
    /// In how much time.
    pub took_ms: u64,
    /// The leaves that it has; all of them as far as is known, when absent.
    pub have: Option<Runs>,
}

impl Source {
    /// Leaves in so much time, as it did until now; `None` before its first window.
    fn leaves_in(&self, ms: u64) -> Option<u64> {
        let done = self.leaves.checked_mul(ms)?;
        (self.leaves > 0).then(|| done / self.took_ms.max(1))
    }
}

/// A window that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The peer, by its place among the sources.
    pub source: usize,
    /// What was asked for.
    pub leaves: Range<u64>,
    /// When.
    pub since: u64,
}

/// What is known of one blob.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// Wanted leaves that are not here, in rising order.
    pub missing: &'a [Range<u64>],
    /// Windows under way.
    pub asked: &'a [Asked],
    /// All peers.
    pub sources: &'a [Source],
    /// Milliseconds of a clock that only goes forward.
    pub now: u64,
}

/// A window to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The peer, by its place among the sources.
    pub source: usize,
    /// What to ask for.
    pub leaves: Range<u64>,
    /// The window that this takes over, by its place among those under way: it is to be ended.
    pub instead_of: Option<usize>,
}

/// What to ask for now.
#[must_use]
pub fn next(state: &State<'_>) -> Vec<Request> {
    let mut free = Runs::new();
    state
        .missing
        .iter()
        .for_each(|run| free.insert(run.clone()));
    let under_way = state.asked.iter();
    under_way.for_each(|asked| free.remove(asked.leaves.clone()));
    let usable = state.sources.iter().filter(|source| !source.is_out).count();
    let mut taken_over: Vec<usize> = Vec::new();
    let mut requests = Vec::new();
    for at in idle(state) {
        let Some(source) = state.sources.get(at) else {
            continue;
        };
        let window = window(source, usable, free.count());
        let found = free.iter().find_map(|run| within(source, run));
        let request = match found {
            Some(run) => Request {
                source: at,
                leaves: run.start..run.end.min(run.start.saturating_add(window)),
                instead_of: None,
            },
            None => match slow(state, source, &taken_over) {
                Some((asked, leaves)) => {
                    taken_over.push(asked);
                    Request {
                        source: at,
                        leaves,
                        instead_of: Some(asked),
                    }
                }
                None => continue,
            },
        };
        free.remove(request.leaves.clone());
        requests.push(request);
    }
    requests
}

/// Peers with nothing to do, the best first.
fn idle(state: &State<'_>) -> Vec<usize> {
    let is_busy = |at: usize| state.asked.iter().any(|asked| asked.source == at);
    let all = state.sources.iter().enumerate();
    let mut idle: Vec<usize> = all
        .filter(|(at, source)| !source.is_out && !is_busy(*at))
        .map(|(at, _)| at)
        .collect();
    idle.sort_by_key(|at| state.sources.get(*at).map(|source| source.rank));
    idle
}

/// Leaves of the next window of a peer. One that is alone gets as much as there can be: round trips cost more than waiting
/// for nobody else.
fn window(source: &Source, usable: usize, free: u64) -> u64 {
    if usable <= 1 {
        return WINDOW_MAX;
    }
    let share = free.div_ceil(u64::try_from(usable).unwrap_or(u64::MAX));
    let paced = source.leaves_in(WINDOW_MS).unwrap_or(WINDOW_MIN);
    paced.min(share).clamp(WINDOW_MIN, WINDOW_MAX)
}

/// The first part of a run that a peer has.
fn within(source: &Source, run: Range<u64>) -> Option<Range<u64>> {
    let Some(have) = &source.have else {
        return Some(run);
    };
    have.iter().find_map(|held| {
        let part = held.start.max(run.start)..held.end.min(run.end);
        (!part.is_empty()).then_some(part)
    })
}

/// The window under way that this peer would bring to its end in half the time, if there is one: what is left of it.
fn slow(state: &State<'_>, source: &Source, taken_over: &[usize]) -> Option<(usize, Range<u64>)> {
    let left = |asked: &Asked| {
        let of = state.missing.iter().map(|run| {
            let part = run.start.max(asked.leaves.start)..run.end.min(asked.leaves.end);
            if part.is_empty() { 0..0 } else { part }
        });
        of.filter(|part| !part.is_empty()).collect::<Vec<_>>()
    };
    let count = |parts: &[Range<u64>]| parts.iter().map(|part| part.end - part.start).sum::<u64>();
    let candidates = state.asked.iter().enumerate().filter_map(|(at, asked)| {
        let waited = state.now.saturating_sub(asked.since);
        if taken_over.contains(&at) || waited < PATIENCE_MS {
            return None;
        }
        let left = left(asked);
        let rest = count(&left);
        let came = (asked.leaves.end - asked.leaves.start).saturating_sub(rest);
        // Time for the rest at the pace of this window; for ever, if nothing came.
        let theirs = rest.saturating_mul(waited).checked_div(came);
        let ours = rest
            .saturating_mul(source.took_ms.max(1))
            .checked_div(source.leaves);
        let is_slower = match (theirs, ours) {
            (None, _) => true,
            (Some(theirs), Some(ours)) => theirs / 2 > ours,
            (Some(theirs), None) => theirs > 2 * PATIENCE_MS,
        };
        let first = left.into_iter().find_map(|run| within(source, run))?;
        is_slower.then_some((theirs.unwrap_or(u64::MAX), at, first))
    });
    let slowest = candidates.max_by_key(|(theirs, at, _)| (*theirs, std::cmp::Reverse(*at)));
    slowest.map(|(_, at, first)| (at, first))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a peer of the simulation behaves.
    #[derive(Clone, Copy)]
    enum Peer {
        /// Leaves in a tick of 100 ms.
        Pace(u64),
        /// Brings a window in a tick, and it is wrong.
        Lies,
    }

    /// Fetches a blob from such peers; gives the ticks that it took, the leaves that each brought, and the windows that
    /// were asked for.
    fn fetch(size: u64, peers: &[Peer]) -> (u64, Vec<u64>, usize) {
        let mut sources = vec![Source::default(); peers.len()];
        let mut missing = Runs::of(0..size);
        let mut asked: Vec<Asked> = Vec::new();
        let (mut brought, mut windows) = (vec![0; peers.len()], 0);
        for tick in 0..1_000_000 {
            let now = tick * 100;
            let gaps: Vec<Range<u64>> = missing.iter().collect();
            if gaps.is_empty() {
                return (tick, brought, windows);
            }
            let requests = next(&State {
                missing: &gaps,
                asked: &asked,
                sources: &sources,
                now,
            });
            let mut ended: Vec<usize> = requests.iter().filter_map(|r| r.instead_of).collect();
            ended.sort_unstable();
            ended.dedup();
            ended.into_iter().rev().for_each(|at| {
                asked.remove(at);
            });
            for Request { source, leaves, .. } in requests {
                assert!(leaves.end - leaves.start <= WINDOW_MAX && leaves.end <= size);
                assert!(asked.iter().all(|other| other.source != source));
                windows += 1;
                asked.push(Asked {
                    source,
                    leaves,
                    since: now,
                });
            }
            let mut still = Vec::new();
            for one in asked {
                match peers[one.source] {
                    Peer::Lies => sources[one.source].is_out = true,
                    Peer::Pace(pace) => {
                        let left: Vec<u64> = missing
                            .iter()
                            .flat_map(|run| {
                                run.start.max(one.leaves.start)..run.end.min(one.leaves.end)
                            })
                            .collect();
                        let came = &left[..left.len().min(usize::try_from(pace).unwrap())];
                        came.iter().for_each(|leaf| missing.remove(*leaf..leaf + 1));
                        let count = u64::try_from(came.len()).unwrap();
                        brought[one.source] += count;
                        sources[one.source].leaves += count;
                        sources[one.source].took_ms += 100;
                        if came.len() < left.len() {
                            still.push(one);
                        }
                    }
                }
            }
            asked = still;
        }
        panic!("never done");
    }

    #[test]
    fn one_peer_is_asked_for_all_it_may_be_asked_for_at_once() {
        let (_, brought, windows) = fetch(40_000, &[Peer::Pace(500)]);
        assert_eq!((brought, windows), (vec![40_000], 3));
    }

    #[test]
    fn slow_lying_and_fast_peers_bring_it_almost_as_soon_as_they_could() {
        let peers = [Peer::Pace(1), Peer::Lies, Peer::Pace(400)];
        let (ticks, brought, _) = fetch(20_000, &peers);
        assert_eq!(brought.iter().sum::<u64>(), 20_000);
        assert_eq!(brought[1], 0);
        assert!(brought[0] > 0, "the slow one helps too");
        let ideal = 20_000 / 401;
        assert!(
            ticks <= ideal * 3 / 2 + 25,
            "{ticks} where {ideal} would do"
        );
    }

    #[test]
    fn equal_peers_share_the_work() {
        let (ticks, brought, _) = fetch(30_000, &[Peer::Pace(50); 3]);
        assert!(ticks < 30_000 / 150 * 5 / 4, "{ticks}");
        assert!(brought.iter().all(|leaves| *leaves > 8_000), "{brought:?}");
    }

    #[test]
    fn window_of_a_peer_that_brings_nothing_is_taken_over() {
        let (ticks, brought, _) = fetch(200, &[Peer::Pace(0), Peer::Pace(10)]);
        assert_eq!(brought, [0, 200]);
        assert!(ticks <= 20 + 20 + 5, "{ticks}");
    }

    #[test]
    fn peers_are_asked_for_what_they_have_the_better_first() {
        let have = |range| Source {
            have: Some(Runs::of(range)),
            ..Source::default()
        };
        let worse = Source {
            rank: 10,
            ..Source::default()
        };
        let sources = [worse, have(300..400), have(0..10), have(500..600)];
        let state = State {
            missing: &[0..350],
            asked: &[],
            sources: &sources,
            now: 0,
        };
        let requests = next(&state);
        let asked = |at: usize| (requests[at].source, requests[at].leaves.clone());
        assert_eq!(
            requests.len(),
            3,
            "nobody else has anything that is missing"
        );
        assert_eq!(asked(0), (1, 300..350));
        assert_eq!(asked(1), (2, 0..10));
        assert_eq!(asked(2), (0, 10..74));
    }
}
