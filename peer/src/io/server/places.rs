//! How many connections at once: of everybody, and of one address block, so that nobody alone takes all places.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at once at most.
const CONNECTIONS_MAX: usize = 8_192;
/// Connections at once at least, however few files this process may open.
const CONNECTIONS_MIN: usize = 16;
/// Files that the store, the blobs and everything else may need.
const FILES_RESERVED: u64 = 512;
/// Files that one connection may have open: its socket, a blob and its outboard.
const FILES_EACH: u64 = 3;
/// Files that this process asks the system for.
const FILES_WANTED: u64 = FILES_RESERVED + CONNECTIONS_MAX as u64 * FILES_EACH;

/// The places of all listeners of one node.
pub struct Places {
    most: usize,
    each: usize,
    all: Arc<Semaphore>,
    blocks: Arc<Mutex<Blocks>>,
}

type Blocks = BTreeMap<IpAddr, usize>;

/// One connection's place; free again when it is dropped.
pub(super) struct Place {
    _one: OwnedSemaphorePermit,
    block: IpAddr,
    blocks: Arc<Mutex<Blocks>>,
}

impl Places {
    fn new(most: usize, each: usize) -> Self {
        Self {
            most,
            each,
            all: Arc::new(Semaphore::new(most)),
            blocks: Arc::default(),
        }
    }

    /// As many as wanted and as the system lets this process have; of one address block as many as wanted, or a quarter.
    #[must_use]
    pub fn of_system(most: Option<usize>, each: Option<usize>) -> Self {
        let most = most
            .unwrap_or(CONNECTIONS_MAX)
            .clamp(1, connections(raise_files()));
        Self::new(most, each.unwrap_or(most / 4).clamp(1, most))
    }

    /// Connections at once at most, in all and of one address block.
    #[must_use]
    pub fn most(&self) -> (usize, usize) {
        (self.most, self.each)
    }

    /// Connections now.
    #[must_use]
    pub fn taken(&self) -> usize {
        lock(&self.blocks).values().sum()
    }

    /// Waits for a free place.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.ok()
    }

    /// Takes the place for a peer; `None` when its address block has its share already.
    pub(super) fn take(&self, one: OwnedSemaphorePermit, peer: SocketAddr) -> Option<Place> {
        let block = block_of(peer.ip());
        let mut blocks = lock(&self.blocks);
        let taken = blocks.entry(block).or_default();
        if *taken >= self.each {
            return None;
        }
        *taken += 1;
        Some(Place {
            _one: one,
            block,
            blocks: self.blocks.clone(),
        })
    }

    /// Waits until every place is free again, for a while.
    pub(super) async fn settle(&self, at_most: Duration) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        // Who has not ended by then is cut off.
        let _ = tokio::time::timeout(at_most, self.all.acquire_many(all)).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut blocks = lock(&self.blocks);
        if let Some(taken) = blocks.get_mut(&self.block) {
            *taken -= 1;
            if *taken == 0 {
                blocks.remove(&self.block);
            }
        }
    }
}

fn lock(blocks: &Mutex<Blocks>) -> MutexGuard<'_, Blocks> {
    blocks
        .lock()
        .expect("nobody panics while holding this lock")
}

/// What one network usually has: 256 addresses of version 4, 2^80 of version 6.
pub(super) fn block_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4((ip.to_bits() & !0xff).into()),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80)),
    }
}

/// Asks the system for more open files than the few that a process begins with; gives how many there are.
fn raise_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let found = getrlimit(Resource::Nofile);
    let wanted = found.maximum.unwrap_or(u64::MAX).min(FILES_WANTED);
    if found.current.is_some_and(|current| current < wanted) {
        let more = Rlimit {
            current: Some(wanted),
            maximum: found.maximum,
        };
        // With fewer files fewer connections are taken.
        let _ = setrlimit(Resource::Nofile, more);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn connections(files: u64) -> usize {
    let fit = files.saturating_sub(FILES_RESERVED) / FILES_EACH;
    usize::try_from(fit)
        .unwrap_or(usize::MAX)
        .clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    #[tokio::test]
    async fn one_block_gets_a_quarter_and_places_come_back() {
        let places = Places::new(8, 2);
        let take = async |ip| places.take(places.free().await.unwrap(), peer(ip));
        let first = take("192.0.2.1").await.unwrap();
        let _second = take("192.0.2.255").await.unwrap();
        assert!(take("192.0.2.3").await.is_none());
        assert!(take("::ffff:192.0.2.3").await.is_none());
        let _other = take("192.0.3.1").await.unwrap();
        let _six = take("2001:db8:1::1").await.unwrap();
        let _same = take("2001:db8:1:ffff::1").await.unwrap();
        assert!(take("2001:db8:1::2").await.is_none());
        let _next = take("2001:db8:2::1").await.unwrap();
        drop(first);
        let _again = take("192.0.2.9").await.unwrap();
        assert_eq!(places.all.available_permits(), 2);
        assert_eq!(places.taken(), 6);
    }

    #[test]
    fn bounds_that_are_set_hold_within_what_the_system_gives() {
        assert_eq!(Places::of_system(Some(9), None).most(), (9, 2));
        assert_eq!(Places::of_system(Some(9), Some(5)).most(), (9, 5));
        assert_eq!(Places::of_system(Some(0), Some(0)).most(), (1, 1));
        let (most, each) = Places::of_system(Some(usize::MAX), Some(usize::MAX)).most();
        assert_eq!(most, each);
        assert!((CONNECTIONS_MIN..=CONNECTIONS_MAX).contains(&most));
    }

    #[test]
    fn connections_leave_files_for_everything_else() {
        assert_eq!(connections(0), 16);
        assert_eq!(connections(1_024), 170);
        assert_eq!(connections(FILES_WANTED), 8_192);
        assert_eq!(connections(u64::MAX), 8_192);
        assert!(raise_files() >= 256);
    }
}
