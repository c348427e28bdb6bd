//! Items and other records, as a list or one in full.

use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use crate::table::{Fields, Table};
use crate::units;
use levada_feed::record::{Body, File, Item, Reference, Role};
use levada_peer::api::{Call, Class, HeldFile, Shown, State};

/// Columns of a title in a list.
pub(super) const TITLE_COLUMNS: usize = 72;
/// Columns of a nickname in a list.
const NAME_COLUMNS: usize = 40;

/// A list, newest first.
pub(super) fn list(screen: &mut Screen, spelling: &Spelling, call: &Call, items: &[Shown]) {
    screen.lines(rows(items));
    let is_cut = matches!(call, Call::Ls { limit, .. } if u64::try_from(items.len()).is_ok_and(|len| len >= *limit));
    if items.is_empty() {
        screen.note("no items here");
        let sync = spelling.command(&["sync"]);
        screen.hint(&format!(
            "`{sync}` fetches what is new; `levada follow LINK` adds a feed"
        ));
    } else if is_cut {
        screen.note(&format!("the newest {}; --limit N shows more", items.len()));
    }
}

fn rows(items: &[Shown]) -> Vec<String> {
    let has_kinds = items.iter().any(|item| kind(item) != "item");
    let mut table = Table::new(&[2]);
    for item in items {
        let sizes = item.files.iter().map(|held| held.file.size);
        let size = sizes.fold(0_u64, u64::saturating_add);
        let has_files = !item.files.is_empty();
        table.row([
            format!(
                "{}/{}",
                escape::cut(&item.nickname, NAME_COLUMNS),
                item.index
            ),
            item.published.map(units::time).unwrap_or_default(),
            if has_files {
                units::size(size)
            } else {
                String::new()
            },
            state(item),
            if has_kinds { kind(item) } else { String::new() },
            escape::cut(&title(item), TITLE_COLUMNS),
        ]);
    }
    table.lines()
}

/// What a row is to a reader: how much of it is here, or why it cannot be read. No author can write into this column.
fn state(item: &Shown) -> String {
    match item.state {
        State::Readable => held(&item.files),
        other => state_word(other).to_owned(),
    }
}

pub(super) fn state_word(state: State) -> &'static str {
    match state {
        State::Readable => "readable",
        State::Retracted => "retracted",
        State::Unreadable => "unreadable",
        State::NeedsNewer => "needs newer",
        State::Withheld => "withheld",
        State::Missing => "missing",
    }
}

fn held(files: &[HeldFile]) -> String {
    if files.is_empty() {
        return String::new();
    }
    if files.iter().any(|file| file.away.is_some()) {
        return "disk missing".to_owned();
    }
    let sum = |of: fn(&HeldFile) -> u64| files.iter().map(|file| u128::from(of(file))).sum();
    here(
        sum(|file| file.held.min(file.file.size)),
        sum(|file| file.file.size),
    )
}

fn here(held: u128, size: u128) -> String {
    match held {
        _ if held == size => "here".to_owned(),
        0 => "not here".to_owned(),
        _ => format!("{}% here", held * 100 / size),
    }
}

fn kind(item: &Shown) -> String {
    let kind = match &item.body {
        None if item.state == State::Retracted => "item",
        None => "",
        Some(Body::Profile(_)) => "profile",
        Some(Body::Item(_)) => "item",
        Some(Body::Retract(_)) => "retract",
        Some(Body::Listing(_)) => "listing",
        Some(Body::Collection(_)) => "collection",
        Some(Body::Moved(_)) => "moved",
        Some(Body::Unknown { kind }) => return escape::cut(kind, NAME_COLUMNS),
    };
    kind.to_owned()
}

/// What stands for a record in a list; not yet made safe.
pub(super) fn title(shown: &Shown) -> String {
    match &shown.body {
        None => [shown.reason.as_ref(), shown.unreadable.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        Some(Body::Profile(profile)) => profile.name.clone(),
        Some(Body::Item(item)) => item_title(item),
        Some(Body::Retract(retract)) => {
            let reason = retract.reason.as_deref().unwrap_or_default();
            format!("of {} {reason}", retract.target.index)
        }
        Some(Body::Listing(listing)) => {
            let title = listing.title.as_deref().unwrap_or_default();
            format!("{} {title}", listing.feed)
        }
        Some(Body::Collection(collection)) => collection.title.clone(),
        Some(Body::Moved(moved)) => format!("to {}", moved.feed),
        Some(Body::Unknown { .. }) => String::new(),
    }
}

fn item_title(item: &Item) -> String {
    let named = [Some(&item.title), item.path.as_ref()]
        .into_iter()
        .flatten();
    let files = item.files.iter().filter_map(|file| file.name.as_ref());
    let mut names = named.chain(files).filter(|name| !name.is_empty());
    names.next().cloned().unwrap_or_default()
}

/// Everything known of one record.
pub(super) fn one(shown: &Shown) -> Vec<String> {
    let mut fields = Fields::default();
    let safe = |text: &String| escape::plain(text).into_owned();
    fields
        .add(
            "record",
            format!("{}/{}", escape::plain(&shown.nickname), shown.index),
        )
        .add("state", state_word(shown.state))
        .add_some(
            "dropped",
            shown
                .is_dropped
                .then_some("here; not fetched until asked for"),
        )
        .add_some("reason", shown.reason.as_ref().map(safe))
        .add_some("why", shown.unreadable.as_ref().map(safe))
        .add_some(
            "retracted by",
            shown.retracted_by.map(|index| format!("record {index}")),
        )
        .add_some("kind", Some(kind(shown)).filter(|kind| !kind.is_empty()));
    if let Some(body) = &shown.body {
        self::body(&mut fields, body);
    }
    fields
        .add_some("published", shown.published.map(utc))
        .add_some(
            "edited",
            shown
                .edited
                .map(|time| format!("{} by record {}", utc(time), shown.newest)),
        )
        .add("feed", shown.feed.to_string())
        .add_some("link hash", shown.link.map(|link| link.to_string()));
    let mut lines = fields.lines("");
    if let Some(Body::Item(item)) = &shown.body {
        let files = item.files.iter().enumerate();
        lines.extend(files.flat_map(|(at, file)| self::file(file, shown.files.get(at))));
    }
    lines
}

fn utc(ms: u64) -> String {
    format!("{} UTC", units::time(ms))
}

fn body(fields: &mut Fields, body: &Body) {
    let safe = |text: &String| escape::plain(text).into_owned();
    match body {
        Body::Profile(profile) => super::feeds::profile(fields, profile),
        Body::Item(item) => self::item(fields, item),
        Body::Retract(retract) => {
            fields
                .add("takes back", format!("record {}", retract.target.index))
                .add_some("reason", retract.reason.as_ref().map(safe));
        }
        Body::Listing(listing) => {
            let what = if listing.catalogue {
                "catalogue"
            } else {
                "lists"
            };
            fields
                .add(what, listing.feed.to_string())
                .add_some("title", listing.title.as_ref().map(safe))
                .add_some("note", listing.note.as_deref().map(escape::lines))
                .add_some("tags", list_of(&listing.tags))
                .add_some("ask", list_of(&listing.hints));
        }
        Body::Collection(collection) => {
            let items: Vec<String> = collection.items.iter().map(reference).collect();
            fields
                .add("title", safe(&collection.title))
                .add_some("text", collection.text.as_deref().map(escape::lines))
                .add_some(
                    "items",
                    Some(items.join("\n")).filter(|items| !items.is_empty()),
                );
        }
        Body::Moved(moved) => {
            fields.add("to", moved.feed.to_string());
        }
        Body::Unknown { .. } => {}
    }
}

fn item(fields: &mut Fields, item: &Item) {
    let safe = |text: &String| escape::plain(text).into_owned();
    let creators: Vec<String> = item
        .creators
        .iter()
        .map(|creator| match &creator.role {
            Some(role) => format!("{} ({role})", creator.name),
            None => creator.name.clone(),
        })
        .collect();
    fields
        .add("title", safe(&item.title))
        .add_some("creators", list_of(&creators))
        .add_some("tags", list_of(&item.tags))
        .add_some("language", item.language.as_ref().map(safe))
        .add_some("licence", item.licence.as_ref().map(safe))
        .add_some("place", item.place.as_ref().map(safe))
        .add_some("path", item.path.as_ref().map(safe))
        .add_some(
            "collection",
            item.collection.as_ref().map(|collection| {
                let position = item
                    .position
                    .map(|position| format!(", position {position}"));
                format!("{}{}", reference(collection), position.unwrap_or_default())
            }),
        )
        .add_some("sensitive", item.sensitive.then_some("yes"))
        .add_some("text", item.text.as_deref().map(escape::lines));
}

fn list_of(texts: &[String]) -> Option<String> {
    let safe: Vec<_> = texts.iter().map(|text| escape::plain(text)).collect();
    (!safe.is_empty()).then(|| safe.join(", "))
}

fn reference(reference: &Reference) -> String {
    match &reference.feed {
        Some(feed) => format!("{feed}/{}", reference.index),
        None => format!("record {}", reference.index),
    }
}

/// One file, as lines below its item; how much of it is here, if that is known.
fn file(file: &File, here: Option<&HeldFile>) -> Vec<String> {
    let File {
        hash,
        size,
        media_type,
        role,
        name,
        duration,
        width,
        height,
        codecs,
        language,
        ..
    } = file;
    let mut facts = vec![units::size(*size), escape::plain(media_type).into_owned()];
    if let (Some(width), Some(height)) = (width, height) {
        facts.push(format!("{width}x{height}"));
    }
    facts.extend(duration.map(units::duration));
    let texts = [codecs.as_ref(), language.as_ref()];
    facts.extend(
        texts
            .into_iter()
            .flatten()
            .map(|text| escape::plain(text).into_owned()),
    );
    facts.extend(here.map(|here| match &here.away {
        Some(root) => format!("kept in {}, which is not there", escape::path(root)),
        None => self::here(u128::from(here.held.min(*size)), u128::from(*size)),
    }));
    let mut fields = Fields::default();
    fields
        .add_some(
            "name",
            name.as_ref().map(|name| escape::plain(name).into_owned()),
        )
        .add("facts", facts.join(", "))
        .add_some("kept", here.and_then(kept))
        .add("hash", hash.to_string());
    let mut lines = vec![format!("file: {}", role_word(role))];
    lines.extend(fields.lines("  "));
    lines
}

/// What a file is kept as, and when it was used last.
fn kept(here: &HeldFile) -> Option<String> {
    let class = match here.kept? {
        Class::Own => return Some("own".to_owned()),
        Class::Pinned => "pinned",
        Class::Followed => "followed",
        Class::Cache => "cache",
    };
    let used = here.used.map(|used| format!(", last used {}", utc(used)));
    Some(format!("{class}{}", used.unwrap_or_default()))
}

fn role_word(role: &Role) -> String {
    match role {
        Role::Main => "main".to_owned(),
        Role::Alternate => "alternate".to_owned(),
        Role::Cover => "cover".to_owned(),
        Role::Caption => "caption".to_owned(),
        Role::Chapters => "chapters".to_owned(),
        Role::Transcript => "transcript".to_owned(),
        Role::Other(other) => escape::plain(other).into_owned(),
    }
}

#[cfg(test)]
mod tests;
