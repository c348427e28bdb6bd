//! One stream of news about many feeds: what is watched, and the frames that tell of it (spec/wire.md, Watching).
//!
//! Bytes only. Everything in a frame is a claim until `levada_feed` has judged it. A frame that is longer than its bound is
//! refused by its length, before any of it is kept.

use super::open;
use levada_feed::codec::{self, Writer};
use levada_feed::hash::Hash;
use levada_feed::limits::{HASH_BYTES, WATCH_FEEDS_MAX, WATCH_FRAME_BYTES_MAX};
use levada_feed::reject::Reject;

/// Bytes of a request at most: 16 around 4,096 feeds of 64.
pub const WATCH_BYTES_MAX: usize = 16 + WATCH_FEEDS_MAX * 64;
/// Frames that a reader takes in a minute, besides those for each feed; a server tells less than half of it, so that no
/// minute has more, wherever it begins.
pub const FRAMES_A_MINUTE: usize = 256;
/// Frames for each feed in that time.
pub const FRAMES_OF_FEED: usize = 4;
/// Bytes of the length before each frame.
const LENGTH_BYTES: usize = 4;
/// Values of a request besides those of its feeds, with some to spare: too many is no form, not a bound of the codec.
const VALUES_SPARE: usize = 16;

/// One feed that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The 32 bytes of its key; not checked, because only a key that is here is looked up.
    pub feed: [u8; HASH_BYTES],
    /// Records that the watcher's highest head has; 0 for none.
    pub have: u64,
    /// Tag of the head that the watcher knows; none: it wants to be told of any.
    pub tag: Option<[u8; 16]>,
}

/// The first 16 bytes of the hash of a head's wire form.
#[must_use]
pub fn head_tag_bytes(wire: &[u8]) -> [u8; 16] {
    let hash = Hash::of(wire).0;
    let mut tag = [0; 16];
    tag.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    tag
}

/// Asks for news: `[1, [[feed, have, tag or null], …]]`, in rising order of the keys. At most 4,096 feeds.
#[must_use]
pub fn write_watch(watched: &[Watched]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).uint(1).array(watched.len());
    for one in watched {
        writer.array(3).bytes(&one.feed).uint(one.have);
        match &one.tag {
            Some(tag) => writer.bytes(tag),
            None => writer.null(),
        };
    }
    writer.finish()
}

/// Reads `write_watch`.
///
/// # Errors
/// wire-1 and the codec's.
pub fn read_watch(bytes: &[u8]) -> Result<Vec<Watched>, Reject> {
    if bytes.len() > WATCH_BYTES_MAX {
        return Err(Reject::AnswerForm);
    }
    let parts = open(bytes, (WATCH_FEEDS_MAX + 1) * 4 + VALUES_SPARE)?;
    let [_, list] = parts.as_slice() else {
        return Err(Reject::AnswerForm);
    };
    let list = codec::read_array(list).ok_or(Reject::AnswerForm)?;
    if list.is_empty() || list.len() > WATCH_FEEDS_MAX {
        return Err(Reject::AnswerForm);
    }
    let watched: Option<Vec<Watched>> = list.into_iter().map(read_one).collect();
    let watched = watched.ok_or(Reject::AnswerForm)?;
    let is_rising = watched.iter().is_sorted_by(|a, b| a.feed < b.feed);
    is_rising.then_some(watched).ok_or(Reject::AnswerForm)
}

fn read_one(bytes: &[u8]) -> Option<Watched> {
    let parts = codec::read_array(bytes)?;
    let [feed, have, tag] = parts.as_slice() else {
        return None;
    };
    Some(Watched {
        feed: codec::read_fixed(feed)?,
        have: codec::read_uint(have)?,
        tag: match codec::is_null(tag) {
            true => None,
            false => Some(codec::read_fixed(tag)?),
        },
    })
}

/// What a frame says of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The feed, or what proves its head, is not here.
    NotHere,
    /// A head answer, made for who has what the watcher said, or what the frame before told it.
    Head(Vec<u8>),
    /// A fork proof.
    Fork(Vec<u8>),
    /// A succession.
    Succession(Vec<u8>),
    /// A kind that a later version may know.
    Unknown,
}

/// One frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Nothing is new, and the server is there.
    Alive,
    /// Something is new about a feed.
    News {
        /// Its place in the request, from 0.
        at: usize,
        /// What.
        news: News,
    },
}

/// A frame that says nothing but that the server is there: a length of 0.
#[must_use]
pub fn write_alive() -> Vec<u8> {
    vec![0; LENGTH_BYTES]
}

/// A frame with its length: `[1, kind, at, content]`.
#[must_use]
pub fn write_frame(at: usize, news: &News) -> Vec<u8> {
    let (kind, content): (u64, &[u8]) = match news {
        News::NotHere => (0, &[]),
        News::Head(answer) => (1, answer),
        News::Fork(proof) => (2, proof),
        News::Succession(file) => (3, file),
        News::Unknown => (u64::from(u8::MAX), &[]),
    };
    let mut writer = Writer::new();
    writer.array(4).uint(1).uint(kind);
    writer
        .uint(u64::try_from(at).unwrap_or(u64::MAX))
        .bytes(content);
    let frame = writer.finish();
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), &frame].concat()
}

/// Reads frames from bytes as they come; keeps one frame at most.
#[derive(Debug)]
pub struct Frames {
    /// Feeds in the request.
    feeds: usize,
    kept: Vec<u8>,
}

impl Frames {
    /// Of an answer to a request with so many feeds.
    #[must_use]
    pub fn of(feeds: usize) -> Self {
        Self {
            feeds,
            kept: Vec::new(),
        }
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The next frame, out of what was kept and the front of `bytes`, which is moved on. `None`: more bytes are needed.
    ///
    /// # Errors
    /// wire-1, wire-2 and the codec's: then nothing more can be read.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Reject> {
        if !self.fill(LENGTH_BYTES, bytes) {
            return Ok(None);
        }
        let length = self.kept.first_chunk().copied().unwrap_or_default();
        let untrusted_length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if untrusted_length > WATCH_FRAME_BYTES_MAX {
            return Err(Reject::AnswerTooLong {
                got: u64::try_from(untrusted_length).unwrap_or(u64::MAX),
            });
        }
        if !self.fill(LENGTH_BYTES + untrusted_length, bytes) {
            return Ok(None);
        }
        let whole = std::mem::take(&mut self.kept);
        match whole.get(LENGTH_BYTES..) {
            None | Some([]) => Ok(Some(Frame::Alive)),
            Some(frame) => self.read(frame).map(Some),
        }
    }

    /// Moves bytes over until so many are kept.
    fn fill(&mut self, count: usize, bytes: &mut &[u8]) -> bool {
        let wanted = count.saturating_sub(self.kept.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(wanted);
        self.kept.extend_from_slice(taken);
        *bytes = rest;
        self.kept.len() >= count
    }

    fn read(&self, frame: &[u8]) -> Result<Frame, Reject> {
        let parts = open(frame, 8)?;
        let [_, kind, at, content] = parts.as_slice() else {
            return Err(Reject::AnswerForm);
        };
        let kind = codec::read_uint(kind).ok_or(Reject::AnswerForm)?;
        let at = codec::read_uint(at).ok_or(Reject::AnswerForm)?;
        let at = usize::try_from(at).ok().filter(|at| *at < self.feeds);
        let at = at.ok_or(Reject::AnswerForm)?;
        let content = codec::read_bytes(content).ok_or(Reject::AnswerForm)?;
        let news = match kind {
            0 if content.is_empty() => News::NotHere,
            0 => return Err(Reject::AnswerForm),
            1 => News::Head(content.to_vec()),
            2 => News::Fork(content.to_vec()),
            3 => News::Succession(content.to_vec()),
            _ => News::Unknown,
        };
        Ok(Frame::News { at, news })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(byte: u8) -> Watched {
        Watched {
            feed: [byte; 32],
            have: u64::from(byte),
            tag: (byte > 1).then_some([byte; 16]),
        }
    }

    #[test]
    fn request_comes_back_and_is_in_rising_order_without_doubles() {
        let all: Vec<Watched> = (0..5).map(watched).collect();
        assert_eq!(read_watch(&write_watch(&all)), Ok(all.clone()));
        let refused = |list: &[Watched]| read_watch(&write_watch(list)).unwrap_err().must();
        assert_eq!(refused(&[]), "wire-1");
        assert_eq!(refused(&[all[1], all[1]]), "wire-1");
        assert_eq!(refused(&[all[2], all[1]]), "wire-1");
        let most: Vec<Watched> = (0..=WATCH_FEEDS_MAX)
            .map(|at| {
                let mut one = Watched {
                    have: (1 << 53) - 1,
                    ..watched(9)
                };
                let number = u32::try_from(at).unwrap();
                one.feed[..4].copy_from_slice(&number.to_be_bytes());
                one
            })
            .collect();
        assert_eq!(refused(&most), "wire-1");
        let most = &most[..WATCH_FEEDS_MAX];
        assert!(write_watch(most).len() <= WATCH_BYTES_MAX);
        assert_eq!(read_watch(&write_watch(most)).unwrap(), most);
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let said = [
            (0, News::NotHere),
            (2, News::Head(vec![7; 300])),
            (1, News::Fork(vec![])),
            (0, News::Succession(vec![1])),
            (0, News::Unknown),
        ];
        let mut stream = write_alive();
        for (at, news) in &said {
            stream.extend(write_frame(*at, news));
        }
        for step in [1, 2, 3, 5, 64, 10_000] {
            let mut frames = Frames::of(3);
            let mut got = Vec::new();
            for mut part in stream.chunks(step) {
                while let Some(frame) = frames.next(&mut part).unwrap() {
                    got.push(frame);
                }
                assert!(part.is_empty());
            }
            assert!(!frames.is_cut());
            assert_eq!(got.remove(0), Frame::Alive);
            let expected = said.iter().cloned();
            let expected: Vec<Frame> = expected
                .map(|(at, news)| Frame::News { at, news })
                .collect();
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn frame_that_is_too_long_is_refused_by_its_length() {
        let mut frames = Frames::of(1);
        let mut bytes: &[u8] = &[0, 0, 0x40, 1];
        assert_eq!(frames.next(&mut bytes).unwrap_err().must(), "wire-2");
        let mut longest: &[u8] = &[0, 0, 0x40, 0];
        assert_eq!(Frames::of(1).next(&mut longest), Ok(None));
        let mut outside: &[u8] = &write_frame(1, &News::NotHere);
        let refused = Frames::of(1).next(&mut outside).unwrap_err();
        assert_eq!(refused.must(), "wire-1");
    }
}
