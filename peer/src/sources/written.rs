//! The list of subscriptions written over its own text, so that what a person wrote between the lines stays.

use super::{Own, Source, Sources};
use levada_feed::key::FeedKey;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

/// The list could not be written over its text.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// The text is no list of sources; nothing is written over it.
    #[error("{0}")]
    Read(#[from] toml::de::Error),
    /// The text cannot be edited.
    #[error("{0}")]
    Edit(#[from] toml_edit::TomlError),
    /// A source has no form in TOML.
    #[error("{0}")]
    Form(#[from] toml_edit::ser::Error),
}

/// Changes only the tables that are others now, and only their lines that say something else.
pub(super) fn over(text: &str, sources: &Sources) -> Result<String, NotWritten> {
    let before = Sources::read(text)?;
    let mut document: DocumentMut = text.parse()?;
    let source = |source: &Source| (source.feed, toml_edit::ser::to_document(source));
    let own = |own: &Own| (own.feed, toml_edit::ser::to_document(own));
    tables(
        &mut document,
        "source",
        named(before.list.iter().map(source))?,
        named(sources.list.iter().map(source))?,
    );
    tables(
        &mut document,
        "own",
        named(before.own.iter().map(own))?,
        named(sources.own.iter().map(own))?,
    );
    Ok(document.to_string())
}

/// What a table is about, and what it says.
type Named = (FeedKey, DocumentMut);

fn named(
    tables: impl Iterator<Item = (FeedKey, Result<DocumentMut, toml_edit::ser::Error>)>,
) -> Result<Vec<Named>, NotWritten> {
    tables
        .map(|(feed, table)| Ok((feed, table?)))
        .collect::<Result<_, NotWritten>>()
}

/// Makes the tables of one name, which say `before`, say `after`.
fn tables(document: &mut DocumentMut, name: &str, before: Vec<Named>, after: Vec<Named>) {
    let mut tables = match document.remove(name) {
        Some(Item::ArrayOfTables(tables)) => tables,
        // A list in one line is one for people: it becomes tables.
        Some(other) => other.into_array_of_tables().unwrap_or_default(),
        None => ArrayOfTables::new(),
    };
    let mut kept = Vec::new();
    for (at, known) in before.into_iter().enumerate().rev() {
        if after.iter().any(|(feed, _)| *feed == known.0) {
            kept.push(known);
        } else {
            tables.remove(at);
        }
    }
    kept.reverse();
    for (feed, fresh) in after {
        let at = kept.iter().position(|(known, _)| *known == feed);
        match at.and_then(|at| Some((kept.get(at)?, tables.get_mut(at)?))) {
            Some(((_, known), table)) => change(table, known.as_table(), fresh.as_table()),
            None => tables.push(fresh.as_table().clone()),
        }
    }
    if !tables.is_empty() {
        document.insert(name, Item::ArrayOfTables(tables));
    }
}

/// Makes a table say what `after` says; `before` is what it says now.
fn change(table: &mut Table, before: &Table, after: &Table) {
    for (name, _) in before {
        if !after.contains_key(name) {
            table.remove(name);
        }
    }
    let text = |of: &Table, name: &str| of.get(name).map(ToString::to_string);
    for (name, value) in after {
        if text(before, name) == text(after, name) {
            continue;
        }
        let mut value = value.clone();
        let decor = table.get(name).and_then(Item::as_value);
        if let (Some(decor), Some(value)) = (
            decor.map(|value| value.decor().clone()),
            value.as_value_mut(),
        ) {
            *value.decor_mut() = decor;
        }
        table.insert(name, value);
    }
}
