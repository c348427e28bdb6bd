//! What is typed after `init` and `key`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

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
        /// Nothing was ever signed with it: begin its feed here
        #[arg(long)]
        new: bool,
        /// What the author is called in the feed's profile, with --new [default: the name of the key]
        #[arg(long, requires = "new")]
        title: Option<String>,
    },
    /// Take over what another machine signed with an own key, and go on after it
    TakeOver {
        /// Name or feed [default: the only key]
        feed: Option<String>,
    },
}
