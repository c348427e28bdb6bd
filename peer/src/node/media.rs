//! Brings blobs here from peers: small ones many at a time, large ones by verified windows.
//!
//! Every byte is checked before it is written. A peer that fails or lies costs one answer; the rest is asked elsewhere.

use super::Node;
use super::records::SyncError;
use crate::api::{Event, Progress};
use crate::frame::{self, Ask, BATCH_BYTES_MAX};
use crate::io::blobs::{Held, Partial, ReceiveError};
use crate::io::client::{AskError, Remote, Unreachable};
use crate::io::clock;
use bytes::Bytes;
use levada_feed::hash::Hash;
use levada_feed::limits::{BATCH_HASHES_MAX, INLINE_BYTES_MAX, PROOF_WINDOW_BYTES_MAX};
use levada_feed::tree::Shape;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// A blob that is wanted.
#[derive(Clone, Debug)]
pub(super) struct WantedBlob {
    pub(super) hash: Hash,
    /// What the record says: a claim.
    pub(super) size: u64,
    /// What people call it.
    pub(super) name: String,
}

/// Bytes handed to the writer at once.
const WRITE_BYTES: usize = 256 << 10;
/// Portions on the way to the writer.
const WRITES_MAX: usize = 4;
/// Time between two reports of progress.
const REPORT_MS: u128 = 100;
/// Rounds over all peers before a blob counts as not to be had.
const ROUNDS: u32 = 2;

/// Fetches blobs from a list of peers, in the order of the list.
pub(super) struct MediaFetch<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) remotes: Vec<Remote>,
    pub(super) of: String,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: super::Stop,
    /// Bytes that came, and what is expected in all.
    pub(super) bytes: u64,
    pub(super) bytes_total: u64,
    pub(super) files: u64,
    pub(super) files_total: u64,
    pub(super) reported: Option<Instant>,
}

impl MediaFetch<'_> {
    /// Fetches small blobs in batches; gives those that nobody had.
    pub(super) async fn small(
        &mut self,
        mut wanted: Vec<WantedBlob>,
    ) -> Result<Vec<WantedBlob>, SyncError> {
        for remote in self.remotes.clone() {
            let mut missing = Vec::new();
            for batch in wanted.chunks(BATCH_HASHES_MAX) {
                self.check_stop()?;
                match self.small_batch(&remote, batch).await {
                    Ok(held) => {
                        let left = batch
                            .iter()
                            .zip(held)
                            .filter(|(_, held)| !held)
                            .map(|(blob, _)| blob.clone());
                        missing.extend(left);
                    }
                    Err(SyncError::Ask(error)) => {
                        self.warn(&error).await;
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
        &mut self,
        remote: &Remote,
        batch: &[WantedBlob],
    ) -> Result<Vec<bool>, SyncError> {
        let hashes: Vec<Hash> = batch.iter().map(|blob| blob.hash).collect();
        let body = Bytes::from(frame::write_batch(&hashes));
        let answer = remote.post(&Ask::Batch, body, BATCH_BYTES_MAX).await?;
        let node = self.node.clone();
        let peer = remote.name().to_owned();
        let stored = super::records::blocking(move || {
            let blobs = match frame::read_blobs(&hashes, &answer) {
                Ok(blobs) => blobs,
                Err(reject) => return Ok(Err(AskError::Rejected { peer, reject })),
            };
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
        for size in stored.iter().flatten() {
            self.files += 1;
            self.bytes += u64::try_from(*size).unwrap_or(0);
        }
        self.report(false).await;
        Ok(stored.iter().map(Option::is_some).collect())
    }

    /// Fetches bytes of a large blob, all of it or a range; says whether they are all here.
    pub(super) async fn large(
        &mut self,
        blob: &WantedBlob,
        bytes: Option<Range<u64>>,
    ) -> Result<bool, SyncError> {
        let mut last_error = None;
        for round in 0..ROUNDS {
            for remote in self.remotes.clone() {
                self.check_stop()?;
                match self.large_from(&remote, blob, bytes.clone()).await {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(SyncError::Ask(error)) => last_error = Some(error),
                    Err(error) => return Err(error),
                }
            }
            let is_final = match &last_error {
                Some(AskError::Unreachable(Unreachable::NotThere { .. })) | None => true,
                Some(_) => round + 1 == ROUNDS,
            };
            if is_final {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        match last_error {
            Some(AskError::Unreachable(Unreachable::NotThere { .. })) | None => Ok(false),
            Some(error) => Err(error.into()),
        }
    }

    async fn large_from(
        &mut self,
        remote: &Remote,
        blob: &WantedBlob,
        bytes: Option<Range<u64>>,
    ) -> Result<bool, SyncError> {
        let Some(partial) = self.open(remote, blob).await? else {
            return Ok(true);
        };
        let rejected = |reject| {
            SyncError::Ask(AskError::Rejected {
                peer: remote.name().to_owned(),
                reject,
            })
        };
        let shape = Shape::of_blob(partial.size()).map_err(rejected)?;
        let bytes = bytes.unwrap_or(0..partial.size());
        let wanted = shape
            .leaves_of(bytes.start..bytes.end.min(partial.size()))
            .map_err(rejected)?;
        let window_leaves = PROOF_WINDOW_BYTES_MAX / levada_feed::limits::BLOB_LEAF_BYTES;
        loop {
            let Some(gap) = partial.missing(wanted.clone()).into_iter().next() else {
                break;
            };
            let window = gap.start..gap.end.min(gap.start.saturating_add(window_leaves));
            self.window(remote, &partial, shape, blob, window).await?;
        }
        let held = partial.clone();
        let is_complete = super::records::blocking(move || held.complete()).await?;
        if is_complete {
            self.files += 1;
        }
        self.report(true).await;
        Ok(true)
    }

    /// The partial blob, begun with the proof of its size if need be. `None` when it is complete.
    async fn open(
        &mut self,
        remote: &Remote,
        blob: &WantedBlob,
    ) -> Result<Option<Arc<Partial>>, SyncError> {
        let (node, hash) = (self.node.clone(), blob.hash);
        let found = super::records::blocking(move || {
            if let Some(state) = node.blobs.state(&hash)?
                && matches!(state.held, Held::Complete)
            {
                return Ok((true, None));
            }
            Ok((false, node.blobs.resume(&hash)?))
        });
        match found.await? {
            (true, _) => return Ok(None),
            (_, Some(partial)) => return Ok(Some(partial)),
            _ => {}
        }
        let rejected = |reject| {
            SyncError::Ask(AskError::Rejected {
                peer: remote.name().to_owned(),
                reject,
            })
        };
        let shape = Shape::of_blob(blob.size).map_err(rejected)?;
        let last = shape.leaf_bytes(shape.leaves() - 1);
        let proof = Ask::Proof {
            hash,
            from: last.start,
            to: last.end,
        };
        let data = Ask::Blob { hash };
        let (pairs, leaf) = tokio::try_join!(remote.get(&proof, 64 * 64), async {
            take_range(remote, &data, last.clone()).await
        },)?;
        let (node, size) = (self.node.clone(), blob.size);
        let begun =
            tokio::task::spawn_blocking(move || node.blobs.begin(&hash, size, &pairs, &leaf));
        match begun.await.map_err(|_| SyncError::Interrupted)? {
            Ok(partial) => {
                self.bytes += last.end - last.start;
                Ok(Some(partial))
            }
            Err(ReceiveError::Rejected(reject)) => Err(rejected(reject)),
            Err(ReceiveError::Store(error)) => Err(error.into()),
        }
    }

    /// Fetches one run of leaves: pairs first, then bytes, each leaf checked before it is written.
    async fn window(
        &mut self,
        remote: &Remote,
        partial: &Arc<Partial>,
        shape: Shape,
        blob: &WantedBlob,
        leaves: Range<u64>,
    ) -> Result<(), SyncError> {
        let rejected = |reject| {
            SyncError::Ask(AskError::Rejected {
                peer: remote.name().to_owned(),
                reject,
            })
        };
        let bytes = shape.bytes_of(&leaves);
        let proof = Ask::Proof {
            hash: blob.hash,
            from: bytes.start,
            to: bytes.end,
        };
        let pairs_max = (leaves.end - leaves.start + 64) * 64;
        let data = Ask::Blob { hash: blob.hash };
        let (pairs, mut transfer) = tokio::try_join!(
            remote.get(&proof, pairs_max),
            remote.stream(&data, bytes.clone())
        )?;
        let (sender, mut receiver) = mpsc::channel::<Vec<Bytes>>(WRITES_MAX);
        let writing = partial.clone();
        let writer = tokio::task::spawn_blocking(move || -> Result<(), ReceiveError> {
            let mut window = writing.window(leaves, &pairs)?;
            while let Some(parts) = receiver.blocking_recv() {
                for part in parts {
                    window.push(&part)?;
                }
            }
            window.finish()
        });
        let mut left = bytes.end - bytes.start;
        let mut cut = Ok(());
        let mut parts = Vec::new();
        let mut gathered = 0;
        while left > 0 {
            if *self.stop.borrow() {
                cut = Err(SyncError::Interrupted);
                break;
            }
            let part = match transfer.next().await {
                Ok(Some(part)) => part,
                Ok(None) => break,
                Err(error) => {
                    cut = Err(error.into());
                    break;
                }
            };
            let part = skip(part, &mut transfer.skip);
            let part = part.slice(..part.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            let size = u64::try_from(part.len()).unwrap_or(0);
            left -= size;
            gathered += part.len();
            parts.push(part);
            if gathered >= WRITE_BYTES {
                gathered = 0;
                if sender.send(std::mem::take(&mut parts)).await.is_err() {
                    break;
                }
            }
            self.bytes += size;
            self.report(false).await;
        }
        // The writer may be gone because a leaf was wrong; it says so below.
        let _ = sender.send(parts).await;
        drop(sender);
        let written = writer.await.map_err(|_| SyncError::Interrupted)?;
        cut?;
        match written {
            Ok(()) => Ok(()),
            Err(ReceiveError::Rejected(reject)) => Err(rejected(reject)),
            Err(ReceiveError::Store(error)) => Err(error.into()),
        }
    }

    fn check_stop(&self) -> Result<(), SyncError> {
        if *self.stop.borrow() {
            Err(SyncError::Interrupted)
        } else {
            Ok(())
        }
    }

    async fn warn(&self, error: &AskError) {
        let message = format!("{}: {error}", self.of);
        // Nobody listens any more: the work goes on all the same.
        let _ = self
            .events
            .send(Event::Warning {
                message,
                hint: None,
            })
            .await;
    }

    async fn report(&mut self, is_now: bool) {
        let is_due = self
            .reported
            .is_none_or(|last| last.elapsed().as_millis() >= REPORT_MS);
        if !is_now && !is_due {
            return;
        }
        self.reported = Some(clock::tick());
        let progress = Progress {
            what: "media",
            of: self.of.clone(),
            bytes: self.bytes,
            bytes_total: Some(self.bytes_total),
            count: self.files,
            count_total: Some(self.files_total),
        };
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.send(Event::Progress(progress)).await;
    }
}

/// Whether a blob travels in batches.
pub(super) fn is_small(size: u64) -> bool {
    size <= INLINE_BYTES_MAX
}

/// A short range of a blob, in whole.
async fn take_range(remote: &Remote, ask: &Ask, range: Range<u64>) -> Result<Bytes, AskError> {
    let mut transfer = remote.stream(ask, range.clone()).await?;
    let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut whole = Vec::with_capacity(wanted.min(WRITE_BYTES));
    while whole.len() < wanted {
        let Some(part) = transfer.next().await? else {
            break;
        };
        whole.extend_from_slice(&skip(part, &mut transfer.skip));
        whole.truncate(wanted);
    }
    Ok(whole.into())
}

/// Leaves out what comes before the range that was asked for.
fn skip(mut part: Bytes, left: &mut u64) -> Bytes {
    let cut = usize::try_from(*left).unwrap_or(usize::MAX).min(part.len());
    *left -= u64::try_from(cut).unwrap_or(0);
    part.split_off(cut)
}
