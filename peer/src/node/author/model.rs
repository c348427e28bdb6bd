//! A model test of the author's rules (spec/author-file.md, Copies): seeded schedules of machines that sign, stop, are killed,
//! fail at any change of the disk, lose and restore files, and of mirrors that lag, say nothing or lie, over the real code.
//! Every head that leaves a process is collected.
//!
//! Two worlds. In a careful one a mirror always answers, and has everything that was ever shown: there no two heads
//! contradict each other, whatever else happens. In a wild one mirrors lag and people insist, so that two machines can sign
//! apart; but no machine contradicts what it knows or was told, and once both sides are known everybody stops.
//!
//! `LEVADA_SCHEDULES=N` runs N of each, from `LEVADA_SCHEDULES_SEED` on; `LEVADA_SEED=N` that one alone, with its steps.

mod history;
mod kept;
mod machine;
mod mirror;
mod mishap;
mod settle;

use super::Trust;
use crate::api::Code;
use history::History;
use levada_feed::key::FeedKey;
use machine::{Machine, Part, Saved};
use mirror::{Manner, Mirror};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use tokio::runtime::Runtime;

const MACHINES: usize = 3;
const MIRRORS: usize = 3;
const STEPS: usize = 16;
/// Schedules of each world without LEVADA_SCHEDULES.
const SCHEDULES: u64 = 40;

/// Numbers that look random, from a seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// What outlives a schedule.
struct World {
    mirrors: Vec<Mirror>,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self {
            mirrors: (0..MIRRORS).map(|_| Mirror::new()).collect(),
            runtime,
        }
    }
}

struct Run<'a> {
    world: &'a World,
    dice: Dice,
    is_careful: bool,
    feed: FeedKey,
    machines: Vec<Machine>,
    saved: Vec<Saved>,
    /// Every history that left a process.
    left: Vec<History>,
    steps: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(world: &'a World, seed: u64, is_careful: bool) -> Self {
        for mirror in &world.mirrors {
            mirror.set(Manner::Honest);
        }
        let mut machines: Vec<Machine> = (0..MACHINES).map(|_| Machine::new()).collect();
        let urls: Vec<String> = world.mirrors.iter().map(|at| at.url.clone()).collect();
        let feed = machines[0].begin(&urls);
        let mut run = Self {
            world,
            dice: Dice(seed),
            is_careful,
            feed,
            machines,
            saved: Vec::new(),
            left: Vec::new(),
            steps: Vec::new(),
        };
        run.collect(0, true);
        for machine in 1..MACHINES {
            run.copy(0, machine);
        }
        run
    }

    fn say(&mut self, step: String) {
        self.steps.push(step);
    }

    /// What a machine shows now; it may have been signed there, or come from elsewhere.
    fn collect(&mut self, at: usize, is_signed: bool) {
        let Some(shown) = self.machines[at].shown(&self.feed) else {
            return;
        };
        let machine = &mut self.machines[at];
        // Files of two histories, put together by hand, are shown as they are, and nothing is signed.
        if is_signed || !machine.known.is_mixed() {
            for known in machine.known.all() {
                assert!(
                    shown.agrees(known),
                    "machine {at} contradicts what it showed itself"
                );
            }
        }
        if is_signed {
            machine.known.add_signed(&shown);
        } else {
            machine.known.add_shown(&shown);
        }
        if self.left.contains(&shown) {
            return;
        }
        self.say(format!("  machine {at} shows {}", shown.length()));
        if self.is_careful {
            for left in &self.left {
                assert!(
                    shown.agrees(left),
                    "machine {at} contradicts what was shown"
                );
            }
            let node = self.machines[at].node().unwrap();
            self.world.mirrors[0].pull(&node.disk, &self.feed);
        }
        self.left.push(shown);
    }

    fn copy(&mut self, from: usize, to: usize) {
        let saved = self.machines[from].save();
        self.machines[to].restore(&saved, Part::All);
    }

    /// What the mirrors that answer honestly have.
    fn told(&self) -> Vec<History> {
        let mirrors = self.world.mirrors.iter();
        let honest = mirrors.filter(|mirror| mirror.manner() == Manner::Honest);
        honest
            .filter_map(|mirror| History::of(mirror.disk(), &self.feed))
            .collect()
    }

    /// A careful node that runs on sees what others signed.
    fn hear(&mut self, at: usize) {
        if self.is_careful && self.machines[at].is_open() {
            self.watch(at);
        }
    }

    fn sign(&mut self, at: usize, trust: Trust) {
        self.hear(at);
        let records = self.dice.below(4) as u64;
        let now = self.time();
        self.say(format!("machine {at} signs {records} at {now}, {trust:?}"));
        let Ok(node) = self.machines[at].node() else {
            panic!("machine {at} does not start");
        };
        let path = node.dirs.keys().join("main.feed");
        let is_live = path.exists() && node.markers.is_live(&self.feed, &path).unwrap();
        let was_asked = node.asked(&self.feed);
        let has_fork = node.evidence.fork(&self.feed).unwrap().is_some();
        let before = self.machines[at].shown(&self.feed);
        let told = self.told();
        let signed = self.machines[at].sign(trust, records, now);
        if let Err(failure) = &signed {
            self.say(format!("  {:?} {}", failure.code, failure.message));
            assert_eq!(failure.code, Code::Denied, "{failure:?}");
            return self.collect(at, false);
        }
        assert!(!has_fork, "machine {at} signs in spite of a fork proof");
        self.collect(at, true);
        let shown = self.machines[at].shown(&self.feed).unwrap();
        if !was_asked {
            for told in &told {
                assert!(shown.extends(told), "machine {at} signs against a mirror");
            }
        }
        if !is_live && trust == Trust::Marked {
            let mirrors = self.world.mirrors.iter();
            let mut heads = mirrors.filter_map(|mirror| match mirror.manner() {
                Manner::Silent | Manner::Unknown | Manner::Flips | Manner::Halves => None,
                _ => mirror.head(&self.feed),
            });
            let length = before.map_or(0, |before| before.length());
            let is_told = heads.any(|head| head.body().length as usize >= length);
            assert!(
                is_told,
                "machine {at} has no marker, and nobody told it to sign"
            );
        }
    }

    /// Clocks go back and forth by ages.
    fn time(&mut self) -> u64 {
        [
            0,
            1,
            1_700_000_000_000,
            1_900_000_000_000,
            9_000_000_000_000,
        ][self.dice.below(5)]
    }

    fn watch(&mut self, at: usize) {
        for mirror in &self.world.mirrors {
            self.machines[at].watch(&self.world.runtime, &mirror.url);
        }
        self.say(format!("machine {at} watches"));
        self.collect(at, false);
    }

    fn pull(&mut self, mirror: usize, at: usize) {
        let node = self.machines[at].node().unwrap();
        self.collect(at, false);
        self.world.mirrors[mirror].pull(&node.disk, &self.feed);
        self.say(format!("mirror {mirror} pulls from {at}"));
    }

    fn step(&mut self) {
        let at = self.dice.below(MACHINES);
        match self.dice.below(40) {
            0..12 => self.sign(at, Trust::Marked),
            12..14 => self.crash(at),
            14..16 => self.sign(at, Trust::Insisted),
            16..19 => {
                self.say(format!("machine {at} takes over"));
                if let Err(failure) = self.machines[at].take_over() {
                    assert_eq!(failure.code, Code::Denied, "{failure:?}");
                }
                self.collect(at, false);
            }
            19..21 => self.watch(at),
            21..25 => {
                let mirror = self.dice.below(MIRRORS);
                self.pull(mirror, at);
            }
            25..29 => {
                let mirror = usize::from(self.is_careful) + self.dice.below(2);
                let manner = Manner::ALL[self.dice.below(7)];
                self.say(format!("mirror {mirror} is {manner:?}"));
                self.world.mirrors[mirror].set(manner);
            }
            29..31 => {
                self.say(format!("machine {at} is saved as {}", self.saved.len()));
                let saved = self.machines[at].save();
                self.saved.push(saved);
            }
            31..35 if !self.saved.is_empty() => {
                let saved = self.dice.below(self.saved.len());
                let part = [Part::All, Part::Data, Part::Keys, Part::Store][self.dice.below(4)];
                self.say(format!("machine {at} gets {part:?} of {saved}"));
                self.machines[at].restore(&self.saved[saved], part);
            }
            35 => {
                self.say(format!("machine {at} stops"));
                self.machines[at].stop();
            }
            _ => self.lose(at),
        }
    }
}

fn run(world: &World, seed: u64, is_careful: bool) {
    let mut run = Run::new(world, seed, is_careful);
    let ran = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            run.step();
        }
        run.settle();
    }));
    if let Err(panic) = ran {
        show(seed, is_careful, &run.steps);
        resume_unwind(panic);
    }
    if std::env::var_os("LEVADA_SEED").is_some() {
        show(seed, is_careful, &run.steps);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "a failure is told with the seed that replays it"
)]
fn show(seed: u64, is_careful: bool, steps: &[String]) {
    println!("LEVADA_SEED={seed} (is_careful: {is_careful})");
    for step in steps {
        println!("{step}");
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run_all(is_careful: bool) {
    let world = World::new();
    if let Some(seed) = number("LEVADA_SEED") {
        return run(&world, seed, is_careful);
    }
    let first = number("LEVADA_SCHEDULES_SEED").unwrap_or(0);
    for seed in first..first + number("LEVADA_SCHEDULES").unwrap_or(SCHEDULES) {
        run(&world, seed, is_careful);
    }
}

#[test]
fn no_two_heads_that_leave_contradict_each_other_while_one_mirror_has_everything() {
    run_all(true);
}

#[test]
fn no_machine_contradicts_what_it_showed_or_was_told_and_nobody_signs_after_a_fork() {
    run_all(false);
}
