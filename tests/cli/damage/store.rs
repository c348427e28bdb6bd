//! The database: its journal as a kill leaves it, single tables, and evidence beside it.

use super::*;

/// Files that come while both serve.
const NEW_FILES: u64 = 6;

fn journals(machine: &Machine) -> Vec<PathBuf> {
    files_in(&data(machine).join("store"), &|name| name.ends_with(".jnl"))
}

const BLOCK: usize = 4096;

/// Where zeros begin.
fn end_of(journal: &Path) -> u64 {
    let bytes = std::fs::read(journal).unwrap();
    let mut blocks = bytes.chunks(BLOCK);
    let last = blocks.rposition(|block| *block != [0; BLOCK][..block.len()]);
    let from = last.unwrap() * BLOCK;
    let end = bytes[from..]
        .iter()
        .take(BLOCK)
        .rposition(|byte| *byte != 0);
    (from + end.unwrap() + 1) as u64
}

fn wait_for_items(machine: &Machine, count: usize) {
    // Each look is a run of the program; a failure is the test's time-out.
    while machine.items().len() < count {}
}

impl Scene {
    /// A follower that was killed while much of what it had was in the journal alone, and the author still there.
    fn killed() -> Self {
        let mut scene = Self::new();
        let mut following = scene.follower.serve();
        scene.publish_more();
        wait_for_items(&scene.follower, scene.files.len());
        following.running.kill();
        // A socket cannot be copied.
        std::fs::remove_file(state(&scene.follower).join("socket")).unwrap();
        let path = journals(&scene.follower).remove(0);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        // Of the zeros that it is given from the beginning some are enough.
        file.set_len(end_of(&path) + BLOCK as u64).unwrap();
        scene
    }

    fn publish_more(&mut self) {
        for _ in 0..NEW_FILES {
            let next = self.files.len();
            let (path, bytes) = (format!("{next}.bin"), noise(next as u64, 900));
            self.author.write(&format!("folder/{path}"), &bytes);
            self.files.insert(path, bytes);
        }
        self.author.done(PUBLISH);
    }

    /// Whatever was met by the first look, what it names as the remedy helps.
    fn mend(&self, machine: &Machine, at: &str, then: &[&str]) {
        let ran = machine.run(LS);
        if ran.code != Some(0) {
            assert_eq!(ran.code, Some(1), "{at}: {}", ran.err);
            assert!(ran.err.contains("levada rebuild"), "{at}: {}", ran.err);
            machine.done(REBUILD);
        }
        let ran = machine.run(then);
        assert_eq!(ran.code, Some(0), "{at}: {then:?}: {}", ran.err);
        let ran = machine.run(VERIFY);
        if ran.code == Some(5) {
            // All that was lost is here again, and the block is still wrong.
            assert!(ran.err.contains("levada rebuild"), "{at}: {}", ran.err);
            machine.done(REBUILD);
        }
        let ran = machine.run(VERIFY);
        assert_eq!(ran.code, Some(0), "{at}: {}", ran.err);
        assert_eq!(machine.items().len(), self.files.len(), "{at}");
    }
}

/// Parts of a journal that is cut at each of them.
const PARTS: u64 = 60;
const BROKEN: &[&str] = &["store: the store does not open", "levada rebuild"];
const BEHIND: &str = "records that were here before";

#[test]
fn damaged_journal_is_named_and_what_it_held_comes_again() {
    let scene = Scene::killed();
    scene.followers(
        "journal",
        &journals,
        &[
            line("zeros", Harm::Zeros)
                .met_by(LS, 1)
                .says(BROKEN)
                .then(&[REBUILD]),
            line("empty", Harm::Other(""))
                .met_by(LS, 1)
                .says(BROKEN)
                .then(&[REBUILD]),
            line("something else", Harm::Other("no journal"))
                .met_by(LS, 1)
                .says(BROKEN)
                .then(&[REBUILD]),
            line("gone", Harm::Gone)
                .met_by(LS, 1)
                .says(BROKEN)
                .then(&[REBUILD]),
        ],
    );
}

#[test]
fn journal_that_lacks_its_end_is_named_and_what_it_held_is_fetched_again() {
    let scene = Scene::killed();
    let mut was_behind = false;
    for part in (1..PARTS).rev() {
        let machine = scene.follower();
        let path = journals(&machine).remove(0);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(end_of(&path) * part / PARTS).unwrap();
        let ran = machine.run(LS);
        let at = format!("{part} of {PARTS} parts: {}", ran.err);
        if ran.code == Some(0) && ran.err.contains(BEHIND) {
            assert!(ran.err.contains("`levada sync` fetches them"), "{at}");
            was_behind = true;
            scene.mend(&machine, &at, SYNC);
            scene.check(&machine, &at);
            break;
        }
        // So near its end it looks like a sync that was interrupted: the head is there.
        assert_eq!(ran.code, Some(0), "{at}");
    }
    assert!(was_behind, "no part of the journal has the records");
    for part in [PARTS / 2, PARTS / 6, 0] {
        let machine = scene.follower();
        let path = journals(&machine).remove(0);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(end_of(&path) * part / PARTS).unwrap();
        let at = format!("cut at {part} of {PARTS}");
        scene.mend(&machine, &at, SYNC);
        scene.check(&machine, &at);
    }
}

#[test]
fn other_bits_or_zeros_anywhere_in_the_journal_end_in_a_remedy_that_helps() {
    let scene = Scene::killed();
    for seed in 0..8 {
        let machine = scene.follower();
        let path = journals(&machine).remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        let end = usize::try_from(end_of(&path)).unwrap();
        let dice = u64::from_le_bytes(noise(seed, 8).try_into().unwrap());
        // Half of them where frames of entries are dense: at the beginning.
        let end = if seed % 2 == 0 { end } else { end.min(400) };
        let at = usize::try_from(dice >> 3).unwrap() % end;
        match seed % 4 {
            3 => bytes[at..end.min(at + 100)].fill(0),
            _ => bytes[at] ^= 1 << (dice % 8),
        }
        std::fs::write(&path, bytes).unwrap();
        scene.mend(&machine, &format!("byte {at}, seed {seed}"), SYNC);
    }
}

#[test]
fn author_whose_journal_is_damaged_publishes_nothing_twice() {
    let mut scene = Scene::new();
    scene.serving = None;
    for harm in [Harm::Cut, Harm::Hole, Harm::Gone, Harm::Flip] {
        let mut serving = scene.author.serve();
        scene.publish_more();
        serving.running.kill();
        for path in journals(&scene.author) {
            harm.doing(&path);
        }
        scene.mend(&scene.author, "journal of an author", PUBLISH);
    }
    scene.check(&scene.author, "journal of an author");
    // Whoever followed before sees the same history go on.
    let serving = scene.author.serve();
    let via = format!("http://{}", serving.address);
    let link = serving.link().to_owned();
    scene.follower.done(&["follow", &link, "--via", &via]);
    assert_eq!(scene.follower.items().len(), scene.files.len());
}

#[test]
fn one_damaged_table_is_named_and_the_store_is_made_again() {
    let scene = Scene::new();
    let tables = |machine: &Machine| {
        let mut found = files_in(&data(machine).join("store/keyspaces"), &|_| true);
        found.retain(|path| path.parent().unwrap().ends_with("tables"));
        found
    };
    let count = tables(&scene.follower()).len();
    for number in 0..count {
        let harm = [Harm::Gone, Harm::Cut, Harm::Flip][number % 3];
        let machine = scene.follower();
        let path = tables(&machine).remove(number);
        harm.doing(&path);
        let at = path.display().to_string();
        // Each block of a table is checked when it is read, so that another bit may be met later, or never matter.
        if matches!(harm, Harm::Flip) {
            scene.mend(&machine, &at, SYNC);
            continue;
        }
        let ran = machine.run(LS).exits(1);
        for text in BROKEN {
            assert!(ran.err.contains(text), "{at}: {}", ran.err);
        }
        machine.done(REBUILD);
        // All of a follower was just compared for one table; of the others it is enough that everything is there.
        match number {
            0 => scene.check(&machine, &at),
            _ => assert_eq!(machine.items().len(), scene.files.len(), "{at}"),
        }
    }
}

/// A table that only tells when heads were first seen is gone, and nobody answers. What is pinned stays whatever the quota,
/// also when a rebuild could not fetch the records that name it.
#[test]
fn rebuild_while_nobody_answers_puts_no_pinned_media_up_for_others() {
    let mut scene = Scene::new();
    let machine = scene.follower();
    let shown = scene.author.done(&["key", "show", "--json"]).json();
    machine.done(&["pin", shown["feed"].as_str().unwrap()]);
    scene.serving = None;
    let tables = data(&machine).join("store/keyspaces/3/tables");
    std::fs::remove_file(files_in(&tables, &|_| true).remove(0)).unwrap();
    machine.run(REBUILD);
    let settings = "[quota]\nsize = \"400KiB\"\nreserve = \"0\"\n";
    std::fs::write(config(&machine).join("config.toml"), settings).unwrap();
    let other = Machine::new();
    for file in 0..3_u64 {
        other.write(&format!("folder/{file}.bin"), &noise(100 + file, 90_000));
    }
    other.done(PUBLISH);
    let serving = other.serve();
    machine.done(&["follow", serving.link(), "--keep", "all"]);
    let large = scene.files.iter().filter(|(_, bytes)| bytes.len() > 16_384);
    for (name, bytes) in large {
        let hash = blake3::hash(bytes).to_hex();
        let is_it = |name: &str| *name == *hash.as_str();
        let blobs = files_in(&data(&machine).join("blobs"), &is_it);
        assert_eq!(blobs.len(), 1, "{name} was pinned, and is gone");
    }
}
