//! Every command says the same by itself and through a running `serve`.

use super::serve;
use crate::machine::{Machine, Serving};
use serde_json::Value;

/// What a command came to, without what differs from machine to machine.
#[derive(Debug, PartialEq)]
struct Said {
    code: Option<i32>,
    out: Vec<Value>,
    err: String,
}

/// What is told of a node that serves and of the peers it met, and of the disk; and what came in a sync, when another of
/// the same feed may run beside it.
const OF_THIS_NODE: [&str; 8] = [
    "quota",
    "free_bytes",
    "listen",
    "peers",
    "traffic",
    "is_served",
    "bytes_new",
    "records_new",
];

/// Words of one machine or one moment.
fn plain(machine: &Machine, served_at: &[String], text: &str) -> String {
    let mut text = text.replace(machine.home().to_str().unwrap(), "HOME");
    // A link tells where its node serves, if it does.
    for hint in served_at {
        text = text.replace(&format!("&via={hint}"), "");
    }
    let mut plain = String::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        plain.push_str(match word.len() {
            // A feed, a hash, the beginning of a hash, a time.
            10.. if word.starts_with("lev1") => "FEED",
            4 if plain.ends_with("FEED…") => "",
            64 if word.bytes().all(|byte| byte.is_ascii_hexdigit()) => "HASH",
            26 => "FIRST",
            13 if is_number => "TIME",
            _ => &word,
        });
        word.clear();
        plain.push(c);
    }
    plain.trim_end().to_owned()
}

fn shape(machine: &Machine, served_at: &[String], value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(plain(machine, served_at, &text)),
        Value::Number(number) if number.as_u64() > Some(1_000_000_000_000) => "TIME".into(),
        Value::Array(values) => values
            .into_iter()
            .map(|value| shape(machine, served_at, value))
            .collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !OF_THIS_NODE.contains(&name.as_str()))
            .map(|(name, value)| (name, shape(machine, served_at, value)))
            .collect(),
        other => other,
    }
}

fn say(machine: &Machine, served_at: &[String], words: &str) -> Said {
    let args: Vec<&str> = words.split_whitespace().collect();
    let ran = machine.run(&args);
    let is_json = args.contains(&"--json");
    let out = match serde_json::from_slice(&ran.out) {
        Ok(document) if is_json => vec![document],
        _ if is_json => ran.events(),
        _ => vec![Value::String(
            String::from_utf8_lossy(&ran.out).into_owned(),
        )],
    };
    Said {
        code: ran.code,
        out: out
            .into_iter()
            .map(|value| shape(machine, served_at, value))
            .collect(),
        err: plain(machine, served_at, &ran.err),
    }
}

/// A feed that both follow.
fn author() -> (Machine, Serving) {
    let author = Machine::new();
    author.write("a/one.txt", b"one");
    author.write("a/film.bin", &vec![3; 70_000]);
    author.done(&["init", "--title", "x"]);
    author.done(&["publish", "a"]);
    let serving = author.serve();
    (author, serving)
}

/// In this order, each with --json.
const COMMANDS: &[&str] = &[
    "init --title Ana",
    "init",
    "key list",
    "key show",
    "publish media --tag sea",
    "publish media",
    "publish media --dry-run --text t",
    "publish nothing",
    "publish media --retract-missing --feed main",
    "ls",
    "ls main -n 1 --all",
    "ls nobody",
    "show main",
    "show main/1",
    "show main/99",
    "get main/1 -o out.txt",
    "get main/1 -o out.txt",
    "get main/2 -o part --range 5-9",
    "prove main/1 -o p.bundle",
    "check p.bundle",
    "check out.txt",
    "key backup saved.pem",
    "key backup saved.pem",
    "key restore saved.pem",
    "key restore saved.pem --name other",
    "init --encrypt --name closed",
    "follow LINK",
    "follow nonsense",
    "sources",
    "sync",
    "ls x",
    "get x/1 -o one.txt",
    "status",
    "unfollow nobody",
    "unfollow x --purge",
    "config check",
    "token",
    "token --new",
];

#[test]
fn every_command_says_the_same_through_a_running_serve() {
    let (_author, serving) = author();
    let link = serving.link().to_owned();
    let (alone, served) = (Machine::new(), Machine::new());
    for machine in [&alone, &served] {
        machine.write("media/a.txt", b"hello");
        machine.write("media/b.bin", &vec![9; 40_000]);
        machine.write("media/no\nname.txt", b"x");
    }
    let (running, told) = serve(&served, &[]);
    let served_at = told["listen"].as_array().unwrap().iter();
    let served_at: Vec<String> = served_at
        .map(|at| format!("http://{}", at.as_str().unwrap()))
        .collect();
    for words in COMMANDS {
        let words = words.replace("LINK", &link);
        let words = format!("{words} --json");
        assert_eq!(
            say(&alone, &[], &words),
            say(&served, &served_at, &words),
            "{words}"
        );
    }
    for words in [
        "key list",
        "publish media",
        "ls",
        "show main/1",
        "get main/1 -o -",
        "get main/2 --range 0-9 -o -",
        "prove main/1 -o - -q",
        "sources",
        "sync",
        "config check",
    ] {
        let (one, other) = (say(&alone, &[], words), say(&served, &served_at, words));
        if words.starts_with("prove") {
            // What is proven differs in its key, not in its kind.
            assert_eq!((one.code, one.err), (other.code, other.err), "{words}");
        } else {
            assert_eq!(one, other, "{words}");
        }
    }
    running.interrupt();
    running.end().exits(0);
}
