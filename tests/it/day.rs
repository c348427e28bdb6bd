//! A day in fast motion: an author and five followers, thousands of items, edits, retractions, restarts, a follower asleep
//! for a week, and a liar. Everybody honest ends with the same feed, and tells the truth about it.

use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_peer::api::{Answer, Call, Publish, Shown, SourceInfo, State, Status};
use levada_peer::io::clock;
use levada_tests::liar::{Liar, Lie};
use levada_tests::{TestNode, TestServe, noise};
use std::time::Duration;

/// Items of the first hour.
const FIRST_ITEMS: usize = 9_000;
/// New items of each hour after it.
const NEW_ITEMS: usize = 100;
/// Items of each hour that get another state.
const EDITED_ITEMS: usize = 20;
/// Items of each hour that are taken back.
const RETRACTED_ITEMS: usize = 10;
const HOURS: usize = 10;
const FILM_BYTES: usize = 100_000;
/// What media may take at the follower who has little room, in bytes: the newest four of eleven films.
const LITTLE_ROOM: u64 = 600_000;
const HOUR: Duration = Duration::from_secs(3_600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The author and the folder, as it changes over the day.
struct Author {
    node: TestNode,
    made: usize,
    /// Records that the feed has, if everything was counted right.
    records: u64,
}

impl Author {
    fn new() -> Self {
        let node = TestNode::new();
        // The profile.
        let records = 1;
        let made = 0;
        Self {
            node,
            made,
            records,
        }
    }

    fn make(&mut self, items: usize) {
        for _ in 0..items {
            self.made += 1;
            self.write(self.made, 0);
        }
        self.records += u64::try_from(items).unwrap();
    }

    fn write(&self, number: usize, state: usize) {
        let text = format!("item {number}, state {state}\n");
        let _ = self.node.write(&path(number), text.as_bytes());
    }

    /// What is done in one hour of the day, then published.
    fn work(&mut self, hour: usize) -> FeedKey {
        if hour > 0 {
            self.make(NEW_ITEMS);
            // Other items each hour, among them some that were edited before.
            for number in (1..=EDITED_ITEMS).map(|at| at * 7 + hour * 3) {
                self.write(number, hour);
            }
            for number in (1..=RETRACTED_ITEMS).map(|at| 1_000 + hour * 100 + at) {
                std::fs::remove_file(self.node.files().join(path(number))).unwrap();
            }
            self.records += u64::try_from(EDITED_ITEMS + RETRACTED_ITEMS).unwrap();
        }
        let _ = self.node.write(&film(hour), &film_bytes(hour));
        self.records += 1;
        let call = Call::Publish(Box::new(Publish {
            paths: vec![self.node.files()],
            retract_missing: true,
            ..Publish::default()
        }));
        let published = self.node.call(call).answer();
        let Answer::Published(summary) = published else {
            panic!("{published:?}")
        };
        let head = summary.head.expect("it was signed");
        assert_eq!(head.length, self.records, "in hour {hour}");
        summary.feed
    }
}

fn path(number: usize) -> String {
    format!("{:02}/{number}.txt", number % 100)
}

fn film(hour: usize) -> String {
    format!("films/{hour:02}.bin")
}

fn film_bytes(hour: usize) -> Vec<u8> {
    noise(u64::try_from(hour).unwrap(), FILM_BYTES)
}

/// What `ls` says of an item: index, newest state, what it is, title.
type Row = (u64, u64, State, Option<String>);

fn rows(node: &TestNode, limit: u64) -> Vec<Row> {
    let call = Call::Ls {
        feed: None,
        limit,
        all: limit == u64::MAX,
    };
    let listed = node.call(call).answer();
    let Answer::Items { items } = listed else {
        panic!("{listed:?}")
    };
    assert!(items.iter().all(is_whole), "a file is not all here");
    let row = |item: Shown| (item.index, item.newest, item.state, item.title);
    items.into_iter().map(row).collect()
}

fn is_whole(item: &Shown) -> bool {
    item.state == State::Retracted || item.files.iter().all(|file| file.held == file.file.size)
}

fn root(node: &TestNode, feed: &FeedKey) -> (u64, Hash) {
    let target = feed.to_string();
    let shown = node
        .call(Call::Show {
            target,
            history: false,
        })
        .answer();
    let Answer::Feed(info) = shown else {
        panic!("{shown:?}")
    };
    let head = info.head.expect("it has a head");
    (head.length, head.root)
}

fn status(node: &TestNode) -> Status {
    let listed = node.call(Call::Status).answer();
    let Answer::Status(status) = listed else {
        panic!("{listed:?}")
    };
    *status
}

fn source(node: &TestNode) -> SourceInfo {
    status(node).sources.into_iter().next().expect("it follows")
}

fn follow(node: &TestNode, link: &str, keep: Option<&str>) {
    let _ = node.follow(link, keep).answer();
}

/// A link to the same feed, by way of these addresses only.
fn by_way_of(link: &str, via: &[&str]) -> String {
    let mut parts = link.split('&').filter(|part| !part.starts_with("via="));
    let plain = parts.next().expect("a link has a key").to_owned();
    via.iter()
        .fold(plain, |link, via| format!("{link}&via={via}"))
}

fn sync() -> Call {
    Call::Sync {
        feed: None,
        again: false,
    }
}

#[test]
fn day_of_an_author_and_five_followers_ends_with_one_feed() {
    let mut author = Author::new();
    author.make(FIRST_ITEMS);
    let feed = author.work(0);
    let mut author_serves = Some(author.node.serve());
    let address = author_serves.as_ref().map(TestServe::url).unwrap();
    let link = author_serves.as_ref().unwrap().link().to_owned();

    let [archivist, reader, restarted, sleeper, deceived] =
        std::array::from_fn(|_| TestNode::new());
    restarted.configure(&format!(
        "[quota]\nsize = \"{LITTLE_ROOM}\"\nreserve = \"0\"\n"
    ));
    follow(&archivist, &link, Some("all"));
    let archivist_serves = archivist.serve();
    let archive = archivist_serves.url();
    follow(&reader, &by_way_of(&link, &[&archive]), None);
    follow(&restarted, &link, Some("all"));
    follow(&sleeper, &link, Some("all"));
    let is_bundle = |line: &str| line.contains("/bundle");
    let liar = Liar::start(address.trim_start_matches("http://"), is_bundle, Lie::Last);
    let lied_to = by_way_of(&link, &[&format!("http://{}", liar.address), &archive]);
    follow(&deceived, &lied_to, Some("all"));

    let reader_serves = reader.serve();
    let mut restarted_serves = Some(restarted.serve());
    let mut sleeper_serves = Some(sleeper.serve());
    let deceived_serves = deceived.serve();
    for hour in 1..=HOURS {
        clock::advance(HOUR);
        match hour {
            // Asleep until the end.
            2 => drop(sleeper_serves.take()),
            3 => drop(restarted_serves.take()),
            5 => {
                restarted_serves = Some(restarted.serve());
                drop(author_serves.take());
            }
            7 => {
                drop(restarted_serves.take());
                restarted_serves = Some(restarted.serve());
                author_serves = Some(author.node.serve_at(&address));
            }
            _ => {}
        }
        let worked = author.work(hour);
        assert_eq!(worked, feed);
    }
    clock::advance(WEEK);
    let sleeper_serves = sleeper.serve();
    let restarted_serves = restarted_serves.expect("it was started again");
    for serves in [
        &archivist_serves,
        &reader_serves,
        &restarted_serves,
        &sleeper_serves,
        &deceived_serves,
    ] {
        serves.wait_for(&feed, author.records);
    }

    let all = [&archivist, &sleeper, &deceived];
    sees_the_truth(&author, &feed, &all, &reader);
    keeps_what_there_is_room_for(&author, &feed, &restarted);
    drop(author_serves);
}

/// Who keeps all has all and says so, and the reader has the newest.
fn sees_the_truth(author: &Author, feed: &FeedKey, all: &[&TestNode], reader: &TestNode) {
    let truth = (root(&author.node, feed), rows(&author.node, u64::MAX));
    assert_eq!(truth.0.0, author.records);
    for follower in all {
        // What a running node still fetches is here when a sync of its own has ended.
        let _ = follower.call(sync()).answer();
        let (seen_root, seen) = (root(follower, feed), rows(follower, u64::MAX));
        assert_eq!(seen_root, truth.0);
        assert_eq!(seen.len(), truth.1.len());
        assert_eq!(seen, truth.1);
        let told = source(follower);
        assert_eq!(told.length, author.records);
        assert!(!told.is_disputed);
    }
    let _ = reader.call(sync()).answer();
    assert_eq!(root(reader, feed), truth.0);
    assert_eq!(rows(reader, 50), rows(&author.node, 50));
    assert!(source(reader).records < author.records);
}

/// Who has little room has the newest media, knows of all the others, and never takes more than that.
fn keeps_what_there_is_room_for(author: &Author, feed: &FeedKey, follower: &TestNode) {
    let _ = follower.call(sync()).answer();
    assert_eq!(root(follower, feed), root(&author.node, feed));
    assert_eq!(rows(follower, 50), rows(&author.node, 50));
    let room = status(follower).room;
    assert_eq!(room.quota, LITTLE_ROOM);
    let [cache, followed, ..] = room.kept.bytes;
    assert!(cache + followed <= LITTLE_ROOM, "{:?}", room.kept);
    assert!(follower.media_bytes() <= LITTLE_ROOM);
    let names: Vec<_> = follower.blob_files().into_iter().collect();
    let has = |hour| {
        let name = Hash::of(&film_bytes(hour)).to_string();
        names.iter().any(|path| path.ends_with(&name))
    };
    let kept: Vec<usize> = (0..=HOURS).filter(|hour| has(*hour)).collect();
    assert!(kept.contains(&HOURS) && !kept.contains(&0), "{kept:?}");
    // The newest come first: what is kept has no gap.
    assert_eq!(kept, (kept[0]..=HOURS).collect::<Vec<_>>());
}
