//! One item travels: from an author to a follower, and from the follower to a third when the author is gone.

use levada_peer::api::{Answer, Call, Code, Event, Publish, Shown, State};
use levada_tests::{TestNode, noise};

fn items(node: &TestNode) -> Vec<Shown> {
    let call = Call::Ls {
        feed: None,
        limit: 1_000,
        all: false,
    };
    match node.call(call).answer() {
        Answer::Items { items } => items,
        other => panic!("{other:?}"),
    }
}

fn get(node: &TestNode, target: &str, range: Option<(u64, Option<u64>)>) -> Vec<u8> {
    let outcome = node.call(Call::Get {
        target: target.to_owned(),
        file: None,
        range,
        output: None,
    });
    let bytes = outcome.bytes();
    let _ = outcome.answer();
    bytes
}

/// Files of every size class, in folders, with names in several scripts.
fn write_files(node: &TestNode) -> Vec<(&'static str, Vec<u8>)> {
    let files = vec![
        ("empty.txt", Vec::new()),
        ("fotos/mañana.bin", noise(1, 300)),
        ("fotos/日本.bin", noise(2, 16_384)),
        ("fotos/rīts.bin", noise(3, 16_385)),
        ("film.bin", noise(4, 9 << 20)),
    ];
    for (path, bytes) in &files {
        node.write(path, bytes);
    }
    files
}

fn check_files(node: &TestNode, files: &[(&str, Vec<u8>)]) {
    let items = items(node);
    assert_eq!(items.len(), files.len());
    for item in items {
        let held = &item.files[0];
        let target = format!("{}/{}", item.feed, item.index);
        let bytes = get(node, &target, None);
        let (path, expected) = files
            .iter()
            .find(|(_, bytes)| held.file.hash.to_string() == blake3::hash(bytes).to_string())
            .expect("the item is one of ours");
        assert!(bytes == *expected, "{path}");
        assert_eq!(held.held, held.file.size, "{path}");
    }
}

#[test]
fn folder_reaches_a_follower_and_from_there_a_third() {
    let (author, follower, third) = (TestNode::new(), TestNode::new(), TestNode::new());
    let files = write_files(&author);
    let published = author.publish(&[&author.files()]).answer();
    let Answer::Published(summary) = published else {
        panic!("{published:?}")
    };
    assert_eq!((summary.published, summary.skipped), (5, 0));
    {
        let serving = author.serve();
        let followed = follower.follow(serving.link(), None).answer();
        let Answer::Followed(synced) = followed else {
            panic!("{followed:?}")
        };
        assert_eq!(
            (synced.length, synced.records, synced.items, synced.files),
            (6, 6, 5, 5)
        );
        assert_eq!(Some(synced.root), summary.head.map(|head| Some(head.root)));
    }
    check_files(&follower, &files);
    let serving = follower.serve();
    let _ = third.follow(serving.link(), Some("all")).answer();
    check_files(&third, &files);
}

#[test]
fn range_of_a_large_file_is_read_before_the_file_is_complete() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let film = noise(9, 20 << 20);
    author.write("film.bin", &film);
    let _ = author.publish(&[&author.files()]).answer();
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("none")).answer();
    let sync = Call::Follow {
        feed: serving.link().to_owned(),
        via: Vec::new(),
        keep: Some("newest:1".into()),
        max_size: Some("1MiB".into()),
        retractions: None,
        share: None,
    };
    let _ = follower.call(sync).answer();
    let item = &items(&follower)[0];
    assert_eq!(item.files[0].held, 0);
    let target = format!("{}/{}", item.feed, item.index);
    let middle = get(&follower, &target, Some((10_000_000, Some(10_065_535))));
    assert!(middle == film[10_000_000..10_065_536]);
    let held = items(&follower)[0].files[0].held;
    assert!(
        (65_536..1 << 20).contains(&held),
        "only what was asked for came: {held}"
    );
}

#[test]
fn interrupted_sync_goes_on_where_it_was() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let film = noise(10, 64 << 20);
    author.write("film.bin", &film);
    let _ = author.publish(&[&author.files()]).answer();
    let serving = author.serve();
    let follow = Call::Follow {
        feed: serving.link().to_owned(),
        via: Vec::new(),
        keep: None,
        max_size: None,
        retractions: None,
        share: None,
    };
    let has_begun =
        |event: &Event| matches!(event, Event::Progress(progress) if progress.what == "media");
    let failure = follower.call_until(follow, has_begun).failure();
    assert_eq!(failure.code, Code::Interrupted);
    let before = items(&follower)[0].files[0].held;
    assert!((1..64 << 20).contains(&before), "{before}");
    let outcome = follower.call(Call::Sync {
        feed: None,
        again: false,
    });
    let synced = outcome.events.iter().find_map(|event| match event {
        Event::Synced(synced) => Some(synced),
        _ => None,
    });
    assert_eq!(
        synced.map(|synced| synced.bytes_new),
        Some((64 << 20) - before)
    );
    let target = format!("{}/1", items(&follower)[0].feed);
    assert!(get(&follower, &target, None) == film);
}

#[test]
fn publishing_again_tells_only_what_changed() {
    let author = TestNode::new();
    write_files(&author);
    let folder = author.files();
    let again = |args: Publish| match author
        .call(Call::Publish(Box::new(Publish {
            paths: vec![folder.clone()],
            ..args
        })))
        .answer()
    {
        Answer::Published(summary) => summary,
        other => panic!("{other:?}"),
    };
    assert_eq!(again(Publish::default()).published, 5);
    let same = again(Publish::default());
    assert_eq!((same.published, same.edited, same.unchanged), (0, 0, 5));

    author.write("fotos/mañana.bin", &noise(77, 301));
    std::fs::rename(folder.join("film.bin"), folder.join("fotos/movie.bin")).unwrap();
    std::fs::remove_file(folder.join("empty.txt")).unwrap();
    let changed = again(Publish::default());
    assert_eq!(
        (
            changed.published,
            changed.edited,
            changed.renamed,
            changed.gone,
            changed.retracted
        ),
        (0, 1, 1, 1, 0)
    );
    let retracted = again(Publish {
        retract_missing: true,
        ..Publish::default()
    });
    assert_eq!((retracted.gone, retracted.retracted), (1, 1));
    let items = items(&author);
    assert_eq!(items.len(), 4, "edits and renames keep their items");
    assert!(items.iter().all(|item| item.state == State::Readable));
}

#[test]
fn lost_store_is_made_again_from_the_authors_file_and_nothing_is_published_twice() {
    let author = TestNode::new();
    write_files(&author);
    let folder = author.files();
    let _ = author.publish(&[&folder]).answer();
    let root = |node: &TestNode| match node.publish(&[&folder]).answer() {
        Answer::Published(summary) => summary,
        other => panic!("{other:?}"),
    };
    let before = root(&author);
    let store = levada_tests::find(&author.data_dir(), "store").expect("there is a store");
    std::fs::remove_dir_all(store).unwrap();
    let after = root(&author);
    assert_eq!((after.published, after.edited), (0, 0), "{after:?}");
    assert_eq!(
        before.head.map(|head| head.root),
        after.head.map(|head| head.root)
    );
}

#[test]
fn purged_feed_is_taken_up_again_and_a_lost_store_takes_no_older_head() {
    let (author, copy, follower) = (TestNode::new(), TestNode::new(), TestNode::new());
    author.write("a.bin", &noise(1, 100));
    let _ = author.publish(&[&author.files()]).answer();
    levada_tests::copy_all(&author.data_dir(), &copy.data_dir());
    author.write("b.bin", &noise(2, 100));
    let _ = author.publish(&[&author.files()]).answer();
    let link = {
        let serving = author.serve();
        let _ = follower.follow(serving.link(), None).answer();
        let unfollow = Call::Unfollow {
            feed: serving.link().to_owned(),
            purge: true,
        };
        let _ = follower.call(unfollow).answer();
        assert!(items(&follower).is_empty());
        let _ = follower.follow(serving.link(), None).answer();
        assert_eq!(items(&follower).len(), 2);
        serving.link().to_owned()
    };
    let store = levada_tests::find(&follower.data_dir(), "store").expect("there is a store");
    std::fs::remove_dir_all(store).unwrap();
    {
        let behind = copy.serve();
        let failure = follower.follow(behind.link(), None).failure();
        assert_eq!(failure.code, Code::NotVerified, "{failure:?}");
        assert!(items(&follower).is_empty());
    }
    author.write("c.bin", &noise(3, 100));
    let _ = author.publish(&[&author.files()]).answer();
    let serving = author.serve();
    assert_eq!(link.split('?').next(), serving.link().split('?').next());
    let _ = follower.follow(serving.link(), None).answer();
    assert_eq!(items(&follower).len(), 3);
}

#[test]
fn follower_of_the_newest_items_passes_on_what_it_holds() {
    let (author, follower, third) = (TestNode::new(), TestNode::new(), TestNode::new());
    for at in 0..200 {
        author.write(&format!("{at:03}.bin"), &noise(at, 50));
    }
    let _ = author.publish(&[&author.files()]).answer();
    {
        let serving = author.serve();
        let _ = follower.follow(serving.link(), Some("newest:7")).answer();
    }
    let serving = follower.serve();
    let followed = third.follow(serving.link(), Some("all")).answer();
    let Answer::Followed(synced) = followed else {
        panic!("{followed:?}")
    };
    assert_eq!((synced.length, synced.records, synced.items), (201, 8, 7));
    assert_eq!((synced.files, synced.files_wanted), (7, 7));
}

#[test]
fn edit_and_retraction_of_an_item_travel_whatever_is_held_of_it() {
    let (author, follower, third) = (TestNode::new(), TestNode::new(), TestNode::new());
    for at in 0..10 {
        author.write(&format!("{at}.bin"), &noise(at, 50));
    }
    let folder = author.files();
    let _ = author.publish(&[&folder]).answer();
    author.write("3.bin", &noise(33, 51));
    let _ = author.publish(&[&folder]).answer();
    std::fs::remove_file(folder.join("3.bin")).unwrap();
    let retract = Publish {
        paths: vec![folder.clone()],
        retract_missing: true,
        ..Publish::default()
    };
    let _ = author.call(Call::Publish(Box::new(retract))).answer();
    {
        let serving = author.serve();
        let followed = follower.follow(serving.link(), Some("all")).answer();
        let Answer::Followed(synced) = followed else {
            panic!("{followed:?}")
        };
        // The item and its edit are kept back; the profile, nine items and the retraction are not.
        assert_eq!((synced.length, synced.records, synced.items), (13, 11, 9));
    }
    let all = Call::Ls {
        feed: None,
        limit: 100,
        all: true,
    };
    let Answer::Items { items } = follower.call(all).answer() else {
        panic!("no items")
    };
    let retracted: Vec<_> = items
        .iter()
        .filter(|item| item.state == State::Retracted)
        .map(|item| (item.index, item.retracted_by))
        .collect();
    assert_eq!(retracted, [(4, Some(12))]);
    let serving = follower.serve();
    let followed = third.follow(serving.link(), Some("all")).answer();
    let Answer::Followed(synced) = followed else {
        panic!("{followed:?}")
    };
    assert_eq!((synced.length, synced.records, synced.items), (13, 11, 9));
}
