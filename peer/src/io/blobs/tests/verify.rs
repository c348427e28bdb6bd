use super::*;
use crate::io::blobs::{DamageKind, Look, Looked};
use std::sync::atomic::{AtomicU64, Ordering};

const SIZE: usize = (4 << 20) + 70_000;

/// Looks from a leaf on, and nobody is told.
fn from(from: u64) -> Look<'static> {
    Look {
        from,
        reading: &|_| (),
        noting: &|_| Ok(()),
        reached: &|_| Ok(()),
        stopping: &never,
    }
}

fn look(place: &Place, hash: &Hash) -> Looked {
    place.blobs.look(hash, from(0)).unwrap()
}

fn in_place(place: &Place, hash: &Hash) -> Option<PathBuf> {
    place.blobs.state(hash).unwrap()?.in_place
}

#[track_caller]
fn check_damage(place: &Place, hash: &Hash, kind: DamageKind, bytes: u64) -> PathBuf {
    match look(place, hash) {
        Looked::Damaged(damage) => {
            assert_eq!((damage.kind, damage.bytes), (kind, bytes), "{damage:?}");
            damage.path
        }
        other => panic!("{other:?}"),
    }
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn imported(place: &Place, mode: Mode) -> (PathBuf, Original) {
    let original = Original::new(SIZE);
    let file = place.file("file", &original.bytes);
    assert_eq!(place.import(&file, mode).unwrap().hash, original.hash);
    (file, original)
}

#[test]
fn flipped_byte_costs_its_leaf_and_the_rest_is_held() {
    // The last leaf decides about the size, the first piece and the last one are of different sizes.
    for at in [0, 20_000, (4 << 20) + 1, SIZE as u64 - 1] {
        let place = Place::new();
        let (file, original) = imported(&place, Mode::Copy);
        assert_eq!(look(&place, &original.hash), Looked::Whole);
        let paths = place.paths(&original.hash);
        flip(&paths.data, at);
        let leaf = at / 16_384;
        let range = original.shape.leaf_bytes(leaf);
        if leaf + 1 == original.shape.leaves() {
            check_damage(&place, &original.hash, DamageKind::Cut, 0);
            assert!(place.blobs.fits(&original.hash, SIZE as u64).unwrap());
            let settled = place.blobs.settle(&original.hash, SIZE as u64).unwrap();
            assert_eq!(settled, range.end - range.start);
        } else {
            let wrong = range.end - range.start;
            let path = check_damage(&place, &original.hash, DamageKind::Rot, wrong);
            assert_eq!(path, paths.data);
        }
        let held = place.blobs.state(&original.hash).unwrap().unwrap().held;
        let mut expected = Runs::of(0..original.shape.leaves());
        expected.remove(leaf..leaf + 1);
        assert_eq!(held, Held::Partial(expected));
        let reader = place.blobs.open_blob(&original.hash).unwrap().unwrap();
        assert!(!reader.holds(&range) && reader.read(range).is_err());
        // What was published is a good source.
        let missing = place.blobs.mend_from(&original.hash, &file, &never);
        assert_eq!(missing.unwrap(), 0);
        assert_eq!(look(&place, &original.hash), Looked::Whole);
        assert_eq!(fs::read(&paths.data).unwrap(), original.bytes);
    }
}

#[test]
fn file_that_was_cut_is_settled_by_the_size_that_a_record_tells() {
    let place = Place::new();
    let (_, original) = imported(&place, Mode::Copy);
    let paths = place.paths(&original.hash);
    let cut = 100_000;
    fs::File::options()
        .write(true)
        .open(&paths.data)
        .unwrap()
        .set_len(cut)
        .unwrap();
    check_damage(&place, &original.hash, DamageKind::Cut, 0);
    assert!(!place.blobs.fits(&original.hash, 5 << 30).unwrap());
    assert!(place.blobs.fits(&original.hash, SIZE as u64).unwrap());
    let wrong = place.blobs.settle(&original.hash, SIZE as u64).unwrap();
    assert_eq!(wrong, SIZE as u64 - cut / 16_384 * 16_384);
    original.check_read(&place.blobs, 0..cut / 16_384);
}

#[test]
fn proofs_that_rot_are_made_again_from_good_bytes() {
    for mode in [Mode::Copy, Mode::InPlace] {
        for at in [0, 64, 255 * 64 + 3] {
            let place = Place::new();
            let (_, original) = imported(&place, mode);
            let outboard = place.paths(&original.hash).outboard;
            flip(&outboard, at);
            check_damage(&place, &original.hash, DamageKind::Proofs, 0);
            assert_eq!(fs::read(&outboard).unwrap(), original.outboard);
            assert_eq!(look(&place, &original.hash), Looked::Whole);
        }
    }
    let place = Place::new();
    let (_, original) = imported(&place, Mode::Copy);
    fs::remove_file(place.paths(&original.hash).outboard).unwrap();
    check_damage(&place, &original.hash, DamageKind::Proofs, 0);
    assert_eq!(look(&place, &original.hash), Looked::Whole);
}

#[test]
fn rot_in_a_partial_blob_costs_its_leaves_and_survives_a_restart() {
    let place = Place::new();
    let original = Original::new(SIZE);
    let partial = original.begin(&place.blobs);
    original.fill(&partial, 2..200);
    partial.complete().unwrap();
    assert_eq!(look(&place, &original.hash), Looked::Whole);
    flip(&place.paths(&original.hash).data, 5 * 16_384);
    check_damage(&place, &original.hash, DamageKind::Rot, 16_384);
    drop(partial);
    let place = place.reopen();
    let held = place.blobs.state(&original.hash).unwrap().unwrap().held;
    let mut expected = Runs::of(2..200);
    expected.remove(5..6);
    expected.insert(original.shape.leaves() - 1..original.shape.leaves());
    assert_eq!(held, Held::Partial(expected));
}

#[test]
fn file_in_place_that_rots_or_changes_is_told_and_becomes_a_copy_once_good_bytes_are_there() {
    let place = Place::new();
    let (file, original) = imported(&place, Mode::InPlace);
    assert_eq!(look(&place, &original.hash), Looked::Whole);
    let good = place.file("good", &original.bytes);
    let times = fs::metadata(&file).unwrap().modified().unwrap();
    flip(&file, 20_000);
    let path = check_damage(&place, &original.hash, DamageKind::Changed, SIZE as u64);
    assert_eq!(path, file);
    // Rot changes no time.
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(times)
        .unwrap();
    check_damage(&place, &original.hash, DamageKind::InPlace, SIZE as u64);
    // A file without good bytes mends nothing, and what is good in place is kept.
    let nothing = place.file("nothing", b"");
    let missing = place.blobs.mend_from(&original.hash, &nothing, &never);
    assert_eq!(missing.unwrap(), 16_384);
    let missing = place.blobs.mend_from(&original.hash, &good, &never);
    assert_eq!(missing.unwrap(), 0);
    assert_eq!(look(&place, &original.hash), Looked::Whole);
    assert!(in_place(&place, &original.hash).is_none());
}

#[test]
fn crash_while_a_file_in_place_becomes_a_copy_loses_no_reference() {
    let place = Place::new();
    let (_, original) = imported(&place, Mode::InPlace);
    let paths = place.paths(&original.hash);
    drop(Partial::begin_empty(&paths, original.hash, original.shape).unwrap());
    let place = place.reopen();
    assert_eq!(look(&place, &original.hash), Looked::Absent);
    assert_eq!(look(&place, &original.hash), Looked::Whole);
    assert!(in_place(&place, &original.hash).is_some());
}

#[test]
fn stopped_look_says_so_and_blobs_of_all_roots_are_listed_once() {
    let place = Place::new();
    let (_, original) = imported(&place, Mode::Copy);
    let stopped = Look {
        stopping: &|| true,
        ..from(0)
    };
    let looked = place.blobs.look(&original.hash, stopped).unwrap();
    assert_eq!(looked, Looked::Stopped);
    Original::of(bytes(50_000, 7)).begin(&place.blobs);
    let mut listed: Vec<Hash> = place.blobs.large().map(Result::unwrap).collect();
    assert_eq!(listed.len(), 2);
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), 2);
}

/// Looks until so many bytes were read; gives what that came to and from which leaf on it goes on.
fn look_until(place: &Place, hash: &Hash, first: u64, bytes: u64) -> (Looked, u64, u64) {
    let (read, next) = (AtomicU64::new(0), AtomicU64::new(first));
    let look = Look {
        reading: &|some| {
            read.fetch_add(some, Ordering::Relaxed);
        },
        reached: &|leaf| {
            next.store(leaf, Ordering::Relaxed);
            Ok(())
        },
        stopping: &|| read.load(Ordering::Relaxed) >= bytes,
        ..from(first)
    };
    let looked = place.blobs.look(hash, look).unwrap();
    (looked, next.into_inner(), read.into_inner())
}

#[test]
fn look_that_was_stopped_within_a_blob_goes_on_there() {
    for (mode, is_part) in [
        (Mode::Copy, false),
        (Mode::InPlace, false),
        (Mode::Copy, true),
    ] {
        let place = Place::new();
        let original = Original::new(3 * SIZE);
        let size = 3 * SIZE as u64;
        let file = place.file("file", &original.bytes);
        place.import(&file, mode).unwrap();
        if is_part {
            flip(&place.paths(&original.hash).data, 20_000);
            check_damage(&place, &original.hash, DamageKind::Rot, 16_384);
        }
        let (looked, next, read) = look_until(&place, &original.hash, 0, 1);
        assert!(next > 0 && read < size, "{next} {read}");
        if !is_part {
            assert_eq!(looked, Looked::Stopped);
        }
        let place = place.reopen();
        let (looked, next, rest) = look_until(&place, &original.hash, next, u64::MAX);
        assert_eq!((looked, next), (Looked::Whole, original.shape.leaves()));
        let due = if is_part { size - 16_384 } else { size };
        assert_eq!(read + rest, due, "nothing is read twice");
    }
}

#[test]
fn rot_on_both_sides_of_a_stop_is_found() {
    let place = Place::new();
    let original = Original::new(3 * SIZE);
    let file = place.file("file", &original.bytes);
    place.import(&file, Mode::Copy).unwrap();
    let data = place.paths(&original.hash).data;
    let late = 2 * SIZE as u64;
    flip(&data, 5);
    flip(&data, late);
    let (looked, next, _) = look_until(&place, &original.hash, 0, 1);
    assert_eq!(looked, Looked::Stopped);
    let place = place.reopen();
    let (looked, ..) = look_until(&place, &original.hash, next, u64::MAX);
    let Looked::Damaged(damage) = looked else {
        panic!("{looked:?}")
    };
    assert_eq!((damage.kind, damage.bytes), (DamageKind::Rot, 16_384));
    let held = place.blobs.state(&original.hash).unwrap().unwrap().held;
    let mut expected = Runs::of(0..original.shape.leaves());
    expected.remove(0..1);
    let leaf = late / 16_384;
    expected.remove(leaf..leaf + 1);
    assert_eq!(held, Held::Partial(expected));
}
