//! What an own feed is made again from: its store, its mirrors, its author's file; and the daily signature.

use super::*;
use levada_peer::api::Rebuild;

#[test]
fn lost_authors_file_is_made_again_from_the_store_or_from_a_mirror() {
    let (author, mirror) = (TestNode::new(), TestNode::new());
    let _ = publish(&author, "a.txt").answer();
    assert_eq!(length(publish(&author, "b.txt")), 3);
    mirror_now(&author, &mirror);
    let file = author_file(&author);
    let lose = |is_store_lost: bool| {
        std::fs::remove_file(&file).unwrap();
        if is_store_lost {
            std::fs::remove_dir_all(find(&author.data_dir(), "store").unwrap()).unwrap();
        }
    };
    lose(false);
    let failure = publish(&author, "c.txt").failure();
    assert_eq!(failure.code, Code::Denied);
    assert!(failure.message.contains("its author's file is gone"));
    let outcome = insist(&author, "c.txt");
    assert!(warnings(&outcome)[0].ends_with("it was not here and was made again, with 3 records"));
    assert_eq!(length(outcome), 4);
    let serving = mirror.serve();
    assert_eq!(
        add_mirror(&author, &serving.url()),
        MirrorState::Older { length: 3 }
    );
    drop(serving);
    mirror_now(&author, &mirror);
    forget_mirror(&author);

    lose(true);
    let failure = insist(&author, "d.txt").failure();
    assert_eq!(failure.code, Code::Denied, "{failure:?}");
    let serving = mirror.serve();
    add_mirror(&author, &serving.url());
    let outcome = publish(&author, "d.txt");
    assert_eq!(warnings(&outcome).len(), 2, "{:?}", warnings(&outcome));
    assert_eq!(length(outcome), 5);
    drop(serving);
    // The small files of the items are in the author's file again as far as they are here.
    sees_one_history(&mirror, &author, 5);
}

#[test]
fn authors_file_damaged_before_its_end_is_mended_from_the_store_or_from_a_mirror_or_signing_stops()
{
    let (author, mirror) = (TestNode::new(), TestNode::new());
    for name in ["a.txt", "b.txt", "c.txt"] {
        let _ = publish(&author, name).answer();
    }
    mirror_now(&author, &mirror);
    let file = author_file(&author);
    let store = find(&author.data_dir(), "store").unwrap();
    let damage = || {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[700] ^= 4;
        // In place: it is the same file to the machine.
        std::fs::write(&file, bytes).unwrap();
        std::fs::read(&file).unwrap()
    };
    let damaged = damage();
    // Read to its end only when the store does not say where it was.
    std::fs::remove_dir_all(&store).unwrap();
    let failure = insist(&author, "d.txt").failure();
    assert_eq!(failure.code, Code::Denied, "{failure:?}");
    assert!(
        failure
            .message
            .contains("is damaged: 4 records were signed, and 0 of them are here")
    );
    assert_eq!(std::fs::read(&file).unwrap(), damaged);

    let serving = mirror.serve();
    add_mirror(&author, &serving.url());
    let outcome = publish(&author, "d.txt");
    let told = warnings(&outcome);
    assert!(
        told[0].contains("it was damaged and was made again, with 4 records"),
        "{told:?}"
    );
    assert_eq!(length(outcome), 5);
    let kept = file.with_extension("damaged-1");
    assert_eq!(std::fs::read(kept).unwrap(), damaged);
    drop(serving);
    forget_mirror(&author);

    // The damaged file comes back from a backup, and the store has all of it and more.
    std::fs::write(&file, &damaged).unwrap();
    let outcome = publish(&author, "e.txt");
    let told = warnings(&outcome);
    assert!(
        told[0].contains("it was damaged and was made again, with 5 records"),
        "{told:?}"
    );
    assert_eq!(length(outcome), 6);
    // The end of the file is gone, as after a crash without a sync, and the store has it.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    assert_eq!(length(publish(&author, "f.txt")), 7);
    std::fs::remove_dir_all(&store).unwrap();
    assert_eq!(length(publish(&author, "g.txt")), 8);
    sees_one_history(&mirror, &author, 8);
}

#[test]
fn key_alone_goes_on_where_a_mirror_says_that_its_feed_ends() {
    let (author, mirror, other) = (TestNode::new(), TestNode::new(), TestNode::new());
    let _ = publish(&author, "a.txt").answer();
    mirror_now(&author, &mirror);
    restore_key(&author, &other, false);
    assert_eq!(insist(&other, "b.txt").failure().code, Code::Denied);
    let serving = mirror.serve();
    add_mirror(&other, &serving.url());
    let outcome = publish(&other, "b.txt");
    assert_eq!(length(outcome), 3);
    assert_eq!(key(&other).taken_over, 2);
    // The media of what was taken over come when they are asked for.
    let sync = Call::Sync {
        feed: Some("main".to_owned()),
        again: false,
    };
    let _ = other.call(sync).answer();
    drop(serving);
    let get = Call::Get {
        target: "main/1".to_owned(),
        file: None,
        range: Some((0, Some(9))),
        output: None,
    };
    assert_eq!(other.call(get).bytes(), b"a.txta.txt");
    sees_one_history(&mirror, &other, 3);
}

#[test]
fn lost_key_beside_its_authors_file_is_told_and_no_other_is_made_in_its_place() {
    let author = TestNode::new();
    let _ = publish(&author, "a.txt").answer();
    let pem = author_file(&author).with_extension("pem");
    let kept = author.files().join("kept.pem");
    std::fs::rename(&pem, &kept).unwrap();
    let failure = publish(&author, "b.txt").failure();
    assert_eq!(failure.code, Code::Denied, "{failure:?}");
    assert!(failure.message.contains("main.feed"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("levada key restore"));
    assert!(!pem.exists());
    std::fs::rename(&kept, &pem).unwrap();
    assert_eq!(length(publish(&author, "b.txt")), 3);
}

#[test]
fn rebuild_sets_nothing_aside_while_a_file_of_the_person_has_to_be_mended() {
    let (author, follower) = (TestNode::new(), TestNode::new());
    let _ = publish(&author, "a.txt").answer();
    mirror_now(&author, &follower);
    let sources = find(&follower.data_dir(), "sources.toml").unwrap();
    let whole = std::fs::read(&sources).unwrap();
    std::fs::write(&sources, &whole[..whole.len() / 2]).unwrap();
    let rebuild = || follower.call(Call::Rebuild(Rebuild { only_index: false }));
    let failure = rebuild().failure();
    assert!(failure.message.contains("sources.toml"), "{failure:?}");
    std::fs::write(&sources, &whole).unwrap();
    // Nobody serves now: the records are those that were here.
    let shown = follower.call(Call::Ls {
        feed: None,
        limit: 10,
        all: true,
    });
    let Answer::Items { items } = shown.answer() else {
        panic!("no items")
    };
    // Its profile, and the item.
    assert_eq!(items.len(), 2);
}

#[test]
fn key_that_never_signed_anything_begins_its_feed_when_the_person_says_so() {
    let (other, here) = (TestNode::new(), TestNode::new());
    let _ = other
        .call(Call::Init {
            name: None,
            title: None,
            encrypt: false,
        })
        .answer();
    let _ = restore_key(&other, &here, true).answer();
    let info = key(&here);
    assert_eq!((info.length, info.trouble), (1, None));
    assert_eq!(length(publish(&here, "a.txt")), 2);
}

#[test]
fn records_that_a_mirror_keeps_back_are_taken_over_by_their_link_hashes() {
    let before = yesterday();
    let (author, mirror) = (&before.author, &before.mirror);
    let gone = author.files().join("folder");
    author.write("folder/secret.txt", b"said too early");
    assert_eq!(length(author.publish(&[&gone])), 4);
    std::fs::remove_file(gone.join("secret.txt")).unwrap();
    let retract = Publish {
        paths: vec![gone],
        retract_missing: true,
        ..Publish::default()
    };
    let retracted = author.call(Call::Publish(Box::new(retract)));
    assert_eq!(length(retracted), 5);
    mirror_now(author, mirror);
    let restored = TestNode::new();
    before.restore(&restored);
    let serving = mirror.serve();
    add_mirror(&restored, &serving.url());
    let outcome = publish(&restored, "c.txt");
    assert!(warnings(&outcome)[0].contains("3 records"));
    assert_eq!(length(outcome), 6);
    drop(serving);
    // The author's file alone tells the whole list again, with a gap in its records.
    std::fs::remove_dir_all(find(&restored.data_dir(), "store").unwrap()).unwrap();
    assert_eq!(length(publish(&restored, "c.txt")), 6);
    let file = std::fs::read(author_file(&restored)).unwrap();
    assert!(!file.windows(10).any(|part| part == b"secret.txt"));
    assert_eq!(length(publish(&restored, "d.txt")), 7);
    sees_one_history(mirror, &restored, 7);
    assert_eq!(before.feed, key(&restored).feed);
}

#[test]
fn serving_author_signs_an_unchanged_head_anew_each_day_and_followers_hear_of_it() {
    const DAY: Duration = Duration::from_secs(25 * 3_600);
    let (author, follower) = (TestNode::new(), TestNode::new());
    let feed = summary(publish(&author, "a.txt")).feed;
    mirror_now(&author, &follower);
    let mut before = signed(&author, &feed);
    let file = author_file(&author);
    let size = || std::fs::metadata(&file).unwrap().len();
    let mut frames = vec![size()];
    for _ in 0..2 {
        clock::advance(DAY);
        let serving = author.serve();
        let later = (0..100_000)
            .map(|_| signed(&author, &feed))
            .find(|time| *time > before);
        let later = later.expect("it was signed anew");
        assert!(later - before >= 24 * 3_600_000);
        before = later;
        frames.push(size());
        let followed = follower.follow(serving.link(), None).answer();
        let Answer::Followed(synced) = followed else {
            panic!("{followed:?}")
        };
        assert_eq!((synced.length, synced.records_new), (2, 0));
        assert_eq!(signed(&follower, &feed), later);
    }
    // One head each day, and nothing else.
    assert_eq!(frames[2] - frames[1], frames[1] - frames[0]);
    assert!((200..300).contains(&(frames[1] - frames[0])));
    // It holds nothing up: the author goes on, without the store too.
    std::fs::remove_dir_all(find(&author.data_dir(), "store").unwrap()).unwrap();
    assert_eq!(length(publish(&author, "b.txt")), 3);
    assert_eq!(length(publish(&author, "c.txt")), 4);
}

#[test]
fn encrypted_key_that_was_unlocked_at_the_start_signs_anew_each_day_too() {
    let author = TestNode::with_passphrase("green water");
    let init = Call::Init {
        name: None,
        title: Some("Ana".into()),
        encrypt: true,
    };
    let _ = author.call(init).answer();
    let pem = std::fs::read_to_string(find(&author.data_dir(), "main.pem").unwrap()).unwrap();
    assert!(pem.contains("ENCRYPTED"), "{pem}");
    let feed = summary(publish(&author, "a.txt")).feed;
    let before = signed(&author, &feed);
    clock::advance(Duration::from_secs(25 * 3_600));
    let serving = author.serve();
    let later = (0..100_000)
        .map(|_| signed(&author, &feed))
        .find(|time| *time > before);
    assert!(later.expect("it was signed anew") - before >= 24 * 3_600_000);
    drop(serving);
}

fn restore_key(from: &TestNode, to: &TestNode, is_unused: bool) -> Outcome {
    let backup = from.files().join("backup.pem");
    if !backup.exists() {
        let back_up = Call::KeyBackup {
            feed: None,
            output: backup.clone(),
        };
        let _ = from.call(back_up).answer();
    }
    to.call(Call::KeyRestore {
        file: backup,
        name: None,
        is_unused,
        title: Some("Ana".to_owned()).filter(|_| is_unused),
    })
}

/// Time of the newest head.
fn signed(node: &TestNode, feed: &FeedKey) -> u64 {
    let target = feed.to_string();
    match node
        .call(Call::Show {
            target,
            history: false,
        })
        .answer()
    {
        Answer::Feed(info) => info.head.map_or(0, |head| head.time),
        other => panic!("{other:?}"),
    }
}
