//! One question to one peer about one feed: for peers that do not know streams.

use super::{SharedSeen, lock};
use crate::engine::Outcome;
use crate::frame::{self, Ask};
use crate::io::clock;
use crate::judge::{self, NewsJudged, Polled};
use crate::node::Node;
use crate::node::records::blocking;
use levada_feed::key::FeedKey;
use levada_feed::limits::HEAD_ANSWER_BYTES_MAX;
use std::sync::Arc;

/// Whether a peer has news, and the length of its head then. What it says is judged before it counts.
pub(super) async fn poll(
    node: &Arc<Node>,
    feed: &FeedKey,
    peer: &str,
    wait: u64,
    seen: &SharedSeen,
) -> (Outcome, u64) {
    let name = (*feed, peer.to_owned());
    let Ok(remote) = node.remote(peer) else {
        return (Outcome::Failed, 0);
    };
    let (reading, of) = (node.clone(), *feed);
    let Ok(ours) = blocking(move || reading.disk.head(&of)).await else {
        return (Outcome::Failed, 0);
    };
    let have = ours.as_ref().map_or(0, |head| head.body().length);
    let known = lock(seen).tags.get(&name).cloned();
    let tag = known.or_else(|| ours.as_ref().map(|head| frame::head_tag(head.wire())));
    let ask = Ask::Head {
        feed: *feed,
        have,
        wait,
    };
    let limit = u64::try_from(HEAD_ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
    let answer = match remote.poll_head(&ask, tag, limit).await {
        Ok(Some(answer)) => answer,
        Ok(None) => {
            node.answered(peer, None);
            return (Outcome::Nothing, 0);
        }
        Err(error) => {
            node.failed(peer, &error);
            return (Outcome::Failed, 0);
        }
    };
    let (judging, of) = (node.clone(), *feed);
    let polled = blocking(move || {
        judging.judging(&of, |store| {
            judge::polled(store, &of, have, &answer, clock::now_ms())
        })
    });
    let Ok(Polled { judged, tag, .. }) = polled.await else {
        return (Outcome::Failed, 0);
    };
    if let NewsJudged::Wrong(reject) = &judged {
        node.lied(peer, feed, reject);
        return (Outcome::Failed, 0);
    }
    node.answered(peer, None);
    lock(seen).tags.insert(name, tag);
    match judged {
        NewsJudged::News { length } => (Outcome::News, length),
        NewsJudged::Has { length } => (Outcome::Nothing, length),
        _ => (Outcome::Nothing, 0),
    }
}
