use super::*;
use crate::settings::Settings;

const HOUR_MS: u64 = 60 * MINUTE_MS;

fn limits(text: &str) -> Limits {
    Settings::read(text).unwrap().limits
}

/// A clock on the wall that is as many hours ahead of UTC.
fn wall(ahead: u64) -> impl Fn(u64) -> u16 {
    move |ms| u16::try_from((ms / MINUTE_MS + ahead * 60) % u64::from(DAY_MINUTES)).unwrap()
}

#[test]
fn hours_are_read_as_a_clock_shows_them() {
    for (text, inside, outside) in [
        ("08:00-17:30", [480, 1049], [479, 1050]),
        ("22:00-06:00", [1320, 359], [1319, 360]),
        ("00:00-24:00", [0, 1439], [1440, 1441]),
        ("23:59-00:00", [1439, 1439], [1438, 1]),
    ] {
        let hours: Hours = text.parse().unwrap();
        assert_eq!(hours.to_string(), text);
        assert!(inside.iter().all(|minute| hours.contain(*minute)), "{text}");
        let is_outside = |minute: &u16| *minute >= DAY_MINUTES || !hours.contain(*minute);
        assert!(outside.iter().all(is_outside), "{text}");
    }
    for wrong in [
        "",
        "8-17",
        "8:00-17:00",
        "08:00",
        "08:00-08:00",
        "24:00-01:00",
        "08:60-09:00",
        "08:00-24:01",
        "+8:00-09:00",
        "08:00-09:00-10:00",
        "ab:cd-ef:gh",
        "65:00-01:00",
    ] {
        assert!(wrong.parse::<Hours>().is_err(), "{wrong}");
    }
}

#[test]
fn first_hours_that_hold_count_and_say_all_of_it() {
    let limits = limits(
        r#"
        [limits]
        up = "1MiB"
        down = "4MiB/s"

        [[limits.schedule]]
        hours = "22:00-06:00"
        down = "none"

        [[limits.schedule]]
        hours = "05:00-08:00"
        up = "64KiB"
        down = "100KiB"
        "#,
    );
    let rates = |up, down| Rates { up, down };
    assert_eq!(limits.at(12 * 60), rates(Some(1 << 20), Some(4 << 20)));
    assert_eq!(limits.at(23 * 60), rates(None, None));
    assert_eq!(limits.at(5 * 60), rates(None, None));
    assert_eq!(limits.at(7 * 60), rates(Some(64 << 10), Some(100 << 10)));
}

#[test]
fn command_line_wins_at_all_hours_and_only_where_it_speaks() {
    let limits = limits(
        "[limits]\nup = \"1MiB\"\ndown = \"1MiB\"\n[[limits.schedule]]\nhours = \"00:00-12:00\"\nup = \"2MiB\"\ndown = \"2MiB\"",
    );
    let given = Given {
        up: Some(Some(5_000)),
        down: None,
    };
    let with = limits.clone().with(given);
    assert_eq!(
        (with.at(60).up, with.at(60).down),
        (Some(5_000), Some(2 << 20))
    );
    assert_eq!(
        (with.at(900).up, with.at(900).down),
        (Some(5_000), Some(1 << 20))
    );
    let lifted = limits.with(Given {
        up: None,
        down: Some(None),
    });
    assert_eq!(
        (lifted.at(60).up, lifted.at(60).down),
        (Some(2 << 20), None)
    );
}

#[test]
fn next_change_is_found_on_days_when_clocks_are_set_too() {
    let night = limits("[limits]\nup = \"1MiB\"\n[[limits.schedule]]\nhours = \"02:30-06:00\"");
    assert_eq!(night.next_change(0, wall(0)), Some(150 * MINUTE_MS));
    assert_eq!(
        night.next_change(150 * MINUTE_MS + 7, wall(0)),
        Some(6 * HOUR_MS)
    );
    assert_eq!(night.next_change(0, wall(2)), Some(30 * MINUTE_MS));
    // In spring the wall goes from 02:00 to 03:00: the hours begin there.
    let spring = |ms: u64| wall(u64::from(ms >= 2 * HOUR_MS))(ms);
    assert_eq!(night.next_change(0, spring), Some(2 * HOUR_MS));
    assert_eq!(night.next_change(2 * HOUR_MS, spring), Some(5 * HOUR_MS));
    // In autumn it goes from 03:00 back to 02:00: the hours hold, end and hold again.
    let autumn = |ms: u64| wall(u64::from(ms < 2 * HOUR_MS))(ms);
    assert_eq!(night.next_change(0, autumn), Some(90 * MINUTE_MS));
    assert_eq!(night.next_change(90 * MINUTE_MS, autumn), Some(2 * HOUR_MS));
    assert_eq!(
        night.next_change(2 * HOUR_MS, autumn),
        Some(150 * MINUTE_MS)
    );
    assert_eq!(limits("").next_change(0, wall(0)), None);
    let never = limits("[[limits.schedule]]\nhours = \"00:00-24:00\"");
    assert_eq!(never.next_change(0, wall(0)), None);
}

#[test]
fn rates_are_sizes_a_second_and_never_so_low_that_nothing_goes() {
    assert_eq!(read_rate("1KiB"), Ok(Some(1_024)));
    assert_eq!(read_rate(" 2 MB/s "), Ok(Some(2_000_000)));
    assert_eq!(read_rate("none"), Ok(None));
    for wrong in ["0", "1023", "1KiB/m", "fast", "", "-1", "/s"] {
        assert!(read_rate(wrong).is_err(), "{wrong}");
    }
}
