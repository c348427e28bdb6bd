//! What a running node looks at when a head is new: what is new, what changed and what was missing, and not the others.

use super::*;
use levada_feed::record::{Body, File, Item, Reference, Role};
use levada_peer::node;
use levada_tests::TestServe;

/// Publishes while the node does not serve, then serves where it did before.
fn with_news(node: &TestNode, serving: TestServe, news: impl FnOnce()) -> TestServe {
    let url = serving.url();
    drop(serving);
    news();
    node.serve_at(&url)
}

fn append(node: &TestNode, item: Item) {
    let options = node::Options {
        data_dir: Some(node.data_dir()),
        ..node::Options::default()
    };
    node::append(&options, [vec![Body::Item(Box::new(item))]], |_| {}).unwrap();
}

fn file_of(bytes: &[u8]) -> File {
    File {
        hash: Hash::of(bytes),
        size: u64::try_from(bytes.len()).unwrap(),
        media_type: "application/octet-stream".into(),
        role: Role::Main,
        name: None,
        duration: None,
        width: None,
        height: None,
        codecs: None,
        language: None,
        blurhash: None,
    }
}

/// A file of the follower that goes behind its back: a walk of all items would bring it again.
fn take_away(node: &TestNode, bytes: &[u8]) {
    std::fs::remove_file(blob_path(node, bytes)).unwrap();
}

#[test]
fn new_head_costs_a_look_at_what_is_new_and_a_person_who_syncs_has_all_looked_at() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files: Vec<Vec<u8>> = (1..=3).map(|salt| noise(salt, 50_000)).collect();
    let feed = publish(&author, &[("1.bin", &files[0]), ("2.bin", &files[1])]);
    let author_serves = author.serve();
    let _ = follower.follow(author_serves.link(), Some("all")).answer();
    take_away(&follower, &files[0]);
    let follower_serves = follower.serve();
    publish(&author, &[("3.bin", &files[2])]);
    let told = follower_serves.wait_synced(&feed, 4);
    assert!(told.is_of_news);
    assert_eq!((told.files, told.files_wanted), (1, 1), "{told:?}");
    assert!(is_here(&follower, &files[2]));
    assert!(!is_here(&follower, &files[0]), "nobody looked at it");
    let kept = room(&follower).kept.blobs;
    assert_eq!(kept, [0, 3, 0, 0], "nothing is let go for it");

    let told = &sync(&follower)[0];
    assert!(!told.is_of_news);
    assert_eq!((told.items, told.files, told.files_wanted), (3, 3, 3));
    assert!(is_here(&follower, &files[0]));
}

#[test]
fn what_was_missing_is_looked_for_with_the_next_news() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files: Vec<Vec<u8>> = (1..=2).map(|salt| noise(salt, 50_000)).collect();
    let feed = publish(&author, &[("1.bin", &files[0])]);
    let path = blob_path(&author, &files[0]);
    let away = author.files().join("away");
    std::fs::rename(&path, &away).unwrap();
    let author_serves = author.serve();
    let _ = follower.follow(author_serves.link(), Some("all")).answer();
    assert!(!is_here(&follower, &files[0]));
    let follower_serves = follower.serve();
    let _author_serves = with_news(&author, author_serves, || {
        std::fs::rename(&away, &path).unwrap();
        publish(&author, &[("2.bin", &files[1])]);
    });
    let told = follower_serves.wait_synced(&feed, 3);
    assert!(told.is_of_news);
    // The first sync of the running node may have been at it still, and have had the one that was missing.
    assert_eq!(told.files, told.files_wanted, "{told:?}");
    assert!(is_here(&follower, &files[0]) && is_here(&follower, &files[1]));
}

#[test]
fn files_that_an_edit_adds_to_an_item_without_are_fetched() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let file = noise(1, 50_000);
    let feed = publish(&author, &[("1.bin", &file)]);
    let bare = Item {
        title: "to come".into(),
        ..Item::default()
    };
    append(&author, bare.clone());
    retract(&author, &format!("{feed}/1"));
    let author_serves = author.serve();
    let (other, link) = (TestNode::new(), author_serves.link().to_owned());
    for node in [&follower, &other] {
        let _ = node.follow(&link, Some("all")).answer();
        assert!(!is_here(node, &file), "only a retracted item names it");
    }
    let follower_serves = follower.serve();
    let first = show(&author, &format!("{feed}/2"));
    let _author_serves = with_news(&author, author_serves, || {
        let edits = Some(Reference {
            feed: None,
            index: 2,
            link: first.link.unwrap(),
        });
        let files = vec![file_of(&file)];
        append(
            &author,
            Item {
                edits,
                files,
                ..bare
            },
        );
    });
    let told = follower_serves.wait_synced(&feed, 5);
    assert!(told.is_of_news);
    assert_eq!((told.files, told.files_wanted), (1, 1), "{told:?}");
    assert!(is_here(&follower, &file));
    assert_eq!(sync(&other)[0].files, 1);
    assert!(is_here(&other, &file));
}

#[test]
fn other_limits_and_pins_have_all_items_looked_at() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files: Vec<Vec<u8>> = (1..=2).map(|salt| noise(salt, 50_000)).collect();
    let feed = publish(&author, &[("1.bin", &files[0])]);
    let author_serves = author.serve();
    let _ = follower.follow(author_serves.link(), Some("all")).answer();
    take_away(&follower, &files[0]);
    follower.configure("[quota]\nsize = \"10 GiB\"\n");
    let follower_serves = follower.serve();
    let told = follower_serves.wait_synced(&feed, 2);
    assert!(!told.is_of_news);
    assert_eq!((told.files, told.files_wanted), (1, 1), "{told:?}");
    assert!(is_here(&follower, &files[0]));
    publish(&author, &[("2.bin", &files[1])]);
    let told = follower_serves.wait_synced(&feed, 3);
    assert!(told.is_of_news);
    take_away(&follower, &files[1]);
    let pinned = pin(&follower, &feed.to_string());
    assert_eq!(pinned.files_left, 0, "{pinned:?}");
    assert!(is_here(&follower, &files[1]));
}
