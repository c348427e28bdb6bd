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

/// A mirror of a feed of which its node keeps the newest items alone.
#[test]
fn feed_that_is_kept_in_part_is_completed_before_it_is_exported_or_what_is_missing_is_said() {
    let author = Author::new();
    author.publish(0..1);
    author.append(2 * PAGE_RECORDS);
    author.export();
    let host = Host::serve(&author.site, Manners::WEB);
    let link = author.link(&host);
    let mirror = TestNode::new();
    let came = followed(&mirror, &link, Some("newest:3"));
    assert!(came.records < 100, "{came:?}");
    let site = mirror.data_dir().with_file_name("mirror");
    let export = || {
        mirror.call(Call::ExportStatic(levada_peer::api::ExportStatic {
            dir: site.clone(),
            feeds: vec![came.feed.to_string()],
            ..Default::default()
        }))
    };
    let pages = author
        .site
        .join("feed")
        .join(came.feed.to_string())
        .join("pages");
    let away = author.site.join("away");
    std::fs::rename(&pages, &away).unwrap();
    let failure = export().failure();
    let said = format!("{} of {} records", came.records, came.length);
    assert!(failure.message.contains(&said), "{failure:?}");
    assert!(!files(&site).keys().any(|name| name.ends_with("/head")));
    std::fs::rename(&away, &pages).unwrap();
    let _ = export().answer();
    let second = Host::serve(&site, Manners::WEB);
    let link = format!(
        "{}&via={}",
        link.split("&via").next().unwrap(),
        second.url()
    );
    let all = followed(&TestNode::new(), &link, Some("all"));
    assert_eq!((all.length, all.records), (came.length, came.length));
    // The next one has nothing to ask for.
    let _ = host.asked();
    let _ = export().answer();
    assert_eq!(host.asked().0, Vec::<String>::new());
}

#[test]
fn retraction_takes_away_what_nothing_else_names_edits_included_and_leaves_the_rest() {
    let author = Author::new();
    let files_dir = author.node.files();
    // Two items name the same bytes; one is edited later.
    author.node.write("same-1.bin", &noise(1, 90));
    author.node.write("same-2.bin", &noise(1, 90));
    author.node.write("alone.bin", &noise(2, 91));
    author.publish(0..0);
    author.node.write("alone.bin", &noise(3, 92));
    author.publish(0..0);
    author.append(PAGE_RECORDS);
    author.export();
    let name = |seed: u64, size: usize| blake3::hash(&noise(seed, size)).to_string();
    let is_there = |name: &str| files(&author.site).keys().any(|file| file.ends_with(name));
    for (seed, size) in [(1, 90), (2, 91), (3, 92)] {
        assert!(is_there(&name(seed, size)), "{seed}");
    }
    std::fs::remove_file(files_dir.join("same-1.bin")).unwrap();
    std::fs::remove_file(files_dir.join("alone.bin")).unwrap();
    let call = levada_peer::api::Publish {
        paths: vec![files_dir],
        retract_missing: true,
        ..Default::default()
    };
    let _ = author.node.call(Call::Publish(Box::new(call))).answer();
    let removed = author.export().files_removed;
    assert_eq!(removed, 2);
    assert!(is_there(&name(1, 90)));
    assert!(!is_there(&name(2, 91)) && !is_there(&name(3, 92)));
    assert_eq!(
        (author.export().files_written, author.export().files_removed),
        (0, 0)
    );
    let host = Host::serve(&author.site, Manners::WEB);
    let came = followed(&TestNode::new(), &author.link(&host), Some("all"));
    assert_eq!(came.records, came.length - 3);
}
