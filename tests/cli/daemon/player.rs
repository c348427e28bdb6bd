//! Players of this machine: what they are given, and what nobody else is.

use super::ask;
use crate::machine::{Machine, Serving, target};
use serde_json::Value;

/// An author's film and page, and a follower who serves and has neither.
struct Cinema {
    author: Option<Serving>,
    follower: Machine,
    serving: Option<Serving>,
    film: Vec<u8>,
    _author: Machine,
}

impl Cinema {
    fn new() -> Self {
        let (author, follower) = (Machine::new(), Machine::new());
        let film: Vec<u8> = (0..3_000_000_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        author.write(
            "a/film.mp4",
            &[b"\0\0\0\x18ftypmp42".as_slice(), &film].concat(),
        );
        author.write("a/page.html", b"<script>alert(1)</script>");
        author.done(&["init", "--title", "x"]);
        author.done(&["publish", "a"]);
        let serving = author.serve();
        // Its records come, and no media.
        follower.run(&["follow", serving.link(), "--max-size", "1"]);
        let playing = follower.serve();
        Self {
            author: Some(serving),
            follower,
            serving: Some(playing),
            film: [b"\0\0\0\x18ftypmp42".as_slice(), &film].concat(),
            _author: author,
        }
    }

    /// What `play` says of the item with this title.
    fn play(&self, title: &str) -> Value {
        let items = self.follower.items();
        let item = items.iter().find(|item| item["title"] == title);
        let target = target(item.expect("an item of this title"));
        self.follower.done(&["play", &target, "--json"]).json()
    }
}

/// The status, the header in lower case, and the body.
fn get(url: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let named = match headers.contains("host:") {
        true => String::new(),
        false => format!("host: {host}\r\n"),
    };
    let request = format!("GET /{path} HTTP/1.1\r\n{named}{headers}connection: close\r\n\r\n");
    let (status, answer) = ask(host, &request);
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let header = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    (status, header, answer[end + 4..].to_vec())
}

#[test]
fn film_plays_from_the_middle_before_it_is_here() {
    let cinema = Cinema::new();
    let url = cinema.play("film")["url"].as_str().unwrap().to_owned();
    let (status, header, body) = get(&url, "range: bytes=2000000-2099999\r\n");
    assert_eq!(status, 206, "{header}");
    assert!(header.contains("content-type: video/mp4"), "{header}");
    assert!(
        header.contains("content-range: bytes 2000000-2099999/3000012"),
        "{header}"
    );
    assert_eq!(body, cinema.film[2_000_000..2_100_000]);
    let status = cinema.follower.done(&["status", "--json"]).json();
    let held = status["blob_bytes"].as_u64().unwrap();
    assert!(held < 1_000_000, "{held} bytes are here");
    let (status, _, body) = get(&url, "");
    assert_eq!((status, body), (200, cinema.film.clone()));
    let (status, _, _) = get(&url, "range: bytes=3000012-\r\n");
    assert_eq!(status, 416);
}

#[test]
fn what_is_not_here_and_cannot_be_had_is_said() {
    let mut cinema = Cinema::new();
    let url = cinema.play("film")["url"].as_str().unwrap().to_owned();
    assert_eq!(get(&url, "range: bytes=0-99\r\n").0, 206);
    cinema.author.take().unwrap().stop().exits(0);
    assert_eq!(get(&url, "range: bytes=0-99\r\n").0, 206);
    let (status, header, body) = get(&url, "range: bytes=2000000-2000099\r\n");
    let body = String::from_utf8_lossy(&body);
    assert_eq!(status, 404, "{header}\n{body}");
}

#[test]
fn page_of_a_stranger_is_a_download_and_nobody_else_is_let_in() {
    let cinema = Cinema::new();
    let playing = cinema.play("page");
    let url = playing["url"].as_str().unwrap();
    let (status, header, body) = get(url, "");
    assert_eq!(
        (status, body.as_slice()),
        (200, b"<script>alert(1)</script>".as_slice())
    );
    for expected in [
        "content-type: application/octet-stream",
        "content-disposition: attachment",
        "x-content-type-options: nosniff",
        "cross-origin-resource-policy: same-site",
        "content-security-policy: default-src 'none'",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
    ] {
        assert!(header.contains(expected), "{expected}: {header}");
    }
    assert!(!header.contains("access-control"), "{header}");
    // Another name for this machine, a page elsewhere, a ticket for something else, calls.
    assert_eq!(get(url, "host: evil.example\r\n").0, 403);
    assert_eq!(get(url, "origin: http://evil.example\r\n").0, 403);
    let film = cinema.play("film")["url"].as_str().unwrap().to_owned();
    let ticket = |url: &str| url.split('/').nth(3).unwrap().to_owned();
    assert_eq!(get(&url.replace(&ticket(url), &ticket(&film)), "").0, 404);
    let host = url.split('/').nth(2).unwrap();
    let call = format!(
        "POST /v1/calls HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(ask(host, &call).0, 405);
    // A new token ends all addresses.
    cinema.follower.done(&["token", "--new"]);
    assert_eq!(get(url, "").0, 404);
}

#[test]
fn without_serve_there_is_nothing_to_play_from() {
    let mut cinema = Cinema::new();
    cinema.serving.take().unwrap().stop().exits(0);
    let target = target(&cinema.follower.items()[0]);
    let ran = cinema.follower.run(&["play", &target]).exits(1);
    assert!(
        ran.err.contains("no `levada serve` runs here"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("start `levada serve`"), "{}", ran.err);
}
