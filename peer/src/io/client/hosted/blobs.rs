//! Blobs of a static host: bytes and pairs by ranges of plain files.

use super::super::{AskError, Remote, Target, Transfer, Unreachable, Wants};
use crate::frame::{self, Ask};
use crate::static_layout::StaticFile;
use bytes::Bytes;
use levada_feed::hash::Hash;
use levada_feed::limits::INLINE_BYTES_MAX;
use levada_feed::reject::Reject;
use levada_feed::tree::{Shape, visited};
use std::ops::Range;
use tokio::task::JoinSet;

/// Small blobs asked for at a time.
const SMALL_MAX: usize = 8;
/// Pairs that lie between wanted ones and are read along, because a request costs more.
const GAP_PAIRS_MAX: u64 = 1 << 10;
const PAIR_BYTES: u64 = 64;

impl Remote {
    /// The pairs that prove bytes of a blob, of a node or a static host. `size` is what the caller takes for the size of
    /// the blob; a wrong one shows when the pairs are checked.
    ///
    /// # Errors
    /// See `AskError`; wire-2 above `limit` bytes.
    pub async fn pairs(
        &self,
        hash: Hash,
        size: u64,
        bytes: Range<u64>,
        limit: u64,
    ) -> Result<Bytes, AskError> {
        if !self.is_static() {
            let (from, to) = (bytes.start, bytes.end);
            let answer = self.get(&Ask::Proof { hash, from, to }, limit).await;
            // What it is may have turned out just now.
            if !self.is_static() {
                return answer;
            }
        }
        let file = StaticFile::Outboard { hash };
        let rejected = |reject| self.wrong(&file, reject);
        let shape = Shape::of_blob(size).map_err(rejected)?;
        let leaves = shape.leaves_of(bytes).map_err(rejected)?;
        let positions: Vec<Range<u64>> = runs(visited(shape, &[leaves]));
        let count: u64 = positions.iter().map(|run| run.end - run.start).sum();
        if count * PAIR_BYTES > limit {
            return Err(rejected(Reject::AnswerTooLong {
                got: count * PAIR_BYTES,
            }));
        }
        let mut pairs = Vec::new();
        for group in groups(&positions) {
            self.pick(file, group, &mut pairs).await?;
        }
        Ok(pairs.into())
    }

    /// Reads runs of pairs that lie near each other, in one request.
    async fn pick(
        &self,
        file: StaticFile,
        runs: &[Range<u64>],
        pairs: &mut Vec<u8>,
    ) -> Result<(), AskError> {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
            return Ok(());
        };
        let whole = first.start * PAIR_BYTES..last.end * PAIR_BYTES;
        let mut transfer = self.stream_file(file, whole.clone()).await?;
        let mut at = whole.start - transfer.skip.min(whole.start);
        let mut wanted = runs
            .iter()
            .map(|run| run.start * PAIR_BYTES..run.end * PAIR_BYTES);
        let mut next = wanted.next();
        while next.is_some()
            && let Some(part) = transfer.next().await?
        {
            let size = u64::try_from(part.len()).unwrap_or(0);
            while let Some(run) = &mut next {
                let cut =
                    |offset: u64| usize::try_from(offset.saturating_sub(at).min(size)).unwrap_or(0);
                let taken = part.slice(cut(run.start)..cut(run.end));
                pairs.extend_from_slice(&taken);
                run.start = run.start.max(at + size).min(run.end);
                if run.start < run.end {
                    break;
                }
                next = wanted.next();
            }
            at += size;
        }
        Ok(())
    }

    /// What is wrong with what came of a blob; of a static host it is known which file it was.
    #[must_use]
    pub fn wrong_blob(&self, hash: &Hash, reject: Reject) -> AskError {
        let hash = *hash;
        let file = match reject {
            Reject::PairCount { .. } | Reject::PairMismatch { .. } => StaticFile::Outboard { hash },
            _ => StaticFile::Blob { hash },
        };
        if self.is_static() {
            return self.wrong(&file, reject);
        }
        let peer = self.name().to_owned();
        AskError::Rejected { peer, reject }
    }

    /// What a static host says of the size of a blob: a claim.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn untrusted_size(&self, hash: Hash) -> Result<Option<u64>, AskError> {
        if self.is_static() {
            let transfer = self.stream_file(StaticFile::Blob { hash }, 0..1).await?;
            return Ok(transfer.whole_size());
        }
        let (from, to) = (0, 1);
        let transfer = self.stream(&Ask::Proof { hash, from, to }, 0..1).await?;
        Ok(transfer.untrusted_size())
    }

    /// Bytes of a file as they come.
    pub(in crate::io::client) async fn stream_file(
        &self,
        file: StaticFile,
        range: Range<u64>,
    ) -> Result<Transfer, AskError> {
        let wants = Wants {
            range: Some(range.clone()),
            ..Wants::default()
        };
        let sent = self.send_plain(Target::File(file), wants).await;
        let sent = sent.map_err(|error| self.missing(error))?;
        self.placed(sent, &range)
    }

    /// The answer to a batch of small blobs: each is a file of its own. One that is wrong is left out and told.
    pub(in crate::io::client) async fn batch_hosted(&self, body: &[u8]) -> Result<Bytes, AskError> {
        let hashes = frame::read_batch(body).map_err(|reject| AskError::Rejected {
            peer: self.name().to_owned(),
            reject,
        })?;
        let mut blobs: Vec<Option<Vec<u8>>> = vec![None; hashes.len()];
        let mut waiting = hashes.into_iter().enumerate();
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < SMALL_MAX
                && let Some((place, hash)) = waiting.next()
            {
                let remote = self.clone();
                under_way.spawn(async move { (place, remote.small(hash).await) });
            }
            match under_way.join_next().await {
                None => return Ok(frame::write_blobs(&blobs).into()),
                Some(Ok((place, Ok(blob)))) => {
                    if let Some(to) = blobs.get_mut(place) {
                        *to = blob;
                    }
                }
                Some(Ok((_, Err(error @ AskError::Rejected { .. })))) => self.fault(error),
                Some(Ok((_, Err(error)))) => return Err(error),
                // A task that was cancelled: the process ends.
                Some(Err(_)) => return Err(self.not_there()),
            }
        }
    }

    async fn small(&self, hash: Hash) -> Result<Option<Vec<u8>>, AskError> {
        let file = StaticFile::Blob { hash };
        let bytes = match self.file(file).await {
            Err(AskError::Unreachable(Unreachable::NotThere { .. })) => return Ok(None),
            read => read?,
        };
        let got = Hash::of(&bytes);
        if got != hash || u64::try_from(bytes.len()).is_ok_and(|size| size > INLINE_BYTES_MAX) {
            let expected = hash;
            return Err(self.wrong(&file, Reject::HashMismatch { expected, got }));
        }
        Ok(Some(bytes.to_vec()))
    }
}

/// Rising positions as runs.
fn runs(positions: impl Iterator<Item = u64>) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for position in positions {
        match runs.last_mut() {
            Some(last) if last.end == position => last.end += 1,
            _ => runs.push(position..position + 1),
        }
    }
    runs
}

/// Runs that are read together.
fn groups(runs: &[Range<u64>]) -> impl Iterator<Item = &[Range<u64>]> {
    runs.chunk_by(|before, next| next.start - before.end <= GAP_PAIRS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_lie_near_each_other_are_read_together() {
        let runs = runs([0, 1, 2, 9, 10, 5_000].into_iter());
        assert_eq!(runs, [0..3, 9..11, 5_000..5_001]);
        let groups: Vec<&[Range<u64>]> = groups(&runs).collect();
        assert_eq!(groups, [&[0..3, 9..11][..], &[5_000..5_001][..]]);
    }
}
