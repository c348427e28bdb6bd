//! `serve` as a service: its manager, its log, its operator.

use super::{SERVE, ask, post, serve, token};
use crate::machine::{Machine, Running};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

#[test]
fn service_manager_is_told_of_begin_life_and_end() {
    let machine = Machine::new();
    let path = machine.home().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut command = machine.command(&SERVE);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "100000");
    let running = Running::spawn(command);
    let told = || {
        let mut bytes = [0; 1000];
        let len = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..len].to_vec()).unwrap()
    };
    let ready = told();
    assert!(
        ready.contains("READY=1\n") && ready.contains("STATUS=listening on 127.0.0.1:"),
        "{ready}"
    );
    assert_eq!(told(), "WATCHDOG=1\n");
    assert_eq!(told(), "WATCHDOG=1\n");
    running.signal(Signal::TERM);
    let stopping = std::iter::repeat_with(told).find(|text| !text.contains("WATCHDOG"));
    assert!(stopping.is_some_and(|text| text.contains("STOPPING=1\n")));
    running.end().exits(0);
}

#[test]
fn log_tells_what_goes_on_and_no_secret() {
    let machine = Machine::new();
    let mut command = machine.command(&SERVE);
    command.args(["--api", "127.0.0.1:0", "--log", "trace", "--log-json"]);
    command.env("LEVADA_PASSPHRASE", "green water");
    let mut running = Running::spawn(command);
    let told = running.event_where(|event| event["type"] == "serving");
    let api = told["api"][0].as_str().unwrap();
    let token = token(&machine);
    let init =
        r#"{"call":"init","name":"diary","title":null,"encrypt":true,"passphrase":"blue water"}"#;
    assert_eq!(post(api, &token, "/v1/calls", init).0, 200);
    assert_eq!(post(api, &token[1..], "/v1/calls", init).0, 401);
    machine.write("secret-plans.txt", b"hello");
    let mut publish = machine.command(&["publish", "secret-plans.txt", "--feed", "diary"]);
    publish.env("LEVADA_PASSPHRASE", "blue water");
    assert!(publish.output().unwrap().status.success());
    running.interrupt();
    let ran = running.end().exits(0);
    for secret in ["green water", "blue water", &token] {
        assert!(!ran.err.contains(secret), "{}", ran.err);
    }
    let lines: Vec<Value> = ran
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let is_there = |message: &str, level: &str| {
        lines
            .iter()
            .any(|line| line["message"] == message && line["level"] == level)
    };
    assert!(
        is_there("signed", "INFO") && is_there("call", "INFO"),
        "{}",
        ran.err
    );
    assert!(is_there("a call was refused", "WARN"), "{}", ran.err);
    let told = lines
        .iter()
        .filter(|line| line["level"] != "DEBUG" && line["level"] != "TRACE");
    assert!(
        !told
            .into_iter()
            .any(|line| line.to_string().contains("secret-plans")),
        "{}",
        ran.err
    );
    let refused = machine.run(&["ls", "--log", "loud"]).exits(2);
    assert!(refused.err.contains("loud"), "{}", refused.err);
}

#[test]
fn settings_are_read_again_when_that_is_asked_for_and_a_broken_file_changes_nothing() {
    let machine = Machine::new();
    machine.run(&["config", "reload"]).exits(4);
    let (running, _) = serve(&machine, &[]);
    let write = |text: &str| machine.write(".config/levada/config.toml", text.as_bytes());
    let up = || machine.done(&["status", "--json"]).json()["traffic"]["limits"]["up"].clone();
    assert_eq!(up(), Value::Null);
    write("listen = [\"9000\"]\n[limits]\nup = \"2KiB\"\n");
    let told = machine.done(&["config", "reload", "--json"]).json();
    let expected = serde_json::json!([
        {"name": "listen", "needs_restart": true},
        {"name": "limits.up", "needs_restart": false},
    ]);
    assert_eq!(told["settings"], expected);
    assert_eq!(up(), 2048);
    write("listen = [\"9000\"]\n[limits]\nup = 3\n");
    let refused = machine.run(&["config", "reload"]).exits(2);
    assert!(refused.err.contains("config.toml"), "{}", refused.err);
    assert!(refused.err.contains("line 3"), "{}", refused.err);
    assert_eq!(up(), 2048);
    running.signal(Signal::HUP);
    let message = running.message().unwrap();
    assert!(
        message.contains("config.toml") && message.contains("stay as they were"),
        "{message}"
    );
    assert_eq!(up(), 2048);
    write("listen = [\"9000\"]\n[limits]\nup = \"4KiB\"\n");
    running.signal(Signal::HUP);
    let message = running.message().unwrap();
    assert!(
        message.contains("listen") && message.contains("after a restart"),
        "{message}"
    );
    assert_eq!(up(), 4096);
    running.signal(Signal::TERM);
    running.end().exits(0);
}

#[test]
fn operator_is_told_when_others_get_errors_because_of_our_disk() {
    let machine = Machine::new();
    machine.write("film.bin", &vec![7; 100_000]);
    machine.done(&["publish", "film.bin"]);
    let item = machine.items().remove(0);
    let hash = item["files"][0]["hash"].as_str().unwrap();
    let blobs = machine.home().join(".local/share/levada/blobs");
    let path = blobs.join(&hash[..2]).join(&hash[2..4]).join(hash);
    let (running, told) = serve(&machine, &[]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let address = told["listen"][0].as_str().unwrap();
    let request =
        format!("GET /v1/blobs/{hash} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    for _ in 0..3 {
        let (status, _) = ask(address, &request);
        assert_eq!(status, 500);
    }
    let message = running.message().unwrap();
    assert!(
        message.contains("others were not answered") && message.contains(hash),
        "{message}"
    );
    running.interrupt();
    // Told once.
    assert_eq!(running.end().exits(0).err, "");
}

#[test]
fn lines_for_the_journal_have_no_time_and_no_colour() {
    use std::os::unix::fs::MetadataExt as _;
    let machine = Machine::new();
    let path = machine.write("journal", b"");
    let journal = std::fs::File::create(&path).unwrap();
    let found = journal.metadata().unwrap();
    let ran = machine
        .command(&["init", "--log", "info"])
        .env("JOURNAL_STREAM", format!("{}:{}", found.dev(), found.ino()))
        .stderr(journal)
        .output();
    assert!(ran.unwrap().status.success());
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().find(|line| line.contains("signed")).unwrap();
    assert!(line.trim_start().starts_with("INFO levada_peer"), "{text}");
    // Elsewhere a line begins with its time.
    let ran = machine.done(&["init", "--name", "other", "--log", "info"]);
    let line = ran
        .err
        .lines()
        .find(|line| line.contains("signed"))
        .unwrap();
    assert!(line.starts_with("20"), "{}", ran.err);
}

#[test]
fn units_start_levada_as_it_wants_to_be_started() {
    let machine = Machine::new();
    for name in ["levada", "levada-user"] {
        let path = format!("{}/../contrib/{name}.service", env!("CARGO_MANIFEST_DIR"));
        let unit = std::fs::read_to_string(path).unwrap();
        let values = |key: &str| -> Vec<String> {
            let lines = unit.lines().filter_map(|line| line.strip_prefix(key));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(values("Type="), ["notify"]);
        assert_eq!(values("NoNewPrivileges="), ["yes"]);
        let start = values("ExecStart=").remove(0);
        let mut words: Vec<&str> = start.split(' ').skip(1).collect();
        assert_eq!(words.first(), Some(&"serve"), "{start}");
        words.push("--help");
        machine.done(&words);
        // Where systemd is, it reads the unit; our program and its user are not installed here.
        let program = start.split(' ').next().unwrap();
        let unit = unit
            .replace(program, "/bin/true")
            .replace("=levada\n", "=root\n");
        let copy = machine.write(&format!("{name}.service"), unit.as_bytes());
        let mut verify = std::process::Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(copy);
        if let Ok(ran) = verify.output() {
            assert!(
                ran.status.success(),
                "{}",
                String::from_utf8_lossy(&ran.stderr)
            );
        }
    }
}
