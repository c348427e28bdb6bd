//! Settings of one node: plain TOML that a person writes, and that levada never writes over.
//!
//! Text in, values out (spec/store.md, Settings). Reading the file is `io::config`'s; what a setting does is said where it
//! is used. A name that is not known is an error, so that a slip of the pen is never a silent default.

mod limits;

use crate::sources::{NotASize, read_size};
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

pub use limits::{Given, Hours, Limits, NotARate, NotHours, Rates, Schedule, read_rate};

/// Days for which a retracted record is kept when nothing else is said.
const RETRACTED_DAYS: u64 = 30;

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where `serve` listens, as `--listen` takes it; what the command line says comes first.
    pub listen: Vec<String>,
    /// Where `serve` takes calls of this machine, as `--api` takes it; an empty list is nowhere.
    pub api: Option<Vec<String>>,
    /// Bandwidth and connections.
    pub limits: Limits,
    /// Room for media.
    pub quota: Quota,
    /// Where media lie.
    pub blobs: BlobRoots,
    /// What is kept of what was taken back.
    pub retracted: Retracted,
    /// What may be held in memory.
    pub memory: Memory,
}

/// Room for media that is not one's own and not pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Bytes of followed and cached media; absent: the smaller of 20 GiB and half of what is free.
    #[serde(deserialize_with = "size")]
    pub size: Option<u64>,
    /// Bytes of free space that are left to others, own and pinned media included; absent: the smaller
    /// of 1 GiB and a twentieth of the disk.
    #[serde(deserialize_with = "size")]
    pub reserve: Option<u64>,
}

/// Folders for media, on as many disks as wanted. Absent: one folder in the data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlobRoots {
    /// More folders besides the one in the data directory; absolute.
    pub roots: Vec<PathBuf>,
}

/// What is kept of what its author took back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retracted {
    /// Days until the bytes are dropped.
    pub days: u64,
}

impl Default for Retracted {
    fn default() -> Self {
        Self {
            days: RETRACTED_DAYS,
        }
    }
}

/// What may be held in memory. Absent: what is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Bytes of the database's tables that are kept at hand; absent: 32 MiB.
    #[serde(deserialize_with = "size")]
    pub cache: Option<u64>,
    /// Bytes of all answers under way together; absent: 256 MiB.
    #[serde(deserialize_with = "size")]
    pub answers: Option<u64>,
}

fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(from)?;
    let read = read_size(&text).map_err(|NotASize { .. }| {
        serde::de::Error::custom(format!(
            "{text}: a size is a number of bytes in quotes, or one with KiB, MiB, GiB or TiB"
        ))
    });
    read.map(Some)
}

impl Settings {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The line and what is wrong with it.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Every setting by its name, with its value in words.
    #[must_use]
    pub fn list(&self) -> Vec<(&'static str, String)> {
        let bytes = |set: Option<u64>, absent: &str| match set {
            Some(bytes) => format!("{bytes} bytes"),
            None => absent.to_owned(),
        };
        let count = |set: Option<usize>| match set {
            Some(count) => count.to_string(),
            None => "as many as the system allows".to_owned(),
        };
        let texts = |set: &[String], absent: &str| match set {
            [] => absent.to_owned(),
            texts => texts.join(", "),
        };
        let hours = self.limits.schedule.iter();
        let hours = hours.map(|part| part.hours.to_string());
        let roots = self.blobs.roots.iter();
        let roots = roots.map(|root| root.display().to_string());
        let api = match &self.api {
            None => "port 9328 of loopback".to_owned(),
            Some(named) => texts(named, "off"),
        };
        vec![
            ("listen", texts(&self.listen, "port 9327 of all addresses")),
            ("api", api),
            ("limits.up", bytes(self.limits.up, "no limit")),
            ("limits.down", bytes(self.limits.down, "no limit")),
            (
                "limits.local",
                if self.limits.local {
                    "limited too"
                } else {
                    "exempt"
                }
                .to_owned(),
            ),
            ("limits.connections", count(self.limits.connections)),
            (
                "limits.connections_each",
                count(self.limits.connections_each),
            ),
            (
                "limits.schedule",
                texts(&hours.collect::<Vec<_>>(), "the same at all hours"),
            ),
            (
                "quota.size",
                bytes(self.quota.size, "20 GiB, at most half of the room there is"),
            ),
            (
                "quota.reserve",
                bytes(self.quota.reserve, "1 GiB, at most a twentieth of the disk"),
            ),
            (
                "blobs.roots",
                texts(&roots.collect::<Vec<_>>(), "the data directory alone"),
            ),
            ("retracted.days", self.retracted.days.to_string()),
            ("memory.cache", bytes(self.memory.cache, "32 MiB")),
            ("memory.answers", bytes(self.memory.answers, "256 MiB")),
        ]
    }

    /// Settings by which this differs from another: the name of each, and whether it holds only after a restart.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(&'static str, bool)> {
        let (ours, theirs) = (&self.limits, &other.limits);
        let at_once = |name, is_other: bool| (name, false, is_other);
        let restart = |name, is_other: bool| (name, true, is_other);
        let all = [
            restart("listen", self.listen != other.listen),
            restart("api", self.api != other.api),
            at_once("limits.up", ours.up != theirs.up),
            at_once("limits.down", ours.down != theirs.down),
            restart("limits.local", ours.local != theirs.local),
            restart("limits.connections", ours.connections != theirs.connections),
            restart(
                "limits.connections_each",
                ours.connections_each != theirs.connections_each,
            ),
            at_once("limits.schedule", ours.schedule != theirs.schedule),
            at_once("quota.size", self.quota.size != other.quota.size),
            at_once("quota.reserve", self.quota.reserve != other.quota.reserve),
            restart("blobs.roots", self.blobs != other.blobs),
            at_once("retracted.days", self.retracted != other.retracted),
            restart("memory.cache", self.memory.cache != other.memory.cache),
            restart(
                "memory.answers",
                self.memory.answers != other.memory.answers,
            ),
        ];
        let others = all.into_iter().filter(|(.., is_other)| *is_other);
        others
            .map(|(name, needs_restart, _)| (name, needs_restart))
            .collect()
    }

    /// These settings as they can hold in a process that began with others: what needs a restart stays as it was.
    #[must_use]
    pub fn without_restart(self, before: &Self) -> Self {
        let before = before.clone();
        Self {
            limits: Limits {
                local: before.limits.local,
                connections: before.limits.connections,
                connections_each: before.limits.connections_each,
                ..self.limits
            },
            quota: self.quota,
            retracted: self.retracted,
            ..before
        }
    }

    /// Whether a setting of `list` stands in the file's text.
    #[must_use]
    pub fn is_set(text: &str, name: &str) -> bool {
        let Ok(table) = text.parse::<toml::Table>() else {
            return false;
        };
        match name.split_once('.') {
            None => table.contains_key(name),
            Some((table_name, name)) => table
                .get(table_name)
                .and_then(toml::Value::as_table)
                .is_some_and(|table| table.contains_key(name)),
        }
    }
}

#[cfg(test)]
mod tests;
