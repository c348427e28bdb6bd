//! An amount that all who ask share, of which one address block gets a part at most: nobody alone takes all of it.

use super::places::block_of;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Blocks kept in memory; further ones push out those that have nothing.
const BLOCKS_MAX: usize = 1_024;

/// The amount, in units of whoever shares it.
pub(super) struct Shares {
    all: Arc<Semaphore>,
    each: usize,
    blocks: Mutex<BTreeMap<IpAddr, Arc<Semaphore>>>,
}

/// What one answer has of it, until this is dropped.
pub(super) struct Part {
    all: OwnedSemaphorePermit,
    /// Absent for one who has no address.
    block: Option<OwnedSemaphorePermit>,
}

impl Shares {
    /// So much of it, and so much for one address block.
    pub(super) fn new(all: usize, each: usize) -> Self {
        let all = all.clamp(1, u32::MAX as usize).min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(all)),
            each: each.clamp(1, all),
            blocks: Mutex::default(),
        }
    }

    /// A part, as soon as there is one; what is more than a block may have is taken for as much as it may have.
    pub(super) async fn take(&self, peer: Option<IpAddr>, units: usize) -> Option<Part> {
        let units = self.bounded(units);
        // The block's own first: who waits for that holds up none of the others.
        let block = match self.block(peer) {
            Some(block) => Some(block.acquire_many_owned(units).await.ok()?),
            None => None,
        };
        let all = self.all.clone().acquire_many_owned(units).await.ok()?;
        Some(Part { all, block })
    }

    /// A part, if there is one now.
    pub(super) fn try_take(&self, peer: Option<IpAddr>, units: usize) -> Option<Part> {
        let units = self.bounded(units);
        let block = match self.block(peer) {
            Some(block) => Some(block.try_acquire_many_owned(units).ok()?),
            None => None,
        };
        let all = self.all.clone().try_acquire_many_owned(units).ok()?;
        Some(Part { all, block })
    }

    /// What nobody has.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.all.available_permits()
    }

    /// What one address block may have.
    #[cfg(test)]
    pub(super) fn each(&self) -> usize {
        self.each
    }

    fn bounded(&self, units: usize) -> u32 {
        u32::try_from(units.min(self.each)).unwrap_or(u32::MAX)
    }

    fn block(&self, peer: Option<IpAddr>) -> Option<Arc<Semaphore>> {
        let block = block_of(peer?);
        let mut blocks = self
            .blocks
            .lock()
            .expect("nobody panics while holding this lock");
        if blocks.len() >= BLOCKS_MAX && !blocks.contains_key(&block) {
            // Every part of a block, and everyone who waits for one, holds on to it.
            blocks.retain(|_, kept| Arc::strong_count(kept) > 1);
        }
        let each = || Arc::new(Semaphore::new(self.each));
        Some(blocks.entry(block).or_insert_with(each).clone())
    }
}

impl Part {
    /// Gives back what is more than so many units.
    pub(super) fn shrink(&mut self, units: usize) {
        for permit in [Some(&mut self.all), self.block.as_mut()]
            .into_iter()
            .flatten()
        {
            let spare = permit.num_permits().saturating_sub(units);
            drop(permit.split(spare));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[tokio::test]
    async fn one_block_gets_its_part_and_leaves_the_rest_to_others() {
        let shares = Shares::new(8, 3);
        let mut first = shares.take(peer("192.0.2.1"), 2).await.unwrap();
        let _second = shares.try_take(peer("192.0.2.9"), 1).unwrap();
        assert!(shares.try_take(peer("192.0.2.200"), 1).is_none());
        // More than any may have is all that one may have.
        let other = shares.try_take(peer("192.0.3.1"), 100).unwrap();
        assert_eq!(shares.all.available_permits(), 2);
        let here = shares.try_take(None, 2).unwrap();
        assert!(shares.try_take(peer("2001:db8::1"), 1).is_none());
        drop((other, here));
        first.shrink(1);
        assert_eq!(shares.all.available_permits(), 6);
        let _third = shares.try_take(peer("192.0.2.7"), 1).unwrap();
        assert!(shares.try_take(peer("192.0.2.7"), 1).is_none());
    }

    #[tokio::test]
    async fn who_waits_for_his_own_block_holds_up_nobody() {
        let shares = Arc::new(Shares::new(4, 2));
        let held = shares.take(peer("192.0.2.1"), 2).await.unwrap();
        let waiting = shares.clone();
        let waiting = tokio::spawn(async move { waiting.take(peer("192.0.2.2"), 2).await });
        tokio::task::yield_now().await;
        let other = shares.take(peer("198.51.100.1"), 2).await.unwrap();
        assert!(!waiting.is_finished());
        drop((held, other));
        assert!(waiting.await.unwrap().is_some());
    }

    #[test]
    fn blocks_that_have_nothing_are_forgotten() {
        let shares = Shares::new(4, 2);
        let _held = shares.try_take(peer("192.0.2.1"), 1).unwrap();
        for n in 0..u32::try_from(3 * BLOCKS_MAX).unwrap() {
            assert!(
                shares
                    .try_take(Some(IpAddr::V4((n << 8).into())), 1)
                    .is_some()
            );
        }
        let blocks = shares.blocks.lock().unwrap();
        assert!(blocks.len() <= BLOCKS_MAX);
        assert!(blocks.contains_key(&peer("192.0.2.0").unwrap()));
    }
}
