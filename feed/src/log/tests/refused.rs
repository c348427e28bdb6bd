//! Answers that are refused, and records that are broken in a feed that goes on.

use super::*;

#[test]
fn every_flipped_byte_of_a_bundle_is_refused() {
    let (_, store) = author(70);
    let wire = store.bundle(33..36).unwrap();
    let feed = secret().feed_key();
    bundle::check(&feed, &wire).unwrap();
    for at in 0..wire.len() {
        let mut wrong = wire.clone();
        wrong[at] ^= 1;
        assert!(bundle::check(&feed, &wrong).is_err(), "byte {at}");
    }
}

#[test]
fn broken_link_of_the_author_harms_that_record_alone() {
    let (mut log, mut store) = author(5);
    // Record 5 is signed under a hash that its bytes do not have.
    let hashes: Vec<Hash> = (0..5)
        .map(|index| chain::hash_at(&store, index).unwrap().unwrap())
        .collect();
    let broken = Hash::of(b"not the link of record 5");
    let last = record(6, "r");
    let list = [
        hashes.clone(),
        vec![broken, chain::link_next(&broken, &last)],
    ]
    .concat();
    let bytes: Vec<u8> = list.iter().flat_map(|hash| hash.0).collect();
    grow(&mut log, &mut store, 5, "r");
    let body = HeadBody {
        length: 7,
        root: Hash::of(&bytes),
        ..store.head().unwrap().body().clone()
    };
    store.head = Some(Head::sign(&secret(), body));
    store.leaves.insert(0, bytes);
    store.records.insert(6, last);
    let feed = secret().feed_key();
    bundle::check(&feed, &store.bundle(0..7).unwrap()).unwrap();
    store.records.insert(5, record(5, "r"));
    assert_eq!(
        bundle::check(&feed, &store.bundle(4..7).unwrap())
            .unwrap_err()
            .must(),
        "slice-4"
    );
}

#[test]
fn head_that_denies_the_start_of_its_own_list_is_void_wherever_it_shows() {
    let (mut log, mut store) = author(20);
    let honest = store.head().unwrap().clone();
    grow(&mut log, &mut store, 40, "r");
    let body = HeadBody {
        first: Hash::of(b"no record"),
        ..store.head().unwrap().body().clone()
    };
    store.head = Some(Head::sign(&secret(), body.clone()));
    let feed = secret().feed_key();
    let must = |range| {
        bundle::check(&feed, &store.bundle(range).unwrap())
            .unwrap_err()
            .must()
    };
    assert_eq!(must(0..1), "list-3");
    assert_eq!(must(5..6), "list-3");
    // Its first leaf is not shown: nothing is known against it.
    bundle::check(&feed, &store.bundle(39..40).unwrap()).unwrap();
    let answer = chain::check_head(&feed, &store.head_answer(20).unwrap(), 20);
    assert_eq!(answer.unwrap_err().must(), "list-3");
    // Two heads of one `first`, of which the longer one has another list: void, and so no fork.
    let shorter = HeadBody {
        first: body.first,
        root: Hash::of(b"another list"),
        ..honest.body().clone()
    };
    let shorter = Head::sign(&secret(), shorter);
    let proof = ForkProof::of_lists(&shorter, store.head().unwrap(), &store);
    assert_eq!(proof, Ok(None));
}

#[test]
fn bundle_that_was_not_asked_for_is_refused() {
    let (_, theirs) = author(40);
    let (followed, ours) = follower(&theirs);
    let judge =
        |given, asked| followed.accept_bundle(&theirs.bundle(given).unwrap(), &asked, &ours);
    assert!(matches!(judge(5..8, 5..8), Ok(Verdict::Accepted(_))));
    assert!(matches!(judge(5..8, 5..20), Ok(Verdict::Accepted(_))));
    for asked in [4..8, 6..8, 5..7, 0..5] {
        let Err(Failed::Rejected(reject)) = judge(5..8, asked) else {
            panic!("a stray bundle")
        };
        assert_eq!(reject.must(), "list-5");
    }
}

#[test]
fn answers_of_more_than_5_mib_are_refused_before_they_are_read() {
    let feed = secret().feed_key();
    let (_, store) = author(3);
    for wire in [store.bundle(0..3).unwrap(), store.head_answer(0).unwrap()] {
        let padded = |size: usize| [wire.as_slice(), &vec![0; size - wire.len()]].concat();
        let must = |wire: &[u8]| {
            let reject = if wire[0] == 0x86 {
                bundle::check(&feed, wire).map(drop)
            } else {
                chain::check_head(&feed, wire, 0).map(drop)
            };
            reject.unwrap_err().must()
        };
        assert_eq!(must(&padded(BUNDLE_BYTES_MAX)), "codec-2");
        assert_eq!(must(&padded(BUNDLE_BYTES_MAX + 1)), "bundle-7");
    }
}
