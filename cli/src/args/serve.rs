//! What is typed after `serve`.

use clap::Args;

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen: ADDRESS:PORT, ADDRESS or PORT; may be repeated [default: port 9327 of all addresses]
    #[arg(long, value_name = "ADDR", value_parser = crate::ask::listen)]
    pub(crate) listen: Vec<crate::ask::Listen>,
    /// Send at most so many bytes a second, or none for no limit; the local network is exempt [default: as set]
    #[arg(long, value_name = "RATE", value_parser = crate::ask::rate)]
    pub(crate) up: Option<crate::ask::Rate>,
    /// Fetch at most so many bytes a second, or none for no limit; the local network is exempt [default: as set]
    #[arg(long, value_name = "RATE", value_parser = crate::ask::rate)]
    pub(crate) down: Option<crate::ask::Rate>,
}
