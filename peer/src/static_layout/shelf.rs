//! One feed of a static host, as far as it was read: what to read next, and the answers of the wire put together from it.
//!
//! Pure: files come in, each is checked against the signed head before anything of it is kept, so that a wrong one is
//! known by its name; what comes out are the answers that a node gives (spec/wire.md), for the same judges. One head at a
//! time: a shelf is thrown away when the host has another one.

use super::{
    LATEST_RECORDS_MAX, Page, StaticFile, TILE_LEVELS, full_pages, read_hashes, read_page,
    row_level, row_values,
};
use crate::frame;
use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::codec;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{
    BUNDLE_BYTES_TARGET, LIST_LEAF_BYTES, LIST_LEAF_HASHES, PAGE_RECORDS, TILE_VALUES,
};
use levada_feed::reject::Reject;
use levada_feed::tree::{self, Node, Pieces, Proven, STORED_LEVEL, Shape};
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
    /// The page of records that was read last.
    page: Option<(u64, Vec<u8>)>,
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
        let proven = chain::check_head(feed, answer, 0).map_err(fault)?;
        Ok(Self {
            feed: *feed,
            answer: answer.to_vec(),
            full_pages: full_pages(proven.head.body().length),
            head: proven.head,
            known: Known::of(&proven.proven),
            edge: proven.proven,
            page: None,
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
        if self.known.nodes.len() > NODES_MAX || self.known.leaves.len() > LEAVES_MAX {
            self.known = Known::of(&self.edge);
            self.page = None;
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
        let length = self.length();
        let (from, to) = (range.start, range.end.min(length));
        if from >= to {
            return Next::Nothing;
        }
        if !self.is_latest_read && from.saturating_add(LATEST_RECORDS_MAX) >= length {
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
        match &self.page {
            Some((held, bytes)) if *held == page => match read_page(page, bytes) {
                Ok(read) => self.bundle(from, to, page * PAGE_RECORDS, &read.slots),
                Err(_) => Next::Nothing,
            },
            _ => Next::Read(self.missing_node(page).unwrap_or(StaticFile::Page {
                feed: self.feed,
                page,
            })),
        }
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

    /// Takes a file that was read, checked against the head.
    ///
    /// # Errors
    /// See `Fault`; nothing of the file is kept.
    pub fn take(&mut self, file: &StaticFile, bytes: &[u8]) -> Result<(), Fault> {
        match file {
            StaticFile::Latest { .. } => self.take_latest(bytes),
            StaticFile::Page { page, .. } => self.take_page(*page, bytes),
            StaticFile::List { page, .. } => {
                let hashes = read_hashes(bytes, PAGE_RECORDS)?;
                self.take_list(*page, &hashes)
            }
            StaticFile::Tile { row, tile, .. } => self.take_tile(*row, *tile, bytes),
            _ => Err(Reject::StaticForm.into()),
        }
    }

    /// Lets go of the page of records that was read last.
    pub fn forget_page(&mut self) {
        self.page = None;
    }

    /// There is no `latest`, or it cannot be used: the pages hold the same.
    pub fn leave_out_latest(&mut self) {
        self.is_latest_read = true;
    }

    fn take_latest(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let bundles = check_latest(&self.feed, bytes)?;
        self.is_latest_read = true;
        let Some(newest) = bundles.last() else {
            return Err(Reject::StaticForm.into());
        };
        let is_ours = |bundle: &bundle::Bundle<'_>| bundle.head.wire() == self.head.wire();
        if !bundles.iter().all(is_ours) || !newest.holds_last() {
            // Written before or after our head: the pages will do.
            return Ok(());
        }
        self.known.add(&newest.proven);
        let bundle = frame::split_bundles(bytes)?.pop().unwrap_or(bytes).to_vec();
        self.latest = Some(Latest {
            from: newest.from,
            bundle,
        });
        Ok(())
    }

    /// Hashes that a page of the list has under our head.
    fn page_hashes(&self, page: u64) -> usize {
        let hashes = self.length().saturating_sub(page * PAGE_RECORDS);
        usize::try_from(hashes.min(PAGE_RECORDS)).unwrap_or(0)
    }

    fn take_page(&mut self, page: u64, bytes: &[u8]) -> Result<(), Fault> {
        let Page { before, slots } = read_page(page, bytes).map_err(fault)?;
        // The host may be ahead of the head that we know: what is past it stays out.
        let Some(slots) = slots.get(..self.page_hashes(page)) else {
            return Err(Fault::NotYet);
        };
        if let Some(before) = &before
            && let Ok(Some(expected)) = chain::hash_at(&self.known, page * PAGE_RECORDS - 1)
            && *before != expected
        {
            return Err(Reject::StaticMismatch.into());
        }
        let links = bundle::links(&self.feed, before, slots);
        self.take_list(page, &links)?;
        self.page = Some((page, super::write_page(page, before.as_ref(), slots)));
        Ok(())
    }

    fn take_list(&mut self, page: u64, hashes: &[Hash]) -> Result<(), Fault> {
        let hashes = hashes.get(..self.page_hashes(page)).ok_or(Fault::NotYet)?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let is_right = if page < self.full_pages {
            let level = STORED_LEVEL;
            let expected = self.known.nodes.get(&Node { level, index: page });
            expected.is_some() && tree::page_hash(page, &bytes).as_ref() == expected
        } else {
            // The right edge: it is right if the whole is.
            let mut whole = Known::of(&self.edge);
            whole.leaves.clear();
            // Of the page itself nothing may be taken as known, its own value least of all.
            let end = |node: &Node| (node.index + 1) << node.level.saturating_sub(STORED_LEVEL);
            whole
                .nodes
                .retain(|node, _| node.level >= STORED_LEVEL && end(node) <= self.full_pages);
            whole.add_page(page, &bytes);
            let Ok(root) = tree::root(&whole, Shape::of_list(self.length()));
            root == Some(self.head.body().root)
        };
        if !is_right {
            return Err(Reject::StaticMismatch.into());
        }
        self.known.add_page(page, &bytes);
        Ok(())
    }

    fn take_tile(&mut self, row: u8, tile: u64, bytes: &[u8]) -> Result<(), Fault> {
        let hashes = read_hashes(bytes, TILE_VALUES)?;
        let index = tile * TILE_VALUES;
        let values = row_values(self.full_pages, row).saturating_sub(index);
        let count = usize::try_from(values.min(TILE_VALUES)).unwrap_or(0);
        let hashes = hashes.get(..count).ok_or(Fault::NotYet)?;
        let first = Node {
            level: row_level(row),
            index,
        };
        let folded = tree::fold_nodes(first, hashes);
        let is_right = |folded: &tree::FoldedNode| {
            !folded.is_top || self.known.nodes.get(&folded.node) == Some(&folded.hash)
        };
        if folded.is_empty() || !folded.iter().all(is_right) {
            return Err(Reject::StaticMismatch.into());
        }
        let nodes = folded.into_iter().map(|folded| (folded.node, folded.hash));
        self.known.nodes.extend(nodes);
        Ok(())
    }
}

/// Checks the file `latest` for itself: one or two bundles in a row, each right under its own head.
///
/// # Errors
/// See `Fault`.
pub fn check_latest<'a>(feed: &FeedKey, bytes: &'a [u8]) -> Result<Vec<bundle::Bundle<'a>>, Fault> {
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

/// A file that ends in the middle of a value is still being uploaded.
fn fault(reject: Reject) -> Fault {
    match reject {
        Reject::Truncated => Fault::NotYet,
        reject => Fault::Rejected(reject),
    }
}
