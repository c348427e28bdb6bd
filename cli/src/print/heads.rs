//! Heads in full: what an author signed.

use crate::table::Fields;
use crate::units;
use levada_feed::head::HeadBody;

/// Every field of a head. `wire` is its signed form, when it has to stand as evidence.
pub(super) fn head(head: &HeadBody, wire: Option<&str>, indent: &str) -> Vec<String> {
    let mut fields = Fields::default();
    fields
        .add("feed", head.feed.to_string())
        .add("length", head.length.to_string())
        .add("root", head.root.to_string())
        .add("first", head.first.to_string())
        .add("bytes", head.bytes.to_string())
        .add("media", head.media.to_string())
        .add("time", signed(head))
        .add_some("wire", wire);
    fields.lines(indent)
}

/// Two heads of one feed that contradict each other.
pub(super) fn fork(
    shorter: &HeadBody,
    longer: &HeadBody,
    wire: Option<&(String, String)>,
) -> Vec<String> {
    let mut lines = vec!["one head".to_owned()];
    lines.extend(head(shorter, wire.map(|wire| wire.0.as_str()), "  "));
    lines.push("the other head".to_owned());
    lines.extend(head(longer, wire.map(|wire| wire.1.as_str()), "  "));
    lines
}

/// When a head was signed, by the author's clock.
pub(super) fn signed(head: &HeadBody) -> String {
    format!("{} UTC ({})", units::time(head.time), head.time)
}
