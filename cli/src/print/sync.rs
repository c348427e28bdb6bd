//! What came of following and syncing.

use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use crate::units;
use levada_peer::api::Synced;

/// One source was synced: a line, and what a person should know of it.
pub(crate) fn synced(screen: &mut Screen, synced: &Synced) {
    screen.lines([line(synced)]);
    let name = &synced.nickname;
    if synced.files_over_limit > 0 {
        let files = units::count(synced.files_over_limit, "file");
        screen.note(&format!(
            "{}: {files} left out: over the limit of this source; follow it with --max-size to keep more",
            escape::plain(name)
        ));
    }
    if synced.files_over_quota > 0 {
        let files = units::count(synced.files_over_quota, "file");
        screen.note(&format!(
            "{}: {files} left out: the quota is full of newer ones; `levada status` shows it, `levada pin` keeps a file all the same",
            escape::plain(name)
        ));
    }
    if synced.is_disputed {
        screen.warning(
            &format!("{name}: its author signed two histories; what was verified before stays"),
            Some(&format!("`levada show {name}` prints both heads")),
        );
    }
    if let Some(error) = &synced.error {
        screen.warning(
            &format!("{name}: {error}"),
            Some("the same command goes on where this one ended"),
        );
    }
}

/// The first sync of a source.
pub(super) fn followed(screen: &mut Screen, spelling: &Spelling, synced: &Synced) {
    let feed = synced.feed.to_string();
    screen.note(&format!(
        "follows {feed} as {}",
        escape::plain(&synced.nickname)
    ));
    self::synced(screen, synced);
    if synced.items > 0 {
        let command = spelling.command(&["ls", &synced.nickname]);
        screen.hint(&format!("`{command}` lists its items"));
    }
}

/// All sources.
pub(super) fn all(screen: &mut Screen, synced: u64, failed: u64) {
    if synced + failed == 0 {
        screen.note("nothing is followed yet");
    } else if failed > 0 {
        screen.note(&format!(
            "{} of {} failed",
            failed,
            units::count(synced + failed, "source")
        ));
    }
}

fn line(synced: &Synced) -> String {
    let Synced {
        length,
        records,
        records_new,
        items,
        files,
        files_wanted,
        bytes_new,
        is_of_news,
        ..
    } = synced;
    let nickname = escape::plain(&synced.nickname);
    let held = if records == length {
        units::count(*length, "record")
    } else {
        format!("{records} of {}", units::count(*length, "record"))
    };
    let new = match (*records_new, *bytes_new) {
        (0, 0) => "nothing new".to_owned(),
        (0, bytes) => format!("{} new", units::size(bytes)),
        (records, 0) => format!("{} new", units::count(records, "record")),
        (records, bytes) => format!(
            "{} and {} new",
            units::count(records, "record"),
            units::size(bytes)
        ),
    };
    if *is_of_news {
        return format!("{nickname}: {held}; {new}");
    }
    format!(
        "{nickname}: {held}, {}, {files} of {} here; {new}",
        units::count(*items, "item"),
        units::count(*files_wanted, "file")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use levada_feed::key::FeedSecret;

    #[test]
    fn a_sync_is_one_line() {
        let some = Synced {
            feed: FeedSecret::from_bytes(&[7; 32]).feed_key(),
            nickname: "ana\n".into(),
            name: None,
            length: 9,
            root: None,
            records: 9,
            records_new: 9,
            items: 8,
            files: 7,
            files_wanted: 8,
            bytes_new: 2048,
            files_over_limit: 0,
            files_over_quota: 0,
            is_of_news: false,
            via: None,
            is_disputed: false,
            error: None,
        };
        assert_eq!(
            line(&some),
            "ana\\n: 9 records, 8 items, 7 of 8 files here; 9 records and 2.0 KiB new"
        );
        let part = Synced {
            records: 1,
            records_new: 0,
            bytes_new: 0,
            items: 1,
            files: 1,
            files_wanted: 1,
            ..some
        };
        assert_eq!(
            line(&part),
            "ana\\n: 1 of 9 records, 1 item, 1 of 1 file here; nothing new"
        );
    }
}
