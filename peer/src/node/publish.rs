//! Publishing files and folders: what is new or changed becomes a record, and every thousand items or five seconds a
//! head is signed and durable.
//!
//! Runs on a blocking thread. What was published from where is noted beside the store, so that the next run reads only
//! what changed.

mod entry;
mod item;

use super::own::Author;
use super::{Node, Stop};
use crate::api::{Answer, Change, Code, Event, Failure, Progress, Publish, PublishSummary};
use crate::io::blobs::{ImportError, Imported, Mode};
use crate::io::clock;
use crate::io::media::{self, Facts};
use crate::io::strip::Plan;
use crate::io::walk::{Found, Skipped, walk};
use entry::{Entries, Entry};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::INLINE_BYTES_MAX;
use levada_feed::record::{Body, Item, Record, Reference, Retract, read};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Items signed at once at most.
const BATCH_ITEMS: usize = 1_000;
/// Time after which what was appended is signed.
const BATCH_MS: u128 = 5_000;
/// Files looked at together, on all cores.
const GROUP_FILES: usize = 256;
/// Bytes of small blobs that one group brings along at most.
const REPORT_MS: u128 = 100;

/// Publishes; the events tell what became of each file.
pub(super) fn publish(
    node: &Arc<Node>,
    args: &Publish,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<Answer, Failure> {
    if args.title.is_some()
        && (args.paths.len() != 1 || args.paths.iter().any(|path| path.is_dir()))
    {
        return Err(Failure::new(
            Code::Usage,
            "--title names one file, and more than one is to be published",
        ));
    }
    if args.paths.is_empty() {
        return Err(Failure::new(
            Code::Usage,
            "nothing to publish: name files or folders",
        ));
    }
    let author = Author::open_or_make(node, args.feed.as_deref(), args.dry_run)?;
    let mut run = Run {
        node,
        args,
        events,
        stop,
        feed: author.feed(),
        entries: Entries::of(node, author.feed()),
        author,
        summary: Counts::default(),
        files: Vec::new(),
        noted: Vec::new(),
        small: Vec::new(),
        signed: clock::tick(),
        reported: None,
        bytes: 0,
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
    feed: FeedKey,
    entries: Entries<'a>,
    author: Author,
    summary: Counts,
    /// Files found and not looked at yet.
    files: Vec<Found>,
    /// What to note once the records are durable.
    noted: Vec<entry::Noted>,
    /// Own small blobs, for the author's file.
    small: Vec<Vec<u8>>,
    signed: Instant,
    reported: Option<Instant>,
    bytes: u64,
}

/// A file that is new or changed, with its bytes here and its facts known.
struct Ready {
    found: Found,
    imported: Imported,
    small: Option<Vec<u8>>,
    facts: Facts,
    is_stripped: bool,
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
            for found in walk(root) {
                if self.is_stopped() {
                    return Ok(());
                }
                match found {
                    Ok(found) => self.take(found)?,
                    Err(skipped) => self.skip(skipped),
                }
            }
            self.group()?;
        }
        self.look_for_gone()
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

    fn group(&mut self) -> Result<(), Failure> {
        let files = std::mem::take(&mut self.files);
        let (small, large): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|found| found.size <= INLINE_BYTES_MAX);
        if self.args.dry_run {
            for found in small.into_iter().chain(large) {
                self.dry(&found)?;
            }
            return Ok(());
        }
        for ready in self.import_small(small)? {
            self.append(ready)?;
        }
        for found in large {
            if self.is_stopped() {
                break;
            }
            if let Some(ready) = self.import_large(found)? {
                self.append(ready)?;
            }
        }
        Ok(())
    }

    /// What would be done, by a look at the file alone.
    fn dry(&mut self, found: &Found) -> Result<(), Failure> {
        let facts = match media::inspect(&found.path) {
            Ok(facts) => facts,
            Err(error) => {
                self.fail(&found.path, super::io_words(&error));
                return Ok(());
            }
        };
        self.point_out(found, &facts, self.args.strip_place);
        let change = if self.entries.at(&found.path)?.is_some() {
            Change::Edited
        } else {
            Change::New
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

    fn import_small(&mut self, files: Vec<Found>) -> Result<Vec<Ready>, Failure> {
        // Stripping writes a copy, whatever the size.
        if self.args.strip_place {
            let mut ready = Vec::new();
            for found in files {
                ready.extend(self.import_large(found)?);
            }
            return Ok(ready);
        }
        let paths: Vec<PathBuf> = files.iter().map(|found| found.path.clone()).collect();
        let imported = self.node.blobs.import_small_many(&paths);
        let facts: Vec<_> = paths.par_iter().map(|path| media::inspect(path)).collect();
        let mut ready = Vec::new();
        for ((found, imported), facts) in files.into_iter().zip(imported).zip(facts) {
            match (imported, facts) {
                (Ok((imported, bytes)), Ok(facts)) => {
                    self.point_out(&found, &facts, false);
                    ready.push(Ready {
                        found,
                        imported,
                        small: Some(bytes),
                        facts,
                        is_stripped: false,
                    });
                }
                (Err(error), _) => self.import_failed(&found.path, error)?,
                (_, Err(error)) => self.fail(&found.path, super::io_words(&error)),
            }
        }
        Ok(ready)
    }

    fn import_large(&mut self, found: Found) -> Result<Option<Ready>, Failure> {
        let facts = match media::inspect(&found.path) {
            Ok(facts) => facts,
            Err(error) => {
                self.fail(&found.path, super::io_words(&error));
                return Ok(None);
            }
        };
        if self.args.strip_place {
            match self.stripped(&found, facts.clone()) {
                Ok(Some(ready)) => return Ok(Some(ready)),
                Ok(None) => {}
                Err(Strip::Refused(why)) => {
                    self.fail(&found.path, why);
                    return Ok(None);
                }
                Err(Strip::Failed(failure)) => return Err(failure),
            }
        } else {
            self.point_out(&found, &facts, false);
        }
        let mode = if self.args.in_place {
            Mode::InPlace
        } else {
            Mode::Copy
        };
        let (total, name) = (found.size, found.relative.clone());
        let (events, done) = (self.events.clone(), self.bytes);
        let progress = move |bytes: u64| {
            let progress = Progress {
                what: "hashing",
                of: name.clone(),
                bytes: done + bytes,
                bytes_total: Some(done + total),
                ..Progress::default()
            };
            // Too many reports, or nobody listens: this one is left out.
            let _ = events.try_send(Event::Progress(progress));
        };
        let stop = self.stop.clone();
        match self
            .node
            .blobs
            .import(&found.path, mode, &progress, &move || *stop.borrow())
        {
            Ok(imported) => {
                self.bytes += imported.size;
                let small = self.small_bytes(&imported)?;
                Ok(Some(Ready {
                    found,
                    imported,
                    small,
                    facts,
                    is_stripped: false,
                }))
            }
            Err(error) => {
                self.import_failed(&found.path, error)?;
                Ok(None)
            }
        }
    }

    /// The bytes of a blob that belongs into the author's file.
    fn small_bytes(&self, imported: &Imported) -> Result<Option<Vec<u8>>, Failure> {
        if imported.size > INLINE_BYTES_MAX {
            return Ok(None);
        }
        self.node
            .disk
            .small(&imported.hash)
            .map_err(|error| super::store_failure(&error))
    }

    /// A copy without places and serial numbers; `None` when the file has none.
    fn stripped(&mut self, found: &Found, facts: Facts) -> Result<Option<Ready>, Strip> {
        let refused = |error: &dyn std::fmt::Display| Strip::Refused(error.to_string());
        let plan = Plan::new(&found.path, &facts.media_type).map_err(|error| refused(&error))?;
        if plan.is_empty() {
            return Ok(None);
        }
        let folder = self.node.dirs.cache();
        let mut copy = tempfile::NamedTempFile::new_in(folder).map_err(|error| {
            refused(&format!(
                "{}: {}",
                folder.display(),
                super::io_words(&error)
            ))
        })?;
        plan.write(copy.as_file_mut())
            .map_err(|error| refused(&error))?;
        self.point_out(found, &facts, true);
        let stop = self.stop.clone();
        let imported = self
            .node
            .blobs
            .import(copy.path(), Mode::Copy, &|_| {}, &move || *stop.borrow());
        match imported {
            Ok(imported) => {
                let small = self.small_bytes(&imported).map_err(Strip::Failed)?;
                Ok(Some(Ready {
                    found: found.clone(),
                    imported,
                    small,
                    facts,
                    is_stripped: true,
                }))
            }
            Err(error) => match self.import_failed(&found.path, error) {
                Ok(()) => Err(Strip::Refused("not published".into())),
                Err(failure) => Err(Strip::Failed(failure)),
            },
        }
    }

    /// A failure of one file is told and skipped; one of our own disk ends the run.
    fn import_failed(&mut self, path: &Path, error: ImportError) -> Result<(), Failure> {
        match error {
            ImportError::Interrupted => Ok(()),
            ImportError::Changed => {
                self.fail(
                    path,
                    "it changed while it was read; publish it again".into(),
                );
                Ok(())
            }
            ImportError::NoSpace { needed, free } => {
                self.sign()?;
                Err(Failure::new(
                    Code::OverQuota,
                    format!("{}: a copy needs {needed} bytes and {free} are free", path.display()),
                )
                .hint("publish with --in-place to keep no copy, or make room; what was signed so far is published"))
            }
            ImportError::Store(error) => Err(super::store_failure(&error)),
            other => {
                self.fail(path, other.to_string());
                Ok(())
            }
        }
    }

    /// Turns a file into a record, if there is anything to say that was not said.
    fn append(&mut self, ready: Ready) -> Result<(), Failure> {
        let hash = ready.imported.hash;
        let known = match self.entries.at(&ready.found.path)? {
            Some(entry) => Some(entry),
            None => self.entries.moved_from(&ready.found, &hash)?,
        };
        let before = match &known {
            Some(entry) => self.current(entry)?,
            None => None,
        };
        let (item, change) = match (&known, before) {
            (Some(entry), Some(before)) => {
                let is_renamed = entry.path != ready.found.relative;
                let mut after = item::edited(
                    &before,
                    self.args,
                    &ready.found,
                    &ready.facts,
                    &ready.imported,
                    entry,
                );
                after.edits = Some(Reference {
                    feed: None,
                    index: entry.index,
                    link: entry.link,
                });
                let is_same = Item {
                    edits: before.edits,
                    ..after.clone()
                } == before;
                if is_same {
                    self.summary.unchanged += 1;
                    let noted = Entry {
                        hash,
                        ..entry.clone()
                    }
                    .seen(&ready.found);
                    self.noted.push(entry::Noted::put(&ready.found, noted));
                    return self.sign_if_due();
                }
                (
                    after,
                    if is_renamed {
                        Change::Renamed
                    } else {
                        Change::Edited
                    },
                )
            }
            _ => (
                item::new(self.args, &ready.found, &ready.facts, &ready.imported),
                Change::New,
            ),
        };
        let (title, media_type) = (item.title.clone(), ready.facts.media_type.clone());
        let (index, link) = match self
            .author
            .append(Body::Item(Box::new(item)), clock::now_ms())
        {
            Ok(appended) => appended,
            Err(failure) if failure.code == Code::Usage => {
                self.fail(&ready.found.path, failure.message);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        self.count(change);
        let (first, first_link) = known
            .as_ref()
            .map_or((index, link), |entry| (entry.index, entry.link));
        let entry = Entry::new(&ready.found, hash, first, first_link, index);
        if let Some(old) = known.filter(|old| old.file != ready.found.path) {
            self.noted.push(entry::Noted::Drop(old));
        }
        self.noted.push(entry::Noted::put(&ready.found, entry));
        self.small.extend(ready.small);
        self.tell(Event::Published {
            index: Some(index),
            path: ready.found.relative.clone(),
            title,
            change,
            media_type,
            size: ready.imported.size,
        });
        self.report();
        self.sign_if_due()
    }

    /// The newest state of an item that was published before; `None` when it was retracted since.
    fn current(&self, entry: &Entry) -> Result<Option<Item>, Failure> {
        let store = |error| super::store_failure(&error);
        let row = self.node.disk.row(&self.feed, entry.index).map_err(store)?;
        if row.is_some_and(|(_, row)| row.retracted_by.is_some()) {
            return Ok(None);
        }
        let newest = row.map_or(entry.newest, |(_, row)| row.newest.max(entry.newest));
        let bytes = match self.author.pending(newest) {
            Some(bytes) => Some(bytes),
            None => self.node.disk.record(&self.feed, newest).map_err(store)?,
        };
        Ok(bytes.and_then(|bytes| match read(&bytes, newest) {
            Ok(Record {
                body: Body::Item(item),
                ..
            }) => Some(*item),
            _ => None,
        }))
    }

    fn report(&mut self) {
        if self
            .reported
            .is_none_or(|last| last.elapsed().as_millis() >= REPORT_MS)
        {
            self.reported = Some(clock::tick());
            let count = self.summary.published + self.summary.edited + self.summary.renamed;
            let progress = Progress {
                what: "publishing",
                bytes: self.bytes,
                count,
                ..Progress::default()
            };
            let _ = self.events.try_send(Event::Progress(progress));
        }
    }

    fn sign_if_due(&mut self) -> Result<(), Failure> {
        let is_due =
            self.author.appended() >= BATCH_ITEMS || self.signed.elapsed().as_millis() >= BATCH_MS;
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
        self.entries.write(noted)
    }

    /// Items whose files are gone from the folders that were named.
    fn look_for_gone(&mut self) -> Result<(), Failure> {
        if self.is_stopped() {
            return Ok(());
        }
        self.sign()?;
        for root in self.args.paths.iter().filter(|root| root.is_dir()) {
            for entry in self.entries.gone_below(root)? {
                if self.is_stopped() {
                    return Ok(());
                }
                self.summary.gone += 1;
                let is_retracted = self.args.retract_missing && !self.args.dry_run;
                if is_retracted {
                    let target = Reference {
                        feed: None,
                        index: entry.index,
                        link: entry.link,
                    };
                    let retract = Retract {
                        target,
                        reason: None,
                    };
                    self.author
                        .append(Body::Retract(retract), clock::now_ms())?;
                    self.summary.retracted += 1;
                }
                self.tell(Event::Gone {
                    index: entry.index,
                    path: entry.path.clone(),
                    is_retracted,
                });
                if is_retracted {
                    self.noted.push(entry::Noted::Drop(entry));
                    self.sign_if_due()?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Answer, Failure> {
        if !self.args.dry_run {
            self.sign()?;
        }
        let store = |error| super::store_failure(&error);
        let head = self.node.disk.head(&self.feed).map_err(store)?;
        let link = super::show::link(self.node, &self.feed).map_err(store)?;
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
        }))
    }
}

enum Strip {
    /// This file is not published, and why.
    Refused(String),
    /// The run ends.
    Failed(Failure),
}

/// For `entry`: what a hash is called in notes.
fn hash_name(hash: &Hash) -> &[u8] {
    &hash.0
}
