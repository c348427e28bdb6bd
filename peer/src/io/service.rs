//! What a service manager is told (systemd's `Type=notify`): that the node is ready, stopping, and alive.
//!
//! Without one nothing is told.

use sd_notify::NotifyState;
use std::time::Duration;

/// It listens: what waits for this service may go on.
pub(crate) fn ready(listen: &str) {
    tell(&[
        NotifyState::Ready,
        NotifyState::Status(&format!("listening on {listen}")),
    ]);
}

/// It was told to stop.
pub(crate) fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("writing to the disk"),
    ]);
}

/// It is well.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often it has to say so, if anybody watches: twice in the time that is allowed.
pub(crate) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
        .map(|allowed| allowed / 2)
        .filter(|pause| !pause.is_zero())
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
