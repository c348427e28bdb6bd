//! Verifies levada feeds: bytes in, verdict out.

pub mod limits;
pub mod hash;
pub mod reject;
pub mod codec;
pub mod key;
pub mod link;
pub mod tree;
pub mod record;
pub mod head;
pub mod succession;
pub mod chain;
pub mod fork;
pub mod bundle;
pub mod log;
