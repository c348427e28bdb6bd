//! The command line as it is typed: names, forms and help, nothing of what they lead to.
//!
//! `ask` turns it into calls. The examples below the help of each command are in `examples`.

mod mend;

use crate::examples;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

pub(crate) use mend::{Rebuild, Verify};

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
    },
    /// Get a file of an item, whole or a range of it
    #[command(after_help = examples::GET)]
    Get(Get),
    /// Serve what is held to others until told to stop
    #[command(after_help = examples::SERVE)]
    Serve(Serve),
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
}

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What the key is called on this machine [default: main]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What the author is called in the feed's profile [default: the name of the key]
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Ask for a passphrase and encrypt the key file with it
    #[arg(long)]
    pub(crate) encrypt: bool,
}

/// `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// List own keys
    List,
    /// Show one own key and its link: never the secret
    Show {
        /// Name or feed [default: the only key]
        feed: Option<String>,
    },
    /// Copy a key file to a safe place
    Backup {
        /// File to write; must not exist
        file: PathBuf,
        /// Name or feed [default: the only key]
        #[arg(long)]
        feed: Option<String>,
    },
    /// Put a key file back in place
    Restore {
        /// The backup
        file: PathBuf,
        /// What to call it on this machine [default: main]
        #[arg(long)]
        name: Option<String>,
    },
}

/// `publish`.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Files and folders; folders with all that is below them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Own feed, by key name or feed [default: the only one]
    #[arg(long)]
    pub(crate) feed: Option<String>,
    /// Title, for a single file
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Text for every item
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Tag for every item; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Who made it; may be repeated
    #[arg(long = "creator", value_name = "NAME")]
    pub(crate) creators: Vec<String>,
    /// Language of every item, as in BCP 47: pt-PT
    #[arg(long, value_name = "TAG")]
    pub(crate) language: Option<String>,
    /// Licence of every item: an SPDX expression or a URL
    #[arg(long = "license", alias = "licence", value_name = "LICENCE")]
    pub(crate) licence: Option<String>,
    /// Keep no copy: serve from where the files are
    #[arg(long)]
    pub(crate) in_place: bool,
    /// Show what would be done; sign nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Publish copies without places, serial numbers and owner names
    #[arg(long)]
    pub(crate) strip_place: bool,
    /// Retract items whose files are gone from the folders given
    #[arg(long)]
    pub(crate) retract_missing: bool,
    /// Sign although the key or its files were restored or copied to this machine
    #[arg(long)]
    pub(crate) insist: bool,
    /// Serve afterwards, until told to stop
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) serve: bool,
    /// Where to listen, with --serve: ADDRESS:PORT, ADDRESS or PORT; may be repeated
    #[arg(long, value_name = "ADDR", requires = "serve", value_parser = crate::ask::listen)]
    pub(crate) listen: Vec<crate::ask::Listen>,
}

/// `follow`.
#[derive(Debug, Args)]
pub(crate) struct Follow {
    /// The link that the author gives away, or a bare key
    #[arg(value_name = "LINK|KEY")]
    pub(crate) feed: String,
    /// Where to ask, besides the link's own hints; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) via: Vec<String>,
    /// What to keep: all, newest:N, days:N or none [default: newest:50]
    #[arg(long)]
    pub(crate) keep: Option<String>,
    /// Media to keep at most [default: 2GiB]
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<String>,
}

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
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen: ADDRESS:PORT, ADDRESS or PORT; may be repeated [default: port 9327 of all addresses]
    #[arg(long, value_name = "ADDR", value_parser = crate::ask::listen)]
    pub(crate) listen: Vec<crate::ask::Listen>,
}
