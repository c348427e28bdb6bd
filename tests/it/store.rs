//! spec/store.md beside the code: its examples are what is written, and its rules are those that the code cites.

use levada_feed::hash::Hash;
use levada_feed::head::{Head, HeadBody};
use levada_feed::key::FeedSecret;
use levada_feed::link::Link;
use levada_feed::tree::{self, Shape};
use levada_peer::io::blobs::{Blobs, Mode};
use levada_peer::io::disk::Disk;
use levada_peer::io::heads::HeadsFile;
use levada_peer::pins::Pins;
use levada_peer::settings::Settings;
use levada_peer::sources::Sources;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn page() -> String {
    std::fs::read_to_string(root().join("spec/store.md")).unwrap()
}

/// The lines of a block of the page.
fn block(name: &str) -> String {
    let page = page();
    let start = format!("```{name}\n");
    let block = page.split_once(&start).unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

fn hex(block: &str) -> String {
    let digits = block.lines().flat_map(|line| line.split(';').next());
    digits.flat_map(str::split_whitespace).collect()
}

/// A node's blobs, and 40,000 bytes with their hash, outboard and the blob's shape.
fn example(folder: &Path) -> (Blobs, Vec<u8>, Hash, Vec<u8>) {
    let disk = Arc::new(Disk::open(&folder.join("store")).unwrap());
    let bytes: Vec<u8> = (0..40_000_u32)
        .map(|byte| u8::try_from(byte % 251).unwrap())
        .collect();
    let shape = Shape::of_blob(40_000).unwrap();
    let piece = tree::hash_piece(shape, 0, &bytes).unwrap();
    let blobs = Blobs::open(&folder.join("blobs"), disk).unwrap();
    (blobs, bytes, piece.hash, piece.pairs)
}

fn file_of(folder: &Path, hash: &Hash, ending: &str) -> Vec<u8> {
    let hex = hash.to_string();
    let path = format!("blobs/{}/{}/{hex}{ending}", &hex[..2], &hex[2..4]);
    std::fs::read(folder.join(path)).unwrap()
}

#[test]
fn part_and_reference_files_are_those_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, bytes, hash, pairs) = example(folder.path());
    let partial = blobs
        .begin(&hash, 40_000, &pairs[..64], &bytes[32_768..])
        .unwrap();
    partial.note().unwrap();
    let part: String = file_of(folder.path(), &hash, ".part")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex(&block("hex part")), part);
    blobs.drop_blob(&hash).unwrap();
    let path = folder.path().join("Música 1.mp3");
    std::fs::write(&path, &bytes).unwrap();
    blobs
        .import(&path, Mode::InPlace, &|_| (), &|| false)
        .unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&file_of(folder.path(), &hash, ".ref")).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&block("json ref")).unwrap();
    let (written, shown) = (written.as_object().unwrap(), shown.as_object().unwrap());
    assert!(written.keys().eq(shown.keys()));
    assert_eq!(written["size"], shown["size"]);
    for name in [&written["path"], &shown["path"]] {
        assert!(name.as_str().unwrap().ends_with("/M%C3%BAsica 1.mp3"));
    }
    assert_eq!(file_of(folder.path(), &hash, ".obao"), pairs);
}

#[test]
fn heads_and_sources_files_are_those_of_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let secret = FeedSecret::from_bytes(&[1; 32]);
    let body = HeadBody {
        feed: secret.feed_key(),
        first: Hash::of(b"first"),
        length: 7,
        bytes: 900,
        media: 40_000,
        root: Hash::of(b"root"),
        time: 1_767_225_600_000,
    };
    let path = folder.path().join("heads");
    let mut heads = HeadsFile::open(&path).unwrap();
    heads.put(&Head::sign(&secret, body)).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(block("text heads"), written);
    let link = Link {
        name: Some("Ana".into()),
        ..Link::to(secret.feed_key())
    };
    let mut sources = Sources::default();
    let via = ["http://192.0.2.1:9327".to_owned()];
    sources
        .add(&link, &via, Some("days:30"), None, 1_767_225_600_000)
        .unwrap();
    assert_eq!(block("toml sources"), sources.write_over("").unwrap());
    assert_eq!(Sources::read(&block("toml sources")), Ok(sources));
}

#[test]
fn settings_are_those_of_the_page() {
    let shown = Settings::read(&block("toml settings")).unwrap();
    assert_eq!(shown.limits.up, Some(2 << 20));
    let page = page();
    for (name, _) in shown.list() {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    let text = block("toml settings") + "unknown = 1\n";
    let error = Settings::read(&text).unwrap_err().to_string();
    assert!(
        error.contains("line 6") && error.contains("unknown"),
        "{error}"
    );
}

#[test]
fn pins_file_is_that_of_the_page() {
    let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
    let mut pins = Pins::default();
    pins.add(&feed, Some(3), 1_767_225_600_000);
    pins.drop_feed(&feed, 3);
    assert_eq!(block("toml pins"), pins.write().unwrap());
    assert_eq!(Pins::read(&block("toml pins")), Ok(pins));
}

/// Ids like `store-3` in a text.
fn ids(text: &str) -> BTreeSet<String> {
    let parts = text.split("store-").skip(1);
    let numbers = parts.map(|part| part.chars().take_while(char::is_ascii_digit).collect());
    let numbers = numbers.filter(|number: &String| !number.is_empty());
    numbers.map(|number| format!("store-{number}")).collect()
}

#[test]
fn every_rule_of_the_page_is_cited_where_it_is_kept() {
    let stated: BTreeSet<String> = page()
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split_once("**"))
        .map(|(id, _)| id.to_owned())
        .collect();
    let mut cited = BTreeSet::new();
    let mut folders = vec![root().join("peer/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                cited.extend(ids(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert_eq!(cited, stated);
}
