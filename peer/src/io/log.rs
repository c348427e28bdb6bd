//! The log: lines on standard error for whoever runs a node, told apart by module and level.
//!
//! Nothing is logged unless asked for. No line holds a secret, and at `info` none holds the path of a user's file. What a
//! stranger can cause again and again is said `Seldom`.

use crate::io::clock;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Time in which lines of one kind are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The text is no filter.
    #[error("{filter}: this is no log level: {why}")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is one already.
    #[error("the log was started twice")]
    Twice,
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// A JSON object for each line.
    Json,
}

/// Starts the log of this process. `filter` is a level, or levels by module: `info`, `levada_peer::io::server=debug,warn`.
///
/// # Errors
/// See `LogError`.
pub fn start(filter: &str, form: Form) -> Result<(), LogError> {
    let parsed = parse(filter)?;
    let is_journal = is_journal();
    let is_plain = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_style = std::io::stderr().is_terminal() && !is_plain("NO_COLOR") && !is_journal;
    let log = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(has_style)
        .with_writer(std::io::stderr);
    let started = match form {
        Form::Json => log.json().flatten_event(true).try_init(),
        // The journal has its own clock.
        Form::Text if is_journal => log.without_time().try_init(),
        Form::Text => log.try_init(),
    };
    started.map_err(|_| LogError::Twice)
}

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    let wrong = |why: String| LogError::Filter {
        filter: filter.to_owned(),
        why,
    };
    // A word alone would be taken for a module, and a slip of the pen for silence.
    let is_named = |part: &str| part.contains('=') || LEVELS.contains(&part.trim());
    if let Some(part) = filter.split(',').find(|part| !is_named(part)) {
        return Err(wrong(format!("{part} is none of {}", LEVELS.join(", "))));
    }
    EnvFilter::try_new(filter).map_err(|error| wrong(error.to_string()))
}

/// Whether standard error is the journal of the service manager, which says so as DEVICE:INODE.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() else {
        return false;
    };
    use std::os::unix::fs::MetadataExt;
    let found = File::from(stderr).metadata();
    found.is_ok_and(|found| named == format!("{}:{}", found.dev(), found.ino()))
}

/// Lines of one kind that others can cause: so many in a while, and then how many were left out.
#[derive(Debug)]
pub struct Seldom {
    most: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Option<Instant>,
    said: u64,
    left_out: u64,
}

impl Seldom {
    /// At most so many lines in ten seconds.
    #[must_use]
    pub const fn new(most: u64) -> Self {
        Self {
            most,
            state: Mutex::new(State {
                since: None,
                said: 0,
                left_out: 0,
            }),
        }
    }

    /// Whether a line may be said now: how many like it were left out since the last one.
    pub fn due(&self) -> Option<u64> {
        self.due_at(clock::tick())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        // A count that is a little wrong harms nobody.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |since| now.saturating_duration_since(since) >= WINDOW;
        if state.since.is_none_or(is_over) {
            state.since = Some(now);
            state.said = 0;
        }
        if state.said < self.most {
            state.said += 1;
            Some(std::mem::take(&mut state.left_out))
        } else {
            state.left_out += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_others_cause_are_bounded_and_counted() {
        let seldom = Seldom::new(2);
        let start = clock::tick();
        assert_eq!(seldom.due_at(start), Some(0));
        assert_eq!(seldom.due_at(start), Some(0));
        for _ in 0..1_000 {
            assert_eq!(seldom.due_at(start + Duration::from_secs(9)), None);
        }
        assert_eq!(seldom.due_at(start + WINDOW), Some(1_000));
        assert_eq!(seldom.due_at(start + WINDOW), Some(0));
        assert_eq!(seldom.due_at(start + WINDOW), None);
    }

    #[test]
    fn what_is_no_level_is_refused() {
        for text in ["loud", "", "info,loud", "levada_peer=loud", "levada_peer"] {
            let error = parse(text).map(drop).unwrap_err();
            assert!(matches!(error, LogError::Filter { .. }), "{error}");
        }
        for text in ["info", "warn,levada_peer::io::server=debug", "off"] {
            parse(text).unwrap();
        }
    }
}
