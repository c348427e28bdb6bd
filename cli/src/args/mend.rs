//! `verify` and `rebuild`.

use clap::Args;

/// `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Only this feed
    pub(crate) feed: Option<String>,
    /// Stop after so long, as 30s, 90m, 2h or 1d; the next run goes on from there
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    pub(crate) limit: Option<u64>,
    /// Where to ask for what is damaged, besides where the feeds come from; may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) via: Vec<String>,
}

/// `rebuild`.
#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// Set the store aside and make it again from what it still has, the authors' files, the blobs on disk and peers [the default]
    #[arg(long)]
    pub(crate) store: bool,
    /// Only the lists of items, from the records in the store
    #[arg(long, conflicts_with = "store")]
    pub(crate) index: bool,
}

/// Reads 30s, 90m, 2h or 1d.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let units = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)];
    let read = |(unit, seconds): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds).filter(|seconds| *seconds > 0)
    };
    units
        .into_iter()
        .find_map(read)
        .ok_or_else(|| "a time is a number with s, m, h or d, as 2h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_have_a_unit() {
        for (text, expected) in [
            ("30s", Some(30)),
            ("90m", Some(5_400)),
            ("2h", Some(7_200)),
            ("1d", Some(86_400)),
            ("2", None),
            ("h", None),
            ("0h", None),
            ("-1h", None),
            ("1.5h", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
    }
}
