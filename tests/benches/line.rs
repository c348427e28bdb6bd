//! One line of JSON on standard output for each row.

use serde_json::{Value, json};
use std::io::Write;

/// Why a row could not be measured.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a row comes to.
pub(crate) type Outcome = Result<(), Failure>;

/// A line in the making: names and values in the order they were put.
pub(crate) struct Line {
    fields: Vec<(String, Value)>,
}

impl Line {
    pub(crate) fn of(row: &str) -> Self {
        Self {
            fields: vec![("row".to_owned(), json!(row))],
        }
    }

    pub(crate) fn put(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Least and median of several runs; null for none.
    pub(crate) fn spread(self, name: &str, values: &[f64]) -> Self {
        if values.is_empty() {
            return self.put(name, Value::Null);
        }
        let spread = json!({ "min": round(least(values)), "median": round(median(values)) });
        self.put(name, spread)
    }

    /// The same for a rate: `work` over seconds, so the greatest comes from the least time.
    pub(crate) fn rate(self, name: &str, work: f64, seconds: &[f64]) -> Self {
        let rate = json!({
            "max": round(work / least(seconds)),
            "median": round(work / median(seconds)),
        });
        self.put(name, rate)
    }

    /// Median against median of a reference: how many times its speed.
    pub(crate) fn speed_of(self, name: &str, ours: &[f64], reference: &[f64]) -> Self {
        if reference.is_empty() {
            return self.put(name, Value::Null);
        }
        self.put(name, round(median(reference) / median(ours)))
    }

    /// Prints it.
    pub(crate) fn print(self) {
        let fields = self
            .fields
            .iter()
            .map(|(name, value)| format!("{}:{value}", json!(name)));
        let line = format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","));
        let mut out = std::io::stdout().lock();
        // Nobody reads any more: there is nobody to tell.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

/// The least of the values; 0 for none.
pub(crate) fn least(values: &[f64]) -> f64 {
    sorted(values).first().copied().unwrap_or(0.0)
}

/// The middle one, or the lower of the two in the middle; 0 for none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or(0.0)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Four digits are more than any of these figures is good for.
pub(crate) fn round(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A count as a number to calculate with.
pub(crate) fn float(count: u64) -> f64 {
    // Counts here are far below 2^53.
    count as f64
}
