//! What became of the files that were published.
//!
//! A few items are listed; of many there is a summary, and `-v` lists them as they come. Files that could not be
//! published are always named.

use super::keys;
use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use crate::table::Table;
use crate::units;
use levada_peer::api::{Change, Event, KeyInfo, PublishSummary};

/// Items that are listed one by one.
const ROWS_MAX: usize = 20;
/// Files with something private in them that are named one by one.
const PRIVATE_MAX: u64 = 10;

/// What was seen of a publish so far.
#[derive(Default)]
pub(crate) struct PublishReport {
    rows: Vec<[String; 5]>,
    /// Items so far, listed or not.
    items: usize,
    bytes: u64,
    private: u64,
    is_private_left: bool,
}

impl PublishReport {
    /// Takes an event of a publish.
    pub(crate) fn event(&mut self, screen: &mut Screen, event: &Event) {
        let is_verbose = screen.tone().is_verbose;
        match event {
            Event::Published {
                index,
                path,
                title,
                change,
                size,
                ..
            } => {
                self.bytes = self.bytes.saturating_add(*size);
                let change = match change {
                    Change::New => "new",
                    Change::Edited => "edited",
                    Change::Renamed => "renamed",
                };
                self.row(screen, row(change, *index, Some(*size), path, title));
            }
            Event::Skipped {
                path,
                why,
                is_failure,
            } => {
                let path = escape::path(path);
                if *is_failure {
                    screen.warning(&format!("skipped {path}: {why}"), None);
                } else if is_verbose {
                    screen.note(&format!("left out {path}: {}", escape::plain(why)));
                }
            }
            Event::Private {
                path,
                what,
                is_stripped,
            } => {
                self.private += 1;
                self.is_private_left |= !is_stripped;
                if self.private <= PRIVATE_MAX || is_verbose {
                    let verb = if *is_stripped { "without" } else { "tells" };
                    let text = format!("{} {verb} {}", escape::path(path), what.join(", "));
                    private(screen, &text, *is_stripped);
                }
            }
            Event::Gone {
                index,
                path,
                is_retracted,
            } => {
                let change = if *is_retracted { "retracted" } else { "gone" };
                self.row(screen, row(change, Some(*index), None, path, ""));
            }
            _ => {}
        }
    }

    /// Lists a few; when there are more, only those who ask for all see them.
    fn row(&mut self, screen: &mut Screen, row: [String; 5]) {
        self.items += 1;
        if screen.tone().is_verbose {
            screen.lines(lines([row]));
        } else if self.items <= ROWS_MAX {
            self.rows.push(row);
        } else {
            self.rows.clear();
        }
    }

    /// Prints what it came to, with the link last; without it when it is served next, for then it gets hints.
    pub(crate) fn finish(
        mut self,
        screen: &mut Screen,
        spelling: &Spelling,
        summary: &PublishSummary,
        new_key: Option<&KeyInfo>,
        has_link: bool,
    ) {
        let is_quiet = screen.tone().is_quiet;
        if !is_quiet {
            screen.lines(lines(std::mem::take(&mut self.rows)));
            screen.lines([counts(summary, self.bytes)]);
        }
        self.private_summary(screen, summary);
        if summary.gone > summary.retracted {
            let gone = summary.gone - summary.retracted;
            screen.warning(
                &format!("published items whose files are gone: {gone}; they stay published"),
                Some("publish with --retract-missing to take them back"),
            );
        }
        if summary.skipped > 0 && !summary.is_dry_run {
            screen.hint("fix what was skipped, then run the same command again: only what is left is published");
        }
        if let Some(info) = new_key {
            keys::new_key(screen, spelling, info);
        }
        if is_first(summary) {
            screen.warning("what is published is public and cannot be recalled: a retraction only asks others to drop it", None);
        }
        if let Some(link) = summary.link.as_ref().filter(|_| has_link) {
            screen.lines([escape::plain(link)]);
        }
        if has_link && is_first(summary) && !summary.is_served {
            let command = spelling.command(&["serve"]);
            screen.hint(&format!(
                "nobody can fetch it until it is served: {command}"
            ));
        }
        if summary.is_interrupted {
            screen.note("interrupted: what is counted above is done; the same command goes on");
        }
    }

    fn private_summary(&self, screen: &mut Screen, summary: &PublishSummary) {
        if self.private > PRIVATE_MAX && !screen.tone().is_verbose {
            let more = units::count(self.private - PRIVATE_MAX, "more file");
            let text =
                format!("{more} with a place, a serial number or a name in them; -v names them");
            private(screen, &text, !self.is_private_left);
        }
        if self.is_private_left && summary.is_dry_run {
            screen.hint("publish with --strip-place to leave that out of the copies");
        } else if self.is_private_left {
            screen.hint("--strip-place leaves that out of what is published from now on; what is signed stays");
        }
    }
}

/// Nothing but the profile was signed before.
fn is_first(summary: &PublishSummary) -> bool {
    let length = summary.head.as_ref().map(|head| head.length);
    summary.published > 0 && length == summary.published.checked_add(1)
}

/// What is published as it is calls for a warning; what was left out is only good to know.
fn private(screen: &mut Screen, text: &str, is_stripped: bool) {
    if is_stripped {
        screen.note(&escape::plain(text));
    } else {
        screen.warning(text, None);
    }
}

fn row(
    change: &str,
    index: Option<u64>,
    size: Option<u64>,
    path: &str,
    title: &str,
) -> [String; 5] {
    [
        change.to_owned(),
        index.map(|index| index.to_string()).unwrap_or_default(),
        size.map(units::size).unwrap_or_default(),
        escape::plain(path).into_owned(),
        escape::plain(title).into_owned(),
    ]
}

fn lines(rows: impl IntoIterator<Item = [String; 5]>) -> Vec<String> {
    let mut table = Table::new(&[1, 2]);
    for row in rows {
        table.row(row);
    }
    table.lines()
}

fn counts(summary: &PublishSummary, bytes: u64) -> String {
    let PublishSummary {
        published,
        edited,
        renamed,
        unchanged,
        skipped,
        gone,
        retracted,
        is_dry_run,
        is_interrupted,
        ..
    } = summary;
    let parts = [
        (*published, "new"),
        (*edited, "edited"),
        (*renamed, "renamed"),
        (*retracted, "retracted"),
        (gone - retracted.min(gone), "gone"),
        (*unchanged, "unchanged"),
        (*skipped, "skipped"),
    ];
    let mut words: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    if words.is_empty() {
        let why = if *is_interrupted {
            "nothing was published"
        } else {
            "nothing to publish"
        };
        words.push(why.to_owned());
    }
    let size = if bytes > 0 {
        format!(" ({})", units::size(bytes))
    } else {
        String::new()
    };
    let dry = if *is_dry_run {
        "dry run, nothing was signed: "
    } else {
        ""
    };
    format!("{dry}{}{size}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    fn summary() -> PublishSummary {
        PublishSummary {
            feed: FeedSecret::from_bytes(&[7; 32]).feed_key(),
            link: None,
            name: "main".into(),
            new_key: None,
            head: None,
            published: 0,
            edited: 0,
            renamed: 0,
            unchanged: 0,
            skipped: 0,
            gone: 0,
            retracted: 0,
            is_interrupted: false,
            is_dry_run: false,
            is_served: false,
        }
    }

    #[test]
    fn only_what_happened_is_counted() {
        assert_eq!(counts(&summary(), 0), "nothing to publish");
        let some = PublishSummary {
            published: 6,
            unchanged: 3,
            skipped: 1,
            gone: 2,
            retracted: 2,
            ..summary()
        };
        assert_eq!(
            counts(&some, 2048),
            "6 new, 2 retracted, 3 unchanged, 1 skipped (2.0 KiB)"
        );
        let dry = PublishSummary {
            gone: 2,
            is_dry_run: true,
            is_served: false,
            ..summary()
        };
        assert_eq!(counts(&dry, 0), "dry run, nothing was signed: 2 gone");
    }

    #[test]
    fn titles_and_paths_from_files_are_made_safe() {
        let rows = [
            row("new", Some(9), Some(1), "a\u{1b}.jpg", "A\u{202e}"),
            row("renamed", Some(10), Some(1024), "bb.jpg", "B"),
            row("gone", Some(3), None, "c.jpg", ""),
        ];
        assert_eq!(
            lines(rows),
            [
                "new       9      1 B  a\\u{1b}.jpg  A\\u{202e}",
                "renamed  10  1.0 KiB  bb.jpg       B",
                "gone      3           c.jpg"
            ]
        );
    }
}
