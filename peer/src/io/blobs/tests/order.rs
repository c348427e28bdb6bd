//! What is made durable before what: nothing has its name before its bytes are on the disk, and no leaf is believed without.

use super::*;
use crate::io::fault::{Form, Plan};

/// What was done to the files of one blob, in order: `F` is its folder and `B` its name.
fn order_of(place: &Place, hash: &Hash, work: impl FnOnce()) -> Vec<String> {
    let paths = place.paths(hash);
    let counted = Plan::count(&place.root());
    work();
    let folder = paths.folder.strip_prefix(place.root()).unwrap();
    let folder = folder.to_str().unwrap();
    let of_blob = counted.order().into_iter().filter_map(|step| {
        let (what, path) = match step.strip_prefix("sync ") {
            Some(path) => ("sync ", path),
            None => ("", step.as_str()),
        };
        let below = path.strip_prefix(folder)?.replace(&hash.to_string(), "B");
        Some(format!("{what}F{below}"))
    });
    of_blob.collect()
}

#[test]
fn imported_blob_is_on_the_disk_before_it_has_its_name() {
    let original = Original::new(100_000);
    for (mode, last) in [
        (
            Mode::Copy,
            ["sync F/B.obao", "sync F/B", "F/B.obao", "F/B"].as_slice(),
        ),
        (
            Mode::InPlace,
            &[
                "sync F/B.obao",
                "F/B.obao",
                "F/B.ref",
                "sync F/B.ref",
                "F/B.ref",
            ],
        ),
    ] {
        let place = Place::new();
        let path = place.file("file", &original.bytes);
        let order = order_of(&place, &original.hash, || {
            place.import(&path, mode).unwrap();
        });
        // Made, and durable itself, before anything is in it.
        assert_eq!(order[..2], ["F", "sync F"], "{mode:?}");
        let rest = [last, &["sync F"]].concat();
        assert_eq!(order[2..], rest, "{mode:?}");
    }
}

#[test]
fn blob_that_comes_has_its_note_before_its_first_byte_and_loses_it_after_the_last_sync() {
    let place = Place::new();
    let original = Original::new(100_000);
    let mut partial = None;
    let order = order_of(&place, &original.hash, || {
        partial = Some(original.begin(&place.blobs));
    });
    let note = ["F", "F/B.part", "F/B.part", "sync F"];
    assert_eq!(order[..4], note, "{order:?}");
    assert!(order[4..].contains(&"F/B".to_owned()), "{order:?}");

    let partial = partial.unwrap();
    original.fill(&partial, 0..3);
    let order = order_of(&place, &original.hash, || {
        assert!(!partial.complete().unwrap());
    });
    let synced = ["sync F/B", "sync F/B.obao", "sync F"];
    // It says that these leaves are on the disk.
    assert_eq!(order, [&synced[..], &["F/B.part", "F/B.part"]].concat());

    original.fill(&partial, 3..7);
    let order = order_of(&place, &original.hash, || {
        assert!(partial.complete().unwrap());
    });
    assert_eq!(order, [&synced[..], &["F/B.part", "sync F"]].concat());
}

#[test]
fn exported_file_is_on_the_disk_before_it_has_its_name() {
    let place = Place::new();
    let original = Original::new(100_000);
    let path = place.file("file", &original.bytes);
    place.import(&path, Mode::InPlace).unwrap();
    let to = place.folder.path().join("out");
    let counted = Plan::count(&to);
    place.blobs.export(&original.hash, &to, &never).unwrap();
    assert_eq!(counted.order(), ["", "", "sync ", ""]);
}

#[test]
fn outboard_that_is_made_again_is_on_the_disk_before_it_has_its_name() {
    let place = Place::new();
    let original = Original::new(100_000);
    let path = place.file("file", &original.bytes);
    place.import(&path, Mode::Copy).unwrap();
    let paths = place.paths(&original.hash);
    let source = fs::File::open(&path).unwrap();
    let order = order_of(&place, &original.hash, || {
        let (shape, root) = (original.shape, &place.root());
        let made = crate::io::blobs::import::hash_again(&source, shape, root, &paths.outboard);
        assert_eq!(made.unwrap(), original.hash);
    });
    assert_eq!(order, ["sync F/B.obao", "F/B.obao"]);
}

#[test]
fn outboard_that_cannot_be_linked_is_on_the_disk_before_it_is_given_out() {
    let place = Place::new();
    let original = Original::new(100_000);
    let path = place.file("file", &original.bytes);
    place.import(&path, Mode::Copy).unwrap();
    let to = place.folder.path().join("placed");
    // The link, or the name of shared blocks, is the first step there.
    let planned = Plan::fail(&to, 0, Form::NotWritten);
    let placed = place
        .blobs
        .place_outboard(&original.hash, original.shape, &to);
    placed.unwrap();
    assert_eq!(planned.order(), ["", "", "sync "]);
    assert_eq!(fs::read(&to).unwrap(), original.outboard);
}
