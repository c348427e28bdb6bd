//! What its user dropped stays away until it is asked for.

use super::*;

#[test]
fn what_was_dropped_is_not_fetched_until_it_is_asked_for() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files = [noise(1, 50_000), noise(2, 300), noise(3, 50_000)];
    let feed = publish_three(&author, &files);
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
