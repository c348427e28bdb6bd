//! Shared pieces of the integration tests: a node in a folder of its own, in this process.

mod node;

pub use node::{Outcome, TestNode, TestServe};

/// Bytes that look random and are the same each time.
#[must_use]
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
