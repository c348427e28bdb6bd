//! What a file gives away about its author without showing it: places, serial numbers, owners' names.
//!
//! One scan serves both sides, so that they cannot disagree: it says what was found (`media` shows it)
//! and which bytes to overwrite to be rid of it (`strip` does). A patch never changes a length: offsets
//! in indexes, thumbnails and appended videos stay true, and everything outside a patch stays as it was.
//! Knows containers, not pixels. Files are input from outside: every length is bounded before it is read.

mod bmff;
mod heif;
mod jpeg;
mod matroska;
mod png;
mod text;
mod tiff;
mod webp;

#[cfg(test)]
pub(super) mod sample;

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::walk::is_refused;

/// LIMIT: 64 MiB. A metadata block larger than this is not looked into.
const BLOCK_BYTES_MAX: u64 = 64 << 20;

/// One thing that a file gives away.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Private {
    /// Where it was made, rounded to about a hundred metres for printing.
    Place {
        /// Degrees, north positive.
        latitude: f64,
        /// Degrees, east positive.
        longitude: f64,
    },
    /// A place in words, or coordinates in a form that was not read.
    PlaceNote {
        /// Which part of the file says it.
        what: String,
    },
    /// A number that ties the file to one device.
    Serial {
        /// Which device.
        what: String,
        /// The number.
        value: String,
    },
    /// The name of the device's owner.
    Owner {
        /// The name.
        name: String,
    },
}

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place {
                latitude,
                longitude,
            } => write!(f, "place {latitude:.3}, {longitude:.3}"),
            Self::PlaceNote { what } => write!(f, "place in the {what}"),
            Self::Serial { what, value } if value.is_empty() => write!(f, "{what} serial number"),
            Self::Serial { what, value } => write!(f, "{what} serial number {value}"),
            Self::Owner { name } if name.is_empty() => f.write_str("owner's name"),
            Self::Owner { name } => write!(f, "owner's name {name}"),
        }
    }
}

/// Bytes to write over those at an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

impl Patch {
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(length(&self.bytes))
    }

    /// Overwrites its share of a buffer that was read at `at`.
    pub(super) fn apply(&self, buffer: &mut [u8], at: u64) {
        let skip = usize::try_from(at.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let start = usize::try_from(self.offset.saturating_sub(at)).unwrap_or(usize::MAX);
        let new = self.bytes.get(skip..).unwrap_or_default();
        let old = buffer.get_mut(start..).unwrap_or_default();
        for (old, new) in old.iter_mut().zip(new) {
            *old = *new;
        }
    }
}

/// What was found, and what to overwrite.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) private: Vec<Private>,
    pub(super) patches: Vec<Patch>,
    /// Something private that no patch here can remove, in words.
    pub(super) stuck: Option<&'static str>,
}

/// Scans a file of a type that we know how to clean; `None` for any other type.
pub(super) fn scan(file: &File, media_type: &str) -> io::Result<Option<Scan>> {
    let mut scan = Scan::default();
    let all = Region {
        file,
        end: file.metadata()?.len(),
    };
    match media_type {
        "image/jpeg" => jpeg::scan(all, &mut scan)?,
        "image/png" | "image/apng" => png::scan(all, &mut scan)?,
        "image/webp" => webp::scan(all, &mut scan)?,
        "image/heif" | "image/heic" | "image/avif" | "video/mp4" | "video/quicktime"
        | "video/x-m4v" | "video/3gpp" | "audio/mp4" => bmff::scan(all, 0, &mut scan)?,
        "video/matroska" | "video/webm" => matroska::scan(all, &mut scan)?,
        _ => return Ok(None),
    }
    Ok(Some(scan))
}

impl Scan {
    /// Whether something of the same sort was found here too, maybe read with another precision.
    pub(super) fn covers(&self, other: &Private) -> bool {
        self.private.iter().any(|own| sort(own) == sort(other))
    }

    fn note(&mut self, private: Private) {
        if !self.private.contains(&private) {
            self.private.push(private);
        }
    }

    fn patch(&mut self, offset: u64, bytes: Vec<u8>) {
        self.patches.push(Patch { offset, bytes });
    }

    /// Cleans one EXIF block in place; what it gives away is noted. Returns the new bytes if any changed.
    fn clean_exif(&mut self, mut block: Vec<u8>) -> Option<Vec<u8>> {
        let cleaning = tiff::clean(&mut block);
        for private in cleaning.private {
            self.note(private);
        }
        // Entries that share bytes can undo each other's cleaning; a second look must find nothing.
        if cleaning.is_changed && tiff::clean(&mut block.clone()).is_changed {
            self.stuck = Some("its EXIF block is tangled");
        }
        cleaning.is_changed.then_some(block)
    }

    fn exif(&mut self, region: Region<'_>, offset: u64, len: u64) -> io::Result<()> {
        if let Some(block) = region.read(offset, len)?
            && let Some(cleaned) = self.clean_exif(block)
        {
            self.patch(offset, cleaned);
        }
        Ok(())
    }

    /// Looks into an XMP packet; a packet that gives something away is emptied altogether.
    fn xmp(&mut self, region: Region<'_>, offset: u64, len: u64) -> io::Result<()> {
        if let Some(block) = region.read(offset, len)?
            && self.mentions(&block)
        {
            self.patch(offset, text::empty_packet(block.len()));
        }
        Ok(())
    }

    fn mentions(&mut self, block: &[u8]) -> bool {
        let found = text::mentions(block);
        let is_private = !found.is_empty();
        for private in found {
            self.note(private);
        }
        is_private
    }
}

/// A file up to an end: reads past it are refused, so a lying length gives nothing.
#[derive(Clone, Copy)]
struct Region<'a> {
    file: &'a File,
    end: u64,
}

impl Region<'_> {
    /// `None` when the range is too long or not wholly inside the region.
    fn read(self, offset: u64, untrusted_len: u64) -> io::Result<Option<Vec<u8>>> {
        let is_inside = offset
            .checked_add(untrusted_len)
            .is_some_and(|end| end <= self.end);
        if !is_inside || untrusted_len > BLOCK_BYTES_MAX {
            return Ok(None);
        }
        let Ok(len) = usize::try_from(untrusted_len) else {
            return Ok(None);
        };
        let mut block = vec![0; len];
        match self.file.read_exact_at(&mut block, offset) {
            Ok(()) => Ok(Some(block)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn array<const N: usize>(self, offset: u64) -> io::Result<Option<[u8; N]>> {
        let len = u64::try_from(N).unwrap_or(u64::MAX);
        Ok(self
            .read(offset, len)?
            .and_then(|block| block.try_into().ok()))
    }
}

fn sort(private: &Private) -> u8 {
    match private {
        Private::Place { .. } | Private::PlaceNote { .. } => 0,
        Private::Serial { .. } => 1,
        Private::Owner { .. } => 2,
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Text from a file, fit to be printed: nothing that plays tricks on a terminal, and not long.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.split('\0').next().unwrap_or_default().trim();
    text.chars()
        .filter(|letter| !is_refused(*letter))
        .take(64)
        .collect()
}

pub(super) fn place(latitude: f64, longitude: f64) -> Option<Private> {
    let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    let round = |degrees: f64| (degrees * 1000.0).round() / 1000.0;
    is_place.then(|| Private::Place {
        latitude: round(latitude),
        longitude: round(longitude),
    })
}

fn place_note(what: &str) -> Private {
    Private::PlaceNote {
        what: what.to_owned(),
    }
}
