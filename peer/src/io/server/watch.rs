//! One stream of news about many feeds (spec/wire.md, Watching).
//!
//! A stream is one task that hears of its feeds alone and sends as fast as its reader takes: for one that takes nothing,
//! a few frames wait and nothing is gathered, and the connection ends when it was waited for too long (`paced`). A reader
//! takes only so many frames a minute, and an author may sign more heads than that: what is too much waits, and the newest of
//! it is told.

use super::proofs::Proofs;
use super::shares::Part;
use super::{Answer, Caller, Room, Served, body_of_stream, busy, plain_stream, refuse_bytes};
use crate::frame::{self, FRAMES_A_MINUTE, FRAMES_OF_FEED, News, Watched};
use crate::io::clock;
use crate::io::news::{Listening, What};
use crate::store::StoreError;
use bytes::Bytes;
use levada_feed::key::FeedKey;
use levada_feed::limits::WATCH_FRAME_BYTES_MAX;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Feeds watched on all streams together: each costs about 150 bytes.
pub(super) const WATCHED_MAX: usize = 1 << 18;
/// Silence after which a stream says that it is there.
const ALIVE_TIME: Duration = Duration::from_secs(30);
/// Frames on the way to a reader.
const FRAMES_MAX: usize = 4;

/// Time in which frames are counted.
const COUNT_TIME: Duration = Duration::from_secs(60);
/// Frames in that time for each feed, and for all of them together besides: less than half of what a reader takes.
const OF_FEED_MAX: usize = FRAMES_OF_FEED / 2;
const OF_ALL_MAX: usize = FRAMES_A_MINUTE / 2 - 8;

/// One feed on a stream: what its reader was told of it.
struct Told {
    feed: [u8; 32],
    have: u64,
    tag: Option<[u8; 16]>,
    is_absence_told: bool,
    /// Frames while they are counted.
    frames: usize,
}

struct Stream {
    served: Arc<Served>,
    told: Vec<Told>,
    listening: Listening,
    sender: mpsc::Sender<Bytes>,
    /// Frames above those that each feed may have, until the count begins anew.
    frames: usize,
    counted_until: Instant,
    _share: Part,
}

/// Answers with a stream that ends when the reader leaves or the server stops.
pub(super) fn answer(served: &Arc<Served>, room: &Room, body: &[u8], caller: &Caller) -> Answer {
    let watched = match frame::read_watch(body) {
        Ok(watched) => watched,
        Err(reject) => return refuse_bytes(&reject),
    };
    let peer = caller.peer.map(|peer| peer.ip());
    let Some(share) = room.watched.try_take(peer, watched.len()) else {
        return busy("too many watch at once", 60);
    };
    let (sender, receiver) = mpsc::channel(FRAMES_MAX);
    let told = |one: &Watched| Told {
        feed: one.feed,
        have: one.have,
        tag: one.tag,
        is_absence_told: false,
        frames: 0,
    };
    let mut stream = Stream {
        served: served.clone(),
        // Before the first look, so that nothing is missed between the two.
        listening: served
            .news
            .listen(watched.iter().map(|one| one.feed).collect()),
        told: watched.iter().map(told).collect(),
        sender,
        frames: 0,
        counted_until: clock::timer() + COUNT_TIME,
        _share: share,
    };
    let mut stop = caller.stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = stream.run() => {}
            // An error here means that whoever could stop us is gone: then it is time to stop.
            _ = stop.wait_for(|stop| *stop) => {}
        }
    });
    plain_stream(body_of_stream(receiver))
}

impl Stream {
    async fn run(&mut self) {
        let all = (0..).take(self.told.len()).map(|at| (at, What::ALL));
        let mut due: BTreeMap<u32, What> = all.collect();
        let mut later: BTreeMap<u32, What> = BTreeMap::new();
        // The reader sees at once that it is listened to.
        let mut is_open = self.send(frame::write_alive()).await;
        while is_open {
            if self.counts_anew() {
                for (at, what) in std::mem::take(&mut later) {
                    let is_due = due.entry(at).or_default();
                    *is_due = is_due.and(what);
                }
            }
            for (at, what) in std::mem::take(&mut due) {
                if !self.may_tell(at) {
                    let waits = later.entry(at).or_default();
                    *waits = waits.and(what);
                    continue;
                }
                let Ok(frames) = self.frames(at, what).await else {
                    // The store failed; the reader asks elsewhere.
                    return;
                };
                self.count(at, frames.len());
                for frame in frames {
                    if !self.send(frame).await {
                        return;
                    }
                }
            }
            tokio::select! {
                heard = self.listening.next() => due = heard,
                () = tokio::time::sleep_until(self.counted_until), if !later.is_empty() => {}
                () = tokio::time::sleep(ALIVE_TIME) => is_open = self.send(frame::write_alive()).await,
                () = self.sender.closed() => return,
            }
        }
    }

    /// Begins to count frames anew once the time is over; says whether it was.
    fn counts_anew(&mut self) -> bool {
        let now = clock::timer();
        let is_over = now >= self.counted_until;
        if is_over {
            self.counted_until = now + COUNT_TIME;
            self.frames = 0;
            self.told.iter_mut().for_each(|told| told.frames = 0);
        }
        is_over
    }

    /// Whether frames about the feed at a place do not have to wait.
    fn may_tell(&self, at: u32) -> bool {
        let told = usize::try_from(at).ok().and_then(|at| self.told.get(at));
        self.frames < OF_ALL_MAX || told.is_some_and(|told| told.frames < OF_FEED_MAX)
    }

    fn count(&mut self, at: u32, frames: usize) {
        let told = usize::try_from(at)
            .ok()
            .and_then(|at| self.told.get_mut(at));
        let Some(told) = told else { return };
        let own = frames.min(OF_FEED_MAX.saturating_sub(told.frames));
        told.frames += own;
        self.frames += frames - own;
    }

    async fn send(&self, frame: Vec<u8>) -> bool {
        self.sender.send(Bytes::from(frame)).await.is_ok()
    }

    /// What is new about the feed at a place.
    async fn frames(&mut self, at: u32, what: What) -> Result<Vec<Vec<u8>>, StoreError> {
        let place = usize::try_from(at).unwrap_or(usize::MAX);
        let Some(told) = self.told.get_mut(place) else {
            return Ok(Vec::new());
        };
        let mut news = Vec::new();
        // A key that nobody checked is only looked up.
        let feed = self.served.disk.known_key(&told.feed);
        if let Some(feed) = feed
            && what.evidence
        {
            news.extend(evidence(&self.served, feed).await?);
        }
        let head = match feed {
            Some(feed) => Proofs::head(&self.served, feed, told.have).await?,
            None => None,
        };
        match head {
            Some(head) if told.tag == Some(head.tag) => {}
            Some(head) if head.answer.is_some() => {
                let answer = head.answer.unwrap_or_default();
                (told.have, told.tag, told.is_absence_told) = (head.length, Some(head.tag), false);
                news.push(News::Head(answer.to_vec()));
            }
            _ if told.is_absence_told => {}
            _ => {
                told.is_absence_told = true;
                news.push(News::NotHere);
            }
        }
        let frames = news.iter().map(|news| frame::write_frame(place, news));
        Ok(frames
            .filter(|frame| frame.len() <= WATCH_FRAME_BYTES_MAX)
            .collect())
    }
}

async fn evidence(served: &Arc<Served>, feed: FeedKey) -> Result<Vec<News>, StoreError> {
    let served = served.clone();
    let work = tokio::task::spawn_blocking(move || {
        let fork = served.fork(&feed)?.map(News::Fork);
        let succession = served.succession(&feed)?.map(News::Succession);
        Ok(fork.into_iter().chain(succession).collect())
    });
    work.await
        .map_err(|error| StoreError::Database(error.to_string()))?
}
