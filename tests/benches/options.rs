//! What is measured, how large, how often and where.

use std::path::PathBuf;

/// What the command line says.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// All sizes are divided by this.
    pub(crate) divide: u64,
    /// Times that each thing is measured.
    pub(crate) runs: usize,
    /// Rows whose names begin with one of these; all when empty.
    pub(crate) rows: Vec<String>,
    /// Where temporary files go: which file system is measured.
    pub(crate) folder: PathBuf,
    /// Whether references that are missing are installed.
    pub(crate) installs: bool,
    /// Seconds for which nodes that have nothing to do are watched.
    pub(crate) seconds: u64,
}

/// How to say it.
pub(crate) const USAGE: &str = "usage: cargo bench -p levada-tests -- [--smoke] [--divide N] [--runs N] \
     [--folder DIR] [--seconds N] [--no-install] [ROW…]";

/// Divisor of a smoke run: 4 MiB, a few thousand records, some twenty followers.
const SMOKE_DIVIDE: u64 = 256;
/// Ten minutes.
const IDLE_SECONDS: u64 = 600;
const SMOKE_SECONDS: u64 = 2;

impl Options {
    /// Reads the arguments. `None`: they are not understood.
    pub(crate) fn read(args: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            divide: 1,
            runs: 3,
            rows: Vec::new(),
            folder: std::env::temp_dir(),
            installs: true,
            seconds: IDLE_SECONDS,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                // Said by cargo to every bench.
                "--bench" => {}
                "--smoke" => {
                    options.divide = SMOKE_DIVIDE;
                    options.runs = 1;
                    options.installs = false;
                    options.seconds = SMOKE_SECONDS;
                }
                "--divide" => options.divide = number(args.next())?,
                "--seconds" => options.seconds = number(args.next())?,
                "--runs" => options.runs = usize::try_from(number(args.next())?).ok()?,
                "--folder" => options.folder = args.next()?.into(),
                "--no-install" => options.installs = false,
                other if other.starts_with('-') => return None,
                row => options.rows.push(row.to_owned()),
            }
        }
        Some(options)
    }

    /// A size of a full run as it is measured now; at least one.
    pub(crate) fn size(&self, full: u64) -> u64 {
        (full / self.divide).max(1)
    }

    /// Whether a row is wanted.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.is_empty()
            || self
                .rows
                .iter()
                .any(|wanted| row.starts_with(wanted.as_str()))
    }
}

fn number(arg: Option<String>) -> Option<u64> {
    arg?.parse().ok().filter(|number| *number > 0)
}
