//! Matroska and WebM: tags that name a place. Found, and not removed: a check sum covers them.

use std::io;

use super::{Region, Scan, place_note};

/// LIMIT: tags are looked for in the first and the last MiB, where every muxer puts them.
const SEARCH_BYTES_MAX: u64 = 1 << 20;
const TAG_NAME: &[u8] = &[0x45, 0xA3];

pub(super) fn scan(region: Region<'_>, scan: &mut Scan) -> io::Result<()> {
    let len = region.end.min(SEARCH_BYTES_MAX);
    for start in [0, region.end - len] {
        let mut block = region.read(start, len)?.unwrap_or_default();
        // So that a name in the last bytes has a window too.
        block.resize(block.len() + 32, 0);
        if block.windows(32).any(is_place) {
            scan.note(place_note("video's tags"));
            scan.stuck = Some("a check sum covers the tags of Matroska files");
        }
    }
    Ok(())
}

/// An element of a name, its length in one byte, and a name with LOCATION or GPS in it.
fn is_place(window: &[u8]) -> bool {
    let Some([marked_len, name @ ..]) = window.strip_prefix(TAG_NAME) else {
        return false;
    };
    let name = name.get(..usize::from(marked_len & 0x7F)).unwrap_or(name);
    let name = name.to_ascii_uppercase();
    let has = |word: &[u8]| name.windows(word.len()).any(|window| window == word);
    marked_len & 0x80 != 0 && (has(b"LOCATION") || has(b"GPS"))
}
