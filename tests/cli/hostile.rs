//! Peers that lie about every kind of answer: nothing is believed, the peer is named, the exit code says what it was,
//! memory stays bounded, and an honest peer beside the liar is enough.

mod headers;
mod histories;
mod ports;
mod slow;
mod streams;
mod text;

use crate::machine::{Machine, Ran, Running, Serving};
use levada_tests::liar::{Liar, Lie};
use levada_tests::noise;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;

const LIES: &[Lie] = &[
    Lie::First,
    Lie::Last,
    Lie::Zeros,
    Lie::Broken,
    Lie::Half,
    Lie::More,
    Lie::Empty,
    Lie::Endless,
    Lie::EndlessHeader,
    Lie::HugeLength,
    Lie::TwoLengths,
    Lie::HugeChunk,
    Lie::EndlessNote,
    Lie::EndlessTrailer,
    Lie::HeaderFlood,
    Lie::Soon,
    Lie::Compressed,
    Lie::OtherHost,
    Lie::Circle,
    Lie::Broke,
    Lie::NotThere,
    Lie::NoHttp,
    Lie::Header("content-length", "10"),
    Lie::Header("content-length", "-5"),
    Lie::Header("transfer-encoding", "chunked"),
];
/// One of each sort, where all would only take longer.
const SOME_LIES: &[Lie] = &[
    Lie::Last,
    Lie::Broken,
    Lie::Half,
    Lie::Endless,
    Lie::OtherHost,
    Lie::Broke,
    Lie::NoHttp,
];
/// Cases that are gone through side by side.
const CASES_MAX: usize = 8;
const SMALL_BYTES: usize = 500;
const LARGE_BYTES: usize = 300_000;
/// Memory that a command holds at a time, of a build that was not optimized.
const MEMORY_BYTES_MAX: u64 = 64 << 20;
/// What all that it keeps may take on the disk then; the feed has 300 kB.
const DISK_BYTES_MAX: u64 = 16 << 20;
/// What is taken of answers that never end: some limits and socket buffers, whatever the peer sends.
const TAKEN_BYTES_MAX: u64 = 96 << 20;

/// Goes through cases some at a time: what takes the time is waiting, for disks and for patience.
fn each<T: Send, R: Send>(
    cases: impl IntoIterator<Item = T, IntoIter: Send>,
    check: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let (cases, done) = (Mutex::new(cases.into_iter()), Mutex::new(Vec::new()));
    let next = || cases.lock().unwrap().next();
    std::thread::scope(|all| {
        for _ in 0..CASES_MAX {
            all.spawn(|| {
                while let Some(case) = next() {
                    let came = check(case);
                    done.lock().unwrap().push(came);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// An author of one small and one large file.
fn author() -> (Machine, Serving) {
    let author = Machine::new();
    author.write("folder/small.bin", &noise(1, SMALL_BYTES));
    author.write("folder/large.bin", &noise(2, LARGE_BYTES));
    author.done(&["publish", "folder"]);
    let serving = author.serve();
    (author, serving)
}

fn is_here(machine: &Machine) -> bool {
    let items = machine.items();
    items.len() == 2
        && items.iter().all(|item| {
            let file = &item["files"][0];
            let expected = match item["title"].as_str() {
                Some("small") => noise(1, SMALL_BYTES),
                _ => noise(2, LARGE_BYTES),
            };
            file["held"] == file["size"] && machine.get(item) == expected
        })
}

/// Whether the answer itself is wrong, and not only absent.
fn is_wrong_answer(lie: Lie) -> bool {
    !matches!(
        lie,
        Lie::Broken
            | Lie::EndlessHeader
            | Lie::EndlessNote
            | Lie::EndlessTrailer
            | Lie::TwoLengths
            | Lie::HeaderFlood
            | Lie::Soon
            | Lie::Compressed
            | Lie::OtherHost
            | Lie::Circle
            | Lie::Broke
            | Lie::NotThere
            | Lie::NoHttp
            | Lie::Header(_, "-5" | "chunked")
    )
}

fn names(ran: &Ran, liar: &Liar) {
    assert!(ran.err.contains(&liar.address), "{}", ran.err);
}

/// Runs a command that meets a lie: its memory and what it writes stay bounded, whatever came.
fn bounded(follower: &Machine, lie: Lie, command: &[&str]) -> Ran {
    let (ran, memory) = follower.measured(command);
    assert!(
        memory < MEMORY_BYTES_MAX,
        "{lie:?}: {memory} bytes at a time"
    );
    let disk = follower.disk_bytes();
    assert!(disk < DISK_BYTES_MAX, "{lie:?}: {disk} bytes on the disk");
    ran
}

/// `status` names the peer and says whether it lied.
fn is_noted(machine: &Machine, liar: &Liar, has_lied: bool) {
    let status = machine.done(&["status", "--json"]).json().to_string();
    assert!(status.contains(&liar.address), "{status}");
    assert_eq!(status.contains("\"is_lie\":true"), has_lied, "{status}");
}

/// The liar alone, about records: nothing of the feed is here.
fn records_alone(is_about: fn(&str) -> bool) {
    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    each(LIES, |&lie| {
        let liar = Liar::start(address, is_about, lie);
        let follower = Machine::new();
        let link = link.replace(address, &liar.address);
        let code = if is_wrong_answer(lie) { 5 } else { 4 };
        let ran = bounded(&follower, lie, &["follow", &link]);
        assert_eq!(ran.code, Some(code), "{lie:?}: {}", ran.err);
        names(&ran, &liar);
        assert!(follower.items().is_empty(), "{lie:?}");
        assert!(liar.sent() < TAKEN_BYTES_MAX, "{lie:?}: {}", liar.sent());
    });
}

/// The liar alone, about media: the records are here, the file is not, and what `ls` says of it is true.
fn media_alone(is_about: fn(&str) -> bool, title: &str, lies: impl Iterator<Item = Lie> + Send) {
    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    each(lies, |lie| {
        let liar = Liar::start(address, is_about, lie);
        let follower = Machine::new();
        let link = link.replace(address, &liar.address);
        let ran = bounded(&follower, lie, &["follow", &link]);
        assert_eq!(ran.code, Some(3), "{lie:?}: {}", ran.err);
        if lie == Lie::NotThere {
            assert!(ran.err.contains("nobody who was asked has"), "{}", ran.err);
        } else {
            names(&ran, &liar);
        }
        let items = follower.items();
        assert_eq!(items.len(), 2, "{lie:?}");
        for item in &items {
            let file = &item["files"][0];
            let is_lied_about = item["title"] == title;
            assert_eq!(file["held"] == file["size"], !is_lied_about, "{lie:?}");
        }
        assert!(liar.sent() < TAKEN_BYTES_MAX, "{lie:?}: {}", liar.sent());
    });
}

/// A node that serves and logs all that it does.
fn serve(follower: &Machine, more: &[&str]) -> Running {
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--json",
        "--log",
        "debug",
    ];
    let mut living = follower.start(&[&args, more].concat());
    living.event().expect("it serves");
    living
}

/// The liar is asked first, an honest peer after it: everything comes.
fn beside_an_honest_peer(is_about: fn(&str) -> bool) {
    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    each(SOME_LIES, |&lie| {
        let liar = Liar::start(address, is_about, lie);
        let follower = Machine::new();
        let via = format!("http://{}", liar.address);
        let ran = follower.run(&["follow", link, "--via", &via]);
        assert_eq!(ran.code, Some(0), "{lie:?}: {}", ran.err);
        assert!(is_here(&follower), "{lie:?}: {}", ran.err);
    });
}

fn is_head(line: &str) -> bool {
    line.contains("/head")
}

fn is_bundle(line: &str) -> bool {
    line.contains("/bundle")
}

fn is_batch(line: &str) -> bool {
    line.starts_with("POST /v1/blobs")
}

fn is_proof(line: &str) -> bool {
    line.contains("/proof")
}

fn is_bytes(line: &str) -> bool {
    line.starts_with("GET /v1/blobs/") && !is_proof(line)
}

#[test]
fn lies_about_heads_are_not_believed_and_honest_peers_beside_are_enough() {
    let (author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    // A follower that knows the feed asks for its head.
    let followers = each(LIES, |&lie| {
        let liar = Liar::start(address, is_head, lie);
        let follower = Machine::new();
        follower.done(&["follow", &link.replace(address, &liar.address)]);
        (lie, liar, follower)
    });
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    each(followers, |(lie, liar, follower)| {
        let code = if is_wrong_answer(lie) { 5 } else { 4 };
        let ran = bounded(&follower, lie, &["sync"]);
        assert_eq!(ran.code, Some(code), "{lie:?}: {}", ran.err);
        names(&ran, &liar);
        assert!(is_here(&follower), "{lie:?}: what was verified stays");
        is_noted(&follower, &liar, is_wrong_answer(lie));
        assert!(liar.sent() < TAKEN_BYTES_MAX, "{lie:?}: {}", liar.sent());
        if SOME_LIES.contains(&lie) {
            // The liar stays known, and is asked too.
            follower.done(&["follow", link]);
            assert_eq!(follower.items().len(), 3, "{lie:?}");
        }
    });
}

#[test]
fn lies_about_bundles_are_not_believed() {
    records_alone(is_bundle);
}

#[test]
fn lies_about_small_blobs_are_not_believed() {
    media_alone(is_batch, "small", LIES.iter().copied());
}

#[test]
fn lies_about_proofs_are_not_believed() {
    media_alone(is_proof, "large", LIES.iter().copied());
}

#[test]
fn lies_about_the_bytes_of_blobs_are_not_believed() {
    // Bytes after those that were asked for are not read, and so do no harm.
    let is_harmless = |lie| matches!(lie, Lie::More | Lie::HugeLength);
    let lies = LIES.iter().copied().filter(|lie| !is_harmless(*lie));
    media_alone(is_bytes, "large", lies);
}

/// The body of an answer, to be told elsewhere.
fn body_of(address: &str, target: &str) -> &'static [u8] {
    let mut peer = TcpStream::connect(address).unwrap();
    let ask = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    peer.write_all(ask.as_bytes()).unwrap();
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{target}");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    answer[end.unwrap() + 4..].to_vec().leak()
}

#[test]
fn answers_about_something_else_are_not_believed() {
    let (_other, others) = author();
    let key = &others.link()["levada:".len()..others.link().find('?').unwrap()];
    let large = blake3::hash(&noise(2, LARGE_BYTES)).to_hex();
    let bundle = body_of(
        &others.address,
        &format!("/v1/feeds/{key}/bundle?latest=50"),
    );
    let feeds = body_of(&others.address, "/v1/feeds");
    let pairs = format!("/v1/blobs/{large}/proof?from=0&to=100000");
    let pairs = body_of(&others.address, &pairs);

    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    let cases = [
        (is_bundle as fn(&str) -> bool, bundle, 5),
        (is_bundle, feeds, 5),
        (is_bundle, pairs, 5),
        (is_batch, bundle, 3),
        (is_batch, pairs, 3),
        (is_proof, bundle, 3),
        (is_proof, pairs, 3),
        (is_bytes, pairs, 3),
    ];
    each(cases, |(is_about, body, code)| {
        let liar = Liar::start(address, is_about, Lie::Instead(body));
        let follower = Machine::new();
        let lied = link.replace(address, &liar.address);
        let ran = follower.run(&["follow", &lied]).exits(code);
        names(&ran, &liar);
        assert!(!is_here(&follower), "{}", ran.err);
        follower.done(&["follow", link]);
        assert!(is_here(&follower));
    });
}

#[test]
fn honest_peer_beside_one_that_lies_about_bundles_is_enough() {
    beside_an_honest_peer(is_bundle);
}

#[test]
fn honest_peer_beside_one_that_lies_about_small_blobs_is_enough() {
    beside_an_honest_peer(is_batch);
}

#[test]
fn honest_peer_beside_one_that_lies_about_proofs_is_enough() {
    beside_an_honest_peer(is_proof);
}

#[test]
fn honest_peer_beside_one_that_lies_about_the_bytes_of_blobs_is_enough() {
    beside_an_honest_peer(is_bytes);
}

#[test]
fn silent_peer_is_left_by_interrupt_with_130() {
    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    each([is_bundle, is_batch, is_bytes], |is_about| {
        let liar = Liar::start(address, is_about, Lie::Silent);
        let follower = Machine::new();
        let silent = link.replace(address, &liar.address);
        left(&liar, follower.start(&["follow", &silent]));
        // Nothing stands in the way of an honest one, which is asked first from now on.
        follower.done(&["follow", link]);
        assert!(is_here(&follower));
    });
    let liar = Liar::start(&serving.address, is_head, Lie::Silent);
    let follower = Machine::new();
    let link = serving.link().replace(&serving.address, &liar.address);
    follower.done(&["follow", &link]);
    left(&liar, follower.start(&["sync"]));
}

fn left(liar: &Liar, running: Running) {
    liar.wait_for_asker();
    running.interrupt();
    let ran = running.end().exits(130);
    // It was not the peer's silence that ended it.
    assert!(!ran.err.contains("stopped answering"), "{}", ran.err);
}
