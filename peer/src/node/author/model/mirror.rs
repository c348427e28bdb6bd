//! Mirrors of the model: each keeps what it pulled in a real store, and answers over HTTP, honestly or not.

use crate::frame::{Ask, split_bundles};
use crate::io::answer;
use crate::io::disk::Disk;
use levada_feed::chain;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::log::{FollowedLog, Verdict};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// How a mirror answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// With what it has.
    Honest,
    /// It hangs up.
    Silent,
    /// It says that it has nothing.
    Unknown,
    /// With an older head than its newest.
    Older,
    /// With its newest head, and without records.
    Withholds,
    /// With a byte changed in everything.
    Flips,
    /// With the half of everything.
    Halves,
}

impl Manner {
    pub(super) const ALL: [Self; 7] = [
        Self::Honest,
        Self::Silent,
        Self::Unknown,
        Self::Older,
        Self::Withholds,
        Self::Flips,
        Self::Halves,
    ];
}

/// One mirror, for any number of feeds.
pub(super) struct Mirror {
    pub(super) url: String,
    shared: Arc<Shared>,
    _folder: TempDir,
}

struct Shared {
    disk: Disk,
    manner: Mutex<Manner>,
    forks: Mutex<BTreeMap<FeedKey, ForkProof>>,
}

impl Mirror {
    pub(super) fn new() -> Self {
        let folder = super::machine::folder();
        let shared = Arc::new(Shared {
            disk: Disk::open(&folder.path().join("store")).unwrap(),
            manner: Mutex::new(Manner::Honest),
            forks: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answering = Arc::downgrade(&shared);
        std::thread::spawn(move || {
            for asker in listener.incoming().flatten() {
                let Some(shared) = answering.upgrade() else {
                    return;
                };
                // Who hangs up has heard enough.
                let _ = shared.talk(&asker);
            }
        });
        Self {
            url,
            shared,
            _folder: folder,
        }
    }

    pub(super) fn manner(&self) -> Manner {
        *self.shared.manner.lock().unwrap()
    }

    pub(super) fn set(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.shared.disk
    }

    pub(super) fn has_fork(&self, feed: &FeedKey) -> bool {
        self.shared.forks.lock().unwrap().contains_key(feed)
    }

    pub(super) fn head(&self, feed: &FeedKey) -> Option<Head> {
        let head = self.shared.disk.head(feed).unwrap();
        head.map(|head| head.as_ref().clone())
    }

    /// Takes what a store has of a feed, as a follower does. After a fork it stays where it is.
    pub(super) fn pull(&self, from: &Disk, feed: &FeedKey) {
        if self.has_fork(feed) {
            return;
        }
        let disk = &self.shared.disk;
        let Some(ours) = self.head(feed) else {
            let all = answer::latest(from, feed, u64::MAX).unwrap();
            let Some(all) = all else {
                return;
            };
            let bundles = split_bundles(&all).unwrap();
            let started = FollowedLog::new(*feed, None).accept_start(None, &bundles);
            disk.commit(&started.unwrap()).unwrap();
            return;
        };
        let have = ours.body().length;
        let Some(bytes) = answer::head(from, feed, have).unwrap() else {
            return;
        };
        let mut log = FollowedLog::new(*feed, Some(ours));
        match log.accept_head(&bytes, &disk.pieces(feed), u64::MAX / 2) {
            Ok(Verdict::Accepted(batch)) => drop(disk.commit(&batch).unwrap()),
            Ok(Verdict::Fork(proof)) => self.keep_fork(*proof),
            Ok(Verdict::Stale) => return,
            other => panic!("{other:?}"),
        }
        let length = log.head().map_or(0, |head| head.body().length);
        if length > have {
            let bundle = answer::bundle(from, feed, have..length, None).unwrap();
            let judged = log.accept_bundle(&bundle.unwrap(), &(have..length), &disk.pieces(feed));
            let Ok(Verdict::Accepted(batch)) = judged else {
                panic!("{judged:?}");
            };
            disk.commit(&batch).unwrap();
        }
    }

    fn keep_fork(&self, proof: ForkProof) {
        let mut forks = self.shared.forks.lock().unwrap();
        forks.entry(proof.longer().body().feed).or_insert(proof);
    }
}

impl Shared {
    fn talk(&self, mut asker: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(asker);
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let target = first.split(' ').nth(1).unwrap_or("/");
        let manner = *self.manner.lock().unwrap();
        let answer = match manner {
            Manner::Silent => return Ok(()),
            Manner::Unknown => None,
            _ => self.answer(manner, target, first.starts_with("POST").then_some(&body)),
        };
        let (status, mut body) = match answer {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", b"nothing".to_vec()),
        };
        match manner {
            Manner::Flips => {
                let middle = body.len() / 2;
                body.iter_mut()
                    .skip(middle)
                    .take(1)
                    .for_each(|byte| *byte ^= 1);
            }
            Manner::Halves => body.truncate(body.len() / 2),
            _ => {}
        }
        let header = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        asker.write_all(&[header.as_bytes(), &body].concat())
    }

    fn answer(&self, manner: Manner, target: &str, posted: Option<&Vec<u8>>) -> Option<Vec<u8>> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let disk = &self.disk;
        match (Ask::parse(path, query).ok()?, manner) {
            (Ask::Head { feed, have, .. }, Manner::Older) => {
                let newest = disk.head(&feed).unwrap()?.body().length;
                let older = (1..newest).rev();
                let mut heads = older.filter_map(|length| disk.head_at(&feed, length).unwrap());
                chain::prove_head(&heads.next()?, have, &disk.pieces(&feed)).unwrap()
            }
            (Ask::Head { feed, have, .. }, _) => answer::head(disk, &feed, have).unwrap(),
            (Ask::Latest { .. } | Ask::Bundle { .. }, Manner::Withholds) => None,
            (Ask::Latest { feed, count }, _) => answer::latest(disk, &feed, count).unwrap(),
            (Ask::Bundle { feed, from, to, at }, _) => {
                answer::bundle(disk, &feed, from..to, at).unwrap()
            }
            (Ask::Fork { feed }, _) => {
                let mut forks = self.forks.lock().unwrap();
                if let Some(proof) = posted.and_then(|bytes| ForkProof::check(bytes).ok()) {
                    forks.entry(feed).or_insert(proof);
                    return Some(Vec::new());
                }
                forks.get(&feed).map(|proof| proof.wire().to_vec())
            }
            _ => None,
        }
    }
}
