//! Limits of bandwidth and connections, and which of them holds at what time of the day.

use crate::rate::RATE_MIN;
use crate::sources::read_size;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u16 = 24 * 60;
/// Minutes looked ahead for the next change: a day, and the hour by which clocks are set back.
const AHEAD_MINUTES: u64 = 25 * 60;

/// Bandwidth in bytes a second, and connections. Absent: no limit of bandwidth, the built-in bounds of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Sent to others, all together; addresses of the local network are exempt.
    #[serde(deserialize_with = "rate")]
    pub up: Option<u64>,
    /// Fetched from others, all together; addresses of the local network are exempt.
    #[serde(deserialize_with = "rate")]
    pub down: Option<u64>,
    /// The local network is not exempt.
    pub local: bool,
    /// Connections of others, in all.
    pub connections: Option<usize>,
    /// Connections of one network of addresses.
    pub connections_each: Option<usize>,
    /// Other limits at certain hours; the first that holds counts.
    pub schedule: Vec<Schedule>,
}

/// Limits at certain hours of the day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Of this machine's local time.
    pub hours: Hours,
    /// Bytes a second sent; absent: no limit in these hours.
    #[serde(deserialize_with = "rate", default)]
    pub up: Option<u64>,
    /// Bytes a second fetched; absent: no limit in these hours.
    #[serde(deserialize_with = "rate", default)]
    pub down: Option<u64>,
}

/// Limits in force: bytes a second; absent: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Sent to others.
    pub up: Option<u64>,
    /// Fetched from others.
    pub down: Option<u64>,
}

/// What a command line says of limits, in the place of the settings. `Some(None)`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Sent to others.
    pub up: Option<Option<u64>>,
    /// Fetched from others.
    pub down: Option<Option<u64>>,
}

impl Limits {
    /// The same, with what the command line says in its place, at all hours.
    #[must_use]
    pub fn with(mut self, given: Given) -> Self {
        if let Some(up) = given.up {
            self.up = up;
            self.schedule.iter_mut().for_each(|other| other.up = up);
        }
        if let Some(down) = given.down {
            self.down = down;
            self.schedule.iter_mut().for_each(|other| other.down = down);
        }
        self
    }

    /// The limits at a minute of the day.
    #[must_use]
    pub fn at(&self, minute: u16) -> Rates {
        let other = self
            .schedule
            .iter()
            .find(|other| other.hours.contain(minute));
        other.map_or(
            Rates {
                up: self.up,
                down: self.down,
            },
            |other| Rates {
                up: other.up,
                down: other.down,
            },
        )
    }

    /// When other limits will hold than at `now_ms`; `None`: not within a day. `minute_of` is the minute of the day at a
    /// time in Unix milliseconds, as clocks on the wall show it: some days it jumps.
    #[must_use]
    pub fn next_change(&self, now_ms: u64, minute_of: impl Fn(u64) -> u16) -> Option<u64> {
        if self.schedule.is_empty() {
            return None;
        }
        let now = self.at(minute_of(now_ms));
        let minute = now_ms / MINUTE_MS;
        let mut ahead = (1..=AHEAD_MINUTES).map(|more| minute.saturating_add(more) * MINUTE_MS);
        ahead.find(|at| self.at(minute_of(*at)) != now)
    }
}

/// Hours of a day: `HH:MM-HH:MM`, the end not included; past midnight when it ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: u16,
    to: u16,
}

/// The text is no hours of a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: hours are HH:MM-HH:MM, as in 22:00-06:30")]
pub struct NotHours(String);

impl Hours {
    fn contain(self, minute: u16) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

impl FromStr for Hours {
    type Err = NotHours;
    fn from_str(text: &str) -> Result<Self, NotHours> {
        let wrong = || NotHours(text.to_owned());
        let two = |digits: &str| {
            let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|_| is_plain)
        };
        let minute = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let at = two(hour)? * 60 + two(minute).filter(|minute| *minute < 60)?;
            Some(at).filter(|at| *at <= DAY_MINUTES)
        };
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let (from, to) = (
            minute(from).ok_or_else(wrong)?,
            minute(to).ok_or_else(wrong)?,
        );
        // Hours that end as they begin say nothing: the whole day is 00:00-24:00.
        if from == to || from == DAY_MINUTES {
            return Err(wrong());
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            from / 60,
            from % 60,
            to / 60,
            to % 60
        )
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: a rate is a number of bytes a second, as in 500KiB or 2MiB, at least 1KiB; or none")]
pub struct NotARate(String);

/// Reads a rate like `2MiB`, `2MiB/s` or `none`.
///
/// # Errors
/// `NotARate`.
pub fn read_rate(text: &str) -> Result<Option<u64>, NotARate> {
    let text = text.trim();
    if text == "none" {
        return Ok(None);
    }
    let size = read_size(text.strip_suffix("/s").unwrap_or(text)).ok();
    size.filter(|bytes| *bytes >= RATE_MIN)
        .map(Some)
        .ok_or_else(|| NotARate(text.to_owned()))
}

fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    read_rate(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests;
