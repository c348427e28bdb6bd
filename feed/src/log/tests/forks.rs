//! Two histories of one key: found, proven, and told from what is none.

use super::*;

#[test]
fn every_kind_of_fork_is_found_and_its_proof_stands_alone() {
    for (ours_length, theirs_length) in [(40, 40), (40, 100), (1300, 600), (600, 1300)] {
        let (_, mine) = author(ours_length);
        let (mut followed, mut ours) = follower(&mine);
        for start in (0..ours_length).step_by(100) {
            let range = start..(start + 100).min(ours_length);
            let Verdict::Accepted(batch) = followed
                .accept_bundle(&mine.bundle(range.clone()).unwrap(), &range, &ours)
                .unwrap()
            else {
                panic!("own bundle")
            };
            ours.commit(&batch);
        }
        // The same start, then another history.
        let (mut log, mut theirs) = author(35);
        grow(&mut log, &mut theirs, theirs_length, "other");
        let verdict = followed
            .accept_head(&theirs.head_answer(ours_length).unwrap(), &ours, 0)
            .unwrap();
        let Verdict::Fork(proof) = verdict else {
            panic!("{ours_length} {theirs_length}: {verdict:?}")
        };
        assert_eq!(ForkProof::check(proof.wire()).as_ref(), Ok(proof.as_ref()));
        let last = theirs_length - 1..theirs_length;
        let bundle = theirs.bundle(last.clone()).unwrap();
        let verdict = followed.accept_bundle(&bundle, &last, &ours).unwrap();
        assert!(!matches!(verdict, Verdict::Accepted(_)), "{verdict:?}");
    }
}

#[test]
fn started_anew_is_a_fork_by_its_first_alone() {
    let (_, mine) = author(3);
    let (mut followed, ours) = follower(&mine);
    let (mut log, mut theirs) = (AuthorLog::new(secret()), Memory::default());
    grow(&mut log, &mut theirs, 9, "thief");
    let Verdict::Fork(proof) = followed
        .accept_head(&theirs.head_answer(3).unwrap(), &ours, 0)
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(ForkProof::check(proof.wire()).as_ref(), Ok(proof.as_ref()));
    assert_eq!(proof.shorter(), mine.head().unwrap());
}

#[test]
fn what_is_no_fork_is_refused_as_one() {
    let (mut log, mut store) = author(40);
    let old = store.head().unwrap().clone();
    grow(&mut log, &mut store, 90, "r");
    assert_eq!(
        ForkProof::of_lists(&old, store.head().unwrap(), &store),
        Ok(None)
    );
    assert!(ForkProof::of_heads(&old, store.head().unwrap()).is_none());
    let other = HeadBody {
        root: Hash::of(b"x"),
        ..old.body().clone()
    };
    let other = Head::sign(&secret(), other);
    let proof = ForkProof::of_heads(&old, &other).unwrap();
    let mut wrong = crate::codec::Writer::new();
    wrong
        .array(5)
        .uint(1)
        .bytes(proof.longer().wire())
        .bytes(proof.shorter().wire())
        .bytes(&[])
        .bytes(&[]);
    assert_eq!(ForkProof::check(&wrong.finish()), Err(Reject::ForkOrder));
    let mut wrong = crate::codec::Writer::new();
    wrong
        .array(5)
        .uint(1)
        .bytes(old.wire())
        .bytes(store.head().unwrap().wire())
        .bytes(&[])
        .bytes(&[]);
    assert_eq!(
        ForkProof::check(&wrong.finish()).unwrap_err().must(),
        "slice-1"
    );
}

#[test]
fn contradicting_head_is_a_fork_whatever_comes_with_it() {
    let (_, mine) = author(40);
    let (mut followed, ours) = follower(&mine);
    let (mut log, mut theirs) = author(35);
    grow(&mut log, &mut theirs, 40, "other");
    let other = HeadBody {
        first: Hash::of(b"no record"),
        ..theirs.head().unwrap().body().clone()
    };
    theirs.head = Some(Head::sign(&secret(), other));
    let (mut answer, mut bundle) = (
        theirs.head_answer(40).unwrap(),
        theirs.bundle(0..2).unwrap(),
    );
    for wire in [&mut answer, &mut bundle] {
        *wire.last_mut().unwrap() ^= 1;
    }
    let verdict = followed.accept_head(&answer, &ours, 0).unwrap();
    assert!(matches!(verdict, Verdict::Fork(_)), "{verdict:?}");
    let verdict = followed.accept_bundle(&bundle, &(0..2), &ours).unwrap();
    assert!(matches!(verdict, Verdict::Fork(_)), "{verdict:?}");
}
