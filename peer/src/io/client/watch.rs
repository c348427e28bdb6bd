//! One stream of news from a peer: opened, and read frame by frame within bounds (spec/wire.md, Watching).

use super::transfer::patient;
use super::{AskError, Remote, STALL_TIMEOUT, Target, Transfer, Unreachable, Wants};
use crate::frame::{Ask, FRAMES_A_MINUTE, FRAMES_OF_FEED, Frame, Frames, Watched, write_watch};
use crate::io::clock;
use bytes::Bytes;
use hyper::Method;
use levada_feed::key::FeedKey;
use levada_feed::reject::Reject;
use std::time::{Duration, Instant};

/// Time without a frame after which a peer counts as gone: it says twice as often that it is there.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);
/// Time over which frames are counted.
const FLOOD_TIME: Duration = Duration::from_secs(60);

/// An open stream.
pub struct Watching {
    remote: Remote,
    transfer: Transfer,
    frames: Frames,
    rest: Bytes,
    feeds: usize,
    counted: usize,
    since: Instant,
}

/// Bytes of the answer to a knock.
const KNOCK_BYTES_MAX: u64 = 65_536;

impl Remote {
    /// One small question for a feed's head, whatever kind of host this is.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn knock(&self, feed: FeedKey) -> Result<Bytes, AskError> {
        let (have, wait) = (0, 0);
        let ask = Ask::Head { feed, have, wait };
        let target = Target::Wire(&ask);
        let transfer = self.send_plain(target, Wants::default()).await?;
        transfer.all(KNOCK_BYTES_MAX).await
    }

    /// Opens a stream of news about these feeds, in rising order of their keys. `None` when this peer does not know how:
    /// then it is asked feed by feed.
    ///
    /// # Errors
    /// See `AskError`.
    pub async fn watch(&self, watched: &[Watched]) -> Result<Option<Watching>, AskError> {
        if self.is_static() {
            return Ok(None);
        }
        let body = Bytes::from(write_watch(watched));
        let wants = Wants::default();
        let transfer = match self
            .send(Method::POST, Target::Wire(&Ask::Watch), wants, body)
            .await
        {
            Ok(transfer) => transfer.at_leisure(SILENCE_TIMEOUT),
            Err(AskError::Unreachable(error)) if is_unknown(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut watching = Watching {
            remote: self.clone(),
            transfer,
            frames: Frames::of(watched.len()),
            rest: Bytes::new(),
            feeds: watched.len(),
            counted: 0,
            since: clock::tick(),
        };
        // A web host may answer anything with a page: a stream begins with its first sign of life. It comes as soon as any
        // answer: few streams are opened at a time, and who lets one drip would keep a place from others.
        let turns = watching.transfer.turns.clone();
        let started = clock::tick();
        match patient(STALL_TIMEOUT, &turns, watching.next()).await {
            Some(Ok(Some(Frame::Alive))) => Ok(Some(watching)),
            Some(Ok(_) | Err(AskError::Rejected { .. })) => Ok(None),
            Some(Err(error)) => Err(error),
            None => Err(Unreachable::Stalled {
                peer: self.name().to_owned(),
                after_ms: clock::since(started).as_millis(),
            }
            .into()),
        }
    }
}

/// What says that the path is not known, or that nothing may be handed over: web hosts differ in that.
fn is_unknown(error: &Unreachable) -> bool {
    match error {
        Unreachable::NotThere { .. } | Unreachable::Unusable { .. } => true,
        Unreachable::Status { status, .. } => !matches!(status, 408 | 429 | 500 | 502 | 504..=599),
        _ => false,
    }
}

impl Watching {
    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// `Stalled` after too long a silence, `Unusable` for a flood, wire-1, wire-2 and the codec's. Then the stream is over.
    pub async fn next(&mut self) -> Result<Option<Frame>, AskError> {
        loop {
            let mut bytes: &[u8] = &self.rest;
            let frame = self.frames.next(&mut bytes);
            let taken = self.rest.len() - bytes.len();
            self.rest = self.rest.split_off(taken);
            let frame = frame.map_err(|reject| self.rejected(reject))?;
            if let Some(frame) = frame {
                self.count()?;
                return Ok(Some(frame));
            }
            match self.transfer.next().await? {
                Some(bytes) => self.rest = bytes,
                None if self.frames.is_cut() => return Err(self.rejected(Reject::Truncated)),
                None => return Ok(None),
            }
        }
    }

    fn rejected(&self, reject: Reject) -> AskError {
        AskError::Rejected {
            peer: self.remote.name().to_owned(),
            reject,
        }
    }

    fn count(&mut self) -> Result<(), AskError> {
        if clock::since(self.since) >= FLOOD_TIME {
            (self.counted, self.since) = (0, clock::tick());
        }
        self.counted += 1;
        let of_feeds = self.feeds.saturating_mul(FRAMES_OF_FEED);
        if self.counted > FRAMES_A_MINUTE.saturating_add(of_feeds) {
            return Err(self.remote.unusable("it floods us with news").into());
        }
        Ok(())
    }
}
