//! The quota: hard, also for fetches at the same time, and counted again after the store was lost.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

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
    follower.configure(&format!("[quota]\nsize = \"{quota}\"\nreserve = \"0\"\n"));
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
                most = most.max(follower.media_bytes());
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
    let before: BTreeSet<PathBuf> = follower.blob_files().into_iter().collect();
    let again = sync(&follower);
    assert_eq!(again.len(), 2);
    for synced in &again {
        assert_eq!(synced.bytes_new, 0, "{synced:?}");
        assert!(synced.files_over_quota > 0 && synced.error.is_none());
    }
    assert_eq!(
        follower.blob_files().into_iter().collect::<BTreeSet<_>>(),
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
    assert_eq!(room.kept.bounded(), follower.media_bytes());
    assert_eq!(room.quota, quota);
}

#[test]
fn file_that_does_not_fit_is_refused_with_what_to_do_and_a_pin_takes_it_all_the_same() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let (small, large) = (noise(1, 40_000), noise(2, 400_000));
    publish(&author, &[("a.bin", &large), ("b.bin", &small)]);
    follower.configure("[quota]\nsize = \"100000\"\nreserve = \"0\"\n");
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
fn lost_store_counts_again_what_lies_on_the_disk() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let (one, two) = (noise(1, 50_000), noise(2, 90_000));
    publish(&author, &[("1.bin", &one), ("2.bin", &two)]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    let before = room(&follower).kept;
    assert_eq!(
        (before.blobs, before.bounded()),
        ([0, 2, 0, 0], follower.media_bytes())
    );
    std::fs::remove_dir_all(follower.data_dir().join("store")).unwrap();
    assert_eq!(room(&follower).kept.blobs, [2, 0, 0, 0]);
    assert_eq!(sync(&follower)[0].bytes_new, 0);
    assert_eq!(room(&follower).kept, before);
    // One's own is told from other media only once the author's file was read again: until then nothing goes.
    drop(serving);
    std::fs::remove_dir_all(author.data_dir().join("store")).unwrap();
    author.configure("[quota]\nsize = \"60000\"\nreserve = \"0\"\n");
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
fn file_that_did_not_come_takes_no_room() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let feed = publish(&author, &[("1.bin", &noise(1, 50_000))]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("none")).answer();
    drop(serving);
    let get = Call::Get {
        target: format!("{feed}/1"),
        file: None,
        range: None,
        output: None,
    };
    let _ = follower.call(get).failure();
    assert_eq!(room(&follower).kept.blobs, [0; 4]);
}
