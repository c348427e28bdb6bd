//! Bytes on their way to and from others, at the rates that are set (spec/store.md, Limits).
//!
//! A lane is one direction: its bucket (`rate`) and who waits for a turn. Sending waits for its turn before it writes;
//! what was received is paid for before more is read, so that the other side's packets wait in its own queue. One task
//! gives the turns while somebody waits and ends when nobody does: without limits nothing here ever wakes up.

mod limited;
mod turns;

use crate::io::clock;
use crate::rate::{Bucket, Meter, Ticket};
use crate::settings::Rates;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

pub use limited::Limited;
pub use turns::Turns;

/// Both directions of one node.
pub struct Traffic {
    /// To others.
    pub up: Arc<Lane>,
    /// From others.
    pub down: Arc<Lane>,
}

impl Traffic {
    /// Without limits yet; the local network is exempt from those to come unless `is_local_limited`.
    #[must_use]
    pub fn new(is_local_limited: bool) -> Self {
        Self {
            up: Arc::new(Lane::new(None, is_local_limited)),
            down: Arc::new(Lane::new(None, is_local_limited)),
        }
    }

    /// Sets the limits from now on, for what is under way too.
    pub fn set(&self, rates: Rates) {
        self.up.set(rates.up);
        self.down.set(rates.down);
    }

    /// The limits in force.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Rates {
            up: self.up.rate(),
            down: self.down.rate(),
        }
    }
}

/// One direction.
pub struct Lane {
    is_local_limited: bool,
    started: Instant,
    /// The largest piece that may go at a time; 0: no limit.
    piece: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    bucket: Bucket,
    waiting: BTreeMap<Ticket, Waiting>,
    next_ticket: Ticket,
    /// A task gives turns.
    is_attended: bool,
    limited: Meter,
    exempt: Meter,
    /// Answers under way that share the rate.
    sharing: u64,
}

/// A part of the rate that one answer has until this is dropped.
pub struct Share {
    /// Absent: it is not counted.
    lane: Option<Arc<Lane>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(lane) = &self.lane {
            lane.lock().sharing -= 1;
        }
    }
}

enum Waiting {
    For(Waker),
    Given(u64),
}

/// What went through in the last seconds, in bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Speed {
    /// Under the limit.
    pub limited: u64,
    /// Exempt from it.
    pub exempt: u64,
}

impl Lane {
    /// With a rate in bytes a second, or none.
    #[must_use]
    pub fn new(rate: Option<u64>, is_local_limited: bool) -> Self {
        let lane = Self {
            is_local_limited,
            started: clock::tick(),
            piece: AtomicU64::new(0),
            inner: Mutex::default(),
        };
        lane.set(rate);
        lane
    }

    fn now(&self) -> u64 {
        u64::try_from(clock::since(self.started).as_micros()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("nobody panics while holding this lock")
    }

    fn set(&self, rate: Option<u64>) {
        let now = self.now();
        let mut inner = self.lock();
        inner.bucket.set_rate(rate, now);
        let piece = inner.bucket.piece().unwrap_or(0);
        self.piece.store(piece, Ordering::Relaxed);
    }

    /// The rate in force; absent: no limit.
    #[must_use]
    pub fn rate(&self) -> Option<u64> {
        self.lock().bucket.rate()
    }

    /// A part of the rate for one more answer to this peer; `None` when each would have too little of it.
    #[must_use]
    pub fn share(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Share> {
        let is_exempt = !self.is_local_limited && peer.is_none_or(is_local);
        let mut inner = self.lock();
        match inner.bucket.sharers_max().filter(|_| !is_exempt) {
            None => Some(Share { lane: None }),
            Some(most) if inner.sharing >= most => None,
            Some(_) => {
                inner.sharing += 1;
                let lane = Some(self.clone());
                Some(Share { lane })
            }
        }
    }

    /// How fast it goes now.
    #[must_use]
    pub fn speed(&self) -> Speed {
        let now = self.now();
        let inner = self.lock();
        Speed {
            limited: inner.limited.rate(now),
            exempt: inner.exempt.rate(now),
        }
    }

    fn count(&self, bytes: usize, is_exempt: bool) {
        let now = self.now();
        let mut inner = self.lock();
        let Inner {
            limited, exempt, ..
        } = &mut *inner;
        let meter = if is_exempt { exempt } else { limited };
        meter.count(u64::try_from(bytes).unwrap_or(u64::MAX), now);
    }

    /// Gives turns until nobody waits.
    async fn attend(self: Arc<Self>) {
        loop {
            let pause = {
                let now = self.now();
                let mut inner = self.lock();
                while let Some((ticket, bytes)) = inner.bucket.next(now) {
                    let given = inner.waiting.insert(ticket, Waiting::Given(bytes));
                    if let Some(Waiting::For(waker)) = given {
                        waker.wake();
                    }
                }
                let Some(at) = inner.bucket.wake() else {
                    inner.is_attended = false;
                    return;
                };
                at.saturating_sub(now)
            };
            tokio::time::sleep(Duration::from_micros(pause)).await;
        }
    }
}

/// One connection in a lane.
struct Place {
    lane: Arc<Lane>,
    ticket: Ticket,
    is_exempt: bool,
}

impl Place {
    fn new(lane: &Arc<Lane>, peer: IpAddr) -> Self {
        let ticket = {
            let mut inner = lane.lock();
            inner.next_ticket += 1;
            inner.next_ticket
        };
        Self {
            ticket,
            is_exempt: !lane.is_local_limited && is_local(peer),
            lane: lane.clone(),
        }
    }

    /// The most that may go at a time; `None`: no limit.
    fn piece(&self) -> Option<usize> {
        let piece = self.lane.piece.load(Ordering::Relaxed);
        (piece > 0 && !self.is_exempt).then(|| usize::try_from(piece).unwrap_or(usize::MAX))
    }

    /// Waits for a turn. Gives how many of these bytes may go.
    fn poll_turn(&self, bytes: usize, turns: &Turns, context: &mut Context<'_>) -> Poll<usize> {
        let lane = &self.lane;
        let now = lane.now();
        let mut inner = lane.lock();
        let given = match inner.waiting.get_mut(&self.ticket) {
            Some(Waiting::Given(bytes)) => *bytes,
            Some(Waiting::For(waker)) => {
                waker.clone_from(context.waker());
                return Poll::Pending;
            }
            None => {
                let wanted = u64::try_from(bytes).unwrap_or(u64::MAX);
                let asked = inner.bucket.ask(self.ticket, wanted, turns.is_first(), now);
                let Some(given) = asked else {
                    let waker = context.waker().clone();
                    inner.waiting.insert(self.ticket, Waiting::For(waker));
                    turns.wait();
                    if !std::mem::replace(&mut inner.is_attended, true) {
                        tokio::spawn(lane.clone().attend());
                    }
                    return Poll::Pending;
                };
                given
            }
        };
        inner.waiting.remove(&self.ticket);
        turns.go(given);
        Poll::Ready(usize::try_from(given).unwrap_or(usize::MAX))
    }

    fn leave(&self, is_through: bool) {
        let mut inner = self.lane.lock();
        if inner.waiting.remove(&self.ticket).is_some() {
            inner.bucket.leave(self.ticket, is_through);
        }
    }
}

/// Whether an address is of this machine or its own network, and not of the internet.
#[must_use]
pub fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
