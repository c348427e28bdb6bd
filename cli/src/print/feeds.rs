//! Feeds, subscriptions and the node as a whole.

use super::{heads, keeping, traffic};
use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use crate::table::{Fields, Table};
use crate::units;
use levada_feed::record::{Body, Profile};
use levada_peer::api::{FeedInfo, Finding, PeerInfo, Retractions, SourceInfo, Status};

/// One feed.
pub(super) fn feed(screen: &mut Screen, info: &FeedInfo) {
    let mut fields = Fields::default();
    let whose = if info.is_own { "own key" } else { "nickname" };
    fields
        .add("feed", info.feed.to_string())
        .add(whose, escape::plain(&info.nickname))
        .add("link", escape::plain(&info.link));
    if let Some(Body::Profile(profile)) = &info.profile {
        self::profile(&mut fields, profile);
    }
    fields.add_some("pinned", info.is_pinned.then_some("all of it"));
    if let Some(head) = &info.head {
        fields
            .add("records", held(info.records, head.length))
            .add("media", format!("{} in all", units::size(head.media)))
            .add("signed", heads::signed(head))
            .add("root", head.root.to_string());
    } else {
        fields.add("records", "none yet");
    }
    screen.lines(fields.lines(""));
    if let Some((shorter, longer)) = &info.fork {
        screen.lines(["disputed: one key signed these two histories; nothing newer is taken over"]);
        screen.lines(heads::fork(shorter, longer, info.fork_wire.as_ref()));
    }
}

/// The fields of a profile.
pub(super) fn profile(fields: &mut Fields, profile: &Profile) {
    let safe = |text: &String| escape::plain(text).into_owned();
    let links: Vec<String> = profile.links.iter().map(safe).collect();
    fields
        .add("name", safe(&profile.name))
        .add_some("about", profile.about.as_deref().map(escape::lines))
        .add_some(
            "links",
            Some(links.join("\n")).filter(|links| !links.is_empty()),
        )
        .add_some("language", profile.language.as_ref().map(safe))
        .add_some("licence", profile.licence.as_ref().map(safe))
        .add_some("recovery", profile.recovery.map(|hash| hash.to_string()));
}

fn held(records: u64, length: u64) -> String {
    if records == length {
        format!("{length}, all here")
    } else {
        format!("{length}, {records} here")
    }
}

/// What is followed.
pub(super) fn sources(screen: &mut Screen, spelling: &Spelling, sources: &[SourceInfo]) {
    if sources.is_empty() {
        screen.note("nothing is followed yet");
        let command = spelling.command(&["follow", "LINK"]);
        screen.hint(&format!("`{command}` adds a feed"));
    }
    let mut table = Table::new(&[1]);
    for source in sources {
        table.row(source_row(source));
    }
    screen.lines(table.lines());
}

fn source_row(source: &SourceInfo) -> [String; 6] {
    let state = match source.time {
        _ if source.is_disputed => "disputed".to_owned(),
        Some(time) => units::time(time),
        None => "never synced".to_owned(),
    };
    let via: Vec<_> = source.via.iter().map(|via| escape::plain(via)).collect();
    [
        escape::plain(&source.nickname).into_owned(),
        held_of(source),
        state,
        format!(
            "keeps {} up to {}{}{}",
            escape::plain(&source.keep),
            units::size(source.max_size),
            match source.retractions {
                Retractions::Honour => "",
                Retractions::Never => ", and what is retracted",
            },
            if source.share { ", shared" } else { "" }
        ),
        source.feed.to_string(),
        via.join(" "),
    ]
}

fn held_of(source: &SourceInfo) -> String {
    match (source.records, source.length) {
        (_, 0) => "no records yet".to_owned(),
        (records, length) if records == length => units::count(length, "record"),
        (records, length) => format!("{records} of {}", units::count(length, "record")),
    }
}

/// What the node holds.
pub(super) fn status(screen: &mut Screen, status: &Status) {
    let mut fields = Fields::default();
    let listen: Vec<_> = status.listen.iter().map(|at| escape::plain(at)).collect();
    let partial = if status.blobs_partial > 0 {
        format!(", {} in part", status.blobs_partial)
    } else {
        String::new()
    };
    fields
        .add("data directory", escape::path_in_full(&status.data_dir))
        .add("own feeds", status.keys.len().to_string())
        .add("followed", status.sources.len().to_string())
        .add(
            "media",
            format!(
                "{} in {}{partial}",
                units::size(status.blob_bytes),
                units::count(status.blobs, "file")
            ),
        )
        .add_some("kept", keeping::classes(&status.room.kept))
        .add_some("away", keeping::away(&status.room.kept))
        .add("quota", keeping::quota(&status.room))
        .add(
            "free",
            format!(
                "{}; {} of it stay free",
                units::size(status.free_bytes),
                units::size(status.room.reserve)
            ),
        )
        .add_some(
            "listening on",
            Some(listen.join(", ")).filter(|listen| !listen.is_empty()),
        )
        .add_some("limits", traffic::limits(&status.traffic))
        .add_some("traffic", traffic::now(&status.traffic));
    screen.lines(fields.lines(""));
    screen.lines(feeds_table(status).lines());
    keeping::spared(screen, &status.room.spared);
    for key in &status.keys {
        super::keys::trouble(screen, key);
    }
    let peers = status.sources.iter().flat_map(|source| {
        let nickname = escape::plain(&source.nickname);
        let troubled = source.peers.iter();
        troubled.filter_map(move |peer| trouble(&nickname, peer))
    });
    screen.lines(peers);
    // What is the matter with own feeds, and what was retracted, stands above.
    let others = |finding: &&Finding| !["own-feed", "retracted"].contains(&finding.kind.as_str());
    let findings: Vec<&Finding> = status.findings.iter().filter(others).collect();
    screen.lines(
        findings
            .iter()
            .map(|finding| format!("to do: {}", escape::plain(&finding.what))),
    );
    if !findings.is_empty() {
        screen.hint("`levada doctor` says why it matters and what to do");
    }
}

/// Own and followed feeds, one in a row.
fn feeds_table(status: &Status) -> Table {
    let mut table = Table::new(&[2]);
    for key in &status.keys {
        let state = match (key.trouble.is_some(), key.taken_over) {
            (true, _) => "not signed here".to_owned(),
            (false, 0) => String::new(),
            (false, records) => format!("{records} taken over"),
        };
        table.row([
            "own".to_owned(),
            escape::plain(&key.name).into_owned(),
            units::count(key.length, "record"),
            state,
            key.feed.to_string(),
        ]);
    }
    for source in &status.sources {
        let [nickname, records, state, _, feed, _] = source_row(source);
        table.row(["followed".to_owned(), nickname, records, state, feed]);
    }
    table
}

/// What is wrong with a peer, if anything is.
fn trouble(nickname: &str, peer: &PeerInfo) -> Option<String> {
    let standing = &peer.standing;
    let last = standing.last_failure.as_ref()?;
    let (what, when) = (escape::plain(&last.what), units::time(last.time));
    let did = match (standing.lies, standing.failures) {
        (0, 0) => return None,
        (0, failures) => format!("failed {}", times(failures)),
        (lies, _) => format!("lied {}", times(lies)),
    };
    let name = escape::plain(&peer.peer);
    let since = standing.last_success.filter(|_| standing.failures > 0);
    let since = since.map_or_else(String::new, |time| {
        format!("; it answered last at {}", units::time(time))
    });
    Some(format!(
        "{nickname}: {name} {did}, last at {when}: {what}{since}"
    ))
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
