//! The damage table: one thing is damaged at a time, and everything else stays. Each line says how, what is said about it and
//! with which code, and what is done then; after that everything is there, verified, and goes on.
//!
//! What a follower has lost comes from the author; what an author has lost comes from the author's file, the store or the
//! published files, or the remedy is named.

mod block;
mod evidence;
mod lists;
mod lost;
mod own;
mod read_only;
mod store;

use crate::machine::{Machine, Serving};
use levada_tests::{copy_all, noise};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One line of the table.
struct Line {
    name: &'static str,
    /// Done to the file.
    harm: Harm,
    /// The command that meets it, and how it ends.
    look: (&'static [&'static str], i32),
    /// What it says.
    says: &'static [&'static str],
    /// What is done then; all of it succeeds.
    then: &'static [&'static [&'static str]],
}

/// What happens to files.
#[derive(Clone, Copy)]
enum Harm {
    /// The end of it is gone.
    Cut,
    /// All of it is zeros.
    Zeros,
    /// A part in the middle is zeros.
    Hole,
    /// A bit in the middle is another.
    Flip,
    /// It is not there.
    Gone,
    /// It holds something else.
    Other(&'static str),
}

impl Harm {
    fn doing(self, path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        match self {
            Self::Gone => return std::fs::remove_file(path).unwrap(),
            Self::Cut => bytes.truncate(bytes.len() / 2),
            Self::Zeros => bytes.fill(0),
            Self::Hole => {
                let third = bytes.len() / 3;
                bytes[third..third * 2].fill(0);
            }
            Self::Flip => {
                let at = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1;
                }
            }
            Self::Other(text) => bytes = text.into(),
        }
        // In place: to the machine it is the same file.
        std::fs::write(path, bytes).unwrap();
    }
}

const LS: &[&str] = &["ls"];
const SYNC: &[&str] = &["sync"];
const VERIFY: &[&str] = &["verify"];
const REBUILD: &[&str] = &["rebuild"];
const PUBLISH: &[&str] = &["publish", "folder"];

struct Scene {
    author: Machine,
    follower: Machine,
    serving: Option<Serving>,
    files: BTreeMap<String, Vec<u8>>,
}

fn data(machine: &Machine) -> PathBuf {
    machine.home().join(".local/share/levada")
}

fn state(machine: &Machine) -> PathBuf {
    machine.home().join(".local/state/levada")
}

fn config(machine: &Machine) -> PathBuf {
    machine.home().join(".config/levada")
}

/// All files below a folder of which this holds, in order.
fn files_in(folder: &Path, is_it: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_in(&path, is_it));
        } else if is_it(path.file_name().unwrap().to_str().unwrap()) {
            found.push(path);
        }
    }
    found.sort();
    found
}

impl Scene {
    fn new() -> Self {
        Self::of((0..6).map(|file| if file % 2 == 0 { 700 } else { 90_000 }))
    }

    /// A follower of a feed of files of these sizes.
    fn of(sizes: impl Iterator<Item = usize>) -> Self {
        let (author, follower) = (Machine::new(), Machine::new());
        let mut files = BTreeMap::new();
        for (file, size) in (0_u64..).zip(sizes) {
            let bytes = noise(file, size);
            author.write(&format!("folder/{file}.bin"), &bytes);
            files.insert(format!("{file}.bin"), bytes);
        }
        author.done(PUBLISH);
        let serving = author.serve();
        follower.done(&["follow", serving.link(), "--keep", "all"]);
        Self {
            author,
            follower,
            serving: Some(serving),
            files,
        }
    }

    /// Another follower with the same files.
    fn follower(&self) -> Machine {
        let copy = Machine::new();
        copy_all(self.follower.home(), copy.home());
        copy
    }

    /// The line is met: it says what it should, and what is done about it helps.
    fn meet(&self, machine: &Machine, of: &str, line: &Line) {
        let at = format!("{of}, {}", line.name);
        let ran = machine.run(line.look.0);
        let said = format!("{}{}", ran.err, String::from_utf8_lossy(&ran.out));
        assert_eq!(ran.code, Some(line.look.1), "{at}: {said}");
        for text in line.says {
            assert!(said.contains(text), "{at}: {text:?} is not in: {said}");
        }
        for command in line.then {
            let ran = machine.run(command);
            assert_eq!(ran.code, Some(0), "{at}: {command:?}: {}", ran.err);
        }
        self.check(machine, &at);
    }

    fn check(&self, machine: &Machine, at: &str) {
        let items = machine.items();
        assert_eq!(items.len(), self.files.len(), "{at}");
        for item in &items {
            let path = item["body"]["path"].as_str().unwrap();
            assert!(machine.get(item) == self.files[path], "{at}: {path}");
        }
        for command in [VERIFY, &["doctor"]] {
            let ran = machine.run(command);
            let out = String::from_utf8_lossy(&ran.out);
            assert_eq!(ran.code, Some(0), "{at}: {command:?}: {}{out}", ran.err);
        }
    }

    /// Every line on a follower of its own.
    fn followers(&self, of: &str, find: &dyn Fn(&Machine) -> Vec<PathBuf>, lines: &[Line]) {
        for line in lines {
            let machine = self.follower();
            let found = find(&machine);
            assert!(!found.is_empty(), "{of}");
            found.iter().for_each(|path| line.harm.doing(path));
            self.meet(&machine, of, line);
            let ran = machine.run(SYNC);
            assert_eq!(ran.code, Some(0), "{of}, {}: {}", line.name, ran.err);
        }
    }
}

fn line(name: &'static str, harm: Harm) -> Line {
    Line {
        name,
        harm,
        look: (LS, 0),
        says: &[],
        then: &[],
    }
}

impl Line {
    fn met_by(self, command: &'static [&'static str], code: i32) -> Self {
        Self {
            look: (command, code),
            ..self
        }
    }

    fn says(self, says: &'static [&'static str]) -> Self {
        Self { says, ..self }
    }

    fn then(self, then: &'static [&'static [&'static str]]) -> Self {
        Self { then, ..self }
    }
}

#[test]
fn damaged_media_are_named_and_come_from_the_author() {
    let scene = Scene::new();
    let blobs =
        |machine: &Machine| files_in(&data(machine).join("blobs"), &|name| name.len() == 64);
    let one = |machine: &Machine| vec![blobs(machine).remove(0)];
    let damaged = ["damaged  ", "1 damaged and mended"].as_slice();
    scene.followers(
        "data of a blob",
        &one,
        &[
            line("cut", Harm::Cut).met_by(VERIFY, 0).says(damaged),
            line("zeros", Harm::Zeros).met_by(VERIFY, 0).says(damaged),
            line("flip", Harm::Flip).met_by(VERIFY, 0).says(damaged),
            line("gone", Harm::Gone)
                .met_by(SYNC, 0)
                .says(&["warning: ", ".bin was here, and its file is gone"]),
            line("gone, verified", Harm::Gone)
                .met_by(VERIFY, 0)
                .says(&["its file is gone", "1 damaged and mended"]),
        ],
    );
    let outboard = |machine: &Machine| vec![blobs(machine).remove(0).with_extension("obao")];
    scene.followers(
        "proofs of a blob",
        &outboard,
        &[
            line("cut", Harm::Cut).met_by(VERIFY, 0).says(damaged),
            line("zeros", Harm::Zeros).met_by(VERIFY, 0).says(damaged),
            line("flip", Harm::Flip).met_by(VERIFY, 0).says(damaged),
            line("gone", Harm::Gone).met_by(VERIFY, 0).says(damaged),
        ],
    );
}

#[test]
fn damaged_note_of_a_part_is_not_believed() {
    let scene = Scene::new();
    let part = |machine: &Machine| {
        let blob = files_in(&data(machine).join("blobs"), &|name| name.len() == 64).remove(0);
        let bytes = std::fs::read(&blob).unwrap();
        // Rot that was found while nobody had good bytes: a part, with a note of what is good.
        Harm::Flip.doing(&blob);
        let via = ["verify", "--via", "http://127.0.0.1:9"];
        let sources = config(machine).join("sources.toml");
        let text = std::fs::read_to_string(&sources).unwrap();
        let away: String = text
            .lines()
            .map(|line| match line.starts_with("via") {
                true => "via = [\"http://127.0.0.1:9\"]\n".to_owned(),
                false => format!("{line}\n"),
            })
            .collect();
        std::fs::write(&sources, away).unwrap();
        machine.run(&via).exits(5);
        std::fs::write(&sources, text).unwrap();
        assert_eq!(std::fs::read(&blob).unwrap().len(), bytes.len());
        vec![blob.with_extension("part")]
    };
    let unbelieved = [".part: what this says", "is damaged"].as_slice();
    scene.followers(
        "note of a part",
        &part,
        &[
            line("cut", Harm::Cut).met_by(SYNC, 0).says(unbelieved),
            line("zeros", Harm::Zeros).met_by(SYNC, 0).says(unbelieved),
            line("flip", Harm::Flip).met_by(SYNC, 0).says(unbelieved),
            line("gone", Harm::Gone)
                .met_by(VERIFY, 0)
                .says(&["damaged  "]),
        ],
    );
}

#[test]
fn damaged_tables_of_the_store_are_named_and_it_is_made_again() {
    let scene = Scene::new();
    let tables = |machine: &Machine| {
        let mut found = files_in(&data(machine).join("store/keyspaces"), &|_| true);
        found.retain(|path| path.parent().unwrap().ends_with("tables"));
        found
    };
    let broken = ["the store", "levada rebuild"].as_slice();
    scene.followers(
        "tables",
        &tables,
        &[
            line("cut", Harm::Cut)
                .met_by(LS, 1)
                .says(broken)
                .then(&[REBUILD]),
            line("zeros", Harm::Zeros)
                .met_by(LS, 1)
                .says(broken)
                .then(&[REBUILD]),
            line("flip", Harm::Flip)
                .met_by(LS, 1)
                .says(broken)
                .then(&[REBUILD]),
            line("gone", Harm::Gone)
                .met_by(LS, 1)
                .says(broken)
                .then(&[REBUILD]),
        ],
    );
}

#[test]
fn damaged_state_never_keeps_a_node_from_starting() {
    let scene = Scene::new();
    for (name, harm) in [
        ("heads", Harm::Gone),
        ("heads", Harm::Cut),
        ("heads", Harm::Zeros),
        ("heads", Harm::Flip),
        ("lock", Harm::Gone),
        ("lock", Harm::Other("\u{fffd}nobody")),
        ("peers", Harm::Other("no peers\u{0}\n\n")),
        ("roots", Harm::Other("no roots\u{0}\n\n")),
        ("token", Harm::Other("no token")),
    ] {
        let machine = scene.follower();
        let path = state(&machine).join(name);
        if !path.exists() {
            std::fs::write(&path, b"").unwrap();
        }
        harm.doing(&path);
        scene.check(&machine, name);
        let ran = machine.run(SYNC);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
    }
    let machine = scene.follower();
    std::fs::write(data(&machine).join("blobs/levada-root"), b"\0\0").unwrap();
    scene.check(&machine, "the name of the folder of media");
}
