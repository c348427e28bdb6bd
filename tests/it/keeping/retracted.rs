//! What an author edits and takes back, and when it goes.

use super::*;
use levada_peer::api::{Edit, StageChange};

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
