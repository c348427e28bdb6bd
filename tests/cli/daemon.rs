//! `serve` as something that runs all day: what commands say through it, calls on loopback, keys, settings, logs, signals,
//! service managers.

mod player;
mod same;
mod service;

use crate::machine::{Machine, Running};
use levada_feed::key::FeedKey;
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

const SERVE: [&str; 4] = ["serve", "--json", "--listen", "127.0.0.1:0"];

fn serve(machine: &Machine, more: &[&str]) -> (Running, Value) {
    let mut running = machine.start(&[SERVE.as_slice(), more].concat());
    let told = running.event_where(|event| event["type"] == "serving");
    (running, told)
}

/// Sends a request and gives the status and the whole answer.
fn ask(address: &str, request: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap();
    (status.parse().unwrap(), answer)
}

fn post(address: &str, token: &str, path: &str, body: &str) -> (u16, String) {
    let len = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}"
    );
    let (status, answer) = ask(address, &request);
    (status, String::from_utf8(answer).unwrap())
}

fn token(machine: &Machine) -> String {
    let ran = machine.done(&["token"]);
    String::from_utf8(ran.out).unwrap().trim().to_owned()
}

#[test]
fn whoever_has_the_token_makes_calls_on_loopback() {
    let machine = Machine::new();
    let (running, told) = serve(&machine, &["--api", "127.0.0.1:0"]);
    let api = told["api"][0].as_str().unwrap();
    let token = token(&machine);
    let file = machine.write("a.txt", b"hello");
    let publish = serde_json::json!({ "call": "publish", "paths": [file] }).to_string();
    let (status, text) = post(api, &token, "/v1/calls", &publish);
    assert_eq!(status, 200, "{text}");
    assert!(
        text.contains(r#"{"event":{"type":"published","index":1,"#),
        "{text}"
    );
    assert!(text.contains(r#""published":1"#), "{text}");
    assert_eq!(machine.items()[0]["title"], "a");
    let (status, _) = post(api, &"0".repeat(64), "/v1/calls", &publish);
    assert_eq!(status, 401);
    // A new token counts at once.
    machine.done(&["token", "--new"]);
    let (status, _) = post(api, &token, "/v1/calls", r#"{"call":"sources"}"#);
    assert_eq!(status, 401);
    running.signal(Signal::TERM);
    running.end().exits(0);
}

#[test]
fn call_that_waits_for_a_silent_peer_is_stopped_by_its_number() {
    let author = Machine::new();
    author.write("a.txt", b"hello");
    author.done(&["publish", "a.txt"]);
    let link = author.done(&["key", "show", "--json"]).json()["link"].clone();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let via = format!("http://{}", silent.local_addr().unwrap());
    let machine = Machine::new();
    let (running, told) = serve(&machine, &["--api", "127.0.0.1:0"]);
    let api = told["api"][0].as_str().unwrap();
    let token = token(&machine);
    let body = serde_json::json!({
        "call": "follow", "feed": link, "via": [via],
    });
    let body = body.to_string();
    let mut call = TcpStream::connect(api).unwrap();
    let len = body.len();
    let request = format!(
        "POST /v1/calls HTTP/1.1\r\nhost: {api}\r\nauthorization: Bearer {token}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}"
    );
    call.write_all(request.as_bytes()).unwrap();
    // It has come as far as the peer, which says nothing.
    let (_held, _) = silent.accept().unwrap();
    let mut text = String::new();
    while !text.contains("\r\n\r\n") {
        let mut part = [0; 1024];
        let got = call.read(&mut part).unwrap();
        assert!(got > 0, "{text}");
        text += std::str::from_utf8(&part[..got]).unwrap();
    }
    let number = text.split("levada-call: ").nth(1).unwrap();
    let number = number.split("\r\n").next().unwrap();
    let (status, _) = post(api, &token, &format!("/v1/calls/{number}/stop"), "");
    assert_eq!(status, 200);
    call.read_to_string(&mut text).unwrap();
    assert!(
        text.contains(r#"{"failure":{"code":"interrupted""#),
        "{text}"
    );
    running.interrupt();
    running.end().exits(0);
}

#[test]
fn port_of_the_api_that_is_taken_is_a_warning() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let machine = Machine::new();
    let (running, told) = serve(&machine, &["--api", &address]);
    assert!(told["api"].is_null(), "{told}");
    let message = running.message().unwrap();
    assert!(
        message.contains("warning") && message.contains(&address),
        "{message}"
    );
    machine.done(&["ls"]);
    running.interrupt();
    running.end().exits(0);
}

#[test]
fn feed_made_while_serving_is_listed_at_once() {
    let machine = Machine::new();
    let (running, told) = serve(&machine, &[]);
    let address = told["listen"][0].as_str().unwrap();
    let request = format!("GET /v1/feeds HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let made = machine.done(&["init", "--json"]).json();
    let key: FeedKey = made["feed"].as_str().unwrap().parse().unwrap();
    let (_, answer) = ask(address, &request);
    assert!(answer.windows(32).any(|part| part == key.as_bytes()));
    let status = machine.done(&["status", "--json"]).json();
    assert_eq!(status["listen"], told["listen"]);
    running.interrupt();
    running.end().exits(0);
}

#[test]
fn encrypted_key_signs_while_serving_when_its_passphrase_was_given() {
    let machine = Machine::new();
    let with = |phrase: &str, args: &[&str]| {
        let mut command = machine.command(args);
        command.env("LEVADA_PASSPHRASE", phrase);
        command.output().unwrap()
    };
    assert!(with("green water", &["init", "--encrypt"]).status.success());
    machine.write("a.txt", b"hello");
    machine.write("b.txt", b"hello again");
    // The wrong one is refused before anything is served.
    let wrong = with("blue water", &SERVE);
    assert_eq!(wrong.status.code(), Some(12));
    assert!(
        String::from_utf8(wrong.stderr)
            .unwrap()
            .contains("main.pem")
    );
    // The right one is kept, so that no publish needs it.
    let mut command = machine.command(&SERVE);
    command.env("LEVADA_PASSPHRASE", "green water");
    let mut running = Running::spawn(command);
    running.event_where(|event| event["type"] == "serving");
    machine.done(&["publish", "a.txt"]);
    running.interrupt();
    running.end().exits(0);
    // Without one all is served and nothing is signed.
    let (running, _) = serve(&machine, &[]);
    let message = running.message().unwrap();
    assert!(message.contains("served and not signed"), "{message}");
    assert_eq!(machine.items().len(), 1);
    let refused = machine.run(&["publish", "b.txt"]).exits(12);
    assert!(
        refused.err.contains("hint: give the passphrase"),
        "{}",
        refused.err
    );
    assert_eq!(machine.items().len(), 1);
    assert!(with("green water", &["publish", "b.txt"]).status.success());
    assert_eq!(machine.items().len(), 2);
    running.interrupt();
    running.end().exits(0);
}

#[test]
fn settings_count_when_the_command_line_says_nothing() {
    let machine = Machine::new();
    machine.write(
        ".config/levada/config.toml",
        b"listen = [\"127.0.0.1:0\"]\napi = []\n",
    );
    let mut running = machine.start(&["serve", "--json"]);
    let told = running.event_where(|event| event["type"] == "serving");
    assert!(
        told["listen"][0]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:"),
        "{told}"
    );
    running.interrupt();
    running.end().exits(0);
    machine.write(".config/levada/config.toml", b"listen = [\"nowhere\"]\n");
    let refused = machine.run(&["serve"]).exits(2);
    assert!(
        refused.err.contains("listen = \"nowhere\""),
        "{}",
        refused.err
    );
    let checked = machine.run(&["config", "check"]).exits(2);
    assert!(
        checked.err.contains(".config/levada/config.toml"),
        "{}",
        checked.err
    );
}

#[test]
fn interrupted_command_ends_its_call_and_the_end_of_serving_ends_the_command() {
    let author = Machine::new();
    author.write("a.txt", b"hello");
    author.done(&["publish", "a.txt"]);
    let link = author.done(&["key", "show", "--json"]).json()["link"].clone();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let via = format!("http://{}", silent.local_addr().unwrap());
    let machine = Machine::new();
    let (running, _) = serve(&machine, &[]);
    let follow = ["follow", link.as_str().unwrap(), "--via", &via];
    let following = machine.start(&follow);
    // It has come as far as the peer, which says nothing.
    let _held = silent.accept().unwrap();
    following.interrupt();
    let ran = following.end().exits(130);
    assert!(ran.err.contains("interrupted"), "{}", ran.err);
    machine.done(&["ls"]);
    running.interrupt();
    running.end().exits(0);
    // On a machine and from a peer of its own: what is followed already is also asked for by `serve` itself.
    let machine = Machine::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let via = format!("http://{}", silent.local_addr().unwrap());
    let (running, _) = serve(&machine, &[]);
    let following = machine.start(&["follow", link.as_str().unwrap(), "--via", &via]);
    let _also_held = silent.accept().unwrap();
    running.signal(Signal::TERM);
    let ran = following.end().exits(130);
    assert!(ran.err.contains("interrupted"), "{}", ran.err);
    running.end().exits(0);
}
