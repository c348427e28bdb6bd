//! One large blob from several peers, out of a seed: `swarm` says what is asked of whom, `levada_feed::tree` checks what comes.
//!
//! Peers are quick or slow, have all of it or a part, go away and come back, keep silent, or lie in one of three ways. The
//! process is killed now and then, and what was not noted is lost. What is kept is right at any time; when the faults stop,
//! all of it comes, and a liar is asked for one window in each attempt at most.

use super::dice::Dice;
use levada_feed::hash::Hash;
use levada_feed::tree::{LeafVerifier, Proven, Shape, check_pairs, hash_piece};
use levada_peer::runs::Runs;
use levada_peer::swarm::{self, Asked, Request, Source, State};
use std::ops::Range;
use std::sync::OnceLock;

const LEAF: usize = 16 << 10;
const LEAVES: u64 = 200;
const TICK_MS: u64 = 100;
/// When the faults stop, and when all has to be here, in ticks.
const CALM: u64 = 600;
const END: u64 = 12_000;
/// Ticks from an attempt that failed to the next one.
const PAUSE: u64 = 300;

/// The blob of all seeds.
struct Blob {
    bytes: Vec<u8>,
    hash: Hash,
    shape: Shape,
    /// All pairs, in pre-order.
    pairs: Vec<u8>,
}

impl Blob {
    /// The pairs that prove these leaves.
    fn prove(&self, wanted: &Range<u64>) -> Vec<u8> {
        let mut proof = Vec::new();
        self.gather(wanted, &(0..LEAVES), 0, &mut proof);
        proof
    }

    /// Those below the parent of these leaves, which stands at this place.
    fn gather(&self, wanted: &Range<u64>, leaves: &Range<u64>, at: u64, proof: &mut Vec<u8>) {
        let count = leaves.end - leaves.start;
        if count == 1 || leaves.start >= wanted.end || wanted.start >= leaves.end {
            return;
        }
        let start = usize::try_from(at).unwrap() * 64;
        proof.extend(&self.pairs[start..start + 64]);
        let left = count.next_power_of_two() / 2;
        let middle = leaves.start + left;
        self.gather(wanted, &(leaves.start..middle), at + 1, proof);
        self.gather(wanted, &(middle..leaves.end), at + left, proof);
    }
}

fn blob() -> &'static Blob {
    static BLOB: OnceLock<Blob> = OnceLock::new();
    BLOB.get_or_init(|| {
        let size = usize::try_from(LEAVES).unwrap() * LEAF - 777;
        let bytes = levada_tests::noise(5, size);
        let shape = Shape::of_blob(u64::try_from(size).unwrap()).unwrap();
        let piece = hash_piece(shape, 0, &bytes).unwrap();
        let hash = piece.hash;
        assert_eq!(hash, Hash::of(&bytes));
        Blob {
            bytes,
            hash,
            shape,
            pairs: piece.pairs,
        }
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manners {
    Honest,
    Silent,
    WrongPairs,
    WrongLeaf,
    Short,
}

/// Who may have the blob.
#[derive(Debug)]
struct Peer {
    manners: Manners,
    /// Leaves in a tick.
    pace: u64,
    have: Option<Runs>,
    /// Ticks in which it is away.
    away: Range<u64>,
    windows: u64,
}

/// A window under way: what came of it, and what checks it.
struct Window {
    asked: Asked,
    verifier: Option<LeafVerifier<Proven>>,
    at: u64,
}

struct Fetch {
    dice: Dice,
    peers: Vec<Peer>,
    held: Runs,
    noted: Runs,
    sources: Vec<Source>,
    windows: Vec<Window>,
    attempts: u64,
}

/// Plays one seed.
pub(super) fn play(seed: u64) {
    let mut dice = Dice::new(seed ^ 0xb10b);
    let count = dice.place(4) + 1;
    let mut fetch = Fetch {
        peers: (0..count).map(|at| peer(at, &mut dice)).collect(),
        dice,
        held: Runs::new(),
        noted: Runs::new(),
        sources: Vec::new(),
        windows: Vec::new(),
        attempts: 0,
    };
    let mut rests_until = 0;
    for tick in 0..END {
        if fetch.held.contains_all(0..LEAVES) {
            return fetch.check(seed);
        }
        if tick < CALM && fetch.dice.happens(1) {
            // The process is killed; it begins again with what was noted.
            fetch.held = fetch.noted.clone();
            fetch.windows.clear();
            fetch.sources.clear();
        }
        if tick % 5 == 0 {
            fetch.noted = fetch.held.clone();
        }
        if tick >= rests_until && !fetch.step(tick) {
            rests_until = tick + PAUSE;
        }
    }
    panic!(
        "seed {seed}: {:?} of the blob after all faults; {:?}",
        fetch.held, fetch.peers
    );
}

/// The first peer is honest, has all, and is there when the faults stop.
fn peer(at: usize, dice: &mut Dice) -> Peer {
    const ALL: [Manners; 5] = [
        Manners::Honest,
        Manners::Silent,
        Manners::WrongPairs,
        Manners::WrongLeaf,
        Manners::Short,
    ];
    let away = dice.within(0..CALM);
    let start = dice.within(0..LEAVES);
    Peer {
        manners: if at == 0 {
            Manners::Honest
        } else {
            ALL[dice.place(ALL.len())]
        },
        pace: [1, 3, 20][dice.place(3)],
        have: (at > 0 && dice.happens(40)).then(|| Runs::of(start..dice.within(start..LEAVES) + 1)),
        away: away..dice.within(away..CALM) + 1,
        windows: 0,
    }
}

impl Fetch {
    /// Asks and takes what comes; false when nobody is left to ask.
    fn step(&mut self, tick: u64) -> bool {
        if self.sources.is_empty() {
            self.attempts += 1;
            let source = |peer: &Peer| Source {
                have: peer.have.clone(),
                ..Source::default()
            };
            self.sources = self.peers.iter().map(source).collect();
        }
        let missing: Vec<Range<u64>> = self.held.missing(0..LEAVES).collect();
        let asked: Vec<Asked> = self.windows.iter().map(|one| one.asked.clone()).collect();
        let requests = swarm::next(&State {
            missing: &missing,
            asked: &asked,
            sources: &self.sources,
            now: tick * TICK_MS,
        });
        let mut over: Vec<usize> = requests.iter().filter_map(|one| one.instead_of).collect();
        over.sort_unstable();
        for at in over.into_iter().rev() {
            self.windows.remove(at);
        }
        for Request { source, leaves, .. } in requests {
            self.peers[source].windows += 1;
            self.windows.push(Window {
                at: leaves.start,
                asked: Asked {
                    source,
                    leaves,
                    since: tick * TICK_MS,
                },
                verifier: None,
            });
        }
        if self.windows.is_empty() {
            self.sources.clear();
            return false;
        }
        for window in std::mem::take(&mut self.windows) {
            self.go_on(window, tick);
        }
        true
    }

    /// A tick of one window.
    fn go_on(&mut self, mut window: Window, tick: u64) {
        let (source, leaves) = (window.asked.source, window.asked.leaves.clone());
        let before = self
            .held
            .missing(leaves.clone())
            .map(|run| run.end - run.start);
        let before: u64 = before.sum();
        let came = self.bring(&mut window, tick);
        let left: u64 = self
            .held
            .missing(leaves)
            .map(|run| run.end - run.start)
            .sum();
        let known = &mut self.sources[source];
        known.leaves += before - left;
        known.took_ms += TICK_MS;
        known.is_out |= came.is_err();
        if came == Ok(false) {
            self.windows.push(window);
        }
    }

    /// What a peer brings in a tick: whether the window is over, or that it failed.
    fn bring(&mut self, window: &mut Window, tick: u64) -> Result<bool, ()> {
        let (blob, peer) = (blob(), &self.peers[window.asked.source]);
        let leaves = window.asked.leaves.clone();
        if peer.away.contains(&tick) || (tick < CALM && self.dice.happens(1)) {
            return Err(());
        }
        if peer.manners == Manners::Silent {
            // The client gives it up after a while.
            let waited = tick * TICK_MS - window.asked.since;
            return if waited > 15_000 { Err(()) } else { Ok(false) };
        }
        let Some(verifier) = &mut window.verifier else {
            let ranges = std::slice::from_ref(&leaves);
            let mut pairs = blob.prove(&leaves);
            if peer.manners == Manners::WrongPairs {
                let at = self.dice.place(pairs.len());
                pairs[at] ^= 1;
            }
            let proven = check_pairs(&blob.hash, blob.shape, ranges, &pairs).map_err(drop)?;
            assert_ne!(peer.manners, Manners::WrongPairs);
            window.verifier = Some(LeafVerifier::new(proven, leaves));
            return Ok(false);
        };
        let end = leaves.end.min(window.at + peer.pace);
        let bytes = blob.shape.bytes_of(&(window.at..end));
        let place = |at: u64| usize::try_from(at).unwrap();
        let mut bytes = blob.bytes[place(bytes.start)..place(bytes.end)].to_vec();
        match peer.manners {
            Manners::WrongLeaf => {
                let at = self.dice.place(bytes.len());
                bytes[at] ^= 1;
            }
            Manners::Short => bytes.truncate(bytes.len() / 2),
            _ => {}
        }
        let mut verified = Runs::new();
        let pushed = verifier.push(&bytes, &mut |offset, bytes| {
            let at = place(offset);
            assert_eq!(
                bytes,
                &blob.bytes[at..at + bytes.len()],
                "what is kept is right"
            );
            let last = at + bytes.len() - 1;
            let leaf = |at: usize| u64::try_from(at / LEAF).unwrap();
            verified.insert(leaf(at)..leaf(last) + 1);
        });
        verified.iter().for_each(|run| self.held.insert(run));
        pushed.map_err(drop)?;
        window.at = end;
        if end < leaves.end {
            return Ok(false);
        }
        verifier.finish().map_err(drop).map(|()| true)
    }

    fn check(&self, seed: u64) {
        for peer in &self.peers {
            let is_liar = !matches!(peer.manners, Manners::Honest | Manners::Silent);
            assert!(
                !is_liar || peer.windows <= self.attempts,
                "seed {seed}: {peer:?} lied, and was asked again in {} attempts",
                self.attempts
            );
        }
    }
}
