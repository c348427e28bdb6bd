//! Encrypted keys when serving begins: whether the passphrase that was given opens them, and what it means if not.

use crate::api::{Code, Event, Failure};
use crate::io::keys::Keys;
use crate::node::{Node, Options, find_dirs, tell};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Names of own keys that want a passphrase. Looks at the key files alone.
///
/// # Errors
/// What the person reads, and the exit code.
pub fn encrypted_keys(options: &Options) -> Result<Vec<String>, Failure> {
    let dirs = find_dirs(options)?;
    let keys = Keys::at(&dirs.keys()).list()?.into_iter();
    Ok(keys
        .filter(|key| key.is_encrypted)
        .map(|key| key.name)
        .collect())
}

/// Tries the passphrase on every encrypted key. One that opens none is a failure; a key that stays closed is told once,
/// and its feed is served and not signed.
pub(super) async fn check(node: &Arc<Node>, events: &mpsc::Sender<Event>) -> Result<(), Failure> {
    let trying = node.clone();
    // To open one takes a while, so that guessing does.
    let closed = tokio::task::spawn_blocking(move || closed(&trying)).await;
    let closed =
        closed.map_err(|_| Failure::new(Code::Failed, "the keys could not be tried"))??;
    if closed.is_empty() {
        return Ok(());
    }
    let names = closed.join(", ");
    let message = if node.passphrase().is_some() {
        format!("key {names}: the passphrase does not open it: its feed is served and not signed")
    } else {
        format!(
            "key {names}: encrypted, and no passphrase was given: its feed is served and not signed"
        )
    };
    let hint = "a publish may say the passphrase itself; or stop this and start it with LEVADA_PASSPHRASE or --passphrase-fd";
    let hint = Some(hint.to_owned());
    tell(events, Event::Warning { message, hint }).await;
    Ok(())
}

/// Encrypted keys that stay closed.
fn closed(node: &Node) -> Result<Vec<String>, Failure> {
    let mut closed = Vec::new();
    let mut wrong = None;
    let mut is_one_open = false;
    for key in node.keys.list()?.into_iter().filter(|key| key.is_encrypted) {
        match node.passphrase() {
            None => closed.push(key.name),
            Some(passphrase) => match node.keys.load(&key.name, Some(passphrase)) {
                Ok(_) => is_one_open = true,
                Err(error) if error.is_passphrase() => {
                    wrong.get_or_insert(error);
                    closed.push(key.name);
                }
                Err(error) => return Err(error.into()),
            },
        }
    }
    match wrong {
        Some(error) if !is_one_open => Err(error.into()),
        _ => Ok(closed),
    }
}
