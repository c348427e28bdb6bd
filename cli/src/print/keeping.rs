//! What is kept, what went, what was said anew, and how a thing came to be what it is.

use super::items;
use crate::escape;
use crate::screen::Screen;
use crate::table::Table;
use crate::units;
use levada_peer::api::{
    History, Kept, KeptAs, Revised, RoomInfo, Shown, Spared, Stage, StageChange, State, Totals,
};

fn name(nickname: &str, index: Option<u64>) -> String {
    let nickname = escape::plain(nickname);
    match index {
        Some(index) => format!("{nickname}/{index}"),
        None => nickname.into_owned(),
    }
}

/// What `pin`, `unpin` or `drop` came to.
pub(super) fn kept(screen: &mut Screen, kept: &Kept) {
    let name = name(&kept.nickname, kept.index);
    let files = units::count(kept.files, "file");
    let bytes = units::size(kept.bytes);
    let left = match kept.files_left {
        0 => String::new(),
        left if kept.what == KeptAs::Dropped => {
            format!("; {} needed elsewhere stay", units::count(left, "file"))
        }
        left => format!("; {} not here yet", units::count(left, "file")),
    };
    let line = match kept.what {
        KeptAs::Pinned if !kept.is_new => {
            format!("{name}: pinned before; {files} here, {bytes}{left}")
        }
        KeptAs::Pinned => format!("{name}: pinned; {files} here, {bytes}{left}"),
        KeptAs::Unpinned => format!("{name}: pinned no more; {files} here, {bytes}, may go"),
        KeptAs::Dropped => format!("{name}: dropped {files}, {bytes} freed{left}"),
    };
    screen.lines([line]);
    if kept.what == KeptAs::Dropped {
        let again = match kept.index {
            Some(_) => format!("`levada get {name}` or `levada pin {name}` fetches it again"),
            None => format!("`levada sync {name} --again` fetches them again"),
        };
        screen.hint(&again);
    }
}

/// What `retract` or `edit` came to.
pub(super) fn revised(screen: &mut Screen, revised: &Revised) {
    let name = name(&revised.nickname, Some(revised.index));
    match revised.record {
        Some(record) if revised.is_retracted => {
            screen.lines([format!("{name}: taken back by record {record}")]);
            screen.warning(
                "a retraction only asks others to drop it: whoever has a copy may keep it",
                Some(&format!(
                    "your own copy stays; `levada drop {name} --yes` frees its space"
                )),
            );
        }
        Some(record) => screen.lines([format!("{name}: said anew by record {record}")]),
        None => screen.lines([format!("{name}: it says that already; nothing was signed")]),
    }
}

/// All states of a thing, oldest first.
pub(super) fn history(screen: &mut Screen, history: &History) {
    let mut table = Table::new(&[]);
    for stage in &history.stages {
        table.row(stage_row(history, stage));
    }
    screen.lines(table.lines());
    if history.is_cut {
        screen.note("there are more edits than are listed");
    }
}

fn stage_row(history: &History, stage: &Stage) -> [String; 5] {
    let change = match stage.change {
        StageChange::Published => "published",
        StageChange::Edited => "edited",
        StageChange::Retracted => "taken back",
    };
    let shown = Shown {
        feed: history.feed,
        nickname: history.nickname.clone(),
        index: stage.record,
        link: None,
        state: stage.state,
        newest: stage.record,
        published: stage.time,
        edited: None,
        retracted_by: None,
        reason: None,
        unreadable: None,
        title: None,
        files: Vec::new(),
        body: stage.body.clone(),
        is_dropped: false,
    };
    let state = match stage.state {
        State::Readable => String::new(),
        state => items::state_word(state).to_owned(),
    };
    [
        name(&history.nickname, Some(stage.record)),
        stage.time.map(units::time).unwrap_or_default(),
        change.to_owned(),
        state,
        escape::cut(&items::title(&shown), items::TITLE_COLUMNS),
    ]
}

/// What media are kept as, with what they take; nothing when there are none.
pub(super) fn classes(kept: &Totals) -> Option<String> {
    let words = ["cache", "followed", "pinned", "own"];
    let classes = words.iter().zip(&kept.bytes).zip(&kept.blobs);
    let parts: Vec<String> = classes
        .rev()
        .filter(|(_, blobs)| **blobs > 0)
        .map(|((word, bytes), _)| format!("{word} {}", units::size(*bytes)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What lies on disks that are not here.
pub(super) fn away(kept: &Totals) -> Option<String> {
    (kept.away_blobs > 0).then(|| {
        let files = units::count(kept.away_blobs, "file");
        format!(
            "{} in {files}, on disks that are not here",
            units::size(kept.away_bytes)
        )
    })
}

/// What may be taken.
pub(super) fn quota(room: &RoomInfo) -> String {
    format!(
        "{} for followed and cache, {} of it taken",
        units::size(room.quota),
        units::size(room.kept.bounded())
    )
}

/// Retracted items that wait for a word of their user.
pub(super) fn spared(screen: &mut Screen, spared: &[Spared]) {
    for one in spared {
        let name = name(&one.nickname, Some(one.index));
        if one.is_own {
            screen.note(&format!(
                "{name}: you took it back, and your own copy stays"
            ));
            screen.hint(&format!("`levada drop {name} --yes` frees its space"));
        } else {
            screen.note(&format!(
                "{name}: its author took it back, and it stays because it is pinned"
            ));
            screen.hint(&format!("`levada unpin {name}` lets it go"));
        }
    }
}
