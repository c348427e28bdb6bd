//! A bar with rate and remaining time on standard error, when that is a terminal.

use crate::escape;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use levada_peer::api::Progress;
use std::time::Duration;

/// Columns of what the work is about.
const NAME_COLUMNS: usize = 32;
/// How often time and rate are drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// What a bar can tell of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Bytes out of so many.
    Bytes,
    /// Bytes, and nobody knows of how many.
    BytesOnly,
    /// Things out of so many.
    Count,
    /// Things, and nobody knows of how many.
    CountOnly,
}

/// The bar, if there is one.
pub(crate) struct Bar {
    is_shown: bool,
    bar: Option<(ProgressBar, Form, String)>,
}

impl Bar {
    /// None is drawn unless `is_shown`.
    pub(crate) fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            bar: None,
        }
    }

    /// Draws how far the work is.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if !self.is_shown {
            return;
        }
        let form = form(progress);
        let is_same = |bar: &(ProgressBar, Form, String)| bar.1 == form && bar.2 == progress.what;
        match self.bar.as_ref().filter(|bar| is_same(bar)) {
            Some((bar, ..)) => set(bar, progress, form),
            None => {
                self.clear();
                self.bar = Some((started(progress, form), form, progress.what.to_string()));
            }
        }
    }

    /// Prints something without tearing the bar.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some((bar, ..)) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some((bar, ..)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

fn set(bar: &ProgressBar, progress: &Progress, form: Form) {
    let (done, total) = match form {
        Form::Bytes | Form::BytesOnly => (progress.bytes, progress.bytes_total),
        Form::Count | Form::CountOnly => (progress.count, progress.count_total),
    };
    bar.set_length(total.unwrap_or(0).max(done));
    bar.set_message(words(progress, form));
    bar.set_position(done);
}

/// A bar that begins where the work is: what was done before it does not count as its speed.
fn started(progress: &Progress, form: Form) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(style(form));
    set(&bar, progress, form);
    bar.tick();
    bar.reset_eta();
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.enable_steady_tick(TICK);
    bar
}

fn form(progress: &Progress) -> Form {
    match progress {
        Progress {
            bytes_total: Some(total),
            ..
        } if *total > 0 => Form::Bytes,
        Progress { bytes, .. } if *bytes > 0 => Form::BytesOnly,
        Progress {
            count_total: Some(total),
            ..
        } if *total > 0 => Form::Count,
        _ => Form::CountOnly,
    }
}

fn style(form: Form) -> ProgressStyle {
    let template = match form {
        Form::Bytes => {
            "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}"
        }
        Form::BytesOnly => "{spinner} {msg} {binary_bytes} {binary_bytes_per_sec} {elapsed}",
        Form::Count => "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}",
        Form::CountOnly => "{spinner} {msg} {pos} {per_sec} {elapsed}",
    };
    ProgressStyle::with_template(template)
        .expect("the templates are ours")
        .progress_chars("=> ")
}

/// `media of ana, 3/8 files`.
fn words(progress: &Progress, form: Form) -> String {
    let mut words = progress.what.to_string();
    if !progress.of.is_empty() {
        words.push(' ');
        words.push_str(&escape::cut(&progress.of, NAME_COLUMNS));
    }
    let has_bytes = matches!(form, Form::Bytes | Form::BytesOnly);
    match progress.count_total {
        Some(total) if has_bytes && total > 0 => {
            words.push_str(&format!(" {}/{total}", progress.count));
        }
        None if has_bytes && progress.count > 0 => {
            words.push_str(&format!(" {}", progress.count));
        }
        _ => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(bytes: u64, of_bytes: Option<u64>, count: u64, of: Option<u64>) -> Progress {
        Progress {
            what: "media".into(),
            of: "ana\u{1b}".into(),
            bytes,
            bytes_total: of_bytes,
            count,
            count_total: of,
        }
    }

    #[test]
    fn bars_tell_what_is_known() {
        for (progress, form_of_it, words_of_it) in [
            (
                progress(5, Some(9), 1, Some(3)),
                Form::Bytes,
                "media ana\\u{1b} 1/3",
            ),
            (
                progress(5, None, 7, None),
                Form::BytesOnly,
                "media ana\\u{1b} 7",
            ),
            (
                progress(0, None, 1, Some(3)),
                Form::Count,
                "media ana\\u{1b}",
            ),
            (
                progress(0, Some(0), 0, Some(0)),
                Form::CountOnly,
                "media ana\\u{1b}",
            ),
            (Progress::default(), Form::CountOnly, ""),
        ] {
            let form = form(&progress);
            assert_eq!(
                (form, words(&progress, form).as_str()),
                (form_of_it, words_of_it)
            );
            // The template of every form is one that the library reads.
            let _ = style(form);
        }
    }
}
