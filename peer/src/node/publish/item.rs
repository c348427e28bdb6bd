//! Items from files: what a new one says, and what an edit changes.

use super::entry::Entry;
use crate::api::Publish;
use crate::io::blobs::Imported;
use crate::io::media::{Facts, title_from_name};
use crate::io::walk::Found;
use levada_feed::record::{Creator, File, Item, Role};

/// The title of a file: its tags', or its name's.
pub(super) fn title(found: &Found, facts: &Facts) -> String {
    facts
        .title
        .clone()
        .unwrap_or_else(|| title_from_name(&found.relative))
}

/// A new item.
pub(super) fn new(args: &Publish, found: &Found, facts: &Facts, imported: &Imported) -> Item {
    let mut item = Item {
        title: title(found, facts),
        creators: creators(&facts.creators),
        ..Item::default()
    };
    item.path = Some(found.relative.clone());
    item.files = vec![file(found, facts, imported)];
    describe(&mut item, args);
    item
}

/// The same item with what changed: its file, its path, what the command says. What somebody wrote by hand stays.
pub(super) fn edited(
    before: &Item,
    args: &Publish,
    found: &Found,
    facts: &Facts,
    imported: &Imported,
    entry: &Entry,
) -> Item {
    let mut item = before.clone();
    item.path = Some(found.relative.clone());
    if item.title == title_from_name(&entry.path) {
        item.title = title(found, facts);
    }
    match item.files.first_mut() {
        Some(main) if main.hash == imported.hash => main.name = Some(name(found)),
        Some(main) => *main = file(found, facts, imported),
        None => item.files.push(file(found, facts, imported)),
    }
    describe(&mut item, args);
    item
}

/// What the command says about every item.
fn describe(item: &mut Item, args: &Publish) {
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

fn file(found: &Found, facts: &Facts, imported: &Imported) -> File {
    File {
        hash: imported.hash,
        size: imported.size,
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
