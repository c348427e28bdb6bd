//! JPEG: segments before and between the scans, and what cameras append behind the last one.
//!
//! Phones append further pictures (depth, brightness) and short videos, with places of their own. They
//! are scanned too. Finding the end of a picture means reading its scans, once, in 64 KiB steps.

use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use super::{Region, Scan, bmff, length, place_note, text};

/// LIMIT: 64 pictures in one file, 4,096 segments in one picture.
const PICTURES_MAX: usize = 64;
const SEGMENTS_MAX: usize = 4096;
/// LIMIT: 256 MiB of scans are read to find the end of a picture.
const SCAN_BYTES_MAX: u64 = 256 << 20;

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const XMP_MORE: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
const COLOUR: &[u8] = b"ICC_PROFILE\0";

pub(super) fn scan(region: Region<'_>, scan: &mut Scan) -> io::Result<()> {
    let mut at = 0;
    for _ in 0..PICTURES_MAX {
        let Some(end) = picture(region, at, scan)? else {
            return Ok(());
        };
        match next_start(region, end)? {
            Some(Start::Picture(start)) => at = start,
            Some(Start::Video(start)) => return bmff::scan(region, start, scan),
            None => return Ok(()),
        }
    }
    scan.stuck = Some("it holds too many pictures");
    Ok(())
}

/// Scans one picture; where it ends, unless it never does.
fn picture(region: Region<'_>, start: u64, scan: &mut Scan) -> io::Result<Option<u64>> {
    let mut packets = Packets::default();
    let mut at = start.saturating_add(2);
    let mut end = None;
    for _ in 0..SEGMENTS_MAX {
        let Some([0xFF, marker]) = region.array::<2>(at)? else {
            break;
        };
        match marker {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD8 => at += 2,
            0xD9 => {
                end = Some(at + 2);
                break;
            }
            _ => {
                let Some(len) = region.array::<2>(at + 2)?.map(u16::from_be_bytes) else {
                    break;
                };
                let Some(payload) = region.read(at + 4, u64::from(len).saturating_sub(2))? else {
                    break;
                };
                if matches!(marker, 0xE1..=0xEF) {
                    segment(at + 4, payload, scan, &mut packets);
                }
                at += 2 + u64::from(len).max(2);
                if marker == 0xDA {
                    let Some(next) = skip_scan(region, at)? else {
                        break;
                    };
                    at = next;
                }
            }
        }
    }
    packets.judge(scan);
    Ok(end)
}

fn segment(offset: u64, payload: Vec<u8>, scan: &mut Scan, packets: &mut Packets) {
    if let Some(block) = payload.strip_prefix(EXIF) {
        if let Some(cleaned) = scan.clean_exif(block.to_vec()) {
            scan.patch(offset + length(EXIF), cleaned);
        }
    } else if let Some(packet) = payload.strip_prefix(XMP) {
        packets.add(offset + length(XMP), packet);
    } else if let Some(packet) = payload.strip_prefix(XMP_MORE) {
        // 40 bytes of digest, length and offset come before the text.
        packets.add(
            offset + length(XMP_MORE) + 40,
            packet.get(40..).unwrap_or_default(),
        );
    } else if payload.starts_with(PHOTOSHOP) && names_place(&payload) {
        scan.note(place_note("caption data"));
        scan.patch(offset, vec![0; payload.len()]);
    } else if !payload.starts_with(COLOUR) && scan.mentions(&payload) {
        scan.patch(offset, vec![0; payload.len()]);
    }
}

/// IPTC captions: city, part of a city, province, country by code and by name.
fn names_place(payload: &[u8]) -> bool {
    let is_place = |window: &[u8]| matches!(window, [0x1C, 2, 90 | 92 | 95 | 100 | 101]);
    payload.windows(3).any(is_place)
}

/// The XMP of one picture: a long packet is cut into segments anywhere, even within a word.
#[derive(Default)]
struct Packets {
    text: Vec<u8>,
    places: Vec<(u64, usize)>,
}

impl Packets {
    fn add(&mut self, offset: u64, packet: &[u8]) {
        self.text.extend_from_slice(packet);
        self.places.push((offset, packet.len()));
    }

    fn judge(self, scan: &mut Scan) {
        if scan.mentions(&self.text) {
            for (offset, len) in self.places {
                scan.patch(offset, text::empty_packet(len));
            }
        }
    }
}

/// The first marker after the entropy-coded bytes that begin at `at`.
fn skip_scan(region: Region<'_>, at: u64) -> io::Result<Option<u64>> {
    let mut file = region.file;
    file.seek(SeekFrom::Start(at))?;
    let len = region.end.saturating_sub(at).min(SCAN_BYTES_MAX);
    let mut reader = BufReader::with_capacity(1 << 16, file.take(len));
    let mut position = at;
    let mut is_after_ff = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        for byte in buffer {
            // FF 00 is a coded FF, FF D0 to FF D7 are restarts within the scan.
            if is_after_ff && !matches!(byte, 0x00 | 0xD0..=0xD7 | 0xFF) {
                return Ok(Some(position - 1));
            }
            is_after_ff = *byte == 0xFF;
            position += 1;
        }
        let used = buffer.len();
        reader.consume(used);
    }
}

enum Start {
    Picture(u64),
    Video(u64),
}

/// Where the next appended picture or video begins.
fn next_start(region: Region<'_>, from: u64) -> io::Result<Option<Start>> {
    const STEP: u64 = 1 << 16;
    let mut at = from;
    while at < region.end && at - from < SCAN_BYTES_MAX {
        // Eight bytes of overlap, so that nothing is missed on a border.
        let len = region.end.saturating_sub(at).min(STEP + 8);
        let Some(block) = region.read(at, len)? else {
            return Ok(None);
        };
        for (offset, window) in (at..).zip(block.windows(8)) {
            if window.starts_with(&[0xFF, 0xD8, 0xFF]) {
                return Ok(Some(Start::Picture(offset)));
            }
            if window.ends_with(b"ftyp") {
                return Ok(Some(Start::Video(offset)));
            }
        }
        at += STEP;
    }
    Ok(None)
}
