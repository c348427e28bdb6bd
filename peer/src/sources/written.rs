//! The list of subscriptions written over its own text, so that what a person wrote between the lines stays.

use super::{Source, Sources};
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

/// Changes only the tables of sources that are others now, and only their lines that say something else.
pub(super) fn over(text: &str, sources: &Sources) -> Result<String, NotWritten> {
    let before = Sources::read(text)?;
    let mut document: DocumentMut = text.parse()?;
    let mut tables = match document.remove("source") {
        Some(Item::ArrayOfTables(tables)) => tables,
        // A list in one line is one for people: it becomes tables.
        Some(other) => other.into_array_of_tables().unwrap_or_default(),
        None => ArrayOfTables::new(),
    };
    let is_gone = |known: &Source| !sources.list.iter().any(|source| source.feed == known.feed);
    let mut kept = Vec::new();
    for (at, known) in before.list.iter().enumerate().rev() {
        if is_gone(known) {
            tables.remove(at);
        } else {
            kept.push(known);
        }
    }
    kept.reverse();
    for source in &sources.list {
        let fresh = toml_edit::ser::to_document(source)?;
        let at = kept.iter().position(|known| known.feed == source.feed);
        match at.and_then(|at| Some((kept.get(at)?, tables.get_mut(at)?))) {
            Some((known, _)) if *known == source => {}
            Some((known, table)) => {
                let known = toml_edit::ser::to_document(*known)?;
                change(table, known.as_table(), fresh.as_table());
            }
            None => tables.push(fresh.as_table().clone()),
        }
    }
    if !tables.is_empty() {
        document.insert("source", Item::ArrayOfTables(tables));
    }
    Ok(document.to_string())
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
