//! Verifies levada feeds: bytes in, verdict out.

pub mod bundle;
pub mod chain;
pub mod codec;
pub mod fork;
pub mod hash;
pub mod head;
pub mod key;
pub mod limits;
pub mod link;
pub mod log;
pub mod record;
pub mod reject;
pub mod succession;
pub mod tree;
