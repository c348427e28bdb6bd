//! Sizes, times and counts as people read them.
//!
//! Times are UTC: what two people see of one record is the same text. Nothing here reads a clock.

use chrono::DateTime;

/// Units of sizes above a byte, each 1024 times the one before.
const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// A size with one decimal, never rounded up: `98.1 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    let mut unit_bytes = 1024_u64;
    let mut name = None;
    for unit in UNITS {
        if bytes < unit_bytes {
            break;
        }
        name = Some((unit, unit_bytes));
        unit_bytes = unit_bytes.saturating_mul(1024);
    }
    match name {
        None => format!("{bytes} B"),
        Some((name, unit_bytes)) => {
            let rest = u128::from(bytes % unit_bytes) * 10 / u128::from(unit_bytes);
            format!("{}.{rest} {name}", bytes / unit_bytes)
        }
    }
}

/// A time in Unix milliseconds as `2026-11-25 14:03`, UTC.
pub(crate) fn time(ms: u64) -> String {
    let known = i64::try_from(ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    known.map_or_else(
        || format!("{ms} ms after 1970"),
        |time| time.format("%Y-%m-%d %H:%M").to_string(),
    )
}

/// A duration in milliseconds as `3:07` or `1:02:03`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    if hours == 0 {
        format!("{minutes}:{:02}", seconds % 60)
    } else {
        format!("{hours}:{minutes:02}:{:02}", seconds % 60)
    }
}

/// A count with its noun: `1 file`, `3 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal_and_are_not_rounded_up() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (2 << 30, "2.0 GiB"),
            (1 << 44, "16.0 TiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn times_are_utc_and_any_number_has_a_text() {
        assert_eq!(time(0), "1970-01-01 00:00");
        assert_eq!(time(1_795_615_439_999), "2026-11-25 14:03");
        assert_eq!(time(4_070_908_800_000), "2099-01-01 00:00");
        assert_eq!(
            time((1 << 53) - 1),
            "9007199254740991 ms after 1970",
            "beyond the calendar"
        );
        assert_eq!(time(u64::MAX), "18446744073709551615 ms after 1970");
    }

    #[test]
    fn durations_show_hours_only_when_there_are_some() {
        for (ms, expected) in [
            (0, "0:00"),
            (187_900, "3:07"),
            (3_723_000, "1:02:03"),
            (36_000_000, "10:00:00"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!(count(0, "file"), "0 files");
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(2, "file"), "2 files");
    }
}
