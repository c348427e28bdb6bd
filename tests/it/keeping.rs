//! What is kept and what goes: the quota, pins, drops, and what becomes of what is retracted. It is one thing: the helpers that look
//! at a disk serve all of it.

use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_peer::api::{
    Answer, Call, Code, Edit, Kept, RoomInfo, Shown, StageChange, State, Synced,
};
use levada_peer::io::clock;
use levada_tests::{TestNode, noise};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn set(node: &TestNode, config: &str) {
    std::fs::create_dir_all(node.data_dir()).unwrap();
    std::fs::write(node.data_dir().join("config.toml"), config).unwrap();
}

/// Files of blobs, those that are not finished left out.
fn blob_files(node: &TestNode) -> Vec<PathBuf> {
    let mut folders = vec![node.data_dir().join("blobs")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        // It may go while we look.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && path.file_name().is_some_and(|name| name != "tmp") => {
                    folders.push(path);
                }
                Ok(kind) if kind.is_file() => files.push(path),
                _ => {}
            }
        }
    }
    files
}

/// Bytes of bytes and outboards of blobs on the disk.
fn taken(node: &TestNode) -> u64 {
    // The name of the root lies there too.
    let is_of_blob = |path: &PathBuf| path.file_stem().is_some_and(|name| name.len() == 64);
    let files = blob_files(node).into_iter().filter(is_of_blob);
    let media = files.filter(|path| path.extension().is_none_or(|ending| ending == "obao"));
    media
        .filter_map(|path| path.metadata().ok())
        .map(|found| found.blocks() * 512)
        .sum()
}

fn is_here(node: &TestNode, bytes: &[u8]) -> bool {
    let hex = Hash::of(bytes).to_string();
    let path = format!("blobs/{}/{}/{hex}", &hex[..2], &hex[2..4]);
    node.data_dir().join(path).exists()
}

fn room(node: &TestNode) -> RoomInfo {
    match node.call(Call::Status).answer() {
        Answer::Status(status) => status.room,
        other => panic!("{other:?}"),
    }
}

fn show(node: &TestNode, target: &str) -> Shown {
    let call = Call::Show {
        target: target.to_owned(),
        history: false,
    };
    match node.call(call).answer() {
        Answer::Item(item) => *item,
        other => panic!("{other:?}"),
    }
}

fn sync(node: &TestNode) -> Vec<Synced> {
    let outcome = node.call(Call::Sync {
        feed: None,
        again: false,
    });
    let synced = outcome.events.iter().filter_map(|event| match event {
        levada_peer::api::Event::Synced(synced) => Some(synced.clone()),
        _ => None,
    });
    let synced = synced.collect();
    let _ = outcome.answer();
    synced
}

fn kept(node: &TestNode, call: Call) -> Kept {
    match node.call(call).answer() {
        Answer::Kept(kept) => kept,
        other => panic!("{other:?}"),
    }
}

fn pin(node: &TestNode, target: &str) -> Kept {
    let target = target.to_owned();
    kept(node, Call::Pin { target })
}

fn drop_media(node: &TestNode, target: &str, yes: bool) -> Kept {
    let target = target.to_owned();
    kept(node, Call::Drop { target, yes })
}

fn retract(node: &TestNode, target: &str) {
    let call = Call::Retract {
        target: target.to_owned(),
        reason: Some("a mistake".into()),
    };
    let _ = node.call(call).answer();
}

/// Publishes files one after the other, so that each has its own date; gives the feed.
fn publish(node: &TestNode, files: &[(&str, &[u8])]) -> FeedKey {
    let mut feed = None;
    for (name, bytes) in files {
        let path = node.write(name, bytes);
        match node.publish(&[&path]).answer() {
            Answer::Published(summary) => feed = Some(summary.feed),
            other => panic!("{other:?}"),
        }
        clock::advance(Duration::from_secs(1));
    }
    feed.unwrap()
}

#[test]
fn two_feeds_fetched_at_once_never_pass_the_quota_and_their_newest_stay() {
    const SIZE: usize = 60_000;
    let (ana, ben, follower) = (TestNode::new(), TestNode::new(), TestNode::new());
    let files = |salt: u8| -> Vec<(String, Vec<u8>)> {
        (0..12)
            .map(|at| (format!("{at:02}.bin"), noise(u64::from(salt + at), SIZE)))
            .collect()
    };
    let (of_ana, of_ben) = (files(0), files(100));
    let named = |files: &'_ [(String, Vec<u8>)]| -> Vec<(String, Vec<u8>)> { files.to_vec() };
    for (author, files) in [(&ana, named(&of_ana)), (&ben, named(&of_ben))] {
        let files: Vec<(&str, &[u8])> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        publish(author, &files);
    }
    // Each file takes 15 blocks and one of its outboard: ten of them fit.
    let quota = 10 * 65_536;
    set(
        &follower,
        &format!("[quota]\nsize = \"{quota}\"\nreserve = \"0\"\n"),
    );
    let (ana_serves, ben_serves) = (ana.serve(), ben.serve());
    for link in [ana_serves.link(), ben_serves.link()] {
        let _ = follower.follow(link, Some("none")).answer();
    }
    let serving = follower.serve();
    let is_done = AtomicBool::new(false);
    let most = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0;
            while !is_done.load(Ordering::Relaxed) {
                most = most.max(taken(&follower));
            }
            most
        });
        let syncing: Vec<_> = [ana_serves.link(), ben_serves.link()]
            .map(|link| scope.spawn(|| follower.follow(link, Some("all")).answer()))
            .into_iter()
            .collect();
        for one in syncing {
            let _ = one.join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    drop(serving);
    assert!(most > quota / 2 && most <= quota, "{most} of {quota}");
    // What one of them left for the other to take is settled by the next sync; after that nothing moves.
    sync(&follower);
    let before: BTreeSet<PathBuf> = blob_files(&follower).into_iter().collect();
    let again = sync(&follower);
    assert_eq!(again.len(), 2);
    for synced in &again {
        assert_eq!(synced.bytes_new, 0, "{synced:?}");
        assert!(synced.files_over_quota > 0 && synced.error.is_none());
    }
    assert_eq!(
        blob_files(&follower).into_iter().collect::<BTreeSet<_>>(),
        before
    );
    // All of ben's are newer than all of ana's.
    let here: Vec<bool> = of_ben
        .iter()
        .map(|(_, bytes)| is_here(&follower, bytes))
        .collect();
    assert_eq!(here, [[false; 2].as_slice(), &[true; 10]].concat());
    assert!(of_ana.iter().all(|(_, bytes)| !is_here(&follower, bytes)));
    let room = room(&follower);
    assert_eq!(room.kept.bounded(), taken(&follower));
    assert_eq!(room.quota, quota);
}

#[test]
fn file_that_does_not_fit_is_refused_with_what_to_do_and_a_pin_takes_it_all_the_same() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let (small, large) = (noise(1, 40_000), noise(2, 400_000));
    publish(&author, &[("a.bin", &large), ("b.bin", &small)]);
    set(&follower, "[quota]\nsize = \"100000\"\nreserve = \"0\"\n");
    let serving = author.serve();
    let followed = follower.follow(serving.link(), Some("all")).answer();
    let Answer::Followed(synced) = followed else {
        panic!("{followed:?}")
    };
    assert_eq!((synced.files, synced.files_over_quota), (1, 1));
    let target = format!("{}/1", synced.feed);
    let get = Call::Get {
        target: target.clone(),
        file: None,
        range: None,
        output: None,
    };
    let refused = follower.call(get).failure();
    assert_eq!(refused.code, Code::OverQuota);
    assert!(
        refused
            .hint
            .unwrap()
            .contains(&format!("levada pin {target}"))
    );
    assert!(!is_here(&follower, &large));
    // A part of it fits.
    let part = Call::Get {
        target: target.clone(),
        file: None,
        range: Some((100, Some(199))),
        output: None,
    };
    assert_eq!(follower.call(part).bytes(), large[100..200]);
    assert!(room(&follower).kept.bounded() <= 100_000);

    assert!(pin(&follower, &target).is_new);
    assert!(is_here(&follower, &large));
    let held = &show(&follower, &target).files[0];
    assert_eq!(held.held, 400_000);
    assert_eq!(room(&follower).kept.blobs, [0, 1, 1, 0]);
    // The pin outlives the subscription, and what else was held goes.
    let unfollow = Call::Unfollow {
        feed: synced.feed.to_string(),
        purge: true,
    };
    let _ = follower.call(unfollow).answer();
    assert!(is_here(&follower, &large) && !is_here(&follower, &small));
    assert_eq!(room(&follower).kept.blobs, [0, 0, 1, 0]);
    let get = Call::Get {
        target: target.clone(),
        file: None,
        range: None,
        output: None,
    };
    assert!(follower.call(get).bytes() == large);
    let _ = kept(&follower, Call::Unpin { target });
    assert_eq!(room(&follower).kept.blobs, [1, 0, 0, 0]);
}

#[test]
fn what_is_retracted_goes_after_its_days_but_not_what_another_feed_names() {
    let (ana, ben, follower) = (TestNode::new(), TestNode::new(), TestNode::new());
    let (only, shared, pinned) = (noise(1, 50_000), noise(2, 50_000), noise(3, 50_000));
    let feed = publish(
        &ana,
        &[("1.bin", &only), ("2.bin", &shared), ("3.bin", &pinned)],
    );
    publish(&ben, &[("2.bin", &shared)]);
    let archivist = TestNode::new();
    let serving = [ana.serve(), ben.serve()];
    for served in &serving {
        let _ = follower.follow(served.link(), Some("all")).answer();
    }
    let follow = Call::Follow {
        feed: serving[0].link().to_owned(),
        via: Vec::new(),
        keep: Some("all".into()),
        max_size: None,
        retractions: Some("never".into()),
        share: None,
    };
    let _ = archivist.call(follow).answer();
    let target = |index: u64| format!("{feed}/{index}");
    pin(&follower, &target(3));
    for index in 1..=3 {
        retract(&ana, &target(index));
    }
    sync(&follower);
    sync(&archivist);
    clock::advance(29 * DAY);
    assert!(is_here(&follower, &only), "the days are not over");
    assert_eq!(room(&follower).kept.blobs, [0, 2, 1, 0]);
    assert!(is_here(&follower, &only));

    clock::advance(2 * DAY);
    let room_then = room(&follower);
    assert!(!is_here(&follower, &only));
    assert!(is_here(&follower, &shared) && is_here(&follower, &pinned));
    assert_eq!(room_then.kept.blobs, [0, 1, 1, 0]);
    let spared: Vec<u64> = room_then.spared.iter().map(|one| one.index).collect();
    assert_eq!(spared, [3], "its user is asked");
    assert_eq!(show(&follower, &target(1)).state, State::Retracted);
    // What went is not asked for again, and nothing is missing.
    let synced = &sync(&follower)[0];
    assert_eq!((synced.records_new, synced.error.as_deref()), (0, None));
    assert_eq!(synced.records, synced.length - 2);

    assert_eq!(room(&archivist).kept.bytes[1], 3 * 57_344);
    // The author's own copy stays until the author says otherwise.
    drop(serving);
    let own = room(&ana);
    assert!(is_here(&ana, &only) && own.spared.iter().all(|one| one.is_own));
    assert_eq!(own.spared.len(), 3);
    let unsure = Call::Drop {
        target: target(1),
        yes: false,
    };
    assert_eq!(ana.call(unsure).failure().code, Code::Usage);
    assert_eq!(drop_media(&ana, &target(1), true).files, 1);
    assert!(!is_here(&ana, &only) && is_here(&ana, &shared));

    let _ = kept(&follower, Call::Unpin { target: target(3) });
    assert!(room(&follower).spared.is_empty());
    assert!(!is_here(&follower, &pinned), "nothing holds it any more");
}

#[test]
fn what_was_dropped_is_not_fetched_until_it_is_asked_for() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files = [noise(1, 50_000), noise(2, 300), noise(3, 50_000)];
    let feed = publish(
        &author,
        &[
            ("1.bin", &files[0]),
            ("2.bin", &files[1]),
            ("3.bin", &files[2]),
        ],
    );
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    let target = |index: u64| format!("{feed}/{index}");
    assert_eq!(drop_media(&follower, &target(1), false).files, 1);
    assert_eq!(drop_media(&follower, &target(2), false).files, 1);
    assert!(!is_here(&follower, &files[0]) && is_here(&follower, &files[2]));
    let synced = &sync(&follower)[0];
    assert_eq!((synced.bytes_new, synced.files), (0, 1));
    assert!(show(&follower, &target(1)).is_dropped);
    let get = Call::Get {
        target: target(1),
        file: None,
        range: None,
        output: None,
    };
    assert!(follower.call(get).bytes() == files[0]);
    assert!(!show(&follower, &target(1)).is_dropped);
    assert_eq!(sync(&follower)[0].files, 2, "it is the source's again");
    assert_eq!(room(&follower).kept.blobs, [0, 2, 0, 0]);

    let refused = |target: &str, yes| {
        let target = target.to_owned();
        follower.call(Call::Drop { target, yes }).failure().code
    };
    pin(&follower, &target(3));
    assert_eq!(refused(&target(3), true), Code::Denied);
    assert_eq!(refused(&feed.to_string(), false), Code::Usage);
    let _ = drop_media(&follower, &feed.to_string(), true);
    assert!(!is_here(&follower, &files[0]) && is_here(&follower, &files[2]));
    assert_eq!(sync(&follower)[0].bytes_new, 0);
    // What comes later comes.
    drop(serving);
    let later = noise(4, 50_000);
    publish(&author, &[("4.bin", &later)]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), None).answer();
    assert!(is_here(&follower, &later) && !is_here(&follower, &files[0]));
    let again = Call::Sync {
        feed: None,
        again: true,
    };
    let _ = follower.call(again).answer();
    assert!(is_here(&follower, &files[0]));

    // Own items are not dropped, and never the original of one that was published in place.
    let own = Call::Drop {
        target: target(1),
        yes: true,
    };
    drop(serving);
    assert_eq!(author.call(own).failure().code, Code::Denied);
    let original = author.write("in place.bin", &noise(9, 50_000));
    let publish = Call::Publish(Box::new(levada_peer::api::Publish {
        paths: vec![original.clone()],
        in_place: true,
        ..levada_peer::api::Publish::default()
    }));
    let _ = author.call(publish).answer();
    retract(&author, &target(5));
    assert_eq!(drop_media(&author, &target(5), true).files, 1);
    assert!(std::fs::read(original).unwrap() == noise(9, 50_000));
}

#[test]
fn what_newer_items_pushed_out_of_the_policy_is_cache_and_goes_first() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files: Vec<Vec<u8>> = (1..=4).map(|salt| noise(salt, 50_000)).collect();
    publish(&author, &[("1.bin", &files[0]), ("2.bin", &files[1])]);
    {
        let serving = author.serve();
        let _ = follower.follow(serving.link(), Some("newest:2")).answer();
    }
    assert_eq!(room(&follower).kept.blobs, [0, 2, 0, 0]);
    publish(&author, &[("3.bin", &files[2])]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), None).answer();
    assert_eq!(room(&follower).kept.blobs, [1, 2, 0, 0]);
    assert!(is_here(&follower, &files[0]), "nothing needed its room");
    let one = 53_248 + 4_096;
    set(
        &follower,
        &format!("[quota]\nsize = \"{}\"\nreserve = \"0\"\n", 3 * one),
    );
    drop(serving);
    publish(&author, &[("4.bin", &files[3])]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), None).answer();
    let here: Vec<bool> = files
        .iter()
        .map(|bytes| is_here(&follower, bytes))
        .collect();
    assert_eq!(here, [false, true, true, true]);
    assert_eq!(room(&follower).kept.blobs, [1, 2, 0, 0]);
}

#[test]
fn lost_store_counts_again_what_lies_on_the_disk() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let (one, two) = (noise(1, 50_000), noise(2, 90_000));
    publish(&author, &[("1.bin", &one), ("2.bin", &two)]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    let before = room(&follower).kept;
    assert_eq!(
        (before.blobs, before.bounded()),
        ([0, 2, 0, 0], taken(&follower))
    );
    std::fs::remove_dir_all(follower.data_dir().join("store")).unwrap();
    assert_eq!(room(&follower).kept.blobs, [2, 0, 0, 0]);
    assert_eq!(sync(&follower)[0].bytes_new, 0);
    assert_eq!(room(&follower).kept, before);
    // One's own is told from other media only once the author's file was read again: until then nothing goes.
    drop(serving);
    std::fs::remove_dir_all(author.data_dir().join("store")).unwrap();
    set(&author, "[quota]\nsize = \"60000\"\nreserve = \"0\"\n");
    let other = TestNode::new();
    publish(&other, &[("3.bin", &noise(3, 50_000))]);
    let serving = other.serve();
    let _ = author.follow(serving.link(), Some("all")).answer();
    assert!(is_here(&author, &one) && is_here(&author, &two));
    let _ = author.publish(&[&author.files()]).answer();
    let _ = author
        .call(Call::Sync {
            feed: None,
            again: false,
        })
        .answer();
    assert_eq!(room(&author).kept.blobs, [0, 1, 0, 2]);
    assert!(is_here(&author, &one) && is_here(&author, &two));
}

#[test]
fn own_item_is_said_anew_and_taken_back_and_its_history_tells() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let feed = publish(&author, &[("sea.bin", &noise(1, 300))]);
    let target = format!("{feed}/1");
    let edit = |title: &str| {
        let edit = Edit {
            target: target.clone(),
            title: Some(title.to_owned()),
            ..Edit::default()
        };
        match author.call(Call::Edit(Box::new(edit))).answer() {
            Answer::Revised(revised) => revised.record,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(edit("The sea"), Some(2));
    assert_eq!(edit("The sea"), None, "it says that already");
    assert_eq!(edit("The sea, again"), Some(3));
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    let history = |node: &TestNode| {
        let call = Call::Show {
            target: format!("{feed}/3"),
            history: true,
        };
        match node.call(call).answer() {
            Answer::History(history) => history,
            other => panic!("{other:?}"),
        }
    };
    let told = history(&follower);
    assert_eq!(told.index, 1, "an edit leads to its item");
    let changes: Vec<_> = told
        .stages
        .iter()
        .map(|stage| (stage.record, stage.change, stage.state))
        .collect();
    let (published, edited) = (StageChange::Published, StageChange::Edited);
    let readable = State::Readable;
    assert_eq!(
        changes,
        [
            (1, published, readable),
            (2, edited, readable),
            (3, edited, readable)
        ]
    );
    retract(&author, &target);
    sync(&follower);
    let told = history(&follower);
    assert_eq!(told.stages[3].change, StageChange::Retracted);
    assert!(told.stages[..3].iter().all(|stage| stage.body.is_none()));
    let twice = Call::Retract {
        target: target.clone(),
        reason: None,
    };
    assert_eq!(author.call(twice).failure().code, Code::Usage);
    let not_ours = Call::Retract {
        target,
        reason: None,
    };
    assert_eq!(follower.call(not_ours).failure().code, Code::Denied);
}
