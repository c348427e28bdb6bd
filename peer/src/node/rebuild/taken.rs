//! Takes over what stores that were set aside still have: records and small blobs, each proven before it is believed.
//!
//! All stores beside this one are looked at, the newest first: a rebuild that was killed has set one aside that had less than
//! the one before it. What is here already is not taken again.

mod along;

use super::set_aside_stores;
use crate::api::{Event, Failure};
use crate::io::disk::{Disk, Salvage};
use crate::node::pin::Claims;
use crate::node::{Node, Stop};
use crate::runs::Runs;
use crate::store::{FeedStore, StoreError};
use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::BUNDLE_BYTES_TARGET;
use levada_feed::log::{Batch, FollowedLog, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Records read together: at most 32 MiB.
const WINDOW_RECORDS: u64 = 512;

/// Takes over from all stores that were set aside. One that cannot be read is told and does not stop the others. Gives
/// how many records were taken. With `is_begun` some came before a rebuild was ended. Blocks.
pub(super) fn take_over(
    node: &Arc<Node>,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
    is_begun: bool,
) -> Result<u64, Failure> {
    let mut taken = 0;
    let claims = node.claims();
    let wanted = wanted(node)?;
    for aside in set_aside_stores(&node.dirs.store()) {
        if *stop.borrow() {
            break;
        }
        let warn = |what: &str| {
            let message = format!("{}: {what}", aside.display());
            // Nobody listens any more: the work goes on all the same.
            let _ = events.blocking_send(Event::Warning {
                message,
                hint: Some("the rest comes from authors' files and peers".to_owned()),
            });
        };
        let salvage = match Salvage::open(&aside, &|feed| node.remembered(feed)) {
            Ok(Some(salvage)) => salvage,
            Ok(None) => {
                warn("nothing of it can be read");
                continue;
            }
            Err(error) if error.is_full() => return Err(error.into()),
            Err(error) => {
                warn(&error.to_string());
                continue;
            }
        };
        if !salvage.lost().is_empty() {
            warn(&format!("cannot be read: {}", salvage.lost().join(", ")));
        }
        for feed in salvage.disk().feeds() {
            if !wanted.contains(&feed) {
                continue;
            }
            let mut taking = Taking {
                node,
                salvage: &salvage,
                feed,
                claims: &claims,
                is_begun,
                is_mended: false,
                taken: &mut taken,
            };
            taking.feed(events, stop)?;
        }
        salvage.end()?;
    }
    for feed in &wanted {
        let lacking = node.lacking_before(feed)?;
        if lacking > 0 && !*stop.borrow() {
            let of = node.nickname(feed);
            // Nobody listens any more: the work goes on all the same.
            let _ = events.blocking_send(Event::Warning {
                message: format!(
                    "{of}: {lacking} records of the old store could not be read or proven"
                ),
                hint: Some("keep the old store until they are here again".to_owned()),
            });
        }
    }
    Ok(taken)
}

/// Own feeds, and those that are followed or of which something is pinned. What else an old store has was given up since.
fn wanted(node: &Node) -> Result<BTreeSet<FeedKey>, Failure> {
    let own = node.keys.list()?.into_iter().map(|key| key.feed);
    let mut wanted: BTreeSet<FeedKey> = own.collect();
    wanted.extend(node.sources()?.list().iter().map(|source| source.feed));
    wanted.extend(node.pins()?.pins().iter().map(|pin| pin.feed));
    Ok(wanted)
}

/// One feed of one store.
struct Taking<'a> {
    node: &'a Arc<Node>,
    salvage: &'a Salvage,
    feed: FeedKey,
    claims: &'a Claims,
    /// Records are here of which a crash may have kept what they name from coming.
    is_begun: bool,
    /// Its list was made again from what is left of it, or cannot be.
    is_mended: bool,
    /// Records that were taken.
    taken: &'a mut u64,
}

impl Taking<'_> {
    fn old(&self) -> &Disk {
        self.salvage.disk()
    }

    fn feed(&mut self, events: &mpsc::Sender<Event>, stop: &Stop) -> Result<(), StoreError> {
        // What cannot be read of it is not there.
        let Ok(Some(theirs)) = self.old().head(&self.feed) else {
            return Ok(());
        };
        let there = self.old().held(&self.feed).within(0..theirs.body().length);
        // Before anything of the feed is here: a kill must not make it look whole.
        self.node.note_before(&self.feed, &there)?;
        if self.node.disk.head(&self.feed)?.is_none() && !self.start(&theirs)? {
            return Ok(());
        }
        let Some(ours) = self.node.disk.head(&self.feed)? else {
            return Ok(());
        };
        if self.is_begun {
            self.node
                .disk
                .put_seen(&self.feed, self.salvage.seen(&self.feed))?;
            self.come_along(events, stop)?;
        }
        // Of two heads the shorter one: the list of the longer one proves it too.
        let longer = theirs.body().length > ours.body().length;
        let head = if longer { &ours } else { &theirs };
        let length = head.body().length;
        let mut due = Runs::new();
        self.node
            .disk
            .held(&self.feed)
            .missing(0..length)
            .for_each(|run| due.insert(run));
        let due = due.common(&there);
        let mut next = 0;
        for run in due.iter() {
            next = run.start.max(next);
            while next < run.end {
                if *stop.borrow() {
                    return Ok(());
                }
                let Some(first) = self.next_record(next) else {
                    return Ok(());
                };
                next = first;
                if next >= run.end {
                    break;
                }
                let end = length.min(next.saturating_add(WINDOW_RECORDS));
                self.window(head, next..end, &due)?;
                next = end;
                self.report(events, *self.taken);
            }
        }
        Ok(())
    }

    /// Where to look next: what a store says that it holds may be nothing of a list without end. Where records were lost, the
    /// list itself is worth having.
    fn next_record(&self, from: u64) -> Option<u64> {
        if !self.salvage.lost().is_empty() {
            return Some(from);
        }
        match self.old().next_record(&self.feed, from) {
            Ok(next) => next,
            Err(_) => Some(from),
        }
    }

    /// Takes the feed up at the head that the store had; says whether that could be done.
    fn start(&mut self, head: &Head) -> Result<bool, StoreError> {
        if !self.is_allowed(head)? {
            return Ok(false);
        }
        let Some(batch) = self.started(head) else {
            return Ok(false);
        };
        let feed = self.feed;
        let seen = self.salvage.seen(&feed);
        let node = self.node;
        let named = node.judging(&feed, |_| {
            let named = node.disk.commit(&batch)?;
            node.disk.put_seen(&feed, seen)?;
            node.remember_head(batch.head())?;
            Ok(named)
        })?;
        self.came(&batch, &named)?;
        Ok(true)
    }

    /// Whether this head is of the history that was verified here before, as far as that can be told. It may be shorter than
    /// what is remembered: then the store was behind before it was set aside.
    fn is_allowed(&mut self, head: &Head) -> Result<bool, StoreError> {
        let Some(remembered) = self.node.remembered(&self.feed) else {
            return Ok(true);
        };
        if let Some(proof) = ForkProof::of_heads(&remembered, head) {
            self.node.keep_fork(&proof)?;
            return Ok(false);
        }
        let known = remembered.body();
        if head.body().length <= known.length {
            return Ok(true);
        }
        let (have, root) = (known.length, known.root);
        let extends = self.try_twice(head, &mut |taking| {
            let pieces = taking.salvage.pieces(&taking.feed);
            let answer = chain::prove_head(head, have, &pieces).ok()??;
            let proven = chain::check_head(&taking.feed, &answer, have).ok()?;
            chain::root_at(&proven.proven, have)
        });
        Ok(extends == Some(root))
    }

    /// The ends of the list, which prove the head.
    fn started(&mut self, head: &Head) -> Option<Batch> {
        self.try_twice(head, &mut |taking| {
            let pieces = taking.salvage.pieces(&taking.feed);
            let answer = chain::prove_head(head, 1, &pieces).ok()??;
            let mut log = FollowedLog::new(taking.feed, None);
            log.accept_kept(&answer).ok()
        })
    }

    /// Records of a range that are due, as far as they can be read and proven, with the list between them.
    fn window(&mut self, head: &Head, range: Range<u64>, due: &Runs) -> Result<(), StoreError> {
        let read = self.read(range.clone());
        let mut records: BTreeMap<u64, Vec<u8>> = read.into_iter().collect();
        records.retain(|index, _| due.contains(*index));
        let lacking: Vec<u64> = range
            .clone()
            .filter(|index| !records.contains_key(index))
            .collect();
        let mut links = self.links(&lacking);
        if links.len() < lacking.len() && self.mend(head) {
            links = self.links(&lacking);
        }
        let (mut first, mut slots, mut bytes) = (range.start, Vec::new(), 0);
        for index in range {
            let slot = match records.get(&index) {
                Some(record) => Some(Slot::Record(record)),
                None => links.get(&index).copied().map(Slot::Withheld),
            };
            bytes += records.get(&index).map_or(0, Vec::len);
            if slot.is_none() || (bytes > BUNDLE_BYTES_TARGET && !slots.is_empty()) {
                self.slots(head, first, &slots)?;
                (first, bytes) = (index, records.get(&index).map_or(0, Vec::len));
                slots.clear();
            }
            match slot {
                Some(slot) => slots.push(slot),
                None => first = index + 1,
            }
        }
        self.slots(head, first, &slots)
    }

    /// The link hashes of these records, as far as the list tells them.
    fn links(&self, indexes: &[u64]) -> BTreeMap<u64, Hash> {
        let pieces = self.salvage.pieces(&self.feed);
        let link = |index: &u64| Some((*index, chain::hash_at(&pieces, *index).ok()??));
        indexes.iter().filter_map(link).collect()
    }

    /// Slots in a row; what cannot be proven together may be proven apart.
    fn slots(&mut self, head: &Head, first: u64, slots: &[Slot<'_>]) -> Result<(), StoreError> {
        if slots.is_empty() {
            return Ok(());
        }
        let range = first..first + u64::try_from(slots.len()).unwrap_or(0);
        let accepted = self.try_twice(head, &mut |taking| {
            let pieces = taking.salvage.pieces(&taking.feed);
            let wire = bundle::prove(head, range.start, slots, &pieces).ok()??;
            taking.accept(&wire, &range).transpose()
        });
        match accepted.transpose()? {
            Some((batch, named)) => self.came(&batch, &named),
            None if slots.len() == 1 => Ok(()),
            None => {
                let (left, right) = slots.split_at(slots.len() / 2);
                self.slots(head, first, left)?;
                let middle = first + u64::try_from(left.len()).unwrap_or(0);
                self.slots(head, middle, right)
            }
        }
    }

    /// Judges a bundle and writes what is proven; gives it with the blobs that its records name.
    fn accept(
        &self,
        wire: &[u8],
        range: &Range<u64>,
    ) -> Result<Option<(Batch, Vec<Hash>)>, StoreError> {
        let (node, feed) = (self.node, self.feed);
        node.judging(&feed, |store| {
            let log = FollowedLog::new(feed, store.head()?);
            match log.accept_bundle(wire, range, &*store) {
                Ok(Verdict::Accepted(batch)) => {
                    let named = node.disk.commit(&batch)?;
                    Ok(Some((*batch, named)))
                }
                Ok(Verdict::Fork(proof)) => node.keep_fork(&proof).map(|_| None),
                _ => Ok(None),
            }
        })
    }

    /// Once more with the list made again, if it did not prove anything as it is.
    fn try_twice<T>(
        &mut self,
        head: &Head,
        attempt: &mut dyn FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if let Some(done) = attempt(self) {
            return Some(done);
        }
        match self.mend(head) {
            true => attempt(self),
            false => None,
        }
    }

    /// Makes the list again from what is left of it, once; says whether that was possible now.
    fn mend(&mut self, head: &Head) -> bool {
        if std::mem::replace(&mut self.is_mended, true) {
            return false;
        }
        // The head of the store that was set aside, whose list it is.
        let theirs = self.old().head(&self.feed).ok().flatten();
        let theirs = theirs.as_deref().unwrap_or(head);
        self.salvage.mend_list(theirs).unwrap_or(false)
    }

    fn read(&self, range: Range<u64>) -> Vec<(u64, Vec<u8>)> {
        let mut records = Vec::new();
        // What is no record ends it: what came before that is proven all the same.
        let _ = self
            .old()
            .records_around(&self.feed, range, &mut |index, bytes| {
                records.push((index, bytes.to_vec()));
                true
            });
        records
    }
}
