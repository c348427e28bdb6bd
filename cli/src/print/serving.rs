//! Where a serving node can be reached, and how somebody else follows it.

use crate::escape;
use crate::quote::Spelling;
use crate::screen::Screen;
use levada_feed::key::FeedKey;
use levada_peer::node::Serving;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The event of a node that listens.
#[derive(Serialize)]
#[serde(tag = "type", rename = "serving")]
struct Line<'a> {
    listen: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    api: Vec<String>,
    links: Vec<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow: Option<String>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    link: &'a str,
}

/// Prints it. `published` is the feed that was published just now: its link and the command that follows it come last.
pub(crate) fn serving(
    screen: &mut Screen,
    spelling: &Spelling,
    data_dir: Option<&Path>,
    serving: &Serving,
    published: Option<&FeedKey>,
) {
    let listen: Vec<String> = serving.listen.iter().map(ToString::to_string).collect();
    let api: Vec<String> = serving.api.iter().map(ToString::to_string).collect();
    let link = published.and_then(|feed| link_of(serving, feed));
    let follow =
        link.map(|link| spelling.command_at(Some(&follower_dir(data_dir)), &["follow", link]));
    if screen.tone().is_json {
        let links = serving.links.iter();
        screen.json_line(&Line {
            listen,
            api,
            links: links.map(|(name, link)| Named { name, link }).collect(),
            follow,
        });
        return;
    }
    screen.note(&format!("listening on {}", listen.join(" and ")));
    if !api.is_empty() {
        let api = api.join(" and ");
        screen.note(&format!(
            "taking calls of this machine on {api}: `levada token`"
        ));
    }
    match (link, follow) {
        (Some(link), Some(follow)) => {
            screen.lines([
                &*escape::plain(link),
                "",
                "follow it from a second terminal:",
                "",
                &format!("  {follow}"),
                "",
            ]);
        }
        _ => {
            let links = serving.links.iter();
            screen.lines(
                links.map(|(name, link)| {
                    format!("{}  {}", escape::plain(name), escape::plain(link))
                }),
            );
            if serving.links.is_empty() {
                screen.note("there is nothing to serve yet: publish or follow first");
            }
        }
    }
    screen.note("serving until Ctrl-C");
}

fn link_of<'a>(serving: &'a Serving, feed: &FeedKey) -> Option<&'a str> {
    let key = feed.to_string();
    let mut links = serving.links.iter();
    links
        .find(|(_, link)| link.contains(&key))
        .map(|(_, link)| link.as_str())
}

/// A data directory for a follower on this machine that is not our own.
fn follower_dir(own: Option<&Path>) -> PathBuf {
    let folder = std::env::temp_dir().join("levada-follower");
    if own == Some(&folder) {
        folder.with_file_name("levada-follower-2")
    } else {
        folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_never_gets_our_own_folder() {
        let usual = follower_dir(None);
        assert_ne!(follower_dir(Some(&usual)), usual);
        assert_eq!(follower_dir(Some(Path::new("/elsewhere"))), usual);
    }
}
