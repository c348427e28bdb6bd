//! What a store had that was set aside, until the one that took its place has it too.

use crate::node::Node;
use crate::runs::Runs;
use crate::store::StoreError;
use levada_feed::key::FeedKey;

fn name(feed: &FeedKey) -> Vec<u8> {
    [b"held-before/".as_slice(), feed.as_bytes()].concat()
}

impl Node {
    /// Notes which records of a feed a store had that was set aside.
    pub(super) fn note_before(&self, feed: &FeedKey, held: &Runs) -> Result<(), StoreError> {
        let noted = self.disk.note(&name(feed))?;
        let mut had = noted
            .and_then(|noted| Runs::from_note(&noted))
            .unwrap_or_default();
        had.add(held);
        self.disk.put_notes([(name(feed), had.to_note())])
    }

    /// How many records of a feed the store lacks that one before it had, those aside that were retracted. Until they are here
    /// again it cannot be told what they name.
    pub(in crate::node) fn lacking_before(&self, feed: &FeedKey) -> Result<u64, StoreError> {
        let Some(noted) = self.disk.note(&name(feed))? else {
            return Ok(0);
        };
        let (held, gone) = (self.disk.held(feed), self.disk.gone(feed)?);
        let mut lacking = 0;
        for run in Runs::from_note(&noted).unwrap_or_default().iter() {
            for run in held.missing(run) {
                for run in gone.missing(run) {
                    let retracted = self.disk.retracted(feed, run.clone())?.len();
                    let count = run.end - run.start;
                    lacking += count.saturating_sub(u64::try_from(retracted).unwrap_or(0));
                }
            }
        }
        if lacking == 0 {
            self.disk.drop_note(&name(feed))?;
        }
        Ok(lacking)
    }
}
