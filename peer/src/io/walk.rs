//! Finding the files that `publish` was asked for, one at a time and in a stable order.
//!
//! Knows which names are left out and which are refused. Does not open a file, does not know what was
//! published before, and prints nothing: what is left out comes back as a value, and the caller decides.
//! Memory is that of one directory's names for each level of depth, however many files there are.
//! Format: the rule for an item's `path` in spec/record.md.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use walkdir::{DirEntry, WalkDir};

/// The longest `path` an item can have.
pub const PATH_BYTES_MAX: usize = 4096;
/// The longest single name within it.
pub const SEGMENT_BYTES_MAX: usize = 255;

/// A file to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where to open it: absolute.
    pub path: PathBuf,
    /// The item's `path`: from the published folder down, with `/` between names.
    pub relative: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last written, in Unix milliseconds; times before 1970 count as 0.
    pub modified_ms: u64,
    /// Its number within the file system.
    pub inode: u64,
    /// The file system it is on.
    pub device: u64,
}

/// Something met on the way that is not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What was left out.
    pub path: PathBuf,
    /// Why.
    pub why: SkipReason,
}

/// Why something is not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipReason {
    /// Its name begins with a dot.
    Hidden,
    /// An unfinished download, an editor's backup, or a file that a desktop leaves behind.
    Leftover,
    /// A folder with nothing in it.
    EmptyFolder,
    /// The path that the user named does not exist.
    NotFound,
    /// The system does not let us read it.
    Unreadable(io::ErrorKind),
    /// A symbolic link below the folder.
    SymbolicLink,
    /// A socket, a named pipe or a device.
    NotAFile,
    /// A name that is not UTF-8.
    NameNotUtf8,
    /// A name with control characters or with characters that turn the direction of writing.
    NameUnprintable,
    /// A name or a path longer than the format allows.
    NameTooLong,
}

impl SkipReason {
    /// Whether the user has to be told: something that they may have meant to publish is not there.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Hidden | Self::Leftover | Self::EmptyFolder)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("is hidden: its name begins with a dot"),
            Self::Leftover => {
                f.write_str("is a partial download, a backup or a desktop's own file")
            }
            Self::EmptyFolder => f.write_str("is an empty folder"),
            Self::NotFound => f.write_str("does not exist"),
            Self::Unreadable(kind) => write!(f, "{kind}"),
            Self::SymbolicLink => f.write_str("is a symbolic link; publish its target instead"),
            Self::NotAFile => f.write_str("is a socket, a named pipe or a device"),
            Self::NameNotUtf8 => f.write_str("its name is not UTF-8; rename it"),
            Self::NameUnprintable => {
                f.write_str("its name has control or direction-changing characters; rename it")
            }
            Self::NameTooLong => f.write_str("its name or path is too long"),
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A refused name is often one that would play tricks on the terminal.
        for letter in self.path.to_string_lossy().chars() {
            if is_refused(letter) {
                write!(f, "{}", letter.escape_unicode())?;
            } else {
                write!(f, "{letter}")?;
            }
        }
        write!(f, ": {}", self.why)
    }
}

/// Walks `root`, which is a folder or a single file, and which may itself be a symbolic link.
///
/// Files come in the order of their names' bytes, folder by folder. A root that does not exist gives
/// one [`SkipReason::NotFound`] and nothing else. The root's own name is never held against it: a
/// hidden folder that the user named is published.
pub fn walk(root: &Path) -> impl Iterator<Item = Result<Found, Skipped>> + use<> {
    let (first, below) = match open_root(root) {
        Ok(Root::File(found)) => (Some(Ok(found)), None),
        Ok(Root::Folder(folder)) => (None, Some(Below::new(folder))),
        Err(why) => {
            let path = root.to_path_buf();
            (Some(Err(Skipped { path, why })), None)
        }
    };
    first.into_iter().chain(below.into_iter().flatten())
}

enum Root {
    File(Found),
    Folder(PathBuf),
}

fn open_root(root: &Path) -> Result<Root, SkipReason> {
    let metadata = fs::metadata(root).map_err(|error| reason(&error, true))?;
    let resolved = fs::canonicalize(root).map_err(|error| reason(&error, true))?;
    if metadata.is_dir() {
        return Ok(Root::Folder(resolved));
    }
    // The name that the user typed, not that of a link's target; `..` has none and is a folder.
    let name = root.file_name().or(resolved.file_name());
    let name = name
        .and_then(|name| name.to_str())
        .ok_or(SkipReason::NameNotUtf8)?;
    check_segment(name)?;
    check_file(&resolved, &metadata)?;
    Ok(Root::File(found(
        resolved.clone(),
        name.to_owned(),
        &metadata,
    )))
}

/// The lazy part: everything inside one folder.
struct Below {
    folder: PathBuf,
    entries: walkdir::IntoIter,
}

impl Below {
    fn new(folder: PathBuf) -> Self {
        let entries = WalkDir::new(&folder)
            .min_depth(1)
            .sort_by_file_name()
            .into_iter();
        Self { folder, entries }
    }

    /// Judges one entry; `None` is a folder whose contents come next.
    fn judge(&mut self, entry: &DirEntry) -> Result<Option<Found>, SkipReason> {
        let is_folder = entry.file_type().is_dir();
        let judged = self.judge_name(entry);
        if is_folder && judged.is_err() {
            // Every path inside would break the same rule: one message for the folder says it.
            self.entries.skip_current_dir();
        }
        let relative = judged?;
        if is_folder {
            return match fs::read_dir(entry.path()).map(|mut names| names.next().is_none()) {
                Ok(true) => Err(SkipReason::EmptyFolder),
                // What cannot be listed is reported when the walk tries the same.
                Ok(false) | Err(_) => Ok(None),
            };
        }
        if entry.path_is_symlink() {
            return Err(SkipReason::SymbolicLink);
        }
        let metadata = fs::symlink_metadata(entry.path()).map_err(|error| reason(&error, false))?;
        check_file(entry.path(), &metadata)?;
        Ok(Some(found(entry.path().to_path_buf(), relative, &metadata)))
    }

    fn judge_name(&self, entry: &DirEntry) -> Result<String, SkipReason> {
        let bytes = entry.file_name().as_encoded_bytes();
        if bytes.starts_with(b".") {
            return Err(SkipReason::Hidden);
        }
        let name = entry.file_name().to_str().ok_or(SkipReason::NameNotUtf8)?;
        if is_leftover(name) {
            return Err(SkipReason::Leftover);
        }
        check_segment(name)?;
        let relative = entry.path().strip_prefix(&self.folder).ok();
        let relative = relative
            .and_then(Path::to_str)
            .ok_or(SkipReason::NameNotUtf8)?;
        if relative.len() > PATH_BYTES_MAX {
            return Err(SkipReason::NameTooLong);
        }
        Ok(relative.to_owned())
    }
}

impl Iterator for Below {
    type Item = Result<Found, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(&self.folder).to_path_buf();
                    let kind = error
                        .io_error()
                        .map_or(io::ErrorKind::Other, io::Error::kind);
                    return Some(Err(Skipped {
                        path,
                        why: SkipReason::Unreadable(kind),
                    }));
                }
            };
            match self.judge(&entry) {
                Ok(Some(found)) => return Some(Ok(found)),
                Ok(None) => {}
                Err(why) => {
                    let path = entry.into_path();
                    return Some(Err(Skipped { path, why }));
                }
            }
        }
    }
}

fn check_file(path: &Path, metadata: &fs::Metadata) -> Result<(), SkipReason> {
    let kind = metadata.file_type();
    if kind.is_socket() || kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
        return Err(SkipReason::NotAFile);
    }
    // Asked and not tried: opening millions of unchanged files would cost more than it tells.
    access(path, Access::READ_OK).map_err(|errno| reason(&errno.into(), false))
}

fn found(path: PathBuf, relative: String, metadata: &fs::Metadata) -> Found {
    let modified = metadata.mtime().saturating_mul(1000);
    let modified = modified.saturating_add(metadata.mtime_nsec() / 1_000_000);
    Found {
        path,
        relative,
        size: metadata.len(),
        modified_ms: u64::try_from(modified).unwrap_or(0),
        inode: metadata.ino(),
        device: metadata.dev(),
    }
}

fn reason(error: &io::Error, is_root: bool) -> SkipReason {
    match error.kind() {
        io::ErrorKind::NotFound if is_root => SkipReason::NotFound,
        kind => SkipReason::Unreadable(kind),
    }
}

/// Ends of names that mean "not finished" or "not meant": browsers, download tools, editors.
const LEFTOVER_ENDS: [&str; 12] = [
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".opdownload",
    ".tmp",
    ".temp",
    ".!ut",
    ".!qb",
    ".aria2",
    ".ytdl",
    "~",
];
/// Whole names that desktops leave behind.
const LEFTOVER_NAMES: [&str; 3] = ["thumbs.db", "ehthumbs.db", "desktop.ini"];

fn is_leftover(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    LEFTOVER_ENDS.iter().any(|end| name.ends_with(end))
        || LEFTOVER_NAMES.contains(&name.as_str())
        // yt-dlp numbers the fragments of an unfinished video; office programs lock with `~$`.
        || name.contains(".part-frag")
        || name.starts_with("~$")
}

fn check_segment(name: &str) -> Result<(), SkipReason> {
    if name.len() > SEGMENT_BYTES_MAX {
        return Err(SkipReason::NameTooLong);
    }
    if name.chars().any(is_refused) {
        return Err(SkipReason::NameUnprintable);
    }
    Ok(())
}

/// What no path in a record may hold (spec/record.md): C0, DEL, C1, and bidirectional overrides.
pub(super) fn is_refused(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
