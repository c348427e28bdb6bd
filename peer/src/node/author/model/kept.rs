//! Schedules that once failed, kept as tests: files and stores of two histories that meet on one machine.

use super::*;

#[test]
fn store_that_fell_behind_what_was_shown_takes_no_other_history_over() {
    let world = World::new();
    for (mirror, seed) in [(0, 1), (1, 2)] {
        let mut run = Run::new(&world, seed, false);
        let (feed, now) = (run.feed, 1_700_000_000_000);
        let before = run.machines[0].save();
        run.machines[0].sign(Trust::Marked, 3, now).unwrap();
        run.machines[1]
            .sign(Trust::Insisted, 3 + seed, now)
            .unwrap();
        run.pull(mirror, 1);
        // The heads file stays: it knows the history that was shown.
        run.machines[0].restore(&before, Part::Keys);
        run.machines[0].restore(&before, Part::Store);
        let refused = run.machines[0].sign(Trust::Insisted, 1, now).unwrap_err();
        assert!(refused.message.contains("two histories"), "{refused:?}");
        let shown = run.machines[0].shown(&feed).unwrap();
        assert_eq!(shown.length(), 1, "nothing of the other history came here");
    }
}

#[test]
fn files_of_another_history_than_was_shown_are_not_signed_on() {
    let world = World::new();
    // With the store alone, the author's file is to be made again of it.
    for part in [Part::Data, Part::Store] {
        let mut run = Run::new(&world, 1, false);
        let now = 1_700_000_000_000;
        run.machines[0].sign(Trust::Marked, 5, now).unwrap();
        run.machines[1].sign(Trust::Insisted, 2, now).unwrap();
        let longer = run.machines[0].save();
        run.machines[1].restore(&longer, part);
        if part == Part::Store {
            run.machines[1].lose_author_file();
        }
        let refused = run.machines[1].sign(Trust::Insisted, 1, now).unwrap_err();
        assert!(refused.message.contains("two histories"), "{refused:?}");
    }
}

#[test]
fn store_of_another_history_gets_nothing_of_the_authors_file() {
    let world = World::new();
    let mut run = Run::new(&world, 1864, false);
    let now = 1_700_000_000_000;
    // Two histories of one length; the one of the file has the later time.
    run.machines[2].sign(Trust::Insisted, 3, 1).unwrap();
    let other = run.machines[2].save();
    run.machines[1].sign(Trust::Insisted, 3, now).unwrap();
    run.machines[1].restore(&other, Part::Store);
    let refused = run.machines[1].sign(Trust::Marked, 1, now).unwrap_err();
    assert!(refused.message.contains("two histories"), "{refused:?}");
    // What the store has is of one history: whoever pulls it can verify it.
    for mirror in 0..MIRRORS {
        run.pull(mirror, 1);
    }
}

#[test]
fn file_of_another_history_that_ends_where_the_own_one_did_is_told_as_that() {
    let world = World::new();
    let mut run = Run::new(&world, 1992, false);
    let now = 1_700_000_000_000;
    run.machines[2].sign(Trust::Insisted, 3, now).unwrap();
    run.machines[2].sign(Trust::Insisted, 3, now).unwrap();
    let other = run.machines[2].save();
    run.machines[1].sign(Trust::Insisted, 3, now).unwrap();
    run.machines[1].restore(&other, Part::Keys);
    let refused = run.machines[1].sign(Trust::Marked, 1, now).unwrap_err();
    assert_eq!(refused.code, Code::Denied, "{refused:?}");
    for mirror in 0..MIRRORS {
        run.pull(mirror, 1);
    }
}

#[test]
fn state_that_was_lost_is_made_again_of_what_the_store_shows() {
    let world = World::new();
    let mut run = Run::new(&world, 3, false);
    let now = 1_700_000_000_000;
    let before = run.machines[0].save();
    run.machines[0].sign(Trust::Marked, 3, now).unwrap();
    let shown = run.machines[0].shown(&run.feed).unwrap();
    run.machines[0].lose_state();
    // A process shows what the store has, and signs nothing.
    run.machines[0].node().unwrap();
    run.machines[0].restore(&before, Part::Data);
    // A mirror that lags says that one record is all.
    let signed = run.machines[0].sign(Trust::Insisted, 1, now);
    assert!(signed.is_err(), "it would contradict what was shown");
    let stored = run.machines[0].shown(&run.feed).unwrap();
    assert!(stored.agrees(&shown) && stored.length() == 1);
}
