//! A feed's hash list made again from what is left of it: leaves, and records where a leaf cannot be read.

use super::Salvage;
use crate::store::StoreError;
use levada_feed::chain;
use levada_feed::hash::Hash;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{HASH_BYTES, LIST_LEAF_HASHES};
use levada_feed::tree::{Changed, GrowingList, Pieces};
use std::ops::Range;

/// Hashes after which the pieces of a list are written.
const WRITTEN_AT_ONCE: u64 = 16_384;

impl Salvage {
    /// Makes the list of a feed again, beside the copy, up to its head. False: what is left does not tell all of it, or tells
    /// another list; then nothing has changed.
    ///
    /// # Errors
    /// Those of writing the copy.
    pub fn mend_list(&self, head: &Head) -> Result<bool, StoreError> {
        let list = self.grow(head, &mut |_| Ok(()))?;
        if list.is_none_or(|list| list.root() != head.body().root) {
            return Ok(false);
        }
        let feed = &head.body().feed;
        self.mended.make_room_for(feed);
        let list = self.grow(head, &mut |changed| self.mended.put_pieces(feed, changed))?;
        match list {
            Some(mut list) => self.mended.put_pieces(feed, list.take_changed())?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Reads the list from its beginning; `full` takes what it is made of, again and again.
    fn grow(
        &self,
        head: &Head,
        full: &mut dyn FnMut(Changed) -> Result<(), StoreError>,
    ) -> Result<Option<GrowingList>, StoreError> {
        let body = head.body();
        let (mut list, mut before) = (GrowingList::new(), None);
        while list.length() < body.length {
            let start = list.length();
            let range = start..body.length.min(start + LIST_LEAF_HASHES);
            let Some(links) = self.links(&body.feed, range, before)? else {
                return Ok(None);
            };
            before = links.last().copied();
            links.into_iter().for_each(|link| list.push(link));
            if list.length().is_multiple_of(WRITTEN_AT_ONCE) {
                full(list.take_changed())?;
            }
        }
        Ok(Some(list))
    }

    /// The link hashes of one leaf: as stored, or from the records.
    fn links(
        &self,
        feed: &FeedKey,
        range: Range<u64>,
        before: Option<Hash>,
    ) -> Result<Option<Vec<Hash>>, StoreError> {
        let count = usize::try_from(range.end - range.start).unwrap_or(0);
        let pieces = self.disk.pieces_around(feed);
        let leaf = pieces.leaf(range.start / LIST_LEAF_HASHES)?;
        let stored: Option<Vec<Hash>> = leaf
            .as_deref()
            .and_then(|leaf| leaf.get(..count * HASH_BYTES))
            .and_then(|leaf| leaf.chunks(HASH_BYTES).map(Hash::from_slice).collect());
        if stored.is_some() {
            return Ok(stored);
        }
        let (mut links, mut before) = (Vec::with_capacity(count), before);
        self.disk
            .records_around(feed, range.clone(), &mut |index, record| {
                let due = range.start + u64::try_from(links.len()).unwrap_or(u64::MAX);
                let link = match before {
                    None if index == 0 => chain::link_first(feed, record),
                    Some(before) => chain::link_next(&before, record),
                    None => return false,
                };
                links.push(link);
                before = Some(link);
                index == due
            })?;
        Ok((links.len() == count).then_some(links))
    }
}
