//! What became of a thing: its first record, its edits, its retraction, each with its date.

use super::Node;
use super::words::short;
use crate::api::{Answer, Code, Failure, History, Stage, StageChange, State};
use crate::query;
use crate::store::StoreError;
use levada_feed::key::FeedKey;
use levada_feed::record::{self, Unreadable};

/// States that are listed.
const STAGES_MAX: usize = 10_000;

/// All states of what a record belongs to, oldest first.
pub(super) fn history(node: &Node, target: &str) -> Result<Answer, Failure> {
    let (feed, index) = node.find_target(target)?;
    let Some(index) = index else {
        return Err(
            Failure::new(Code::Usage, format!("{target}: the history of which item?"))
                .hint("say FEED/INDEX, as `levada ls` shows it"),
        );
    };
    let index = node.first_record(&feed, index)?;
    let not_here = || {
        Failure::new(
            Code::NotFound,
            format!("feed {}: record {index} is not here", short(&feed)),
        )
    };
    let (_, row) = node.disk.row(&feed, index)?.ok_or_else(not_here)?;
    let link = node.disk.link(&feed, index)?.ok_or_else(not_here)?;
    let mut edits = Vec::new();
    let mut is_cut = false;
    node.disk.edits(&feed, index, &mut |edit, named| {
        // An edit that names another record has no effect.
        if named == link {
            edits.push(edit);
        }
        is_cut = edits.len() >= STAGES_MAX;
        !is_cut
    })?;
    let mut stages = vec![stage(node, &feed, index, StageChange::Published)?];
    for edit in edits {
        stages.push(stage(node, &feed, edit, StageChange::Edited)?);
    }
    if let Some(by) = row.retracted_by {
        for stage in &mut stages {
            // What its author took back is not shown, even while its bytes are still here.
            stage.state = State::Retracted;
            stage.body = None;
        }
        stages.push(stage(node, &feed, by, StageChange::Retracted)?);
    }
    Ok(Answer::History(History {
        nickname: node.nickname(&feed),
        feed,
        index,
        stages,
        is_cut,
    }))
}

fn stage(
    node: &Node,
    feed: &FeedKey,
    index: u64,
    change: StageChange,
) -> Result<Stage, StoreError> {
    let head = node.disk.head(feed)?;
    let head_time = head.map_or(u64::MAX, |head| head.body().time);
    let mut stage = Stage {
        record: index,
        change,
        time: None,
        state: State::Missing,
        body: None,
    };
    let Some(bytes) = node.disk.record(feed, index)? else {
        return Ok(stage);
    };
    match record::read(&bytes, index) {
        Ok(record) => {
            let seen = node.disk.first_seen(feed, index)?;
            stage.time = Some(query::shown_time(record.time, head_time, seen));
            stage.state = State::Readable;
            stage.body = Some(record.body);
        }
        Err(Unreadable::NeedsNewer) => stage.state = State::NeedsNewer,
        Err(_) => stage.state = State::Unreadable,
    }
    Ok(stage)
}
