mod upload;

use super::*;
use levada_feed::chain::{self, link_first, link_next};
use levada_feed::head::{Head, HeadBody};
use levada_feed::key::FeedSecret;
use levada_feed::tree::{GrowingList, Node, Pieces, find_node};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

/// A feed in memory, and the files of it.
struct Host {
    secret: FeedSecret,
    records: Vec<Vec<u8>>,
    links: Vec<Hash>,
    list: GrowingList,
    nodes: BTreeMap<Node, Hash>,
    leaves: BTreeMap<u64, Vec<u8>>,
}

impl Pieces for Host {
    type Error = Infallible;

    fn node(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.nodes.get(&node).copied())
    }

    fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&index).cloned())
    }
}

impl Host {
    fn of(length: u64) -> Self {
        let mut host = Self {
            secret: FeedSecret::from_bytes(&[1; 32]),
            records: Vec::new(),
            links: Vec::new(),
            list: GrowingList::new(),
            nodes: BTreeMap::new(),
            leaves: BTreeMap::new(),
        };
        host.grow(length);
        host
    }

    fn feed(&self) -> FeedKey {
        self.secret.feed_key()
    }

    fn grow(&mut self, length: u64) {
        for index in self.list.length()..length {
            let record = index.to_le_bytes().to_vec();
            let link = match self.links.last() {
                None => link_first(&self.feed(), &record),
                Some(before) => link_next(before, &record),
            };
            self.list.push(link);
            self.links.push(link);
            self.records.push(record);
        }
        let changed = self.list.take_changed();
        self.nodes.extend(changed.nodes);
        self.leaves.extend(changed.leaves);
    }

    fn head(&self) -> Head {
        let body = HeadBody {
            feed: self.feed(),
            first: self.links[0],
            length: self.list.length(),
            bytes: 0,
            media: 0,
            root: self.list.root(),
            time: 0,
        };
        Head::sign(&self.secret, body)
    }

    fn slots(&self, range: Range<u64>) -> Vec<Slot<'_>> {
        let at = |index: u64| usize::try_from(index).unwrap();
        let range = range.start..range.end.min(self.list.length());
        range
            .map(|index| match index % 5 {
                // Some are kept back.
                3 => Slot::Withheld(self.links[at(index)]),
                _ => Slot::Record(&self.records[at(index)]),
            })
            .collect()
    }

    /// The bytes of a file, as somebody writes it who has nothing but the rules.
    fn file(&self, file: &StaticFile) -> Vec<u8> {
        let length = self.list.length();
        match *file {
            StaticFile::Head { .. } => chain::prove_head(&self.head(), 0, self).unwrap().unwrap(),
            StaticFile::Latest { .. } => {
                let from = length.saturating_sub(20);
                let prove = |range: Range<u64>| {
                    bundle::prove(&self.head(), range.start, &self.slots(range.clone()), self)
                        .unwrap()
                        .unwrap()
                };
                match from {
                    0 => prove(0..length),
                    _ => [prove(0..1), prove(from..length)].concat(),
                }
            }
            StaticFile::Page { page, .. } => {
                let from = page * PAGE_RECORDS;
                let before = from
                    .checked_sub(1)
                    .map(|at| self.links[usize::try_from(at).unwrap()]);
                write_page(
                    page,
                    before.as_ref(),
                    &self.slots(from..from + PAGE_RECORDS),
                )
            }
            StaticFile::List { page, .. } => {
                let hashes = self
                    .links
                    .iter()
                    .skip(usize::try_from(page * PAGE_RECORDS).unwrap());
                hashes.take(512).flat_map(|hash| hash.0).collect()
            }
            StaticFile::Tile { row, tile, .. } => {
                let end = row_values(full_pages(length), row).min((tile + 1) * TILE_VALUES);
                (tile * TILE_VALUES..end)
                    .flat_map(|index| {
                        let level = row_level(row);
                        find_node(self, Node { level, index }).unwrap().unwrap().0
                    })
                    .collect()
            }
            _ => panic!("{file}"),
        }
    }

    fn shelf(&self) -> Shelf {
        let feed = self.feed();
        Shelf::open(&feed, &self.file(&StaticFile::Head { feed })).unwrap()
    }
}

/// The answer, and the files that it took.
fn answer(shelf: &mut Shelf, want: &Want, host: &Host) -> (Option<Vec<u8>>, Vec<StaticFile>) {
    let mut files = Vec::new();
    loop {
        match shelf.next(want) {
            Next::Read(file) => {
                assert!(!files.contains(&file), "{file} is read twice for {want:?}");
                shelf.take(&file, &host.file(&file)).unwrap();
                files.push(file);
            }
            Next::Answer(answer) => return (Some(answer), files),
            Next::Nothing => return (None, files),
        }
    }
}

/// Lengths at which pages, leaves and tiles begin and end.
const LENGTHS: &[u64] = &[1, 5, 32, 33, 511, 512, 513, 1_024, 1_025, 2_048, 4_000];

#[test]
fn heads_and_records_of_a_static_host_pass_the_judges_of_a_node() {
    for length in LENGTHS {
        let host = Host::of(*length);
        let feed = host.feed();
        for have in LENGTHS.iter().filter(|have| *have <= length) {
            let (given, _) = answer(&mut host.shelf(), &Want::Head { have: *have }, &host);
            let proven = chain::check_head(&feed, &given.unwrap(), *have).unwrap();
            let before = Host::of(*have);
            assert_eq!(
                chain::root_at(&proven.proven, *have),
                Some(before.list.root())
            );
        }
        let mut shelf = host.shelf();
        let mut from = 0;
        while from < *length {
            let (given, _) = answer(&mut shelf, &Want::Records(from..u64::MAX), &host);
            let given = given.unwrap();
            let checked = bundle::check(&feed, &given).unwrap();
            assert_eq!(
                checked.slots,
                host.slots(checked.range()),
                "{from} of {length}"
            );
            assert_eq!(checked.from, from);
            from = checked.range().end;
        }
        for from in LENGTHS.iter().filter(|from| *from < length) {
            let (given, _) = answer(&mut host.shelf(), &Want::Records(*from..from + 1), &host);
            let given = given.unwrap();
            let checked = bundle::check(&feed, &given).unwrap();
            assert_eq!(checked.range(), *from..from + 1);
        }
        assert_eq!(
            shelf.next(&Want::Records(*length..*length + 1)),
            Next::Nothing
        );
    }
}

#[test]
fn part_of_a_long_feed_takes_a_few_files_whatever_its_length() {
    let length = 2 * 256 * 512 + 3 * 512 + 7;
    let host = Host::of(length);
    let feed = host.feed();
    for (from, most) in [
        (length - 10, 1),
        (length - 100, 2),
        (700, 3),
        (256 * 512, 5),
        (length - 900, 4),
    ] {
        let end = length.min(from + 100);
        let (given, files) = answer(&mut host.shelf(), &Want::Records(from..end), &host);
        assert!(given.is_some() && files.len() <= most, "{from}: {files:?}");
    }
    for have in [1, 513, 256 * 512, 256 * 512 + 1, length - 600, length - 1] {
        let (given, files) = answer(&mut host.shelf(), &Want::Head { have }, &host);
        assert!(files.len() <= 3, "{have}: {files:?}");
        assert!(chain::check_head(&feed, &given.unwrap(), have).is_ok());
    }
}

#[test]
fn whole_feed_is_read_in_long_answers_each_page_once_and_what_is_ahead_is_wanted() {
    let length = 70 * 512 + 3;
    let host = Host::of(length);
    let feed = host.feed();
    let mut shelf = host.shelf();
    let (mut from, mut answers, mut read) = (0, 0, Vec::new());
    while from < length {
        let want = Want::Records(from..u64::MAX);
        let (first, last) = (from / PAGE_RECORDS, from / PAGE_RECORDS + 32);
        let ahead = shelf.ahead(&want, 8);
        assert!(!ahead.is_empty() && ahead.len() <= 8);
        let (given, files) = answer(&mut shelf, &want, &host);
        for file in &ahead {
            assert!(files.contains(file), "{file} is not wanted from {from} on");
        }
        let is_near = |file: &StaticFile| match file {
            StaticFile::Page { page, .. } => (first..=last).contains(page),
            _ => true,
        };
        assert!(files.iter().all(is_near));
        let checked = bundle::check(&feed, given.as_deref().unwrap());
        from = checked.unwrap().range().end;
        answers += 1;
        read.extend(files);
    }
    let pages = read
        .iter()
        .filter(|file| matches!(file, StaticFile::Page { .. }));
    assert_eq!((pages.count(), answers), (71, 3));
    assert!(shelf.pages_held() <= 2);
    assert!(read.len() <= 71 + 5, "{read:?}");
}

#[test]
fn way_back_through_a_feed_reads_a_page_once() {
    let length = 20 * 512 + 3;
    let host = Host::of(length);
    let mut shelf = host.shelf();
    shelf.leave_out_latest();
    let (mut end, mut pages) = (length, BTreeMap::new());
    while end > 0 {
        let from = end.saturating_sub(700);
        let mut at = from;
        while at < end {
            let (given, files) = answer(&mut shelf, &Want::Records(at..end), &host);
            for file in files {
                *pages.entry(file).or_insert(0) += 1;
            }
            let given = given.unwrap();
            at = bundle::check(&host.feed(), &given).unwrap().range().end;
        }
        end = from;
    }
    let again = pages
        .iter()
        .filter(|(file, times)| matches!(file, StaticFile::Page { .. }) && **times > 1);
    assert_eq!(again.count(), 0, "{pages:?}");
}

/// Every bit of every so many bytes of each kind of file, turned over.
#[test]
fn changed_file_is_refused_by_its_name() {
    let host = Host::of(300 * 512 + 40);
    let feed = host.feed();
    for want in [
        Want::Records(700..800),
        Want::Records(512..600),
        Want::Records(300 * 512 + 39..u64::MAX),
        Want::Records(300 * 512..300 * 512 + 1),
        Want::Head { have: 600 },
        Want::Head { have: 290 * 512 },
    ] {
        let (_, files) = answer(&mut host.shelf(), &want, &host);
        for changed in files {
            let right = host.file(&changed);
            for at in (0..right.len()).step_by(97).chain([right.len() - 1]) {
                let mut wrong = right.clone();
                wrong[at] ^= 1 << (at % 8);
                let mut shelf = host.shelf();
                let fault = loop {
                    match shelf.next(&want) {
                        Next::Read(file) if file == changed => {
                            break shelf.take(&file, &wrong).err();
                        }
                        Next::Read(file) => shelf.take(&file, &host.file(&file)).unwrap(),
                        _ => break None,
                    }
                };
                assert!(fault.is_some(), "{changed}: byte {at}");
            }
        }
    }
    let head = host.file(&StaticFile::Head { feed });
    for at in 0..head.len() {
        let mut wrong = head.clone();
        wrong[at] ^= 1;
        assert!(Shelf::open(&feed, &wrong).is_err(), "head: byte {at}");
    }
}

#[test]
fn paths_are_those_of_the_page() {
    let feed = FeedSecret::from_bytes(&[1; 32]).feed_key();
    let hash = Hash::of(b"the sea\n");
    let key = "lev132yw8ht5p8cetl2jmvknewjawt9xwzdlrk2pyxlnwjyqrdq0dawqv4mmqf";
    for (file, path) in [
        (StaticFile::Marker, "levada-static".to_owned()),
        (StaticFile::Feeds { page: 3 }, "feeds/3".to_owned()),
        (StaticFile::Head { feed }, format!("feed/{key}/head")),
        (
            StaticFile::Tile {
                feed,
                row: 1,
                tile: 20,
            },
            format!("feed/{key}/tiles/1/20"),
        ),
        (
            StaticFile::Outboard { hash },
            format!("blobs/b0/09/{hash}.obao"),
        ),
    ] {
        assert_eq!(file.to_string(), path);
    }
}
