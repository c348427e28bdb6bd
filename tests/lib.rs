//! Shared pieces of the integration tests: a node in a folder of its own, in this process.

mod node;

use std::path::{Path, PathBuf};

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

/// Bytes that look random and are the same each time.
#[must_use]
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
