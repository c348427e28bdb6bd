//! Streams of news that lie: what is not there, what was not signed, of another feed, without end or measure. A follower hears
//! each once, names who lied, and hears what is true from the honest peer beside, meanwhile.

use super::{author, body_of, serve};
use crate::machine::{Machine, Running, Serving};
use levada_feed::codec::{self, Writer};
use levada_feed::head::{Head, HeadBody};
use levada_feed::key::FeedSecret;
use levada_peer::frame::{News, write_frame};
use levada_peer::io::keys::Keys;
use levada_tests::liar::{Liar, Lie};

/// Streams that one liar gets in the time of this test: the first, and a few after rests that double.
const STREAMS_MAX: u64 = 4;
const LOG_BYTES_MAX: usize = 100 << 10;
/// Bytes of a flood that are sent at once.
const FLOOD_BYTES: usize = 64 << 10;

/// A head answer, taken apart: the head, and what proves its length.
fn answer(serving: &Serving) -> (Vec<u8>, [Vec<u8>; 2]) {
    let link = serving.link();
    let key = &link["levada:".len()..link.find('?').unwrap()];
    let answer = body_of(&serving.address, &format!("/v1/feeds/{key}/head?have=3"));
    let parts = codec::read_array(answer).unwrap();
    let part = |at: usize| codec::read_bytes(parts[at]).unwrap().to_vec();
    (part(1), [part(2), part(3)])
}

/// A frame that tells of a head of the feed at the first place.
fn head_frame(head: &[u8], [pairs, leaves]: &[Vec<u8>; 2]) -> Vec<u8> {
    let mut answer = Writer::new();
    answer
        .array(4)
        .uint(1)
        .bytes(head)
        .bytes(pairs)
        .bytes(leaves);
    write_frame(0, &News::Head(answer.finish()))
}

fn frame(at: u64, kind: u64, content: &[u8]) -> Vec<u8> {
    let mut frame = Writer::new();
    frame.array(4).uint(1).uint(kind).uint(at).bytes(content);
    let frame = frame.finish();
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    [&length[..], &frame].concat()
}

fn once(bytes: Vec<u8>) -> Lie {
    Lie::Tells(bytes.leak())
}

fn flood(bytes: &[u8]) -> Lie {
    Lie::TellsOn(bytes.repeat(FLOOD_BYTES / bytes.len()).leak())
}

fn secret(author: &Machine) -> FeedSecret {
    let keys = Keys::at(&author.home().join(".local/share/levada/keys"));
    let name = keys.list().unwrap().remove(0).name;
    keys.load(&name, None).unwrap()
}

/// A thousand heads of the same list, each a millisecond younger than the one before, as only the author can sign them.
fn younger_heads(author: &Machine, head: &[u8], proof: &[Vec<u8>; 2]) -> Vec<u8> {
    let (secret, head) = (secret(author), Head::check(head).unwrap());
    let sign = |later| {
        let time = head.body().time + later;
        let body = HeadBody {
            time,
            ..head.body().clone()
        };
        head_frame(Head::sign(&secret, body).wire(), proof)
    };
    (1..=1_000).flat_map(sign).collect()
}

/// Runs of leaves that no blob can have.
fn impossible_runs() -> Vec<u8> {
    let runs = [u64::MAX - 1, u64::MAX, 0, u64::MAX, 7, 7];
    let runs: Vec<u8> = runs
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    let mut have = Writer::new();
    have.array(3).uint(1).uint((1 << 53) - 1).bytes(&runs);
    have.finish()
}

fn is_watch(line: &str) -> bool {
    line.starts_with("POST /v1/watch")
}

/// What is wrong by itself, and what is wrong by its measure.
fn lies(author: &Machine, serving: &Serving) -> (Vec<Lie>, Vec<Lie>) {
    let (_other, others) = super::author();
    let (other_head, other_proof) = answer(&others);
    let (head, proof) = answer(serving);
    let mut forged = head.clone();
    *forged.last_mut().unwrap() ^= 1;
    let wrong = [
        once(head_frame(&other_head, &other_proof)),
        once(head_frame(&forged, &proof)),
        once(head_frame(&head, &other_proof)),
        once(vec![0xff; 4]),
        once(vec![0, 0, 0x40, 1]),
        once(frame(1, 1, b"")),
        once(frame(u64::from(u32::MAX), 0, b"")),
        once(frame(0, 0, b"x")),
        once(frame(0, 2, &head)),
        once(frame(0, 3, &head)),
        flood(b"news! "),
    ];
    let floods = [
        flood(&[0; 4]),
        flood(&frame(0, 4, &impossible_runs())),
        flood(&frame(0, 4, &[0; 16_000])),
        flood(&head_frame(&head, &proof)),
        Lie::TellsOn(younger_heads(author, &head, &proof).leak()),
    ];
    (wrong.to_vec(), floods.to_vec())
}

/// Follows the feed at these liars, and at the honest peer after them.
fn follow(serving: &Serving, liars: &[&Liar]) -> Machine {
    let follower = Machine::new();
    let via = liars.iter().map(|liar| format!("http://{}", liar.address));
    let mut args = vec!["follow".to_owned(), serving.link().to_owned()];
    via.for_each(|via| args.extend(["--via".to_owned(), via]));
    follower.done(&args.iter().map(String::as_str).collect::<Vec<_>>());
    follower
}

/// What is new comes, from whom it may.
fn hears_of(living: &mut Running) {
    living.event_where(|event| event["type"] == "synced" && event["records_new"] == 1);
}

fn ends(living: Running) {
    living.interrupt();
    let ran = living.end().exits(0);
    assert!(ran.err.len() < LOG_BYTES_MAX, "{} bytes", ran.err.len());
}

#[test]
fn follower_among_lying_streams_names_them_and_hears_of_what_is_new() {
    let (author, serving) = author();
    let (wrong, floods) = lies(&author, &serving);
    let start = |lie: &Lie| Liar::start(&serving.address, is_watch, *lie);
    let wrong: Vec<Liar> = wrong.iter().map(start).collect();
    let floods: Vec<Liar> = floods.iter().map(start).collect();
    let liars: Vec<&Liar> = wrong.iter().chain(&floods).collect();
    let follower = follow(&serving, &liars);
    let mut living = serve(&follower, &[]);
    liars.iter().for_each(|liar| liar.wait_until_left());
    author.write("folder/new.bin", b"new");
    author.done(&["publish", "folder"]);
    hears_of(&mut living);

    let status = follower.done(&["status", "--json"]).json();
    let peers = status["sources"][0]["peers"].as_array().unwrap().clone();
    let failure = |liar: &Liar| {
        let is_it =
            |peer: &&serde_json::Value| peer["peer"].as_str().unwrap().ends_with(&liar.address);
        peers.iter().find(is_it).unwrap()["last_failure"].clone()
    };
    for liar in &wrong {
        assert_eq!(failure(liar)["is_lie"], true, "{status}");
    }
    for liar in &floods {
        let what = failure(liar)["what"].to_string();
        assert!(what.contains("floods us with news"), "{what}");
    }
    for liar in liars {
        assert!(liar.lies() <= STREAMS_MAX, "{} streams", liar.lies());
    }
    ends(living);
}

#[test]
fn streams_that_end_at_once_or_say_nothing_of_use_do_not_hide_what_is_new() {
    let (author, serving) = author();
    let ends_at_once = Lie::Said(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\0\0\0\0");
    let ending = Liar::start(&serving.address, is_watch, ends_at_once);
    let told = [frame(0, 4, &impossible_runs()), frame(0, 0xffff, b"later")].concat();
    let silent = Liar::start(&serving.address, is_watch, once(told));
    let follower = follow(&serving, &[&ending, &silent]);
    let mut living = serve(&follower, &[]);
    for name in ["new", "newer", "newest"] {
        author.write(&format!("folder/{name}.bin"), name.as_bytes());
        author.done(&["publish", "folder"]);
        hears_of(&mut living);
    }
    assert!(ending.lies() <= STREAMS_MAX, "{} streams", ending.lies());
    assert!(silent.lies() <= 2, "{} streams", silent.lies());
    let status = follower.done(&["status", "--json"]).json().to_string();
    assert!(!status.contains("\"is_lie\":true"), "{status}");
    ends(living);
}

#[test]
fn records_that_a_stream_told_of_and_does_not_have_come_from_another_peer() {
    let (author, serving) = author();
    let is_bundle: fn(&str) -> bool = |line| line.contains("/bundle?from");
    let liar = Liar::start(&serving.address, is_bundle, Lie::NotThere);
    let follower = follow(&serving, &[&liar]);
    let mut living = serve(&follower, &[]);
    for name in ["new", "newer"] {
        author.write(&format!("folder/{name}.bin"), name.as_bytes());
        author.done(&["publish", "folder"]);
        hears_of(&mut living);
    }
    assert!(liar.lies() <= 8, "{} requests", liar.lies());
    ends(living);
}
