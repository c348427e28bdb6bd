//! Feeds as plain files on a web host: exported, followed while the author is away, updated, damaged, cut short.

mod export;

use levada_feed::limits::PAGE_RECORDS;
use levada_feed::record::{Body, Item};
use levada_peer::api::{Answer, Call, Event, ExportStatic, Exported, Synced};
use levada_peer::node;
use levada_tests::{Host, Manners, TestNode, copy_all, noise};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// An author, and the folder that is uploaded.
struct Author {
    node: TestNode,
    site: PathBuf,
}

impl Author {
    fn new() -> Self {
        let node = TestNode::new();
        let site = node.data_dir().with_file_name("site");
        Self { node, site }
    }

    /// Writes and publishes so many small files.
    fn publish(&self, files: std::ops::Range<u64>) {
        for file in files {
            self.node.write(&format!("{file:05}.bin"), &noise(file, 40));
        }
        let _ = self.node.publish(&[&self.node.files()]).answer();
    }

    /// Publishes so many items without files.
    fn append(&self, items: u64) {
        let options = node::Options {
            data_dir: Some(self.node.data_dir()),
            ..node::Options::default()
        };
        let item = |title: u64| {
            Body::Item(Box::new(Item {
                title: title.to_string(),
                ..Item::default()
            }))
        };
        let batch: Vec<Body> = (0..items).map(item).collect();
        node::append(&options, [batch], |_| {}).unwrap();
    }

    fn call(&self, media: Option<&str>) -> Call {
        Call::ExportStatic(ExportStatic {
            dir: self.site.clone(),
            media: media.map(str::to_owned),
            ..ExportStatic::default()
        })
    }

    fn export(&self) -> Exported {
        self.export_media(None)
    }

    fn export_media(&self, media: Option<&str>) -> Exported {
        match self.node.call(self.call(media)).answer() {
            Answer::Exported(exported) => exported,
            other => panic!("{other:?}"),
        }
    }

    fn link(&self, host: &Host) -> String {
        let exported = self.export();
        format!("{}&via={}", exported.feeds[0].link, host.url())
    }
}

fn followed(node: &TestNode, link: &str, keep: Option<&str>) -> Synced {
    match node.follow(link, keep).answer() {
        Answer::Followed(synced) => synced,
        other => panic!("{other:?}"),
    }
}

/// Syncs the only source.
fn synced(node: &TestNode) -> Synced {
    let outcome = node.call(Call::Sync {
        feed: None,
        again: false,
    });
    let events = outcome.events.into_iter();
    let mut synced = events.filter_map(|event| match event {
        Event::Synced(synced) => Some(synced),
        _ => None,
    });
    synced.next().expect("a source was synced")
}

/// All files below a folder, with what tells whether they were written again.
fn files(root: &Path) -> BTreeMap<String, (u64, i64, i64)> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, (u64, i64, i64)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let is = std::fs::metadata(&path).unwrap();
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, (is.ino(), is.mtime(), is.mtime_nsec()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// The file of the only feed, or of the only large blob.
fn find(site: &Path, ending: &str) -> PathBuf {
    let names = files(site);
    let mut fitting = names
        .keys()
        .filter(|name| name.ends_with(ending) && !name.starts_with('.'));
    site.join(fitting.next().unwrap_or_else(|| panic!("no {ending}")))
}

#[test]
fn feed_on_a_web_host_is_followed_while_its_author_is_away_and_updates_are_seen() {
    for manners in [Manners::WEB, Manners::BUCKET, Manners::PLAIN] {
        let (author, follower) = (Author::new(), TestNode::new());
        let film = noise(7, 3 << 20);
        author.node.write("film.bin", &film);
        author.publish(0..20);
        author.export();
        let host = Host::serve(&author.site, manners);
        let link = author.link(&host);
        let came = followed(&follower, &link, Some("all"));
        assert_eq!(
            (came.length, came.records, came.files),
            (22, 22, 21),
            "{manners:?}"
        );
        let outcome = follower.call(Call::Sync {
            feed: None,
            again: false,
        });
        assert!(outcome.result.is_ok());
        author.publish(20..22);
        author.export();
        let came = synced(&follower);
        assert_eq!(
            (came.length, came.records_new, came.files),
            (24, 2, 23),
            "{manners:?}"
        );
    }
}

/// Somebody who asks for one page after another gets no answer here, and gives up.
#[test]
fn pages_of_a_long_feed_are_asked_for_several_at_a_time() {
    let (author, follower) = (Author::new(), TestNode::new());
    author.publish(0..1);
    author.append(8 * PAGE_RECORDS);
    author.export();
    let manners = Manners {
        pages_together: 2,
        ..Manners::WEB
    };
    let host = Host::serve(&author.site, manners);
    let came = followed(&follower, &author.link(&host), Some("all"));
    assert_eq!(came.records, came.length);
    let (asked, _) = host.asked();
    let pages = asked.iter().filter(|path| path.contains("/pages/"));
    // The newest records, those of the last page, are in `latest`.
    assert_eq!(pages.count(), 8, "each once: {asked:?}");
}

#[test]
fn host_without_ranges_is_told_once() {
    let (author, follower) = (Author::new(), TestNode::new());
    for film in 0..2 {
        author
            .node
            .write(&format!("film-{film}.bin"), &noise(film, 1 << 20));
    }
    author.publish(0..1);
    author.export();
    let host = Host::serve(&author.site, Manners::PLAIN);
    let outcome = follower.follow(&author.link(&host), None);
    let is_told = |event: &&Event| matches!(event, Event::Warning { message, .. } if message.contains("whole files"));
    assert_eq!(outcome.events.iter().filter(is_told).count(), 1);
    let _ = outcome.answer();
}

#[test]
fn whole_file_that_comes_for_a_part_is_read_once_for_all_parts() {
    let (author, follower) = (Author::new(), TestNode::new());
    author.node.write("film.bin", &noise(5, 4 << 20));
    author.publish(0..0);
    author.export();
    let host = Host::serve(&author.site, Manners::PLAIN);
    let link = author.link(&host);
    let feed = followed(&follower, &link, Some("none")).feed;
    let sync = |keep: &str, size: &str| {
        let call = Call::Follow {
            feed: link.clone(),
            via: Vec::new(),
            keep: Some(keep.to_owned()),
            max_size: Some(size.to_owned()),
            retractions: None,
            share: None,
        };
        let _ = follower.call(call).answer();
    };
    sync("newest:1", "1KiB");
    // A part in the middle leaves a gap on each side of it.
    let part = follower.call(Call::Get {
        target: format!("{feed}/1"),
        file: None,
        range: Some((1_000_000, Some(2_000_000))),
        output: None,
    });
    assert!(
        part.bytes() == noise(5, 4 << 20)[1_000_000..=2_000_000],
        "{:?}",
        part.result
    );
    let _ = host.asked();
    sync("newest:1", "1GiB");
    let (asked, _) = host.asked();
    let is_data = |path: &&String| path.starts_with("/blobs/") && !path.ends_with(".obao");
    assert_eq!(asked.iter().filter(is_data).count(), 1, "{asked:?}");
}

#[test]
fn serving_follower_sees_an_update_of_a_static_host_and_passes_it_on() {
    let (author, follower) = (Author::new(), TestNode::new());
    author.publish(0..2);
    author.export();
    let host = Host::serve(&author.site, Manners::WEB);
    let feed = followed(&follower, &author.link(&host), None).feed;
    author.publish(2..3);
    author.export();
    // The first poll of a serving node comes at once.
    follower.serve().wait_for(&feed, 4);
}

#[test]
fn part_of_a_long_feed_is_read_without_the_rest() {
    let (author, follower) = (Author::new(), TestNode::new());
    author.append(3 * PAGE_RECORDS);
    author.publish(0..5);
    author.export_media(Some("newest:5"));
    let host = Host::serve(&author.site, Manners::WEB);
    let exported = author.export_media(Some("newest:5"));
    let link = format!("{}&via={}", exported.feeds[0].link, host.url());
    let _ = host.asked();
    let came = followed(&follower, &link, Some("newest:5"));
    assert_eq!((came.items, came.files), (5, 5));
    let (asked, sent) = host.asked();
    let pages = asked.iter().filter(|path| path.contains("/pages/"));
    assert_eq!(pages.count(), 0, "{asked:?}");
    assert!(sent < 200_000, "{sent} bytes");
    // Catching up from far behind: the extension, and the pages of what is new.
    author.append(300);
    author.publish(5..10);
    author.export_media(Some("newest:5"));
    assert_eq!(synced(&follower).items, 5);
    let (asked, _) = host.asked();
    assert!(
        asked.iter().filter(|path| path.contains("/list/")).count() <= 2,
        "{asked:?}"
    );
}

/// Each kind of file with one byte changed: what is done names host and file, and nothing of it is kept.
#[test]
fn changed_byte_is_refused_and_named() {
    let author = Author::new();
    author.append(2 * PAGE_RECORDS + 90);
    author.node.write("film.bin", &noise(3, 100_000));
    author.publish(0..1);
    author.export();
    let before = author.site.with_file_name("before");
    copy_all(&author.site, &before);
    author.append(160);
    author.export();
    let link = author.export().feeds[0].link.clone();
    let film = blake3::hash(&noise(3, 100_000)).to_string();
    // What is changed, where in it, and whether the follower was there before.
    for (ending, at, is_late) in [
        ("/head", 60, false),
        ("/latest", 300, false),
        ("/pages/0", 30_000, false),
        ("/pages/2", 9_000, false),
        ("/tiles/0/0", 3, false),
        ("/list/2", 8, true),
        (film.as_str(), 50_000, false),
        (".obao", 70, false),
    ] {
        let site = tempfile::tempdir().unwrap();
        let folder = site.path().join("site");
        let follower = TestNode::new();
        copy_all(if is_late { &before } else { &author.site }, &folder);
        let host = Host::serve(&folder, Manners::WEB);
        let via = format!("{link}&via={}", host.url());
        if is_late {
            let _ = followed(&follower, &via, Some("all"));
            copy_all(&author.site, &folder);
        }
        let path = find(&folder, ending);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        let outcome = if is_late {
            follower.call(Call::Sync {
                feed: None,
                again: false,
            })
        } else {
            follower.follow(&via, Some("all"))
        };
        let said = format!("{outcome:?}");
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        let is_named = said.contains(&host.url()) && said.contains(&name);
        assert!(is_named, "{ending}: {said}");
        let is_media = ending == film || ending == ".obao";
        if !is_media {
            let is_refused = said.contains("NotVerified") || said.contains("does not match");
            assert!(is_refused, "{ending}: {said}");
        }
        // Another host of the same feed makes up for it.
        let good = Host::serve(&author.site, Manners::WEB);
        let came = followed(&follower, &format!("{via}&via={}", good.url()), Some("all"));
        assert_eq!(came.records, came.length, "{ending}");
        assert_eq!(came.files, came.files_wanted, "{ending}");
    }
}

#[test]
fn host_that_was_rolled_back_is_stale_and_one_that_is_half_uploaded_is_not_yet() {
    let (author, follower) = (Author::new(), TestNode::new());
    author.publish(0..10);
    author.export();
    let old = author.site.with_file_name("old");
    copy_all(&author.site, &old);
    author.append(PAGE_RECORDS + 100);
    author.export();
    let served = author.site.with_file_name("served");
    copy_all(&author.site, &served);
    let host = Host::serve(&served, Manners::WEB);
    let link = format!("{}&via={}", author.export().feeds[0].link, host.url());
    let came = followed(&follower, &link, Some("all"));
    // An older state is no fault, and takes nothing away.
    std::fs::remove_dir_all(&served).unwrap();
    copy_all(&old, &served);
    let again = synced(&follower);
    assert_eq!((again.length, again.records), (came.length, came.records));
    // The head came before what it is about.
    let late = TestNode::new();
    let _ = followed(&late, &link, Some("all"));
    let head = find(&author.site, "/head");
    std::fs::copy(&head, find(&served, "/head")).unwrap();
    let outcome = late.call(Call::Sync {
        feed: None,
        again: false,
    });
    let said = format!("{outcome:?}");
    assert!(said.contains("being uploaded"), "{said}");
    assert!(!said.contains("NotVerified"), "{said}");
    copy_all(&author.site, &served);
    let whole = synced(&late);
    assert_eq!((whole.length, whole.records), (came.length, came.records));
}
