//! Mirrors of own feeds, in the same file as the subscriptions.

use super::Sources;
use levada_feed::key::FeedKey;
use serde::{Deserialize, Serialize};

/// Where an own feed can be had besides this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// The feed.
    pub feed: FeedKey,
    /// Nodes and web hosts that serve it.
    pub mirrors: Vec<String>,
}

impl Sources {
    /// Whether the person named a peer, as a hint of a source or as a mirror of an own feed.
    #[must_use]
    pub fn names(&self, peer: &str) -> bool {
        let hints = self.list.iter().flat_map(|source| &source.via);
        let mirrors = self.own.iter().flat_map(|own| &own.mirrors);
        hints.chain(mirrors).any(|named| named == peer)
    }

    /// Where an own feed can be had besides this node.
    #[must_use]
    pub fn mirrors(&self, feed: &FeedKey) -> &[String] {
        let own = self.own.iter().find(|own| own.feed == *feed);
        own.map_or(&[], |own| own.mirrors.as_slice())
    }

    /// Adds a mirror of an own feed; says whether it is new.
    pub fn add_mirror(&mut self, feed: FeedKey, mirror: &str) -> bool {
        if self.mirrors(&feed).iter().any(|known| known == mirror) {
            return false;
        }
        match self.own.iter_mut().find(|own| own.feed == feed) {
            Some(own) => own.mirrors.push(mirror.to_owned()),
            None => self.own.push(Own {
                feed,
                mirrors: vec![mirror.to_owned()],
            }),
        }
        true
    }

    /// Removes a mirror of an own feed; says whether it was there.
    pub fn remove_mirror(&mut self, feed: &FeedKey, mirror: &str) -> bool {
        let before = self.mirrors(feed).len();
        for own in self.own.iter_mut().filter(|own| own.feed == *feed) {
            own.mirrors.retain(|known| known != mirror);
        }
        let is_gone = self.mirrors(feed).len() < before;
        self.own.retain(|own| !own.mirrors.is_empty());
        is_gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    #[test]
    fn mirrors_are_kept_in_order_once_each_and_gone_with_the_last_one() {
        let feed = |byte| FeedSecret::from_bytes(&[byte; 32]).feed_key();
        let mut sources = Sources::default();
        assert!(sources.add_mirror(feed(1), "http://b.example"));
        assert!(sources.add_mirror(feed(1), "http://a.example"));
        assert!(!sources.add_mirror(feed(1), "http://b.example"));
        assert!(sources.add_mirror(feed(2), "http://b.example"));
        let read = Sources::read(&sources.write_over("").unwrap()).unwrap();
        assert_eq!(read, sources);
        assert_eq!(
            read.mirrors(&feed(1)),
            ["http://b.example", "http://a.example"]
        );
        assert!(sources.remove_mirror(&feed(2), "http://b.example"));
        assert!(!sources.remove_mirror(&feed(2), "http://b.example"));
        assert!(sources.mirrors(&feed(2)).is_empty());
        assert!(
            !sources
                .write_over("")
                .unwrap()
                .contains(&feed(2).to_string())
        );
    }
}
