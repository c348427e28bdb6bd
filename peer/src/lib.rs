//! One levada node.

pub mod io;
