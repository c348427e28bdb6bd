//! An own feed that came back from a backup, or was copied: no second history by accident, and the person is told.

mod mend;

use levada_feed::key::FeedKey;
use levada_peer::api::{
    Answer, Call, Code, Event, Failure, KeyInfo, MirrorState, Publish, PublishSummary,
};
use levada_peer::io::clock;
use levada_tests::{Outcome, TestNode, TestServe, copy_all, find, noise};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Publishes one new file.
fn publish(node: &TestNode, name: &str) -> Outcome {
    let path = node.write(name, &noise(name.len() as u64, 3_000));
    std::fs::write(&path, name.repeat(40)).unwrap();
    node.publish(&[&path])
}

fn insist(node: &TestNode, name: &str) -> Outcome {
    let path = node.write(name, name.repeat(40).as_bytes());
    node.call(Call::Publish(Box::new(Publish {
        paths: vec![path],
        insist: true,
        ..Publish::default()
    })))
}

#[track_caller]
fn summary(outcome: Outcome) -> PublishSummary {
    match outcome.answer() {
        Answer::Published(summary) => summary,
        other => panic!("{other:?}"),
    }
}

/// Length of the head after publishing.
#[track_caller]
fn length(outcome: Outcome) -> u64 {
    summary(outcome).head.map_or(0, |head| head.length)
}

fn warnings(outcome: &Outcome) -> Vec<String> {
    let texts = outcome.events.iter().filter_map(|event| match event {
        Event::Warning { message, .. } => Some(message.clone()),
        _ => None,
    });
    texts.collect()
}

fn key(node: &TestNode) -> KeyInfo {
    match node.call(Call::KeyShow { feed: None }).answer() {
        Answer::Key(info) => info,
        other => panic!("{other:?}"),
    }
}

fn add_mirror(node: &TestNode, mirror: &str) -> MirrorState {
    let call = Call::MirrorAdd {
        mirror: mirror.to_owned(),
        feed: None,
    };
    match node.call(call).answer() {
        Answer::Mirrors { mut mirrors } => mirrors.remove(0).state,
        other => panic!("{other:?}"),
    }
}

fn take_over(node: &TestNode) -> Outcome {
    node.call(Call::KeyTakeOver { feed: None })
}

fn author_file(node: &TestNode) -> PathBuf {
    find(&node.data_dir(), "main.feed").expect("there is an author's file")
}

fn replace_all(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).unwrap();
    }
    copy_all(from, to);
}

/// An author of two items, with yesterday's backup, made when there was one; and a mirror that has both.
struct Yesterday {
    author: TestNode,
    mirror: TestNode,
    backup: tempfile::TempDir,
    feed: FeedKey,
}

fn yesterday() -> Yesterday {
    let (author, mirror) = (TestNode::new(), TestNode::new());
    let feed = summary(publish(&author, "a.txt")).feed;
    let backup = tempfile::tempdir().unwrap();
    copy_all(&author.data_dir(), &backup.path().join("data"));
    assert_eq!(length(publish(&author, "b.txt")), 3);
    mirror_now(&author, &mirror);
    Yesterday {
        author,
        mirror,
        backup,
        feed,
    }
}

/// The mirror takes what the author has.
fn mirror_now(author: &TestNode, mirror: &TestNode) {
    let serving = author.serve();
    let _ = mirror.follow(serving.link(), Some("all")).answer();
}

impl Yesterday {
    fn restore(&self, to: &TestNode) {
        replace_all(&self.backup.path().join("data"), &to.data_dir());
    }
}

/// The mirror follows whoever serves now, and sees one history of this length.
#[track_caller]
fn sees_one_history(mirror: &TestNode, author: &TestNode, expected: u64) {
    let serving = author.serve();
    let followed = mirror.follow(serving.link(), Some("all")).answer();
    let Answer::Followed(synced) = followed else {
        panic!("{followed:?}")
    };
    assert_eq!((synced.length, synced.is_disputed), (expected, false));
}

fn key_mirror(node: &TestNode) -> String {
    match node.call(Call::Mirrors { feed: None }).answer() {
        Answer::Mirrors { mut mirrors } => mirrors.remove(0).mirror,
        other => panic!("{other:?}"),
    }
}

fn forget_mirror(node: &TestNode) {
    let forget = Call::MirrorRemove {
        mirror: key_mirror(node),
        feed: None,
    };
    let _ = node.call(forget).answer();
}

#[test]
fn yesterdays_backup_on_the_same_machine_or_another_takes_over_what_a_mirror_has() {
    let before = yesterday();
    for restored in [&before.author, &TestNode::new()] {
        before.restore(restored);
        let refused = publish(restored, "c.txt").failure();
        assert_eq!(refused.code, Code::Denied, "{refused:?}");
        assert!(refused.message.contains("restored or copied"));
        assert!(refused.hint.unwrap().contains("levada mirror add URL"));

        let serving = before.mirror.serve();
        assert_eq!(
            add_mirror(restored, &serving.url()),
            MirrorState::Newer { length: 3 }
        );
        // What this machine did not write comes before what it writes now; its author is told.
        let outcome = publish(restored, "b.txt");
        let told = warnings(&outcome);
        assert!(
            told[0].contains("1 record that this machine did not write was taken over"),
            "{told:?}"
        );
        let summary = summary(outcome);
        // The item of the other copy is found by its path: nothing is published twice.
        assert_eq!((summary.published, summary.unchanged), (0, 1));
        assert_eq!(summary.head.unwrap().length, 3);
        assert_eq!(key(restored).taken_over, 1);
        assert_eq!(key(restored).trouble, None);
        drop(serving);
        let outcome = publish(restored, "d.txt");
        assert_eq!(warnings(&outcome), Vec::<String>::new());
        assert_eq!(length(outcome), 4);
        // Everything is in the author's file: the store is not needed.
        let store = find(&restored.data_dir(), "store").unwrap();
        std::fs::remove_dir_all(store).unwrap();
        assert_eq!(length(publish(restored, "d.txt")), 4);
        let copy = TestNode::new();
        copy_all(&before.mirror.data_dir(), &copy.data_dir());
        sees_one_history(&copy, restored, 4);
    }
}

#[test]
fn backup_that_names_its_mirrors_asks_them_by_itself_and_needs_nothing_when_it_is_the_newest() {
    let (author, mirror, restored) = (TestNode::new(), TestNode::new(), TestNode::new());
    let _ = publish(&author, "a.txt").answer();
    mirror_now(&author, &mirror);
    let serving = mirror.serve();
    assert_eq!(add_mirror(&author, &serving.url()), MirrorState::Same);
    copy_all(&author.data_dir(), &restored.data_dir());
    assert!(key(&restored).trouble.is_some());
    let outcome = publish(&restored, "b.txt");
    assert_eq!(warnings(&outcome), Vec::<String>::new());
    assert_eq!(length(outcome), 3);
    assert_eq!(key(&restored).trouble, None);
    let link = key(&restored).link.unwrap();
    assert!(link.contains("&via=http://127.0.0.1:"), "{link}");
}

#[test]
fn mirror_that_is_behind_or_knows_nothing_is_nobody_to_ask() {
    let (author, behind, stranger, restored) = (
        TestNode::new(),
        TestNode::new(),
        TestNode::new(),
        TestNode::new(),
    );
    let _ = publish(&author, "a.txt").answer();
    mirror_now(&author, &behind);
    let _ = publish(&author, "b.txt").answer();
    let _ = publish(&stranger, "x.txt").answer();
    let (behind, stranger) = (behind.serve(), stranger.serve());
    assert_eq!(
        add_mirror(&author, &behind.url()),
        MirrorState::Older { length: 2 }
    );
    assert_eq!(add_mirror(&author, &stranger.url()), MirrorState::Unknown);
    copy_all(&author.data_dir(), &restored.data_dir());
    let Failure { code, message, .. } = publish(&restored, "c.txt").failure();
    assert_eq!(code, Code::Denied);
    assert!(message.contains("has an older state, of 2 records"));
    assert!(message.contains("does not have this feed"));
    // Where it lives, that is no reason to stop.
    assert_eq!(length(publish(&author, "c.txt")), 4);
    assert_eq!(length(insist(&restored, "c.txt")), 4);
}

#[test]
fn two_machines_that_sign_in_turns_never_make_two_histories_while_a_mirror_answers() {
    let (one, other, mirror) = (TestNode::new(), TestNode::new(), TestNode::new());
    let _ = publish(&one, "a.txt").answer();
    mirror_now(&one, &mirror);
    {
        let serving = mirror.serve();
        add_mirror(&one, &serving.url());
    }
    copy_all(&one.data_dir(), &other.data_dir());
    let mut expected = 2;
    for round in 0..3 {
        for node in [&one, &other] {
            let serving = mirror.serve();
            // Its port is another one each time.
            if round == 0 {
                forget_mirror(node);
            }
            add_mirror(node, &serving.url());
            let outcome = publish(node, &format!("{round}-{expected}.txt"));
            expected += 1;
            let told = warnings(&outcome);
            assert_eq!(told.len(), usize::from(expected > 3), "{told:?}");
            assert_eq!(length(outcome), expected);
            drop(serving);
            sees_one_history(&mirror, node, expected);
            forget_mirror(node);
        }
    }
}

#[test]
fn two_machines_that_signed_apart_both_stop_and_so_do_followers() {
    let (one, other, mirror) = (TestNode::new(), TestNode::new(), TestNode::new());
    let feed = summary(publish(&one, "a.txt")).feed;
    mirror_now(&one, &mirror);
    copy_all(&one.data_dir(), &other.data_dir());
    assert_eq!(length(publish(&one, "one.txt")), 3);
    assert_eq!(length(insist(&other, "other.txt")), 3);
    mirror_now(&one, &mirror);
    let serving: TestServe = mirror.serve();
    for node in [&other, &one] {
        let call = Call::MirrorAdd {
            mirror: serving.url(),
            feed: None,
        };
        let _ = node.call(call).answer();
        let failure = publish(node, "more.txt").failure();
        assert_eq!(failure.code, Code::Denied, "{failure:?}");
        assert!(failure.message.contains("signed two histories"));
        assert_eq!(failure.message.matches("head of length 3: 8301").count(), 2);
        let again = insist(node, "more.txt").failure();
        assert_eq!(again.message, failure.message);
        assert_eq!(take_over(node).failure().message, failure.message);
    }
    // The proof was handed to the mirror, which had seen one history only.
    let shown = mirror.call(Call::Show {
        target: feed.to_string(),
        history: false,
    });
    let Answer::Feed(shown) = shown.answer() else {
        panic!("no feed")
    };
    assert!(shown.fork.is_some());
    assert_eq!(shown.head.unwrap().length, 3);
}

#[test]
fn running_node_stops_signing_at_a_head_that_it_did_not_sign_until_that_is_taken_over() {
    let (one, other, mirror) = (TestNode::new(), TestNode::new(), TestNode::new());
    let feed = summary(publish(&one, "a.txt")).feed;
    mirror_now(&one, &mirror);
    copy_all(&one.data_dir(), &other.data_dir());
    let one_serves = one.serve();
    let _ = mirror.follow(one_serves.link(), Some("all")).answer();
    let mirror_serves = mirror.serve();
    assert_eq!(add_mirror(&one, &mirror_serves.url()), MirrorState::Same);
    assert_eq!(length(publish(&one, "b.txt")), 3);
    mirror_serves.wait_for(&feed, 3);
    // A restored copy of it somewhere else goes on from there.
    add_mirror(&other, &mirror_serves.url());
    assert_eq!(length(publish(&other, "c.txt")), 4);
    let other_serves = other.serve();
    let _ = mirror.follow(other_serves.link(), None).answer();
    mirror_serves.wait_for(&feed, 4);
    let trouble = wait_for_trouble(&one);
    assert!(
        trouble
            .message
            .contains("another machine signs with this key")
    );
    let failure = publish(&one, "d.txt").failure();
    assert_eq!(
        (failure.code, &failure.message),
        (Code::Denied, &trouble.message)
    );
    drop(one_serves);
    assert_eq!(insist(&one, "d.txt").failure().message, trouble.message);

    let taken = take_over(&one);
    assert!(warnings(&taken)[0].contains("1 record that this machine did not write"));
    let _ = taken.answer();
    assert_eq!(key(&one).trouble, None);
    drop(other_serves);
    assert_eq!(length(publish(&one, "d.txt")), 5);
    drop(mirror_serves);
    sees_one_history(&mirror, &one, 5);
}

/// Asks the running node until it has seen what a mirror has.
fn wait_for_trouble(node: &TestNode) -> Failure {
    for _ in 0..100_000 {
        if let Some(trouble) = key(node).trouble {
            return trouble;
        }
    }
    panic!("it saw nothing")
}
