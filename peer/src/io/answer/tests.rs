use super::*;
use levada_feed::key::FeedSecret;
use levada_feed::log::{AuthorLog, FollowedLog};
use levada_feed::record::{self, Body, Item, Record, Reference, Retract};
use tempfile::TempDir;

struct Place {
    _folder: TempDir,
    disk: Disk,
    log: AuthorLog,
    feed: FeedKey,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let secret = FeedSecret::from_bytes(&[4; 32]);
        let feed = secret.feed_key();
        Self {
            _folder: folder,
            disk,
            log: AuthorLog::new(secret),
            feed,
        }
    }

    fn append(&mut self, body: Body) -> Reference {
        let record = Record {
            time: 5,
            salt: [1; 16],
            body,
        };
        let bytes = record::write(&record, self.log.length()).unwrap();
        let (index, link) = self.log.append(bytes).unwrap();
        Reference {
            feed: None,
            index,
            link,
        }
    }

    /// A profile and items with texts of this size, signed at this length.
    fn grow(&mut self, length: u64, text: usize) {
        if self.log.length() == 0 {
            self.append(Body::Profile(Box::default()));
        }
        while self.log.length() < length {
            let item = Item {
                title: "t".into(),
                text: Some("x".repeat(text)).filter(|text| !text.is_empty()),
                ..Item::default()
            };
            self.append(Body::Item(Box::new(item)));
        }
        self.sign();
    }

    fn sign(&mut self) {
        self.disk.commit(&self.log.sign(9).unwrap()).unwrap();
    }

    /// Range and count of each kind of slot of a bundle, checked.
    fn check(&self, wire: &[u8]) -> (Range<u64>, usize, usize, usize) {
        let bundle = bundle::check(&self.feed, wire).unwrap();
        let mut kinds = (0, 0, 0);
        for slot in &bundle.slots {
            match slot {
                Slot::Record(_) => kinds.0 += 1,
                Slot::Withheld(_) => kinds.1 += 1,
                Slot::Retracted(..) => kinds.2 += 1,
            }
        }
        let end = bundle.from + bundle.slots.len() as u64;
        (bundle.from..end, kinds.0, kinds.1, kinds.2)
    }

    fn bundle(&self, range: Range<u64>, at: Option<u64>) -> Option<Vec<u8>> {
        bundle(&self.disk, &self.feed, range, at).unwrap()
    }

    fn latest(&self, count: u64) -> Vec<Vec<u8>> {
        let answer = latest(&self.disk, &self.feed, count).unwrap().unwrap();
        let bundles = crate::frame::split_bundles(&answer).unwrap();
        bundles.into_iter().map(<[u8]>::to_vec).collect()
    }
}

#[test]
fn ranges_are_cut_to_what_is_there() {
    let mut place = Place::new();
    place.grow(70, 0);
    for (asked, given) in [
        (0..1, 0..1),
        (0..70, 0..70),
        (3..u64::MAX, 3..70),
        (69..71, 69..70),
    ] {
        let wire = place.bundle(asked, None).unwrap();
        assert_eq!(place.check(&wire).0, given);
    }
    for nothing in [70..71, u64::MAX - 1..u64::MAX, 5..5] {
        assert!(place.bundle(nothing, None).is_none());
    }
    let other = FeedSecret::from_bytes(&[5; 32]).feed_key();
    assert!(bundle(&place.disk, &other, 0..1, None).unwrap().is_none());
    assert!(latest(&place.disk, &other, 1).unwrap().is_none());
    assert!(head(&place.disk, &other, 0).unwrap().is_none());
    for have in [0, 1, 69, 70, 71, u64::MAX] {
        let answer = head(&place.disk, &place.feed, have).unwrap().unwrap();
        chain::check_head(&place.feed, &answer, have).unwrap();
    }
}

#[test]
fn bundles_stop_before_4_mib_and_at_16384_slots_and_always_give_one() {
    let mut place = Place::new();
    place.grow(80, 60_000);
    let wire = place.bundle(1..80, None).unwrap();
    assert!(wire.len() <= BUNDLE_BYTES_TARGET + 10_000, "{}", wire.len());
    let (range, records, ..) = place.check(&wire);
    assert_eq!(range, 1..1 + records as u64);
    assert!((60..79).contains(&records), "{records}");
    let mut long = Place::new();
    long.grow(17_000, 0);
    let wire = long.bundle(0..17_000, None).unwrap();
    assert_eq!(long.check(&wire).0, 0..16_384);
    // Nothing but hashes: what is not held travels as such.
    long.disk.drop_records(&long.feed, 0..17_000).unwrap();
    let wire = long.bundle(500..17_000, None).unwrap();
    assert_eq!(long.check(&wire), (500..16_884, 0, 16_384, 0));
}

#[test]
fn newest_records_always_hold_the_last_one_and_start_a_follower() {
    let mut place = Place::new();
    place.grow(17_000, 0);
    for (count, given) in [
        (1, 16_999..17_000),
        (50, 16_950..17_000),
        (16_384, 616..17_000),
        (17_000, 616..17_000),
        (u64::MAX, 616..17_000),
    ] {
        let bundles = place.latest(count);
        assert_eq!(place.check(&bundles[0]).0, 0..1);
        assert_eq!(place.check(&bundles[1]).0, given, "{count}");
        let parts: Vec<&[u8]> = bundles.iter().map(Vec::as_slice).collect();
        FollowedLog::new(place.feed, None)
            .accept_start(None, &parts)
            .unwrap();
    }
    let mut large = Place::new();
    large.grow(100, 60_000);
    let bundles = large.latest(99);
    let (range, ..) = large.check(&bundles[1]);
    assert!(range.end == 100 && range.start > 20, "{range:?}");
    let mut short = Place::new();
    short.grow(3, 0);
    assert_eq!(short.latest(3).len(), 1);
    assert_eq!(short.latest(9).len(), 1);
    assert_eq!(short.latest(2).len(), 2);
}

#[test]
fn who_keeps_only_the_newest_gives_them_whatever_is_asked() {
    let mut author = Place::new();
    author.grow(2_000, 0);
    let start = author.latest(50);
    let parts: Vec<&[u8]> = start.iter().map(Vec::as_slice).collect();
    let batch = FollowedLog::new(author.feed, None)
        .accept_start(None, &parts)
        .unwrap();
    let mut follower = Place::new();
    follower.feed = author.feed;
    follower.disk.commit(&batch).unwrap();
    for count in [10, 50, 55, 512, u64::MAX] {
        let bundles = follower.latest(count);
        let (range, records, withheld, _) = follower.check(&bundles[1]);
        assert_eq!(range.end, 2_000);
        // The leaves of the list that are held reach a little further back than the records.
        assert!(range.start <= 2_000 - count.min(50) && range.start > 1_900);
        assert_eq!(records as u64, count.min(50));
        assert_eq!(range.end - range.start, (records + withheld) as u64);
    }
    assert!(follower.bundle(100..200, None).is_none());
    assert!(follower.bundle(1_960..2_000, None).is_some());
}

#[test]
fn retracted_records_travel_as_hashes_under_every_head() {
    let mut place = Place::new();
    place.grow(3, 0);
    let item = place.append(Body::Item(Box::new(Item {
        title: "wrong".into(),
        ..Item::default()
    })));
    let edit = Item {
        title: "edit".into(),
        edits: Some(item),
        ..Item::default()
    };
    place.append(Body::Item(Box::new(edit)));
    place.sign();
    let wire = place.bundle(0..5, None).unwrap();
    assert_eq!(place.check(&wire), (0..5, 5, 0, 0));
    place.append(Body::Retract(Retract {
        target: item,
        reason: None,
    }));
    place.sign();
    let wire = place.bundle(0..6, None).unwrap();
    assert_eq!(place.check(&wire), (0..6, 4, 0, 2));
    // The older head does not reach to the record that retracts: the hint would point past it.
    let wire = place.bundle(0..6, Some(5)).unwrap();
    assert_eq!(place.check(&wire), (0..5, 3, 2, 0));
    let wire = place.bundle(0..6, Some(4)).unwrap();
    assert_eq!(
        place.check(&wire).0,
        0..6,
        "a head that is not kept: the newest"
    );
}
