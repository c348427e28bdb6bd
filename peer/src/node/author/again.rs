//! Reading all of an author's file: damage that signing does not meet, because it goes on from a mark, is found while the
//! store can still mend it.

use super::fill::{fill, is_filled};
use super::open::known;
use super::{refusal, write_mark};
use crate::api::{Event, Failure};
use crate::io::author::{AuthorError, AuthorFile};
use crate::io::keys::KeyEntry;
use crate::node::{Node, own};
use levada_feed::head::Head;
use levada_feed::tree::{self, Shape};

/// Reads all of an own feed's author's file. One that is damaged is made again from the store, if that has all that was signed,
/// and the damaged one is kept: then what to tell. A file that is not here is nothing to look at.
///
/// # Errors
/// `NotVerified` when the store does not have all of it either: nothing was changed. Those of file and store.
pub(in crate::node) fn look_at_file(node: &Node, key: &KeyEntry) -> Result<Option<Event>, Failure> {
    let (feed, path) = (key.feed, own::author_path(node, &key.name));
    if !path.exists() {
        return Ok(None);
    }
    // Whoever signs has the file open.
    let _signing = node.signing.clone().blocking_lock_owned();
    let behind = match AuthorFile::open(&path, &feed, None, &mut |_| {}) {
        Ok(_) => return Ok(None),
        Err(AuthorError::Damaged { head, .. }) => head,
        Err(error) => return Err(error.into()),
    };
    let stored = node.disk.head(&feed)?;
    let Some(stored) = stored.filter(|stored| has_all(node, stored, behind.as_deref())) else {
        return Err(refusal::damaged_both(&path));
    };
    let length = stored.body().length;
    // It is the same file for whoever asks whether it was copied; of one of which nothing is left the marker says nothing.
    let is_live = behind.is_some() && node.markers.is_live(&feed, &path)?;
    let kept = AuthorFile::keep_damaged(&path)?;
    let mark = AuthorFile::make_again(&path, &feed, &stored, |to| {
        fill(node, &stored, 0..length, to)
    })?;
    write_mark(node, &feed, mark)?;
    if is_live {
        node.markers.put(&feed, &path)?;
    }
    Ok(Some(refusal::made_again(&path, Some(&kept), length)))
}

/// Whether the store has all records up to its head, and that head is the newest of the history that the file and everything
/// else here tells. What cannot be read is not here.
fn has_all(node: &Node, stored: &Head, behind: Option<&Head>) -> bool {
    let feed = &stored.body().feed;
    let Ok(known) = known(node, feed) else {
        return false;
    };
    let pieces = node.disk.pieces(feed);
    let is_of_it = |head: &Head| {
        let body = head.body();
        let is_known = body.length <= stored.body().length;
        let root = || tree::root(&pieces, Shape::of_list(body.length));
        is_known && root().is_ok_and(|root| root == Some(body.root))
    };
    known.iter().chain(behind).all(is_of_it)
        && is_filled(node, feed, 0..stored.body().length).unwrap_or(false)
}
