//! Files that are asked for before their turn, a few at a time, so that a feed is not bound by the way to its host.
//!
//! They are taken in the order in which they are wanted, and judged then. Nothing outlives the answer they are for.

use super::super::{AskError, Remote};
use crate::static_layout::StaticFile;
use bytes::Bytes;
use levada_feed::reject::Reject;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Files under way and waiting for their turn: no more than connections are kept for one host.
pub(super) const FILES_MAX: usize = 8;
/// Bytes of a file that may come before its turn; one with more is asked for again when it is wanted.
const FILE_BYTES_MAX: u64 = 4 << 20;

type Came = Option<Result<Bytes, AskError>>;

/// Files on the way from one host.
pub(super) struct Ahead<'a> {
    remote: &'a Remote,
    under_way: JoinSet<(StaticFile, Came)>,
    /// `None`: it is under way.
    files: BTreeMap<StaticFile, Option<Came>>,
}

impl<'a> Ahead<'a> {
    pub(super) fn of(remote: &'a Remote) -> Self {
        Self {
            remote,
            under_way: JoinSet::new(),
            files: BTreeMap::new(),
        }
    }

    /// Asks for files that were not asked for yet.
    pub(super) fn ask(&mut self, files: Vec<StaticFile>) {
        for file in files {
            if self.files.len() >= FILES_MAX || self.files.contains_key(&file) {
                continue;
            }
            self.files.insert(file, None);
            let remote = self.remote.clone();
            self.under_way.spawn(async move {
                let limit = FILE_BYTES_MAX.min(file.bytes_max());
                let came = match remote.file_within(file, limit).await {
                    Err(AskError::Rejected {
                        reject: Reject::AnswerTooLong { .. },
                        ..
                    }) => None,
                    came => Some(came),
                };
                (file, came)
            });
        }
    }

    /// A file whose turn it is.
    pub(super) async fn file(&mut self, file: StaticFile) -> Result<Bytes, AskError> {
        while self.files.get(&file).is_some_and(Option::is_none)
            && let Some(Ok((came, bytes))) = self.under_way.join_next().await
        {
            self.files.insert(came, Some(bytes));
        }
        match self.files.remove(&file) {
            Some(Some(Some(came))) => came,
            _ => self.remote.file(file).await,
        }
    }
}
