//! Subscriptions, as they are listed.

use crate::api::{Failure, PeerInfo, SourceInfo};
use crate::node::Node;
use crate::sources::Source;
use crate::store::StoreError;

/// Subscriptions.
pub(in crate::node) fn sources(node: &Node) -> Result<Vec<SourceInfo>, Failure> {
    let sources = node.sources()?;
    let info = |source: &Source| {
        let head = node.disk.head(&source.feed)?;
        Ok(SourceInfo {
            feed: source.feed,
            nickname: source.nickname.clone(),
            name: node.profile_name(&source.feed)?,
            via: source.via.clone(),
            keep: source.keep.to_string(),
            max_size: source.max_size,
            retractions: source.retractions,
            share: source.share,
            length: head.as_ref().map_or(0, |head| head.body().length),
            records: node.disk.held(&source.feed).count(),
            time: head.map(|head| head.body().time),
            is_disputed: node.is_disputed(&source.feed)?,
            peers: peers(node, source),
        })
    };
    let infos: Result<Vec<_>, StoreError> = sources.list().iter().map(info).collect();
    infos.map_err(Failure::from)
}

/// What was heard of the peers of a source.
fn peers(node: &Node, source: &Source) -> Vec<PeerInfo> {
    let info = |via: &String| {
        let standing = node.standing(via)?;
        Some(PeerInfo {
            peer: via.clone(),
            standing,
        })
    };
    node.peers_of(source).iter().filter_map(info).collect()
}
