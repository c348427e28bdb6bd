//! WebP: the EXIF and XMP chunks of its RIFF container.

use std::io;

use super::{Region, Scan};

/// LIMIT: 65,536 chunks; an animation has one for each frame.
const CHUNKS_MAX: usize = 1 << 16;

pub(super) fn scan(region: Region<'_>, scan: &mut Scan) -> io::Result<()> {
    let mut at = 12;
    for _ in 0..CHUNKS_MAX {
        let Some(header) = region.array::<8>(at)? else {
            return Ok(());
        };
        let [kind @ .., a, b, c, d] = header;
        let len = u64::from(u32::from_le_bytes([a, b, c, d]));
        match &kind {
            b"EXIF" => {
                // Some writers keep the prefix that EXIF has in JPEG.
                let is_prefixed = region.array::<6>(at + 8)? == Some(*b"Exif\0\0");
                let prefix = if is_prefixed { 6 } else { 0 };
                scan.exif(region, at + 8 + prefix, len.saturating_sub(prefix))?;
            }
            b"XMP " => scan.xmp(region, at + 8, len)?,
            _ => {}
        }
        at += 8 + len + len % 2;
    }
    scan.stuck = Some("it has too many chunks");
    Ok(())
}
