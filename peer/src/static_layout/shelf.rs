//! One feed of a static host, as far as it was read: what to read next, and the answers of the wire put together from it.
//!
//! Pure: files come in, each is checked against the signed head before anything of it is kept, so that a wrong one is
//! known by its name; what comes out are the answers that a node gives (spec/wire.md), for the same judges. One head at a
//! time: a shelf is thrown away when the host has another one.

mod take;

use super::{
    LATEST_RECORDS_MAX, StaticFile, TILE_LEVELS, full_pages, read_page, row_level, row_values,
};
use crate::frame;
use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::codec;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{
    BUNDLE_BYTES_TARGET, BUNDLE_SLOTS_MAX, LIST_LEAF_BYTES, LIST_LEAF_HASHES, PAGE_RECORDS,
    TILE_VALUES,
};
use levada_feed::reject::Reject;
use levada_feed::tree::{Node, Pieces, Proven};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

/// Chaining values kept in memory; with more, those that the head does not bring are read again.
const NODES_MAX: usize = 1 << 15;
/// Leaves of the list kept in memory.
const LEAVES_MAX: usize = 1 << 10;

/// What is wanted of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// The head, for somebody who has so many records.
    Head {
        /// Records that the asker has; 0 for none.
        have: u64,
    },
    /// Records.
    Records(Range<u64>),
}

/// What to do next for it.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Read a file and give it to `take`.
    Read(StaticFile),
    /// The answer, as a node gives it.
    Answer(Vec<u8>),
    /// There is nothing of this.
    Nothing,
}

/// Why a file was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is wrong.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// It does not reach as far as the head: it is older than the head, or cut. Nobody is to blame.
    #[error("it does not reach as far as the head")]
    NotYet,
}

/// A feed of a static host under one head.
#[derive(Debug)]
pub struct Shelf {
    feed: FeedKey,
    /// The file `head`: the answer to `head?have=0`.
    answer: Vec<u8>,
    head: Head,
    full_pages: u64,
    edge: Proven,
    known: Known,
    /// Pages of records that were read for the answer that is put together, and those at the ends of the last one.
    pages: BTreeMap<u64, Vec<u8>>,
    latest: Option<Latest>,
    is_latest_read: bool,
}

/// The newest records out of `latest`.
#[derive(Debug)]
struct Latest {
    from: u64,
    /// The bundle that holds them.
    bundle: Vec<u8>,
}

/// Pieces of the list that were checked under the head.
#[derive(Debug, Default)]
struct Known {
    nodes: BTreeMap<Node, Hash>,
    leaves: BTreeMap<u64, Vec<u8>>,
}

impl Pieces for Known {
    type Error = Infallible;

    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

impl Known {
    fn of(proven: &Proven) -> Self {
        let mut known = Self::default();
        known.add(proven);
        known
    }

    fn add(&mut self, proven: &Proven) {
        self.nodes.extend(proven.nodes());
        let leaves = proven.leaves();
        self.leaves
            .extend(leaves.map(|(leaf, bytes)| (leaf, bytes.to_vec())));
    }

    /// Takes the hashes of a page of the list.
    fn add_page(&mut self, page: u64, bytes: &[u8]) {
        let leaves = bytes.chunks(usize::try_from(LIST_LEAF_BYTES).unwrap_or(1));
        for (leaf, bytes) in (page * PAGE_RECORDS / LIST_LEAF_HASHES..).zip(leaves) {
            self.leaves.insert(leaf, bytes.to_vec());
        }
    }
}

impl Shelf {
    /// Takes up the file `head`.
    ///
    /// # Errors
    /// As for the answer to `head?have=0`: wire-1, list-3, and those of heads and slices.
    pub fn open(feed: &FeedKey, answer: &[u8]) -> Result<Self, Fault> {
        check_begun(answer)?;
        let proven = chain::check_head(feed, answer, 0).map_err(fault)?;
        Ok(Self {
            feed: *feed,
            answer: answer.to_vec(),
            full_pages: full_pages(proven.head.body().length),
            head: proven.head,
            known: Known::of(&proven.proven),
            edge: proven.proven,
            pages: BTreeMap::new(),
            latest: None,
            is_latest_read: false,
        })
    }

    /// The file `head` as it was read.
    #[must_use]
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// The head.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    fn length(&self) -> u64 {
        self.head.body().length
    }

    /// What to do next for what is wanted.
    pub fn next(&mut self, want: &Want) -> Next {
        if self.known.nodes.len() > NODES_MAX {
            self.known = Known::of(&self.edge);
            self.pages.clear();
            self.latest = None;
        }
        if self.known.leaves.len() > LEAVES_MAX {
            // Those of the pages at hand are needed for the answer that is put together.
            let pages = &self.pages;
            let is_held =
                |leaf: &u64| pages.contains_key(&(leaf * LIST_LEAF_HASHES / PAGE_RECORDS));
            self.known.leaves.retain(|leaf, _| is_held(leaf));
            self.known.add(&self.edge);
            self.latest = None;
        }
        match want {
            // Somebody who has as many or more gets the same: the last leaf is in it.
            Want::Head { have } if *have == 0 || *have >= self.length() => {
                Next::Answer(self.answer.clone())
            }
            Want::Head { have } => {
                if let Some(file) = self.missing_list((have - 1) / PAGE_RECORDS) {
                    return Next::Read(file);
                }
                let Ok(answer) = chain::prove_head(&self.head, *have, &self.known);
                answer.map_or(Next::Nothing, Next::Answer)
            }
            Want::Records(range) => self.next_records(range),
        }
    }

    fn next_records(&mut self, range: &Range<u64>) -> Next {
        let (from, to) = self.bounds(range);
        if from >= to {
            return Next::Nothing;
        }
        if !self.is_latest_read && self.is_in_latest(from) {
            return Next::Read(StaticFile::Latest { feed: self.feed });
        }
        if let Some(latest) = &self.latest
            && latest.from <= from
        {
            // It was checked when it was taken.
            return match bundle::check(&self.feed, &latest.bundle) {
                Ok(checked) => self.bundle(from, to, latest.from, &checked.slots),
                Err(_) => Next::Nothing,
            };
        }
        let page = from / PAGE_RECORDS;
        let is_first = from.is_multiple_of(PAGE_RECORDS);
        if from > 0 && is_first && !self.knows_leaf((from - 1) / LIST_LEAF_HASHES) {
            let file = self.missing_list(page - 1);
            return file.map_or(Next::Nothing, Next::Read);
        }
        let feed = self.feed;
        let unread = self.unread(from, to).next();
        match unread {
            Some(page) => {
                let file = StaticFile::Page { feed, page };
                Next::Read(self.missing_node(page).unwrap_or(file))
            }
            None => self.next_of_pages(from, to),
        }
    }

    /// Pages that were not read, of those that an answer has room for as far as is known.
    fn unread(&self, from: u64, to: u64) -> impl Iterator<Item = u64> + '_ {
        let mut bytes = 0;
        let pages = from / PAGE_RECORDS..to.div_ceil(PAGE_RECORDS);
        let fitting = pages.take_while(move |page| {
            let is_fitting = bytes < BUNDLE_BYTES_TARGET;
            bytes += self.pages.get(page).map_or(0, Vec::len);
            is_fitting
        });
        fitting.filter(|page| !self.pages.contains_key(page))
    }

    /// The answer out of the pages that were read; of these, those at its ends are what the next one may begin or end with.
    fn next_of_pages(&mut self, from: u64, to: u64) -> Next {
        let first = from / PAGE_RECORDS;
        let mut slots = Vec::new();
        let mut last = first;
        for (page, bytes) in self.pages.range(first..) {
            match read_page(*page, bytes) {
                Ok(read) if *page <= last + 1 => slots.extend(read.slots),
                _ => break,
            }
            last = *page;
        }
        let next = self.bundle(from, to, first * PAGE_RECORDS, &slots);
        drop(slots);
        self.pages.retain(|page, _| *page == first || *page == last);
        next
    }

    /// Pages to read at the same time as what `next` says, at most so many: they will be wanted for the same answer.
    #[must_use]
    pub fn ahead(&self, want: &Want, most: usize) -> Vec<StaticFile> {
        let Want::Records(range) = want else {
            return Vec::new();
        };
        let (from, to) = self.bounds(range);
        if self.is_in_latest(from) {
            return Vec::new();
        }
        let largest = self.pages.values().map(Vec::len).max().unwrap_or(1);
        let most = most.min(1 + BUNDLE_BYTES_TARGET / largest.max(1));
        let feed = self.feed;
        let files = self.unread(from, to).take(most);
        files.map(|page| StaticFile::Page { feed, page }).collect()
    }

    /// What of a range one answer may cover.
    fn bounds(&self, range: &Range<u64>) -> (u64, u64) {
        let slots_max = u64::try_from(BUNDLE_SLOTS_MAX).unwrap_or(u64::MAX);
        let to = range.end.min(self.length());
        (range.start, to.min(range.start.saturating_add(slots_max)))
    }

    /// Whether `latest` has the records from this one on, or has to be read to know.
    fn is_in_latest(&self, from: u64) -> bool {
        let is_new =
            !self.is_latest_read && from.saturating_add(LATEST_RECORDS_MAX) >= self.length();
        let is_there = self
            .latest
            .as_ref()
            .is_some_and(|latest| latest.from <= from);
        is_new || is_there
    }

    /// A bundle of the records from..to out of slots that begin at `first`, cut where it would grow past 4 MiB.
    fn bundle(&self, from: u64, to: u64, first: u64, slots: &[Slot<'_>]) -> Next {
        let at = |index: u64| usize::try_from(index - first).unwrap_or(usize::MAX);
        let slots = slots.get(at(from)..at(to).min(slots.len()));
        let Some(slots) = slots.filter(|slots| !slots.is_empty()) else {
            return Next::Nothing;
        };
        let mut bytes = 0;
        let fitting = slots.iter().take_while(|slot| {
            bytes += match slot {
                Slot::Record(record) => record.len(),
                _ => 0,
            };
            bytes <= BUNDLE_BYTES_TARGET
        });
        let count = fitting.count().max(1);
        let slots = slots.get(..count).unwrap_or(slots);
        let Ok(bundle) = bundle::prove(&self.head, from, slots, &self.known);
        bundle.map_or(Next::Nothing, Next::Answer)
    }

    fn knows_leaf(&self, leaf: u64) -> bool {
        self.known.leaves.contains_key(&leaf)
    }

    /// The file that is missing for the hashes of a page of the list.
    fn missing_list(&self, page: u64) -> Option<StaticFile> {
        let first = page * PAGE_RECORDS / LIST_LEAF_HASHES;
        let end = ((page + 1) * PAGE_RECORDS).min(self.length());
        let leaves = first..end.div_ceil(LIST_LEAF_HASHES);
        if leaves.clone().all(|leaf| self.knows_leaf(leaf)) {
            return None;
        }
        let list = StaticFile::List {
            feed: self.feed,
            page,
        };
        Some(self.missing_node(page).unwrap_or(list))
    }

    /// The uppermost tile that is missing on the way down to the value of a full page.
    fn missing_node(&self, page: u64) -> Option<StaticFile> {
        let rows = (0..u8::MAX / TILE_LEVELS).rev();
        let mut on_the_way = rows.map(|row| {
            let shift = u32::from(row) * u32::from(TILE_LEVELS);
            (row, page.checked_shr(shift).unwrap_or(0))
        });
        on_the_way.find_map(|(row, index)| {
            let node = Node {
                level: row_level(row),
                index,
            };
            let is_there = index < row_values(self.full_pages, row);
            (is_there && !self.known.nodes.contains_key(&node)).then_some(StaticFile::Tile {
                feed: self.feed,
                row,
                tile: index / TILE_VALUES,
            })
        })
    }
}

/// Checks the file `latest` for itself: one or two bundles in a row, each right under its own head.
///
/// # Errors
/// See `Fault`.
pub fn check_latest<'a>(feed: &FeedKey, bytes: &'a [u8]) -> Result<Vec<bundle::Bundle<'a>>, Fault> {
    check_begun(bytes)?;
    let mut rest = bytes;
    for _ in 0..2 {
        match codec::first_value(rest) {
            None if !rest.is_empty() => return Err(Fault::NotYet),
            None => break,
            Some(end) => rest = rest.get(end..).unwrap_or_default(),
        }
    }
    let bundles = frame::split_bundles(bytes)?;
    let checked = bundles.into_iter().map(|wire| bundle::check(feed, wire));
    checked.collect::<Result<_, _>>().map_err(fault)
}

/// A file that is empty, or ends before its version, is still being uploaded as well.
fn check_begun(bytes: &[u8]) -> Result<(), Fault> {
    match (bytes, codec::check(bytes.get(..2).unwrap_or(bytes), 2)) {
        ([] | [_], Err(Reject::Truncated)) => Err(Fault::NotYet),
        _ => Ok(()),
    }
}

/// A file that ends in the middle of a value is still being uploaded.
fn fault(reject: Reject) -> Fault {
    match reject {
        Reject::Truncated => Fault::NotYet,
        reject => Fault::Rejected(reject),
    }
}
