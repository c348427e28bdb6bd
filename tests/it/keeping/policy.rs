//! What a policy keeps, and what becomes of media that it kept and keeps no more.

use super::*;

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
    follower.configure(&format!(
        "[quota]\nsize = \"{}\"\nreserve = \"0\"\n",
        3 * one
    ));
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
fn what_grew_older_than_the_days_of_its_policy_is_cache_but_not_what_was_edited_since() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files: Vec<Vec<u8>> = (1..=3).map(|salt| noise(salt, 50_000)).collect();
    let feed = publish(&author, &[("1.bin", &files[0]), ("2.bin", &files[1])]);
    {
        let serving = author.serve();
        let _ = follower.follow(serving.link(), Some("days:30")).answer();
    }
    assert_eq!(room(&follower).kept.blobs, [0, 2, 0, 0]);
    clock::advance(20 * DAY);
    let edit = levada_peer::api::Edit {
        target: format!("{feed}/1"),
        title: Some("Said anew".into()),
        ..levada_peer::api::Edit::default()
    };
    let _ = author.call(Call::Edit(Box::new(edit))).answer();
    publish(&author, &[("3.bin", &files[2])]);
    clock::advance(15 * DAY);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), None).answer();
    assert_eq!(room(&follower).kept.blobs, [1, 2, 0, 0]);
    let kept = |index: u64| show(&follower, &format!("{feed}/{index}")).files[0].kept;
    use levada_peer::keep::Class;
    assert_eq!(kept(1), Some(Class::Followed), "it was edited since");
    assert_eq!(kept(2), Some(Class::Cache));
    clock::advance(16 * DAY);
    sync(&follower);
    assert_eq!(room(&follower).kept.blobs, [3, 0, 0, 0]);
}

#[test]
fn items_with_edits_are_let_go_like_others() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let files: Vec<Vec<u8>> = (1..=3).map(|salt| noise(salt, 50_000)).collect();
    let feed = publish(&author, &[("1.bin", &files[0]), ("2.bin", &files[1])]);
    let edit = levada_peer::api::Edit {
        target: format!("{feed}/1"),
        title: Some("Said anew".into()),
        ..levada_peer::api::Edit::default()
    };
    let _ = author.call(Call::Edit(Box::new(edit))).answer();
    {
        let serving = author.serve();
        let _ = follower.follow(serving.link(), Some("newest:2")).answer();
    }
    publish(&author, &[("3.bin", &files[2])]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), None).answer();
    assert_eq!(room(&follower).kept.blobs, [1, 2, 0, 0]);
}
