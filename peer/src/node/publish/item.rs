//! Items from files: what a new one says, and what an edit changes.

use super::entry::Entry;
use super::reading::Ready;
use crate::api::{Change, Publish};
use crate::io::media::{Facts, title_from_name};
use crate::io::walk::Found;
use levada_feed::record::{Creator, File, Item, Reference, Role};

/// The title of a file: its tags', or its name's.
pub(super) fn title(found: &Found, facts: &Facts) -> String {
    facts
        .title
        .clone()
        .unwrap_or_else(|| title_from_name(&found.relative))
}

/// A new item.
pub(super) fn new(args: &Publish, found: &Found, ready: &Ready) -> Item {
    let mut item = Item {
        title: title(found, &ready.facts),
        creators: creators(&ready.facts.creators),
        path: Some(found.relative.clone()),
        files: vec![file(found, ready)],
        ..Item::default()
    };
    describe(&mut item, args);
    item
}

/// The same item with what changed: its file, its path, what the command says. What somebody wrote by hand stays. `None`
/// when nothing changed.
pub(super) fn edited(
    before: &Item,
    args: &Publish,
    found: &Found,
    ready: &Ready,
    entry: &Entry,
) -> Option<(Item, Change)> {
    let mut item = before.clone();
    item.path = Some(found.relative.clone());
    if item.title == title_from_name(&entry.path) {
        item.title = title(found, &ready.facts);
    }
    match item.files.first_mut() {
        Some(main) if main.hash == ready.imported.hash => main.name = Some(name(found)),
        Some(main) => *main = file(found, ready),
        None => item.files.push(file(found, ready)),
    }
    describe(&mut item, args);
    if item == *before {
        return None;
    }
    item.edits = Some(Reference {
        feed: None,
        index: entry.index,
        link: entry.link,
    });
    let is_renamed = before.path.as_ref() != Some(&found.relative);
    Some((
        item,
        if is_renamed {
            Change::Renamed
        } else {
            Change::Edited
        },
    ))
}

/// What the command says about every item.
pub(in crate::node) fn describe(item: &mut Item, args: &Publish) {
    if let Some(title) = &args.title {
        item.title.clone_from(title);
    }
    if args.text.is_some() {
        item.text.clone_from(&args.text);
    }
    if !args.tags.is_empty() {
        item.tags.clone_from(&args.tags);
    }
    if !args.creators.is_empty() {
        item.creators = creators(&args.creators);
    }
    if args.language.is_some() {
        item.language.clone_from(&args.language);
    }
    if args.licence.is_some() {
        item.licence.clone_from(&args.licence);
    }
}

fn creators(names: &[String]) -> Vec<Creator> {
    names
        .iter()
        .map(|name| Creator {
            name: name.clone(),
            ..Creator::default()
        })
        .collect()
}

fn name(found: &Found) -> String {
    found
        .relative
        .rsplit('/')
        .next()
        .unwrap_or(&found.relative)
        .to_owned()
}

fn file(found: &Found, ready: &Ready) -> File {
    let facts = &ready.facts;
    File {
        hash: ready.imported.hash,
        size: ready.imported.size,
        media_type: facts.media_type.clone(),
        role: Role::Main,
        name: Some(name(found)),
        duration: facts.duration_ms,
        width: facts.width,
        height: facts.height,
        codecs: None,
        language: None,
        blurhash: None,
    }
}
