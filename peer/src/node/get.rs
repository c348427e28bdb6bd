//! Getting a file of an item: from here, or from peers, whole or a range.

use super::media::{MediaFetch, WantedBlob, is_small};
use super::records::SyncError;
use super::{Node, Stop};
use crate::api::{Answer, Code, Event, Failure, Written};
use crate::io::blobs::{BlobReader, Held, ReadError};
use levada_feed::hash::Hash;
use levada_feed::key::FeedKey;
use levada_feed::record::{self, Body, File, Item, Role};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes handed to standard output at once.
const PART_BYTES: u64 = 1 << 20;

/// What to get, and where to.
pub(super) struct Get<'a> {
    pub(super) target: &'a str,
    pub(super) file: Option<&'a str>,
    pub(super) range: Option<(u64, Option<u64>)>,
    pub(super) output: Option<&'a Path>,
}

/// Gets a file.
pub(super) async fn get(
    node: &Arc<Node>,
    args: Get<'_>,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> Result<Answer, Failure> {
    let (feed, index) = node.find_target(args.target)?;
    let Some(index) = index else {
        return Err(
            Failure::new(Code::Usage, format!("{}: which item?", args.target))
                .hint("say FEED/INDEX, as `levada ls` shows it"),
        );
    };
    let item = item(node, &feed, index)?;
    let file = choose(&item, args.file)?;
    let range = range_of(args.range, file.size)?;
    let name = file.name.clone().unwrap_or_else(|| item.title.clone());
    let output = args
        .output
        .map(|output| place(output, &name, &file.hash))
        .transpose()?;
    fetch(
        node,
        &feed,
        file,
        &name,
        range.clone(),
        &events,
        stop.clone(),
    )
    .await?;
    let (reading, hash) = (node.clone(), file.hash);
    let is_whole = range == (0..file.size);
    let to = output.clone();
    let sent = tokio::task::spawn_blocking(move || match to {
        Some(path) if is_whole => export(&reading, &hash, &path, &stop),
        Some(path) => write_range(&reading, &hash, range, &path, &stop),
        None => send_range(&reading, &hash, range, &events, &stop),
    });
    let size = sent.await.map_err(|_| interrupted())??;
    Ok(Answer::Written(Written {
        feed,
        index: Some(index),
        hash: Some(hash),
        size,
        output,
    }))
}

fn interrupted() -> Failure {
    Failure::new(Code::Interrupted, "interrupted")
        .hint("what came is kept; the same command goes on")
}

/// The newest state of an item.
fn item(node: &Node, feed: &FeedKey, index: u64) -> Result<Item, Failure> {
    let name = super::words::short(feed);
    let row = node.disk.row(feed, index)?;
    let newest = match row {
        Some((_, row)) if row.retracted_by.is_some() => {
            return Err(Failure::new(
                Code::NotFound,
                format!("feed {name}: item {index} was retracted by its author"),
            ));
        }
        Some((_, row)) => row.newest,
        None => index,
    };
    let bytes = node.disk.record(feed, newest)?;
    let Some(bytes) = bytes else {
        return Err(Failure::new(
            Code::NotFound,
            format!("feed {name}: record {index} is not here"),
        )
        .hint(
            "`levada sync` fetches what the source keeps; follow with --keep all for everything",
        ));
    };
    match record::read(&bytes, newest) {
        Ok(record::Record {
            body: Body::Item(item),
            ..
        }) => Ok(*item),
        Ok(_) => Err(Failure::new(
            Code::NotFound,
            format!("feed {name}: record {index} is no item and has no files"),
        )),
        Err(why) => Err(Failure::new(
            Code::NotFound,
            format!("feed {name}: record {index} cannot be read: {why}"),
        )),
    }
}

/// One file of an item: by hash, name or role; the main one by default.
fn choose<'a>(item: &'a Item, wanted: Option<&str>) -> Result<&'a File, Failure> {
    let is_role = |file: &File, role: &str| {
        serde_json::to_value(&file.role).is_ok_and(|value| value.as_str() == Some(role))
    };
    let found = match wanted {
        None => item
            .files
            .iter()
            .find(|file| file.role == Role::Main)
            .or(item.files.first()),
        Some(wanted) => item.files.iter().find(|file| {
            file.hash.to_string() == wanted
                || file.name.as_deref() == Some(wanted)
                || is_role(file, wanted)
        }),
    };
    found.ok_or_else(|| match wanted {
        None => Failure::new(Code::NotFound, "this item has no files"),
        Some(wanted) => Failure::new(
            Code::NotFound,
            format!("{wanted}: this item has no such file"),
        )
        .hint(format!(
            "it has: {}",
            item.files
                .iter()
                .filter_map(|file| file.name.clone())
                .collect::<Vec<_>>()
                .join(", ")
        )),
    })
}

fn range_of(asked: Option<(u64, Option<u64>)>, size: u64) -> Result<Range<u64>, Failure> {
    match asked {
        None => Ok(0..size),
        Some((first, last)) => {
            let end = last.map_or(size, |last| last.saturating_add(1)).min(size);
            if first < end {
                return Ok(first..end);
            }
            Err(Failure::new(
                Code::Usage,
                format!("the range begins past the end: the file has {size} bytes"),
            ))
        }
    }
}

/// The file to write: into a folder under a name that cannot leave it, never over a file that is there.
fn place(output: &Path, name: &str, hash: &Hash) -> Result<PathBuf, Failure> {
    let path = if output.is_dir() {
        output.join(safe_name(name, hash))
    } else {
        output.to_owned()
    };
    if path.symlink_metadata().is_ok() {
        return Err(Failure::new(
            Code::Failed,
            format!("{}: there is such a file already", path.display()),
        )
        .hint("choose another name with -o, or move the old file away"));
    }
    Ok(path)
}

/// A file name out of what a record says: one segment, no control characters, not hidden, not reserved.
fn safe_name(name: &str, hash: &Hash) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or("");
    let is_plain = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
    };
    let plain: String = last
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let plain = plain
        .trim_start_matches(['.', ' ', '-'])
        .trim_end_matches([' ', '.']);
    let mut cut = plain.len().min(200);
    while !plain.is_char_boundary(cut) {
        cut -= 1;
    }
    let plain = plain.get(..cut).unwrap_or("");
    let stem = plain.split('.').next().unwrap_or("").to_ascii_lowercase();
    let is_reserved = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")));
    if plain.is_empty() || is_reserved {
        hash.to_string()
    } else {
        plain.to_owned()
    }
}

/// Brings the bytes here if they are not.
async fn fetch(
    node: &Arc<Node>,
    feed: &FeedKey,
    file: &File,
    name: &str,
    range: Range<u64>,
    events: &mpsc::Sender<Event>,
    stop: Stop,
) -> Result<(), Failure> {
    let (reading, hash, wanted) = (node.clone(), file.hash, range.clone());
    let is_here = super::records::blocking(move || {
        let reader = reading.blobs.open_blob(&hash)?;
        Ok(reader.is_some_and(|reader| reader.holds(&wanted)))
    });
    if is_here.await.map_err(|error| of_sync(&error))? {
        return Ok(());
    }
    let source = node.source_of(feed);
    let via = source.map(|source| source.via).unwrap_or_default();
    let remotes: Vec<_> = via
        .iter()
        .filter_map(|via| node.client.remote(via).ok())
        .collect();
    let not_here = || {
        Failure::new(
            Code::NotFound,
            format!("{name}: not here, and nobody who was asked has it"),
        )
        .hint(
            "try again when a peer that has it is there, or add one: levada follow LINK --via URL",
        )
    };
    if remotes.is_empty() {
        return Err(not_here());
    }
    let blob = WantedBlob {
        hash: file.hash,
        size: file.size,
        name: name.to_owned(),
    };
    let fetch = MediaFetch::new(node, remotes, name.to_owned(), events.clone(), stop);
    fetch.expect(1, range.end - range.start);
    let came = if is_small(file.size) {
        fetch
            .small(vec![blob])
            .await
            .map(|missing| missing.is_empty())
    } else {
        fetch.large(&blob, Some(range)).await
    };
    match came {
        Ok(true) => Ok(()),
        Ok(false) => Err(not_here()),
        Err(error) => Err(of_sync(&error)),
    }
}

fn of_sync(error: &SyncError) -> Failure {
    match error {
        SyncError::Interrupted => interrupted(),
        SyncError::Store(error) => super::words::store_failure(error),
        SyncError::Ask(crate::io::client::AskError::Rejected { .. }) => {
            Failure::new(Code::NotVerified, error.to_string())
                .hint("nothing wrong was kept; try another peer with --via")
        }
        other => Failure::new(Code::NotFound, other.to_string())
            .hint("is it running there? the same command goes on"),
    }
}

fn reader(node: &Node, hash: &Hash) -> Result<BlobReader, Failure> {
    let found = node.blobs.open_blob(hash)?;
    found.ok_or_else(|| Failure::new(Code::NotFound, format!("blob {hash} is not here")))
}

fn read_failure(error: ReadError) -> Failure {
    match error {
        ReadError::NotHeld => Failure::new(Code::NotFound, "these bytes are not here"),
        ReadError::Changed { path } => Failure::new(
            Code::NotVerified,
            format!(
                "{}: it was changed after it was published in place",
                path.display()
            ),
        )
        .hint("publish it again; the old bytes may be had from peers"),
        ReadError::Interrupted => interrupted(),
        ReadError::Output { path, source } => Failure::new(
            Code::Failed,
            format!("{}: {}", path.display(), super::words::io_words(&source)),
        ),
        ReadError::Store(error) => Failure::from(error),
    }
}

fn export(node: &Node, hash: &Hash, path: &Path, stop: &Stop) -> Result<u64, Failure> {
    let size = reader(node, hash)?.size();
    match node.blobs.state(hash)? {
        Some(state) if matches!(state.held, Held::Complete) && size > 0 => {
            let copied = node.blobs.export(hash, path, &|| *stop.borrow());
            copied.map_err(read_failure)
        }
        _ => write_range(node, hash, 0..size, path, stop),
    }
}

/// Writes a range to a file that does not exist yet; a half-written one does not stay.
fn write_range(
    node: &Node,
    hash: &Hash,
    range: Range<u64>,
    path: &Path,
    stop: &Stop,
) -> Result<u64, Failure> {
    let reader = reader(node, hash)?;
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| {
        Failure::new(
            Code::Failed,
            format!("{}: {}", path.display(), super::words::io_words(&error)),
        )
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    for part in parts(&range) {
        if *stop.borrow() {
            return Err(interrupted());
        }
        let bytes = reader.read(part).map_err(read_failure)?;
        file.write_all(&bytes).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map_err(|error| failed(error.error))?;
    Ok(range.end - range.start)
}

fn send_range(
    node: &Node,
    hash: &Hash,
    range: Range<u64>,
    events: &mpsc::Sender<Event>,
    stop: &Stop,
) -> Result<u64, Failure> {
    let reader = reader(node, hash)?;
    for part in parts(&range) {
        if *stop.borrow() {
            return Err(interrupted());
        }
        let bytes = reader.read(part).map_err(read_failure)?;
        if events.blocking_send(Event::Bytes(bytes)).is_err() {
            return Err(interrupted());
        }
    }
    Ok(range.end - range.start)
}

fn parts(range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    let step = usize::try_from(PART_BYTES).unwrap_or(usize::MAX);
    range
        .clone()
        .step_by(step)
        .map(move |start| start..end.min(start + PART_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_records_cannot_leave_the_folder_or_hide_in_it() {
        let hash = Hash::of(b"x");
        for (name, expected) in [
            ("a.jpg", "a.jpg"),
            ("photos/a.jpg", "a.jpg"),
            ("..\\..\\a.jpg", "a.jpg"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("a\nb", "a_b"),
            ("música 日本.mp3", "música 日本.mp3"),
        ] {
            assert_eq!(safe_name(name, &hash), expected, "{name:?}");
        }
        for name in ["", "..", ".", "/", "con", "LPT1.txt", " . "] {
            assert_eq!(safe_name(name, &hash), hash.to_string(), "{name:?}");
        }
        assert!(safe_name(&"ä".repeat(300), &hash).len() <= 200);
    }

    #[test]
    fn ranges_are_first_and_last_byte_as_in_http() {
        assert_eq!(range_of(Some((0, Some(0))), 10), Ok(0..1));
        assert_eq!(range_of(Some((5, None)), 10), Ok(5..10));
        assert_eq!(range_of(Some((5, Some(99))), 10), Ok(5..10));
        assert_eq!(range_of(None, 0), Ok(0..0));
        assert!(range_of(Some((10, None)), 10).is_err());
    }
}
