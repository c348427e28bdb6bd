//! Verifies levada feeds: bytes in, verdict out.

pub mod limits;
pub mod hash;
pub mod reject;
pub mod tree;
