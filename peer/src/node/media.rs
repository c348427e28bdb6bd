//! Brings blobs here from peers: small ones many at a time, large ones by verified windows.
//!
//! Every byte is checked before it is written. A peer that fails or lies costs one answer; the rest is asked elsewhere.

mod begun;
mod large;
mod swarm;
#[cfg(test)]
mod tests;

use super::Node;
use super::records::{SyncError, blocking, unless_stopped};
use super::room::{Coming, NoRoom, Purpose};
use crate::api::{Event, Progress};
use crate::frame::{self, Ask, BATCH_BYTES_MAX};
use crate::io::blobs::Partial;
use crate::io::client::{AskError, Remote};
use crate::io::clock;
use bytes::Bytes;
use levada_feed::hash::Hash;
use levada_feed::limits::{BATCH_HASHES_MAX, INLINE_BYTES_MAX};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A blob that is wanted.
#[derive(Clone, Debug)]
pub(super) struct WantedBlob {
    pub(super) hash: Hash,
    /// What the record says: a claim.
    pub(super) size: u64,
    /// What people call it.
    pub(super) name: String,
    /// Date of its item, Unix milliseconds.
    pub(super) date: u64,
}

impl WantedBlob {
    /// What it will take.
    pub(super) fn coming(&self, part: Option<u64>) -> Coming {
        Coming {
            hash: self.hash,
            size: self.size,
            part,
            date: self.date,
        }
    }
}

/// Small blobs that did not come.
#[derive(Default)]
pub(super) struct Lost {
    /// Nobody who was asked has them.
    pub(super) missing: Vec<WantedBlob>,
    /// There is no room for them.
    pub(super) no_room: Vec<NoRoom>,
}

/// Time between two reports of progress.
const REPORT_MS: u128 = 100;
/// Batches in a row that a peer fails or lies about, after which the rest of a page is asked elsewhere: one may be damaged,
/// and a liar would cost as much as all that is wanted.
const FAILURES_MAX: u32 = 2;
/// Large blobs under way at a time: enough to hide the round trips of middling ones.
const LARGE_MAX: usize = 4;

/// Fetches blobs from a list of peers, in the order of the list.
pub(super) struct MediaFetch {
    node: Arc<Node>,
    remotes: Vec<Remote>,
    /// What people call the source or file.
    of: String,
    purpose: Purpose,
    events: mpsc::Sender<Event>,
    stop: super::Stop,
    came: Came,
    /// What was fetched for somebody who reads it next: opened once, and not again for each look at it.
    open: Mutex<Option<Arc<Partial>>>,
}

/// What is expected as far as it is known, and what has come so far.
#[derive(Default)]
struct Came {
    bytes_wanted: AtomicU64,
    files_wanted: AtomicU64,
    bytes: AtomicU64,
    files: AtomicU64,
    no_room: AtomicU64,
    /// The first one for which the disk has no room.
    disk_full: OnceLock<NoRoom>,
    reported: Mutex<Option<Instant>>,
}

impl MediaFetch {
    pub(super) fn new(
        node: &Arc<Node>,
        remotes: Vec<Remote>,
        of: String,
        purpose: Purpose,
        events: mpsc::Sender<Event>,
        stop: super::Stop,
    ) -> Arc<Self> {
        Arc::new(Self {
            node: node.clone(),
            remotes,
            of,
            purpose,
            events,
            stop,
            came: Came::default(),
            open: Mutex::default(),
        })
    }

    /// Bytes that came.
    pub(super) fn bytes(&self) -> u64 {
        self.came.bytes.load(Ordering::Relaxed)
    }

    /// Files for which there was no room.
    pub(super) fn no_room(&self) -> u64 {
        self.came.no_room.load(Ordering::Relaxed)
    }

    /// The disk was too full for one of them, whatever the quota.
    pub(super) fn disk_full(&self) -> Option<NoRoom> {
        self.came.disk_full.get().copied()
    }

    fn left_out(&self, no_room: NoRoom) {
        self.came.no_room.fetch_add(1, Ordering::Relaxed);
        if let NoRoom::Disk { .. } = no_room {
            self.came.disk_full.get_or_init(|| no_room);
        }
    }

    fn add(&self, files: u64, bytes: u64) {
        self.came.files.fetch_add(files, Ordering::Relaxed);
        self.came.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// More is expected to come.
    pub(super) fn expect(&self, files: u64, bytes: u64) {
        self.came.files_wanted.fetch_add(files, Ordering::Relaxed);
        self.came.bytes_wanted.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Fetches blobs, large ones several at a time; gives how many are here now. What is not is told.
    pub(super) async fn page(self: &Arc<Self>, wanted: Vec<WantedBlob>) -> Result<u64, SyncError> {
        let count = |blobs: &[WantedBlob]| u64::try_from(blobs.len()).unwrap_or(0);
        self.expect(count(&wanted), wanted.iter().map(|blob| blob.size).sum());
        let (small, large): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|blob| is_small(blob.size));
        let wanted_small = count(&small);
        let lost = self.small(small).await?;
        for blob in &lost.missing {
            self.warn(&format!("nobody who was asked has {}", blob.name))
                .await;
        }
        let no_room = u64::try_from(lost.no_room.len()).unwrap_or(0);
        lost.no_room.into_iter().for_each(|one| self.left_out(one));
        let small_here = wanted_small - count(&lost.missing) - no_room;
        Ok(small_here + self.large_many(large).await?)
    }

    async fn large_many(self: &Arc<Self>, wanted: Vec<WantedBlob>) -> Result<u64, SyncError> {
        let mut wanted = wanted.into_iter();
        let mut under_way = JoinSet::new();
        let mut here = 0;
        loop {
            while under_way.len() < LARGE_MAX
                && let Some(blob) = wanted.next()
            {
                // One after the other, so that the newest, which come first, have their room first.
                let holding = match self.room_for(&blob, None).await {
                    Ok(holding) => holding,
                    Err(SyncError::NoRoom(no_room)) => {
                        self.left_out(no_room);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let fetch = self.clone();
                under_way.spawn(async move {
                    let came = fetch.large_held(&blob, None, holding).await;
                    (blob, came)
                });
            }
            // A set that is dropped ends its tasks; what they verified is kept.
            match under_way.join_next().await {
                None => return Ok(here),
                Some(Err(_)) => return Err(SyncError::Interrupted),
                Some(Ok((_, Ok(true)))) => here += 1,
                Some(Ok((blob, Ok(false)))) => {
                    self.warn(&format!("nobody who was asked has {}", blob.name))
                        .await;
                }
                Some(Ok((
                    blob,
                    Err(error @ (SyncError::Ask(_) | SyncError::WrongSize { .. })),
                ))) => {
                    self.warn(&format!("{}: {error}", blob.name)).await;
                }
                Some(Ok((_, Err(error)))) => return Err(error),
            }
        }
    }

    /// Fetches small blobs in batches; gives those that did not come.
    pub(super) async fn small(&self, wanted: Vec<WantedBlob>) -> Result<Lost, SyncError> {
        let (node, purpose) = (self.node.clone(), self.purpose);
        let coming: Vec<_> = wanted.iter().map(|blob| blob.coming(None)).collect();
        let reserving = blocking(move || node.reserve(&coming, purpose));
        let (holding, refusals) = reserving.await?;
        let admitted = wanted.into_iter().zip(&refusals);
        let admitted = admitted.filter(|(_, refused)| refused.is_none());
        let admitted = admitted.map(|(blob, _)| blob).collect();
        let came = self.small_from_all(admitted).await;
        let node = self.node.clone();
        blocking(move || node.settle(holding)).await?;
        Ok(Lost {
            missing: came?,
            no_room: refusals.into_iter().flatten().collect(),
        })
    }

    async fn small_from_all(
        &self,
        mut wanted: Vec<WantedBlob>,
    ) -> Result<Vec<WantedBlob>, SyncError> {
        for remote in self.remotes.clone() {
            let mut missing = Vec::new();
            let mut failures = 0;
            for batch in wanted.chunks(BATCH_HASHES_MAX) {
                self.check_stop()?;
                if failures >= FAILURES_MAX {
                    missing.extend_from_slice(batch);
                    continue;
                }
                match self.small_batch(&remote, batch).await {
                    Ok(held) => {
                        failures = 0;
                        let left = batch
                            .iter()
                            .zip(held)
                            .filter(|(_, held)| !held)
                            .map(|(blob, _)| blob.clone());
                        missing.extend(left);
                    }
                    Err(SyncError::Ask(error)) => {
                        failures += 1;
                        self.node.failed(remote.name(), &error);
                        self.warn(&error.to_string()).await;
                        missing.extend_from_slice(batch);
                    }
                    Err(error) => return Err(error),
                }
            }
            wanted = missing;
            if wanted.is_empty() {
                break;
            }
        }
        Ok(wanted)
    }

    async fn small_batch(
        &self,
        remote: &Remote,
        batch: &[WantedBlob],
    ) -> Result<Vec<bool>, SyncError> {
        let hashes: Vec<Hash> = batch.iter().map(|blob| blob.hash).collect();
        let body = Bytes::from(frame::write_batch(&hashes));
        let answer = unless_stopped(&self.stop, async {
            Ok(remote.post(&Ask::Batch, body, BATCH_BYTES_MAX).await?)
        })
        .await?;
        let node = self.node.clone();
        let peer = remote.name().to_owned();
        let sizes: Vec<u64> = batch.iter().map(|blob| blob.size).collect();
        let stored = blocking(move || {
            let blobs = match frame::read_blobs(&hashes, &answer) {
                Ok(blobs) => blobs,
                Err(reject) => return Ok(Err(AskError::Rejected { peer, reject })),
            };
            // Room was made for what the record says: one that is larger is the record's fault.
            let blobs: Vec<_> = blobs
                .into_iter()
                .zip(sizes)
                .map(|(blob, size)| blob.filter(|bytes| u64::try_from(bytes.len()) == Ok(size)))
                .collect();
            let checked = hashes
                .iter()
                .zip(&blobs)
                .filter_map(|(hash, blob)| Some((*hash, (*blob)?)));
            node.disk.put_small(checked)?;
            Ok(Ok(blobs
                .iter()
                .map(|blob| blob.map(|bytes| bytes.len()))
                .collect::<Vec<_>>()))
        });
        let stored = stored.await?.map_err(SyncError::Ask)?;
        self.tell_notes(remote).await;
        for size in stored.iter().flatten() {
            self.add(1, u64::try_from(*size).unwrap_or(0));
        }
        self.report(false).await;
        Ok(stored.iter().map(Option::is_some).collect())
    }

    fn check_stop(&self) -> Result<(), SyncError> {
        if *self.stop.borrow() {
            Err(SyncError::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Tells what a peer did that people should know.
    async fn tell_notes(&self, remote: &Remote) {
        for note in remote.take_notes() {
            self.warn(&note).await;
        }
    }

    async fn warn(&self, what: &str) {
        let message = format!("{}: {what}", self.of);
        // Nobody listens any more: the work goes on all the same.
        let _ = self
            .events
            .send(Event::Warning {
                message,
                hint: None,
            })
            .await;
    }

    async fn report(&self, is_now: bool) {
        {
            let mut reported = self
                .came
                .reported
                .lock()
                .expect("nobody panics while holding this lock");
            let is_due = reported.is_none_or(|last| clock::since(last).as_millis() >= REPORT_MS);
            if !is_now && !is_due {
                return;
            }
            *reported = Some(clock::tick());
        }
        let progress = Progress {
            what: "media".into(),
            of: self.of.clone(),
            bytes: self.bytes(),
            bytes_total: Some(self.came.bytes_wanted.load(Ordering::Relaxed)),
            count: self.came.files.load(Ordering::Relaxed),
            count_total: Some(self.came.files_wanted.load(Ordering::Relaxed)),
        };
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.send(Event::Progress(progress)).await;
    }
}

/// Whether a blob travels in batches.
pub(super) fn is_small(size: u64) -> bool {
    size <= INLINE_BYTES_MAX
}
