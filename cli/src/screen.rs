//! What reaches the terminal: data on standard output, everything else on standard error.
//!
//! A reader that goes away (`| head`) is no failure: what comes after is dropped quietly, and the caller may ask
//! `is_closed` to stop work that nobody reads. A standard output that fails otherwise is one, and `failed` tells it.
//! With `--json` warnings and failures are lines of JSON on standard error, and notes are not printed.

use crate::escape;
use crate::progress::Bar;
use clap::builder::styling::{AnsiColor, Style};
use levada_peer::api::{Code, Failure, Progress};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// How much is said, and in which form.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tone {
    /// `--json`.
    pub(crate) is_json: bool,
    /// `-q`.
    pub(crate) is_quiet: bool,
    /// `-v`.
    pub(crate) is_verbose: bool,
}

/// What standard error holds with `--json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Warning {
        message: &'a str,
        hint: Option<&'a str>,
    },
    Error {
        code: Code,
        exit: u8,
        message: &'a str,
        hint: Option<&'a str>,
    },
}

/// Standard output and standard error.
pub(crate) struct Screen {
    tone: Tone,
    bar: Bar,
    has_style: bool,
    is_closed: bool,
    failed: Option<std::io::Error>,
}

impl Screen {
    /// That of this process.
    pub(crate) fn new(tone: Tone) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let has_bar = is_terminal && !is_dumb && !tone.is_quiet && !tone.is_json;
        Self {
            tone,
            bar: Bar::new(has_bar),
            has_style: is_terminal && !is_dumb && !is_set("NO_COLOR"),
            is_closed: false,
            failed: None,
        }
    }

    /// How much is said.
    pub(crate) fn tone(&self) -> Tone {
        self.tone
    }

    /// Nobody reads standard output any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Standard output failed: what the person reads. Tells it once.
    pub(crate) fn failed(&mut self) -> Option<Failure> {
        let error = self.failed.take()?;
        let code = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::OverQuota,
            _ => Code::Failed,
        };
        Some(Failure::new(code, format!("standard output: {error}")))
    }

    /// Lines of data, for people.
    pub(crate) fn lines<T: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = T>) {
        let mut text = String::new();
        for line in lines {
            text.push_str(line.as_ref());
            text.push('\n');
        }
        self.data(text.as_bytes());
    }

    /// One line of JSON, for long work.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string(value).expect("what an event holds has a JSON form");
        self.lines([escape::json(text)]);
    }

    /// One JSON document.
    pub(crate) fn json_document(&mut self, value: &impl Serialize) {
        let text =
            serde_json::to_string_pretty(value).expect("what an answer holds has a JSON form");
        self.lines([escape::json(text)]);
    }

    /// Bytes of data.
    pub(crate) fn data(&mut self, bytes: &[u8]) {
        if self.is_closed || bytes.is_empty() {
            return;
        }
        let written = self.bar.aside(|| {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        });
        if let Err(error) = written {
            self.is_closed = true;
            if error.kind() != ErrorKind::BrokenPipe {
                self.failed = Some(error);
            }
        }
    }

    /// Something good to know, for people.
    pub(crate) fn note(&mut self, text: &str) {
        if !self.tone.is_quiet && !self.tone.is_json {
            self.say(text);
        }
    }

    /// What to do next, for people.
    pub(crate) fn hint(&mut self, text: &str) {
        if !self.tone.is_quiet && !self.tone.is_json {
            self.say(&self.labelled(AnsiColor::Cyan, "hint", text));
        }
    }

    /// Something went wrong, and the work goes on.
    pub(crate) fn warning(&mut self, message: &str, hint: Option<&str>) {
        if self.tone.is_json {
            self.say_json(&Line::Warning { message, hint });
            return;
        }
        self.say(&self.labelled(AnsiColor::Yellow, "warning", message));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// The work failed.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        self.bar.clear();
        let Failure {
            code,
            message,
            hint,
        } = failure;
        if self.tone.is_json {
            self.say_json(&Line::Error {
                code: *code,
                exit: code.number(),
                message,
                hint: hint.as_deref(),
            });
            return;
        }
        self.say(&self.labelled(AnsiColor::Red, "error", message));
        if let Some(hint) = hint {
            self.hint(hint);
        }
    }

    /// How far the work is.
    pub(crate) fn progress(&mut self, progress: &Progress) {
        self.bar.show(progress);
    }

    /// The work is over: nothing of a bar stays.
    pub(crate) fn end_progress(&mut self) {
        self.bar.clear();
    }

    /// Messages may hold text from others. Their further lines are indented, so that none looks like a message of ours.
    fn labelled(&self, color: AnsiColor, label: &str, text: &str) -> String {
        let style = if self.has_style {
            color.on_default().bold()
        } else {
            Style::new()
        };
        format!("{style}{label}:{style:#} {}", indented(text))
    }

    fn say_json(&self, line: &Line<'_>) {
        let text = serde_json::to_string(line).expect("text and numbers have a JSON form");
        self.say(&escape::json(text));
    }

    fn say(&self, text: &str) {
        // Nobody reads our messages any more: the exit code says the same.
        let _ = self.bar.aside(|| {
            std::io::stderr()
                .lock()
                .write_all(format!("{text}\n").as_bytes())
        });
    }
}

fn indented(text: &str) -> String {
    let mut lines = text.lines();
    let mut safe = escape::plain(lines.next().unwrap_or("")).into_owned();
    for line in lines {
        safe.push_str("\n  ");
        safe.push_str(&escape::plain(line.trim()));
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_cannot_fake_lines_or_obey_escapes() {
        assert_eq!(
            indented("a.jpg\nhint: run this\u{1b}[1m"),
            "a.jpg\n  hint: run this\\u{1b}[1m"
        );
        assert_eq!(indented(""), "");
        assert_eq!(indented("x\n   head 1"), "x\n  head 1");
    }
}
