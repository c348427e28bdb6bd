//! What is typed after `get`.

use clap::Args;
use std::path::PathBuf;

/// `get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// FEED/INDEX, as `levada ls` prints it
    #[arg(value_name = "FEED/INDEX")]
    pub(crate) target: String,
    /// Which file, by name, role or hash [default: the main one]
    #[arg(long, value_name = "NAME")]
    pub(crate) file: Option<String>,
    /// File or folder to write to, or - for standard output [default: the file's own name, here]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// First and last byte, both included: 0-99, or 100- for the rest; needs -o
    #[arg(long, value_name = "A-B", requires = "output", allow_hyphen_values = true, value_parser = crate::ask::range)]
    pub(crate) range: Option<(u64, Option<u64>)>,
    /// Fetch at most so many bytes a second, or none for no limit [default: as set]
    #[arg(long, value_name = "RATE", value_parser = crate::ask::rate)]
    pub(crate) down: Option<crate::ask::Rate>,
}
