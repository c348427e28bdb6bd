//! The media of exported feeds: put there, and taken away when nothing that is exported names them any more.

use super::feed::Changed;
use super::state::State;
use super::{Export, Node};
use crate::api::{Code, Failure};
use crate::io::blobs::ReadError;
use crate::node::output::read_failure;
use crate::query;
use crate::static_layout::StaticFile;
use crate::store::{RowKind, StoreError};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::record;
use levada_feed::tree::Shape;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// Records whose media are looked at together.
const PORTION_RECORDS: u64 = 1 << 16;
/// Files between two reports of progress.
const REPORT_FILES: u64 = 16;
/// Blobs looked at together when those that nobody names are sought.
const SWEEP_BLOBS: usize = 1 << 16;

/// Which media are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// Those of all items, older states included.
    All,
    /// Those of the newest items.
    Newest(u64),
    /// None.
    None,
}

impl Media {
    pub(super) fn read(text: Option<&str>) -> Result<Self, Failure> {
        let text = text.unwrap_or("all");
        let newest = text
            .strip_prefix("newest:")
            .and_then(|count| count.parse().ok());
        match (text, newest) {
            ("all", _) => Ok(Self::All),
            ("none", _) => Ok(Self::None),
            (_, Some(count)) => Ok(Self::Newest(count)),
            _ => Err(Failure::new(
                Code::Usage,
                format!("{text}: it is all, newest:N or none"),
            )),
        }
    }

    /// Whether something that was wanted once may not be any more, without anything being retracted.
    pub(super) fn may_shrink(self) -> bool {
        matches!(self, Self::Newest(_))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => write!(f, "all"),
            Self::Newest(count) => write!(f, "newest:{count}"),
            Self::None => write!(f, "none"),
        }
    }
}

/// Visits the hashes of the media of a feed, until `visit` says to stop; where all are wanted, those of the records of a
/// range. The same one may come more than once.
fn visit_wanted(
    node: &Node,
    feed: &FeedKey,
    state: &State,
    media: Media,
    range: Range<u64>,
    visit: &mut dyn FnMut(Hash) -> bool,
) -> Result<(), StoreError> {
    let mut of_record = |index: u64, bytes: &[u8]| match record::read(bytes, index) {
        Ok(record) => query::files(&record.body)
            .iter()
            .all(|file| visit(file.hash)),
        Err(_) => true,
    };
    match media {
        Media::None => Ok(()),
        Media::All => node.disk.records(feed, range, &mut |index, bytes| {
            state.retracted.contains(index) || of_record(index, bytes)
        }),
        Media::Newest(count) => {
            let (mut left, mut newest) = (count, Vec::new());
            node.disk.rows(feed, 0..state.length, &mut |kind, row| {
                if left > 0 && kind == RowKind::Item && row.retracted_by.is_none() {
                    left -= 1;
                    newest.push(row.newest);
                }
                left > 0
            })?;
            for index in newest {
                if let Some(bytes) = node.disk.record(feed, index)?
                    && !of_record(index, &bytes)
                {
                    break;
                }
            }
            Ok(())
        }
    }
}

impl Export<'_> {
    /// Puts the media of a feed there; says how many were not there yet, and how many are not here.
    pub(super) fn media(
        &mut self,
        feed: &FeedKey,
        state: &State,
        before: Option<&State>,
        name: &str,
    ) -> Result<(u64, u64), Failure> {
        let media = self.media;
        // Where everything was there, only what new records name can be missing.
        let goes_on = before.filter(|before| {
            before.media == media
                && media == Media::All
                && before.media_missing == 0
                && before.held.contains_all(0..before.length)
        });
        let mut from = goes_on.map_or(0, |before| before.length);
        let (mut new, mut missing, mut done) = (0, 0, 0);
        while from < state.length {
            let to = match media {
                Media::All => state.length.min(from.saturating_add(PORTION_RECORDS)),
                _ => state.length,
            };
            // Hashes first: no file is placed while the store is read.
            let mut wanted = BTreeSet::new();
            visit_wanted(self.node, feed, state, media, from..to, &mut |hash| {
                wanted.insert(hash);
                true
            })?;
            for hash in wanted {
                self.check_stop()?;
                match self.blob(&hash, name)? {
                    None => missing += 1,
                    Some(is_new) => new += u64::from(is_new),
                }
                done += 1;
                if done % REPORT_FILES == 0 {
                    self.progress(name, done, None);
                }
            }
            from = to;
        }
        Ok((new, missing))
    }

    /// Puts one blob there; says whether it was not there yet. `None` when it is not here.
    fn blob(&mut self, hash: &Hash, name: &str) -> Result<Option<bool>, Failure> {
        let node = self.node;
        let Some(size) = node.blobs.complete_size(hash)? else {
            return Ok(None);
        };
        let Ok(shape) = Shape::of_blob(size) else {
            return Ok(None);
        };
        // Pairs before bytes: nobody asks for the pairs of a blob that is not there.
        if shape.pairs() > 0 {
            let file = StaticFile::Outboard { hash: *hash };
            self.dir.put_by(&file, shape.pairs() * 64, |to| {
                node.blobs.place_outboard(hash, shape, to)
            })?;
        }
        let stop = self.stop.clone();
        let placed = self
            .dir
            .put_by(&StaticFile::Blob { hash: *hash }, size, |to| {
                node.blobs.place_data(hash, to, &|| *stop.borrow())
            });
        match placed {
            Ok(is_new) => Ok(Some(is_new)),
            Err(error @ ReadError::Changed { .. }) => {
                let failure = read_failure(error);
                self.warn(
                    format!("{name}: {}", failure.message),
                    "it is left out; publish it again",
                );
                Ok(None)
            }
            Err(error) => Err(read_failure(error)),
        }
    }

    /// Notes which blobs may be in the folder for nothing since the last export of a feed.
    pub(super) fn note_loose(
        &mut self,
        feed: &FeedKey,
        before: Option<&State>,
        changed: &Changed,
    ) -> Result<(), StoreError> {
        let Some(before) = before else {
            // What an export put there that is not known of any more may have been retracted since.
            self.loose.is_any |= self.dir.read(&StaticFile::Head { feed: *feed })?.is_some();
            return Ok(());
        };
        self.loose.is_any |=
            before.is_sweep_due || before.media != self.media || self.media.may_shrink();
        for records in &changed.newly {
            self.loose.feeds.insert(*feed);
            let mut read = 0;
            let loose = &mut self.loose.blobs;
            self.node
                .disk
                .records(feed, records.clone(), &mut |index, bytes| {
                    read += 1;
                    if let Ok(record) = record::read(bytes, index) {
                        loose.extend(query::files(&record.body).iter().map(|file| file.hash));
                    }
                    true
                })?;
            // What a record named whose bytes are gone cannot be told any more.
            self.loose.is_any |= read < records.end - records.start;
        }
        Ok(())
    }

    /// Those of the loose blobs that nothing names; `None` when all blobs of the folder have to be looked at.
    fn unnamed_loose(
        &self,
        feeds: &[(FeedKey, State)],
    ) -> Result<Option<BTreeSet<Hash>>, StoreError> {
        let is_known = |(feed, state): &(FeedKey, State)| {
            let is_noted = !state.is_sweep_due || self.loose.feeds.contains(feed);
            is_noted && state.media == Media::All
        };
        if self.loose.is_any || !feeds.iter().all(is_known) {
            return Ok(None);
        }
        let mut unnamed = BTreeSet::new();
        for hash in &self.loose.blobs {
            let mut is_named = false;
            self.node.disk.named_by(hash, &mut |feed, index| {
                let state = feeds.iter().find(|(known, _)| *known == feed);
                is_named |= state.is_some_and(|(_, state)| {
                    index < state.length && !state.retracted.contains(index)
                });
                !is_named
            })?;
            if !is_named {
                unnamed.insert(*hash);
            }
        }
        Ok(Some(unnamed))
    }

    /// Takes away blobs that no exported feed names any more, if any may be there.
    pub(super) fn sweep(&mut self) -> Result<(), Failure> {
        let mut feeds = Vec::new();
        for feed in self.dir.feeds()? {
            let state = self.dir.state(&feed)?;
            let state = state.and_then(|bytes| State::read(&bytes));
            let is_here = self.node.disk.head(&feed)?.is_some();
            match state.filter(|_| is_here) {
                Some(state) => feeds.push((feed, state)),
                None => {
                    self.warn(
                        format!("feed {} in this folder is not one of this node's", crate::node::words::short(&feed)),
                        "so no media are removed: it may need them; give each node a folder of its own",
                    );
                    return Ok(());
                }
            }
        }
        if !feeds.iter().any(|(_, state)| state.is_sweep_due) {
            return Ok(());
        }
        let gone = match self.unnamed_loose(&feeds)? {
            Some(unnamed) => unnamed.into_iter().collect(),
            None => self.unnamed_of_all(&feeds)?,
        };
        for hash in gone {
            self.dir.remove(&StaticFile::Blob { hash })?;
            self.dir.remove(&StaticFile::Outboard { hash })?;
        }
        for (feed, state) in feeds {
            let state = State {
                is_sweep_due: false,
                ..state
            };
            self.dir.put_state(&feed, &state.to_bytes())?;
        }
        Ok(())
    }

    /// Those of all blobs in the folder that nothing names.
    fn unnamed_of_all(&self, feeds: &[(FeedKey, State)]) -> Result<Vec<Hash>, Failure> {
        let mut batch = BTreeSet::new();
        let mut gone = Vec::new();
        let (node, stop) = (self.node, self.stop);
        self.dir.blobs::<Failure>(&mut |hash| {
            batch.insert(hash);
            if batch.len() >= SWEEP_BLOBS {
                gone.extend(unnamed(node, feeds, std::mem::take(&mut batch))?);
            }
            match *stop.borrow() {
                true => Err(Failure::new(Code::Interrupted, "interrupted")),
                false => Ok(()),
            }
        })?;
        gone.extend(unnamed(node, feeds, batch)?);
        Ok(gone)
    }
}

/// Those of a set of blobs that no feed names.
fn unnamed(
    node: &Node,
    feeds: &[(FeedKey, State)],
    mut blobs: BTreeSet<Hash>,
) -> Result<BTreeSet<Hash>, StoreError> {
    for (feed, state) in feeds {
        visit_wanted(
            node,
            feed,
            state,
            state.media,
            0..state.length,
            &mut |hash| {
                blobs.remove(&hash);
                !blobs.is_empty()
            },
        )?;
    }
    Ok(blobs)
}
