//! Small files that appear or change whole or not at all, whatever is killed or loses power when.
//!
//! Written under another name in the same folder, synced, then renamed; the folder is synced last, so that what returned
//! is durable. What a crash leaves under the other name is swept when the folder is opened next.

use crate::io::fault;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// Beginning of the names of files that are not whole yet.
const UNFINISHED: &str = ".unfinished-";

/// Makes a file that must not exist yet; gives it open for reading and writing.
///
/// # Errors
/// Those of the file system; `AlreadyExists` changes nothing.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    name(write(path, bytes, mode)?, path)
}

/// Names a file that `write` made; another one of this name stays.
///
/// # Errors
/// Those of the file system; `AlreadyExists` changes nothing.
pub(crate) fn name(file: NamedTempFile, path: &Path) -> io::Result<File> {
    let file = fault::step(path, || {
        file.persist_noclobber(path).map_err(io::Error::from)
    })?;
    sync_folder(folder_of(path))?;
    Ok(file)
}

/// Makes a file, or puts another in its place.
///
/// # Errors
/// Those of the file system; the old file is as before.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    end(write(path, bytes, mode)?, path)
}

/// Begins a file that is too long to be held in memory; `end` gives it its name.
///
/// # Errors
/// Those of the file system.
pub(crate) fn begin(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    fault::step(path, || {
        tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder_of(path))
    })
}

/// Puts a file that was begun, and is whole and synced, in its place.
///
/// # Errors
/// Those of the file system; the old file is as before.
pub(crate) fn end(file: NamedTempFile, path: &Path) -> io::Result<File> {
    let file = fault::step(path, || file.persist(path).map_err(io::Error::from))?;
    sync_folder(folder_of(path))?;
    Ok(file)
}

/// Makes a file, synced, that has no name yet.
///
/// # Errors
/// Those of the file system.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = begin(path, mode)?;
    fault::step(path, || file.write_all(bytes))?;
    fault::sync_all(path, file.as_file())?;
    Ok(file)
}

/// Removes what a crash left in a folder.
///
/// # Errors
/// Those of reading the folder.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
        {
            let path = entry.path();
            // A file that stays costs room and harms nothing.
            let _ = fault::step(&path, || std::fs::remove_file(&path));
        }
    }
    Ok(())
}

/// Makes new names and removals in a folder durable.
///
/// # Errors
/// Those of the file system.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fault::sync_folder(folder)
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The last name of a path.
pub(crate) fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::fault::Plan;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_appear_whole_with_their_mode_and_are_never_overwritten_by_create() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, b"one", 0o600).unwrap();
        assert_eq!(mode(&path), 0o600);
        let again = create(&path, b"two", 0o600).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        replace(&path, b"three", 0o640).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(mode(&path) & 0o640, mode(&path));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn files_are_synced_before_they_have_their_name_and_the_name_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        // Begun, written, synced, named; then the folder.
        let order = ["a", "a", "sync a", "a", "sync "];
        let counted = Plan::count(folder.path());
        create(&path, b"one", 0o600).unwrap();
        assert_eq!(counted.order(), order);
        drop(counted);
        let counted = Plan::count(folder.path());
        replace(&path, b"two", 0o600).unwrap();
        assert_eq!(counted.order(), order);
    }

    #[test]
    fn only_what_a_crash_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let keep = [".hidden", "unfinished-x", "a.pem"];
        for name in keep.iter().chain(&[".unfinished-x", ".unfinished-"]) {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        sweep(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        assert!(keep.iter().all(|name| folder.path().join(name).exists()));
    }
}
