//! What `doctor` says of sources that do not come, and of a store that was lost.

use super::*;

#[test]
fn source_of_which_something_is_missing_is_named_with_since_when_and_what_to_type() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let file = noise(1, 50_000);
    let feed = publish(&author, &[("1.bin", &file)]);
    let path = blob_path(&author, &file);
    let away = author.files().join("away");
    std::fs::rename(&path, &away).unwrap();
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    let found = findings(&follower);
    assert_eq!(found[0].kind, "missing", "{found:?}");
    assert!(
        found[0].what.contains("1 file of it is not here"),
        "{found:?}"
    );

    drop(serving);
    let again = Call::Sync {
        feed: None,
        again: false,
    };
    assert_eq!(follower.call(again).failure().code, Code::NotFound);
    clock::advance(Duration::from_secs(300));
    let found = findings(&follower);
    assert_eq!(found[0].kind, "not-reached");
    let what = &found[0].what;
    assert!(
        what.contains("nobody who has this feed answered for 5 minutes"),
        "{what}"
    );
    assert!(what.ends_with("1 file of it is not here"), "{what}");
    assert!(found[0].todo.contains("levada sync "), "{found:?}");

    std::fs::rename(&away, &path).unwrap();
    let serving = author.serve();
    let _ = follower.follow(serving.link(), None).answer();
    assert_eq!(findings(&follower), []);
    // All is here: that its author sleeps for an hour is nothing to do anything about.
    drop(serving);
    let sync = Call::Sync {
        feed: Some(feed.to_string()),
        again: false,
    };
    assert_eq!(follower.call(sync).failure().code, Code::NotFound);
    clock::advance(Duration::from_secs(3_600));
    assert_eq!(findings(&follower), []);
}

#[test]
fn running_node_tells_that_all_peers_of_a_source_have_been_failing() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let file = noise(1, 50_000);
    let feed = publish(&author, &[("1.bin", &file)]);
    std::fs::remove_file(blob_path(&author, &file)).unwrap();
    let serving = author.serve();
    let running = follower.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    running.wait_for(&feed, 2);
    drop(serving);
    let again = Call::Sync {
        feed: None,
        again: false,
    };
    let _ = follower.call(again).failure();
    clock::advance(Duration::from_secs(180));
    let found = findings(&follower);
    assert_eq!(found[0].kind, "not-reached", "{found:?}");
    assert!(found[0].what.contains("for 3 minutes"), "{found:?}");
}

#[test]
fn lists_of_a_lost_store_say_what_makes_it_again() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let feed = publish(&author, &[("1.bin", &noise(1, 300))]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    drop(serving);
    for node in [&author, &follower] {
        std::fs::remove_dir_all(node.data_dir().join("store")).unwrap();
        for target in [None, Some(feed.to_string())] {
            let ls = Call::Ls {
                feed: target,
                limit: 10,
                all: false,
            };
            let failure = node.call(ls).failure();
            assert!(failure.message.contains("0 of 2 records"), "{failure:?}");
            assert!(failure.hint.unwrap().contains("levada rebuild"));
        }
        let kinds: Vec<String> = findings(node).into_iter().map(|found| found.kind).collect();
        assert_eq!(kinds[0], "store-behind", "{kinds:?}");
    }
}
