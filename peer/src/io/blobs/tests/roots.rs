use super::*;
use crate::io::blobs::roots::Root;

/// A store, a data directory's root and two more on the same disk.
struct Several {
    folder: TempDir,
}

impl Several {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, names: &[&str]) -> Blobs {
        let disk = Arc::new(Disk::open(&self.path("store")).unwrap());
        let more: Vec<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        Blobs::open_all(&self.path("blobs"), &more, Some(&self.path("list")), disk).unwrap()
    }

    fn file(&self, size: usize, seed: u8) -> PathBuf {
        let path = self.path(&format!("file-{seed}"));
        fs::write(&path, bytes(size, seed)).unwrap();
        path
    }
}

fn whys(blobs: &Blobs) -> Vec<&Away> {
    blobs.away_roots().iter().map(|away| &away.why).collect()
}

/// Puts a blob into a certain root, as if that had had most room.
fn put(blobs: &Blobs, root: usize, size: usize, seed: u8) -> Original {
    let original = Original::of(bytes(size, seed));
    let root: &Root = &blobs.inner.roots.present()[root];
    let paths = root.paths(&original.hash);
    paths.make_folder().unwrap();
    fs::write(&paths.data, &original.bytes).unwrap();
    fs::write(&paths.outboard, &original.outboard).unwrap();
    let size = original.bytes.len() as u64;
    let roots = &blobs.inner.roots;
    roots
        .note(&blobs.inner.disk, root, &original.hash, size)
        .unwrap();
    original
}

#[track_caller]
fn check_whole(blobs: &Blobs, original: &Original) {
    let state = blobs.state(&original.hash).unwrap().unwrap();
    assert_eq!(
        (state.size, state.held),
        (original.bytes.len() as u64, Held::Complete)
    );
    let reader = blobs.open_blob(&original.hash).unwrap().unwrap();
    assert_eq!(
        reader.read(0..state.size).unwrap(),
        original.bytes.as_slice()
    );
}

#[test]
fn blobs_of_every_root_are_found_and_a_moved_root_is_the_same() {
    let place = Several::new();
    let blobs = place.open(&["one", "two"]);
    assert_eq!(whys(&blobs), <[&Away; 0]>::default());
    let originals: Vec<_> = (0..3)
        .map(|root| put(&blobs, root, 100_000, root as u8))
        .collect();
    originals.iter().for_each(|one| check_whole(&blobs, one));
    drop(blobs);
    fs::rename(place.path("two"), place.path("elsewhere")).unwrap();
    let blobs = place.open(&["elsewhere", "one"]);
    assert_eq!(whys(&blobs), <[&Away; 0]>::default());
    originals.iter().for_each(|one| check_whole(&blobs, one));
    assert_eq!(blobs.totals().unwrap().complete, 3);
}

#[test]
fn blobs_of_a_root_that_is_away_are_not_here_and_not_forgotten() {
    let place = Several::new();
    let blobs = place.open(&["disk"]);
    let original = put(&blobs, 1, 100_000, 9);
    drop(blobs);
    // The mount point is there, the disk is not.
    fs::rename(place.path("disk"), place.path("unplugged")).unwrap();
    fs::create_dir(place.path("disk")).unwrap();
    let blobs = place.open(&["disk"]);
    assert_eq!(whys(&blobs), [&Away::Missing]);
    assert!(blobs.state(&original.hash).unwrap().is_none());
    let (root, size) = blobs.away(&original.hash).unwrap().unwrap();
    assert_eq!((&root.path, size), (&place.path("disk"), 100_000));
    assert_eq!(fs::read_dir(place.path("disk")).unwrap().count(), 0);
    drop(blobs);
    // One that is named is not found: it may be this one, at another place.
    let blobs = place.open(&["gone/deeper"]);
    assert_eq!(whys(&blobs), [&Away::Missing, &Away::Unlisted]);
    assert!(blobs.away(&original.hash).unwrap().is_some());
    assert!(blobs.forgotten_roots().is_empty());
    drop(blobs);
    // Out of the settings: forgotten, and told once.
    let blobs = place.open(&[]);
    assert_eq!(whys(&blobs), <[&Away; 0]>::default());
    let forgotten = blobs.forgotten_roots();
    assert_eq!((forgotten.len(), forgotten[0].files), (1, 1));
    assert!(blobs.away(&original.hash).unwrap().is_none());
    drop(blobs);
    assert!(place.open(&[]).forgotten_roots().is_empty());
    // Named again it is as before.
    fs::remove_dir(place.path("disk")).unwrap();
    fs::rename(place.path("unplugged"), place.path("disk")).unwrap();
    let blobs = place.open(&["disk"]);
    assert_eq!(whys(&blobs), <[&Away; 0]>::default());
    check_whole(&blobs, &original);
}

#[test]
fn blob_fetched_again_while_its_disk_was_away_is_whole_when_the_disk_is_back() {
    let place = Several::new();
    let blobs = place.open(&["disk"]);
    let original = put(&blobs, 1, 100_000, 9);
    drop(blobs);
    fs::rename(place.path("disk"), place.path("unplugged")).unwrap();
    let blobs = place.open(&["disk"]);
    original.begin(&blobs);
    let held = blobs.state(&original.hash).unwrap().unwrap().held;
    assert!(matches!(held, Held::Partial(_)), "{held:?}");
    drop(blobs);
    fs::rename(place.path("unplugged"), place.path("disk")).unwrap();
    check_whole(&place.open(&["disk"]), &original);
}

#[test]
fn lost_store_finds_blobs_in_all_roots_again() {
    let place = Several::new();
    let blobs = place.open(&["one"]);
    let original = put(&blobs, 1, 70_000, 3);
    drop(blobs);
    fs::remove_dir_all(place.path("store")).unwrap();
    check_whole(&place.open(&["one"]), &original);
}

#[test]
fn imports_work_in_every_root_and_a_copy_takes_the_place_of_a_reference_elsewhere() {
    let place = Several::new();
    let blobs = place.open(&["one"]);
    let file = place.file(100_000, 1);
    let imported = blobs.import(&file, Mode::InPlace, &|_| (), &never).unwrap();
    let before = blobs.paths(&imported.hash).unwrap();
    let other = &blobs.inner.roots.present()[usize::from(before.root == place.path("blobs"))];
    let copy = unfinished::temporary(&other.path).unwrap();
    fs::copy(&file, copy.path()).unwrap();
    let outboard = unfinished::temporary(&other.path).unwrap();
    fs::copy(&before.outboard, outboard.path()).unwrap();
    let reference = Reference::of(&file, &fs::metadata(&file).unwrap());
    blobs
        .keep(other, imported.hash, Some(copy), outboard, &reference)
        .unwrap();
    fs::remove_file(&file).unwrap();
    check_whole(&blobs, &Original::of(bytes(100_000, 1)));
    assert!(!before.reference.exists() && !before.outboard.exists());
    blobs.drop_blob(&imported.hash).unwrap();
    assert!(blobs.state(&imported.hash).unwrap().is_none());
}

#[test]
fn folder_with_other_files_is_no_root_and_nothing_in_it_is_touched() {
    let place = Several::new();
    fs::create_dir_all(place.path("photos/tmp")).unwrap();
    fs::write(place.path("photos/tmp/draft"), b"x").unwrap();
    let blobs = place.open(&["photos", "gone/deeper"]);
    assert_eq!(whys(&blobs), [&Away::Foreign, &Away::Missing]);
    assert!(place.path("photos/tmp/draft").exists());
    assert!(!place.path("gone").exists());
    drop(blobs);
    let twice = place.open(&["one", "./one"]);
    assert_eq!(whys(&twice), [&Away::Twice]);
}
