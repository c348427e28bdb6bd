//! Ctrl-C and SIGTERM: the first asks the work to stop, the second ends the process.

use levada_peer::api::Code;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Turns `stop` true at the first signal. Everything durable is safe at any moment, so that the second one may end the
/// process where it stands.
///
/// # Errors
/// When the system gives no signals.
pub(crate) fn listen(stop: Arc<watch::Sender<bool>>) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.send_replace(true) {
                std::process::exit(Code::Interrupted.number().into());
            }
        }
    });
    Ok(())
}
