//! Hash lists: chains of links, tables of roots and folds for the lengths where trees change, and head answers.

use super::cbor::{array, bytes, to_hex};
use super::history::History;
use super::oracle::{Hash, Leaf, hash, leaves_of, slice, table_hash, table_list};
use super::sign::Author;
use super::{Shelf, Vector, answers};
use std::fmt::Write;

/// Lengths around those where a leaf or a subtree fills up.
const LENGTHS: [u64; 17] = [
    1, 2, 31, 32, 33, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025, 16_383, 16_384, 16_385,
];

pub(crate) fn vectors() -> Vec<Vector> {
    let mut shelf = Shelf::new("list");
    links(&mut shelf);
    tables(&mut shelf);
    whole_lists(&mut shelf);
    records(&mut shelf);
    answers::taken(&mut shelf);
    answers::refused(&mut shelf);
    shelf.done()
}

fn links(shelf: &mut Shelf) {
    #[rustfmt::skip]
    let cases = [
        ("links-1", 1, "The first link hash is over the feed key and record 0."),
        ("links-3", 3, "Each further one is over the one before it and the record."),
        ("links-40", 40, "Forty records: their links fill one leaf of the list and begin another."),
    ];
    for (name, length, why) in cases {
        let history = History::of(1, length, "item");
        let records: Vec<_> = history.records.iter().map(|record| bytes(record)).collect();
        let vector = shelf.accept(name, why, array(&records));
        vector
            .with("form", "links")
            .with("feed", to_hex(&history.author.key()));
        for link in &history.links {
            vector.with("link", to_hex(link));
        }
        vector.with("root", to_hex(&history.root(length)));
    }
    let mut empty = History::new(1);
    empty.push(Vec::new());
    empty.push(Vec::new());
    shelf
        .accept(
            "links-of-empty-records",
            "A record of no bytes still has a link hash: of the hash before it alone.",
            array(&[bytes(&[]), bytes(&[])]),
        )
        .with("form", "links")
        .with("feed", to_hex(&empty.author.key()))
        .with("link", to_hex(&empty.link(0)))
        .with("link", to_hex(&empty.link(1)))
        .with("root", to_hex(&empty.root(2)));
}

/// A list against a head, without any proof.
fn whole_lists(shelf: &mut Shelf) {
    let history = History::of(1, 40, "item");
    let head = to_hex(&history.head(40));
    let list = history.list(40);
    let mut swapped = list.clone();
    swapped[96..160].rotate_left(32);
    let void = to_hex(&answers::false_first(&history, 40));
    shelf
        .accept(
            "whole",
            "All hashes of a list: their plain hash is the root.",
            list.clone(),
        )
        .with("form", "whole")
        .with("head", &head)
        .flip_all();
    #[rustfmt::skip]
    let cases = [
        ("whole-swapped", "list-1", "Two hashes changed places.", swapped, &head),
        ("whole-short", "head-6", "The last hash is missing.", list[..39 * 32].to_vec(), &head),
        ("whole-long", "head-6", "A hash too many.", [list.as_slice(), &[0; 32]].concat(), &head),
        ("whole-empty", "head-6", "No hashes.", Vec::new(), &head),
        ("whole-false-first", "list-3", "The head's first is not the first hash: the head is void.", list, &void),
    ];
    for (name, must, why, body, head) in cases {
        shelf
            .refuse(name, must, why, body)
            .with("form", "whole")
            .with("head", head);
    }
}

/// One record against its link hash.
fn records(shelf: &mut Shelf) {
    let history = History::of(1, 3, "item");
    let describe = |vector: &mut Vector, index: u64, before: Option<&Hash>, link: &Hash| {
        vector
            .with("form", "record")
            .with("feed", to_hex(&history.author.key()))
            .with("index", index);
        if let Some(before) = before {
            vector.with("before", to_hex(before));
        }
        vector.with("link", to_hex(link));
    };
    let links = &history.links;
    let vector = shelf.accept(
        "record-0",
        "Record 0 is hashed behind the feed key.",
        history.records[0].clone(),
    );
    describe(vector, 0, None, &links[0]);
    vector.flip_all();
    let vector = shelf.accept(
        "record-2",
        "Record 2 is hashed behind the link hash of record 1.",
        history.records[2].clone(),
    );
    describe(vector, 2, Some(&links[1]), &links[2]);
    vector.flip_all();
    let alone = hash(&history.records[2]);
    let behind_key = hash(&[history.author.key().as_slice(), &history.records[2]].concat());
    let behind = hash(&[history.records[2].as_slice(), &links[1]].concat());
    #[rustfmt::skip]
    let cases = [
        ("record-other-before", "Hashed behind another link hash.", &links[0], &links[2]),
        ("record-hashed-alone", "The plain hash of the record in the place of its link hash.", &links[1], &alone),
        ("record-hashed-behind-the-key", "A record other than 0, hashed behind the feed key.", &links[1], &behind_key),
        ("record-hashed-before", "The record stands before the hash and not behind it.", &links[1], &behind),
    ];
    for (name, why, before, link) in cases {
        let vector = shelf.refuse(name, "list-2", why, history.records[2].clone());
        describe(vector, 2, Some(before), link);
    }
    let other = hash(&[Author::new(2).key().as_slice(), &history.records[0]].concat());
    let vector = shelf.refuse(
        "record-0-of-other-feed",
        "list-2",
        "Record 0, hashed behind another key: a record cannot move to another feed.",
        history.records[0].clone(),
    );
    describe(vector, 0, None, &other);
}

fn tables(shelf: &mut Shelf) {
    let roots = LENGTHS.map(|length| (length, hash(&table_list(length))));
    let mut table = String::new();
    for (length, root) in &roots {
        line(&mut table, format_args!("{length} {}", to_hex(root)));
    }
    let why = "The root of a list is the plain hash of its hashes in a row.";
    shelf
        .accept("roots", why, table.into())
        .with("form", "roots")
        .with("columns", "length root");
    let why = "The slice of one hash, for the first, the middle and the last of each length.";
    shelf
        .accept("slices", why, slices().into())
        .with("form", "slices")
        .with("columns", "length index pairs hash-of-pairs-and-leaf");
    let why = "For each pair of lengths: the slice of the old last hash under the new root, which folds to the old \
               root, and the slice of a head's answer.";
    let columns = "old new old-root pairs hash-of-pairs-and-leaf answer-pairs hash-of-answer-pairs-and-leaves";
    shelf
        .accept("extensions", why, extensions(&roots).into())
        .with("form", "extensions")
        .with("columns", columns);
}

fn slices() -> String {
    let mut table = String::new();
    for length in LENGTHS {
        let list = table_list(length);
        let mut indices = vec![0, length / 2, length - 1];
        indices.dedup();
        for index in indices {
            let proof = slice(&list, Leaf::List, &[leaves_of(index..index + 1, 32)]);
            let mut hashes = proof.leaves.chunks(32);
            assert!(hashes.any(|link| link == table_hash(index)));
            let (count, sum) = (proof.pairs.len() / 64, to_hex(&hash(&proof.joined())));
            line(&mut table, format_args!("{length} {index} {count} {sum}"));
        }
    }
    table
}

fn extensions(roots: &[(u64, Hash)]) -> String {
    let mut table = String::new();
    for (new, _) in roots {
        let list = table_list(*new);
        for (old, root) in roots.iter().filter(|(old, _)| old < new) {
            let old_leaf = leaves_of(old - 1..*old, 32);
            let one = slice(&list, Leaf::List, std::slice::from_ref(&old_leaf));
            let both = slice(&list, Leaf::List, &[old_leaf, leaves_of(new - 1..*new, 32)]);
            let mut row = format!("{old} {new} {}", to_hex(root));
            for proof in [one, both] {
                let sum = to_hex(&hash(&proof.joined()));
                row.push_str(&format!(" {} {sum}", proof.pairs.len() / 64));
            }
            line(&mut table, format_args!("{row}"));
        }
    }
    table
}

fn line(table: &mut String, row: std::fmt::Arguments<'_>) {
    writeln!(table, "{row}").expect("writing into memory cannot fail");
}
