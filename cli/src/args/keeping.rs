//! What is typed after `drop`, `retract` and `edit`.

use clap::Args;

/// `drop`.
#[derive(Debug, Args)]
pub(crate) struct Drop {
    /// FEED or FEED/INDEX
    #[arg(value_name = "FEED[/INDEX]")]
    pub(crate) target: String,
    /// Even a whole feed, or what its author took back and nobody may give again
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `retract`.
#[derive(Debug, Args)]
pub(crate) struct Retract {
    /// FEED/INDEX of your own, as `levada ls` prints it
    #[arg(value_name = "FEED/INDEX")]
    pub(crate) target: String,
    /// Why, for all to read
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// `edit`.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// FEED/INDEX of your own, as `levada ls` prints it
    #[arg(value_name = "FEED/INDEX")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) says: Says,
}

/// What an edit says.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Says {
    /// Title
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Text
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Tag, in place of those before; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Who made it, in place of those before; may be repeated
    #[arg(long = "creator", value_name = "NAME")]
    pub(crate) creators: Vec<String>,
    /// Language, as in BCP 47: pt-PT
    #[arg(long, value_name = "TAG")]
    pub(crate) language: Option<String>,
    /// Licence: an SPDX expression or a URL
    #[arg(long = "license", alias = "licence", value_name = "LICENCE")]
    pub(crate) licence: Option<String>,
}
