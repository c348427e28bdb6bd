//! The spec pages beside the code: each block of hex is what this implementation makes, byte for byte, and each MUST is one
//! that the code knows.
//!
//! A block is fenced as `hex NAME`; what follows a semicolon is a comment. The example feed: spec/README.md, The example.

use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::fork::ForkProof;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::link::{First, Link};
use levada_feed::log::AuthorLog;
use levada_feed::record::{
    self, Body, File, Item, Profile, Record, Reference, Retract, Role, Unreadable,
};
use levada_feed::reject::Reject;
use levada_feed::succession::{Succession, SuccessionBody};
use levada_feed::tree::{self, Node, Pieces, Shape};
use levada_peer::io::author::{AuthorError, AuthorFile, Frame, Part};
use levada_peer::static_layout;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

const START: u64 = 1_767_225_600_000;
const MINUTE: u64 = 60_000;

fn secret(byte: u8) -> FeedSecret {
    FeedSecret::from_bytes(&[byte; 32])
}

fn feed_key() -> FeedKey {
    secret(1).feed_key()
}

/// One history of the example feed, with its heads by length.
#[derive(Default)]
struct History {
    records: Vec<Vec<u8>>,
    links: Vec<Hash>,
    heads: BTreeMap<u64, Head>,
    leaves: BTreeMap<u64, Vec<u8>>,
}

impl Pieces for History {
    type Error = Infallible;

    fn node(&self, _: Node) -> Result<Option<Hash>, Infallible> {
        Ok(None)
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

impl History {
    /// Heads at these lengths; records from `other` on are those of the other history.
    fn new(lengths: &[u64], other: u64) -> Self {
        let mut log = AuthorLog::new(secret(1));
        let mut history = Self::default();
        for length in lengths {
            while log.length() < *length {
                let index = log.length();
                let body = if index < other {
                    history.body(index)
                } else {
                    item(&format!("Other {index}"))
                };
                let salt = [u8::try_from(index % 256).unwrap(); 16];
                let time = START + index * MINUTE;
                let record = record::write(&Record { time, salt, body }, index).unwrap();
                let (_, link) = log.append(record.clone()).unwrap();
                history.records.push(record);
                history.links.push(link);
            }
            let batch = log.sign(START + length * MINUTE).unwrap();
            history.leaves.extend(batch.leaves().iter().cloned());
            let head = batch.head().unwrap().clone();
            history.heads.insert(*length, head);
        }
        history
    }

    fn at(&self, index: usize) -> Reference {
        Reference {
            feed: None,
            index: u64::try_from(index).unwrap(),
            link: self.links[index],
        }
    }

    fn body(&self, index: u64) -> Body {
        match index {
            0 => Body::Profile(Box::new(Profile {
                name: "Ana".into(),
                recovery: Some(Hash::of(secret(2).feed_key().as_bytes())),
                ..Profile::default()
            })),
            1 => Body::Item(Box::new(sea("Evening sea", None))),
            2 => Body::Item(Box::new(sea("Evening sea, Madeira", Some(self.at(1))))),
            3 => item("A mistake"),
            4 => Body::Retract(Retract {
                target: self.at(3),
                reason: Some("wrong title".into()),
            }),
            later => item(&later.to_string()),
        }
    }

    fn answer(&self, length: u64, have: u64) -> Vec<u8> {
        let answer = chain::prove_head(&self.heads[&length], have, self)
            .unwrap()
            .unwrap();
        chain::check_head(&feed_key(), &answer, have).unwrap();
        answer
    }

    fn bundle(&self, length: u64, from: u64, slots: &[Slot<'_>]) -> Vec<u8> {
        let wire = bundle::prove(&self.heads[&length], from, slots, self)
            .unwrap()
            .unwrap();
        bundle::check(&feed_key(), &wire).unwrap();
        wire
    }
}

fn item(title: &str) -> Body {
    Body::Item(Box::new(Item {
        title: title.into(),
        ..Item::default()
    }))
}

fn sea(title: &str, edits: Option<Reference>) -> Item {
    let file = File {
        hash: Hash::of(b"the sea\n"),
        size: 8,
        media_type: "text/plain".into(),
        role: Role::Main,
        name: None,
        duration: None,
        width: None,
        height: None,
        codecs: None,
        language: None,
        blurhash: None,
    };
    Item {
        title: title.into(),
        path: Some("sea.txt".into()),
        files: vec![file],
        edits,
        ..Item::default()
    }
}

fn succession(root: Hash) -> Succession {
    let body = SuccessionBody {
        feed: feed_key(),
        recovery: secret(2).feed_key(),
        next: secret(3).feed_key(),
        length: 5,
        root,
        time: START + 10 * MINUTE,
    };
    Succession::sign(&secret(2), &secret(3), &body).unwrap()
}

/// The author's file after its first append.
fn author_file(history: &History) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed");
    let mut file = AuthorFile::create(&path, &feed_key()).unwrap();
    file.append(&[&history.records[0]], &[], &history.heads[&1])
        .unwrap();
    std::fs::read(path).unwrap()
}

/// The frame of record 3, which others keep back, in a file that took it over.
fn author_file_link(history: &History) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed");
    let (feed, head) = (feed_key(), &history.heads[&5]);
    let end = AuthorFile::make_again::<AuthorError>(&path, &feed, head, |to| {
        for (index, record) in history.records[..5].iter().enumerate() {
            match index {
                3 => to.put(Part::Link(history.links[3]))?,
                _ => to.put(Part::Record(record))?,
            }
        }
        Ok(())
    });
    assert_eq!(end.unwrap().length, 5);
    let bytes = std::fs::read(path).unwrap();
    let mut log = AuthorLog::new(secret(1));
    let replayed =
        AuthorFile::open(
            &folder.path().join("feed"),
            &feed,
            None,
            &mut |frame| match frame {
                Frame::Record(bytes) => log.replay(bytes.to_vec()).unwrap(),
                Frame::Link(link) => log.replay_link(link).unwrap(),
                Frame::Head(head, _) => drop(log.replay_head(&head).unwrap()),
                Frame::Blob(_) => {}
            },
        );
    replayed.unwrap();
    let payload = bytes.windows(32).position(|at| at == history.links[3].0);
    let start = payload.unwrap() - 5;
    bytes[start..start + 5 + 32 + 8].to_vec()
}

/// Every block by its name.
fn blocks(history: &History, other: &History) -> BTreeMap<String, Vec<u8>> {
    let head = &history.heads[&5];
    let slots = [
        Slot::Retracted(history.links[3], 4),
        Slot::Record(&history.records[4]),
    ];
    let fork = ForkProof::of_lists(&other.heads[&3], head, history)
        .unwrap()
        .unwrap();
    let leaf = chain::leaves_of(&[39..40]);
    let pairs = tree::prove(history, Shape::of_list(100), &leaf)
        .unwrap()
        .unwrap();
    let mut blocks = BTreeMap::from([
        ("head-5".to_owned(), head.wire().to_vec()),
        ("answer-5-have-3".to_owned(), history.answer(5, 3)),
        ("bundle-5-3".to_owned(), history.bundle(5, 3, &slots)),
        ("fork-b".to_owned(), fork.wire().to_vec()),
        ("pairs-100-leaf-1".to_owned(), pairs),
        (
            "succession".to_owned(),
            succession(head.body().root).wire().to_vec(),
        ),
    ]);
    blocks.insert("static-marker".to_owned(), static_layout::write_marker());
    blocks.insert("author-file-1".to_owned(), author_file(history));
    blocks.insert("author-file-link".to_owned(), author_file_link(history));
    for index in [0, 1, 2, 4] {
        blocks.insert(format!("record-{index}"), history.records[index].clone());
    }
    blocks
}

/// Texts that a page shows, each with its page.
fn texts(history: &History, other: &History) -> Vec<(&'static str, String)> {
    let head = history.heads[&5].body().clone();
    let link = Link {
        index: Some(1),
        first: Some(First::of(&head.first)),
        via: vec!["http://192.0.2.1:9327".into()],
        name: Some("Ana".into()),
        ..Link::to(feed_key())
    };
    let blob: Vec<u8> = (0..40_000_u32)
        .map(|byte| u8::try_from(byte % 251).unwrap())
        .collect();
    let piece = tree::hash_piece(Shape::of_blob(40_000).unwrap(), 0, &blob).unwrap();
    let short = |hash: &Hash| format!("`{}…", &hash.to_string()[..8]);
    let mut texts = vec![
        ("key.md", feed_key().to_string()),
        ("key.md", Hash(*feed_key().as_bytes()).to_string()),
        ("link.md", link.to_string()),
        ("list.md", head.root.to_string()),
        ("slice.md", history.heads[&40].body().root.to_string()),
        ("slice.md", piece.hash.to_string()),
        ("fork.md", short(&history.heads[&3].body().root)),
        ("fork.md", short(&other.heads[&3].body().root)),
        (
            "wire.md",
            Hash::of(history.heads[&5].wire()).to_string()[..32].to_owned(),
        ),
    ];
    texts.extend(
        history.links[..5]
            .iter()
            .map(|link| ("list.md", link.to_string())),
    );
    let (hashes, _) = piece.pairs.as_chunks::<32>();
    texts.extend(
        hashes
            .iter()
            .map(|hash| ("slice.md", Hash(*hash).to_string())),
    );
    texts
}

fn pages() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec"))
}

/// The blocks of a page: name and hex digits.
fn blocks_of(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("```hex ") {
            let inside = lines.by_ref().take_while(|line| *line != "```");
            let hex = inside.flat_map(|line| line.split(';').next().unwrap_or("").chars());
            blocks.push((
                name.to_owned(),
                hex.filter(|char| !char.is_whitespace()).collect(),
            ));
        }
    }
    blocks
}

#[test]
fn every_example_of_the_spec_is_what_this_implementation_makes() {
    let history = History::new(&[1, 3, 5, 40, 100], u64::MAX);
    let other = History::new(&[3], 2);
    let made = blocks(&history, &other);
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(pages()).unwrap() {
        let path = entry.unwrap().path();
        // Files that stay on one machine have examples of their own kinds: store.rs.
        if path.extension().is_none_or(|ending| ending != "md") || path.ends_with("store.md") {
            continue;
        }
        for (name, shown) in blocks_of(&std::fs::read_to_string(&path).unwrap()) {
            let bytes = made.get(&name).unwrap_or_else(|| panic!("what is {name}?"));
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(shown, hex, "{name} in {}", path.display());
            seen.push(name);
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, made.into_keys().collect::<Vec<_>>());
    for (page, text) in texts(&history, &other) {
        let shown = std::fs::read_to_string(pages().join(page)).unwrap();
        assert!(shown.contains(&text), "{text} in {page}");
    }
}

#[test]
fn every_must_stands_once_on_the_page_of_its_noun() {
    let mut stated = Vec::new();
    for entry in std::fs::read_dir(pages()).unwrap() {
        let path = entry.unwrap().path();
        let noun = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // The rules of that page are about our own disk, not about bytes from outside.
        if path.extension().is_none_or(|ending| ending != "md") || noun == "store" {
            continue;
        }
        let page = std::fs::read_to_string(&path).unwrap();
        for line in page.lines() {
            let id = line
                .strip_prefix("- **")
                .and_then(|rest| Some(rest.split_once("**")?.0));
            if let Some(id) = id.filter(|id| id.starts_with(&format!("{noun}-"))) {
                stated.push(id.to_owned());
            }
        }
    }
    stated.sort();
    let all = Reject::MUSTS.iter().chain(Unreadable::MUSTS);
    let mut due: Vec<String> = all.map(|id| (*id).to_owned()).collect();
    due.sort();
    assert_eq!(stated, due);
}
