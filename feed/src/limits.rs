//! Every bound of the format and the wire, in one place.
//!
//! A number that a stranger sends is compared with one of these before anything is allocated for it.
//! Changing one changes the format: the spec page named beside it has to change first.

/// Bytes of one record at most (spec/record.md).
pub const RECORD_BYTES_MAX: usize = 65_536;
/// CBOR values in one record at most; map keys do not count (spec/codec.md).
pub const RECORD_VALUES_MAX: usize = 4_096;
/// Nesting of arrays and maps at most; the outermost is 1 (spec/codec.md).
pub const NESTING_MAX: usize = 16;
/// The largest integer: what a double holds exactly (spec/codec.md).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Records of one feed at most (spec/head.md).
pub const LENGTH_MAX: u64 = 1 << 40;
/// Bytes of one head in its wire form at most: about 250 are used (spec/head.md).
pub const HEAD_BYTES_MAX: usize = 1_024;
/// A head's time may be this far ahead of our clock; further counts as unknown freshness (spec/head.md).
pub const TIME_AHEAD_MS_MAX: u64 = 10 * 60 * 1_000;

/// Bytes of one hash.
pub const HASH_BYTES: usize = 32;
/// Bytes of one pair of a proof: left and right child (spec/slice.md).
pub const PAIR_BYTES: usize = 64;
/// Leaf size of hash lists, in bytes (spec/slice.md).
pub const LIST_LEAF_BYTES: u64 = 1_024;
/// Hashes in one leaf of a hash list.
pub const LIST_LEAF_HASHES: u64 = LIST_LEAF_BYTES / 32;
/// Leaf size of blobs, in bytes (spec/slice.md).
pub const BLOB_LEAF_BYTES: u64 = 16_384;
/// Bytes of one blob at most (spec/slice.md).
pub const BLOB_BYTES_MAX: u64 = 1 << 44;
/// Blobs up to this size are kept inside the store and travel in batches (spec/wire.md).
pub const INLINE_BYTES_MAX: u64 = 16_384;

/// Records of one page of a static host, and link hashes of one page of its hash list (spec/static.md).
pub const PAGE_RECORDS: u64 = 512;
/// Bytes of one page of records at most (spec/static.md).
pub const PAGE_BYTES_MAX: usize = 512 * (RECORD_BYTES_MAX + 5) + 64;
/// Chaining values in one full tile of a static host (spec/static.md).
pub const TILE_VALUES: u64 = 256;
/// Slots of one bundle at most (spec/bundle.md).
pub const BUNDLE_SLOTS_MAX: usize = 16_384;
/// A server stops a bundle before the record that would pass this (spec/bundle.md).
pub const BUNDLE_BYTES_TARGET: usize = 4 << 20;
/// Bytes of one bundle that a reader takes (spec/bundle.md).
pub const BUNDLE_BYTES_MAX: usize = 5 << 20;
/// CBOR values of one bundle at most: a slot is up to three.
pub const BUNDLE_VALUES_MAX: usize = 3 * BUNDLE_SLOTS_MAX + 16;
/// Bytes of the answer to a request for a head that a client takes: twice what it can need (spec/wire.md).
pub const HEAD_ANSWER_BYTES_MAX: usize = 16_384;
/// Bytes of a fork proof or a succession at most (spec/fork.md).
pub const FORK_BYTES_MAX: usize = 8_192;

/// Bytes of blob data that one proof request may cover (spec/wire.md).
pub const PROOF_WINDOW_BYTES_MAX: u64 = 256 << 20;
/// Hashes in one batch request for small blobs (spec/wire.md).
pub const BATCH_HASHES_MAX: usize = 512;
/// Feeds that one stream of news may watch (spec/wire.md).
pub const WATCH_FEEDS_MAX: usize = 4_096;
/// Bytes of one frame of such a stream, without its length (spec/wire.md).
pub const WATCH_FRAME_BYTES_MAX: usize = 16_384;
/// Addresses in the list of those who serve a feed (spec/wire.md).
pub const PEERS_MAX: usize = 32;
/// Bytes of one such address at most (spec/wire.md).
pub const PEER_BYTES_MAX: usize = 255;
/// Feeds in one page of the list of shared feeds (spec/wire.md).
pub const FEEDS_PAGE_MAX: usize = 512;
/// Redirects that a client follows, never to another host (spec/wire.md).
pub const REDIRECTS_MAX: usize = 3;
/// Bytes of a link at most (spec/link.md).
pub const LINK_BYTES_MAX: usize = 4_096;
/// `via` hints of one link at most; further ones are ignored (spec/link.md).
pub const LINK_VIA_MAX: usize = 16;
/// Bytes of an item's path at most (spec/record.md).
pub const PATH_BYTES_MAX: usize = 4_096;
/// Bytes of one segment of an item's path at most (spec/record.md).
pub const PATH_SEGMENT_BYTES_MAX: usize = 255;
