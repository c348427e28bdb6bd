//! What is typed after `config`.

use clap::Subcommand;

/// `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Look at config.toml, sources.toml and pins.toml: what is wrong with them, and which settings hold
    Check,
    /// Have a running `serve` read config.toml again
    #[command(after_help = crate::examples::CONFIG_RELOAD)]
    Reload,
}
