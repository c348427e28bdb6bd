//! What other people's parsers read out of pictures, films and songs.
//!
//! The only file that names lofty, nom-exif and imagesize.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lofty::config::{ParseOptions, ParsingMode};
use lofty::file::{AudioFile as _, TaggedFileExt as _};
use lofty::probe::Probe;
use lofty::tag::{Accessor as _, ItemKey};
use nom_exif::{Exif, ExifTag, MediaParser, MediaSource, TrackInfoTag};

use super::{Facts, Private};
use crate::io::private::Patch;
use crate::io::walk::is_refused;

/// LIMIT: 64 MiB for one parser. A film's index is rarely 10 MB, a song's cover rarely 5.
const PARSER_BYTES_MAX: u64 = 64 << 20;
/// LIMIT: 1,000 bytes of a title or a name; a longer one is cut.
const TEXT_BYTES_MAX: usize = 1000;
const CREATORS_MAX: usize = 32;

/// Width and height of a picture from its header.
pub(super) fn dimensions(view: View<'_>, facts: &mut Facts) {
    let size = guarded(view, |reader| {
        imagesize::reader_size(BufReader::new(reader)).ok()
    });
    if let Some(size) = size {
        facts.width = u64::try_from(size.width).ok().filter(|width| *width > 0);
        facts.height = u64::try_from(size.height).ok().filter(|height| *height > 0);
    }
}

/// Date, place and serial numbers from EXIF.
pub(super) fn exif(view: View<'_>, facts: &mut Facts) {
    let exif: Option<Exif> = guarded(view, |reader| {
        let source = MediaSource::seekable(reader).ok()?;
        MediaParser::new().parse_exif(source).ok().map(Exif::from)
    });
    let Some(exif) = exif else {
        return;
    };
    let taken = [ExifTag::DateTimeOriginal, ExifTag::CreateDate];
    let taken = taken
        .into_iter()
        .find_map(|tag| exif.get(tag)?.as_datetime());
    facts.taken_ms = taken.and_then(milliseconds);
    facts.private.extend(exif.gps_info().and_then(place));
    for (tag, what) in [
        (ExifTag::CameraSerialNumber, "camera"),
        (ExifTag::LensSerialNumber, "lens"),
    ] {
        if let Some(value) = exif
            .get(tag)
            .and_then(|value| value.as_str())
            .and_then(clean)
        {
            facts.private.push(Private::Serial {
                what: what.to_owned(),
                value,
            });
        }
    }
}

/// Size, length, date and place of a film.
pub(super) fn track(view: View<'_>, facts: &mut Facts) {
    let track = guarded(view, |reader| {
        let source = MediaSource::seekable(reader).ok()?;
        MediaParser::new().parse_track(source).ok()
    });
    let Some(track) = track else {
        return;
    };
    let number = |tag| {
        let value = track.get(tag)?;
        value
            .as_u64()
            .or_else(|| value.as_u32().map(u64::from))
            .filter(|number| *number > 0)
    };
    facts.width = number(TrackInfoTag::Width);
    facts.height = number(TrackInfoTag::Height);
    facts.duration_ms = number(TrackInfoTag::DurationMs);
    let taken = track
        .get(TrackInfoTag::CreateDate)
        .and_then(|value| value.as_datetime());
    // Films count from 1904; a tool that writes no date writes 0, which is not after 1970.
    facts.taken_ms = taken.and_then(milliseconds).filter(|taken| *taken > 0);
    facts.private.extend(track.gps_info().and_then(place));
}

/// Title, artists, album, position and length from a song's tags. What is there already stays.
pub(super) fn audio(view: View<'_>, facts: &mut Facts) {
    let tagged = guarded(view, |reader| {
        let options = ParseOptions::new()
            .read_cover_art(false)
            .parsing_mode(ParsingMode::BestAttempt);
        let probe = Probe::new(BufReader::new(reader))
            .options(options)
            .guess_file_type()
            .ok()?;
        probe.read().ok()
    });
    let Some(tagged) = tagged else {
        return;
    };
    let duration = u64::try_from(tagged.properties().duration().as_millis()).ok();
    facts.duration_ms = facts
        .duration_ms
        .or(duration.filter(|duration| *duration > 0));
    let Some(tag) = tagged.primary_tag().or_else(|| tagged.first_tag()) else {
        return;
    };
    facts.title = tag.title().and_then(|title| clean(&title));
    facts.album = tag.album().and_then(|album| clean(&album));
    facts.track = tag.track().map(u64::from).filter(|track| *track > 0);
    let mut creators: Vec<String> = Vec::new();
    for name in tag
        .get_strings(ItemKey::TrackArtist)
        .filter_map(clean)
        .take(CREATORS_MAX)
    {
        if !creators.contains(&name) {
            creators.push(name);
        }
    }
    facts.creators = creators;
}

/// Runs a parser on a bounded view of the file; a panic in it counts as "nothing found".
fn guarded<T>(view: View<'_>, parse: impl FnOnce(Bounded<'_>) -> Option<T>) -> Option<T> {
    let bounded = Bounded {
        view,
        at: 0,
        left: PARSER_BYTES_MAX,
    };
    // The value is dropped with the panic, so no half-changed state is seen afterwards.
    catch_unwind(AssertUnwindSafe(|| parse(bounded)))
        .ok()
        .flatten()
}

/// A file as it is, or as it would be with some bytes overwritten.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) file: &'a File,
    pub(super) patches: &'a [Patch],
}

/// A file that seems to end once a parser has read its share.
#[derive(Debug)]
struct Bounded<'a> {
    view: View<'a>,
    at: u64,
    left: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let buffer = buffer.get_mut(..len).unwrap_or_default();
        let read = self.view.file.read_at(buffer, self.at)?;
        for patch in self.view.patches {
            patch.apply(buffer, self.at);
        }
        let count = u64::try_from(read).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(count);
        self.at = self.at.saturating_add(count);
        Ok(read)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        let target = match position {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.view.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn milliseconds(taken: nom_exif::ExifDateTime) -> Option<u64> {
    let milliseconds = match taken {
        nom_exif::ExifDateTime::Aware(taken) => taken.timestamp_millis(),
        nom_exif::ExifDateTime::Naive(taken) => taken.and_utc().timestamp_millis(),
    };
    u64::try_from(milliseconds).ok()
}

fn place(gps: &nom_exif::GPSInfo) -> Option<Private> {
    crate::io::private::place(gps.latitude_decimal()?, gps.longitude_decimal()?)
}

/// Text from a stranger's file, fit for a record: trimmed, bounded, nothing that plays tricks on a terminal.
fn clean(text: &str) -> Option<String> {
    let letters = text.chars().filter(|letter| !is_refused(*letter));
    let mut cleaned = String::new();
    for letter in letters {
        if cleaned.len() + letter.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        cleaned.push(letter);
    }
    let cleaned = cleaned.trim();
    (!cleaned.is_empty()).then(|| cleaned.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_in_a_parser_counts_as_nothing_found() {
        let file = tempfile::tempfile().unwrap();
        let view = View {
            file: &file,
            patches: &[],
        };
        assert_eq!(guarded::<()>(view, |_| panic!("a parser's bug")), None);
    }

    #[test]
    fn parser_sees_patches_and_an_end_after_its_share() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"0123456789", 0).unwrap();
        let patch = |offset, bytes: &[u8]| Patch {
            offset,
            bytes: bytes.to_vec(),
        };
        let patches = [patch(2, b"abc"), patch(8, b"xyz")];
        let view = View {
            file: &file,
            patches: &patches,
        };
        let (at, left) = (3, 6);
        let mut seen = String::new();
        Bounded { view, at, left }
            .read_to_string(&mut seen)
            .unwrap();
        assert_eq!(seen, "bc567x");
    }
}
