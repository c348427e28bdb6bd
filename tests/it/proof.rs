//! Proofs travel as files, forks are found, kept and passed on.

use levada_peer::api::{Answer, Call, Checked, Code, Publish, State};
use levada_tests::{TestNode, noise};
use std::path::Path;

fn published(node: &TestNode, files: &[(&str, u64)]) {
    for (name, seed) in files {
        node.write(name, &noise(*seed, 40_000));
    }
    let _ = node.publish(&[&node.files()]).answer();
}

fn feed_of(node: &TestNode) -> String {
    match node.call(Call::KeyShow { feed: None }).answer() {
        Answer::Key(key) => key.feed.to_string(),
        other => panic!("{other:?}"),
    }
}

fn check(node: &TestNode, file: &Path) -> Result<Checked, Code> {
    let call = Call::Check {
        file: file.to_owned(),
    };
    match node.call(call).result {
        Ok(Answer::Checked(checked)) => Ok(*checked),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure.code),
    }
}

#[test]
fn record_proven_on_one_machine_is_checked_on_another_and_every_flipped_byte_refused() {
    let (author, other) = (TestNode::new(), TestNode::new());
    published(&author, &[("a.bin", 1), ("b.bin", 2), ("c.bin", 3)]);
    let file = author.files().join("proof");
    let prove = Call::Prove {
        target: format!("{}/2", feed_of(&author)),
        output: Some(file.clone()),
    };
    let _ = author.call(prove).answer();
    let Ok(Checked::Bundle { head, records, .. }) = check(&other, &file) else {
        panic!("the proof does not check")
    };
    assert_eq!((head.length, records.len()), (4, 1));
    assert_eq!((records[0].index, records[0].state), (2, State::Readable));
    let bytes = std::fs::read(&file).unwrap();
    let flipped = other.files().join("flipped");
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0x10;
        std::fs::write(&flipped, wrong).unwrap();
        assert_eq!(
            check(&other, &flipped).map(|_| ()),
            Err(Code::NotVerified),
            "byte {at}"
        );
    }
    std::fs::write(&flipped, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(check(&other, &flipped).map(|_| ()), Err(Code::NotVerified));
}

#[test]
fn two_histories_under_one_key_are_found_kept_as_proof_and_the_feed_stays_readable() {
    let (author, copy, follower) = (TestNode::new(), TestNode::new(), TestNode::new());
    published(&author, &[("a.bin", 1)]);
    levada_tests::copy_all(&author.data_dir(), &copy.data_dir());
    published(&author, &[("b.bin", 2)]);
    copy.write("c.bin", &noise(3, 40_000));
    copy.write("d.bin", &noise(4, 40_000));
    assert_eq!(copy.publish(&[&copy.files()]).failure().code, Code::Denied);
    let insisting = Publish {
        paths: vec![copy.files()],
        insist: true,
        ..Publish::default()
    };
    let _ = copy.call(Call::Publish(Box::new(insisting))).answer();
    let feed = feed_of(&author);
    {
        let serving = author.serve();
        let _ = follower.follow(serving.link(), None).answer();
    }
    let serving = copy.serve();
    let failure = follower.follow(serving.link(), None).failure();
    assert_eq!(failure.code, Code::NotVerified);
    let show = Call::Show {
        target: feed.clone(),
        history: false,
    };
    let Answer::Feed(shown) = follower.call(show).answer() else {
        panic!("no feed")
    };
    let (shorter, longer) = shown.fork.expect("the feed is disputed");
    // The author wrote b; the copy wrote c and d, and what it had published before is retracted from neither.
    assert_eq!((shorter.length, longer.length), (3, 4));
    assert_eq!(
        shown.head.map(|head| head.root),
        Some(shorter.root),
        "the feed stays at the highest head verified before"
    );
    let ls = Call::Ls {
        feed: Some(feed.clone()),
        limit: 10,
        all: false,
    };
    let Answer::Items { items } = follower.call(ls).answer() else {
        panic!("no items")
    };
    assert!(items.len() == 2 && items.iter().all(|item| item.state == State::Readable));

    // The proof stands alone: whoever gets the file can check it.
    let kept = levada_tests::find(&follower.data_dir(), &format!("{feed}.fork"))
        .expect("the proof is kept");
    assert!(matches!(check(&copy, &kept), Ok(Checked::Fork { .. })));
}

#[test]
fn restored_key_without_its_authors_file_begins_no_second_history_whoever_insists() {
    let (author, other) = (TestNode::new(), TestNode::new());
    published(&author, &[("a.bin", 1)]);
    let backup = author.files().join("backup.pem");
    let back_up = Call::KeyBackup {
        feed: None,
        output: backup.clone(),
    };
    let _ = author.call(back_up).answer();
    let restore = Call::KeyRestore {
        file: backup,
        name: None,
        is_unused: false,
        title: None,
    };
    let _ = other.call(restore).answer();
    let insisting = || {
        Call::Publish(Box::new(Publish {
            paths: vec![other.write("b.bin", &noise(2, 40_000))],
            insist: true,
            ..Publish::default()
        }))
    };
    assert_eq!(other.call(insisting()).failure().code, Code::Denied);
    let file = levada_tests::find(&author.data_dir(), "main.feed").expect("the author's file");
    std::fs::copy(file, other.data_dir().join("keys/main.feed")).unwrap();
    let Answer::Published(summary) = other.call(insisting()).answer() else {
        panic!("nothing was published")
    };
    assert_eq!(summary.head.map(|head| head.length), Some(3));
}

#[test]
fn disputed_feed_takes_no_new_head() {
    let (author, copy, follower) = (TestNode::new(), TestNode::new(), TestNode::new());
    published(&author, &[("a.bin", 1)]);
    levada_tests::copy_all(&author.data_dir(), &copy.data_dir());
    published(&author, &[("b.bin", 2)]);
    let insisting = Publish {
        paths: vec![copy.write("c.bin", &noise(3, 40_000))],
        insist: true,
        ..Publish::default()
    };
    let _ = copy.call(Call::Publish(Box::new(insisting))).answer();
    for node in [&author, &copy] {
        let serving = node.serve();
        let _ = follower.follow(serving.link(), None);
    }
    published(&author, &[("d.bin", 4)]);
    let serving = author.serve();
    let followed = follower.follow(serving.link(), None).answer();
    let Answer::Followed(synced) = followed else {
        panic!("{followed:?}")
    };
    assert_eq!((synced.length, synced.is_disputed), (3, true));
}

#[test]
fn record_that_was_taken_back_is_not_proven_and_its_retraction_is() {
    let author = TestNode::new();
    published(&author, &[("a.bin", 1), ("b.bin", 2)]);
    std::fs::remove_file(author.files().join("a.bin")).unwrap();
    let retracting = Publish {
        paths: vec![author.files()],
        retract_missing: true,
        ..Publish::default()
    };
    let _ = author.call(Call::Publish(Box::new(retracting))).answer();
    let feed = feed_of(&author);
    let prove = |index: u64| {
        author.call(Call::Prove {
            target: format!("{feed}/{index}"),
            output: Some(author.data_dir().join(format!("{index}.bundle"))),
        })
    };
    let failure = prove(1).failure();
    assert_eq!(failure.code, Code::NotFound);
    assert!(
        failure
            .message
            .ends_with("record 1 was taken back by record 3"),
        "{}",
        failure.message
    );
    assert!(!author.data_dir().join("1.bundle").exists());
    let _ = prove(3).answer();
}

#[test]
fn file_that_is_no_proof_or_of_a_newer_version_is_told_as_that() {
    let node = TestNode::new();
    let told = |bytes: &[u8]| {
        let file = node.write("file", bytes);
        let failure = node.call(Call::Check { file }).failure();
        assert_eq!(failure.code, Code::NotVerified);
        (failure.message, failure.hint.unwrap_or_default())
    };
    let no_proof: [&[u8]; 7] = [
        b"",
        b"the sea",
        b"\x80",
        b"\x81\x01",
        b"\x84\x01\x02\x03\x04",
        b"\x84\x01\x40\x40\x40",
        b"\x84\x01\x41\x01\x40\x40",
    ];
    for bytes in no_proof {
        let (message, _) = told(bytes);
        assert!(message.contains("no fork proof"), "{bytes:?}: {message}");
    }
    let (message, hint) = told(b"\x82\x02\x00");
    assert!(
        message.contains("needs a newer levada") && hint.contains("update"),
        "{message} {hint}"
    );
    // The first byte inside tells a head answer from a succession, whatever comes behind it.
    let (message, _) = told(b"\x84\x01\x43\x83\x18\x18\x40\x40");
    assert!(!message.contains("succession"), "{message}");
    let (message, _) = told(b"\x84\x01\x41\xa0\x40\x40");
    assert!(message.contains("succession"), "{message}");
}
