//! What must hold for any bytes from a stranger: one function for each noun, given to the fuzzer by `fuzz/` and replayed on
//! kept inputs by `tests/it/fuzz.rs`.
//!
//! Each panics when something that must hold does not. Where there are two ways to the same verdict, both are taken.

mod author_file;
mod engine;
mod growing;
mod history;
mod peers;
mod static_host;
mod watch;
mod wire;

use ciborium::Value;
use levada_feed::codec;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::limits::{LINK_BYTES_MAX, RECORD_BYTES_MAX};
use levada_feed::link::Link;
use levada_feed::record;
use levada_feed::succession::Succession;
use levada_feed::{bundle, chain};
use levada_peer::settings::Settings;
use levada_peer::sources::Sources;

/// Values in one structure, for the codec.
const VALUES_MAX: usize = 4_096;
const DEPTH_MAX: usize = 16;
const UINT_MAX: u64 = (1 << 53) - 1;

/// A noun and what must hold for any bytes of it.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("answer", wire::answer),
    ("author-file", author_file::author_file),
    ("bundle", bundle),
    ("codec", codec),
    ("engine", engine::engine),
    ("fork", fork),
    ("growing", growing::growing),
    ("head", head),
    ("history", history::history),
    ("link", link),
    ("list", list),
    ("peers", peers::peers),
    ("record", record),
    ("request", wire::request),
    ("settings", settings),
    ("slice", growing::slice),
    ("static", static_host::static_host),
    ("succession", succession),
    ("watch", watch::watch),
];

/// Gives bytes to a target.
///
/// # Panics
/// When something does not hold that must, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    target.expect("there is a target of this name").1(bytes);
}

/// The check and a decoder that knows nothing of it say the same.
fn codec(bytes: &[u8]) {
    let is_canonical = codec::check(bytes, VALUES_MAX).is_ok();
    let expected = shortest(bytes).is_some_and(|value| {
        let mut count = 0;
        is_allowed(&value, 0, &mut count) && count <= VALUES_MAX
    });
    assert_eq!(is_canonical, expected, "{bytes:02x?}");
}

/// The value that the bytes are the shortest form of, by a decoder that knows nothing of our rules.
fn shortest(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, 64).ok()?;
    let mut again = Vec::new();
    ciborium::into_writer(&value, &mut again).ok()?;
    (rest.is_empty() && again == bytes).then_some(value)
}

/// An integer that is allowed.
fn uint(value: &Value) -> Option<u64> {
    let number = u64::try_from(value.as_integer()?).ok();
    number.filter(|number| *number <= UINT_MAX)
}

/// A byte string of exactly `N` bytes.
fn fixed<const N: usize>(value: &Value) -> Option<[u8; N]> {
    value.as_bytes()?.as_slice().try_into().ok()
}

/// What may follow bytes that are whole, and makes them wrong.
const DEAD_ENDS: [&[u8]; 3] = [&[0], &[0xf6], &[0x82, 1]];

/// The bytes without their end: cut everywhere, or at some places if they are many.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let step = bytes.len().div_ceil(128).max(1);
    let ends = (0..bytes.len()).step_by(step);
    ends.chain(bytes.len().checked_sub(1))
        .map(|end| &bytes[..end])
}

/// The rules of spec/codec.md that are not those of the shortest form.
fn is_allowed(value: &Value, depth: usize, count: &mut usize) -> bool {
    *count += 1;
    match value {
        Value::Integer(number) => u64::try_from(*number).is_ok_and(|number| number <= UINT_MAX),
        Value::Bytes(_) | Value::Text(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(items) => {
            depth < DEPTH_MAX && items.iter().all(|item| is_allowed(item, depth + 1, count))
        }
        Value::Map(pairs) => {
            let keys: Option<Vec<&str>> = pairs.iter().map(|(key, _)| key.as_text()).collect();
            let is_sorted = keys.is_some_and(|keys| {
                let order = |key: &&str| (key.len(), key.as_bytes().to_vec());
                keys.windows(2)
                    .all(|pair| order(&pair[0]) < order(&pair[1]))
            });
            depth < DEPTH_MAX
                && is_sorted
                && pairs
                    .iter()
                    .all(|(_, value)| is_allowed(value, depth + 1, count))
        }
        _ => false,
    }
}

/// What can be read can be written, and reads the same; the stamp is that of the whole.
fn record(bytes: &[u8]) {
    for index in [0, 7] {
        let Ok(read) = record::read(bytes, index) else {
            continue;
        };
        assert!(bytes.len() <= RECORD_BYTES_MAX);
        assert_eq!(
            record::read_stamp(bytes).map(|(_, time)| time),
            Ok(read.time)
        );
        let _ = read.media();
        let written = record::write(&read, index).expect("what was read can be written");
        assert_eq!(record::read(&written, index), Ok(read));
    }
}

fn head(bytes: &[u8]) {
    if let Ok(head) = Head::check(bytes) {
        assert_eq!(head.wire(), bytes);
        assert!(Head::check_of(&head.body().feed, bytes).is_ok());
    }
}

/// The first two bytes say what the asker has.
fn list(bytes: &[u8]) {
    let Some((have, answer)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let feed = history::feed();
    if let Ok(proven) = chain::check_head(&feed, answer, u16::from_be_bytes(*have).into()) {
        assert_eq!(proven.head.body().feed, feed);
    }
}

fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = bundle::check_any(bytes) {
        let range = bundle.range();
        assert!(range.start < range.end && range.end <= bundle.head.body().length);
        assert!(bundle.check_asked(&range).is_ok());
    }
}

fn fork(bytes: &[u8]) {
    if let Ok(fork) = ForkProof::check(bytes) {
        assert_eq!(fork.wire(), bytes);
        assert_eq!(fork.shorter().body().feed, fork.longer().body().feed);
        assert_ne!(fork.shorter().wire(), fork.longer().wire());
    }
}

fn succession(bytes: &[u8]) {
    if let Ok(succession) = Succession::check(bytes) {
        assert_eq!(succession.wire(), bytes);
        assert_ne!(succession.body().feed, succession.body().next);
    }
}

/// What is printed of a link reads as the same link, but for hints that made it too long.
fn link(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(link) = text.parse::<Link>() {
        let printed = link.to_string();
        let read: Link = printed.parse().expect("what is printed can be read");
        assert_eq!(read.to_string(), printed);
        assert_eq!(
            (read.feed, read.index, read.first),
            (link.feed, link.index, link.first)
        );
        let all = link.via.len() == read.via.len() && link.name.is_some() == read.name.is_some();
        if all {
            assert_eq!(read, link, "{printed}");
        } else {
            // A value is at most three times as long as it was read.
            assert!(bytes.len() * 3 > LINK_BYTES_MAX, "{printed}");
        }
    }
}

fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = Settings::read(text);
    if let Ok(sources) = Sources::read(text) {
        let written = sources
            .write_over("")
            .expect("what was read can be written");
        assert_eq!(Sources::read(&written).ok(), Some(sources));
    }
}
