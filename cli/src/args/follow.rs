//! What is typed after `follow`.

use clap::Args;

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
    /// What becomes of what its author retracts: honour or never [default: honour]
    #[arg(long, value_name = "WHAT")]
    pub(crate) retractions: Option<String>,
    /// Tell others that you have it: it is listed by `serve`, and announced to its peers
    #[arg(long, conflicts_with = "no_share")]
    pub(crate) share: bool,
    /// Tell nobody any more
    #[arg(long)]
    pub(crate) no_share: bool,
    /// Fetch at most so many bytes a second, or none for no limit [default: as set]
    #[arg(long, value_name = "RATE", value_parser = crate::ask::rate)]
    pub(crate) down: Option<crate::ask::Rate>,
}
