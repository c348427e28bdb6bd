use super::*;
use crate::io::fault::{Form, Plan};
use levada_feed::tree::Shape;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[test]
fn hashes_are_those_of_the_whole_at_every_edge() {
    let place = Place::new();
    for mode in [Mode::Copy, Mode::InPlace] {
        for (seed, size) in SIZES.iter().enumerate() {
            let original = Original::of(bytes(*size, seed as u8));
            let path = place.file(&format!("file-{size}"), &original.bytes);
            let imported = place.import(&path, mode).unwrap();
            assert_eq!(imported.hash, Hash::of(&original.bytes), "{size}");
            assert_eq!(imported.size, *size as u64);
            let state = place.blobs.state(&imported.hash).unwrap().unwrap();
            assert_eq!((state.size, state.held), (imported.size, Held::Complete));
            let is_small = *size as u64 <= INLINE_BYTES_MAX;
            let lies_there = mode == Mode::InPlace && !is_small;
            assert_eq!(state.in_place, lies_there.then_some(path), "{size}");
            original.check_read(&place.blobs, 0..original.leaves());
            let paths = place.paths(&imported.hash);
            assert_eq!(paths.data.exists(), !is_small && mode == Mode::Copy);
            if !is_small {
                assert_eq!(fs::read(&paths.outboard).unwrap(), original.outboard);
            }
            place.blobs.drop_blob(&imported.hash).unwrap();
        }
    }
    assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
}

#[test]
fn copies_outlive_their_files_and_reopening() {
    let place = Place::new();
    let original = Original::new((4 << 20) + 1);
    let path = place.file("file", &original.bytes);
    place.import(&path, Mode::Copy).unwrap();
    fs::remove_file(&path).unwrap();
    let place = place.reopen();
    original.check_read(&place.blobs, 0..original.leaves());
    let data = place.paths(&original.hash).data;
    let mode = fs::metadata(data).unwrap().permissions().mode();
    assert_eq!(mode & 0o600, 0o600);
    assert_eq!(mode & 0o022, 0, "nobody else may write it");
}

#[test]
fn many_at_once_are_all_here_and_equal_ones_once() {
    let place = Place::new();
    let sizes = [100, 20_000, 70_000, 5 << 20];
    let files: Vec<_> = (0..24_u8)
        .map(|n| {
            // Every third one has the same bytes as another.
            let seed = if n % 3 == 0 { 0 } else { n };
            let data = bytes(sizes[usize::from(n) % 4], seed);
            (place.file(&format!("f{n}"), &data), Hash::of(&data))
        })
        .collect();
    std::thread::scope(|scope| {
        for (path, hash) in &files {
            let place = &place;
            scope.spawn(move || {
                let imported = place.import(path, Mode::Copy).unwrap();
                assert_eq!(imported.hash, *hash);
            });
        }
    });
    for (path, hash) in &files {
        let reader = place.blobs.open_blob(hash).unwrap().unwrap();
        assert_eq!(
            reader.read(0..reader.size()).unwrap(),
            fs::read(path).unwrap()
        );
    }
    let tmp = place.root().join("tmp");
    assert_eq!(files_below(&tmp), Vec::<PathBuf>::new());
}

#[test]
fn small_files_go_in_together_and_each_failure_is_its_own() {
    let place = Place::new();
    let good = place.file("good", &[7; 16_384]);
    let empty = place.file("empty", b"");
    let large = place.file("large", &[7; 16_385]);
    let gone = place.folder.path().join("gone");
    let paths = [good, empty, large, gone, place.folder.path().to_owned()];
    let read = place.blobs.import_small_many(&paths);
    let sizes: Vec<_> = read
        .iter()
        .map(|one| one.as_ref().ok().map(|(imported, _)| imported.size))
        .collect();
    assert_eq!(sizes, [Some(16_384), Some(0), None, None, None]);
    for (imported, bytes) in read.iter().flatten() {
        let reader = place.blobs.open_blob(&imported.hash).unwrap().unwrap();
        assert_eq!(reader.read(0..reader.size()).unwrap(), *bytes);
    }
}

#[test]
fn copy_that_does_not_fit_is_refused_before_a_byte_is_written() {
    let place = Place::new();
    let path = place.folder.path().join("huge");
    // Sparse: larger than any disk this runs on, and takes no room.
    fs::File::create(&path).unwrap().set_len(1 << 42).unwrap();
    let shared = files::reflink(&path, place.folder.path()).is_ok();
    let refused = place.blobs.import(&path, Mode::Copy, &|_| (), &|| true);
    match refused {
        // Shared blocks need no room: then it goes on until it is stopped.
        Err(ImportError::Interrupted) => assert!(shared),
        Err(ImportError::NoSpace { needed, free }) => {
            assert!(!shared && needed > 1 << 42 && free < needed);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
    // In place it needs no room either.
    let stopped = place.blobs.import(&path, Mode::InPlace, &|_| (), &|| true);
    assert!(matches!(stopped, Err(ImportError::Interrupted)));
}

#[test]
fn file_that_changes_while_it_is_read_is_refused_and_nothing_stays() {
    type Change = fn(&Path);
    let changes: [Change; 3] = [
        |path| {
            let file = fs::OpenOptions::new().append(true).open(path).unwrap();
            std::io::Write::write_all(&mut &file, b"more").unwrap();
        },
        |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(1 << 20).unwrap();
        },
        |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            let later = std::time::SystemTime::UNIX_EPOCH;
            file.set_modified(later).unwrap();
        },
    ];
    for (n, change) in changes.iter().enumerate() {
        for mode in [Mode::Copy, Mode::InPlace] {
            let place = Place::new();
            let path = place.file("file", &bytes(20 << 20, n as u8));
            let is_done = AtomicBool::new(false);
            let progress = |_| {
                if !is_done.swap(true, Ordering::Relaxed) {
                    change(&path);
                }
            };
            let refused = place.blobs.import(&path, mode, &progress, &never);
            assert!(
                matches!(refused, Err(ImportError::Changed)),
                "{n}: {refused:?}"
            );
            assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn interruption_leaves_nothing_behind() {
    for mode in [Mode::Copy, Mode::InPlace] {
        let place = Place::new();
        let path = place.file("file", &bytes(20 << 20, 1));
        let done = AtomicU64::new(0);
        let progress = |bytes| done.store(bytes, Ordering::Relaxed);
        let stop = || done.load(Ordering::Relaxed) > 0;
        let stopped = place.blobs.import(&path, mode, &progress, &stop);
        assert!(matches!(stopped, Err(ImportError::Interrupted)));
        assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
        let done = AtomicU64::new(0);
        let progress = |bytes| {
            done.fetch_max(bytes, Ordering::Relaxed);
        };
        place.blobs.import(&path, mode, &progress, &never).unwrap();
        assert_eq!(done.into_inner(), 20 << 20);
    }
}

#[test]
fn file_in_place_that_changed_in_any_way_is_never_served() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("removed", |path| fs::remove_file(path).unwrap()),
        ("truncated", |path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(99_000).unwrap();
        }),
        ("longer", |path| {
            let file = fs::OpenOptions::new().append(true).open(path).unwrap();
            std::io::Write::write_all(&mut &file, b"x").unwrap();
        }),
        ("replaced by the same bytes", |path| {
            let data = fs::read(path).unwrap();
            fs::rename(path, path.with_extension("old")).unwrap();
            fs::write(path, data).unwrap();
        }),
        ("a folder now", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("other bytes under the old date", |path| {
            let modified = fs::metadata(path).unwrap().modified().unwrap();
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, b"other", 50_000).unwrap();
            file.set_modified(modified).unwrap();
        }),
    ];
    for (what, change) in changes {
        // Opened before the change, and after it.
        let place = Place::new();
        let original = Original::new(100_000);
        let path = place.file("file", &original.bytes);
        place.import(&path, Mode::InPlace).unwrap();
        let before = place.blobs.open_blob(&original.hash).unwrap().unwrap();
        assert_eq!(
            before.read(49_000..51_000).unwrap(),
            original.bytes[49_000..51_000]
        );
        change(&path);
        let after = place.blobs.open_blob(&original.hash).unwrap().unwrap();
        for reader in [before, after] {
            let read = reader.read(49_000..51_000);
            assert!(matches!(read, Err(ReadError::Changed { .. })), "{what}");
        }
        let to = place.folder.path().join("out");
        let exported = place.blobs.export(&original.hash, &to, &never);
        assert!(matches!(exported, Err(ReadError::Changed { .. })), "{what}");
        assert!(!to.exists());
    }
}

#[test]
fn file_in_place_may_have_a_name_that_is_no_text() {
    let place = Place::new();
    let original = Original::new(50_000);
    let name = std::ffi::OsStr::from_bytes(b"a\xff%41 \xc3\xa9.mp3");
    let path = place.folder.path().join(name);
    fs::write(&path, &original.bytes).unwrap();
    place.import(&path, Mode::InPlace).unwrap();
    let place = place.reopen();
    let state = place.blobs.state(&original.hash).unwrap().unwrap();
    assert_eq!(state.in_place, Some(path));
    original.check_read(&place.blobs, 0..original.leaves());
}

#[test]
fn damaged_reference_is_as_good_as_none_and_wrong_pairs_are_named() {
    let place = Place::new();
    let original = Original::new(100_000);
    let path = place.file("file", &original.bytes);
    place.import(&path, Mode::InPlace).unwrap();
    let paths = place.paths(&original.hash);
    let whole = fs::read(&paths.reference).unwrap();
    for cut in 0..whole.len() {
        fs::write(&paths.reference, &whole[..cut]).unwrap();
        assert!(place.blobs.state(&original.hash).unwrap().is_none());
    }
    place.import(&path, Mode::InPlace).unwrap();
    let mut outboard = fs::read(&paths.outboard).unwrap();
    outboard[3] ^= 1;
    fs::write(&paths.outboard, outboard).unwrap();
    let reader = place.blobs.open_blob(&original.hash).unwrap().unwrap();
    let read = reader.read(0..10);
    assert!(matches!(
        read,
        Err(ReadError::Store(StoreError::Damaged { .. }))
    ));
}

#[test]
fn import_over_a_partial_blob_completes_it() {
    for mode in [Mode::Copy, Mode::InPlace] {
        let place = Place::new();
        let original = Original::new(200_000);
        let partial = original.begin(&place.blobs);
        original.fill(&partial, 2..4);
        let path = place.file("file", &original.bytes);
        place.import(&path, mode).unwrap();
        // The transfer that was under way changes nothing any more.
        original.fill(&partial, 5..7);
        assert!(partial.is_finished());
        partial.complete().unwrap();
        let place = place.reopen();
        let state = place.blobs.state(&original.hash).unwrap().unwrap();
        assert_eq!(state.held, Held::Complete, "{mode:?}");
        original.check_read(&place.blobs, 0..original.leaves());
    }
}

#[test]
fn what_is_no_plain_file_is_not_imported() {
    let place = Place::new();
    let pipe = place.folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    for path in [pipe, place.folder.path().to_owned(), "/dev/null".into()] {
        for mode in [Mode::Copy, Mode::InPlace] {
            let refused = place.import(&path, mode);
            assert!(
                matches!(refused, Err(ImportError::Source(_))),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn link_that_was_made_and_told_as_failed_is_not_written_into() {
    let place = Place::new();
    let original = Original::new(100_000);
    let path = place.file("file", &original.bytes);
    place.import(&path, Mode::Copy).unwrap();
    let outboard = place.paths(&original.hash).outboard;
    let to = place.folder.path().join("placed");
    // The link is the first step in this folder.
    let failing = Plan::fail(&to, 0, Form::Written);
    let shape = Shape::of_blob(original.bytes.len() as u64).unwrap();
    let placed = place.blobs.place_outboard(&original.hash, shape, &to);
    drop(failing);
    // Shared blocks are no link: there both names are whole files.
    assert!(placed.is_ok() || fs::read(&to).unwrap() == original.outboard);
    assert_eq!(fs::read(outboard).unwrap(), original.outboard);
}
