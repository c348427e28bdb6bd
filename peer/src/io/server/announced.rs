//! Who said that they serve a feed, and were found to: in memory, bounded, for an hour (spec/wire.md, Peers).
//!
//! The address is that of the connection, never one from the body, so nobody can have us knock at another's door. Of one
//! address block a few announcements a minute are looked at, and a few addresses of one feed are kept.

use super::places::block_of;
use super::{Answer, Caller, Served, empty, not_here, plain, refuse, refuse_bytes};
use crate::frame;
use crate::io::client::Client;
use crate::io::clock;
use crate::io::reach::is_global;
use hyper::StatusCode;
use levada_feed::chain;
use levada_feed::key::FeedKey;
use levada_feed::limits::PEERS_MAX;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Time for which an announcement counts.
const EXPIRY: Duration = Duration::from_secs(3_600);
/// Addresses kept for one feed, and of one address block.
const OF_FEED_MAX: usize = 64;
const OF_BLOCK_MAX: usize = 4;
/// Addresses kept in all.
const ALL_MAX: usize = 65_536;
/// Announcements of one block in a minute that are looked at.
const A_MINUTE_MAX: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// Blocks that are counted.
const BLOCKS_MAX: usize = 4_096;
/// Calls back at a time.
const CALLS_MAX: usize = 16;
/// Time that a call back may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// All who announced themselves.
pub(crate) struct Announced {
    known: Mutex<Known>,
    calls: Semaphore,
}

#[derive(Default)]
struct Known {
    feeds: BTreeMap<FeedKey, BTreeMap<SocketAddr, Instant>>,
    count: usize,
    blocks: BTreeMap<IpAddr, (Instant, u32)>,
}

impl Default for Announced {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            calls: Semaphore::new(CALLS_MAX),
        }
    }
}

impl Announced {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known
            .lock()
            .expect("nobody panics while holding this lock")
    }
}

/// The addresses of those who serve a feed, the newest first. Those of this machine are told on this machine only.
pub(super) fn list(served: &Served, feed: &FeedKey, caller: &Caller) -> Vec<u8> {
    let mut known = served.announced.known();
    known.expire(feed, clock::tick());
    let mut found: Vec<(SocketAddr, Instant)> = known
        .feeds
        .get(feed)
        .into_iter()
        .flatten()
        .map(|(address, at)| (*address, *at))
        .filter(|(address, _)| caller.is_local || !address.ip().is_loopback())
        .collect();
    found.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    let addresses = found.iter().take(PEERS_MAX);
    let addresses: Vec<String> = addresses
        .map(|(address, _)| format!("http://{address}"))
        .collect();
    frame::write_peers(&addresses)
}

/// Takes an announcement, once a small call back found the feed there.
pub(super) async fn announce(
    served: &Arc<Served>,
    feed: FeedKey,
    body: &[u8],
    caller: &Caller,
) -> Answer {
    let port = match frame::read_announce(body) {
        Ok(port) => port,
        Err(reject) => return refuse_bytes(&reject),
    };
    let is_allowed = |ip: IpAddr| is_global(ip) || (ip.is_loopback() && caller.is_local);
    let Some(ip) = caller
        .peer
        .map(|peer| peer.ip().to_canonical())
        .filter(|ip| is_allowed(*ip))
    else {
        return refuse(StatusCode::FORBIDDEN, "others could not reach this address");
    };
    let reading = served.clone();
    let head = tokio::task::spawn_blocking(move || reading.disk.head(&feed)).await;
    match head {
        Ok(Ok(Some(_))) => {}
        Ok(Ok(None)) => return not_here(),
        Ok(Err(error)) => return served.failed(error),
        Err(_) => return super::store_failed(),
    }
    let address = SocketAddr::new(ip, port);
    if !served.announced.known().may_call(ip, clock::tick()) {
        return refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "too many announcements of this address block",
        );
    }
    let Ok(_call) = served.announced.calls.try_acquire() else {
        return super::busy("too many announce at once", 60);
    };
    if !is_there(feed, address).await {
        return refuse(
            StatusCode::FORBIDDEN,
            "this feed was not found at this address",
        );
    }
    match served.announced.known().keep(feed, address, clock::tick()) {
        Some(true) => empty(StatusCode::NO_CONTENT),
        Some(false) => plain(StatusCode::OK, "text/plain", b"known already\n".to_vec()),
        None => super::busy("too many serve this feed", 3_600),
    }
}

/// Whether whoever is at this address has the feed.
async fn is_there(feed: FeedKey, address: SocketAddr) -> bool {
    // A client of its own: its connection ends with it, whatever the other side would like.
    let client = Client::default();
    let Ok(remote) = client.remote(&format!("http://{address}")) else {
        return false;
    };
    let answer = tokio::time::timeout(CALL_TIMEOUT, remote.knock(feed)).await;
    let Ok(Ok(answer)) = answer else {
        return false;
    };
    chain::check_head(&feed, &answer, 0).is_ok()
}

impl Known {
    fn expire(&mut self, feed: &FeedKey, now: Instant) {
        if let Some(addresses) = self.feeds.get_mut(feed) {
            let before = addresses.len();
            addresses.retain(|_, at| now.duration_since(*at) < EXPIRY);
            self.count -= before - addresses.len();
            if addresses.is_empty() {
                self.feeds.remove(feed);
            }
        }
    }

    /// Whether another announcement of this address block is looked at in this minute.
    fn may_call(&mut self, ip: IpAddr, now: Instant) -> bool {
        let block = block_of(ip);
        if self.blocks.len() >= BLOCKS_MAX && !self.blocks.contains_key(&block) {
            self.blocks
                .retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
            if self.blocks.len() >= BLOCKS_MAX {
                return false;
            }
        }
        let (since, count) = self.blocks.entry(block).or_insert((now, 0));
        if now.duration_since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= A_MINUTE_MAX
    }

    /// Keeps an address; says whether it is new. `None` where there is no room for it.
    fn keep(&mut self, feed: FeedKey, address: SocketAddr, now: Instant) -> Option<bool> {
        self.expire(&feed, now);
        if self.count >= ALL_MAX {
            let feeds: Vec<FeedKey> = self.feeds.keys().copied().collect();
            feeds.iter().for_each(|feed| self.expire(feed, now));
        }
        let addresses = self.feeds.entry(feed).or_default();
        if let Some(at) = addresses.get_mut(&address) {
            *at = now;
            return Some(false);
        }
        let block = block_of(address.ip());
        let of_block = addresses
            .keys()
            .filter(|known| block_of(known.ip()) == block);
        let is_full = addresses.len() >= OF_FEED_MAX || self.count >= ALL_MAX;
        if is_full || of_block.count() >= OF_BLOCK_MAX {
            if addresses.is_empty() {
                self.feeds.remove(&feed);
            }
            return None;
        }
        addresses.insert(address, now);
        self.count += 1;
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    fn feed(byte: u8) -> FeedKey {
        FeedSecret::from_bytes(&[byte; 32]).feed_key()
    }

    #[test]
    fn announcements_are_bounded_by_block_and_feed_and_end_after_an_hour() {
        let (mut known, now) = (Known::default(), clock::tick());
        let address = |a: u8, b: u8| SocketAddr::new([1, a, 0, b].into(), 9327);
        for b in 0..4 {
            assert_eq!(known.keep(feed(1), address(0, b), now), Some(true));
        }
        assert_eq!(
            known.keep(feed(1), address(0, 9), now),
            None,
            "of this block"
        );
        assert_eq!(known.keep(feed(1), address(0, 3), now), Some(false));
        for a in 1..61 {
            assert_eq!(known.keep(feed(1), address(a, 0), now), Some(true));
        }
        assert_eq!(
            known.keep(feed(1), address(99, 0), now),
            None,
            "of this feed"
        );
        assert_eq!(known.keep(feed(2), address(99, 0), now), Some(true));
        assert_eq!(known.count, 65);
        let later = now + EXPIRY;
        assert_eq!(known.keep(feed(1), address(99, 0), later), Some(true));
        assert_eq!((known.count, known.feeds[&feed(1)].len()), (2, 1));
    }

    #[test]
    fn one_block_is_called_back_a_few_times_a_minute() {
        let (mut known, now) = (Known::default(), clock::tick());
        let calls = (0..100).filter(|n| known.may_call([1, 0, 0, *n].into(), now));
        assert_eq!(calls.count(), 10);
        assert!(known.may_call([1, 0, 1, 0].into(), now));
        assert!(known.may_call([1, 0, 0, 0].into(), now + MINUTE));
        for n in 0..u32::try_from(2 * BLOCKS_MAX).unwrap() {
            known.may_call(IpAddr::V4((n << 8).into()), now + MINUTE);
        }
        assert!(known.blocks.len() <= BLOCKS_MAX);
    }
}
