//! What mending needs of the store: small blobs in order, and pieces of a list that are wrong taken out.

use super::around::unless_damaged;
use super::{Disk, key, rows};
use crate::keep;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use std::ops::{Bound, Range};

/// Small blobs that are looked up each by its hash before they are read on in order.
const APART: usize = 512;
/// Records whose rows are made in one write: at most 32 MiB.
const RECORDS_AT_ONCE: usize = 512;

fn unfinished_name(feed: &FeedKey) -> Vec<u8> {
    [b"rows/unfinished/".as_slice(), feed.as_bytes()].concat()
}

impl Disk {
    /// Small blobs after a hash, in order, until `visit` says to stop; without bytes when they cannot be read. They are not
    /// hashed again here.
    ///
    /// # Errors
    /// Those of the database.
    pub fn small_after(
        &self,
        after: Option<&Hash>,
        visit: &mut dyn FnMut(Hash, Option<&[u8]>) -> bool,
    ) -> Result<(), StoreError> {
        let mut after = after.copied();
        loop {
            let start = |after: &Option<Hash>| {
                after.map_or(Bound::Unbounded, |hash| Bound::Excluded(hash.0))
            };
            let mut is_whole = true;
            for entry in self.small.range((start(&after), Bound::Unbounded)) {
                let Some((name, value)) = unless_damaged(entry.into_inner().map(Some))? else {
                    is_whole = false;
                    break;
                };
                let hash =
                    Hash::from_slice(&name).ok_or_else(|| self.damaged("the key of a blob"))?;
                after = Some(hash);
                if !visit(hash, Some(&value)) {
                    return Ok(());
                }
            }
            if is_whole {
                return Ok(());
            }
            // Which ones there should be behind it, the ledger knows.
            let due = self.kept_after(after.as_ref(), APART)?;
            let Some((last, _)) = due.last().copied() else {
                return Ok(());
            };
            let most = keep::cost(levada_feed::limits::INLINE_BYTES_MAX);
            for (hash, _) in due.into_iter().filter(|(_, bytes)| *bytes <= most) {
                let goes_on = match self.small.get(hash.0).map_err(StoreError::from) {
                    Ok(None) => true,
                    Ok(Some(bytes)) => visit(hash, Some(&bytes)),
                    Err(error) if error.is_damage() => visit(hash, None),
                    Err(error) => return Err(error),
                };
                if !goes_on {
                    return Ok(());
                }
            }
            after = Some(last);
        }
    }

    /// Makes the rows of a feed again from its records; `progress` is told how many were read. Gives how many.
    ///
    /// # Errors
    /// Those of the database; then, or after a kill, `has_unfinished_rows` says so until it was done.
    pub fn rebuild_rows(
        &self,
        feed: &FeedKey,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(0);
        };
        self.put_notes([(unfinished_name(feed), Vec::new())])?;
        for rows in [&self.rows, &self.bare] {
            self.remove_all(rows, rows.prefix(number.to_be_bytes()))?;
        }
        let (mut next, mut done) = (0, 0);
        loop {
            let mut records = Vec::new();
            self.records(feed, next..u64::MAX, &mut |index, bytes| {
                records.push((index, bytes.to_vec()));
                records.len() < RECORDS_AT_ONCE
            })?;
            let Some((last, _)) = records.last() else {
                break;
            };
            next = last + 1;
            {
                // What is committed meanwhile changes rows too.
                let _known = self.known();
                let mut write = self.db.batch();
                let changes = rows::changes_of(&records);
                self.write_rows(&mut write, number, (&records, changes), &[])?;
                self.apply(write)?;
            }
            done += u64::try_from(records.len()).unwrap_or(0);
            progress(done);
        }
        self.drop_note(&unfinished_name(feed))?;
        Ok(done)
    }

    /// Whether the rows of a feed were not made again to the end.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_unfinished_rows(&self, feed: &FeedKey) -> Result<bool, StoreError> {
        Ok(self.note(&unfinished_name(feed))?.is_some())
    }

    /// Takes leaves of a feed's list out, so that right ones can come in.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_leaves(&self, feed: &FeedKey, leaves: Range<u64>) -> Result<(), StoreError> {
        let Some(number) = self.number(feed) else {
            return Ok(());
        };
        for leaf in leaves {
            self.take_out(&self.leaves, &key(number, leaf))?;
        }
        Ok(())
    }
}
