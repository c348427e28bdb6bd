//! The `Range` of a request, as HTTP defines it.

use crate::frame::read_number;
use std::ops::Range;

/// What a `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::io) enum Asked {
    /// Everything.
    All,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Bytes past the end.
    Outside,
}

/// One range of bytes; several, or another unit, mean the whole.
pub(in crate::io) fn read_range(text: &str, size: u64) -> Asked {
    let Some(range) = text
        .strip_prefix("bytes=")
        .map(str::trim)
        .filter(|range| !range.contains(','))
    else {
        return Asked::All;
    };
    let Some((first, last)) = range.split_once('-') else {
        return Asked::All;
    };
    // HTTP allows leading zeros, and numbers of any length: one past all sizes is past the end.
    let number = |text: &str| match text.trim_start_matches('0') {
        "" if !text.is_empty() => Some(0),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(read_number(digits).unwrap_or(u64::MAX)).filter(|_| !digits.is_empty())
        }
        _ => None,
    };
    match (first, last) {
        ("", last) => match number(last) {
            Some(0) => Asked::Outside,
            Some(_) if size == 0 => Asked::Outside,
            Some(count) => Asked::Part(size.saturating_sub(count)..size),
            None => Asked::All,
        },
        (first, last) => match (
            number(first),
            if last.is_empty() {
                Some(u64::MAX)
            } else {
                number(last)
            },
        ) {
            (Some(first), Some(last)) if first <= last && first < size => {
                Asked::Part(first..last.saturating_add(1).min(size))
            }
            (Some(first), Some(last)) if first <= last => Asked::Outside,
            _ => Asked::All,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_defines_them() {
        let part = |text, size| match read_range(text, size) {
            Asked::Part(range) => Some(range),
            Asked::All | Asked::Outside => None,
        };
        assert_eq!(part("bytes=0-0", 10), Some(0..1));
        assert_eq!(part("bytes=007-08", 10), Some(7..9));
        assert_eq!(part("bytes=5-", 10), Some(5..10));
        assert_eq!(part("bytes=5-99", 10), Some(5..10));
        assert_eq!(part("bytes=5-99999999999999999999", 10), Some(5..10));
        assert_eq!(part("bytes=0-18446744073709551615", 10), Some(0..10));
        assert_eq!(part("bytes=-3", 10), Some(7..10));
        assert_eq!(part("bytes=-99", 10), Some(0..10));
        for (outside, size) in [
            ("bytes=10-", 10),
            ("bytes=10-11", 10),
            ("bytes=-0", 10),
            ("bytes=0-", 0),
            ("bytes=-1", 0),
        ] {
            let read = read_range(outside, size);
            assert!(matches!(read, Asked::Outside), "{outside}");
        }
        for whole in [
            "bytes=3-2",
            "bytes=a-b",
            "lines=1-2",
            "bytes=0-1,3-4",
            "bytes=",
            "bytes=-",
            "bytes=+1-2",
            "bytes=1 - 2",
            "0-1",
        ] {
            assert!(matches!(read_range(whole, 10), Asked::All), "{whole}");
        }
    }
}
