//! A node that lives: it follows while it serves, and takes the commands of its user meanwhile.

use levada_peer::api::{Answer, Call, Event};
use levada_tests::{TestNode, noise};

#[test]
fn new_item_travels_along_a_chain_of_running_nodes() {
    let (author, follower, third) = (TestNode::new(), TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let published = author.publish(&[&author.files()]).answer();
    let Answer::Published(summary) = published else {
        panic!("{published:?}")
    };
    let author_serves = author.serve();
    let _ = follower.follow(author_serves.link(), None).answer();
    let follower_serves = follower.serve();
    let _ = third.follow(follower_serves.link(), None).answer();
    let third_serves = third.serve();

    author.write("b.bin", &noise(2, 100_000));
    let outcome = author.publish(&[&author.files()]);
    assert!(
        outcome
            .events
            .iter()
            .any(|event| matches!(event, Event::Published { index: Some(2), .. })),
        "the running node carries the command out and tells of it"
    );
    let _ = outcome.answer();
    third_serves.wait_for(&summary.feed, 3);
}

#[test]
fn running_node_follows_what_it_is_told_to_follow() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let published = author.publish(&[&author.files()]).answer();
    let Answer::Published(summary) = published else {
        panic!("{published:?}")
    };
    let author_serves = author.serve();
    let other = TestNode::new();
    other.write("x.bin", &noise(9, 100));
    let _ = other.publish(&[&other.files()]).answer();
    let other_serves = other.serve();
    let _ = follower.follow(other_serves.link(), None).answer();
    let follower_serves = follower.serve();
    let _ = follower.follow(author_serves.link(), None).answer();
    author.write("b.bin", &noise(2, 100));
    let _ = author.publish(&[&author.files()]).answer();
    follower_serves.wait_for(&summary.feed, 3);
    let call = Call::Get {
        target: format!("{}/1", summary.feed),
        file: None,
        range: Some((10, Some(19))),
        output: None,
    };
    let outcome = follower.call(call);
    assert_eq!(outcome.bytes(), noise(1, 100)[10..20]);
}
