//! Parts that this program plays in processes of its own: authors of many records, many feeds, a serving author who
//! appends, and whatever needs much memory.
//!
//! They use levada-peer as any program would. What each part prints is read by the row that starts it.

use crate::line::{Failure, Outcome, float};
use levada_feed::head::Head;
use levada_feed::key::FeedSecret;
use levada_feed::link::{First, Link};
use levada_feed::log::AuthorLog;
use levada_feed::record::{self, Body, Item, Profile, Record};
use levada_peer::io::clock;
use levada_peer::io::config;
use levada_peer::io::dirs::Dirs;
use levada_peer::io::disk::Disk;
use levada_peer::io::heads::HeadsFile;
use levada_peer::node;
use levada_peer::sources::Sources;
use std::cell::Cell;
use std::path::Path;
use std::process::Command;

/// First argument of a part.
pub(crate) const PLAY: &str = "--play";
/// Bytes of a record.
pub(crate) const RECORD_BYTES: usize = 300;
/// Records of each feed where there are many feeds.
const FEED_RECORDS: u64 = 10;

/// A command that plays a part.
pub(crate) fn command(part: &str, args: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([PLAY, part]).args(args);
    Ok(command)
}

/// Plays a part.
pub(crate) fn play(args: &[String]) -> Outcome {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["author", data, records, batch] => {
            author(Path::new(data), records.parse()?, batch.parse()?)
        }
        ["feeds", data, feeds, how] => many_feeds(Path::new(data), feeds.parse()?, *how == "clean"),
        ["memory", divide, runs] => crate::memory::measure(divide.parse()?, runs.parse()?),
        ["news", data] => crate::news::serve(Path::new(data)),
        ["waiting", address, control, feed, count] => {
            crate::news::wait(address, control, feed, count.parse()?)
        }
        _ => Err("there is no such part".into()),
    }
}

/// An item whose record has 300 bytes.
pub(crate) fn item(index: u64) -> Body {
    // A salt of 16 bytes, a time of 8 and the names of the fields leave this for the text.
    const TEXT_BYTES: usize = RECORD_BYTES - 82;
    Body::Item(Box::new(Item {
        title: format!("item {index:010}"),
        text: Some("levada ".chars().cycle().take(TEXT_BYTES).collect()),
        ..Item::default()
    }))
}

/// A record as an author writes it.
pub(crate) fn record(index: u64, body: Body) -> Result<Vec<u8>, Failure> {
    let mut salt = [0; 16];
    for (to, from) in salt
        .iter_mut()
        .zip(blake3::hash(&index.to_le_bytes()).as_bytes())
    {
        *to = *from;
    }
    let time = clock::now_ms();
    Ok(record::write(&Record { time, salt, body }, index)?)
}

/// The records of a feed.
pub(crate) fn written(count: u64) -> impl Iterator<Item = Result<Vec<u8>, Failure>> {
    (0..count).map(|index| {
        let name = "bench".to_owned();
        let profile = || {
            Body::Profile(Box::new(Profile {
                name,
                ..Profile::default()
            }))
        };
        record(index, if index == 0 { profile() } else { item(index) })
    })
}

/// Appends records in batches through the author's file and the store; prints the seconds that each batch took.
fn author(data: &Path, records: u64, batch: u64) -> Outcome {
    let options = node::Options {
        data_dir: Some(data.to_owned()),
        ..node::Options::default()
    };
    let batches = records / batch;
    let mut seconds = Vec::new();
    // Making up what is appended is not appending.
    let begun = Cell::new(clock::tick());
    let bodies = |number| {
        let bodies = (0..batch).map(|at| item(number * batch + at)).collect();
        begun.set(clock::tick());
        bodies
    };
    let signed = |_: &Head| seconds.push(begun.get().elapsed().as_secs_f64());
    node::append(&options, (0..batches).map(bodies), signed).map_err(|failure| failure.message)?;
    print(&serde_json::json!(seconds))
}

/// Prints one value on a line.
pub(crate) fn print(value: &serde_json::Value) -> Outcome {
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{value}")?)
}

/// Fills a store with feeds that are followed; ends it properly, or not.
fn many_feeds(data: &Path, feeds: u64, is_clean: bool) -> Outcome {
    let dirs = Dirs::find(Some(data))?;
    dirs.create_all()?;
    let disk = Disk::open(&dirs.store())?;
    let mut heads = HeadsFile::open(&dirs.state().join("heads"))?;
    let mut sources = Sources::default();
    for number in 0..feeds {
        let secret = FeedSecret::from_bytes(blake3::hash(&number.to_le_bytes()).as_bytes());
        let mut log = AuthorLog::new(secret);
        for record in written(FEED_RECORDS) {
            log.append(record?)?;
        }
        let batch = log.sign(clock::now_ms()).ok_or("records can be signed")?;
        disk.commit(&batch)?;
        let head = batch.head().ok_or("a batch that was signed has a head")?;
        heads.put(head)?;
        let mut link = Link::to(log.feed());
        link.first = Some(First::of(&head.body().first));
        link.name = Some(format!("feed {number}"));
        sources.add(
            &link,
            &["http://127.0.0.1:9".to_owned()],
            None,
            None,
            clock::now_ms(),
        )?;
    }
    config::save_sources(&dirs, &sources)?;
    if is_clean {
        disk.close()?;
    } else {
        // What a process leaves that is killed: nothing is ended.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
    }
    Ok(())
}

/// Bytes of a folder's files on the disk.
pub(crate) fn bytes_below(folder: &Path) -> Result<f64, Failure> {
    use std::os::unix::fs::MetadataExt;
    let mut blocks = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                blocks += found.blocks();
            }
        }
    }
    Ok(float(blocks) * 512.0)
}
