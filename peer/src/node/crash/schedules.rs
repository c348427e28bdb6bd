//! The author's rules under schedules drawn from seeds: a key on three machines that are backed up, restored, copied, crash
//! and lose what they have, with clocks that go back and forth, and mirrors that are away, behind, or lie.
//!
//! The code is the real one, from opening a feed to its signed head; every head that could have left a machine is held
//! against the list of every other. Two histories are never signed, but for the one case that the rules admit: a machine
//! that may sign, or that somebody answered (spec/author-file.md, Copies), while another one signed since, and nobody answers
//! who knows of it. Then a schedule ends.
//!
//! `LEVADA_SCHEDULES` is how many, `LEVADA_SCHEDULE` the seed of the first: a failure names its own.

use super::machine::{Machine, copy_all, folder};
use super::mirror::{Manners, Mirror};
use crate::api::Failure;
use crate::io::fault::{Form, Plan};
use crate::node::Node;
use crate::node::author::{Aside, Author, Trust};
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::record::{Body, Item};
use levada_feed::tree::{self, Shape};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const SCHEDULES: u64 = 60;
const STEPS: usize = 24;

/// Numbers that look random and are the same for one seed.
struct Dice(blake3::OutputReader);

impl Dice {
    fn of(seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        Self(hasher.finalize_xof())
    }

    fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(end).unwrap()).unwrap()
    }
}

/// A machine, and what the model knows of it.
struct Place {
    machine: Machine,
    node: Option<Arc<Node>>,
    /// It opened its feed since its files were last put there by hand.
    may_sign: bool,
}

impl Place {
    fn new() -> Self {
        Self {
            machine: Machine::new(),
            node: None,
            may_sign: false,
        }
    }

    fn close(&mut self) {
        if let Some(node) = self.node.take() {
            // After a planned failure it takes nothing more.
            let _ = node.close();
        }
    }

    /// Open, as a new process: it has asked nobody yet.
    fn open(&mut self) -> Arc<Node> {
        let node = self.node.get_or_insert_with(|| self.machine.open());
        node.asked.lock().unwrap().clear();
        node.clone()
    }

    fn file(&self) -> PathBuf {
        self.machine.dirs().keys().join("main.feed")
    }
}

struct World {
    runtime: Runtime,
    places: Vec<Place>,
    mirrors: Vec<Mirror>,
    backups: Vec<TempDir>,
    feed: FeedKey,
    /// Every head that could have left a machine.
    left: Vec<Head>,
    /// Something was signed apart, as the rules admit.
    is_apart: bool,
    signed: usize,
    log: Vec<String>,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mirrors: Vec<Mirror> = (0..2).map(|_| Mirror::start(&runtime)).collect();
        let mut places: Vec<Place> = (0..3).map(|_| Place::new()).collect();
        let node = places[0].open();
        let made = crate::node::own::make(&node, "main", None, false).unwrap();
        node.change_sources(|sources| {
            for mirror in &mirrors {
                sources.add_mirror(made.feed, &mirror.url);
            }
            Ok(())
        })
        .unwrap();
        places[0].may_sign = true;
        Self {
            runtime,
            places,
            mirrors,
            backups: Vec::new(),
            feed: made.feed,
            left: Vec::new(),
            is_apart: false,
            signed: 0,
            log: Vec::new(),
        }
    }

    fn longest(&self) -> u64 {
        let lengths = self.left.iter().map(|head| head.body().length);
        lengths.max().unwrap_or(0)
    }

    fn has_key(&self, at: usize) -> bool {
        self.places[at]
            .machine
            .dirs()
            .keys()
            .join("main.pem")
            .exists()
    }

    /// Opens the feed, appends an item and signs, as one command.
    fn publish(&mut self, at: usize, trust: Trust, now: u64) -> Result<(), Failure> {
        let node = self.places[at].open();
        let key = crate::node::own::find(&node, Some("main"))?;
        let aside = Aside::nobody();
        let mut author = Author::open(&node, &key, "main", trust, &aside)?;
        self.places[at].may_sign = true;
        let item = Item {
            title: format!("{} of {at}", self.log.len()),
            ..Item::default()
        };
        author.append(Body::Item(Box::new(item)), now)?;
        author.sign(&node, &[], now)
    }

    /// Whether anybody who answers knows the longest history.
    fn is_told(&self) -> bool {
        let longest = self.longest();
        let knows = |mirror: &Mirror| mirror.is_honest() && mirror.length(&self.feed) >= longest;
        self.mirrors.iter().any(knows)
    }

    fn length(&mut self, at: usize) -> u64 {
        let feed = self.feed;
        let head = self.places[at].open().disk.head(&feed).unwrap();
        head.map_or(0, |head| head.body().length)
    }

    /// Publishes, and says when two histories come of it that no rule admits.
    fn try_publish(&mut self, at: usize, trust: Trust, now: u64) {
        if !self.has_key(at) {
            return;
        }
        let (told, length) = (self.is_told(), self.length(at));
        let knows =
            |mirror: &Mirror| mirror.is_honest() && mirror.length(&self.feed) >= length.max(1);
        let could = self.places[at].may_sign || self.mirrors.iter().any(knows);
        let behind = length < self.longest();
        let published = self.publish(at, trust, now);
        self.log.push(format!(
            "  {:?}",
            published.as_ref().err().map(|one| &one.message)
        ));
        self.signed += usize::from(published.is_ok());
        let is_new = self.contradicts(at);
        if is_new {
            assert!(
                could && behind && !told,
                "two histories that no rule admits:\n{}",
                self.told()
            );
            self.is_apart = true;
        }
        self.note(at);
    }

    /// Whether a machine's list is another than that of a head that left.
    fn contradicts(&mut self, at: usize) -> bool {
        let node = self.places[at].open();
        let Some(ours) = node.disk.head(&self.feed).unwrap() else {
            return false;
        };
        self.left.iter().any(|head| {
            let body = head.body();
            body.length <= ours.body().length
                && tree::root(&node.disk.pieces(&self.feed), Shape::of_list(body.length)).unwrap()
                    != Some(body.root)
        })
    }

    fn note(&mut self, at: usize) {
        let node = self.places[at].open();
        let heads = [
            node.disk.head(&self.feed).unwrap().as_deref().cloned(),
            node.remembered(&self.feed),
        ];
        for head in heads.into_iter().flatten() {
            if !self.left.iter().any(|known| known.wire() == head.wire()) {
                self.left.push(head);
            }
        }
    }

    fn told(&self) -> String {
        self.log.join("\n")
    }

    fn step(&mut self, dice: &mut Dice) {
        let (at, other) = (dice.below(3), dice.below(3));
        let mirror = dice.below(2);
        // Clocks go back and forth by years.
        let now = 1_700_000_000_000 + u64::try_from(dice.below(200_000_000_000)).unwrap();
        let what = dice.below(20);
        self.log.push(format!(
            "step {what}: machine {at}, other {other}, mirror {mirror}"
        ));
        match what {
            0..=5 => self.try_publish(at, Trust::Marked, now),
            6 => self.crash(at, dice, now),
            // Insisting is the person's word that nobody has more: here it is true.
            7 if self.has_key(at) && self.length(at) >= self.longest() => {
                self.try_publish(at, Trust::Insisted, now);
            }
            8..=10 => {
                let (file, feed) = (self.places[at].file(), self.feed);
                let node = self.places[at].open();
                self.mirrors[mirror].take(&node, &feed, &file);
            }
            11 | 12 => self.mirrors[mirror].behave(Manners::Honest),
            13 => self.mirrors[mirror].behave(Manners::ALL[dice.below(4)]),
            14 => self.back_up(at),
            15 if !self.backups.is_empty() => self.restore(at, dice),
            16 => self.copy_key(at, other),
            17 => self.lose(at, "store"),
            18 if dice.below(3) == 0 => self.lose(at, "keys/main.feed"),
            _ => self.places[at].close(),
        }
    }

    /// A command that fails or is killed at some step.
    fn crash(&mut self, at: usize, dice: &mut Dice, now: u64) {
        if !self.has_key(at) {
            return;
        }
        self.places[at].open();
        let form = Form::ALL[dice.below(4)];
        let planned = Plan::fail(self.places[at].machine.root(), dice.below(16), form);
        self.try_publish(at, Trust::Marked, now);
        self.places[at].close();
        drop(planned);
        self.note(at);
    }

    fn back_up(&mut self, at: usize) {
        self.places[at].close();
        let backup = folder();
        copy_all(self.places[at].machine.root(), backup.path());
        self.backups.push(backup);
    }

    fn restore(&mut self, at: usize, dice: &mut Dice) {
        let backup = dice.below(self.backups.len());
        self.places[at].close();
        let root = self.places[at].machine.root();
        for entry in std::fs::read_dir(root).unwrap() {
            std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
        }
        copy_all(self.backups[backup].path(), root);
        self.places[at].may_sign = false;
    }

    /// The key and its author's file as they are now, without the store and the state of the machine.
    fn copy_key(&mut self, from: usize, to: usize) {
        if from == to || !self.has_key(from) || self.has_key(to) {
            return;
        }
        self.places[from].close();
        self.places[to].close();
        let (from, to) = (&self.places[from].machine, &self.places[to].machine);
        copy_all(&from.dirs().keys(), &to.dirs().keys());
        std::fs::copy(from.dirs().sources(), to.dirs().sources()).unwrap();
    }

    fn lose(&mut self, at: usize, what: &str) {
        self.places[at].close();
        let path = self.places[at].machine.data().join(what);
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        // What is not there is as lost.
        drop(removed);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _in = self.runtime.enter();
        self.mirrors.clear();
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().unwrap())
}

#[expect(clippy::print_stdout, reason = "a failure says which seed it was")]
fn run(seeds: impl Iterator<Item = u64>) -> (usize, usize, String) {
    let (mut signed, mut apart, mut told) = (0, 0, String::new());
    for seed in seeds {
        let mut dice = Dice::of(seed);
        let mut world = World::new();
        world.note(0);
        for _ in 0..STEPS {
            let stepped = std::panic::AssertUnwindSafe(|| world.step(&mut dice));
            if let Err(panic) = std::panic::catch_unwind(stepped) {
                println!("LEVADA_SCHEDULE={seed}\n{}", world.told());
                std::panic::resume_unwind(panic);
            }
            if world.is_apart {
                apart += 1;
                break;
            }
        }
        signed += world.signed;
        told = world.told();
    }
    (signed, apart, told)
}

/// Half of the seeds, so that two run beside each other.
#[expect(clippy::print_stdout, reason = "what a schedule was worth is told")]
fn half(which: u64) {
    let first = number("LEVADA_SCHEDULE", 1);
    let count = number("LEVADA_SCHEDULES", SCHEDULES);
    let (signed, apart, told) = run((first..first + count).filter(|seed| seed % 2 == which));
    println!("{signed} heads signed; {apart} schedules ended with machines apart");
    // Rules that refuse everything make no fork either.
    assert!(
        signed > usize::try_from(count / 2).unwrap(),
        "{signed}: {told}"
    );
}

#[test]
fn odd_schedules_of_backups_copies_and_lies_make_no_second_history() {
    half(1);
}

#[test]
fn even_schedules_of_backups_copies_and_lies_make_no_second_history() {
    half(0);
}
