//! Subscriptions: follow, unfollow, sync. Records first, then the media that the policy keeps.

use super::media::{MediaFetch, WantedBlob, is_small};
use super::records::{Came, RecordSync, SyncError};
use super::{Node, Stop};
use crate::api::{Answer, Code, Event, Failure, Synced};
use crate::io::blobs::Held;
use crate::io::client::{AskError, Remote, Unreachable};
use crate::io::clock;
use crate::session::Wanted;
use crate::sources::{Keep, Source};
use crate::store::{RowKind, StoreError};
use levada_feed::key::FeedKey;
use levada_feed::link::Link;
use levada_feed::record::{self, Body};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Rounds over all hints of a source.
const ROUNDS: u32 = 2;
const PAUSE: Duration = Duration::from_millis(400);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Subscribes and syncs once.
pub(super) async fn follow(
    node: &Arc<Node>,
    target: &str,
    via: &[String],
    keep: Option<&str>,
    max_size: Option<&str>,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let link = read_target(target)?;
    if node.own_name(&link.feed).is_some() {
        return Err(Failure::new(
            Code::Usage,
            format!("feed {}: this is your own feed", super::short(&link.feed)),
        ));
    }
    let source = node.change_sources(|sources| {
        sources
            .add(&link, via, keep, max_size, clock::now_ms())
            .map_err(|error| Failure::new(Code::Usage, error.to_string()))
    })?;
    if source.via.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            format!("{}: nobody is known who has this feed", source.nickname),
        )
        .hint("it is followed; say where to ask: levada follow LINK --via http://HOST:9327"));
    }
    let was_known = node
        .disk
        .head(&link.feed)
        .map_err(|error| super::store_failure(&error))?
        .is_some();
    let synced = sync_source(node, &source, events, stop).await;
    match synced {
        Ok(synced) => Ok(Answer::Followed(synced)),
        Err(failure) => {
            // A link that proved wrong leaves no subscription behind; a peer that is away does.
            if failure.code == Code::NotVerified && !was_known {
                node.change_sources(|sources| {
                    sources.remove(&link.feed);
                    Ok(())
                })?;
            }
            Err(failure)
        }
    }
}

/// A link, or a bare key.
fn read_target(target: &str) -> Result<Link, Failure> {
    let link = if target.contains(':') {
        target.parse::<Link>()
    } else {
        target.parse::<FeedKey>().map(Link::to)
    };
    link.map_err(|reject| {
        Failure::new(Code::Usage, format!("this is no link to a feed: {reject}"))
            .hint("copy the whole link; it begins with levada:lev1")
    })
}

/// Syncs one source or all.
pub(super) async fn sync(
    node: &Arc<Node>,
    target: Option<&str>,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let sources = match target {
        Some(target) => vec![node.find_source(target)?],
        None => node.sources()?.list().to_vec(),
    };
    let (mut synced, mut failures) = (0, Vec::new());
    for source in &sources {
        match sync_source(node, source, events.clone(), stop.clone()).await {
            Ok(done) => {
                synced += 1;
                super::tell(&events, Event::Synced(done)).await;
            }
            Err(failure) if failure.code == Code::Interrupted => return Err(failure),
            Err(failure) => {
                let Failure { message, hint, .. } = failure.clone();
                super::tell(&events, Event::Warning { message, hint }).await;
                failures.push(failure);
            }
        }
    }
    let failed = u64::try_from(failures.len()).unwrap_or(u64::MAX);
    match failures.into_iter().next() {
        Some(first) if synced == 0 => Err(first),
        _ => Ok(Answer::Sync { synced, failed }),
    }
}

async fn sync_source(
    node: &Arc<Node>,
    source: &Source,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Synced, Failure> {
    let remotes = remotes(node, source)?;
    let mut result = Synced {
        feed: source.feed,
        nickname: source.nickname.clone(),
        name: None,
        length: 0,
        root: None,
        records: 0,
        records_new: 0,
        items: 0,
        files: 0,
        files_wanted: 0,
        bytes_new: 0,
        files_over_limit: 0,
        via: None,
        is_disputed: false,
        error: None,
    };
    let (came, via) = sync_records(node, source, &remotes, &events, &stop).await?;
    result.records_new = came.records;
    result.via = Some(via.name().to_owned());
    // Who answered is asked first for the media too.
    let mut order = vec![via.clone()];
    order.extend(
        remotes
            .into_iter()
            .filter(|remote| remote.name() != via.name()),
    );
    sync_media(node, source, order, &mut result, events, stop).await?;
    let store = |error: StoreError| super::store_failure(&error);
    if let Some(head) = node.disk.head(&source.feed).map_err(store)? {
        result.length = head.body().length;
        result.root = Some(head.body().root);
    }
    result.records = node.disk.held(&source.feed).count();
    result.name = node.profile_name(&source.feed).map_err(store)?;
    result.is_disputed = node.evidence.fork(&source.feed).map_err(store)?.is_some();
    Ok(result)
}

fn remotes(node: &Node, source: &Source) -> Result<Vec<Remote>, Failure> {
    let known = source.via.iter().map(|via| node.client.remote(via));
    let (good, bad): (Vec<_>, Vec<_>) = known.partition(Result::is_ok);
    let good: Vec<Remote> = good.into_iter().filter_map(Result::ok).collect();
    match bad.into_iter().find_map(Result::err) {
        Some(error) if good.is_empty() => Err(Failure::new(Code::Usage, error.to_string())),
        _ if good.is_empty() => Err(Failure::new(
            Code::NotFound,
            format!("{}: nobody is known who has this feed", source.nickname),
        )
        .hint("say where to ask: levada follow LINK --via http://HOST:9327")),
        _ => Ok(good),
    }
}

/// Records from the first peer that has them; every other failure tries the next one.
async fn sync_records(
    node: &Arc<Node>,
    source: &Source,
    remotes: &[Remote],
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<(Came, Remote), Failure> {
    let mut worst: Option<SyncError> = None;
    for round in 0..ROUNDS {
        for remote in remotes {
            let sync = RecordSync {
                node,
                feed: source.feed,
                first: source.first,
                wanted: wanted(source.keep),
                remote: remote.clone(),
                nickname: source.nickname.clone(),
                events: events.clone(),
            };
            match sync.run(stop).await {
                Ok(came) => return Ok((came, remote.clone())),
                Err(
                    error @ (SyncError::Interrupted | SyncError::Store(_) | SyncError::Fork(_)),
                ) => {
                    return Err(failure(source, &error));
                }
                Err(error) => {
                    if remotes.len() > 1 {
                        let message = format!("{}: {error}", source.nickname);
                        let hint = Some("another peer is asked".to_owned());
                        super::tell(events, Event::Warning { message, hint }).await;
                    }
                    // A proof that somebody lied says more than a peer that is away.
                    if !worst.as_ref().is_some_and(is_lie) {
                        worst = Some(error);
                    }
                }
            }
        }
        let is_worth_another = worst.as_ref().is_some_and(|error| {
            matches!(
                error,
                SyncError::Ask(AskError::Unreachable(
                    Unreachable::Stalled { .. } | Unreachable::Protocol { .. }
                ))
            )
        });
        if !is_worth_another || round + 1 == ROUNDS {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(failure(source, &worst.unwrap_or(SyncError::Interrupted)))
}

fn is_lie(error: &SyncError) -> bool {
    matches!(error, SyncError::Ask(AskError::Rejected { .. }))
}

fn wanted(keep: Keep) -> Wanted {
    match keep {
        Keep::All => Wanted::All,
        Keep::Newest(items) => Wanted::Items(items),
        Keep::Days(days) => {
            Wanted::Since(clock::now_ms().saturating_sub(days.saturating_mul(DAY_MS)))
        }
        Keep::None => Wanted::Nothing,
    }
}

/// What the person reads.
pub(super) fn failure(source: &Source, error: &SyncError) -> Failure {
    let name = format!("feed {} ({})", super::short(&source.feed), source.nickname);
    let message = format!("{name}: {error}");
    match error {
        SyncError::Interrupted => Failure::new(Code::Interrupted, format!("{name}: interrupted"))
            .hint("what came is kept; the same command goes on"),
        SyncError::Store(error) => super::store_failure(error),
        SyncError::Fork(proof) => {
            let heads = [proof.shorter(), proof.longer()]
                .map(|head| data_encoding::HEXLOWER.encode(head.wire()));
            Failure::new(Code::NotVerified, format!("{message}\n  head of length {}: {}\n  head of length {}: {}",
                proof.shorter().body().length, heads[0], proof.longer().body().length, heads[1]))
            .hint("what was verified before stays readable; the proof is kept, and `levada show` prints it")
        }
        SyncError::Ask(AskError::Rejected { .. }) => Failure::new(Code::NotVerified, message)
            .hint("nothing of it was kept; try another peer with --via"),
        SyncError::Ask(AskError::Unreachable(Unreachable::NotThere { .. })) => {
            Failure::new(Code::NotFound, message)
                .hint("check the link, or ask another peer with --via")
        }
        SyncError::Ask(AskError::Unreachable(Unreachable::Address { .. })) => {
            Failure::new(Code::Usage, message)
        }
        SyncError::Ask(AskError::Unreachable(_)) => Failure::new(Code::NotFound, message)
            .hint("is it running there? `levada sync` tries again"),
    }
}

/// The media of the items that the policy keeps, newest first, up to the source's limit.
async fn sync_media(
    node: &Arc<Node>,
    source: &Source,
    remotes: Vec<Remote>,
    result: &mut Synced,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    let (listing, feed, keep, limit) = (node.clone(), source.feed, source.keep, source.max_size);
    let plan = super::records::blocking(move || plan(&listing, &feed, keep, limit));
    let plan = plan.await.map_err(|error| failure(source, &error))?;
    result.items = plan.items;
    result.files_wanted = plan.held + u64::try_from(plan.missing.len()).unwrap_or(0);
    result.files_over_limit = plan.over_limit;
    result.files = plan.held;
    let mut fetch = MediaFetch {
        node,
        remotes,
        of: source.nickname.clone(),
        events: events.clone(),
        stop,
        bytes: 0,
        bytes_total: plan.missing.iter().map(|blob| blob.size).sum(),
        files: 0,
        files_total: u64::try_from(plan.missing.len()).unwrap_or(0),
        reported: None,
    };
    let (small, large): (Vec<_>, Vec<_>) = plan
        .missing
        .into_iter()
        .partition(|blob| is_small(blob.size));
    let wanted_small = small.len();
    let lost = fetch
        .small(small)
        .await
        .map_err(|error| failure(source, &error))?;
    result.files += u64::try_from(wanted_small - lost.len()).unwrap_or(0);
    for blob in &large {
        match fetch.large(blob, None).await {
            Ok(true) => result.files += 1,
            Ok(false) => {
                let message = format!(
                    "{}: nobody who was asked has {}",
                    source.nickname, blob.name
                );
                super::tell(
                    &events,
                    Event::Warning {
                        message,
                        hint: None,
                    },
                )
                .await;
            }
            Err(SyncError::Ask(error)) => {
                let message = format!("{}: {}: {error}", source.nickname, blob.name);
                super::tell(
                    &events,
                    Event::Warning {
                        message,
                        hint: None,
                    },
                )
                .await;
            }
            Err(error) => return Err(failure(source, &error)),
        }
    }
    result.bytes_new = fetch.bytes;
    if result.files < result.files_wanted {
        result.error = Some(format!(
            "{} files are not here yet",
            result.files_wanted - result.files
        ));
    }
    Ok(())
}

struct Plan {
    items: u64,
    held: u64,
    over_limit: u64,
    missing: Vec<WantedBlob>,
}

fn plan(node: &Node, feed: &FeedKey, keep: Keep, limit: u64) -> Result<Plan, StoreError> {
    let mut plan = Plan {
        items: 0,
        held: 0,
        over_limit: 0,
        missing: Vec::new(),
    };
    let since = match keep {
        Keep::Days(days) => clock::now_ms().saturating_sub(days.saturating_mul(DAY_MS)),
        _ => 0,
    };
    let most = match keep {
        Keep::All | Keep::Days(_) => u64::MAX,
        Keep::Newest(items) => items,
        Keep::None => return Ok(plan),
    };
    let mut rows = Vec::new();
    node.disk.rows(feed, 0..u64::MAX, &mut |kind, row| {
        if kind == RowKind::Item && row.retracted_by.is_none() {
            rows.push(row.newest);
        }
        u64::try_from(rows.len()).unwrap_or(u64::MAX) < most
    })?;
    let (mut bytes, mut seen) = (0_u64, BTreeSet::new());
    for newest in rows {
        let Some(bytes_of) = node.disk.record(feed, newest)? else {
            continue;
        };
        let Ok(record) = record::read(&bytes_of, newest) else {
            continue;
        };
        let Body::Item(item) = record.body else {
            continue;
        };
        if record.time < since {
            continue;
        }
        plan.items += 1;
        for file in item.files.into_iter().filter(|file| seen.insert(file.hash)) {
            if bytes.saturating_add(file.size) > limit {
                plan.over_limit += 1;
                continue;
            }
            bytes += file.size;
            let state = node.blobs.state(&file.hash)?;
            if state.is_some_and(|state| matches!(state.held, Held::Complete)) {
                plan.held += 1;
            } else {
                let name = file.name.unwrap_or_else(|| item.title.clone());
                plan.missing.push(WantedBlob {
                    hash: file.hash,
                    size: file.size,
                    name,
                });
            }
        }
    }
    Ok(plan)
}

/// Ends a subscription.
pub(super) async fn unfollow(
    node: &Arc<Node>,
    target: &str,
    purge: bool,
) -> Result<Answer, Failure> {
    let source = node.find_source(target)?;
    let feed = source.feed;
    let mut freed = 0;
    if purge {
        let purged = node.clone();
        let work = super::records::blocking(move || purged.purge(&feed));
        freed = work.await.map_err(|error| failure(&source, &error))?;
    }
    node.change_sources(|sources| {
        sources.remove(&feed);
        Ok(())
    })?;
    Ok(Answer::Unfollowed { feed, freed })
}
