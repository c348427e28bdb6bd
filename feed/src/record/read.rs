//! From bytes to a record, or to the reason why it is unreadable.

use super::{
    Body, Collection, Creator, File, Item, Listing, Moved, Profile, Record, Reference, Retract,
    Role,
};
use crate::codec::{self, Fields};
use crate::hash::Hash;
use crate::key::FeedKey;
use crate::limits::{
    BLOB_BYTES_MAX, HEAD_BYTES_MAX, LENGTH_MAX, PATH_BYTES_MAX, PATH_SEGMENT_BYTES_MAX,
    RECORD_BYTES_MAX, RECORD_VALUES_MAX,
};
use crate::reject::Reject;

/// Why a record whose bytes match its link hash cannot be shown. It stays in the feed all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// record-1
    #[error("{got} bytes, more than 65536")]
    TooLong {
        /// Its size.
        got: usize,
    },
    /// record-2
    #[error("not canonical CBOR: {0}")]
    Codec(Reject),
    /// record-3
    #[error("needs a newer levada")]
    NeedsNewer,
    /// record-4
    #[error("no record: kind, time, salt and body are due")]
    Form,
    /// record-5
    #[error("the field {field} of a {kind} is missing or has another type")]
    Field {
        /// The kind.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
    /// record-6
    #[error("a reference to record {index}, which it may not name")]
    Reference {
        /// The index named.
        index: u64,
    },
    /// record-7
    #[error("the path is not a plain relative path")]
    Path,
}

impl Unreadable {
    /// The ids of all rules, in the order of the spec page.
    pub const MUSTS: &[&str] = &[
        "record-1", "record-2", "record-3", "record-4", "record-5", "record-6", "record-7",
    ];

    /// The id of the rule in spec/record.md.
    #[must_use]
    pub fn must(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "record-1",
            Self::Codec(_) => "record-2",
            Self::NeedsNewer => "record-3",
            Self::Form => "record-4",
            Self::Field { .. } => "record-5",
            Self::Reference { .. } => "record-6",
            Self::Path => "record-7",
        }
    }
}

/// Reads the record that stands at `index` of its feed.
///
/// # Errors
/// Why it is unreadable; the feed goes on.
pub fn read(bytes: &[u8], index: u64) -> Result<Record, Unreadable> {
    let (fields, kind, time) = outer(bytes)?;
    let salt = fields
        .value("salt")
        .and_then(codec::read_fixed::<16>)
        .ok_or(Unreadable::Form)?;
    let body = fields
        .value("body")
        .and_then(Fields::read)
        .ok_or(Unreadable::Form)?;
    let body = match kind {
        "profile" => Body::Profile(Box::new(profile(&Reader {
            kind: "profile",
            fields: body,
        })?)),
        "item" => Body::Item(Box::new(item(
            &Reader {
                kind: "item",
                fields: body,
            },
            index,
        )?)),
        "retract" => Body::Retract(retract(
            &Reader {
                kind: "retract",
                fields: body,
            },
            index,
        )?),
        "listing" => Body::Listing(Box::new(listing(&Reader {
            kind: "listing",
            fields: body,
        })?)),
        "collection" => Body::Collection(collection(&Reader {
            kind: "collection",
            fields: body,
        })?),
        "moved" => Body::Moved(Moved {
            feed: Reader {
                kind: "moved",
                fields: body,
            }
            .needed("feed", feed_key)?,
        }),
        other => Body::Unknown {
            kind: other.to_owned(),
        },
    };
    Ok(Record { time, salt, body })
}

/// Kind and time of a record, without a look into its body.
///
/// # Errors
/// As `read`, but for what only the body shows.
pub fn read_stamp(bytes: &[u8]) -> Result<(&str, u64), Unreadable> {
    outer(bytes).map(|(_, kind, time)| (kind, time))
}

fn outer(bytes: &[u8]) -> Result<(Fields<'_>, &str, u64), Unreadable> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(Unreadable::TooLong { got: bytes.len() });
    }
    let checked = codec::check(bytes, RECORD_VALUES_MAX).map_err(Unreadable::Codec)?;
    if checked.has_critical {
        return Err(Unreadable::NeedsNewer);
    }
    let fields = Fields::read(bytes).ok_or(Unreadable::Form)?;
    let kind = fields
        .value("kind")
        .and_then(codec::read_text)
        .ok_or(Unreadable::Form)?;
    let time = fields
        .value("time")
        .and_then(codec::read_uint)
        .ok_or(Unreadable::Form)?;
    Ok((fields, kind, time))
}

/// The fields of one map of a body; says in errors which kind it was.
struct Reader<'a> {
    kind: &'static str,
    fields: Fields<'a>,
}

impl<'a> Reader<'a> {
    fn needed<T>(
        &self,
        field: &'static str,
        read: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<T, Unreadable> {
        self.optional(field, read)?.ok_or_else(|| self.wrong(field))
    }

    fn optional<T>(
        &self,
        field: &'static str,
        read: impl FnOnce(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, Unreadable> {
        match self.fields.value(field) {
            None => Ok(None),
            Some(bytes) => read(bytes).map(Some).ok_or_else(|| self.wrong(field)),
        }
    }

    fn wrong(&self, field: &'static str) -> Unreadable {
        Unreadable::Field {
            kind: self.kind,
            field,
        }
    }

    fn text(&self, field: &'static str) -> Result<Option<String>, Unreadable> {
        self.optional(field, text)
    }

    fn uint(&self, field: &'static str) -> Result<Option<u64>, Unreadable> {
        self.optional(field, codec::read_uint)
    }

    /// An array; absent is empty. Each element may fail for a reason of its own.
    fn list<T>(
        &self,
        field: &'static str,
        read: impl Fn(&'a [u8]) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, Unreadable> {
        match self.optional(field, codec::read_array)? {
            Some(elements) => elements.into_iter().map(read).collect(),
            None => Ok(Vec::new()),
        }
    }

    fn texts(&self, field: &'static str) -> Result<Vec<String>, Unreadable> {
        self.list(field, |bytes| text(bytes).ok_or_else(|| self.wrong(field)))
    }

    /// A map inside this one.
    fn inner(&self, field: &'static str, bytes: &'a [u8]) -> Result<Self, Unreadable> {
        Ok(Self {
            kind: self.kind,
            fields: Fields::read(bytes).ok_or_else(|| self.wrong(field))?,
        })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    codec::read_text(bytes).map(str::to_owned)
}

fn hash(bytes: &[u8]) -> Option<Hash> {
    codec::read_fixed(bytes).map(Hash)
}

fn feed_key(bytes: &[u8]) -> Option<FeedKey> {
    FeedKey::from_bytes(&codec::read_fixed(bytes)?).ok()
}

fn profile(from: &Reader<'_>) -> Result<Profile, Unreadable> {
    let recovery = from.optional("recovery", |bytes| {
        if codec::is_null(bytes) {
            Some(None)
        } else {
            hash(bytes).map(Some)
        }
    })?;
    Ok(Profile {
        name: from.needed("name", text)?,
        about: from.text("about")?,
        avatar: match from.fields.value("avatar") {
            Some(bytes) => Some(file(&from.inner("avatar", bytes)?)?),
            None => None,
        },
        links: from.texts("links")?,
        language: from.text("language")?,
        licence: from.text("licence")?,
        recovery: recovery.flatten(),
    })
}

fn item(from: &Reader<'_>, index: u64) -> Result<Item, Unreadable> {
    let edits = match from.fields.value("edits") {
        Some(bytes) => Some(reference(&from.inner("edits", bytes)?)?),
        None => None,
    };
    if let Some(edits) = edits.filter(|edits| edits.index >= index || edits.feed.is_some()) {
        return Err(Unreadable::Reference { index: edits.index });
    }
    let path = from.text("path")?;
    if path.as_deref().is_some_and(|path| !is_plain_path(path)) {
        return Err(Unreadable::Path);
    }
    Ok(Item {
        title: from.needed("title", text)?,
        text: from.text("text")?,
        creators: from.list("creators", |bytes| creator(&from.inner("creators", bytes)?))?,
        tags: from.texts("tags")?,
        published: from.uint("published")?,
        language: from.text("language")?,
        licence: from.text("licence")?,
        collection: match from.fields.value("collection") {
            Some(bytes) => Some(reference(&from.inner("collection", bytes)?)?),
            None => None,
        },
        position: from.uint("position")?,
        place: from.text("place")?,
        sensitive: from
            .optional("sensitive", codec::read_bool)?
            .unwrap_or(false),
        path,
        files: from.list("files", |bytes| file(&from.inner("files", bytes)?))?,
        edits,
        ext: from.optional("ext", |bytes| Fields::read(bytes).map(|_| bytes.to_vec()))?,
    })
}

fn creator(from: &Reader<'_>) -> Result<Creator, Unreadable> {
    Ok(Creator {
        name: from.needed("name", text)?,
        role: from.text("role")?,
        feed: from.optional("feed", feed_key)?,
    })
}

fn file(from: &Reader<'_>) -> Result<File, Unreadable> {
    Ok(File {
        hash: from.needed("hash", hash)?,
        size: from.needed("size", |bytes| {
            codec::read_uint(bytes).filter(|size| *size <= BLOB_BYTES_MAX)
        })?,
        media_type: from.needed("type", text)?,
        role: from.text("role")?.map_or(Role::Main, Role::from_text),
        name: from.text("name")?,
        duration: from.uint("duration")?,
        width: from.uint("width")?,
        height: from.uint("height")?,
        codecs: from.text("codecs")?,
        language: from.text("language")?,
        blurhash: from.text("blurhash")?,
    })
}

impl Role {
    fn from_text(text: String) -> Self {
        match text.as_str() {
            "main" => Self::Main,
            "alternate" => Self::Alternate,
            "cover" => Self::Cover,
            "caption" => Self::Caption,
            "chapters" => Self::Chapters,
            "transcript" => Self::Transcript,
            _ => Self::Other(text),
        }
    }
}

fn reference(from: &Reader<'_>) -> Result<Reference, Unreadable> {
    Ok(Reference {
        feed: from.optional("feed", feed_key)?,
        index: from.needed("index", |bytes| {
            codec::read_uint(bytes).filter(|index| *index < LENGTH_MAX)
        })?,
        link: from.needed("link", hash)?,
    })
}

fn retract(from: &Reader<'_>, index: u64) -> Result<Retract, Unreadable> {
    let target = reference(&from.inner("target", from.needed("target", Some)?)?)?;
    if target.index == 0 || target.index >= index || target.feed.is_some() {
        return Err(Unreadable::Reference {
            index: target.index,
        });
    }
    Ok(Retract {
        target,
        reason: from.text("reason")?,
    })
}

fn listing(from: &Reader<'_>) -> Result<Listing, Unreadable> {
    Ok(Listing {
        feed: from.needed("feed", feed_key)?,
        first: from.optional("first", hash)?,
        hints: from.texts("hints")?,
        title: from.text("title")?,
        note: from.text("note")?,
        tags: from.texts("tags")?,
        catalogue: from
            .optional("catalogue", codec::read_bool)?
            .unwrap_or(false),
        head: from.optional("head", |bytes| {
            codec::read_bytes(bytes)
                .filter(|head| head.len() <= HEAD_BYTES_MAX)
                .map(<[u8]>::to_vec)
        })?,
    })
}

fn collection(from: &Reader<'_>) -> Result<Collection, Unreadable> {
    Ok(Collection {
        title: from.needed("title", text)?,
        text: from.text("text")?,
        items: from.list("items", |bytes| reference(&from.inner("items", bytes)?))?,
    })
}

/// Segments divided by `/`; none empty, `.`, `..` or too long; no control characters and no overrides of direction.
pub(super) fn is_plain_path(path: &str) -> bool {
    let is_plain_char = |c: char| {
        !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let is_plain_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..") && segment.len() <= PATH_SEGMENT_BYTES_MAX
    };
    path.len() <= PATH_BYTES_MAX
        && path.split('/').all(is_plain_segment)
        && path.chars().all(is_plain_char)
}
