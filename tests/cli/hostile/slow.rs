//! Peers that answer with a byte a second: each costs one wait, and who is asked next gives everything.

use super::{author, is_batch, is_bundle, is_bytes, is_head, is_proof};
use crate::machine::Machine;
use levada_tests::liar::{Liar, Lie};
use serde_json::Value;

type About = fn(&str) -> bool;

/// All at once: what takes the time is patience, and that is the same for each.
#[test]
fn slow_peer_costs_one_wait_and_an_honest_one_beside_is_enough() {
    let (author, serving) = author();
    // A follower that knows the feed asks for its head.
    let knows = Machine::new();
    let slow_head = Liar::start(&serving.address, is_head, Lie::Slow);
    let via = format!("http://{}", slow_head.address);
    knows.done(&["follow", serving.link(), "--via", &via]);
    assert_eq!(slow_head.lies(), 0);
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    let is_here = |machine: &Machine| {
        let items = machine.items();
        let has = |item: &Value| item["files"][0]["held"] == item["files"][0]["size"];
        items.len() == 3 && items.iter().all(has)
    };
    let lies: [(About, Lie); 5] = [
        (is_bundle, Lie::Slow),
        (is_bundle, Lie::SlowHeader),
        (is_batch, Lie::Slow),
        (is_proof, Lie::Slow),
        (is_bytes, Lie::Slow),
    ];
    std::thread::scope(|all| {
        for (is_about, lie) in lies {
            let (address, link) = (&serving.address, serving.link());
            all.spawn(move || {
                let liar = Liar::start(address, is_about, lie);
                let follower = Machine::new();
                let via = format!("http://{}", liar.address);
                let ran = follower.done(&["follow", link, "--via", &via]);
                assert!(is_here(&follower), "{lie:?}: {}", ran.err);
                assert!(liar.lies() <= 2, "{lie:?}: {}: {}", liar.lies(), ran.err);
                let status = follower.done(&["status", "--json"]).json().to_string();
                assert!(status.contains("stopped answering after"), "{status}");
                assert!(!status.contains("\"is_lie\":true"), "{status}");
            });
        }
        let knows = &knows;
        all.spawn(move || {
            let ran = knows.done(&["sync"]);
            assert!(is_here(knows), "{}", ran.err);
            assert_eq!(slow_head.lies(), 1, "{}", ran.err);
        });
    });
}
