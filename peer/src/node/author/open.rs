//! Opening an own feed for signing: whether it may be signed here, and its log and store brought up to the author's file.
//!
//! Of file and store the longer one wins if it extends the other; what peers have beyond both is taken over. Whether
//! anybody else has more is asked in `elsewhere`, how the file is written from the store is in `fill`.

use super::elsewhere::{self, Elsewhere};
use super::fill::{fill, is_filled};
use super::replay::{self, ReplayError, write_mark};
use super::{Aside, Trust, refusal};
use crate::api::{Event, Failure};
use crate::io::author::{AuthorError, AuthorFile};
use crate::node::Node;
use crate::store::StoreError;
use levada_feed::fork::ForkProof;
use levada_feed::head::Head;
use levada_feed::key::{FeedKey, FeedSecret};
use levada_feed::log::AuthorLog;
use levada_feed::tree::{self, Shape};
use std::path::Path;
use std::sync::Arc;

/// Brings file and store to the same head, the highest that is to be had, then gives both ready to append.
pub(super) fn open_log(
    node: &Arc<Node>,
    secret: &FeedSecret,
    path: &Path,
    trust: Trust,
    aside: &Aside,
) -> Result<(AuthorLog, AuthorFile), Failure> {
    let feed = secret.feed_key();
    refuse_stopped(node, &feed, trust)?;
    // A key that was made here, and a crash came before its first record.
    let is_new = node.markers.is_new(&feed, &path.with_extension("pem"))?;
    let may_begin = trust == Trust::New || is_new;
    if may_begin && !path.exists() && highest(node, &feed)?.is_none() {
        let file = AuthorFile::create(path, &feed)?;
        node.markers.put(&feed, path)?;
        return Ok((AuthorLog::new(fresh(secret)), file));
    }
    let is_live = path.exists() && node.markers.is_live(&feed, path)?;
    let mut opening = Opening {
        node,
        secret,
        feed,
        path,
        trust,
        aside,
        is_live,
    };
    let read = opening.read()?;
    let is_empty = read.opened.is_some() && read.length() == 0;
    opening.is_live |= is_new && is_empty;
    // Of a file of which nothing is left the marker says nothing.
    opening.is_live &= !read.is_damaged || read.head.is_some();
    opening.ask(&read)?;
    let opened = opening.settle(read)?;
    node.markers.put(&feed, path)?;
    node.evidence.drop_elsewhere(&feed)?;
    Ok(opened)
}

pub(super) fn fresh(secret: &FeedSecret) -> FeedSecret {
    FeedSecret::from_bytes(&zeroize::Zeroizing::new(secret.to_bytes()))
}

/// A key that signed two histories signs no more; one that is signed elsewhere signs no more until that is settled.
pub(in crate::node) fn refuse_stopped(
    node: &Node,
    feed: &FeedKey,
    trust: Trust,
) -> Result<(), Failure> {
    if let Some(proof) = node.evidence.fork(feed)? {
        return Err(refusal::forked(&proof));
    }
    if trust == Trust::TakeOver {
        return Ok(());
    }
    match node.evidence.elsewhere(feed)? {
        Some(head) => Err(refusal::signed_elsewhere(feed, &head)),
        None => Ok(()),
    }
}

/// The head that another machine signed. One that no longer checks stops whoever signs, and not who takes over: others are
/// asked then who has more.
fn elsewhere_head(node: &Node, feed: &FeedKey) -> Result<Option<Head>, StoreError> {
    match node.evidence.elsewhere(feed) {
        Err(StoreError::Damaged { .. }) => Ok(None),
        found => found,
    }
}

/// The heads that are known here without the author's file.
pub(super) fn known(node: &Node, feed: &FeedKey) -> Result<Vec<Head>, StoreError> {
    let stored = node.disk.head(feed)?.as_deref().cloned();
    let elsewhere = elsewhere_head(node, feed)?;
    let known = [stored, node.remembered(feed), elsewhere];
    Ok(known.into_iter().flatten().collect())
}

/// The highest of them.
pub(super) fn highest(node: &Node, feed: &FeedKey) -> Result<Option<Head>, StoreError> {
    let known = known(node, feed)?.into_iter();
    Ok(known.max_by_key(|head| head.body().length))
}

/// What the author's file came to.
pub(super) struct Read {
    /// The log and the file, unless the file is gone or damaged.
    pub(super) opened: Option<(AuthorLog, AuthorFile)>,
    /// Its newest head: of a damaged file the longest one behind the damage.
    pub(super) head: Option<Head>,
    pub(super) is_damaged: bool,
}

impl Read {
    /// Records that file and log have.
    fn length(&self) -> u64 {
        self.opened.as_ref().map_or(0, |(log, _)| log.length())
    }
}

struct Opening<'a> {
    node: &'a Arc<Node>,
    secret: &'a FeedSecret,
    feed: FeedKey,
    path: &'a Path,
    trust: Trust,
    aside: &'a Aside,
    is_live: bool,
}

impl Opening<'_> {
    /// Replays what the store lacks of the file, and sees that neither contradicts the other.
    fn read(&self) -> Result<Read, Failure> {
        // Before the file is believed, or made again: a store that was put back may be of another history than what was shown.
        if let Some(stored) = self.node.disk.head(&self.feed)? {
            self.refuse_two_histories(&stored)?;
        }
        if !self.path.exists() {
            return Ok(Read {
                opened: None,
                head: None,
                is_damaged: false,
            });
        }
        let replayed = replay::replay(self.node, self.secret, self.path);
        let read = match replayed {
            Ok(read) => read,
            Err(ReplayError::File(AuthorError::Damaged { head, .. })) => Read {
                opened: None,
                head: head.map(|head| *head),
                is_damaged: true,
            },
            Err(ReplayError::File(error)) => return Err(error.into()),
            Err(ReplayError::Other(failure)) => return Err(failure),
        };
        let stored = self.node.disk.head(&self.feed)?;
        if let Some(stored) = &stored {
            self.refuse_two_histories(stored)?;
        }
        let (Some(file), Some(stored)) = (&read.head, stored) else {
            return Ok(read);
        };
        let length = file.body().length;
        if stored.body().length >= length {
            let pieces = self.node.disk.pieces(&self.feed);
            match tree::root(&pieces, Shape::of_list(length))? {
                Some(root) if root == file.body().root => {}
                _ => return Err(refusal::other_history(&self.feed)),
            }
        }
        Ok(read)
    }

    /// Files that came back from elsewhere may be of another history than what this machine showed, and longer.
    fn refuse_two_histories(&self, stored: &Head) -> Result<(), Failure> {
        let (node, feed) = (self.node, &self.feed);
        let pieces = node.disk.pieces(feed);
        let known = [node.remembered(feed), elsewhere_head(node, feed)?];
        for known in known.iter().flatten() {
            let is_shorter = known.body().length < stored.body().length;
            let proof = match ForkProof::of_heads(known, stored) {
                None if is_shorter => ForkProof::of_lists(known, stored, &pieces)?,
                proof => proof,
            };
            if let Some(proof) = proof {
                node.keep_fork(&proof)?;
                let handing = elsewhere::hand_over(node.clone(), *feed, Box::new(proof.clone()));
                self.aside.block_on(handing)?;
                return Err(refusal::forked(&proof));
            }
        }
        Ok(())
    }

    /// Before the first signature after a start, or when something is missing here, asks who else has the feed.
    fn ask(&self, read: &Read) -> Result<(), Failure> {
        let (node, feed) = (self.node, &self.feed);
        let stored = node.disk.head(feed)?.map_or(0, |head| head.body().length);
        let known = highest(node, feed)?.map_or(0, |head| head.body().length);
        let needed = known.max(read.head.as_ref().map_or(0, |head| head.body().length));
        let lacks = read.length()..stored;
        let has_all = |range| node.disk.held(feed).contains_all(range);
        let is_whole = stored >= needed && has_all(lacks.clone());
        if is_whole && self.is_live && node.asked(feed) && self.trust != Trust::TakeOver {
            return Ok(());
        }
        let is_insisted = self.trust == Trust::Insisted;
        let found = elsewhere::ask(node, feed, self.aside)?;
        let has_answer = match &found {
            Elsewhere::Forked(proof) => return Err(refusal::forked(proof)),
            Elsewhere::Newer(_) => true,
            Elsewhere::Same => true,
            Elsewhere::Nobody(_) => false,
        };
        if !has_answer && self.trust == Trust::TakeOver {
            return Err(refusal::nobody_to_take_over_from(&self.feed, &found));
        }
        // Without a store and a file there is nothing that anybody could say is the newest.
        let is_here = stored > 0 || read.opened.is_some();
        if !has_answer && !self.is_live && !is_insisted && is_here {
            return Err(match read.opened {
                None if !read.is_damaged => refusal::gone(&self.feed, self.path, &found),
                None if read.head.is_none() => refusal::unreadable(self.path, &found),
                _ => refusal::copied(&self.feed, &found),
            });
        }
        if let Elsewhere::Newer(remotes) = &found {
            note_taking(node, feed, read.length().max(stored))?;
            elsewhere::fetch(node, feed, remotes, self.aside)?;
            // Each was held against what was here before, and none against another.
            if remotes.len() > 1
                && let Elsewhere::Forked(proof) = elsewhere::ask(node, feed, self.aside)?
            {
                return Err(refusal::forked(&proof));
            }
        } else if !is_whole && let Elsewhere::Same = found {
            elsewhere::fetch(node, feed, &elsewhere::remotes(node, feed), self.aside)?;
        }
        if has_answer {
            node.note_asked(feed);
        } else if !is_insisted && !has_all(lacks) {
            // Their link hashes would do, but somebody may have their bytes.
            return Err(refusal::incomplete(&self.feed));
        }
        let reached = node.disk.head(feed)?.map_or(0, |head| head.body().length);
        if reached < needed {
            return Err(match &read.opened {
                Some(_) => refusal::older(self.path, reached, needed, &found),
                None if read.is_damaged => refusal::damaged(self.path, reached, needed, &found),
                None => refusal::gone(&self.feed, self.path, &found),
            });
        }
        if reached == 0 && read.opened.is_none() {
            return Err(refusal::absent(&self.feed, self.path, &found));
        }
        Ok(())
    }

    /// Brings the author's file up to the store.
    fn settle(&self, read: Read) -> Result<(AuthorLog, AuthorFile), Failure> {
        let (node, feed) = (self.node, &self.feed);
        let stored = node.disk.head(feed)?;
        let (before, is_damaged) = (read.length(), read.is_damaged);
        let is_behind = |head: &Head| match &read.head {
            None => true,
            Some(_) if read.opened.is_none() => true,
            Some(file) => {
                (head.body().length, head.body().time) > (file.body().length, file.body().time)
            }
        };
        let Some(head) = stored.filter(|head| is_behind(head)) else {
            return read
                .opened
                .ok_or_else(|| refusal::other_history(&self.feed));
        };
        let length = head.body().length;
        if !is_filled(node, feed, before..length)? {
            return Err(refusal::incomplete(&self.feed));
        }
        let mark = match read.opened {
            Some((_, mut file)) => {
                file.append_many(&head, |to| fill(node, &head, before..length, to))?
            }
            None => {
                let kept = match is_damaged {
                    true => Some(AuthorFile::keep_damaged(self.path)?),
                    false => None,
                };
                let mark = AuthorFile::make_again(self.path, feed, &head, |to| {
                    fill(node, &head, 0..length, to)
                })?;
                self.aside
                    .tell(refusal::made_again(self.path, kept.as_deref(), length));
                mark
            }
        };
        node.remember_head(Some(&head))?;
        write_mark(node, feed, mark)?;
        self.tell_taken(length)?;
        let log = AuthorLog::open(fresh(self.secret), &head, &node.disk.pieces(feed))?
            .ok_or_else(|| refusal::incomplete(&self.feed))?;
        let file = AuthorFile::open(self.path, feed, Some(mark), &mut |_| {})?;
        Ok((log, file))
    }

    /// Says how many records came that this machine did not write, once they are in the author's file.
    fn tell_taken(&self, length: u64) -> Result<(), Failure> {
        let (node, feed) = (self.node, &self.feed);
        let Some(from) = number(node, &note_name(b"taking/", feed))? else {
            return Ok(());
        };
        let taken = length.saturating_sub(from);
        let total = node.taken_over(feed)?.saturating_add(taken);
        node.disk
            .put_notes([(note_name(b"taken/", feed), total.to_be_bytes().to_vec())])?;
        node.disk.drop_note(&note_name(b"taking/", feed))?;
        if taken > 0 {
            let (message, hint) = refusal::taken_over(feed, taken, length);
            self.aside.tell(Event::Warning { message, hint });
        }
        Ok(())
    }
}

/// Notes, before anything comes, up to where this machine had the feed: what a kill interrupts is told all the same.
fn note_taking(node: &Node, feed: &FeedKey, from: u64) -> Result<(), StoreError> {
    let name = note_name(b"taking/", feed);
    if node.disk.note(&name)?.is_some() {
        return Ok(());
    }
    node.disk.put_notes([(name, from.to_be_bytes().to_vec())])
}

pub(super) fn note_name(kind: &[u8], feed: &FeedKey) -> Vec<u8> {
    [kind, feed.as_bytes()].concat()
}

fn number(node: &Node, name: &[u8]) -> Result<Option<u64>, StoreError> {
    let value = node.disk.note(name)?;
    Ok(value.and_then(|value| value.try_into().ok().map(u64::from_be_bytes)))
}

impl Node {
    /// Records of an own feed that were taken over from elsewhere.
    pub(in crate::node) fn taken_over(&self, feed: &FeedKey) -> Result<u64, StoreError> {
        Ok(number(self, &note_name(b"taken/", feed))?.unwrap_or(0))
    }
}
