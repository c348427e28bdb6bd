//! What is watched, and the stream that tells of it: both against a reader that knows CBOR and spec/wire.md alone.

use super::{DEAD_ENDS, cuts, fixed, shortest, uint};
use ciborium::Value;
use levada_feed::limits::{HASH_BYTES, WATCH_FEEDS_MAX, WATCH_FRAME_BYTES_MAX};
use levada_feed::reject::Reject;
use levada_peer::frame::{
    self, Frame, Frames, News, WATCH_BYTES_MAX, Watched, read_watch, write_watch,
};

/// Feeds in the request that a stream answers.
const FEEDS: usize = 3;

/// The bytes as a request, as a stream, and as the content of one frame.
pub(super) fn watch(bytes: &[u8]) {
    request(bytes);
    stream(bytes);
    if let Ok(length) = u32::try_from(bytes.len()) {
        let framed = [length.to_be_bytes().as_slice(), bytes].concat();
        stream(&framed);
        // What follows a frame is read whatever the frame was, unless it was refused.
        stream(&[framed.as_slice(), &framed, bytes].concat());
    }
}

/// A request is read if it is one, and written as the same bytes.
fn request(bytes: &[u8]) {
    let read = read_watch(bytes).ok();
    assert_eq!(read, plain_request(bytes));
    let Some(watched) = read else {
        return;
    };
    assert_eq!(write_watch(&watched), bytes);
    assert!(bytes.len() <= WATCH_BYTES_MAX);
    for cut in cuts(bytes) {
        assert!(read_watch(cut).is_err(), "cut at {}", cut.len());
    }
    for more in DEAD_ENDS {
        assert!(read_watch(&[bytes, more].concat()).is_err());
    }
}

/// `[1, [[feed, have, tag or null], …]]`, in rising order of the keys.
fn plain_request(bytes: &[u8]) -> Option<Vec<Watched>> {
    let parts = shortest(bytes)?.into_array().ok()?;
    let [version, list] = parts.as_slice() else {
        return None;
    };
    let list = list.as_array().filter(|_| uint(version) == Some(1))?;
    let one = |value: &Value| {
        let [feed, have, tag] = value.as_array()?.as_slice() else {
            return None;
        };
        Some(Watched {
            feed: fixed(feed)?,
            have: uint(have)?,
            tag: match tag {
                Value::Null => None,
                tag => Some(fixed(tag)?),
            },
        })
    };
    let watched: Vec<Watched> = list.iter().map(one).collect::<Option<_>>()?;
    let keys: Vec<[u8; HASH_BYTES]> = watched.iter().map(|one| one.feed).collect();
    let is_rising = keys.windows(2).all(|pair| pair[0] < pair[1]);
    (is_rising && (1..=WATCH_FEEDS_MAX).contains(&keys.len())).then_some(watched)
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Between two frames.
    Whole,
    /// In a frame.
    Cut,
    /// In what is no frame.
    Refused,
}

/// However a stream is cut into pieces, it is the same frames, each told with its last byte.
fn stream(bytes: &[u8]) {
    let (expected, end) = plain_stream(bytes);
    for step in [1, 2, 7, 1_000, bytes.len().max(1)] {
        let (mut frames, mut got, mut is_refused) = (Frames::of(FEEDS), Vec::new(), false);
        let mut start = 0;
        'pieces: for piece in bytes.chunks(step) {
            let mut rest = piece;
            loop {
                match frames.next(&mut rest) {
                    Ok(Some(frame)) => got.push((frame, start + piece.len() - rest.len())),
                    Ok(None) => break,
                    Err(reject) => {
                        refused_in_time(&reject, bytes, &got, start + piece.len() - rest.len());
                        is_refused = true;
                        break 'pieces;
                    }
                }
            }
            assert!(rest.is_empty(), "a reader that waits has taken everything");
            start += piece.len();
        }
        let ended = match (is_refused, frames.is_cut()) {
            (true, _) => End::Refused,
            (false, true) => End::Cut,
            (false, false) => End::Whole,
        };
        assert_eq!((&got, ended), (&expected, end), "in pieces of {step}");
    }
    let mut start = 0;
    for (frame, end) in expected {
        let written = match &frame {
            Frame::Alive => Some(frame::write_alive()),
            // Of what is not known only the kind is not told.
            Frame::News { news, .. } if *news == News::Unknown => None,
            Frame::News { at, news } => Some(frame::write_frame(*at, news)),
        };
        assert!(written.is_none_or(|written| written == bytes[start..end]));
        start = end;
    }
}

/// What is too long is refused by its length, and nothing of it is taken.
fn refused_in_time(reject: &Reject, bytes: &[u8], got: &[(Frame, usize)], taken: usize) {
    let start = got.last().map_or(0, |(_, end)| *end);
    let length = length_at(&bytes[start..]).expect("a frame without a length is not refused");
    if let Reject::AnswerTooLong { got } = reject {
        assert_eq!(usize::try_from(*got), Ok(length));
        assert_eq!(taken, start + 4);
    }
    let is_long = length > WATCH_FRAME_BYTES_MAX;
    assert_eq!(is_long, matches!(reject, Reject::AnswerTooLong { .. }));
    assert!(is_long || taken == start + 4 + length);
}

fn length_at(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    usize::try_from(length).ok()
}

/// The frames, each with where it ends, and how the stream ends.
fn plain_stream(bytes: &[u8]) -> (Vec<(Frame, usize)>, End) {
    let (mut frames, mut start) = (Vec::new(), 0);
    loop {
        let rest = &bytes[start..];
        let end = match length_at(rest) {
            None if rest.is_empty() => return (frames, End::Whole),
            None => return (frames, End::Cut),
            Some(length) if length > WATCH_FRAME_BYTES_MAX => return (frames, End::Refused),
            Some(length) => 4 + length,
        };
        let Some(content) = rest.get(4..end) else {
            return (frames, End::Cut);
        };
        let frame = match content {
            [] => Some(Frame::Alive),
            content => plain_frame(content),
        };
        let Some(frame) = frame else {
            return (frames, End::Refused);
        };
        start += end;
        frames.push((frame, start));
    }
}

/// `[1, kind, at, content]`.
fn plain_frame(bytes: &[u8]) -> Option<Frame> {
    let parts = shortest(bytes)?.into_array().ok()?;
    let [version, kind, at, content] = parts.as_slice() else {
        return None;
    };
    let content = content
        .as_bytes()
        .filter(|_| uint(version) == Some(1))?
        .clone();
    let news = match uint(kind)? {
        0 if content.is_empty() => News::NotHere,
        0 => return None,
        1 => News::Head(content),
        2 => News::Fork(content),
        3 => News::Succession(content),
        _ => News::Unknown,
    };
    let at = usize::try_from(uint(at)?).ok().filter(|at| *at < FEEDS)?;
    Some(Frame::News { at, news })
}
