//! What a stranger's answer says in words: its status, its headers, the body of an error. It never reaches a terminal, a log
//! or JSON as it is, and not at any length.

use super::{author, each, is_bundle, is_bytes, serve};
use crate::machine::Machine;
use levada_tests::liar::{Liar, Lie};

/// Characters of one line that is said of an answer.
const LINE_MAX: usize = 600;

/// Answers with text that a terminal would obey, that turns or hides other text, or that is long.
fn answers() -> Vec<&'static [u8]> {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}live\u{200b}\u{9b}31m\rerror: nothing is wrong\nhint: run it again";
    let turned = "\u{202e}\u{2066}evil";
    let length = evil.len();
    let long = "a".repeat(100_000);
    let answers = [
        format!("HTTP/1.1 500 {turned}\r\ncontent-length: {length}\r\n\r\n{evil}"),
        format!(
            "HTTP/1.1 503 Busy\r\nretry-after: {turned}\r\ncontent-length: {length}\r\n\r\n{evil}"
        ),
        format!("HTTP/1.1 404 {turned}\r\ncontent-length: {length}\r\n\r\n{evil}"),
        format!(
            "HTTP/1.1 418 {}\r\ncontent-length: 1000\r\n\r\n{}",
            &long[..9_000],
            &long[..1_000]
        ),
        format!("HTTP/1.1 500 x\r\ncontent-length: 100000\r\n\r\n{long}"),
        format!("HTTP/1.1 302 {turned}\r\nlocation: /{turned}\r\ncontent-length: 0\r\n\r\n"),
        format!("HTTP/1.1 302 x\r\nlocation: http://{turned}/{evil}\r\ncontent-length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: {turned}\r\ncontent-length: 2\r\n\r\nok"),
        format!(
            "HTTP/1.1 206 {turned}\r\ncontent-range: {turned}\r\netag: {turned}\r\ncontent-length: {length}\r\n\r\n{evil}"
        ),
        format!(
            "HTTP/1.1 200 {turned}\r\nlevada-size: {turned}\r\ncontent-length: {length}\r\n\r\n{evil}"
        ),
        evil.to_owned(),
    ];
    answers
        .map(|answer| -> &'static [u8] { answer.into_bytes().leak() })
        .to_vec()
}

/// What people or programs are shown.
#[track_caller]
fn is_clean(shown: &str) {
    let is_safe = |c: char| {
        c == '\n'
            || !c.is_control()
                && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    assert!(shown.chars().all(is_safe), "{shown:?}");
    let longest = shown.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(LINE_MAX), "{shown}");
}

#[test]
fn text_of_answers_reaches_no_terminal_and_no_json_as_it_is_and_is_cut() {
    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    each(answers().into_iter().enumerate(), |(at, answer)| {
        let is_about: fn(&str) -> bool = if at % 2 == 0 { is_bundle } else { is_bytes };
        let liar = Liar::start(address, is_about, Lie::Said(answer));
        let link = link.replace(address, &liar.address);
        let follower = Machine::new();
        let ran = follower.run(&["follow", &link, "--log", "debug"]);
        assert_ne!(ran.code, Some(0), "{}", ran.err);
        is_clean(&ran.err);
        let ran = follower.run(&["sync", "--json"]);
        is_clean(&ran.err);
        // A document for programs is one line.
        let out = String::from_utf8(ran.out).unwrap();
        is_clean(&out.replace(',', "\n"));
        for form in [&["status"][..], &["status", "--json"], &["doctor"]] {
            let ran = follower.run(form);
            is_clean(&ran.err);
            is_clean(&String::from_utf8(ran.out).unwrap());
        }
    });
}

#[test]
fn text_of_answers_reaches_no_log_as_it_is() {
    let (_author, serving) = author();
    let (address, link) = (serving.address.as_str(), serving.link());
    let answers = answers().into_iter().enumerate().step_by(2);
    each(answers, |(at, answer)| {
        let is_any: fn(&str) -> bool = |line| !line.contains("/bundle?latest");
        let liar = Liar::start(address, is_any, Lie::Said(answer));
        let follower = Machine::new();
        follower.run(&["follow", &link.replace(address, &liar.address)]);
        let before = liar.lies();
        let form: &[&str] = if at % 4 == 0 { &["--log-json"] } else { &[] };
        let living = serve(&follower, form);
        // The stream, and the head that a peer without streams is asked for.
        for _ in 0..before + 2 {
            liar.wait_for_asker();
        }
        living.interrupt();
        let ran = living.end().exits(0);
        is_clean(&ran.err.replace(',', "\n"));
        is_clean(&String::from_utf8(ran.out).unwrap().replace(',', "\n"));
    });
}
