//! A terminal: one bash of a machine with a home of its own, whose commands are typed one after the other.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A command that says nothing for so long will never end: the test has failed.
const WAIT: Duration = Duration::from_secs(120);
/// What bash prints after each command, before the exit code.
const MARK: char = '\u{1e}';

/// Until when output is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// The command has ended.
    End,
    /// It has printed so many lines, and goes on.
    Lines(usize),
    /// It has been quiet for a while, and goes on: for making pages, never for checking them.
    Quiet(Duration),
}

/// A running bash.
pub(crate) struct Terminal {
    bash: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// What was printed and not yet read.
    pending: Vec<u8>,
    script: PathBuf,
}

impl Terminal {
    /// Opens one. `programs` is the folder with `levada`.
    pub(crate) fn open(home: &Path, programs: &Path, script: PathBuf) -> Self {
        std::fs::create_dir_all(home).expect("a folder can be made");
        let (mut reader, writer) = std::io::pipe().expect("a pipe can be made");
        let path = std::env::var("PATH").unwrap_or_default();
        let bash = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .env_clear()
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("HOME", home)
            .env("LC_ALL", "C.UTF-8")
            // The usual port is one for all machines of a test.
            .env("LEVADA_API", "off")
            .env("TZ", "UTC")
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().expect("a pipe can be shared"))
            .stderr(writer)
            .process_group(0)
            .spawn();
        let mut bash = bash.expect("bash can be run");
        let mut input = bash.stdin.take().expect("it was piped");
        // A trap is reset in what bash runs, where an ignored signal would stay ignored.
        input
            .write_all(b"trap : INT\numask 022\n")
            .expect("bash reads");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(len @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            bash,
            input,
            output,
            pending: Vec::new(),
            script,
        }
    }

    /// Types a command. It may have several lines.
    pub(crate) fn type_command(&mut self, command: &str) {
        std::fs::write(&self.script, format!("{command}\n")).expect("a file can be written");
        let line = format!(
            ". '{}' </dev/null; printf '\\036%d\\n' \"$?\"\n",
            self.script.display()
        );
        self.input.write_all(line.as_bytes()).expect("bash reads");
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        kill_process_group(self.pid(), Signal::INT).expect("bash runs");
    }

    /// What was printed, and the exit code when the command has ended.
    ///
    /// # Panics
    /// When nothing comes for too long: the test has failed.
    pub(crate) fn read(&mut self, until: Until) -> (String, Option<u8>) {
        let wait = match until {
            Until::Quiet(quiet) => quiet,
            _ => WAIT,
        };
        loop {
            let text = String::from_utf8_lossy(&self.pending).into_owned();
            if let Some((printed, code)) = ended(&text) {
                self.pending.clear();
                return (printed, Some(code));
            }
            let is_enough =
                matches!(until, Until::Lines(lines) if text.matches('\n').count() >= lines);
            if is_enough {
                self.pending.clear();
                return (text, None);
            }
            match self.output.recv_timeout(wait) {
                Ok(bytes) => self.pending.extend(bytes),
                Err(RecvTimeoutError::Timeout) if matches!(until, Until::Quiet(_)) => {
                    self.pending.clear();
                    return (text, None);
                }
                Err(error) => panic!("{error} after:\n{text}"),
            }
        }
    }

    fn pid(&self) -> Pid {
        let pid = i32::try_from(self.bash.id()).expect("a process id has 31 bits");
        Pid::from_raw(pid).expect("a process has an id")
    }
}

/// The output and the exit code, when the mark is there.
fn ended(text: &str) -> Option<(String, u8)> {
    let (printed, rest) = text.rsplit_once(MARK)?;
    let code = rest.strip_suffix('\n')?.parse().ok()?;
    Some((printed.to_owned(), code))
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whatever it runs still ends with it; it may have ended by itself.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.bash.wait();
    }
}
