//! Asks a static host, plain files on any web server, for what a node is asked (spec/static.md).
//!
//! Which of the two somebody is turns out by itself: the wire is asked first, and if what comes is no answer of a node the
//! marker of a static host is looked for; what it is stays known for the life of the process. Files are checked by
//! `static_layout`, which knows each by its name; what is put together from them is judged where a node's answers are.

mod ahead;
mod blobs;

use super::{AskError, Remote, Target, Unreachable, Wants};
use crate::frame::{self, Ask};
use crate::static_layout::{self, Fault, Next, Shelf, StaticFile, Want};
use ahead::Ahead;
use bytes::Bytes;
use hyper::header;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::FEEDS_PAGE_MAX;
use levada_feed::reject::Reject;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Feeds of one host kept in memory; further ones push out those that nobody uses.
const SHELVES_MAX: usize = 64;
/// Pages of the list of feeds that are read to find where one begins.
const FEEDS_PAGES_MAX: u64 = 1 << 14;
/// Faults of single files that wait to be told.
const FAULTS_MAX: usize = 16;

/// What is known of somebody as a static host.
#[derive(Default)]
pub(super) struct Hosted {
    kind: AtomicU8,
    ranges: AtomicU8,
    shelves: Mutex<BTreeMap<FeedKey, SharedShelf>>,
    /// Files that were wrong while others of the same answer were right.
    faults: Mutex<Vec<AskError>>,
}

type SharedShelf = Arc<tokio::sync::Mutex<Kept>>;

/// A feed as far as it was read, and by what the host knows the file `head`.
#[derive(Default)]
struct Kept {
    shelf: Option<Shelf>,
    tag: Option<String>,
    modified: Option<String>,
}

/// What somebody turned out to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown = 0,
    Node = 1,
    Static = 2,
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared
        .lock()
        .expect("nobody panics while holding this lock")
}

impl Remote {
    fn hosted(&self) -> &Hosted {
        &self.inner.hosted
    }

    /// Whether this is a static host, as far as is known.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.hosted().kind.load(Ordering::Relaxed) == Kind::Static as u8
    }

    fn turns_out(&self, kind: Kind) {
        self.hosted().kind.store(kind as u8, Ordering::Relaxed);
    }

    /// No range was answered with the whole so far.
    #[must_use]
    pub fn knows_ranges(&self) -> bool {
        self.hosted().ranges.load(Ordering::Relaxed) == 0
    }

    /// Notes that ranges were answered with the whole.
    pub(super) fn knows_no_ranges(&self) {
        let ranges = &self.hosted().ranges;
        // Only the first time counts: the second value means that it was told.
        let _ = ranges.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// What a person should know of this peer, once.
    #[must_use]
    pub fn take_notes(&self) -> Vec<String> {
        let faults = std::mem::take(&mut *lock(&self.hosted().faults));
        let mut notes: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let ranges = &self.hosted().ranges;
        let is_new = ranges.compare_exchange(1, 2, Ordering::Relaxed, Ordering::Relaxed);
        if is_new.is_ok() {
            notes.push(format!(
                "{} sends whole files where parts are asked for: it works, and is slower",
                self.name()
            ));
        }
        notes
    }

    fn fault(&self, error: AskError) {
        let mut faults = lock(&self.hosted().faults);
        if faults.len() < FAULTS_MAX {
            faults.push(error);
        }
    }

    /// Whether an answer shows that this is a static host: it is none of a node, and the marker is there.
    pub(super) async fn turned_out_static<T>(
        &self,
        answer: &Result<T, AskError>,
        is_a_nodes: impl Fn(&T) -> bool,
    ) -> bool {
        if self.hosted().kind.load(Ordering::Relaxed) == Kind::Node as u8 {
            if matches!(
                answer,
                Err(AskError::Unreachable(Unreachable::NotThere { .. }))
            ) {
                // It may have become something else: the next answer tells.
                self.turns_out(Kind::Unknown);
            }
            return false;
        }
        match answer {
            Ok(answer) if is_a_nodes(answer) => {
                self.turns_out(Kind::Node);
                return false;
            }
            Ok(_) | Err(AskError::Unreachable(Unreachable::NotThere { .. })) => {}
            // What web hosts and buckets say of paths and methods that they do not have.
            Err(AskError::Unreachable(Unreachable::Status {
                status: 403 | 405 | 410 | 501,
                ..
            })) => {}
            Err(_) => return false,
        }
        let is_marked = match self.file(StaticFile::Marker).await {
            Ok(marker) => static_layout::read_marker(&marker).is_ok(),
            Err(_) => false,
        };
        if is_marked {
            self.turns_out(Kind::Static);
        }
        is_marked
    }

    /// The address of a file, as people see it.
    fn url(&self, file: &StaticFile) -> String {
        format!("{}/{file}", self.name().trim_end_matches('/'))
    }

    fn wrong(&self, file: &StaticFile, reject: Reject) -> AskError {
        AskError::Rejected {
            peer: self.url(file),
            reject,
        }
    }

    fn faulty(&self, file: &StaticFile, fault: Fault) -> AskError {
        match fault {
            Fault::Rejected(reject) => self.wrong(file, reject),
            Fault::NotYet => self.not_yet(file),
        }
    }

    fn not_yet(&self, file: &StaticFile) -> AskError {
        let peer = self.name().to_owned();
        let file = file.to_string();
        Unreachable::NotYet { peer, file }.into()
    }

    fn not_there(&self) -> AskError {
        let peer = self.name().to_owned();
        Unreachable::NotThere { peer }.into()
    }

    /// A file in whole.
    async fn file(&self, file: StaticFile) -> Result<Bytes, AskError> {
        self.file_within(file, file.bytes_max()).await
    }

    /// A file in whole, if it has at most so many bytes.
    async fn file_within(&self, file: StaticFile, limit: u64) -> Result<Bytes, AskError> {
        let sent = self
            .send_plain(Target::File(file), Wants::default())
            .await
            .map_err(|error| self.missing(error))?;
        sent.all(limit)
            .await
            .map_err(|error| self.about(&file, error))
    }

    /// Buckets without a right to list say 403 of what they do not have.
    fn missing(&self, error: AskError) -> AskError {
        match error {
            AskError::Unreachable(Unreachable::Status {
                status: 403 | 410, ..
            }) => self.not_there(),
            error => error,
        }
    }

    /// Names the file in what was wrong with it.
    fn about(&self, file: &StaticFile, error: AskError) -> AskError {
        match error {
            AskError::Rejected { reject, .. } => self.wrong(file, reject),
            error => error,
        }
    }

    /// The answer to a request of the wire, put together from files.
    pub(super) async fn get_hosted(&self, ask: &Ask) -> Result<Bytes, AskError> {
        match *ask {
            Ask::Head { feed, have, .. } => {
                let kept = self.shelf(&feed);
                let mut kept = kept.lock().await;
                self.refresh(&feed, &mut kept).await?;
                self.put_together(&mut kept, Want::Head { have }).await
            }
            Ask::Bundle { feed, from, to, at } => {
                let kept = self.shelf(&feed);
                let mut kept = kept.lock().await;
                let is_asked =
                    |shelf: &Shelf| at.is_none_or(|length| shelf.head().body().length == length);
                if !kept.shelf.as_ref().is_some_and(is_asked) {
                    self.refresh(&feed, &mut kept).await?;
                }
                self.put_together(&mut kept, Want::Records(from..to)).await
            }
            Ask::Latest { feed, .. } => self.latest(feed).await,
            Ask::Fork { feed } => self.file(StaticFile::Fork { feed }).await,
            Ask::Succession { feed } => self.file(StaticFile::Succession { feed }).await,
            Ask::Feeds { after } => self.feeds(after).await,
            Ask::Health => self.file(StaticFile::Marker).await,
            _ => Err(self.not_there()),
        }
    }

    /// As `poll_head`: nothing when the head still has this tag. A static host cannot wait.
    pub(super) async fn poll_hosted(
        &self,
        ask: &Ask,
        tag: Option<&str>,
    ) -> Result<Option<Bytes>, AskError> {
        let Ask::Head { feed, have, .. } = *ask else {
            return self.get_hosted(ask).await.map(Some);
        };
        let kept = self.shelf(&feed);
        let mut kept = kept.lock().await;
        self.refresh(&feed, &mut kept).await?;
        let head = kept.shelf.as_ref().map(Shelf::head);
        if head.is_some_and(|head| Some(frame::head_tag(head.wire()).as_str()) == tag) {
            return Ok(None);
        }
        self.put_together(&mut kept, Want::Head { have })
            .await
            .map(Some)
    }

    fn shelf(&self, feed: &FeedKey) -> SharedShelf {
        let mut shelves = lock(&self.hosted().shelves);
        if let Some(kept) = shelves.get(feed) {
            return kept.clone();
        }
        // Pages are the large part, and of use only while their feed is read.
        for kept in shelves.values() {
            if let Ok(mut kept) = kept.try_lock()
                && let Some(shelf) = &mut kept.shelf
            {
                shelf.forget_pages();
            }
        }
        if shelves.len() >= SHELVES_MAX {
            shelves.retain(|_, kept| Arc::strong_count(kept) > 1);
        }
        shelves.entry(*feed).or_default().clone()
    }

    /// Reads the file `head`, if it is another one than before.
    async fn refresh(&self, feed: &FeedKey, kept: &mut Kept) -> Result<(), AskError> {
        let file = StaticFile::Head { feed: *feed };
        let mut wants = Wants::default();
        if kept.shelf.is_some() {
            wants.unless = kept.tag.clone();
            wants.since = kept.modified.clone();
        }
        let sent = match self.send_plain(Target::File(file), wants).await {
            Err(AskError::Unreachable(Unreachable::Status { status: 304, .. })) => return Ok(()),
            sent => sent.map_err(|error| self.missing(error)),
        };
        if let Err(AskError::Unreachable(Unreachable::NotThere { .. })) = &sent {
            // Maybe a node answers there by now: the wire is asked next time.
            self.turns_out(Kind::Unknown);
        }
        let sent = sent?;
        let modified = sent.text(header::LAST_MODIFIED);
        // Hosts count in seconds: what was written in this one may be written again in it.
        let is_settled = modified != sent.text(header::DATE);
        let text = |text: Option<&str>| text.filter(|_| is_settled).map(str::to_owned);
        let (tag, modified) = (text(sent.text(header::ETAG)), text(modified));
        let bytes = sent.all(file.bytes_max()).await;
        let bytes = bytes.map_err(|error| self.about(&file, error))?;
        let is_known = |shelf: &Shelf| shelf.answer() == &*bytes;
        if !kept.shelf.as_ref().is_some_and(is_known) {
            let opened = Shelf::open(feed, &bytes);
            kept.shelf = Some(opened.map_err(|fault| self.faulty(&file, fault))?);
        }
        (kept.tag, kept.modified) = (tag, modified);
        Ok(())
    }

    async fn put_together(&self, kept: &mut Kept, want: Want) -> Result<Bytes, AskError> {
        let Some(shelf) = &mut kept.shelf else {
            return Err(self.not_there());
        };
        let mut ahead = Ahead::of(self);
        loop {
            let next = shelf.next(&want);
            if let Next::Read(_) = next {
                ahead.ask(shelf.ahead(&want, ahead::FILES_MAX));
            }
            match next {
                Next::Answer(answer) => return Ok(answer.into()),
                Next::Nothing => return Err(self.not_there()),
                Next::Read(file) => match (ahead.file(file).await, file) {
                    (Ok(bytes), _) => shelf
                        .take(&file, &bytes)
                        .map_err(|fault| self.faulty(&file, fault))?,
                    (
                        Err(AskError::Unreachable(Unreachable::NotThere { .. })),
                        StaticFile::Latest { .. },
                    ) => shelf.leave_out_latest(),
                    // The head says that it has to be there, so it is on its way.
                    (Err(AskError::Unreachable(Unreachable::NotThere { .. })), _) => {
                        return Err(self.not_yet(&file));
                    }
                    (Err(error), _) => return Err(error),
                },
            }
        }
    }

    async fn latest(&self, feed: FeedKey) -> Result<Bytes, AskError> {
        let file = StaticFile::Latest { feed };
        let bytes = match self.file(file).await {
            Err(AskError::Unreachable(Unreachable::NotThere { .. })) => {
                // With a head it is on its way; without, the feed is not here.
                self.file(StaticFile::Head { feed }).await?;
                return Err(self.not_yet(&file));
            }
            read => read?,
        };
        static_layout::check_latest(&feed, &bytes).map_err(|fault| self.faulty(&file, fault))?;
        Ok(bytes)
    }

    /// Heads of the feeds that are listed after one, as a node gives them.
    async fn feeds(&self, after: Option<FeedKey>) -> Result<Bytes, AskError> {
        for page in 0..FEEDS_PAGES_MAX {
            let file = StaticFile::Feeds { page };
            let bytes = match self.file(file).await {
                Err(AskError::Unreachable(Unreachable::NotThere { .. })) if page > 0 => break,
                read => read?,
            };
            let heads = frame::read_feeds(&bytes).map_err(|reject| self.wrong(&file, reject))?;
            let is_last = heads.len() < FEEDS_PAGE_MAX;
            let is_after = |head: &Vec<u8>| match (Head::check(head), &after) {
                (Ok(head), Some(after)) => head.body().feed.as_bytes() > after.as_bytes(),
                _ => true,
            };
            let rest: Vec<Vec<u8>> = heads.into_iter().filter(is_after).collect();
            if !rest.is_empty() || is_last {
                return Ok(frame::write_feeds(&rest).into());
            }
        }
        Ok(frame::write_feeds(&[]).into())
    }
}

/// Whether bytes can be an answer of a node at all: all but two kinds are arrays.
pub(super) fn is_array(bytes: &Bytes) -> bool {
    bytes.first().is_some_and(|first| first & 0xe0 == 0x80)
}
