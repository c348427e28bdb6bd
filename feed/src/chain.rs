//! Link hashes, and heads that come with the proof of their length (spec/list.md).
//!
//! A feed is one hash chain; the hash list is its links in a row, and BLAKE3 over that list is the root. This file makes
//! and checks the answer `[1, head, pairs, leaves]`: a head with the slice of its last link hash and, for a follower who
//! has N records, of hash N-1, which is all that it takes to see that the new list begins with the old one.

use crate::codec::{self, Writer};
use crate::hash::Hash;
use crate::head::Head;
use crate::key::FeedKey;
use crate::limits::{BUNDLE_BYTES_MAX, HASH_BYTES, LIST_LEAF_HASHES};
use crate::reject::Reject;
use crate::tree::{self, Pieces, Proven, Shape};
use std::ops::Range;

/// `h[0]` of a feed.
#[must_use]
pub fn link_first(feed: &FeedKey, record: &[u8]) -> Hash {
    link(feed.as_bytes(), record)
}

/// `h[n]` from `h[n-1]`.
#[must_use]
pub fn link_next(previous: &Hash, record: &[u8]) -> Hash {
    link(previous.as_bytes(), record)
}

fn link(before: &[u8; HASH_BYTES], record: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(record);
    Hash(*hasher.finalize().as_bytes())
}

/// The leaves that hold the hashes of these records, sorted and joined.
#[must_use]
pub fn leaves_of(hashes: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut leaves: Vec<Range<u64>> = hashes
        .iter()
        .filter(|range| !range.is_empty())
        .map(|range| range.start / LIST_LEAF_HASHES..range.end.div_ceil(LIST_LEAF_HASHES))
        .collect();
    leaves.sort_by_key(|range| range.start);
    leaves.dedup_by(|next, before| {
        let touches = next.start <= before.end;
        if touches {
            before.end = before.end.max(next.end);
        }
        touches
    });
    leaves
}

/// The link hash of record `index`, out of leaves that were proven.
#[must_use]
pub fn hash_in(proven: &Proven, index: u64) -> Option<Hash> {
    let leaf = proven.leaf_bytes(index / LIST_LEAF_HASHES)?;
    let at = usize::try_from(index % LIST_LEAF_HASHES).ok()? * HASH_BYTES;
    leaf.get(at..at + HASH_BYTES).and_then(Hash::from_slice)
}

/// The link hash of record `index`, out of stored pieces.
///
/// # Errors
/// Those of the pieces.
pub fn hash_at<P: Pieces>(pieces: &P, index: u64) -> Result<Option<Hash>, P::Error> {
    let Some(leaf) = pieces.leaf(index / LIST_LEAF_HASHES)? else {
        return Ok(None);
    };
    let Ok(at) = usize::try_from(index % LIST_LEAF_HASHES) else {
        return Ok(None);
    };
    Ok(leaf
        .get(at * HASH_BYTES..(at + 1) * HASH_BYTES)
        .and_then(Hash::from_slice))
}

/// The bytes of these leaves in order, the last one cut to the list's length. `None` when one is missing.
///
/// # Errors
/// Those of the pieces.
pub fn leaf_bytes<P: Pieces>(
    pieces: &P,
    length: u64,
    leaves: &[Range<u64>],
) -> Result<Option<Vec<u8>>, P::Error> {
    let mut bytes = Vec::new();
    for leaf in leaves.iter().cloned().flatten() {
        let hashes = length
            .saturating_sub(leaf * LIST_LEAF_HASHES)
            .min(LIST_LEAF_HASHES);
        let wanted = usize::try_from(hashes).unwrap_or(0) * HASH_BYTES;
        let held = pieces.leaf(leaf)?;
        let Some(part) = held.as_deref().and_then(|held| held.get(..wanted)) else {
            return Ok(None);
        };
        bytes.extend_from_slice(part);
    }
    Ok(Some(bytes))
}

/// Checks a whole list against a head, without any proof: all its link hashes in order, in O(1) memory.
///
/// # Errors
/// head-6 for another number of hashes, list-1, list-3.
pub fn check_list(head: &Head, links: impl IntoIterator<Item = Hash>) -> Result<(), Reject> {
    let body = head.body();
    let mut hasher = blake3::Hasher::new();
    let (mut length, mut first) = (0, None);
    for link in links {
        first.get_or_insert(link);
        hasher.update(&link.0);
        length += 1;
    }
    if length != body.length {
        return Err(Reject::OtherLength {
            expected: length,
            got: body.length,
        });
    }
    let got = Hash(*hasher.finalize().as_bytes());
    if got != body.root {
        return Err(Reject::RootMismatch {
            length,
            expected: body.root,
            got,
        });
    }
    match first {
        Some(got) if got != body.first => Err(Reject::FirstMismatch {
            expected: body.first,
            got,
        }),
        _ => Ok(()),
    }
}

/// Checks a record against its link hash and the one before it; record 0 has none before it.
///
/// # Errors
/// list-2.
pub fn check_record(
    feed: &FeedKey,
    index: u64,
    before: Option<&Hash>,
    link: &Hash,
    record: &[u8],
) -> Result<(), Reject> {
    let computed = match before {
        Some(before) if index > 0 => link_next(before, record),
        None if index == 0 => link_first(feed, record),
        _ => return Err(Reject::BrokenLink { index }),
    };
    if computed == *link {
        Ok(())
    } else {
        Err(Reject::BrokenLink { index })
    }
}

/// A head whose length is proven, with the pieces of the list that came along.
#[derive(Debug)]
pub struct ProvenHead {
    /// The head.
    pub head: Head,
    /// The slice of hash `have-1`, if one was asked for and exists, and of the last hash.
    pub proven: Proven,
}

/// The leaves of a head's answer for a follower who has `have` records; 0 for none.
fn answer_leaves(length: u64, have: u64) -> Vec<Range<u64>> {
    let old = if (1..length).contains(&have) {
        have - 1..have
    } else {
        0..0
    };
    leaves_of(&[old, length - 1..length])
}

/// Makes `[1, head, pairs, leaves]`. `None` when the pieces are not all held.
///
/// # Errors
/// Those of the pieces.
pub fn prove_head<P: Pieces>(
    head: &Head,
    have: u64,
    pieces: &P,
) -> Result<Option<Vec<u8>>, P::Error> {
    let length = head.body().length;
    let leaves = answer_leaves(length, have);
    let Some(pairs) = tree::prove(pieces, Shape::of_list(length), &leaves)? else {
        return Ok(None);
    };
    let Some(bytes) = leaf_bytes(pieces, length, &leaves)? else {
        return Ok(None);
    };
    let mut answer = Writer::new();
    answer
        .array(4)
        .uint(1)
        .bytes(head.wire())
        .bytes(&pairs)
        .bytes(&bytes);
    Ok(Some(answer.finish()))
}

/// Checks that a list begins with its head's `first`, as far as hash 0 was proven: a head that denies its own list is void.
///
/// # Errors
/// list-3.
pub fn check_first(head: &Head, proven: &Proven) -> Result<(), Reject> {
    let expected = head.body().first;
    match hash_in(proven, 0) {
        Some(got) if got != expected => Err(Reject::FirstMismatch { expected, got }),
        _ => Ok(()),
    }
}

/// An answer to `head?have=N` whose form and signature were checked: a claim until its slice was.
#[derive(Debug)]
pub struct Claim<'a> {
    head: Head,
    pairs: &'a [u8],
    leaves: &'a [u8],
}

impl<'a> Claim<'a> {
    /// Takes an answer apart.
    ///
    /// # Errors
    /// wire-1 for the form, and those of heads.
    pub fn read(feed: &FeedKey, answer: &'a [u8]) -> Result<Self, Reject> {
        if answer.len() > BUNDLE_BYTES_MAX {
            return Err(Reject::TooLong {
                got: answer.len(),
                max: BUNDLE_BYTES_MAX,
            });
        }
        codec::check_version(answer, Reject::AnswerForm)?;
        codec::check(answer, 16)?;
        let parts = codec::read_array(answer).ok_or(Reject::AnswerForm)?;
        let [_, head, pairs, leaves] = parts.as_slice() else {
            return Err(Reject::AnswerForm);
        };
        let part = |bytes: &'a [u8]| codec::read_bytes(bytes).ok_or(Reject::AnswerForm);
        Ok(Self {
            head: Head::check_of(feed, part(head)?)?,
            pairs: part(pairs)?,
            leaves: part(leaves)?,
        })
    }

    /// The head. Two that contradict each other are a fork, whatever came with them.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Checks the slice that was asked for with `have`.
    ///
    /// # Errors
    /// slice-1 to slice-4, list-3.
    pub fn check(self, have: u64) -> Result<ProvenHead, Reject> {
        let body = self.head.body();
        let (shape, leaves) = (
            Shape::of_list(body.length),
            answer_leaves(body.length, have),
        );
        let proven = tree::check_slice(&body.root, shape, &leaves, self.pairs, self.leaves)?;
        check_first(&self.head, &proven)?;
        Ok(ProvenHead {
            head: self.head,
            proven,
        })
    }
}

/// Checks the answer to `head?have=N`.
///
/// # Errors
/// wire-1 for the form, those of heads, slice-1 to slice-4, list-3.
pub fn check_head(feed: &FeedKey, answer: &[u8], have: u64) -> Result<ProvenHead, Reject> {
    Claim::read(feed, answer)?.check(have)
}

/// The root that the same list had at an earlier length, folded out of proven pieces. `None` when they do not reach.
#[must_use]
pub fn root_at(proven: &Proven, length: u64) -> Option<Hash> {
    let Ok(root) = tree::root(proven, Shape::of_list(length));
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::HeadBody;
    use crate::key::FeedSecret;

    #[test]
    fn whole_list_is_checked_by_its_root_and_each_record_by_its_link() {
        let secret = FeedSecret::from_bytes(&[1; 32]);
        let feed = secret.feed_key();
        let records: Vec<[u8; 1]> = (0..40).map(|byte| [byte]).collect();
        let mut links: Vec<Hash> = Vec::new();
        for record in &records {
            links.push(match links.last() {
                Some(last) => link_next(last, record),
                None => link_first(&feed, record),
            });
        }
        let bytes: Vec<u8> = links.iter().flat_map(|link| link.0).collect();
        let body = HeadBody {
            feed,
            first: links[0],
            length: 40,
            bytes: 40,
            media: 0,
            root: Hash::of(&bytes),
            time: 0,
        };
        let head = Head::sign(&secret, body.clone());
        assert_eq!(check_list(&head, links.clone()), Ok(()));
        let refused = |head: &Head, links: &[Hash]| {
            let checked = check_list(head, links.iter().copied());
            checked.unwrap_err().must()
        };
        assert_eq!(refused(&head, &links[..39]), "head-6");
        let mut swapped = links.clone();
        swapped.swap(7, 8);
        assert_eq!(refused(&head, &swapped), "list-1");
        let first = Hash::of(b"another");
        let void = Head::sign(&secret, HeadBody { first, ..body });
        assert_eq!(refused(&void, &links), "list-3");
        for (index, record) in records.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| &links[before]);
            let link =
                |link| check_record(&feed, u64::try_from(index).unwrap(), before, link, record);
            assert_eq!(link(&links[index]), Ok(()));
            assert_eq!(link(&first).unwrap_err().must(), "list-2");
        }
    }
}
