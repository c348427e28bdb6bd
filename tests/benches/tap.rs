//! A tap on loopback between a follower and who it asks: counts bytes, connections and round trips, and tells when.
//!
//! It copies every byte once more, so rows that are timed do without it, except where its clock is the point: from
//! connecting to the last byte.

use crate::line::Failure;
use levada_peer::io::clock;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

/// A tap; ends when dropped.
pub(crate) struct Tap {
    address: SocketAddr,
    seen: Arc<Seen>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    is_over: std::sync::atomic::AtomicBool,
    asked: AtomicU64,
    answered: AtomicU64,
    messages: AtomicU64,
    turns: Mutex<Turns>,
}

#[derive(Default)]
struct Turns {
    connected: Vec<Instant>,
    round_trips: u64,
    is_answering: bool,
    last: Option<Instant>,
}

impl Seen {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns
            .lock()
            .expect("nobody panics while holding this lock")
    }
}

/// What went through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// Bytes from the follower.
    pub(crate) asked: u64,
    /// Bytes to the follower.
    pub(crate) answered: u64,
    pub(crate) connections: usize,
    /// Parts that went through in either direction, as they came.
    pub(crate) messages: u64,
    /// Times that the follower waited for an answer before it went on asking.
    pub(crate) round_trips: u64,
    /// When the last bytes of an answer went on.
    pub(crate) last: Option<Instant>,
}

impl Tap {
    /// A tap before this address.
    pub(crate) fn before(to: &str) -> Result<Self, Failure> {
        let to: SocketAddr = to.parse()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::Relaxed) {
                    return;
                }
                // A connection that breaks is for its two ends to notice.
                let _ = join(stream, to, &shared);
            }
        });
        Ok(Self {
            address,
            seen,
            accepting: Some(accepting),
        })
    }

    /// Where to ask.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Bytes to the follower so far.
    pub(crate) fn answered(&self) -> u64 {
        self.seen.answered.load(Ordering::Relaxed)
    }

    /// What went through so far.
    pub(crate) fn count(&self) -> Count {
        let turns = self.seen.turns();
        Count {
            asked: self.seen.asked.load(Ordering::Relaxed),
            answered: self.answered(),
            messages: self.seen.messages.load(Ordering::Relaxed),
            connections: turns.connected.len(),
            round_trips: turns.round_trips,
            last: turns.last,
        }
    }

    /// When the first connection after this many came.
    pub(crate) fn connected_after(&self, connections: usize) -> Option<Instant> {
        self.seen.turns().connected.get(connections).copied()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.seen.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts; if it is gone already, so much the better.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn join(near: TcpStream, to: SocketAddr, seen: &Arc<Seen>) -> io::Result<()> {
    seen.turns().connected.push(clock::tick());
    let far = TcpStream::connect(to)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (from, into, asking) = (near.try_clone()?, far.try_clone()?, seen.clone());
    let asked = move |bytes: u64| {
        asking.asked.fetch_add(bytes, Ordering::Relaxed);
        asking.messages.fetch_add(1, Ordering::Relaxed);
        let mut turns = asking.turns();
        if turns.round_trips == 0 || turns.is_answering {
            turns.round_trips += 1;
            turns.is_answering = false;
        }
    };
    std::thread::spawn(move || copy(from, into, asked));
    let answering = seen.clone();
    let answered = move |bytes: u64| {
        answering.answered.fetch_add(bytes, Ordering::Relaxed);
        answering.messages.fetch_add(1, Ordering::Relaxed);
        let mut turns = answering.turns();
        turns.is_answering = true;
        turns.last = Some(clock::tick());
    };
    std::thread::spawn(move || copy(far, near, answered));
    Ok(())
}

/// Copies until either end closes; counts what was handed on.
fn copy(mut from: TcpStream, mut into: TcpStream, count: impl Fn(u64)) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            break;
        };
        if into.write_all(part).is_err() {
            break;
        }
        count(u64::try_from(read).unwrap_or(0));
    }
    // The other direction ends with this one.
    let _ = into.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
