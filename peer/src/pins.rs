//! What a person pinned and dropped: plain TOML that a person may edit (spec/store.md, Pins).
//!
//! Text in, text out. Reading and writing the file is `io::config`'s; what a pin does is `node::pin`'s.

use levada_feed::key::FeedKey;
use serde::{Deserialize, Serialize};

/// Something pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The feed.
    pub feed: FeedKey,
    /// Index of the item's first record; absent: all of the feed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<u64>,
    /// When it was pinned, Unix milliseconds.
    #[serde(default)]
    pub added: u64,
}

/// Something dropped: not fetched by itself any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// The feed.
    pub feed: FeedKey,
    /// Index of the item's first record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<u64>,
    /// Every item whose first record is before this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub below: Option<u64>,
}

/// All pins, and all that was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    #[serde(default, rename = "pin", skip_serializing_if = "Vec::is_empty")]
    pins: Vec<Pin>,
    #[serde(default, rename = "dropped", skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<Dropped>,
}

impl Pins {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The line and what is wrong with it.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never for numbers and keys; the type is the library's.
    pub fn write(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// All pins, in the order added.
    #[must_use]
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// Whether all of a feed is pinned.
    #[must_use]
    pub fn has_feed(&self, feed: &FeedKey) -> bool {
        let is_it = |pin: &Pin| pin.feed == *feed && pin.index.is_none();
        self.pins.iter().any(is_it)
    }

    /// Whether an item is pinned, by itself or with its feed.
    #[must_use]
    pub fn has(&self, feed: &FeedKey, index: u64) -> bool {
        let is_it = |pin: &Pin| pin.feed == *feed && pin.index.is_none_or(|pinned| pinned == index);
        self.pins.iter().any(is_it)
    }

    /// The items of a feed that are pinned by themselves.
    pub fn items(&self, feed: &FeedKey) -> impl Iterator<Item = u64> {
        let feed = *feed;
        let of_feed = self.pins.iter().filter(move |pin| pin.feed == feed);
        of_feed.filter_map(|pin| pin.index)
    }

    /// Pins; what was dropped of it is wanted again. Says whether it is new.
    pub fn add(&mut self, feed: &FeedKey, index: Option<u64>, now: u64) -> bool {
        self.want_again(feed, index);
        let is_it = |pin: &Pin| pin.feed == *feed && pin.index == index;
        if self.pins.iter().any(is_it) {
            return false;
        }
        self.pins.push(Pin {
            feed: *feed,
            index,
            added: now,
        });
        true
    }

    /// Ends a pin; says whether there was one.
    pub fn remove(&mut self, feed: &FeedKey, index: Option<u64>) -> bool {
        let before = self.pins.len();
        self.pins
            .retain(|pin| pin.feed != *feed || pin.index != index);
        self.pins.len() < before
    }

    /// Whether an item was dropped.
    #[must_use]
    pub fn is_dropped(&self, feed: &FeedKey, index: u64) -> bool {
        let is_it = |dropped: &Dropped| {
            dropped.feed == *feed
                && (dropped.index == Some(index)
                    || dropped.below.is_some_and(|below| index < below))
        };
        self.dropped.iter().any(is_it)
    }

    /// Drops one item.
    pub fn drop_item(&mut self, feed: &FeedKey, index: u64) {
        if !self.is_dropped(feed, index) {
            self.dropped.push(Dropped {
                feed: *feed,
                index: Some(index),
                below: None,
            });
        }
    }

    /// Drops all items of a feed that there are: those before record `below`.
    pub fn drop_feed(&mut self, feed: &FeedKey, below: u64) {
        self.want_again(feed, None);
        self.dropped.push(Dropped {
            feed: *feed,
            index: None,
            below: Some(below),
        });
    }

    /// What was dropped is wanted again: one item, or all of a feed. Says whether anything was dropped.
    pub fn want_again(&mut self, feed: &FeedKey, index: Option<u64>) -> bool {
        let before = self.dropped.len();
        self.dropped
            .retain(|dropped| dropped.feed != *feed || (index.is_some() && dropped.index != index));
        self.dropped.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    fn feed(byte: u8) -> FeedKey {
        FeedSecret::from_bytes(&[byte; 32]).feed_key()
    }

    #[test]
    fn pin_of_an_item_or_of_its_feed_holds_it() {
        let mut pins = Pins::default();
        assert!(pins.add(&feed(1), Some(3), 9));
        assert!(!pins.add(&feed(1), Some(3), 10), "there it is already");
        assert!(pins.has(&feed(1), 3) && !pins.has(&feed(1), 4) && !pins.has(&feed(2), 3));
        assert!(!pins.has_feed(&feed(1)));
        assert!(pins.add(&feed(1), None, 9));
        assert!(pins.has(&feed(1), 4) && pins.has_feed(&feed(1)));
        assert!(pins.remove(&feed(1), None) && !pins.remove(&feed(1), None));
        assert!(pins.has(&feed(1), 3) && !pins.has(&feed(1), 4));
        assert_eq!(pins.items(&feed(1)).collect::<Vec<_>>(), [3]);
        let text = pins.write().unwrap();
        assert_eq!(Pins::read(&text).unwrap(), pins);
    }

    #[test]
    fn what_was_dropped_is_wanted_again_by_a_pin_and_by_asking() {
        let mut pins = Pins::default();
        pins.drop_item(&feed(1), 3);
        pins.drop_item(&feed(1), 5);
        assert!(pins.is_dropped(&feed(1), 3) && !pins.is_dropped(&feed(1), 4));
        pins.add(&feed(1), Some(3), 9);
        assert!(!pins.is_dropped(&feed(1), 3) && pins.is_dropped(&feed(1), 5));
        pins.drop_feed(&feed(1), 7);
        assert!(pins.is_dropped(&feed(1), 6) && !pins.is_dropped(&feed(1), 7));
        assert!(!pins.is_dropped(&feed(2), 6));
        let text = pins.write().unwrap();
        assert_eq!(Pins::read(&text).unwrap(), pins);
        assert!(pins.want_again(&feed(1), None) && !pins.want_again(&feed(1), None));
        assert!(!pins.is_dropped(&feed(1), 6));
    }

    #[test]
    fn names_that_are_not_known_are_refused() {
        assert!(Pins::read("[[pins]]\nfeed = \"x\"\n").is_err());
        assert!(Pins::read("").is_ok_and(|pins| pins == Pins::default()));
    }
}
