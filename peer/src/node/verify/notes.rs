//! What is remembered of verifying, as notes in the store: how far a round is, when each blob was read, what stays damaged.
//!
//! A lost store loses them: then everything is verified from the beginning.

use crate::api::Damaged;
use crate::io::blobs::{Damage, DamageKind, Held};
use crate::io::clock;
use crate::node::Node;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::tree::Shape;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How far a round is, as noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// When it began, Unix milliseconds. Blobs that were looked at since are not looked at again.
    pub(super) started: u64,
    pub(super) phase: Phase,
    pub(super) feed: Option<FeedKey>,
    /// The next record of that feed.
    pub(super) index: u64,
    /// The last small blob.
    pub(super) small: Option<Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    Records,
    Small,
    Large,
}

/// When the last whole round began.
pub(in crate::node) const WHOLE: &[u8] = b"verify/whole";

pub(super) fn name(only: Option<&FeedKey>) -> Vec<u8> {
    match only {
        None => b"verify/round".to_vec(),
        Some(feed) => [b"verify/feed/".as_slice(), feed.as_bytes()].concat(),
    }
}

pub(super) fn verified_name(hash: &Hash) -> Vec<u8> {
    [b"verified/".as_slice(), hash.as_bytes()].concat()
}

/// Blobs that were found damaged and not mended.
pub(in crate::node) const DAMAGED: &[u8] = b"damaged/";

/// The name of the note about a blob that stays damaged.
pub(super) fn damaged_name(hash: &Hash) -> Vec<u8> {
    [DAMAGED, hash.as_bytes()].concat()
}

/// Notes that a blob is damaged, before anything is known of what it is part of.
pub(super) fn note_damage(node: &Node, hash: &Hash, path: &Path) -> Result<(), StoreError> {
    let damaged = Damaged {
        path: path.to_owned(),
        why: "bytes of it are wrong or gone".to_owned(),
        bytes: 0,
        hash: Some(*hash),
        feed: None,
        nickname: None,
        index: None,
        name: None,
        mended_by: None,
    };
    put_damaged(node, hash, &damaged)
}

/// Notes what stays damaged.
pub(super) fn put_damaged(node: &Node, hash: &Hash, damaged: &Damaged) -> Result<(), StoreError> {
    let note = serde_json::to_vec(damaged).expect("numbers and text become JSON");
    node.disk.put_notes([(damaged_name(hash), note)])
}

/// A blob that lost leaves before and did not get them back; one that did is damaged no more.
pub(super) fn left_damaged(node: &Node, hash: &Hash) -> Result<Option<Damage>, StoreError> {
    let name = damaged_name(hash);
    let Some(note) = node.disk.note(&name)? else {
        return Ok(None);
    };
    let before: Option<Damaged> = serde_json::from_slice(&note).ok();
    if let (Some(before), Some(state)) = (before, node.blobs.state(hash)?)
        && let Held::Partial(held) = state.held
        && let Ok(shape) = Shape::of_blob(state.size)
    {
        let missing = held.missing(0..shape.leaves());
        let missing = missing.map(|run| shape.bytes_of(&run));
        return Ok(Some(Damage {
            path: before.path,
            size: state.size,
            bytes: missing.map(|bytes| bytes.end - bytes.start).sum(),
            kind: DamageKind::Rot,
        }));
    }
    node.disk.drop_note(&name)?;
    Ok(None)
}

/// Notes that a large blob was looked at, and seen to if need be.
pub(super) fn note_verified(node: &Node, hash: &Hash) -> Result<(), StoreError> {
    let now = clock::now_ms().to_be_bytes().to_vec();
    node.disk.put_notes([(verified_name(hash), now)])
}

/// When all that is held of a large blob was read last, Unix milliseconds.
pub(super) fn verified_at(node: &Node, hash: &Hash) -> Result<Option<u64>, StoreError> {
    let value = node.disk.note(&verified_name(hash))?;
    Ok(value.and_then(|value| value.try_into().ok().map(u64::from_be_bytes)))
}
