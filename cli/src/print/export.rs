//! What was written for a web host.

use crate::escape;
use crate::screen::Screen;
use crate::units;
use levada_peer::api::{Exported, ExportedFeed};

/// A line for each feed, what was written in all, and the links to give away.
pub(super) fn exported(screen: &mut Screen, exported: &Exported, has_url: bool) {
    screen.lines(exported.feeds.iter().map(line));
    let dir = escape::path(&exported.dir);
    screen.note(&if exported.files_written + exported.files_removed == 0 {
        format!("{dir}: everything was there already")
    } else {
        let removed = match exported.files_removed {
            0 => String::new(),
            files => format!(", {} removed", units::count(files, "file")),
        };
        format!(
            "{dir}: {} written ({}){removed}",
            units::count(exported.files_written, "file"),
            units::size(exported.bytes_written),
        )
    });
    screen.lines(exported.feeds.iter().map(|feed| feed.link.clone()));
    if !has_url {
        screen.hint(
            "upload the folder to a web host, then give the link away with &via=https://HOST/PATH behind it, or say --url here",
        );
    }
    for feed in &exported.feeds {
        if feed.media_missing > 0 {
            screen.warning(
                &format!(
                    "{}: {} left out, because it is not all here",
                    escape::plain(&feed.nickname),
                    units::count(feed.media_missing, "media file"),
                ),
                Some("`levada sync` brings what peers have; then run the same command again"),
            );
        }
    }
}

fn line(feed: &ExportedFeed) -> String {
    let mut line = format!(
        "{}  {}",
        escape::plain(&feed.nickname),
        units::count(feed.length, "record")
    );
    if feed.records_new > 0 {
        line.push_str(&format!(", {} new", feed.records_new));
    }
    if feed.media_new > 0 {
        line.push_str(&format!(
            ", {} new",
            units::count(feed.media_new, "media file")
        ));
    }
    line
}
