//! Feeds and media as plain files, so that any web host is a source: names and forms (spec/static.md).
//!
//! Pure: where each file lies, how it is written and read. What of it is proven is for `shelf`; files are written by
//! `node::export` and asked for by `io::client`.

mod shelf;
#[cfg(test)]
mod tests;

use levada_feed::bundle::{self, Slot};
use levada_feed::codec::{self, Writer};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::{
    BUNDLE_BYTES_MAX, BUNDLE_VALUES_MAX, FORK_BYTES_MAX, HASH_BYTES, INLINE_BYTES_MAX,
    PAGE_BYTES_MAX, PAGE_RECORDS, TILE_VALUES,
};
use levada_feed::reject::Reject;
use levada_feed::tree::STORED_LEVEL;
use std::fmt;

pub use shelf::{Fault, Next, Shelf, Want, check_latest};

/// Levels from one row of tiles to the next: what a full tile folds into is one value of the row above.
pub const TILE_LEVELS: u8 = 8;
/// Newest records that `latest` holds at most, as this program writes it.
pub const LATEST_RECORDS_MAX: u64 = 64;
/// Bytes of the newest records that `latest` holds at most, as this program writes it; the last one is always there.
pub const LATEST_BYTES_MAX: usize = 256 << 10;

/// One file of a static host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaticFile {
    /// Says that this is a static host.
    Marker,
    /// A page of the list of feeds.
    Feeds {
        /// Which one.
        page: u64,
    },
    /// The newest head, with the slice of its last hash.
    Head {
        /// The feed.
        feed: FeedKey,
    },
    /// Record 0 and the newest records.
    Latest {
        /// The feed.
        feed: FeedKey,
    },
    /// The fork proof.
    Fork {
        /// The feed.
        feed: FeedKey,
    },
    /// The succession.
    Succession {
        /// The feed.
        feed: FeedKey,
    },
    /// 512 records.
    Page {
        /// The feed.
        feed: FeedKey,
        /// Which one.
        page: u64,
    },
    /// The link hashes of 512 records.
    List {
        /// The feed.
        feed: FeedKey,
        /// Which one.
        page: u64,
    },
    /// Chaining values of complete subtrees that lie side by side.
    Tile {
        /// The feed.
        feed: FeedKey,
        /// Row of tiles: row R holds the subtrees of 512 * 256^R hashes.
        row: u8,
        /// Which one of its row.
        tile: u64,
    },
    /// The bytes of a blob.
    Blob {
        /// The blob.
        hash: Hash,
    },
    /// Its pairs in pre-order.
    Outboard {
        /// The blob.
        hash: Hash,
    },
}

impl fmt::Display for StaticFile {
    /// The path below the folder of the host, without a slash before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marker => write!(f, "levada-static"),
            Self::Feeds { page } => write!(f, "feeds/{page}"),
            Self::Head { feed } => write!(f, "feed/{feed}/head"),
            Self::Latest { feed } => write!(f, "feed/{feed}/latest"),
            Self::Fork { feed } => write!(f, "feed/{feed}/fork"),
            Self::Succession { feed } => write!(f, "feed/{feed}/succession"),
            Self::Page { feed, page } => write!(f, "feed/{feed}/pages/{page}"),
            Self::List { feed, page } => write!(f, "feed/{feed}/list/{page}"),
            Self::Tile { feed, row, tile } => write!(f, "feed/{feed}/tiles/{row}/{tile}"),
            Self::Blob { hash } => write_blob(f, hash, ""),
            Self::Outboard { hash } => write_blob(f, hash, ".obao"),
        }
    }
}

fn write_blob(f: &mut fmt::Formatter<'_>, hash: &Hash, ending: &str) -> fmt::Result {
    let hex = hash.to_string();
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or("");
    write!(f, "blobs/{}/{}/{hex}{ending}", part(0..2), part(2..4))
}

impl StaticFile {
    /// Bytes of the file at most, of those that are read in whole. More is wire-2.
    #[must_use]
    pub fn bytes_max(self) -> u64 {
        let bytes = match self {
            Self::Marker => 64,
            Self::Feeds { .. } => 1 << 20,
            Self::Head { .. } => BUNDLE_BYTES_MAX,
            Self::Latest { .. } => 2 * BUNDLE_BYTES_MAX,
            Self::Fork { .. } | Self::Succession { .. } => FORK_BYTES_MAX,
            Self::Page { .. } => PAGE_BYTES_MAX,
            Self::List { .. } => return PAGE_RECORDS * 32,
            Self::Tile { .. } => return TILE_VALUES * 32,
            Self::Blob { .. } | Self::Outboard { .. } => return INLINE_BYTES_MAX,
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// Pages that were full before the last record of a list of this length: their values are in tiles. The last page is
/// never among them, because it is the right edge of the tree even when it is full.
#[must_use]
pub fn full_pages(length: u64) -> u64 {
    length.saturating_sub(1) / PAGE_RECORDS
}

/// Values in one row of tiles over so many full pages.
#[must_use]
pub fn row_values(full_pages: u64, row: u8) -> u64 {
    let shift = u32::from(row) * u32::from(TILE_LEVELS);
    full_pages.checked_shr(shift).unwrap_or(0)
}

/// Level in the tree of the values of one row of tiles.
#[must_use]
pub fn row_level(row: u8) -> u8 {
    row.saturating_mul(TILE_LEVELS).saturating_add(STORED_LEVEL)
}

const MARK: &str = "levada static";

/// The marker: `[1, "levada static"]`.
#[must_use]
pub fn write_marker() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(1).text(MARK);
    writer.finish()
}

/// Reads `write_marker`.
///
/// # Errors
/// static-1, head-2, and the codec's.
pub fn read_marker(bytes: &[u8]) -> Result<(), Reject> {
    codec::check_version(bytes, Reject::StaticForm)?;
    codec::check(bytes, 8)?;
    match codec::read_array(bytes).as_deref() {
        Some([_, mark]) if codec::read_text(mark) == Some(MARK) => Ok(()),
        _ => Err(Reject::StaticForm),
    }
}

/// A page of records as it is read: a claim until its link hashes were checked.
#[derive(Debug)]
pub struct Page<'a> {
    /// The link hash of the record before the first one; none before record 0.
    pub before: Option<Hash>,
    /// The slots from record 512 P on: 1 to 512.
    pub slots: Vec<Slot<'a>>,
}

/// Writes a page: `[1, from, before, slots]`.
#[must_use]
pub fn write_page(page: u64, before: Option<&Hash>, slots: &[Slot<'_>]) -> Vec<u8> {
    let mut writer = Writer::new();
    let before = before.map_or(&[][..], |hash| hash.0.as_slice());
    writer.array(4).uint(1).uint(page * PAGE_RECORDS);
    writer.bytes(before).array(slots.len());
    bundle::write_slots(&mut writer, slots);
    writer.finish()
}

/// Reads `write_page`.
///
/// # Errors
/// static-1, static-2, bundle-3, bundle-5, head-2, and the codec's.
pub fn read_page(page: u64, bytes: &[u8]) -> Result<Page<'_>, Reject> {
    codec::check_version(bytes, Reject::StaticForm)?;
    codec::check(bytes, BUNDLE_VALUES_MAX)?;
    let parts = codec::read_array(bytes).ok_or(Reject::StaticForm)?;
    let [_, from, before, slots] = parts.as_slice() else {
        return Err(Reject::StaticForm);
    };
    let from = codec::read_uint(from).ok_or(Reject::StaticForm)?;
    let before = codec::read_bytes(before).ok_or(Reject::StaticForm)?;
    let slots = codec::read_array(slots).ok_or(Reject::StaticForm)?;
    let due = if page == 0 { 0 } else { HASH_BYTES };
    if page.checked_mul(PAGE_RECORDS) != Some(from) || before.len() != due {
        return Err(Reject::StaticForm);
    }
    let got = u64::try_from(slots.len()).unwrap_or(u64::MAX);
    if got == 0 || got > PAGE_RECORDS {
        return Err(Reject::StaticCount {
            max: PAGE_RECORDS,
            got,
        });
    }
    Ok(Page {
        before: Hash::from_slice(before),
        slots: bundle::read_slots(slots, from)?,
    })
}

impl Page<'_> {
    /// The link hashes of its slots.
    #[must_use]
    pub fn links(&self, feed: &FeedKey) -> Vec<Hash> {
        bundle::links(feed, self.before, &self.slots)
    }
}

/// The hashes of a page of the list, or of a tile: 32 bytes each, so many at most. A last one that is cut is not there yet.
///
/// # Errors
/// static-2.
pub fn read_hashes(bytes: &[u8], max: u64) -> Result<Vec<Hash>, Reject> {
    let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
    let got = u64::try_from(bytes.len().div_ceil(HASH_BYTES)).unwrap_or(u64::MAX);
    if got > max {
        return Err(Reject::StaticCount { max, got });
    }
    Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
}
