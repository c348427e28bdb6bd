//! What is damaged, what is to be done, and what came back.

use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use crate::units;
use levada_peer::api::{Damaged, Diagnosis, Rebuilt, RebuiltFeed, Verified};

/// Something is damaged, or is mended.
pub(crate) fn damaged(screen: &mut Screen, damaged: &Damaged) {
    let of = of(damaged);
    match &damaged.mended_by {
        Some(by) => screen.lines([format!("mended   {of}, from {}", escape::plain(by))]),
        None => {
            let mut lines = vec![
                format!("damaged  {of}: {}", escape::plain(&damaged.why)),
                format!("         {}", escape::path(&damaged.path)),
            ];
            if damaged.bytes > 0 {
                lines.push(format!(
                    "         {} are wrong or gone",
                    units::size(damaged.bytes)
                ));
            }
            screen.lines(lines);
        }
    }
}

/// What people call what is damaged.
fn of(damaged: &Damaged) -> String {
    let item = match (&damaged.nickname, damaged.index) {
        (Some(feed), Some(index)) => Some(format!("{}/{index}", escape::plain(feed))),
        _ => None,
    };
    let name = damaged.name.as_deref().map(escape::plain);
    match (item, name) {
        (Some(item), Some(name)) => format!("{item} {name}"),
        (Some(item), None) => item,
        _ => match &damaged.hash {
            Some(hash) => format!("{hash} (no item here names it)"),
            None => "something of the store".to_owned(),
        },
    }
}

/// What verifying came to.
pub(super) fn verified(screen: &mut Screen, spelling: &Spelling, verified: &Verified) {
    let files = units::count(verified.files, "file");
    let records = units::count(verified.records, "record");
    let whole = match verified.damaged {
        0 => "all whole".to_owned(),
        damaged if damaged == verified.mended => format!("{damaged} damaged and mended"),
        damaged => format!("{damaged} damaged, {} mended", verified.mended),
    };
    screen.lines([format!(
        "verified {records} and {files} ({}): {whole}",
        units::size(verified.bytes)
    )]);
    if !verified.is_done {
        let command = spelling.command(&["verify"]);
        screen.hint(&format!("not all was looked at yet: `{command}` goes on"));
    }
    if verified.mended < verified.damaged {
        let command = spelling.command(&["verify", "--via", "URL"]);
        screen.hint(&format!(
            "what is wrong is not served; somebody who has it can be asked: `{command}`"
        ));
    }
}

/// What is to be done.
pub(super) fn diagnosis(screen: &mut Screen, diagnosis: &Diagnosis) {
    if diagnosis.findings.is_empty() {
        screen.lines(["all is fine"]);
    }
    for finding in &diagnosis.findings {
        screen.lines([
            escape::plain(&finding.what).into_owned(),
            format!("  why    {}", escape::plain(&finding.why)),
            format!("  to do  {}", escape::plain(&finding.todo)),
        ]);
    }
}

/// What came back.
pub(super) fn rebuilt(screen: &mut Screen, rebuilt: &Rebuilt) {
    if rebuilt.rows > 0 || rebuilt.own.is_empty() && rebuilt.followed.is_empty() {
        let records = units::count(rebuilt.rows, "record");
        if rebuilt.set_aside.is_none() && rebuilt.rows > 0 {
            screen.lines([format!("index made again from {records}")]);
        }
    }
    let feeds = [("own", &rebuilt.own), ("followed", &rebuilt.followed)];
    for (whose, feeds) in feeds {
        screen.lines(feeds.iter().map(|feed| line(whose, feed)));
    }
    if rebuilt.taken > 0 {
        let records = units::count(rebuilt.taken, "record");
        screen.lines([format!("store     {records} taken over from the old one")]);
    }
    if rebuilt.blobs > 0 {
        let files = units::count(rebuilt.blobs, "file");
        screen.lines([format!("media     {files} on disk, as before")]);
    }
    if let Some(path) = &rebuilt.set_aside {
        screen.note(&format!(
            "the old store is kept as {}; remove it when all is well",
            escape::path(path)
        ));
    }
    if rebuilt.followed.iter().any(|feed| feed.error.is_some()) {
        screen.hint("`levada sync` fetches the rest when peers are there");
    }
}

fn line(whose: &str, feed: &RebuiltFeed) -> String {
    let records = units::count(feed.records, "record");
    let name = escape::plain(&feed.nickname);
    match &feed.error {
        None => format!("{whose:<8}  {name}  {records}"),
        Some(error) => format!("{whose:<8}  {name}  {records}: {}", escape::plain(error)),
    }
}
