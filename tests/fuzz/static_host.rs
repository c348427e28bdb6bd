//! Files of a static host: their forms for any bytes, and a reader who is given right files and wrong ones.

mod forms;
mod host;

use host::Host;
use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::limits::{PAGE_RECORDS, TILE_VALUES};
use levada_peer::static_layout::{Fault, Next, Shelf, StaticFile, Want, read_page};
use std::sync::OnceLock;

/// Lengths at which pages, leaves and tiles begin and end; each but the last is a feed that grew into the next one.
const LENGTHS: [u64; 6] = [5, 512, 513, 1_064, 1_543, 257 * 512 + 40];
/// Files for one answer at most.
const FILES_MAX: usize = 64;

/// The feed at each length.
fn hosts() -> &'static [Host] {
    static HOSTS: OnceLock<Vec<Host>> = OnceLock::new();
    HOSTS.get_or_init(|| LENGTHS.iter().map(|length| Host::of(*length)).collect())
}

/// Input: what is wanted of which feed (six bytes), then four for each file: what is done to it, and where.
pub(super) fn static_host(bytes: &[u8]) {
    forms::forms(bytes);
    as_they_are(bytes);
    if let Some((wanted, changes)) = bytes.split_first_chunk::<6>() {
        Play::of(wanted).go(changes);
    }
}

/// The bytes in the place of each file of a short feed: what is taken is what the author wrote.
fn as_they_are(bytes: &[u8]) {
    let host = &hosts()[0];
    let feed = host.feed();
    if let Ok(shelf) = Shelf::open(&feed, bytes) {
        assert_eq!(shelf.head().body().root, host.head().body().root);
    }
    for file in [
        StaticFile::Latest { feed },
        StaticFile::Page { feed, page: 0 },
        StaticFile::List { feed, page: 0 },
    ] {
        let mut shelf = host.shelf();
        if shelf.take(&file, bytes).is_ok() {
            let answer = read_honestly(&mut shelf, &Want::Records(0..5), host);
            is_right(&answer, 0..5, host);
        }
    }
}

/// Reads what is still missing from a host that does not lie.
fn read_honestly(shelf: &mut Shelf, want: &Want, host: &Host) -> Vec<u8> {
    for _ in 0..FILES_MAX {
        match shelf.next(want) {
            Next::Read(file) => {
                let taken = shelf.take(&file, &host.file(&file));
                assert_eq!(taken, Ok(()), "{file} of {}", host.length());
            }
            Next::Answer(answer) => return answer,
            Next::Nothing => panic!("there is something of {want:?}"),
        }
    }
    panic!("too many files for {want:?}");
}

/// A judge takes the answer, and every record in it is the author's. Gives the number of records.
fn is_right(answer: &[u8], range: std::ops::Range<u64>, host: &Host) -> u64 {
    let checked = bundle::check(&host.feed(), answer).expect("an answer passes the judges");
    assert_eq!(checked.head.wire(), host.head().wire());
    assert_eq!(checked.check_asked(&range), Ok(()));
    for ((index, slot), link) in checked.range().zip(&checked.slots).zip(&checked.links) {
        assert_eq!(*link, host.link(index), "record {index}");
        if let Slot::Record(record) = slot {
            assert_eq!(*record, host.record(index), "record {index}");
        }
    }
    checked.range().end - range.start
}

/// One reader of one feed.
struct Play {
    host: &'static Host,
    /// The same feed at other lengths.
    shorter: &'static Host,
    longer: &'static Host,
    want: Want,
    has_latest: bool,
}

impl Play {
    fn of([which, kind, places @ ..]: &[u8; 6]) -> Self {
        let hosts = hosts();
        let at = usize::from(*which) % hosts.len();
        let host = &hosts[at];
        let [high, middle, low, count] = *places;
        let from = u64::from(u32::from_be_bytes([0, high, middle, low]));
        let from = from % host.length();
        let end = match kind % 3 {
            0 => u64::MAX,
            _ => from + 1 + u64::from(count) * 5,
        };
        Self {
            host,
            shorter: &hosts[at.saturating_sub(1)],
            longer: &hosts[(at + 1).min(hosts.len() - 1)],
            want: match kind % 3 {
                2 => Want::Head { have: from },
                // The whole of the longest feed is much, and the same as its end.
                0 if host.length() - from > 4 * PAGE_RECORDS => {
                    Want::Records(from..from + 4 * PAGE_RECORDS)
                }
                _ => Want::Records(from..end),
            },
            has_latest: kind & 0x80 == 0,
        }
    }

    fn go(&self, changes: &[u8]) {
        let mut shelf = self.host.shelf();
        if !self.has_latest {
            shelf.leave_out_latest();
        }
        self.head(changes);
        let mut changes = changes.as_chunks::<4>().0.iter();
        let mut read = Vec::new();
        // What is next may let go of files, so it is asked for once.
        let mut next = shelf.next(&self.want);
        let answer = loop {
            let file = match next {
                Next::Read(file) => file,
                Next::Answer(answer) => break answer,
                Next::Nothing => panic!("there is something of {:?}", self.want),
            };
            assert!(read.len() < FILES_MAX && !read.contains(&file), "{file}");
            for ahead in shelf.ahead(&self.want, 8) {
                let is_page = matches!(ahead, StaticFile::Page { .. });
                assert!(is_page && !read.contains(&ahead), "{ahead} ahead");
            }
            if let Some(change) = changes.next() {
                self.give_changed(&mut shelf, &file, change, &read);
            }
            // Nothing of a file that was refused is kept; of one that was taken nothing more is wanted.
            next = shelf.next(&self.want);
            if next == Next::Read(file) {
                assert_eq!(shelf.take(&file, &self.host.file(&file)), Ok(()), "{file}");
                next = shelf.next(&self.want);
            }
            read.push(file);
        };
        match &self.want {
            Want::Head { have } => self.proves(&answer, *have),
            Want::Records(range) => {
                is_right(&answer, range.clone(), self.host);
            }
        }
    }

    /// A head that is bent is refused, and one that is cut is not there yet.
    fn head(&self, changes: &[u8]) {
        let feed = self.host.feed();
        let right = self.host.file(&StaticFile::Head { feed });
        let Some([high, low, by, _]) = changes.first_chunk() else {
            return;
        };
        let at = usize::from(u16::from_be_bytes([*high, *low])) % right.len();
        let cut = Shelf::open(&feed, &right[..at]).err();
        assert_eq!(cut, Some(Fault::NotYet), "head cut at {at}");
        let mut bent = right;
        bent[at] ^= by;
        assert_eq!(Shelf::open(&feed, &bent).is_ok(), *by == 0);
    }

    fn proves(&self, answer: &[u8], have: u64) {
        let proven = chain::check_head(&self.host.feed(), answer, have);
        let proven = proven.expect("an answer passes the judges");
        assert_eq!(proven.head.wire(), self.host.head().wire());
        if have > 0 {
            let root = chain::root_at(&proven.proven, have);
            assert_eq!(root, Some(self.host.root_at(have)));
        }
    }

    /// Gives a file that is not what it should be, and checks what is said of it.
    fn give_changed(
        &self,
        shelf: &mut Shelf,
        file: &StaticFile,
        change: &[u8; 4],
        read: &[StaticFile],
    ) {
        let [what, high, low, by] = *change;
        let number = usize::from(u16::from_be_bytes([high, low]));
        let right = self.host.file(file);
        let at = number % right.len();
        match what % 8 {
            0 => {}
            1 => {
                let mut bent = right.clone();
                bent[at] ^= by;
                if shelf.take(file, &bent).is_ok() && by != 0 {
                    self.is_free(file, &bent, read);
                }
            }
            2 => is_cut(file, &right[..at], shelf.take(file, &right[..at])),
            3 => {
                let more = vec![by; number % 100 + 1];
                let taken = shelf.take(file, &[right, more].concat());
                assert!(taken.is_err() || is_of_hashes(file), "{file}");
            }
            // The host is behind its head, or before it.
            4 => {
                let taken = shelf.take(file, &self.shorter.file_or_empty(file));
                assert!(
                    matches!(taken, Ok(()) | Err(Fault::NotYet)),
                    "{file}: {taken:?}"
                );
            }
            5 => {
                let taken = shelf.take(file, &self.longer.file(file));
                assert_eq!(taken, Ok(()), "{file}");
            }
            6 => {
                let other = beside(file, u64::from(by) % 4);
                let bytes = self.host.file_or_empty(&other);
                let taken = shelf.take(file, &bytes);
                assert!(taken.is_err() || bytes == right, "{other} as {file}");
            }
            _ => {
                let bytes = crate::noise(u64::from(by), number % 2_000);
                assert!(shelf.take(file, &bytes).is_err(), "{file}");
            }
        }
    }

    /// What of a file may be another without its being wrong: the hint of a retract, what stands before a record that is kept
    /// back as long as nobody knows it, and what stands in `latest` under a bent head, which is left out.
    fn is_free(&self, file: &StaticFile, bent: &[u8], read: &[StaticFile]) {
        let StaticFile::Page { feed, page } = *file else {
            assert!(matches!(file, StaticFile::Latest { .. }), "{file}");
            return;
        };
        let bent = read_page(page, bent).expect("it was taken");
        for (link, index) in bent.links(&feed).iter().zip(page * PAGE_RECORDS..) {
            assert_eq!(*link, self.host.link(index), "record {index}");
        }
        let known = page.checked_sub(1).is_some_and(|page| {
            read.contains(&StaticFile::Page { feed, page })
                || read.contains(&StaticFile::List { feed, page })
        });
        if known {
            let before = self.host.link(page * PAGE_RECORDS - 1);
            assert_eq!(bent.before, Some(before), "{file}");
        }
    }
}

fn is_of_hashes(file: &StaticFile) -> bool {
    matches!(file, StaticFile::List { .. } | StaticFile::Tile { .. })
}

/// A file that is cut is not there yet, unless a hash of it is cut; of `latest` a part may be whole.
fn is_cut(file: &StaticFile, cut: &[u8], taken: Result<(), Fault>) {
    match taken {
        Ok(()) => assert!(matches!(file, StaticFile::Latest { .. }), "{file}"),
        Err(Fault::NotYet) => {}
        Err(Fault::Rejected(reject)) => {
            assert!(
                is_of_hashes(file) && !cut.len().is_multiple_of(32),
                "{file} cut at {}: {reject}",
                cut.len()
            );
        }
    }
}

/// Another file of the same kind.
fn beside(file: &StaticFile, number: u64) -> StaticFile {
    match *file {
        StaticFile::Page { feed, .. } => StaticFile::Page { feed, page: number },
        StaticFile::List { feed, .. } => StaticFile::List { feed, page: number },
        StaticFile::Tile { feed, row, .. } => StaticFile::Tile {
            feed,
            row: 1 - row.min(1),
            tile: number % (TILE_VALUES / 128),
        },
        file => file,
    }
}
