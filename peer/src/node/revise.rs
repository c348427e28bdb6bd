//! Own items, changed without a new file: taken back, or said anew.

use super::Node;
use super::author::{Aside, Author, Trust};
use super::get::item;
use super::own;
use super::publish::{check_words, describe};
use super::words::short;
use crate::api::{Answer, Code, Edit, Failure, Publish, Revised};
use crate::io::clock;
use crate::store::RowKind;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::record::{Body, Reference, Retract};
use std::sync::Arc;

/// What of an own feed is to change.
struct Own {
    feed: FeedKey,
    name: String,
    index: u64,
    link: Hash,
    kind: RowKind,
}

fn find(node: &Node, target: &str) -> Result<Own, Failure> {
    let (feed, index) = node.find_target(target)?;
    let Some(name) = node.own_name(&feed) else {
        return Err(Failure::new(
            Code::Denied,
            format!("{target}: this is not your own feed"),
        ));
    };
    let Some(index) = index else {
        return Err(Failure::new(Code::Usage, format!("{target}: which item?"))
            .hint("say FEED/INDEX, as `levada ls` shows it"));
    };
    let index = node.first_record(&feed, index)?;
    let not_here = || {
        Failure::new(
            Code::NotFound,
            format!("feed {}: there is no record {index}", short(&feed)),
        )
    };
    let (kind, row) = node.disk.row(&feed, index)?.ok_or_else(not_here)?;
    if let Some(by) = row.retracted_by {
        return Err(Failure::new(
            Code::Usage,
            format!("{target}: record {by} took it back already"),
        ));
    }
    Ok(Own {
        link: node.disk.link(&feed, index)?.ok_or_else(not_here)?,
        feed,
        name,
        index,
        kind,
    })
}

/// Opens the feed of what was named, and finds it as it is then: a change that a crash left in the author's file alone is
/// not made twice.
fn open(node: &Arc<Node>, target: &str, aside: &Aside) -> Result<(Own, Author), Failure> {
    let own = find(node, target)?;
    let entry = own::find(node, Some(&own.feed.to_string()))?;
    let author = Author::open(node, &entry, &own.name, Trust::Marked, aside)?;
    Ok((find(node, target)?, author))
}

fn append(node: &Arc<Node>, author: &mut Author, body: Body) -> Result<u64, Failure> {
    let (index, _) = author.append(body, clock::now_ms())?;
    author.sign(node, &[], clock::now_ms())?;
    Ok(index)
}

fn check_retractable(own: &Own, target: &str) -> Result<(), Failure> {
    if own.index == 0 || matches!(own.kind, RowKind::Moved | RowKind::Other) {
        return Err(Failure::new(
            Code::Usage,
            format!("{target}: a record of this kind cannot be taken back"),
        ));
    }
    Ok(())
}

/// Takes something back.
pub(super) fn retract(
    node: &Arc<Node>,
    target: &str,
    reason: Option<&str>,
    aside: &Aside,
) -> Result<Answer, Failure> {
    check_retractable(&find(node, target)?, target)?;
    let (own, mut author) = open(node, target, aside)?;
    let body = Body::Retract(Retract {
        target: Reference {
            feed: None,
            index: own.index,
            link: own.link,
        },
        reason: reason.map(str::to_owned),
    });
    let record = Some(append(node, &mut author, body)?);
    Ok(Answer::Revised(Revised {
        feed: own.feed,
        nickname: own.name,
        index: own.index,
        record,
        is_retracted: true,
    }))
}

/// Says an item anew.
pub(super) fn edit(node: &Arc<Node>, edit: &Edit, aside: &Aside) -> Result<Answer, Failure> {
    check_words(edit.licence.as_deref(), edit.language.as_deref())?;
    let (own, mut author) = open(node, &edit.target, aside)?;
    let before = item(node, &own.feed, own.index)?;
    let says = Publish {
        title: edit.title.clone(),
        text: edit.text.clone(),
        tags: edit.tags.clone(),
        creators: edit.creators.clone(),
        language: edit.language.clone(),
        licence: edit.licence.clone(),
        ..Publish::default()
    };
    let mut after = before.clone();
    describe(&mut after, &says);
    let record = if after == before {
        None
    } else {
        after.edits = Some(Reference {
            feed: None,
            index: own.index,
            link: own.link,
        });
        Some(append(node, &mut author, Body::Item(Box::new(after)))?)
    };
    Ok(Answer::Revised(Revised {
        feed: own.feed,
        nickname: own.name,
        index: own.index,
        record,
        is_retracted: false,
    }))
}
