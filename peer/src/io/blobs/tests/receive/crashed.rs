//! What a crash leaves of a partial blob: each way to lose a part has its own case, and only what verifies is believed.

use super::*;

#[test]
fn kill_loses_nothing_that_was_noted_and_believes_only_what_verifies() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    let paths = place.paths(&original.hash);
    drop(partial);
    // As if a loss of power had kept the note and lost a part of the data.
    let data = fs::OpenOptions::new()
        .write(true)
        .open(&paths.data)
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&data, &[0; 16_384], 20 * 16_384).unwrap();
    let place = place.reopen();
    assert_eq!(
        held(&place, &original),
        Some(runs(&[10..20, 21..40, 79..80]))
    );
    check_all(&place, &original);
    let place = place.reopen();
    assert_eq!(
        held(&place, &original),
        Some(runs(&[10..20, 21..40, 79..80]))
    );
}

#[test]
fn leaf_that_was_found_wrong_since_it_was_synced_is_not_believed() {
    use crate::io::blobs::partial::encode_part;
    let place = Place::new();
    let (original, partial) = partly(&place);
    let paths = place.paths(&original.hash);
    drop(partial);
    let good = runs(&[10..20, 21..40, 79..80]);
    let synced = runs(&[10..40, 79..80]);
    fs::write(&paths.part, encode_part(original.size(), &synced, &good)).unwrap();
    assert_eq!(held(&place.reopen(), &original), Some(good));
}

#[test]
fn kill_before_the_first_note_keeps_the_proven_size() {
    let place = Place::new();
    let original = Original::new(80 * 16_384);
    drop(original.begin(&place.blobs));
    let place = place.reopen();
    assert_eq!(
        held(&place, &original),
        Some(runs(std::slice::from_ref(&(79..80))))
    );
}

#[test]
fn damaged_note_is_not_believed_and_everything_that_verifies_is_kept() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    let paths = place.paths(&original.hash);
    drop(partial);
    let whole = fs::read(&paths.part).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..whole.len())
        .step_by(7)
        .map(|cut| whole[..cut].to_vec())
        .collect();
    damaged.extend((0..whole.len()).step_by(5).map(|at| {
        let mut wrong = whole.clone();
        wrong[at] ^= 4;
        wrong
    }));
    let mut place = place;
    for note in damaged {
        fs::write(&paths.part, &note).unwrap();
        place = place.reopen();
        assert_eq!(held(&place, &original), Some(runs(&[10..40, 79..80])));
        assert_eq!(
            fs::read(&paths.part).unwrap().len(),
            whole.len() + 32,
            "it is noted as synced now"
        );
    }
    check_all(&place, &original);
}

#[test]
fn note_of_another_size_or_with_leaves_past_the_end_is_not_believed() {
    use crate::io::blobs::partial::encode_part;
    let place = Place::new();
    let (original, partial) = partly(&place);
    let paths = place.paths(&original.hash);
    drop(partial);
    let size = original.size();
    let all = Runs::of(0..80);
    for note in [
        encode_part(size, &Runs::of(0..81), &Runs::of(0..81)),
        encode_part(u64::MAX, &all, &all),
        encode_part(size, &Runs::new(), &all),
    ] {
        fs::write(&paths.part, note).unwrap();
        let partial = Partial::resume(&paths, original.hash, &|_| ())
            .unwrap()
            .unwrap();
        assert_eq!(partial.held(), runs(&[10..40, 79..80]));
        assert_eq!(partial.size(), size);
    }
}

#[test]
fn cut_data_file_keeps_what_is_left_of_it_under_the_proven_size() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    // Noted as synced: all the same it is not believed when the file is shorter.
    assert!(!partial.complete().unwrap());
    let paths = place.paths(&original.hash);
    drop(partial);
    let data = fs::OpenOptions::new()
        .write(true)
        .open(&paths.data)
        .unwrap();
    data.set_len(25 * 16_384 + 7).unwrap();
    let place = place.reopen();
    assert_eq!(
        held(&place, &original),
        Some(runs(std::slice::from_ref(&(10..25))))
    );
    check_all(&place, &original);
    // It goes on to the end from there.
    let partial = place.blobs.resume(&original.hash).unwrap().unwrap();
    for gap in partial.missing(0..80) {
        original.fill(&partial, gap);
    }
    assert!(partial.complete().unwrap());
    original.check_read(&place.blobs, 0..80);
}

#[test]
fn without_a_readable_note_a_size_that_the_last_leaf_does_not_prove_is_not_believed() {
    for length in [0, 16_384, 25 * 16_384, 80 * 16_384 - 6, 81 * 16_384] {
        let place = Place::new();
        let (original, partial) = partly(&place);
        let paths = place.paths(&original.hash);
        drop(partial);
        let data = fs::OpenOptions::new()
            .write(true)
            .open(&paths.data)
            .unwrap();
        data.set_len(length).unwrap();
        fs::write(&paths.part, b"").unwrap();
        let place = place.reopen();
        assert!(
            place.blobs.state(&original.hash).unwrap().is_none(),
            "{length}"
        );
        assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
        // It can be begun anew.
        original.fill(&original.begin(&place.blobs), 0..5);
        assert_eq!(held(&place, &original), Some(runs(&[0..5, 79..80])));
    }
}

#[test]
fn cut_or_lost_outboard_keeps_what_can_still_be_proven() {
    for left in [0, 10, 64, 64 * 20, 64 * 45, 64 * 79 - 1] {
        let place = Place::new();
        let (original, partial) = partly(&place);
        assert!(!partial.complete().unwrap());
        let paths = place.paths(&original.hash);
        drop(partial);
        let outboard = fs::OpenOptions::new()
            .write(true)
            .open(&paths.outboard)
            .unwrap();
        outboard.set_len(left).unwrap();
        let place = place.reopen();
        let found = held(&place, &original).unwrap_or_default();
        let provable = (10..40).chain(79..80).filter(|leaf| {
            let leaves = *leaf..leaf + 1;
            levada_feed::tree::visited(original.shape, &[leaves]).all(|at| (at + 1) * 64 <= left)
        });
        let mut expected = Runs::new();
        provable.for_each(|leaf| expected.insert(leaf..leaf + 1));
        assert_eq!(found, expected, "{left} bytes");
        check_all(&place, &original);
    }
}

#[test]
fn lost_data_file_leaves_nothing() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    drop(partial);
    fs::remove_file(place.paths(&original.hash).data).unwrap();
    let place = place.reopen();
    assert!(place.blobs.state(&original.hash).unwrap().is_none());
    assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
}

#[test]
fn what_was_synced_before_a_restart_counts_as_synced_after_the_next_note() {
    let place = Place::new();
    let (original, partial) = partly(&place);
    assert!(!partial.complete().unwrap());
    drop(partial);
    let place = place.reopen();
    let partial = place.blobs.resume(&original.hash).unwrap().unwrap();
    original.fill(&partial, 50..51);
    drop(partial);
    // Only what is checked again would be missed: of what was synced that is nothing.
    let data = fs::OpenOptions::new()
        .write(true)
        .open(&place.paths(&original.hash).data)
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&data, &[0; 16_384], 20 * 16_384).unwrap();
    let place = place.reopen();
    assert_eq!(
        held(&place, &original),
        Some(runs(&[10..40, 50..51, 79..80]))
    );
}
