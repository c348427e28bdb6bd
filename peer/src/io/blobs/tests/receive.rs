//! Verified windows: what comes is believed once it verifies, and can be read while the rest comes.

mod crashed;

use super::*;

/// A blob of 80 leaves, partly here: leaves 10..40 and the last one.
fn partly(place: &Place) -> (Original, Arc<Partial>) {
    let original = Original::new(80 * 16_384 - 5);
    let partial = original.begin(&place.blobs);
    original.fill(&partial, 10..40);
    (original, partial)
}

fn held(place: &Place, original: &Original) -> Option<Runs> {
    let state = place.blobs.state(&original.hash).unwrap();
    state.map(|state| match state.held {
        Held::Partial(runs) => {
            assert_eq!(state.size, original.size());
            runs
        }
        Held::Complete => panic!("complete"),
    })
}

fn runs(parts: &[Range<u64>]) -> Runs {
    let mut runs = Runs::new();
    parts.iter().for_each(|part| runs.insert(part.clone()));
    runs
}

/// Everything that is said to be here is right, and can be proven.
fn check_all(place: &Place, original: &Original) {
    let Some(held) = held(place, original) else {
        return;
    };
    for run in held.iter() {
        original.check_read(&place.blobs, run);
    }
}

#[test]
fn blobs_of_every_size_come_together_from_windows() {
    let place = Place::new();
    for size in SIZES {
        let original = Original::new(size);
        let partial = original.begin(&place.blobs);
        for start in (0..original.leaves()).step_by(100) {
            for gap in partial.missing(start..original.leaves().min(start + 100)) {
                original.fill(&partial, gap);
            }
        }
        assert!(partial.complete().unwrap(), "{size}");
        let state = place.blobs.state(&original.hash).unwrap().unwrap();
        assert_eq!((state.size, state.held), (size as u64, Held::Complete));
        let paths = place.paths(&original.hash);
        assert_eq!(fs::read(&paths.data).unwrap(), original.bytes);
        assert_eq!(fs::read(&paths.outboard).unwrap(), original.outboard);
        assert!(!paths.part.exists());
    }
    let place = place.reopen();
    let original = Original::new(SIZES[6]);
    original.check_read(&place.blobs, 3..20);
}

#[test]
fn nothing_is_made_before_the_size_is_proven() {
    let place = Place::new();
    let original = Original::new(100_000);
    let (pairs, leaf) = (
        original.pairs(original.last()),
        original.part(original.last()).to_vec(),
    );
    let mut wrong_pairs = pairs.clone();
    wrong_pairs[5] ^= 1;
    let mut wrong_leaf = leaf.clone();
    wrong_leaf[5] ^= 1;
    let size = original.size();
    for (size, pairs, leaf) in [
        (size + 1, &pairs, &leaf),
        (size - 1, &pairs, &leaf),
        (size + 16_384, &pairs, &leaf),
        (1 << 44, &pairs, &leaf),
        ((1 << 44) + 1, &pairs, &leaf),
        (u64::MAX, &pairs, &leaf),
        (0, &pairs, &leaf),
        (size, &wrong_pairs, &leaf),
        (size, &pairs[64..].to_vec(), &leaf),
        (size, &[&pairs[..], &[0; 64]].concat(), &leaf),
        (size, &pairs, &wrong_leaf),
        (size, &pairs, &leaf[1..].to_vec()),
        (size, &pairs, &vec![]),
    ] {
        let refused = place.blobs.begin(&original.hash, size, pairs, leaf);
        assert!(matches!(refused, Err(ReceiveError::Rejected(_))), "{size}");
    }
    assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
    assert!(place.blobs.resume(&original.hash).unwrap().is_none());
}

#[test]
fn wrong_leaf_is_refused_and_what_came_before_it_is_kept() {
    let place = Place::new();
    let original = Original::new(80 * 16_384);
    let partial = original.begin(&place.blobs);
    let pairs = original.pairs(0..20);
    for portion in [1_000, 16_384, 70_000, 20 * 16_384] {
        let mut data = original.part(0..20).to_vec();
        data[7 * 16_384 + 100] ^= 1;
        let mut window = partial.window(0..20, &pairs).unwrap();
        let outcome: Result<(), ReceiveError> =
            data.chunks(portion).try_for_each(|part| window.push(part));
        let Err(ReceiveError::Rejected(reject)) = outcome else {
            panic!("{portion}: {outcome:?}")
        };
        assert_eq!(reject.must(), "slice-4");
        assert_eq!(partial.held(), runs(&[0..7, 79..80]), "{portion}");
    }
    check_all(&place, &original);
    let data = fs::read(place.paths(&original.hash).data).unwrap();
    assert_eq!(
        data[7 * 16_384..8 * 16_384],
        [0; 16_384],
        "nothing wrong is written"
    );
}

#[test]
fn windows_with_wrong_pairs_or_bytes_too_few_or_many_are_refused() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    let mut pairs = original.pairs(40..50);
    let at = pairs.len() - 3;
    pairs[at] ^= 1;
    let before = fs::read(place.paths(&original.hash).outboard).unwrap();
    for (leaves, pairs) in [
        (40..50, pairs.clone()),
        (40..50, pairs[64..].to_vec()),
        (40..50, vec![]),
        (40..51, original.pairs(40..50)),
        (79..81, original.pairs(79..80)),
        (50..50, vec![]),
        (u64::MAX - 1..u64::MAX, vec![]),
    ] {
        let refused = partial.window(leaves, &pairs);
        assert!(matches!(refused, Err(ReceiveError::Rejected(_))));
    }
    assert_eq!(
        fs::read(place.paths(&original.hash).outboard).unwrap(),
        before
    );
    let mut window = partial.window(40..42, &original.pairs(40..42)).unwrap();
    window.push(&original.part(40..42)[..20_000]).unwrap();
    assert!(matches!(window.finish(), Err(ReceiveError::Rejected(_))));
    let mut window = partial.window(41..42, &original.pairs(41..42)).unwrap();
    assert!(window.push(original.part(41..43)).is_err());
    assert_eq!(partial.held(), runs(&[10..42, 79..80]));
}

#[test]
fn partial_copy_serves_what_it_has_and_nothing_else() {
    let place = Place::new();
    let (original, _partial) = partly(&place);
    let reader = place.blobs.open_blob(&original.hash).unwrap().unwrap();
    let leaf = 16_384;
    for good in [
        10 * leaf..40 * leaf,
        10 * leaf + 1..10 * leaf + 2,
        79 * leaf..80 * leaf - 5,
        500..500,
    ] {
        assert!(reader.holds(&good));
        let bytes = &original.bytes[good.start as usize..good.end as usize];
        assert_eq!(reader.read(good).unwrap(), bytes);
    }
    let last = original.size();
    for bad in [
        0..1,
        10 * leaf - 1..10 * leaf + 5,
        39 * leaf..40 * leaf + 1,
        0..last,
        79 * leaf..last + 1,
        u64::MAX - 1..u64::MAX,
        Range { start: 5, end: 3 },
    ] {
        assert!(!reader.holds(&bad), "{bad:?}");
        assert!(matches!(reader.read(bad), Err(ReadError::NotHeld)));
    }
    original.check_read(&place.blobs, 10..40);
    for leaves in [9..11, 0..1, 39..41, 79..81] {
        assert_eq!(place.blobs.pairs(&original.hash, leaves).unwrap(), None);
    }
}

#[test]
fn tasks_share_one_state_and_beginning_twice_loses_nothing() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    let again = original.begin(&place.blobs);
    assert!(Arc::ptr_eq(&partial, &again));
    assert_eq!(again.held(), runs(&[10..40, 79..80]));
    // Nobody has it open any more: what is noted counts.
    drop((partial, again));
    let again = original.begin(&place.blobs);
    assert_eq!(again.held(), runs(&[10..40, 79..80]));
    for gap in again.missing(0..80) {
        original.fill(&again, gap);
    }
    assert!(again.complete().unwrap());
    // Who comes late, with the proof of the size in hand, finds it complete.
    let late = original.begin(&place.blobs);
    assert!(late.missing(0..80).is_empty() && late.complete().unwrap());
    let state = place.blobs.state(&original.hash).unwrap().unwrap();
    assert_eq!(state.held, Held::Complete);
    original.check_read(&place.blobs, 0..80);
}

#[test]
fn many_tasks_fill_one_blob_together() {
    let place = Place::new();
    let original = Original::new(300 * 16_384 + 1);
    std::thread::scope(|scope| {
        for start in (0..300).step_by(10) {
            let (place, original) = (&place, &original);
            scope.spawn(move || {
                let partial = original.begin(&place.blobs);
                original.fill(&partial, start..start + 10);
            });
        }
    });
    let partial = place.blobs.resume(&original.hash).unwrap().unwrap();
    assert!(partial.complete().unwrap());
    original.check_read(&place.blobs, 0..301);
}

#[test]
fn asking_for_a_partial_blob_writes_nothing() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    assert!(!partial.complete().unwrap());
    drop(partial);
    let place = place.reopen();
    let paths = place.paths(&original.hash);
    let stamp = |path: &Path| {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).unwrap();
        (found.ino(), found.mtime_nsec(), found.len())
    };
    let before = [
        stamp(&paths.part),
        stamp(&paths.data),
        stamp(&paths.outboard),
    ];
    for _ in 0..3 {
        assert!(held(&place, &original).is_some());
        place.blobs.pairs(&original.hash, 10..12).unwrap().unwrap();
    }
    let after = [
        stamp(&paths.part),
        stamp(&paths.data),
        stamp(&paths.outboard),
    ];
    assert_eq!(after, before);
}

#[test]
fn reader_that_was_open_goes_on_when_the_blob_is_completed() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    let reader = place.blobs.open_blob(&original.hash).unwrap().unwrap();
    for gap in partial.missing(0..80) {
        original.fill(&partial, gap);
    }
    assert!(partial.complete().unwrap());
    assert_eq!(reader.read(0..original.size()).unwrap(), original.bytes);
}

#[test]
fn blob_that_is_being_opened_keeps_those_of_other_locks_from_nothing() {
    let place = Place::new();
    let (one, other) = (Original::new(50_000), Original::new(60_000));
    let lock = |original: &Original| usize::from(original.hash.0[0]) % OPENINGS;
    assert_ne!(lock(&one), lock(&other));
    let _opening = place.blobs.opening(&one.hash);
    let partial = other.begin(&place.blobs);
    other.fill(&partial, 0..other.leaves() - 1);
    assert!(partial.complete().unwrap());
}
