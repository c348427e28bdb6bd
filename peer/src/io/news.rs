//! Who waits for news of which feeds: one ear a waiter, which hears of its own feeds alone.
//!
//! Telling costs the waiters of that feed, not all; what a waiter has not taken yet is one note for each of its feeds,
//! however often it was told, so that one who takes nothing costs nothing more. What is new is read by the waiter.

use levada_feed::key::FeedKey;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// What is new about a feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// Another head.
    pub head: bool,
    /// A fork proof or a succession.
    pub evidence: bool,
}

impl What {
    /// Everything there is.
    pub const ALL: Self = Self {
        head: true,
        evidence: true,
    };

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            head: self.head || other.head,
            evidence: self.evidence || other.evidence,
        }
    }
}

/// All who wait.
#[derive(Debug, Default)]
pub struct News {
    ears: Mutex<Ears>,
    ids: AtomicU64,
    /// Grows with everything that is told.
    count: AtomicU64,
}

/// By feed and waiter: the feed's place in the waiter's list, and who waits.
type Ears = BTreeMap<([u8; 32], u64), (u32, Arc<Ear>)>;

#[derive(Debug, Default)]
struct Ear {
    heard: Mutex<BTreeMap<u32, What>>,
    woken: Notify,
}

/// One who waits; hears nothing any more when it is dropped.
#[derive(Debug)]
pub struct Listening {
    news: Arc<News>,
    id: u64,
    feeds: Vec<[u8; 32]>,
    ear: Arc<Ear>,
}

impl News {
    /// Another head of this feed is in the store.
    pub fn head(&self, feed: &FeedKey) {
        let what = What {
            head: true,
            evidence: false,
        };
        self.tell(feed, what);
    }

    /// A fork proof or a succession of this feed is kept.
    pub fn evidence(&self, feed: &FeedKey) {
        let what = What {
            head: false,
            evidence: true,
        };
        self.tell(feed, what);
    }

    fn tell(&self, feed: &FeedKey, what: What) {
        self.count.fetch_add(1, Ordering::AcqRel);
        let feed = *feed.as_bytes();
        for (at, ear) in lock(&self.ears)
            .range((feed, 0)..=(feed, u64::MAX))
            .map(|(_, ear)| ear)
        {
            let mut heard = lock(&ear.heard);
            let note = heard.entry(*at).or_default();
            *note = note.and(what);
            drop(heard);
            ear.woken.notify_one();
        }
    }

    /// How often anything was told: what was read before it changed may be old.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Listens for news of these feeds, which need not be here yet.
    #[must_use]
    pub fn listen(self: &Arc<Self>, feeds: Vec<[u8; 32]>) -> Listening {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let ear = Arc::<Ear>::default();
        let mut ears = lock(&self.ears);
        for (at, feed) in (0..).zip(&feeds) {
            ears.insert((*feed, id), (at, ear.clone()));
        }
        drop(ears);
        Listening {
            news: self.clone(),
            id,
            feeds,
            ear,
        }
    }
}

impl Listening {
    /// Waits for something new; gives the places of the feeds in the list that was listened for, and what it is.
    pub async fn next(&self) -> BTreeMap<u32, What> {
        loop {
            let heard = std::mem::take(&mut *lock(&self.ear.heard));
            if !heard.is_empty() {
                return heard;
            }
            self.ear.woken.notified().await;
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut ears = lock(&self.news.ears);
        for feed in &self.feeds {
            ears.remove(&(*feed, self.id));
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared
        .lock()
        .expect("nobody panics while holding this lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    fn feed(byte: u8) -> FeedKey {
        FeedSecret::from_bytes(&[byte; 32]).feed_key()
    }

    #[tokio::test]
    async fn waiter_hears_of_its_own_feeds_once_and_of_none_after_it_is_gone() {
        let news = Arc::<News>::default();
        let listen = |feeds: &[FeedKey]| news.listen(feeds.iter().map(|f| *f.as_bytes()).collect());
        let (one, two) = (listen(&[feed(1)]), listen(&[feed(1), feed(2)]));
        for _ in 0..1_000 {
            news.head(&feed(2));
        }
        news.evidence(&feed(2));
        assert!(lock(&one.ear.heard).is_empty());
        assert_eq!(two.next().await, BTreeMap::from([(1, What::ALL)]));
        news.head(&feed(1));
        let head = What {
            head: true,
            evidence: false,
        };
        assert_eq!(one.next().await, BTreeMap::from([(0, head)]));
        assert_eq!(two.next().await, BTreeMap::from([(0, head)]));
        drop((one, two));
        assert!(lock(&news.ears).is_empty());
        assert_eq!(news.count(), 1_002);
    }
}
