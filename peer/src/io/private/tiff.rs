//! EXIF blocks: a TIFF header and directories of tagged values, cleaned in place.
//!
//! Removes the GPS directory, serial numbers, the owner's name and makers' notes (which hold serial
//! numbers in forms of their own), and writes zeros over the bytes they pointed to. Orientation, dates,
//! make, model, exposure and the thumbnail stay. The block keeps its length.

use super::{Private, place, place_note, printable, text};

/// LIMIT: 64 directories. A real file has five; a loop would otherwise never end.
const DIRECTORIES_MAX: usize = 64;

const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const INTEROP_DIRECTORY: u16 = 0xA005;
const SUB_DIRECTORIES: u16 = 0x014A;
const XMP: u16 = 0x02BC;
const IPTC: u16 = 0x83BB;
const PHOTOSHOP: u16 = 0x8649;
const MAKER_NOTE: u16 = 0x927C;
const DNG_PRIVATE: u16 = 0xC634;
const OWNER: u16 = 0xA430;
const SERIALS: [(u16, &str); 3] = [(0xA431, "camera"), (0xA435, "lens"), (0xC62F, "camera")];

/// What `clean` found and did.
#[derive(Debug, Default)]
pub(super) struct Cleaning {
    pub(super) private: Vec<Private>,
    pub(super) is_changed: bool,
}

/// Cleans a block in place. A block that is no TIFF is left as it is.
pub(super) fn clean(block: &mut [u8]) -> Cleaning {
    let mut cleaning = Cleaning::default();
    let is_little = block.starts_with(b"II\x2a\0");
    if !is_little && !block.starts_with(b"MM\0\x2a") {
        return cleaning;
    }
    let mut tiff = Tiff { block, is_little };
    let mut waiting = vec![(tiff.long(4), true)];
    let mut seen = Vec::new();
    while let Some((next, is_chained)) = waiting.pop() {
        let Some(at) = next.filter(|at| *at >= 8 && !seen.contains(at)) else {
            continue;
        };
        if seen.len() == DIRECTORIES_MAX {
            break;
        }
        seen.push(at);
        // Some writers leave out the link behind directories that have no next one, and put data there.
        let (entries, link) = tiff.directory(at);
        let link = if is_chained { link } else { None };
        waiting.push((link, true));
        for entry in &entries {
            match entry.tag {
                EXIF_DIRECTORY | INTEROP_DIRECTORY => {
                    waiting.push((tiff.long(entry.at + 8), false));
                }
                SUB_DIRECTORIES => {
                    waiting.extend(tiff.longs(entry).into_iter().map(|at| (at, false)));
                }
                _ => {}
            }
        }
        tiff.clean_directory(at, &entries, link, &mut cleaning);
    }
    cleaning
}

#[derive(Clone)]
struct Entry {
    at: usize,
    tag: u16,
    /// Where its value is; empty when that lies outside the block.
    value: std::ops::Range<usize>,
}

struct Tiff<'a> {
    block: &'a mut [u8],
    is_little: bool,
}

impl Tiff<'_> {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.block.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = self.array(at)?;
        Some(if self.is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = self.array(at)?;
        let long = if self.is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        };
        usize::try_from(long).ok()
    }

    /// The entries of the directory that fit in the block, and where the next directory is.
    fn directory(&self, at: usize) -> (Vec<Entry>, Option<usize>) {
        let claimed = usize::from(self.short(at).unwrap_or(0));
        let entries: Vec<Entry> = (0..claimed)
            .map_while(|n| self.entry(at + 2 + 12 * n))
            .collect();
        let following = if entries.len() == claimed {
            self.long(at + 2 + 12 * claimed)
        } else {
            None
        };
        (entries, following)
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        self.array::<12>(at)?;
        let tag = self.short(at)?;
        let width = match self.short(at + 2)? {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => 1,
        };
        let len = self.long(at + 4)?.checked_mul(width);
        let value = len.and_then(|len| {
            let start = if len <= 4 { at + 8 } else { self.long(at + 8)? };
            let range = start..start.checked_add(len)?;
            (range.end <= self.block.len()).then_some(range)
        });
        Some(Entry {
            at,
            tag,
            value: value.unwrap_or(at..at),
        })
    }

    fn bytes(&self, entry: &Entry) -> &[u8] {
        self.block.get(entry.value.clone()).unwrap_or_default()
    }

    fn longs(&self, entry: &Entry) -> Vec<Option<usize>> {
        let starts = entry.value.clone().step_by(4).take(DIRECTORIES_MAX);
        starts.map(|at| self.long(at)).collect()
    }

    fn clean_directory(
        &mut self,
        at: usize,
        entries: &[Entry],
        link: Option<usize>,
        cleaning: &mut Cleaning,
    ) {
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            let value = printable(self.bytes(entry));
            if let Some((_, what)) = SERIALS.iter().find(|(tag, _)| *tag == entry.tag) {
                if !value.is_empty() {
                    cleaning.private.push(Private::Serial {
                        what: (*what).to_owned(),
                        value,
                    });
                }
            } else if entry.tag == OWNER {
                if !value.is_empty() {
                    cleaning.private.push(Private::Owner { name: value });
                }
            } else if entry.tag == GPS_DIRECTORY {
                if let Some(gps) = self.long(entry.at + 8) {
                    self.clean_gps(gps, cleaning);
                }
            } else if matches!(entry.tag, XMP | IPTC | PHOTOSHOP) {
                let found = text::mentions(self.bytes(entry));
                if found.is_empty() {
                    kept.push(entry.clone());
                    continue;
                }
                cleaning.private.extend(found);
            } else if !matches!(entry.tag, MAKER_NOTE | DNG_PRIVATE) {
                kept.push(entry.clone());
                continue;
            }
            self.zero(entry.value.clone());
        }
        if kept.len() < entries.len() {
            cleaning.is_changed = true;
            self.rewrite(at, entries.len(), &kept, link);
        }
    }

    /// Writes the kept entries closer together, and the link to the next directory into the room won.
    fn rewrite(&mut self, at: usize, count: usize, kept: &[Entry], link: Option<usize>) {
        let number = u16::try_from(kept.len()).unwrap_or(0);
        let link = u32::try_from(link.unwrap_or(0)).unwrap_or(0);
        let (number, link) = if self.is_little {
            (number.to_le_bytes(), link.to_le_bytes())
        } else {
            (number.to_be_bytes(), link.to_be_bytes())
        };
        let mut bytes = number.to_vec();
        for entry in kept {
            bytes.extend(self.array::<12>(entry.at).unwrap_or_default());
        }
        bytes.extend(link);
        if let Some(directory) = self.block.get_mut(at..at + 2 + 12 * count) {
            bytes.resize(directory.len(), 0);
            directory.copy_from_slice(&bytes);
        }
    }

    fn clean_gps(&mut self, at: usize, cleaning: &mut Cleaning) {
        let (entries, _) = self.directory(at);
        let find = |tag: u16| entries.iter().find(|entry| entry.tag == tag);
        let latitude = find(2).and_then(|entry| self.degrees(entry, find(1), b"Ss"));
        let longitude = find(4).and_then(|entry| self.degrees(entry, find(3), b"Ww"));
        let said = latitude
            .zip(longitude)
            .and_then(|(latitude, longitude)| place(latitude, longitude));
        // Destination, area name: places too. A receiver without a fix writes 0/0, which is none.
        let is_other = entries
            .iter()
            .any(|entry| matches!(entry.tag, 0x14 | 0x16 | 0x1C));
        cleaning
            .private
            .extend(said.or_else(|| is_other.then(|| place_note("EXIF data"))));
        for entry in &entries {
            self.zero(entry.value.clone());
        }
        self.zero(at..(at + 2 + 12 * entries.len()).min(self.block.len()));
    }

    fn degrees(&self, entry: &Entry, half: Option<&Entry>, negative: &[u8]) -> Option<f64> {
        let part = |n: usize| {
            let at = entry.value.start + 8 * n;
            (at + 8 <= entry.value.end).then_some(())?;
            let over = u32::try_from(self.long(at)?).ok()?;
            let under = u32::try_from(self.long(at + 4)?).ok()?;
            Some(f64::from(over) / f64::from(under)).filter(|part| part.is_finite())
        };
        let fraction = part(1).unwrap_or(0.0) / 60.0 + part(2).unwrap_or(0.0) / 3600.0;
        let degrees = part(0)? + fraction;
        let half = half.and_then(|entry| self.bytes(entry).first().copied());
        let is_negative = half.is_some_and(|letter| negative.contains(&letter));
        Some(if is_negative { -degrees } else { degrees })
    }

    fn zero(&mut self, range: std::ops::Range<usize>) {
        if let Some(bytes) = self.block.get_mut(range) {
            bytes.fill(0);
        }
    }
}
