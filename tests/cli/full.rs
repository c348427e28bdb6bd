//! Commands that write, each on a disk that fills up under it: it says so and what to do, loses nothing and leaves nothing
//! behind, and the same command goes on once there is room. What `disk` does in turn on one machine is not done again here.
//!
//! Each is tried with no room at all and then with a little more, so that another write of it fails each time.

use crate::disk::{Disk, fill_but, says};
use crate::machine::{Machine, Serving};
use levada_tests::noise;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes that are left when the command begins.
const FREE: [u64; 8] = [
    0,
    4 << 10,
    12 << 10,
    40 << 10,
    96 << 10,
    200 << 10,
    400 << 10,
    1_600 << 10,
];

/// Time between two looks at what is free, and looks that have to see the same.
const LOOK: Duration = Duration::from_millis(50);
const SETTLED: u32 = 10;

/// A node on a small disk, and an author elsewhere.
struct Scene {
    disk: Disk,
    machine: Machine,
    author: Machine,
    serving: Serving,
}

/// What is done before, what the world does then, and the command.
struct Row {
    name: &'static str,
    before: fn(&Scene),
    meanwhile: fn(&Scene),
    args: fn(&Scene) -> Vec<String>,
    /// What it says when all of it is done already.
    done: Option<&'static str>,
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

impl Scene {
    fn new() -> Option<Self> {
        let disk = Disk::mount("160m")?;
        let (machine, author) = (Machine::with_data_dir(disk.data_dir()), Machine::new());
        // Else the quota ends it sooner.
        std::fs::create_dir_all(disk.data_dir()).unwrap();
        let settings = "[quota]\nsize = \"1TiB\"\nreserve = \"0\"\n";
        std::fs::write(disk.data_dir().join("config.toml"), settings).unwrap();
        write(&author, "theirs/a.bin", 1);
        author.done(&["publish", "theirs"]);
        let serving = author.serve();
        Some(Self {
            disk,
            machine,
            author,
            serving,
        })
    }

    /// Says whether the disk was full for it.
    fn run(&self, row: &Row, free: u64) -> bool {
        let args = (row.args)(self);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let filler = fill_but(&self.disk, free);
        let ran = self.machine.run(&args);
        let at = format!("{} with {free} bytes: {}", row.name, ran.err);
        // What fits is done; what is told of one source among others is part of the answer.
        assert!(matches!(ran.code, Some(0 | 3 | 6)), "{:?} {at}", ran.code);
        if ran.code == Some(6) {
            says(&ran, "hint: ");
        }
        std::fs::remove_file(filler).unwrap();
        self.again(row, &at);
        ran.code == Some(6)
    }

    /// The same on a disk without a free block, while the node serves: the start of a store makes room by itself, since old
    /// tables go, and may be done with it.
    fn run_served(&self, row: &Row) {
        let args = (row.args)(self);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let serving = self.machine.serve();
        self.settle();
        let filler = fill_but(&self.disk, 0);
        let ran = self.machine.run(&args);
        std::fs::remove_file(filler).unwrap();
        assert_eq!(
            ran.code,
            Some(6),
            "{} while it serves: {}",
            row.name,
            ran.err
        );
        says(&ran, "hint: ");
        serving.stop();
        self.again(row, row.name);
    }

    /// Waits until the database has nothing more to do.
    fn settle(&self) {
        let free = || rustix::fs::statvfs(self.disk.path()).unwrap().f_bfree;
        let (mut before, mut same) = (free(), 0);
        while same < SETTLED {
            std::thread::sleep(LOOK);
            let now = free();
            same = if now == before { same + 1 } else { 0 };
            before = now;
        }
    }

    /// There is room again.
    fn again(&self, row: &Row, at: &str) {
        let args = (row.args)(self);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let again = self.machine.run(&args);
        let is_done =
            again.code == Some(0) || row.done.is_some_and(|done| again.err.contains(done));
        assert!(is_done, "{:?} {} after {at}", again.code, again.err);
        self.machine.done(&["verify"]);
        self.machine.done(&["doctor"]);
        assert_eq!(
            unfinished(&self.disk.data_dir()),
            Vec::<PathBuf>::new(),
            "{at}"
        );
    }
}

/// What is under names for what is not finished.
fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_temporary = path.parent().is_some_and(|at| at.ends_with("blobs/tmp"));
        if path.is_dir() {
            found.extend(unfinished(&path));
        } else if is_temporary || path.to_string_lossy().contains(".unfinished-") {
            found.push(path);
        }
    }
    found
}

fn write(machine: &Machine, path: &str, seed: u64) {
    machine.write(path, &noise(seed, 700_000));
    machine.write(&format!("{path}.txt"), &noise(seed + 1, 900));
}

fn own(scene: &Scene) {
    write(&scene.machine, "own/a.bin", 11);
    scene.machine.done(&["publish", "own"]);
}

fn followed(scene: &Scene) {
    let link = scene.serving.link();
    scene.machine.done(&["follow", link, "--keep", "all"]);
}

/// What is left of the list of sources needs a block.
fn followed_both(scene: &Scene) {
    followed(scene);
    let second = ["init", "--name", "second", "--json"];
    let second = scene.author.done(&second).json();
    let second = second["link"].as_str().unwrap();
    let via = format!("http://{}", scene.serving.address);
    scene.machine.done(&["follow", second, "--via", &via]);
}

/// Rows of them are more than what is left of a block.
fn many(scene: &Scene) {
    for file in 0..300 {
        let path = format!("own/{file}.bin");
        scene.machine.write(&path, &noise(file, 100));
    }
    scene.machine.done(&["publish", "own"]);
}

/// The key alone is here: all the rest is to come from somebody who has the feed.
fn restored(scene: &Scene) {
    let backup = scene.machine.home().join("main.pem");
    let backup = backup.to_str().unwrap();
    scene.author.done(&["key", "backup", backup]);
    scene.machine.done(&["key", "restore", backup]);
    let via = format!("http://{}", scene.serving.address);
    scene.machine.done(&["mirror", "add", &via]);
}

fn nothing(_: &Scene) {}

const ROWS: &[Row] = &[
    Row {
        name: "init",
        before: nothing,
        meanwhile: nothing,
        args: |_| words(&["key", "list"]),
        done: None,
    },
    Row {
        name: "publish in place",
        before: own,
        meanwhile: |scene| write(&scene.machine, "new/b.bin", 21),
        args: |_| words(&["publish", "new", "--in-place"]),
        done: None,
    },
    Row {
        name: "edit",
        before: own,
        meanwhile: |scene| {
            scene.machine.write("own/a.bin.txt", &noise(31, 1_000));
        },
        args: |_| words(&["publish", "own"]),
        done: None,
    },
    Row {
        name: "retract",
        before: own,
        meanwhile: nothing,
        args: |_| words(&["retract", "main/1"]),
        done: Some("took it back already"),
    },
    Row {
        name: "follow",
        before: nothing,
        meanwhile: nothing,
        args: |scene| words(&["follow", scene.serving.link(), "--keep", "all"]),
        done: None,
    },
    Row {
        name: "pin",
        before: followed,
        meanwhile: nothing,
        args: |_| words(&["pin", "theirs/1"]),
        done: None,
    },
    Row {
        name: "drop",
        before: followed,
        meanwhile: nothing,
        args: |_| words(&["drop", "theirs/1"]),
        done: None,
    },
    Row {
        name: "rebuild index",
        before: many,
        meanwhile: nothing,
        args: |_| words(&["rebuild", "--index"]),
        done: None,
    },
    Row {
        name: "unfollow",
        before: followed_both,
        meanwhile: nothing,
        args: |_| words(&["unfollow", "theirs"]),
        done: Some("no feed of this name is known here"),
    },
    Row {
        name: "unpin",
        before: |scene| {
            followed(scene);
            // What is left of the list of pins needs a block.
            for item in ["theirs/1", "theirs/2"] {
                scene.machine.done(&["pin", item]);
            }
        },
        meanwhile: nothing,
        args: |_| words(&["unpin", "theirs/1"]),
        done: Some("it is not pinned"),
    },
    Row {
        name: "take over",
        before: restored,
        meanwhile: nothing,
        args: |_| words(&["key", "take-over"]),
        done: Some("nobody has more of it than is here"),
    },
];

fn run(name: &str) {
    let row = ROWS.iter().find(|row| row.name == name).unwrap();
    let mut full = 0;
    for free in FREE {
        let Some(scene) = Scene::new() else {
            return;
        };
        (row.before)(&scene);
        (row.meanwhile)(&scene);
        full += usize::from(scene.run(row, free));
    }
    // There is nothing to serve before it.
    if name == "init" {
        assert!(full > 0, "there was always room");
    } else if let Some(scene) = Scene::new() {
        (row.before)(&scene);
        (row.meanwhile)(&scene);
        scene.run_served(row);
    }
}

/// One test for each command, so that they run beside each other and a failure names its own.
macro_rules! full {
    ($($test:ident: $name:literal,)*) => {$(
        #[test]
        fn $test() {
            run($name);
        }
    )*};
}

full! {
    disk_that_fills_under_a_first_start_loses_nothing: "init",
    disk_that_fills_under_publish_in_place_loses_nothing: "publish in place",
    disk_that_fills_under_an_edit_loses_nothing: "edit",
    disk_that_fills_under_a_retraction_loses_nothing: "retract",
    disk_that_fills_under_follow_loses_nothing: "follow",
    disk_that_fills_under_a_pin_loses_nothing: "pin",
    disk_that_fills_under_a_drop_loses_nothing: "drop",
    disk_that_fills_under_an_unfollow_loses_nothing: "unfollow",
    disk_that_fills_under_an_unpin_loses_nothing: "unpin",
    disk_that_fills_under_a_take_over_loses_nothing: "take over",
    disk_that_fills_under_a_rebuild_of_the_index_loses_nothing: "rebuild index",
}
