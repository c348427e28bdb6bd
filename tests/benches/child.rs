//! Processes that are measured: how long they took, CPU seconds and peak memory.

use crate::line::{Failure, float};
use levada_peer::io::clock;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;
use wait4::{ResUse, Wait4};

/// What a process used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
    pub(crate) peak_mib: f64,
}

/// Figures of one side over all runs.
#[derive(Default)]
pub(crate) struct Side {
    pub(crate) seconds: Vec<f64>,
    pub(crate) cpu: Vec<f64>,
    pub(crate) peak_mib: Vec<f64>,
}

impl Side {
    pub(crate) fn add(&mut self, used: Used) {
        self.seconds.push(used.seconds);
        self.cpu.push(used.cpu);
        self.peak_mib.push(used.peak_mib);
    }
}

fn used(started: Instant, resources: ResUse) -> Used {
    let rusage = resources.rusage;
    Used {
        seconds: started.elapsed().as_secs_f64(),
        cpu: rusage.utime.as_secs_f64() + rusage.stime.as_secs_f64(),
        peak_mib: float(rusage.maxrss) / 1_048_576.0,
    }
}

/// Runs a command to its end; its output is thrown away unless it fails.
pub(crate) fn run(command: &mut Command) -> Result<Used, Failure> {
    run_reading(command, |_| Ok(())).map(|(used, ())| used)
}

/// The same; `read` takes its standard output as it comes.
pub(crate) fn run_reading<T>(
    command: &mut Command,
    read: impl FnOnce(&mut ChildStdout) -> Result<T, Failure>,
) -> Result<(Used, T), Failure> {
    let mut running = Running::start(command)?;
    let read = read(&mut running.stdout);
    // What is left unread would hold it up.
    std::io::copy(&mut running.stdout, &mut std::io::sink())?;
    let used = running.end()?;
    Ok((used, read?))
}

/// How often each thread of a process was woken up, those that ended since included.
#[derive(Clone, Default)]
pub(crate) struct WakeUps(BTreeMap<OsString, u64>);

impl WakeUps {
    pub(crate) fn sum(&self) -> u64 {
        self.0.values().sum()
    }
}

/// A process under way.
pub(crate) struct Running {
    name: String,
    started: Instant,
    child: Child,
    is_over: bool,
    pub(crate) stdout: ChildStdout,
    stderr: tempfile::NamedTempFile,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let stderr = tempfile::NamedTempFile::new()?;
        let name = format!("{command:?}");
        let started = clock::tick();
        let spawned = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.reopen()?)
            .spawn();
        let mut child = spawned.map_err(|error| format!("{name}: {error}"))?;
        let stdout = child.stdout.take().ok_or("a process has an output")?;
        Ok(Self {
            name,
            started,
            child,
            is_over: false,
            stdout,
            stderr,
        })
    }

    /// When it was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or("a process has an id")?, signal)?)
    }

    /// Waits for its end; anything but success is a failure.
    pub(crate) fn end(mut self) -> Result<Used, Failure> {
        let ended = self.wait()?;
        if !ended.status.success() {
            let mut why = String::new();
            self.stderr.reopen()?.read_to_string(&mut why)?;
            return Err(format!("{}: {}: {why}", self.name, ended.status).into());
        }
        Ok(used(self.started, ended))
    }

    /// Kills it at once, as a power cut would.
    pub(crate) fn kill(mut self) -> Result<Used, Failure> {
        self.signal(Signal::KILL)?;
        Ok(used(self.started, self.wait()?))
    }

    /// The same as soon as it is time; to have ended before that is a failure.
    pub(crate) fn kill_when(mut self, is_time: impl Fn() -> bool) -> Result<Used, Failure> {
        while !is_time() {
            if let Some(status) = self.child.try_wait()? {
                self.is_over = true;
                return Err(format!("{}: {status} before it was killed", self.name).into());
            }
            std::thread::yield_now();
        }
        self.kill()
    }

    fn wait(&mut self) -> Result<ResUse, Failure> {
        let ended = self.child.wait4()?;
        self.is_over = true;
        Ok(ended)
    }

    /// Asks it to stop, and waits.
    pub(crate) fn interrupt(self) -> Result<Used, Failure> {
        self.signal(Signal::INT)?;
        self.end()
    }

    /// Times that its threads went to sleep of their own accord so far, and so were woken up or will be.
    pub(crate) fn count_wake_ups(&self, wake_ups: &mut WakeUps) -> Result<(), Failure> {
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let thread = thread?;
            // A thread may end in between.
            let status = std::fs::read_to_string(thread.path().join("status"));
            if let Some(times) = field(&status.unwrap_or_default(), "voluntary_ctxt_switches:") {
                wake_ups.0.insert(thread.file_name(), times);
            }
        }
        Ok(())
    }

    /// Resident memory now.
    pub(crate) fn resident_mib(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = field(&status, "VmRSS:").ok_or("the system tells what is resident")?;
        Ok(float(kib) / 1_024.0)
    }

    /// CPU seconds so far.
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; the fields behind it are numbers.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(float(ticks) / float(rustix::param::clock_ticks_per_second()))
    }
}

/// A number in a file of the system, by the name before it.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Drop for Running {
    fn drop(&mut self) {
        // A row that failed leaves nobody behind. Once it was waited for, its id may be another's.
        if !self.is_over {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The program under test.
#[derive(Clone, Debug)]
pub(crate) struct Levada(PathBuf);

impl Levada {
    /// Builds it with the profile that this benchmark was built with, and finds it beside it.
    pub(crate) fn build() -> Result<Self, Failure> {
        let own = std::env::current_exe()?;
        let folder = own.ancestors().nth(2).ok_or("a benchmark lies in target")?;
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "levada"]);
        // What cargo says of this package would make it build others anew.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|own| text.starts_with(own))
            {
                build.env_remove(&name);
            }
        }
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.arg("--target-dir");
        build.arg(folder.parent().ok_or("a benchmark lies in target")?);
        run(build.current_dir(env!("CARGO_MANIFEST_DIR")))?;
        Ok(Self(folder.join("levada")))
    }

    /// A command on a node of its own.
    pub(crate) fn at(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("--quiet").arg("--data-dir").arg(data);
        command
    }

    /// Serves a node on a free port of loopback.
    pub(crate) fn serve(&self, data: &Path) -> Result<Serving, Failure> {
        let mut command = self.at(data);
        Serving::start(command.args(["--json", "serve", "--listen", "127.0.0.1:0", "--api", "off"]))
    }
}

/// A node that serves.
pub(crate) struct Serving {
    pub(crate) running: Running,
    /// Seconds from its start until it said that it serves.
    pub(crate) ready: f64,
    /// Where it listens.
    pub(crate) address: String,
    /// The link of its first feed.
    pub(crate) link: String,
    cpu_before: f64,
}

impl Serving {
    fn start(command: &mut Command) -> Result<Self, Failure> {
        let mut running = Running::start(command)?;
        let mut line = String::new();
        BufReader::new(&mut running.stdout).read_line(&mut line)?;
        let ready = running.started().elapsed().as_secs_f64();
        let told: serde_json::Value = serde_json::from_str(&line)?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let (address, link) = (text(&told["listen"][0]), text(&told["links"][0]["link"]));
        Ok(Self {
            cpu_before: running.cpu()?,
            running,
            ready,
            address: address.ok_or_else(|| format!("no address in {line}"))?,
            link: link.unwrap_or_default(),
        })
    }

    /// CPU seconds since it said that it serves.
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        Ok(self.running.cpu()? - self.cpu_before)
    }

    /// Its link, asked at another address.
    pub(crate) fn link_via(&self, address: &str) -> String {
        self.link.replace(&self.address, address)
    }

    /// Stops it; gives what serving used.
    pub(crate) fn stop(self) -> Result<Used, Failure> {
        let cpu = self.cpu()?;
        Ok(Used {
            cpu,
            ..self.running.interrupt()?
        })
    }
}
