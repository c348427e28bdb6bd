//! `Reject`: a stranger's bytes are wrong. One variant for each MUST of the spec.
//!
//! `Reject::must` names the MUST that was broken, as the spec pages and the vectors write it. Which feed and which peer
//! it was is known one floor up and added there. Failures of our own disk or of the network are never in this enum. The
//! ids of all are in `reject/musts.rs`.

mod musts;

use crate::hash::Hash;

/// Why bytes from outside were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// codec-1
    #[error("the bytes end in the middle of a value")]
    Truncated,
    /// codec-2
    #[error("{count} bytes follow the end of the value")]
    Trailing {
        /// Bytes too many.
        count: usize,
    },
    /// codec-3
    #[error("a number or length is not in its shortest form (byte {at})")]
    NotShortest {
        /// Offset of the value.
        at: usize,
    },
    /// codec-4
    #[error("a value of indefinite length (byte {at})")]
    Indefinite {
        /// Offset of the value.
        at: usize,
    },
    /// codec-5
    #[error("a value of a type the format does not have: initial byte {byte:#04x} (byte {at})")]
    ForbiddenType {
        /// The initial byte.
        byte: u8,
        /// Offset of the value.
        at: usize,
    },
    /// codec-6
    #[error("the integer {got} is above 2^53-1")]
    IntegerTooLarge {
        /// The integer.
        got: u64,
    },
    /// codec-7
    #[error("text that is not valid UTF-8 (byte {at})")]
    InvalidText {
        /// Offset of the value.
        at: usize,
    },
    /// codec-8
    #[error("a map key that is not text (byte {at})")]
    KeyNotText {
        /// Offset of the key.
        at: usize,
    },
    /// codec-9
    #[error("map keys out of order or twice (byte {at})")]
    KeyOrder {
        /// Offset of the second key.
        at: usize,
    },
    /// codec-10
    #[error("nested deeper than 16 (byte {at})")]
    TooDeep {
        /// Offset of the value.
        at: usize,
    },
    /// codec-11
    #[error("more than {max} values")]
    TooManyValues {
        /// The limit that holds here.
        max: usize,
    },

    /// key-1
    #[error("the feed key is not the canonical encoding of a point")]
    KeyNotCanonical,
    /// key-2
    #[error("the feed key has small order")]
    KeySmallOrder,
    /// key-3
    #[error("the feed key is not in the prime-order subgroup")]
    KeyMixedOrder,
    /// key-4
    #[error(
        "not a feed key: it begins with lev1, has 62 characters and a checksum; one may be mistyped or missing"
    )]
    KeyText,
    /// key-5
    #[error("a feed key in mixed upper and lower case")]
    KeyMixedCase,
    /// key-6
    #[error("the padding bits of the feed key are not zero")]
    KeyPadding,
    /// key-7
    #[error("the signature is not by this key")]
    BadSignature,

    /// slice-1
    #[error("the proof has {got} bytes of pairs where {expected} are due")]
    PairCount {
        /// Bytes due.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// slice-2
    #[error("the slice has {got} bytes of leaves where {expected} are due")]
    LeafBytes {
        /// Bytes due.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// slice-3
    #[error("pair {index} of the proof does not hash to {expected}")]
    PairMismatch {
        /// Which pair of the proof, in pre-order.
        index: u64,
        /// What its parent says.
        expected: Hash,
    },
    /// slice-4
    #[error("leaf {index} does not hash to {expected}")]
    LeafMismatch {
        /// Index of the leaf.
        index: u64,
        /// What its parent says.
        expected: Hash,
    },
    /// slice-5
    #[error("a range that is empty, unordered or past the end")]
    RangeOutside,
    /// slice-6
    #[error("a blob of {got} bytes is larger than the format allows")]
    BlobTooLarge {
        /// Bytes claimed.
        got: u64,
    },

    /// head-1
    #[error("a head is [1, body, signature]")]
    HeadForm,
    /// head-2
    #[error("version {got} of this structure needs a newer levada")]
    NeedsNewer {
        /// The version met.
        got: u64,
    },
    /// head-3
    #[error("the body's keys are not exactly those of the spec, or have other types")]
    BodyKeys,
    /// head-4
    #[error("the length {got} is not between 1 and 2^40")]
    HeadLength {
        /// The length claimed.
        got: u64,
    },
    /// head-5
    #[error("the head is of another feed")]
    OtherFeed,
    /// head-6
    #[error("the head has length {got}, asked was {expected}")]
    OtherLength {
        /// Asked.
        expected: u64,
        /// Got.
        got: u64,
    },

    /// list-1
    #[error("the hash list of {length} hashes has root {got}, the head says {expected}")]
    RootMismatch {
        /// Length of the list.
        length: u64,
        /// The head's root.
        expected: Hash,
        /// Ours.
        got: Hash,
    },
    /// list-2
    #[error("record {index} does not follow from the record before it")]
    BrokenLink {
        /// The record.
        index: u64,
    },
    /// list-3
    #[error("record 0 hashes to {got}, the head says {expected}")]
    FirstMismatch {
        /// `first` of the head.
        expected: Hash,
        /// `h[0]`.
        got: Hash,
    },
    /// list-4
    #[error("the head comes without the slice of its last hash")]
    LengthUnproven,
    /// list-5
    #[error("the answer does not connect to what is held: expected record {expected}, got {got}")]
    Gap {
        /// The next index due.
        expected: u64,
        /// The index that came.
        got: u64,
    },

    /// list-6
    #[error("record 0 is withheld, and without it a feed is not taken up")]
    FirstWithheld,

    /// bundle-1
    #[error("a bundle is [1, head, from, slots, edges, pairs]")]
    BundleForm,
    /// bundle-2
    #[error("a bundle has 1 to 16384 slots; this one has {got}")]
    SlotCount {
        /// Slots found.
        got: u64,
    },
    /// bundle-3
    #[error("a slot is a record, [hash] or [hash, index]")]
    SlotForm,
    /// bundle-4
    #[error("the slots reach past the head's length {length}")]
    SlotOutside {
        /// Length of the head.
        length: u64,
    },
    /// bundle-5
    #[error("record {index} has {got} bytes, more than 65536")]
    RecordTooLong {
        /// The record.
        index: u64,
        /// Its size.
        got: usize,
    },
    /// bundle-6
    #[error("{got} bytes of edges where {expected} are due")]
    EdgeBytes {
        /// Bytes due.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// bundle-7
    #[error("a structure of {got} bytes is above the limit of {max}")]
    TooLong {
        /// Its size.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// bundle-8
    #[error("the hint of record {index} names record {hint}, which cannot retract it")]
    HintOutside {
        /// The withheld record.
        index: u64,
        /// The record said to retract it.
        hint: u64,
    },

    /// fork-1
    #[error("a fork proof is [1, shorter head, longer head, pairs, leaf]")]
    ForkForm,
    /// fork-2
    #[error("the two heads are of different feeds")]
    ForkFeeds,
    /// fork-3
    #[error("the two heads are in the wrong order")]
    ForkOrder,
    /// fork-4
    #[error("the two heads contradict each other by themselves, so the proof carries no slice")]
    ForkSurplus,
    /// fork-5
    #[error("the two heads agree: this is no fork")]
    NoFork,

    /// succession-1
    #[error("a succession is [1, body, signature, signature]")]
    SuccessionForm,
    /// succession-2
    #[error("the three keys of a succession must differ")]
    SuccessionKeys,
    /// succession-3
    #[error("the recovery key does not hash to what record 0 names")]
    SuccessionRecovery,

    /// link-1
    #[error("a link begins with levada:lev1")]
    LinkForm,
    /// link-2
    #[error("the record number of the link is not a plain number")]
    LinkIndex,
    /// link-3
    #[error("the link names {parameter} twice")]
    LinkTwice {
        /// `first` or `name`.
        parameter: &'static str,
    },
    /// link-4
    #[error("the first= of the link is not 16 bytes of base32")]
    LinkFirst,
    /// link-5
    #[error("the link has a broken percent-encoding")]
    LinkEncoding,
    /// link-6
    #[error(
        "the feed's record 0 is not the one the link names: the log was started anew, or the link is of another feed"
    )]
    LinkFirstMismatch,

    /// wire-1
    #[error("the answer is not of the form that was asked for")]
    AnswerForm,
    /// wire-2
    #[error("the answer has {got} bytes or more: that is above its limit")]
    AnswerTooLong {
        /// Bytes met when reading stopped.
        got: u64,
    },
    /// wire-3
    #[error("the bytes hash to {got}, asked was {expected}")]
    HashMismatch {
        /// Asked.
        expected: Hash,
        /// Got.
        got: Hash,
    },

    /// static-1
    #[error("the file is not of the form that its name says")]
    StaticForm,
    /// static-2
    #[error("the file holds {got} of what it may hold {max} of at most, or a part of one")]
    StaticCount {
        /// At most.
        max: u64,
        /// Got, rounded up.
        got: u64,
    },
    /// static-3
    #[error("the file does not match the signed head")]
    StaticMismatch,
}
