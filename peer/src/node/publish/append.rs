//! From a file that is ready to a record: new, an edit of what was published before, or nothing to say.

use super::entry::{Entry, Noted};
use super::reading::Ready;
use super::{Run, item};
use crate::api::{Change, Code, Event, Failure};
use crate::io::clock;
use crate::io::walk::Found;
use levada_feed::hash::Hash;
use levada_feed::record::{Body, Item, Record, read};

impl Run<'_> {
    /// Turns a file into a record, if there is anything to say that was not said.
    pub(super) fn append(&mut self, found: &Found, ready: Ready) -> Result<(), Failure> {
        let is_private = ready.is_stripped || !self.args.strip_place;
        if is_private {
            self.point_out(found, &ready.facts, ready.is_stripped);
        }
        let known = self.known(found, &ready.imported.hash)?;
        let before = match &known {
            Some(entry) => self.current(entry)?,
            None => None,
        };
        // An item that was retracted since is not brought back by an edit: the file becomes a new one.
        let edited = known.as_ref().zip(before.as_ref());
        let (item, change) = match edited {
            None => (item::new(self.args, found, &ready), Change::New),
            Some((entry, before)) => match item::edited(before, self.args, found, &ready, entry) {
                Some(edited) => edited,
                None => return self.unchanged(found, &ready, entry.clone()),
            },
        };
        let first = edited.map(|(entry, _)| (entry.index, entry.link));
        let title = item.title.clone();
        let body = Body::Item(Box::new(item));
        let (index, link) = match self.author.append(body, clock::now_ms()) {
            Ok(appended) => appended,
            Err(failure) if failure.code == Code::Usage => {
                self.fail(&found.path, failure.message);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        self.count(change);
        let (first, first_link) = first.unwrap_or((index, link));
        let entry = Entry::new(found, ready.imported.hash, first, first_link, index);
        if let Some(old) = known.filter(|old| old.file != found.path) {
            self.noted.push(Noted::Drop(old));
        }
        self.noted.push(Noted::Put(entry));
        self.small.extend(ready.small);
        self.tell(Event::Published {
            index: Some(index),
            path: found.relative.clone(),
            title,
            change,
            media_type: ready.facts.media_type,
            size: ready.imported.size,
        });
        self.report();
        self.sign_if_due()
    }

    /// What is known of a file: published in this run, before from this path, or from a path that is gone.
    fn known(&self, found: &Found, hash: &Hash) -> Result<Option<Entry>, Failure> {
        if let Some(just_now) = self.noted.at(&found.path) {
            return Ok(Some(just_now.clone()));
        }
        match self.entries.at(&found.path)? {
            Some(entry) => Ok(Some(entry)),
            None => match self.entries.moved_from(found, hash)? {
                Some(entry) => Ok(Some(entry)),
                None => self
                    .entries
                    .claim(found, hash, &|index| self.noted.has_item(index)),
            },
        }
    }

    fn unchanged(&mut self, found: &Found, ready: &Ready, entry: Entry) -> Result<(), Failure> {
        self.summary.unchanged += 1;
        if entry.file != found.path {
            self.noted.push(Noted::Drop(entry.clone()));
        }
        let seen = Entry {
            hash: ready.imported.hash,
            ..entry
        }
        .seen(found);
        self.noted.push(Noted::Put(seen));
        self.sign_if_due()
    }

    /// The newest state of an item that was published before; `None` when it was retracted since.
    fn current(&self, entry: &Entry) -> Result<Option<Item>, Failure> {
        let row = self.node.disk.row(&self.feed, entry.index)?;
        if row.is_some_and(|(_, row)| row.retracted_by.is_some()) {
            return Ok(None);
        }
        let newest = row.map_or(entry.newest, |(_, row)| row.newest.max(entry.newest));
        let bytes = match self.author.pending(newest) {
            Some(bytes) => Some(bytes),
            None => self.node.disk.record(&self.feed, newest)?,
        };
        Ok(bytes.and_then(|bytes| match read(&bytes, newest) {
            Ok(Record {
                body: Body::Item(item),
                ..
            }) => Some(*item),
            _ => None,
        }))
    }
}
