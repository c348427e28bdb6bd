//! Ctrl-C and SIGTERM: the first asks the work to stop, the second ends the process. SIGHUP does the same when a terminal
//! is closed; a service asks by it to read settings again.

use levada_peer::api::Code;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What a hangup means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// The terminal is gone: stop.
    Stops,
    /// Somebody wants the settings to be read again.
    IsTold,
}

impl Hangup {
    /// Of a command that serves, unless it hangs on a terminal.
    pub(crate) fn of(is_serving: bool) -> Self {
        let has_terminal =
            io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
        if is_serving && !has_terminal {
            Self::IsTold
        } else {
            Self::Stops
        }
    }
}

/// Turns `stop` true at the first signal. Everything durable is safe at any moment, so that the second one may end the
/// process where it stands.
///
/// Gives a count of the hangups that stop nothing.
///
/// # Errors
/// When the system gives no signals.
pub(crate) fn listen(
    stop: Arc<watch::Sender<bool>>,
    meaning: Hangup,
) -> io::Result<watch::Receiver<u64>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (hung_up, hangups) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => if meaning == Hangup::IsTold {
                    hung_up.send_modify(|count| *count += 1);
                    continue;
                },
            }
            if stop.send_replace(true) {
                std::process::exit(Code::Interrupted.number().into());
            }
        }
    });
    Ok(hangups)
}
