//! The tour of the README: what it shows is what the program prints.
//!
//! Only what differs from run to run is left out, by rule: keys, the beginnings of feeds, ports. `…` in a line of the README
//! stands for the rest of a key or link.

use crate::machine::{Machine, Running};

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
const MEDIA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media");
const LEVADA: &str = env!("CARGO_BIN_EXE_levada");
const LISTENING: &str = "listening on ";

/// What follows each of these differs from run to run, as far as it is letters and digits.
const VARYING: [&str; 3] = ["lev1", "first=", "127.0.0.1:"];

/// A line without what differs.
fn by_rule(line: &str) -> String {
    if line.starts_with(LISTENING) {
        return LISTENING.to_owned();
    }
    // How the program is called depends on where it was built.
    let mut line = line.replace("cargo run --release --", LEVADA);
    for before in VARYING {
        let mut parts = line.split(before);
        let mut short = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            short += before;
            short += part.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        }
        line = short;
    }
    line.trim_end().to_owned()
}

/// Whether a line is what the README shows, which may leave out the rest of a key or link.
fn is_shown(shown: &str, real: &str) -> bool {
    match by_rule(shown).split_once('…') {
        None => by_rule(shown) == by_rule(real),
        Some((begins, ends)) => {
            let real = by_rule(real);
            let rest = real.strip_prefix(begins);
            rest.is_some_and(|rest| rest.ends_with(ends))
        }
    }
}

fn console() -> Vec<&'static str> {
    let (_, block) = README.split_once("```console\n").expect("there is a block");
    let (block, _) = block.split_once("```").expect("it ends");
    block.lines().collect()
}

#[test]
fn first_command_prints_what_the_readme_shows() {
    let machine = Machine::new();
    let mut command = machine.command(&["publish", MEDIA, "--serve", "--listen", "127.0.0.1:0"]);
    command.env("LEVADA_API", "off");
    let running = Running::spawn(command);
    while running
        .message()
        .is_some_and(|line| !line.contains("serving until"))
    {}
    running.interrupt();
    let ran = running.end().exits(0);
    let out = String::from_utf8(ran.out).unwrap();
    let printed: Vec<&str> = out.trim_end().lines().collect();
    let is_note = |line: &&str| line.starts_with(LISTENING);
    let (notes, shown): (Vec<&str>, Vec<&str>) = console().into_iter().partition(is_note);
    assert_eq!(notes.len(), 1);
    assert_eq!(shown.len(), printed.len(), "{out}");
    for (shown, real) in shown.iter().zip(&printed) {
        assert!(is_shown(shown, real), "README: {shown}\nprinted: {real}");
    }
}

#[test]
fn what_differs_is_left_out_and_nothing_else() {
    assert!(is_shown(
        "levada:lev1ab…?first=cd&x",
        "levada:lev1zzzz?first=yy&x"
    ));
    assert!(is_shown(
        "  cargo run --release -- follow 'levada:lev1ab…'",
        &format!("  {LEVADA} follow 'levada:lev1zz?first=a'")
    ));
    assert!(!is_shown(
        "levada:lev1ab…?first=cd&x",
        "levada:lev1zzzz?first=yy&y"
    ));
    assert!(!is_shown("7 new (661.6 KiB)", "7 new (661.7 KiB)"));
    assert!(!is_shown("new  1  a", "new  2  a"));
}
