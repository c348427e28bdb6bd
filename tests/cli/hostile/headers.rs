//! Headers that lie of sizes and ranges, with bytes that are wrong or right.

use super::{author, each, is_bytes, is_here, is_proof, media_alone};
use crate::machine::Machine;
use levada_tests::liar::{Liar, Lie};
use levada_tests::{Host, Manners};

/// What is said of a blob of 300,000 bytes.
const SIZES: &[&str] = &[
    "0",
    "299999",
    "17592186044416",
    "18446744073709551615",
    "-1",
    "300000, 300000",
];
const RANGES: &[&str] = &[
    "bytes 1-2/3",
    "bytes 18446744073709551615-1/2",
    "bytes */300000",
    "\u{202e}",
];

#[test]
fn lies_about_the_size_of_a_blob_are_not_believed() {
    let lies = SIZES.iter().map(|size| Lie::FirstAnd("levada-size", size));
    media_alone(is_proof, "large", lies);
}

#[test]
fn lies_about_the_range_that_is_sent_are_not_believed() {
    let lies = RANGES
        .iter()
        .map(|range| Lie::Header("content-range", range));
    media_alone(is_bytes, "large", lies);
}

#[test]
fn right_bytes_are_taken_whatever_their_headers_say_beside() {
    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    let is_any: fn(&str) -> bool = |line| !line.starts_with("GET /v1/blobs/") || is_proof(line);
    let cases = [
        (is_proof as fn(&str) -> bool, "levada-size", "1"),
        (is_any, "content-range", "bytes 7-8/9"),
        (is_any, "content-type", "text/html\u{202e}"),
        (is_any, "retry-after", "99999999999999999999"),
    ];
    each(cases, |(is_about, name, value)| {
        let liar = Liar::start(address, is_about, Lie::Header(name, value));
        let follower = Machine::new();
        follower.done(&["follow", &link.replace(address, &liar.address)]);
        assert!(liar.lies() > 0, "{name}: it was asked");
        assert!(is_here(&follower), "{name}");
    });
}

fn is_outboard(line: &str) -> bool {
    line.contains(".obao")
}

fn is_file(line: &str) -> bool {
    line.contains("/blobs/") && !is_outboard(line)
}

fn is_head(line: &str) -> bool {
    line.contains("/head ")
}

#[test]
fn lies_of_a_web_host_about_ranges_and_sizes_are_not_believed() {
    let (author, serving) = author();
    let key = &serving.link()["levada:".len()..serving.link().find('?').unwrap()];
    author.done(&["export", "static", "site", "-q"]);
    let host = Host::serve(&author.home().join("site"), Manners::WEB);
    let address = host.url().replace("http://", "");
    let range = Lie::Header("content-range", "bytes 1-2/3");
    let length = Lie::Header("content-length", "10");
    let cases = [
        (is_outboard as fn(&str) -> bool, range, 3),
        (is_outboard, length, 3),
        (is_outboard, Lie::Header("content-length", "-5"), 3),
        (is_outboard, Lie::HugeLength, 0),
        (is_file, range, 3),
        (is_file, length, 3),
        (
            is_file,
            Lie::FirstAnd("content-range", "bytes 0-0/17592186044416"),
            3,
        ),
        (is_head, length, 4),
        (is_head, Lie::HugeLength, 5),
        (is_head, Lie::Endless, 5),
    ];
    each(cases, |(is_about, lie, code)| {
        let liar = Liar::start(&address, is_about, lie);
        let follower = Machine::new();
        let via = format!("http://{}", liar.address);
        let ran = follower.run(&["follow", key, "--via", &via]);
        let ran = if code > 3 {
            // A new follower needs no head beside the newest records; the next sync asks for it.
            ran.exits(0);
            follower.run(&["sync"])
        } else {
            ran
        };
        let ran = ran.exits(code);
        assert!(liar.lies() > 0, "{lie:?}: it was asked");
        assert_eq!(is_here(&follower), code != 3, "{lie:?}: {}", ran.err);
        assert!(
            code == 0 || ran.err.contains(&liar.address),
            "{lie:?}: {}",
            ran.err
        );
    });
}
