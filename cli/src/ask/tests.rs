use super::*;
use crate::args::Cli;
use clap::{CommandFactory as _, Parser as _};
use levada_feed::key::FeedSecret;
use levada_peer::node::ApiListen;

fn parse(words: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("levada").chain(words.split_whitespace()))
}

fn ask(words: &str) -> Ask {
    read(
        parse(words)
            .unwrap_or_else(|error| panic!("{words}: {error}"))
            .command,
    )
    .unwrap()
}

fn call(words: &str) -> String {
    match ask(words) {
        Ask::Call(call) => serde_json::to_string(&call).unwrap(),
        other => panic!("{words}: {other:?}"),
    }
}

fn here(name: &str) -> String {
    std::path::absolute(name).unwrap().display().to_string()
}

#[test]
fn the_grammar_has_no_contradictions() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_form_is_understood() {
    let (a, b) = (here("a"), here("b.pem"));
    let dot = here(".");
    for (words, expected) in [
        ("init", r#"{"call":"init","name":null,"title":null,"encrypt":false}"#.to_owned()),
        ("init --name band --title Band --encrypt", r#"{"call":"init","name":"band","title":"Band","encrypt":true}"#.into()),
        ("key list", r#"{"call":"key-list"}"#.into()),
        ("key show", r#"{"call":"key-show","feed":null}"#.into()),
        ("key show band", r#"{"call":"key-show","feed":"band"}"#.into()),
        ("key backup b.pem --feed band", format!(r#"{{"call":"key-backup","feed":"band","output":"{b}"}}"#)),
        ("key restore b.pem --name band", format!(r#"{{"call":"key-restore","file":"{b}","name":"band","is_unused":false,"title":null}}"#)),
        ("follow lev1x --via http://h --via http://i --keep days:9 --max-size 2GiB",
            r#"{"call":"follow","feed":"lev1x","via":["http://h","http://i"],"keep":"days:9","max_size":"2GiB","retractions":null}"#.into()),
        ("follow levada:lev1x", r#"{"call":"follow","feed":"levada:lev1x","via":[],"keep":null,"max_size":null,"retractions":null}"#.into()),
        ("follow lev1x --share", r#"{"call":"follow","feed":"lev1x","via":[],"keep":null,"max_size":null,"retractions":null,"share":true}"#.into()),
        ("follow lev1x --no-share", r#"{"call":"follow","feed":"lev1x","via":[],"keep":null,"max_size":null,"retractions":null,"share":false}"#.into()),
        ("unfollow ana", r#"{"call":"unfollow","feed":"ana","purge":false}"#.into()),
        ("unfollow ana --purge", r#"{"call":"unfollow","feed":"ana","purge":true}"#.into()),
        ("sources", r#"{"call":"sources"}"#.into()),
        ("sync", r#"{"call":"sync","feed":null,"again":false}"#.into()),
        ("sync ana --again", r#"{"call":"sync","feed":"ana","again":true}"#.into()),
        ("ls", r#"{"call":"ls","feed":null,"limit":50,"all":false}"#.into()),
        ("ls ana -n 3 --all", r#"{"call":"ls","feed":"ana","limit":3,"all":true}"#.into()),
        ("ls --limit 9 -a", r#"{"call":"ls","feed":null,"limit":9,"all":true}"#.into()),
        ("show ana", r#"{"call":"show","target":"ana","history":false}"#.into()),
        ("show ana/3 --history", r#"{"call":"show","target":"ana/3","history":true}"#.into()),
        ("get ana/3", format!(r#"{{"call":"get","target":"ana/3","file":null,"range":null,"output":"{dot}"}}"#)),
        ("get ana/3 --file cover -o a", format!(r#"{{"call":"get","target":"ana/3","file":"cover","range":null,"output":"{a}"}}"#)),
        ("get ana/3 --range 5-9 -o a", format!(r#"{{"call":"get","target":"ana/3","file":null,"range":[5,9],"output":"{a}"}}"#)),
        ("get ana/3 --range 5- --output=a", format!(r#"{{"call":"get","target":"ana/3","file":null,"range":[5,null],"output":"{a}"}}"#)),
        ("pin ana/3", r#"{"call":"pin","target":"ana/3"}"#.into()),
        ("unpin ana/3", r#"{"call":"unpin","target":"ana/3"}"#.into()),
        ("drop ana --yes", r#"{"call":"drop","target":"ana","yes":true}"#.into()),
        ("retract main/3 --reason R", r#"{"call":"retract","target":"main/3","reason":"R"}"#.into()),
        ("mirror add http://h", r#"{"call":"mirror-add","mirror":"http://h","feed":null}"#.into()),
        ("verify ana --for 2h", r#"{"call":"verify","feed":"ana","seconds":7200,"via":[]}"#.into()),
        ("doctor", r#"{"call":"doctor"}"#.into()),
        ("rebuild --index", r#"{"call":"rebuild","only_index":true}"#.into()),
        ("config check", r#"{"call":"config-check"}"#.into()),
        ("config reload", r#"{"call":"config-reload"}"#.into()),
        ("token --new", r#"{"call":"token","is_new":true}"#.into()),
        ("status", r#"{"call":"status"}"#.into()),
        ("prove ana/3", format!(r#"{{"call":"prove","target":"ana/3","output":"{}"}}"#, here("ana-3.bundle"))),
        ("prove ana/3 -o a", format!(r#"{{"call":"prove","target":"ana/3","output":"{a}"}}"#)),
        ("check a", format!(r#"{{"call":"check","file":"{a}"}}"#)),
    ] {
        assert_eq!(call(words), expected, "{words}");
    }
}

#[test]
fn publish_takes_all_its_options() {
    let all = "publish a /b --feed main --title T --text X --tag p --tag q --creator Ana --creator Zé --language pt \
               --license MIT --in-place --dry-run --strip-place --insist --retract-missing";
    let expected = format!(
        r#"{{"call":"publish","paths":["{}","/b"],"feed":"main","title":"T","text":"X","tags":["p","q"],"#,
        here("a")
    ) + r#""creators":["Ana","Zé"],"language":"pt","licence":"MIT","in_place":true,"dry_run":true,"strip_place":true,"insist":true,"retract_missing":true}"#;
    assert_eq!(call(all), expected);
    assert_eq!(call(&all.replace("--license", "--licence")), expected);
    let plain = call("publish /b");
    assert!(
        plain.contains(r#""tags":[],"creators":[],"language":null"#),
        "{plain}"
    );
}

#[test]
fn a_dash_is_standard_output() {
    assert!(matches!(
        ask("get ana/3 -o -"),
        Ask::Bytes(Call::Get { output: None, .. })
    ));
    assert!(matches!(
        ask("get ana/3 -o - --range 0-9"),
        Ask::Bytes(Call::Get {
            range: Some((0, Some(9))),
            ..
        })
    ));
    assert!(matches!(
        ask("prove ana/3 -o -"),
        Ask::Bytes(Call::Prove { output: None, .. })
    ));
    assert!(matches!(ask("get ana/3 -o ./-"), Ask::Call(_)));
}

#[test]
fn serving_listens_where_it_is_told() {
    let listen = |words| match ask(words) {
        Ask::Serve(serve) | Ask::PublishAndServe(_, serve) => serve.listen,
        other => panic!("{words}: {other:?}"),
    };
    assert_eq!(listen("serve"), []);
    assert_eq!(listen("publish a --serve"), []);
    assert_eq!(
        listen("serve --listen 127.0.0.1:80 --listen ::1 --listen 8080"),
        ["127.0.0.1:80", "[::1]:9327", "8080"].map(|text| text.parse().unwrap())
    );
    assert_eq!(
        listen("publish a --serve --listen localhost:0"),
        ["127.0.0.1:0".parse().unwrap()]
    );
}

#[test]
fn calls_of_this_machine_are_taken_where_it_is_told() {
    let api = |words| match ask(words) {
        Ask::Serve(serve) | Ask::PublishAndServe(_, serve) => serve.api,
        other => panic!("{words}: {other:?}"),
    };
    assert_eq!(api("serve --api off"), [ApiListen::OFF]);
    assert_eq!(
        api("publish a --serve --api 9000 --api [::1]"),
        ["9000", "[::1]:9328"].map(|text| text.parse().unwrap())
    );
}

#[test]
fn options_of_every_command_stand_before_or_after_it() {
    for words in [
        "--json --data-dir /d -v sync",
        "sync --json --data-dir /d -v",
        "key --json list --data-dir /d --verbose",
    ] {
        let global = parse(words).unwrap().global;
        assert!(global.json && global.verbose && !global.quiet, "{words}");
        assert_eq!(global.data_dir, Some("/d".into()), "{words}");
    }
    let global = parse("publish a -q --passphrase-fd 3").unwrap().global;
    assert!(global.quiet && global.passphrase_fd == Some(3));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for words in [
        "",
        "key",
        "publish",
        "follow",
        "unfollow",
        "show",
        "get",
        "prove",
        "check",
        "frobnicate",
        "sync -q -v",
        "publish a --dry-run --serve",
        "publish a --listen 8080",
        "get ana/3 --range 0-9",
        "get ana/3 -o - --range 9-0",
        "get ana/3 -o - --range -9",
        "ls --limit many",
        "serve --listen nowhere",
        "serve --api 0.0.0.0",
        "sync --passphrase-fd -1",
        "key backup",
    ] {
        let error = parse(words)
            .err()
            .unwrap_or_else(|| panic!("{words} was taken"));
        assert_eq!(error.exit_code(), 2, "{words}");
    }
    for words in [
        "--help",
        "--version",
        "publish --help",
        "help get",
        "key backup -h",
    ] {
        assert_eq!(parse(words).unwrap_err().exit_code(), 0, "{words}");
    }
}

#[test]
fn ranges_name_first_and_last_byte() {
    assert_eq!(range("0-0"), Ok((0, Some(0))));
    assert_eq!(range("10-"), Ok((10, None)));
    assert_eq!(range("0-18446744073709551615"), Ok((0, Some(u64::MAX))));
    for text in [
        "",
        "-",
        "-5",
        "5",
        "9-8",
        "a-b",
        "1-2-3",
        "+1-2",
        "1 - 2",
        "0-18446744073709551616",
        "0x1-",
    ] {
        assert!(range(text).is_err(), "{text}");
    }
}

#[test]
fn bundles_are_named_after_what_they_prove() {
    let feed = FeedSecret::from_bytes(&[7; 32]).feed_key();
    for (target, expected) in [
        ("ana/3".to_owned(), "ana-3.bundle".to_owned()),
        ("a/../b/3".into(), "a----b-3.bundle".into()),
        (
            format!("levada:{feed}/3?name=x"),
            format!("{}-3.bundle", &feed.to_string()[..12]),
        ),
        (
            format!("{feed}/4"),
            format!("{}-4.bundle", &feed.to_string()[..12]),
        ),
        ("ana".into(), "ana.bundle".into()),
    ] {
        assert_eq!(bundle_name(&target), expected);
    }
}
