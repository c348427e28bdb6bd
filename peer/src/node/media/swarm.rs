//! One large blob from several peers at once: asks what `crate::swarm` says, and tells it what came of it.

use super::begun::Begun;
use super::{MediaFetch, WantedBlob};
use crate::io::blobs::Partial;
use crate::io::client::AskError;
use crate::io::clock;
use crate::node::records::{SyncError, unless_stopped};
use crate::swarm::{self, Asked, Request, Source, State};
use levada_feed::tree::Shape;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};

/// Time after which peers with nothing to do are looked at again.
const LOOK: Duration = Duration::from_millis(500);

/// A window that ended: of which peer, which leaves, what came of it, and what of a whole file is still on its way.
type Ended = (usize, Range<u64>, Result<(), SyncError>, Begun);

/// The peers of one blob, and what they are doing.
pub(super) struct Swarm<'a> {
    media: &'a Arc<MediaFetch>,
    blob: &'a WantedBlob,
    sources: Vec<Source>,
    /// Of each peer, what has begun to come before it is asked for.
    begun: Vec<Begun>,
    asked: Vec<Asked>,
    /// Of each window under way, in the same order.
    handles: Vec<AbortHandle>,
    running: JoinSet<Ended>,
    /// The blob turned out to be here.
    pub(super) is_complete: bool,
}

impl<'a> Swarm<'a> {
    pub(super) fn new(media: &'a Arc<MediaFetch>, blob: &'a WantedBlob) -> Self {
        let source = |remote: &crate::io::client::Remote| Source {
            rank: media.node.rank(remote.name()),
            ..Source::default()
        };
        Self {
            media,
            blob,
            sources: media.remotes.iter().map(source).collect(),
            begun: media.remotes.iter().map(|_| Begun::default()).collect(),
            asked: Vec::new(),
            handles: Vec::new(),
            running: JoinSet::new(),
            is_complete: false,
        }
    }

    /// The partial blob, begun with a proof of its size by the first peer that has one. `first` is what will be fetched of it
    /// first, if that is not all.
    pub(super) async fn open(
        &mut self,
        first: Option<&Range<u64>>,
        last_error: &mut Option<AskError>,
    ) -> Result<Option<Arc<Partial>>, SyncError> {
        let known = self.sources.iter_mut().zip(&mut self.begun);
        for ((source, begun), remote) in known.zip(&self.media.remotes) {
            self.media.check_stop()?;
            let opening = self.media.open(remote, self.blob, first);
            match unless_stopped(&self.media.stop, opening).await {
                Ok(None) => {
                    self.is_complete = true;
                    return Ok(None);
                }
                Ok(Some((partial, ahead))) => {
                    begun.ahead = ahead;
                    return Ok(Some(partial));
                }
                Err(SyncError::Ask(error)) => {
                    self.media.node.failed(remote.name(), &error);
                    source.is_out = true;
                    *last_error = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Fetches leaves from all peers until all are here; false when nobody is left who has them. Nothing is under way any
    /// more when it returns.
    pub(super) async fn fetch(
        &mut self,
        partial: &Arc<Partial>,
        shape: Shape,
        wanted: Range<u64>,
        last_error: &mut Option<AskError>,
    ) -> Result<bool, SyncError> {
        let came = self.fetch_all(partial, shape, wanted, last_error).await;
        self.running.shutdown().await;
        came
    }

    async fn fetch_all(
        &mut self,
        partial: &Arc<Partial>,
        shape: Shape,
        wanted: Range<u64>,
        last_error: &mut Option<AskError>,
    ) -> Result<bool, SyncError> {
        loop {
            let missing = partial.missing(wanted.clone());
            if missing.is_empty() {
                // What is still under way was asked for twice.
                return Ok(true);
            }
            let requests = swarm::next(&State {
                missing: &missing,
                asked: &self.asked,
                sources: &self.sources,
                now: clock::awake_ms(),
            });
            self.start(requests, partial, shape);
            if self.asked.is_empty() {
                return Ok(false);
            }
            let usable = self.sources.iter().filter(|source| !source.is_out).count();
            tokio::select! {
                Some(ended) = self.running.join_next() => {
                    // One that was taken over was ended by us.
                    let Ok(ended) = ended else { continue };
                    self.ended(ended, partial, last_error)?;
                }
                () = tokio::time::sleep(LOOK), if self.asked.len() < usable => {}
            }
        }
    }

    fn start(&mut self, requests: Vec<Request>, partial: &Arc<Partial>, shape: Shape) {
        let mut over: Vec<usize> = requests.iter().filter_map(|one| one.instead_of).collect();
        over.sort_unstable();
        for at in over.into_iter().rev() {
            self.asked.remove(at);
            // What it brought is kept.
            self.handles.remove(at).abort();
        }
        for Request { source, leaves, .. } in requests {
            let Some(remote) = self.media.remotes.get(source).cloned() else {
                continue;
            };
            let (media, blob, partial) = (self.media.clone(), self.blob.clone(), partial.clone());
            let window = leaves.clone();
            let begun = self.begun.get_mut(source);
            let mut begun = begun.map(std::mem::take).unwrap_or_default();
            let running = async move {
                let asking =
                    media.window(&remote, &partial, shape, &blob, window.clone(), &mut begun);
                let came = asking.await;
                (source, window, came, begun)
            };
            self.handles.push(self.running.spawn(running));
            self.asked.push(Asked {
                source,
                leaves,
                since: clock::awake_ms(),
            });
        }
    }

    fn ended(
        &mut self,
        (source, leaves, came, begun): Ended,
        partial: &Partial,
        last_error: &mut Option<AskError>,
    ) -> Result<(), SyncError> {
        let is_this = |asked: &Asked| asked.source == source && asked.leaves == leaves;
        let Some(at) = self.asked.iter().position(is_this) else {
            return Ok(());
        };
        let asked = self.asked.remove(at);
        self.handles.remove(at);
        let (Some(known), Some(remote)) =
            (self.sources.get_mut(source), self.media.remotes.get(source))
        else {
            return Ok(());
        };
        if let Some(rest) = self.begun.get_mut(source) {
            *rest = begun;
        }
        let left = partial.missing(leaves.clone());
        let left: u64 = left.iter().map(|run| run.end - run.start).sum();
        known.leaves += (leaves.end - leaves.start).saturating_sub(left);
        known.took_ms += clock::awake_ms().saturating_sub(asked.since);
        match came {
            Ok(()) => {
                self.media.node.answered(remote.name(), None);
                // A host that knows no ranges sends all that is before a window too: others do better.
                known.is_out |= !remote.knows_ranges() && self.media.remotes.len() > 1;
            }
            Err(SyncError::Ask(error)) => {
                self.media.node.failed(remote.name(), &error);
                known.is_out = true;
                *last_error = Some(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
