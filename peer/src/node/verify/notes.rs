//! What is remembered of verifying: how far a round is and when each blob was read, as notes in the store, and what stays
//! damaged, as files beside it. A lost store is verified from the beginning, and what was known to be damaged still is.

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
    /// The last small blob, or the last one of the ledger.
    pub(super) blob: Option<Hash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    Records,
    Small,
    Large,
    Lost,
    Tables,
}

/// Tables of the store of which a part could not be read in the last round, by name; absent when all could be.
pub(in crate::node) const UNREADABLE: &[u8] = b"verify/unreadable";
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

/// Notes that a blob is damaged, before anything is known of what it is part of.
pub(super) fn note_damage(node: &Node, hash: &Hash, path: &Path) -> Result<(), StoreError> {
    note(node, hash, path, words(DamageKind::Rot))
}

/// Notes that something took the files of a blob away.
pub(in crate::node) fn note_lost(node: &Node, hash: &Hash, path: &Path) -> Result<(), StoreError> {
    note(node, hash, path, words(DamageKind::Lost))
}

fn note(node: &Node, hash: &Hash, path: &Path, why: &str) -> Result<(), StoreError> {
    let damaged = Damaged {
        path: path.to_owned(),
        why: why.to_owned(),
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

/// What is wrong, for people.
pub(super) fn words(kind: DamageKind) -> &'static str {
    match kind {
        DamageKind::Rot | DamageKind::Cut => "bytes of it are wrong or gone",
        DamageKind::Proofs => "the proofs beside it were wrong",
        DamageKind::Changed => "it was changed or taken away after it was published in place",
        DamageKind::InPlace => "bytes of the file that was published in place are wrong",
        DamageKind::Lost => "its file is gone",
    }
}

/// Notes what stays damaged.
pub(super) fn put_damaged(node: &Node, hash: &Hash, damaged: &Damaged) -> Result<(), StoreError> {
    let note = serde_json::to_vec(damaged).expect("numbers and text become JSON");
    for (feed, _) in node.named_by(hash)? {
        crate::node::plan::forget(node, &feed)?;
    }
    node.damaged.put(hash, &note)
}

/// A blob that lost leaves before and did not get them back; one that did is damaged no more.
pub(super) fn left_damaged(node: &Node, hash: &Hash) -> Result<Option<Damage>, StoreError> {
    let Some(note) = node.damaged.note(hash)? else {
        return Ok(None);
    };
    let before: Option<Damaged> = serde_json::from_slice(&note).ok();
    let path = before.map(|before| before.path);
    if let Some(state) = node.blobs.state(hash)?
        && let Held::Partial(held) = state.held
        && let Ok(shape) = Shape::of_blob(state.size)
    {
        let missing = held.missing(0..shape.leaves());
        let missing = missing.map(|run| shape.bytes_of(&run));
        return Ok(Some(Damage {
            path: path.unwrap_or_default(),
            size: state.size,
            bytes: missing.map(|bytes| bytes.end - bytes.start).sum(),
            kind: DamageKind::Rot,
        }));
    }
    node.damaged.remove(hash)?;
    Ok(None)
}

/// Notes that a large blob was looked at, and seen to if need be.
pub(super) fn note_verified(node: &Node, hash: &Hash) -> Result<(), StoreError> {
    let now = clock::now_ms().to_be_bytes().to_vec();
    node.disk.put_notes([(verified_name(hash), now)])?;
    let name = under_way_name(hash);
    match node.disk.note(&name)? {
        Some(_) => node.disk.drop_note(&name),
        None => Ok(()),
    }
}

/// How far the look at a large blob is.
pub(super) struct UnderWay {
    /// When it began, Unix milliseconds.
    began: u64,
    /// The next leaf.
    pub(super) leaf: u64,
}

fn under_way_name(hash: &Hash) -> Vec<u8> {
    [b"verifying/".as_slice(), hash.as_bytes()].concat()
}

impl UnderWay {
    /// As noted in this round, or from the beginning.
    pub(super) fn of(node: &Node, hash: &Hash, round: u64) -> Result<Self, StoreError> {
        let noted = node.disk.note(&under_way_name(hash))?;
        let read = noted.as_deref().and_then(|noted| {
            let (began, leaf) = noted.split_first_chunk::<8>()?;
            Some(Self {
                began: u64::from_be_bytes(*began),
                leaf: u64::from_be_bytes(leaf.try_into().ok()?),
            })
        });
        let fresh = Self {
            began: clock::now_ms(),
            leaf: 0,
        };
        Ok(read.filter(|read| read.began >= round).unwrap_or(fresh))
    }

    /// All before this leaf was looked at.
    pub(super) fn note(&self, node: &Node, hash: &Hash, leaf: u64) -> Result<(), StoreError> {
        let value = [self.began.to_be_bytes(), leaf.to_be_bytes()].concat();
        node.disk.put_notes([(under_way_name(hash), value)])
    }
}

/// When all that is held of a large blob was read last, Unix milliseconds.
pub(super) fn verified_at(node: &Node, hash: &Hash) -> Result<Option<u64>, StoreError> {
    let value = node.disk.note(&verified_name(hash))?;
    Ok(value.and_then(|value| value.try_into().ok().map(u64::from_be_bytes)))
}
