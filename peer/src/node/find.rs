//! What a person means by FEED and FEED/INDEX, and what a feed is called here.

use super::Node;
use super::words::{find_failure, short};
use crate::api::{Code, Event, Failure};
use crate::io::config;
use crate::io::dirs::Dirs;
use crate::pins::Pins;
use crate::sources::{FindError, Keep, Retractions, Source, Sources};
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use levada_feed::link::Link;
use levada_feed::record::{self, Body, Profile};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Puts the list of subscriptions back when it is gone; gives what is to be told then.
pub(super) fn put_back(dirs: &Dirs) -> Result<Option<Event>, Failure> {
    let is_put_back = config::keep_sources(dirs)?;
    let path = dirs.sources();
    Ok(is_put_back.then(|| Event::Warning {
        message: format!("{}: it was gone, and is put back as it was", path.display()),
        hint: Some("`levada sources` lists what is followed".to_owned()),
    }))
}

impl Node {
    pub(super) fn sources(&self) -> Result<Arc<Sources>, Failure> {
        self.sources.load(&self.dirs).map_err(Failure::from)
    }

    /// Puts the list of subscriptions back when it is gone, and says so.
    pub(super) async fn keep_sources(&self, events: &mpsc::Sender<Event>) {
        // What cannot be read is told by who needs it.
        if let Ok(Some(event)) = put_back(&self.dirs) {
            super::tell(events, event).await;
        }
    }

    pub(super) fn change_sources<T>(
        &self,
        change: impl FnOnce(&mut Sources) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _changing = self
            .changing
            .lock()
            .expect("nobody panics while holding this lock");
        let mut sources = Sources::clone(&*self.sources()?);
        let result = change(&mut sources)?;
        config::save_sources(&self.dirs, &sources).map_err(Failure::from)?;
        self.changes.send_modify(|count| *count += 1);
        Ok(result)
    }

    /// What is pinned and dropped.
    pub(super) fn pins(&self) -> Result<Arc<Pins>, Failure> {
        self.pins.load(&self.dirs).map_err(Failure::from)
    }

    pub(super) fn change_pins<T>(&self, change: impl FnOnce(&mut Pins) -> T) -> Result<T, Failure> {
        let _changing = self
            .changing
            .lock()
            .expect("nobody panics while holding this lock");
        let before = self.pins()?;
        let mut pins = Pins::clone(&*before);
        let result = change(&mut pins);
        if pins != *before {
            config::save_pins(&self.dirs, &pins).map_err(Failure::from)?;
        }
        Ok(result)
    }

    pub(super) fn source_of(&self, feed: &FeedKey) -> Option<Source> {
        self.sources()
            .ok()?
            .list()
            .iter()
            .find(|source| source.feed == *feed)
            .cloned()
    }

    /// Where an own feed can be had besides this node.
    pub(super) fn mirrors(&self, feed: &FeedKey) -> Vec<String> {
        let sources = self.sources();
        sources.map_or_else(|_| Vec::new(), |sources| sources.mirrors(feed).to_vec())
    }

    /// What of an own feed is missing here is to come from its mirrors.
    pub(super) fn own_source(&self, target: &str) -> Result<Option<Source>, Failure> {
        let keys = self.keys.list()?;
        let own = keys.into_iter().find(|key| {
            key.name == target || target.parse::<FeedKey>().is_ok_and(|feed| feed == key.feed)
        });
        Ok(own.map(|key| Source {
            feed: key.feed,
            nickname: key.name,
            first: None,
            via: self.mirrors(&key.feed),
            keep: Keep::All,
            max_size: u64::MAX,
            retractions: Retractions::Never,
            share: false,
            added: 0,
        }))
    }

    pub(super) fn find_source(&self, target: &str) -> Result<Source, Failure> {
        read_link(target)?;
        self.sources()?
            .find(target)
            .cloned()
            .map_err(|error| find_failure(target, &error))
    }

    /// An own feed by key name, or any known feed by link, key, prefix or nickname.
    pub(super) fn find_feed(&self, target: &str) -> Result<FeedKey, Failure> {
        let keys = self.keys.list()?;
        if let Some(key) = keys.iter().find(|key| key.name == target) {
            return Ok(key.feed);
        }
        let exact = match read_link(target)? {
            Some(link) => Some(link.feed),
            None => target.parse::<FeedKey>().ok(),
        };
        if let Some(feed) = exact {
            let is_known =
                keys.iter().any(|key| key.feed == feed) || !self.disk.held(&feed).is_empty();
            let unknown = || {
                Failure::new(
                    Code::NotFound,
                    format!("feed {}: not followed here", short(&feed)),
                )
                .hint("`levada follow LINK` fetches it")
            };
            return if is_known || self.source_of(&feed).is_some() {
                Ok(feed)
            } else {
                Err(unknown())
            };
        }
        let own: Vec<_> = keys
            .iter()
            .filter(|key| key.feed.to_string().starts_with(target))
            .collect();
        match (self.sources()?.find(target), own.as_slice()) {
            (Ok(source), []) => Ok(source.feed),
            (Err(FindError::Unknown), [key]) if target.len() >= 8 => Ok(key.feed),
            (Err(error), []) => Err(find_failure(target, &error)),
            _ => Err(Failure::new(
                Code::Usage,
                format!("{target}: several feeds begin like this"),
            )
            .hint("write more of the key")),
        }
    }

    /// FEED or FEED/INDEX.
    pub(super) fn find_target(&self, target: &str) -> Result<(FeedKey, Option<u64>), Failure> {
        if let Some(link) = read_link(target)? {
            return Ok((self.find_feed(&link.feed.to_string())?, link.index));
        }
        match target.rsplit_once('/') {
            None => Ok((self.find_feed(target)?, None)),
            Some((feed, index)) => {
                let index = index.parse().map_err(|_| {
                    Failure::new(
                        Code::Usage,
                        format!("{target}: {index} is no record number"),
                    )
                    .hint("say FEED/INDEX")
                })?;
                Ok((self.find_feed(feed)?, Some(index)))
            }
        }
    }

    /// Own feeds, then followed ones.
    pub(super) fn known_feeds(&self) -> Result<Vec<FeedKey>, Failure> {
        let keys = self.keys.list()?;
        let mut feeds: Vec<FeedKey> = keys.into_iter().map(|key| key.feed).collect();
        let own: BTreeSet<FeedKey> = feeds.iter().copied().collect();
        let sources = self.sources()?;
        let followed = sources.list().iter().map(|source| source.feed);
        feeds.extend(followed.filter(|feed| !own.contains(feed)));
        Ok(feeds)
    }

    pub(super) fn own_name(&self, feed: &FeedKey) -> Option<String> {
        self.keys
            .list()
            .ok()?
            .into_iter()
            .find(|key| key.feed == *feed)
            .map(|key| key.name)
    }

    pub(super) fn nickname(&self, feed: &FeedKey) -> String {
        let own = self.own_name(feed);
        own.or_else(|| self.source_of(feed).map(|source| source.nickname))
            .unwrap_or_else(|| short(feed))
    }

    /// The newest profile of a feed that can be read.
    pub(super) fn profile(&self, feed: &FeedKey) -> Result<Option<Profile>, StoreError> {
        let Some(index) = self.disk.newest_profile(feed)? else {
            return Ok(None);
        };
        let bytes = self.disk.record(feed, index)?;
        Ok(
            bytes.and_then(|bytes| match record::read(&bytes, index).ok()?.body {
                Body::Profile(profile) => Some(*profile),
                _ => None,
            }),
        )
    }

    pub(super) fn profile_name(&self, feed: &FeedKey) -> Result<Option<String>, StoreError> {
        Ok(self.profile(feed)?.map(|profile| profile.name))
    }
}

/// The link that this is; `None` when it is a name or a key. What begins as a link is one, and a wrong one is refused.
fn read_link(target: &str) -> Result<Option<Link>, Failure> {
    match target.parse::<Link>() {
        Ok(link) => Ok(Some(link)),
        Err(reject) if target.to_ascii_lowercase().contains("levada:") => {
            Err(super::words::no_link(&reject))
        }
        Err(_) => Ok(None),
    }
}
