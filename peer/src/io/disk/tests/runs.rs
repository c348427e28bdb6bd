//! Records in their order, above all long runs, which come in as tables of their own: read like any others, and not believed
//! before their batch.

use super::*;
use crate::io::fault::{Form, Plan};
use std::collections::BTreeSet;

/// Records, long enough for a run of its own.
const LENGTH: u64 = 3_000;

/// A profile and long items; the last ones edit and retract what is in the middle of them.
fn long(log: &mut AuthorLog) -> Vec<Batch> {
    append(log, Body::Profile(Box::default()));
    let mut batches = vec![log.sign(1).unwrap()];
    let mut begun = Vec::new();
    while log.length() < LENGTH {
        let title = format!("{} {}", log.length(), "x".repeat(250));
        begun.push(append(log, item(&title, None)));
    }
    batches.push(log.sign(2).unwrap());
    append(log, item("edited", Some(reference(begun[700]))));
    for at in [9, 1_500] {
        append(
            log,
            Body::Retract(Retract {
                target: reference(begun[at]),
                reason: None,
            }),
        );
    }
    batches.push(log.sign(3).unwrap());
    batches
}

/// All that can be read of the feed.
fn seen(disk: &Disk) -> impl PartialEq + std::fmt::Debug + use<> {
    let feed = secret().feed_key();
    let mut records = Vec::new();
    disk.records(&feed, 0..u64::MAX, &mut |index, bytes| {
        assert_eq!(disk.record(&feed, index).unwrap().unwrap(), bytes);
        records.push((index, Hash::of(bytes)));
        true
    })
    .unwrap();
    let mut some = Vec::new();
    for range in [5..6, 600..800, 699..702, 2_990..9_000] {
        disk.rows(&feed, range, &mut |kind, row| {
            some.push((kind, row));
            true
        })
        .unwrap();
    }
    let single: Vec<_> = [0, 1, 10, 701, 1_501, 2_999, 3_000, 3_001, 9_999]
        .map(|index| disk.row(&feed, index).unwrap())
        .into();
    let retracted = disk.retracted(&feed, 0..u64::MAX).unwrap();
    let held = disk.held(&feed);
    (records, rows(disk), some, single, retracted, held)
}

#[test]
fn records_of_a_range_come_in_order_until_enough() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let feed = secret().feed_key();
    disk.commit(&grown(&mut AuthorLog::new(secret()), 300))
        .unwrap();
    let indices = |range, most: usize| {
        let mut seen = Vec::new();
        disk.records(&feed, range, &mut |index, record| {
            assert_eq!(disk.record(&feed, index).unwrap().unwrap(), record);
            seen.push(index);
            seen.len() < most
        })
        .unwrap();
        seen
    };
    assert_eq!(
        indices(0..u64::MAX, usize::MAX),
        (0..300).collect::<Vec<_>>()
    );
    assert_eq!(indices(254..258, usize::MAX), [254, 255, 256, 257]);
    assert_eq!(indices(10..300, 3), [10, 11, 12]);
    assert_eq!(indices(300..u64::MAX, 3), Vec::<u64>::new());
    assert_eq!(indices(9..9, 3), Vec::<u64>::new());
    let other = FeedSecret::from_bytes(&[9; 32]).feed_key();
    disk.records(&other, 0..9, &mut |_, _| panic!("of another feed"))
        .unwrap();
}

#[test]
fn long_run_reads_as_the_same_records_do_that_came_a_few_at_a_time() {
    let [at_once, by_few] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut log = AuthorLog::new(secret());
    let batches = long(&mut log);
    assert!(
        batches[1]
            .records()
            .iter()
            .map(|(_, record)| record.len())
            .sum::<usize>()
            > 600_000
    );
    let [run, few] = [&at_once, &by_few].map(|folder| Disk::open(folder.path()).unwrap());
    for batch in &batches {
        run.commit(batch).unwrap();
    }
    let mut log = AuthorLog::new(secret());
    for (nth, batch) in batches.iter().enumerate() {
        for (at, (_, record)) in batch.records().iter().enumerate() {
            log.append(record.clone()).unwrap();
            if at % 50 == 49 {
                few.commit(&log.sign(u64::try_from(nth).unwrap()).unwrap())
                    .unwrap();
            }
        }
        few.commit(&log.sign(u64::try_from(nth + 1).unwrap()).unwrap())
            .unwrap();
    }
    assert_eq!(seen(&run), seen(&few));
    let feed = secret().feed_key();
    // Again, as after a crash: nothing changes.
    let before = seen(&run);
    run.commit(&batches[1]).unwrap();
    assert_eq!(seen(&run), before);
    for disk in [&run, &few] {
        disk.drop_records(&feed, 100..1_234).unwrap();
        disk.drop_retracted(&feed, &[10, 1_501].into()).unwrap();
    }
    assert_eq!(seen(&run), seen(&few));
    run.rebuild_rows(&feed, &mut |_| {}).unwrap();
    few.rebuild_rows(&feed, &mut |_| {}).unwrap();
    assert_eq!(seen(&run), seen(&few));
    drop(run);
    let again = Disk::open(at_once.path()).unwrap();
    assert_eq!(seen(&again), seen(&few));
    again.purge(&feed).unwrap();
    assert!(again.record(&feed, 2_000).unwrap().is_none());
    assert!(rows(&again).is_empty());
}

#[test]
fn first_batch_of_a_feed_is_no_run_so_that_its_number_is_never_lost_before_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let counted = Plan::count(folder.path());
    let mut log = AuthorLog::new(secret());
    for at in 0..LENGTH {
        append(&mut log, item(&format!("{at} {}", "x".repeat(250)), None));
    }
    disk.commit(&log.sign(1).unwrap()).unwrap();
    assert_eq!(counted.steps().len(), 1, "one write, and all is in it");
    assert!(disk.record(&secret().feed_key(), 2_999).unwrap().is_some());
}

#[test]
fn long_run_that_a_crash_cut_short_is_not_read_and_comes_again() {
    let batches = long(&mut AuthorLog::new(secret()));
    let feed = secret().feed_key();
    let attempt = |fails: Option<(usize, Form)>| {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.commit(&batches[0]).unwrap();
        let planned = match fails {
            Some((step, form)) => Plan::fail(folder.path(), step, form),
            None => Plan::count(folder.path()),
        };
        let committed = disk.commit(&batches[1]).is_ok();
        let steps = planned.steps().len();
        drop(planned);
        drop(disk);
        let disk = Disk::open(folder.path()).unwrap();
        let is_held = disk.held(&feed).contains(2_000);
        assert!(is_held || !committed);
        assert_eq!(disk.record(&feed, 2_000).unwrap().is_some(), is_held);
        let mut read = 0;
        disk.records(&feed, 0..u64::MAX, &mut |_, _| {
            read += 1;
            true
        })
        .unwrap();
        assert_eq!(read, if is_held { LENGTH } else { 1 });
        disk.commit(&batches[1]).unwrap();
        assert!(disk.record(&feed, 2_000).unwrap().is_some());
        disk.drop_records(&feed, 0..u64::MAX).unwrap();
        assert!(disk.record(&feed, 2_000).unwrap().is_none());
        steps
    };
    let steps = attempt(None);
    // The journal, the table, the batch.
    assert!(steps >= 3, "{steps}");
    for step in 0..steps {
        for form in Form::ALL {
            attempt(Some((step, form)));
        }
    }
}

/// What is held is stored in parts, each by itself.
#[test]
fn holes_are_where_they_were_after_each_opening() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, feed) = (AuthorLog::new(secret()), secret().feed_key());
    let mut held = Runs::new();
    let mut last = 0;
    let disk = Disk::open(&folder.path().join("store")).unwrap();
    for time in 1..4 {
        for at in 0..4_000 {
            append(&mut log, item(&at.to_string(), None));
        }
        disk.commit(&log.sign(time).unwrap()).unwrap();
        held.insert(last..log.length());
        last = log.length();
    }
    disk.close().unwrap();
    drop(disk);
    for (range, step) in [
        (0..9_000, 2),
        (4_096..8_192, 1),
        (11_999..12_000, 1),
        (10_000..10_100, 3),
        (0..8_192, 1),
    ] {
        let disk = Disk::open(&folder.path().join("store")).unwrap();
        assert_eq!(disk.held(&feed), held);
        let gone: BTreeSet<u64> = range.step_by(step).collect();
        gone.iter().for_each(|at| held.remove(*at..at + 1));
        disk.drop_retracted(&feed, &gone).unwrap();
        assert_eq!(disk.held(&feed), held);
        disk.close().unwrap();
    }
    let disk = Disk::open(&folder.path().join("store")).unwrap();
    assert_eq!(disk.held(&feed), held);
    disk.purge(&feed).unwrap();
    drop(disk);
    let disk = Disk::open(&folder.path().join("store")).unwrap();
    assert!(disk.held(&feed).is_empty());
}
