//! A feed in memory, and its files as somebody writes them who has nothing but spec/static.md.

use levada_feed::bundle::{self, Slot};
use levada_feed::chain::{self, link_first, link_next};
use levada_feed::hash::Hash;
use levada_feed::head::{Head, HeadBody};
use levada_feed::key::FeedKey;
use levada_feed::limits::{PAGE_RECORDS, TILE_VALUES};
use levada_feed::tree::{GrowingList, Node, Pieces, find_node};
use levada_peer::static_layout::{
    Shelf, StaticFile, full_pages, row_level, row_values, write_page,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

const WHOLE: &str = "the host has the whole list";
/// Newest records in `latest`.
const LATEST: u64 = 20;

/// The feed and all that proves it.
pub(super) struct Host {
    records: Vec<[u8; 8]>,
    links: Vec<Hash>,
    list: GrowingList,
    nodes: BTreeMap<Node, Hash>,
    leaves: BTreeMap<u64, Vec<u8>>,
    head: Head,
}

impl Pieces for Host {
    type Error = Infallible;

    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).expect("numbers of these feeds are small")
}

impl Host {
    pub(super) fn of(length: u64) -> Self {
        let secret = crate::fuzz::history::secret();
        let (mut records, mut links) = (Vec::new(), Vec::new());
        let mut list = GrowingList::new();
        for index in 0..length {
            let record = index.to_le_bytes();
            let link = match links.last() {
                None => link_first(&secret.feed_key(), &record),
                Some(before) => link_next(before, &record),
            };
            list.push(link);
            links.push(link);
            records.push(record);
        }
        let changed = list.take_changed();
        let body = HeadBody {
            feed: secret.feed_key(),
            first: links[0],
            length,
            bytes: 0,
            media: 0,
            root: list.root(),
            time: length,
        };
        Self {
            records,
            links,
            list,
            nodes: changed.nodes.into_iter().collect(),
            leaves: changed.leaves.into_iter().collect(),
            head: Head::sign(&secret, body),
        }
    }

    pub(super) fn feed(&self) -> FeedKey {
        self.head.body().feed
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn length(&self) -> u64 {
        self.list.length()
    }

    pub(super) fn record(&self, index: u64) -> &[u8] {
        &self.records[size(index)]
    }

    pub(super) fn link(&self, index: u64) -> Hash {
        self.links[size(index)]
    }

    /// The plain hash of the list up to there.
    pub(super) fn root_at(&self, length: u64) -> Hash {
        let mut hasher = blake3::Hasher::new();
        for link in &self.links[..size(length)] {
            hasher.update(&link.0);
        }
        Hash(*hasher.finalize().as_bytes())
    }

    pub(super) fn shelf(&self) -> Shelf {
        let feed = self.feed();
        Shelf::open(&feed, &self.file(&StaticFile::Head { feed })).expect("its own head is right")
    }

    fn slots(&self, range: Range<u64>) -> Vec<Slot<'_>> {
        let range = range.start..range.end.min(self.length());
        let slot = |index| match index % 5 {
            // Some are kept back.
            3 => Slot::Withheld(self.link(index)),
            4 if index + 1 < self.length() && index % 2 == 0 => {
                Slot::Retracted(self.link(index), index + 1)
            }
            _ => Slot::Record(self.record(index)),
        };
        range.map(slot).collect()
    }

    fn prove(&self, range: Range<u64>) -> Vec<u8> {
        let slots = self.slots(range.clone());
        let Ok(bundle) = bundle::prove(&self.head, range.start, &slots, self);
        bundle.expect(WHOLE)
    }

    /// The same of a file that may lie behind the end.
    pub(super) fn file_or_empty(&self, file: &StaticFile) -> Vec<u8> {
        let (from, end) = match *file {
            StaticFile::Page { page, .. } | StaticFile::List { page, .. } => {
                (page * PAGE_RECORDS, self.length())
            }
            StaticFile::Tile { row, tile, .. } => (
                tile * TILE_VALUES,
                row_values(full_pages(self.length()), row),
            ),
            _ => (0, 1),
        };
        if from < end {
            self.file(file)
        } else {
            Vec::new()
        }
    }

    /// The bytes of a file.
    pub(super) fn file(&self, file: &StaticFile) -> Vec<u8> {
        let length = self.length();
        match *file {
            StaticFile::Head { .. } => {
                let Ok(answer) = chain::prove_head(&self.head, 0, self);
                answer.expect(WHOLE)
            }
            StaticFile::Latest { .. } => match length.saturating_sub(LATEST) {
                0 => self.prove(0..length),
                from => [self.prove(0..1), self.prove(from..length)].concat(),
            },
            StaticFile::Page { page, .. } => {
                let from = page * PAGE_RECORDS;
                let before = from.checked_sub(1).map(|before| self.link(before));
                let slots = self.slots(from..from + PAGE_RECORDS);
                write_page(page, before.as_ref(), &slots)
            }
            StaticFile::List { page, .. } => {
                let from = size(page * PAGE_RECORDS);
                let end = self.links.len().min(from + size(PAGE_RECORDS));
                self.links[from..end]
                    .iter()
                    .flat_map(|hash| hash.0)
                    .collect()
            }
            StaticFile::Tile { row, tile, .. } => {
                let end = row_values(full_pages(length), row).min((tile + 1) * TILE_VALUES);
                let value = |index| {
                    let level = row_level(row);
                    let Ok(found) = find_node(self, Node { level, index });
                    found.expect(WHOLE).0
                };
                (tile * TILE_VALUES..end).flat_map(value).collect()
            }
            _ => panic!("{file} is no file of a feed"),
        }
    }
}
