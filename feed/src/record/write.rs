//! From a record to its one byte form.

use super::{
    Body, Collection, Creator, File, Item, Listing, Profile, Record, Reference, Retract, Role,
    Unreadable,
};
use crate::codec::{MapWriter, Writer};

/// Why a record cannot be written: read back, it would be unreadable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this would make an unreadable record: {0}")]
pub struct Unwritable(pub Unreadable);

/// A record in its one byte form, which can be read back where it was written to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    index: u64,
    bytes: Vec<u8>,
    media: u64,
}

impl Written {
    /// Encodes a record that will stand at `index`.
    ///
    /// # Errors
    /// As `write`.
    pub fn of(record: &Record, index: u64) -> Result<Self, Unwritable> {
        let bytes = write(record, index)?;
        let media = record.media();
        Ok(Self {
            index,
            bytes,
            media,
        })
    }

    /// Where it will stand.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Sum of the sizes of the files that it names.
    #[must_use]
    pub fn media(&self) -> u64 {
        self.media
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Encodes a record that will stand at `index`.
///
/// # Errors
/// Whatever rule of spec/record.md the result would break; what is written can always be read.
pub fn write(record: &Record, index: u64) -> Result<Vec<u8>, Unwritable> {
    let (kind, body) = match &record.body {
        Body::Profile(profile) => ("profile", write_profile(profile)),
        Body::Item(item) => ("item", write_item(item)),
        Body::Retract(retract) => ("retract", write_retract(retract)),
        Body::Listing(listing) => ("listing", write_listing(listing)),
        Body::Collection(collection) => ("collection", write_collection(collection)),
        Body::Moved(moved) => (
            "moved",
            MapWriter::new().with("feed", |w| w.bytes(moved.feed.as_bytes())),
        ),
        Body::Unknown { kind } => (kind.as_str(), MapWriter::new()),
    };
    let bytes = MapWriter::new()
        .with("body", |w| w.map(body))
        .with("kind", |w| w.text(kind))
        .with("salt", |w| w.bytes(&record.salt))
        .with("time", |w| w.uint(record.time))
        .finish();
    super::read(&bytes, index).map_err(Unwritable)?;
    Ok(bytes)
}

#[expect(
    clippy::ptr_arg,
    reason = "called for each element of a list of strings"
)]
fn text<'w>(w: &'w mut Writer, value: &String) -> &'w mut Writer {
    w.text(value)
}

fn uint(w: &mut Writer, value: u64) -> &mut Writer {
    w.uint(value)
}

/// An array, or nothing when it would be empty.
fn list<T>(
    map: MapWriter,
    name: &'static str,
    values: &[T],
    write: impl for<'w> Fn(&'w mut Writer, &T) -> &'w mut Writer,
) -> MapWriter {
    let values = Some(values).filter(|values| !values.is_empty());
    map.with_some(name, values, |w, values| {
        w.array(values.len());
        values.iter().for_each(|value| {
            write(w, value);
        });
        w
    })
}

fn write_profile(profile: &Profile) -> MapWriter {
    let map = MapWriter::new()
        .with("name", |w| text(w, &profile.name))
        .with_some("about", profile.about.as_ref(), text)
        .with_some("avatar", profile.avatar.as_ref(), |w, file| {
            w.map(write_file(file))
        })
        .with_some("language", profile.language.as_ref(), text)
        .with_some("licence", profile.licence.as_ref(), text)
        .with_some("recovery", profile.recovery, |w, hash| w.bytes(&hash.0));
    list(map, "links", &profile.links, text)
}

fn write_item(item: &Item) -> MapWriter {
    let map = MapWriter::new()
        .with("title", |w| text(w, &item.title))
        .with_some("text", item.text.as_ref(), text)
        .with_some("published", item.published, uint)
        .with_some("language", item.language.as_ref(), text)
        .with_some("licence", item.licence.as_ref(), text)
        .with_some("collection", item.collection.as_ref(), write_reference)
        .with_some("position", item.position, uint)
        .with_some("place", item.place.as_ref(), text)
        .with_some(
            "sensitive",
            Some(true).filter(|_| item.sensitive),
            |w, value| w.bool(value),
        )
        .with_some("path", item.path.as_ref(), text)
        .with_some("edits", item.edits.as_ref(), write_reference)
        .with_some("ext", item.ext.as_ref(), |w, ext| w.raw(ext));
    let map = list(map, "creators", &item.creators, |w, creator| {
        w.map(write_creator(creator))
    });
    let map = list(map, "tags", &item.tags, text);
    list(map, "files", &item.files, |w, file| w.map(write_file(file)))
}

fn write_creator(creator: &Creator) -> MapWriter {
    MapWriter::new()
        .with("name", |w| text(w, &creator.name))
        .with_some("role", creator.role.as_ref(), text)
        .with_some("feed", creator.feed, |w, feed| w.bytes(feed.as_bytes()))
}

fn write_file(file: &File) -> MapWriter {
    MapWriter::new()
        .with("hash", |w| w.bytes(&file.hash.0))
        .with("size", |w| uint(w, file.size))
        .with("type", |w| text(w, &file.media_type))
        .with_some("role", role_text(&file.role), |w, role| w.text(role))
        .with_some("name", file.name.as_ref(), text)
        .with_some("duration", file.duration, uint)
        .with_some("width", file.width, uint)
        .with_some("height", file.height, uint)
        .with_some("codecs", file.codecs.as_ref(), text)
        .with_some("language", file.language.as_ref(), text)
        .with_some("blurhash", file.blurhash.as_ref(), text)
}

/// The name of a role; a main file does not write it.
fn role_text(role: &Role) -> Option<&str> {
    match role {
        Role::Main => None,
        Role::Alternate => Some("alternate"),
        Role::Cover => Some("cover"),
        Role::Caption => Some("caption"),
        Role::Chapters => Some("chapters"),
        Role::Transcript => Some("transcript"),
        Role::Other(other) => Some(other),
    }
}

fn write_reference<'w>(w: &'w mut Writer, reference: &Reference) -> &'w mut Writer {
    let map = MapWriter::new()
        .with_some("feed", reference.feed, |w, feed| w.bytes(feed.as_bytes()))
        .with("index", |w| uint(w, reference.index))
        .with("link", |w| w.bytes(&reference.link.0));
    w.map(map)
}

fn write_retract(retract: &Retract) -> MapWriter {
    MapWriter::new()
        .with("target", |w| write_reference(w, &retract.target))
        .with_some("reason", retract.reason.as_ref(), text)
}

fn write_listing(listing: &Listing) -> MapWriter {
    let map = MapWriter::new()
        .with("feed", |w| w.bytes(listing.feed.as_bytes()))
        .with_some("first", listing.first, |w, first| w.bytes(&first.0))
        .with_some("title", listing.title.as_ref(), text)
        .with_some("note", listing.note.as_ref(), text)
        .with_some(
            "catalogue",
            Some(true).filter(|_| listing.catalogue),
            |w, value| w.bool(value),
        )
        .with_some("head", listing.head.as_ref(), |w, head| w.bytes(head));
    let map = list(map, "hints", &listing.hints, text);
    list(map, "tags", &listing.tags, text)
}

fn write_collection(collection: &Collection) -> MapWriter {
    let map = MapWriter::new()
        .with("title", |w| text(w, &collection.title))
        .with_some("text", collection.text.as_ref(), text);
    list(map, "items", &collection.items, write_reference)
}
