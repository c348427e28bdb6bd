//! `rebuild`: a store that is lost or damaged is set aside, and everything is made again: own feeds from their authors' files,
//! what the old store still has from there, blobs from their files, and the rest of what is followed from peers. No peer's head
//! that is older than one that was verified before is believed.
//!
//! Nothing is removed: the old store stays under another name until the person removes it. A rebuild that is killed, or ends on
//! a full disk, has made a store like any other, in which it is noted; the same command goes on in it, or begins again beside it
//! when it is damaged too, and looks at all that were set aside.

mod before;
mod taken;
#[cfg(test)]
mod tests;

use super::author::look_at_file;
use super::replay;
use super::words::REBUILD;
use super::{Node, Options, Stop, own, tell};
use crate::api::{Answer, Code, Event, Failure, Rebuild, Rebuilt, RebuiltFeed};
use crate::io::clock;
use crate::io::config;
use crate::io::dirs::{Dirs, Lock, LockError};
use crate::io::disk::{Disk, TableRead};
use crate::io::fault;
use crate::io::keys::Keys;
use crate::store::StoreError;
use chrono::{DateTime, NaiveDate};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What the name of a store that was set aside begins with; a date comes behind it.
const SET_ASIDE: &str = "store.broken-";
/// Noted in a store that is being made again, until that has ended and the store was closed: how far it is.
const BEGUN: &[u8] = b"rebuild/begun";
/// Not all that is on this machine may be in the store.
const OF_HERE: &[u8] = b"here";
/// That is done, and peers are asked.
const OF_PEERS: &[u8] = b"peers";

/// Sets the store aside and makes it again.
pub(super) async fn rebuild(
    options: &Options,
    events: &mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    let (opening, stopped) = (options.clone(), stop.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let mut told: Vec<Event> = check_files(&opening)?.into_iter().collect();
        let (mended, is_begun) = look_at_store(&opening, &stopped)?;
        told.extend(mended);
        let set_aside = match is_begun {
            true => {
                let dirs = super::find_dirs(&opening)?;
                set_aside_stores(&dirs.store()).into_iter().next()
            }
            false => set_aside(&opening)?,
        };
        let node = Node::open(&opening)?;
        note(&node, OF_HERE)?;
        Ok::<_, Failure>((told, set_aside, node, is_begun))
    });
    let (told, set_aside, node, is_begun) = opened
        .await
        .map_err(|_| Failure::new(Code::Failed, "the node could not be opened"))??;
    for event in told {
        tell(events, event).await;
    }
    let node = Arc::new(node);
    let mut rebuilt = Rebuilt {
        set_aside,
        ..Rebuilt::default()
    };
    let (working, telling, stopping) = (node.clone(), events.clone(), stop.clone());
    let here = tokio::task::spawn_blocking(move || {
        let mut own = own_feeds(&working)?;
        let taken = taken::take_over(&working, &telling, &stopping, is_begun)?;
        for feed in own.iter_mut().filter(|feed| feed.error.is_some()) {
            feed.records = working.disk.held(&feed.feed).count();
        }
        working.adopt()?;
        if !*stopping.borrow() {
            note(&working, OF_PEERS)?;
        }
        Ok::<_, Failure>((own, taken))
    });
    let here = here
        .await
        .map_err(|_| Failure::new(Code::Failed, "the work ended unexpectedly"))?;
    if let Err(failure) = &here
        && failure.code != Code::OverQuota
    {
        // Who goes on here would fail again. Where nothing more can be written it stays as it is.
        let _ = node.disk.drop_note(BEGUN);
    }
    (rebuilt.own, rebuilt.taken) = here?;
    let done = followed(&node, &mut rebuilt, events, &stop).await;
    let (closing, is_done) = (node.clone(), matches!(done, Ok(true)));
    let counted = tokio::task::spawn_blocking(move || {
        let blobs = closing.blobs.totals();
        closing.close()?;
        if is_done {
            closing.disk.drop_note(BEGUN)?;
            closing.disk.close()?;
        }
        blobs
    });
    let counted = counted
        .await
        .map_err(|_| Failure::new(Code::Failed, "the store was not closed"))??;
    done?;
    rebuilt.blobs = counted.complete + counted.partial;
    rebuilt.is_interrupted = *stop.borrow();
    tell(events, Event::Answer(Box::new(Answer::Rebuilt(rebuilt)))).await;
    Ok(())
}

/// What a person may have to mend is mended first: else everything would be away until then. Gives what is to be told.
fn check_files(options: &Options) -> Result<Option<Event>, Failure> {
    let dirs = super::find_dirs(options)?;
    config::load_settings(&dirs)?;
    let told = super::find::put_back(&dirs)?;
    config::load_sources(&dirs)?;
    config::load_pins(&dirs)?;
    let keys = Keys::at(&dirs.keys());
    keys.list()?;
    match keys.gone()?.first() {
        None => Ok(told),
        // Its feed would be in no store afterwards.
        Some(path) => Err(own::key_gone(path)),
    }
}

/// Makes authors' files that are damaged again while the store is at hand that has what they lost. A store that does not
/// open has nothing to give; one that has less than was signed is not set aside before a copy of the file is here. Gives what
/// is to be told, and whether a rebuild made this store, did not end, and can go on in it.
fn look_at_store(options: &Options, stop: &Stop) -> Result<(Vec<Event>, bool), Failure> {
    let node = match Node::open(options) {
        Ok(node) => node,
        // Set aside, it would open no more than here, and nothing would be in its place.
        Err(failure) if failure.code == Code::OverQuota => return Err(failure),
        Err(_) => return Ok((Vec::new(), false)),
    };
    let mut told = Vec::new();
    for key in node.keys.list()? {
        match look_at_file(&node, &key) {
            Ok(event) => told.extend(event),
            Err(failure) if failure.code == Code::NotVerified => return Err(failure),
            // Told when the file is read again.
            Err(_) => {}
        }
    }
    let is_begun = is_begun(&node) && is_readable(&node.disk, stop)?;
    // Whatever it says, the store is set aside, or is opened again.
    let _ = node.close();
    Ok((told, is_begun))
}

/// Notes how far a rebuild is.
fn note(node: &Node, how_far: &[u8]) -> Result<(), StoreError> {
    node.disk.put_notes([(BEGUN.to_vec(), how_far.to_vec())])
}

/// Whether a rebuild made this store and did not end.
pub(super) fn is_begun(node: &Node) -> bool {
    matches!(node.disk.note(BEGUN), Ok(Some(_)))
}

impl Node {
    /// Whether a rebuild made this store and did not take over all that is on this machine: what it lacks may say that a blob is
    /// one's own or pinned.
    pub(super) fn lacks_of_here(&self) -> Result<bool, StoreError> {
        Ok(self
            .disk
            .note(BEGUN)?
            .is_some_and(|how_far| how_far == OF_HERE))
    }
}

/// Whether all of a store can be read. Reads all of it.
fn is_readable(disk: &Disk, stop: &Stop) -> Result<bool, Failure> {
    for place in 0.. {
        match disk.table_is_readable(place, &|| *stop.borrow())? {
            None => break,
            Some(TableRead::Whole) => {}
            Some(TableRead::Damaged(_)) => return Ok(false),
            Some(TableRead::Stopped) => return Err(super::output::interrupted()),
        }
    }
    Ok(true)
}

/// Moves the store away, under the lock. `None`: there was none.
fn set_aside(options: &Options) -> Result<Option<PathBuf>, Failure> {
    let dirs = Dirs::find(options.data_dir.as_deref())
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let lock = dirs
        .create_all()
        .map_err(LockError::from)
        .and_then(|()| Lock::take(&dirs));
    let _lock = lock.map_err(|error| super::words::lock_failure(&error))?;
    let store = dirs.store();
    if std::fs::symlink_metadata(&store).is_err() {
        return Ok(None);
    }
    let to = free_name(&store);
    fault::step(&store, || std::fs::rename(&store, &to))
        .map_err(|error| super::words::file_failure(&store, &error))?;
    Ok(Some(to))
}

/// `store.broken-DATE`, with a number when there is one already.
fn free_name(store: &Path) -> PathBuf {
    let now = i64::try_from(clock::now_ms()).unwrap_or(0);
    let date = DateTime::from_timestamp_millis(now).unwrap_or_default();
    let named = format!("{SET_ASIDE}{}", date.format("%Y-%m-%d"));
    let mut to = store.with_file_name(&named);
    let mut number = 2;
    while std::fs::symlink_metadata(&to).is_ok() {
        to = store.with_file_name(format!("{named}-{number}"));
        number += 1;
    }
    to
}

/// The stores that were set aside, the newest first.
fn set_aside_stores(store: &Path) -> Vec<PathBuf> {
    let entries = store.parent().map(std::fs::read_dir);
    let mut found: Vec<(NaiveDate, u64, PathBuf)> = Vec::new();
    for entry in entries.into_iter().flatten().flatten().flatten() {
        let name = entry.file_name();
        let Some(named) = name.to_str().and_then(|name| name.strip_prefix(SET_ASIDE)) else {
            continue;
        };
        // DATE, or DATE-2.
        let (date, number) = match named.match_indices('-').nth(2) {
            Some((at, _)) => (named.get(..at), named.get(at + 1..)),
            None => (Some(named), Some("1")),
        };
        let number = number.and_then(|number| number.parse().ok());
        let date = date.and_then(|date| date.parse().ok());
        found.extend(
            date.zip(number)
                .map(|(date, number)| (date, number, entry.path())),
        );
    }
    found.sort();
    found.into_iter().rev().map(|(.., path)| path).collect()
}

/// Own feeds, each from its author's file. One that cannot be made again is told and does not stop the others.
fn own_feeds(node: &Node) -> Result<Vec<RebuiltFeed>, Failure> {
    let mut feeds = Vec::new();
    for key in node.keys.list()? {
        let path = own::author_path(node, &key.name);
        let known: Vec<_> = node.remembered(&key.feed).into_iter().collect();
        let replayed = if path.exists() {
            replay::replay(node, &key.feed, &path, &known)
        } else if known.is_empty() {
            continue;
        } else {
            Err(Failure::new(
                Code::NotFound,
                format!("{}: the author's file is gone", path.display()),
            ))
        };
        let (records, error) = match replayed {
            Ok(replayed) => (replayed.records, None),
            Err(failure) => (0, Some(failure.message)),
        };
        feeds.push(RebuiltFeed {
            feed: key.feed,
            nickname: key.name,
            records,
            error,
        });
    }
    Ok(feeds)
}

/// What is followed, from peers; blobs that are on disk are found there. Says whether all were asked
/// and the disk had room.
async fn followed(
    node: &Arc<Node>,
    rebuilt: &mut Rebuilt,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<bool, Failure> {
    let mut is_full = false;
    for source in node.sources()?.list() {
        if *stop.borrow() {
            return Ok(false);
        }
        let synced = super::sync::sync_source(
            node,
            source,
            super::sync::Look::All,
            events.clone(),
            stop.clone(),
        )
        .await;
        let error = match synced {
            Ok(synced) => synced.error,
            Err(failure) => {
                is_full |= failure.code == Code::OverQuota;
                Some(failure.message)
            }
        };
        rebuilt.followed.push(RebuiltFeed {
            feed: source.feed,
            nickname: source.nickname.clone(),
            records: node.disk.held(&source.feed).count(),
            error,
        });
    }
    Ok(!is_full && !*stop.borrow())
}

/// `rebuild --index`: rows again from the records, in the store that is open.
pub(super) async fn in_place(
    node: &Arc<Node>,
    asked: Rebuild,
    events: &mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    if !asked.only_index {
        return Err(Failure::new(
            Code::Locked,
            format!("{}: the store is in use", node.dirs.home().display()),
        )
        .hint("stop `levada serve`, then run the same command again"));
    }
    let (working, telling) = (node.clone(), events.clone());
    let work = tokio::task::spawn_blocking(move || {
        let mut rows = 0;
        for feed in working.disk.feeds() {
            if *stop.borrow() {
                break;
            }
            rows += working.disk.rebuild_rows(&feed, &mut |records| {
                let progress = crate::api::Progress {
                    what: "index".into(),
                    of: working.nickname(&feed),
                    count: records,
                    ..Default::default()
                };
                // A report that finds no room is one of many.
                let _ = telling.try_send(Event::Progress(progress));
            })?;
        }
        Ok::<_, StoreError>((rows, *stop.borrow()))
    });
    let done = work
        .await
        .map_err(|_| Failure::new(Code::Failed, "the work ended unexpectedly"))?;
    let (rows, is_interrupted) =
        done.map_err(|error| super::words::store_failure(&error).hint(REBUILD))?;
    Ok(Answer::Rebuilt(Rebuilt {
        rows,
        is_interrupted,
        ..Rebuilt::default()
    }))
}
