//! What is typed after `publish`.

use clap::Args;
use levada_peer::node::{ApiListen, Listen};
use std::path::PathBuf;

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
    #[arg(long, value_name = "ADDR", requires = "serve")]
    pub(crate) listen: Vec<Listen>,
    /// Where to take calls of this machine, with --serve: as `levada serve --help` says
    #[arg(long, value_name = "ADDR", env = "LEVADA_API", hide_env = true)]
    pub(crate) api: Vec<ApiListen>,
    /// Send at most so many bytes a second, with --serve, or none for no limit [default: as set]
    #[arg(long, value_name = "RATE", requires = "serve", value_parser = crate::ask::rate)]
    pub(crate) up: Option<crate::ask::Rate>,
}
