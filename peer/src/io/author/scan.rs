//! The frames of an author's file: written, read one after the other, and looked for behind damage.
//!
//! Knows where a frame ends and whether its check and a head's signature hold; what that means is told one floor up.

use super::{AuthorError, MAGIC, Mark, failed};
use levada_feed::head::Head;
use levada_feed::key::FeedKey;
use levada_feed::limits::{HASH_BYTES, HEAD_BYTES_MAX, INLINE_BYTES_MAX, RECORD_BYTES_MAX};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(super) const HEADER: u8 = 1;
pub(super) const RECORD: u8 = 2;
pub(super) const HEAD: u8 = 3;
pub(super) const BLOB: u8 = 4;
/// The link hash of a record whose bytes were not to be had.
pub(super) const LINK: u8 = 5;
/// Tag and length before a payload.
pub(super) const PREFIX_BYTES: usize = 5;
/// Check after a payload: the first bytes of a BLAKE3 hash over all before it.
pub(super) const CHECK_BYTES: usize = 8;
/// Bytes of a frame around its payload: tag, length, check.
pub(super) const FRAME_BYTES: usize = PREFIX_BYTES + CHECK_BYTES;
/// Bytes that are tried at a time, behind damage.
const TRIED_BYTES: usize = 64 << 10;

pub(super) fn put_frame(to: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    let start = to.len();
    to.push(tag);
    to.extend_from_slice(
        &u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    to.extend_from_slice(payload);
    let check = blake3::hash(to.get(start..).unwrap_or_default());
    to.extend_from_slice(check.as_bytes().get(..CHECK_BYTES).unwrap_or_default());
}

pub(super) enum Next {
    /// A whole frame with this tag; its payload is in the scan.
    Frame(u8),
    /// The end of the file, where a frame would begin.
    End,
    /// No frame stands here.
    Torn,
}

/// Reads frames one after the other; one payload in memory at a time.
pub(super) struct Scan<'a> {
    path: &'a Path,
    feed: &'a FeedKey,
    reader: BufReader<File>,
    pub(super) offset: u64,
    pub(super) payload: Vec<u8>,
}

impl<'a> Scan<'a> {
    pub(super) fn at(
        path: &'a Path,
        feed: &'a FeedKey,
        file: &File,
        offset: u64,
    ) -> Result<Self, AuthorError> {
        let mut own = file.try_clone().map_err(failed(path, "reading"))?;
        own.seek(SeekFrom::Start(offset))
            .map_err(failed(path, "reading"))?;
        Ok(Self {
            path,
            feed,
            reader: BufReader::with_capacity(256 << 10, own),
            offset,
            payload: Vec::new(),
        })
    }

    pub(super) fn next(&mut self) -> Result<Next, AuthorError> {
        let mut frame = vec![0; PREFIX_BYTES];
        let got = read_full(&mut self.reader, &mut frame).map_err(failed(self.path, "reading"))?;
        if got == 0 {
            return Ok(Next::End);
        }
        let [tag, a, b, c, d] = frame.as_slice() else {
            return Ok(Next::Torn);
        };
        let (tag, size) = (
            *tag,
            usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX),
        );
        let most = match tag {
            HEADER if self.offset == 0 => MAGIC.len() + 32,
            RECORD => RECORD_BYTES_MAX,
            HEAD => HEAD_BYTES_MAX,
            BLOB => usize::try_from(INLINE_BYTES_MAX).unwrap_or(0),
            LINK => HASH_BYTES,
            _ => return Ok(Next::Torn),
        };
        if got < PREFIX_BYTES || size > most {
            return Ok(Next::Torn);
        }
        frame.resize(PREFIX_BYTES + size + CHECK_BYTES, 0);
        let rest = frame.get_mut(PREFIX_BYTES..).unwrap_or_default();
        if read_full(&mut self.reader, rest).map_err(failed(self.path, "reading"))?
            < size + CHECK_BYTES
        {
            return Ok(Next::Torn);
        }
        let (covered, check) = frame.split_at(PREFIX_BYTES + size);
        if blake3::hash(covered).as_bytes().get(..CHECK_BYTES) != Some(check) {
            return Ok(Next::Torn);
        }
        self.payload = covered.get(PREFIX_BYTES..).unwrap_or_default().to_vec();
        let is_wrong = match tag {
            HEAD => Head::check_of(self.feed, &self.payload).is_err(),
            LINK => size != HASH_BYTES,
            _ => false,
        };
        if is_wrong {
            return Ok(Next::Torn);
        }
        self.offset += u64::try_from(frame.len()).unwrap_or(0);
        Ok(Next::Frame(tag))
    }
}

/// Reads until the buffer is full or the file ends.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The head of the mark's length whose frame ends at the mark, if there is one: every place where it may begin is tried.
pub(super) fn head_at(
    path: &Path,
    feed: &FeedKey,
    file: &File,
    mark: Mark,
    least: u64,
) -> Result<Option<Head>, AuthorError> {
    let size = file.metadata().map_err(failed(path, "reading"))?.len();
    if mark.offset > size {
        return Ok(None);
    }
    let longest = u64::try_from(PREFIX_BYTES + HEAD_BYTES_MAX + CHECK_BYTES).unwrap_or(0);
    for start in mark.offset.saturating_sub(longest).max(least)..mark.offset {
        let mut tag = [0];
        file.read_exact_at(&mut tag, start)
            .map_err(failed(path, "reading"))?;
        if tag != [HEAD] {
            continue;
        }
        let mut scan = Scan::at(path, feed, file, start)?;
        if matches!(scan.next()?, Next::Frame(HEAD)) && scan.offset == mark.offset {
            let head = Head::check_of(feed, &scan.payload);
            let is_it = |head: &Head| head.body().length == mark.length;
            return Ok(head.ok().filter(is_it));
        }
    }
    Ok(None)
}

/// The longest valid head that stands anywhere behind a damaged place: every byte is tried as the beginning of its frame.
pub(super) fn longest_head(
    path: &Path,
    feed: &FeedKey,
    file: &File,
    from: u64,
    size: u64,
) -> Result<Option<Head>, AuthorError> {
    let mut longest: Option<Head> = None;
    let mut at = from;
    // A frame that begins at the end of what is tried reaches into what was read beyond it.
    let mut window = vec![0; TRIED_BYTES + FRAME_BYTES + HEAD_BYTES_MAX];
    while at < size {
        let wanted = usize::try_from(size - at)
            .unwrap_or(usize::MAX)
            .min(window.len());
        let part = window.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(part, at)
            .map_err(failed(path, "reading"))?;
        let tried = wanted.min(TRIED_BYTES);
        for start in 0..tried {
            if let Some(head) = head_in(feed, part.get(start..).unwrap_or_default())
                && longest
                    .as_ref()
                    .is_none_or(|known| known.body().length <= head.body().length)
            {
                longest = Some(head);
            }
        }
        at += u64::try_from(tried).unwrap_or(u64::MAX);
    }
    Ok(longest)
}

/// The head whose frame these bytes begin with.
fn head_in(feed: &FeedKey, bytes: &[u8]) -> Option<Head> {
    let [HEAD, size @ ..] = bytes.first_chunk::<PREFIX_BYTES>()? else {
        return None;
    };
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    // A head is short: nearly every other byte 3 is told apart by the length behind it.
    if size > HEAD_BYTES_MAX {
        return None;
    }
    let (covered, rest) = bytes.split_at_checked(PREFIX_BYTES + size)?;
    let check = rest.first_chunk::<CHECK_BYTES>()?;
    if !blake3::hash(covered).as_bytes().starts_with(check) {
        return None;
    }
    Head::check_of(feed, covered.get(PREFIX_BYTES..)?).ok()
}
