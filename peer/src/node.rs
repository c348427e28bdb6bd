//! A node: carries out calls, serves peers. The place where modules meet.

use crate::api::{Call, Event, Failure};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::{mpsc, watch};

/// Where a node lives and what it may unlock.
#[derive(Clone, Default)]
pub struct Options {
    /// Folder that holds everything of the node; the user's usual places when absent.
    pub data_dir: Option<PathBuf>,
    /// Passphrase of own keys.
    pub passphrase: Option<String>,
}

/// Turns true when the person wants the work to stop; what is done stays done.
pub type Stop = watch::Receiver<bool>;

/// Where a serving node can be reached.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Addresses that are listened on.
    pub listen: Vec<SocketAddr>,
    /// Links of the feeds served, with `via` hints of these addresses: (name, link).
    pub links: Vec<(String, String)>,
}

/// Carries out one call; events go to `events`, the last one of a success is `Event::Answer`.
///
/// # Errors
/// What the person reads, and the exit code.
pub async fn call(
    options: &Options,
    call: Call,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    let _ = (options, call, events, stop);
    Err(Failure::new(crate::api::Code::Failed, "not built yet"))
}

/// Serves until stopped: the wire for peers, and calls of this user's other processes.
///
/// # Errors
/// What the person reads, and the exit code.
pub async fn serve(
    options: &Options,
    listen: &[SocketAddr],
    ready: impl FnOnce(Serving),
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    let _ = (options, listen, ready, events, stop);
    Err(Failure::new(crate::api::Code::Failed, "not built yet"))
}
