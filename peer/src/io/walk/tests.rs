use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn put(root: &Path, relative: &str, bytes: &[u8]) {
    let path = root.join(relative);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn paths(root: &Path) -> Vec<String> {
    walk(root)
        .filter_map(Result::ok)
        .map(|found| found.relative)
        .collect()
}

fn skipped(root: &Path) -> Vec<SkipReason> {
    walk(root)
        .filter_map(Result::err)
        .map(|skipped| skipped.why)
        .collect()
}

#[test]
fn files_come_in_byte_order_with_paths_below_the_root() {
    let root = folder();
    for name in [
        "b.txt",
        "a/z.txt",
        "a/é.txt",
        "B.txt",
        "日本/写真.jpg",
        "a/b/c.txt",
        "пример.md",
    ] {
        put(root.path(), name, b"x");
    }
    let expected = [
        "B.txt",
        "a/b/c.txt",
        "a/z.txt",
        "a/é.txt",
        "b.txt",
        "пример.md",
        "日本/写真.jpg",
    ];
    assert_eq!(paths(root.path()), expected);
    assert!(skipped(root.path()).is_empty());
}

#[test]
fn found_file_carries_size_time_and_identity() {
    let root = folder();
    put(root.path(), "empty", b"");
    put(root.path(), "five", b"12345");
    let metadata = fs::metadata(root.path().join("five")).unwrap();
    let all: Vec<Found> = walk(root.path()).map(Result::unwrap).collect();
    assert_eq!((all[0].size, all[1].size), (0, 5));
    assert!(all[1].path.is_absolute() && all[1].path.ends_with("five"));
    assert_eq!(
        (all[1].inode, all[1].device),
        (metadata.ino(), metadata.dev())
    );
    assert_eq!(
        all[1].modified_ms / 1000,
        u64::try_from(metadata.mtime()).unwrap()
    );
}

#[test]
fn leftovers_hidden_and_empty_folders_are_left_out_silently() {
    let root = folder();
    let names = [
        ".hidden",
        ".git/config",
        "film.mp4.part",
        "film.CRDOWNLOAD",
        "notes.txt~",
        "Thumbs.db",
        "desktop.ini",
        "a.aria2",
        "v.mp4.part-Frag7",
        "~$letter.docx",
    ];
    for name in names {
        put(root.path(), name, b"x");
    }
    fs::create_dir(root.path().join("nothing")).unwrap();
    put(root.path(), "party.txt", b"x");
    assert_eq!(paths(root.path()), ["party.txt"]);
    let reasons = skipped(root.path());
    assert_eq!(reasons.len(), names.len() + 1);
    assert!(reasons.iter().all(|why| !why.is_failure()));
    assert!(reasons.contains(&SkipReason::EmptyFolder));
}

#[test]
fn single_file_has_its_name_as_path_even_when_hidden() {
    let root = folder();
    put(root.path(), "sub/.talk.part", b"x");
    assert_eq!(paths(&root.path().join("sub/.talk.part")), [".talk.part"]);
}

#[test]
fn missing_root_is_a_failure() {
    let root = folder();
    let reasons = skipped(&root.path().join("absent"));
    assert_eq!(reasons, [SkipReason::NotFound]);
    assert!(reasons[0].is_failure());
}

#[test]
fn symbolic_links_are_named_and_only_the_root_is_followed() {
    let root = folder();
    put(root.path(), "real/a.txt", b"x");
    symlink(root.path().join("real"), root.path().join("way")).unwrap();
    symlink(root.path().join("real/a.txt"), root.path().join("b.txt")).unwrap();
    symlink("nowhere", root.path().join("dangling")).unwrap();
    assert_eq!(paths(root.path()), ["real/a.txt"]);
    assert_eq!(skipped(root.path()), [SkipReason::SymbolicLink; 3]);
    assert_eq!(paths(&root.path().join("way")), ["a.txt"]);
    assert_eq!(paths(&root.path().join("b.txt")), ["b.txt"]);
}

#[test]
fn names_the_format_refuses_are_named() {
    let root = folder();
    put(root.path(), "line\nbreak.txt", b"x");
    put(root.path(), "turn\u{202E}gpj.exe", b"x");
    put(root.path(), "\u{85}/inside.txt", b"x");
    fs::write(root.path().join(OsStr::from_bytes(b"\xff\xfe.txt")), b"x").unwrap();
    let all: Vec<_> = walk(root.path()).map(Result::unwrap_err).collect();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|skipped| skipped.why.is_failure()));
    let unprintable = all
        .iter()
        .filter(|s| s.why == SkipReason::NameUnprintable)
        .count();
    assert_eq!(unprintable, 3);
    assert!(
        all.iter()
            .all(|skipped| !skipped.to_string().chars().any(is_refused))
    );
}

#[test]
fn too_deep_paths_are_refused() {
    assert_eq!(
        check_segment(&"x".repeat(256)),
        Err(SkipReason::NameTooLong)
    );
    assert_eq!(check_segment(&"x".repeat(255)), Ok(()));
}

#[test]
fn socket_is_named_and_not_opened() {
    let root = folder();
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("door")).unwrap();
    assert_eq!(skipped(root.path()), [SkipReason::NotAFile]);
}

#[test]
fn unreadable_file_and_folder_are_named() {
    let root = folder();
    put(root.path(), "locked.txt", b"x");
    put(root.path(), "shut/inside.txt", b"x");
    put(root.path(), "open.txt", b"x");
    let lock = |name: &str, mode| {
        fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    lock("locked.txt", 0o000);
    lock("shut", 0o000);
    let is_root_user = fs::File::open(root.path().join("locked.txt")).is_ok();
    let reasons = skipped(root.path());
    let found = paths(root.path());
    lock("shut", 0o700);
    if !is_root_user {
        assert_eq!(
            reasons,
            [SkipReason::Unreadable(io::ErrorKind::PermissionDenied); 2]
        );
        assert_eq!(found, ["open.txt"]);
        assert_eq!(reasons[0].to_string(), "permission denied");
    }
}
