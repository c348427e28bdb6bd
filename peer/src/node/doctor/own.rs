//! What may be wrong with own feeds: the key file, the author's file, and how the store stands to it.

use super::finding;
use crate::api::{Failure, Finding};
use crate::io::keys::{KeyEntry, Keys};
use crate::node::author::read_mark;
use crate::node::words::short;
use crate::node::{Node, own};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) fn key_file(keys: &Keys, key: &KeyEntry, found: &mut Vec<Finding>) {
    match keys.load(&key.name, None) {
        Ok(_) => {}
        // What is in it shows when it is opened.
        Err(error) if error.is_passphrase() => {}
        Err(error) => {
            let failure = Failure::from(error);
            found.push(finding(
                "key-damaged",
                failure.message,
                "nothing can be published in this feed",
                failure.hint.unwrap_or_default(),
            ));
        }
    }
    let Ok(metadata) = std::fs::metadata(&key.path) else {
        return;
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = key.path.display();
        found.push(finding(
            "key-readable",
            format!("{path}: other users of this machine may read this key (mode {mode:o})"),
            "whoever has the key can publish in your name",
            format!("chmod 600 '{path}'"),
        ));
    }
}

pub(super) fn key_gone(path: &Path) -> Finding {
    let gone = own::key_gone(path);
    finding(
        "key-gone",
        gone.message,
        "its feed is not shown or served unless it is followed, nothing is published in it, and nothing is evicted: it may be one's own",
        gone.hint.unwrap_or_default(),
    )
}

pub(super) fn no_author_file(key: &KeyEntry, path: &Path) -> Finding {
    finding(
        "author-file-gone",
        format!(
            "feed {} ({}): its author's file is not here: {}",
            short(&key.feed),
            key.name,
            path.display()
        ),
        "without it nothing can be published: what was signed before is not known for sure",
        "put the newest copy of it beside the key, from a backup or the machine where you published last; or name somebody who has the feed: levada mirror add URL; or, if this machine signed last and no other one uses the key: levada publish PATH --insist",
    )
}

pub(super) fn own_feed(
    node: &Node,
    key: &KeyEntry,
    found: &mut Vec<Finding>,
) -> Result<(), Failure> {
    key_file(&node.keys, key, found);
    let path = own::author_path(node, &key.name);
    let Ok(metadata) = std::fs::metadata(&path) else {
        found.push(no_author_file(key, &path));
        return Ok(());
    };
    if let Some(trouble) = own::trouble(node, key)? {
        let what = trouble.message.lines().next().unwrap_or_default();
        found.push(finding(
            "own-feed",
            what,
            "nothing is signed with this key here until it is settled: a second history would be refused by followers",
            trouble.hint.unwrap_or_default(),
        ));
    }
    let stored = node.disk.head(&key.feed)?;
    let stored = stored.map_or(0, |head| head.body().length);
    if let Some(mark) = read_mark(node, &key.feed)?
        && mark.length == stored
    {
        if mark.offset < metadata.len() {
            found.push(finding(
                "author-file-newer",
                format!(
                    "{}: the author's file holds more than the store",
                    path.display()
                ),
                "what was signed last is not shown or served yet",
                "levada rebuild",
            ));
        } else if mark.offset > metadata.len() {
            found.push(finding(
                "author-file-older",
                format!("{}: the author's file is shorter than it was", path.display()),
                "it is cut, or an older copy; signing stops, because it would make a second history",
                "put the newest copy of it back from a backup",
            ));
        }
    } else if let Some((stored, known)) = node.lost(&key.feed)? {
        found.push(finding(
            "store-behind",
            format!(
                "feed {} ({}): the store has {stored} of {known} records that were signed",
                short(&key.feed),
                key.name
            ),
            "the rest is not shown or served",
            "levada rebuild",
        ));
    }
    Ok(())
}
