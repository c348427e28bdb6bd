//! Lists and slices.

use super::judge::{Facts, bytes_of, hash_of, key_of, number_of};
use levada_feed::chain;
use levada_feed::codec;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::reject::Reject;
use levada_feed::tree::{self, GrowingList, LeafVerifier, Node, Pieces, Shape};
use levada_tests::vectors::Vector;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

pub(super) fn list(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    match vector.header("form").unwrap() {
        "links" => Ok(links(vector, body)),
        "answer" => answer(vector, body),
        "whole" => {
            let head = Head::check(&bytes_of(vector, "head"))?;
            let (links, rest) = body.as_chunks::<32>();
            assert!(rest.is_empty());
            chain::check_list(&head, links.iter().map(|link| Hash(*link)))?;
            Ok(Vec::new())
        }
        "record" => {
            let before = vector.header("before").map(|_| hash_of(vector, "before"));
            let (feed, index) = (key_of(vector, "feed"), number_of(vector, "index"));
            let link = hash_of(vector, "link");
            chain::check_record(&feed, index, before.as_ref(), &link, body)?;
            Ok(Vec::new())
        }
        "roots" => {
            roots(body);
            Ok(Vec::new())
        }
        "slices" => {
            slices(body);
            Ok(Vec::new())
        }
        "extensions" => {
            extensions(body);
            Ok(Vec::new())
        }
        other => panic!("no form {other}"),
    }
}

fn links(vector: &Vector, body: &[u8]) -> Facts {
    let feed = key_of(vector, "feed");
    let (mut list, mut last) = (GrowingList::new(), None);
    let mut facts = Vec::new();
    for record in codec::read_array(body).unwrap() {
        let record = codec::read_bytes(record).unwrap();
        let link = match &last {
            Some(last) => chain::link_next(last, record),
            None => chain::link_first(&feed, record),
        };
        list.push(link);
        facts.push(("link", link.to_string()));
        last = Some(link);
    }
    facts.push(("root", list.root().to_string()));
    facts
}

fn answer(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    let have = number_of(vector, "have");
    let answer = chain::check_head(&key_of(vector, "feed"), body, have)?;
    let said = answer.head.body();
    let mut facts = vec![
        ("length", said.length.to_string()),
        ("root", said.root.to_string()),
    ];
    let last = chain::hash_in(&answer.proven, said.length - 1);
    facts.push(("last", last.unwrap().to_string()));
    if (1..said.length).contains(&have) {
        let root = chain::root_at(&answer.proven, have).unwrap();
        facts.push(("old-root", root.to_string()));
    }
    Ok(facts)
}

/// The list of the tables, as a store has it.
#[derive(Default)]
struct Stored {
    nodes: BTreeMap<Node, Hash>,
    leaves: BTreeMap<u64, Vec<u8>>,
}

impl Stored {
    /// The list, and its root at each of its lengths up to this one.
    fn of(length: u64) -> (Self, Vec<Hash>) {
        let (mut list, mut roots) = (GrowingList::new(), vec![Hash::of(b"")]);
        for index in 0..length {
            list.push(Hash::of(&index.to_le_bytes()));
            roots.push(list.root());
        }
        let changed = list.take_changed();
        let stored = Self {
            nodes: changed.nodes.into_iter().collect(),
            leaves: changed.leaves.into_iter().collect(),
        };
        (stored, roots)
    }

    /// Pairs and leaves for these hashes under a length.
    fn slice(&self, length: u64, hashes: &[Range<u64>]) -> (Vec<u8>, Vec<u8>) {
        let leaves = chain::leaves_of(hashes);
        let Ok(pairs) = tree::prove(self, Shape::of_list(length), &leaves);
        let Ok(bytes) = chain::leaf_bytes(self, length, &leaves);
        (pairs.unwrap(), bytes.unwrap())
    }
}

impl Pieces for Stored {
    type Error = Infallible;
    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }
    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

fn rows(body: &[u8]) -> Vec<Vec<&str>> {
    let table = std::str::from_utf8(body).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    assert!(!rows.is_empty());
    rows
}

fn number(cell: &str) -> u64 {
    cell.parse().unwrap()
}

/// The longest length of the tables.
const LONGEST: u64 = 16_385;

fn roots(body: &[u8]) {
    let (_, roots) = Stored::of(LONGEST);
    for row in rows(body) {
        let length = usize::try_from(number(row[0])).unwrap();
        assert_eq!(roots[length].to_string(), row[1], "{length}");
    }
}

/// Checks a proof against a row: the number of its pairs, and the hash of all its bytes.
fn check_sum((pairs, leaves): &(Vec<u8>, Vec<u8>), count: &str, sum: &str) {
    assert_eq!((pairs.len() / 64).to_string(), count);
    let joined = [pairs.as_slice(), leaves].concat();
    assert_eq!(Hash::of(&joined).to_string(), sum);
}

fn slices(body: &[u8]) {
    let (stored, roots) = Stored::of(LONGEST);
    for row in rows(body) {
        let (length, index) = (number(row[0]), number(row[1]));
        let slice = stored.slice(length, std::slice::from_ref(&(index..index + 1)));
        check_sum(&slice, row[2], row[3]);
        let leaves = chain::leaves_of(std::slice::from_ref(&(index..index + 1)));
        let root = &roots[usize::try_from(length).unwrap()];
        let proven = tree::check_slice(root, Shape::of_list(length), &leaves, &slice.0, &slice.1);
        let hash = chain::hash_in(&proven.unwrap(), index);
        assert_eq!(hash, Some(Hash::of(&index.to_le_bytes())));
    }
}

fn extensions(body: &[u8]) {
    let (stored, roots) = Stored::of(LONGEST);
    for row in rows(body) {
        let (old, new) = (number(row[0]), number(row[1]));
        let root = roots[usize::try_from(new).unwrap()];
        let (old_hash, new_hash) = (old - 1..old, new - 1..new);
        for (hashes, count, sum) in [
            (vec![old_hash.clone()], row[3], row[4]),
            (vec![old_hash, new_hash], row[5], row[6]),
        ] {
            let slice = stored.slice(new, &hashes);
            check_sum(&slice, count, sum);
            let leaves = chain::leaves_of(&hashes);
            let shape = Shape::of_list(new);
            let proven = tree::check_slice(&root, shape, &leaves, &slice.0, &slice.1).unwrap();
            let folded = chain::root_at(&proven, old).unwrap();
            assert_eq!(folded.to_string(), row[2], "{old} in {new}");
            assert_eq!(folded, roots[usize::try_from(old).unwrap()]);
        }
    }
}

pub(super) fn slice(vector: &Vector, body: &[u8]) -> Result<Facts, Reject> {
    let form = vector.header("form").unwrap();
    if form == "outboards" {
        outboards(body);
        return Ok(Vec::new());
    }
    let cut = usize::try_from(number_of(vector, "pairs-bytes")).unwrap();
    let (pairs, bytes) = body.split_at(cut);
    let (from, to) = (number_of(vector, "from"), number_of(vector, "to"));
    match form {
        "list" => {
            let shape = Shape::of_list(number_of(vector, "length"));
            let leaves = shape.leaves_of(from * 32..to * 32)?;
            let root = hash_of(vector, "root");
            tree::check_slice(&root, shape, &[leaves], pairs, bytes)?;
        }
        "blob" => {
            let shape = Shape::of_blob(number_of(vector, "size"))?;
            let leaves = shape.leaves_of(from..to)?;
            let one = std::slice::from_ref(&leaves);
            let proven = tree::check_pairs(&hash_of(vector, "hash"), shape, one, pairs)?;
            let mut verifier = LeafVerifier::new(&proven, leaves.clone());
            let mut verified = Vec::new();
            for portion in bytes.chunks(1000) {
                verifier.push(portion, &mut |_, part| verified.extend_from_slice(part))?;
            }
            verifier.finish()?;
            assert_eq!(verified, bytes);
            if body == vector.body {
                // All at once it is the same verdict.
                tree::check_slice(&hash_of(vector, "hash"), shape, one, pairs, bytes)?;
            }
        }
        other => panic!("no form {other}"),
    }
    Ok(Vec::new())
}

fn outboards(body: &[u8]) {
    for row in rows(body) {
        let size = usize::try_from(number(row[0])).unwrap();
        let mut blob = vec![0; size];
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"levada blob").finalize_xof().fill(&mut blob);
        let (hash, pairs) = import(&blob);
        assert_eq!(hash.to_string(), row[1], "{size}");
        check_sum(&(pairs, Vec::new()), row[2], row[3]);
    }
}

/// Hash and outboard of a blob, by pieces.
fn import(blob: &[u8]) -> (Hash, Vec<u8>) {
    let shape = Shape::of_blob(u64::try_from(blob.len()).unwrap()).unwrap();
    let mut outboard = vec![0; usize::try_from(shape.pairs() * 64).unwrap()];
    let mut put = |position: u64, pairs: &[u8]| {
        let at = usize::try_from(position * 64).unwrap();
        outboard[at..at + pairs.len()].copy_from_slice(pairs);
    };
    let piece_bytes = usize::try_from(tree::PIECE_LEAVES * 16_384).unwrap();
    let pieces: Vec<&[u8]> = if blob.is_empty() {
        vec![blob]
    } else {
        blob.chunks(piece_bytes).collect()
    };
    let mut hashes = Vec::new();
    for (piece, nth) in pieces.into_iter().zip(0..) {
        let piece = tree::hash_piece(shape, nth, piece).unwrap();
        put(piece.position, &piece.pairs);
        hashes.push(piece.hash);
    }
    let (hash, pairs) = tree::join_pieces(shape, &hashes).unwrap();
    for (position, pair) in pairs {
        put(position, &pair);
    }
    (hash, outboard)
}
