//! Taking checked bytes apart: the values of an array, the fields of a map, single values.
//!
//! Takes what `check` passed, so heads and lengths are all that it looks at, and no text but the one that is asked for.
//! Bytes that were not checked give `None` or nonsense, never a panic or memory beyond their own length.

/// The elements of an array, each as its own bytes. `None` when `bytes` is no array. Takes checked bytes.
#[must_use]
pub fn read_array(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let (4, count, mut at) = head_at(bytes, 0)? else {
        return None;
    };
    let mut values = Vec::with_capacity(usize::try_from(count).ok()?.min(bytes.len()));
    for _ in 0..count {
        let end = end_of_value(bytes, at)?;
        values.push(bytes.get(at..end)?);
        at = end;
    }
    Some(values)
}

/// Major type and argument of the value that begins at `at`, and where what follows begins. Takes checked bytes: no length
/// in them is indefinite.
fn head_at(bytes: &[u8], at: usize) -> Option<(u8, u64, usize)> {
    let byte = *bytes.get(at)?;
    let (start, info) = (at.checked_add(1)?, byte & 31);
    match info {
        0..=23 => Some((byte >> 5, u64::from(info), start)),
        24..=27 => {
            let end = start.checked_add(1 << (info - 24))?;
            let number = bytes.get(start..end)?.iter();
            let number = number.fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            Some((byte >> 5, number, end))
        }
        _ => None,
    }
}

/// Where the value that begins at `at` ends. No text in it is looked at again, as a decoder would that leaves a value out.
pub(super) fn end_of_value(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut due: u64 = 1;
    while due > 0 {
        due -= 1;
        let (major, argument, next) = head_at(bytes, at)?;
        at = next;
        match major {
            2 | 3 => at = at.checked_add(usize::try_from(argument).ok()?)?,
            4 => due = due.checked_add(argument)?,
            5 => due = due.checked_add(argument.checked_mul(2)?)?,
            _ => {}
        }
    }
    (at <= bytes.len()).then_some(at)
}

/// What a byte or text string holds.
fn string_of(bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    let (major, length, at) = head_at(bytes, 0)?;
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(at..end).filter(|_| major == wanted)
}

/// An unsigned integer.
#[must_use]
pub fn read_uint(bytes: &[u8]) -> Option<u64> {
    let (major, number, _) = head_at(bytes, 0)?;
    (major == 0).then_some(number)
}

/// A byte string.
#[must_use]
pub fn read_bytes(bytes: &[u8]) -> Option<&[u8]> {
    string_of(bytes, 2)
}

/// A byte string of exactly `N` bytes.
#[must_use]
pub fn read_fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    read_bytes(bytes)?.try_into().ok()
}

/// A text string.
#[must_use]
pub fn read_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(string_of(bytes, 3)?).ok()
}

/// A truth value.
#[must_use]
pub fn read_bool(bytes: &[u8]) -> Option<bool> {
    match bytes.first()? {
        0xf4 => Some(false),
        0xf5 => Some(true),
        _ => None,
    }
}

/// Whether the value is null.
#[must_use]
pub fn is_null(bytes: &[u8]) -> bool {
    bytes == [0xf6]
}

/// The entries of one map, taken by name; what is left over is unknown.
#[derive(Debug)]
pub struct Fields<'a> {
    /// Names as bytes: they are compared, and that they are text was checked.
    entries: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// Takes a map apart, one level deep. `None` when `bytes` is no map. Takes checked bytes.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (5, count, mut at) = head_at(bytes, 0)? else {
            return None;
        };
        let mut entries = Vec::with_capacity(usize::try_from(count).ok()?.min(bytes.len()));
        for _ in 0..count {
            let key = end_of_value(bytes, at)?;
            let value = end_of_value(bytes, key)?;
            entries.push((string_of(bytes.get(at..key)?, 3)?, bytes.get(key..value)?));
            at = value;
        }
        Some(Self { entries })
    }

    /// The bytes of a field's value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.entries
            .iter()
            .find(|(key, _)| *key == name.as_bytes())
            .map(|(_, value)| *value)
    }

    /// Whether the keys are exactly these, in any order.
    #[must_use]
    pub fn are_exactly(&self, names: &[&str]) -> bool {
        self.entries.len() == names.len() && names.iter().all(|name| self.value(name).is_some())
    }
}
