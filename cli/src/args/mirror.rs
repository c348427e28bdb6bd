//! `mirror`.

use clap::Subcommand;

/// `mirror`.
#[derive(Debug, Subcommand)]
pub(crate) enum Mirror {
    /// Name a node or a web host that has an own feed
    Add {
        /// Where it is
        url: String,
        /// Name or feed [default: the only key]
        #[arg(long)]
        feed: Option<String>,
    },
    /// Forget a mirror
    Remove {
        /// Where it is, as it was named
        url: String,
        /// Name or feed [default: the only key]
        #[arg(long)]
        feed: Option<String>,
    },
    /// List mirrors, and ask each what it has
    List {
        /// Name or feed [default: all keys]
        feed: Option<String>,
    },
}
