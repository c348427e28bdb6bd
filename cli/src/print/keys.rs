//! Own keys: never a secret among them.

use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use crate::table::{Fields, Table};
use crate::units;
use levada_peer::api::KeyInfo;

/// One key.
pub(super) fn one(screen: &mut Screen, spelling: &Spelling, info: &KeyInfo) {
    let mut fields = Fields::default();
    fields
        .add("name", escape::plain(&info.name))
        .add("feed", info.feed.to_string())
        .add_some("link", info.link.as_deref().map(escape::plain))
        .add("records", info.length.to_string())
        .add("key", encrypted(info))
        .add("author's file", escape::path(&info.author_file))
        .add_some("taken over", taken_over(info));
    screen.lines(fields.lines(""));
    trouble(screen, info);
    if info.is_new {
        back_up(screen, spelling, &info.name);
    }
}

/// All keys.
pub(super) fn list(screen: &mut Screen, spelling: &Spelling, keys: &[KeyInfo]) {
    if keys.is_empty() {
        screen.note("there is no key here yet");
        let command = spelling.command(&["init"]);
        screen.hint(&format!(
            "`{command}` makes one, and so does the first publish"
        ));
    }
    let mut table = Table::new(&[1]);
    for info in keys {
        table.row([
            escape::plain(&info.name).into_owned(),
            units::count(info.length, "record"),
            if info.is_encrypted { "encrypted" } else { "" }.to_owned(),
            info.feed.to_string(),
        ]);
    }
    screen.lines(table.lines());
}

/// What somebody with a new key has to know.
pub(super) fn new_key(screen: &mut Screen, spelling: &Spelling, info: &KeyInfo) {
    let mut fields = Fields::default();
    fields
        .add("key", encrypted(info))
        .add("author's file", escape::path(&info.author_file));
    screen.note("a key and a feed were made, since there were none:");
    for line in fields.lines("  ") {
        screen.note(&line);
    }
    back_up(screen, spelling, &info.name);
}

fn taken_over(info: &KeyInfo) -> Option<String> {
    (info.taken_over > 0).then(|| {
        let records = units::count(info.taken_over, "record");
        format!("{records} that this machine did not write")
    })
}

/// Why nothing is signed with a key.
pub(super) fn trouble(screen: &mut Screen, info: &KeyInfo) {
    if let Some(trouble) = &info.trouble {
        screen.warning(&trouble.message, trouble.hint.as_deref());
    }
}

fn back_up(screen: &mut Screen, spelling: &Spelling, name: &str) {
    let command = spelling.command(&["key", "backup", "FILE", "--feed", name]);
    screen.hint(&format!(
        "back up the key: who loses it can never publish to this feed again: {command}"
    ));
}

fn encrypted(info: &KeyInfo) -> String {
    let path = escape::path(&info.path);
    if info.is_encrypted {
        format!("{path} (encrypted)")
    } else {
        path
    }
}
