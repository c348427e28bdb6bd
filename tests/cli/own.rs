//! An own feed on a machine that is killed while it takes over what it does not have.

use crate::machine::Machine;
use levada_tests::{copy_all, noise};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Files that were published after the backup.
const FILES: u64 = 300;
/// The moments at which the machine is killed, one after the other, each time going on where the last one ended.
const KILLS_MS: [u64; 14] = [
    20, 60, 100, 140, 180, 220, 260, 300, 340, 400, 460, 540, 640, 800,
];

#[test]
fn machine_killed_at_any_step_of_taking_over_goes_on_and_makes_no_second_history() {
    let (author, mirror, restored) = (Machine::new(), Machine::new(), Machine::new());
    author.write("first.bin", &noise(0, 400));
    author.done(&["publish", "first.bin"]);
    copy_all(author.home(), restored.home());
    for file in 1..=FILES {
        author.write(&format!("folder/{file}.bin"), &noise(file, 400));
    }
    author.done(&["publish", "folder"]);
    {
        let serving = author.serve();
        mirror.done(&["follow", serving.link(), "--keep", "all"]);
    }
    let serving = mirror.serve();
    let url = format!("http://{}", serving.address);
    restored.done(&["mirror", "add", &url]);

    restored.write("new.bin", &noise(1_000, 400));
    let mut told = String::new();
    for delay in KILLS_MS {
        let mut publishing = restored.start(&["publish", "new.bin"]);
        // Nothing is ever sent: this is the moment of the kill, not a wait for something.
        let (_open, moment) = channel::<()>();
        let _ = moment.recv_timeout(Duration::from_millis(delay));
        publishing.kill();
        while let Some(message) = publishing.message() {
            told.push_str(&message);
        }
    }
    let is_taken_over = restored.done(&["key", "show", "--json"]).json()["taken_over"] == FILES;
    told.push_str(&restored.done(&["publish", "new.bin"]).err);
    // Who was killed between the taking over and its message told nobody.
    let said = format!("{FILES} records that this machine did not write");
    assert!(told.contains(&said) || is_taken_over, "{told}");
    let key = restored.done(&["key", "show", "--json"]).json();
    assert_eq!(key["taken_over"], FILES);
    assert_eq!(key["length"], FILES + 3);
    // The author's file has all of it, and the store is not needed.
    let store = levada_tests::find(restored.home(), "store").expect("there is a store");
    std::fs::remove_dir_all(store).unwrap();
    restored.done(&["publish", "new.bin"]);
    drop(serving);

    let serving = restored.serve();
    let followed = mirror.done(&["follow", serving.link(), "--json"]).events();
    let synced = followed.last().unwrap();
    assert_eq!(synced["length"], FILES + 3);
    assert_eq!(synced["is_disputed"], false);
    assert_eq!(
        mirror.items().len() as u64,
        FILES + 2,
        "nothing is there twice"
    );
}
