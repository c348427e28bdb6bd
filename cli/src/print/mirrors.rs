//! Mirrors of own feeds.

use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use crate::table::Table;
use crate::units;
use levada_peer::api::{Call, MirrorInfo, MirrorState};

/// Mirrors, and what each has.
pub(super) fn list(screen: &mut Screen, spelling: &Spelling, call: &Call, mirrors: &[MirrorInfo]) {
    if let Call::MirrorRemove { mirror, .. } = call {
        let mirror = escape::plain(mirror);
        screen.note(&format!(
            "{mirror} is not asked and not named in the link any more"
        ));
        return;
    }
    if mirrors.is_empty() {
        screen.note("no mirror is known");
        let command = spelling.command(&["mirror", "add", "URL"]);
        screen.hint(&format!("`{command}` names somebody who has your feed"));
    }
    let mut table = Table::new(&[]);
    for info in mirrors {
        table.row([
            escape::plain(&info.name).into_owned(),
            escape::plain(&info.mirror).into_owned(),
            state(&info.state),
        ]);
    }
    screen.lines(table.lines());
    let is_newer = |info: &&MirrorInfo| matches!(info.state, MirrorState::Newer { .. });
    if let Some(info) = mirrors.iter().find(is_newer) {
        let command = spelling.command(&["key", "take-over", &info.name]);
        screen.warning(
            "a mirror has what was not signed here: files were restored, or another machine signs",
            Some(&format!(
                "the next publish takes it over, and so does `{command}`"
            )),
        );
    }
}

fn state(state: &MirrorState) -> String {
    match state {
        MirrorState::Same => "has all of it".to_owned(),
        MirrorState::Newer { length } => format!("has more: {}", units::count(*length, "record")),
        MirrorState::Older { length } => {
            format!("is behind: {}", units::count(*length, "record"))
        }
        MirrorState::Unknown => "does not have this feed".to_owned(),
        MirrorState::Fork => "has a proof of two histories".to_owned(),
        MirrorState::Away { why } => escape::plain(why).into_owned(),
    }
}
