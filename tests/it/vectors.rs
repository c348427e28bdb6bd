//! The vectors of spec/vectors: each is judged as it says, and they are complete.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod feeds;
mod judge;
mod lists;
mod static_host;
mod wire;

use judge::{Judged, judge};
use levada_tests::musts;
use levada_tests::vectors::{self, Expect, Vector, index};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Vectors with fewer flips than this are flipped in each bit of a byte, others in one.
const ALL_BITS_BELOW: usize = 300;

fn checked_in() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for noun in entries(&levada_tests::vectors_folder()) {
        if !noun.is_dir() {
            continue;
        }
        for file in entries(&noun) {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let noun = noun.file_name().unwrap().to_str().unwrap();
            let vector = Vector::parse(noun, name, &std::fs::read(&file).unwrap());
            vectors.push(vector.unwrap_or_else(|| panic!("{} has another form", file.display())));
        }
    }
    assert!(!vectors.is_empty());
    vectors
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_vector_is_judged_as_it_says() {
    let mut wrong = Vec::new();
    for vector in checked_in() {
        let judged = judge(&vector, &vector.body);
        if judged.refused != index::broken(&vector) {
            let (path, got, why) = (vector.path(), judged.refused, &vector.why);
            wrong.push(format!("{path}: got {got:?}: {why}"));
        }
        check_facts(&vector, &judged);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every header that is not an input has the value that was found, as often and in the order in which it was found.
fn check_facts(vector: &Vector, judged: &Judged) {
    let inputs = judge::inputs(vector);
    let mut expected: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in &vector.headers {
        if !inputs.contains(&name.as_str()) {
            expected.entry(name).or_default().push(value);
        }
    }
    for (name, values) in expected {
        let found = judged.facts.iter().filter(|(fact, _)| *fact == name);
        let found: Vec<&str> = found.map(|(_, value)| value.as_str()).collect();
        assert_eq!(found, values, "{}: {name}", vector.path());
    }
}

fn check_flips(is_chosen: fn(&str) -> bool) {
    let mut count = 0;
    for vector in checked_in() {
        if !is_chosen(&vector.noun) {
            continue;
        }
        let flips = vector.flips().unwrap();
        for at in &flips {
            let bits = if flips.len() < ALL_BITS_BELOW {
                0..8
            } else {
                at % 8..at % 8 + 1
            };
            for bit in bits {
                let mut body = vector.body.clone();
                body[*at] ^= 1 << bit;
                let judged = judge(&vector, &body);
                let path = vector.path();
                assert!(judged.refused.is_some(), "{path}: bit {bit} of byte {at}");
                count += 1;
            }
        }
    }
    assert!(count > 0);
}

#[test]
fn every_listed_flip_of_a_whole_feed_is_refused() {
    check_flips(|noun| noun == "feed");
}

#[test]
fn every_listed_flip_of_a_bundle_is_refused() {
    check_flips(|noun| noun == "bundle");
}

#[test]
fn every_listed_flip_of_a_list_is_refused() {
    check_flips(|noun| noun == "list");
}

#[test]
fn every_other_listed_flip_is_refused() {
    check_flips(|noun| !matches!(noun, "feed" | "bundle" | "list"));
}

#[test]
fn generator_makes_the_files_that_are_checked_in() {
    let again = "; run `cargo run -p levada-tests --bin make-vectors`";
    let made = vectors::all();
    let folder = levada_tests::vectors_folder();
    for vector in &made {
        let file = std::fs::read(folder.join(vector.path())).unwrap_or_default();
        assert!(file == vector.render(), "{} differs{again}", vector.path());
    }
    let made: BTreeSet<String> = made.iter().map(Vector::path).collect();
    let found: BTreeSet<String> = checked_in().iter().map(Vector::path).collect();
    assert_eq!(made, found, "other files than those made{again}");
    let page = index::page(&vectors::all(), &musts::all(), musts::REASONS);
    let file = std::fs::read_to_string(folder.join("INDEX.md")).unwrap_or_default();
    assert!(page == file, "INDEX.md differs{again}");
}

#[test]
fn vectors_are_well_formed_few_enough_and_mostly_refused() {
    let vectors = checked_in();
    let mut whys = BTreeSet::new();
    let mut bytes = 0;
    for vector in &vectors {
        let path = vector.path();
        assert!(vector.flips().is_some(), "{path}: flip");
        assert!(
            vector.why.ends_with(['.', '?']),
            "{path}: why is a sentence"
        );
        let same = (vector.noun.clone(), vector.why.clone());
        assert!(whys.insert(same), "{path}: its reason is another vector's");
        bytes += vector.render().len();
    }
    assert!(bytes < 3_000_000, "{bytes} bytes");
    let accepted = vectors
        .iter()
        .filter(|vector| vector.expect == Expect::Accept);
    assert!(accepted.count() * 2 < vectors.len());
}

#[test]
fn every_must_has_a_vector_or_a_reason() {
    let vectors = checked_in();
    let shown: BTreeSet<&str> = vectors.iter().filter_map(index::broken).collect();
    let known = musts::all();
    for must in &shown {
        assert!(known.contains(must), "{must} is no MUST of the code");
    }
    for must in known
        .into_iter()
        .chain(of_the_pages().iter().map(String::as_str))
    {
        let has_reason = musts::REASONS.iter().any(|(id, _)| *id == must);
        assert!(shown.contains(must) != has_reason, "{must}");
    }
}

/// The ids of all MUSTs in spec/*.md, which are written `**head-3**`. Those of store.md are about our own
/// disk, so no vector can break them; store.rs sees that the code cites them.
fn of_the_pages() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for page in entries(&levada_tests::vectors_folder().join("..")) {
        if page.extension().is_none_or(|extension| extension != "md") || page.ends_with("store.md")
        {
            continue;
        }
        let text = std::fs::read_to_string(&page).unwrap();
        ids.extend(
            text.split("**")
                .skip(1)
                .step_by(2)
                .filter(|word| is_id(word))
                .map(str::to_owned),
        );
    }
    ids
}

fn is_id(word: &str) -> bool {
    word.split_once('-').is_some_and(|(noun, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && !noun.is_empty() && noun.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

#[test]
fn generator_does_not_use_what_it_judges() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![folder.join("vectors.rs"), folder.join("vectors")];
    while let Some(file) = files.pop() {
        if file.is_dir() {
            files.extend(entries(&file));
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        let uses = ["levada_feed::", "levada_peer::"];
        let is_independent = !uses.iter().any(|used| source.contains(used));
        assert!(is_independent, "{}", file.display());
    }
}
