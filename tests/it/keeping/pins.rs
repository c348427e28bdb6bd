//! The file of pins is the truth, whoever wrote it.

use super::*;

/// Writes the file of pins as a person's editor would, all at once: a running node may look at it at any moment.
fn write_pins(node: &TestNode, pins: &[String]) {
    let written = node.data_dir().join("pins.toml.new");
    std::fs::write(&written, pins.concat()).unwrap();
    std::fs::rename(written, node.data_dir().join("pins.toml")).unwrap();
}

fn line(feed: &FeedKey, index: Option<u64>) -> String {
    let index = index.map_or(String::new(), |index| format!("index = {index}\n"));
    format!("[[pin]]\nfeed = \"{feed}\"\n{index}")
}

#[test]
fn pin_that_a_person_writes_or_takes_out_counts_like_a_command() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files = [noise(1, 50_000), noise(2, 50_000), noise(3, 50_000)];
    let feed = publish_three(&author, &files);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    let _ = follower.follow(serving.link(), Some("newest:2")).answer();
    assert_eq!(room(&follower).kept.blobs, [1, 2, 0, 0]);

    write_pins(&follower, &[line(&feed, Some(1)), line(&feed, Some(3))]);
    assert_eq!(room(&follower).kept.blobs, [0, 1, 2, 0]);
    std::fs::remove_file(blob_path(&follower, &files[0])).unwrap();
    sync(&follower);
    assert!(
        is_here(&follower, &files[0]),
        "a pin fetches what is missing"
    );
    assert_eq!(room(&follower).kept.blobs, [0, 1, 2, 0]);

    // One line is taken out while the node runs; another says all of the feed.
    let running = follower.serve();
    write_pins(&follower, &[line(&feed, Some(3))]);
    assert_eq!(room(&follower).kept.blobs, [1, 1, 1, 0]);
    write_pins(&follower, &[line(&feed, None)]);
    assert_eq!(room(&follower).kept.blobs, [0, 0, 3, 0]);
    drop(running);
    // Gone is not the same as empty: nobody said that nothing is pinned.
    std::fs::remove_file(follower.data_dir().join("pins.toml")).unwrap();
    assert_eq!(room(&follower).kept.blobs, [0, 0, 3, 0]);
    assert!(follower.data_dir().join("pins.toml").exists());
    write_pins(&follower, &[]);
    assert_eq!(room(&follower).kept.blobs, [3, 0, 0, 0]);
    sync(&follower);
    assert_eq!(
        room(&follower).kept.blobs,
        [1, 2, 0, 0],
        "the source keeps two"
    );
}

#[test]
fn retracted_item_whose_pin_a_person_took_out_goes() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let file = noise(1, 50_000);
    let feed = publish(&author, &[("1.bin", &file)]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    write_pins(&follower, &[line(&feed, Some(1))]);
    retract(&author, &format!("{feed}/1"));
    sync(&follower);
    clock::advance(31 * DAY);
    assert_eq!(room(&follower).spared.len(), 1);
    let found = findings(&follower);
    let retracted = found.iter().find(|found| found.kind == "retracted");
    assert!(
        retracted.unwrap().todo.contains("levada unpin"),
        "{found:?}"
    );
    write_pins(&follower, &[]);
    assert!(room(&follower).spared.is_empty());
    assert!(
        is_here(&follower, &file),
        "the line can be put back for a day"
    );
    clock::advance(DAY + DAY / 24);
    let _ = room(&follower);
    assert!(!is_here(&follower, &file));
    let found = findings(&follower);
    assert!(found.iter().all(|found| found.kind != "retracted"));
}
