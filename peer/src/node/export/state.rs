//! What an export notes of a feed for the next one: `[1, length, root, held, retracted, media, missing, due]`.

use super::media::Media;
use crate::runs::Runs;
use levada_feed::codec::{self, Writer};
use levada_feed::hash::Hash;

/// What was exported of a feed.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Length of the head that was written.
    pub(super) length: u64,
    /// Its root.
    pub(super) root: Hash,
    /// Records that were there to be written.
    pub(super) held: Runs,
    /// Records that were kept back because they are retracted.
    pub(super) retracted: Runs,
    pub(super) media: Media,
    pub(super) media_missing: u64,
    /// Blobs may be in the folder that nothing names any more.
    pub(super) is_sweep_due: bool,
}

impl State {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .array(8)
            .uint(1)
            .uint(self.length)
            .bytes(&self.root.0)
            .bytes(&self.held.to_bytes())
            .bytes(&self.retracted.to_bytes())
            .text(&self.media.to_string())
            .uint(self.media_missing)
            .bool(self.is_sweep_due);
        writer.finish()
    }

    /// `None` for what is no state: then everything is compared anew.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        codec::check(bytes, 16).ok()?;
        let parts = codec::read_array(bytes)?;
        let [version, length, root, held, retracted, media, missing, due] = parts.as_slice() else {
            return None;
        };
        let runs = |bytes| Runs::from_bytes(codec::read_bytes(bytes)?);
        (codec::read_uint(version)? == 1).then_some(())?;
        Some(Self {
            length: codec::read_uint(length)?,
            root: codec::read_fixed(root).map(Hash)?,
            held: runs(held)?,
            retracted: runs(retracted)?,
            media: Media::read(Some(codec::read_text(media)?)).ok()?,
            media_missing: codec::read_uint(missing)?,
            is_sweep_due: codec::read_bool(due)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again() {
        let state = State {
            length: 9,
            root: Hash::of(b"root"),
            held: Runs::of(0..9),
            retracted: Runs::of(3..4),
            media: Media::Newest(7),
            media_missing: 1,
            is_sweep_due: true,
        };
        let bytes = state.to_bytes();
        let again = State::read(&bytes).unwrap();
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!((again.length, again.media), (9, Media::Newest(7)));
        assert!(State::read(&bytes[1..]).is_none());
    }
}
