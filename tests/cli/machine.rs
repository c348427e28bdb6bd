//! A machine with a home of its own, on which `levada` is run: to its end, or in the background.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;
use wait4::Wait4 as _;

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    /// The same, when the exit code is this one.
    ///
    /// # Panics
    /// When it is another: the test has failed.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let out = String::from_utf8_lossy(&self.out);
        assert_eq!(self.code, Some(code), "{}\n{out}", self.err);
        self
    }

    /// Standard output as lines of JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.out).expect("JSON is UTF-8");
        text.lines().map(read_json).collect()
    }

    /// The lines of JSON that were told in whole: a kill may have come in the middle of one.
    pub(crate) fn told(&self) -> Vec<Value> {
        let text = String::from_utf8_lossy(&self.out);
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole.map(read_json).collect()
    }

    /// Standard output as one document of JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.out).expect("--json prints JSON")
    }
}

fn read_json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// A machine.
pub(crate) struct Machine {
    folder: TempDir,
    data_dir: Option<PathBuf>,
}

impl Machine {
    /// One that holds nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            data_dir: None,
        }
    }

    /// One whose node keeps everything in this folder.
    pub(crate) fn with_data_dir(data_dir: PathBuf) -> Self {
        Self {
            data_dir: Some(data_dir),
            ..Self::new()
        }
    }

    /// Its home, which is also its current folder.
    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below its home.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home().join(path);
        let folder = path.parent().expect("a file has a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// The command, not started yet.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_levada"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home())
            .env("LC_ALL", "C.UTF-8")
            // The usual port is one for all machines of a test.
            .env("LEVADA_API", "off")
            .current_dir(self.home())
            .stdin(Stdio::null());
        if let Some(data_dir) = &self.data_dir {
            command.env("LEVADA_DATA_DIR", data_dir);
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("levada can be run");
        Ran {
            code: output.status.code(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        }
    }

    /// Runs it to its end; gives also the most memory that it held at a time, in bytes.
    pub(crate) fn measured(&self, args: &[&str]) -> (Ran, u64) {
        let mut command = self.command(args);
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("levada can be run");
        let mut said = child.stderr.take().expect("it is piped");
        let said = std::thread::spawn(move || {
            let mut err = String::new();
            said.read_to_string(&mut err).expect("messages are UTF-8");
            err
        });
        let (mut out, mut written) = (Vec::new(), child.stdout.take().expect("it is piped"));
        written.read_to_end(&mut out).expect("it can be read");
        let ended = child.wait4().expect("it ends");
        let ran = Ran {
            code: ended.status.code(),
            out,
            err: said.join().expect("it was read"),
        };
        (ran, ended.rusage.maxrss)
    }

    /// What all of its home takes on the disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        blocks(self.home()) * 512
    }

    /// Runs it, and it must succeed.
    #[track_caller]
    pub(crate) fn done(&self, args: &[&str]) -> Ran {
        self.run(args).exits(0)
    }

    /// Starts it, and goes on.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::spawn(self.command(args))
    }

    /// Serves on a free port of loopback.
    pub(crate) fn serve(&self) -> Serving {
        self.serve_at("127.0.0.1:0")
    }

    /// Serves at HOST:PORT.
    pub(crate) fn serve_at(&self, listen: &str) -> Serving {
        let mut running = self.start(&["serve", "--listen", listen, "--json"]);
        let Some(told) = running.event() else {
            panic!("it does not serve: {}", running.end().err);
        };
        let links = told["links"].as_array().expect("it lists links");
        Serving {
            address: told["listen"][0].as_str().expect("an address").to_owned(),
            links: links
                .iter()
                .map(|named| named["link"].as_str().expect("a link").to_owned())
                .collect(),
            running,
        }
    }

    /// All items, as `ls` tells them.
    pub(crate) fn items(&self) -> Vec<Value> {
        let ran = self.done(&["ls", "--json", "-n", "100000"]);
        ran.json()["items"].as_array().expect("a list").clone()
    }

    /// The bytes of an item's file.
    #[track_caller]
    pub(crate) fn get(&self, item: &Value) -> Vec<u8> {
        self.done(&["get", &target(item), "-o", "-"]).out
    }
}

/// FEED/INDEX of an item.
pub(crate) fn target(item: &Value) -> String {
    let feed = item["feed"].as_str().expect("an item has a feed");
    format!("{feed}/{}", item["index"])
}

/// `levada` in the background; killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    messages: Receiver<String>,
}

impl Running {
    /// Starts a command.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("levada can be run");
        let err = child.stderr.take().expect("it was piped");
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(err).lines() {
                let line = line.expect("messages are UTF-8");
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            out: child.stdout.take().map(BufReader::new),
            child,
            messages,
        }
    }

    /// The next line of JSON; `None` at the end.
    pub(crate) fn event(&mut self) -> Option<Value> {
        let mut line = String::new();
        let len = self.out.as_mut()?.read_line(&mut line);
        (len.expect("output is UTF-8") > 0).then(|| read_json(&line))
    }

    /// The next event with which this holds.
    ///
    /// # Panics
    /// When none comes: the test has failed.
    #[track_caller]
    pub(crate) fn event_where(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.event() {
                Some(event) if is_it(&event) => return event,
                Some(_) => {}
                None => {
                    let err: Vec<String> = self.messages.iter().collect();
                    panic!("it ended before: {}", err.join("\n"))
                }
            }
        }
    }

    /// The next line of messages; `None` at the end.
    pub(crate) fn message(&self) -> Option<String> {
        self.messages.recv().ok()
    }

    /// Nobody reads its output any more.
    pub(crate) fn close_output(&mut self) {
        self.out = None;
    }

    /// Its number at the system.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id has 31 bits");
        let pid = Pid::from_raw(pid).expect("a process has an id");
        // It may have ended already; nobody else has its id before it was waited for.
        let _ = kill_process(pid, signal);
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        let waited = self.child.try_wait();
        waited.expect("a child can be waited for").is_some()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ran {
        let mut out = Vec::new();
        if let Some(reader) = &mut self.out {
            reader.read_to_end(&mut out).expect("output can be read");
        }
        let status = self.child.wait().expect("a child can be waited for");
        let err: Vec<String> = self.messages.iter().collect();
        Ran {
            code: status.code(),
            out,
            err: err.join("\n"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node that serves; killed when dropped.
pub(crate) struct Serving {
    pub(crate) running: Running,
    /// HOST:PORT.
    pub(crate) address: String,
    links: Vec<String>,
}

impl Serving {
    /// The link of its first feed.
    pub(crate) fn link(&self) -> &str {
        self.links.first().expect("a feed is served")
    }

    /// Stops as Ctrl-C does.
    pub(crate) fn stop(self) -> Ran {
        self.running.interrupt();
        self.running.end()
    }
}

/// Blocks that a folder takes: the database's journal is longer than what is in it.
fn blocks(folder: &Path) -> u64 {
    let of_one = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("it can be listed");
        match entry.metadata().expect("it is there") {
            found if found.is_dir() => blocks(&entry.path()),
            found => found.blocks(),
        }
    };
    let entries = std::fs::read_dir(folder).expect("it is there");
    entries.map(of_one).sum()
}
