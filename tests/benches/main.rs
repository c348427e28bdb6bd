//! The benchmarks of levada: one line of JSON for each row, with the references of the same run (tests/benches/README.md).
//!
//! Figures of two processes are of real processes of the program, built with this benchmark's own profile. This process
//! stays small, because a child's peak memory counts from its parent's; what needs much plays in a process of its own.

mod append;
mod blob;
mod child;
mod growth;
mod idle;
mod line;
mod memory;
mod news;
mod options;
mod parts;
mod records;
mod references;
mod small;
mod start;
mod tap;

use child::Levada;
use line::{Failure, Line, Outcome};
use options::{Options, USAGE};
use references::References;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What all rows share.
struct Bench {
    options: Options,
    levada: Levada,
    references: References,
    folder: tempfile::TempDir,
}

type Row = (&'static str, fn(&Bench) -> Outcome);

/// In the order of how soon each is done.
const ROWS: &[Row] = &[
    ("memory", memory::rows),
    ("append", append::rows),
    ("import", blob::import),
    ("transfer", blob::transfer),
    ("middle", blob::middle),
    ("killed", blob::killed),
    ("files", small::rows),
    ("sync_100k", |bench| {
        records::rows(bench, "sync_100k", 100_000)
    }),
    ("sync_1m", |bench| {
        records::rows(bench, "sync_1m", 1_000_000)
    }),
    ("newest_1m", records::newest),
    ("start_1m", start::of_records),
    ("start_feeds", start::of_feeds),
    ("news", news::row),
    ("growth", growth::rows),
    ("idle", idle::row),
];

/// Only by name.
const BY_HAND: &[Row] = &[("ten_million", growth::ten_million)];

impl Bench {
    fn new(options: Options) -> Result<Self, Failure> {
        Ok(Self {
            levada: Levada::build()?,
            references: References::find(options.installs)?,
            folder: tempfile::Builder::new()
                .prefix("levada-bench-")
                .tempdir_in(&options.folder)?,
            options,
        })
    }

    /// A folder that is not there yet, for one run of something.
    fn fresh(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.path().join(name);
        remove(&path)?;
        Ok(path)
    }

    fn runs(&self) -> std::ops::Range<usize> {
        0..self.options.runs
    }
}

/// Removes a folder, if it is there.
fn remove(path: &Path) -> Outcome {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn all(options: Options) -> Result<bool, Failure> {
    let bench = Bench::new(options)?;
    let mut is_whole = true;
    let by_hand = BY_HAND.iter().filter(|_| !bench.options.rows.is_empty());
    let rows = ROWS.iter().chain(by_hand);
    for (name, measure) in rows.filter(|(name, _)| bench.options.wants(name)) {
        if let Err(error) = measure(&bench) {
            is_whole = false;
            Line::of(name).put("error", error.to_string()).print();
        }
    }
    Ok(is_whole)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.split_first() {
        Some((first, rest)) if first == parts::PLAY => match parts::play(rest) {
            Ok(()) => Ok(true),
            Err(error) => {
                // The row that started it tells.
                let _ = writeln!(std::io::stderr(), "{error}");
                return ExitCode::FAILURE;
            }
        },
        _ => match Options::read(args) {
            Some(options) => all(options),
            None => Err(USAGE.into()),
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            Line::of("all").put("error", error.to_string()).print();
            ExitCode::FAILURE
        }
    }
}
