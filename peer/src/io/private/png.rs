//! PNG: chunks with EXIF or XMP, and profiles that older tools hide in text chunks.

use std::io;

use super::{Region, Scan, place_note};

/// LIMIT: 1,048,576 chunks; every one costs a read.
const CHUNKS_MAX: usize = 1 << 20;
const XMP: &[u8] = b"XML:com.adobe.xmp\0";
const PROFILE: &[u8] = b"Raw profile type ";

pub(super) fn scan(region: Region<'_>, scan: &mut Scan) -> io::Result<()> {
    let mut at = 8;
    for _ in 0..CHUNKS_MAX {
        let Some(header) = region.array::<8>(at)? else {
            return Ok(());
        };
        let [a, b, c, d, kind @ ..] = header;
        let len = u64::from(u32::from_be_bytes([a, b, c, d]));
        if matches!(&kind, b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt")
            && let Some(data) = region.read(at + 8, len)?
        {
            chunk(at, kind, data, scan);
        }
        at += 12 + len;
    }
    scan.stuck = Some("it has too many chunks");
    Ok(())
}

fn chunk(at: u64, kind: [u8; 4], data: Vec<u8>, scan: &mut Scan) {
    if &kind == b"eXIf" {
        if let Some(cleaned) = scan.clean_exif(data) {
            replace(at, kind, cleaned, scan);
        }
        return;
    }
    let is_plain_xmp = data.starts_with(XMP) && data.get(XMP.len()) == Some(&0);
    let is_profile = data.starts_with(PROFILE)
        && data
            .get(PROFILE.len()..)
            .is_some_and(|name| !name.starts_with(b"ic"));
    let is_private = if is_profile || (data.starts_with(XMP) && !is_plain_xmp) {
        // Compressed or written as hexadecimal digits: not looked into, and not trusted either.
        scan.note(place_note(
            "metadata of another tool, which could not be read",
        ));
        true
    } else {
        scan.mentions(&data)
    };
    if is_private {
        let mut blank = b"Comment\0".to_vec();
        blank.resize(data.len(), b' ');
        replace(at, *b"tEXt", blank, scan);
    }
}

fn replace(at: u64, kind: [u8; 4], data: Vec<u8>, scan: &mut Scan) {
    let mut bytes = kind.to_vec();
    bytes.extend(data);
    bytes.extend(check_sum(&bytes).to_be_bytes());
    scan.patch(at + 4, bytes);
}

/// CRC-32 as in PNG's annex D, bit by bit: metadata is small.
pub(super) fn check_sum(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}
