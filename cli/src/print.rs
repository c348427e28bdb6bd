//! Answers and events in words, one file for each family of commands.
//!
//! Makes lines out of values; `screen` prints them. Text from records is made safe here, cell by cell.

mod check;
mod config;
mod export;
mod feeds;
mod heads;
mod items;
mod keeping;
mod keys;
mod mend;
mod mirrors;
mod publish;
mod serving;
mod sync;
mod traffic;

pub(crate) use mend::damaged;
pub(crate) use publish::PublishReport;
pub(crate) use serving::serving;
pub(crate) use sync::synced;

use crate::quote::Spelling;
use crate::screen::Screen;
use crate::units;
use levada_peer::api::{Answer, Call, Written};

/// Prints an answer for people.
pub(crate) fn answer(screen: &mut Screen, spelling: &Spelling, call: &Call, answer: &Answer) {
    match answer {
        Answer::Key(info) => keys::one(screen, spelling, info),
        Answer::Keys { keys } => keys::list(screen, spelling, keys),
        Answer::Mirrors { mirrors } => mirrors::list(screen, spelling, call, mirrors),
        Answer::Written(written) => self::written(screen, call, written),
        // The address alone, so that a player can be given it.
        Answer::Playing(playing) => screen.lines([playing.url.as_str()]),
        // `PublishReport` has printed it, with what it saw on the way.
        Answer::Published(_) => {}
        Answer::Exported(exported) => {
            let has_url = matches!(call, Call::ExportStatic(asked) if asked.url.is_some());
            export::exported(screen, exported, has_url);
        }
        Answer::Followed(synced) => sync::followed(screen, spelling, synced),
        Answer::Sync { synced, failed } => sync::all(screen, *synced, *failed),
        Answer::Unfollowed { feed, freed } => {
            let is_purged = matches!(call, Call::Unfollow { purge: true, .. });
            let text = if is_purged {
                format!("unfollowed {feed}; {} freed", units::size(*freed))
            } else {
                format!("unfollowed {feed}; what is held of it stays")
            };
            screen.lines([text]);
        }
        Answer::Sources { sources } => feeds::sources(screen, spelling, sources),
        Answer::Items { items } => items::list(screen, spelling, call, items),
        Answer::Item(item) => screen.lines(items::one(item)),
        Answer::Kept(kept) => keeping::kept(screen, kept),
        Answer::Revised(revised) => keeping::revised(screen, revised),
        Answer::History(history) => keeping::history(screen, history),
        Answer::Feed(feed) => feeds::feed(screen, feed),
        Answer::Status(status) => feeds::status(screen, status),
        Answer::Verified(verified) => mend::verified(screen, spelling, verified),
        Answer::Diagnosis(diagnosis) => mend::diagnosis(screen, diagnosis),
        Answer::Rebuilt(rebuilt) => mend::rebuilt(screen, rebuilt),
        Answer::Config(config) => config::checked(screen, config),
        Answer::Reloaded(reloaded) => config::reloaded(screen, reloaded),
        // The token alone, so that a script can take it; where it is kept is a note.
        Answer::Token(token) => {
            screen.lines([token.token.as_str()]);
            screen.note(&format!("kept in {}", crate::escape::path(&token.path)));
        }
        Answer::Checked(checked) => check::checked(screen, checked),
    }
}

/// A file was written: said on standard error, since the file is the data.
fn written(screen: &mut Screen, call: &Call, written: &Written) {
    let Some(output) = &written.output else {
        return;
    };
    let path = crate::escape::path(output);
    let size = units::size(written.size);
    match call {
        Call::KeyBackup { .. } => {
            screen.note(&format!("wrote {path}: the key of feed {}", written.feed));
            screen.warning(
                "whoever has this file can publish in your name",
                Some("keep it where only you can read it"),
            );
        }
        Call::Prove { .. } => {
            screen.note(&format!("wrote {path} ({size})"));
            let file = crate::quote::quote(output.as_os_str());
            screen.hint(&format!(
                "anybody can check it, without a store: levada check {file}"
            ));
        }
        _ => screen.note(&format!("wrote {path} ({size}), every byte verified")),
    }
}
