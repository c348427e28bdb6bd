//! What is wrong with this node, in plain words, and what to do: for `doctor`, and in short for `status`.
//!
//! Looks only at what is cheap to look at; `verify` reads everything. Works while the node serves, and when its store does not
//! open: then what the files beside it tell.

mod own;
mod reach;

pub(super) use reach::{note_lacking, note_reached, note_unreached};

use super::verify::{UNREADABLE, WHOLE};
use super::words::{REBUILD, short};
use super::{Node, Options, rebuild, tell};
use crate::api::{Answer, Code, Damaged, Diagnosis, Event, Failure, Finding};
use crate::io::blobs::Held;
use crate::io::clock;
use crate::io::dirs::Dirs;
use crate::io::disk::Disk;
use crate::io::keys::Keys;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use tokio::sync::mpsc;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Days without a whole `verify` before it is time for one.
const UNVERIFIED_DAYS: u64 = 90;
/// A head may be so far ahead of this clock.
const AHEAD_MS: u64 = 10 * 60 * 1_000;
/// Free space below which a disk is short of it, when the settings say nothing.
const RESERVE_BYTES: u64 = 1 << 30;
/// Damaged blobs that are named.
const DAMAGED_MAX: usize = 20;
/// When this store was made, Unix milliseconds.
const BORN: &[u8] = b"born";

/// Notes when the store was made, so that one that was never verified has an age.
pub(super) fn note_birth(disk: &Disk) -> Result<(), StoreError> {
    if disk.note(BORN)?.is_none() {
        disk.put_notes([(BORN.to_vec(), clock::now_ms().to_be_bytes().to_vec())])?;
    }
    Ok(())
}

fn time_at(disk: &Disk, name: &[u8]) -> Result<Option<u64>, StoreError> {
    let value = disk.note(name)?;
    Ok(value.and_then(|value| value.try_into().ok().map(u64::from_be_bytes)))
}

/// `doctor`.
pub(super) fn doctor(node: &Node) -> Result<Answer, Failure> {
    let findings = match findings(node) {
        Ok(findings) => findings,
        // What can be found out stops here, and that is the first thing to be put right.
        Err(failure) => vec![finding(
            "failed",
            failure.message,
            "not everything could be looked at, and other commands may fail like this",
            failure.hint.unwrap_or_else(|| REBUILD.to_owned()),
        )],
    };
    Ok(Answer::Diagnosis(Diagnosis { findings }))
}

/// `doctor` where the node cannot be opened, or another process holds it and takes no calls.
pub(super) async fn without_store(
    options: &Options,
    failure: Failure,
    events: &mpsc::Sender<Event>,
) -> Result<(), Failure> {
    let dirs = Dirs::find(options.data_dir.as_deref())
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let looking = tokio::task::spawn_blocking(move || {
        let (kind, why) = match failure.code {
            Code::Locked => (
                "locked",
                "only one process may use a data directory at a time; the rest could not be looked at",
            ),
            _ => (
                "not-open",
                "nothing can be read, published or served until this is put right",
            ),
        };
        let todo = failure
            .hint
            .unwrap_or_else(|| "put right what it says".into());
        let mut findings = vec![finding(kind, failure.message, why, todo)];
        let keys = Keys::at(&dirs.keys());
        for key in keys.list().unwrap_or_default() {
            own::key_file(&keys, &key, &mut findings);
            let path = super::own::author_path_in(&dirs, &key.name);
            if !path.exists() {
                findings.push(own::no_author_file(&key, &path));
            }
        }
        findings
    });
    let findings = looking
        .await
        .map_err(|_| Failure::new(Code::Failed, "the work ended unexpectedly"))?;
    let answer = Answer::Diagnosis(Diagnosis { findings });
    tell(events, Event::Answer(Box::new(answer))).await;
    Ok(())
}

fn finding(
    kind: &str,
    what: impl Into<String>,
    why: impl Into<String>,
    todo: impl Into<String>,
) -> Finding {
    Finding {
        kind: kind.to_owned(),
        what: what.into(),
        why: why.into(),
        todo: todo.into(),
    }
}

/// Everything that is to be done, the most serious first.
pub(super) fn findings(node: &Node) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    for key in node.keys.list()? {
        own::own_feed(node, &key, &mut found)?;
    }
    found.extend(node.keys.gone()?.iter().map(|path| own::key_gone(path)));
    damaged(node, &mut found)?;
    roots(node, &mut found);
    space(node, &mut found)?;
    for feed in node.known_feeds()? {
        disputed(node, &feed, &mut found)?;
    }
    index(node, &mut found)?;
    unreadable(node, &mut found)?;
    for source in node.sources()?.list() {
        reach::source(node, source, &mut found)?;
    }
    clock_off(node, &mut found)?;
    unverified(node, &mut found)?;
    retracted(node, &mut found)?;
    Ok(found)
}

fn unreadable(node: &Node, found: &mut Vec<Finding>) -> Result<(), Failure> {
    if rebuild::is_begun(node) {
        found.push(finding(
            "rebuild-unfinished",
            "the store was not made again to the end",
            "the store that was set aside may have more than is here",
            "levada rebuild",
        ));
    }
    if let Some(names) = node.disk.note(UNREADABLE)? {
        found.push(finding(
            "store-unreadable",
            format!(
                "{}: a part cannot be read: {}",
                node.dirs.store().display(),
                String::from_utf8_lossy(&names)
            ),
            "what was in it is missing or was fetched again, and the store will fail when its tables are merged",
            REBUILD,
        ));
    }
    Ok(())
}

fn damaged(node: &Node, found: &mut Vec<Finding>) -> Result<(), Failure> {
    let (listed, mut more) = node.damaged.list(DAMAGED_MAX)?;
    let listed = listed
        .iter()
        .map(|note| serde_json::from_slice::<Damaged>(note));
    let (notes, unread): (Vec<_>, Vec<_>) = listed.partition(Result::is_ok);
    more += unread.len();
    let notes = notes.into_iter().flatten();
    for damaged in notes {
        if let Some(hash) = &damaged.hash {
            match node.blobs.state(hash)? {
                // What was fetched meanwhile is whole; the next `verify` takes the note away.
                Some(state) if state.held == Held::Complete && state.in_place.is_none() => continue,
                Some(_) => {}
                // It was dropped since, and nobody misses it.
                None if node.blobs.away(hash)?.is_none() && node.named_by(hash)?.is_empty() => {
                    node.damaged.remove(hash)?;
                    continue;
                }
                None => {}
            }
        }
        let item = match (&damaged.nickname, damaged.index, &damaged.name) {
            (Some(feed), Some(index), Some(name)) => format!(" ({feed}/{index}, {name})"),
            _ => String::new(),
        };
        found.push(finding(
            "damaged",
            format!("{}{item}: {}", damaged.path.display(), damaged.why),
            "what is wrong is not served; nobody who was asked had good bytes",
            "levada verify --via URL, with the address of somebody who has it",
        ));
    }
    if more > 0 {
        found.push(finding(
            "damaged",
            format!("{more} more files are damaged"),
            "what is wrong is not served",
            "levada verify",
        ));
    }
    Ok(())
}

fn roots(node: &Node, found: &mut Vec<Finding>) {
    for root in node.blobs.away_roots() {
        let (what, todo) = super::words::away_root(root);
        found.push(finding(
            "missing-root",
            what,
            "items that are kept there cannot be read or served; they come back with the disk",
            todo,
        ));
    }
}

fn space(node: &Node, found: &mut Vec<Finding>) -> Result<(), Failure> {
    let reserve = node.settings().quota.reserve.unwrap_or(RESERVE_BYTES);
    let free = node.blobs.free_bytes()?;
    if free < reserve {
        found.push(finding(
            "space",
            format!(
                "{}: {} MiB are free, less than the reserve of {} MiB",
                node.dirs.home().display(),
                free >> 20,
                reserve >> 20
            ),
            "nothing more can be fetched or published",
            "make room, or lower reserve of [quota] in config.toml",
        ));
    }
    Ok(())
}

fn disputed(node: &Node, feed: &FeedKey, found: &mut Vec<Finding>) -> Result<(), Failure> {
    damaged_evidence(node, feed, found)?;
    // Of own feeds more is known.
    if node.own_name(feed).is_none() && node.is_disputed(feed)? {
        let name = node.nickname(feed);
        found.push(finding(
            "disputed",
            format!(
                "feed {} ({name}): one key signed two histories",
                short(feed)
            ),
            "what was verified before stays readable, and nothing newer is taken over",
            format!("levada show {name} prints both heads; ask the author for a new feed"),
        ));
    }
    Ok(())
}

fn damaged_evidence(node: &Node, feed: &FeedKey, found: &mut Vec<Finding>) -> Result<(), Failure> {
    // What stops an own feed was told with it.
    let is_own = node.own_name(feed).is_some();
    let fork = node.evidence.fork(feed).err().filter(|_| !is_own);
    let succession = node.evidence.succession(feed).err();
    for error in fork.into_iter().chain(succession) {
        let StoreError::Damaged { .. } = &error else {
            return Err(error.into());
        };
        let Failure { message, hint, .. } = error.into();
        found.push(finding(
            "evidence",
            message,
            "it cannot be shown or passed on",
            hint.unwrap_or_default(),
        ));
    }
    Ok(())
}

fn index(node: &Node, found: &mut Vec<Finding>) -> Result<(), Failure> {
    for feed in node.disk.feeds() {
        if node.disk.has_unfinished_rows(&feed)? {
            found.push(finding(
                "index",
                format!("feed {}: its index is not whole", short(&feed)),
                "not all items are listed",
                "levada rebuild --index",
            ));
        }
    }
    Ok(())
}

/// Retracted items that stay until their user says otherwise.
fn retracted(node: &Node, found: &mut Vec<Finding>) -> Result<(), Failure> {
    for spared in node.spared()? {
        let name = format!("{}/{}", spared.nickname, spared.index);
        let (what, todo) = if spared.is_own {
            (
                "you took it back, and your own copy stays",
                format!("levada drop {name} --yes"),
            )
        } else if node
            .pins()?
            .items(&spared.feed)
            .any(|item| item == spared.index)
        {
            (
                "its author took it back, and it stays because it is pinned",
                format!("levada unpin {name}"),
            )
        } else {
            (
                "its author took it back, and it stays because all of its feed is pinned",
                format!("levada unpin {}", spared.nickname),
            )
        };
        found.push(finding(
            "retracted",
            format!("{name}: {what}"),
            "it takes room, and is neither shown nor served; it waits for your word",
            format!("{todo}, to let it go; or leave it"),
        ));
    }
    Ok(())
}

/// Heads of others that are ahead of this clock: one may be their fault, most of them are ours.
fn clock_off(node: &Node, found: &mut Vec<Finding>) -> Result<(), Failure> {
    let now = clock::now_ms();
    let (mut ahead, mut feeds) = (0_u64, 0_u64);
    for source in node.sources()?.list() {
        if let Some(head) = node.disk.head(&source.feed)? {
            feeds += 1;
            ahead += u64::from(head.body().time > now.saturating_add(AHEAD_MS));
        }
    }
    if ahead > 0 && ahead * 2 >= feeds {
        found.push(finding(
            "clock",
            format!(
                "{ahead} of {feeds} feeds were signed later than it is by this machine's clock"
            ),
            "what you publish carries a wrong time, and what is fresh looks old",
            "set the clock of this machine: timedatectl set-ntp true",
        ));
    }
    Ok(())
}

fn unverified(node: &Node, found: &mut Vec<Finding>) -> Result<(), Failure> {
    let whole = time_at(&node.disk, WHOLE)?;
    let since = match whole {
        Some(at) => Some(at),
        None => time_at(&node.disk, BORN)?,
    };
    let days = since.map_or(0, |since| clock::now_ms().saturating_sub(since) / DAY_MS);
    if days > UNVERIFIED_DAYS {
        found.push(finding(
            "unverified",
            format!("what is held was not verified for {days} days"),
            "disks lose bytes silently; found early, they can still be had from others",
            "levada verify --for 2h",
        ));
    }
    Ok(())
}
