//! An author: appends, signs, and now and then signs a second history with the same key.

use super::dice::Dice;
use levada_feed::hash::Hash;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::{AuthorLog, Memory};
use levada_feed::record::{self, Body, Profile, Record};
use std::collections::BTreeMap;

/// One history: what was written, and the root at each length that was signed.
pub(super) struct History {
    log: AuthorLog,
    pub(super) store: Memory,
    pub(super) roots: BTreeMap<u64, Hash>,
    /// What it was before, for mirrors that stopped.
    pub(super) old: Vec<Memory>,
}

/// An author with one history, or two.
pub(super) struct Author {
    secret: [u8; 32],
    pub(super) feed: FeedKey,
    pub(super) histories: Vec<History>,
}

impl Author {
    pub(super) fn new(number: u64, now: u64) -> Self {
        let mut secret = [7; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        let log = AuthorLog::new(FeedSecret::from_bytes(&secret));
        let feed = log.feed();
        let mut author = Self {
            secret,
            feed,
            histories: vec![History {
                log,
                store: Memory::default(),
                roots: BTreeMap::new(),
                old: Vec::new(),
            }],
        };
        author.append(0, 3, now);
        author
    }

    /// Appends to a history and signs.
    pub(super) fn append(&mut self, history: usize, records: u64, now: u64) {
        let own = &mut self.histories[history];
        for _ in 0..records {
            let index = own.log.length();
            let name = format!("record {index} of history {history}");
            let profile = Profile {
                name,
                ..Profile::default()
            };
            let (time, salt, body) = (now, [0; 16], Body::Profile(Box::new(profile)));
            let bytes = record::write(&Record { time, salt, body }, index).unwrap();
            own.log.append(bytes).unwrap();
        }
        let batch = own.log.sign(now).unwrap();
        if own.store.head().is_some() && own.old.len() < 4 {
            own.old.push(own.store.clone());
        }
        own.store.commit(&batch);
        let head = batch.head().unwrap().body();
        own.roots.insert(head.length, head.root);
    }

    /// Begins a second history at what is signed now.
    pub(super) fn fork(&mut self, dice: &mut Dice, now: u64) {
        let first = &self.histories[0];
        let head = first.store.head().unwrap();
        let secret = FeedSecret::from_bytes(&self.secret);
        let log = AuthorLog::open(secret, head, &first.store)
            .unwrap()
            .unwrap();
        self.histories.push(History {
            log,
            store: first.store.clone(),
            roots: first.roots.clone(),
            old: Vec::new(),
        });
        for history in 0..2 {
            self.append(history, dice.within(1..40), now);
        }
    }

    pub(super) fn is_forked(&self) -> bool {
        self.histories.len() > 1
    }
}
