//! Shared pieces of the integration tests: a node in a folder of its own, in this process, and the vectors.

pub mod fuzz;
mod host;
pub mod liar;
pub mod musts;
mod node;
pub mod vectors;

use std::path::{Path, PathBuf};

pub use host::{Authority, Host, Manners};
pub use node::{Outcome, TestNode, TestServe};

/// The first file or folder of this name below a folder.
#[must_use]
pub fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(folder).ok()?.flatten();
    entries.find_map(|entry| {
        let path = entry.path();
        if entry.file_name() == name {
            Some(path)
        } else {
            find(&path, name)
        }
    })
}

/// Where the vectors are checked in.
#[must_use]
pub fn vectors_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

/// Copies a folder with all that is in it.
///
/// # Panics
/// When it cannot be copied.
pub fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be copied");
    for entry in std::fs::read_dir(from).expect("a folder can be copied") {
        let entry = entry.expect("a folder can be copied");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a folder can be copied").is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a folder can be copied");
        }
    }
}

/// Bytes that look random and are the same each time.
#[must_use]
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
