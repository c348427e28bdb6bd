//! What an export writes, leaves alone and takes away.

use super::{Author, files, find, followed};
use levada_feed::limits::PAGE_RECORDS;
use levada_peer::api::{Call, Code, Event, Failure};
use levada_tests::{Host, Manners, TestNode, copy_all, noise};
use std::path::Path;

#[test]
fn export_writes_only_what_changed() {
    let author = Author::new();
    author.publish(0..10);
    author.append(PAGE_RECORDS);
    let first = author.export();
    assert_eq!(first.feeds[0].records_new, PAGE_RECORDS + 11);
    let before = files(&author.site);
    let idle = author.export();
    assert_eq!((idle.files_written, idle.files_removed), (0, 0));
    assert_eq!(files(&author.site), before);
    std::fs::write(author.site.join("index.html"), "mine").unwrap();
    author.publish(10..11);
    let second = author.export();
    assert_eq!(second.feeds[0].records_new, 1);
    let after = files(&author.site);
    let changed: Vec<&str> = after
        .iter()
        .filter(|(name, is)| before.get(*name) != Some(is))
        .map(|(name, _)| name.rsplit("/lev1").next().unwrap())
        .map(|name| name.split_once('/').map_or(name, |(_, rest)| rest))
        .collect();
    let is_expected = |name: &&str| {
        matches!(
            *name,
            "head" | "latest" | "list/1" | "pages/1" | "0" | "index.html"
        ) || name.len() > 50
    };
    assert!(changed.iter().all(is_expected), "{changed:?}");
    // A retraction changes the page of what it takes back, and takes the file away.
    let gone = blake3::hash(&noise(3, 40)).to_string();
    assert!(find(&author.site, &gone).is_file());
    std::fs::remove_file(author.node.files().join("00003.bin")).unwrap();
    let call = levada_peer::api::Publish {
        paths: vec![author.node.files()],
        retract_missing: true,
        ..Default::default()
    };
    let _ = author.node.call(Call::Publish(Box::new(call))).answer();
    let third = author.export();
    assert_eq!(third.files_removed, 1);
    let last = files(&author.site);
    assert!(!last.keys().any(|name| name.ends_with(&gone)));
    assert!(last.contains_key("index.html"));
    let page = |number: u64| find(&author.site, &format!("/pages/{number}"));
    let name = page(0)
        .strip_prefix(&author.site)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert_ne!(last[&name], after[&name]);
    let follower = TestNode::new();
    let host = Host::serve(&author.site, Manners::WEB);
    let came = followed(&follower, &author.link(&host), Some("all"));
    assert_eq!(came.records, came.length - 1);
}

#[test]
fn interrupted_export_goes_on() {
    let author = Author::new();
    author.publish(0..100);
    let is_enough = |event: &Event| matches!(event, Event::Progress(_));
    let failure: Failure = author
        .node
        .call_until(author.call(None), is_enough)
        .failure();
    assert_eq!(failure.code, Code::Interrupted);
    // Nobody is told of a feed before all of it is there.
    assert!(
        !files(&author.site)
            .keys()
            .any(|name| name.ends_with("/head"))
    );
    author.export();
    assert_eq!(author.export().files_written, 0);
    let host = Host::serve(&author.site, Manners::WEB);
    let came = followed(&TestNode::new(), &author.link(&host), Some("all"));
    assert_eq!((came.records, came.files), (101, 100));
}

#[test]
fn shorter_history_is_not_written_over_a_longer_one() {
    let author = Author::new();
    author.publish(0..3);
    let backup = author.node.data_dir().with_file_name("backup");
    copy_all(&author.node.data_dir(), &backup);
    author.publish(3..5);
    author.export();
    std::fs::remove_dir_all(author.node.data_dir()).unwrap();
    copy_all(&backup, &author.node.data_dir());
    let before = files(&author.site);
    let failure = author.node.call(author.call(None)).failure();
    assert!(failure.message.contains("not written over"), "{failure:?}");
    assert_eq!(files(&author.site), before);
}

#[test]
fn newest_media_alone_are_kept_when_that_is_asked_for() {
    let author = Author::new();
    author.publish(0..10);
    author.export();
    let blobs = |site: &Path| {
        files(site)
            .keys()
            .filter(|name| name.starts_with("blobs/"))
            .count()
    };
    assert_eq!(blobs(&author.site), 10);
    author.export_media(Some("newest:3"));
    assert_eq!(blobs(&author.site), 3);
    author.publish(10..12);
    author.export_media(Some("newest:3"));
    assert_eq!(blobs(&author.site), 3);
    author.export_media(Some("none"));
    assert_eq!(blobs(&author.site), 0);
    author.export();
    assert_eq!(blobs(&author.site), 12);
}
