//! Interrupted and killed at any moment: nothing durable is lost, nothing is done twice, and the same command goes on.

use crate::machine::Machine;
use crate::told::{Files, Told};
use levada_tests::noise;
use rustix::process::Signal;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How often an author is killed, each time with this many new files.
const KILLS: u64 = 8;
const FILES_EACH: u64 = 40;
/// Longer than publishing them takes: some runs end before they are killed.
const DELAY_MS_MAX: u64 = 700;

/// The moment of a kill, from a seed.
fn delay(seed: u64) -> Duration {
    let bytes = noise(seed, 8);
    let number = u64::from_le_bytes(bytes.try_into().unwrap());
    Duration::from_millis(number % DELAY_MS_MAX)
}

#[test]
fn author_killed_at_any_moment_loses_nothing_publishes_nothing_twice_and_makes_no_fork() {
    let (author, follower) = (Machine::new(), Machine::new());
    author.done(&["init"]);
    let (mut files, mut told) = (Files::new(), Told::default());
    for round in 0..KILLS {
        for file in 0..FILES_EACH {
            let path = format!("{round}/{file}.bin");
            // Every tenth is too large for the author's file.
            let size = if file % 10 == 0 { 100_000 } else { 500 };
            let bytes = noise(round * 1_000 + file, size);
            author.write(&format!("folder/{path}"), &bytes);
            files.insert(path, bytes);
        }
        let mut publishing = author.start(&["publish", "folder", "--json"]);
        // Nothing is ever sent: this is the moment of the kill, not a wait for something.
        let (_open, moment) = channel::<()>();
        let _ = moment.recv_timeout(delay(round));
        publishing.kill();
        told.publish(&publishing.end(), &files);
        told.check(&author, "main", &files, &format!("round {round}"));
        if round % 4 == 3 {
            // What was signed until now is what a follower has seen: later heads must extend it.
            let serving = author.serve();
            follower.done(&["follow", serving.link(), "--keep", "all"]);
        }
    }
    author.done(&["publish", "folder"]);
    let again = author.done(&["publish", "folder", "--json"]).events();
    let summary = again.last().unwrap();
    assert_eq!(summary["unchanged"], files.len() as u64);
    assert_eq!(
        (&summary["published"], &summary["edited"]),
        (&0.into(), &0.into())
    );

    let serving = author.serve();
    let followed = follower
        .done(&["follow", serving.link(), "--json"])
        .events();
    let synced = followed.last().unwrap();
    assert_eq!(synced["is_disputed"], false);
    assert_eq!(synced["error"], serde_json::Value::Null);
    let items = follower.items();
    assert_eq!(items.len(), files.len(), "an item is there twice");
    let mut of_follower = Told::default();
    of_follower.sync(&follower, "main", &files);
    of_follower.check(&follower, "main", &files, "the follower");
    for item in items.iter().step_by(37) {
        let path = item["body"]["path"].as_str().unwrap();
        assert!(follower.get(item) == files[path], "{path}");
    }
}

#[test]
fn what_was_told_as_published_is_there_when_the_node_is_killed_at_once_and_its_store_lost() {
    let author = Machine::new();
    let (mut files, mut told) = (Files::new(), Told::default());
    author.done(&["init"]);
    for round in 0..6_u64 {
        for (file, size) in [(0, 500), (1, 16_000), (2, 100_000)] {
            // The same three files again, or three more.
            let path = format!("{}/{file}.bin", round / 2);
            let bytes = noise(round * 10 + file, size);
            author.write(&format!("folder/{path}"), &bytes);
            files.insert(path, bytes);
        }
        let mut serving = author.serve();
        // Carried out by the one that serves, which tells before it closes anything.
        let ran = author.done(&["publish", "folder", "--json"]);
        serving.running.kill();
        told.publish(&ran, &files);
        assert!(told.is_something(), "{ran:?}");
        let at = format!("round {round}");
        told.check(&author, "main", &files, &at);
        if round % 2 == 1 {
            std::fs::remove_dir_all(author.home().join(".local/share/levada/store")).unwrap();
            author.done(&["rebuild"]);
            told.check(&author, "main", &files, &format!("{at}, made again"));
        }
    }
}

#[test]
fn interrupted_publish_tells_130_keeps_what_is_done_and_goes_on() {
    let author = Machine::new();
    for file in 0..1_500_u64 {
        author.write(&format!("folder/{file:04}.bin"), &noise(file, 300));
    }
    let mut publishing = author.start(&["publish", "folder", "--json"]);
    publishing.event_where(|event| event["type"] == "published");
    publishing.interrupt();
    let ran = publishing.end().exits(130);
    let done = ran.events().last().unwrap()["published"].as_u64().unwrap();
    assert!((1..1_500).contains(&done), "{done}");
    assert_eq!(author.items().len() as u64, done);
    let rest = author.done(&["publish", "folder", "--json"]).events();
    assert_eq!(rest.last().unwrap()["published"], 1_500 - done);
    assert_eq!(author.items().len(), 1_500);
}

#[test]
fn interrupted_follow_and_get_tell_130_and_go_on() {
    let (author, follower) = (Machine::new(), Machine::new());
    let film = noise(3, 384 << 20);
    author.write("film.bin", &film);
    author.done(&["publish", "film.bin", "--in-place"]);
    let serving = author.serve();
    // The author falls silent in the middle, so that the interrupt finds the follower waiting.
    let falls_silent = || serving.running.signal(Signal::STOP);
    let goes_on = || serving.running.signal(Signal::CONT);

    let is_under_way = |event: &serde_json::Value| {
        event["what"] == "media" && event["bytes"].as_u64() > Some(1 << 20)
    };
    let mut following = follower.start(&["follow", serving.link(), "--json", "-v"]);
    following.event_where(is_under_way);
    falls_silent();
    following.interrupt();
    let ran = following.end().exits(130);
    assert!(ran.err.contains("interrupted"), "{}", ran.err);
    let item = follower.items().remove(0);
    let held = item["files"][0]["held"].as_u64().unwrap();
    assert!((1 << 20..384 << 20).contains(&held), "{held}");
    goes_on();

    let target = crate::machine::target(&item);
    let mut getting = follower.start(&["get", &target, "-o", "out.bin", "--json", "-v"]);
    getting.event_where(|event| event["type"] == "progress");
    falls_silent();
    getting.interrupt();
    getting.end().exits(130);
    goes_on();
    assert!(
        !follower.home().join("out.bin").exists(),
        "half a file stayed"
    );

    follower.done(&["sync"]);
    assert!(follower.get(&item) == film);
}

#[test]
fn closed_output_ends_get_quietly_and_changes_nothing_else() {
    let author = Machine::new();
    author.write("film.bin", &noise(4, 32 << 20));
    author.done(&["publish", "film.bin"]);
    let mut getting = author.start(&["get", "main/1", "-o", "-"]);
    getting.close_output();
    let ran = getting.end().exits(0);
    assert_eq!(ran.err, "");
    let mut listing = author.start(&["ls", "--all"]);
    listing.close_output();
    assert_eq!(listing.end().exits(0).err, "");
    // Nobody reads what is published: it is published all the same.
    author.write("more/song.bin", &noise(5, 100));
    let mut publishing = author.start(&["publish", "more", "--json"]);
    publishing.close_output();
    publishing.end().exits(0);
    assert_eq!(author.items().len(), 2);
}

#[test]
fn second_interrupt_ends_what_the_first_could_not() {
    let machine = Machine::new();
    let pipe = machine.home().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let checking = machine.start(&["check", "pipe"]);
    // Opened once the command has opened it too; nothing is ever written, so that it waits for the first byte.
    let _writer = std::fs::File::create(&pipe).unwrap();
    checking.interrupt();
    let said = checking.message().unwrap();
    assert!(said.contains("Ctrl-C again"), "{said}");
    checking.interrupt();
    checking.end().exits(130);
}

#[test]
fn interrupted_import_of_one_large_file_tells_130_and_leaves_nothing_behind() {
    let author = Machine::new();
    author.write("film.bin", &noise(8, 128 << 20));
    author.done(&["init"]);
    let mut publishing = author.start(&["publish", "film.bin", "--json", "-v"]);
    publishing.event_where(|event| event["what"] == "hashing");
    publishing.interrupt();
    publishing.end().exits(130);
    assert!(author.items().is_empty());
    let status = author.done(&["status", "--json"]).json();
    assert_eq!(status["blobs"], 0);
    author.done(&["publish", "film.bin"]);
    assert_eq!(author.items().len(), 1);
}
