//! Publishing files and folders: what is new or changed becomes a record, and every thousand items or five seconds a
//! head is signed and durable.
//!
//! Runs on a blocking thread. What was published from where is noted beside the store, so that the next run reads only
//! what changed.

mod append;
mod asked;
mod entry;
mod gone;
mod item;
mod reading;

pub(super) use asked::check_words;
pub(super) use item::describe;

use super::author::{Aside, Author, Trust, no_threads};
use super::{Node, Stop};
use crate::api::{Answer, Change, Event, Failure, Progress, Publish, PublishSummary};
use crate::io::clock;
use crate::io::media::Facts;
use crate::io::walk::{Found, Skipped, walk};
use entry::{Entries, Waiting};
use levada_feed::key::FeedKey;
use reading::{Reader, Ready, Trouble};
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Instant;
use tokio::sync::mpsc;

/// Items signed at once at most.
const BATCH_ITEMS: usize = 1_000;
/// Time after which what was appended is signed.
const BATCH_MS: u128 = 5_000;
/// Files looked at together, on all cores.
const GROUP_FILES: usize = 256;
/// Time between two reports of progress.
const REPORT_MS: u128 = 100;

/// Publishes; the events tell what became of each file.
pub(super) fn publish(
    node: &Arc<Node>,
    args: &Publish,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<Answer, Failure> {
    asked::check(args)?;
    let title = asked::feed_title(args)?;
    let trust = if args.insist {
        Trust::Insisted
    } else {
        Trust::Marked
    };
    let aside = Aside::to(events, stop);
    let target = args.feed.as_deref();
    let author = Author::open_or_make(node, target, &title, args.dry_run, trust, &aside)?;
    let reader = Reader {
        node,
        args,
        events,
        stop,
        bytes: AtomicU64::new(0),
    };
    let mut run = Run {
        node,
        args,
        events,
        stop,
        reader: &reader,
        feed: author.feed(),
        entries: Entries::open(node, author.feed())?,
        author,
        summary: Counts::default(),
        files: Vec::new(),
        read: Vec::new(),
        noted: Waiting::default(),
        small: Vec::new(),
        moved: BTreeSet::new(),
        signed: clock::tick(),
        reported: None,
    };
    run.all()?;
    run.finish()
}

#[derive(Default)]
struct Counts {
    published: u64,
    edited: u64,
    renamed: u64,
    unchanged: u64,
    skipped: u64,
    gone: u64,
    retracted: u64,
}

struct Run<'a> {
    node: &'a Arc<Node>,
    args: &'a Publish,
    events: &'a mpsc::Sender<Event>,
    stop: &'a Stop,
    reader: &'a Reader<'a>,
    feed: FeedKey,
    entries: Entries<'a>,
    author: Author,
    summary: Counts,
    /// Files found and not looked at yet.
    files: Vec<Found>,
    /// Files looked at, which are appended while the next are looked at.
    read: Vec<(Found, Result<Ready, Trouble>)>,
    /// What to note once the records are durable.
    noted: Waiting,
    /// Own small blobs, for the author's file.
    small: Vec<Vec<u8>>,
    /// In a dry run: where files were that were renamed since.
    moved: BTreeSet<PathBuf>,
    signed: Instant,
    reported: Option<Instant>,
}

impl Run<'_> {
    fn tell(&self, event: Event) {
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.blocking_send(event);
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn all(&mut self) -> Result<(), Failure> {
        for root in &self.args.paths {
            self.all_below(root)?;
        }
        self.look_for_gone()
    }

    /// Takes files while a thread finds those after them.
    fn all_below(&mut self, root: &Path) -> Result<(), Failure> {
        let (to, walked) = sync_channel(GROUP_FILES);
        std::thread::scope(|scope| {
            let walking = std::thread::Builder::new();
            // Nobody takes them any more once the run ends.
            let look = move || walk(root).all(|found| to.send(found).is_ok());
            let walking = walking.spawn_scoped(scope, look);
            walking.map_err(|error| no_threads(&error))?;
            for found in walked {
                if self.is_stopped() {
                    self.files.clear();
                    break;
                }
                match found {
                    Ok(found) => self.take(found)?,
                    Err(skipped) => self.skip(skipped),
                }
            }
            self.end_group()
        })
    }

    fn skip(&mut self, skipped: Skipped) {
        let is_failure = skipped.why.is_failure();
        self.summary.skipped += u64::from(is_failure);
        self.tell(Event::Skipped {
            path: skipped.path,
            why: skipped.why.to_string(),
            is_failure,
        });
    }

    fn fail(&mut self, path: &Path, why: String) {
        self.summary.skipped += 1;
        self.tell(Event::Skipped {
            path: path.to_owned(),
            why,
            is_failure: true,
        });
    }

    /// Leaves out what is published as it is; gathers the rest.
    fn take(&mut self, found: Found) -> Result<(), Failure> {
        let known = self.entries.at(&found.path)?;
        if known.is_some_and(|entry| entry.is_same_file(&found) && entry.path == found.relative)
            && !self.describes()
        {
            self.summary.unchanged += 1;
            return Ok(());
        }
        self.files.push(found);
        if self.files.len() >= GROUP_FILES {
            self.group()
        } else {
            Ok(())
        }
    }

    /// Whether the command says something about every item, so that unchanged files are edited too.
    fn describes(&self) -> bool {
        let args = self.args;
        args.title.is_some()
            || args.text.is_some()
            || !args.tags.is_empty()
            || !args.creators.is_empty()
            || args.language.is_some()
            || args.licence.is_some()
    }

    /// Reads what was gathered, on all cores, while what was read before is appended, in the order it was found.
    fn group(&mut self) -> Result<(), Failure> {
        let files = std::mem::take(&mut self.files);
        if self.args.dry_run {
            for found in &files {
                self.dry(found)?;
            }
            return Ok(());
        }
        let (reader, read) = (self.reader, std::mem::take(&mut self.read));
        // A thread of its own: whoever waits for a person to take events must not hold one of those that hash.
        std::thread::scope(|scope| {
            let reading = std::thread::Builder::new();
            let reading = reading.spawn_scoped(scope, || reader.read_all(files));
            let appended = self.append_all(read);
            let reading = reading.map_err(|error| no_threads(&error))?;
            self.read = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
            appended
        })
    }

    /// Appends what was read last.
    fn end_group(&mut self) -> Result<(), Failure> {
        self.group()?;
        let read = std::mem::take(&mut self.read);
        self.append_all(read)
    }

    fn append_all(&mut self, read: Vec<(Found, Result<Ready, Trouble>)>) -> Result<(), Failure> {
        for (found, ready) in read {
            match ready {
                Ok(ready) => self.append(&found, ready)?,
                Err(Trouble::Skip(why)) => self.fail(&found.path, why),
                Err(Trouble::Stopped) => {}
                Err(Trouble::End(failure)) => {
                    // What is ready already is published all the same.
                    self.sign()?;
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// What would be done, by a look at the file alone.
    fn dry(&mut self, found: &Found) -> Result<(), Failure> {
        let facts = match self.reader.inspect(found) {
            Ok(facts) => facts,
            Err(Trouble::Skip(why)) => {
                self.fail(&found.path, why);
                return Ok(());
            }
            Err(Trouble::End(failure)) => return Err(failure),
            Err(Trouble::Stopped) => return Ok(()),
        };
        self.point_out(found, &facts, self.args.strip_place);
        let change = match self.entries.at(&found.path)? {
            Some(entry) if entry.is_same_file(found) && entry.path != found.relative => {
                Change::Renamed
            }
            Some(_) => Change::Edited,
            None => match self.entries.renamed_from(found)? {
                Some(entry) => {
                    self.moved.insert(entry.file);
                    Change::Renamed
                }
                None => Change::New,
            },
        };
        let title = self
            .args
            .title
            .clone()
            .unwrap_or_else(|| item::title(found, &facts));
        self.count(change);
        self.tell(Event::Published {
            index: None,
            path: found.relative.clone(),
            title,
            change,
            media_type: facts.media_type,
            size: found.size,
        });
        Ok(())
    }

    fn count(&mut self, change: Change) {
        match change {
            Change::New => self.summary.published += 1,
            Change::Edited => self.summary.edited += 1,
            Change::Renamed => self.summary.renamed += 1,
        }
    }

    fn point_out(&self, found: &Found, facts: &Facts, is_stripped: bool) {
        if !facts.private.is_empty() {
            let what = facts.private.iter().map(ToString::to_string).collect();
            self.tell(Event::Private {
                path: found.path.clone(),
                what,
                is_stripped,
            });
        }
    }

    fn report(&mut self) {
        if self
            .reported
            .is_none_or(|last| clock::since(last).as_millis() >= REPORT_MS)
        {
            self.reported = Some(clock::tick());
            let count = self.summary.published + self.summary.edited + self.summary.renamed;
            let progress = Progress {
                what: "publishing".into(),
                bytes: self.reader.bytes.load(Ordering::Relaxed),
                count,
                ..Progress::default()
            };
            let _ = self.events.try_send(Event::Progress(progress));
        }
    }

    fn sign_if_due(&mut self) -> Result<(), Failure> {
        let is_due = self.author.appended() >= BATCH_ITEMS
            || clock::since(self.signed).as_millis() >= BATCH_MS;
        if is_due { self.sign() } else { Ok(()) }
    }

    /// Signs what was appended, makes it durable, then notes what was published from where.
    fn sign(&mut self) -> Result<(), Failure> {
        self.signed = clock::tick();
        if self.author.appended() > 0 {
            let small = std::mem::take(&mut self.small);
            self.author.sign(self.node, &small, clock::now_ms())?;
        }
        let noted = std::mem::take(&mut self.noted);
        let head = self.node.disk.head(&self.feed)?;
        self.entries
            .write(noted, head.map_or(0, |head| head.body().length))
    }

    fn finish(mut self) -> Result<Answer, Failure> {
        if !self.args.dry_run {
            self.sign()?;
        }
        let head = self.node.disk.head(&self.feed)?;
        let link = super::show::link(self.node, &self.feed)?;
        let Counts {
            published,
            edited,
            renamed,
            unchanged,
            skipped,
            gone,
            retracted,
        } = self.summary;
        Ok(Answer::Published(PublishSummary {
            feed: self.feed,
            link: head.is_some().then(|| link.to_string()),
            name: self.author.name().to_owned(),
            new_key: self.author.new_key().map(Path::to_owned),
            head: head.map(|head| head.body().clone()),
            published,
            edited,
            renamed,
            unchanged,
            skipped,
            gone,
            retracted,
            is_interrupted: self.is_stopped(),
            is_dry_run: self.args.dry_run,
            is_served: self.node.served_at.get().is_some(),
        }))
    }
}
