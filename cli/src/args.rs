//! The command line as it is typed: names, forms and help, nothing of what they lead to.
//!
//! `ask` turns it into calls. Arguments of each command that has many are in a file of their own; the examples below the
//! help are in `examples`.

mod config;
mod export;
mod follow;
mod get;
mod keeping;
mod key;
mod mend;
mod mirror;
mod publish;
mod serve;

pub(crate) use config::Config;
pub(crate) use export::{Export, ExportStatic};
pub(crate) use follow::Follow;
pub(crate) use get::Get;
pub(crate) use keeping::{Drop, Edit, Retract, Says};
pub(crate) use key::{Init, Key};
pub(crate) use mend::{Rebuild, Verify};
pub(crate) use mirror::Mirror;
pub(crate) use publish::Publish;
pub(crate) use serve::Serve;

use crate::examples;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Publish, follow and keep media feeds: signed, append-only, every byte verified.
#[derive(Debug, Parser)]
#[command(
    name = "levada",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    infer_long_args = false,
    max_term_width = 100,
    after_help = examples::ALL
)]
pub(crate) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Print JSON: one document, or for long work one line for each event, told apart by "type"
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Keep everything of this node in one folder
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "LEVADA_DATA_DIR",
        help_heading = "Global options"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// Read the passphrase of the key from this open file descriptor [or set LEVADA_PASSPHRASE]
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    pub(crate) passphrase_fd: Option<u32>,
    /// Log to standard error: error, warn, info, debug, trace, or levels by module
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "LEVADA_LOG",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub(crate) log: Option<String>,
    /// Log in JSON, a line for each event
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) log_json: bool,
    /// Say less: results, warnings and errors only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub(crate) quiet: bool,
    /// Say more: every item, and what was left out
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
}

/// The commands, in the order in which a new user meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and its feed
    #[command(after_help = examples::INIT)]
    Init(Init),
    /// List, show, back up and restore own keys
    #[command(after_help = examples::KEY, subcommand_required = true, arg_required_else_help = true)]
    Key {
        /// What to do with keys.
        #[command(subcommand)]
        command: Key,
    },
    /// Say who else has an own feed, and see what they have
    #[command(after_help = examples::MIRROR, subcommand_required = true, arg_required_else_help = true)]
    Mirror {
        /// What to do with mirrors.
        #[command(subcommand)]
        command: Mirror,
    },
    /// Publish files and folders
    #[command(after_help = examples::PUBLISH)]
    Publish(Publish),
    /// Follow a feed: fetch and verify what it holds, once
    #[command(after_help = examples::FOLLOW)]
    Follow(Follow),
    /// Stop following a feed
    #[command(after_help = examples::UNFOLLOW)]
    Unfollow {
        /// Link, key, beginning of a key, or nickname
        feed: String,
        /// Drop what is held of it too
        #[arg(long)]
        purge: bool,
    },
    /// List what is followed
    #[command(after_help = examples::SOURCES)]
    Sources,
    /// Fetch what is new
    #[command(after_help = examples::SYNC)]
    Sync {
        /// Only this feed
        feed: Option<String>,
        /// Fetch what was dropped too
        #[arg(long)]
        again: bool,
        /// Fetch at most so many bytes a second, or none for no limit [default: as set]
        #[arg(long, value_name = "RATE", value_parser = crate::ask::rate)]
        down: Option<crate::ask::Rate>,
    },
    /// List items, newest first
    #[command(after_help = examples::LS)]
    Ls {
        /// Only this feed
        feed: Option<String>,
        /// Items at most
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
        limit: u64,
        /// Also profiles, listings, collections, and records that are retracted, withheld, unreadable or missing
        #[arg(short, long)]
        all: bool,
    },
    /// Show a feed or one item with everything known of it
    #[command(after_help = examples::SHOW)]
    Show {
        /// FEED or FEED/INDEX, as `levada ls` prints it
        #[arg(value_name = "FEED[/INDEX]")]
        target: String,
        /// All states of an item, oldest first
        #[arg(long)]
        history: bool,
    },
    /// Get a file of an item, whole or a range of it
    #[command(after_help = examples::GET)]
    Get(Get),
    /// Print where a player of this machine plays a file, also before all of it is here; needs a running `serve`
    #[command(after_help = examples::PLAY)]
    Play {
        /// FEED/INDEX, as `levada ls` prints it
        #[arg(value_name = "FEED/INDEX")]
        target: String,
        /// Which file, by name, role or hash [default: the main one]
        #[arg(long, value_name = "NAME")]
        file: Option<String>,
    },
    /// Keep an item or a feed, whatever its source, the quota or its author say
    #[command(after_help = examples::PIN)]
    Pin {
        /// FEED or FEED/INDEX
        #[arg(value_name = "FEED[/INDEX]")]
        target: String,
    },
    /// Let what was pinned go again
    #[command(after_help = examples::UNPIN)]
    Unpin {
        /// FEED or FEED/INDEX
        #[arg(value_name = "FEED[/INDEX]")]
        target: String,
    },
    /// Drop the media of an item or a feed; they are not fetched again until asked for
    #[command(after_help = examples::DROP)]
    Drop(Drop),
    /// Say an own item anew, without a new file
    #[command(after_help = examples::EDIT)]
    Edit(Edit),
    /// Take an own item back
    #[command(after_help = examples::RETRACT)]
    Retract(Retract),
    /// Serve what is held to others until told to stop
    #[command(after_help = examples::SERVE)]
    Serve(Serve),
    /// Write what is published for a web host that runs no levada
    #[command(after_help = examples::EXPORT, subcommand_required = true, arg_required_else_help = true)]
    Export {
        /// In which form.
        #[command(subcommand)]
        command: Export,
    },
    /// Show what this node holds
    #[command(after_help = examples::STATUS)]
    Status,
    /// Read and hash again what is held, and mend what is damaged
    #[command(after_help = examples::VERIFY)]
    Verify(Verify),
    /// Say what is wrong with this node, and what to do
    #[command(after_help = examples::DOCTOR)]
    Doctor,
    /// Make the store again, when it is lost or damaged
    #[command(after_help = examples::REBUILD)]
    Rebuild(Rebuild),
    /// Look at the files that a person edits, and show what holds
    #[command(after_help = examples::CONFIG, subcommand_required = true, arg_required_else_help = true)]
    Config {
        /// What to do with settings.
        #[command(subcommand)]
        command: Config,
    },
    /// Print the token of the local API, or make another one
    #[command(after_help = examples::TOKEN)]
    Token {
        /// Make another one: the old one opens nothing any more
        #[arg(long)]
        new: bool,
    },
    /// Write a file that proves one record to anybody
    #[command(after_help = examples::PROVE)]
    Prove {
        /// FEED/INDEX, as `levada ls` prints it
        #[arg(value_name = "FEED/INDEX")]
        target: String,
        /// File to write, or - for standard output [default: FEED-INDEX.bundle]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check a bundle, a head with its slice, a fork proof or a succession: offline, without a store
    #[command(after_help = examples::CHECK)]
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print what makes a shell complete commands and options
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all pages into a folder
    #[command(after_help = examples::MAN)]
    Man {
        /// The folder, as ~/.local/share/man/man1
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}
