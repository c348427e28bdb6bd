//! MP4, MOV, HEIF, AVIF: boxes within boxes.
//!
//! A box that gives something away becomes a `free` box of the same length, filled with zeros: players
//! step over it, and the offsets of the samples stay true. Places recorded along the film as a track of
//! its own cannot be removed that way; such a file is reported and refused.

use std::io;

use super::{Private, Region, Scan, heif, length, place, place_note, printable};

/// LIMIT: 16 levels, 262,144 boxes. A film in fragments has two for each: two days at a second each.
const DEPTH_MAX: usize = 16;
const BOXES_MAX: usize = 1 << 18;
const XMP_UUID: [u8; 16] = *b"\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC";

/// One box: its type, where it begins, where its contents begin and where it ends.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) kind: [u8; 4],
    pub(super) start: u64,
    pub(super) body: u64,
    pub(super) end: u64,
}

impl Piece {
    pub(super) fn read(self, region: Region<'_>) -> io::Result<Option<Vec<u8>>> {
        region.read(self.body, self.end.saturating_sub(self.body))
    }
}

pub(super) fn scan(region: Region<'_>, start: u64, scan: &mut Scan) -> io::Result<()> {
    let mut walk = Walk {
        region,
        scan,
        budget: BOXES_MAX,
    };
    walk.boxes(start, region.end, 0)?;
    if walk.budget == 0 {
        scan.stuck = Some("it has too many boxes");
    }
    Ok(())
}

/// The box that begins at `at`; `None` if none fits there.
pub(super) fn piece_at(region: Region<'_>, at: u64, end: u64) -> io::Result<Option<Piece>> {
    let Some([a, b, c, d, kind @ ..]) = region.array::<8>(at)? else {
        return Ok(None);
    };
    let (header, len) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, end.saturating_sub(at)),
        1 => match region.array(at + 8)? {
            Some(long) => (16, u64::from_be_bytes(long)),
            None => return Ok(None),
        },
        len => (8, u64::from(len)),
    };
    let piece_end = at
        .checked_add(len)
        .filter(|piece_end| len >= header && *piece_end <= end);
    Ok(piece_end.map(|end| Piece {
        kind,
        start: at,
        body: at + header,
        end,
    }))
}

struct Walk<'a> {
    region: Region<'a>,
    scan: &'a mut Scan,
    budget: usize,
}

impl Walk<'_> {
    fn boxes(&mut self, start: u64, end: u64, depth: usize) -> io::Result<()> {
        let mut at = start;
        while let Some(piece) = piece_at(self.region, at, end)? {
            if self.budget == 0 || depth > DEPTH_MAX {
                self.budget = 0;
                return Ok(());
            }
            self.budget -= 1;
            self.one(piece, depth)?;
            at = piece.end;
        }
        Ok(())
    }

    fn one(&mut self, piece: Piece, depth: usize) -> io::Result<()> {
        match &piece.kind {
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" | b"udta" => {
                self.boxes(piece.body, piece.end, depth + 1)
            }
            b"meta" => self.meta(piece, depth),
            b"\xA9xyz" | b"loci" | b"GPMF" | b"gps " | b"GPS " => self.place(piece),
            b"SNum" | b"CAME" | b"\xA9snm" => {
                let value = piece
                    .read(self.region)?
                    .map(|body| printable(&body))
                    .unwrap_or_default();
                let value = if &piece.kind == b"SNum" {
                    value
                } else {
                    String::new()
                };
                self.drop_piece(
                    piece,
                    Private::Serial {
                        what: "camera".to_owned(),
                        value,
                    },
                );
                Ok(())
            }
            b"XMP_" => self
                .scan
                .xmp(self.region, piece.body, piece.end - piece.body),
            b"uuid" => {
                if self.region.array(piece.body)? == Some(XMP_UUID) {
                    let start = piece.body + length(&XMP_UUID);
                    self.scan
                        .xmp(self.region, start, piece.end.saturating_sub(start))?;
                }
                Ok(())
            }
            b"stsd" => self.samples(piece),
            _ => Ok(()),
        }
    }

    fn place(&mut self, piece: Piece) -> io::Result<()> {
        let body = piece.read(self.region)?.unwrap_or_default();
        let said = match &piece.kind {
            b"\xA9xyz" => iso6709(&body),
            b"loci" => loci(&body),
            _ => None,
        };
        self.drop_piece(piece, said.unwrap_or_else(|| place_note("video's data")));
        Ok(())
    }

    /// Turns a box into free space.
    fn drop_piece(&mut self, piece: Piece, private: Private) {
        self.scan.note(private);
        let Ok(len) = usize::try_from(piece.end - piece.body) else {
            return;
        };
        if piece.end - piece.body > super::BLOCK_BYTES_MAX {
            self.scan.stuck = Some("a box with a place or a serial number is too large");
            return;
        }
        self.scan.patch(piece.start + 4, b"free".to_vec());
        self.scan.patch(piece.body, vec![0; len]);
    }

    /// A track of positions: the names are those of GoPro, Google, Sony and Apple.
    fn samples(&mut self, piece: Piece) -> io::Result<()> {
        let body = piece.read(self.region)?.unwrap_or_default();
        let kind = body.get(12..16).unwrap_or_default();
        let is_apple = kind == b"mebx" && contains(&body, b"quicktime.location");
        if is_apple || matches!(kind, b"gpmd" | b"camm" | b"rtmd" | b"djmd") {
            self.scan.note(place_note("video's track of positions"));
            self.scan.stuck = Some("it has a track of positions along the film");
        }
        Ok(())
    }

    /// QuickTime's `meta` holds boxes at once, that of MP4 after four bytes of version and flags.
    fn meta(&mut self, piece: Piece, depth: usize) -> io::Result<()> {
        let is_quicktime = self.region.array::<4>(piece.body + 4)? == Some(*b"hdlr");
        let body = if is_quicktime {
            piece.body
        } else {
            piece.body + 4
        };
        let mut at = body;
        let mut private_keys = Vec::new();
        for _ in 0..64 {
            let Some(inner) = piece_at(self.region, at, piece.end)? else {
                break;
            };
            match &inner.kind {
                b"keys" => private_keys = keys(&inner.read(self.region)?.unwrap_or_default()),
                b"ilst" => self.values(inner, &private_keys)?,
                _ => {}
            }
            at = inner.end;
        }
        heif::scan(self.region, Piece { body, ..piece }, self.scan)?;
        self.boxes(body, piece.end, depth + 1)
    }

    fn values(&mut self, list: Piece, private_keys: &[(u32, bool)]) -> io::Result<()> {
        let mut at = list.body;
        while let Some(item) = piece_at(self.region, at, list.end)? {
            at = item.end;
            self.budget = self.budget.saturating_sub(1);
            if self.budget == 0 {
                break;
            }
            if &item.kind == b"\xA9xyz" {
                self.place(item)?;
                continue;
            }
            let number = u32::from_be_bytes(item.kind);
            let Some((_, is_place)) = private_keys.iter().find(|(key, _)| *key == number) else {
                continue;
            };
            // A `data` box: its header, a type and a locale come before the value.
            let body = item.read(self.region)?.unwrap_or_default();
            let value = body.get(16..).unwrap_or_default();
            self.drop_piece(
                item,
                if *is_place {
                    iso6709(value).unwrap_or_else(|| place_note("video's data"))
                } else {
                    Private::Serial {
                        what: "camera".to_owned(),
                        value: printable(value),
                    }
                },
            );
        }
        Ok(())
    }
}

/// The numbers of the keys that name a place (true) or a serial number (false).
fn keys(body: &[u8]) -> Vec<(u32, bool)> {
    let mut found = Vec::new();
    let mut rest = body.get(8..).unwrap_or_default();
    let mut number = 0;
    while let Some(&[a, b, c, d]) = rest.first_chunk() {
        number += 1;
        let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let Some(name) = rest.get(8..len) else {
            break;
        };
        let name = name.to_ascii_lowercase();
        let is_place = contains(&name, b"location") || contains(&name, b"gps");
        if is_place || contains(&name, b"serial") {
            found.push((number, is_place));
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    found
}

/// `+32.6500-016.9100+012/` somewhere in a box.
fn iso6709(body: &[u8]) -> Option<Private> {
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    let text = text.get(text.find(['+', '-'])?..)?;
    let second = text.get(1..)?.find(['+', '-'])? + 1;
    let rest = text.get(second..)?;
    let is_end = |letter: char| !letter.is_ascii_digit() && letter != '.';
    let len = rest
        .get(1..)?
        .find(is_end)
        .map_or(rest.len(), |end| end + 1);
    place(
        text.get(..second)?.parse().ok()?,
        rest.get(..len)?.parse().ok()?,
    )
}

/// 3GPP's box: version, language, a name that ends in zero, a role, then 16.16 fixed-point degrees.
fn loci(body: &[u8]) -> Option<Private> {
    let name_end = body.get(6..)?.iter().position(|byte| *byte == 0)? + 6;
    let degrees = |at: usize| {
        let bytes = body.get(at..at + 4)?.try_into().ok()?;
        Some(f64::from(i32::from_be_bytes(bytes)) / 65536.0)
    };
    place(degrees(name_end + 6)?, degrees(name_end + 2)?)
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
