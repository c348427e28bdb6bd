//! Tells the peers of shared sources that this node serves them too, and asks peers who else does.
//!
//! Own feeds are announced to their mirrors, and sources with `share = true` to their peers; what one merely follows is
//! nobody's business. Peers that others name are
//! hints: they are asked after those that the person named, and only at addresses of the whole internet.

use super::{Node, Stop};
use crate::frame::{self, Ask};
use crate::io::client::{Remote, Unreachable};
use bytes::Bytes;
use levada_feed::key::FeedKey;
use levada_feed::limits::{PEER_BYTES_MAX, PEERS_MAX};
use std::sync::Arc;
use std::time::Duration;

/// Time between two announcements: half of that for which one counts.
const AGAIN: Duration = Duration::from_secs(1_800);
/// Bytes that the answer to an announcement may have.
const ANSWER_BYTES_MAX: u64 = 1_024;

/// Announces what is shared, now, when the list of sources changes, and every half hour.
pub(super) async fn announce(node: Arc<Node>, mut stop: Stop) {
    let mut changes = node.changes.subscribe();
    loop {
        if super::own::relist(&node).is_ok() {
            announce_all(&node).await;
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn announce_all(node: &Arc<Node>) {
    let (Some(port), Ok(sources)) = (node.announced_port(), node.sources()) else {
        return;
    };
    let listed = node.listed.borrow().clone();
    for feed in listed.iter().copied() {
        let source = sources.list().iter().find(|source| source.feed == feed);
        let named = source.map_or_else(|| sources.mirrors(&feed), |source| &source.via);
        for via in named {
            let Ok(remote) = node.client.remote(via) else {
                continue;
            };
            let ask = Ask::Peers { feed };
            let body = Bytes::from(frame::write_announce(port));
            // One that does not take it is no worse a peer for that.
            let _ = remote.post(&ask, body, ANSWER_BYTES_MAX).await;
        }
    }
}

/// Asks a peer who else serves a feed; says whether anybody new was named.
pub(super) async fn learn(node: &Arc<Node>, feed: &FeedKey, peer: &str) -> bool {
    let Ok(remote) = node.remote(peer) else {
        return false;
    };
    let limit = u64::try_from(16 + PEERS_MAX * (PEER_BYTES_MAX + 3)).unwrap_or(u64::MAX);
    let Ok(answer) = remote.get(&Ask::Peers { feed: *feed }, limit).await else {
        return false;
    };
    let named = match frame::read_peers(&answer) {
        Ok(named) => named,
        Err(reject) => {
            node.lied(peer, feed, &reject);
            return false;
        }
    };
    let own = node.served_at.get().cloned().unwrap_or_default();
    let is_own = |name: &String| own.iter().any(|own| *name == format!("http://{own}"));
    let named: Vec<String> = named.into_iter().filter(|name| !is_own(name)).collect();
    let (keeping, feed) = (node.clone(), *feed);
    let kept = tokio::task::spawn_blocking(move || keeping.learned.add(&feed, &named)).await;
    matches!(kept, Ok(Ok(true)))
}

impl Node {
    /// The port that others can call back at.
    fn announced_port(&self) -> Option<u16> {
        let served_at = self.served_at.get()?;
        let open = served_at.iter().find(|at| !at.ip().is_loopback());
        open.or(served_at.first()).map(std::net::SocketAddr::port)
    }

    /// Where to ask for a feed: what the person named, then what others did.
    pub(super) fn peers_of(&self, source: &crate::sources::Source) -> Vec<String> {
        let mut peers = source.via.clone();
        let learned = self.learned.of(&source.feed).into_iter();
        peers.extend(learned.filter(|peer| !source.via.contains(peer)));
        peers
    }

    /// A peer: one that the person named for any feed as it is, any other as a hint.
    pub(super) fn remote(&self, peer: &str) -> Result<Remote, Unreachable> {
        if self.sources().is_ok_and(|sources| sources.names(peer)) {
            return self.client.remote(peer);
        }
        // Who serves this machine alone lives among others on it; everybody else is not led into his own network.
        let is_local = self.served_at.get().is_some_and(|served| {
            !served.is_empty() && served.iter().all(|at| at.ip().is_loopback())
        });
        self.client.hinted(peer, is_local)
    }
}
