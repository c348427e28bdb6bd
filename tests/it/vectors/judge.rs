//! Gives the bytes of a vector to the code that has to judge them.

use super::{feeds, lists, static_host, wire};
use levada_feed::bundle::{self, Slot};
use levada_feed::codec;
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::{Context, FeedKey, Signature};
use levada_feed::limits::RECORD_VALUES_MAX;
use levada_feed::link::Link;
use levada_feed::record::{self, Body, Record};
use levada_feed::reject::Reject;
use levada_feed::succession::Succession;
use levada_tests::vectors::Vector;

/// What was found, as headers say it.
pub(super) type Facts = Vec<(&'static str, String)>;

/// What came of a vector's bytes.
pub(super) struct Judged {
    /// The MUST that they break.
    pub(super) refused: Option<&'static str>,
    /// What was found.
    pub(super) facts: Facts,
}

impl Judged {
    fn of(facts: Result<Facts, Reject>) -> Self {
        match facts {
            Ok(facts) => Self {
                refused: None,
                facts,
            },
            Err(reject) => Self {
                refused: Some(reject.must()),
                facts: Vec::new(),
            },
        }
    }
}

/// Judges `body` with the inputs of a vector's headers.
pub(super) fn judge(vector: &Vector, body: &[u8]) -> Judged {
    match vector.noun.as_str() {
        "codec" => Judged::of(codec::check(body, RECORD_VALUES_MAX).map(|_| Vec::new())),
        "key" => Judged::of(key(vector, body)),
        "record" => record(vector, body),
        "head" => Judged::of(head(vector, body)),
        "list" => Judged::of(lists::list(vector, body)),
        "slice" => Judged::of(lists::slice(vector, body)),
        "bundle" => Judged::of(bundle(vector, body)),
        "fork" => Judged::of(fork(body)),
        "succession" => Judged::of(succession(vector, body)),
        "link" => Judged::of(link(body)),
        "wire" => Judged::of(wire::wire(vector, body)),
        "static" => Judged::of(static_host::static_host(vector, body)),
        "feed" => feeds::feed(vector, body),
        other => panic!("nobody judges a {other}"),
    }
}

/// Headers that say what is given, and not what comes of it.
pub(super) fn inputs(vector: &Vector) -> Vec<&'static str> {
    let form = vector.header("form").unwrap_or("");
    let inputs: &[&str] = match (vector.noun.as_str(), form) {
        ("key", "signature") => &["key", "context", "message"],
        ("record", _) => &["index"],
        ("head", _) => &["asked"],
        ("list", "links") => &["feed"],
        ("list", "answer") => &["feed", "have"],
        ("list", "whole") => &["head"],
        ("list", "record") => &["feed", "index", "before", "link"],
        ("list", _) => &["columns"],
        ("slice", "outboards") => &["columns"],
        ("slice", _) => &[
            "root",
            "hash",
            "length",
            "size",
            "from",
            "to",
            "pairs-bytes",
        ],
        ("bundle", _) => &["feed"],
        ("succession", _) => &["named"],
        ("wire", "blobs") => &["asked"],
        ("wire", "frames") => &["feeds"],
        ("static", _) => &["feed", "answer", "page", "tile"],
        // The rows that people see are for the test with a store.
        ("feed", _) => &["feed", "now", "link-first", "shown"],
        _ => &[],
    };
    inputs.iter().copied().chain(["form", "flip"]).collect()
}

/// Bytes that a header gives in hex.
pub(super) fn bytes_of(vector: &Vector, name: &str) -> Vec<u8> {
    let value = vector.header(name).unwrap();
    data_encoding::HEXLOWER.decode(value.as_bytes()).unwrap()
}

pub(super) fn hash_of(vector: &Vector, name: &str) -> Hash {
    vector.header(name).unwrap().parse().unwrap()
}

pub(super) fn key_of(vector: &Vector, name: &str) -> FeedKey {
    FeedKey::from_bytes(&bytes_of(vector, name).try_into().unwrap()).unwrap()
}

pub(super) fn number_of(vector: &Vector, name: &str) -> u64 {
    vector.header(name).unwrap().parse().unwrap()
}

/// A key in hex.
pub(super) fn hex(key: &FeedKey) -> String {
    Hash(*key.as_bytes()).to_string()
}

fn key(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    match vector.header("form").unwrap() {
        "text" => {
            let text = std::str::from_utf8(body).map_err(|_| Reject::KeyText)?;
            Ok(vec![("key", hex(&text.parse()?))])
        }
        "raw" => {
            let key = FeedKey::from_bytes(body.try_into().unwrap())?;
            Ok(vec![("text", key.to_string())])
        }
        "signature" => {
            let context = match vector.header("context").unwrap() {
                "head" => Context::Head,
                "succession" => Context::Succession,
                other => panic!("no context {other}"),
            };
            let signature = Signature(body.try_into().unwrap());
            let message = bytes_of(vector, "message");
            key_of(vector, "key").check(context, &message, &signature)?;
            Ok(Vec::new())
        }
        other => panic!("no form {other}"),
    }
}

fn record(vector: &Vector, body: &[u8]) -> Judged {
    match record::read(body, number_of(vector, "index")) {
        Ok(record) => {
            let mut facts = vec![
                ("kind", kind(&record).to_owned()),
                ("time", record.time.to_string()),
                ("media", record.media().to_string()),
            ];
            let title = match &record.body {
                Body::Profile(profile) => Some(&profile.name),
                Body::Item(item) => Some(&item.title),
                _ => None,
            };
            if let Some(title) = title {
                facts.push(("title", title.clone()));
                facts.push(("title-bytes", title.len().to_string()));
            }
            Judged {
                refused: None,
                facts,
            }
        }
        Err(unreadable) => Judged {
            refused: Some(unreadable.must()),
            facts: Vec::new(),
        },
    }
}

/// The name of a record's kind.
pub(super) fn kind(record: &Record) -> &str {
    match &record.body {
        Body::Profile(_) => "profile",
        Body::Item(_) => "item",
        Body::Retract(_) => "retract",
        Body::Listing(_) => "listing",
        Body::Collection(_) => "collection",
        Body::Moved(_) => "moved",
        Body::Unknown { kind } => kind,
    }
}

fn head(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    let head = match vector.header("asked") {
        Some(_) => Head::check_of(&key_of(vector, "asked"), body)?,
        None => Head::check(body)?,
    };
    assert_eq!(head.wire(), body);
    let body = head.body();
    Ok(vec![
        ("feed", hex(&body.feed)),
        ("first", body.first.to_string()),
        ("length", body.length.to_string()),
        ("bytes", body.bytes.to_string()),
        ("media", body.media.to_string()),
        ("root", body.root.to_string()),
        ("time", body.time.to_string()),
    ])
}

fn bundle(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    let bundle = bundle::check(&key_of(vector, "feed"), body)?;
    let range = bundle.range();
    let holds_last = if bundle.holds_last() { "yes" } else { "no" };
    let mut facts = vec![
        ("length", bundle.head.body().length.to_string()),
        ("from", range.start.to_string()),
        ("to", range.end.to_string()),
        ("holds-last", holds_last.to_owned()),
    ];
    for link in &bundle.links {
        facts.push(("link", link.to_string()));
    }
    for (slot, index) in bundle.slots.iter().zip(range) {
        match slot {
            Slot::Record(_) => {}
            Slot::Withheld(_) => facts.push(("slot", format!("{index} withheld"))),
            Slot::Retracted(_, by) => facts.push(("slot", format!("{index} hint {by}"))),
        }
    }
    Ok(facts)
}

fn fork(body: &[u8]) -> Result<Facts, Reject> {
    let proof = ForkProof::check(body)?;
    assert_eq!(proof.wire(), body);
    let (shorter, longer) = (proof.shorter().body(), proof.longer().body());
    Ok(vec![
        ("feed", hex(&shorter.feed)),
        ("shorter", shorter.length.to_string()),
        ("longer", longer.length.to_string()),
    ])
}

fn succession(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    let succession = Succession::check(body)?;
    match vector.header("named") {
        None => {}
        Some("none") => succession.check_recovery(None)?,
        Some(_) => succession.check_recovery(Some(&hash_of(vector, "named")))?,
    }
    let body = succession.body();
    Ok(vec![
        ("feed", hex(&body.feed)),
        ("recovery", hex(&body.recovery)),
        ("next", hex(&body.next)),
        ("length", body.length.to_string()),
        ("root", body.root.to_string()),
        ("time", body.time.to_string()),
    ])
}

fn link(body: &[u8]) -> Result<Facts, Reject> {
    let text = std::str::from_utf8(body).map_err(|_| Reject::LinkForm)?;
    let link: Link = text.parse()?;
    assert_eq!(link.to_string().parse(), Ok(link.clone()), "printed again");
    let mut facts = vec![("feed", hex(&link.feed))];
    if let Some(index) = link.index {
        facts.push(("index", index.to_string()));
    }
    if let Some(first) = link.first {
        facts.push(("first", data_encoding::HEXLOWER.encode(&first.0)));
    }
    facts.extend(link.via.into_iter().map(|via| ("via", via)));
    facts.extend(link.name.map(|name| ("name", name)));
    Ok(facts)
}
