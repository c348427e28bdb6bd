//! What is tested where: `import` (copies and files in place), `receive` (verified windows, resume after a crash),
//! `roots` (several folders), `order` (what is durable before what). Here: what all need, and what concerns all blobs.

mod import;
mod order;
mod receive;
mod roots;
mod verify;

use super::files::Paths;
use super::*;
use levada_feed::tree::{PIECE_LEAVES, check_slice, hash_piece, join_pieces};
use std::fs;
use tempfile::TempDir;

/// Sizes around the edges of leaves and pieces.
const SIZES: [usize; 11] = [
    0,
    1,
    1_024,
    1_025,
    16_384,
    16_385,
    (1 << 20) + 123,
    (4 << 20) - 1,
    4 << 20,
    (4 << 20) + 1,
    (8 << 20) + 5,
];

fn never() -> bool {
    false
}

/// Bytes that repeat nowhere.
fn bytes(size: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new()
        .update(&[seed])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// A folder with blobs and their store.
struct Place {
    folder: TempDir,
    blobs: Blobs,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = open(folder.path());
        Self { folder, blobs }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn import(&self, path: &Path, mode: Mode) -> Result<Imported, ImportError> {
        self.blobs.import(path, mode, &|_| (), &never)
    }

    fn paths(&self, hash: &Hash) -> Paths {
        self.blobs.paths(hash).unwrap()
    }

    /// As after a kill: nothing is closed, everything in memory is gone.
    fn reopen(self) -> Self {
        let Self { folder, blobs } = self;
        drop(blobs);
        let blobs = open(folder.path());
        Self { folder, blobs }
    }
}

fn open(folder: &Path) -> Blobs {
    let disk = Arc::new(Disk::open(&folder.join("store")).unwrap());
    Blobs::open(&folder.join("blobs"), disk).unwrap()
}

/// All files below a folder; that with the root's name left out.
fn files_below(root: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(root)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| !entry.file_type().is_dir() && entry.file_name() != "levada-root")
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// A blob in memory: what an honest peer serves.
struct Original {
    bytes: Vec<u8>,
    hash: Hash,
    shape: Shape,
    outboard: Vec<u8>,
}

impl Original {
    fn new(size: usize) -> Self {
        Self::of(bytes(size, 1))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let shape = Shape::of_blob(bytes.len() as u64).unwrap();
        let mut outboard = vec![0; shape.pairs() as usize * 64];
        let mut put = |position: u64, pairs: &[u8]| {
            let at = position as usize * 64;
            outboard[at..at + pairs.len()].copy_from_slice(pairs);
        };
        let mut hashes = Vec::new();
        for piece in 0..shape.leaves().div_ceil(PIECE_LEAVES) {
            let leaves = piece * PIECE_LEAVES..((piece + 1) * PIECE_LEAVES).min(shape.leaves());
            let range = shape.bytes_of(&leaves);
            let part = &bytes[range.start as usize..range.end as usize];
            let hashed = hash_piece(shape, piece, part).unwrap();
            put(hashed.position, &hashed.pairs);
            hashes.push(hashed.hash);
        }
        let (hash, pairs) = join_pieces(shape, &hashes).unwrap();
        pairs
            .iter()
            .for_each(|(position, pair)| put(*position, pair));
        assert_eq!(hash, Hash::of(&bytes));
        Self {
            bytes,
            hash,
            shape,
            outboard,
        }
    }

    fn size(&self) -> u64 {
        self.shape.bytes()
    }

    fn leaves(&self) -> u64 {
        self.shape.leaves()
    }

    fn pairs(&self, leaves: Range<u64>) -> Vec<u8> {
        levada_feed::tree::visited(self.shape, &[leaves])
            .flat_map(|at| self.outboard[at as usize * 64..][..64].to_vec())
            .collect()
    }

    fn part(&self, leaves: Range<u64>) -> &[u8] {
        let range = self.shape.bytes_of(&leaves);
        &self.bytes[range.start as usize..range.end as usize]
    }

    fn last(&self) -> Range<u64> {
        self.leaves() - 1..self.leaves()
    }

    fn begin(&self, blobs: &Blobs) -> Arc<Partial> {
        let (pairs, leaf) = (self.pairs(self.last()), self.part(self.last()));
        blobs.begin(&self.hash, self.size(), &pairs, leaf).unwrap()
    }

    fn fill(&self, partial: &Arc<Partial>, leaves: Range<u64>) {
        let mut window = partial
            .window(leaves.clone(), &self.pairs(leaves.clone()))
            .unwrap();
        window.push(self.part(leaves)).unwrap();
        window.finish().unwrap();
    }

    /// Whether what is read of these leaves is right.
    fn check_read(&self, blobs: &Blobs, leaves: Range<u64>) {
        let reader = blobs.open_blob(&self.hash).unwrap().unwrap();
        let range = self.shape.bytes_of(&leaves);
        assert!(reader.holds(&range));
        assert_eq!(reader.read(range).unwrap(), self.part(leaves.clone()));
        let pairs = blobs.pairs(&self.hash, leaves.clone()).unwrap().unwrap();
        check_slice(
            &self.hash,
            self.shape,
            std::slice::from_ref(&leaves),
            &pairs,
            self.part(leaves.clone()),
        )
        .unwrap();
    }
}

#[test]
fn totals_count_each_blob_once_whatever_its_state() {
    let place = Place::new();
    let copy = place.file("copy", &bytes(50_000, 1));
    let lying = place.file("lying", &bytes(50_000, 2));
    place.import(&copy, Mode::Copy).unwrap();
    place.import(&lying, Mode::InPlace).unwrap();
    // In place first, copied later.
    let both = place.file("both", &bytes(50_000, 3));
    place.import(&both, Mode::InPlace).unwrap();
    place.import(&both, Mode::Copy).unwrap();
    let partial = Original::new(100_000);
    partial.begin(&place.blobs);
    let totals = place.blobs.totals().unwrap();
    assert_eq!((totals.complete, totals.partial), (3, 1));
    assert!(totals.bytes >= 2 * 50_000, "{}", totals.bytes);
    assert!(place.blobs.free_bytes().unwrap() > 0);
}

#[test]
fn dropped_blobs_are_gone_and_files_in_place_stay() {
    let place = Place::new();
    let copy = place.file("copy", &bytes(50_000, 1));
    let lying = place.file("lying", &bytes(50_000, 2));
    let small = place.file("small", b"small");
    let partial = Original::new(100_000);
    let mut hashes = vec![partial.hash];
    let held = partial.begin(&place.blobs);
    for (path, mode) in [
        (&copy, Mode::Copy),
        (&lying, Mode::InPlace),
        (&small, Mode::Copy),
    ] {
        hashes.push(place.import(path, mode).unwrap().hash);
    }
    for hash in &hashes {
        assert!(place.blobs.state(hash).unwrap().is_some());
        place.blobs.drop_blob(hash).unwrap();
        assert!(place.blobs.state(hash).unwrap().is_none());
        assert!(place.blobs.open_blob(hash).unwrap().is_none());
        assert_eq!(place.blobs.pairs(hash, 0..1).unwrap(), None);
        place.blobs.drop_blob(hash).unwrap();
    }
    // Who was still receiving it writes no note any more.
    held.note().unwrap();
    assert_eq!(files_below(&place.root()), Vec::<PathBuf>::new());
    assert_eq!(fs::read(lying).unwrap(), bytes(50_000, 2));
}

#[test]
fn exported_files_are_whole_or_not_there_and_overwrite_nothing() {
    let place = Place::new();
    let data = bytes((2 << 20) + 9, 1);
    let source = place.file("source", &data);
    for mode in [Mode::Copy, Mode::InPlace] {
        let hash = place.import(&source, mode).unwrap().hash;
        let to = place.folder.path().join(format!("out-{mode:?}"));
        let size = place.blobs.export(&hash, &to, &never).unwrap();
        assert_eq!(size, data.len() as u64);
        assert_eq!(fs::read(&to).unwrap(), data);
        let again = place.blobs.export(&hash, &to, &never);
        assert!(matches!(again, Err(ReadError::Output { .. })));
        place.blobs.drop_blob(&hash).unwrap();
    }
    let empty = place.import(&place.file("empty", b""), Mode::Copy).unwrap();
    let to = place.folder.path().join("out-empty");
    assert_eq!(place.blobs.export(&empty.hash, &to, &never).unwrap(), 0);
    assert_eq!(fs::read(&to).unwrap(), b"");
    let partial = Original::new(100_000);
    partial.begin(&place.blobs);
    let to = place.folder.path().join("out/partial");
    fs::create_dir(to.parent().unwrap()).unwrap();
    for hash in [partial.hash, Hash::of(b"nowhere")] {
        let refused = place.blobs.export(&hash, &to, &never);
        assert!(matches!(refused, Err(ReadError::NotHeld)));
    }
    let stopped = place.import(&source, Mode::InPlace).unwrap();
    let stopped = place.blobs.export(&stopped.hash, &to, &|| true);
    assert!(matches!(stopped, Err(ReadError::Interrupted)));
    assert_eq!(
        files_below(to.parent().unwrap()),
        Vec::<PathBuf>::new(),
        "no half-written file stays"
    );
}

#[test]
fn links_and_pipes_in_the_place_of_blobs_are_named_and_not_followed() {
    let place = Place::new();
    let secret = place.file("secret", &bytes(50_000, 9));
    let hash = Hash::of(b"any");
    let paths = place.paths(&hash);
    fs::create_dir_all(&paths.folder).unwrap();
    for file in [&paths.data, &paths.part, &paths.reference] {
        std::os::unix::fs::symlink(&secret, file).unwrap();
        let state = place.blobs.state(&hash);
        assert!(matches!(state, Err(StoreError::Damaged { .. })));
        let opened = place.blobs.open_blob(&hash).map(drop);
        assert!(matches!(opened, Err(StoreError::Damaged { .. })));
        fs::remove_file(file).unwrap();
    }
    // A note beside a link must not lead to writing through it.
    let part = Original::new(100_000);
    part.begin(&place.blobs);
    let paths = place.paths(&part.hash);
    fs::remove_file(&paths.data).unwrap();
    std::os::unix::fs::symlink(&secret, &paths.data).unwrap();
    let place = place.reopen();
    assert!(place.blobs.resume(&part.hash).is_err());
    assert_eq!(fs::read(&secret).unwrap(), bytes(50_000, 9));
}

#[test]
fn what_a_crash_left_unfinished_is_removed_and_only_there() {
    let place = Place::new();
    let unfinished = place.root().join("tmp/x");
    fs::write(&unfinished, b"half").unwrap();
    let place = place.reopen();
    assert!(!unfinished.exists());
    // A link in the place of that folder would delete elsewhere.
    let precious = place.folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    fs::write(precious.join("file"), b"x").unwrap();
    fs::remove_dir(place.root().join("tmp")).unwrap();
    std::os::unix::fs::symlink(&precious, place.root().join("tmp")).unwrap();
    let root = place.root();
    let opened = Blobs::open(&root, place.blobs.inner.disk.clone()).map(drop);
    assert!(matches!(opened, Err(StoreError::Damaged { .. })));
    assert!(precious.join("file").exists());
}
