//! Settings that are read again while `serve` runs: which hold at once, which after a restart.
//!
//! A file that is broken is named, and what held before goes on to hold. Subscriptions and pins need none of this: their
//! files are read again by themselves.

use super::{Node, Stop, config, tell};
use crate::api::{Answer, Code, Event, Failure, Reloaded, ReloadedSetting};
use crate::io::config::load_settings;
use crate::settings::{Given, Settings};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// The settings that hold, with what the command line says in their place.
pub(super) struct InForce {
    given: Given,
    now: watch::Sender<Arc<Settings>>,
}

impl InForce {
    pub(super) fn new(settings: Settings, given: Given) -> Self {
        let now = watch::Sender::new(Arc::new(overruled(settings, given)));
        Self { given, now }
    }

    /// What holds now.
    pub(super) fn now(&self) -> Arc<Settings> {
        self.now.borrow().clone()
    }

    /// Told of each change; over when the node is closed.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Settings>> {
        self.now.subscribe()
    }
}

/// What the command line says comes first.
fn overruled(settings: Settings, given: Given) -> Settings {
    Settings {
        limits: settings.limits.with(given),
        ..settings
    }
}

/// `config reload`: reads the settings again, if this node serves.
pub(super) fn reload(node: &Node) -> Result<Answer, Failure> {
    if node.served_at.get().is_none() {
        let message = "nobody serves here: there is nothing to tell of new settings";
        return Err(Failure::new(Code::NotFound, message)
            .hint("every command reads them when it starts; `levada config check` shows them"));
    }
    read_again(node).map(Answer::Reloaded)
}

fn read_again(node: &Node) -> Result<Reloaded, Failure> {
    let found = load_settings(&node.dirs)?;
    config::judge(&node.dirs, &found)?;
    let found = overruled(found, node.settings.given);
    let before = node.settings.now();
    let changed = before.differences(&found);
    let names = changed.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    tracing::info!(changed = ?names, "settings read again");
    let settings = changed.into_iter().map(|(name, needs_restart)| {
        let name = name.to_owned();
        ReloadedSetting {
            name,
            needs_restart,
        }
    });
    let settings = settings.collect();
    node.settings
        .now
        .send_replace(Arc::new(found.without_restart(&before)));
    Ok(Reloaded {
        path: node.dirs.settings(),
        settings,
    })
}

/// Reads the settings again whenever somebody asks for it by a signal.
pub(super) async fn when_told(
    node: Arc<Node>,
    mut signals: watch::Receiver<u64>,
    events: mpsc::Sender<Event>,
    mut stop: Stop,
) {
    loop {
        tokio::select! {
            told = signals.changed() => if told.is_err() { return },
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let reading = node.clone();
        let read = tokio::task::spawn_blocking(move || read_again(&reading)).await;
        let (message, hint) = match read {
            Ok(Ok(reloaded)) => match waiting(&reloaded) {
                Some(message) => (message, Some("stop it and start it again".to_owned())),
                None => continue,
            },
            Ok(Err(failure)) => (
                format!("{}; the settings stay as they were", failure.message),
                failure.hint,
            ),
            Err(_) => continue,
        };
        tell(&events, Event::Warning { message, hint }).await;
    }
}

/// What does not hold yet, in words.
fn waiting(reloaded: &Reloaded) -> Option<String> {
    let waiting = reloaded.settings.iter();
    let waiting: Vec<&str> = waiting
        .filter(|setting| setting.needs_restart)
        .map(|setting| setting.name.as_str())
        .collect();
    let path = reloaded.path.display();
    let names = waiting.join(", ");
    (!waiting.is_empty()).then(|| format!("{path}: {names}: the new value holds after a restart"))
}
