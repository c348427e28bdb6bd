//! One large blob from all peers that have it: the proof of its size, then runs of leaves, each checked as it comes.

use super::begun::{Ahead, Begun, Whole, pairs_max};
use super::swarm::Swarm;
use super::{MediaFetch, WantedBlob};
use crate::frame::Ask;
use crate::io::blobs::{Held, Partial, ReceiveError};
use crate::io::client::{AskError, Remote, Transfer, Unreachable};
use crate::node::records::{SyncError, blocking, unless_stopped};
use crate::node::room::{Holding, Purpose};
use bytes::Bytes;
use levada_feed::hash::Hash;
use levada_feed::tree::{Shape, check_slice};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes handed to the writer at once.
const WRITE_BYTES: usize = 256 << 10;
/// Portions on the way to the writer.
const WRITES_MAX: usize = 4;
/// Bytes of the pairs of one leaf at most.
const PAIRS_OF_ONE_MAX: u64 = 64 * 64;
/// Bytes that may come before the last leaf of a size that only a peer claims, when it sends everything from the start.
const SKIP_BYTES_MAX: u64 = 64 << 20;
/// Rounds over all peers before a blob counts as not to be had.
const ROUNDS: u32 = 2;
/// Pause between two rounds.
const PAUSE: Duration = Duration::from_millis(500);

impl MediaFetch {
    /// Fetches bytes of a large blob, all of it or a range; says whether they are all here.
    pub(in crate::node) async fn large(
        self: &Arc<Self>,
        blob: &WantedBlob,
        bytes: Option<Range<u64>>,
    ) -> Result<bool, SyncError> {
        let holding = self.room_for(blob, bytes.as_ref()).await?;
        self.large_held(blob, bytes, holding).await
    }

    /// Makes room for a blob, or for a range of it.
    pub(super) async fn room_for(
        &self,
        blob: &WantedBlob,
        bytes: Option<&Range<u64>>,
    ) -> Result<Holding, SyncError> {
        let part = bytes.map(|bytes| bytes.end - bytes.start);
        let (node, purpose) = (self.node.clone(), self.purpose);
        let coming = [blob.coming(part)];
        let reserving = blocking(move || node.reserve(&coming, purpose));
        let (holding, refusals) = reserving.await?;
        if let Some(no_room) = refusals.into_iter().flatten().next() {
            return Err(SyncError::NoRoom(no_room));
        }
        // Who mends it has said so.
        if holding.was_lost(&blob.hash) && purpose != Purpose::Mend {
            let name = &blob.name;
            self.warn(&format!(
                "{name} was here, and its file is gone; it is fetched again"
            ))
            .await;
        }
        Ok(holding)
    }

    /// Fetches bytes of a blob that has its room.
    pub(super) async fn large_held(
        self: &Arc<Self>,
        blob: &WantedBlob,
        bytes: Option<Range<u64>>,
        holding: Holding,
    ) -> Result<bool, SyncError> {
        let came = self.large_from_all(blob, bytes).await;
        let node = self.node.clone();
        blocking(move || node.settle(holding)).await?;
        came
    }

    async fn large_from_all(
        self: &Arc<Self>,
        blob: &WantedBlob,
        bytes: Option<Range<u64>>,
    ) -> Result<bool, SyncError> {
        let mut last_error = None;
        for round in 0..ROUNDS {
            if self
                .large_once(blob, bytes.clone(), &mut last_error)
                .await?
            {
                return Ok(true);
            }
            let is_final = match &last_error {
                Some(AskError::Unreachable(Unreachable::NotThere { .. })) | None => true,
                Some(_) => round + 1 == ROUNDS,
            };
            if is_final {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        match last_error {
            Some(AskError::Unreachable(Unreachable::NotThere { .. })) | None => Ok(false),
            Some(error) => Err(error.into()),
        }
    }

    /// Asks each peer until it fails; false when nobody is left and something is missing.
    async fn large_once(
        self: &Arc<Self>,
        blob: &WantedBlob,
        bytes: Option<Range<u64>>,
        last_error: &mut Option<AskError>,
    ) -> Result<bool, SyncError> {
        let mut swarm = Swarm::new(self, blob);
        let Some(partial) = swarm.open(bytes.as_ref(), last_error).await? else {
            return Ok(swarm.is_complete);
        };
        let rejected = |reject| {
            SyncError::Ask(AskError::Rejected {
                peer: blob.name.clone(),
                reject,
            })
        };
        if self.purpose == Purpose::Get {
            let open = self.open.lock();
            *open.expect("nobody panics while holding this lock") = Some(partial.clone());
        }
        let shape = Shape::of_blob(partial.size()).map_err(rejected)?;
        let bytes = bytes.unwrap_or(0..partial.size());
        let wanted = shape
            .leaves_of(bytes.start..bytes.end.min(partial.size()))
            .map_err(rejected)?;
        if !swarm.fetch(&partial, shape, wanted, last_error).await? {
            return Ok(false);
        }
        // Who asked for a range need not wait for the disk: leaves that are not synced are checked when they are read again.
        let is_whole = partial.missing(0..shape.leaves()).is_empty();
        if is_whole && blocking(move || partial.complete()).await? {
            self.add(1, 0);
        }
        for remote in &self.remotes {
            self.tell_notes(remote).await;
        }
        self.report(true).await;
        Ok(true)
    }

    /// The partial blob, begun with the proof of its size if need be. `None` when it is complete. When a part of it is
    /// wanted first, the question for that may already be under way.
    pub(super) async fn open(
        &self,
        remote: &Remote,
        blob: &WantedBlob,
        first: Option<&Range<u64>>,
    ) -> Result<Option<(Arc<Partial>, Option<Ahead>)>, SyncError> {
        let (node, hash) = (self.node.clone(), blob.hash);
        let found = blocking(move || {
            if let Some(state) = node.blobs.state(&hash)?
                && matches!(state.held, Held::Complete)
            {
                return Ok((true, None));
            }
            Ok((false, node.blobs.resume(&hash)?))
        });
        match found.await? {
            (true, _) => return Ok(None),
            (_, Some(partial)) => return Ok(Some((partial, None))),
            _ => {}
        }
        match self.begin(remote, hash, blob.size, first).await {
            Err(error) => match self.true_size(remote, blob).await {
                Some(actual) => Err(SyncError::WrongSize {
                    claimed: blob.size,
                    actual,
                }),
                None => Err(error),
            },
            begun => begun.map(Some),
        }
    }

    /// Takes a blob up with the proof of its size: its last leaf.
    async fn begin(
        &self,
        remote: &Remote,
        hash: Hash,
        size: u64,
        first: Option<&Range<u64>>,
    ) -> Result<(Arc<Partial>, Option<Ahead>), SyncError> {
        let rejected = |reject| SyncError::Ask(remote.wrong_blob(&hash, reject));
        let shape = Shape::of_blob(size).map_err(rejected)?;
        let last = shape.leaf_bytes(shape.leaves() - 1);
        let data = Ask::Blob { hash };
        let ahead = first.and_then(|bytes| Ahead::leaves(shape, bytes));
        let node = self.node.clone();
        let preparing = tokio::task::spawn_blocking(move || node.blobs.prepare(&hash));
        let (pairs, leaf, ahead) = tokio::try_join!(
            remote.pairs(hash, size, last.clone(), PAIRS_OF_ONE_MAX),
            take_range(remote, &data, last.clone(), size),
            async {
                match ahead {
                    // On the heap: the stack of a worker is small, and callers are deep.
                    Some(leaves) => Box::pin(Ahead::ask(remote, hash, shape, leaves)).await,
                    None => Ok(None),
                }
            }
        )?;
        // What it could not do, `begin` cannot do either, and says so.
        let _ = preparing.await;
        let node = self.node.clone();
        let begun =
            tokio::task::spawn_blocking(move || node.blobs.begin(&hash, size, &pairs, &leaf));
        match begun.await.map_err(|_| SyncError::Interrupted)? {
            Ok(partial) => {
                self.add(0, last.end - last.start);
                Ok((partial, ahead))
            }
            Err(ReceiveError::Rejected(reject)) => Err(rejected(reject)),
            Err(ReceiveError::Store(error)) => Err(error.into()),
        }
    }

    /// The size of a blob, if this peer proves another one than the record claims: then the record is wrong, and not
    /// the peer (spec/slice.md, Sizes).
    async fn true_size(&self, remote: &Remote, blob: &WantedBlob) -> Option<u64> {
        let untrusted = remote.untrusted_size(blob.hash).await.ok()??;
        if untrusted == blob.size {
            return None;
        }
        let shape = Shape::of_blob(untrusted).ok()?;
        let last = shape.leaf_bytes(shape.leaves() - 1);
        let pairs = remote.pairs(blob.hash, untrusted, last.clone(), PAIRS_OF_ONE_MAX);
        let pairs = pairs.await.ok()?;
        let data = Ask::Blob { hash: blob.hash };
        let skip_max = blob.size.max(SKIP_BYTES_MAX);
        let leaf = take_range(remote, &data, last, skip_max).await.ok()?;
        let ranges = [shape.leaves() - 1..shape.leaves()];
        check_slice(&blob.hash, shape, &ranges, &pairs, &leaf).ok()?;
        Some(untrusted)
    }

    /// Fetches one run of leaves: the pairs and the bytes side by side, each leaf checked before it is written.
    pub(super) async fn window(
        &self,
        remote: &Remote,
        partial: &Arc<Partial>,
        shape: Shape,
        blob: &WantedBlob,
        leaves: Range<u64>,
        begun: &mut Begun,
    ) -> Result<(), SyncError> {
        let rejected = |reject| SyncError::Ask(remote.wrong_blob(&blob.hash, reject));
        let bytes = shape.bytes_of(&leaves);
        let data = Ask::Blob { hash: blob.hash };
        let ahead = begun.ahead.take().filter(|ahead| ahead.leaves == leaves);
        let whole = begun.whole.take();
        let going_on = whole.and_then(|whole| whole.to(bytes.start));
        let (pairs, mut transfer) = unless_stopped(&self.stop, async {
            if let Some(Ahead {
                pairs, transfer, ..
            }) = ahead
            {
                return Ok((pairs, transfer));
            }
            let stream = async {
                match going_on {
                    Some(transfer) => Ok(transfer),
                    None => remote.stream(&data, bytes.clone()).await,
                }
            };
            let pairs_max = pairs_max(&leaves);
            Ok(tokio::try_join!(
                remote.pairs(blob.hash, shape.bytes(), bytes.clone(), pairs_max),
                stream
            )?)
        })
        .await?;
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
        let read = self
            .read(&mut transfer, bytes.end - bytes.start, sender)
            .await;
        let written = writer.await.map_err(|_| SyncError::Interrupted)?;
        // A transfer that broke off leaves bytes missing too; why it broke off says more.
        read?;
        match written {
            Ok(()) => {
                let at = bytes.end;
                begun.whole = Whole::of(at, transfer);
                Ok(())
            }
            Err(ReceiveError::Rejected(reject)) => Err(rejected(reject)),
            Err(ReceiveError::Store(error)) => Err(error.into()),
        }
    }

    /// Hands what comes to the writer, until all has come, the writer refuses or the person wants to stop.
    async fn read(
        &self,
        transfer: &mut Transfer,
        mut left: u64,
        writer: mpsc::Sender<Vec<Bytes>>,
    ) -> Result<(), SyncError> {
        let mut parts = Vec::new();
        let mut gathered = 0;
        while left > 0 {
            let part = unless_stopped(&self.stop, async { Ok(transfer.next().await?) }).await;
            let part = match part {
                Ok(Some(part)) => part,
                Ok(None) => break,
                Err(error) => {
                    // What came before is good; the writer may be gone, and says why itself.
                    let _ = writer.send(parts).await;
                    return Err(error);
                }
            };
            let part = skip(part, &mut transfer.skip);
            if part.is_empty() {
                continue;
            }
            let end = part.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            transfer.give_back(part.slice(end..));
            let part = part.slice(..end);
            let size = u64::try_from(part.len()).unwrap_or(0);
            left -= size;
            gathered += part.len();
            parts.push(part);
            if gathered >= WRITE_BYTES {
                gathered = 0;
                if writer.send(std::mem::take(&mut parts)).await.is_err() {
                    return Ok(());
                }
            }
            self.add(0, size);
            self.report(false).await;
        }
        let _ = writer.send(parts).await;
        Ok(())
    }
}

/// A short range of a blob, in whole; nothing when more than `skip_max` bytes would come before it.
async fn take_range(
    remote: &Remote,
    ask: &Ask,
    range: Range<u64>,
    skip_max: u64,
) -> Result<Bytes, AskError> {
    let mut transfer = remote.stream(ask, range.clone()).await?;
    if transfer.skip > skip_max {
        return Ok(Bytes::new());
    }
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
