//! What other people's parsers read out of pictures, films and songs.
//!
//! The only file that names lofty, nom-exif and imagesize.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use lofty::config::{ParseOptions, ParsingMode};
use lofty::file::{AudioFile as _, TaggedFileExt as _};
use lofty::probe::Probe;
use lofty::tag::{Accessor as _, ItemKey};
use nom_exif::{Exif, ExifTag, MediaParser, MediaSource, TrackInfoTag};

use super::{Facts, Private};

/// LIMIT: 64 MiB for one parser. A film's index is rarely 10 MB, a song's cover rarely 5.
const PARSER_BYTES_MAX: u64 = 64 << 20;
/// LIMIT: 1,000 bytes of a title or a name; a longer one is cut.
const TEXT_BYTES_MAX: usize = 1000;
const CREATORS_MAX: usize = 32;

/// Width and height of a picture from its header.
pub(super) fn dimensions(file: &File, facts: &mut Facts) {
    let size = guarded(file, |reader| imagesize::reader_size(BufReader::new(reader)).ok());
    if let Some(size) = size {
        facts.width = u64::try_from(size.width).ok().filter(|width| *width > 0);
        facts.height = u64::try_from(size.height).ok().filter(|height| *height > 0);
    }
}

/// Date, place and serial numbers from EXIF.
pub(super) fn exif(file: &File, facts: &mut Facts) {
    let exif: Option<Exif> = guarded(file, |reader| {
        let source = MediaSource::seekable(reader).ok()?;
        MediaParser::new().parse_exif(source).ok().map(Exif::from)
    });
    let Some(exif) = exif else {
        return;
    };
    let taken = [ExifTag::DateTimeOriginal, ExifTag::CreateDate];
    let taken = taken.into_iter().find_map(|tag| exif.get(tag)?.as_datetime());
    facts.taken_ms = taken.and_then(milliseconds);
    facts.private.extend(exif.gps_info().and_then(place));
    for (tag, what) in [(ExifTag::CameraSerialNumber, "camera"), (ExifTag::LensSerialNumber, "lens")] {
        if let Some(value) = exif.get(tag).and_then(|value| value.as_str()).and_then(clean) {
            facts.private.push(Private::Serial { what: what.to_owned(), value });
        }
    }
}

/// Size, length, date and place of a film.
pub(super) fn track(file: &File, facts: &mut Facts) {
    let track = guarded(file, |reader| {
        let source = MediaSource::seekable(reader).ok()?;
        MediaParser::new().parse_track(source).ok()
    });
    let Some(track) = track else {
        return;
    };
    let number = |tag| {
        let value = track.get(tag)?;
        value.as_u64().or_else(|| value.as_u32().map(u64::from)).filter(|number| *number > 0)
    };
    facts.width = number(TrackInfoTag::Width);
    facts.height = number(TrackInfoTag::Height);
    facts.duration_ms = number(TrackInfoTag::DurationMs);
    let taken = track.get(TrackInfoTag::CreateDate).and_then(|value| value.as_datetime());
    // Films count from 1904; a tool that writes no date writes 0, which is not after 1970.
    facts.taken_ms = taken.and_then(milliseconds).filter(|taken| *taken > 0);
    facts.private.extend(track.gps_info().and_then(place));
}

/// Title, artists, album, position and length from a song's tags. What is there already stays.
pub(super) fn audio(file: &File, facts: &mut Facts) {
    let tagged = guarded(file, |reader| {
        let options = ParseOptions::new().read_cover_art(false).parsing_mode(ParsingMode::BestAttempt);
        let probe = Probe::new(BufReader::new(reader)).options(options).guess_file_type().ok()?;
        probe.read().ok()
    });
    let Some(tagged) = tagged else {
        return;
    };
    let duration = u64::try_from(tagged.properties().duration().as_millis()).ok();
    facts.duration_ms = facts.duration_ms.or(duration.filter(|duration| *duration > 0));
    let Some(tag) = tagged.primary_tag().or_else(|| tagged.first_tag()) else {
        return;
    };
    facts.title = tag.title().and_then(|title| clean(&title));
    facts.album = tag.album().and_then(|album| clean(&album));
    facts.track = tag.track().map(u64::from).filter(|track| *track > 0);
    let mut creators: Vec<String> = Vec::new();
    for name in tag.get_strings(ItemKey::TrackArtist).filter_map(clean).take(CREATORS_MAX) {
        if !creators.contains(&name) {
            creators.push(name);
        }
    }
    facts.creators = creators;
}

/// Runs a parser on a bounded view of the file; a panic in it counts as "nothing found".
fn guarded<T>(file: &File, parse: impl FnOnce(Bounded<'_>) -> Option<T>) -> Option<T> {
    let mut whole = file;
    whole.seek(SeekFrom::Start(0)).ok()?;
    let bounded = Bounded { file, left: PARSER_BYTES_MAX };
    // The value is dropped with the panic, so no half-changed state is seen afterwards.
    catch_unwind(AssertUnwindSafe(|| parse(bounded))).ok().flatten()
}

/// A file that seems to end once a parser has read its share.
#[derive(Debug)]
struct Bounded<'a> {
    file: &'a File,
    left: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.take(self.left).read(buffer)?;
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
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

/// Text from a stranger's file, fit for a record: trimmed, bounded, without control characters.
fn clean(text: &str) -> Option<String> {
    let letters = text.chars().filter(|letter| !letter.is_control());
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
