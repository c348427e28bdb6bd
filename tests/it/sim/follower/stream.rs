//! One stream with one peer: as `node::live::watch` has it.

use super::{Follower, Now, Purpose, Said, What, name};
use levada_feed::key::FeedKey;
use levada_peer::engine::{Ending, Event, Told};
use levada_peer::frame::{self, Frame, Frames, News, Watched};
use levada_peer::judge::{self, NewsJudged};
use levada_peer::standing::Conduct;

pub(super) struct Stream {
    id: u64,
    number: u64,
    feeds: Vec<FeedKey>,
    known: Vec<Watched>,
    frames: Frames,
    is_open: bool,
}

impl Follower {
    pub(super) fn watch(&mut self, peer: usize, number: u64, feeds: Vec<FeedKey>) {
        let watched = |feed: &FeedKey| {
            let head = self.feeds[feed].store.head();
            Watched {
                feed: *feed.as_bytes(),
                have: head.map_or(0, |head| head.body().length),
                tag: head.map(|head| frame::head_tag_bytes(head.wire())),
            }
        };
        let known: Vec<Watched> = feeds.iter().map(watched).collect();
        self.unwatch(peer);
        let what = What::Watch(frame::write_watch(&known));
        let id = self.ask(peer, what, Purpose::Stream(peer));
        let stream = Stream {
            id,
            number,
            frames: Frames::of(feeds.len()),
            feeds,
            known,
            is_open: false,
        };
        self.streams.insert(peer, stream);
    }

    pub(super) fn unwatch(&mut self, peer: usize) {
        if let Some(stream) = self.streams.remove(&peer) {
            self.pending.remove(&stream.id);
        }
    }

    pub(super) fn hear_stream(&mut self, peer: usize, id: u64, said: Said, now: Now) {
        let Some(stream) = self.streams.get(&peer).filter(|stream| stream.id == id) else {
            return;
        };
        let is_open = stream.is_open;
        let ending = match said {
            Said::Bytes(bytes) => match self.frames(peer, &bytes, now) {
                Ok(()) => return,
                Err(ending) => ending,
            },
            // What answers no stream at all is polled.
            Said::NotThere | Said::Same => Ending::Unknown,
            Said::End => Ending::Closed,
            // The time of an answer that came.
            Said::Unreachable if is_open => return,
            said @ Said::Unreachable => {
                self.failed(peer, &said, now);
                Ending::Failed
            }
        };
        self.tell(peer, Told::Ended(ending), now);
        self.unwatch(peer);
    }

    fn tell(&mut self, peer: usize, told: Told, now: Now) {
        let Some(stream) = self.streams.get(&peer).map(|stream| stream.number) else {
            return;
        };
        let peer = name(peer);
        let event = Event::Watched { peer, stream, told };
        self.engine.note(event, now.awake);
    }

    fn frames(&mut self, peer: usize, mut bytes: &[u8], now: Now) -> Result<(), Ending> {
        loop {
            let Some(stream) = self.streams.get_mut(&peer) else {
                return Ok(());
            };
            let is_first = !stream.is_open;
            let frame = match stream.frames.next(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some(frame)) => frame,
                // A web host may answer anything with a page: a stream begins with its first sign of life.
                Err(_) if is_first => return Err(Ending::Unknown),
                Err(reject) => {
                    self.lied(peer, &reject, now);
                    return Err(Ending::Failed);
                }
            };
            match frame {
                Frame::Alive if is_first => {
                    stream.is_open = true;
                    self.conduct(peer, Conduct::Answered(None), now);
                    self.tell(peer, Told::Open, now);
                }
                Frame::Alive => {}
                Frame::News { .. } if is_first => return Err(Ending::Unknown),
                Frame::News { at, news } => self.news(peer, at, news, now)?,
            }
        }
    }

    fn news(&mut self, peer: usize, at: usize, news: News, now: Now) -> Result<(), Ending> {
        let Some(stream) = self.streams.get_mut(&peer) else {
            return Ok(());
        };
        let feed = stream.feeds[at];
        let known = &mut stream.known[at];
        let store = self.feeds.get_mut(&feed).unwrap();
        let Ok(judged) = judge::news(store, &feed, &mut known.have, &news, now.wall);
        self.changed.insert(feed);
        match judged {
            NewsJudged::Nothing => {}
            NewsJudged::News { length } => self.tell(peer, Told::News { feed, length }, now),
            NewsJudged::Has { length } => self.tell(peer, Told::Has { feed, length }, now),
            NewsJudged::Lacks => self.tell(peer, Told::Lacks(feed), now),
            NewsJudged::Wrong(reject) => {
                self.lied(peer, &reject, now);
                return Err(Ending::Failed);
            }
        }
        Ok(())
    }
}
