//! Taking files onto a shelf: each is checked against what is proven of the head's list before anything of it is kept
//! (spec/static.md, Checking).

use super::{Fault, Known, Latest, Shelf, check_begun, check_latest, fault};
use crate::frame;
use crate::static_layout::{
    Page, StaticFile, read_hashes, read_page, row_level, row_values, write_page,
};
use levada_feed::bundle::{self, Slot};
use levada_feed::chain;
use levada_feed::hash::Hash;
use levada_feed::limits::{PAGE_RECORDS, TILE_VALUES};
use levada_feed::reject::Reject;
use levada_feed::tree::{self, Node, STORED_LEVEL, Shape};

impl Shelf {
    /// Takes a file that was read, checked against the head.
    ///
    /// # Errors
    /// See `Fault`; nothing of the file is kept.
    pub fn take(&mut self, file: &StaticFile, bytes: &[u8]) -> Result<(), Fault> {
        match file {
            StaticFile::Latest { .. } => self.take_latest(bytes),
            StaticFile::Page { page, .. } => self.take_page(*page, bytes),
            StaticFile::List { page, .. } => {
                let hashes = read_hashes(bytes, PAGE_RECORDS)?;
                self.take_list(*page, &hashes)
            }
            StaticFile::Tile { row, tile, .. } => self.take_tile(*row, *tile, bytes),
            _ => Err(Reject::StaticForm.into()),
        }
    }

    /// Lets go of the pages of records that were read.
    pub fn forget_pages(&mut self) {
        self.pages.clear();
    }

    #[cfg(test)]
    pub(in crate::static_layout) fn pages_held(&self) -> usize {
        self.pages.len()
    }

    /// There is no `latest`, or it cannot be used: the pages hold the same.
    pub fn leave_out_latest(&mut self) {
        self.is_latest_read = true;
    }

    fn take_latest(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let bundles = check_latest(&self.feed, bytes)?;
        self.is_latest_read = true;
        let Some(newest) = bundles.last() else {
            return Err(Reject::StaticForm.into());
        };
        let is_ours = |bundle: &bundle::Bundle<'_>| bundle.head.wire() == self.head.wire();
        if !bundles.iter().all(is_ours) || !newest.holds_last() {
            // Written before or after our head: the pages will do.
            return Ok(());
        }
        self.known.add(&newest.proven);
        let bundle = frame::split_bundles(bytes)?.pop().unwrap_or(bytes).to_vec();
        self.latest = Some(Latest {
            from: newest.from,
            bundle,
        });
        Ok(())
    }

    /// Hashes that a page of the list has under our head.
    fn page_hashes(&self, page: u64) -> usize {
        let hashes = self.length().saturating_sub(page * PAGE_RECORDS);
        usize::try_from(hashes.min(PAGE_RECORDS)).unwrap_or(0)
    }

    fn take_page<'a>(&mut self, page: u64, bytes: &'a [u8]) -> Result<(), Fault> {
        check_begun(bytes)?;
        let Page { before, slots } = read_page(page, bytes).map_err(fault)?;
        // The host may be ahead of the head that we know: what is past it stays out.
        let Some(slots) = slots.get(..self.page_hashes(page)) else {
            return Err(Fault::NotYet);
        };
        if let Some(before) = &before
            && let Ok(Some(expected)) = chain::hash_at(&self.known, page * PAGE_RECORDS - 1)
            && *before != expected
        {
            return Err(Reject::StaticMismatch.into());
        }
        let links = bundle::links(&self.feed, before, slots);
        self.take_list(page, &links)?;
        // The page may have been written anew for a record that was taken back after our head was signed.
        let known = |(slot, index): (&Slot<'a>, u64)| match slot {
            Slot::Retracted(link, hint) if !(index + 1..self.length()).contains(hint) => {
                Slot::Withheld(*link)
            }
            slot => slot.clone(),
        };
        let slots: Vec<Slot<'_>> = slots.iter().zip(page * PAGE_RECORDS..).map(known).collect();
        let bytes = write_page(page, before.as_ref(), &slots);
        self.pages.insert(page, bytes);
        Ok(())
    }

    fn take_list(&mut self, page: u64, hashes: &[Hash]) -> Result<(), Fault> {
        let hashes = hashes.get(..self.page_hashes(page)).ok_or(Fault::NotYet)?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let is_right = if page < self.full_pages {
            let level = STORED_LEVEL;
            let expected = self.known.nodes.get(&Node { level, index: page });
            expected.is_some() && tree::page_hash(page, &bytes).as_ref() == expected
        } else {
            // The right edge: it is right if the whole is.
            let mut whole = Known::of(&self.edge);
            whole.leaves.clear();
            // Of the page itself nothing may be taken as known, its own value least of all.
            let end = |node: &Node| (node.index + 1) << node.level.saturating_sub(STORED_LEVEL);
            whole
                .nodes
                .retain(|node, _| node.level >= STORED_LEVEL && end(node) <= self.full_pages);
            whole.add_page(page, &bytes);
            let Ok(root) = tree::root(&whole, Shape::of_list(self.length()));
            root == Some(self.head.body().root)
        };
        if !is_right {
            return Err(Reject::StaticMismatch.into());
        }
        self.known.add_page(page, &bytes);
        Ok(())
    }

    fn take_tile(&mut self, row: u8, tile: u64, bytes: &[u8]) -> Result<(), Fault> {
        let hashes = read_hashes(bytes, TILE_VALUES)?;
        let index = tile * TILE_VALUES;
        let values = row_values(self.full_pages, row).saturating_sub(index);
        let count = usize::try_from(values.min(TILE_VALUES)).unwrap_or(0);
        let hashes = hashes.get(..count).ok_or(Fault::NotYet)?;
        let first = Node {
            level: row_level(row),
            index,
        };
        let folded = tree::fold_nodes(first, hashes);
        let is_right = |folded: &tree::FoldedNode| {
            !folded.is_top || self.known.nodes.get(&folded.node) == Some(&folded.hash)
        };
        if folded.is_empty() || !folded.iter().all(is_right) {
            return Err(Reject::StaticMismatch.into());
        }
        let nodes = folded.into_iter().map(|folded| (folded.node, folded.hash));
        self.known.nodes.extend(nodes);
        Ok(())
    }
}
