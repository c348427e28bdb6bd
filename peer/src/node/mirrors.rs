//! Mirrors of own feeds: where they can be had besides this node, and what each of them has.
//!
//! They are asked before the first signature after a start, and watched while `serve` runs; the link that is given away
//! names them.

use super::author::elsewhere::{self, Said};
use super::own::find;
use super::records::{SyncError, blocking};
use super::words::short;
use super::{Node, Stop};
use crate::api::{Answer, Code, Failure, MirrorInfo, MirrorState};
use crate::io::keys::KeyEntry;
use std::sync::Arc;
use std::time::Duration;

/// Time that mirrors have to say what they have.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// `mirror add`.
pub(super) async fn add(
    node: &Arc<Node>,
    mirror: &str,
    target: Option<String>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let known = node.client.remote(mirror);
    known.map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
    let key = own(node, target).await?;
    node.change_sources(|sources| {
        sources.add_mirror(key.feed, mirror);
        Ok(())
    })?;
    let mirrors = vec![(key, mirror.to_owned())];
    ask(node, mirrors, stop).await
}

/// `mirror remove`.
pub(super) async fn remove(
    node: &Arc<Node>,
    mirror: &str,
    target: Option<String>,
) -> Result<Answer, Failure> {
    let key = own(node, target).await?;
    let was_there = node.change_sources(|sources| Ok(sources.remove_mirror(&key.feed, mirror)))?;
    if was_there {
        return Ok(Answer::Mirrors {
            mirrors: Vec::new(),
        });
    }
    let message = format!("{mirror}: no mirror of feed {}", short(&key.feed));
    Err(Failure::new(Code::NotFound, message)
        .hint("`levada mirror list` lists them as they are written"))
}

/// `mirror list`: of one own feed or of all.
pub(super) async fn list(
    node: &Arc<Node>,
    target: Option<String>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let keys = match target {
        Some(target) => vec![own(node, Some(target)).await?],
        None => {
            let keys = node.keys.clone();
            let listed = tokio::task::spawn_blocking(move || keys.list()).await;
            listed.map_err(|_| Failure::new(Code::Failed, "the keys could not be read"))??
        }
    };
    let each = keys.into_iter().flat_map(|key| {
        let mirrors = node.mirrors(&key.feed);
        mirrors.into_iter().map(move |mirror| (key.clone(), mirror))
    });
    ask(node, each.collect(), stop).await
}

async fn own(node: &Arc<Node>, target: Option<String>) -> Result<KeyEntry, Failure> {
    let node = node.clone();
    let found = tokio::task::spawn_blocking(move || find(&node, target.as_deref())).await;
    found.map_err(|_| Failure::new(Code::Failed, "the keys could not be read"))?
}

/// Asks each mirror what it has.
async fn ask(
    node: &Arc<Node>,
    mirrors: Vec<(KeyEntry, String)>,
    mut stop: Stop,
) -> Result<Answer, Failure> {
    let mut asking = tokio::task::JoinSet::new();
    for (place, (key, mirror)) in mirrors.into_iter().enumerate() {
        let node = node.clone();
        asking.spawn(async move {
            let state = state(&node, &key, &mirror).await?;
            let (feed, name) = (key.feed, key.name);
            Ok::<_, SyncError>((
                place,
                MirrorInfo {
                    feed,
                    name,
                    mirror,
                    state,
                },
            ))
        });
    }
    let mut mirrors = Vec::new();
    loop {
        let asked = tokio::select! {
            asked = asking.join_next() => asked,
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => {
                return Err(Failure::new(Code::Interrupted, "interrupted"));
            }
        };
        match asked {
            None => break,
            Some(Ok(Ok(info))) => mirrors.push(info),
            Some(Ok(Err(SyncError::Store(error)))) => return Err(error.into()),
            Some(_) => return Err(Failure::new(Code::Failed, "a mirror could not be asked")),
        }
    }
    mirrors.sort_by_key(|(place, _)| *place);
    let mirrors = mirrors.into_iter().map(|(_, info)| info).collect();
    Ok(Answer::Mirrors { mirrors })
}

async fn state(node: &Arc<Node>, key: &KeyEntry, mirror: &str) -> Result<MirrorState, SyncError> {
    let remote = match node.client.remote(mirror) {
        Ok(remote) => remote,
        Err(error) => {
            return Ok(MirrorState::Away {
                why: error.to_string(),
            });
        }
    };
    let looking = elsewhere::look(node, &key.feed, &remote);
    let Ok(said) = tokio::time::timeout(ANSWER_TIMEOUT, looking).await else {
        let why = format!("{mirror}: it did not answer in time");
        return Ok(MirrorState::Away { why });
    };
    Ok(match said? {
        Said::Same => MirrorState::Same,
        Said::Newer(length, _) => MirrorState::Newer { length },
        Said::Older(length) => MirrorState::Older { length },
        Said::Unknown => MirrorState::Unknown,
        Said::Nothing(why) => MirrorState::Away { why },
        Said::Fork(proof) => {
            let (keeping, kept) = (node.clone(), proof.clone());
            if blocking(move || keeping.keep_fork(&kept)).await? {
                elsewhere::hand_over(node.clone(), key.feed, proof).await;
            }
            MirrorState::Fork
        }
    })
}
