//! The id of the MUST that each refusal breaks, as the spec pages write it.

use super::Reject;

/// Names the MUST of each variant once, for `must` and for the list of all.
macro_rules! musts {
    ($($variant:ident: $id:literal,)*) => {
        impl Reject {
            /// The ids of all MUSTs that have a variant, in the order of the spec pages.
            pub const MUSTS: &[&str] = &[$($id),*];

            /// The id of the broken MUST, as in the spec pages: `codec-3`, `head-4`.
            #[must_use]
            pub fn must(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $id,)*
                }
            }
        }
    };
}

musts! {
    Truncated: "codec-1",
    Trailing: "codec-2",
    NotShortest: "codec-3",
    Indefinite: "codec-4",
    ForbiddenType: "codec-5",
    IntegerTooLarge: "codec-6",
    InvalidText: "codec-7",
    KeyNotText: "codec-8",
    KeyOrder: "codec-9",
    TooDeep: "codec-10",
    TooManyValues: "codec-11",
    KeyNotCanonical: "key-1",
    KeySmallOrder: "key-2",
    KeyMixedOrder: "key-3",
    KeyText: "key-4",
    KeyMixedCase: "key-5",
    KeyPadding: "key-6",
    BadSignature: "key-7",
    PairCount: "slice-1",
    LeafBytes: "slice-2",
    PairMismatch: "slice-3",
    LeafMismatch: "slice-4",
    RangeOutside: "slice-5",
    BlobTooLarge: "slice-6",
    HeadForm: "head-1",
    NeedsNewer: "head-2",
    BodyKeys: "head-3",
    HeadLength: "head-4",
    OtherFeed: "head-5",
    OtherLength: "head-6",
    RootMismatch: "list-1",
    BrokenLink: "list-2",
    FirstMismatch: "list-3",
    LengthUnproven: "list-4",
    Gap: "list-5",
    FirstWithheld: "list-6",
    BundleForm: "bundle-1",
    SlotCount: "bundle-2",
    SlotForm: "bundle-3",
    SlotOutside: "bundle-4",
    RecordTooLong: "bundle-5",
    EdgeBytes: "bundle-6",
    TooLong: "bundle-7",
    HintOutside: "bundle-8",
    ForkForm: "fork-1",
    ForkFeeds: "fork-2",
    ForkOrder: "fork-3",
    ForkSurplus: "fork-4",
    NoFork: "fork-5",
    SuccessionForm: "succession-1",
    SuccessionKeys: "succession-2",
    SuccessionRecovery: "succession-3",
    LinkForm: "link-1",
    LinkIndex: "link-2",
    LinkTwice: "link-3",
    LinkFirst: "link-4",
    LinkEncoding: "link-5",
    LinkFirstMismatch: "link-6",
    AnswerForm: "wire-1",
    AnswerTooLong: "wire-2",
    HashMismatch: "wire-3",
    StaticForm: "static-1",
    StaticCount: "static-2",
    StaticMismatch: "static-3",
}
