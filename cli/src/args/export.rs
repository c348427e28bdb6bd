//! `export`.

use crate::examples;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `export`.
#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// Write feeds and media as plain files, for any web host or bucket
    #[command(after_help = examples::EXPORT_STATIC)]
    Static(ExportStatic),
}

/// `export static`.
#[derive(Debug, Args)]
pub(crate) struct ExportStatic {
    /// The folder to upload; made if it is not there, brought up to date if it is
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Feed to export; may be repeated [default: all own feeds]
    #[arg(long = "feed", value_name = "FEED")]
    pub(crate) feeds: Vec<String>,
    /// Media to export: all, newest:N or none [default: all]
    #[arg(long)]
    pub(crate) media: Option<String>,
    /// Where the folder will be found, for the links to give away
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}
