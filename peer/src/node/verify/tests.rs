use super::*;
use crate::api::{Call, Publish};
use crate::node::{Options, call};
use levada_feed::hash::Hash;
use tempfile::TempDir;
use tokio::sync::watch;

/// Records of the feed: the profile and an item of a small file for each other.
const RECORDS: u64 = 81;

fn options(folder: &TempDir) -> Options {
    Options {
        data_dir: Some(folder.path().join("data")),
        ..Options::default()
    }
}

/// A node with a feed of its own.
async fn author(folder: &TempDir) -> (Arc<Node>, FeedKey) {
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    for file in 1..RECORDS {
        std::fs::write(files.join(format!("{file:03}.txt")), format!("file {file}")).unwrap();
    }
    let publish = Call::Publish(Box::new(Publish {
        paths: vec![files],
        ..Publish::default()
    }));
    let (sender, mut events) = mpsc::channel(1);
    let (_stop, stopped) = watch::channel(false);
    let options = options(folder);
    let asked = options.clone();
    let working = tokio::spawn(async move { call(&asked, publish, sender, stopped).await });
    while events.recv().await.is_some() {}
    working.await.unwrap().unwrap();
    let node = Arc::new(Node::open(&options).unwrap());
    let feed = node.disk.feeds()[0];
    assert_eq!(node.disk.held(&feed).count(), RECORDS);
    (node, feed)
}

async fn run(node: &Arc<Node>) -> (Verified, Vec<String>) {
    let (sender, mut events) = mpsc::channel(1);
    let (_stop, stopped) = watch::channel(false);
    let verifying = node.clone();
    let working =
        tokio::spawn(async move { verify(&verifying, Verify::default(), sender, stopped).await });
    let mut mended = Vec::new();
    while let Some(event) = events.recv().await {
        if let Event::Damaged(damaged) = event {
            mended.extend(damaged.mended_by);
        }
    }
    match working.await.unwrap().unwrap() {
        Answer::Verified(came) => (came, mended),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_lists_and_small_blobs_that_rot_are_mended_from_the_authors_file() {
    let folder = tempfile::tempdir().unwrap();
    let (node, feed) = author(&folder).await;
    let whole = run(&node).await.0;
    assert_eq!((whole.records, whole.files), (RECORDS, RECORDS - 1));
    assert!(whole.is_done && whole.damaged == 0);
    let before = node.disk.record(&feed, 7).unwrap();

    node.disk.spoil_record(&feed, 0);
    node.disk.spoil_record(&feed, 7);
    node.disk.spoil_record(&feed, RECORDS - 1);
    let (came, mended) = run(&node).await;
    assert_eq!((came.damaged, came.mended), (3, 3));
    assert_eq!(mended, ["the author's file"; 3]);
    assert_eq!(node.disk.record(&feed, 7).unwrap(), before);

    node.disk.spoil_leaf(&feed, 1);
    node.disk.spoil_leaf(&feed, 2);
    let (came, _) = run(&node).await;
    assert!(came.damaged >= 2, "{came:?}");
    assert_eq!(came.damaged, came.mended);

    let hash = Hash::of(b"file 5");
    node.disk.spoil_small(&hash);
    let (came, mended) = run(&node).await;
    assert_eq!((came.damaged, came.mended), (1, 1));
    assert_eq!(mended, ["the author's file"]);
    assert_eq!(node.disk.small(&hash).unwrap().unwrap(), b"file 5");
    assert_eq!(run(&node).await.0.damaged, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_stays_is_not_held() {
    let folder = tempfile::tempdir().unwrap();
    let (node, feed) = author(&folder).await;
    std::fs::remove_file(folder.path().join("data/keys/main.feed")).unwrap();
    node.disk.spoil_record(&feed, 7);
    let (came, mended) = run(&node).await;
    assert_eq!((came.damaged, came.mended, mended.len()), (1, 0, 0));
    assert!(!node.disk.held(&feed).contains(7));
    assert!(node.disk.record(&feed, 7).unwrap().is_none());
    assert_eq!(node.disk.held(&feed).count(), RECORDS - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_again_from_records() {
    let folder = tempfile::tempdir().unwrap();
    let (node, feed) = author(&folder).await;
    let rows = |node: &Node| {
        let mut rows = Vec::new();
        node.disk
            .rows(&feed, 0..u64::MAX, &mut |kind, row| {
                rows.push((kind, row));
                true
            })
            .unwrap();
        rows
    };
    let (before, profile) = (rows(&node), node.disk.newest_profile(&feed).unwrap());
    node.disk.lose_rows(&feed);
    assert!(rows(&node).is_empty());
    assert_eq!(node.disk.rebuild_rows(&feed, &mut |_| ()).unwrap(), RECORDS);
    assert_eq!(rows(&node), before);
    assert_eq!(node.disk.newest_profile(&feed).unwrap(), profile);
    assert!(!node.disk.has_unfinished_rows(&feed).unwrap());
}
