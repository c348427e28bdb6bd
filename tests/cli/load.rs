//! kill -9 at random moments while everything works at once: an author who publishes and serves, a follower who follows
//! and serves, and a witness who was never killed and saw every head that left the author.
//!
//! The moments come from seeds: a failure names the one of its round. `LEVADA_KILLS` is how many rounds there are, and
//! `LEVADA_KILLS_SEED` where they begin.

use crate::machine::{Machine, Ran, Running, Serving};
use crate::told::{Files, Told};
use levada_tests::noise;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Rounds when nobody asks for more.
const KILLS: u64 = 15;
/// Longer than most of what is killed takes.
const DELAY_MS_MAX: u64 = 450;
/// Rounds after which every byte is compared.
const DEEP: u64 = 8;
const PUBLISH: [&str; 3] = ["publish", "folder", "--json"];

fn number(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Numbers that look random and are the same for one seed.
struct Dice {
    bytes: Vec<u8>,
    at: usize,
}

impl Dice {
    fn of(seed: u64) -> Self {
        Self {
            bytes: noise(seed ^ 0x6b69_6c6c, 512),
            at: 0,
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        let part = &self.bytes[self.at..self.at + 4];
        self.at += 4;
        u64::from(u32::from_le_bytes(part.try_into().unwrap())) % end
    }

    /// Nothing is ever sent: this is the moment of the kill, not a wait for something.
    fn wait(&mut self) {
        let (_open, moment) = channel::<()>();
        let _ = moment.recv_timeout(Duration::from_millis(self.below(DELAY_MS_MAX)));
    }
}

struct Scene {
    author: Machine,
    follower: Machine,
    witness: Machine,
    address: String,
    link: String,
    files: Files,
    length: u64,
    /// What the author and the follower told as done.
    by_author: Told,
    by_follower: Told,
}

impl Scene {
    fn new() -> Self {
        let (author, follower) = (Machine::new(), Machine::new());
        let witness = Machine::new();
        author.write("folder/first.bin", b"first");
        let files = Files::from([("first.bin".to_owned(), b"first".to_vec())]);
        let mut by_author = Told::default();
        by_author.publish(&author.done(&PUBLISH), &files);
        let serving = author.serve();
        let (address, link) = (serving.address.clone(), serving.link().to_owned());
        follower.done(&["follow", &link, "--keep", "all"]);
        witness.done(&["follow", &link, "--keep", "newest:1"]);
        serving.stop();
        Self {
            author,
            follower,
            witness,
            address,
            link,
            files,
            length: 2,
            by_author,
            by_follower: Told::default(),
        }
    }

    /// New files, and some that say something else now.
    fn write_files(&mut self, seed: u64, dice: &mut Dice) {
        for number in 0..4 + dice.below(12) {
            let size = match dice.below(3) {
                0 => 200 + dice.below(16_000),
                1 => 17_000 + dice.below(60_000),
                _ => 100_000 + dice.below(900_000),
            };
            let path = match dice.below(4) {
                0 => "edited.bin".to_owned(),
                _ => format!("{seed}/{number}.bin"),
            };
            let bytes = noise(seed * 100 + number, usize::try_from(size).unwrap());
            self.author.write(&format!("folder/{path}"), &bytes);
            self.files.insert(path, bytes);
        }
    }

    fn serve(&self) -> Serving {
        self.author.serve_at(&self.address)
    }

    /// One round: work, and a kill in the middle of it.
    fn round(&mut self, seed: u64) -> &'static str {
        let mut dice = Dice::of(seed);
        self.write_files(seed, &mut dice);
        match dice.below(6) {
            0 => {
                let mut publishing = self.author.start(&PUBLISH);
                dice.wait();
                publishing.kill();
                self.by_author.publish(&publishing.end(), &self.files);
                "publish"
            }
            1 => {
                let mut serving = self.serve();
                let publishing = self.author.start(&PUBLISH);
                dice.wait();
                serving.running.kill();
                self.by_author.publish(&publishing.end(), &self.files);
                "serve of the author while it publishes"
            }
            2 => {
                let ran = self.author.done(&PUBLISH);
                self.by_author.publish(&ran, &self.files);
                let _serving = self.serve();
                let mut syncing = self.follower.start(&["sync"]);
                dice.wait();
                syncing.kill();
                "sync"
            }
            3 => {
                let _serving = self.serve();
                let mut following = self.follower.serve_at("127.0.0.1:0");
                let publishing = self.author.start(&PUBLISH);
                dice.wait();
                following.running.kill();
                self.by_author.publish(&publishing.end(), &self.files);
                "serve of the follower while it follows"
            }
            4 => {
                let mut verifying = self.follower.start(&["verify"]);
                dice.wait();
                verifying.kill();
                "verify"
            }
            _ => self.rebuild(&mut dice),
        }
    }

    fn rebuild(&self, dice: &mut Dice) -> &'static str {
        let of = [&self.author, &self.follower][usize::try_from(dice.below(2)).unwrap()];
        let _serving = std::ptr::eq(of, &self.follower).then(|| self.serve());
        let mut rebuilding: Running = of.start(&["rebuild"]);
        dice.wait();
        rebuilding.kill();
        // Whatever it came to: the same command makes all of it.
        of.done(&["rebuild"]);
        "rebuild"
    }

    /// What was told is there, before anything is published or synced again.
    fn check_told(&self, at: &str) {
        let feed = self.feed();
        self.by_author.check(&self.author, &feed, &self.files, at);
        self.by_follower
            .check(&self.follower, &feed, &self.files, at);
        let shown = self.witness.done(&["show", &feed, "--json"]).json();
        let length = shown["head"]["length"].as_u64().unwrap();
        assert!(length >= self.length, "{at}: the witness was not killed");
    }

    /// Everything goes on as if nothing had happened.
    fn check(&mut self, at: &str, is_deep: bool) {
        let ran = self.author.run(&PUBLISH);
        is_done(&ran, at);
        self.by_author.publish(&ran, &self.files);
        let serving = self.serve();
        for machine in [&self.witness, &self.follower] {
            is_done(&machine.run(&["sync"]), at);
            let shown = machine.done(&["show", &self.feed(), "--json"]).json();
            assert!(shown["fork"].is_null(), "{at}: {}", shown["fork"]);
            let length = shown["head"]["length"].as_u64().unwrap();
            assert!(
                length >= self.length,
                "{at}: {length} after {}",
                self.length
            );
        }
        let shown = self.witness.done(&["show", &self.feed(), "--json"]).json();
        self.length = shown["head"]["length"].as_u64().unwrap();
        self.by_follower
            .sync(&self.follower, &self.feed(), &self.files);
        if !is_deep {
            return;
        }
        for machine in [&self.author, &self.follower] {
            let items = machine.items();
            assert_eq!(items.len(), self.files.len(), "{at}: twice or not there");
            for item in &items {
                let path = item["body"]["path"].as_str().unwrap();
                let expected = &self.files[path];
                assert_eq!(item["files"][0]["held"], expected.len(), "{at}: {path}");
            }
            for item in items.iter().step_by(17) {
                let path = item["body"]["path"].as_str().unwrap();
                assert!(machine.get(item) == self.files[path], "{at}: {path}");
            }
        }
        serving.stop();
        for machine in [&self.author, &self.follower] {
            is_done(&machine.run(&["verify"]), at);
            is_done(&machine.run(&["doctor"]), at);
            let left = unfinished(&machine.home().join(".local"));
            assert!(left.is_empty(), "{at}: {left:?}");
        }
    }

    fn feed(&self) -> String {
        let text = self.link.trim_start_matches("levada:");
        text.split(['?', '/']).next().unwrap().to_owned()
    }
}

#[track_caller]
fn is_done(ran: &Ran, at: &str) {
    let out = String::from_utf8_lossy(&ran.out);
    assert_eq!(ran.code, Some(0), "{at}: {}\n{out}", ran.err);
}

/// Files that were begun and not finished, in a node that is closed.
fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !name.starts_with("store") {
            found.extend(unfinished(&path));
        } else if name.starts_with(".unfinished-")
            || name.starts_with(".tmp")
            || name.ends_with(".part")
        {
            found.push(path);
        }
    }
    found
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "whoever asks for many wants to see how far it is"
)]
fn killed_at_random_moments_under_load_nothing_is_lost_and_no_second_history_is_signed() {
    let first = number("LEVADA_KILLS_SEED", 1);
    let rounds = number("LEVADA_KILLS", KILLS);
    let mut scene = Scene::new();
    for seed in first..first + rounds {
        let what = scene.round(seed);
        let at = format!("LEVADA_KILLS_SEED={seed}: kill of {what}");
        let is_deep = (seed - first) % DEEP == DEEP - 1 || seed + 1 == first + rounds;
        scene.check_told(&at);
        scene.check(&at, is_deep);
        println!("{at}: {} records", scene.length);
    }
}
