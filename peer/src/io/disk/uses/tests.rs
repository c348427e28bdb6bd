use super::*;
use levada_feed::key::FeedSecret;
use levada_feed::log::AuthorLog;
use levada_feed::record::{self, Body, File, Item, Profile, Record, Reference, Retract, Role};

fn file(byte: u8) -> File {
    File {
        hash: Hash([byte; 32]),
        size: 20_000,
        media_type: "audio/flac".into(),
        role: Role::Main,
        name: None,
        duration: None,
        width: None,
        height: None,
        codecs: None,
        language: None,
        blurhash: None,
    }
}

fn append(log: &mut AuthorLog, body: Body) -> Reference {
    let record = Record {
        time: 5,
        salt: [1; 16],
        body,
    };
    let written = record::write(&record, log.length()).unwrap();
    let (index, link) = log.append(written).unwrap();
    Reference {
        feed: None,
        index,
        link,
    }
}

fn item(log: &mut AuthorLog, files: &[u8], edits: Option<Reference>) -> Reference {
    let item = Item {
        title: "one".into(),
        files: files.iter().map(|byte| file(*byte)).collect(),
        edits,
        ..Item::default()
    };
    append(log, Body::Item(Box::new(item)))
}

fn begun(byte: u8) -> (AuthorLog, FeedKey) {
    let mut log = AuthorLog::new(FeedSecret::from_bytes(&[byte; 32]));
    let profile = Profile {
        name: "Ana".into(),
        avatar: Some(file(200)),
        ..Profile::default()
    };
    append(&mut log, Body::Profile(Box::new(profile)));
    let feed = log.feed();
    (log, feed)
}

fn named(disk: &Disk, byte: u8) -> Vec<(FeedKey, u64)> {
    let mut named = Vec::new();
    disk.named_by(&Hash([byte; 32]), &mut |feed, index| {
        named.push((feed, index));
        true
    })
    .unwrap();
    assert_eq!(disk.is_named(&Hash([byte; 32])).unwrap(), !named.is_empty());
    named
}

#[test]
fn blob_is_named_until_the_last_record_of_any_feed_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let ((mut ana, a), (mut ben, b)) = (begun(1), begun(2));
    item(&mut ana, &[7, 8], None);
    item(&mut ben, &[7], None);
    let (ana, ben) = (ana.sign(9).unwrap(), ben.sign(9).unwrap());
    disk.commit(&ana).unwrap();
    disk.commit(&ben).unwrap();
    // A second delivery counts once.
    disk.commit(&ben).unwrap();
    assert_eq!(named(&disk, 7), [(a, 1), (b, 1)]);
    assert_eq!(named(&disk, 200), [(a, 0), (b, 0)]);
    assert!(disk.is_named_by(&Hash([7; 32]), &b).unwrap());
    assert_eq!(disk.loose(9).unwrap(), []);

    disk.drop_records(&a, 1..2).unwrap();
    assert_eq!(named(&disk, 7), [(b, 1)]);
    assert_eq!(named(&disk, 8), []);
    let mut loose = disk.loose(9).unwrap();
    loose.sort_by_key(|hash| hash.0);
    assert_eq!(loose, [Hash([7; 32]), Hash([8; 32])]);
    disk.settle_loose(&loose).unwrap();
    disk.purge(&b).unwrap();
    assert_eq!(named(&disk, 7), []);
    drop(disk);
    let disk = Disk::open(folder.path()).unwrap();
    assert_eq!(named(&disk, 200), [(a, 0)]);
    assert_eq!(disk.loose(9).unwrap().len(), 2);
    // What comes back is named again.
    disk.commit(&ana).unwrap();
    assert_eq!(named(&disk, 8), [(a, 1)]);
}

#[test]
fn pages_are_dropped_one_after_the_other_and_each_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let (mut log, feed) = begun(1);
    for _ in 0..2_500 {
        item(&mut log, &[7], None);
    }
    disk.commit(&log.sign(9).unwrap()).unwrap();
    let mut next = Some(1);
    let mut pages = 0;
    while let Some(start) = next {
        next = disk.drop_page(&feed, start..2_001).unwrap().next;
        pages += 1;
        let end = next.unwrap_or(2_001);
        let held = disk.held(&feed);
        assert!(!held.contains(end - 1) && held.contains(end));
        let left = usize::try_from(2_501 - end).unwrap();
        assert_eq!(named(&disk, 7).len(), left);
        assert!(disk.record(&feed, end - 1).unwrap().is_none());
    }
    assert_eq!(pages, 2);
    assert_eq!(disk.held(&feed).count(), 501);
}

#[test]
fn edits_are_listed_oldest_first_with_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let (mut log, feed) = begun(1);
    let first = item(&mut log, &[7], None);
    item(&mut log, &[8], None);
    item(&mut log, &[9], Some(first));
    item(&mut log, &[7], Some(first));
    disk.commit(&log.sign(9).unwrap()).unwrap();
    let mut edits = Vec::new();
    disk.edits(&feed, 1, &mut |edit, link| {
        edits.push((edit, link));
        true
    })
    .unwrap();
    assert_eq!(edits, [(3, first.link), (4, first.link)]);
}

#[test]
fn retraction_is_due_since_it_came_and_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let (mut log, feed) = begun(1);
    let first = item(&mut log, &[7], None);
    let second = item(&mut log, &[8], None);
    let before = clock::now_ms();
    for target in [first, second] {
        append(
            &mut log,
            Body::Retract(Retract {
                target,
                reason: None,
            }),
        );
    }
    disk.commit(&log.sign(9).unwrap()).unwrap();
    assert_eq!(disk.due(before, 9).unwrap(), []);
    let later = clock::now_ms() + 1;
    assert_eq!(disk.due(later, 1).unwrap().len(), 1);
    let due = disk.due(later, 9).unwrap();
    assert_eq!(due.iter().map(|due| due.index).collect::<Vec<_>>(), [1, 2]);
    disk.settle_due(&due[0], Some(later)).unwrap();
    disk.spare(&due[1]).unwrap();
    assert_eq!(disk.due(later, 9).unwrap(), []);
    assert_eq!(disk.spared(Some(&feed), 9).unwrap(), [due[1]]);
    assert_eq!(disk.spared(None, 9).unwrap(), [due[1]]);
    disk.unspare(&due[1].feed, due[1].index, Some(due[1].since))
        .unwrap();
    assert_eq!(disk.spared(None, 9).unwrap(), []);
    assert_eq!(disk.due(later, 9).unwrap(), [due[1]]);
    // The record itself came late: its retraction was there before it.
    disk.settle_due(&due[1], None).unwrap();
    disk.drop_retracted(&feed, &[2].into()).unwrap();
    assert!(!disk.held(&feed).contains(2) && !disk.is_named(&Hash([8; 32])).unwrap());
    assert!(disk.gone(&feed).unwrap().contains(2));
    disk.purge(&feed).unwrap();
    assert!(disk.gone(&feed).unwrap().is_empty());
}

#[test]
fn sums_follow_the_ledger_and_survive_a_start() {
    use crate::io::disk::{Entry, Files};
    use crate::keep::{Class, Totals};
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    let entry = |class, used, bytes| {
        Some(Entry {
            class,
            used,
            bytes,
            files: Files::Here,
        })
    };
    let hash = |byte| Hash([byte; 32]);
    disk.put_entries([
        (hash(1), entry(Class::Followed, 9, 10)),
        (hash(2), entry(Class::Cache, 20, 30)),
        (hash(3), entry(Class::Cache, 7, 5)),
        (hash(4), entry(Class::Own, 1, 100)),
    ])
    .unwrap();
    disk.put_entries([
        (hash(3), entry(Class::Pinned, 7, 6)),
        (hash(5), None),
        (hash(1), entry(Class::Followed, 8, 10)),
    ])
    .unwrap();
    let expected = Totals {
        bytes: [30, 10, 6, 100],
        blobs: [1, 1, 1, 1],
        ..Totals::default()
    };
    let order = |disk: &Disk| -> Vec<u8> {
        let kept = disk.in_order().unwrap().map(|kept| kept.unwrap().hash.0[0]);
        kept.collect()
    };
    assert_eq!((disk.totals(), order(&disk)), (expected, vec![2, 1]));
    drop(disk);
    let disk = Disk::open(folder.path()).unwrap();
    assert_eq!((disk.totals(), order(&disk)), (expected, vec![2, 1]));
    assert_eq!(disk.entry(&hash(3)).unwrap(), entry(Class::Pinned, 7, 6));
    // A disk goes and comes back: what lies on it keeps what it is, and takes part in nothing meanwhile.
    let are = |files| move |entry| Entry { files, ..entry };
    disk.change_entries([&hash(1), &hash(3)], are(Files::Away))
        .unwrap();
    let away = Totals {
        bytes: [30, 0, 0, 100],
        blobs: [1, 0, 0, 1],
        away_bytes: 16,
        away_blobs: 2,
    };
    assert_eq!((disk.totals(), order(&disk)), (away, vec![2]));
    drop(disk);
    let disk = Disk::open(folder.path()).unwrap();
    assert_eq!((disk.totals(), order(&disk)), (away, vec![2]));
    disk.change_entries([&hash(1), &hash(3)], are(Files::Here))
        .unwrap();
    assert_eq!((disk.totals(), order(&disk)), (expected, vec![2, 1]));
    assert_eq!(disk.entry(&hash(3)).unwrap(), entry(Class::Pinned, 7, 6));
    disk.put_entries((1..=4).map(|byte| (hash(byte), None)))
        .unwrap();
    assert_eq!((disk.totals(), order(&disk)), (Totals::default(), vec![]));
    // What comes before all others after somebody asked is found.
    for (byte, class) in [(9, Class::Followed), (8, Class::Cache), (7, Class::Cache)] {
        let used = u64::from(byte);
        disk.put_entries([(hash(byte), entry(class, used, 1))])
            .unwrap();
        assert_eq!(order(&disk)[0], byte);
    }
    disk.put_entries([(hash(7), None)]).unwrap();
    assert_eq!(order(&disk), [8, 9]);
}
