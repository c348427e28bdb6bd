//! One wrong block in a table of many, and a store that is made again while nobody answers.

use super::*;

/// Enough for tables of many blocks.
const FILES: usize = 1_200;

fn scene() -> Scene {
    Scene::of(std::iter::repeat_n(700, FILES))
}

/// Flips a bit in the middle of the largest table of a keyspace, which are numbered in the order in which they are made.
fn flip(machine: &Machine, keyspace: u32) {
    let tables = data(machine).join(format!("store/keyspaces/{keyspace}/tables"));
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let largest = files_in(&tables, &|_| true).into_iter().max_by_key(size);
    Harm::Flip.doing(&largest.unwrap());
}

const RECORDS: u32 = 4;
const LEAVES: u32 = 6;
const ROWS: u32 = 8;
const SMALL: u32 = 10;

#[test]
fn one_wrong_block_takes_nothing_with_it_and_what_was_in_it_is_fetched_again() {
    let scene = scene();
    for (keyspace, is_named) in [(RECORDS, "records"), (LEAVES, "leaves"), (SMALL, "small")] {
        let machine = scene.follower();
        flip(&machine, keyspace);
        let ran = machine.run(VERIFY).exits(5);
        let said = format!("{}{}", ran.err, String::from_utf8_lossy(&ran.out));
        let named = format!("a part cannot be read: {is_named}");
        assert!(said.contains("mended   "), "{is_named}: {said}");
        assert!(said.contains(&named), "{is_named}: {said}");
        assert!(said.contains("levada rebuild"), "{is_named}: {said}");
        assert_eq!(machine.items().len(), scene.files.len(), "{is_named}");
        let ran = machine.run(&["doctor"]).exits(3);
        assert!(
            String::from_utf8_lossy(&ran.out).contains(&named),
            "{is_named}"
        );
        machine.done(SYNC);
        machine.done(REBUILD);
        let ran = machine.run(VERIFY);
        assert_eq!(ran.code, Some(0), "{is_named}: {}", ran.err);
        machine.done(&["doctor"]);
    }
}

/// Without `verify`: a sync that meets the block does what is needed.
#[test]
fn sync_that_meets_a_wrong_block_fetches_what_was_in_it() {
    let scene = scene();
    let machine = scene.follower();
    flip(&machine, RECORDS);
    let link = scene.serving.as_ref().unwrap().link().to_owned();
    let told = "records cannot be read from the store any more, and are fetched again";
    // A policy that looks at the records themselves.
    let ran = machine.done(&["follow", &link, "--keep", "days:30"]);
    assert!(ran.err.contains(told), "{}", ran.err);
    assert!(!machine.done(SYNC).err.contains(told));
    assert_eq!(machine.items().len(), scene.files.len());
}

#[test]
fn rebuild_while_nobody_answers_keeps_what_the_old_store_still_has() {
    let mut scene = scene();
    scene.serving = None;
    for keyspace in [RECORDS, LEAVES, ROWS, SMALL] {
        let machine = scene.follower();
        flip(&machine, keyspace);
        let ran = machine.run(REBUILD);
        let said = format!("{}{}", ran.err, String::from_utf8_lossy(&ran.out));
        assert!(said.contains("taken over from the old one"), "{said}");
        let items = machine.items();
        let all = scene.files.len();
        let least = if keyspace == RECORDS { all - 40 } else { all };
        assert!(
            (least..=all).contains(&items.len()),
            "{keyspace}: {}",
            items.len()
        );
        let mut lost = 0;
        for item in items.iter().step_by(100) {
            let path = item["body"]["path"].as_str().unwrap();
            match item["files"][0]["held"].as_u64() {
                Some(700) => assert!(machine.get(item) == scene.files[path], "{path}"),
                _ => lost += 1,
            }
        }
        assert!(lost <= 1, "{keyspace}: {lost}");
        // Once the author is there, all of it is.
        let serving = scene.author.serve();
        machine.done(&[
            "follow",
            serving.link(),
            "--via",
            &format!("http://{}", serving.address),
        ]);
        machine.done(SYNC);
        assert_eq!(machine.items().len(), all, "{keyspace}");
        let ran = machine.run(VERIFY);
        assert_eq!(ran.code, Some(0), "{keyspace}: {}", ran.err);
    }
}
