//! What is here, as people see it: items, feeds, status.

mod sources;

use super::Node;
use crate::api::{
    Answer, Code, Event, Failure, FeedInfo, HeldFile, RoomInfo, Shown, State, Status,
};
use crate::io::blobs::Held;
use crate::query;
use crate::sources::Source;
use crate::store::{Row, RowKind, StoreError};
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::link::{First, Link};
use levada_feed::record::{self, Body, File, Record, Unreadable};
use levada_feed::tree::Shape;
use tokio::sync::mpsc;

pub(super) use sources::sources;

/// Lists items of one feed or of all, newest first.
pub(super) fn ls(
    node: &Node,
    target: Option<&str>,
    limit: u64,
    all: bool,
    events: &mpsc::Sender<Event>,
) -> Result<Answer, Failure> {
    let feeds = match target {
        Some(target) => vec![node.find_feed(target)?],
        None => node.known_feeds()?,
    };
    let mut items = Vec::new();
    for feed in &feeds {
        list(node, feed, limit, all, &mut items)?;
    }
    // Newest first over all feeds; within a feed the log's own order.
    items.sort_by_key(|item: &Shown| std::cmp::Reverse((item.published, item.index)));
    items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    for feed in &feeds {
        let Some((stored, known)) = node.lost(feed)? else {
            continue;
        };
        let name = node.nickname(feed);
        let failure = Failure::new(
            Code::Failed,
            format!("{name}: the store has {stored} of {known} records that were here before"),
        );
        if items.is_empty() {
            return Err(failure.hint(super::words::REBUILD));
        }
        let hint = match node.own_name(feed) {
            Some(_) => {
                "the author's file has them: the next `levada publish` or `levada rebuild` puts them back"
            }
            None => "`levada sync` fetches them again",
        };
        warn(events, failure.hint(hint));
    }
    Ok(Answer::Items { items })
}

/// Tells what does not keep the rest from being shown. Blocks.
fn warn(events: &mpsc::Sender<Event>, failure: Failure) {
    let Failure { message, hint, .. } = failure;
    // Nobody listens any more: what is shown is the same.
    let _ = events.blocking_send(Event::Warning { message, hint });
}

fn list(
    node: &Node,
    feed: &FeedKey,
    limit: u64,
    all: bool,
    items: &mut Vec<Shown>,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    node.disk.rows(feed, 0..u64::MAX, &mut |kind, row| {
        if all || (kind == RowKind::Item && row.retracted_by.is_none()) {
            rows.push(row);
        }
        u64::try_from(rows.len()).unwrap_or(u64::MAX) < limit
    })?;
    for row in &rows {
        items.push(shown(node, feed, row)?);
    }
    if all {
        missing(node, feed, limit, items)?;
    }
    Ok(())
}

/// Records within the list that are not here: one entry for each, up to the limit.
fn missing(
    node: &Node,
    feed: &FeedKey,
    limit: u64,
    items: &mut Vec<Shown>,
) -> Result<(), StoreError> {
    let Some(head) = node.disk.head(feed)? else {
        return Ok(());
    };
    let held = node.disk.held(feed);
    // What the policy does not keep is not missing; gaps between held records are.
    let first = held.iter().map(|run| run.end).next().unwrap_or(0);
    let gaps: Vec<_> = held.missing(first..head.body().length).collect();
    let newest_first = gaps.into_iter().rev().flat_map(Iterator::rev);
    for index in newest_first.take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        // A retraction has shown it already.
        if node.disk.row(feed, index)?.is_some() {
            continue;
        }
        let link = node.disk.link(feed, index)?;
        let state = if link.is_some() {
            State::Withheld
        } else {
            State::Missing
        };
        items.push(Shown {
            link,
            state,
            ..empty(node, feed, index)
        });
    }
    Ok(())
}

fn empty(node: &Node, feed: &FeedKey, index: u64) -> Shown {
    Shown {
        feed: *feed,
        nickname: node.nickname(feed),
        index,
        link: None,
        state: State::Missing,
        newest: index,
        published: None,
        edited: None,
        retracted_by: None,
        reason: None,
        unreadable: None,
        title: None,
        files: Vec::new(),
        body: None,
        is_dropped: node.pins().is_ok_and(|pins| pins.is_dropped(feed, index)),
    }
}

/// A row with everything known of it.
pub(super) fn shown(node: &Node, feed: &FeedKey, row: &Row) -> Result<Shown, StoreError> {
    let head_time = node
        .disk
        .head(feed)?
        .map_or(u64::MAX, |head| head.body().time);
    let mut shown = Shown {
        link: node.disk.link(feed, row.index)?,
        newest: row.newest,
        retracted_by: row.retracted_by,
        ..empty(node, feed, row.index)
    };
    let newest = read(node, feed, row.newest)?;
    let first = if row.index == row.newest {
        newest.clone()
    } else {
        read(node, feed, row.index)?
    };
    if let Some(Ok(record)) = &newest {
        let by = if let Some(Ok(first)) = &first {
            first
        } else {
            record
        };
        let seen = |index| node.disk.first_seen(feed, index);
        shown.published = Some(query::published(by, head_time, seen(row.index)?));
        shown.edited = Some(query::shown_time(record.time, head_time, seen(row.newest)?))
            .filter(|_| row.index != row.newest);
    }
    if let Some(by) = row.retracted_by {
        if let Some(Ok(Record {
            body: Body::Retract(retract),
            ..
        })) = read(node, feed, by)?
        {
            shown.reason = retract.reason;
        }
        // What its author took back is not shown, even while its bytes are still here.
        return Ok(Shown {
            state: State::Retracted,
            ..shown
        });
    }
    fill(node, &mut shown, newest)?;
    Ok(shown)
}

fn fill(
    node: &Node,
    shown: &mut Shown,
    record: Option<Result<Record, Unreadable>>,
) -> Result<(), StoreError> {
    match record {
        None => shown.state = State::Missing,
        Some(Err(Unreadable::NeedsNewer)) => shown.state = State::NeedsNewer,
        Some(Err(why)) => {
            shown.state = State::Unreadable;
            shown.unreadable = Some(format!("{}: {why}", why.must()));
        }
        Some(Ok(record)) => {
            if let Body::Item(item) = &record.body {
                for file in &item.files {
                    let entry = node.disk.entry(&file.hash)?;
                    shown.files.push(HeldFile {
                        held: held_bytes(node, file)?,
                        away: node
                            .blobs
                            .away(&file.hash)?
                            .map(|(root, _)| root.path.clone()),
                        file: file.clone(),
                        kept: entry.map(|entry| entry.class),
                        used: entry.map(|entry| entry.used),
                    });
                }
            }
            *shown = shown.clone().saying(record.body);
        }
    }
    Ok(())
}

fn read(
    node: &Node,
    feed: &FeedKey,
    index: u64,
) -> Result<Option<Result<Record, Unreadable>>, StoreError> {
    Ok(node
        .disk
        .record(feed, index)?
        .map(|bytes| record::read(&bytes, index)))
}

fn held_bytes(node: &Node, file: &File) -> Result<u64, StoreError> {
    Ok(match node.blobs.state(&file.hash)? {
        None => 0,
        Some(state) => match state.held {
            Held::Complete => state.size,
            Held::Partial(leaves) => Shape::of_blob(state.size).map_or(0, |shape| {
                let runs = leaves.iter().map(|run| shape.bytes_of(&run));
                runs.map(|bytes| bytes.end - bytes.start).sum()
            }),
        },
    })
}

/// One item, or a feed.
pub(super) fn show(
    node: &Node,
    target: &str,
    events: &mpsc::Sender<Event>,
) -> Result<Answer, Failure> {
    let (feed, index) = node.find_target(target)?;
    match index {
        Some(index) => one(node, &feed, index)?.map(|item| Answer::Item(Box::new(item))).ok_or_else(|| {
            Failure::new(Code::NotFound, format!("feed {}: record {index} is not here", super::words::short(&feed)))
                .hint("`levada sync` fetches what the source keeps; follow with --keep all for everything")
        }),
        None => feed_info(node, &feed, events).map_err(Failure::from).map(|info| Answer::Feed(Box::new(info))),
    }
}

/// The thing that began at a record; for an edit, a retraction or another plain record, the record itself.
pub(super) fn one(node: &Node, feed: &FeedKey, index: u64) -> Result<Option<Shown>, StoreError> {
    if let Some((_, row)) = node.disk.row(feed, index)? {
        return shown(node, feed, &row).map(Some);
    }
    let length = node.disk.head(feed)?.map_or(0, |head| head.body().length);
    if index >= length {
        return Ok(None);
    }
    let mut plain = Shown {
        link: node.disk.link(feed, index)?,
        ..empty(node, feed, index)
    };
    let record = read(node, feed, index)?;
    if record.is_none() && plain.link.is_some() {
        plain.state = State::Withheld;
        return Ok(Some(plain));
    }
    fill(node, &mut plain, record)?;
    Ok(Some(plain))
}

fn feed_info(
    node: &Node,
    feed: &FeedKey,
    events: &mpsc::Sender<Event>,
) -> Result<FeedInfo, StoreError> {
    let head = node.disk.head(feed)?;
    let fork = match node.evidence.fork(feed) {
        Err(error @ StoreError::Damaged { .. }) => {
            warn(events, error.into());
            None
        }
        fork => fork?,
    };
    Ok(FeedInfo {
        feed: *feed,
        nickname: node.nickname(feed),
        is_own: node.own_name(feed).is_some(),
        is_pinned: node.pins().is_ok_and(|pins| pins.has_feed(feed)),
        link: link(node, feed)?.to_string(),
        profile: node
            .profile(feed)?
            .map(|profile| Body::Profile(Box::new(profile))),
        records: node.disk.held(feed).count(),
        head: head.map(|head| head.body().clone()),
        fork_wire: fork.as_ref().map(|fork| {
            let wire = |head: &Head| data_encoding::HEXLOWER.encode(head.wire());
            (wire(fork.shorter()), wire(fork.longer()))
        }),
        fork: fork.map(|fork| (fork.shorter().body().clone(), fork.longer().body().clone())),
    })
}

/// The link to give away: with where this node serves, if it does, then with who else has the feed.
pub(super) fn link(node: &Node, feed: &FeedKey) -> Result<Link, StoreError> {
    link_of(node, feed, node.source_of(feed))
}

/// The same, when its subscription is at hand.
pub(super) fn link_of(
    node: &Node,
    feed: &FeedKey,
    source: Option<Source>,
) -> Result<Link, StoreError> {
    let mut link = Link::to(*feed);
    if let Some(head) = node.disk.head(feed)? {
        link.first = Some(First::of(&head.body().first));
    }
    link.name = node.profile_name(feed)?;
    link.via = node.hints();
    let others = match source {
        Some(source) => source.via,
        None => node.mirrors(feed),
    };
    for other in others {
        if !link.via.contains(&other) {
            link.via.push(other);
        }
    }
    Ok(link)
}

/// What a node holds.
pub(super) fn status(node: &Node) -> Result<Answer, Failure> {
    let totals = node.blobs.totals()?;
    let room = node.room()?;
    let served_at = node.served_at.get().into_iter().flatten();
    Ok(Answer::Status(Box::new(Status {
        data_dir: node.dirs.home().to_owned(),
        keys: super::own::list(node)?,
        sources: sources(node)?,
        blobs: totals.complete,
        blobs_partial: totals.partial,
        blob_bytes: totals.bytes,
        free_bytes: node.blobs.free_bytes()?,
        room: RoomInfo {
            kept: node.disk.totals(),
            quota: room.quota(),
            reserve: room.reserve(),
            spared: node.spared()?,
        },
        listen: served_at.map(ToString::to_string).collect(),
        traffic: super::limits::info(node),
        findings: super::doctor::findings(node)?,
    })))
}
