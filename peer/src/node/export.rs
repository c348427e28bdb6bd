//! Writing feeds as plain files, so that any web host is a source (spec/static.md, Writing).
//!
//! What is new is written first and the head of a feed last; only then goes what nobody names any more. So a reader in
//! the middle of it, and whoever copies the folder, never sees a head that says more than is there.

mod complete;
mod feed;
mod media;
mod state;

use super::{Node, Stop};
use crate::api::{Answer, Code, Event, ExportStatic, Exported, ExportedFeed, Failure, Progress};
use crate::frame;
use crate::io::static_dir::StaticDir;
use crate::static_layout::StaticFile;
use crate::store::StoreError;
pub(super) use complete::complete;
use levada_feed::chain;
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::limits::FEEDS_PAGE_MAX;
use media::Media;
use state::State;
use std::collections::BTreeSet;
use tokio::sync::mpsc;

/// What is under way.
struct Export<'a> {
    node: &'a Node,
    dir: StaticDir,
    media: Media,
    events: &'a mpsc::Sender<Event>,
    stop: &'a Stop,
    loose: Loose,
}

/// Blobs that may be in the folder though nothing names them any more.
#[derive(Default)]
struct Loose {
    /// Which they are cannot be told: all that are there are looked at.
    is_any: bool,
    /// They were named by what was taken back since the last export.
    blobs: BTreeSet<Hash>,
    /// Of these feeds nothing else can be among them.
    feeds: BTreeSet<FeedKey>,
}

/// Writes feeds. What a full disk ends is as whole as before, since heads come last.
pub(super) fn export(
    node: &Node,
    args: &ExportStatic,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<Answer, Failure> {
    write(node, args, events, stop).map_err(|failure| match failure.code {
        Code::OverQuota => Failure::new(
            Code::OverQuota,
            format!("{}: the disk is full", args.dir.display()),
        )
        .hint(
            "what was exported before is there and whole; make room and run the same command again",
        ),
        _ => failure,
    })
}

fn write(
    node: &Node,
    args: &ExportStatic,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<Answer, Failure> {
    let media = Media::read(args.media.as_deref())?;
    let url = args.url.as_deref().map(address).transpose()?;
    let feeds = feeds(node, &args.feeds)?;
    let mut export = Export {
        node,
        dir: StaticDir::open(&args.dir)?,
        media,
        events,
        stop,
        loose: Loose::default(),
    };
    let mut written = Vec::new();
    for feed in &feeds {
        written.push(export.feed(feed, url.as_deref())?);
    }
    export.list()?;
    export.dir.mark()?;
    export.sweep()?;
    let total = export.dir.written();
    Ok(Answer::Exported(Exported {
        dir: args.dir.clone(),
        feeds: written,
        files_written: total.files,
        bytes_written: total.bytes,
        files_removed: total.removed,
    }))
}

/// The address of a web host, without the slash at its end.
fn address(text: &str) -> Result<String, Failure> {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    // What the client takes for an address is one.
    let is_known = crate::io::client::Client::default().remote(text).is_ok();
    if is_web && is_known {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err(
        Failure::new(Code::Usage, format!("{text}: no address of a web host"))
            .hint("say https://HOST/PATH, as a browser would open the folder"),
    )
}

/// The feeds that were named; else own ones.
fn feeds(node: &Node, named: &[String]) -> Result<Vec<FeedKey>, Failure> {
    let mut feeds = Vec::new();
    for target in named {
        let feed = node.find_feed(target)?;
        if !feeds.contains(&feed) {
            feeds.push(feed);
        }
    }
    if named.is_empty() {
        feeds.extend(node.keys.list()?.iter().map(|key| key.feed));
    }
    if feeds.is_empty() {
        return Err(
            Failure::new(Code::NotInitialised, "there is no own feed to export")
                .hint("publish something first, or name a feed that is followed with --feed"),
        );
    }
    Ok(feeds)
}

impl Export<'_> {
    fn check_stop(&self) -> Result<(), Failure> {
        if *self.stop.borrow() {
            return Err(
                Failure::new(Code::Interrupted, "interrupted").hint("the same command goes on")
            );
        }
        Ok(())
    }

    fn progress(&self, of: &str, count: u64, count_total: Option<u64>) {
        let progress = Progress {
            what: "files".into(),
            of: of.to_owned(),
            count,
            count_total,
            ..Progress::default()
        };
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.try_send(Event::Progress(progress));
    }

    fn warn(&self, message: String, hint: &str) {
        let hint = Some(hint.to_owned());
        // Nobody listens any more: the work goes on all the same.
        let _ = self.events.blocking_send(Event::Warning { message, hint });
    }

    /// Writes one feed, its head last.
    fn feed(&mut self, feed: &FeedKey, url: Option<&str>) -> Result<ExportedFeed, Failure> {
        let name = self.node.nickname(feed);
        let head = self.node.disk.head(feed)?.ok_or_else(|| {
            Failure::new(Code::NotFound, format!("{name}: no record of it is here"))
                .hint("publish something, or `levada sync` it first")
        })?;
        let body = head.body().clone();
        let before = self.before(feed, &name, &head)?;
        let (state, changed) = feed::changed(self.node, &head, before.as_ref())?;
        self.records(&head, &name, &changed)?;
        let (media_new, missing) = self.media(feed, &state, before.as_ref(), &name)?;
        self.note_loose(feed, before.as_ref(), &changed)?;
        let state = State {
            media: self.media,
            media_missing: missing,
            // Until it is done: an export that is interrupted before leaves it to the next one.
            is_sweep_due: self.loose.is_any || self.loose.feeds.contains(feed),
            ..state
        };
        self.evidence(feed)?;
        self.heads(&head)?;
        self.dir.put_state(feed, &state.to_bytes())?;
        let mut link = super::show::link(self.node, feed)?;
        link.via = url.map(str::to_owned).into_iter().collect();
        Ok(ExportedFeed {
            feed: *feed,
            nickname: name,
            link: link.to_string(),
            length: body.length,
            records_new: body.length - changed.from.min(body.length),
            media_new,
            media_missing: missing,
        })
    }

    /// What the last export of this feed into this folder noted, if that still holds for what is there and here.
    fn before(
        &self,
        feed: &FeedKey,
        name: &str,
        head: &levada_feed::head::Head,
    ) -> Result<Option<State>, Failure> {
        let file = StaticFile::Head { feed: *feed };
        let there = self.dir.read(&file)?;
        let there = there.and_then(|answer| chain::check_head(feed, &answer, 0).ok());
        let Some(there) = there else {
            return Ok(None);
        };
        let (there, here) = (there.head.body(), head.body());
        if there.length > here.length {
            let path = self.dir.path(&file);
            return Err(Failure::new(
                Code::Failed,
                format!(
                    "{}: it has {} records of {name}, and {} are here: it is not written over",
                    path.display(),
                    there.length,
                    here.length
                ),
            )
            .hint("was this node restored from a backup? `levada sync` or `levada follow` with that folder's address brings the newer records here"));
        }
        let state = self.dir.state(feed)?.and_then(|bytes| State::read(&bytes));
        let holds = |state: &State| (state.length, state.root) == (there.length, there.root);
        Ok(state.filter(holds))
    }

    /// The list of all feeds in the folder.
    fn list(&mut self) -> Result<(), Failure> {
        let mut heads = Vec::new();
        for feed in self.dir.feeds()? {
            let answer = self.dir.read(&StaticFile::Head { feed })?;
            if let Some(answer) = answer
                && let Ok(proven) = chain::check_head(&feed, &answer, 0)
            {
                heads.push((*feed.as_bytes(), proven.head.wire().to_vec()));
            }
        }
        heads.sort();
        let heads: Vec<Vec<u8>> = heads.into_iter().map(|(_, wire)| wire).collect();
        let mut page = 0;
        for heads in heads.chunks(FEEDS_PAGE_MAX) {
            self.dir
                .put(&StaticFile::Feeds { page }, &frame::write_feeds(heads))?;
            page += 1;
        }
        // Feeds were taken out of the folder: what is left of a longer list goes.
        let mut left = page;
        while self.dir.read(&StaticFile::Feeds { page: left })?.is_some() {
            self.dir.remove(&StaticFile::Feeds { page: left })?;
            left += 1;
        }
        Ok(())
    }

    fn evidence(&mut self, feed: &FeedKey) -> Result<(), StoreError> {
        if let Some(proof) = self.node.evidence.fork(feed)? {
            let file = StaticFile::Fork { feed: *feed };
            self.dir.put(&file, proof.wire())?;
        }
        if let Some(succession) = self.node.evidence.succession(feed)? {
            let file = StaticFile::Succession { feed: *feed };
            self.dir.put(&file, succession.wire())?;
        }
        Ok(())
    }
}
