//! What is typed after `serve`.

use clap::Args;
use levada_peer::node::{ApiListen, Listen};

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen for peers: ADDRESS:PORT, ADDRESS or PORT; may be repeated [default: `listen` of
    /// config.toml, else port 9327 of all addresses]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<Listen>,
    /// Where to take calls of this machine: loopback ADDRESS:PORT, PORT or off; may be repeated
    /// [default: `api` of config.toml, else port 9328 of loopback]
    #[arg(long, value_name = "ADDR", env = "LEVADA_API", hide_env_values = true)]
    pub(crate) api: Vec<ApiListen>,
    /// Send at most so many bytes a second, or none for no limit; the local network is exempt [default: as set]
    #[arg(long, value_name = "RATE", value_parser = crate::ask::rate)]
    pub(crate) up: Option<crate::ask::Rate>,
    /// Fetch at most so many bytes a second, or none for no limit; the local network is exempt [default: as set]
    #[arg(long, value_name = "RATE", value_parser = crate::ask::rate)]
    pub(crate) down: Option<crate::ask::Rate>,
}
