//! Brings good bytes in for what was found damaged: from what was published, the author's file, or peers.

mod lost;
mod records;

use super::names::{Named, names};
use super::notes::{note_verified, put_damaged, words};
use super::{Wrong, failed};
use crate::api::{Code, Damaged, Event, Failure};
use crate::io::blobs::{Damage, DamageKind};
use crate::io::client::Remote;
use crate::io::clock;
use crate::node::media::{MediaFetch, WantedBlob};
use crate::node::records::{SyncError, blocking};
use crate::node::room::Purpose;
use crate::node::{Node, Stop, tell};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use records::InStore;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Mends what is found.
pub(super) struct Mender {
    node: Arc<Node>,
    /// Where to ask besides the hints of the feeds.
    via: Vec<Remote>,
    events: mpsc::Sender<Event>,
    stop: Stop,
}

impl Mender {
    pub(super) fn new(
        node: &Arc<Node>,
        via: &[String],
        events: mpsc::Sender<Event>,
        stop: Stop,
    ) -> Result<Self, Failure> {
        let remotes: Result<Vec<Remote>, _> =
            via.iter().map(|via| node.client.remote(via)).collect();
        Ok(Self {
            node: node.clone(),
            via: remotes.map_err(|error| Failure::new(Code::Usage, error.to_string()))?,
            events,
            stop,
        })
    }

    /// Tells what is damaged and mends what can be; gives how many are mended.
    pub(super) async fn see_to(&self, found: Vec<Wrong>) -> Result<u64, Failure> {
        let mut hashes = BTreeSet::new();
        for wrong in &found {
            if let Wrong::Blob { hash, .. } | Wrong::Small(hash) | Wrong::Lost { hash, .. } = wrong
            {
                hashes.insert(*hash);
            }
        }
        let node = self.node.clone();
        let named = blocking(move || names(&node, &hashes)).await;
        let named = named.map_err(|error| failed(&error))?;
        let none = Vec::new();
        let mut mended = 0;
        let mut records: BTreeMap<FeedKey, Vec<InStore>> = BTreeMap::new();
        for wrong in found {
            match wrong {
                Wrong::Blob { hash, damage } => {
                    let named = named.get(&hash).unwrap_or(&none);
                    mended += u64::from(self.blob(hash, damage, named).await?);
                }
                Wrong::Lost { hash, path } => {
                    let named = named.get(&hash).unwrap_or(&none);
                    let damage = lost::damage(path, named);
                    mended += u64::from(self.blob(hash, damage, named).await?);
                }
                Wrong::Small(hash) => {
                    let named = named.get(&hash).unwrap_or(&none);
                    mended += u64::from(self.small(hash, named).await?);
                }
                Wrong::Record {
                    feed,
                    index,
                    is_read,
                } => {
                    let why = match is_read {
                        true => "its bytes do not have its link hash",
                        false => "it cannot be read from the store",
                    };
                    let told = self.of_record(feed, index, why);
                    records.entry(feed).or_default().push(InStore {
                        told,
                        records: index..index + 1,
                        leaf: None,
                    });
                }
                Wrong::List {
                    feed,
                    leaf,
                    records: range,
                } => {
                    let why = "the hash list from this record on does not have the head's root";
                    let told = self.of_record(feed, range.start, why);
                    records.entry(feed).or_default().push(InStore {
                        told,
                        records: range,
                        leaf: Some(leaf),
                    });
                }
            }
        }
        for (feed, damaged) in records {
            mended += self.records(feed, damaged).await?;
        }
        Ok(mended)
    }

    async fn tell(&self, damaged: &Damaged) {
        tell(&self.events, Event::Damaged(Box::new(damaged.clone()))).await;
    }

    /// Tells that something was mended, and by what.
    async fn mended(&self, damaged: &Damaged, by: &str) {
        let damaged = Damaged {
            mended_by: Some(by.to_owned()),
            ..damaged.clone()
        };
        tell(&self.events, Event::Damaged(Box::new(damaged))).await;
    }

    fn of_blob(&self, hash: Hash, path: PathBuf, named: &[Named]) -> Damaged {
        let first = named.first();
        Damaged {
            path,
            why: String::new(),
            bytes: 0,
            hash: Some(hash),
            feed: first.map(|named| named.feed),
            nickname: first.map(|named| self.node.nickname(&named.feed)),
            index: first.map(|named| named.index),
            name: first.map(|named| named.name.clone()),
            mended_by: None,
        }
    }

    async fn blob(&self, hash: Hash, mut damage: Damage, named: &[Named]) -> Result<bool, Failure> {
        if damage.kind == DamageKind::Cut {
            damage = self.settle(hash, damage, named).await?;
        }
        let mut damaged = self.of_blob(hash, damage.path.clone(), named);
        damaged.bytes = damage.bytes;
        damaged.why = words(damage.kind).to_owned();
        self.tell(&damaged).await;
        let by = if damage.kind == DamageKind::Proofs {
            Some("the file that it proves".to_owned())
        } else {
            self.mend_blob(hash, &damage, named).await?
        };
        let (node, left) = (self.node.clone(), by.is_none());
        let note = damaged.clone();
        let is_lost = damage.kind == DamageKind::Lost;
        let noted = blocking(move || {
            if is_lost && left && node.misses_no_more(&hash)? {
                return Ok(());
            }
            if left {
                put_damaged(&node, &hash, &note)?;
            } else {
                node.damaged.remove(&hash)?;
            }
            note_verified(&node, &hash)
        });
        noted.await.map_err(|error| failed(&error))?;
        if let Some(by) = &by {
            self.mended(&damaged, by).await;
        }
        Ok(by.is_some())
    }

    /// A copy whose true size is not known from here: a record's word is taken, if the proofs fit it.
    async fn settle(&self, hash: Hash, damage: Damage, named: &[Named]) -> Result<Damage, Failure> {
        let node = self.node.clone();
        let sizes: Vec<u64> = named.iter().map(|named| named.size).collect();
        let settled = blocking(move || {
            let mut size = damage.size;
            for claimed in sizes {
                if node.blobs.fits(&hash, claimed)? {
                    size = claimed;
                    break;
                }
            }
            let bytes = node.blobs.settle(&hash, size)?;
            Ok(Damage {
                size,
                bytes,
                ..damage
            })
        });
        settled.await.map_err(|error| failed(&error))
    }

    /// Gives what mended it.
    async fn mend_blob(
        &self,
        hash: Hash,
        damage: &Damage,
        named: &[Named],
    ) -> Result<Option<String>, Failure> {
        for path in self.originals(&hash, named)? {
            if path == damage.path {
                continue;
            }
            if self.mend_from(hash, damage.kind, &path, named).await? {
                return Ok(Some(path.display().to_string()));
            }
        }
        let remotes = self.remotes(named);
        if remotes.is_empty() || *self.stop.borrow() {
            return Ok(None);
        }
        if matches!(damage.kind, DamageKind::Changed | DamageKind::InPlace) {
            // What is good in place is taken over, so that only the rest is fetched.
            let (node, stop, file) = (self.node.clone(), self.stop.clone(), damage.path.clone());
            let taken =
                blocking(move || node.blobs.mend_from(&hash, &file, &|| *stop.borrow())).await;
            taken.map_err(|error| failed(&error))?;
        }
        let mut wanted = wanted(hash, damage.size, named);
        // What was used long ago takes nobody's place that was used since.
        let entry = self.node.disk.entry(&hash)?;
        wanted.date = entry.map_or(wanted.date, |entry| entry.used);
        let fetch = self.fetch(remotes, &wanted);
        let mut came = fetch.large(&wanted, None).await;
        if let Err(SyncError::WrongSize { actual, .. }) = came {
            wanted.size = actual;
            came = fetch.large(&wanted, None).await;
        }
        match came {
            Ok(true) => Ok(Some("peers".to_owned())),
            Ok(false) | Err(SyncError::Ask(_) | SyncError::WrongSize { .. }) => Ok(None),
            Err(SyncError::Interrupted) => Ok(None),
            Err(SyncError::NoRoom(no_room)) => {
                let message = format!("{}: {}", wanted.name, no_room.words());
                let hint = named.first().map(|named| {
                    let nickname = self.node.nickname(&named.feed);
                    no_room.hint(&format!("{nickname}/{}", named.index))
                });
                tell(&self.events, Event::Warning { message, hint }).await;
                Ok(None)
            }
            Err(error) => Err(failed(&error)),
        }
    }

    /// Takes what is missing from a file on this machine; says whether all is here then.
    async fn mend_from(
        &self,
        hash: Hash,
        kind: DamageKind,
        file: &Path,
        named: &[Named],
    ) -> Result<bool, Failure> {
        let (node, stop, file) = (self.node.clone(), self.stop.clone(), file.to_owned());
        let sizes: Vec<u64> = named.iter().map(|named| named.size).collect();
        let mending = blocking(move || {
            let stop = || *stop.borrow();
            Ok(match kind {
                DamageKind::Lost => lost::bring_back(&node, &hash, &file, &sizes, &stop)?,
                _ => node.blobs.mend_from(&hash, &file, &stop)? == 0,
            })
        });
        mending.await.map_err(|error| failed(&error))
    }

    fn fetch(&self, remotes: Vec<Remote>, wanted: &WantedBlob) -> Arc<MediaFetch> {
        let (events, stop) = (self.events.clone(), self.stop.clone());
        let fetch = MediaFetch::new(
            &self.node,
            remotes,
            wanted.name.clone(),
            Purpose::Mend,
            events,
            stop,
        );
        fetch.expect(1, wanted.size);
        fetch
    }

    /// Files on this machine that own items were published from.
    fn originals(&self, hash: &Hash, named: &[Named]) -> Result<Vec<PathBuf>, Failure> {
        let mut paths = Vec::new();
        for named in named {
            let name = [b"hash/".as_slice(), named.feed.as_bytes(), hash.as_bytes()].concat();
            let path = self.node.disk.note(&name)?;
            paths.extend(path.map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(&path))));
        }
        Ok(paths)
    }

    /// Who may have something of these feeds.
    fn remotes(&self, named: &[Named]) -> Vec<Remote> {
        let feeds: BTreeSet<FeedKey> = named.iter().map(|named| named.feed).collect();
        let mut remotes = self.via.clone();
        for feed in feeds {
            remotes.extend(self.remotes_of(&feed));
        }
        remotes
    }

    fn remotes_of(&self, feed: &FeedKey) -> Vec<Remote> {
        let source = self.node.source_of(feed);
        let mut via = source.map(|source| source.via).unwrap_or_default();
        via.extend(self.node.mirrors(feed));
        via.iter()
            .filter_map(|via| self.node.client.remote(via).ok())
            .collect()
    }

    async fn small(&self, hash: Hash, named: &[Named]) -> Result<bool, Failure> {
        let mut damaged = self.of_blob(hash, self.node.dirs.store(), named);
        damaged.why = "its bytes do not have its hash".to_owned();
        damaged.bytes = named.first().map_or(0, |named| named.size);
        let node = self.node.clone();
        let dropped = blocking(move || node.disk.drop_small(&hash)).await;
        dropped.map_err(|error| failed(&error))?;
        self.tell(&damaged).await;
        for feed in named.iter().map(|named| named.feed) {
            if self.replay(feed).await?.is_some() && self.node.disk.small(&hash)?.is_some() {
                self.mended(&damaged, "the author's file").await;
                return Ok(true);
            }
        }
        let remotes = self.remotes(named);
        if remotes.is_empty() {
            return Ok(false);
        }
        let wanted = wanted(hash, damaged.bytes, named);
        let fetch = self.fetch(remotes, &wanted);
        match fetch.small(vec![wanted]).await {
            Ok(lost) if lost.missing.is_empty() && lost.no_room.is_empty() => {
                self.mended(&damaged, "peers").await;
                Ok(true)
            }
            Ok(_) | Err(SyncError::Ask(_) | SyncError::Interrupted) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn wanted(hash: Hash, size: u64, named: &[Named]) -> WantedBlob {
    let name = named.first().map(|named| named.name.clone());
    WantedBlob {
        hash,
        size,
        name: name.unwrap_or_else(|| hash.to_string()),
        // It was here, and keeps its place.
        date: clock::now_ms(),
    }
}
