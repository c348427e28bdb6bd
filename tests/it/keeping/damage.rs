//! Damage and what is kept: it stays known, and looking for it is no use of a file.

use super::*;
use levada_peer::api::{Verified, Verify};

fn verify(node: &TestNode) -> Verified {
    match node.call(Call::Verify(Box::default())).answer() {
        Answer::Verified(came) => came,
        other => panic!("{other:?}"),
    }
}

fn flip(node: &TestNode, bytes: &[u8]) {
    let path = blob_path(node, bytes);
    let mut held = std::fs::read(&path).unwrap();
    held[20_000] ^= 1;
    std::fs::write(path, held).unwrap();
}

#[test]
fn verifying_and_mending_is_no_use_of_a_file() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let file = noise(1, 50_000);
    let feed = publish(&author, &[("1.bin", &file)]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    let used = || show(&follower, &format!("{feed}/1")).files[0].used;
    let before = used();
    clock::advance(3 * DAY);
    assert_eq!(verify(&follower).damaged, 0);
    assert_eq!(used(), before);
    flip(&follower, &file);
    let came = verify(&follower);
    assert_eq!((came.damaged, came.mended), (1, 1));
    assert_eq!(used(), before);
    let get = Call::Get {
        target: format!("{feed}/1"),
        file: None,
        range: None,
        output: None,
    };
    assert!(follower.call(get).bytes() == file);
    assert!(used() > before, "reading is");
}

#[test]
fn damage_that_nobody_mended_is_still_named_after_the_store_was_lost() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let file = noise(1, 50_000);
    publish(&author, &[("1.bin", &file)]);
    let serving = author.serve();
    let _ = follower.follow(serving.link(), Some("all")).answer();
    drop(serving);
    flip(&follower, &file);
    assert_eq!(verify(&follower).damaged, 1);
    std::fs::remove_dir_all(follower.data_dir().join("store")).unwrap();
    let named = |node: &TestNode| {
        let found = findings(node).into_iter();
        found.filter(|found| found.kind == "damaged").count()
    };
    assert_eq!(named(&follower), 1);
    assert_eq!(verify(&follower).damaged, 1, "as long as it stays");
    let serving = author.serve();
    let via = Verify {
        via: vec![serving.url()],
        ..Verify::default()
    };
    let _ = follower.follow(serving.link(), None).answer();
    let _ = follower.call(Call::Verify(Box::new(via))).answer();
    assert_eq!(named(&follower), 0);
}
