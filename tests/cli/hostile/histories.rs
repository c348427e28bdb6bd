//! Histories that are old, or that are two: a mirror that is behind is no liar, and a second history is proven and changes
//! nothing of the first.

use super::{author, is_head, is_here, is_noted};
use crate::machine::{Machine, Serving};
use levada_tests::copy_all;
use levada_tests::liar::{Liar, Lie};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// The key of the first feed that is served.
fn key(serving: &Serving) -> &str {
    let link = serving.link();
    &link["levada:".len()..link.find('?').unwrap()]
}

fn url(address: &str) -> String {
    format!("http://{address}")
}

#[test]
fn mirror_that_is_behind_is_no_liar_and_what_is_new_comes_from_others() {
    let (author, before) = author();
    let key = key(&before).to_owned();
    let mirror = Machine::new();
    mirror.done(&["follow", before.link(), "--keep", "all"]);
    before.stop();
    // The mirror knows the author's old address alone.
    let behind = mirror.serve();
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    let after = author.serve();

    let follower = Machine::new();
    let (old, new) = (url(&behind.address), url(&after.address));
    follower.done(&["follow", &key, "--via", &old]);
    assert!(is_here(&follower));
    follower.done(&["follow", &key, "--via", &old, "--via", &new]);
    assert_eq!(follower.items().len(), 3);
    // It is still behind what is here now.
    follower.done(&["sync"]);
    let status = follower.done(&["status", "--json"]).json().to_string();
    assert!(status.contains(&old), "{status}");
    assert!(!status.contains("\"lies\":1"), "{status}");

    let mut living = follower.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    living.event().expect("it serves");
    author.write("folder/newer.bin", b"newer");
    author.done(&["publish", "folder"]);
    living.event_where(|event| event["type"] == "synced" && event["records_new"] == 1);
}

#[test]
fn head_that_is_told_again_and_again_does_no_harm() {
    let (author, serving) = author();
    let liar = Liar::start(&serving.address, is_head, Lie::Stale);
    let follower = Machine::new();
    follower.done(&[
        "follow",
        &serving.link().replace(&serving.address, &liar.address),
    ]);
    // What it is going to say from now on.
    let mut peer = TcpStream::connect(&liar.address).unwrap();
    let ask = format!(
        "GET /v1/feeds/{}/head?have=3 HTTP/1.1\r\n\r\n",
        key(&serving)
    );
    peer.write_all(ask.as_bytes()).unwrap();
    peer.read_to_end(&mut Vec::new()).unwrap();
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    follower.done(&["sync"]);
    assert_eq!((follower.items().len(), liar.lies()), (2, 2));
    let via = url(&liar.address);
    follower.done(&["follow", serving.link(), "--via", &via]);
    assert_eq!(follower.items().len(), 3);
    follower.done(&["sync"]);
    is_noted(&follower, &liar, false);
}

#[test]
fn answer_that_needs_a_newer_levada_is_nobodys_lie() {
    let (author, serving) = author();
    // A structure of version 9, as far as anybody can tell now.
    let liar = Liar::start(&serving.address, is_head, Lie::Instead(&[0x82, 9, 0]));
    let follower = Machine::new();
    follower.done(&[
        "follow",
        &serving.link().replace(&serving.address, &liar.address),
    ]);
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    let ran = follower.run(&["sync"]).exits(5);
    assert!(ran.err.contains("update levada"), "{}", ran.err);
    is_noted(&follower, &liar, false);
}

#[test]
fn liar_is_asked_after_others_from_then_on() {
    let (author, serving) = author();
    let liar = Liar::start(&serving.address, is_head, Lie::Last);
    let follower = Machine::new();
    follower.done(&["follow", serving.link(), "--via", &url(&liar.address)]);
    for (name, length) in [("new", 3), ("newer", 4)] {
        author.write(&format!("folder/{name}.bin"), name.as_bytes());
        author.done(&["publish", "folder"]);
        follower.done(&["sync"]);
        assert_eq!(follower.items().len(), length);
        assert_eq!(liar.lies(), 1, "{name}");
    }
    is_noted(&follower, &liar, true);
}

#[test]
fn second_history_is_proven_and_told_and_mirrors_of_the_first_go_on_serving() {
    let (author, before) = author();
    let key = key(&before).to_owned();
    before.stop();
    // Somebody has a copy of the key, and signs another next record with it.
    let thief = Machine::new();
    copy_all(author.home(), thief.home());
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    thief.write("folder/forged.bin", b"forged");
    thief.done(&["publish", "folder/forged.bin", "--insist"]);
    let (first, second) = (author.serve(), thief.serve());

    let mirror = Machine::new();
    mirror.done(&[
        "follow",
        &key,
        "--via",
        &url(&first.address),
        "--keep",
        "newest:1",
    ]);
    let ran = mirror.run(&[
        "follow",
        &key,
        "--via",
        &url(&second.address),
        "--keep",
        "newest:1",
    ]);
    let ran = ran.exits(5);
    assert!(ran.err.contains("signed two histories"), "{}", ran.err);
    let heads = ran
        .err
        .lines()
        .filter(|line| line.contains("head of length 4: "));
    // Of the same length: whatever the other one answers contradicts what is here by itself.
    assert_eq!(heads.count(), 2, "both heads in full: {}", ran.err);
    let status = mirror.done(&["status", "--json"]).json();
    assert_eq!(status["sources"][0]["is_disputed"], true);
    // It is the author's fault, and not that of who shows it.
    assert!(!status.to_string().contains("\"is_lie\":true"), "{status}");

    // What is lacking of the first history comes from its mirror, though the other one is asked before it.
    let via = [url(&second.address), url(&first.address)];
    mirror.run(&[
        "follow", &key, "--via", &via[0], "--via", &via[1], "--keep", "all",
    ]);
    assert_eq!(mirror.items().len(), 3);
    assert!(mirror.items().iter().any(|item| item["title"] == "new"));

    let serving = mirror.serve();
    let follower = Machine::new();
    let told = follower.run(&["follow", &key, "--via", &url(&serving.address)]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    let titles: Vec<String> = follower
        .items()
        .iter()
        .map(|item| item["title"].to_string())
        .collect();
    assert_eq!(titles.len(), 3);
    assert!(
        !titles.iter().any(|title| title.contains("forged")),
        "{titles:?}"
    );
}
