//! `levada`: the command line. Arguments in; words and an exit code out; no decisions.
//!
//! `args` knows what can be typed, `ask` what is meant by it, `run` has the node carry it out, and `print` and `screen`
//! say what came of it. Everything that a person reads leaves by `screen`.

mod args;
mod ask;
mod escape;
mod examples;
mod manual;
mod outcome;
mod passphrase;
mod print;
mod progress;
mod quote;
mod run;
mod screen;
mod signals;
mod table;
mod units;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match args::Cli::try_parse() {
        Ok(cli) => ExitCode::from(run::run(cli)),
        Err(error) => ExitCode::from(run::refuse(&error)),
    }
}
