//! Runs a page of the manual: prose with blocks of commands and their exact output.
//!
//! A block is fenced as `console MACHINE [TERMINAL]`. A machine has a home of its own, and all machines of a page are gone
//! after it. `$ ` begins a command, `> ` goes on with it; what follows is what a terminal shows, and `[exit 5]` when the
//! exit code is not 0. A block that begins with `^C` interrupts the command that the last block of this terminal left
//! running. With `LEVADA_TRANSCRIPTS=write` the page is written anew. Why this is not a crate: no runner of such pages
//! has a shell, several terminals, or a command that goes on.

use crate::shown::Shown;
use crate::terminal::{Terminal, Until};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Only when a page is made: a command that goes on is quiet for so long once it has said what it says.
const QUIET: Duration = Duration::from_secs(3);

const MEDIA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media");

/// What every machine has: media, and `b3sum`, which says the file and leaves the hash to `hashed`.
const SETUP: &str = concat!(
    "[ -e media ] || cp -r '",
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/media' .\n",
    "b3sum() {\n",
    "  [ $# -gt 0 ] || { cat > \"$HOME/.stdin\"; printf '\\037%s\\037-\\n' \"$HOME/.stdin\"; }\n",
    "  for file; do printf '\\037%s\\037%s\\n' \"$(realpath -- \"$file\")\" \"$file\"; done\n",
    "}",
);

/// A part of a page.
enum Part {
    /// Prose, a line.
    Prose(String),
    /// A block, fences included.
    Block { fence: String, steps: Vec<Step> },
}

/// A command, or Ctrl-C, and what the page shows of it.
#[derive(Default)]
struct Step {
    /// As on the page.
    typed: Vec<String>,
    expected: Vec<String>,
    /// It is interrupted later.
    goes_on: bool,
}

impl Step {
    fn is_interrupt(&self) -> bool {
        self.typed.first().is_some_and(|typed| typed == "^C")
    }

    fn command(&self) -> String {
        let lines = self.typed.iter().map(|line| line.get(2..).unwrap_or(""));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Runs a page and compares it with itself.
///
/// # Panics
/// When something else was printed: the test has failed.
pub(crate) fn check(page: &Path) {
    let text = std::fs::read_to_string(page).expect("the page is there");
    let is_write = std::env::var_os("LEVADA_TRANSCRIPTS").is_some_and(|value| value == "write");
    let mut run = Run::new(is_write);
    run.shown.add_named(&text);
    let ran = run.page(&read(&text));
    if is_write {
        std::fs::write(page, ran).expect("the page can be written");
    } else if ran != text {
        panic!("{}:\n{}", page.display(), difference(&text, &ran));
    }
}

fn read(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("```console ") {
            parts.push(Part::Prose(line.to_owned()));
            continue;
        }
        let mut steps: Vec<Step> = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            match steps.last_mut() {
                _ if line.starts_with("$ ") || line == "^C" => steps.push(Step {
                    typed: vec![line.to_owned()],
                    ..Step::default()
                }),
                Some(step) if line.starts_with("> ") && step.expected.is_empty() => {
                    step.typed.push(line.to_owned());
                }
                Some(step) => step.expected.push(line.to_owned()),
                None => panic!("a block begins with a command: {line}"),
            }
        }
        parts.push(Part::Block {
            fence: line.to_owned(),
            steps,
        });
    }
    mark_what_goes_on(&mut parts);
    parts
}

/// The step before a `^C` of the same terminal goes on.
fn mark_what_goes_on(parts: &mut [Part]) {
    let mut interrupted: Vec<String> = Vec::new();
    for part in parts.iter_mut().rev() {
        let Part::Block { fence, steps } = part else {
            continue;
        };
        for step in steps.iter_mut().rev() {
            let at = interrupted.iter().position(|name| name == fence);
            step.goes_on = at.is_some_and(|at| {
                interrupted.swap_remove(at);
                true
            });
            if step.is_interrupt() {
                interrupted.push(fence.clone());
            }
        }
    }
}

/// One run of a page.
struct Run {
    folder: tempfile::TempDir,
    terminals: BTreeMap<String, Terminal>,
    shown: Shown,
    is_write: bool,
}

impl Run {
    fn new(is_write: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).expect("a folder can be made");
        let levada = env!("CARGO_BIN_EXE_levada");
        std::os::unix::fs::symlink(levada, programs.join("levada")).expect("a link can be made");
        let shown = Shown::new(&folder.path().join("home"), Path::new(MEDIA));
        Self {
            folder,
            terminals: BTreeMap::new(),
            shown,
            is_write,
        }
    }

    fn page(&mut self, parts: &[Part]) -> String {
        let mut lines: Vec<String> = Vec::new();
        for part in parts {
            match part {
                Part::Prose(line) => lines.push(line.clone()),
                Part::Block { fence, steps } => {
                    lines.push(fence.clone());
                    for step in steps {
                        lines.extend(step.typed.iter().cloned());
                        lines.extend(self.step(fence, step));
                    }
                    lines.push("```".to_owned());
                }
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn step(&mut self, fence: &str, step: &Step) -> Vec<String> {
        let command = self.shown.command(&step.command());
        let terminal = self.terminal(fence);
        if step.is_interrupt() {
            terminal.interrupt();
        } else {
            terminal.type_command(&command);
        }
        let until = match (step.goes_on, self.is_write) {
            (false, _) => Until::End,
            (true, false) => Until::Lines(step.expected.len()),
            (true, true) => Until::Quiet(QUIET),
        };
        let (output, code) = self.terminal(fence).read(until);
        let output = self.shown.page(&hashed(&output));
        let mut lines: Vec<String> = output.lines().map(str::to_owned).collect();
        if let Some(code @ 1..) = code {
            lines.push(format!("[exit {code}]"));
        }
        lines
    }

    fn terminal(&mut self, fence: &str) -> &mut Terminal {
        let machine = fence.split(' ').nth(1).expect("a block names its machine");
        let folder = self.folder.path();
        let count = self.terminals.len();
        self.terminals.entry(fence.to_owned()).or_insert_with(|| {
            let home: PathBuf = folder.join("home").join(machine);
            let script = folder.join(format!("command-{count}"));
            let mut terminal = Terminal::open(&home, &folder.join("bin"), script);
            terminal.type_command(SETUP);
            terminal.read(Until::End);
            terminal
        })
    }
}

/// What `b3sum` prints: not everybody has it, so bash only names the files.
fn hashed(output: &str) -> String {
    let hash = |line: &str| {
        let mut fields = line.strip_prefix('\u{1f}')?.split('\u{1f}');
        let bytes = std::fs::read(fields.next()?).ok()?;
        Some(format!("{}  {}", blake3::hash(&bytes), fields.next()?))
    };
    let lines = output.split('\n');
    let lines: Vec<String> = lines
        .map(|line| hash(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    lines.join("\n")
}

/// The first lines that differ, with what is around them.
fn difference(expected: &str, got: &str) -> String {
    let same = expected.lines().zip(got.lines());
    let at = same.take_while(|(expected, got)| expected == got).count();
    let around = |text: &str| -> String {
        let lines = text.lines().enumerate().skip(at.saturating_sub(8)).take(24);
        lines
            .map(|(number, line)| format!("{:>5}  {line}\n", number + 1))
            .collect()
    };
    format!(
        "the page says:\n{}\nbut this was printed (LEVADA_TRANSCRIPTS=write takes it over):\n{}",
        around(expected),
        around(got)
    )
}
