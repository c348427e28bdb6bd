//! What comes along with records: the small blobs that they name, and as what these and larger ones are kept.

use super::{Taking, WINDOW_RECORDS};
use crate::api::{Event, Progress};
use crate::node::Stop;
use crate::query;
use crate::store::StoreError;
use levada_feed::hash::Hash;
use levada_feed::log::Batch;
use tokio::sync::mpsc;

impl Taking<'_> {
    /// Of records that are here already, what they name comes along.
    pub(super) fn come_along(
        &self,
        events: &mpsc::Sender<Event>,
        stop: &Stop,
    ) -> Result<(), StoreError> {
        let (disk, mut next) = (&self.node.disk, 0);
        while let Some(first) = disk.next_record(&self.feed, next)? {
            if *stop.borrow() {
                break;
            }
            self.report(events, first);
            next = first.saturating_add(WINDOW_RECORDS);
            let mut named = Vec::new();
            disk.records(&self.feed, first..next, &mut |index, record| {
                named.extend(query::changes(record, index).1);
                true
            })?;
            self.take_named(&named)?;
        }
        Ok(())
    }

    pub(super) fn report(&self, events: &mpsc::Sender<Event>, count: u64) {
        let progress = Progress {
            what: "records".into(),
            of: self.node.nickname(&self.feed),
            count,
            ..Progress::default()
        };
        // A report that finds no room is one of many.
        let _ = events.try_send(Event::Progress(progress));
    }

    /// Records are here: the small blobs that they name come along.
    pub(super) fn came(&mut self, batch: &Batch, named: &[Hash]) -> Result<(), StoreError> {
        *self.taken += u64::try_from(batch.records().len()).unwrap_or(0);
        self.take_named(named)
    }

    fn take_named(&self, named: &[Hash]) -> Result<(), StoreError> {
        for hash in named {
            if self.node.disk.small(hash)?.is_none()
                && let Ok(Some(bytes)) = self.old().small(hash)
                && Hash::of(&bytes) == *hash
            {
                self.node.disk.put_small([(*hash, bytes.as_slice())])?;
            }
            let class = self.node.class_of(self.claims, hash)?;
            self.node.raise(std::slice::from_ref(hash), class)?;
        }
        Ok(())
    }
}
