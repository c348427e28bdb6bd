//! A reader of author's files that knows spec/author-file.md: all of the file in memory, one frame after the other.

use super::Given;
use levada_feed::head::Head;
use levada_feed::key::FeedKey;

pub(super) const HEADER: u8 = 1;
pub(super) const RECORD: u8 = 2;
pub(super) const HEAD: u8 = 3;
pub(super) const BLOB: u8 = 4;
pub(super) const LINK: u8 = 5;
const MAGIC: &[u8] = b"levada author file v1\n";
/// Bytes of a frame before and behind its payload.
const BEFORE: usize = 5;
const BEHIND: usize = 8;

/// A frame around a payload.
pub(super) fn frame(tag: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).expect("a payload is short");
    let mut frame = [[tag].as_slice(), &size.to_le_bytes(), payload].concat();
    let check = blake3::hash(&frame);
    frame.extend_from_slice(&check.as_bytes()[..BEHIND]);
    frame
}

/// The payload of the header.
pub(super) fn header(feed: &FeedKey) -> Vec<u8> {
    [MAGIC, feed.as_bytes()].concat()
}

/// The bytes of a file.
pub(super) struct Plain<'a> {
    feed: FeedKey,
    bytes: &'a [u8],
}

/// Frames in a row.
pub(super) struct Run<'a> {
    /// Tag, payload, end.
    frames: Vec<(u8, &'a [u8], usize)>,
    /// Where something stands that is no frame; none: the file ends behind the last one.
    pub(super) torn: Option<usize>,
}

impl Run<'_> {
    /// Where the last head ends.
    pub(super) fn last_head_end(&self) -> Option<usize> {
        let head = self.frames.iter().rfind(|(tag, ..)| *tag == HEAD);
        head.map(|(_, _, end)| *end)
    }

    /// What is given out: everything up to the last head.
    pub(super) fn given(&self) -> Vec<Given> {
        let last = self.last_head_end().unwrap_or(0);
        let covered = self.frames.iter().filter(|(_, _, end)| *end <= last);
        let given = |(tag, payload, end): &(u8, &[u8], usize)| {
            (
                *tag,
                payload.to_vec(),
                (*tag == HEAD).then_some(*end as u64),
            )
        };
        covered.map(given).collect()
    }
}

impl<'a> Plain<'a> {
    pub(super) fn of(feed: &FeedKey, bytes: &'a [u8]) -> Self {
        Self { feed: *feed, bytes }
    }

    /// Where the header of this feed ends, if the file begins with it.
    pub(super) fn begin(&self) -> Option<usize> {
        let (tag, payload, end) = self.frame_at(0)?;
        (tag == HEADER && payload == header(&self.feed)).then_some(end)
    }

    /// Whether it begins with a header that is not this feed's.
    pub(super) fn is_of_another_feed(&self) -> bool {
        self.begin().is_none() && self.frame_at(0).is_some_and(|(tag, ..)| tag == HEADER)
    }

    /// The frame that begins there, if it is whole and none of its musts is broken.
    fn frame_at(&self, at: usize) -> Option<(u8, &'a [u8], usize)> {
        let rest = self.bytes.get(at..)?;
        let tag = *rest.first()?;
        let size = u32::from_le_bytes(*rest.get(1..)?.first_chunk()?);
        let size = usize::try_from(size).ok()?;
        let is_fit = match tag {
            HEADER => at == 0 && size <= 54,
            RECORD => size <= 65_536,
            HEAD => size <= 1_024,
            BLOB => size <= 16_384,
            LINK => size == 32,
            _ => false,
        };
        let whole = rest.get(..BEFORE + size + BEHIND).filter(|_| is_fit)?;
        let (covered, check) = whole.split_at(BEFORE + size);
        if blake3::hash(covered).as_bytes()[..BEHIND] != *check {
            return None;
        }
        let payload = &covered[BEFORE..];
        let is_head = || Head::check_of(&self.feed, payload).is_ok();
        (tag != HEAD || is_head()).then_some((tag, payload, at + whole.len()))
    }

    /// The frames from there on.
    pub(super) fn run(&self, start: usize) -> Run<'a> {
        let (mut frames, mut at) = (Vec::new(), start);
        while let Some(frame) = self.frame_at(at) {
            frames.push(frame);
            at = frame.2;
        }
        let torn = (at < self.bytes.len()).then_some(at);
        Run { frames, torn }
    }

    /// All heads whose frames begin there or behind, at whatever byte, each with where its frame ends.
    pub(super) fn heads_from(&self, start: usize) -> impl Iterator<Item = (usize, Head)> + '_ {
        let begins = (start..self.bytes.len()).filter(|at| self.bytes[*at] == HEAD);
        begins.filter_map(|at| {
            let (_, payload, end) = self.frame_at(at)?;
            let head = Head::check_of(&self.feed, payload).ok()?;
            Some((end, head))
        })
    }

    /// The greatest length of these.
    pub(super) fn longest_head(&self, start: usize) -> Option<u64> {
        self.heads_from(start)
            .map(|(_, head)| head.body().length)
            .max()
    }
}
