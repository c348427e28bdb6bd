//! One question to one peer about one feed: for peers that do not know streams.

use super::{SharedSeen, lock};
use crate::engine::Outcome;
use crate::frame::{self, Ask};
use crate::node::Node;
use crate::node::records::blocking;
use levada_feed::chain;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::BUNDLE_BYTES_MAX;
use std::sync::Arc;

/// Whether a peer has a head that is longer than ours, or fresher.
pub(super) async fn poll(
    node: &Arc<Node>,
    feed: &FeedKey,
    peer: &str,
    wait: u64,
    seen: &SharedSeen,
) -> Outcome {
    let name = (*feed, peer.to_owned());
    let Ok(remote) = node.remote(peer) else {
        return Outcome::Failed;
    };
    let (reading, of) = (node.clone(), *feed);
    let Ok(ours) = blocking(move || reading.disk.head(&of)).await else {
        return Outcome::Failed;
    };
    let have = ours.as_ref().map_or(0, |head| head.body().length);
    let known = lock(seen).tags.get(&name).cloned();
    let tag = known.or_else(|| ours.as_ref().map(|head| frame::head_tag(head.wire())));
    let ask = Ask::Head {
        feed: *feed,
        have,
        wait,
    };
    let limit = u64::try_from(BUNDLE_BYTES_MAX).unwrap_or(u64::MAX);
    let answer = match remote.poll_head(&ask, tag, limit).await {
        Ok(Some(answer)) => answer,
        Ok(None) => {
            node.answered(peer, None);
            return Outcome::Nothing;
        }
        Err(error) => {
            node.failed(peer, &error);
            return Outcome::Failed;
        }
    };
    // A claim until the sync has judged it; here it only tells whether to sync, and what to ask for next time.
    let proven = match chain::check_head(feed, &answer, have) {
        Ok(proven) => proven,
        Err(reject) => {
            node.lied(peer, feed, &reject);
            return Outcome::Failed;
        }
    };
    node.answered(peer, None);
    let tag = frame::head_tag(proven.head.wire());
    lock(seen).tags.insert(name, tag);
    if is_news(ours.as_deref(), &proven.head) {
        Outcome::News
    } else {
        Outcome::Nothing
    }
}

/// Whether a head that is claimed calls for a sync.
pub(super) fn is_news(ours: Option<&Head>, theirs: &Head) -> bool {
    let theirs = theirs.body();
    ours.is_none_or(|ours| {
        let ours = ours.body();
        // A shorter list that is not ours is a fork, which the sync will find.
        theirs.length > ours.length
            || (theirs.length == ours.length
                && (theirs.root != ours.root || theirs.time > ours.time))
    })
}
