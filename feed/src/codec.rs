//! Canonical CBOR: the one byte form that each value has (spec/codec.md).
//!
//! `check` decides whether bytes are canonical and within bounds; nothing else in this crate reads CBOR that did not pass
//! it. `Fields` and the `read_*` helpers take checked bytes apart, which needs no more than heads and lengths; `Writer` puts
//! canonical bytes together with minicbor. Which fields a structure has is known by the structures, not here.

mod fields;

use crate::limits::{INTEGER_MAX, NESTING_MAX};
use crate::reject::Reject;
pub use fields::{
    Fields, is_null, read_array, read_bool, read_bytes, read_fixed, read_text, read_uint,
};
use minicbor::{Decoder, Encoder};
use std::ops::Range;

/// What the check saw besides canonical form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Some map, at any depth, has a key that begins with `!` (spec/record.md, Fields that must be understood).
    pub has_critical: bool,
}

/// Checks that `bytes` is exactly one canonical value of at most `values_max` values.
///
/// # Errors
/// The first broken MUST of codec-1 to codec-11.
pub fn check(bytes: &[u8], values_max: usize) -> Result<Checked, Reject> {
    let mut checker = Checker {
        bytes,
        at: 0,
        values: 0,
        values_max,
        seen: Checked::default(),
    };
    checker.value(0)?;
    match bytes.len().saturating_sub(checker.at) {
        0 => Ok(checker.seen),
        count => Err(Reject::Trailing { count }),
    }
}

struct Checker<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
    values_max: usize,
    seen: Checked,
}

impl<'a> Checker<'a> {
    /// One value at nesting `depth`: the depth of the arrays and maps around it.
    fn value(&mut self, depth: usize) -> Result<(), Reject> {
        let start = self.at;
        self.values += 1;
        if self.values > self.values_max {
            return Err(Reject::TooManyValues {
                max: self.values_max,
            });
        }
        let (major, argument) = self.head()?;
        match major {
            0 if argument > INTEGER_MAX => Err(Reject::IntegerTooLarge { got: argument }),
            0 | 7 => Ok(()),
            2 => self.take(argument).map(|_| ()),
            3 => self.text(start, argument).map(|_| ()),
            _ if depth >= NESTING_MAX => Err(Reject::TooDeep { at: start }),
            4 => {
                for _ in 0..self.bounded(argument, 1)? {
                    self.value(depth + 1)?;
                }
                Ok(())
            }
            _ => self.map(argument, depth + 1),
        }
    }

    fn map(&mut self, entries: u64, depth: usize) -> Result<(), Reject> {
        let mut previous: Option<&'a str> = None;
        for _ in 0..self.bounded(entries, 2)? {
            let at = self.at;
            let (major, length) = self.head()?;
            if major != 3 {
                return Err(Reject::KeyNotText { at });
            }
            let key = self.text(at, length)?;
            // By length, then by bytes, and never the same twice.
            if previous.is_some_and(|before| (before.len(), before) >= (key.len(), key)) {
                return Err(Reject::KeyOrder { at });
            }
            previous = Some(key);
            self.seen.has_critical |= key.starts_with('!');
            self.value(depth)?;
        }
        Ok(())
    }

    /// Initial byte and argument: major type, and the number, length or count.
    fn head(&mut self) -> Result<(u8, u64), Reject> {
        let at = self.at;
        let byte = self.take(1)?.first().copied().ok_or(Reject::Truncated)?;
        let (major, info) = (byte >> 5, byte & 31);
        match major {
            1 | 6 => return Err(Reject::ForbiddenType { byte, at }),
            7 if !(20..=22).contains(&info) => return Err(Reject::ForbiddenType { byte, at }),
            7 => return Ok((7, 0)),
            _ => {}
        }
        let (width, floor) = match info {
            0..=23 => return Ok((major, u64::from(info))),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            31 if major != 0 => return Err(Reject::Indefinite { at }),
            _ => return Err(Reject::ForbiddenType { byte, at }),
        };
        let argument = self
            .take(width)?
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        if argument < floor {
            return Err(Reject::NotShortest { at });
        }
        Ok((major, argument))
    }

    fn text(&mut self, at: usize, length: u64) -> Result<&'a str, Reject> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Reject::InvalidText { at })
    }

    /// A count of things that take at least `each` bytes: more than are left is a cut input, found before the loop.
    fn bounded(&self, count: u64, each: u64) -> Result<u64, Reject> {
        let left = u64::try_from(self.bytes.len().saturating_sub(self.at)).unwrap_or(u64::MAX);
        if count > left / each {
            Err(Reject::Truncated)
        } else {
            Ok(count)
        }
    }

    fn take(&mut self, count: impl TryInto<usize>) -> Result<&'a [u8], Reject> {
        let count = count.try_into().map_err(|_| Reject::Truncated)?;
        let end = self.at.checked_add(count).ok_or(Reject::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(Reject::Truncated)?;
        self.at = end;
        Ok(taken)
    }
}

/// The version number that every signed or proven structure begins with, read before the element count.
///
/// # Errors
/// `NeedsNewer` when it is not 1, `form` when there is no such number.
pub fn check_version(bytes: &[u8], form: Reject) -> Result<(), Reject> {
    let mut decoder = Decoder::new(bytes);
    let count = decoder.array().ok();
    match count.map(|count| (count, decoder.u64())) {
        // What follows an empty array is not in it.
        Some((Some(0), _) | (_, Err(_))) | None => Err(form),
        Some((_, Ok(1))) => Ok(()),
        Some((_, Ok(got))) => Err(Reject::NeedsNewer { got }),
    }
}

/// Length of the first value of a sequence, in bytes; its form is not checked. `None` when there is none.
#[must_use]
pub fn first_value(bytes: &[u8]) -> Option<usize> {
    let mut decoder = Decoder::new(bytes);
    decoder.skip().ok()?;
    Some(decoder.position()).filter(|end| *end <= bytes.len())
}

/// Writes canonical CBOR into memory.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// The head of an array of `count` values, which have to follow.
    pub fn array(&mut self, count: usize) -> &mut Self {
        self.put(|e| e.array(u64::try_from(count).unwrap_or(u64::MAX)).map(drop))
    }

    /// An integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.put(|e| e.u64(value).map(drop))
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.put(|e| e.bytes(value).map(drop))
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.put(|e| e.str(value).map(drop))
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.put(|e| e.bool(value).map(drop))
    }

    /// Null.
    pub fn null(&mut self) -> &mut Self {
        self.put(|e| e.null().map(drop))
    }

    /// Bytes that are canonical CBOR already.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.0.extend_from_slice(value);
        self
    }

    /// A map; entries may be added in any order.
    pub fn map(&mut self, map: MapWriter) -> &mut Self {
        map.write_into(self)
    }

    fn put(
        &mut self,
        write: impl FnOnce(
            &mut Encoder<&mut Vec<u8>>,
        ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>>,
    ) -> &mut Self {
        write(&mut Encoder::new(&mut self.0)).expect("writing into memory cannot fail");
        self
    }
}

/// Fields of most maps, and bytes of what they hold: memory is asked for once.
const MAP_FIELDS: usize = 8;
const MAP_BYTES: usize = 512;

/// Collects the entries of a map and writes them in canonical order.
#[derive(Debug)]
pub struct MapWriter {
    /// Names, and where in `values` the value of each lies.
    entries: Vec<(&'static str, Range<usize>)>,
    values: Writer,
}

impl Default for MapWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl MapWriter {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::with_capacity(MAP_FIELDS),
            values: Writer(Vec::with_capacity(MAP_BYTES)),
        }
    }

    /// Adds one entry. A name may be added once.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        write: impl FnOnce(&mut Writer) -> &mut Writer,
    ) -> Self {
        let start = self.values.0.len();
        write(&mut self.values);
        self.entries.push((name, start..self.values.0.len()));
        self
    }

    /// Adds an entry when there is a value.
    #[must_use]
    pub fn with_some<T>(
        self,
        name: &'static str,
        value: Option<T>,
        write: impl for<'w> FnOnce(&'w mut Writer, T) -> &'w mut Writer,
    ) -> Self {
        match value {
            Some(value) => self.with(name, |writer| write(writer, value)),
            None => self,
        }
    }

    /// The map's bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let names: usize = self.entries.iter().map(|(name, _)| name.len() + 2).sum();
        let mut writer = Writer(Vec::with_capacity(self.values.0.len() + names + 2));
        self.write_into(&mut writer);
        writer.finish()
    }

    fn write_into(mut self, writer: &mut Writer) -> &mut Writer {
        self.entries.sort_by_key(|(name, _)| (name.len(), *name));
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        writer.put(|e| e.map(count).map(drop));
        for (name, value) in self.entries {
            let value = self.values.0.get(value).unwrap_or_default();
            writer.text(name).raw(value);
        }
        writer
    }
}

#[cfg(test)]
mod tests;
